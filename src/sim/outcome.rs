//! What a run of a strategy comes to. Apart from the engine, which only adds up: this is what reports and figures read.

use serde::{Deserialize, Serialize};

use super::{Balance, Bound, Breakdown, LayerPlan, LayerTiming, Network, Strategy, Timing};

/// HBM accesses by kind, in experts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// From the die's own HBM.
    pub local: u64,
    /// From another die's HBM.
    pub remote: u64,
    /// Replicas written.
    pub writes: u64,
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
    /// Seconds of each die from the start of a layer until it was done, summed over the layers: what is left of `seconds` it waited
    /// for others.
    pub die_seconds: Vec<f64>,
    /// Bytes through each die's HBM.
    pub hbm_bytes: Vec<f64>,
    /// Bytes over each link, in the order of [`crate::model::Topology::links`], both directions together.
    pub link_bytes: Vec<f64>,
    /// Seconds in which each link moved anything (the larger of its directions).
    pub link_busy: Vec<f64>,
    /// Replicas held at the end by each die, that prediction made.
    pub replicas: Vec<u64>,
    /// Where the time goes; its parts sum to `seconds`.
    pub breakdown: Breakdown,
    /// Bytes of activations on their way to experts, and back.
    pub activations: [f64; 2],
    /// How evenly the working devices are loaded, by simulated layer.
    pub balance: Vec<Balance>,
    /// By step: its seconds, and what of them a change of placement took.
    pub steps: Vec<StepSum>,
}

/// A step, summed over its layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepSum {
    /// All of it, seconds.
    pub seconds: f64,
    /// What of that a change of placement took before its layers, seconds.
    pub change_seconds: f64,
    /// Experts that came to devices which had not held them.
    pub moved: u64,
}

impl Outcome {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(strategy: Strategy, layers: usize, dies: usize, links: usize) -> Self {
        Self {
            strategy,
            seconds: 0.0,
            hops: 0,
            die_hops: vec![0; dies],
            reads: Reads::default(),
            bound: Bound::Compute,
            bound_seconds: [0.0; 3],
            layer_seconds: vec![[0.0; 3]; layers],
            die_tokens: vec![0.0; dies],
            die_seconds: vec![0.0; dies],
            hbm_bytes: vec![0.0; dies],
            link_bytes: vec![0.0; links],
            link_busy: vec![0.0; links],
            replicas: vec![0; dies],
            breakdown: Breakdown::default(),
            activations: [0.0; 2],
            balance: vec![Balance::new(dies); layers],
            steps: Vec::new(),
        }
    }

    /// Adds a layer. Sums depend on their order in the last digits: layers are added in the order of the run.
    pub fn add(&mut self, plan: &LayerPlan, timing: &LayerTiming, network: &Network) {
        for task in &plan.tasks {
            if task.tokens == 0 {
                self.reads.writes += 1;
                self.replicas[task.die] += 1;
                continue;
            }
            let hops = network.hops(task.source, task.die) as u64;
            self.hops += hops;
            self.die_hops[task.die] += hops;
            *if hops == 0 { &mut self.reads.local } else { &mut self.reads.remote } += 1;
            self.die_tokens[task.die] += task.tokens as f64;
        }
        for task in plan.moves.iter().filter(|task| task.source != task.die) {
            let hops = network.hops(task.source, task.die) as u64;
            self.hops += hops;
            self.die_hops[task.die] += hops;
            self.reads.remote += 1;
            self.reads.writes += 1;
        }
        if self.steps.len() <= plan.step {
            self.steps.resize(plan.step + 1, StepSum::default());
        }
        let step = &mut self.steps[plan.step];
        step.seconds += timing.seconds;
        step.change_seconds += timing.change.as_ref().map_or(0.0, |change| change.seconds);
        step.moved += plan.moved() as u64;
        self.seconds += timing.seconds;
        self.die_seconds.iter_mut().zip(&timing.ends).for_each(|(sum, end)| *sum += end);
        self.breakdown.add(&timing.breakdown);
        self.activations.iter_mut().zip(timing.activations).for_each(|(sum, bytes)| *sum += bytes);
        for moved in timing.change.iter().map(|change| &change.moved).chain([&timing.moved]) {
            self.transferred(moved);
        }
        self.bound_seconds[timing.critical as usize] += timing.seconds;
        self.balance[plan.layer].add(&plan.tasks, network.live());
        self.layer_seconds[plan.layer][timing.critical as usize] += timing.seconds;
        self.bound = self.limited_by();
    }

    /// Adds what each resource did.
    fn transferred(&mut self, moved: &Timing) {
        let (bytes, busy) = (&moved.bytes, &moved.busy);
        let (dies, links) = (self.hbm_bytes.len(), self.link_bytes.len());
        self.hbm_bytes.iter_mut().zip(bytes).for_each(|(sum, bytes)| *sum += bytes);
        // One resource for a link, or one for each of its directions.
        let each = (bytes.len() - dies).checked_div(links).unwrap_or(1);
        for link in 0..links {
            let resources = dies + link * each..dies + (link + 1) * each;
            self.link_bytes[link] += bytes[resources.clone()].iter().sum::<f64>();
            self.link_busy[link] += busy[resources].iter().fold(0.0, |a: f64, &b| a.max(b));
        }
    }

    fn limited_by(&self) -> Bound {
        let mut best = (0.0, Bound::Compute);
        for (seconds, bound) in self.bound_seconds.into_iter().zip([Bound::Compute, Bound::Hbm, Bound::Link]) {
            if seconds > best.0 {
                best = (seconds, bound);
            }
        }
        best.1
    }
}
