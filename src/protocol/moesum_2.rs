//! Summary files of the version before: without unmarked tokens. Apart from the files of today, which know nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Dataset, Part};
use crate::analysis::{DistanceCounts, LayerCounts, Lockstep, Matrix, Pairs, RepetitionCounts, Stream, Summary};
use crate::format::Issue;
use crate::model::{Labels, Phase, Request};

#[derive(Deserialize)]
struct Dataset2 {
    parts: BTreeMap<usize, Part2>,
    issues: Vec<(u64, Issue)>,
    files: u64,
    bytes: u64,
    synthetic: bool,
    sources: BTreeSet<u64>,
}

#[derive(Deserialize)]
struct Part2 {
    summary: Summary2,
    requests: Vec<Request2>,
    paths: Vec<String>,
    counted: usize,
    digest: u64,
    cut: Option<(u64, u32)>,
}

#[derive(Deserialize)]
struct Summary2 {
    requests: u64,
    tokens: [u64; 2],
    experts: usize,
    top_k: usize,
    unknown_rows: u64,
    layers: BTreeMap<u32, LayerCounts2>,
    reuse: [DistanceCounts; 2],
    lockstep: [Lockstep; 2],
    beyond: [u64; 2],
    stream: [Stream; 2],
    subjects: BTreeMap<Labels, (u64, BTreeMap<u32, Vec<u64>>)>,
}

#[derive(Deserialize)]
struct LayerCounts2 {
    frequency: [[Vec<u64>; 2]; 2],
    cross_token: [[Matrix; 2]; 2],
    boundary: [BTreeMap<(u16, u16), u32>; 2],
    cross_layer: [[Matrix; 2]; 2],
    pairs: Pairs,
    repetition: [RepetitionCounts; 2],
}

#[derive(Deserialize)]
struct Request2 {
    index: u64,
    sub: u32,
    labels: Labels,
    top_k: usize,
    prefill: usize,
    tokens: usize,
    layers: Vec<u32>,
    #[serde(with = "crate::model::packed::nested")]
    columns: Vec<Vec<u16>>,
}

/// What such a file holds, as of today.
pub(super) fn read(plain: &[u8]) -> Result<Dataset, postcard::Error> {
    let Dataset2 { parts, issues, files, bytes, synthetic, sources } = postcard::from_bytes(plain)?;
    let parts = parts.into_iter().map(|(k, part)| (k, part.into())).collect();
    Ok(Dataset { parts, issues, files, bytes, synthetic, sources, ..Dataset::default() })
}

/// Two phases, and no unmarked tokens.
fn three<T: Default>([prefill, decode]: [T; 2]) -> [T; 3] {
    [prefill, decode, T::default()]
}

impl From<Part2> for Part {
    fn from(part: Part2) -> Self {
        let Part2 { summary, requests, paths, counted, digest, cut } = part;
        let mut summary = Summary::from(summary);
        // Counts without tokens stood under prefill.
        if summary.is_counts() {
            for layer in summary.layers.values_mut() {
                layer.frequency.swap(Phase::Prefill as usize, Phase::Unmarked as usize);
            }
        }
        let requests = requests.into_iter().map(Request::from).collect();
        Self { summary, requests, paths, counted, digest, cut }
    }
}

impl From<Summary2> for Summary {
    fn from(of: Summary2) -> Self {
        Self {
            requests: of.requests,
            tokens: three(of.tokens),
            experts: of.experts,
            top_k: of.top_k,
            unknown_rows: of.unknown_rows,
            layers: of.layers.into_iter().map(|(id, layer)| (id, layer.into())).collect(),
            reuse: three(of.reuse),
            lockstep: three(of.lockstep),
            beyond: three(of.beyond),
            stream: three(of.stream),
            subjects: of.subjects,
        }
    }
}

impl From<LayerCounts2> for LayerCounts {
    fn from(of: LayerCounts2) -> Self {
        Self {
            frequency: three(of.frequency),
            cross_token: three(of.cross_token),
            boundary: of.boundary,
            cross_layer: three(of.cross_layer),
            pairs: of.pairs,
            repetition: three(of.repetition),
        }
    }
}

impl From<Request2> for Request {
    fn from(of: Request2) -> Self {
        let Request2 { index, sub, labels, top_k, prefill, tokens, layers, columns } = of;
        Self { index, sub, labels, top_k, prefill, tokens, layers, columns, ..Self::default() }
    }
}
