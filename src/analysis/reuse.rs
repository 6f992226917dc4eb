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

    /// Whether every access is in it once, as a first or at a distance, and few enough that sums never overflow.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let sum = self.histogram.iter().try_fold(self.cold, |sum, &n| sum.checked_add(n));
        sum == Some(self.accesses) && self.accesses < 1 << 52
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
    let lockstep = &summary.lockstep[phase as usize];
    for step in 0..lockstep.steps() {
        for (position, &id) in ids.iter().enumerate() {
            for (word, &set) in lockstep.set(id, step).iter().enumerate() {
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

/// An LRU stack of objects `0..n` that tells the depth of each access.
///
/// Times are bits, one for each object's last access, with counts for groups of words: a short distance is a few words
/// away. A Fenwick tree takes three times as long, because every access walks it four times whatever the distance.
#[derive(Clone, Debug)]
pub struct StackDistance {
    /// Time of each object's last access, from 1; 0 is never.
    last: Vec<u32>,
    /// The object of each time; what it says counts where the time's bit is set.
    owner: Vec<u32>,
    bits: Vec<u64>,
    groups: Vec<u32>,
    now: usize,
}

/// Words of a group.
const GROUP: usize = 16;

impl StackDistance {
    /// An empty stack over `objects` objects.
    #[must_use]
    pub fn new(objects: usize) -> Self {
        // Twice the objects: renumbering the times then costs O(1) an access.
        let groups = (2 * objects).div_ceil(64 * GROUP) + 1;
        let owner = vec![0; groups * GROUP * 64];
        Self { last: vec![0; objects], owner, bits: vec![0; groups * GROUP], groups: vec![0; groups], now: 0 }
    }

    /// Accesses an object: the number of distinct others since its last access, none at the first.
    pub fn access(&mut self, object: usize) -> Option<usize> {
        if self.now + 1 == self.bits.len() * 64 {
            self.renumber();
        }
        self.now += 1;
        let before = self.last[object] as usize;
        let distance = (before > 0).then(|| {
            self.bits[before / 64] &= !(1 << (before % 64));
            self.groups[before / (64 * GROUP)] -= 1;
            self.after(before)
        });
        self.set(object, self.now);
        distance
    }

    /// The objects that were accessed, the least recent first.
    #[must_use]
    pub fn by_time(&self) -> Vec<usize> {
        let mut alive = Vec::new();
        for (word, &bits) in self.bits.iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                alive.push(self.owner[word * 64 + bits.trailing_zeros() as usize] as usize);
                bits &= bits - 1;
            }
        }
        alive
    }

    fn set(&mut self, object: usize, time: usize) {
        self.last[object] = crate::units::small(time);
        self.owner[time] = crate::units::small(object);
        self.bits[time / 64] |= 1 << (time % 64);
        self.groups[time / (64 * GROUP)] += 1;
    }

    /// Bits set after a time.
    fn after(&self, time: usize) -> usize {
        let (word, group) = (time / 64, time / (64 * GROUP));
        let above = self.bits[word] >> (time % 64);
        let words = self.bits[word + 1..(group + 1) * GROUP].iter().map(|w| w.count_ones());
        let groups = self.groups[group + 1..=self.now / (64 * GROUP)].iter().copied();
        (above.count_ones() + words.sum::<u32>() + groups.sum::<u32>()) as usize
    }

    fn renumber(&mut self) {
        let alive = self.by_time();
        self.bits.fill(0);
        self.groups.fill(0);
        for (i, &object) in alive.iter().enumerate() {
            self.set(object, i + 1);
        }
        self.now = alive.len();
    }
}
