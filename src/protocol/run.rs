//! Runs an experiment on a workload: all its strategies, with `base` as the measure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Part;
use crate::analysis::{Half, Kind, transition};
use crate::experiment::Experiment;
use crate::model::{ModelPreset, Scope};
use crate::sim::{Bound, Outcome, Reads, Shape, Simulation, Strategy, Workload, evenly_spaced};

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
    /// Throughput over that of `base`.
    pub speedup: f64,
    /// Hops of all fetches.
    pub hops: u64,
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
/// If no request has decode tokens.
#[inline(never)]
pub fn workload(part: &Part, experiment: &Experiment) -> Result<Workload, String> {
    let summary = &part.summary;
    let all = summary.layer_ids();
    let layers = evenly_spaced(&all, experiment.layers);
    let heat = layers.iter().map(|id| {
        let table = transition(&summary.layers[id], Kind::CrossToken, Scope::All, Half::Both, summary.experts);
        table.cells.iter().map(|&c| u32::try_from(c).unwrap_or(u32::MAX)).collect()
    });
    let shape = Shape { layers: &layers, all_layers: all.len(), experts: summary.experts };
    let filled = Workload::fill(&part.requests, shape, experiment.batch, experiment.steps, heat.collect());
    if filled.sources == 0 {
        return Err("the trace has no decode tokens; the simulator fills its batches from decode steps".into());
    }
    Ok(filled)
}

/// A run in progress.
pub struct Run {
    experiment: Experiment,
    workload: Arc<Workload>,
    config: Arc<crate::sim::Config>,
    queue: std::vec::IntoIter<Strategy>,
    current: Option<Simulation>,
    outcomes: Vec<Outcome>,
    done: u64,
    total: u64,
}

impl Run {
    /// Runs an experiment; `base` is added if it is not among the strategies, because speedups need it.
    #[must_use]
    pub fn new(experiment: Experiment, workload: impl Into<Arc<Workload>>) -> Self {
        let workload = workload.into();
        let mut strategies = experiment.strategies.clone();
        if !strategies.contains(&Strategy::Base) {
            strategies.insert(0, Strategy::Base);
        }
        let config = Arc::new(experiment.config(&workload));
        let total = (strategies.len() * workload.steps * workload.layers.len()) as u64;
        let queue = strategies.into_iter();
        Self { experiment, workload, config, queue, current: None, outcomes: Vec::new(), done: 0, total }
    }

    /// Layer simulations done, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Simulates one layer; the outcomes once all strategies are done.
    pub fn step(&mut self) -> bool {
        if let Some(simulation) = &mut self.current {
            if simulation.step() {
                self.done += 1;
                return true;
            }
            self.outcomes.extend(self.current.take().map(Simulation::finish));
        }
        let Some(strategy) = self.queue.next() else { return false };
        self.current = Some(Simulation::new(Arc::clone(&self.workload), Arc::clone(&self.config), strategy));
        true
    }

    /// The report, once [`Run::step`] has returned false.
    #[must_use]
    pub fn report(self, digest: &str, synthetic: bool) -> RunReport {
        let tokens = (self.workload.batch * self.workload.steps) as f64;
        let base = self.outcomes.iter().find(|o| o.strategy == Strategy::Base);
        let (base_seconds, base_hops) = base.map_or((f64::NAN, 0), |b| (b.seconds, b.hops));
        let run = |o: &Outcome| StrategyRun {
            model: self.experiment.model.clone(),
            wafer: self.experiment.wafer.clone(),
            batch: self.workload.batch,
            strategy: o.strategy.name().into(),
            seconds: o.seconds,
            throughput: tokens / o.seconds,
            speedup: base_seconds / o.seconds,
            hops: o.hops,
            hop_ratio: (o.hops > 0).then(|| base_hops as f64 / o.hops as f64),
            reads: o.reads,
            bound: o.bound,
            bound_seconds: o.bound_seconds,
            layer_seconds: o.layer_seconds.clone(),
            die_tokens: o.die_tokens.clone(),
            hbm_bytes: o.hbm_bytes.clone(),
            link_bytes: o.link_bytes.clone(),
            link_busy: o.link_busy.clone(),
            copies: o.copies.clone(),
        };
        let wanted = |o: &&Outcome| self.experiment.strategies.contains(&o.strategy);
        RunReport {
            experiment: self.experiment.run_key().to_string(),
            digest: digest.into(),
            synthetic,
            sources: self.workload.sources,
            layers: self.workload.layers.clone(),
            all_layers: self.workload.all_layers,
            overfull: self.experiment.overfull(self.workload.all_layers, self.workload.experts),
            runs: self.outcomes.iter().filter(wanted).map(run).collect(),
        }
    }
}

/// The paper's speedup over `base` for a strategy, and what it is the mean of. Figures: section V, Figure 12.
#[must_use]
pub fn paper_speedup(model: &ModelPreset, strategy: Strategy) -> Option<(f64, &'static str)> {
    match strategy {
        Strategy::AlloPred => model.paper_speedup.map(|s| (s, "this model, mean over batches and wafers")),
        Strategy::Allo => Some((6.3, "mean over models, batches and wafers")),
        Strategy::Pred => Some((3.0, "mean over models, batches and wafers")),
        Strategy::Base | Strategy::Ep => None,
    }
}
