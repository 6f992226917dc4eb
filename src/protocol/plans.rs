//! The plan of the run whose layers are looked at. Apart from runs, which add layers up and remember none of them.

use std::sync::Arc;

use super::Filled;
use crate::experiment::Experiment;
use crate::sim::{Config, Inputs, Planner, Strategy, Timeline, Workload, timeline};

/// The plan of one run as far as its layers were looked at.
pub struct Plans {
    filled: Arc<Filled>,
    config: Config,
    strategy: Strategy,
    planner: Planner,
}

impl Plans {
    /// The plan for an experiment on a batch: `last` if it is the same run, so that a second look plans nothing again.
    ///
    /// # Errors
    /// How large the experts are is not known, or the strategy means nothing on this batch.
    pub fn of(last: Option<Self>, experiment: &Experiment, filled: Arc<Filled>) -> Result<Self, String> {
        let Filled { workload, provenance, .. } = &*filled;
        let (experiment, strategy) = (provenance.resolve(experiment)?, experiment.view.show);
        if workload.of_step.is_empty() && experiment.placement(strategy.placement()).beside().is_some() {
            return Err(format!("{} has nothing to show: {}", strategy.name(), provenance.no_turns()));
        }
        let config = experiment.config(workload, &Arc::new(experiment.topology()), strategy);
        let same = |l: &Self| Arc::ptr_eq(&l.filled, &filled) && l.config == config && l.strategy == strategy;
        if let Some(last) = last.filter(same) {
            return Ok(last);
        }
        let inputs = Arc::new(Inputs::new(Arc::clone(workload), config.clone()).sharing(filled.predictors()));
        Ok(Self { filled, config, strategy, planner: Planner::new(inputs, strategy) })
    }

    /// Step and layer that an experiment looks at.
    #[must_use]
    pub fn position(&self, experiment: &Experiment) -> (usize, usize) {
        let Workload { steps, layers, .. } = &*self.planner.inputs().workload;
        (
            experiment.view.step.min(steps.saturating_sub(1)),
            experiment.view.simulated.min(layers.len().saturating_sub(1)),
        )
    }

    /// Plans a layer on the way to the one that is looked at; false once it is planned.
    pub fn towards(&mut self, (step, layer): (usize, usize)) -> bool {
        self.planner.towards(step, layer)
    }

    /// That layer over time.
    #[must_use]
    pub fn timeline(&self, (step, layer): (usize, usize)) -> Timeline {
        timeline(&self.planner, step, layer)
    }
}
