//! A run of one strategy: layers are planned in order, timed in any order, and added up in order. The result has the same
//! bytes however the timing is shared out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Config, Flow, Inputs, LayerPlan, LayerTiming, Network, Outcome, Planner, Strategy, Task, Timeline, Workload,
    computed, time,
};

/// A planned layer that waits to be timed: on this thread or another.
pub struct Planned {
    inputs: Arc<Inputs>,
    at: usize,
    plan: LayerPlan,
}

/// A timed layer that waits to be added.
pub struct Timed {
    at: usize,
    plan: LayerPlan,
    timing: LayerTiming,
}

impl Planned {
    /// Times the layer.
    #[must_use]
    pub fn time(self) -> Timed {
        let Self { inputs, at, plan } = self;
        let timing = time(&plan, &inputs);
        Timed { at, plan, timing }
    }
}

/// A run of one strategy over all steps and layers.
pub struct Simulation {
    planner: Planner,
    planned: usize,
    added: usize,
    /// Timed layers whose turn has not come, by position.
    waiting: BTreeMap<usize, Timed>,
    outcome: Outcome,
}

impl Simulation {
    /// A run that has not started.
    #[must_use]
    pub fn new(workload: Arc<Workload>, config: Arc<Config>, strategy: Strategy) -> Self {
        Self::with(Arc::new(Inputs::new(workload, config)), strategy)
    }

    /// The same, on inputs that other strategies use too.
    #[must_use]
    pub fn with(inputs: Arc<Inputs>, strategy: Strategy) -> Self {
        let Network { dies, links, .. } = inputs.network;
        let outcome = Outcome::new(strategy, inputs.workload.layers.len(), dies, links);
        Self { planner: Planner::new(inputs, strategy), planned: 0, added: 0, waiting: BTreeMap::new(), outcome }
    }

    /// Layer simulations of a whole run.
    #[must_use]
    pub fn total(&self) -> usize {
        self.planner.total()
    }

    /// Plans, times and adds the next layer. False when there is none left.
    #[inline(never)]
    pub fn step(&mut self) -> bool {
        match self.plan() {
            Some(planned) => {
                self.add(planned.time());
                true
            }
            None => false,
        }
    }

    /// Plans the next layer; none after the last.
    pub fn plan(&mut self) -> Option<Planned> {
        let plan = self.planner.plan()?;
        self.planned += 1;
        Some(Planned { inputs: Arc::clone(self.planner.inputs()), at: self.planned - 1, plan })
    }

    /// Adds a timed layer, once all before it are added.
    pub fn add(&mut self, timed: Timed) {
        if timed.at != self.added {
            self.waiting.insert(timed.at, timed);
            return;
        }
        // Most come in turn: they need no place among those that wait.
        let mut next = Some(timed);
        while let Some(Timed { plan, timing, .. }) = next {
            self.outcome.add(&plan, &timing, &self.planner.inputs().network);
            self.added += 1;
            next = self.waiting.remove(&self.added);
        }
    }

    /// The result, once all layers are added.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        (self.added == self.total()).then(|| self.outcome.clone())
    }

    /// The result; meaningful once all layers are added.
    #[must_use]
    pub fn finish(self) -> Outcome {
        self.outcome
    }
}

/// What happens in a layer that the planner has passed ([`Planner::towards`]).
#[must_use]
pub fn timeline(planner: &Planner, step: usize, layer: usize) -> Timeline {
    let inputs = planner.inputs();
    let plan = planner.again(step, layer);
    let timing = time(&plan, inputs);
    let flow = |(task, (&start, &end)): (&Task, (&f64, &f64))| {
        let &Task { die, source, expert, tokens } = task;
        Flow { source, die, expert, tokens: tokens as f64, start, end }
    };
    Timeline {
        dies: inputs.network.dies,
        seconds: timing.experts,
        flows: plan.tasks.iter().zip(timing.moved.start.iter().zip(&timing.moved.end)).map(flow).collect(),
        computed: computed(&plan, &timing, &inputs.network, &inputs.config),
        home: inputs.config.replicas.placed(step, layer).home().to_vec(),
        copies: planner.readable_replicas(step, layer),
    }
}
