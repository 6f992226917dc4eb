//! Runs an experiment on a workload: all its strategies, with `base` as the measure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::search::{Next, Search, Tried};
use super::{Filled, Outcomes, Provenance};
use crate::experiment::{Experiment, RunSettings, key_named};
use crate::model::{ModelPreset, Topology, Turns, model_named};
use crate::sim::{Bound, Breakdown, Digest, Inputs, Outcome, Planned, Reads, Simulation, Strategy, Timed, Workload};

/// Two runs of a strategy with the same key have the same outcome, to the byte: the settings that the strategy reads, the size of
/// an expert, and what the batch holds.
fn key(strategy: Strategy, experiment: &Experiment, workload: &Digest) -> String {
    let default = Experiment::default();
    let mut of = experiment.run_key();
    of.workload.clone_from(&default.workload);
    let RunSettings { activations, rest, .. } = experiment.run;
    for key in strategy.ignores(activations, rest).into_iter().filter_map(key_named) {
        // A default is a value of its setting.
        let _ = (key.set)(&mut of, &(key.get)(&default));
    }
    let (expert, pairs) = (experiment.expert(), if strategy.predicts() { workload.pairs } else { 0 });
    let model = experiment.beside().ok().flatten().map_or("", |beside| beside.rest.model);
    format!(
        "{} {of} {}x{} {model} {:x} {pairs:x}",
        strategy.name(),
        expert.hidden,
        expert.intermediate,
        workload.counts
    )
}

/// The result of an experiment: `moescope run --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The experiment, in normal form and without settings of the view.
    pub experiment: String,
    /// Digest of the requests.
    pub digest: String,
    /// The requests are synthetic, not recorded.
    pub synthetic: bool,
    /// Requests that the batch was filled from; fewer than the batch: they were used again at other decode offsets.
    pub sources: usize,
    /// Simulated layers, by id.
    pub layers: Vec<u32>,
    /// Those of them that are collapsed: one expert takes nearly every token, and with it most of the time of `ep`.
    pub collapsed: Vec<u32>,
    /// MoE layers of the trace.
    pub all_layers: usize,
    /// Model that the requests are of: the synthetic workload's, or what the trace's shape and labels tell.
    pub of_model: Option<String>,
    /// Dies that cannot hold the experts that live there; they keep no copies.
    pub overfull: usize,
    /// One for each strategy.
    pub runs: Vec<StrategyRun>,
    /// Strategies that were asked for and mean nothing on this batch.
    pub left_out: Vec<LeftOut>,
    /// What was wrong in the input of the requests.
    pub warnings: Vec<String>,
}

/// A strategy that means nothing on a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Name.
    pub strategy: String,
    /// Why, for people.
    pub why: String,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is left out: {}", self.strategy, self.why)
    }
}

/// What changes of placement came to, if a strategy has a placement for each subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// Experts that came to devices which had not held them, over all simulated layers.
    pub moved: u64,
    /// Their bytes.
    pub bytes: f64,
    /// What of the seconds that took.
    pub seconds: f64,
}

impl Changes {
    /// Those of an outcome, with experts of so many bytes.
    pub(super) fn of(outcome: &Outcome, expert_bytes: f64) -> Self {
        let moved = outcome.steps.iter().map(|step| step.moved).sum();
        let seconds = outcome.steps.iter().map(|step| step.change_seconds).sum();
        Self { moved, bytes: moved as f64 * expert_bytes, seconds }
    }
}

/// The result of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyRun {
    /// Model whose expert size was used; `custom` if the size was given.
    pub model: String,
    /// Wafer.
    pub wafer: String,
    /// Requests in the batch.
    pub batch: usize,
    /// Strategy.
    pub strategy: String,
    /// Sum of the layer times, seconds.
    pub seconds: f64,
    /// Where it goes, of the device that ends last: these sum to it.
    pub breakdown: Breakdown,
    /// What changes of placement took of it: part of `weights` there.
    pub changes: Changes,
    /// Bytes of activations on their way to experts, and back.
    pub activation_bytes: [f64; 2],
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
    /// Seconds of each die from the start of a layer until it was done, summed over the layers.
    pub die_seconds: Vec<f64>,
    /// Bytes through each die's HBM.
    pub hbm_bytes: Vec<f64>,
    /// Bytes over each link.
    pub link_bytes: Vec<f64>,
    /// Seconds in which each link moved anything.
    pub link_busy: Vec<f64>,
    /// Copies held at the end by each die.
    pub copies: Vec<u64>,
}

/// A run in progress: its strategies in the order of the figures.
pub struct Run {
    experiment: Experiment,
    filled: Arc<Filled>,
    /// The experiment with the model whose expert size is used.
    resolved: Experiment,
    /// Dies that cannot hold their experts.
    overfull: usize,
    topology: Arc<Topology>,
    strategies: Vec<Entry>,
    left_out: Vec<LeftOut>,
    done: u64,
    total: u64,
}

/// A strategy of a run.
struct Entry {
    strategy: Strategy,
    /// Once its placement is known.
    inputs: Option<Arc<Inputs>>,
    stage: Stage,
}

/// How far it is.
enum Stage {
    Searches(Box<Search>),
    Waits,
    Runs(Box<Simulation>),
    Done(Box<Outcome>),
}

/// A piece of a run that can be done on any thread: a planned layer that is to be timed, or a placement that is to be tried.
pub struct Chunk(usize, Work<Planned>);

/// The same, done.
pub struct DoneChunk(usize, Work<Timed>);

enum Work<T> {
    Layer(T),
    Try(Tried),
    /// Nothing was left to do but to prepare what comes.
    Prepared,
}

impl Chunk {
    /// Does it.
    #[must_use]
    pub fn work(self) -> DoneChunk {
        DoneChunk(
            self.0,
            match self.1 {
                Work::Layer(planned) => Work::Layer(planned.time()),
                Work::Try(tried) => Work::Try(tried.step()),
                Work::Prepared => Work::Prepared,
            },
        )
    }
}

impl Run {
    /// Runs an experiment on a batch from requests of that provenance; see [`Run::on`].
    ///
    /// # Errors
    /// How large the experts are is not known.
    pub fn new(
        experiment: Experiment,
        workload: impl Into<Arc<Workload>>,
        provenance: Provenance,
    ) -> Result<Self, String> {
        Self::on(experiment, Arc::new(Filled::new(workload, provenance)))
    }

    /// Runs an experiment on a batch that other runs may be on too; `base` and the baseline are added if they are not among the
    /// strategies, because hop ratios and speedups need them.
    ///
    /// # Errors
    /// How large the experts are is not known.
    pub fn on(experiment: Experiment, filled: Arc<Filled>) -> Result<Self, String> {
        Self::with_placements(experiment, filled, &[])
    }

    /// The same, where these strategies have their experts there: nothing is placed or searched for them.
    ///
    /// # Errors
    /// As [`Run::on`].
    pub fn with_placements(
        mut experiment: Experiment,
        filled: Arc<Filled>,
        placements: &[(Strategy, Turns)],
    ) -> Result<Self, String> {
        let Filled { workload, provenance, .. } = &*filled;
        // The page shows the synthetic workload while a link's trace is not there: such a result is not that trace's.
        if provenance.synthetic {
            experiment.workload.trace.clear();
        }
        let resolved = provenance.resolve(&experiment)?;
        let mut strategies = experiment.run.strategies.clone();
        for needed in [experiment.run.baseline, Strategy::BASE] {
            if !strategies.contains(&needed) {
                strategies.insert(0, needed);
            }
        }
        let mut left_out = Vec::new();
        if workload.of_step.is_empty() {
            let by_subject = |s: &Strategy| resolved.placement(s.placement()).beside().is_some();
            let why = provenance.no_turns();
            if let Some(needed) = [experiment.run.baseline, Strategy::BASE].iter().find(|s| by_subject(s)) {
                let placement = resolved.placement(needed.placement()).name;
                return Err(format!("{} cannot be measured with {placement}: {why}", needed.name()));
            }
            let out = strategies.iter().filter(|s| by_subject(s));
            left_out = out.map(|s| LeftOut { strategy: s.name().into(), why: why.clone() }).collect();
            strategies.retain(|s| !by_subject(s));
        }
        let topology = Arc::new(resolved.topology());
        let overfull = resolved.overfull(workload.all_layers, &workload.loads);
        let known = |strategy| placements.iter().find(|p| p.0 == strategy).map(|p| &p.1);
        let searched = |s: Strategy| resolved.placement(s.placement()).name == "search" && known(s).is_none();
        let searches = strategies.iter().filter(|&&s| searched(s)).count() as u64;
        let each = workload.steps as u64 * workload.layers.len() as u64;
        let total = strategies.len() as u64 * each + searches * Search::tries(&resolved, workload.layers.len());
        let inputs = |config| Arc::new(Inputs::new(Arc::clone(workload), config).sharing(filled.predictors()));
        let mut entries: Vec<Entry> = Vec::new();
        for strategy in strategies {
            if searched(strategy) {
                let search = Search::new(&resolved, strategy, workload, &topology);
                entries.push(Entry { strategy, inputs: None, stage: Stage::Searches(Box::new(search)) });
                continue;
            }
            if let Some(replicas) = known(strategy) {
                let inputs = Some(inputs(resolved.config_of(workload, &topology, replicas.clone())));
                entries.push(Entry { strategy, inputs, stage: Stage::Waits });
                continue;
            }
            // Strategies that place experts alike share the tables that follow from it.
            let placed = |s: Strategy| s.placement().map(|p| p.name);
            let alike = entries.iter().find(|e| placed(e.strategy) == placed(strategy)).and_then(|e| e.inputs.clone());
            let make = || inputs(resolved.config(workload, &topology, strategy));
            let inputs = Some(alike.unwrap_or_else(make));
            entries.push(Entry { strategy, inputs, stage: Stage::Waits });
        }
        Ok(Self { experiment, filled, resolved, overfull, topology, strategies: entries, left_out, done: 0, total })
    }

    /// Takes the outcomes of strategies that ran before with all that they read.
    pub fn recall(&mut self, outcomes: &Outcomes) {
        if outcomes.is_empty() {
            return;
        }
        let digest = self.filled.digest();
        let each = self.filled.workload.steps as u64 * self.filled.workload.layers.len() as u64;
        for Entry { strategy, stage, .. } in &mut self.strategies {
            let searches = matches!(stage, Stage::Searches(_));
            if let (true, Some(outcome)) =
                (searches || matches!(stage, Stage::Waits), outcomes.get(&key(*strategy, &self.resolved, digest)))
            {
                *stage = Stage::Done(Box::new(outcome.clone()));
                self.done += each;
                if searches {
                    self.done += Search::tries(&self.resolved, self.filled.workload.layers.len());
                }
            }
        }
    }

    /// Keeps the outcomes of all strategies that are done.
    pub fn remember(&self, outcomes: &mut Outcomes) {
        let digest = self.filled.digest();
        for Entry { strategy, stage, .. } in &self.strategies {
            if let Stage::Done(outcome) = stage {
                outcomes.keep(key(*strategy, &self.resolved, digest), (**outcome).clone());
            }
        }
    }

    /// Layer simulations done, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.done.min(self.total), self.total)
    }

    /// Simulates one layer; false once all strategies are done.
    pub fn step(&mut self) -> bool {
        match self.plan() {
            Some(planned) => {
                self.add(planned.work());
                true
            }
            None => false,
        }
    }

    /// Whether all strategies are done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.strategies.iter().all(|e| matches!(e.stage, Stage::Done(_)))
    }

    /// The next piece of work; none while all are out, or once all are done. Plans are made in order, and may be timed side by side.
    pub fn plan(&mut self) -> Option<Chunk> {
        for (at, Entry { strategy, inputs, stage }) in self.strategies.iter_mut().enumerate() {
            if let Stage::Searches(search) = stage {
                match search.next() {
                    Next::Try(tried) => return Some(Chunk(at, Work::Try(tried))),
                    Next::Again => return Some(Chunk(at, Work::Prepared)),
                    Next::Nothing => continue,
                }
            }
            if let (Stage::Waits, Some(inputs)) = (&*stage, &*inputs) {
                *stage = Stage::Runs(Box::new(Simulation::with(Arc::clone(inputs), *strategy)));
            }
            if let Stage::Runs(simulation) = stage
                && let Some(planned) = simulation.plan()
            {
                return Some(Chunk(at, Work::Layer(planned)));
            }
        }
        None
    }

    /// Adds a piece that was done. Whatever the order in which they come, the sums are made in that of the plans.
    pub fn add(&mut self, DoneChunk(at, work): DoneChunk) {
        let Entry { inputs, stage, .. } = &mut self.strategies[at];
        match (work, &mut *stage) {
            (Work::Layer(timed), Stage::Runs(simulation)) => {
                self.done += 1;
                simulation.add(timed);
                if let Some(outcome) = simulation.outcome() {
                    *stage = Stage::Done(Box::new(outcome));
                }
            }
            (Work::Try(tried), Stage::Searches(search)) => {
                self.done += 1;
                search.add(tried);
                let Some(found) = search.found() else { return };
                let workload = &self.filled.workload;
                let config = self.resolved.config_of(workload, &self.topology, found);
                *inputs = Some(Arc::new(Inputs::new(Arc::clone(workload), config).sharing(self.filled.predictors())));
                *stage = Stage::Waits;
            }
            _ => {}
        }
    }

    /// The outcomes, once all layers are added.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<(Strategy, Outcome)> {
        let done = |e: Entry| if let Stage::Done(outcome) = e.stage { Some((e.strategy, *outcome)) } else { None };
        self.strategies.into_iter().filter_map(done).collect()
    }

    /// Strategies that were asked for and mean nothing on this batch.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Where each strategy has its experts, as far as that is known; strategies that were recalled have none if they searched.
    #[must_use]
    pub fn placed(&self) -> Vec<(Strategy, Option<&Turns>)> {
        self.strategies.iter().map(|e| (e.strategy, e.inputs.as_ref().map(|i| &i.config.replicas))).collect()
    }

    /// The report, once all layers are added.
    #[must_use]
    pub fn report(self) -> RunReport {
        let Filled { workload, provenance, .. } = &*self.filled;
        let tokens = (workload.batch as u64 * workload.steps as u64) as f64;
        let done = |e: Entry| if let Stage::Done(outcome) = e.stage { Some(*outcome) } else { None };
        let outcomes: Vec<Outcome> = self.strategies.into_iter().filter_map(done).collect();
        let find = |strategy| outcomes.iter().find(|o| o.strategy == strategy);
        let baseline = find(self.experiment.run.baseline).map_or(f64::NAN, |o| o.seconds);
        let base_hops = find(Strategy::BASE).map_or(0, |o| o.hops);
        let run = |o: &Outcome| StrategyRun {
            model: self.resolved.preset().name.into(),
            wafer: self.experiment.system.wafer.clone(),
            batch: workload.batch,
            strategy: o.strategy.name().into(),
            seconds: o.seconds,
            breakdown: o.breakdown,
            changes: Changes::of(o, self.resolved.expert().bytes(self.resolved.run.weight)),
            activation_bytes: o.activations,
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
            die_seconds: o.die_seconds.clone(),
            hbm_bytes: o.hbm_bytes.clone(),
            link_bytes: o.link_bytes.clone(),
            link_busy: o.link_busy.clone(),
            copies: o.replicas.clone(),
        };
        let wanted = |o: &&Outcome| self.experiment.run.strategies.contains(&o.strategy);
        RunReport {
            experiment: self.experiment.run_key().to_string(),
            runs: outcomes.iter().filter(wanted).map(run).collect(),
            left_out: self.left_out,
            digest: provenance.digest.clone(),
            synthetic: provenance.synthetic,
            sources: workload.sources,
            layers: workload.layers.clone(),
            collapsed: provenance.collapsed.clone(),
            all_layers: workload.all_layers,
            of_model: provenance.model.clone(),
            overfull: self.overfull,
            warnings: provenance.warnings.clone(),
        }
    }
}

impl RunReport {
    /// The strategy that the speedups are over.
    #[must_use]
    pub fn over(&self) -> Strategy {
        Experiment::parse(&self.experiment).0.run.baseline
    }

    /// What is to be said of a model that does not fit, if that is so.
    #[must_use]
    pub fn overfull_words(&self) -> Option<String> {
        let (experiment, _) = Experiment::parse(&self.experiment);
        let (device, caches) = (
            experiment.system().nouns().device,
            if experiment.run.rest { " and the caches of their requests" } else { "" },
        );
        let shorter = if experiment.run.rest { ", a shorter context" } else { "" };
        (self.overfull > 0).then(|| {
            format!(
                "The model does not fit: {} {device}s cannot hold their experts{caches}, and keep no copies. More DRAM, more \
                 {device}s{shorter} or fewer bytes a weight would do. ",
                self.overfull
            )
        })
    }

    /// What is to be said of collapsed layers in this result, if there are any.
    #[must_use]
    pub fn collapsed_words(&self) -> Option<String> {
        let die = Experiment::parse(&self.experiment).0.system().nouns().device;
        let ids: Vec<String> = self.collapsed.iter().map(ToString::to_string).collect();
        let (layers, of) = match ids.len() {
            0 => return None,
            1 => (format!("layer {} is collapsed", ids[0]), "its"),
            _ => (format!("layers {} are collapsed", ids.join(", ")), "their"),
        };
        Some(format!(
            "Of {} simulated layers, {layers}: one expert takes nearly all of {of} tokens, and one {die} nearly all of {of} \
             work in ep. skip=collapsed leaves such layers out.",
            self.layers.len()
        ))
    }

    /// The paper's speedup of a strategy over the baseline of this run, and what it is the mean of (section V, Figure 12). None
    /// where it is not of this run: hardware or simulation are not the paper's, or the experts have another model's size.
    #[must_use]
    pub fn paper(&self, run: &StrategyRun) -> Option<(f64, &'static str)> {
        let (experiment, _) = Experiment::parse(&self.experiment);
        let model = model_named(&run.model).filter(|m| m.paper_speedup.is_some());
        let model = model.filter(|m| self.of_model.as_deref() == Some(m.name) && experiment.as_published())?;
        let strategy = Strategy::ALL.into_iter().find(|s| s.name() == run.strategy)?;
        paper_speedup(model, strategy, experiment.run.baseline, run.batch)
    }
}

fn paper_speedup(
    model: &ModelPreset,
    strategy: Strategy,
    baseline: Strategy,
    batch: usize,
) -> Option<(f64, &'static str)> {
    if baseline != Strategy::BASE {
        let over_ep = baseline == Strategy::EP && strategy == Strategy::ALLO_PRED;
        let of = "this batch, mean over models and wafers";
        return match batch {
            4096 if over_ep => Some((1.0, of)),
            16384 if over_ep => Some((1.44, of)),
            _ => None,
        };
    }
    match strategy {
        Strategy::ALLO_PRED => model.paper_speedup.map(|s| (s, "this model, mean over batches and wafers")),
        Strategy::ALLO => Some((6.3, "mean over models, batches and wafers")),
        Strategy::PRED => Some((3.0, "mean over models, batches and wafers")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section V and Figure 12: over base by strategy, over ep for allo+pred at two batches, and nothing else.
    #[test]
    fn the_papers_speedups_stand_beside_the_runs_that_they_are_of() {
        let mark = |model: &str, strategy, baseline, batch| {
            paper_speedup(model_named(model).unwrap(), strategy, baseline, batch).map(|(speedup, _)| speedup)
        };
        let (base, ep, allo, both) = (Strategy::BASE, Strategy::EP, Strategy::ALLO, Strategy::ALLO_PRED);
        for batch in [4096, 8192, 16384] {
            assert_eq!(mark("deepseek-v3", both, base, batch), Some(7.0));
            assert_eq!(mark("llama4-maverick", both, base, batch), Some(7.3));
            assert_eq!(mark("deepseek-v3", allo, base, batch), Some(6.3));
            assert_eq!(mark("deepseek-v3", Strategy::PRED, base, batch), Some(3.0));
            assert_eq!(mark("deepseek-v3", ep, base, batch), None);
            assert_eq!(mark("deepseek-v3", base, base, batch), None);
            for strategy in [base, ep, allo, Strategy::PRED] {
                assert_eq!(mark("deepseek-v3", strategy, ep, batch), None);
            }
            assert_eq!(mark("deepseek-v3", both, allo, batch), None);
        }
        let over_ep = [4096, 8192, 16384].map(|batch| mark("deepseek-v3", both, ep, batch));
        assert_eq!(over_ep, [Some(1.0), None, Some(1.44)]);
    }
}
