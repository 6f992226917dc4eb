//! Every number of `moescope analyze --json`, in one tree. Apart, because its keys are a contract with scripts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::subjects::{Subjects, subjects};
use super::{
    Coverage, DistanceCounts, Half, Kind, LayerCounts, Square, Summary, WINDOWS, batched, coactivation, coverage,
    diagonal, frequency, overlap, skew, spearman, transition,
};
use crate::model::{Phase, Scope};
use crate::units::share_up;

type PerLayer = Vec<Option<f64>>;

/// The analyses of a trace. Arrays `[layer]` are in layer order; `null` where a layer has no data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Requests counted.
    pub requests: u64,
    /// Tokens by phase.
    pub tokens: Tokens,
    /// MoE layers.
    pub layers: usize,
    /// Their ids.
    pub layer_ids: Vec<u32>,
    /// Experts of a layer (E).
    pub experts: usize,
    /// Experts of a token (K).
    pub top_k: usize,
    /// What was wrong in the input.
    pub warnings: Vec<String>,
    /// A, by scope.
    pub frequency: BTreeMap<String, Frequency>,
    /// B, by scope.
    pub cross_layer: BTreeMap<String, Transitions>,
    /// C, by scope (`joined`, `prefill`, `decode`).
    pub cross_token: BTreeMap<String, Transitions>,
    /// D.
    pub similarity: Similarity,
    /// E.
    pub repetition: Repetition,
    /// F, by stream.
    pub reuse: BTreeMap<String, Reuse>,
    /// G; none for top-1.
    pub coactivation: Option<CoActivations>,
    /// H; none with fewer than two subjects.
    pub subjects: Option<Subjects>,
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Prompt tokens.
    pub prefill: u64,
    /// Generated tokens.
    pub decode: u64,
}

/// A for one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frequency {
    /// Largest count over the mean, by layer.
    pub skew: PerLayer,
    /// Σ count·((131 l + 31 e) mod 1009).
    pub checksum: u64,
}

/// B or C for one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transitions {
    /// See [`Coverage::top`].
    pub coverage_top: PerLayer,
    /// See [`Coverage::weighted`].
    pub coverage_weighted: PerLayer,
    /// See [`Coverage::heldout`].
    pub coverage_heldout: PerLayer,
    /// See [`Coverage::baseline`].
    pub coverage_baseline: PerLayer,
    /// Cross-token only (else null): P(i again | i), weighted by the count of i.
    pub diagonal_weighted: Option<PerLayer>,
    /// Cross-token only (else null): the plain mean over experts.
    pub diagonal_unweighted: Option<PerLayer>,
    /// Σ C·((131 l + 31 i + 17 j) mod 1009).
    pub checksum: u64,
}

/// D, by layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// Spearman's rho of the frequencies.
    pub rho_frequency: PerLayer,
    /// Of the cross-layer counts, all cells.
    pub rho_cross_layer: PerLayer,
    /// Of the cross-token counts, all cells.
    pub rho_cross_token: PerLayer,
    /// Noise ceiling: rho of the frequencies of even and odd requests, decode (prefill if there is no decode).
    pub rho_noise_ceiling: PerLayer,
    /// Share of the decode top-5 in the prefill top-5, 10 and 20.
    pub decode_top5_in_prefill_top: BTreeMap<String, PerLayer>,
}

/// E.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repetition {
    /// The phase of the stream.
    pub stream: String,
    /// Window lengths in tokens.
    pub windows: Vec<usize>,
    /// `[window][layer]`: share of tokens with an expert used in the window.
    pub any: Vec<PerLayer>,
    /// `[window][layer]`: mean share of a token's experts used in the window.
    pub fraction: Vec<PerLayer>,
}

/// F for one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reuse {
    /// The phase of the stream.
    pub scope: String,
    /// All accesses.
    pub accesses: u64,
    /// First accesses.
    pub cold: u64,
    /// Warm accesses by bit length of the distance.
    pub log2_bins: Vec<u64>,
    /// Miss ratio of an LRU cache that holds this percentage of all layers × experts.
    pub miss_ratio: BTreeMap<String, Option<f64>>,
}

/// G, by layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoActivations {
    /// Strongest pair over random.
    pub max_ratio: PerLayer,
    /// Share of the top 10% of pairs.
    pub top10_share: PerLayer,
}

/// All analyses of a summary; `warnings` are passed through.
#[must_use]
#[inline(never)]
pub fn report(summary: &Summary, warnings: Vec<String>) -> Report {
    let stream = summary.stream();
    let stream_name = if stream == Phase::Decode { "decode" } else { "prefill" };
    let by_scope = |kind| {
        let name = |s: Scope| if kind == Kind::CrossToken && s == Scope::All { "joined" } else { s.name() };
        Scope::EACH.into_iter().map(|s| (name(s).to_string(), transitions(summary, kind, s))).collect()
    };
    let each = |f: &dyn Fn(&LayerCounts) -> Option<f64>| summary.layers.values().map(f).collect::<PerLayer>();
    let windows: Vec<usize> = (1..=WINDOWS).collect();
    let repeated = |l: &LayerCounts, w, any: bool| {
        let counts = &l.repetition[stream as usize];
        if any { counts.any(w) } else { counts.fraction(w) }
    };
    let reuse = |counts: &DistanceCounts| reuse_of(counts, summary.layers.len() * summary.experts, stream_name);
    Report {
        requests: summary.requests,
        tokens: Tokens { prefill: summary.tokens[0], decode: summary.tokens[1] },
        layers: summary.layers.len(),
        layer_ids: summary.layer_ids(),
        experts: summary.experts,
        top_k: summary.top_k,
        warnings,
        frequency: Scope::EACH.into_iter().map(|s| (s.name().to_string(), frequencies(summary, s))).collect(),
        cross_layer: by_scope(Kind::CrossLayer),
        cross_token: by_scope(Kind::CrossToken),
        similarity: similarity(summary),
        repetition: Repetition {
            stream: stream_name.into(),
            any: windows.iter().map(|&w| each(&|l| repeated(l, w, true))).collect(),
            fraction: windows.iter().map(|&w| each(&|l| repeated(l, w, false))).collect(),
            windows,
        },
        reuse: [("per_request", reuse(&summary.reuse[stream as usize])), ("batched", reuse(&batched(summary, stream)))]
            .map(|(name, r)| (name.to_string(), r))
            .into(),
        coactivation: (summary.top_k > 1).then(|| {
            let (max_ratio, top10_share) = summary
                .layers
                .values()
                .map(|l| coactivation(l, summary.experts))
                .map(|c| (c.max_ratio, c.top10_share))
                .unzip();
            CoActivations { max_ratio, top10_share }
        }),
        subjects: subjects(summary),
    }
}

fn frequencies(summary: &Summary, scope: Scope) -> Frequency {
    let mut out = Frequency::default();
    for (l, layer) in (0u64..).zip(summary.layers.values()) {
        let counts = frequency(layer, scope, Half::Both, summary.experts);
        out.skew.push(skew(&counts));
        out.checksum += (0u64..).zip(&counts).map(|(e, c)| c * ((131 * l + 31 * e) % 1009)).sum::<u64>();
    }
    out
}

fn transitions(summary: &Summary, kind: Kind, scope: Scope) -> Transitions {
    let mut out = Transitions::default();
    let (mut weighted, mut unweighted) = (Vec::new(), Vec::new());
    // The last layer has no next one.
    let skip_last = usize::from(kind == Kind::CrossLayer);
    for (l, layer) in (0u64..).zip(summary.layers.values().take(summary.layers.len().saturating_sub(skip_last))) {
        let Coverage { top, weighted: mean, heldout, baseline } = coverage(summary, layer, kind, scope);
        out.coverage_top.push(top);
        out.coverage_weighted.push(mean);
        out.coverage_heldout.push(heldout);
        out.coverage_baseline.push(baseline);
        let table = transition(layer, kind, scope, Half::Both, summary.experts);
        out.checksum += checksum(&table, l);
        if kind == Kind::CrossToken {
            let (w, u) = diagonal(&table, summary.top_k);
            weighted.push(w);
            unweighted.push(u);
        }
    }
    if kind == Kind::CrossToken {
        (out.diagonal_weighted, out.diagonal_unweighted) = (Some(weighted), Some(unweighted));
    }
    out
}

fn checksum(table: &Square, layer: u64) -> u64 {
    let rows = (0u64..).zip(table.cells.chunks_exact(table.n.max(1)));
    rows.flat_map(|(i, row)| (0u64..).zip(row).map(move |(j, c)| c * ((131 * layer + 31 * i + 17 * j) % 1009))).sum()
}

fn similarity(summary: &Summary) -> Similarity {
    let n = summary.experts;
    let mut out = Similarity::default();
    let stream = if summary.stream() == Phase::Decode { Scope::Decode } else { Scope::Prefill };
    let last = summary.layers.len().saturating_sub(1);
    for (i, layer) in summary.layers.values().enumerate() {
        let [prefill, decode] = [Scope::Prefill, Scope::Decode].map(|s| frequency(layer, s, Half::Both, n));
        out.rho_frequency.push(spearman(&prefill, &decode));
        let rho = |kind| {
            let [p, d] = [Scope::Prefill, Scope::Decode].map(|s| transition(layer, kind, s, Half::Both, n));
            spearman(&p.cells, &d.cells)
        };
        out.rho_cross_token.push(rho(Kind::CrossToken));
        if i < last {
            out.rho_cross_layer.push(rho(Kind::CrossLayer));
        }
        let [even, odd] = [Half::Even, Half::Odd].map(|h| frequency(layer, stream, h, n));
        out.rho_noise_ceiling.push(spearman(&even, &odd));
        for m in [5, 10, 20] {
            let share = overlap(&decode, 5, &prefill, m);
            out.decode_top5_in_prefill_top.entry(m.to_string()).or_default().push(share);
        }
    }
    out
}

fn reuse_of(counts: &DistanceCounts, objects: usize, scope: &str) -> Reuse {
    let miss = |p: usize| (p.to_string(), counts.miss_ratio(share_up(p, objects)));
    Reuse {
        scope: scope.into(),
        accesses: counts.accesses,
        cold: counts.cold,
        log2_bins: counts.log2_bins(),
        miss_ratio: [5, 10, 20, 50].map(miss).into(),
    }
}
