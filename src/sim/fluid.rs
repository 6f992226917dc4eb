//! Flows over shared resources with max-min fair rates. Apart from plans: it knows no expert and no strategy, only bytes,
//! paths and capacities, so a naive reference can check it.
//!
//! Max-min rates are the one fixed point of two rules. A resource has a *level*: what it gives the flows that it limits, or
//! infinity if the others leave enough for all. A flow gets the lowest level on its path. When a flow ends or starts, only
//! resources on its path may have another level, then those of flows whose rate this changes, and so on; in a mesh that is
//! a few of many. Of the resources to look at again the lowest goes first: what is lower never depends on what is
//! higher, so every level is final after a few looks. Filling from nothing at each event gives the same rates in twice the time.
//! That a resource has enough for all, as most have, a running sum of its flows' shares tells without a look.

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

impl Timing {
    fn count(&mut self, path: &[u16], bytes: f64) {
        path.iter().for_each(|&id| self.bytes[usize::from(id)] += bytes);
    }
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
    if queues.is_empty() {
        return timing;
    }
    let mut fluid = Fluid::new(network, queue_of.len());
    for (slot, &queue) in queue_of.iter().enumerate() {
        let Some(task) = queues[queue].next() else { continue };
        fluid.start(slot, &fetches[task], task, 0.0);
    }
    let mut now = 0.0;
    fluid.settle(now);
    loop {
        now = least(&fluid.ends.least);
        if now == f64::INFINITY {
            return timing;
        }
        // Ends that differ by rounding alone are one event.
        let limit = now * (1.0 + 1e-12);
        for block in 0..fluid.ends.least.len() {
            if fluid.ends.least[block] > limit {
                continue;
            }
            for (slot, &queue) in queue_of.iter().enumerate().skip(block * BLOCK).take(BLOCK) {
                if fluid.ends.at[slot] > limit {
                    continue;
                }
                let task = fluid.moves[slot].task;
                timing.end[task] = now;
                timing.count(fluid.flows[slot].path, fetches[task].bytes);
                match queues[queue].next() {
                    Some(next) => {
                        timing.start[next] = now;
                        fluid.replace(slot, &fetches[next], next, now, &mut timing.busy);
                    }
                    None => fluid.stop(slot, now, &mut timing.busy),
                }
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

/// The part of a capacity up to which a running sum of shares tells that there is enough for all: what rounding adds to it
/// in a layer is a thousandth of the rest. Above it, the shares are summed anew.
const SURELY: f64 = 1.0 - 1e-9;

/// Slots whose earliest end is kept.
const BLOCK: usize = 16;

/// When the flow of each slot will end; infinity for a slot without one. Of hundreds of slots few change at an event: the least
/// of each block is kept, so that the next end is found among the blocks.
struct Ends {
    at: Vec<f64>,
    least: Vec<f64>,
}

impl Ends {
    /// Of so many slots without flows.
    fn new(slots: usize) -> Self {
        Self { at: vec![f64::INFINITY; slots], least: vec![f64::INFINITY; slots.div_ceil(BLOCK)] }
    }

    #[inline]
    fn set(&mut self, slot: usize, end: f64) {
        let before = std::mem::replace(&mut self.at[slot], end);
        let block = &mut self.least[slot / BLOCK];
        if end <= *block {
            *block = end;
        } else if before <= *block {
            // It was the least: another is now.
            let first = slot / BLOCK * BLOCK;
            *block = least(&self.at[first..self.at.len().min(first + BLOCK)]);
        }
    }
}

/// A flow under way, as the resources on its path see it.
#[derive(Clone, Copy, Debug, Default)]
struct Active<'a> {
    path: &'a [u16],
    /// The lowest level on the path, and the resource that has it: the rate, once all levels are final.
    share: f64,
    tight: u16,
    changed: bool,
}

/// The same flow over time. Apart, because most looks at a flow ask for its share alone.
#[derive(Clone, Copy, Debug, Default)]
struct Move {
    task: usize,
    /// Bytes left at `since`, and the rate from then on.
    left: f64,
    since: f64,
    rate: f64,
}

/// A resource as it is now, but for its level.
#[derive(Clone, Debug)]
struct Resource {
    capacity: f64,
    /// What each of its flows would get if nothing else limited them.
    even: f64,
    /// The sum of its flows' shares, but for rounding, and up to what sum the level is surely infinite still: none if it
    /// is not now.
    load: f64,
    enough: f64,
    /// Where the slots of its flows stand, how many there are, and for how many there is room.
    first: u32,
    flows: u32,
    room: u32,
    dirty: bool,
}

impl Resource {
    /// Its flows' shares change by this much in all: whether its level has to be looked at. Most resources have enough before
    /// and after, which their load tells at once.
    #[inline]
    fn takes(&mut self, more: f64) -> bool {
        self.load += more;
        // A flow without a limit makes the load infinite or no number: then too.
        let enough = self.load <= self.enough;
        !enough && !std::mem::replace(&mut self.dirty, true)
    }

    fn share_out(&mut self) {
        self.even = self.capacity / f64::from(self.flows);
    }

    #[inline]
    fn slots(&self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + self.flows) as usize
    }
}

/// Room for the flows of a resource at first.
const ROOM: u32 = 8;

struct Fluid<'a> {
    network: &'a Network,
    /// By slot.
    flows: Vec<Active<'a>>,
    moves: Vec<Move>,
    ends: Ends,
    /// By resource.
    resources: Vec<Resource>,
    levels: Vec<f64>,
    busy_since: Vec<f64>,
    /// The slots of all resources' flows: one list, because a list for each of a thousand resources costs more than a layer.
    on: Vec<u32>,
    /// Resources to look at again, and for each the lowest level that it has or may get.
    dirty: Vec<u16>,
    lowest: Vec<f64>,
    /// Flows whose share changed since the last [`Fluid::settle`].
    changed: Vec<u32>,
    /// Of the resource that is looked at: what the rest of its path allows each flow, and the resource that limits it there.
    caps: Vec<f64>,
    limits: Vec<u16>,
    /// Room for [`water`].
    parts: Vec<f64>,
}

impl<'a> Fluid<'a> {
    /// Nothing moves yet in any of so many slots.
    fn new(network: &'a Network, slots: usize) -> Self {
        let all = network.capacity.len();
        let resource = |(&capacity, first): (&f64, u32)| Resource {
            capacity,
            even: f64::INFINITY,
            load: 0.0,
            enough: capacity * SURELY,
            first,
            flows: 0,
            room: ROOM,
            dirty: false,
        };
        Self {
            network,
            flows: vec![Active::default(); slots],
            moves: vec![Move::default(); slots],
            ends: Ends::new(slots),
            resources: network.capacity.iter().zip((0..).step_by(ROOM as usize)).map(resource).collect(),
            levels: vec![f64::INFINITY; all],
            busy_since: vec![0.0; all],
            on: vec![0; all * ROOM as usize],
            dirty: Vec::new(),
            lowest: Vec::new(),
            changed: Vec::new(),
            // No resource has more flows than there are slots.
            caps: vec![0.0; slots],
            limits: vec![0; slots],
            parts: vec![0.0; slots],
        }
    }

    fn start(&mut self, slot: usize, fetch: &Fetch, task: usize, now: f64) {
        let path = self.network.path(fetch.source, fetch.die);
        self.set(slot, path, fetch.bytes, task, now);
        self.enter(slot, path, now);
    }

    fn stop(&mut self, slot: usize, now: f64, busy: &mut [f64]) {
        self.ends.set(slot, f64::INFINITY);
        self.leave(slot, self.flows[slot].path, now, busy);
    }

    /// The next flow of a slot in place of the one that ended. Both go to the same die, so the ends of their paths are
    /// mostly the same links: those have as many flows as before, and need a look only if the new flow has another share.
    fn replace(&mut self, slot: usize, fetch: &Fetch, task: usize, now: f64, busy: &mut [f64]) {
        let Active { path: old, share: before, .. } = self.flows[slot];
        let new = self.network.path(fetch.source, fetch.die);
        let common = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
        self.leave(slot, &old[..old.len() - common], now, busy);
        let share = self.set(slot, new, fetch.bytes, task, now);
        let (first, last) = new.split_at(new.len() - common);
        self.enter(slot, first, now);
        if share != before {
            for &id in last {
                if self.resources[usize::from(id)].takes(share - before) {
                    self.dirty.push(id);
                }
            }
        }
    }

    /// Gives a slot a flow, with the share that the levels of now allow it.
    fn set(&mut self, slot: usize, path: &'a [u16], bytes: f64, task: usize, now: f64) -> f64 {
        let (share, tight) = lowest_of(path, &self.levels);
        self.flows[slot] = Active { path, share, tight, changed: true };
        self.moves[slot] = Move { task, left: bytes, since: now, rate: 0.0 };
        self.changed.push(crate::units::small(slot));
        share
    }

    fn enter(&mut self, slot: usize, path: &[u16], now: f64) {
        let share = self.flows[slot].share;
        for &id in path {
            let at = usize::from(id);
            let r = &mut self.resources[at];
            if r.flows == 0 {
                self.busy_since[at] = now;
            }
            if r.flows == r.room {
                // Twice the room, at the end of the list.
                let slots = r.slots();
                r.first = crate::units::small(self.on.len());
                r.room *= 2;
                self.on.extend_from_within(slots);
                self.on.resize((r.first + r.room) as usize, 0);
            }
            self.on[(r.first + r.flows) as usize] = crate::units::small(slot);
            r.flows += 1;
            r.share_out();
            if r.takes(share) {
                self.dirty.push(id);
            }
        }
    }

    fn leave(&mut self, slot: usize, path: &[u16], now: f64, busy: &mut [f64]) {
        let share = self.flows[slot].share;
        for &id in path {
            let at = usize::from(id);
            let r = &mut self.resources[at];
            let slots = &mut self.on[r.slots()];
            if let Some(place) = slots.iter().position(|&s| s as usize == slot) {
                // The last one takes its place.
                slots[place] = slots[slots.len() - 1];
                r.flows -= 1;
            }
            r.share_out();
            if r.takes(-share) {
                self.dirty.push(id);
            }
            if r.flows == 0 {
                r.load = 0.0;
                busy[at] += now - self.busy_since[at];
            }
        }
    }

    /// Brings all levels to the fixed point, then the rates and ends of the flows that this changes.
    #[inline(never)]
    fn settle(&mut self, now: f64) {
        self.lowest.clear();
        for &id in &self.dirty {
            self.lowest.push(lower(self.levels[usize::from(id)], self.resources[usize::from(id)].even));
        }
        while !self.dirty.is_empty() {
            let at = first_least(&self.lowest);
            self.lowest.swap_remove(at);
            let id = self.dirty.swap_remove(at);
            self.look(id);
        }
        for slot in self.changed.drain(..) {
            let slot = slot as usize;
            let (flow, moving) = (&mut self.flows[slot], &mut self.moves[slot]);
            flow.changed = false;
            if flow.share != moving.rate {
                moving.left -= moving.rate * (now - moving.since);
                moving.since = now;
                moving.rate = flow.share;
                self.ends.set(slot, now + moving.left.max(0.0) / moving.rate);
            }
        }
    }

    /// The level of a resource, from what the other resources allow its flows.
    #[inline]
    fn look(&mut self, id: u16) {
        let Self { flows, resources, levels, on, dirty, lowest, changed, caps, limits, parts, .. } = self;
        let (r, level) = (&mut resources[usize::from(id)], &mut levels[usize::from(id)]);
        r.dirty = false;
        let (capacity, even, old, slots) = (r.capacity, r.even, *level, &on[r.slots()]);
        if old == f64::INFINITY {
            r.load = slots.iter().map(|&slot| flows[slot as usize].share).sum();
            if r.load <= capacity {
                return;
            }
        }
        let (caps, limits) = (&mut caps[..slots.len()], &mut limits[..slots.len()]);
        // What the others allow: as if this one allowed everything.
        levels[usize::from(id)] = f64::INFINITY;
        for ((&slot, cap), limit) in slots.iter().zip(caps.iter_mut()).zip(limits.iter_mut()) {
            let Active { share, tight, path, .. } = flows[slot as usize];
            (*cap, *limit) = if tight == id { lowest_of(path, levels) } else { (share, tight) };
        }
        let new = water(capacity, even, caps, &mut parts[..slots.len()]);
        let same = new == old || (new - old).abs() <= SAME * lower(new, old);
        levels[usize::from(id)] = if same { old } else { new };
        if same {
            return;
        }
        // While its flows change, it asks for no look at itself.
        r.dirty = true;
        let mut load = 0.0;
        for ((&slot, &cap), &limit) in slots.iter().zip(caps.iter()).zip(limits.iter()) {
            let flow = &mut flows[slot as usize];
            let before = flow.share;
            // Of equal levels the flow keeps the resource that it had.
            if new < cap || (new == cap && flow.tight == id) {
                (flow.share, flow.tight) = (new, id);
            } else {
                (flow.share, flow.tight) = (cap, limit);
            }
            load += flow.share;
            if flow.share == before {
                continue;
            }
            if !std::mem::replace(&mut flow.changed, true) {
                changed.push(slot);
            }
            for &other in flow.path {
                let o = &mut resources[usize::from(other)];
                if o.takes(flow.share - before) {
                    dirty.push(other);
                    lowest.push(lower(levels[usize::from(other)], o.even));
                }
            }
        }
        let r = &mut resources[usize::from(id)];
        (r.load, r.dirty) = (load, false);
        r.enough = if new == f64::INFINITY { capacity * SURELY } else { f64::NEG_INFINITY };
    }
}

fn lower(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

/// Position of the least value, the first of equal ones. Both halves are looked through at once: neither waits for the other.
#[inline]
pub(super) fn first_least(values: &[f64]) -> usize {
    let half = values.len() / 2;
    let (first, second) = values.split_at(half);
    let (mut low, mut high) = ((f64::INFINITY, 0), (f64::INFINITY, half));
    for (at, (&a, &b)) in first.iter().zip(second).enumerate() {
        low = if a < low.0 { (a, at) } else { low };
        high = if b < high.0 { (b, half + at) } else { high };
    }
    if let Some(&odd) = second.get(half)
        && odd < high.0
    {
        high = (odd, 2 * half);
    }
    if high.0 < low.0 { high.1 } else { low.1 }
}

/// The lowest level on a path, and the resource that has it.
#[inline]
fn lowest_of(path: &[u16], levels: &[f64]) -> (f64, u16) {
    let mut least = (f64::INFINITY, u16::MAX);
    for &id in path {
        let level = levels[usize::from(id)];
        if level < least.0 {
            least = (level, id);
        }
    }
    least
}

/// The level at which flows with these caps fill a capacity, of which `even` is each one's part; infinity if they cannot.
#[inline]
fn water(capacity: f64, even: f64, caps: &[f64], parts: &mut [f64]) -> f64 {
    let (mut capped, mut level) = (0, even);
    loop {
        // Those below the level are held elsewhere; what they leave raises it for the others. First which they are, several at
        // once: who is next is chance, and a branch would be guessed wrong.
        let mut below = 0;
        for (part, &cap) in parts.iter_mut().zip(caps) {
            *part = if cap < level { cap } else { 0.0 };
            below += u64::from(cap < level);
        }
        let free = caps.len() as u64 - below;
        if free == 0 {
            return f64::INFINITY;
        }
        if below == capped {
            return level;
        }
        capped = below;
        let taken = parts.iter().fold(0.0, |taken, part| taken + part);
        // By rounding alone it could fall, and those below would not be below any more.
        level = f64::max(level, (capacity - taken) / free as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_end_of_each_block_is_kept() {
        let slots = 2 * BLOCK + 3;
        let mut ends = Ends::new(slots);
        assert_eq!(ends.least, [f64::INFINITY; 3]);
        // Every slot many times, with ends that rise, fall, are equal, and go.
        for n in 0..1000 {
            let end = if n % 7 == 0 { f64::INFINITY } else { ((n * n * 31) % 97) as f64 };
            ends.set(n * 11 % slots, end);
            let least: Vec<f64> =
                ends.at.chunks(BLOCK).map(|block| block.iter().copied().fold(f64::INFINITY, lower)).collect();
            assert_eq!(ends.least, least, "after {n}");
        }
    }

    #[test]
    fn of_equal_values_the_first_is_the_least() {
        for values in [vec![], vec![2.0], vec![3.0, 1.0, 1.0], vec![1.0, 2.0, 1.0, 0.5, 0.5], vec![f64::INFINITY; 4]] {
            let first = (0..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
            assert_eq!(first_least(&values), first, "{values:?}");
        }
    }
}
