//! What a file held. Apart from the readers, because all of them end here.

use super::{Issues, Place, Problem};
use crate::model::{MAX_COUNT, Request};

/// Token-expert counts without an order of tokens: layer id to counts by expert.
pub type Counts = Vec<(u32, Vec<u64>)>;

/// What a file held.
#[derive(Debug, Default)]
pub struct Found {
    /// Its requests.
    pub requests: Vec<Request>,
    /// Its counts.
    pub counts: Counts,
    /// The bytes of a summary file, which only the load can read.
    pub summary: Option<Vec<u8>>,
    /// What was wrong.
    pub issues: Issues,
}

impl Found {
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
        self.requests.is_empty() && self.counts.is_empty() && self.summary.is_none()
    }

    /// What is kept of the file, for its issues.
    #[must_use]
    pub fn kept(&self) -> String {
        match (&self.requests[..], self.counts.len()) {
            ([], 0) => "nothing".into(),
            ([], layers) => format!("counts of {layers} layers"),
            ([r], _) => format!("{} prefill and {} decode tokens in {} layers", r.prefill, r.decode(), r.layers.len()),
            (all, _) => format!("{} requests", all.len()),
        }
    }
}
