//! All counts of a trace. Apart from the queries, because this is what workers fill, merge and send.
//!
//! Memory follows layers × experts², never the number of requests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{DistanceCounts, Lockstep, Matrix, Pairs, RepetitionCounts, StackDistance, Stream, stream::Run};
use crate::model::{Labels, MAX_EXPERTS, Marks, Phase, Request, expert_count, model_of_shape};

/// The counts of a set of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Requests counted.
    pub requests: u64,
    /// Tokens: prefill, decode, unmarked.
    pub tokens: [u64; 3],
    /// Experts of a layer (E).
    pub experts: usize,
    /// Experts of a token (K); 0 before the first request.
    pub top_k: usize,
    /// Rows whose routing is unknown.
    pub unknown_rows: u64,
    /// Counts of each MoE layer, by layer id.
    pub layers: BTreeMap<u32, LayerCounts>,
    /// Reuse distances within each request, by phase.
    pub reuse: [DistanceCounts; 3],
    /// Distinct experts of each step when all requests run in lockstep, by phase.
    pub lockstep: [Lockstep; 3],
    /// Tokens of requests so long that lockstep does not reach them, by phase.
    pub beyond: [u64; 3],
    /// All requests one after another, by phase.
    pub stream: [Stream; 3],
    /// Requests and expert counts by what the folders name: layer id to counts.
    pub subjects: BTreeMap<Labels, (u64, BTreeMap<u32, Vec<u64>>)>,
}

/// The counts of one layer. Arrays are `[phase][half]`: prefill, decode and unmarked; requests of even and odd index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerCounts {
    /// Tokens of each expert.
    pub frequency: [[Vec<u64>; 2]; 3],
    /// (expert of token t, expert of token t+1), both tokens in the phase.
    pub cross_token: [[Matrix; 2]; 3],
    /// The same across the end of prefill: one pair of tokens a request, so a sparse table.
    pub boundary: [BTreeMap<(u16, u16), u32>; 2],
    /// (expert here, expert in the next MoE layer) of one token.
    pub cross_layer: [[Matrix; 2]; 3],
    /// Unordered pairs within one token's experts.
    pub pairs: Pairs,
    /// Repetition within a window of tokens, by phase.
    pub repetition: [RepetitionCounts; 3],
}

/// Which requests a query looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// All.
    Both,
    /// Those of even index.
    Even,
    /// Those of odd index.
    Odd,
}

impl Half {
    /// Positions in the arrays of [`LayerCounts`].
    #[must_use]
    pub fn positions(self) -> &'static [usize] {
        match self {
            Half::Both => &[0, 1],
            Half::Even => &[0],
            Half::Odd => &[1],
        }
    }
}

impl Summary {
    /// Counts requests. All have the same K: the caller keeps others apart.
    pub fn add(&mut self, requests: &[Request]) {
        self.add_layers(requests);
        self.add_reuse(requests);
    }

    /// Counts all but their reuse distances: the half that goes layer by layer, over all requests. A layer's tables fit in a
    /// cache, those of all layers do not: counting one request at a time takes three times as long.
    pub fn add_layers(&mut self, requests: &[Request]) {
        self.add_tables(requests, true);
    }

    /// Counts what batches are filled and placed by: how often experts are chosen, in all and by subject, and what the next token
    /// chooses. A run needs nothing that a report alone tells, and not the tables of two layers or of one token's pairs either,
    /// which are most of the memory.
    pub fn add_for_batches(&mut self, requests: &[Request]) {
        self.add_tables(requests, false);
    }

    // Kernels are never inlined: a browser optimises one function at a time, and late if it is as large as the program.
    #[inline(never)]
    fn add_tables(&mut self, requests: &[Request], all: bool) {
        for request in requests {
            self.requests += 1;
            for phase in Phase::EACH {
                let tokens = request.span(phase).len();
                self.tokens[phase as usize] += tokens as u64;
                self.beyond[phase as usize] += tokens.saturating_sub(super::lockstep::LONGEST) as u64;
            }
            self.top_k = request.top_k;
            self.experts = self.experts.max(experts_of(request));
            self.subjects.entry(request.labels.clone()).or_default().0 += 1;
        }
        let ids: BTreeSet<u32> = requests.iter().flat_map(|r| r.layers.iter().copied()).collect();
        for id in ids {
            let layer = self.layers.entry(id).or_default();
            for request in requests {
                if let Ok(position) = request.layers.binary_search(&id) {
                    let subject = self.subjects.entry(request.labels.clone()).or_default();
                    let in_subject = subject.1.entry(id).or_default();
                    self.unknown_rows += layer.add(request, position, self.experts, in_subject);
                    if !all {
                        continue;
                    }
                    layer.add_beside(request, position, self.experts);
                    for phase in Phase::EACH {
                        let rows = request.rows(position, request.span(phase));
                        self.lockstep[phase as usize].add(id, self.experts, rows);
                    }
                }
            }
        }
    }

    /// Counts their reuse distances: the half that goes token by token, through all layers. Two workers share a request so.
    #[inline(never)]
    pub fn add_reuse(&mut self, requests: &[Request]) {
        for request in requests {
            self.top_k = request.top_k;
            self.experts = self.experts.max(experts_of(request));
        }
        // Without unmarked tokens their stream is nothing, and of most traces it is.
        let unmarked = requests.iter().any(|r| r.marks == Marks::None);
        let phases = if unmarked { &Phase::EACH[..] } else { &Phase::EACH[..2] };
        for &phase in phases {
            // Those of one file are one run, whatever their layers: a place belongs to one run.
            for requests in requests.chunk_by(|a, b| a.index <= b.index && b.index - a.index < 2) {
                let mut run = Run::new(requests, self.experts);
                requests.iter().for_each(|r| self.add_stream(r, phase, &mut run));
                self.stream[phase as usize].add(run);
            }
        }
    }

    /// The counts of one layer over some requests, with E as given: a part of a trace beside another.
    #[must_use]
    #[inline(never)]
    pub fn of_layer<'a>(requests: impl IntoIterator<Item = &'a Request>, id: u32, experts: usize) -> Self {
        let mut summary = Self { experts, ..Self::default() };
        let mut layer = LayerCounts::default();
        for request in requests {
            summary.requests += 1;
            for phase in Phase::EACH {
                summary.tokens[phase as usize] += request.span(phase).len() as u64;
            }
            summary.top_k = request.top_k;
            if let Ok(position) = request.layers.binary_search(&id) {
                summary.unknown_rows += layer.add(request, position, experts, &mut Vec::new());
                layer.add_beside(request, position, experts);
            }
        }
        summary.layers.insert(id, layer);
        summary
    }

    /// Adds counts that came without any order of tokens: they answer frequency and skew, and nothing else. They are unmarked.
    /// E is `experts` if the recording says so, else the smallest size in use that holds them.
    pub fn add_counts(&mut self, labels: &Labels, layer: u32, counts: &[u64], experts: usize) {
        let most = counts.len().saturating_sub(1);
        let least = if experts > most { experts } else { expert_count(u16::try_from(most).unwrap_or(u16::MAX)) };
        self.experts = self.experts.max(least);
        add(&mut self.layers.entry(layer).or_default().frequency[Phase::Unmarked as usize][0], counts);
        add(self.subjects.entry(labels.clone()).or_default().1.entry(layer).or_default(), counts);
    }

    /// Adds the counts of other requests: associative and commutative.
    pub fn merge(&mut self, other: &Summary) {
        self.requests += other.requests;
        self.experts = self.experts.max(other.experts);
        self.top_k = self.top_k.max(other.top_k);
        self.unknown_rows += other.unknown_rows;
        for (&id, theirs) in &other.layers {
            self.layers.entry(id).or_default().merge(theirs);
        }
        for p in 0..Phase::EACH.len() {
            self.tokens[p] += other.tokens[p];
            self.beyond[p] += other.beyond[p];
            self.reuse[p].merge(&other.reuse[p]);
            self.stream[p].merge(&other.stream[p]);
            self.lockstep[p].merge(&other.lockstep[p]);
        }
        for (labels, (requests, layers)) in &other.subjects {
            let ours = self.subjects.entry(labels.clone()).or_default();
            ours.0 += requests;
            for (&id, counts) in layers {
                add(ours.1.entry(id).or_default(), counts);
            }
        }
    }

    /// One form for equal counts: tables that were filled before E was known grow to it.
    pub fn normalise(&mut self) {
        let n = self.experts;
        for layer in self.layers.values_mut() {
            for matrix in layer.cross_token.iter_mut().chain(&mut layer.cross_layer).flatten() {
                if !matrix.is_empty() {
                    matrix.cells_mut(n);
                }
            }
            if !layer.pairs.cells().is_empty() {
                layer.pairs.cells_mut(n);
            }
            layer.frequency.iter_mut().flatten().filter(|f| !f.is_empty()).for_each(|f| grow(f, n));
        }
        self.subjects.values_mut().flat_map(|(_, layers)| layers.values_mut()).for_each(|counts| grow(counts, n));
    }

    /// Whether counts that come from a file are what the queries rely on.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), &'static str> {
        /// No count that was counted is larger; sums of these never overflow.
        const MOST: u64 = 1 << 52;
        let n = self.experts;
        let small = |counts: &[u64]| counts.iter().all(|&c| c < MOST);
        let no_experts = n == 0 && !self.layers.is_empty();
        if no_experts || n as u64 > MAX_EXPERTS || self.top_k > n || self.layers.len() > 4096 {
            return Err("its shape");
        }
        if !small(&[self.requests, self.unknown_rows]) || !small(&self.tokens) || !small(&self.beyond) {
            return Err("its totals");
        }
        for layer in self.layers.values() {
            let squares = layer.cross_token.iter().chain(&layer.cross_layer).flatten().all(|m| m.is_sound(n));
            let frequencies = layer.frequency.iter().flatten().all(|f| f.len() <= n && small(f));
            let boundary = layer.boundary.iter().flat_map(BTreeMap::keys).all(|&(a, b)| usize::from(a.max(b)) < n);
            let repetition = layer.repetition.iter().all(|r| {
                r.nearest.len() <= super::WINDOWS
                    && r.gaps.len() <= super::WINDOWS
                    && small(&r.nearest)
                    && small(&r.gaps)
            });
            if !(squares && layer.pairs.is_sound(n) && frequencies && boundary && repetition) {
                return Err("the tables of a layer");
            }
        }
        let known = |id: &u32| self.layers.contains_key(id);
        let mut subjects = self.subjects.values().flat_map(|(_, layers)| layers);
        if !self.lockstep.iter().all(|l| l.is_sound(n, |id| known(&id))) {
            return Err("its steps");
        }
        if !subjects.all(|(id, c)| known(id) && c.len() <= n && small(c)) {
            return Err("its subjects");
        }
        if !self.reuse.iter().all(DistanceCounts::is_sound) || !self.stream.iter().all(super::Stream::is_sound) {
            return Err("its streams");
        }
        Ok(())
    }

    /// Bytes of the tables that hold nearly all of its memory: matrices and pairs.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        let tables = |l: &LayerCounts| {
            let matrices = l.cross_token.iter().chain(&l.cross_layer).flatten().map(Matrix::bytes).sum::<usize>();
            matrices + l.pairs.bytes()
        };
        self.layers.values().map(tables).sum()
    }

    /// Ids of the MoE layers.
    #[must_use]
    pub fn layer_ids(&self) -> Vec<u32> {
        self.layers.keys().copied().collect()
    }

    /// Whether these are counts that came without tokens.
    #[must_use]
    pub fn is_counts(&self) -> bool {
        self.requests == 0 && !self.layers.is_empty()
    }

    /// The phase that the token streams (reuse, repetition) show and batches are filled from: decode if the trace has any, else
    /// unmarked tokens, else prefill.
    #[must_use]
    pub fn stream_phase(&self) -> Phase {
        let [_, decode, unmarked] = self.tokens;
        match (decode, unmarked) {
            (0, 0) => Phase::Prefill,
            (0, _) => Phase::Unmarked,
            _ => Phase::Decode,
        }
    }

    /// Reuse distances of one request and phase.
    #[inline(never)]
    fn add_stream(&mut self, request: &Request, phase: Phase, run: &mut Run) {
        let n = self.experts;
        let positions = run.positions(&request.layers);
        let mut stack = StackDistance::new(run.objects());
        let (mut warm, mut firsts) = (DistanceCounts::default(), Vec::new());
        let tokens = request.span(phase);
        let mut columns: Vec<_> = (0..request.layers.len()).map(|p| request.rows(p, tokens.clone())).collect();
        for _ in tokens {
            for (&position, rows) in positions.iter().zip(&mut columns) {
                for &e in rows.next().flatten().unwrap_or_default() {
                    let object = position * n + usize::from(e);
                    match stack.access(object) {
                        Some(distance) => warm.count(Some(distance)),
                        None => firsts.push(object),
                    }
                }
            }
        }
        run.push(request.index, &warm, &firsts, &stack.by_time());
        let counts = &mut self.reuse[phase as usize];
        counts.merge(&warm);
        counts.accesses += firsts.len() as u64;
        counts.cold += firsts.len() as u64;
    }
}

impl LayerCounts {
    /// Counts how often a request chooses each expert, and what its next token chooses; gives the number of rows that are unknown.
    #[inline(never)]
    fn add(&mut self, request: &Request, position: usize, n: usize, in_subject: &mut Vec<u64>) -> u64 {
        let half = usize::from(request.is_odd());
        let mut unknown = 0;
        grow(in_subject, n);
        for phase in Phase::EACH {
            let (p, range) = (phase as usize, request.span(phase));
            if range.is_empty() {
                continue;
            }
            let frequency = &mut self.frequency[p][half];
            grow(frequency, n);
            for row in request.rows(position, range.clone()) {
                let Some(row) = row else {
                    unknown += 1;
                    continue;
                };
                for &e in row {
                    frequency[usize::from(e)] += 1;
                    in_subject[usize::from(e)] += 1;
                }
            }
            cross_token(self.cross_token[p][half].cells_mut(n), n, request, position, range);
        }
        if request.prefill > 0
            && let (Some(a), Some(b)) =
                (request.row(position, request.prefill - 1), request.row(position, request.prefill))
        {
            for &i in a {
                for &j in b {
                    *self.boundary[half].entry((i, j)).or_default() += 1;
                }
            }
        }
        unknown
    }

    /// Counts the rest of a request: pairs with the next layer and within a token, and repetition.
    #[inline(never)]
    fn add_beside(&mut self, request: &Request, position: usize, n: usize) {
        let half = usize::from(request.is_odd());
        for phase in Phase::EACH {
            let (p, range) = (phase as usize, request.span(phase));
            if range.is_empty() {
                continue;
            }
            if position + 1 < request.layers.len() {
                cross_layer(self.cross_layer[p][half].cells_mut(n), n, request, position, range.clone());
            }
            if request.top_k > 1 {
                count_pairs(self.pairs.cells_mut(n), request, position, range.clone());
            }
            self.repetition[p].add(request, position, range, n);
        }
    }

    fn merge(&mut self, other: &LayerCounts) {
        for p in 0..Phase::EACH.len() {
            for h in 0..2 {
                add(&mut self.frequency[p][h], &other.frequency[p][h]);
                self.cross_token[p][h].merge(&other.cross_token[p][h]);
                self.cross_layer[p][h].merge(&other.cross_layer[p][h]);
            }
            self.repetition[p].merge(&other.repetition[p]);
        }
        for (ours, theirs) in self.boundary.iter_mut().zip(&other.boundary) {
            for (&pair, &count) in theirs {
                *ours.entry(pair).or_default() += count;
            }
        }
        self.pairs.merge(&other.pairs);
    }
}

/// E of the model that a request must come from. It depends on that request alone, so the largest over all requests does
/// not depend on their order.
#[must_use]
pub fn experts_of(request: &Request) -> usize {
    let max_id = request.max_id().unwrap_or(0);
    if request.experts > usize::from(max_id) {
        return request.experts;
    }
    match model_of_shape(Some(&request.labels.model), request.layers.len(), max_id, request.top_k) {
        Some(model) => model.experts,
        None => expert_count(max_id),
    }
}

#[inline(never)]
fn cross_token(cells: &mut [u32], n: usize, request: &Request, layer: usize, range: std::ops::Range<usize>) {
    let mut before: Option<&[u16]> = None;
    for row in request.rows(layer, range) {
        if let (Some(a), Some(b)) = (before, row) {
            product(cells, n, a, b);
        }
        before = row;
    }
}

#[inline(never)]
fn cross_layer(cells: &mut [u32], n: usize, request: &Request, layer: usize, range: std::ops::Range<usize>) {
    for both in request.rows(layer, range.clone()).zip(request.rows(layer + 1, range)) {
        if let (Some(a), Some(b)) = both {
            product(cells, n, a, b);
        }
    }
}

#[inline(always)]
fn product(cells: &mut [u32], n: usize, from: &[u16], to: &[u16]) {
    for &i in from {
        let row = &mut cells[usize::from(i) * n..][..n];
        for &j in to {
            row[usize::from(j)] += 1;
        }
    }
}

#[inline(never)]
fn count_pairs(cells: &mut [u32], request: &Request, layer: usize, range: std::ops::Range<usize>) {
    for row in request.rows(layer, range).flatten() {
        for (k, &a) in row.iter().enumerate() {
            for &b in &row[..k] {
                cells[Pairs::at(usize::from(a), usize::from(b))] += 1;
            }
        }
    }
}

fn add(to: &mut Vec<u64>, from: &[u64]) {
    grow(to, from.len());
    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
}

fn grow(counts: &mut Vec<u64>, n: usize) {
    if counts.len() < n {
        counts.resize(n, 0);
    }
}
