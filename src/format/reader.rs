//! What a reader is: one kind of file, told by its first bytes. Apart from the table of them, which names every reader, while every
//! reader names this.

use super::{Found, Told};
use crate::model::{Labels, MAX_EXPERTS, ModelPreset};

/// One kind of file.
pub struct Reader {
    /// Its name, unique among the readers.
    pub name: &'static str,
    /// What it is, in a few words for people.
    pub says: &'static str,
    /// Whether the first bytes of a file are of this kind: all of it, or at least [`super::HEAD`].
    pub sniff: fn(&[u8]) -> bool,
    /// Begins to read one file.
    pub open: fn(About) -> Box<dyn Reading>,
}

/// The mark of UTF-8 that some editors put before a text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text without the mark before it.
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// What is known of a file before its first byte.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Position of its requests in the order of all files.
    pub index: u64,
    /// What its path tells.
    pub labels: Labels,
    /// Its path, through the archive: layers, ranks and steps stand in names.
    pub path: String,
    /// E that the reader tells, or of the model that the path names.
    pub experts: Option<usize>,
    /// The model that the path names.
    pub model: Option<&'static ModelPreset>,
    /// What the reader tells.
    pub told: Told,
}

impl About {
    /// What expert ids must be below.
    pub(super) fn id_limit(&self) -> u64 {
        self.experts.map_or(MAX_EXPERTS, |e| e as u64)
    }
}

/// A file that is being read.
pub trait Reading {
    /// Takes the next bytes; false if no more are wanted.
    fn feed(&mut self, bytes: &[u8]) -> bool;

    /// Ends the file: what is sound in it, and what was wrong.
    fn finish(self: Box<Self>) -> Found;
}
