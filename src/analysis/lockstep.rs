//! Which experts each step needs when all requests run in lockstep. Apart from the other counts, because it grows with steps, and
//! has one form in files however many experts there was room for.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::packed::List;

/// Steps of lockstep: memory must not grow with the longest request. No published request is longer.
pub(super) const LONGEST: usize = 1 << 15;

/// A bit set of experts for each layer and step.
#[derive(Clone, Debug, Default)]
pub struct Lockstep {
    /// Words of a set.
    words: usize,
    /// By layer id: `[step][word]`.
    layers: BTreeMap<u32, Vec<u64>>,
}

impl Lockstep {
    /// Number of steps up to the last one that needs any expert.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.layers.values().map(|sets| used(sets).div_ceil(self.words.max(1))).max().unwrap_or(0)
    }

    /// The words of a layer and step up to the last one that is not zero.
    #[must_use]
    pub fn set(&self, layer: u32, step: usize) -> &[u64] {
        let sets = self.layers.get(&layer).map_or(&[][..], Vec::as_slice);
        let set = sets.get(step * self.words..(step + 1) * self.words).unwrap_or_default();
        &set[..used(set)]
    }

    /// E, batched: the distinct experts that the steps of a layer need, from its second step on, and how many of them the step
    /// before needed too.
    #[must_use]
    pub fn repeated(&self, layer: u32) -> (u64, u64) {
        let ones = |words: &[u64]| words.iter().map(|w| u64::from(w.count_ones())).sum::<u64>();
        let sets = self.layers.get(&layer).map_or(&[][..], Vec::as_slice);
        let (mut again, mut all) = (0, 0);
        let mut steps = sets.chunks_exact(self.words.max(1));
        let mut before = steps.next().unwrap_or_default();
        for set in steps {
            all += ones(set);
            again += before.iter().zip(set).map(|(a, b)| u64::from((a & b).count_ones())).sum::<u64>();
            before = set;
        }
        (again, all)
    }

    /// F in steps: needs of an expert by the steps since it was last needed in its layer, as bins of bit lengths; and first
    /// needs.
    #[must_use]
    pub fn gaps(&self) -> (Vec<u64>, u64) {
        let (mut bins, mut first) = (Vec::new(), 0);
        for sets in self.layers.values() {
            let mut last = vec![0usize; self.words * 64];
            for (step, set) in (1..).zip(sets.chunks_exact(self.words.max(1))) {
                for (word, &bits) in set.iter().enumerate() {
                    let mut bits = bits;
                    while bits != 0 {
                        let e = word * 64 + bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        match std::mem::replace(&mut last[e], step) {
                            0 => first += 1,
                            before => super::reuse::bump(&mut bins, step - before, 1),
                        }
                    }
                }
            }
        }
        (bins, first)
    }

    /// Adds the rows of one request in a layer, one row a step; none is a row that is not known.
    pub(super) fn add<'a>(
        &mut self,
        layer: u32,
        experts: usize,
        rows: impl ExactSizeIterator<Item = Option<&'a [u16]>>,
    ) {
        let steps = rows.len().min(LONGEST);
        if steps == 0 {
            return;
        }
        self.widen(experts.div_ceil(64).max(1));
        let words = self.words;
        let sets = self.layers.entry(layer).or_default();
        if sets.len() < steps * words {
            sets.resize(steps * words, 0);
        }
        for (set, row) in sets.chunks_exact_mut(words).zip(rows) {
            for e in row.unwrap_or_default().iter().map(|&e| usize::from(e)) {
                set[e / 64] |= 1 << (e % 64);
            }
        }
    }

    /// Adds the sets of other requests.
    pub(super) fn merge(&mut self, other: &Lockstep) {
        self.widen(other.words);
        for (&layer, theirs) in &other.layers {
            let ours = self.layers.entry(layer).or_default();
            let steps = theirs.len() / other.words.max(1);
            if ours.len() < steps * self.words {
                ours.resize(steps * self.words, 0);
            }
            let pairs = ours.chunks_exact_mut(self.words.max(1)).zip(theirs.chunks_exact(other.words.max(1)));
            pairs.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| *a |= b));
        }
    }

    /// Whether all sets are of known layers and of at most so many experts.
    pub(super) fn is_sound(&self, experts: usize, known: impl Fn(u32) -> bool) -> bool {
        let (full, rest) = (experts / 64, experts % 64);
        // No bit stands for an expert that is none.
        let fits = |set: &[u64]| {
            set.iter().enumerate().skip(full).all(|(i, &w)| if i == full { w >> rest == 0 } else { w == 0 })
        };
        self.layers.iter().all(|(&id, sets)| known(id) && sets.chunks_exact(self.words.max(1)).all(fits))
    }

    /// Makes room for larger sets.
    fn widen(&mut self, words: usize) {
        let old = self.words;
        self.words = old.max(words);
        if self.words == old {
            return;
        }
        for sets in self.layers.values_mut() {
            let mut wide = vec![0; sets.len() / old.max(1) * self.words];
            for (to, from) in wide.chunks_exact_mut(self.words).zip(sets.chunks_exact(old.max(1))) {
                to[..old].copy_from_slice(from);
            }
            *sets = wide;
        }
    }
}

impl PartialEq for Lockstep {
    /// Equal sets, whatever room there is for more.
    fn eq(&self, other: &Self) -> bool {
        let layers = || self.layers.keys().chain(other.layers.keys());
        let steps = self.steps();
        steps == other.steps() && (0..steps).all(|s| layers().all(|&id| self.set(id, s) == other.set(id, s)))
    }
}

/// Words up to the last one that is not zero.
fn used(words: &[u64]) -> usize {
    words.iter().rposition(|&w| w != 0).map_or(0, |last| last + 1)
}

/// The words of a set, as few as hold all, and for each layer id its sets up to the last one that is not empty.
impl Serialize for Lockstep {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let sets = |all: &'_ Vec<u64>| all.chunks_exact(self.words.max(1)).map(used).max().unwrap_or(0);
        let words = self.layers.values().map(sets).max().unwrap_or(0);
        let mut layers = Vec::new();
        for (&id, sets) in &self.layers {
            let mut sets =
                sets.chunks_exact(self.words.max(1)).flat_map(|set| &set[..words]).copied().collect::<Vec<_>>();
            sets.truncate(used(&sets).next_multiple_of(words.max(1)));
            if !sets.is_empty() {
                layers.push((id, sets));
            }
        }
        let layers: Vec<_> = layers.iter().map(|(id, sets)| (id, List(sets.as_slice()))).collect();
        (words, layers).serialize(to)
    }
}

/// Layer id and sets, as they are read.
type Sets = (u32, List<Vec<u64>>);

impl<'de> Deserialize<'de> for Lockstep {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (words, layers): (usize, Vec<Sets>) = Deserialize::deserialize(from)?;
        let wrong = |sets: &[u64]| words == 0 || !sets.len().is_multiple_of(words) || sets.len() / words > LONGEST;
        if words as u64 > crate::model::MAX_EXPERTS.div_ceil(64) || layers.iter().any(|(_, sets)| wrong(&sets.0)) {
            return Err(serde::de::Error::custom("more steps or experts than are counted"));
        }
        Ok(Self { words, layers: layers.into_iter().map(|(id, sets)| (id, sets.0)).collect() })
    }
}
