//! Questions whose replies are known before a reader comes: those about the workload that the page opens with, answered when the site is
//! built, by the same jobs. Apart from the jobs: a worker never hears of it; the page's pool answers from here instead of asking one.

use serde::{Deserialize, Serialize};

use super::job::{DataId, JobError, Reply, State, finish};
use super::jobs::{self, Listed};
use super::{Asked, Files, RunReport, Strongest};
use crate::analysis::{Caches, Insight, Report, insights};
use crate::experiment::Experiment;
use crate::format::Source;
use crate::model::{Scope, model_named};

/// Tokens of the strip that the story shows.
pub const STRIP: usize = 40;

/// A question and its reply, as they travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The job's name.
    pub name: String,
    /// Its question.
    pub question: Vec<u8>,
    /// Its reply.
    pub reply: Vec<u8>,
}

/// Jobs that change what a worker holds, and not only what it answers: whoever takes their reply from here owes the worker the job, as
/// soon as it is asked something that is not here.
pub const HOLDS: &str = jobs::Synthesize::NAME;

/// What is known of the default experiment before anyone asks.
pub struct Opening {
    /// What the page asks, from its first screen to the end of the story, with the replies.
    pub replies: Vec<Prepared>,
    /// Its run.
    pub run: RunReport,
    /// Its analyses.
    pub report: Report,
    /// The six insights, for the caches of its system.
    pub insights: Vec<Insight>,
}

/// Answers what the page asks about the default experiment.
///
/// # Errors
/// If a job fails; none does.
pub fn prepare() -> Result<Opening, JobError> {
    let experiment = Experiment::default();
    let (mut state, mut all) = (State::default(), Vec::new());
    let workload = &experiment.workload;
    let info = ask(&mut state, &mut all, jobs::Synthesize::new(workload.model.clone(), workload.seed))?;
    let of = DataId::of(&info);
    let run = ask(&mut state, &mut all, jobs::RunSynthetic::new(experiment.run_key()))?;
    let figures = |asked| jobs::Figures { of: of.clone(), asked, scope: Scope::All };
    let overview = ask(&mut state, &mut all, figures(Asked::All))?;
    let report = ask(&mut state, &mut all, jobs::Report::new(of.clone()))?;
    let at = Strongest::of(&report);
    for asked in at.figures().into_iter().flatten() {
        ask(&mut state, &mut all, figures(asked))?;
    }
    if let Some(position) = at.token {
        ask(&mut state, &mut all, jobs::Strip { of: of.clone(), position, tokens: STRIP })?;
    }
    let curves = overview.all.iter().find(|f| f.id == "reuse-curve").map_or(&[][..], |f| f.lines());
    let size = experiment.of_model(info.model.as_deref())?.preset().expert_bytes(experiment.run.weight);
    let caches = Caches::of(experiment.system(), &experiment.hardware(), size);
    let insights = insights(&report, info.model.as_deref().and_then(model_named), curves, Some(caches));
    Ok(Opening { replies: all, run, report, insights })
}

/// Answers a question, and keeps both as bytes.
fn ask<J: Listed>(state: &mut State, all: &mut Vec<Prepared>, job: J) -> Result<J::Reply, JobError>
where
    J::Reply: Clone,
{
    let question = postcard::to_stdvec(&job).map_err(|e| e.to_string())?;
    let reply = finish(job, state, &Nothing)?;
    all.push(Prepared { name: J::NAME.into(), question, reply: reply.clone().encode()? });
    Ok(reply)
}

/// No files were given.
struct Nothing;

impl Files for Nothing {
    fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}
