//! F: LRU stack distance, the number of distinct other (layer, expert) objects since an object was last used. A cache that
//! holds c experts misses exactly the accesses at distance c or more.

use serde::{Deserialize, Serialize};

use super::figure::Line;

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
            bump(&mut bins, distance, count);
        }
        bins
    }

    /// Share of accesses that an LRU cache of `capacity` experts misses, cold ones included.
    #[must_use]
    pub fn miss_ratio(&self, capacity: usize) -> Option<f64> {
        let hits: u64 = self.histogram.iter().take(capacity).sum();
        (self.accesses > 0).then(|| (self.accesses - hits) as f64 / self.accesses as f64)
    }

    /// The curve with a name, for figures and for who looks capacities up; without points if nothing was accessed.
    #[must_use]
    pub fn line(&self, name: &str) -> Line {
        let curve = if self.accesses > 0 { self.curve() } else { Vec::new() };
        let (x, y) = curve.into_iter().map(|(capacity, miss)| (capacity as f64, miss)).unzip();
        Line { name: name.into(), x, y }
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

/// Adds to the bin of a distance, which is its bit length.
pub(super) fn bump(bins: &mut Vec<u64>, distance: usize, count: u64) {
    let bin = (usize::BITS - distance.leading_zeros()) as usize;
    if bins.len() <= bin {
        bins.resize(bin + 1, 0);
    }
    bins[bin] += count;
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
    bits: Vec<[u64; GROUP]>,
    groups: Vec<u32>,
    now: usize,
}

/// Words of a group.
const GROUP: usize = 8;
/// Times of a group.
const TIMES: usize = 64 * GROUP;

impl StackDistance {
    /// An empty stack over `objects` objects.
    #[must_use]
    pub fn new(objects: usize) -> Self {
        // Twice the objects: renumbering the times then costs O(1) an access.
        let groups = (2 * objects).div_ceil(TIMES) + 1;
        let owner = vec![0; groups * TIMES];
        Self { last: vec![0; objects], owner, bits: vec![[0; GROUP]; groups], groups: vec![0; groups], now: 0 }
    }

    /// Accesses an object: the number of distinct others since its last access, none at the first.
    #[inline]
    pub fn access(&mut self, object: usize) -> Option<usize> {
        if self.now + 1 == self.owner.len() {
            self.renumber();
        }
        self.now += 1;
        let before = std::mem::replace(&mut self.last[object], crate::units::small(self.now)) as usize;
        self.owner[self.now] = crate::units::small(object);
        let distance = (before > 0).then(|| {
            let (group, word, bit) = (before / TIMES, before / 64 % GROUP, before % 64);
            let words = &mut self.bits[group];
            words[word] &= !(1 << bit);
            // All words of the group, those before it masked: a loop of unknown length costs more than eight counts.
            let masked = |(i, w): (usize, &u64)| w & if i < word { 0 } else { !0 };
            let below = words[word] & ((1 << bit) - 1);
            let within: u32 = words.iter().enumerate().map(masked).map(u64::count_ones).sum();
            self.groups[group] -= 1;
            let later: u32 = self.groups[group + 1..=self.now / TIMES].iter().sum();
            (within - below.count_ones() + later) as usize
        });
        self.bits[self.now / TIMES][self.now / 64 % GROUP] |= 1 << (self.now % 64);
        self.groups[self.now / TIMES] += 1;
        distance
    }

    /// The objects that were accessed, the least recent first.
    #[must_use]
    pub fn by_time(&self) -> Vec<usize> {
        let mut alive = Vec::new();
        for (word, &bits) in self.bits.as_flattened().iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                alive.push(self.owner[word * 64 + bits.trailing_zeros() as usize] as usize);
                bits &= bits - 1;
            }
        }
        alive
    }

    #[inline(never)]
    fn renumber(&mut self) {
        let alive = self.by_time();
        self.now = alive.len();
        for (time, object) in (1..).zip(alive) {
            self.owner[time] = crate::units::small(object);
            self.last[object] = crate::units::small(time);
        }
        // Times 1 to now.
        for (word, bits) in self.bits.as_flattened_mut().iter_mut().enumerate() {
            let full = (self.now + 1).saturating_sub(word * 64).min(64);
            *bits = if full == 64 { !0 } else { (1 << full) - 1 };
        }
        self.bits[0][0] &= !1;
        for (count, bits) in self.groups.iter_mut().zip(&self.bits) {
            *count = bits.iter().map(|b| b.count_ones()).sum();
        }
    }
}
