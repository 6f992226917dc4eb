//! The formats that are read whole, and how content tells them apart. Apart from the paper scanner: these files are small
//! beside paper traces, and well-kept libraries read them.

use super::{Issues, Place, Problem, csv, npy, serving};
use crate::model::{Labels, Request};

/// A file above this is refused instead of filling the memory; paper traces have no such limit.
pub const LARGEST: u64 = 1 << 30;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list: a paper trace, streamed.
    Paper,
    /// An object: a server's response, or counts.
    Object,
    /// A table with a header.
    Csv,
    /// A NumPy array.
    Npy,
    /// A summary file, which the load reads itself.
    Summary,
}

/// Token-expert counts without an order of tokens: layer id to counts by expert.
pub type Counts = Vec<(u32, Vec<u64>)>;

/// What a file held.
#[derive(Debug, Default)]
pub struct Found {
    /// Its requests.
    pub requests: Vec<Request>,
    /// Its counts.
    pub counts: Counts,
    /// What was wrong.
    pub issues: Issues,
}

/// The kind of a file by its first bytes; anything else is left to the paper scanner, which says what it found.
#[must_use]
pub fn sniff(head: &[u8]) -> Kind {
    if head.starts_with(b"\x93NUMPY") {
        return Kind::Npy;
    }
    if head.starts_with(b"moesum ") {
        return Kind::Summary;
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let first_line = text.split(|&b| b == b'\n').next().unwrap_or_default().to_ascii_lowercase();
    let starts = |p: &str| first_line.starts_with(p.as_bytes());
    match text.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => Kind::Object,
        _ if starts("layer") || starts("\"layer") => Kind::Csv,
        _ => Kind::Paper,
    }
}

/// Reads a whole file of a kind other than [`Kind::Paper`].
#[must_use]
pub fn read(kind: Kind, bytes: &[u8], index: u64, labels: &Labels, experts: Option<usize>) -> Found {
    let mut found = match kind {
        Kind::Csv => csv::read(bytes, index, labels, experts),
        Kind::Npy => npy::read(bytes, index, labels, experts),
        Kind::Object | Kind::Paper | Kind::Summary => serving::read(bytes, index, labels, experts),
    };
    for (sub, request) in (0..).zip(&mut found.requests) {
        request.sub = sub;
    }
    if found.requests.is_empty() && found.counts.is_empty() && found.issues.is_empty() {
        found.issues.push(Place::default(), Problem::Empty);
    }
    found
}
