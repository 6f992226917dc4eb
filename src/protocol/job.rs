//! What a job is: a question that travels as bytes, its reply, and the work between them in slices. Apart from the jobs
//! themselves (`jobs`): a worker, the page and the command line know only this.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::learn::asked;
use super::{Dataset, Files, Filled, Info, Outcomes, Part, Plans};
use crate::experiment::{Experiment, WorkloadSettings};
use crate::format::Told;

/// Which requests a question is about: a worker holds a loaded trace and a synthetic workload side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Origin {
    /// The loaded trace.
    Trace,
    /// The synthetic workload.
    Synthetic,
}

/// The data that a question is about. What is held may be replaced while the question is on its way: an answer about other
/// data is refused, never given.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DataId {
    /// Which of the two.
    pub origin: Origin,
    /// Digest of its requests.
    pub digest: String,
}

impl DataId {
    /// The data that a load or a synthesis said it holds.
    #[must_use]
    pub fn of(info: &Info) -> Self {
        let origin = if info.synthetic { Origin::Synthetic } else { Origin::Trace };
        Self { origin, digest: info.digest.clone() }
    }
}

/// Why a job has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum JobError {
    /// It cannot be done, and why.
    #[error("{0}")]
    Failed(String),
    /// What it asks about has been replaced meanwhile: nobody waits for the answer.
    #[error("the data that the question was about has been replaced")]
    Void,
}

impl From<String> for JobError {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<&str> for JobError {
    fn from(why: &str) -> Self {
        Self::Failed(why.into())
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// Work done and all work, in units of the job (bytes, layer simulations, requests).
    Running {
        /// Done.
        done: u64,
        /// All; 0 if not known.
        total: u64,
    },
    /// The reply.
    Done(T),
}

/// What came of a slice.
pub type Stepped<T> = Result<Step<T>, JobError>;

/// A job: the question is its serialised part, the work in progress is not.
pub trait Job: Serialize + DeserializeOwned + 'static {
    /// What answers it.
    type Reply: Reply;
    /// Whether it reads the files that were given.
    const READS: bool = false;

    /// Takes the bytes that another worker or the storage gave: they travel beside the question.
    fn take(&mut self, _parcel: Vec<u8>) {}

    /// Does the next slice: at most a megabyte of input, one layer simulation or one synthetic request.
    ///
    /// # Errors
    /// Why it cannot be done.
    fn step(&mut self, state: &mut State, files: &dyn Files) -> Stepped<Self::Reply>;
}

/// A reply, as bytes.
pub trait Reply: Sized {
    /// Writes it.
    ///
    /// # Errors
    /// If it cannot be written; memory is the only reason.
    fn encode(self) -> Result<Vec<u8>, String>;

    /// Reads it.
    ///
    /// # Errors
    /// If these bytes are no such reply.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

impl<T: Serialize + DeserializeOwned> Reply for T {
    fn encode(self) -> Result<Vec<u8>, String> {
        postcard::to_stdvec(&self).map_err(|e| e.to_string())
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        postcard::from_bytes(bytes).map_err(|e| e.to_string())
    }
}

/// Bytes for another worker or the storage. No serialised type: whoever hands them on never copies them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// A value as such bytes.
    ///
    /// # Errors
    /// If it cannot be written; memory is the only reason.
    pub(super) fn of(value: &impl Serialize) -> Result<Self, JobError> {
        postcard::to_stdvec(value).map(Self).map_err(|e| e.to_string().into())
    }
}

impl Reply for Bytes {
    fn encode(self) -> Result<Vec<u8>, String> {
        Ok(self.0)
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self(bytes.to_vec()))
    }
}

/// What a worker remembers between jobs.
#[derive(Default)]
pub struct State {
    /// The load under way.
    pub staged: Dataset,
    /// What the reader told of it.
    pub told: Told,
    /// The loaded trace.
    pub trace: Dataset,
    /// The synthetic workload.
    pub synthetic: Dataset,
    /// What stands beside them in a comparison.
    pub reference: Dataset,
    /// Outcomes of earlier runs.
    pub outcomes: Outcomes,
    /// The run whose layers are looked at.
    pub plans: Option<Plans>,
    /// The batch of the last run, and the settings that it was filled with.
    pub batch: Option<(WorkloadSettings, BTreeSet<&'static str>, Arc<Filled>)>,
}

impl State {
    /// The data that a question is about.
    ///
    /// # Errors
    /// If it is not held (any more, or not yet again).
    pub fn data(&self, of: &DataId) -> Result<(&Dataset, &Part), JobError> {
        let dataset = match of.origin {
            Origin::Trace => &self.trace,
            Origin::Synthetic => &self.synthetic,
        };
        // A worker that took a lost one's place holds nothing yet.
        let part = dataset.part().ok_or(JobError::Void)?;
        if part.digest() == of.digest { Ok((dataset, part)) } else { Err(JobError::Void) }
    }

    /// The batch of the last run, if it was filled with the settings of this experiment from requests of that origin, and holds all
    /// that its strategies ask for.
    #[must_use]
    pub fn filled(&self, origin: Origin, experiment: &Experiment) -> Option<Arc<Filled>> {
        let (settings, holds, filled) = self.batch.as_ref()?;
        let enough = holds.is_superset(&asked(experiment));
        let same =
            enough && *settings == experiment.workload && filled.provenance.synthetic == (origin == Origin::Synthetic);
        same.then(|| Arc::clone(filled))
    }

    /// Keeps the batch of a run for the next one, in place of the last.
    pub fn keep(&mut self, experiment: &Experiment, filled: Filled) -> Arc<Filled> {
        let filled = Arc::new(filled);
        self.batch = Some((experiment.workload.clone(), asked(experiment), Arc::clone(&filled)));
        filled
    }
}

/// Does a job to its end.
///
/// # Errors
/// Why it cannot be done.
pub fn finish<J: Job>(mut job: J, state: &mut State, files: &dyn Files) -> Result<J::Reply, JobError> {
    loop {
        if let Step::Done(reply) = job.step(state, files)? {
            return Ok(reply);
        }
    }
}

/// A job of which only the name is known: what a worker does in turn with others.
pub struct AnyJob {
    job: Box<dyn Erased>,
    /// Whether it reads the files that were given.
    pub reads: bool,
}

impl AnyJob {
    /// A job from its question.
    pub(super) fn read<J: Job>(question: &[u8], parcel: Option<Vec<u8>>) -> Result<Self, JobError> {
        let mut job: J = postcard::from_bytes(question).map_err(|e| format!("the question could not be read: {e}"))?;
        parcel.into_iter().for_each(|bytes| job.take(bytes));
        Ok(Self { job: Box::new(job), reads: J::READS })
    }

    /// Does the next slice; the reply is [`Reply::encode`]d.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn step(&mut self, state: &mut State, files: &dyn Files) -> Stepped<Vec<u8>> {
        self.job.step(state, files)
    }
}

trait Erased {
    fn step(&mut self, state: &mut State, files: &dyn Files) -> Stepped<Vec<u8>>;
}

impl<J: Job> Erased for J {
    fn step(&mut self, state: &mut State, files: &dyn Files) -> Stepped<Vec<u8>> {
        Ok(match Job::step(self, state, files)? {
            Step::Done(reply) => Step::Done(reply.encode()?),
            Step::Running { done, total } => Step::Running { done, total },
        })
    }
}
