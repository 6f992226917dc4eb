//! The job of the lab: placements learnt, searched for and scored. Done whole by the worker that holds the requests.

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::experiment::Experiment;
use crate::protocol::job::{DataId, Job, State, Step, Stepped};
use crate::protocol::{Files, Lab, PlaceReport};

/// The lab of an experiment.
#[derive(Serialize, Deserialize)]
pub struct Place {
    of: DataId,
    experiment: Experiment,
    #[serde(skip)]
    work: Option<Box<Lab>>,
}

impl Place {
    /// On this data.
    #[must_use]
    pub fn new(of: DataId, experiment: Experiment) -> Self {
        Self { of, experiment, work: None }
    }
}

impl Job for Place {
    type Reply = PlaceReport;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<PlaceReport> {
        let Some(lab) = &mut self.work else {
            let (dataset, part) = state.data(&self.of)?;
            self.work = Some(Box::new(Lab::new(dataset, part, &self.experiment, None)?));
            return Ok(running((0, 0)));
        };
        if let Some(run) = lab.run() {
            if run.step() {
                return Ok(running(lab.progress()));
            }
            if let Some(run) = lab.take() {
                lab.put(run)?;
                return Ok(running(lab.progress()));
            }
        }
        if lab.judge() {
            return Ok(running(lab.progress()));
        }
        let lab = self.work.take().ok_or("the report was given already")?;
        Ok(Step::Done(lab.report()))
    }
}
