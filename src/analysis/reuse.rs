//! F: LRU stack distance, the number of distinct other (layer, expert) objects since an object was last used. A cache that
//! holds c experts misses exactly the accesses at distance c or more.

use serde::{Deserialize, Serialize};

use super::Summary;
use crate::model::Phase;

/// Distances of a stream of accesses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistanceCounts {
    /// All accesses.
    pub accesses: u64,
    /// First accesses of an object.
    pub cold: u64,
    /// Warm accesses by exact distance.
    pub histogram: Vec<u64>,
}

impl DistanceCounts {
    /// Counts one access; none is a cold one.
    pub fn count(&mut self, distance: Option<usize>) {
        self.accesses += 1;
        match distance {
            None => self.cold += 1,
            Some(d) => {
                if self.histogram.len() <= d {
                    self.histogram.resize(d + 1, 0);
                }
                self.histogram[d] += 1;
            }
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &DistanceCounts) {
        self.accesses += other.accesses;
        self.cold += other.cold;
        self.histogram.resize(self.histogram.len().max(other.histogram.len()), 0);
        self.histogram.iter_mut().zip(&other.histogram).for_each(|(a, b)| *a += b);
    }

    /// Warm accesses by bit length of the distance: bin 0 holds distance 0, bin b holds 2^(b-1) to 2^b - 1.
    #[must_use]
    pub fn log2_bins(&self) -> Vec<u64> {
        let mut bins = Vec::new();
        for (distance, &count) in self.histogram.iter().enumerate().filter(|(_, c)| **c > 0) {
            let bin = (usize::BITS - distance.leading_zeros()) as usize;
            if bins.len() <= bin {
                bins.resize(bin + 1, 0);
            }
            bins[bin] += count;
        }
        bins
    }

    /// Share of accesses that an LRU cache of `capacity` experts misses, cold ones included.
    #[must_use]
    pub fn miss_ratio(&self, capacity: usize) -> Option<f64> {
        let hits: u64 = self.histogram.iter().take(capacity).sum();
        (self.accesses > 0).then(|| (self.accesses - hits) as f64 / self.accesses as f64)
    }

    /// The miss ratio at every capacity where it changes, from capacity 0.
    #[must_use]
    pub fn curve(&self) -> Vec<(usize, f64)> {
        let mut misses = self.accesses;
        let mut curve = vec![(0, 1.0)];
        for (distance, &count) in self.histogram.iter().enumerate().filter(|(_, c)| **c > 0) {
            misses -= count;
            curve.push((distance + 1, misses as f64 / self.accesses as f64));
        }
        curve
    }
}

/// Distances of the batched stream: all requests in lockstep, each step and layer once for each distinct expert, by id.
#[must_use]
pub fn batched(summary: &Summary, phase: Phase) -> DistanceCounts {
    let mut counts = DistanceCounts::default();
    let ids = summary.layer_ids();
    let mut stack = StackDistance::new(ids.len() * summary.experts);
    for layers in &summary.lockstep[phase as usize] {
        for (position, id) in ids.iter().enumerate() {
            let bits = layers.get(id).map_or(&[][..], Vec::as_slice);
            for (word, &set) in bits.iter().enumerate() {
                let mut set = set;
                while set != 0 {
                    let e = word * 64 + set.trailing_zeros() as usize;
                    counts.count(stack.access(position * summary.experts + e));
                    set &= set - 1;
                }
            }
        }
    }
    counts
}

/// An LRU stack of objects `0..n` that tells the depth of each access in O(log n).
#[derive(Clone, Debug)]
pub struct StackDistance {
    /// Time of each object's last access, from 1; 0 is never.
    last: Vec<u32>,
    /// Fenwick tree over times: 1 where an object's last access stands.
    tree: Vec<u32>,
    now: usize,
}

impl StackDistance {
    /// An empty stack over `objects` objects.
    #[must_use]
    pub fn new(objects: usize) -> Self {
        // Twice the objects: renumbering the times then costs O(1) an access.
        Self { last: vec![0; objects], tree: vec![0; (2 * objects).max(64) + 1], now: 0 }
    }

    /// Accesses an object: the number of distinct others since its last access, none at the first.
    pub fn access(&mut self, object: usize) -> Option<usize> {
        if self.now + 1 == self.tree.len() {
            self.renumber();
        }
        self.now += 1;
        let before = self.last[object] as usize;
        let distance = (before > 0).then(|| {
            let since = self.sum(self.now - 1) - self.sum(before);
            self.add(before, u32::MAX);
            since as usize
        });
        self.add(self.now, 1);
        self.last[object] = crate::units::small(self.now);
        distance
    }

    fn renumber(&mut self) {
        let mut alive: Vec<usize> = (0..self.last.len()).filter(|&o| self.last[o] > 0).collect();
        alive.sort_unstable_by_key(|&o| self.last[o]);
        self.tree.fill(0);
        for (i, &object) in alive.iter().enumerate() {
            self.last[object] = crate::units::small(i + 1);
            self.add(i + 1, 1);
        }
        self.now = alive.len();
    }

    /// Adds modulo 2^32: `u32::MAX` takes one away.
    fn add(&mut self, mut i: usize, delta: u32) {
        while i < self.tree.len() {
            self.tree[i] = self.tree[i].wrapping_add(delta);
            i += i & i.wrapping_neg();
        }
    }

    fn sum(&self, mut i: usize) -> u32 {
        let mut sum = 0u32;
        while i > 0 {
            sum = sum.wrapping_add(self.tree[i]);
            i &= i - 1;
        }
        sum
    }
}
