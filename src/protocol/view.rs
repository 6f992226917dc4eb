//! What the page draws: queries whose answers are small enough to send at every move of a slider.

use serde::{Deserialize, Serialize};

use crate::analysis::{
    CoActivation, Coverage, DistanceCounts, Half, Kind, Summary, batched, coactivation, coverage, diagonal, frequency,
    pair_counts, skew, transition,
};
use crate::model::{Phase, Scope};

/// Figures of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerView {
    /// Layer id.
    pub id: u32,
    /// Experts of a layer.
    pub experts: usize,
    /// Tokens of each expert.
    pub frequency: Vec<u64>,
    /// Largest over mean.
    pub skew: Option<f64>,
    /// P(next token uses j | this one uses i), row-major; NaN in rows of experts that were never used.
    pub cross_token: Vec<f32>,
    /// Its coverages.
    pub coverage: Coverage,
    /// P(i again | i) of each expert; NaN where never used.
    pub diagonal: Vec<f32>,
    /// Its means: weighted, unweighted.
    pub diagonal_mean: (Option<f64>, Option<f64>),
    /// Pair counts over the count of an average pair, row-major; none for top-1.
    pub pairs: Option<Vec<f32>>,
    /// Their concentration.
    pub coactivation: CoActivation,
}

/// Figures of the whole trace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Layer ids.
    pub layers: Vec<u32>,
    /// Experts of a layer.
    pub experts: usize,
    /// Count over mean, `[layer][expert]`.
    pub frequency: Vec<f32>,
    /// Skew of each layer.
    pub skew: Vec<Option<f64>>,
    /// The phase of the streams.
    pub stream: Option<Phase>,
    /// Reuse distances within each request.
    pub per_request: DistanceCounts,
    /// Reuse distances of all requests in lockstep.
    pub batched: DistanceCounts,
}

/// The figures of the layer at a position.
#[must_use]
#[inline(never)]
pub fn layer_view(summary: &Summary, position: usize, scope: Scope) -> Option<LayerView> {
    let (&id, layer) = summary.layers.iter().nth(position)?;
    let n = summary.experts;
    let counts = frequency(layer, scope, Half::Both, n);
    let table = transition(layer, Kind::CrossToken, scope, Half::Both, n);
    let mut cross_token = Vec::with_capacity(n * n);
    let mut again = Vec::with_capacity(n);
    for (i, row) in table.cells.chunks_exact(n).enumerate() {
        let total = row.iter().sum::<u64>() as f64;
        // Every row of K ids is followed by K ids: P(j | i) sums to K over j.
        let per = summary.top_k as f64 / total;
        cross_token.extend(row.iter().map(|&c| if total > 0.0 { narrow(c as f64 * per) } else { f32::NAN }));
        again.push(if total > 0.0 { narrow(row[i] as f64 * per) } else { f32::NAN });
    }
    let pairs = (summary.top_k > 1).then(|| {
        let counts = pair_counts(layer, n);
        let total: u64 = counts.cells.iter().sum();
        let per = (n * (n - 1)) as f64 / total.max(1) as f64;
        counts.cells.iter().map(|&c| narrow(c as f64 * per)).collect()
    });
    Some(LayerView {
        id,
        experts: n,
        skew: skew(&counts),
        frequency: counts,
        cross_token,
        coverage: coverage(summary, layer, Kind::CrossToken, scope),
        diagonal: again,
        diagonal_mean: diagonal(&table, summary.top_k),
        pairs,
        coactivation: coactivation(layer, n),
    })
}

/// The figures of all layers.
#[must_use]
#[inline(never)]
pub fn overview(summary: &Summary, scope: Scope) -> Overview {
    let n = summary.experts;
    let mut cells = Vec::with_capacity(summary.layers.len() * n);
    let mut skews = Vec::new();
    for layer in summary.layers.values() {
        let counts = frequency(layer, scope, Half::Both, n);
        let mean = counts.iter().sum::<u64>() as f64 / n as f64;
        cells.extend(counts.iter().map(|&c| if mean > 0.0 { narrow(c as f64 / mean) } else { 0.0 }));
        skews.push(skew(&counts));
    }
    let stream = summary.stream_phase();
    Overview {
        layers: summary.layer_ids(),
        experts: n,
        frequency: cells,
        skew: skews,
        stream: Some(stream),
        per_request: summary.reuse[stream as usize].clone(),
        batched: batched(summary, stream),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "colours and hover values need seven digits, not sixteen")]
fn narrow(x: f64) -> f32 {
    x as f32
}
