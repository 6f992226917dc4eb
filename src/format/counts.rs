//! Counts by layer and expert, summed within bounds. Apart from their readers: tables and matrices of counts add up alike.

use std::collections::BTreeMap;

use super::{Counts, Issues, Place, Problem};
use crate::model::{LAYER_IDS, MAX_COUNT, MAX_EXPERTS, MAX_LAYERS};
use crate::units::index;

/// A sum in the making.
#[derive(Default)]
pub(super) struct Tally {
    layers: BTreeMap<u32, Vec<u64>>,
    total: u64,
}

impl Tally {
    /// Adds a count; why not, if a bound is in the way.
    pub(super) fn add(&mut self, layer: u64, expert: u64, count: u64, limit: u64) -> Result<(), Problem> {
        let above = |what: &str, limit: u64| Err(Problem::Limit { what: what.into(), limit });
        if expert >= limit {
            return Err(Problem::IdRange { id: expert, limit });
        }
        let Some(id) = u32::try_from(layer).ok().filter(|_| layer < LAYER_IDS) else {
            return above("a layer id", LAYER_IDS - 1);
        };
        if self.layers.len() >= MAX_LAYERS && !self.layers.contains_key(&id) {
            return above("layers", MAX_LAYERS as u64);
        }
        // Sums of sums are made of these: a wrapped one would be a small number that nobody doubts.
        let Some(total) = self.total.checked_add(count).filter(|&t| t < MAX_COUNT) else {
            return above("the sum of all counts", MAX_COUNT);
        };
        self.total = total;
        let (counts, at) = (self.layers.entry(id).or_default(), index(expert));
        if counts.len() <= at {
            counts.resize(at + 1, 0);
        }
        counts[at] += count;
        Ok(())
    }

    pub(super) fn finish(self) -> Counts {
        self.layers.into_iter().collect()
    }
}

/// Matrices `[layers][experts]`, summed over steps. What has another shape than most is left out and said.
pub(super) fn matrices(steps: &[Vec<Vec<u64>>], issues: &mut Issues) -> Counts {
    let mut tally = Tally::default();
    let layers = usual(steps.iter().map(Vec::len));
    let experts = usual(steps.iter().flatten().map(Vec::len));
    for (what, found, limit) in [("experts", experts as u64, MAX_EXPERTS), ("layers", layers as u64, MAX_LAYERS as u64)]
    {
        if found > limit {
            issues.push(Place::default(), Problem::Limit { what: what.into(), limit });
            return Vec::new();
        }
    }
    for (step, matrix) in (0..).zip(steps) {
        let place = Place { step: (steps.len() > 1).then_some(step), ..Place::default() };
        if matrix.len() != layers {
            let what = "layers in a matrix of counts".into();
            issues.push(place, Problem::Ragged { what, expected: layers, found: matrix.len() });
            continue;
        }
        for (layer, counts) in (0u32..).zip(matrix) {
            let place = Place { layer: Some(layer), ..place };
            if counts.len() != experts {
                let what = "counts in a row".into();
                issues.push(place, Problem::Ragged { what, expected: experts, found: counts.len() });
                continue;
            }
            for (expert, &count) in (0..).zip(counts) {
                if let Err(problem) = tally.add(layer.into(), expert, count, MAX_EXPERTS) {
                    issues.push(place, problem);
                }
            }
        }
    }
    tally.finish()
}

/// The commonest of these lengths, the larger on a tie: what is cut off is short.
pub(super) fn usual(lengths: impl Iterator<Item = usize>) -> usize {
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    lengths.for_each(|n| *times.entry(n).or_default() += 1);
    times.into_iter().max_by_key(|&(n, times)| (times, n)).map_or(0, |(n, _)| n)
}
