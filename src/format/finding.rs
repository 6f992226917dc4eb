//! What the checks of a recording find: that it is not what it looks like, what was done about it and how to overrule that. Apart
//! from the other problems of an input, because here no byte is wrong: the file would be believed, and the picture would be false.

use serde::{Deserialize, Serialize};

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Finding {
    /// Layers in which each token lists one id again and again, or -1.
    #[error("{layers}: {what}, as recorders write for dense layers and for what is not recorded; left out")]
    NotRecorded {
        /// Which.
        layers: String,
        /// What it lists.
        what: String,
    },
    /// Tokens at the start without routing in any layer.
    #[error(
        "the first {rows} tokens list one expert again and again in every layer: their routing was not recorded, as that of a prompt is not in a replica that only decodes; left out"
    )]
    Leading {
        /// How many.
        rows: usize,
    },
    /// Tokens at the end without routing in any layer.
    #[error("{rows} tokens hold nothing but {value}: padding; left out")]
    Padding {
        /// How many.
        rows: usize,
        /// What fills them.
        value: i64,
    },
    /// Columns that are -1 everywhere.
    #[error("{columns} of {width} columns hold nothing but -1: the rows are padded; {} experts a token", width - columns)]
    Width {
        /// How many.
        columns: usize,
        /// Of how many.
        width: usize,
    },
    /// Experts that every token of every layer lists.
    #[error(
        "expert {ids} is listed by every token of every layer: a shared expert that the kernel fused in; left out of K and of E"
    )]
    Shared {
        /// Its id, or theirs.
        ids: String,
    },
    /// Ids that were stored in too few bits.
    #[error(
        "ids stand in 8 bits, {why}: those of 256 and more were wrapped, so that each id may be another expert; rows that list one twice were left unknown"
    )]
    Wrapped {
        /// How it shows.
        why: String,
    },
    /// Ids of slots, not of experts.
    #[error("the ids are physical slots ({why}); {done}")]
    Physical {
        /// How it shows.
        why: String,
        /// What was done.
        done: String,
    },
    /// A header that says another K than the rows.
    #[error("the header says {header} experts a token, the rows hold {rows}; the rows were believed")]
    HeaderK {
        /// The header's.
        header: usize,
        /// The rows'.
        rows: usize,
    },
    /// Counts of a part of the experts.
    #[error(
        "only experts {first} to {last} of {experts} were ever counted: it is one rank of several, and those of the others are unknown, not zero"
    )]
    Slice {
        /// The first.
        first: usize,
        /// The last.
        last: usize,
        /// Of how many.
        experts: usize,
    },
    /// Fewer rows than the response has tokens.
    #[error("{rows} tokens are routed where the response counts {tokens}: cut off, or limited in length")]
    Fewer {
        /// Rows.
        rows: usize,
        /// Tokens that should be routed.
        tokens: usize,
    },
    /// Steps of counts that are all zero.
    #[error("{empty} of {steps} steps are empty, all zero: a ring that was not filled, or idle passes; left out")]
    EmptySteps {
        /// How many.
        empty: usize,
        /// Of how many.
        steps: usize,
    },
    /// Counts without tokens.
    #[error(
        "counts without an order of tokens{what}: they tell frequency, skew and balance, and nothing of order or phases"
    )]
    Counts {
        /// What else there is to say of them.
        what: String,
    },
    /// Requests without routing.
    #[error("{without} of {all} {what} carry no routing (null)")]
    NoRouting {
        /// How many.
        without: usize,
        /// Of how many.
        all: usize,
        /// Of what.
        what: String,
    },
    /// Experts that were never chosen.
    #[error("layer {layer} has {unused} unused experts of {experts}, never chosen: {ids}")]
    Unused {
        /// The layer.
        layer: u32,
        /// How many.
        unused: usize,
        /// Of how many.
        experts: usize,
        /// Which.
        ids: String,
    },
    /// Router logits.
    #[error(
        "these are router logits: the {top_k} largest of each token were taken for its experts, which may differ from what the model chose (biases, groups)"
    )]
    Logits {
        /// K.
        top_k: usize,
    },
    /// Something that was passed over on purpose.
    #[error("{what} passed over")]
    Ignored {
        /// What.
        what: String,
    },
    /// Files, requests or blocks that were put together.
    #[error("{how}")]
    Joined {
        /// How.
        how: String,
    },
    /// Ranks that are not there.
    #[error("rank {ranks} is missing beside the others: what it saw is unknown, not zero")]
    MissingRank {
        /// Which.
        ranks: String,
    },
    /// Files that must not be mixed.
    #[error("{files} files are of another {what}, {found}; {kept} is shown")]
    Apart {
        /// Of another what.
        what: String,
        /// How many files.
        files: usize,
        /// Which.
        found: String,
        /// What is shown.
        kept: String,
    },
    /// What a file does not hold, in summary files that were made before answers had names.
    #[error("{what} is not in the file")]
    Asks {
        /// What.
        what: String,
        /// How it is told.
        how: String,
    },
    /// Where experts live, not which were chosen.
    #[error("it is a placement of experts ({kind}), no recording of routing")]
    Placement {
        /// Which kind.
        kind: String,
    },
    /// What a pickle asks to run.
    #[error("the pickle names {names}; nothing of it was run")]
    Refused {
        /// Which names.
        names: String,
    },
    /// What a file is that tells nothing of experts.
    #[error("it seems to be {seems}, and holds no routing of experts")]
    Nothing {
        /// What it seems to be.
        seems: String,
        /// What to record instead.
        instead: String,
    },
    /// Requests of a file that does not start at their first token.
    #[error("{requests} requests start behind their prompt's first token: {rows} prompt tokens are not in the file")]
    Start {
        /// How many.
        requests: usize,
        /// Tokens that are missing in all.
        rows: u64,
    },
    /// Counters that are never reset.
    #[error(
        "the counter goes on from dump to dump (each is at least the one before): the last was taken, not their sum"
    )]
    Lifetime,
    /// A map that may have changed while it was recorded.
    #[error(
        "ids were physical slots and were mapped to experts by the last map of the recording, which may have changed meanwhile"
    )]
    Mapped,
    /// A block of bytes that is not what its shape needs.
    #[error("the data holds {found} bytes, shape {shape} {dtype} needs {needed}")]
    Bytes {
        /// Bytes there are.
        found: usize,
        /// Bytes that the shape needs.
        needed: u64,
        /// The shape.
        shape: String,
        /// The type.
        dtype: String,
    },
    // Those below came later: a summary file holds the position of each.
    /// What a file does not hold and the reader must say.
    #[error("{what} is not in the file")]
    Lacks {
        /// What.
        what: String,
        /// How it is told on the command line.
        how: String,
        /// The setting of the experiment that answers.
        key: String,
        /// Values that would fit.
        fits: Vec<usize>,
    },
}

/// Where the page and the command line send who has no recording.
pub const RECORDING: &str = "docs/recording.md says how to record";

impl Finding {
    /// How it is overruled or mended.
    #[must_use]
    pub fn mend(&self) -> &str {
        match self {
            Self::NotRecorded { .. } => "nothing, if the layers are dense; else check the recorder",
            Self::Leading { .. } => {
                "give the replica's prefill half beside it, or turn the prefix cache off while recording"
            }
            Self::Padding { .. } | Self::Width { .. } => "nothing, if the recorder pads",
            Self::Shared { .. } => "give --keep-shared if it is a routed expert",
            Self::Wrapped { .. } => "record ids in 16 bits",
            Self::Physical { .. } => {
                "give --ids logical if they are the model's experts, --ids physical to look at slots; or record the map"
            }
            Self::HeaderK { .. } => "nothing, if the rows are right",
            Self::Slice { .. } | Self::MissingRank { .. } => "give the files of all ranks",
            Self::Fewer { .. } => "check the recorder's buffer; it may be shorter than the response",
            Self::EmptySteps { .. } | Self::Joined { .. } | Self::Start { .. } | Self::Lifetime | Self::Mapped => {
                "nothing, if that is meant; else give the files one by one"
            }
            Self::Counts { .. } => "record the experts of each token to see order and phases (docs/recording.md)",
            Self::NoRouting { .. } => "ask the server for routing with each request; aborted ones have none",
            Self::Unused { .. } => "nothing, if they are rarely used; else record more tokens",
            Self::Logits { .. } => "record the ids that the router chose",
            Self::Ignored { .. } => "nothing",
            Self::Apart { .. } => "give the folder of one of them",
            Self::Asks { how, .. } | Self::Lacks { how, .. } => how,
            Self::Placement { .. } => "give it to `moescope place`, beside a recording",
            Self::Refused { .. } => "save arrays and plain numbers, with numpy.save or safetensors",
            Self::Nothing { instead, .. } => instead,
            Self::Bytes { .. } => "write or copy the response again",
        }
    }

    /// The name of the check that found it and two or three words for a badge on the trace; none for what needs none.
    #[must_use]
    pub fn badge(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::NotRecorded { .. } => ("not-recorded", "dense layers"),
            Self::Leading { .. } => ("leading", "prompt not recorded"),
            Self::Padding { .. } => ("padding", "padding"),
            Self::Width { .. } => ("width", "padding"),
            Self::Shared { .. } => ("shared", "shared expert"),
            Self::Wrapped { .. } => ("wrapped", "wrapped ids"),
            Self::Physical { .. } => ("physical", "physical ids"),
            Self::Mapped => ("mapped", "physical ids"),
            Self::HeaderK { .. } => ("header-k", "top-k of the rows"),
            Self::Slice { .. } => ("slice", "one rank of several"),
            Self::MissingRank { .. } => ("missing-rank", "ranks missing"),
            Self::Fewer { .. } => ("fewer", "cut off"),
            Self::EmptySteps { .. } => ("empty-steps", "empty steps"),
            Self::Counts { .. } => ("counts", "counts"),
            Self::NoRouting { .. } => ("no-routing", "requests without routing"),
            Self::Unused { .. } => ("unused", "unused experts"),
            Self::Logits { .. } => ("logits", "from logits"),
            Self::Joined { .. } => ("joined", "joined"),
            Self::Apart { .. } => ("apart", "one of several"),
            Self::Start { .. } => ("start", "prompt cut"),
            Self::Lifetime => ("lifetime", "lifetime counter"),
            Self::Refused { .. } => ("refused", "code refused"),
            _ => return None,
        })
    }

    /// The setting, and its value, that reads the file without what was done; none where nothing of it can be told.
    #[must_use]
    pub fn overrule(&self) -> Option<(&'static str, String)> {
        Some(match self {
            Self::Shared { .. } => ("keep-shared", "on".into()),
            Self::Physical { .. } | Self::Mapped => ("ids", "logical".into()),
            _ => return None,
        })
    }
}

/// Numbers as people write them: `1, 2 and 5`, `3 to 9`.
pub(crate) fn listed(numbers: impl IntoIterator<Item = u64>) -> String {
    let all: Vec<u64> = numbers.into_iter().collect();
    let runs: Vec<String> = all
        .chunk_by(|a, b| a + 1 == *b)
        .flat_map(|run| match run {
            [first, _, .., last] => vec![format!("{first} to {last}")],
            few => few.iter().map(ToString::to_string).collect(),
        })
        .collect();
    match &runs[..] {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if runs.len() <= 8 => format!("{} and {last}", first.join(", ")),
        _ => format!("{}, … ({} in all)", runs[..6].join(", "), all.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_listed_as_people_write_them() {
        assert_eq!(listed([3]), "3");
        assert_eq!(listed([1, 2, 5]), "1, 2 and 5");
        assert_eq!(listed([3, 4, 5, 9]), "3 to 5 and 9");
        assert_eq!(listed((0..40).map(|i| i * 2)), "0, 2, 4, 6, 8, 10, … (40 in all)");
    }
}
