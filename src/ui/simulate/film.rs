//! A layer over time as a film needs it: when each link, each memory and each die is busy, merged once, so that a frame only reads.

use std::sync::Arc;

use crate::model::Topology;
use crate::sim::{Flow, Timeline};

/// Times in which something is busy: apart from each other, in order.
pub(super) type Busy = Vec<(f64, f64)>;

/// The layer, and who is busy when.
#[derive(Debug)]
pub(super) struct Film {
    pub(super) timeline: Arc<Timeline>,
    /// Of each link.
    pub(super) links: Vec<Busy>,
    /// Of each die's memory.
    pub(super) memory: Vec<Busy>,
    /// Of each die's compute.
    pub(super) compute: Vec<Busy>,
    /// Tokens of each expert in this layer.
    pub(super) tokens: Vec<f64>,
}

impl PartialEq for Film {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.timeline, &other.timeline) && self.links.len() == other.links.len()
    }
}

/// Makes one list of times that overlap.
fn merged(mut all: Busy) -> Busy {
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out: Busy = Vec::new();
    for (from, to) in all {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// Seconds of a window in which something is busy.
fn within(busy: &Busy, from: f64, to: f64) -> f64 {
    let first = busy.partition_point(|b| b.1 <= from);
    busy[first..].iter().take_while(|b| b.0 < to).map(|b| b.1.min(to) - b.0.max(from)).sum()
}

impl Film {
    pub(super) fn of(timeline: Arc<Timeline>, topology: &Topology) -> Self {
        let dies = timeline.dies;
        let mut links = vec![Busy::new(); topology.links.len()];
        let (mut memory, mut compute) = (vec![Busy::new(); dies], vec![Busy::new(); dies]);
        let most = timeline.flows.iter().map(|f| f.expert + 1).max().unwrap_or(0);
        let mut tokens = vec![0.0; timeline.home.len().max(most)];
        let known = topology.devices == dies;
        for f in timeline.flows.iter().filter(|f| f.source < dies && f.die < dies) {
            tokens[f.expert] += f.tokens;
            memory[f.source].push((f.start, f.end));
            if known {
                topology.carry(f.source, f.die).for_each(|link| links[link].push((f.start, f.end)));
            }
        }
        for c in timeline.computed.iter().filter(|c| c.die < dies) {
            compute[c.die].push((c.start, c.end));
        }
        let [links, memory, compute] = [links, memory, compute].map(|all| all.into_iter().map(merged).collect());
        Self { timeline, links, memory, compute, tokens }
    }

    /// The window about a moment of the clock (0 to 1) over which shares are taken: a fortieth of the layer.
    pub(super) fn window(&self, at: f64) -> (f64, f64) {
        let (all, half) = (self.timeline.seconds, self.timeline.seconds / 80.0);
        let middle = (at * all).clamp(half, (all - half).max(half));
        (middle - half, middle + half)
    }

    /// Shares of a window.
    pub(super) fn shares(of: &[Busy], (from, to): (f64, f64)) -> Vec<f64> {
        let long = f64::max(to - from, 1e-30);
        of.iter().map(|busy| (within(busy, from, to) / long).clamp(0.0, 1.0)).collect()
    }

    /// Seconds in which something is busy in the whole layer.
    pub(super) fn whole(busy: &Busy) -> f64 {
        busy.iter().map(|b| b.1 - b.0).sum()
    }

    /// The moment, of 1, at which most links are busy; of a system whose links carry nothing, most dies.
    pub(super) fn middle(&self) -> f64 {
        let carried = self.links.iter().any(|l| !l.is_empty());
        let of = if carried { &self.links } else { &self.compute };
        let busy = |at: &f64| Self::shares(of, self.window(*at)).iter().sum::<f64>();
        let all: Vec<f64> = (1..40).map(|i| f64::from(i) / 40.0).collect();
        let most = all.iter().map(|at| busy(at)).fold(0.0, f64::max);
        // Of equal ones the one nearest to the middle of the layer.
        let best = all
            .iter()
            .filter(|at| busy(at) >= most * 0.98)
            .min_by(|a, b| (*a - 0.5).abs().total_cmp(&(*b - 0.5).abs()));
        best.copied().unwrap_or(0.5)
    }

    /// Transfers that are under way at a moment of the clock.
    pub(super) fn moving(&self, at: f64) -> impl Iterator<Item = &Flow> {
        let time = at * self.timeline.seconds;
        self.timeline.flows.iter().filter(move |f| f.source != f.die && f.start <= time && time < f.end)
    }

    /// Experts that live on a die, those with most tokens first, with their tokens as a share of the most of any.
    pub(super) fn residents(&self, die: usize) -> Vec<(usize, f64)> {
        let most = self.tokens.iter().fold(0.0f64, |a, &b| a.max(b)).max(1e-30);
        let home = &self.timeline.home;
        let mut all: Vec<(usize, f64)> =
            (0..home.len()).filter(|&e| home[e] == die).map(|e| (e, self.tokens[e] / most)).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all
    }

    /// Experts of which a die has a copy.
    pub(super) fn copies(&self, die: usize) -> Vec<usize> {
        self.timeline.copies.iter().filter(|c| c.1 == die).map(|c| c.0).collect()
    }

    /// When a die was done: with its last expert, or its last transfer.
    pub(super) fn done(&self, die: usize) -> f64 {
        self.compute[die].last().map_or(0.0, |c| c.1)
    }
}
