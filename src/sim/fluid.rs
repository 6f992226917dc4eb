//! Flows over shared resources with max-min fair rates. Apart from the engine: it knows no expert and no strategy, only
//! bytes, paths and capacities, so a naive reference can check it.
//!
//! When a flow ends or starts, rates change only for flows that share a resource with it, directly or through others.
//! Recomputing just that component gives the same rates as recomputing all, and most components are one die.

use super::Network;

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

#[derive(Clone, Copy, Debug, Default)]
struct Flow<'a> {
    task: usize,
    path: &'a [u16],
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
        share: Vec::new(),
        place: vec![0; resources],
        changed: Vec::new(),
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
        state.rates(now);
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
    flows: Vec<Flow<'a>>,
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
    /// What each of `resources` has to give a flow, and where each resource stands in that list.
    share: Vec<f64>,
    place: Vec<usize>,
    changed: Vec<usize>,
}

impl Fluid<'_> {
    fn start(&mut self, fetches: &[Fetch], task: usize, now: f64) -> usize {
        let slot = self.free.pop().unwrap_or(self.flows.len());
        if slot == self.flows.len() {
            self.flows.push(Flow::default());
        }
        let fetch = &fetches[task];
        let network = self.network;
        let path = network.path(fetch.source, fetch.die);
        self.flows[slot] = Flow { task, path, left: fetch.bytes, since: now, ..Flow::default() };
        for &r in path {
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
        let Flow { task, path, .. } = self.flows[slot];
        let fetch = &fetches[task];
        for &r in path {
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
    fn rates(&mut self, now: f64) {
        let first = self.epoch + 1;
        while let Some(r) = self.dirty.pop() {
            if self.seen[r] < first && !self.on[r].is_empty() {
                self.epoch += 1;
                self.gather(r);
                self.fill(now);
            }
        }
    }

    /// Collects the flows and resources that hang together with a resource.
    #[inline(never)]
    fn gather(&mut self, root: usize) {
        let Self { network, flows, on, epoch, seen, left, count, component, resources, .. } = self;
        component.clear();
        resources.clear();
        resources.push(root);
        seen[root] = *epoch;
        let mut next = 0;
        while let Some(&r) = resources.get(next) {
            next += 1;
            left[r] = network.capacity[r];
            count[r] = on[r].len();
            for &slot in &on[r] {
                let flow = &mut flows[slot];
                if std::mem::replace(&mut flow.seen, *epoch) == *epoch {
                    continue;
                }
                component.push(slot);
                for &other in flow.path {
                    let other = usize::from(other);
                    if std::mem::replace(&mut seen[other], *epoch) != *epoch {
                        resources.push(other);
                    }
                }
            }
        }
    }

    /// Progressive filling: the resource with the least to give each of its flows fixes their rate, and so on.
    #[inline(never)]
    fn fill(&mut self, now: f64) {
        let Self { flows, on, epoch, seen, left, count, component, resources, share, place, changed, .. } = self;
        for &slot in component.iter() {
            let flow = &mut flows[slot];
            flow.left -= flow.rate * (now - flow.since);
            flow.since = now;
            flow.frozen = false;
        }
        // In order, so that ties go to the lowest resource. Many are found faster than they are sorted.
        if resources.len() > 12 {
            resources.clear();
            resources.extend((0..seen.len()).filter(|&r| seen[r] == *epoch));
        } else {
            resources.sort_unstable();
        }
        share.clear();
        for (at, &r) in resources.iter().enumerate() {
            place[r] = at;
            share.push(left[r] / count[r] as f64);
        }
        let mut open = component.len();
        while open > 0 {
            let at = least(share);
            let rate = share[at].max(0.0);
            for &slot in &on[resources[at]] {
                let flow = &mut flows[slot];
                if std::mem::replace(&mut flow.frozen, true) {
                    continue;
                }
                open -= 1;
                flow.rate = rate;
                flow.end = now + flow.left.max(0.0) / rate;
                for &other in flow.path {
                    let other = usize::from(other);
                    left[other] -= rate;
                    count[other] -= 1;
                    changed.push(other);
                }
            }
            // What a resource has to give is divided once for each change.
            for other in changed.drain(..) {
                let n = count[other];
                share[place[other]] = if n > 0 { left[other] / n as f64 } else { f64::INFINITY };
            }
        }
    }
}

/// Position of the least value, the first of equal ones.
fn least(values: &[f64]) -> usize {
    let mut best = (f64::INFINITY, 0);
    for (at, &value) in values.iter().enumerate() {
        if value < best.0 {
            best = (value, at);
        }
    }
    best.1
}
