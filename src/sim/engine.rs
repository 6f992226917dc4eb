//! Steps and layers of a run: assign tokens, fetch experts, compute, copy. One layer of one step at a time, so that callers
//! can show progress and cancel.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Assignment, Config, Fetch, Layer, Network, Predictor, Strategy, Timing, Workload, transfer};

/// HBM accesses by kind, in experts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// From the die's own HBM.
    pub local: u64,
    /// From another die's HBM.
    pub remote: u64,
    /// Copies written.
    pub writes: u64,
}

/// What limits a layer: the largest of compute, HBM and link time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Tokens on the busiest die.
    #[default]
    Compute,
    /// Bytes of the busiest HBM.
    Hbm,
    /// Bytes of the busiest link.
    Link,
}

/// The result of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The strategy.
    pub strategy: Strategy,
    /// Sum of the layer times, seconds.
    pub seconds: f64,
    /// Hops of all fetches.
    pub hops: u64,
    /// The same by the die that fetched.
    pub die_hops: Vec<u64>,
    /// HBM accesses.
    pub reads: Reads,
    /// What limited most of the time.
    pub bound: Bound,
    /// Seconds by what limited them: compute, HBM, link.
    pub bound_seconds: [f64; 3],
    /// The same for each simulated layer, summed over steps: which resource is critical where.
    pub layer_seconds: Vec<[f64; 3]>,
    /// Token-expert assignments computed on each die.
    pub die_tokens: Vec<f64>,
    /// Bytes through each die's HBM.
    pub hbm_bytes: Vec<f64>,
    /// Bytes over each link, in the order of [`crate::model::Topology::links`], both directions together.
    pub link_bytes: Vec<f64>,
    /// Seconds in which each link moved anything (the larger of its directions).
    pub link_busy: Vec<f64>,
    /// Copies held at the end by each die.
    pub copies: Vec<u64>,
}

/// What happened in one layer of one step, for a picture of it over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Dies of the wafer.
    pub dies: usize,
    /// When the last die was done, seconds.
    pub seconds: f64,
    /// Fetches and copies, by die in their order.
    pub flows: Vec<Flow>,
    /// What each die computed, by die in its order: die, expert, start and end.
    pub computed: Vec<(usize, usize, f64, f64)>,
    /// The die that stores each expert of the layer.
    pub home: Vec<usize>,
    /// Copies that could be read: expert and die, by expert.
    pub copies: Vec<(usize, usize)>,
}

/// One transfer of an expert.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Die whose HBM gives the expert (or takes the copy).
    pub source: usize,
    /// Die that asks.
    pub die: usize,
    /// Expert.
    pub expert: usize,
    /// Tokens that the die computes with it; 0 for a copy.
    pub tokens: f64,
    /// When its first byte moves.
    pub start: f64,
    /// When its last byte has moved.
    pub end: f64,
}

/// A run of one strategy over all steps and layers.
pub struct Simulation {
    workload: Arc<Workload>,
    config: Arc<Config>,
    network: Network,
    predictors: Vec<Predictor>,
    /// Whether a die holds an expert of a layer, `[layer][expert][die]`.
    held: Vec<bool>,
    /// Copies that may be read from the next step on.
    fresh: Vec<usize>,
    slots: Vec<u64>,
    next: usize,
    outcome: Outcome,
}

impl Simulation {
    /// A run that has not started.
    #[must_use]
    pub fn new(workload: Arc<Workload>, config: Arc<Config>, strategy: Strategy) -> Self {
        let network = Network::new(&config.topology);
        let (dies, links) = (network.dies, network.links);
        let experts = workload.experts;
        let mut held = vec![false; workload.layers.len() * experts * dies];
        for layer in 0..workload.layers.len() {
            for e in 0..experts {
                held[(layer * experts + e) * dies + config.home(layer)[e]] = true;
            }
        }
        let predictors = if strategy.predicts() {
            workload.heat.iter().map(|heat| Predictor::new(heat, experts, config.predicted)).collect()
        } else {
            Vec::new()
        };
        Self {
            network,
            predictors,
            held,
            fresh: Vec::new(),
            slots: config.slots.clone(),
            next: 0,
            outcome: Outcome {
                strategy,
                seconds: 0.0,
                hops: 0,
                die_hops: vec![0; dies],
                reads: Reads::default(),
                bound: Bound::Compute,
                bound_seconds: [0.0; 3],
                layer_seconds: vec![[0.0; 3]; workload.layers.len()],
                die_tokens: vec![0.0; dies],
                hbm_bytes: vec![0.0; dies],
                link_bytes: vec![0.0; links],
                link_busy: vec![0.0; links],
                copies: vec![0; dies],
            },
            workload,
            config,
        }
    }

    /// Layer simulations of a whole run.
    #[must_use]
    pub fn total(&self) -> usize {
        self.workload.steps * self.workload.layers.len()
    }

    /// Simulates the next layer. False when there is none left.
    #[inline(never)]
    pub fn step(&mut self) -> bool {
        self.simulate(None)
    }

    /// As [`Simulation::step`], keeping what happened.
    #[must_use]
    pub fn step_recorded(&mut self) -> Timeline {
        let mut timeline = Timeline::default();
        let _ = self.simulate(Some(&mut timeline));
        timeline
    }

    fn simulate(&mut self, record: Option<&mut Timeline>) -> bool {
        if self.next >= self.total() {
            return false;
        }
        let layers = self.workload.layers.len();
        let (step, layer) = (self.next / layers, self.next % layers);
        if layer == 0 {
            for at in self.fresh.drain(..) {
                self.held[at] = true;
            }
        }
        self.next += 1;
        let (experts, dies) = (self.workload.experts, self.network.dies);
        let held = &self.held[layer * experts * dies..][..experts * dies];
        let counts = self.workload.of(step, layer);
        let (home, config, network) = (self.config.home(layer), &*self.config, &self.network);
        let x = (self.outcome.strategy.dispatch().assign)(&Layer { counts, home, held, config, network });
        let copies = if self.outcome.strategy.predicts() { self.copies(&x, layer) } else { Vec::new() };
        self.carry_out(&x, layer, &copies, record);
        true
    }

    /// The result; meaningful once [`Simulation::step`] has returned false.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let mut best = (0.0, Bound::Compute);
        for (seconds, bound) in self.outcome.bound_seconds.into_iter().zip([Bound::Compute, Bound::Hbm, Bound::Link]) {
            if seconds > best.0 {
                best = (seconds, bound);
            }
        }
        self.outcome.bound = best.1;
        self.outcome
    }

    /// The experts that each die copies in this layer: (expert, die), by die, then expert.
    fn copies(&mut self, x: &Assignment, layer: usize) -> Vec<(usize, usize)> {
        let (experts, dies) = (self.workload.experts, x.dies);
        let mut copies = Vec::new();
        for die in 0..dies {
            if self.slots[die] == 0 {
                continue;
            }
            let used = || (0..experts).filter(|&e| x.of(e)[die] > 0.0);
            let predicted = self.predictors[layer].union(used());
            for e in used() {
                let at = (layer * experts + e) * dies + die;
                if self.slots[die] > 0 && !self.held[at] && Predictor::holds(&predicted, e) {
                    self.slots[die] -= 1;
                    self.fresh.push(at);
                    self.outcome.copies[die] += 1;
                    copies.push((e, die));
                }
            }
        }
        copies
    }

    fn carry_out(&mut self, x: &Assignment, layer: usize, copies: &[(usize, usize)], record: Option<&mut Timeline>) {
        let config = Arc::clone(&self.config);
        let (experts, dies) = (self.workload.experts, x.dies);
        let range = layer * experts * dies..(layer + 1) * experts * dies;
        let held = &self.held[range.clone()];
        // By die: fetches in id order, then copies. `work` is expert, tokens and latency of each.
        let mut fetches = Vec::new();
        let mut work: Vec<(usize, f64, f64)> = Vec::new();
        let mut copies = copies.iter().peekable();
        for die in 0..dies {
            for e in 0..experts {
                let tokens = x.of(e)[die];
                if tokens <= 0.0 {
                    continue;
                }
                let source = source(&held[e * dies..][..dies], die, &self.network);
                let hops = self.network.hops(source, die);
                let latency = self.network.latency(source, die);
                self.outcome.hops += hops as u64;
                self.outcome.die_hops[die] += hops as u64;
                *if hops == 0 { &mut self.outcome.reads.local } else { &mut self.outcome.reads.remote } += 1;
                self.outcome.die_tokens[die] += tokens;
                fetches.push(Fetch { source, die, bytes: config.expert_bytes });
                work.push((e, tokens, latency));
            }
            while let Some(&(e, _)) = copies.next_if(|&&(_, d)| d == die) {
                self.outcome.reads.writes += 1;
                fetches.push(Fetch { source: die, die, bytes: config.expert_bytes });
                work.push((e, 0.0, config.write));
            }
        }
        let timing = transfer(&self.network, &fetches, config.in_flight);
        let mut done = vec![0.0f64; dies];
        let mut computed = Vec::new();
        for (i, &(expert, tokens, latency)) in work.iter().enumerate() {
            let die = fetches[i].die;
            let c = &mut done[die];
            *c = f64::max(*c + tokens * config.token_seconds, timing.end[i] + latency);
            if record.is_some() && tokens > 0.0 {
                computed.push((die, expert, *c - tokens * config.token_seconds, *c));
            }
        }
        let time = done.iter().fold(0.0f64, |a, &b| a.max(b));
        self.outcome.seconds += time;
        self.account(&timing, x, layer, time);
        if let Some(timeline) = record {
            let flow = |(i, &(expert, tokens, _)): (usize, &(usize, f64, f64))| Flow {
                source: fetches[i].source,
                die: fetches[i].die,
                expert,
                tokens,
                start: timing.start[i],
                end: timing.end[i],
            };
            let held = &self.held[range];
            let copied = (0..experts * dies).filter(|&at| held[at] && config.home(layer)[at / dies] != at % dies);
            *timeline = Timeline {
                dies,
                seconds: time,
                flows: work.iter().enumerate().map(flow).collect(),
                computed,
                home: config.home(layer).to_vec(),
                copies: copied.map(|at| (at / dies, at % dies)).collect(),
            };
        }
    }

    fn account(&mut self, timing: &Timing, x: &Assignment, layer: usize, time: f64) {
        let dies = x.dies;
        let links = self.outcome.link_bytes.len();
        let each = (timing.bytes.len() - dies).checked_div(links).unwrap_or(1);
        for (die, bytes) in self.outcome.hbm_bytes.iter_mut().enumerate() {
            *bytes += timing.bytes[die];
        }
        for link in 0..links {
            let resources = dies + link * each..dies + (link + 1) * each;
            self.outcome.link_bytes[link] += timing.bytes[resources.clone()].iter().sum::<f64>();
            self.outcome.link_busy[link] += timing.busy[resources].iter().fold(0.0, |a: f64, &b| a.max(b));
        }
        let longest = |resources: std::ops::Range<usize>| {
            resources.map(|r| timing.bytes[r] / self.network.capacity[r]).fold(0.0, f64::max)
        };
        let least = [
            (0..dies).map(|d| x.load(d)).fold(0.0, f64::max) * self.config.token_seconds,
            longest(0..dies),
            longest(dies..timing.bytes.len()),
        ];
        let mut critical = 0;
        for i in 1..3 {
            if least[i] > least[critical] {
                critical = i;
            }
        }
        self.outcome.bound_seconds[critical] += time;
        self.outcome.layer_seconds[layer][critical] += time;
    }
}

/// Where a die reads an expert: itself if it holds it, else the nearest holder, then the lowest id.
fn source(held: &[bool], die: usize, network: &Network) -> usize {
    if held[die] {
        return die;
    }
    let holders = (0..held.len()).filter(|&d| held[d]);
    holders.min_by_key(|&d| (network.hops(d, die), d)).unwrap_or(die)
}
