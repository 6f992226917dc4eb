//! Files as the user gave them, and what is read of them in one go. Apart from who lists and who reads them, because both sides and
//! every edge speak of these.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::format::{Fragment, Issue, Packing, Place, Problem, Section, Source, Told};

/// How files are opened: `std::fs` natively, `File` objects in a worker.
pub trait Files {
    /// Opens the source at a position of the list given by the user.
    ///
    /// # Errors
    /// If it is gone or unreadable.
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>>;

    /// Says that a range of a source will be read soon, in the order of these calls: up to where that is under way. `waits` says
    /// that [`Files::is_here`] is asked before each read of it. Natively the system reads ahead.
    fn ahead(&self, _source: usize, range: Range<u64>, _waits: bool) -> u64 {
        range.end
    }

    /// Says that nothing more of a range is read.
    fn leave(&self, _source: usize, _range: Range<u64>) {}

    /// Whether a byte can be read without waiting for one that [`Files::ahead`] has asked for. A job that it answers no to
    /// is not stepped again before the byte has come.
    fn is_here(&self, _source: usize, _at: u64) -> bool {
        true
    }

    /// Whether there is memory for more. Natively the system decides.
    fn has_room(&self) -> bool {
        true
    }
}

/// A file that the user gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path as given, with the folders that were dropped.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// What is read in one go: a file, or an entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Position in the order of all units: the index of its request.
    pub index: u64,
    /// Position of the source.
    pub source: usize,
    /// Path, through the archive.
    pub path: String,
    /// How it is packed.
    pub packing: Packing,
    /// Bytes to read: unpacked, as far as the container tells.
    pub bytes: u64,
    /// Which section of the file it is, if not all of it.
    pub cut: Option<Cut>,
    /// What the reader tells of it.
    pub told: Told,
}

impl Unit {
    /// Where it lies in its source; none inside a compressed tar.
    pub(super) fn range(&self) -> Option<Range<u64>> {
        match &self.packing {
            Packing::Plain | Packing::Wrapped(_) => Some(self.start()..self.start() + self.bytes),
            // Nearly: the entry's own header is a few bytes longer than its name.
            Packing::Zip(entry) => Some(entry.header..entry.header.saturating_add(entry.packed).saturating_add(64)),
            &Packing::Member { around: None, start, size } => Some(start..start.saturating_add(size)),
            Packing::Member { around: Some(_), .. } => None,
        }
    }

    /// Where its first byte lies in the file.
    pub(super) fn start(&self) -> u64 {
        self.cut.as_ref().map_or(0, |c| c.range.start)
    }
}

/// Which part of a file a unit is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The steps that begin in these bytes; the last range has no end.
    pub range: Range<u64>,
    /// Bytes of the file.
    pub whole: u64,
}

/// What was read of a file and waits for others: see [`super::Dataset::join`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece {
    pub(super) unit: Unit,
    pub(super) what: What,
}

/// What of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// A section; none if it was not as it should be.
    Section(Option<Section>),
    /// A part of a request.
    Fragment(Fragment),
    /// That it held counts, if it did, or else requests: files of several ranks are told by their names.
    Seen { counts: bool },
}

/// An issue of a file of which nothing can be read.
pub(super) fn unreadable(path: &str, why: &impl ToString) -> Issue {
    of_file(path, Problem::Unreadable { why: why.to_string() }, "nothing")
}

/// An issue of a whole file.
pub(super) fn of_file(path: &str, problem: Problem, kept: &str) -> Issue {
    Issue { file: path.into(), place: Place::default(), problem, count: 1, kept: kept.into() }
}
