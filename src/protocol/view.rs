//! What the page draws: queries whose answers are small enough to send at every move of a slider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Dataset, Part};
use crate::analysis::{
    Caches, CoActivation, Coverage, DistanceCounts, Half, Kind, Setting, Square, Summary, batched, coactivation,
    covered, descending, diagonal, frequency, overlap, pair_counts, skew, transition,
};
use crate::experiment::Experiment;
use crate::model::{Labels, Phase, Scope, WAFERS};

/// Figures of one layer that follow a slider: what can be asked and drawn within about a frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerView {
    /// Layer id; none for the mean over all layers.
    pub id: Option<u32>,
    /// Experts of a layer.
    pub experts: usize,
    /// Tokens of each expert, in the scope, in prefill and in decode.
    pub frequency: [Vec<f64>; 3],
    /// Largest over mean.
    pub skew: Option<f64>,
    /// P(next token uses j | this one uses i), row-major; NaN in rows of experts that were never used.
    #[serde(with = "crate::model::packed::floats")]
    pub cross_token: Vec<f32>,
    /// Its coverages, without the held-out one.
    pub coverage: Coverage,
    /// P(i again | i) of each expert; NaN where never used.
    #[serde(with = "crate::model::packed::floats")]
    pub diagonal: Vec<f32>,
    /// Its means: weighted, unweighted.
    pub diagonal_mean: (Option<f64>, Option<f64>),
    /// Pair counts over the count of an average pair, row-major; empty for top-1.
    #[serde(with = "crate::model::packed::floats")]
    pub pairs: Vec<f32>,
    /// Their concentration.
    pub coactivation: CoActivation,
}

/// Figures of one layer that may come a moment later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerDetails {
    /// Layer id; none for the mean over all layers.
    pub id: Option<u32>,
    /// Experts of a layer.
    pub experts: usize,
    /// P(next MoE layer uses j | this one uses i), row-major; empty in the last layer.
    #[serde(with = "crate::model::packed::floats")]
    pub cross_layer: Vec<f32>,
    /// Cross-token probability in prefill minus decode, row-major; NaN where one of them has no data.
    #[serde(with = "crate::model::packed::floats")]
    pub token_difference: Vec<f32>,
    /// The same of the cross-layer probability; empty in the last layer.
    #[serde(with = "crate::model::packed::floats")]
    pub layer_difference: Vec<f32>,
    /// Coverage of what follows by the top experts at each percent, mean over rows weighted by their counts: next token, next
    /// layer (empty in the last one).
    pub curves: [Vec<f32>; 2],
    /// Share of co-activations in the top pairs, at each percent of all pairs; empty for top-1.
    pub pair_curve: Vec<f32>,
    /// Subjects, with the share of each expert in their tokens.
    pub subjects: Vec<(String, Vec<f32>)>,
    /// Share of the top ten that two subjects have in common, row-major.
    pub subject_overlap: Vec<f32>,
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
    /// Reuse distances over all requests one after another.
    pub back_to_back: DistanceCounts,
    /// Reuse distances of all requests in lockstep.
    pub batched: DistanceCounts,
}

/// What a data set tells beside its counts. Caches are those of the first wafer of the presets.
#[must_use]
pub fn setting(dataset: &Dataset) -> Setting {
    let model = dataset.part().and_then(Part::model);
    let usual = Experiment::default();
    let caches = model.map(|m| Caches::of(&WAFERS[0].2, m.expert_bytes(usual.weight)));
    Setting { model, synthetic: dataset.synthetic, caches }
}

/// The figures of the layer at a position.
#[must_use]
#[inline(never)]
pub fn layer_view(summary: &Summary, position: usize, scope: Scope) -> Option<LayerView> {
    let (&id, layer) = summary.layers.iter().nth(position)?;
    let n = summary.experts;
    let frequency = [scope, Scope::Prefill, Scope::Decode].map(|s| frequency(layer, s, Half::Both, n));
    let table = transition(layer, Kind::CrossToken, scope, Half::Both, n);
    let cross_token = probabilities(&table, summary.top_k);
    let pairs = if summary.top_k > 1 {
        let counts = pair_counts(layer, n);
        let total: u64 = counts.cells.iter().sum();
        let per = (n * (n - 1)) as f64 / total.max(1) as f64;
        counts.cells.iter().map(|&c| narrow(c as f64 * per)).collect()
    } else {
        Vec::new()
    };
    Some(LayerView {
        id: Some(id),
        experts: n,
        skew: skew(&frequency[0]),
        diagonal: (0..n).map(|i| cross_token[i * n + i]).collect(),
        cross_token,
        coverage: covered(&table, &frequency[0]),
        diagonal_mean: diagonal(&table, summary.top_k),
        coactivation: coactivation(layer, n),
        pairs,
        frequency: frequency.map(|counts| counts.into_iter().map(|c| c as f64).collect()),
    })
}

/// The other figures of the layer at a position.
#[must_use]
#[inline(never)]
pub fn layer_details(summary: &Summary, position: usize, scope: Scope) -> Option<LayerDetails> {
    let (&id, layer) = summary.layers.iter().nth(position)?;
    let n = summary.experts;
    let last = position + 1 == summary.layers.len();
    let table = |kind, scope| transition(layer, kind, scope, Half::Both, n);
    let [token, next] = [Kind::CrossToken, Kind::CrossLayer].map(|kind| table(kind, scope));
    let difference = |kind| {
        let [prefill, decode] = [Scope::Prefill, Scope::Decode].map(|s| probabilities(&table(kind, s), summary.top_k));
        prefill.iter().zip(&decode).map(|(p, d)| p - d).collect()
    };
    let over_rows = |t: &Square| curve(t.cells.chunks_exact(n.max(1)));
    let mut pairs: Vec<u64> = layer.pairs.cells().iter().map(|&c| c.into()).collect();
    pairs.resize(n * (n - 1) / 2, 0);
    Some(LayerDetails {
        id: Some(id),
        experts: n,
        cross_layer: if last { Vec::new() } else { probabilities(&next, summary.top_k) },
        token_difference: difference(Kind::CrossToken),
        layer_difference: if last { Vec::new() } else { difference(Kind::CrossLayer) },
        curves: [over_rows(&token), if last { Vec::new() } else { over_rows(&next) }],
        pair_curve: if summary.top_k > 1 { curve(std::iter::once(&pairs[..])) } else { Vec::new() },
        subjects: subjects(summary, id),
        subject_overlap: subject_overlap(summary, id),
    })
}

/// Rows as probabilities. Every row of K ids is followed by K ids: P(j | i) sums to K over j.
pub(super) fn probabilities(table: &Square, top_k: usize) -> Vec<f32> {
    let mut cells = Vec::with_capacity(table.cells.len());
    for row in table.cells.chunks_exact(table.n.max(1)) {
        let total = row.iter().sum::<u64>() as f64;
        let per = top_k as f64 / total;
        cells.extend(row.iter().map(|&c| if total > 0.0 { narrow(c as f64 * per) } else { f32::NAN }));
    }
    cells
}

/// Mass of the largest cells of each row, at each percent from 0 to 100 of its cells, summed over rows.
fn curve<'a>(rows: impl Iterator<Item = &'a [u64]>) -> Vec<f32> {
    let mut mass = vec![0u64; 101];
    let mut sorted: Vec<u64> = Vec::new();
    for row in rows.filter(|row| row.iter().any(|&c| c > 0)) {
        sorted.clear();
        sorted.extend_from_slice(row);
        descending(&mut sorted);
        let (mut taken, mut sum) = (0, 0);
        for (percent, total) in mass.iter_mut().enumerate() {
            let upto = crate::units::share_up(percent, sorted.len());
            sum += sorted[taken..upto].iter().sum::<u64>();
            taken = upto;
            *total += sum;
        }
    }
    let all = mass[100].max(1) as f64;
    mass.into_iter().map(|m| narrow(m as f64 / all)).collect()
}

fn subjects(summary: &Summary, id: u32) -> Vec<(String, Vec<f32>)> {
    let share = |(labels, (_, layers)): (&Labels, &(u64, BTreeMap<u32, Vec<u64>>))| {
        let counts = layers.get(&id)?;
        let total = counts.iter().sum::<u64>().max(1) as f64;
        let mut shares: Vec<f32> = counts.iter().map(|&c| narrow(c as f64 / total)).collect();
        shares.resize(summary.experts, 0.0);
        Some((labels.name(), shares))
    };
    summary.subjects.iter().filter_map(share).collect()
}

fn subject_overlap(summary: &Summary, id: u32) -> Vec<f32> {
    let counts: Vec<&Vec<u64>> = summary.subjects.values().filter_map(|(_, layers)| layers.get(&id)).collect();
    let pair = |a: &Vec<u64>, b: &Vec<u64>| overlap(a, 10, b, 10).map_or(f32::NAN, narrow);
    counts.iter().flat_map(|a| counts.iter().map(move |b| pair(a, b))).collect()
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
        back_to_back: summary.stream[stream as usize].distances(),
        batched: batched(summary, stream),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "colours and hover values need seven digits, not sixteen")]
pub(super) fn narrow(x: f64) -> f32 {
    x as f32
}
