//! What a file held. Apart from the readers, because all of them end here.

use serde::{Deserialize, Serialize};

use super::{Issues, Place, Problem};
use crate::model::{MAX_COUNT, Marks, Request};

/// Token-expert counts without an order of tokens: layer id to counts by expert.
pub type Counts = Vec<(u32, Vec<u64>)>;

/// A request of which a file holds a part: one of its layers, or the prompt without what was generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// What the parts of one request have in common.
    pub of: String,
    /// Which part it is.
    pub part: Half,
    /// Its tokens and layers.
    pub request: Request,
}

/// Which part of a request a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Half {
    /// The prompt.
    Prompt,
    /// What was generated.
    Generated,
    /// Some of its layers, for all of its tokens.
    Layers,
}

/// An array, a column or a tensor that a file holds, as it says itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its name; empty for the only one.
    pub name: String,
    /// Its sides; of a column of a table none.
    pub shape: Vec<usize>,
    /// Type of its elements; empty where the file has none (text).
    pub dtype: String,
}

/// Most of them that are told.
const MOST_HELD: usize = 16;

/// What a file held.
#[derive(Debug, Default)]
pub struct Found {
    /// Its requests.
    pub requests: Vec<Request>,
    /// Its counts.
    pub counts: Counts,
    /// Experts of a layer of its counts, if the file or the reader says so; else 0.
    pub experts: usize,
    /// Experts of a token of its counts, if the file or the reader says so; else 0.
    pub top_k: usize,
    /// Requests that are parts of larger ones, which other files complete.
    pub fragments: Vec<Fragment>,
    /// The bytes of a summary file, which only the load can read.
    pub summary: Option<Vec<u8>>,
    /// Its arrays, the first sixteen.
    pub held: Vec<Held>,
    /// What was wrong.
    pub issues: Issues,
}

impl Found {
    /// Notes an array or a column, once.
    pub(super) fn hold(&mut self, name: &str, shape: &[usize], dtype: &str) {
        if self.held.len() < MOST_HELD && self.held.iter().all(|h| h.name != name) {
            self.held.push(Held { name: name.into(), shape: shape.to_vec(), dtype: dtype.into() });
        }
    }

    /// Adds counts that a file holds beside others, as far as their sums have bounds.
    pub(super) fn add_counts(&mut self, counts: Counts) {
        let more: u64 = counts.iter().flat_map(|(_, c)| c).sum();
        if more + self.counts.iter().flat_map(|(_, c)| c).sum::<u64>() >= MAX_COUNT {
            let what = "the sum of all counts".into();
            self.issues.push(Place::default(), Problem::Limit { what, limit: MAX_COUNT });
            return;
        }
        for (layer, counts) in counts {
            match self.counts.iter_mut().find(|(l, _)| *l == layer) {
                Some((_, sum)) => {
                    sum.resize(sum.len().max(counts.len()), 0);
                    sum.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
                }
                None => self.counts.push((layer, counts)),
            }
        }
    }

    /// Whether nothing in it can be used.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.counts.is_empty() && self.summary.is_none() && self.fragments.is_empty()
    }

    /// What is kept of the file, for its issues.
    #[must_use]
    pub fn kept(&self) -> String {
        match (&self.requests[..], self.counts.len()) {
            ([], 0) if self.fragments.is_empty() => "nothing".into(),
            ([], 0) => format!("{} parts of requests", self.fragments.len()),
            ([], layers) => format!("counts of {layers} layers"),
            ([r], _) if r.marks == Marks::None => format!("{} unmarked tokens in {} layers", r.tokens, r.layers.len()),
            ([r], _) => format!("{} prefill and {} decode tokens in {} layers", r.prefill, r.decode(), r.layers.len()),
            (all, _) => format!("{} requests", all.len()),
        }
    }
}
