//! How long a planned layer takes. A function of plan and hardware alone: layers can be timed in any order and on any thread.

use serde::{Deserialize, Serialize};

use super::{
    Activations, Computed, Config, Fetch, Inputs, LayerPlan, Network, Task, Timing, all_to_all, sent, transfer,
};

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

/// Where the time of a layer goes, seconds: of the device that ends last, of equal ones the first. Without `overlapped`, what is done
/// at the same time counts as computing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Breakdown {
    /// Tokens on their way to experts; if overlapped, what of it nothing hides.
    pub dispatch: f64,
    /// Waiting for weights.
    pub weights: f64,
    /// Computing experts.
    pub compute: f64,
    /// Tokens on their way back, as for `dispatch`.
    pub combine: f64,
    /// Attention, shared experts and dense layers.
    pub rest: f64,
}

impl Breakdown {
    /// All parts, in the order of a layer, with their names.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, f64); 5] {
        let Self { dispatch, weights, compute, combine, rest } = *self;
        [("dispatch", dispatch), ("weights", weights), ("compute", compute), ("combine", combine), ("rest", rest)]
    }

    /// Their sum, seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.parts().iter().map(|part| part.1).sum()
    }

    /// Adds another layer's.
    pub fn add(&mut self, more: &Self) {
        self.dispatch += more.dispatch;
        self.weights += more.weights;
        self.compute += more.compute;
        self.combine += more.combine;
        self.rest += more.rest;
    }
}

/// The times of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerTiming {
    /// All of the layer, seconds.
    pub seconds: f64,
    /// When the last die had computed its experts, without the way of the activations, seconds.
    pub experts: f64,
    /// Where the time goes.
    pub breakdown: Breakdown,
    /// Bytes of activations on their way to experts, and back.
    pub activations: [f64; 2],
    /// The resource that no plan of these bytes and tokens could do without for longest.
    pub critical: Bound,
    /// When each die was done, seconds: the last of them ends the layer.
    pub ends: Vec<f64>,
    /// When each task's expert moved, in the order of the plan, and what each resource did.
    pub moved: Timing,
    /// What a change of placement takes before all of it; it counts as waiting for weights.
    pub change: Option<Change>,
}

/// Experts on their way from one placement to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Until the last of them is read and written, seconds.
    pub seconds: f64,
    /// What each resource did.
    pub moved: Timing,
}

/// Times a layer.
#[must_use]
#[inline(never)]
pub fn time(plan: &LayerPlan, inputs: &Inputs) -> LayerTiming {
    let Inputs { network, config, .. } = inputs;
    let fetch = |t: &Task| Fetch { source: t.source, die: t.die, bytes: config.expert_bytes };
    let change = (!plan.moves.is_empty()).then(|| {
        let fetches: Vec<Fetch> = plan.moves.iter().map(fetch).collect();
        let moved = transfer(network, &fetches, config.in_flight);
        let end = |(task, end): (&Task, &f64)| {
            end + if task.source == task.die { config.write } else { network.latency(task.source, task.die) }
        };
        let seconds = plan.moves.iter().zip(&moved.end).map(end).fold(0.0, f64::max);
        Change { seconds, moved }
    });
    let fetches: Vec<Fetch> = plan.tasks.iter().map(fetch).collect();
    let moved = transfer(network, &fetches, config.in_flight);
    // The device at work, what it has computed so far; and the same of the one that ends last.
    let (mut die, mut work) = (usize::MAX, 0.0);
    let (mut last, mut experts, mut busy) = (usize::MAX, 0.0, 0.0);
    let mut ends = vec![0.0; network.dies];
    compute(plan, &moved, network, config, |task, _, end| {
        if task.die != die {
            (die, work) = (task.die, 0.0);
        }
        work += task.tokens as f64 * config.token_seconds;
        ends[task.die] = end;
        if end > experts || die == last {
            (last, experts, busy) = (die, end, work);
        }
    });
    let mut critical = critical(plan, &moved, network, config);
    let (mut ways, mut activations) = ([0.0; 2], [0.0; 2]);
    if config.moves.mode != Activations::Free {
        let sent = sent(plan, inputs);
        ways = all_to_all(&sent, network, config.moves.bytes);
        let tokens = sent.iter().map(|&n| u64::from(n)).sum::<u64>() as f64;
        activations = config.moves.bytes.map(|bytes| bytes * tokens);
    }
    let both = ways[0] + ways[1];
    if both > experts {
        critical = Bound::Link;
    }
    if config.moves.mode == Activations::Overlapped && both > 0.0 {
        // What nothing hides, in the proportion of the two ways.
        let shown = (both - experts).max(0.0) / both;
        ways = ways.map(|way| way * shown);
    }
    let changing = change.as_ref().map_or(0.0, |change| change.seconds);
    if let Some(change) = change.as_ref().filter(|change| change.seconds > experts.max(both)) {
        let [hbm, link] = longest(&change.moved, network);
        critical = if link > hbm { Bound::Link } else { Bound::Hbm };
    }
    let breakdown = Breakdown {
        dispatch: ways[0],
        weights: experts - busy + changing,
        compute: busy,
        combine: ways[1],
        rest: config.rest_seconds,
    };
    ends.iter_mut().for_each(|end| *end += changing);
    let seconds = changing + ways[0] + experts + ways[1] + config.rest_seconds;
    LayerTiming { seconds, experts, breakdown, activations, critical, ends, moved, change }
}

/// What each die computed, by die in its order.
#[must_use]
pub fn computed(plan: &LayerPlan, timing: &LayerTiming, network: &Network, config: &Config) -> Vec<Computed> {
    let mut all = Vec::new();
    compute(plan, &timing.moved, network, config, |task, start, end| {
        if task.tokens > 0 {
            all.push(Computed { die: task.die, expert: task.expert, start, end });
        }
    });
    all
}

/// A die computes its tasks in order, each once its expert is there. Calls `each` with the start and end of a task.
fn compute(
    plan: &LayerPlan,
    moved: &Timing,
    network: &Network,
    config: &Config,
    mut each: impl FnMut(&Task, f64, f64),
) {
    let (mut die, mut done) = (usize::MAX, 0.0);
    for (task, end) in plan.tasks.iter().zip(&moved.end) {
        if task.die != die {
            (die, done) = (task.die, 0.0);
        }
        let latency = if task.tokens == 0 { config.write } else { network.latency(task.source, task.die) };
        let work = task.tokens as f64 * config.token_seconds;
        done = f64::max(done + work, end + latency);
        each(task, done - work, done);
    }
}

/// The largest of the busiest die's compute time, the busiest HBM's and the busiest link's transfer time; of equal ones the first.
fn critical(plan: &LayerPlan, moved: &Timing, network: &Network, config: &Config) -> Bound {
    let tokens = |of_die: &[Task]| of_die.iter().map(|t| t.tokens).sum::<u64>();
    let most = plan.tasks.chunk_by(|a, b| a.die == b.die).map(tokens).max().unwrap_or(0);
    let mut best = (most as f64 * config.token_seconds, Bound::Compute);
    for (seconds, bound) in longest(moved, network).into_iter().zip([Bound::Hbm, Bound::Link]) {
        if seconds > best.0 {
            best = (seconds, bound);
        }
    }
    best.1
}

/// Seconds of transfers through the busiest HBM and over the busiest link.
fn longest(moved: &Timing, network: &Network) -> [f64; 2] {
    let of = |from: usize, to: usize| {
        let seconds = moved.bytes[from..to].iter().zip(&network.capacity[from..to]).map(|(bytes, rate)| bytes / rate);
        seconds.fold(0.0, f64::max)
    };
    [of(0, network.dies), of(network.dies, network.capacity.len())]
}
