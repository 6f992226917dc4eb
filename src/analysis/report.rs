//! Every number of `moescope analyze --json`, in one tree. Apart, because its keys are a contract with scripts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::figure::Figure;
use super::streams::{stream_name, streams, token_gaps};
use super::subjects::{DataSets, Subjects, datasets, subjects};
use super::transition::coverage_of;
use super::{
    Caches, Coverage, DistanceCounts, Half, Insight, Kind, LayerCounts, Observation, Pairs, Square, Summary, WINDOWS,
    coactivation, collapsed, diagonal, frequency, lint, overlap, skew, spearman, spearman_brown, top, transition,
};
use crate::model::Scope;
use crate::units::{floor, share_up};

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
    /// H between data sets; none with fewer than two.
    pub datasets: Option<DataSets>,
    /// Layers in which one expert takes nearly every token, by id.
    pub collapsed: Vec<u32>,
    /// The hottest experts of all layers: what to duplicate.
    pub hot: Vec<Hot>,
    /// The strongest pairs of all layers: what to keep apart.
    pub strongest_pairs: Vec<Pair>,
    /// What the paper observed, measured here.
    pub observations: Vec<Observation>,
    /// Six questions with their answers, for the caches of the first wafer of the presets.
    pub insights: Vec<Insight>,
    /// Figures of all layers that are no matrices, and distributions as the mean over layers, of all tokens.
    pub figures: Vec<Figure>,
}

/// Hot experts and strong pairs that a report lists.
const LISTED: usize = 10;

/// A hot expert.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hot {
    /// Layer id.
    pub layer: u32,
    /// Expert.
    pub expert: usize,
    /// Its count over the mean of its layer.
    pub over_mean: f64,
}

/// A strong pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Layer id.
    pub layer: u32,
    /// The two experts.
    pub experts: [usize; 2],
    /// Their count over the average pair's.
    pub ratio: f64,
}

/// Token counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Prompt tokens.
    pub prefill: u64,
    /// Generated tokens.
    pub decode: u64,
    /// Tokens of which the recording does not say what they are.
    pub unmarked: u64,
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
    /// Share that the top 20% of experts take of what follows the most frequent expert ([`Coverage::top`]).
    pub coverage_top: PerLayer,
    /// Mean of that share over all experts, weighted by their counts ([`Coverage::weighted`]).
    pub coverage_weighted: PerLayer,
    /// As `coverage_top`, chosen on even requests and scored on odd ones ([`Coverage::heldout`]).
    pub coverage_heldout: PerLayer,
    /// Share that the top 20% take whatever came before ([`Coverage::baseline`]).
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
    /// Split half: rho of the frequencies of even and odd requests, decode (prefill if there is no decode). No ceiling yet,
    /// because each half has half of the requests: see `ceiling_frequency`.
    pub rho_noise_ceiling: PerLayer,
    /// Split half of the cross-layer counts, all cells.
    pub split_half_cross_layer: PerLayer,
    /// Split half of the cross-token counts, all cells.
    pub split_half_cross_token: PerLayer,
    /// What the noise between requests allows of `rho_frequency`: its split half, corrected to all requests (Spearman-Brown).
    pub ceiling_frequency: PerLayer,
    /// Of `rho_cross_layer`.
    pub ceiling_cross_layer: PerLayer,
    /// Of `rho_cross_token`.
    pub ceiling_cross_token: PerLayer,
    /// Share of the decode top-5 in the prefill top-5, 10 and 20.
    #[serde(serialize_with = "by_number")]
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
    /// All requests in lockstep: share of a step's distinct experts that the step before needed too, by layer.
    pub lockstep: PerLayer,
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
    #[serde(serialize_with = "by_number")]
    pub miss_ratio: BTreeMap<String, Option<f64>>,
    /// Warm accesses by bit length of the tokens (in lockstep: steps) since the layer last used the expert; the last bin of
    /// one request holds all from [`WINDOWS`] on. None back to back, where tokens are not counted.
    pub log2_token_bins: Option<Vec<u64>>,
    /// The same in bytes; none if the size of an expert is not known.
    pub bytes: Option<ReuseBytes>,
}

/// F in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReuseBytes {
    /// Bytes of an expert: distances and capacities are multiples of it.
    pub expert: f64,
    /// Bytes of a die's last-level cache.
    pub llc: f64,
    /// Miss ratio of an LRU cache of its size.
    pub llc_miss_ratio: Option<f64>,
    /// Bytes of a die's usable HBM.
    pub hbm: f64,
    /// Miss ratio of an LRU cache of its size.
    pub hbm_miss_ratio: Option<f64>,
}

/// G, by layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CoActivations {
    /// Strongest pair over random.
    pub max_ratio: PerLayer,
    /// Share of the top 10% of pairs.
    pub top10_share: PerLayer,
}

/// The numbers of all analyses of a summary, without words and figures; `warnings` stand before what is odd in the counts themselves.
#[must_use]
pub fn report(summary: &Summary, warnings: Vec<String>) -> Report {
    let mut reporter = Reporter::new(summary, warnings);
    while reporter.step(summary) {}
    reporter.finish(summary, None)
}

/// A report in the making, a layer at a time: a worker answers sliders in between.
#[derive(Clone, Debug)]
pub struct Reporter {
    next: usize,
    out: Report,
}

impl Reporter {
    /// A report that has no layer yet.
    #[must_use]
    pub fn new(summary: &Summary, warnings: Vec<String>) -> Self {
        let stream = stream_name(summary.stream_phase());
        let windows: Vec<usize> = (1..=WINDOWS).collect();
        let named = |kind| scopes(summary).map(|s| (scope_name(kind, s), Transitions::new(kind))).collect();
        let out = Report {
            requests: summary.requests,
            tokens: Tokens { prefill: summary.tokens[0], decode: summary.tokens[1], unmarked: summary.tokens[2] },
            layers: summary.layers.len(),
            layer_ids: summary.layer_ids(),
            experts: summary.experts,
            top_k: summary.top_k,
            warnings,
            frequency: scopes(summary).map(|s| (s.name().to_string(), Frequency::default())).collect(),
            cross_layer: named(Kind::CrossLayer),
            cross_token: named(Kind::CrossToken),
            repetition: Repetition {
                stream: stream.into(),
                any: vec![Vec::new(); windows.len()],
                fraction: vec![Vec::new(); windows.len()],
                windows,
                lockstep: Vec::new(),
            },
            coactivation: (summary.top_k > 1 && !summary.is_counts()).then(CoActivations::default),
            ..Report::default()
        };
        Self { next: 0, out }
    }

    /// Layers done, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.next as u64, self.out.layers as u64)
    }

    /// Adds the next layer; false if there is none.
    #[inline(never)]
    pub fn step(&mut self, summary: &Summary) -> bool {
        let Some((&id, layer)) = summary.layers.iter().nth(self.next) else { return false };
        let l = self.next as u64;
        let last = self.next + 1 == summary.layers.len();
        self.next += 1;
        let n = summary.experts;
        let [all, prefill, decode] = Scope::EACH.map(|s| frequency(layer, s, Half::Both, n));
        let unmarked = frequency(layer, Scope::Unmarked, Half::Both, n);
        for (scope, counts) in scopes(summary).zip([&all, &prefill, &decode, &unmarked]) {
            let out = self.out.frequency.entry(scope.name().into()).or_default();
            out.skew.push(skew(counts));
            out.checksum += (0u64..).zip(counts).map(|(e, c)| c * ((131 * l + 31 * e) % 1009)).sum::<u64>();
        }
        let similar = &mut self.out.similarity;
        similar.rho_frequency.push(spearman(&prefill, &decode));
        for m in [5, 10, 20] {
            let share = overlap(&decode, 5, &prefill, m);
            similar.decode_top5_in_prefill_top.entry(m.to_string()).or_default().push(share);
        }
        let phase = summary.stream_phase();
        let [even, odd] = [Half::Even, Half::Odd].map(|h| frequency(layer, phase.scope(), h, n));
        let split_half = spearman(&even, &odd);
        similar.rho_noise_ceiling.push(split_half);
        similar.ceiling_frequency.push(split_half.and_then(spearman_brown));
        self.transitions(summary, layer, Kind::CrossToken, l);
        // The last layer has no next one.
        if !last {
            self.transitions(summary, layer, Kind::CrossLayer, l);
        }
        let repetition = &layer.repetition[phase as usize];
        for (i, &window) in self.out.repetition.windows.iter().enumerate() {
            self.out.repetition.any[i].push(repetition.any(window));
            self.out.repetition.fraction[i].push(repetition.fraction(window));
        }
        let (again, needed) = summary.lockstep[phase as usize].repeated(id);
        self.out.repetition.lockstep.push((needed > 0).then(|| again as f64 / needed as f64));
        if let Some(out) = &mut self.out.coactivation {
            let pairs = coactivation(layer, n);
            out.max_ratio.push(pairs.max_ratio);
            out.top10_share.push(pairs.top10_share);
            self.out.strongest_pairs.extend(strongest(layer, n).map(|(a, b, ratio)| Pair {
                layer: id,
                experts: [a, b],
                ratio,
            }));
        }
        let mean = all.iter().sum::<u64>() as f64 / n as f64;
        self.out.hot.extend(top(&all, LISTED).into_iter().filter(|&e| all[e] > 0).map(|expert| Hot {
            layer: id,
            expert,
            over_mean: all[expert] as f64 / mean,
        }));
        true
    }

    /// The report, once [`Reporter::step`] has returned false. Caches are those that F is asked about in bytes.
    #[must_use]
    pub fn finish(mut self, summary: &Summary, caches: Option<Caches>) -> Report {
        let phase = summary.stream_phase();
        let reuse = |counts: &DistanceCounts, tokens: Option<Vec<u64>>| {
            let objects = summary.layers.len() * summary.experts;
            Reuse { log2_token_bins: tokens, ..reuse_of(counts, objects, stream_name(phase), caches) }
        };
        let streams = streams(summary);
        let [one, all, lockstep] = &streams;
        let out = &mut self.out;
        out.reuse = [
            ("per_request", reuse(&one.1, Some(token_gaps(summary, phase)))),
            ("back_to_back", reuse(&all.1, None)),
            ("batched", reuse(&lockstep.1, Some(summary.lockstep[phase as usize].gaps().0))),
        ]
        .map(|(name, r)| (name.to_string(), r))
        .into();
        out.subjects = subjects(summary);
        out.datasets = datasets(summary);
        out.hot.sort_by(|a, b| b.over_mean.total_cmp(&a.over_mean));
        out.hot.truncate(LISTED);
        out.strongest_pairs.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
        out.strongest_pairs.truncate(LISTED);
        out.collapsed = collapsed(summary).into_iter().map(|c| c.layer).collect();
        out.warnings.extend(lint(summary));
        self.out
    }

    fn transitions(&mut self, summary: &Summary, layer: &LayerCounts, kind: Kind, l: u64) {
        let mut tables = Vec::new();
        for scope in scopes(summary) {
            let by_scope = if kind == Kind::CrossLayer { &mut self.out.cross_layer } else { &mut self.out.cross_token };
            let out = by_scope.entry(scope_name(kind, scope)).or_default();
            let table = transition(layer, kind, scope, Half::Both, summary.experts);
            let halves = [Half::Even, Half::Odd].map(|half| transition(layer, kind, scope, half, summary.experts));
            let counts = frequency(layer, scope, Half::Both, summary.experts);
            let Coverage { top, weighted, heldout, baseline } = coverage_of(&table, &halves, &counts);
            if scope.phases() == [summary.stream_phase()] {
                let rho = spearman(&halves[0].cells, &halves[1].cells);
                let similar = &mut self.out.similarity;
                let (split_half, ceiling) = match kind {
                    Kind::CrossLayer => (&mut similar.split_half_cross_layer, &mut similar.ceiling_cross_layer),
                    Kind::CrossToken => (&mut similar.split_half_cross_token, &mut similar.ceiling_cross_token),
                };
                split_half.push(rho);
                ceiling.push(rho.and_then(spearman_brown));
            }
            out.coverage_top.push(top);
            out.coverage_weighted.push(weighted);
            out.coverage_heldout.push(heldout);
            out.coverage_baseline.push(baseline);
            out.checksum += checksum(&table, l);
            if kind == Kind::CrossToken {
                let (weighted, unweighted) = diagonal(&table, summary.top_k);
                out.diagonal_weighted.get_or_insert_default().push(weighted);
                out.diagonal_unweighted.get_or_insert_default().push(unweighted);
            }
            tables.push(table);
        }
        let [_, prefill, decode, ..] = &tables[..] else { return };
        let similar = &mut self.out.similarity;
        let rho = if kind == Kind::CrossLayer { &mut similar.rho_cross_layer } else { &mut similar.rho_cross_token };
        rho.push(spearman(&prefill.cells, &decode.cells));
    }
}

impl Transitions {
    fn new(kind: Kind) -> Self {
        let diagonal = (kind == Kind::CrossToken).then(Vec::new);
        Self { diagonal_weighted: diagonal.clone(), diagonal_unweighted: diagonal, ..Self::default() }
    }
}

/// The scopes of a report: those that every report has, and that of unmarked tokens if there are any.
fn scopes(summary: &Summary) -> impl Iterator<Item = Scope> + use<> {
    let unmarked = summary.tokens[2] > 0;
    Scope::EACH.into_iter().chain(unmarked.then_some(Scope::Unmarked))
}

fn scope_name(kind: Kind, scope: Scope) -> String {
    if kind == Kind::CrossToken && scope == Scope::All { "joined".into() } else { scope.name().into() }
}

/// The strongest pairs of a layer: experts and count over the average pair.
fn strongest(layer: &LayerCounts, experts: usize) -> impl Iterator<Item = (usize, usize, f64)> {
    let cells: Vec<u64> = layer.pairs.cells().iter().map(|&c| c.into()).collect();
    let total: u64 = cells.iter().sum();
    let all = experts * (experts - 1) / 2;
    let mut found = Vec::new();
    for (high, low) in (1..experts).flat_map(|high| (0..high).map(move |low| (high, low))) {
        let Some(&count) = cells.get(Pairs::at(high, low)).filter(|c| **c > 0) else { continue };
        found.push((count, low, high));
        // Ten of these at most are listed: a full sort of all pairs is not needed.
        if found.len() > 64 * LISTED {
            found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.cmp(b)));
            found.truncate(LISTED);
        }
    }
    found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.cmp(b)));
    found.truncate(LISTED);
    found.into_iter().map(move |(count, low, high)| (low, high, count as f64 * all as f64 / total as f64))
}

fn checksum(table: &Square, layer: u64) -> u64 {
    let rows = (0u64..).zip(table.cells.chunks_exact(table.n.max(1)));
    rows.flat_map(|(i, row)| (0u64..).zip(row).map(move |(j, c)| c * ((131 * layer + 31 * i + 17 * j) % 1009))).sum()
}

/// Keys are numbers: 5 stands before 10.
fn by_number<V: Serialize, S: Serializer>(map: &BTreeMap<String, V>, to: S) -> Result<S::Ok, S::Error> {
    let mut all: Vec<(&String, &V)> = map.iter().collect();
    all.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
    to.collect_map(all)
}

fn reuse_of(counts: &DistanceCounts, objects: usize, scope: &str, caches: Option<Caches>) -> Reuse {
    let miss = |p: usize| (p.to_string(), counts.miss_ratio(share_up(p, objects)));
    let bytes = |c: Caches| ReuseBytes {
        expert: c.expert,
        llc: c.llc,
        llc_miss_ratio: counts.miss_ratio(floor(c.experts(c.llc))),
        hbm: c.hbm,
        hbm_miss_ratio: counts.miss_ratio(floor(c.experts(c.hbm))),
    };
    Reuse {
        scope: scope.into(),
        accesses: counts.accesses,
        cold: counts.cold,
        log2_bins: counts.log2_bins(),
        miss_ratio: [5, 10, 20, 50].map(miss).into(),
        log2_token_bins: None,
        bytes: caches.map(bytes),
    }
}
