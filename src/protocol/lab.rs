//! The lab: what each placement and dispatch is worth on requests that it was not made from. Apart from a run, which knows one
//! batch: here the same placements are scored on what they learnt from, on what they did not, and beside bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lab_report::{Bound, LayerScores, PERCENTILES, PlaceReport, PlacedStrategy, Scores};
use super::learn::{summed, with_steps};
use super::{BySubject, Dataset, Filled, LeftOut, Part, Provenance, Run, batch};
use crate::analysis::{Positions, Rebalance};
use crate::experiment::Experiment;
use crate::model::{Phase, Placed, Replicas, Topology, Turns, model_named};
use crate::place::files::{PlacementFile, Target, fit};
use crate::place::{FEWEST_REQUESTS, Loads, Placement, placement_named};
use crate::sim::{Balance, Outcome, Strategy, Workload, learning};

/// What a run of the lab is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Scored,
    Learnt,
    Bounds,
}

/// The lab at work: runs, one after another.
pub struct Lab {
    experiment: Experiment,
    /// It with the model whose expert size is used, and the system.
    resolved: Experiment,
    topology: Topology,
    provenance: Provenance,
    workload: Arc<Workload>,
    from_counts: bool,
    stage: Stage,
    run: Option<Run>,
    found: Vec<(Strategy, Turns)>,
    left_out: Vec<LeftOut>,
    /// Loads by position in the requests, and the placements that are still to be judged by them.
    positions: Positions,
    to_judge: Vec<&'static Placement>,
    rebalance: BTreeMap<String, Rebalance>,
    done: Vec<(Stage, Vec<(Strategy, Outcome)>)>,
}

impl Lab {
    /// The lab of an experiment on requests of a data set.
    ///
    /// # Errors
    /// Nothing of it can be placed or simulated, and why.
    pub fn new(
        dataset: &Dataset,
        part: &Part,
        experiment: &Experiment,
        file: Option<&PlacementFile>,
    ) -> Result<Self, String> {
        let from_counts = part.summary.stream_phase() == Phase::Prefill;
        let (mut filled, mut provenance) = if from_counts {
            let filled = summed(part, experiment)?;
            let provenance = Provenance::new(part, dataset.synthetic, &filled, dataset.warnings());
            (filled, provenance)
        } else {
            batch(dataset, part, experiment)?
        };
        let resolved = provenance.resolve(experiment)?;
        let topology = resolved.topology();
        let scored = part.requests.iter().filter(|r| !experiment.workload.held_out || r.is_odd());
        let positions = Positions::of(scored, &filled.layers, filled.experts);
        if let Some(file) = file {
            let all = part.summary.layer_ids();
            let (experts, devices) = (filled.experts, topology.devices);
            let model = model_named(&resolved.workload.model).or_else(|| part.model());
            let (layers, live) = (&filled.layers, &topology.live);
            let (replicas, said) = fit(file, &Target { layers, all: &all, experts, live, devices, model })?;
            filled.loads.file = Some(replicas);
            provenance.warnings.extend(said.into_iter().map(|words| format!("the placement\u{2019}s file: {words}")));
        }
        let workload = Arc::new(with_steps(filled, part, experiment));
        // What is held against another placement is run with it, on the same batches.
        let mut asked = experiment.clone();
        if !workload.of_step.is_empty() {
            for beside in experiment.run.strategies.iter().filter_map(|&s| beside(experiment, s)) {
                if !asked.run.strategies.contains(&beside) {
                    asked.run.strategies.push(beside);
                }
            }
        }
        let run = Run::new(asked, Arc::clone(&workload), provenance.clone())?;
        let mut to_judge: Vec<&'static Placement> = Vec::new();
        for placement in experiment.run.strategies.iter().map(|s| experiment.placement(s.placement())) {
            if placement.is_rule() && to_judge.iter().all(|p| p.name != placement.name) {
                to_judge.push(placement);
            }
        }
        Ok(Self {
            experiment: experiment.clone(),
            resolved,
            topology,
            provenance,
            workload,
            from_counts,
            stage: Stage::Scored,
            left_out: run.left_out().to_vec(),
            run: Some(run),
            found: Vec::new(),
            positions,
            to_judge,
            rebalance: BTreeMap::new(),
            done: Vec::new(),
        })
    }

    /// The run under way; none once all are done.
    pub fn run(&mut self) -> Option<&mut Run> {
        self.run.as_mut()
    }

    /// Takes the run out, to be worked on by threads; [`Lab::put`] gives it back.
    pub fn take(&mut self) -> Option<Run> {
        self.run.take()
    }

    /// Gives back a run that is done, and begins the next.
    ///
    /// # Errors
    /// How large the experts are is not known.
    pub fn put(&mut self, run: Run) -> Result<(), String> {
        if self.stage == Stage::Scored {
            let known = run.placed().into_iter().filter_map(|(s, r)| Some((s, r?.clone())));
            self.found = known.collect();
        }
        self.done.push((self.stage, run.into_outcomes()));
        let next = match self.stage {
            Stage::Scored if self.experiment.workload.held_out => Some(Stage::Learnt),
            Stage::Scored | Stage::Learnt => Some(Stage::Bounds),
            Stage::Bounds => None,
        };
        let Some(next) = next else { return Ok(()) };
        self.stage = next;
        self.run = Some(self.begin(next)?);
        Ok(())
    }

    /// Pieces done and all, of the run under way: the first is nearly all of the work.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        self.run.as_ref().map_or((1, 1), Run::progress)
    }

    fn begin(&self, stage: Stage) -> Result<Run, String> {
        let of = &*self.workload;
        if stage == Stage::Learnt {
            let learnt = learnt(of);
            // Steps may be fewer: those of a subject keep its placement.
            let steps = &learnt.of_step;
            let found = self.found.iter().map(|(s, turns)| (*s, Turns::new(turns.each().to_vec(), steps.clone())));
            let found: Vec<(Strategy, Turns)> = found.collect();
            return Run::with_placements(
                self.experiment.clone(),
                Arc::new(Filled::new(learnt, self.provenance.clone())),
                &found,
            );
        }
        // A bound knows what is to come: it learns from what it is scored on.
        let layers = (0..of.layers.len()).map(|layer| of.sums(layer)).collect();
        // The baseline may be a placement for each subject: that of a bound's run is the one that it is anywhere.
        let subjects = of.loads.subjects.clone();
        let loads = Loads { experts: of.experts, layers, subjects, ..Loads::default() };
        let mut experiment = self.experiment.clone();
        experiment.run.strategies = bounds().into_iter().map(|b| b.1).collect();
        Run::new(experiment, Workload { loads, ..of.clone() }, self.provenance.clone())
    }

    /// Judges how long one placement holds; false once all are judged. They are made on the prompts, and made again on each fifth.
    pub fn judge(&mut self) -> bool {
        let Some(placement) = self.to_judge.pop() else { return false };
        let (resolved, topology) = (&self.resolved, &self.topology);
        let place = |layers: &[Vec<u64>]| {
            let loads = Loads { experts: self.workload.experts, layers: layers.to_vec(), ..Loads::default() };
            placement.once(&loads, topology, &resolved.params())
        };
        let placed = place(self.positions.prefill());
        let judged = self.positions.rebalance(&placed, topology.live.len(), Some(&place));
        self.rebalance.insert(placement.name.into(), judged);
        true
    }

    /// The report, once no run is left and all placements are judged.
    #[must_use]
    pub fn report(self) -> PlaceReport {
        let of = |stage| self.done.iter().find(|d| d.0 == stage).map_or(&[][..], |d| &d.1);
        let scored = of(Stage::Scored);
        let learnt = if self.experiment.workload.held_out { of(Stage::Learnt) } else { scored };
        let (resolved, topology) = (&self.resolved, &self.topology);
        let bytes = resolved.expert().bytes(resolved.run.weight);
        let by_id = resolved.replicas(&self.workload.loads, topology, placement_named("contiguous"), None);
        let baseline = self.experiment.run.baseline;
        let scores = |outcomes: &[(Strategy, Outcome)], outcome: &Outcome| {
            let over = outcome_of(outcomes, baseline).map_or(f64::NAN, |o| o.seconds);
            scores(outcome, bytes, over)
        };
        let mut strategies = Vec::new();
        for (strategy, turns) in &self.found {
            let replicas = turns.first();
            let (Some(on_scored), Some(on_learnt)) = (outcome_of(scored, *strategy), outcome_of(learnt, *strategy))
            else {
                continue;
            };
            if !self.experiment.run.strategies.contains(strategy) {
                continue;
            }
            let now = scores(scored, on_scored);
            let moved = moved(&by_id, replicas);
            let twice = |placed: &Placed| placed.slots().iter().filter(|slots| repeats(slots)).count() as u64;
            let layer = |(at, &layer): (usize, &u32)| {
                let balance = &on_scored.balance[at];
                LayerScores {
                    layer,
                    max_over_mean: balance.tokens,
                    activated_max_over_mean: balance.activated,
                    seconds: on_scored.layer_seconds[at].iter().sum(),
                    load_by_device: balance.by_device.iter().map(|&n| n as f64 / balance.steps.max(1) as f64).collect(),
                    learnt_max_over_mean: on_learnt.balance[at].tokens,
                    bounds: [f64::NAN; 3],
                }
            };
            strategies.push(PlacedStrategy {
                strategy: strategy.name().into(),
                placement: resolved.placement(strategy.placement()).name.into(),
                dispatch: strategy.dispatch().name.into(),
                physical_to_logical: replicas.layers.iter().map(Placed::physical_to_logical).collect(),
                slots_by_device: replicas
                    .layers
                    .iter()
                    .map(|p| topology.live.iter().map(|&d| p.slots()[d].len()).collect())
                    .collect(),
                max_over_mean: now.max_over_mean,
                bounds: [f64::NAN; 3],
                activated_max_over_mean: now.activated_max_over_mean,
                link_bytes: now.link_bytes,
                seconds: now.seconds,
                speedup: now.speedup,
                breakdown: on_scored.breakdown,
                bound: on_scored.bound,
                learnt: scores(learnt, on_learnt),
                heldout: self.experiment.workload.held_out.then_some(now),
                moved,
                moved_bytes: moved as f64 * bytes,
                twice: replicas.layers.iter().map(twice).sum(),
                by_layer: self.workload.layers.iter().enumerate().map(layer).collect(),
                by_subject: beside(&self.experiment, *strategy).and_then(|beside| {
                    let over = outcome_of(scored, beside)?;
                    Some(BySubject::new(&self.workload, turns, on_scored, (beside, over), bytes))
                }),
            });
        }
        let full = |replicas: &Replicas| resolved.overfull_of(replicas, topology, self.workload.all_layers);
        let too_large: Vec<String> = self
            .found
            .iter()
            .filter(|(strategy, _)| self.experiment.run.strategies.contains(strategy))
            .map(|(strategy, turns)| (strategy.name(), turns.each().iter().map(full).max().unwrap_or(0)))
            .filter(|full| full.1 > 0)
            .map(|(name, devices)| format!("{name} ({devices} devices)"))
            .collect();
        let bound = |(name, strategy): (&str, Strategy)| {
            let outcomes = of(Stage::Bounds);
            let outcome = outcome_of(outcomes, strategy)?;
            let by_layer = outcome.balance.iter().map(|b| b.tokens).collect();
            Some(Bound { name: name.into(), scores: scores(outcomes, outcome), by_layer })
        };
        let mut warnings = self.provenance.warnings.clone();
        if !too_large.is_empty() {
            warnings.push(format!(
                "these placements do not fit into the memory of their devices, whose times are as if they did: {}; fewer spare \
                 slots, more devices or fewer bytes a weight would do",
                too_large.join(", ")
            ));
        }
        warnings.extend(self.left_out.iter().map(ToString::to_string));
        let too_few: BTreeSet<&str> =
            strategies.iter().filter_map(|s| s.by_subject.as_ref()).flat_map(BySubject::too_few).collect();
        if !too_few.is_empty() {
            let names: Vec<&str> = too_few.into_iter().collect();
            warnings.push(format!(
                "fewer than {FEWEST_REQUESTS} requests to learn from: {}; served from the placement of all",
                names.join(", ")
            ));
        }
        if self.from_counts {
            warnings.push(
                "there are no decode steps: placements learn from all counts, and every score is of one step, the counts \
                 scaled to the batch"
                    .into(),
            );
        }
        let mut report = PlaceReport {
            experiment: self.experiment.run_key().to_string(),
            digest: self.provenance.digest.clone(),
            synthetic: self.provenance.synthetic,
            of_model: self.provenance.model.clone(),
            layers: self.workload.layers.clone(),
            all_layers: self.workload.all_layers,
            experts: self.workload.experts,
            devices: topology.live.len(),
            slots: self.workload.experts + self.experiment.run.spare * topology.live.len(),
            held_out: self.experiment.workload.held_out,
            from_counts: self.from_counts,
            bounds: bounds().into_iter().filter_map(bound).collect(),
            loads: self.workload.loads.layers.clone(),
            strategies,
            left_out: self.left_out,
            rebalance: self.rebalance,
            warnings,
        };
        report.bound_all();
        report
    }
}

/// The bounds that are simulated, with the strategies that they are: the mean needs no run.
fn bounds() -> Vec<(&'static str, Strategy)> {
    let named = |(name, strategy)| Strategy::named(strategy).map(|s| (name, s));
    [("best", "remap.home"), ("worst", "worst.home")].into_iter().filter_map(named).collect()
}

/// The learning batch: its steps, or its sums as one step of the same size.
fn learnt(of: &Workload) -> Workload {
    let size = |layer: usize| of.of(0, layer).iter().map(|&n| u64::from(n)).sum();
    let in_turn = !of.of_step.is_empty() && of.loads.steps.is_empty();
    let of_layer = |layer: usize| {
        if in_turn {
            // The sums of each subject, one after another.
            let each = of.loads.subjects.iter().map(|subject| of.loads.of_subject(subject));
            return each.flat_map(|loads| learning(&loads, layer, size(layer))).collect();
        }
        learning(&of.loads, layer, size(layer))
    };
    let by_layer: Vec<Vec<Vec<u32>>> = (0..of.layers.len()).map(of_layer).collect();
    let steps = by_layer.first().map_or(0, Vec::len);
    let counts = (0..steps).flat_map(|step| by_layer.iter().flat_map(move |layer| layer[step].clone())).collect();
    let of_step = if in_turn { (0..steps).collect() } else { of.of_step.clone() };
    Workload { steps, counts, tokens: of.loads.tokens.clone(), of_step, ..of.clone() }
}

/// What a strategy whose placement is made for each subject is held against: the same dispatch on one placement for all.
fn beside(experiment: &Experiment, strategy: Strategy) -> Option<Strategy> {
    let beside = experiment.placement(strategy.placement()).beside()?;
    let predicts = if strategy.predicts() { "+pred" } else { "" };
    Strategy::named(&format!("{}.{}{predicts}", beside.name, strategy.dispatch().name))
}

fn outcome_of(outcomes: &[(Strategy, Outcome)], strategy: Strategy) -> Option<&Outcome> {
    outcomes.iter().find(|o| o.0 == strategy).map(|o| &o.1)
}

fn scores(outcome: &Outcome, bytes: f64, baseline: f64) -> Scores {
    let layers: Vec<&Balance> = outcome.balance.iter().filter(|b| b.steps > 0).collect();
    let mean = |of: fn(&Balance) -> f64| layers.iter().map(|b| of(b)).sum::<f64>() / layers.len().max(1) as f64;
    let mut sorted: Vec<f64> = layers.iter().map(|b| b.tokens).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let rank = (percent * sorted.len()).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(0.0)
    };
    let max_over_mean = mean(|b| b.tokens);
    Scores {
        max_over_mean,
        imbalance: max_over_mean - 1.0,
        activated_max_over_mean: mean(|b| b.activated),
        max_over_mean_percentiles: PERCENTILES.map(at),
        link_bytes: outcome.hops as f64 * bytes,
        seconds: outcome.seconds,
        speedup: baseline / outcome.seconds,
    }
}

/// Copies of `to` on devices that do not hold them in `from`.
fn moved(from: &Replicas, to: &Replicas) -> u64 {
    let of_layer = |(from, to): (&Placed, &Placed)| {
        let of_device = |(from, to): (&Vec<usize>, &Vec<usize>)| to.iter().filter(|e| !from.contains(e)).count();
        from.slots().iter().zip(to.slots()).map(of_device).sum::<usize>() as u64
    };
    from.layers.iter().zip(&to.layers).map(of_layer).sum()
}

fn repeats(slots: &[usize]) -> bool {
    let mut sorted = slots.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}
