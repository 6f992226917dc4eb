//! A: how often each expert is chosen, and how uneven that is.

use super::{Half, LayerCounts};
use crate::model::Scope;

/// Tokens of each of `experts` experts in a layer.
#[must_use]
pub fn frequency(layer: &LayerCounts, scope: Scope, half: Half, experts: usize) -> Vec<u64> {
    let mut counts = vec![0; experts];
    for &phase in scope.phases() {
        for &h in half.positions() {
            counts.iter_mut().zip(&layer.frequency[phase as usize][h]).for_each(|(a, b)| *a += b);
        }
    }
    counts
}

/// Largest count over the mean of all experts; none without tokens.
#[must_use]
pub fn skew(counts: &[u64]) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    let max = counts.iter().max().copied().unwrap_or(0);
    (total > 0).then(|| max as f64 * counts.len() as f64 / total as f64)
}

/// The `n` most frequent experts: larger count first, then smaller id.
#[must_use]
pub fn top(counts: &[u64], n: usize) -> Vec<usize> {
    let mut keyed: Vec<(std::cmp::Reverse<u64>, usize)> =
        counts.iter().map(|&c| std::cmp::Reverse(c)).zip(0..).collect();
    keyed.sort_unstable();
    keyed.into_iter().take(n).map(|(_, e)| e).collect()
}
