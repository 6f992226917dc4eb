//! The plan of the run whose layers are looked at. Apart from runs, which add layers up and remember none of them.

use std::sync::Arc;

use super::Provenance;
use crate::experiment::Experiment;
use crate::sim::{Config, Inputs, Planner, Strategy, Timeline, Workload, timeline};

/// The plan of one run as far as its layers were looked at.
pub struct Plans {
    batch: u128,
    provenance: Provenance,
    config: Config,
    strategy: Strategy,
    planner: Planner,
}

impl Plans {
    /// The plan for an experiment on a batch (its bytes and how to read them): `last` if it is the same run, so that a
    /// second look neither reads the batch nor plans again.
    ///
    /// # Errors
    /// The batch cannot be read, or how large its experts are is not known.
    pub fn of(
        last: Option<Self>,
        experiment: &Experiment,
        bytes: &[u8],
        read: impl FnOnce(&[u8]) -> Result<(Workload, Provenance), String>,
    ) -> Result<Self, String> {
        let batch = xxhash_rust::xxh3::xxh3_128(bytes);
        let same_batch = last.filter(|l| l.batch == batch);
        let (workload, provenance) = match &same_batch {
            Some(l) => (Arc::clone(&l.planner.inputs().workload), l.provenance.clone()),
            None => read(bytes).map(|(workload, provenance)| (Arc::new(workload), provenance))?,
        };
        let (experiment, strategy) = (provenance.resolve(experiment)?, experiment.view.show);
        let config = experiment.config(&workload, &Arc::new(experiment.topology()), strategy);
        if let Some(same) = same_batch.filter(|l| l.config == config && l.strategy == strategy) {
            return Ok(same);
        }
        let inputs = Arc::new(Inputs::new(workload, config.clone()));
        Ok(Self { batch, provenance, config, strategy, planner: Planner::new(inputs, strategy) })
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
