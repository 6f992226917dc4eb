//! What a worker remembers of runs: outcomes by what a strategy reads. Apart from runs: a run is the same with and without it,
//! only later.

use std::collections::{BTreeMap, VecDeque};

use crate::sim::Outcome;

/// Outcomes of runs, the latest [`Outcomes::MOST`] of them.
#[derive(Default)]
pub struct Outcomes {
    by_key: BTreeMap<String, Outcome>,
    /// Keys in the order of their coming.
    order: VecDeque<String>,
}

impl Outcomes {
    /// A sweep of a hundred values with five strategies fits. An outcome is a few kilobytes.
    pub const MOST: usize = 512;

    /// That of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Outcome> {
        self.by_key.get(key)
    }

    /// Keeps one; the oldest goes when there are too many.
    pub fn keep(&mut self, key: String, outcome: Outcome) {
        if self.by_key.insert(key.clone(), outcome).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > Self::MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    /// How many are cached.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none is cached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}
