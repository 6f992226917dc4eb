//! F over all requests one after another. Apart from the counts that commute, because here order is the meaning: runs of
//! requests are kept as segments, and neighbours join. Any split of the requests gives the same runs in the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DistanceCounts, StackDistance};
use crate::model::Request;

/// The stream of a run of requests with consecutive indices, so far as what came before does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Segment {
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
    /// Adds a run that was built.
    pub(super) fn add(&mut self, run: Run) {
        let first = run.first;
        self.insert(first, run.finish());
        self.join_neighbours();
    }

    /// Adds the runs of others.
    pub(super) fn merge(&mut self, other: &Stream) {
        for (&first, segment) in &other.0 {
            self.insert(first, segment.clone());
        }
        self.join_neighbours();
    }

    /// Index of the first and the last request of each run.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().map(|(&first, segment)| (first, segment.last))
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

    /// Whether the runs are in order, and of indices that can be counted on.
    pub(super) fn is_sound(&self) -> bool {
        // Every object of a run is first and last accessed once.
        let same = |s: &Segment| {
            let sorted = |of: &[u32]| of.iter().copied().collect::<std::collections::BTreeSet<u32>>();
            let stack = sorted(&s.stack);
            stack.len() == s.stack.len() && s.firsts.len() == s.stack.len() && sorted(&s.firsts) == stack
        };
        let sound =
            |(first, s): (&u64, &Segment)| *first <= s.last && s.last < 1 << 52 && s.counts.is_sound() && same(s);
        let ordered = self.0.iter().all(sound);
        ordered && self.0.values().zip(self.0.keys().skip(1)).all(|(s, next)| s.last < *next)
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

/// A run in the making. Within a request its own distances hold; only first accesses look further back. So a request costs
/// two accesses for each object it uses, not one for each use.
pub(super) struct Run {
    first: u64,
    layers: Vec<u32>,
    experts: usize,
    stack: StackDistance,
    segment: Segment,
}

impl Run {
    /// An empty run of some requests; objects are `position of the layer × experts + expert`.
    pub(super) fn new(requests: &[Request], experts: usize) -> Self {
        let mut layers: Vec<u32> = Vec::new();
        for (i, request) in requests.iter().enumerate() {
            // Nearly always those of the request before.
            if i == 0 || request.layers != requests[i - 1].layers {
                layers.extend(&request.layers);
            }
        }
        layers.sort_unstable();
        layers.dedup();
        let (first, stack) = (requests.first().map_or(0, |r| r.index), StackDistance::new(layers.len() * experts));
        Self { first, layers, experts, stack, segment: Segment::default() }
    }

    /// Positions of layers of a request of the run.
    pub(super) fn positions(&self, layers: &[u32]) -> Vec<usize> {
        layers.iter().map(|id| self.layers.binary_search(id).unwrap_or(0)).collect()
    }

    /// How many objects there are.
    pub(super) fn objects(&self) -> usize {
        self.layers.len() * self.experts
    }

    /// Adds the next request: its warm distances, its objects in the order of their first access, and in that of their last.
    pub(super) fn push(&mut self, index: u64, warm: &DistanceCounts, firsts: &[usize], recent: &[usize]) {
        self.segment.last = index;
        self.segment.counts.merge(warm);
        for &object in firsts {
            match self.stack.access(object) {
                Some(distance) => self.segment.counts.count(Some(distance)),
                None => self.segment.firsts.push(self.name(object)),
            }
        }
        for &object in recent {
            self.stack.access(object);
        }
    }

    fn finish(mut self) -> Segment {
        self.segment.stack = self.stack.by_time().into_iter().map(|o| self.name(o)).collect();
        self.segment
    }

    /// Layer id and expert in one number.
    fn name(&self, object: usize) -> u32 {
        self.layers[object / self.experts] << 16 | crate::units::small(object % self.experts)
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
