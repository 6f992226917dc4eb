//! F over all requests one after another. Apart from the counts that commute, because here order is the meaning: runs of
//! requests are kept as segments, and neighbours join. Any split of the requests gives the same runs in the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DistanceCounts, StackDistance};
use crate::model::{Phase, Request};

/// The stream of a run of requests with consecutive indices, so far as what came before does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Index of the last request.
    last: u64,
    /// Accesses, and the distances that the run itself decides.
    counts: DistanceCounts,
    /// Objects in the order of their first access: each waits for what stands before the run.
    firsts: Vec<u32>,
    /// All objects, the least recently used first.
    stack: Vec<u32>,
}

/// The runs, by the index of their first request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream(BTreeMap<u64, Segment>);

impl Stream {
    /// Adds requests of one phase.
    pub(super) fn add(&mut self, requests: &[Request], phase: Phase) {
        // Neighbours go through one stack: joining them later would cost more.
        for run in requests.chunk_by(|a, b| (a.index == b.index || a.index + 1 == b.index) && a.layers == b.layers) {
            self.insert(run[0].index, Segment::of(run, phase));
        }
        self.join_neighbours();
    }

    /// Adds the runs of others.
    pub(super) fn merge(&mut self, other: &Stream) {
        for (&first, segment) in &other.0 {
            self.insert(first, segment.clone());
        }
        self.join_neighbours();
    }

    /// Distances of the whole stream. Gaps, where a file held no request, do not matter any more.
    #[must_use]
    pub fn distances(&self) -> DistanceCounts {
        let mut all = Segment::default();
        for segment in self.0.values() {
            all = join(&all, segment);
        }
        let mut counts = all.counts;
        for _ in &all.firsts {
            counts.count(None);
        }
        counts
    }

    /// An index given twice, by loading a file twice, takes the next free place.
    fn insert(&mut self, mut first: u64, segment: Segment) {
        while self.0.contains_key(&first) {
            first += 1;
        }
        let last = segment.last.max(first);
        self.0.insert(first, Segment { last, ..segment });
    }

    fn join_neighbours(&mut self) {
        let runs = std::mem::take(&mut self.0);
        let mut open: Option<(u64, Segment)> = None;
        for (first, segment) in runs {
            open = Some(match open.take() {
                Some((start, before)) if before.last + 1 == first => (start, join(&before, &segment)),
                Some((start, before)) => {
                    self.0.insert(start, before);
                    (first, segment)
                }
                None => (first, segment),
            });
        }
        self.0.extend(open);
    }
}

impl Segment {
    /// A run of requests with the same layers.
    fn of(run: &[Request], phase: Phase) -> Self {
        let layers = &run[0].layers;
        let experts = usize::from(run.iter().filter_map(Request::max_id).max().unwrap_or(0)) + 1;
        let object = |layer: usize, e: u16| layers[layer] << 16 | u32::from(e);
        let mut stack = StackDistance::new(layers.len() * experts);
        let mut segment = Self { last: run.last().map_or(0, |r| r.index), ..Self::default() };
        for request in run {
            let range = match phase {
                Phase::Prefill => 0..request.prefill,
                Phase::Decode => request.prefill..request.tokens,
            };
            for token in range {
                for layer in 0..layers.len() {
                    for &e in request.row(layer, token).unwrap_or_default() {
                        match stack.access(layer * experts + usize::from(e)) {
                            Some(distance) => segment.counts.count(Some(distance)),
                            None => segment.firsts.push(object(layer, e)),
                        }
                    }
                }
            }
        }
        let id = |e: usize| u16::try_from(e).unwrap_or(u16::MAX);
        segment.stack = stack.by_time().into_iter().map(|o| object(o / experts, id(o % experts))).collect();
        segment
    }
}

/// Two runs, one after the other: the second's first accesses meet the first's stack.
fn join(before: &Segment, after: &Segment) -> Segment {
    let mut objects: Vec<u32> = before.stack.iter().chain(&after.stack).copied().collect();
    objects.sort_unstable();
    objects.dedup();
    let place = |object: &u32| objects.binary_search(object).unwrap_or(0);
    let mut stack = StackDistance::new(objects.len());
    for object in &before.stack {
        stack.access(place(object));
    }
    let mut joined =
        Segment { last: after.last, counts: before.counts.clone(), firsts: before.firsts.clone(), stack: Vec::new() };
    joined.counts.merge(&after.counts);
    for object in &after.firsts {
        match stack.access(place(object)) {
            Some(distance) => joined.counts.count(Some(distance)),
            None => joined.firsts.push(*object),
        }
    }
    let used: Vec<usize> = after.stack.iter().map(place).collect();
    let mut again = vec![false; objects.len()];
    used.iter().for_each(|&o| again[o] = true);
    joined.stack =
        before.stack.iter().filter(|o| !again[place(o)]).copied().chain(after.stack.iter().copied()).collect();
    joined
}
