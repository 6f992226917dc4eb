//! What was wrong in an input, where, what was kept and how to mend it. Apart, because readers, the page and the command
//! line all speak of it.

use std::mem::{Discriminant, discriminant};

use serde::{Deserialize, Serialize};

use super::Finding;
use crate::units::{grouped, printable};

/// Where in a file something was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Step of the request (0 is prefill).
    pub step: Option<u32>,
    /// Layer id.
    pub layer: Option<u32>,
    /// Token within the step.
    pub token: Option<u32>,
    /// Byte offset in the (decompressed) file.
    pub offset: Option<u64>,
}

impl std::fmt::Display for Place {
    /// What is known of it, with commas between; nothing if nothing is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { step, layer, token, offset } = *self;
        let known = [
            ("step", step.map(u64::from)),
            ("layer", layer.map(u64::from)),
            ("token", token.map(u64::from)),
            ("byte", offset),
        ];
        for (at, (name, value)) in known.into_iter().filter_map(|(n, v)| Some((n, v?))).enumerate() {
            write!(f, "{}{name} {value}", if at > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// What can be wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Problem {
    /// The bytes are not what the format wants here.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// The file ends in the middle.
    #[error("the file ends early, inside {inside}")]
    Truncated {
        /// What was open.
        inside: String,
    },
    /// A layer has another number of rows than the other layers of its step.
    #[error("{found} rows where the step's other layers have {expected}")]
    RowCount {
        /// Rows of most layers.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
    /// A decode step with several tokens.
    #[error("a decode step with {found} rows; every step after the first decodes one token")]
    DecodeRows {
        /// Rows found.
        found: usize,
    },
    /// A row with another number of ids than the first row.
    #[error("{found} expert ids in a row; the first row has {expected}")]
    RowWidth {
        /// Ids of the first row.
        expected: usize,
        /// Ids of this one.
        found: usize,
    },
    /// The same id twice in a row.
    #[error("expert {id} is listed twice for one token")]
    Duplicate {
        /// The id.
        id: u16,
    },
    /// An id at or above the number of experts.
    #[error("expert id {id} is not below {limit}")]
    IdRange {
        /// The id.
        id: u64,
        /// The number of experts.
        limit: u64,
    },
    /// `-1`: routing not recorded.
    #[error("the routing of a token is unknown (-1)")]
    NotRecorded,
    /// A layer that other steps have.
    #[error("the layer is missing in this step")]
    MissingLayer,
    /// A layer with nothing but zeros: a dense one.
    #[error("every row of the layer is zero, as recorders write for dense layers; it was dropped")]
    ZeroLayer,
    /// Counts beside requests.
    #[error("counts without an order of tokens, beside requests that have one; the counts were left out")]
    CountsBesideRequests,
    /// Nothing that can be used.
    #[error("no token with its experts")]
    Empty,
    /// Neither a trace nor an archive.
    #[error("not a trace: {why}")]
    NotATrace {
        /// What it looks like.
        why: String,
    },
    /// The container is damaged or unreadable.
    #[error("cannot be read: {why}")]
    Unreadable {
        /// The reader's own words.
        why: String,
    },
    /// Other K than the requests before.
    #[error("{found} experts a token, but the requests before have {expected}")]
    OtherShape {
        /// K of the requests before.
        expected: usize,
        /// K of this one.
        found: usize,
    },
    /// The browser's memory is nearly full.
    #[error("there is no memory left for it in this browser")]
    Memory,
    /// A packed file that unpacks to far more than traces do.
    #[error("it unpacks to more than {limit} times its size, as no trace does")]
    Expansion {
        /// The limit.
        limit: u64,
    },
    /// A limit that keeps memory bounded.
    #[error("{what} above the limit of {limit}")]
    Limit {
        /// What is too large.
        what: String,
        /// The limit.
        limit: u64,
    },
    // Those below came later: a summary file holds the position of each.
    /// Rows of different lengths.
    #[error("{found} {what} where most have {expected}; left out")]
    Ragged {
        /// What is too many or too few.
        what: String,
        /// How many most have.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// More bytes than the header says.
    #[error("{bytes} bytes stand behind the array that its header describes; they were not read")]
    Extra {
        /// How many.
        bytes: u64,
    },
    /// Something in a folder that is no file.
    #[error("it is not read: {why}")]
    NoFile {
        /// What it is, or the system's own words.
        why: String,
    },
    /// Summaries that were not made as parts of one set.
    #[error(
        "requests of two of them have the same places: their order, reuse from one to the next and halves are arbitrary"
    )]
    SamePlaces,
    /// Tables that no memory holds.
    #[error("its tables would be {layers} layers of {experts} experts each way, {} at most", crate::units::bytes(*.bytes as f64))]
    Tables {
        /// Layers.
        layers: usize,
        /// Experts of a layer.
        experts: usize,
        /// Bytes of the tables.
        bytes: u64,
    },
    /// Files each of which could be read, but not all of them together: the requests of this K are all given up.
    #[error("together with the other files it is too much: {why}")]
    Together {
        /// K of the requests that are given up.
        top_k: usize,
        /// What is too much.
        why: String,
    },
    /// What a check of the recording found.
    #[error(transparent)]
    Finding(#[from] Finding),
}

impl Problem {
    /// Problems of one kind are folded into one issue.
    fn kind(&self) -> (Discriminant<Self>, Option<Discriminant<Finding>>) {
        let finding = if let Self::Finding(finding) = self { Some(discriminant(finding)) } else { None };
        (discriminant(self), finding)
    }

    /// The name of the check that found it and two or three words for a badge on the trace; none for what needs none.
    #[must_use]
    pub fn badge(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Finding(finding) => finding.badge(),
            Self::ZeroLayer => Some(("zero-layer", "dense layers")),
            _ => None,
        }
    }

    /// How a user can mend it.
    #[must_use]
    pub fn mend(&self) -> &str {
        match self {
            Self::Syntax { .. } => {
                "check the file at this offset; a paper trace is a list of steps, each an object of layer ids"
            }
            Self::Truncated { .. } => "write or copy the file again; the end is missing",
            Self::RowCount { .. } | Self::MissingLayer => "record every MoE layer for every token of the step",
            Self::DecodeRows { .. } => "write one step for each decoded token",
            Self::RowWidth { .. } | Self::Duplicate { .. } => "record exactly top-k distinct experts for each token",
            Self::IdRange { .. } => "record logical expert ids, not physical slots or replicas",
            Self::NotRecorded => "turn the prefix cache off while recording",
            Self::ZeroLayer => "nothing, if the layer is dense; else check the recorder",
            Self::CountsBesideRequests => "load counts on their own",
            Self::Empty => "check that the recorder ran on a model with MoE layers",
            Self::NotATrace { .. } => {
                "give a recording of one of the kinds that docs/formats.md lists, or an archive or folder of them; docs/recording.md says how to record"
            }
            Self::Unreadable { .. } => "write or copy the file again; if it is packed, unpack it and give the folder",
            Self::OtherShape { .. } => "load one model at a time",
            Self::Expansion { .. } => "unpack it yourself and look at what is inside",
            Self::Memory => {
                "summarise it on the command line (moescope summarize PATH -o trace.moesum) and drop that file here"
            }
            Self::Limit { .. } => "split a file of many requests; if it holds one, check the recorder",
            Self::Ragged { .. } => "record every expert of every layer",
            Self::Extra { .. } => "save each array in a file of its own",
            Self::NoFile { .. } => "make it a file that can be read, or take it out of the folder",
            Self::SamePlaces => "summarise one of them with --first, the place after the other's last",
            Self::Tables { .. } => "check the largest expert id of the file; record logical ids",
            Self::Finding(finding) => finding.mend(),
            Self::Together { .. } => "leave this file out, or load the files of one model at a time",
        }
    }
}

/// One kind of problem in one file: where it was first seen and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Path as given, with the path inside an archive.
    pub file: String,
    /// Where it was first seen.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
    /// How often the same kind was seen in the file.
    pub count: u64,
    /// What was kept of the file.
    pub kept: String,
}

/// Issues of one kind that are listed, each of its file; of the others their number is told.
pub const MOST_ALIKE: usize = 50;

/// Issues as a reader can take them in: the first files of each kind, and then how many more there are, so that an archive of
/// sixty thousand empty entries is a hundred lines.
#[must_use]
pub fn alike<'a>(issues: impl IntoIterator<Item = &'a Issue>) -> Vec<Issue> {
    let mut kinds: Vec<(_, usize, Option<&Issue>)> = Vec::new();
    let mut shown = Vec::new();
    for issue in issues {
        let kind = issue.problem.kind();
        let at = kinds.iter().position(|k| k.0 == kind).unwrap_or_else(|| {
            kinds.push((kind, 0, None));
            kinds.len() - 1
        });
        let (_, seen, rest) = &mut kinds[at];
        *seen += 1;
        match rest {
            None if *seen <= MOST_ALIKE => shown.push(issue.clone()),
            None => *rest = Some(issue),
            Some(_) => {}
        }
    }
    let more = kinds.into_iter().filter_map(|(_, seen, rest)| rest.map(|rest| (seen - MOST_ALIKE, rest)));
    shown.extend(more.map(|(files, rest)| Issue {
        file: match files {
            1 => rest.file.clone(),
            _ => format!("and {} more like it, as {}", grouped(files as u64), rest.file),
        },
        place: Place::default(),
        // How often is said of each file alone.
        count: 1,
        ..rest.clone()
    }));
    shown
}

impl std::fmt::Display for Issue {
    /// A line that a terminal may get, whatever names and letters of the file it tells.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", printable(&self.words()))
    }
}

impl Issue {
    fn words(&self) -> String {
        let at = if self.place == Place::default() { String::new() } else { format!(", {}", self.place) };
        let times = if self.count > 1 { format!(" ({} times in this file)", self.count) } else { String::new() };
        let Self { file, problem, kept, .. } = self;
        format!("{file}{at}: {problem}{times}. Kept: {kept}. To mend: {}.", problem.mend())
    }
}

/// The issues of one file, folded by kind so that a damaged gigabyte makes a handful of lines.
#[derive(Clone, Debug, Default)]
pub struct Issues {
    found: Vec<(Place, Problem, u64)>,
}

impl Issues {
    /// Notes a problem; a further one of the same kind only counts.
    pub fn push(&mut self, place: Place, problem: Problem) {
        let kind = problem.kind();
        match self.found.iter_mut().find(|(_, p, _)| p.kind() == kind) {
            Some((.., count)) => *count += 1,
            None => self.found.push((place, problem, 1)),
        }
    }

    /// Notes what a check found.
    pub(super) fn find(&mut self, finding: Finding) {
        self.push(Place::default(), Problem::Finding(finding));
    }

    /// Adds those of another part of the file.
    pub(super) fn merge(&mut self, other: Self) {
        for (place, problem, count) in other.found {
            let kind = problem.kind();
            match self.found.iter_mut().find(|(_, p, _)| p.kind() == kind) {
                Some((.., ours)) => *ours += count,
                None => self.found.push((place, problem, count)),
            }
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The issues of `file`, of which `kept` was kept.
    #[must_use]
    pub fn finish(self, file: &str, kept: &str) -> Vec<Issue> {
        let issue = |(place, problem, count)| Issue { file: file.into(), place, problem, count, kept: kept.into() };
        self.found.into_iter().map(issue).collect()
    }
}
