//! G: which experts are chosen together for one token. Top-1 models have no pairs.

use serde::{Deserialize, Serialize};

use super::figure::narrow;
use super::transition::mass;
use super::{LayerCounts, Pairs, Square};
use crate::units::share_up;

/// The co-activation of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoActivation {
    /// Count of the strongest pair over the count that every pair would have if all were alike.
    pub max_ratio: Option<f64>,
    /// Share of all co-activations in the top 10% of pairs.
    pub top10_share: Option<f64>,
}

/// Symmetric pair counts with an empty diagonal.
#[must_use]
pub fn pair_counts(layer: &LayerCounts, experts: usize) -> Square {
    let mut square = Square::zero(experts);
    let cells = layer.pairs.cells();
    for i in 1..experts {
        for j in 0..i {
            let count = cells.get(Pairs::at(i, j)).copied().map_or(0, u64::from);
            square.bump(i, j, count);
            square.bump(j, i, count);
        }
    }
    square
}

/// Pair counts over the count of an average pair, row-major.
#[must_use]
pub fn pair_ratios(layer: &LayerCounts, experts: usize) -> Vec<f32> {
    let counts = pair_counts(layer, experts);
    let total: u64 = counts.cells.iter().sum();
    let per = (experts * experts.saturating_sub(1)) as f64 / total.max(1) as f64;
    counts.cells.iter().map(|&c| narrow(c as f64 * per)).collect()
}

/// Strongest pair and concentration of a layer of `experts` experts.
#[must_use]
pub fn coactivation(layer: &LayerCounts, experts: usize) -> CoActivation {
    let counts: Vec<u64> = layer.pairs.cells().iter().map(|&c| c.into()).collect();
    if counts.is_empty() {
        return CoActivation::default();
    }
    let all = experts * (experts - 1) / 2;
    let (top, total) = mass(&counts, share_up(10, all));
    if total == 0 {
        return CoActivation::default();
    }
    let max = counts.iter().max().copied().unwrap_or(0);
    CoActivation {
        max_ratio: Some(max as f64 * all as f64 / total as f64),
        top10_share: Some(top as f64 / total as f64),
    }
}
