//! How long a planned layer takes. A function of plan and hardware alone: layers can be timed in any order and on any thread.

use serde::{Deserialize, Serialize};

use super::{Computed, Config, Fetch, LayerPlan, Network, Task, Timing, transfer};

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

/// The times of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerTiming {
    /// When the last die was done, seconds.
    pub seconds: f64,
    /// The resource that no plan of these bytes and tokens could do without for longest.
    pub critical: Bound,
    /// When each task's expert moved, in the order of the plan, and what each resource did.
    pub moved: Timing,
}

/// Times a layer.
#[must_use]
#[inline(never)]
pub fn time(plan: &LayerPlan, network: &Network, config: &Config) -> LayerTiming {
    let fetch = |t: &Task| Fetch { source: t.source, die: t.die, bytes: config.expert_bytes };
    let fetches: Vec<Fetch> = plan.tasks.iter().map(fetch).collect();
    let moved = transfer(network, &fetches, config.in_flight);
    let mut seconds = 0.0;
    compute(plan, &moved, network, config, |_, _, end| seconds = f64::max(seconds, end));
    let critical = critical(plan, &moved, network, config);
    LayerTiming { seconds, critical, moved }
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
    let longest = |from: usize, to: usize| {
        let seconds = moved.bytes[from..to].iter().zip(&network.capacity[from..to]).map(|(bytes, rate)| bytes / rate);
        seconds.fold(0.0, f64::max)
    };
    let mut best = (most as f64 * config.token_seconds, Bound::Compute);
    for (seconds, bound) in
        [(longest(0, network.dies), Bound::Hbm), (longest(network.dies, network.capacity.len()), Bound::Link)]
    {
        if seconds > best.0 {
            best = (seconds, bound);
        }
    }
    best.1
}
