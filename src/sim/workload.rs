//! The token-expert counts of a batch. Apart from the engine: traces and synthetic workloads both end here.

use serde::{Deserialize, Serialize};

use crate::model::{Phase, Request, Tokens, UNKNOWN};
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
    /// What each request slot's token chose; none where nobody asks where tokens come from.
    pub tokens: Option<Tokens>,
    /// The subject that each step is of, by its position in the subjects of the loads; none where batches are mixed.
    pub of_step: Vec<usize>,
}

/// Which request slots hold the tokens of each expert, in one layer of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// Where those of an expert start in `slots`, and at the end the end.
    pub starts: Vec<usize>,
    /// Request slots, expert after expert, each in the order of the slots.
    pub slots: Vec<u32>,
}

impl Origins {
    /// The request slots of an expert's tokens.
    #[must_use]
    pub fn of(&self, expert: usize) -> &[u32] {
        &self.slots[self.starts[expert]..self.starts[expert + 1]]
    }
}

impl Workload {
    /// Fills a batch from the tokens of a phase of `requests`, in order: decode, or unmarked where there is no decode. With fewer
    /// requests than the batch holds, they are used again at other decode offsets, spread evenly. Heat is given for each simulated layer; loads are for who knows them.
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
            let (first, tokens) = (request.span(phase).start, request.span(phase).len());
            let starts = tokens.saturating_sub(steps) + 1;
            // Slots r, r + R, r + 2R, … of the batch use this request; rounds of one offset are counted at once.
            let used = (batch.saturating_sub(r)).div_ceil(sources.len());
            let mut times = vec![0u32; starts];
            (0..used as u64).for_each(|round| times[offset(round, starts as u64, rounds)] += 1);
            let taken: Vec<(usize, u32)> = times.into_iter().enumerate().filter(|(_, times)| *times > 0).collect();
            // Layer by layer, step by step: the counts of one are in the nearest cache, those of all layers are not.
            for (l, id) in layers.iter().enumerate() {
                let Ok(position) = request.layers.binary_search(id) else { continue };
                for step in 0..steps {
                    let of_layer = &mut counts[(step * layers.len() + l) * experts..][..experts];
                    for &(offset, times) in &taken {
                        let at = offset + step;
                        // Only a request of fewer tokens than steps starts again; a division for every token would cost as much as
                        // its counts.
                        let token = first + if at < tokens { at } else { at % tokens };
                        let Some(row) = request.row(position, token) else { continue };
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
            tokens: None,
            of_step: Vec::new(),
        }
    }

    /// Batches one after another, each of one subject: the steps of the first, then those of the next. Layers, experts and the size of
    /// a batch are those of the first, and all must share them.
    #[must_use]
    pub fn in_turn(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        for (subject, part) in parts.into_iter().enumerate() {
            if subject == 0 {
                all = Self { counts: Vec::new(), steps: 0, sources: 0, ..part.clone() };
            }
            all.of_step.extend(std::iter::repeat_n(subject, part.steps));
            all.steps += part.steps;
            all.sources += part.sources;
            all.counts.extend(part.counts);
        }
        all
    }

    /// What each slot's token chose in the batch that [`Workload::fill`] makes of the same.
    #[must_use]
    pub fn tokens<'a>(
        requests: impl IntoIterator<Item = &'a Request>,
        phase: Phase,
        shape: Shape<'_>,
        batch: usize,
        steps: usize,
    ) -> Tokens {
        let sources: Vec<&Request> = requests.into_iter().filter(|r| !r.span(phase).is_empty()).collect();
        let used = &sources[..sources.len().min(batch)];
        let top_k = used.iter().map(|r| r.top_k).max().unwrap_or(0);
        let rounds = batch.div_ceil(sources.len().max(1)) as u64;
        let mut at = vec![u32::MAX; steps * batch];
        // Of each request only the tokens that a slot takes are kept.
        let mut kept: Vec<(usize, usize)> = Vec::new();
        for (r, request) in used.iter().enumerate() {
            let (first, tokens) = (request.span(phase).start, request.span(phase).len());
            let starts = tokens.saturating_sub(steps) + 1;
            let mut places = vec![u32::MAX; tokens];
            for (round, slot) in (r..batch).step_by(sources.len()).enumerate() {
                let offset = offset(round as u64, starts as u64, rounds);
                for step in 0..steps {
                    let place = &mut places[(offset + step) % tokens];
                    if *place == u32::MAX {
                        *place = crate::units::small(kept.len());
                        kept.push((r, first + (offset + step) % tokens));
                    }
                    at[step * batch + slot] = *place;
                }
            }
        }
        let mut rows = Vec::with_capacity(shape.layers.len() * kept.len() * top_k);
        for id in shape.layers {
            let positions: Vec<Option<usize>> = used.iter().map(|r| r.layers.binary_search(id).ok()).collect();
            for &(r, token) in &kept {
                let row = positions[r].and_then(|position| used[r].row(position, token)).unwrap_or_default();
                rows.extend(row.iter().copied().chain(std::iter::repeat(UNKNOWN)).take(top_k));
            }
        }
        Tokens::new(top_k, kept.len(), rows, at, batch)
    }

    /// Which request slots hold the tokens of each expert. Where only counts are known, those of all experts one after another are
    /// dealt to the slots in turn (**inferred**): each slot has its K experts, and each expert's tokens lie on neighbouring slots.
    #[must_use]
    pub fn origins(&self, step: usize, layer: usize) -> Origins {
        let mut starts = vec![0usize; self.experts + 1];
        let Some(tokens) = &self.tokens else {
            for (expert, &n) in self.of(step, layer).iter().enumerate() {
                starts[expert + 1] = starts[expert] + n as usize;
            }
            let all = 0..starts[self.experts];
            let mut slots: Vec<u32> = all.map(|j| crate::units::small(j % self.batch.max(1))).collect();
            starts.windows(2).for_each(|ends| slots[ends[0]..ends[1]].sort_unstable());
            return Origins { starts, slots };
        };
        let rows = || (0..self.batch).map(|slot| (slot, tokens.of(step, layer, slot)));
        for (_, row) in rows() {
            row.iter().for_each(|&e| starts[usize::from(e) + 1] += 1);
        }
        for expert in 0..self.experts {
            starts[expert + 1] += starts[expert];
        }
        let (mut next, mut slots) = (starts.clone(), vec![0; starts[self.experts]]);
        for (slot, row) in rows() {
            for &e in row {
                let at = &mut next[usize::from(e)];
                slots[*at] = crate::units::small(slot);
                *at += 1;
            }
        }
        Origins { starts, slots }
    }

    /// Tokens of each expert in all steps of a layer (by position).
    #[must_use]
    pub fn sums(&self, layer: usize) -> Vec<u64> {
        let mut sums = vec![0; self.experts];
        for step in 0..self.steps {
            sums.iter_mut().zip(self.of(step, layer)).for_each(|(sum, &n)| *sum += u64::from(n));
        }
        sums
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
