//! The search for a run's placement: one for each layer, on the batch that placements learn from. Apart from the run, which goes on
//! with what is found as with any other placement.

use std::sync::Arc;

use crate::experiment::Experiment;
use crate::model::{Placed, Replicas, Topology};
use crate::place::PLACEMENTS;
use crate::sim::{Config, Inputs, LayerSearch, Strategy, Workload, learning};
use crate::units::even_parts;

/// Rules that a search never begins with: a bound that nobody would deploy, and what gives a layer the slots of others: the layers are
/// searched one by one.
const NO_STARTS: [&str; 2] = ["worst", "craft"];

/// A search under way.
pub(super) struct Search {
    experiment: Experiment,
    strategy: Strategy,
    workload: Arc<Workload>,
    topology: Arc<Topology>,
    /// What it begins with, and how many rows of the table were looked at.
    starts: Vec<Replicas>,
    looked_at: usize,
    /// The config of all layers, once the first of them begins.
    whole: Option<Config>,
    layers: Vec<Option<Box<LayerSearch>>>,
    /// Layers whose budget is spent.
    done: usize,
    /// The layer to look at next: layers take turns.
    turn: usize,
}

/// A layer that is out to be tried, on any thread.
pub(super) struct Tried(usize, Box<LayerSearch>);

impl Tried {
    /// Tries one placement of it.
    pub(super) fn step(mut self) -> Self {
        self.1.step();
        self
    }
}

/// What comes next.
pub(super) enum Next {
    /// A layer to try.
    Try(Tried),
    /// Something was prepared; ask again.
    Again,
    /// All layers are out, or done.
    Nothing,
}

impl Search {
    pub(super) fn new(
        experiment: &Experiment,
        strategy: Strategy,
        workload: &Arc<Workload>,
        topology: &Arc<Topology>,
    ) -> Self {
        Self {
            experiment: experiment.clone(),
            strategy,
            workload: Arc::clone(workload),
            topology: Arc::clone(topology),
            starts: Vec::new(),
            looked_at: 0,
            whole: None,
            layers: Vec::new(),
            done: 0,
            turn: 0,
        }
    }

    /// Tries that a search of so many layers makes.
    pub(super) fn tries(experiment: &Experiment, layers: usize) -> u64 {
        experiment.run.budget as u64 * layers as u64
    }

    pub(super) fn next(&mut self) -> Next {
        if let Some(placement) = PLACEMENTS.get(self.looked_at) {
            self.looked_at += 1;
            let of_file = placement.name == "file" && self.workload.loads.file.is_some();
            if of_file || (placement.is_rule() && !NO_STARTS.contains(&placement.name)) {
                self.starts.push(self.experiment.replicas(&self.workload.loads, &self.topology, Some(placement), None));
            }
            return Next::Again;
        }
        let all = self.workload.layers.len();
        if self.layers.len() < all {
            // DRAM is shared by all layers of the model: the config is made for all of them, and cut to each.
            let whole = || self.experiment.config_of(&self.workload, &self.topology, self.starts[0].clone());
            let whole = self.whole.take().unwrap_or_else(whole);
            let search = self.begin(self.layers.len(), &whole);
            self.whole = Some(whole);
            self.layers.push(Some(Box::new(search)));
            return Next::Again;
        }
        for _ in 0..all {
            let layer = self.turn;
            self.turn = (self.turn + 1) % all;
            if let Some(search) = self.layers[layer].take_if(|search| !search.spent()) {
                return Next::Try(Tried(layer, search));
            }
        }
        Next::Nothing
    }

    pub(super) fn add(&mut self, Tried(layer, search): Tried) {
        self.done += usize::from(search.spent());
        self.layers[layer] = Some(search);
    }

    /// The best of every layer, once all budgets are spent.
    pub(super) fn found(&self) -> Option<Replicas> {
        if self.looked_at < PLACEMENTS.len() || self.done < self.workload.layers.len() {
            return None;
        }
        let best = |search: &Option<Box<LayerSearch>>| search.as_ref()?.filled();
        Some(Replicas { layers: self.layers.iter().map(best).collect::<Option<Vec<Placed>>>()? })
    }

    /// The search of one layer: on a batch of it alone, with the room that it has among the others.
    fn begin(&self, layer: usize, whole: &Config) -> LayerSearch {
        let Workload { layers, experts, batch, .. } = &*self.workload;
        let tokens: u64 = self.workload.of(0, layer).iter().map(|&n| u64::from(n)).sum();
        let steps = learning(&self.workload.loads, layer, tokens);
        let starts: Vec<Placed> = self.starts.iter().map(|r| r.layers[layer].clone()).collect();
        let work = Workload {
            layers: vec![layers[layer]],
            all_layers: 1,
            experts: *experts,
            batch: *batch,
            steps: steps.len(),
            counts: steps.concat(),
            tokens: self.workload.loads.tokens.as_ref().map(|tokens| tokens.layer(layer)),
            heat: self.workload.heat.get(layer).cloned().into_iter().collect(),
            ..Workload::default()
        };
        let slots = whole.slots.iter().map(|&slots| slots / layers.len().max(1) as u64).collect();
        let config = Config { slots, replicas: Replicas { layers: vec![starts[0].clone()] }.into(), ..whole.clone() };
        let live = &self.topology.live;
        let all = experts + self.experiment.run.spare * live.len();
        let mut share = vec![0; self.topology.devices];
        live.iter().zip(even_parts(all, live.len())).for_each(|(&device, slots)| share[device] = slots);
        let inputs = Arc::new(Inputs::new(work, config));
        let (aim, seed, budget) = (self.experiment.run.aim, self.experiment.workload.seed, self.experiment.run.budget);
        LayerSearch::new(inputs, self.strategy, aim, seed, starts, share, budget)
    }
}
