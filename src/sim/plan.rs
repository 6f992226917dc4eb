//! The plan of a layer: which die computes, fetches and keeps what. Apart from its timing, because replicas depend on earlier
//! plans but never on how long anything takes: plans are made one after another, and timed in any order or all at once.

use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use crate::model::{Placed, Replicas, Turns};

use super::{Assignment, Config, FetchOrder, Holders, Layer, Network, Predictor, Predictors, Strategy, Workload};

/// What the strategies of a run share that place experts alike: batch, settings, and the tables that follow from both.
pub struct Inputs {
    /// The batch.
    pub workload: Arc<Workload>,
    /// The settings.
    pub config: Arc<Config>,
    /// The hardware.
    pub network: Network,
    /// Who holds what before any replica is made, `[turn][layer]`.
    homes: Vec<Vec<Holders>>,
    shared: Predictors,
    predictors: Arc<OnceLock<Arc<Vec<Predictor>>>>,
}

impl Inputs {
    /// The inputs of a run.
    #[must_use]
    pub fn new(workload: impl Into<Arc<Workload>>, config: impl Into<Arc<Config>>) -> Self {
        let (workload, config) = (workload.into(), config.into());
        let network = Network::new(&config.topology);
        let homes = homes(&config.replicas);
        Self { workload, config, network, homes, shared: Predictors::default(), predictors: Arc::default() }
    }

    /// The same with the experts of every layer placed so: a search tries thousands, and only who holds what differs.
    #[must_use]
    pub fn placed(&self, placed: &Placed) -> Self {
        let replicas = Turns::from(Replicas { layers: vec![placed.clone(); self.workload.layers.len()] });
        let homes = homes(&replicas);
        let config = Arc::new(Config { replicas, ..(*self.config).clone() });
        let (workload, network) = (Arc::clone(&self.workload), self.network.clone());
        let (shared, predictors) = (self.shared.clone(), Arc::clone(&self.predictors));
        Self { workload, config, network, homes, shared, predictors }
    }

    /// The same with predictors that others on this batch have made or will make.
    #[must_use]
    pub fn sharing(self, predictors: &Predictors) -> Self {
        Self { shared: predictors.clone(), ..self }
    }

    /// Who holds what in a step, apart from replicas that predictions made.
    fn home(&self, step: usize, layer: usize) -> &Holders {
        &self.homes[self.config.replicas.turn(step)][layer]
    }

    fn predictor(&self, layer: usize) -> &Predictor {
        let Self { workload, config, .. } = self;
        let all = || self.shared.of(&workload.heat, workload.experts, config.predicted);
        &self.predictors.get_or_init(all)[layer]
    }
}

fn homes(replicas: &Turns) -> Vec<Vec<Holders>> {
    replicas.each().iter().map(|each| each.layers.iter().map(Holders::new).collect()).collect()
}

/// One transfer of an expert, and the work that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Die that asks.
    pub die: usize,
    /// Die whose HBM gives the expert, or takes the replica.
    pub source: usize,
    /// Expert.
    pub expert: usize,
    /// Tokens that the die computes with it; 0 for a replica that it writes.
    pub tokens: u64,
}

/// What happens in one layer of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerPlan {
    /// The step.
    pub step: usize,
    /// Position of the layer among the simulated ones.
    pub layer: usize,
    /// Each token goes to the nearest of its expert's devices, not in turn.
    pub by_origin: bool,
    /// By die: fetches in the order of the setting `fetch`, then replicas by expert.
    pub tasks: Vec<Task>,
    /// What must move before, because the placement of this step is not that of the step before: by die reads of experts that it
    /// did not hold, by id, then as many writes. Their tokens are 0.
    pub moves: Vec<Task>,
}

impl LayerPlan {
    /// Experts that move.
    #[must_use]
    pub fn moved(&self) -> usize {
        self.moves.len() / 2
    }
}

/// A replica and the layer of the run in which it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Replica {
    at: usize,
    expert: usize,
    die: usize,
}

/// Plans the layers of a run of one strategy, step by step.
pub struct Planner {
    inputs: Arc<Inputs>,
    strategy: Strategy,
    /// Who holds what, by layer; empty if nothing is ever replicated.
    holders: Vec<Holders>,
    /// All replicas in the order of their writing; the first `readable` of them can be read.
    replicas: Vec<Replica>,
    readable: usize,
    slots: Vec<u64>,
    next: usize,
}

impl Planner {
    /// Nothing is planned yet.
    #[must_use]
    pub fn new(inputs: Arc<Inputs>, strategy: Strategy) -> Self {
        let holders = if strategy.predicts() { inputs.homes[0].clone() } else { Vec::new() };
        let slots = inputs.config.slots.clone();
        Self { inputs, strategy, holders, replicas: Vec::new(), readable: 0, slots, next: 0 }
    }

    /// What it plans for.
    #[must_use]
    pub fn inputs(&self) -> &Arc<Inputs> {
        &self.inputs
    }

    /// Layers of all steps.
    #[must_use]
    pub fn total(&self) -> usize {
        self.inputs.workload.steps * self.layers()
    }

    /// Plans the next layer; none after the last.
    #[inline(never)]
    pub fn plan(&mut self) -> Option<LayerPlan> {
        let at = self.next;
        if at >= self.total() {
            return None;
        }
        self.next += 1;
        let (step, layer) = (at / self.layers(), at % self.layers());
        if layer == 0 {
            // What was written in a step is read from the next one on.
            for &Replica { at, expert, die } in &self.replicas[self.readable..] {
                self.holders[at % self.inputs.workload.layers.len()].add(expert, die);
            }
            self.readable = self.replicas.len();
            if self.strategy.predicts() && self.inputs.config.replicas.left(step).is_some() {
                // Replicas stay, placed experts do not.
                self.holders = (0..self.layers()).map(|layer| self.readable(step, layer)).collect();
            }
        }
        let moves = self.moves(step, layer);
        let holders = self.holders.get(layer).unwrap_or(self.inputs.home(step, layer));
        let assignment = self.assign(step, layer, holders);
        let written = self.replicas.len();
        if self.strategy.predicts() {
            self.replicate(&assignment, at);
        }
        let holders = self.holders.get(layer).unwrap_or(self.inputs.home(step, layer));
        Some(LayerPlan { moves, ..self.tasks(&assignment, (step, layer), holders, &self.replicas[written..]) })
    }

    /// Plans up to a layer of a step; false once it is done.
    pub fn towards(&mut self, step: usize, layer: usize) -> bool {
        // Without replicas a layer does not depend on those before.
        self.strategy.predicts() && self.next <= step * self.layers() + layer && self.plan().is_some()
    }

    /// The plan of a layer that was planned before ([`Planner::towards`]), again.
    #[must_use]
    pub fn again(&self, step: usize, layer: usize) -> LayerPlan {
        let index = step * self.layers() + layer;
        let holders = self.readable(step, layer);
        let assignment = self.assign(step, layer, &holders);
        let written: Vec<Replica> = self.replicas.iter().copied().filter(|r| r.at == index).collect();
        LayerPlan { moves: self.moves(step, layer), ..self.tasks(&assignment, (step, layer), &holders, &written) }
    }

    /// Replicas of a layer that can be read in a step that was planned: expert and die, by expert.
    #[must_use]
    pub fn readable_replicas(&self, step: usize, layer: usize) -> Vec<(usize, usize)> {
        let (holders, home) = (self.readable(step, layer), self.inputs.config.replicas.placed(step, layer).home());
        let of = |expert: usize| holders.of(expert).map(move |die| (expert, die));
        (0..home.len()).flat_map(of).filter(|&(expert, die)| home[expert] != die).collect()
    }

    fn readable(&self, step: usize, layer: usize) -> Holders {
        self.with_replicas(self.inputs.home(step, layer), step, layer)
    }

    /// What must move before a layer of a step, because the step before had another placement. Who gets an expert reads it from where
    /// it lay, the nearest, and writes it; what lies there already, placed or predicted, stays.
    fn moves(&self, step: usize, layer: usize) -> Vec<Task> {
        let Inputs { config, network, homes, .. } = &*self.inputs;
        let Some(left) = config.replicas.left(step) else { return Vec::new() };
        let before = self.with_replicas(&homes[left][layer], step, layer);
        let mut moves = Vec::new();
        for (die, slots) in config.replicas.placed(step, layer).slots().iter().enumerate() {
            let mut new: Vec<usize> = slots.iter().copied().filter(|&expert| !before.has(expert, die)).collect();
            new.sort_unstable();
            new.dedup();
            let read = |&expert: &usize| Task { die, source: source(&before, expert, die, network), expert, tokens: 0 };
            moves.extend(new.iter().map(read));
            moves.extend(new.iter().map(|&expert| Task { die, source: die, expert, tokens: 0 }));
        }
        moves
    }

    fn with_replicas(&self, homes: &Holders, step: usize, layer: usize) -> Holders {
        let mut holders = homes.clone();
        let layers = self.layers();
        for r in self.replicas.iter().filter(|r| r.at % layers == layer && r.at / layers < step) {
            holders.add(r.expert, r.die);
        }
        holders
    }

    fn layers(&self) -> usize {
        self.inputs.workload.layers.len()
    }

    fn assign(&self, step: usize, layer: usize, holders: &Holders) -> Assignment {
        let Inputs { workload, config, network, .. } = &*self.inputs;
        let counts = workload.of(step, layer);
        (self.strategy.dispatch().assign)(&Layer {
            counts,
            placed: config.replicas.placed(step, layer),
            holders,
            config,
            network,
            origins: &|| workload.origins(step, layer),
        })
    }

    /// Each die keeps the experts that it used, does not hold and is predicted to use again, as long as it has room.
    fn replicate(&mut self, assignment: &Assignment, at: usize) {
        let layer = at % self.layers();
        let predictor = self.inputs.predictor(layer);
        for die in 0..self.inputs.network.dies {
            if self.slots[die] == 0 {
                continue;
            }
            let used = || assignment.on(die).iter().map(|share| share.expert);
            let predicted = predictor.union(used());
            for expert in used() {
                if self.slots[die] > 0 && !self.holders[layer].has(expert, die) && Predictor::holds(&predicted, expert)
                {
                    self.slots[die] -= 1;
                    self.replicas.push(Replica { at, expert, die });
                }
            }
        }
    }

    fn tasks(
        &self,
        assignment: &Assignment,
        (step, layer): (usize, usize),
        holders: &Holders,
        written: &[Replica],
    ) -> LayerPlan {
        let Inputs { workload, config, network, .. } = &*self.inputs;
        let counts = workload.of(step, layer);
        let mut tasks = Vec::with_capacity(assignment.shares() + written.len());
        let mut written = written.iter().peekable();
        for die in 0..network.dies {
            let first = tasks.len();
            tasks.extend(assignment.on(die).iter().map(|share| Task {
                die,
                source: source(holders, share.expert, die, network),
                expert: share.expert,
                tokens: share.tokens,
            }));
            // Sorting is stable, and shares are by id: so are ties.
            match config.fetch {
                FetchOrder::Id => {}
                FetchOrder::Hottest => tasks[first..].sort_by_key(|t: &Task| Reverse(counts[t.expert])),
                FetchOrder::LargestFirst => tasks[first..].sort_by_key(|t| Reverse(t.tokens)),
            }
            while let Some(replica) = written.next_if(|r| r.die == die) {
                tasks.push(Task { die, source: die, expert: replica.expert, tokens: 0 });
            }
        }
        LayerPlan { step, layer, by_origin: self.strategy.dispatch().by_origin(), tasks, moves: Vec::new() }
    }
}

/// Where a die reads an expert: itself if it holds it, else the nearest holder, then the lowest id.
fn source(holders: &Holders, expert: usize, die: usize, network: &Network) -> usize {
    if holders.has(expert, die) {
        return die;
    }
    // Holders come by id, and of equally near ones the first is taken.
    holders.of(expert).min_by_key(|&d| network.hops(d, die)).unwrap_or(die)
}
