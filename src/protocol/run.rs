//! Runs an experiment on a workload: all its strategies, with `base` as the measure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Outcomes, Part};
use crate::analysis::{Half, Kind, transition};
use crate::experiment::Experiment;
use crate::model::{ModelPreset, Scope};
use crate::sim::{
    Bound, Digest, Inputs, Outcome, Planned, Reads, Shape, Simulation, Strategy, Timed, Workload, evenly_spaced, key,
};

/// The result of an experiment: `moescope run --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The experiment, in normal form and without settings of the view.
    pub experiment: String,
    /// Digest of the requests.
    pub digest: String,
    /// The requests were made, not recorded.
    pub synthetic: bool,
    /// Requests that the batch was filled from; fewer than the batch: they were used again at other decode offsets.
    pub sources: usize,
    /// Simulated layers, by id.
    pub layers: Vec<u32>,
    /// MoE layers of the trace.
    pub all_layers: usize,
    /// Dies that cannot hold the experts that live there; they keep no copies.
    pub overfull: usize,
    /// One for each strategy.
    pub runs: Vec<StrategyRun>,
}

/// The result of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyRun {
    /// Model whose expert size was used.
    pub model: String,
    /// Wafer.
    pub wafer: String,
    /// Requests in the batch.
    pub batch: usize,
    /// Strategy.
    pub strategy: String,
    /// Sum of the layer times, seconds.
    pub seconds: f64,
    /// Tokens a second through the simulated layers.
    pub throughput: f64,
    /// Throughput over that of the baseline (`base`, unless the experiment says otherwise).
    pub speedup: f64,
    /// Hops of all fetches.
    pub hops: u64,
    /// The same by the die that fetched.
    pub die_hops: Vec<u64>,
    /// Hops of `base` over hops of this strategy; none if this one has no hops (infinite).
    pub hop_ratio: Option<f64>,
    /// HBM accesses, in experts.
    pub reads: Reads,
    /// What limited most of the time.
    pub bound: Bound,
    /// Seconds by what limited them: compute, HBM, link.
    pub bound_seconds: [f64; 3],
    /// The same by simulated layer: the largest is the layer's critical resource.
    pub layer_seconds: Vec<[f64; 3]>,
    /// Token-expert assignments on each die.
    pub die_tokens: Vec<f64>,
    /// Bytes through each die's HBM.
    pub hbm_bytes: Vec<f64>,
    /// Bytes over each link.
    pub link_bytes: Vec<f64>,
    /// Seconds in which each link moved anything.
    pub link_busy: Vec<f64>,
    /// Copies held at the end by each die.
    pub copies: Vec<u64>,
}

/// The batch of an experiment, filled from loaded requests. Heat: cross-token pairs of the joined scope.
///
/// # Errors
/// If no request has decode tokens, or the wafer does not work.
#[inline(never)]
pub fn workload(part: &Part, experiment: &Experiment) -> Result<Workload, String> {
    experiment.works()?;
    let summary = &part.summary;
    let all = summary.layer_ids();
    let layers = evenly_spaced(&all, experiment.layers);
    // Held out: what is predicted from and what is run on are different requests.
    let (half, odd) = if experiment.held_out { (Half::Even, true) } else { (Half::Both, false) };
    let heat = layers.iter().map(|id| {
        let table = transition(&summary.layers[id], Kind::CrossToken, Scope::All, half, summary.experts);
        table.cells.iter().map(|&c| u32::try_from(c).unwrap_or(u32::MAX)).collect()
    });
    let shape = Shape { layers: &layers, all_layers: all.len(), experts: summary.experts };
    let requests = part.requests.iter().filter(|r| !odd || r.is_odd());
    let filled = Workload::fill(requests, shape, experiment.batch, experiment.steps, heat.collect());
    if filled.sources == 0 {
        return Err("the trace has no decode tokens; the simulator fills its batches from decode steps".into());
    }
    Ok(filled)
}

/// A run in progress: its strategies in the order of the figures.
pub struct Run {
    experiment: Experiment,
    inputs: Arc<Inputs>,
    strategies: Vec<(Strategy, Stage)>,
    done: u64,
    total: u64,
}

/// How far a strategy is.
enum Stage {
    Waits,
    Runs(Box<Simulation>),
    Done(Box<Outcome>),
}

/// A planned layer of a run, to be timed on any thread.
pub struct PlannedLayer(usize, Planned);

/// A timed layer of a run.
pub struct TimedLayer(usize, Timed);

impl PlannedLayer {
    /// Times it.
    #[must_use]
    pub fn time(self) -> TimedLayer {
        TimedLayer(self.0, self.1.time())
    }
}

impl Run {
    /// Runs an experiment; `base` and the baseline are added if they are not among the strategies, because
    /// hop ratios and speedups need them.
    #[must_use]
    pub fn new(experiment: Experiment, workload: impl Into<Arc<Workload>>) -> Self {
        let workload = workload.into();
        let mut strategies = experiment.strategies.clone();
        for needed in [experiment.baseline, Strategy::Base] {
            if !strategies.contains(&needed) {
                strategies.insert(0, needed);
            }
        }
        let config = experiment.config(&workload);
        let total = strategies.len() as u64 * workload.steps as u64 * workload.layers.len() as u64;
        let inputs = Arc::new(Inputs::new(workload, config));
        let strategies = strategies.into_iter().map(|s| (s, Stage::Waits)).collect();
        Self { experiment, inputs, strategies, done: 0, total }
    }

    /// Takes the outcomes of strategies that ran before with all that they read.
    pub fn recall(&mut self, outcomes: &Outcomes) {
        if outcomes.is_empty() {
            return;
        }
        let digest = Digest::of(&self.inputs.workload);
        let each = self.total / self.strategies.len() as u64;
        for (strategy, stage) in &mut self.strategies {
            if let (Stage::Waits, Some(outcome)) =
                (&*stage, outcomes.get(&key(*strategy, &self.inputs.config, &digest)))
            {
                *stage = Stage::Done(Box::new(outcome.clone()));
                self.done += each;
            }
        }
    }

    /// Keeps the outcomes of all strategies that are done.
    pub fn remember(&self, outcomes: &mut Outcomes) {
        let digest = Digest::of(&self.inputs.workload);
        for (strategy, stage) in &self.strategies {
            if let Stage::Done(outcome) = stage {
                outcomes.keep(key(*strategy, &self.inputs.config, &digest), (**outcome).clone());
            }
        }
    }

    /// Layer simulations done, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Simulates one layer; false once all strategies are done.
    pub fn step(&mut self) -> bool {
        match self.plan() {
            Some(planned) => {
                self.add(planned.time());
                true
            }
            None => false,
        }
    }

    /// Plans the next layer; none once all are planned. Plans are made in order, and may be timed side by side.
    pub fn plan(&mut self) -> Option<PlannedLayer> {
        for (at, (strategy, stage)) in self.strategies.iter_mut().enumerate() {
            if matches!(stage, Stage::Waits) {
                *stage = Stage::Runs(Box::new(Simulation::with(Arc::clone(&self.inputs), *strategy)));
            }
            if let Stage::Runs(simulation) = stage
                && let Some(planned) = simulation.plan()
            {
                return Some(PlannedLayer(at, planned));
            }
        }
        None
    }

    /// Adds a timed layer. Whatever the order in which they come, the sums are made in that of the plans.
    pub fn add(&mut self, TimedLayer(at, timed): TimedLayer) {
        self.done += 1;
        let stage = &mut self.strategies[at].1;
        if let Stage::Runs(simulation) = stage {
            simulation.add(timed);
            if let Some(outcome) = simulation.outcome() {
                *stage = Stage::Done(Box::new(outcome));
            }
        }
    }

    /// The report, once all layers are added.
    #[must_use]
    pub fn report(self, digest: &str, synthetic: bool) -> RunReport {
        let workload = &self.inputs.workload;
        let tokens = (workload.batch as u64 * workload.steps as u64) as f64;
        let outcomes: Vec<&Outcome> = self
            .strategies
            .iter()
            .filter_map(|(_, s)| if let Stage::Done(o) = s { Some(&**o) } else { None })
            .collect();
        let find = |strategy| outcomes.iter().find(|o| o.strategy == strategy);
        let baseline = find(self.experiment.baseline).map_or(f64::NAN, |o| o.seconds);
        let base_hops = find(Strategy::Base).map_or(0, |o| o.hops);
        let run = |o: &Outcome| StrategyRun {
            model: self.experiment.model.clone(),
            wafer: self.experiment.wafer.clone(),
            batch: workload.batch,
            strategy: o.strategy.name().into(),
            seconds: o.seconds,
            throughput: tokens / o.seconds,
            speedup: baseline / o.seconds,
            hops: o.hops,
            die_hops: o.die_hops.clone(),
            hop_ratio: (o.hops > 0).then(|| base_hops as f64 / o.hops as f64),
            reads: o.reads,
            bound: o.bound,
            bound_seconds: o.bound_seconds,
            layer_seconds: o.layer_seconds.clone(),
            die_tokens: o.die_tokens.clone(),
            hbm_bytes: o.hbm_bytes.clone(),
            link_bytes: o.link_bytes.clone(),
            link_busy: o.link_busy.clone(),
            copies: o.replicas.clone(),
        };
        let wanted = |o: &&&Outcome| self.experiment.strategies.contains(&o.strategy);
        RunReport {
            experiment: self.experiment.run_key().to_string(),
            digest: digest.into(),
            synthetic,
            sources: workload.sources,
            layers: workload.layers.clone(),
            all_layers: workload.all_layers,
            overfull: self.experiment.overfull(workload.all_layers, workload.experts),
            runs: outcomes.iter().filter(wanted).map(|o| run(o)).collect(),
        }
    }
}

/// The paper's speedup of a strategy over the baseline of an experiment, and what it is the mean of. Figures: section V,
/// Figure 12.
#[must_use]
pub fn paper_speedup(
    model: &ModelPreset,
    strategy: Strategy,
    baseline: Strategy,
    batch: usize,
) -> Option<(f64, &'static str)> {
    if baseline != Strategy::Base {
        let over_ep = baseline == Strategy::Ep && strategy == Strategy::AlloPred;
        let of = "this batch, mean over models and wafers";
        return match batch {
            4096 if over_ep => Some((1.0, of)),
            16384 if over_ep => Some((1.44, of)),
            _ => None,
        };
    }
    match strategy {
        Strategy::AlloPred => model.paper_speedup.map(|s| (s, "this model, mean over batches and wafers")),
        Strategy::Allo => Some((6.3, "mean over models, batches and wafers")),
        Strategy::Pred => Some((3.0, "mean over models, batches and wafers")),
        Strategy::Base | Strategy::Ep => None,
    }
}
