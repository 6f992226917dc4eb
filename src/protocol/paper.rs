//! Figure 12 of the paper, and what stands beside it: four models, three batches, two wafers, five strategies, and each
//! published number with ours. Apart from a single run: every number here is a mean over many of them.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::thinned::Thinned;
use super::{Chunk, DoneChunk, Filled, Part, Provenance, Run, RunReport, workload};
use crate::experiment::{Experiment, PAPER_WAFERS};
use crate::model::{MODELS, ModelPreset};
use crate::sim::{Reads, Strategy};

/// Models of Figure 12: those of the presets that the paper has a speedup for.
pub fn paper_models() -> impl Iterator<Item = &'static ModelPreset> {
    MODELS.iter().filter(|m| m.paper_speedup.is_some())
}

/// Batches of Figure 12.
pub const BATCHES: [usize; 3] = [4096, 8192, 16384];
/// The wafer that Figure 15 adds.
const ENHANCED: &str = "dojo-enhanced";

/// One run of Figure 12.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaperRun {
    /// Model preset.
    pub model: String,
    /// Wafer preset.
    pub wafer: String,
    /// Requests in the batch.
    pub batch: usize,
    /// Strategy.
    pub strategy: String,
    /// Whether its requests were made.
    pub synthetic: bool,
    /// Sum of the layer times, seconds.
    pub seconds: f64,
    /// Throughput over that of `base`.
    pub speedup: f64,
    /// Hops of all fetches.
    pub hops: u64,
    /// Mean time of one layer in one step, seconds.
    pub layer_seconds: f64,
    /// HBM accesses, in experts.
    pub reads: Reads,
    /// Collapsed layers among those that were simulated, by id.
    pub collapsed: Vec<u32>,
}

/// A published number and ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// What it is.
    pub name: String,
    /// The paper's value.
    pub paper: f64,
    /// Ours.
    pub ours: f64,
    /// Ours over the paper's, less one.
    pub difference: f64,
}

/// Time of Algorithm 1 on a host CPU, Figure 15.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostTime {
    /// Model preset.
    pub model: String,
    /// Wafer preset.
    pub wafer: String,
    /// Least and largest overhead over the batches in the paper, share of the layer's time.
    pub paper: (f64, f64),
    /// Ours.
    pub ours: (f64, f64),
}

/// What runs with such edits of the paper's settings are called: no reader may take edited runs for the paper's.
#[must_use]
pub fn figure_12_title(edits: &[String]) -> String {
    if edits.is_empty() {
        return "Figure 12 with the paper\u{2019}s settings".into();
    }
    format!("Figure 12 with other settings than the paper\u{2019}s: {}", edits.join(", "))
}

/// Runs that stand in the result for one model: those of Figure 12, and those of Figure 15 on its further wafer.
#[must_use]
pub fn paper_runs(model: &ModelPreset) -> usize {
    queue(&Experiment::default(), model).iter().map(|e| e.run.strategies.len()).sum()
}

/// The experiments of one model with the settings of another.
fn queue(experiment: &Experiment, model: &ModelPreset) -> Vec<Experiment> {
    let at = |batch: usize, wafer: &str, strategies: &[Strategy]| {
        let mut at = experiment.of_figure_12();
        at.workload.model = model.name.into();
        at.workload.batch = batch;
        at.system.wafer = wafer.into();
        at.run.strategies = strategies.to_vec();
        at
    };
    let mut queue = Vec::new();
    for batch in BATCHES {
        queue.extend(PAPER_WAFERS.map(|w| at(batch, w, &Strategy::ALL)));
        if host_overheads(model.name).is_some() {
            queue.push(at(batch, ENHANCED, &[Strategy::ALLO_PRED]));
        }
    }
    queue
}

/// The runs of one model, in slices or by many threads. Only the simulated layers of the workload are made into counts.
pub struct PaperJob {
    /// The workload, as long as batches are filled from it.
    made: Option<Box<Thinned>>,
    /// Settings that are still to run; the batch that was filled last.
    queue: std::vec::IntoIter<Experiment>,
    filled: Option<Arc<Filled>>,
    /// Decode steps of each run.
    steps: usize,
    /// Runs under way: the last is planned while layers of those before are timed.
    running: VecDeque<Run>,
    /// Runs before these.
    ended: usize,
    runs: Vec<PaperRun>,
    done: u64,
    total: u64,
}

/// A planned layer of one of the runs, to be timed on any thread.
pub struct PaperLayer(usize, Chunk);

/// A timed layer of one of the runs.
pub struct TimedPaperLayer(usize, DoneChunk);

impl PaperLayer {
    /// Times it.
    #[must_use]
    pub fn time(self) -> TimedPaperLayer {
        TimedPaperLayer(self.0, self.1.work())
    }
}

impl PaperJob {
    /// The runs of a model with the settings of an experiment (its model, wafer, batch and strategies do not count).
    #[must_use]
    pub fn new(experiment: &Experiment, model: &'static ModelPreset) -> Self {
        let made = Thinned::new(model, experiment);
        let queue = queue(experiment, model);
        let layers = if experiment.workload.layers == 0 {
            model.moe_layers
        } else {
            experiment.workload.layers.min(model.moe_layers)
        };
        let each = (experiment.workload.steps * layers) as u64;
        let simulations: usize =
            queue.iter().map(|e| if e.system.wafer == ENHANCED { 2 } else { e.run.strategies.len() }).sum();
        let total = simulations as u64 * each + made.total();
        Self {
            made: Some(Box::new(made)),
            queue: queue.into_iter(),
            filled: None,
            steps: experiment.workload.steps,
            running: VecDeque::new(),
            ended: 0,
            runs: Vec::new(),
            done: 0,
            total,
        }
    }

    /// Layer simulations and requests done, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.done.min(self.total), self.total)
    }

    /// Does the next slice; false once all runs are done. With `recorded` requests nothing is made.
    ///
    /// # Errors
    /// If the recorded requests have no decode tokens.
    #[inline(never)]
    pub fn step(&mut self, recorded: Option<&Part>) -> Result<bool, String> {
        if self.make(recorded) {
            return Ok(true);
        }
        let planned = self.plan(recorded)?;
        Ok(planned.map(|planned| self.add(planned.time())).is_some())
    }

    /// Makes the next request; false once all are made.
    fn make(&mut self, recorded: Option<&Part>) -> bool {
        let made = recorded.is_none() && self.made.as_mut().is_some_and(|made| made.step());
        self.done += u64::from(made);
        made
    }

    /// Plans the next layer; none once all runs are planned. Plans are made in order, and may be timed side by side. The first makes
    /// the requests.
    ///
    /// # Errors
    /// As [`PaperJob::step`].
    pub fn plan(&mut self, recorded: Option<&Part>) -> Result<Option<PaperLayer>, String> {
        while self.make(recorded) {}
        loop {
            if let Some(run) = self.running.back_mut()
                && let Some(planned) = run.plan()
            {
                return Ok(Some(PaperLayer(self.ended + self.running.len() - 1, planned)));
            }
            let Some(experiment) = self.queue.next() else {
                // No batch is filled any more.
                (self.made, self.filled) = (None, None);
                return Ok(None);
            };
            let filled = match self.filled.take() {
                Some(same) if same.workload.batch == experiment.workload.batch => same,
                Some(other) => Arc::new(self.fill(&experiment, recorded)?.predicting_as(&other)),
                None => Arc::new(self.fill(&experiment, recorded)?),
            };
            self.running.push_back(Run::on(experiment, Arc::clone(&filled))?);
            self.filled = Some(filled);
        }
    }

    /// Adds a timed layer. Whatever the order in which they come, the results are the same.
    pub fn add(&mut self, TimedPaperLayer(at, timed): TimedPaperLayer) {
        self.done += 1;
        if let Some(run) = at.checked_sub(self.ended).and_then(|at| self.running.get_mut(at)) {
            run.add(timed);
        }
        let done = |run: &Run| run.progress().0 == run.progress().1;
        while self.running.front().is_some_and(done) {
            let Some(run) = self.running.pop_front() else { return };
            self.ended += 1;
            self.keep(&run.report());
        }
    }

    /// All runs, once [`PaperJob::step`] has returned false.
    #[must_use]
    pub fn finish(self) -> Vec<PaperRun> {
        self.runs
    }

    fn fill(&self, experiment: &Experiment, recorded: Option<&Part>) -> Result<Filled, String> {
        if let Some(part) = recorded {
            let filled = workload(part, experiment)?;
            let provenance = Provenance::new(part, false, &filled, Vec::new());
            return Ok(Filled::new(filled, provenance));
        }
        let made = self.made.as_ref().ok_or("the requests are not there any more")?;
        let filled = made.fill(experiment)?;
        let provenance = made.provenance(&filled);
        Ok(Filled::new(filled, provenance))
    }

    fn keep(&mut self, report: &RunReport) {
        for run in &report.runs {
            self.runs.push(PaperRun {
                model: run.model.clone(),
                wafer: run.wafer.clone(),
                batch: run.batch,
                strategy: run.strategy.clone(),
                synthetic: report.synthetic,
                seconds: run.seconds,
                speedup: run.speedup,
                hops: run.hops,
                layer_seconds: run.seconds / (report.layers.len() * self.steps) as f64,
                reads: run.reads,
                collapsed: report.collapsed.clone(),
            });
        }
    }
}

/// Every published number of Figures 12 and 14, with ours from the runs of all models.
#[must_use]
pub fn targets(runs: &[PaperRun]) -> Vec<Target> {
    let all: Vec<&PaperRun> = runs.iter().filter(|r| r.wafer != ENHANCED).collect();
    // Where a model has runs on recorded requests, those count; its synthetic ones stand beside them.
    let recorded = |model: &str| all.iter().any(|r| r.model == model && !r.synthetic);
    let runs: Vec<&PaperRun> = all.iter().copied().filter(|r| r.synthetic != recorded(&r.model)).collect();
    let of = |strategy: Strategy| runs.iter().copied().filter(move |r| r.strategy == strategy.name());
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let speedup =
        |keep: &dyn Fn(&PaperRun) -> bool, s: Strategy| mean(of(s).filter(|r| keep(r)).map(|r| r.speedup).collect());
    let mut out = Vec::new();
    let mut add = |name: String, paper: f64, ours: f64| {
        out.push(Target { name, paper, ours, difference: ours / paper - 1.0 });
    };
    for model in paper_models() {
        let ours = speedup(&|r| r.model == model.name, Strategy::ALLO_PRED);
        add(format!("allo+pred over base, {}", model.title), model.paper_speedup.unwrap_or(f64::NAN), ours);
    }
    for (wafer, title, paper) in [("dojo", "Dojo", 6.0), ("tsmc-sow", "TSMC-SoW", 7.5)] {
        add(format!("allo+pred over base, {title}"), paper, speedup(&|r| r.wafer == wafer, Strategy::ALLO_PRED));
    }
    add("allo over base".into(), 6.3, speedup(&|_| true, Strategy::ALLO));
    add("pred over base".into(), 3.0, speedup(&|_| true, Strategy::PRED));
    for (batch, paper) in [(4096, 1.0), (16384, 1.44)] {
        let same = |a: &PaperRun, b: &PaperRun| (&a.model, &a.wafer, a.batch) == (&b.model, &b.wafer, b.batch);
        let ratio = |a: &PaperRun| of(Strategy::EP).find(|b| same(a, b)).map(|b| b.seconds / a.seconds);
        let ratios = of(Strategy::ALLO_PRED).filter(|r| r.batch == batch).filter_map(ratio).collect();
        add(format!("allo+pred over ep, batch {batch}"), paper, mean(ratios));
    }
    for model in paper_models().filter(|m| recorded(m.name)) {
        let synthetic = all.iter().filter(|r| r.synthetic && r.model == model.name);
        let ours: Vec<f64> =
            synthetic.filter(|r| r.strategy == Strategy::ALLO_PRED.name()).map(|r| r.speedup).collect();
        if !ours.is_empty() {
            add(
                format!("allo+pred over base, {}{BESIDE}", model.title),
                model.paper_speedup.unwrap_or(f64::NAN),
                mean(ours),
            );
        }
    }
    let hops = |s: Strategy| of(s).map(|r| r.hops).sum::<u64>() as f64;
    for (strategy, paper) in [(Strategy::PRED, 4.5), (Strategy::ALLO, 142.0), (Strategy::ALLO_PRED, 213.0)] {
        add(format!("hops of base over hops of {}", strategy.name()), paper, hops(Strategy::BASE) / hops(strategy));
    }
    out
}

/// Ends the name of a target that stands beside the one that counts.
const BESIDE: &str = " (its synthetic workload)";

/// Targets of throughput among all: those that the study of the model was held to.
pub fn throughput(targets: &[Target]) -> impl Iterator<Item = &Target> {
    targets.iter().filter(|t| !t.name.contains("hop") && !t.name.ends_with(BESIDE))
}

/// Root of the mean square of the differences of the throughput targets.
#[must_use]
pub fn rms(targets: &[Target]) -> f64 {
    let squares: Vec<f64> = throughput(targets).map(|t| t.difference * t.difference).collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

/// Figure 15: the overhead of running Algorithm 1 on the host, by model and wafer. The host's time for a layer is 8 µs and
/// 0.5 µs for each 1024 requests (inferred from the figure).
#[must_use]
pub fn host_times(runs: &[PaperRun]) -> Vec<HostTime> {
    let mut out = Vec::new();
    for model in paper_models() {
        let Some(papers) = host_overheads(model.name) else { continue };
        for (wafer, paper) in papers {
            let of = |r: &&PaperRun| {
                r.synthetic && r.model == model.name && r.wafer == wafer && r.strategy == Strategy::ALLO_PRED.name()
            };
            let share = |r: &PaperRun| host_seconds(r.batch) / r.layer_seconds;
            let shares: Vec<f64> = runs.iter().filter(of).map(share).collect();
            if let (Some(least), Some(most)) =
                (shares.iter().copied().reduce(f64::min), shares.iter().copied().reduce(f64::max))
            {
                out.push(HostTime { model: model.name.into(), wafer: wafer.into(), paper, ours: (least, most) });
            }
        }
    }
    out
}

/// Seconds of Algorithm 1 for one layer on a host CPU (inferred).
#[must_use]
pub fn host_seconds(batch: usize) -> f64 {
    8e-6 + 0.5e-6 * batch as f64 / 1024.0
}

/// The paper's ranges of Figure 15.
fn host_overheads(model: &str) -> Option<[(&'static str, (f64, f64)); 2]> {
    match model {
        "deepseek-v3" => Some([("dojo", (0.052, 0.064)), (ENHANCED, (0.193, 0.238))]),
        "qwen3-235b" => Some([("dojo", (0.111, 0.142)), (ENHANCED, (0.420, 0.516))]),
        _ => None,
    }
}
