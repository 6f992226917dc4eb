//! The job of the lab: placements learnt, searched for and scored. Done whole by the worker that holds the requests.

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::experiment::Experiment;
use crate::place::files;
use crate::protocol::job::{DataId, Job, State, Step, Stepped};
use crate::protocol::{Files, Lab, PlaceReport, read_placement};

/// The lab of an experiment.
#[derive(Serialize, Deserialize)]
pub struct Place {
    of: DataId,
    experiment: Experiment,
    /// The reader's file of a placement.
    #[serde(skip)]
    file: Vec<u8>,
    #[serde(skip)]
    work: Option<Box<Lab>>,
}

impl Place {
    /// On this data.
    #[must_use]
    pub fn new(of: DataId, experiment: Experiment) -> Self {
        Self { of, experiment, file: Vec::new(), work: None }
    }
}

impl Job for Place {
    type Reply = PlaceReport;

    fn take(&mut self, parcel: Vec<u8>) {
        self.file = parcel;
    }

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<PlaceReport> {
        let Some(lab) = &mut self.work else {
            let (dataset, part) = state.data(&self.of)?;
            let bytes = std::mem::take(&mut self.file);
            let file = if bytes.is_empty() { None } else { Some(read_placement(&bytes)?) };
            if file.is_some() {
                self.experiment.run.file = files::digest(&bytes);
            }
            self.work = Some(Box::new(Lab::new(dataset, part, &self.experiment, file.as_ref())?));
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
