//! Jobs of the simulator. A batch is filled by the worker that holds the requests, and run by any other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::experiment::Experiment;
use crate::model::model_named;
use crate::protocol::job::{Bytes, DataId, Job, Origin, State, Step, Stepped};
use crate::protocol::thinned::Thinned;
use crate::protocol::{Files, PaperJob, PaperRun, Provenance, RunReport, workload};
use crate::sim::{Simulation, Workload};
use crate::synth::synthetic_model;

/// A batch with what its report must say.
#[derive(Serialize, Deserialize)]
struct Batch {
    workload: Workload,
    provenance: Provenance,
}

fn read_batch(bytes: &mut Vec<u8>) -> Result<Batch, String> {
    postcard::from_bytes(&std::mem::take(bytes)).map_err(|e| format!("the batch could not be read: {e}"))
}

/// The batch of an experiment.
#[derive(Serialize, Deserialize)]
pub struct FillBatch {
    /// From which data.
    pub of: DataId,
    /// The experiment.
    pub experiment: Experiment,
}

impl Job for FillBatch {
    type Reply = Bytes;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Bytes> {
        let (dataset, part) = state.data(&self.of)?;
        let workload = workload(part, &self.experiment)?;
        let provenance = Provenance::new(part, dataset.synthetic, &workload, dataset.warnings());
        // What cannot be run is refused before it is sent to who would run it.
        provenance.resolve(&self.experiment)?;
        Bytes::of(&Batch { workload, provenance }).map(Step::Done)
    }
}

/// Run an experiment on the batch that [`FillBatch`] gave.
#[derive(Serialize, Deserialize)]
pub struct Run {
    experiment: Experiment,
    #[serde(skip)]
    batch: Vec<u8>,
    #[serde(skip)]
    work: Option<Box<crate::protocol::Run>>,
}

impl Run {
    /// With these settings.
    #[must_use]
    pub fn new(experiment: Experiment) -> Self {
        Self { experiment, batch: Vec::new(), work: None }
    }
}

impl Job for Run {
    type Reply = RunReport;

    fn take(&mut self, parcel: Vec<u8>) {
        self.batch = parcel;
    }

    fn step(&mut self, _: &mut State, _: &dyn Files) -> Stepped<RunReport> {
        let Some(run) = self.work.as_deref_mut() else {
            let Batch { workload, provenance } = read_batch(&mut self.batch)?;
            let run = crate::protocol::Run::new(self.experiment.clone(), workload, provenance)?;
            self.work = Some(Box::new(run));
            return Ok(running((0, 0)));
        };
        if run.step() {
            return Ok(running(run.progress()));
        }
        let run = *self.work.take().ok_or("the run was given already")?;
        Ok(Step::Done(run.report()))
    }
}

/// Make the synthetic workload of an experiment, the simulated layers only, and run the experiment on it.
#[derive(Serialize, Deserialize)]
pub struct RunSynthetic {
    experiment: Experiment,
    #[serde(skip)]
    thinned: Option<Box<Thinned>>,
    #[serde(skip)]
    run: Option<Box<crate::protocol::Run>>,
}

impl RunSynthetic {
    /// With these settings.
    #[must_use]
    pub fn new(experiment: Experiment) -> Self {
        Self { experiment, thinned: None, run: None }
    }
}

impl Job for RunSynthetic {
    type Reply = RunReport;

    fn step(&mut self, _: &mut State, _: &dyn Files) -> Stepped<RunReport> {
        if let Some(run) = &mut self.run {
            if run.step() {
                return Ok(running(run.progress()));
            }
            let run = self.run.take().ok_or("the run was given already")?;
            return Ok(Step::Done(run.report()));
        }
        let Some(thinned) = &mut self.thinned else {
            let model = synthetic_model(&self.experiment.workload.model)?;
            self.thinned = Some(Box::new(Thinned::new(model, &self.experiment)));
            return Ok(running((0, 0)));
        };
        if !thinned.step() {
            let workload = thinned.fill(&self.experiment)?;
            let provenance = thinned.provenance(&workload);
            self.thinned = None;
            self.run = Some(Box::new(crate::protocol::Run::new(self.experiment.clone(), workload, provenance)?));
        }
        Ok(running((0, 0)))
    }
}

/// One layer of a run on a batch that [`FillBatch`] gave: strategy, step and layer are those of the experiment's view.
#[derive(Serialize, Deserialize)]
pub struct Timeline {
    experiment: Experiment,
    #[serde(skip)]
    batch: Vec<u8>,
    /// The simulation, and the layers of it before the one that is asked for.
    #[serde(skip)]
    work: Option<(Box<Simulation>, usize)>,
}

impl Timeline {
    /// With these settings.
    #[must_use]
    pub fn new(experiment: Experiment) -> Self {
        Self { experiment, batch: Vec::new(), work: None }
    }
}

impl Job for Timeline {
    type Reply = crate::sim::Timeline;

    fn take(&mut self, parcel: Vec<u8>) {
        self.batch = parcel;
    }

    fn step(&mut self, _: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let Some((simulation, left)) = &mut self.work else {
            let Batch { workload, provenance } = read_batch(&mut self.batch)?;
            let experiment = provenance.resolve(&self.experiment)?;
            let (view, layers) = (&self.experiment.view, workload.layers.len().max(1));
            let step = view.step.min(workload.steps.saturating_sub(1));
            let left = step * layers + view.simulated.min(layers.saturating_sub(1));
            let config = experiment.config(&workload, &Arc::new(experiment.topology()), view.show);
            let simulation = Simulation::new(Arc::new(workload), Arc::new(config), view.show);
            self.work = Some((Box::new(simulation), left));
            return Ok(running((0, 0)));
        };
        if *left == 0 {
            return Ok(Step::Done(simulation.step_recorded()));
        }
        *left -= 1;
        simulation.step();
        Ok(running((0, 0)))
    }
}

/// The runs of a model in Figure 12 with the settings of an experiment, on its synthetic workload or on a loaded trace.
#[derive(Serialize, Deserialize)]
pub struct Paper {
    model: String,
    experiment: Experiment,
    /// The trace; none: the synthetic workload.
    of: Option<DataId>,
    #[serde(skip)]
    work: Option<Box<PaperJob>>,
}

impl Paper {
    /// Of this preset; on the synthetic workload, unless a trace is named.
    #[must_use]
    pub fn new(model: &str, experiment: Experiment, of: Option<DataId>) -> Self {
        Self { model: model.into(), experiment, of: of.filter(|of| of.origin == Origin::Trace), work: None }
    }
}

impl Job for Paper {
    type Reply = Vec<PaperRun>;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Vec<PaperRun>> {
        if self.work.is_none() {
            let model = model_named(&self.model).ok_or_else(|| format!("no model is called {}", self.model))?;
            self.work = Some(Box::new(PaperJob::new(&self.experiment, model)));
        }
        let work = self.work.as_mut().ok_or("the runs were given already")?;
        let recorded = self.of.as_ref().map(|of| state.data(of)).transpose()?.map(|(_, part)| part);
        if work.step(recorded)? {
            return Ok(running(work.progress()));
        }
        let work = self.work.take().ok_or("the runs were given already")?;
        Ok(Step::Done(work.finish()))
    }
}
