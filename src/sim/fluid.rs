//! Flows over shared resources with max-min fair rates. Apart from plans: it knows no expert and no strategy, only bytes,
//! paths and capacities, so a naive reference can check it.
//!
//! Max-min rates are the one fixed point of two rules. A resource has a *level*: what it gives the flows that it limits, or
//! infinity if the others leave enough for all. A flow gets the lowest level on its path. When a flow ends or starts, only
//! resources on its path may have another level, then those of flows whose rate this changes, and so on; in a mesh that is
//! a few of many. Of the resources to look at again the lowest goes first: what is lower never depends on what is
//! higher, so every level is final after a few looks. Filling from nothing at each event gives the same rates in thrice the time.

use super::Network;

/// One transfer that a die has to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fetch {
    /// Die whose HBM gives (or, for a replica, takes) the bytes.
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
    let mut fluid = Fluid::new(network);
    // What each slot's die has still to do: the slots of a die share a queue.
    let mut queues: Vec<std::ops::Range<usize>> = Vec::new();
    let mut queue_of: Vec<usize> = Vec::new();
    let alone = alone(network.dies, fetches);
    let mut first = 0;
    for of_die in fetches.chunk_by(|a, b| a.die == b.die) {
        let die = of_die[0].die;
        let range = first..first + of_die.len();
        first = range.end;
        if alone[die] {
            take_turns(network, of_die, range, in_flight, &mut timing);
            continue;
        }
        for _ in 0..in_flight.min(range.len()) {
            queue_of.push(queues.len());
        }
        queues.push(range);
    }
    for &queue in &queue_of {
        let Some(task) = queues[queue].next() else { continue };
        fluid.add(&fetches[task], task);
    }
    let mut now = 0.0;
    fluid.settle(now);
    loop {
        now = least(&fluid.end);
        if now == f64::INFINITY {
            return timing;
        }
        // Ends that differ by rounding alone are one event.
        let limit = now * (1.0 + 1e-12);
        for (slot, &queue) in queue_of.iter().enumerate() {
            if fluid.end[slot] > limit {
                continue;
            }
            let task = fluid.flows[slot].task;
            timing.end[task] = now;
            fluid.stop(slot, &fetches[task], now, &mut timing);
            if let Some(next) = queues[queue].next() {
                timing.start[next] = now;
                fluid.start(slot, &fetches[next], next, now);
            }
        }
        fluid.settle(now);
    }
}

/// Which dies share nothing with others: they read from themselves alone, nobody reads from them, and all pieces are equal.
fn alone(dies: usize, fetches: &[Fetch]) -> Vec<bool> {
    let mut alone = vec![true; dies];
    for pair in fetches.chunk_by(|a, b| a.die == b.die) {
        let die = pair[0].die;
        for fetch in pair {
            if fetch.source != die {
                (alone[die], alone[fetch.source]) = (false, false);
            }
            alone[die] &= fetch.bytes == pair[0].bytes;
        }
    }
    alone
}

/// The transfers of a die that shares nothing: those in flight are equal, so they start and end together.
fn take_turns(
    network: &Network,
    fetches: &[Fetch],
    range: std::ops::Range<usize>,
    in_flight: usize,
    timing: &mut Timing,
) {
    let Fetch { die, bytes, .. } = fetches[0];
    let mut now = 0.0;
    for (starts, ends) in timing.start[range.clone()].chunks_mut(in_flight).zip(timing.end[range].chunks_mut(in_flight))
    {
        starts.fill(now);
        now += bytes * ends.len() as f64 / network.capacity[die];
        ends.fill(now);
    }
    timing.bytes[die] = bytes * fetches.len() as f64;
    timing.busy[die] = now;
}

/// The least value. Eight lanes, which are compared at once where the target can.
fn least(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    let lower = |a: f64, b: f64| if b < a { b } else { a };
    let mut lanes = [f64::INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = lower(*lane, value);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f64::INFINITY, lower)
}

/// A level that differs by less is the same: rounding must not spread.
const SAME: f64 = 1e-14;

/// A flow under way.
#[derive(Clone, Copy, Debug, Default)]
struct Active<'a> {
    task: usize,
    path: &'a [u16],
    /// Bytes left at `since`, and the rate from then on.
    left: f64,
    since: f64,
    rate: f64,
    /// The lowest level on the path, and the resource that has it: the rate, once all levels are final.
    share: f64,
    tight: u16,
    changed: bool,
}

struct Fluid<'a> {
    network: &'a Network,
    flows: Vec<Active<'a>>,
    /// When each flow will end; infinity for a slot without one.
    end: Vec<f64>,
    /// Slots of the flows on each resource.
    on: Vec<Vec<usize>>,
    level: Vec<f64>,
    busy_since: Vec<f64>,
    /// Resources to look at again.
    dirty: Vec<u16>,
    is_dirty: Vec<bool>,
    /// Flows whose share changed since the last [`Fluid::settle`].
    changed: Vec<usize>,
    caps: Vec<Cap>,
}

/// What the rest of its path allows a flow, and the resource that limits it there.
#[derive(Clone, Copy)]
struct Cap {
    share: f64,
    tight: u16,
}

impl<'a> Fluid<'a> {
    fn new(network: &'a Network) -> Self {
        let resources = network.capacity.len();
        Self {
            network,
            flows: Vec::new(),
            end: Vec::new(),
            on: vec![Vec::new(); resources],
            level: vec![f64::INFINITY; resources],
            busy_since: vec![0.0; resources],
            dirty: Vec::new(),
            is_dirty: vec![false; resources],
            changed: Vec::new(),
            caps: Vec::new(),
        }
    }

    /// A slot with its first flow, at the beginning.
    fn add(&mut self, fetch: &Fetch, task: usize) {
        self.flows.push(Active::default());
        self.end.push(f64::INFINITY);
        self.start(self.flows.len() - 1, fetch, task, 0.0);
    }

    fn start(&mut self, slot: usize, fetch: &Fetch, task: usize, now: f64) {
        let path = self.network.path(fetch.source, fetch.die);
        let cap = rest_of(path, u16::MAX, &self.level);
        self.flows[slot] = Active {
            task,
            path,
            left: fetch.bytes,
            since: now,
            rate: 0.0,
            share: cap.share,
            tight: cap.tight,
            changed: true,
        };
        self.changed.push(slot);
        for &r in path {
            let on = &mut self.on[usize::from(r)];
            if on.is_empty() {
                self.busy_since[usize::from(r)] = now;
            }
            on.push(slot);
            self.look_again(r);
        }
    }

    fn stop(&mut self, slot: usize, fetch: &Fetch, now: f64, timing: &mut Timing) {
        self.end[slot] = f64::INFINITY;
        for &id in self.flows[slot].path {
            let r = usize::from(id);
            timing.bytes[r] += fetch.bytes;
            let on = &mut self.on[r];
            if let Some(at) = on.iter().position(|&s| s == slot) {
                on.swap_remove(at);
            }
            if on.is_empty() {
                timing.busy[r] += now - self.busy_since[r];
            }
            // What had enough for all has enough for fewer.
            if self.level[r] < f64::INFINITY {
                self.look_again(id);
            }
        }
    }

    fn look_again(&mut self, r: u16) {
        if !std::mem::replace(&mut self.is_dirty[usize::from(r)], true) {
            self.dirty.push(r);
        }
    }

    /// Brings all levels to the fixed point, then the rates and ends of the flows that this changes.
    #[inline(never)]
    fn settle(&mut self, now: f64) {
        while let Some(r) = self.lowest() {
            self.is_dirty[usize::from(r)] = false;
            self.look(r);
        }
        for slot in self.changed.drain(..) {
            let flow = &mut self.flows[slot];
            flow.changed = false;
            if flow.share != flow.rate {
                flow.left -= flow.rate * (now - flow.since);
                flow.since = now;
                flow.rate = flow.share;
                self.end[slot] = now + flow.left.max(0.0) / flow.rate;
            }
        }
    }

    /// Takes the resource to look at next: the one whose level is, or may become, the lowest.
    fn lowest(&mut self) -> Option<u16> {
        let mut best = (f64::INFINITY, 0);
        for (at, &r) in self.dirty.iter().enumerate() {
            let r = usize::from(r);
            let level = f64::min(self.level[r], self.network.capacity[r] / self.on[r].len() as f64);
            if level < best.0 {
                best = (level, at);
            }
        }
        (!self.dirty.is_empty()).then(|| self.dirty.swap_remove(best.1))
    }

    /// The level of a resource, from what the other resources allow its flows.
    fn look(&mut self, id: u16) {
        let r = usize::from(id);
        let old = self.level[r];
        let Self { network, flows, on, level, dirty, is_dirty, changed, caps, .. } = self;
        let capacity = network.capacity[r];
        if old == f64::INFINITY && on[r].iter().map(|&slot| flows[slot].share).sum::<f64>() <= capacity {
            return;
        }
        caps.clear();
        caps.extend(on[r].iter().map(|&slot| {
            let Active { share, tight, path, .. } = flows[slot];
            if tight == id { rest_of(path, id, level) } else { Cap { share, tight } }
        }));
        let new = water(capacity, caps);
        if new == old || (new - old).abs() <= SAME * f64::min(new, old) {
            return;
        }
        level[r] = new;
        for (&slot, cap) in on[r].iter().zip(caps) {
            let flow = &mut flows[slot];
            let before = flow.share;
            // Of equal levels the flow keeps the resource that it had.
            if new < cap.share || (new == cap.share && flow.tight == id) {
                (flow.share, flow.tight) = (new, id);
            } else {
                (flow.share, flow.tight) = (cap.share, cap.tight);
            }
            if flow.share == before {
                continue;
            }
            if !std::mem::replace(&mut flow.changed, true) {
                changed.push(slot);
            }
            for &other in flow.path {
                let o = usize::from(other);
                // What had enough for all has enough for less.
                let matters = flow.share > before || level[o] < f64::INFINITY;
                if other != id && matters && !std::mem::replace(&mut is_dirty[o], true) {
                    dirty.push(other);
                }
            }
        }
    }
}

/// The lowest level on a path without one resource.
fn rest_of(path: &[u16], without: u16, level: &[f64]) -> Cap {
    let mut cap = Cap { share: f64::INFINITY, tight: u16::MAX };
    for &r in path {
        if r != without && level[usize::from(r)] < cap.share {
            cap = Cap { share: level[usize::from(r)], tight: r };
        }
    }
    cap
}

/// The level at which flows with these caps fill a capacity; infinity if they cannot.
fn water(capacity: f64, caps: &[Cap]) -> f64 {
    let mut capped = 0;
    let mut level = capacity / caps.len() as f64;
    loop {
        // Those below the level are held elsewhere; what they leave raises it for the others.
        let (mut taken, mut below) = (0.0, 0);
        for cap in caps {
            if cap.share < level {
                taken += cap.share;
                below += 1;
            }
        }
        if below == caps.len() {
            return f64::INFINITY;
        }
        if below == capped {
            return level;
        }
        capped = below;
        // By rounding alone it could fall, and those below would not be below any more.
        level = f64::max(level, (capacity - taken) / (caps.len() - below) as f64);
    }
}
