//! Jobs of the simulator. A batch is filled by the worker that holds the requests, and run by any other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::experiment::Experiment;
use crate::model::model_named;
use crate::protocol::job::{Bytes, DataId, Job, JobError, Origin, State, Step, Stepped};
use crate::protocol::thinned::Thinned;
use crate::protocol::{Files, Filled, PaperJob, PaperRun, Plans, Provenance, RunReport, batch};
use crate::sim::Workload;
use crate::synth::synthetic_model;

/// A batch with what its report must say.
#[derive(Serialize, Deserialize)]
struct Batch {
    workload: Workload,
    provenance: Provenance,
}

fn read_batch(bytes: &[u8]) -> Result<Filled, String> {
    let batch = postcard::from_bytes(bytes).map_err(|e| format!("the batch could not be read: {e}"));
    batch.map(|Batch { workload, provenance }| Filled::new(workload, provenance))
}

/// A run that knows what ran before.
fn begun(experiment: &Experiment, filled: Arc<Filled>, state: &State) -> Result<Box<crate::protocol::Run>, String> {
    let mut run = crate::protocol::Run::on(experiment.clone(), filled)?;
    run.recall(&state.outcomes);
    Ok(Box::new(run))
}

/// The report of a run whose strategies are done; the next run knows it.
fn ended(run: &mut Option<Box<crate::protocol::Run>>, state: &mut State) -> Result<RunReport, JobError> {
    let run = run.take().ok_or("the run was given already")?;
    run.remember(&mut state.outcomes);
    Ok(run.report())
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
        let (workload, provenance) = batch(dataset, part, &self.experiment)?;
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

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<RunReport> {
        let Some(run) = self.work.as_deref_mut() else {
            let filled = state.keep(&self.experiment, read_batch(&std::mem::take(&mut self.batch))?);
            self.work = Some(begun(&self.experiment, filled, state)?);
            return Ok(running((0, 0)));
        };
        if run.step() {
            return Ok(running(run.progress()));
        }
        Ok(Step::Done(ended(&mut self.work, state)?))
    }
}

/// Make the synthetic workload of an experiment, the simulated layers only, and run the experiment on it. A slider of the
/// hardware or of a strategy needs the same batch again and again: it is made once.
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

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<RunReport> {
        if let Some(run) = &mut self.run {
            if run.step() {
                return Ok(running(run.progress()));
            }
            return Ok(Step::Done(ended(&mut self.run, state)?));
        }
        let Some(thinned) = &mut self.thinned else {
            if let Some(filled) = state.filled(Origin::Synthetic, &self.experiment) {
                self.experiment.topology().works()?;
                self.run = Some(begun(&self.experiment, filled, state)?);
                return Ok(running((0, 0)));
            }
            let model = synthetic_model(&self.experiment.workload.model)?;
            self.thinned = Some(Box::new(Thinned::new(model, &self.experiment)));
            return Ok(running((0, 0)));
        };
        if !thinned.step() {
            let workload = thinned.fill(&self.experiment)?;
            let provenance = thinned.provenance(&workload);
            self.thinned = None;
            let filled = state.keep(&self.experiment, Filled::new(workload, provenance));
            self.run = Some(begun(&self.experiment, filled, state)?);
        }
        Ok(running((0, 0)))
    }
}

/// One layer of a run over time: strategy, step and layer are those of the experiment's view. The worker that ran it has the
/// batch; one that lacks it says so by no timeline, and is asked again with the batch that [`FillBatch`] gave.
#[derive(Serialize, Deserialize)]
pub struct Timeline {
    of: DataId,
    experiment: Experiment,
    #[serde(skip)]
    batch: Vec<u8>,
    /// The run as far as it is planned.
    #[serde(skip)]
    work: Option<Box<Plans>>,
}

impl Timeline {
    /// On that data, with these settings.
    #[must_use]
    pub fn new(of: DataId, experiment: Experiment) -> Self {
        Self { of, experiment, batch: Vec::new(), work: None }
    }
}

impl Job for Timeline {
    type Reply = Option<crate::sim::Timeline>;

    fn take(&mut self, parcel: Vec<u8>) {
        self.batch = parcel;
    }

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let Some(plans) = &mut self.work else {
            let batch = std::mem::take(&mut self.batch);
            let held = state.filled(self.of.origin, &self.experiment);
            let filled = match held.filter(|filled| filled.provenance.digest == self.of.digest) {
                Some(filled) => filled,
                None if batch.is_empty() => return Ok(Step::Done(None)),
                None => state.keep(&self.experiment, read_batch(&batch)?),
            };
            self.work = Some(Box::new(Plans::of(state.plans.take(), &self.experiment, filled)?));
            return Ok(running((0, 0)));
        };
        let at = plans.position(&self.experiment);
        if plans.towards(at) {
            return Ok(running((0, 0)));
        }
        let timeline = plans.timeline(at);
        state.plans = self.work.take().map(|plans| *plans);
        Ok(Step::Done(Some(timeline)))
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
