//! The token-expert counts of a batch. Apart from the engine: traces and synthetic workloads both end here.

use serde::{Deserialize, Serialize};

use crate::model::{Phase, Request};
use crate::place::Loads;

/// What the dies have to compute, and the heat map that the predictor may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Simulated layers, by id.
    pub layers: Vec<u32>,
    /// MoE layers of the whole model.
    pub all_layers: usize,
    /// Experts of a layer (E).
    pub experts: usize,
    /// Requests in the batch (B).
    pub batch: usize,
    /// Decode steps.
    pub steps: usize,
    /// Tokens of each expert, `[step][layer][expert]`.
    pub counts: Vec<u32>,
    /// Cross-token pair counts, `[layer][expert][next expert]`.
    pub heat: Vec<Vec<u32>>,
    /// What a placement may learn from.
    pub loads: Loads,
    /// Requests of the trace that had tokens of the phase; the batch reuses them if it is larger.
    pub sources: usize,
}

impl Workload {
    /// Fills a batch from the tokens of a phase of `requests`, in order: decode, or unmarked where there is no decode. With fewer requests than the batch holds, they are
    /// used again at other decode offsets, spread evenly. Heat is given for each simulated layer; loads are for who knows them.
    #[must_use]
    #[inline(never)]
    pub fn fill<'a>(
        requests: impl IntoIterator<Item = &'a Request>,
        phase: Phase,
        shape: Shape<'_>,
        batch: usize,
        steps: usize,
        heat: Vec<Vec<u32>>,
    ) -> Self {
        let sources: Vec<&Request> = requests.into_iter().filter(|r| !r.span(phase).is_empty()).collect();
        let Shape { layers, all_layers, experts } = shape;
        let mut counts = vec![0u32; steps * layers.len() * experts];
        let rounds = batch.div_ceil(sources.len().max(1)) as u64;
        for (r, request) in sources.iter().enumerate() {
            let positions: Vec<Option<usize>> = layers.iter().map(|id| request.layers.binary_search(id).ok()).collect();
            let (first, tokens) = (request.span(phase).start, request.span(phase).len());
            let starts = tokens.saturating_sub(steps) + 1;
            // Slots r, r + R, r + 2R, … of the batch use this request; rounds of one offset are counted at once.
            let used = (batch.saturating_sub(r)).div_ceil(sources.len());
            let mut times = vec![0u32; starts];
            (0..used as u64).for_each(|round| times[offset(round, starts as u64, rounds)] += 1);
            for (offset, &times) in times.iter().enumerate().filter(|(_, times)| **times > 0) {
                for step in 0..steps {
                    let token = first + (offset + step) % tokens;
                    for (l, position) in positions.iter().enumerate() {
                        let Some(row) = position.and_then(|p| request.row(p, token)) else { continue };
                        let of_layer = &mut counts[(step * layers.len() + l) * experts..][..experts];
                        row.iter().for_each(|&e| of_layer[usize::from(e)] += times);
                    }
                }
            }
        }
        Self {
            layers: layers.to_vec(),
            all_layers,
            experts,
            batch,
            steps,
            counts,
            heat,
            loads: Loads::default(),
            sources: sources.len(),
        }
    }

    /// Tokens of each expert in one step and layer (by position).
    #[must_use]
    pub fn of(&self, step: usize, layer: usize) -> &[u32] {
        &self.counts[(step * self.layers.len() + layer) * self.experts..][..self.experts]
    }
}

/// The decode offset at which a request starts in one of so many rounds: spread evenly over `starts`. A million rounds over
/// a long request do not fit into the 32 bits of a WebAssembly address: all three are of 64 bits on every target.
#[must_use]
pub fn offset(round: u64, starts: u64, rounds: u64) -> usize {
    crate::units::index(round * starts / rounds)
}

/// The layers and experts of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Simulated layers, by id.
    pub layers: &'a [u32],
    /// MoE layers of the whole model.
    pub all_layers: usize,
    /// Experts of a layer.
    pub experts: usize,
}

/// `n` evenly spaced items of `all`, or all of them: the middles of n equal parts.
#[must_use]
pub fn evenly_spaced(all: &[u32], n: usize) -> Vec<u32> {
    if n >= all.len() || n == 0 {
        return all.to_vec();
    }
    (0..n).map(|i| all[(2 * i + 1) * all.len() / (2 * n)]).collect()
}
