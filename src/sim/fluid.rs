//! Flows over shared resources with max-min fair rates. Apart from the engine: it knows no expert and no strategy, only
//! bytes, paths and capacities, so a naive reference can check it.
//!
//! When a flow ends or starts, rates change only for flows that share a resource with it, directly or through others.
//! Recomputing just that component gives the same rates as recomputing all, and most components are one die.

use super::Duplex;
use crate::model::{Mesh, Wafer};

/// Resources of a wafer and the path of each transfer. Resource d is the HBM of die d; the links follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Bytes a second of each resource.
    pub capacity: Vec<f64>,
    /// Number of dies.
    pub dies: usize,
    /// Resources of a transfer `[from][to]`, HBM of the source first.
    paths: Vec<Vec<u16>>,
}

/// One transfer that a die has to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fetch {
    /// Die whose HBM gives (or, for a copy, takes) the bytes.
    pub source: usize,
    /// Die that asks.
    pub die: usize,
    /// Bytes.
    pub bytes: f64,
}

/// When each transfer ended, and what each resource did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    /// End of each transfer, seconds, in the order given.
    pub end: Vec<f64>,
    /// Start of each transfer.
    pub start: Vec<f64>,
    /// Bytes through each resource.
    pub bytes: Vec<f64>,
    /// Seconds in which each resource moved anything.
    pub busy: Vec<f64>,
}

impl Network {
    /// The network of a wafer. XY routing: a transfer goes along its row first, then along the column.
    #[must_use]
    pub fn new(wafer: &Wafer, duplex: Duplex) -> Self {
        let mesh = wafer.mesh;
        let (dies, links) = (mesh.dies(), mesh.links().len());
        let each = if duplex == Duplex::Full { 2 } else { 1 };
        let mut capacity = vec![wafer.hbm; dies];
        capacity.resize(dies + links * each, wafer.link);
        let paths = (0..dies * dies).map(|i| path(mesh, i / dies, i % dies, duplex)).collect();
        Self { capacity, dies, paths }
    }

    /// Resources of a transfer.
    #[must_use]
    pub fn path(&self, from: usize, to: usize) -> &[u16] {
        &self.paths[from * self.dies + to]
    }
}

fn path(mesh: Mesh, from: usize, to: usize, duplex: Duplex) -> Vec<u16> {
    let id = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let mut path = vec![id(from)];
    let (tx, ty) = mesh.place(to);
    let mut at = from;
    while at != to {
        let (x, y) = mesh.place(at);
        let next = match (x.cmp(&tx), y.cmp(&ty)) {
            (std::cmp::Ordering::Less, _) => at + 1,
            (std::cmp::Ordering::Greater, _) => at - 1,
            (_, std::cmp::Ordering::Less) => at + mesh.x,
            _ => at - mesh.x,
        };
        let link = mesh.link(at, next);
        path.push(id(mesh.dies() + if duplex == Duplex::Full { 2 * link + usize::from(next < at) } else { link }));
        at = next;
    }
    path
}

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    task: usize,
    left: f64,
    rate: f64,
    since: f64,
    end: f64,
    frozen: bool,
    /// Computation of rates that last saw the flow.
    seen: u64,
}

/// Runs all transfers: each die makes its own in the order given, `in_flight` at a time, at max-min fair rates.
/// `fetches` is grouped by die.
#[must_use]
#[inline(never)]
pub fn transfer(network: &Network, fetches: &[Fetch], in_flight: usize) -> Timing {
    let resources = network.capacity.len();
    let mut timing = Timing {
        end: vec![0.0; fetches.len()],
        start: vec![0.0; fetches.len()],
        bytes: vec![0.0; resources],
        busy: vec![0.0; resources],
    };
    let mut queue = vec![(0usize, 0usize); network.dies];
    for (i, fetch) in fetches.iter().enumerate() {
        let (next, end) = &mut queue[fetch.die];
        if next == end {
            *next = i;
        }
        *end = i + 1;
    }
    let mut state = Fluid {
        network,
        flows: Vec::with_capacity(network.dies * in_flight),
        free: Vec::new(),
        on: vec![Vec::new(); resources],
        busy_since: vec![0.0; resources],
        dirty: Vec::new(),
        epoch: 0,
        seen: vec![0; resources],
        left: vec![0.0; resources],
        count: vec![0; resources],
        component: Vec::new(),
        resources: Vec::new(),
    };
    let mut now = 0.0;
    let mut active: Vec<usize> = Vec::new();
    for (next, end) in &mut queue {
        for _ in 0..in_flight {
            if next < end {
                active.push(state.start(fetches, *next, now));
                *next += 1;
            }
        }
    }
    while !active.is_empty() {
        state.rates(fetches, now);
        now = active.iter().fold(f64::INFINITY, |t, &slot| t.min(state.flows[slot].end));
        // Ends that differ by rounding alone are one event. Flows end in the order in which they started.
        let limit = now * (1.0 + 1e-12);
        let mut i = 0;
        while i < active.len() {
            let slot = active[i];
            if state.flows[slot].end > limit {
                i += 1;
                continue;
            }
            let task = state.flows[slot].task;
            state.stop(fetches, slot, now, &mut timing);
            timing.end[task] = now;
            let (next, end) = &mut queue[fetches[task].die];
            if next < end {
                timing.start[*next] = now;
                active[i] = state.start(fetches, *next, now);
                *next += 1;
                i += 1;
            } else {
                active.remove(i);
            }
        }
    }
    timing
}

struct Fluid<'a> {
    network: &'a Network,
    flows: Vec<Flow>,
    free: Vec<usize>,
    /// Flows on each resource.
    on: Vec<Vec<usize>>,
    busy_since: Vec<f64>,
    /// Resources whose flows changed since the last computation of rates.
    dirty: Vec<usize>,
    // Work space of `rates`. `seen` holds the computation that last saw a resource, so nothing has to be cleared.
    epoch: u64,
    seen: Vec<u64>,
    left: Vec<f64>,
    count: Vec<usize>,
    component: Vec<usize>,
    resources: Vec<usize>,
}

impl Fluid<'_> {
    fn start(&mut self, fetches: &[Fetch], task: usize, now: f64) -> usize {
        let slot = self.free.pop().unwrap_or(self.flows.len());
        if slot == self.flows.len() {
            self.flows.push(Flow::default());
        }
        let fetch = &fetches[task];
        self.flows[slot] = Flow { task, left: fetch.bytes, since: now, ..Flow::default() };
        let network = self.network;
        for &r in network.path(fetch.source, fetch.die) {
            let r = usize::from(r);
            if self.on[r].is_empty() {
                self.busy_since[r] = now;
            }
            self.on[r].push(slot);
            self.dirty.push(r);
        }
        slot
    }

    fn stop(&mut self, fetches: &[Fetch], slot: usize, now: f64, timing: &mut Timing) {
        let fetch = &fetches[self.flows[slot].task];
        let network = self.network;
        for &r in network.path(fetch.source, fetch.die) {
            let r = usize::from(r);
            self.on[r].retain(|&s| s != slot);
            timing.bytes[r] += fetch.bytes;
            if self.on[r].is_empty() {
                timing.busy[r] += now - self.busy_since[r];
            }
            self.dirty.push(r);
        }
        self.free.push(slot);
    }

    /// Recomputes the rates of every component with a change.
    fn rates(&mut self, fetches: &[Fetch], now: f64) {
        self.epoch += 1;
        while let Some(r) = self.dirty.pop() {
            if self.seen[r] != self.epoch && !self.on[r].is_empty() {
                self.gather(fetches, r);
                self.fill(fetches, now);
            }
        }
    }

    /// Collects the flows and resources that hang together with a resource.
    #[inline(never)]
    fn gather(&mut self, fetches: &[Fetch], root: usize) {
        self.component.clear();
        self.resources.clear();
        self.resources.push(root);
        self.seen[root] = self.epoch;
        let mut next = 0;
        while next < self.resources.len() {
            let r = self.resources[next];
            next += 1;
            self.left[r] = self.network.capacity[r];
            self.count[r] = self.on[r].len();
            for i in 0..self.on[r].len() {
                let slot = self.on[r][i];
                if std::mem::replace(&mut self.flows[slot].seen, self.epoch) == self.epoch {
                    continue;
                }
                self.component.push(slot);
                let fetch = &fetches[self.flows[slot].task];
                for &other in self.network.path(fetch.source, fetch.die) {
                    let other = usize::from(other);
                    if std::mem::replace(&mut self.seen[other], self.epoch) != self.epoch {
                        self.resources.push(other);
                    }
                }
            }
        }
    }

    /// Progressive filling: the resource with the least to give each of its flows fixes their rate, and so on.
    #[inline(never)]
    fn fill(&mut self, fetches: &[Fetch], now: f64) {
        for &slot in &self.component {
            let flow = &mut self.flows[slot];
            flow.left -= flow.rate * (now - flow.since);
            flow.since = now;
            flow.frozen = false;
        }
        let mut open = self.component.len();
        while open > 0 {
            let mut tightest = (f64::INFINITY, usize::MAX);
            // Resources whose flows are all fixed leave the list.
            let mut i = 0;
            while i < self.resources.len() {
                let r = self.resources[i];
                if self.count[r] == 0 {
                    self.resources.swap_remove(i);
                    continue;
                }
                // Ties go to the lowest resource, whatever the order of the list.
                let share = self.left[r] / self.count[r] as f64;
                if (share, r) < tightest {
                    tightest = (share, r);
                }
                i += 1;
            }
            let (share, r) = tightest;
            let rate = share.max(0.0);
            for i in 0..self.on[r].len() {
                let slot = self.on[r][i];
                if std::mem::replace(&mut self.flows[slot].frozen, true) {
                    continue;
                }
                open -= 1;
                self.flows[slot].rate = rate;
                self.flows[slot].end = now + self.flows[slot].left.max(0.0) / rate;
                let fetch = fetches[self.flows[slot].task];
                let network = self.network;
                for &other in network.path(fetch.source, fetch.die) {
                    let other = usize::from(other);
                    self.left[other] -= rate;
                    self.count[other] -= 1;
                }
            }
        }
    }
}
