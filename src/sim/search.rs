//! A search for the placement of a layer: simulated annealing over swaps and copies. Apart from the other placements, which are
//! functions of loads: this one asks the simulator what each try costs, so it knows the strategy that will use the placement.
//!
//! How warm it is depends on the number of tries made, never on how many will be: a search that is stopped early has done what one
//! with a smaller budget does, and one that goes on has lost nothing.

use std::sync::Arc;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use serde::{Deserialize, Serialize};

use super::{Inputs, Planner, Strategy, Task, time};
use crate::model::Placed;
use crate::place::Loads;

/// What a search makes small, on the batch that it learns from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aim {
    /// Simulated seconds.
    #[default]
    Time,
    /// Tokens of the busiest device, summed over steps.
    Load,
    /// Hops of all fetches, summed over steps.
    Traffic,
}

impl Aim {
    /// All of them.
    pub const EACH: [Aim; 3] = [Aim::Time, Aim::Load, Aim::Traffic];

    /// Name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Aim::Time => "time",
            Aim::Load => "load",
            Aim::Traffic => "traffic",
        }
    }
}

/// The search for one layer.
pub struct LayerSearch {
    /// The learning batch, this layer alone.
    inputs: Arc<Inputs>,
    strategy: Strategy,
    aim: Aim,
    rng: Pcg32,
    /// Slots that each device has by an even share of all, and those that it may fill: more where a start does.
    share: Vec<usize>,
    room: Vec<usize>,
    /// Tokens of each expert in all steps.
    loads: Vec<u64>,
    /// Placements to begin with that were not tried yet, the last first.
    starts: Vec<Placed>,
    now: Option<(Placed, f64)>,
    best: Option<(Placed, f64)>,
    tries: usize,
    budget: usize,
}

/// How much worse a try may be at the beginning, as a share of what it is compared with; a mean.
const WARM: f64 = 0.01;

/// Tries after which that has halved.
const HALVED: f64 = 40.0;

impl LayerSearch {
    /// A search on inputs of one layer. It begins with the best of `starts`, makes that many tries in all, and fills at most as many
    /// slots as all devices share: each its `share`, or more where a start does.
    #[must_use]
    pub fn new(
        inputs: Arc<Inputs>,
        strategy: Strategy,
        aim: Aim,
        seed: u64,
        mut starts: Vec<Placed>,
        share: Vec<usize>,
        budget: usize,
    ) -> Self {
        let mut room = share.clone();
        for start in &starts {
            room.iter_mut().zip(start.slots()).for_each(|(room, slots)| *room = slots.len().max(*room));
        }
        let loads = inputs.workload.sums(0);
        starts.reverse();
        let id = inputs.workload.layers.first().copied().unwrap_or(0);
        let rng = Pcg32::seed_from_u64(seed ^ (u64::from(id) << 32));
        Self { inputs, strategy, aim, rng, share, room, loads, starts, now: None, best: None, tries: 0, budget }
    }

    /// Whether all tries are made.
    #[must_use]
    pub fn spent(&self) -> bool {
        self.starts.is_empty() && self.tries >= self.budget
    }

    /// Tries one placement, unless the budget is spent. What it begins with is tried in any case.
    pub fn step(&mut self) {
        if let Some(start) = self.starts.pop() {
            let limit = self.now.as_ref().map_or(f64::INFINITY, |now| now.1);
            let cost = self.cost(&start, limit);
            if cost < limit || self.now.is_none() {
                self.now = Some((start.clone(), cost));
                self.best = Some((start, cost));
            }
            self.tries += 1;
            return;
        }
        if self.tries >= self.budget {
            return;
        }
        self.tries += 1;
        let Some((from, cost)) = self.now.take() else { return };
        let warmth = WARM * libm::exp2(-(self.tries as f64) / HALVED);
        // Metropolis' rule, turned around: how much worse the try may be is drawn first, so that a worse one ends early.
        let limit = cost * (1.0 - warmth * libm::log(1.0 - self.draw()));
        let tried = self.changed(&from).map(|to| (self.cost(&to, limit), to));
        match tried {
            Some((new, to)) if new <= limit => {
                if self.best.as_ref().is_none_or(|best| new < best.1) {
                    self.best = Some((to.clone(), new));
                }
                self.now = Some((to, new));
            }
            _ => self.now = Some((from, cost)),
        }
    }

    /// The best placement so far; none before the first try.
    #[must_use]
    pub fn best(&self) -> Option<&Placed> {
        self.best.as_ref().map(|best| &best.0)
    }

    /// The same with every slot filled: servers know no empty one. A slot that another copy would only slow down repeats an expert of
    /// its device that lies nowhere else: one load, weights read once, so it costs nothing and changes no share.
    #[must_use]
    pub fn filled(&self) -> Option<Placed> {
        let best = self.best()?;
        let copies = best.copies();
        let mut slots = best.slots().to_vec();
        let mut left = self.share.iter().sum::<usize>().saturating_sub(slots.iter().map(Vec::len).sum());
        for (device, of_device) in slots.iter_mut().enumerate() {
            let alone = of_device.iter().copied().find(|&e| copies[e] == 1);
            let coldest = || of_device.iter().copied().min_by_key(|&e| (self.loads[e], e));
            if let Some(expert) = alone.or_else(coldest) {
                let free = self.share[device].saturating_sub(of_device.len()).min(left);
                left -= free;
                of_device.resize(of_device.len() + free, expert);
            }
        }
        Some(Placed::new(slots, self.loads.len()))
    }

    /// What a placement costs; more than `limit`, as soon as it is known to be.
    fn cost(&self, placed: &Placed, limit: f64) -> f64 {
        let inputs = Arc::new(self.inputs.placed(placed));
        let mut planner = Planner::new(Arc::clone(&inputs), self.strategy);
        let mut cost = 0.0;
        while let Some(plan) = planner.plan() {
            let tokens = |of_device: &[Task]| of_device.iter().map(|t| t.tokens).sum::<u64>();
            cost += match self.aim {
                Aim::Time => time(&plan, &inputs).seconds,
                Aim::Load => plan.tasks.chunk_by(|a, b| a.die == b.die).map(tokens).max().unwrap_or(0) as f64,
                Aim::Traffic => {
                    let hops = |t: &Task| inputs.network.hops(t.source, t.die);
                    plan.tasks.iter().filter(|t| t.tokens > 0).map(hops).sum::<usize>() as f64
                }
            };
            if cost > limit {
                break;
            }
        }
        cost
    }

    /// A neighbour of a placement: two experts change places, or a copy is added or becomes another expert's. None if the draw
    /// gives no valid one.
    fn changed(&mut self, from: &Placed) -> Option<Placed> {
        let mut slots = from.slots().to_vec();
        let live: Vec<usize> = (0..slots.len()).filter(|&d| self.room[d] > 0).collect();
        let copies = from.copies();
        let device = self.drawn(&live, |search| search.busiest(from))?;
        let all = slots.iter().map(Vec::len).sum::<usize>() < self.share.iter().sum();
        let spare = all && slots[device].len() < self.room[device];
        let copied: Vec<usize> = (0..slots[device].len()).filter(|&s| copies[slots[device][s]] > 1).collect();
        if (spare || !copied.is_empty()) && self.draw() < 0.5 {
            let expert = self.hot(&copies);
            if slots[device].contains(&expert) {
                return None;
            }
            if spare {
                slots[device].push(expert);
            } else {
                let slot = copied[self.below(copied.len())];
                slots[device][slot] = expert;
            }
        } else {
            let other = live[self.below(live.len())];
            if other == device || slots[device].is_empty() || slots[other].is_empty() {
                return None;
            }
            let (i, j) = (self.below(slots[device].len()), self.below(slots[other].len()));
            let (x, y) = (slots[device][i], slots[other][j]);
            if x == y || slots[device].contains(&y) || slots[other].contains(&x) {
                return None;
            }
            (slots[device][i], slots[other][j]) = (y, x);
        }
        Some(Placed::new(slots, self.loads.len()))
    }

    /// Any device, or every other time the one that `chosen` names.
    fn drawn(&mut self, live: &[usize], chosen: impl Fn(&Self) -> usize) -> Option<usize> {
        if live.is_empty() {
            return None;
        }
        Some(if self.draw() < 0.5 { chosen(self) } else { live[self.below(live.len())] })
    }

    /// The device with the most tokens, if every copy takes an even share.
    fn busiest(&self, placed: &Placed) -> usize {
        let loads = placed.even_loads(&self.loads);
        (0..loads.len()).reduce(|best, d| if loads[d] > loads[best] { d } else { best }).unwrap_or(0)
    }

    /// An expert, the likelier the more tokens each of its copies has.
    fn hot(&mut self, copies: &[usize]) -> usize {
        let draw = self.draw();
        let each = |e: usize| self.loads[e] as f64 / copies[e].max(1) as f64;
        let mut left = draw * (0..copies.len()).map(each).sum::<f64>();
        let over = (0..copies.len()).find(|&e| {
            left -= each(e);
            left < 0.0
        });
        over.unwrap_or(copies.len() - 1)
    }

    /// Evenly from 0 to below 1.
    fn draw(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    /// Evenly below `n`.
    fn below(&mut self, n: usize) -> usize {
        crate::units::floor(self.draw() * n as f64).min(n.saturating_sub(1))
    }
}

/// The learning batch of one layer as a workload: its steps, or its sums as one step that is as large as the batch.
#[must_use]
pub fn learning(loads: &Loads, layer: usize, tokens: u64) -> Vec<Vec<u32>> {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    if let Some(steps) = loads.steps.get(layer).filter(|steps| !steps.is_empty()) {
        return steps.iter().map(|step| step.iter().map(|&n| narrow(n)).collect()).collect();
    }
    let sums = &loads.layers[layer];
    let total = u128::from(sums.iter().sum::<u64>().max(1));
    // Cuts are whole tokens: none is lost, however few there are.
    let cut = |before: u64| u64::try_from(u128::from(before) * u128::from(tokens) / total).unwrap_or(u64::MAX);
    let mut before = 0;
    let of = |&n: &u64| {
        let from = cut(before);
        before += n;
        narrow(cut(before) - from)
    };
    vec![sums.iter().map(of).collect()]
}
