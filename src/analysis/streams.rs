//! F and E on the streams of tokens of a summary: each request, all back to back, and all in lockstep. Apart from the distances,
//! which know no summary.

use super::reuse::bump;
use super::{DistanceCounts, StackDistance, Summary, WINDOWS};
use crate::model::Phase;

/// The three streams of reuse, with their names: within each request, all back to back, and all in lockstep.
pub(super) fn streams(summary: &Summary) -> [(&'static str, DistanceCounts); 3] {
    let phase = summary.stream_phase();
    [
        ("one request", summary.reuse[phase as usize].clone()),
        ("back to back", summary.stream[phase as usize].distances()),
        ("in lockstep", batched(summary, phase)),
    ]
}

/// F in tokens, within each request: uses of an expert by the tokens since its layer last used it, as bins of bit lengths. The
/// last bin holds all from [`WINDOWS`] on, which is as far as gaps are counted.
#[must_use]
pub fn token_gaps(summary: &Summary, phase: Phase) -> Vec<u64> {
    let mut bins = Vec::new();
    for layer in summary.layers.values() {
        for (gap, &count) in (1..).zip(&layer.repetition[phase as usize].gaps) {
            bump(&mut bins, gap, count);
        }
    }
    // Every access is a first one, or at a gap that was counted, or beyond.
    let counts = &summary.reuse[phase as usize];
    let beyond = (counts.accesses - counts.cold).saturating_sub(bins.iter().sum());
    if beyond > 0 {
        bump(&mut bins, WINDOWS, beyond);
    }
    bins
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

pub(super) fn stream_name(phase: Phase) -> &'static str {
    phase.name()
}
