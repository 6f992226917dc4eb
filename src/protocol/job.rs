//! The messages' requests and replies, and the jobs between them. A request of milliseconds is done in its first step.

use serde::{Deserialize, Serialize};

use super::thinned::Thinned;
use super::{
    Dataset, Files, Info, Ingest, LayerDetails, LayerView, List, Mean, Outcomes, Overview, PaperJob, PaperRun, Part,
    Piece, Plans, Run, RunReport, Side, SourceFile, Unit, Versus, layer_details, layer_view, overview, workload,
};
use crate::analysis::{Report, Reporter};
use crate::experiment::Experiment;
use crate::format::Issue;
use crate::model::{Scope, model_named};
use crate::sim::{Timeline, Workload};
use crate::synth::Generator;

/// Which requests a question is about: a worker holds a loaded trace and a made workload side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum From {
    /// The loaded trace.
    Trace,
    /// The synthetic workload.
    Synthetic,
}

/// What can be asked of a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// Find the units in these files.
    List(Vec<SourceFile>),
    /// Read units into the load that is under way.
    Ingest(Vec<Unit>),
    /// Figures of all layers of what this worker has read of the load under way.
    Glance,
    /// Count what was read: it has no more to read, others have.
    Count,
    /// Give away the load under way (to the worker that merges).
    Take,
    /// Merge a load that another worker gave.
    Merge(Vec<u8>),
    /// Put together the files that were read in sections; the answer is those that must be read in one go.
    Join,
    /// Give a copy of the requests that are not counted yet.
    Share,
    /// Count the reuse distances of such requests, and nothing else.
    CountReuse(Vec<u8>),
    /// Count all of them but their reuse distances.
    CountLayers,
    /// The load is complete, with these issues of its listing: it replaces what was loaded before.
    Commit(Vec<Issue>),
    /// Forget the load under way.
    Discard,
    /// The loaded trace as bytes that this version reads again, if it is not too large to be kept.
    Save,
    /// Load such bytes.
    Restore(Vec<u8>),
    /// Make the synthetic workload of a model; it replaces the one made before, never a loaded trace.
    Synthesize {
        /// Preset.
        model: String,
        /// Seed.
        seed: u64,
    },
    /// All analyses.
    Report(From),
    /// Figures of all layers.
    Overview(From, Scope),
    /// Figures of the layer at a position.
    Layer(From, usize, Scope),
    /// Further figures of the layer at a position.
    Details(From, usize, Scope),
    /// Both kinds of figures as the mean over all layers.
    Mean(From, Scope),
    /// Keep the requests beside what is loaded next, to compare both.
    SetAside(From),
    /// One layer of two parts of the requests, side by side.
    Versus(From, Box<Versus>),
    /// The batch of an experiment.
    Workload(From, String),
    /// Run an experiment on a batch.
    Run(String, Vec<u8>),
    /// Make the synthetic workload of an experiment, the simulated layers only, and run the experiment on it.
    RunMade(String),
    /// One layer of such a run: strategy, step and layer are those of the experiment's view.
    Timeline(String, Vec<u8>),
    /// The runs of a model in Figure 12 with the settings of an experiment, on made or on loaded requests.
    Paper {
        /// Preset.
        model: String,
        /// Settings.
        experiment: String,
        /// Which requests.
        from: From,
    },
}

/// What a worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::List`] and [`Request::Join`].
    Units(Vec<Unit>, Vec<Issue>),
    /// Done, nothing to say.
    Ok,
    /// Bytes for another worker: a [`Dataset`] or a batch.
    Bytes(Vec<u8>),
    /// To [`Request::Commit`] and [`Request::Synthesize`].
    Loaded(Box<Info>),
    /// To [`Request::Report`].
    Report(Box<Report>),
    /// To [`Request::Overview`].
    Overview(Box<Overview>),
    /// To [`Request::Layer`].
    Layer(Box<LayerView>),
    /// To [`Request::Details`].
    Details(Box<LayerDetails>),
    /// To [`Request::Mean`].
    Mean(Box<(LayerView, LayerDetails)>),
    /// To [`Request::Versus`].
    Versus(Box<[Side; 2]>),
    /// To [`Request::Run`] and [`Request::RunMade`]; of the latter the digest is empty, since not all was made.
    Run(Box<RunReport>),
    /// To [`Request::Timeline`].
    Timeline(Box<Timeline>),
    /// To [`Request::Paper`].
    Paper(Vec<PaperRun>),
    /// It cannot be done, and why.
    Failed(String),
}

impl Request {
    /// The bytes of a request that carries some: they may travel beside it.
    pub fn bytes_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Request::Merge(bytes)
            | Request::CountReuse(bytes)
            | Request::Restore(bytes)
            | Request::Run(_, bytes)
            | Request::Timeline(_, bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Work done and all work, in units of the job (bytes, layer simulations, requests).
    Running {
        /// Done.
        done: u64,
        /// All; 0 if not known.
        total: u64,
    },
    /// The reply.
    Done(Reply),
}

/// What a worker remembers between jobs.
#[derive(Default)]
pub struct State {
    /// The load under way.
    pub staged: Dataset,
    /// The loaded trace.
    pub trace: Dataset,
    /// The synthetic workload.
    pub made: Dataset,
    /// What stands beside them in a comparison.
    pub aside: Dataset,
    /// Outcomes of earlier runs.
    pub outcomes: Outcomes,
    /// The run whose layers are looked at.
    pub plans: Option<Plans>,
}

impl State {
    /// The requests that a question is about.
    #[must_use]
    pub fn dataset(&self, from: From) -> &Dataset {
        match from {
            From::Trace => &self.trace,
            From::Synthetic => &self.made,
        }
    }
}

/// A batch with what its report must say.
#[derive(Serialize, Deserialize)]
struct Batch {
    workload: Workload,
    digest: String,
    synthetic: bool,
}

/// A job in progress.
pub struct Job(Kind);

enum Kind {
    Now(Option<Request>),
    List(List),
    Ingest(Box<Ingest>),
    Synthesize(Box<(Generator, Dataset)>),
    Report { from: From, reporter: Option<Box<Reporter>> },
    Mean { from: From, mean: Box<Mean> },
    Run { run: Option<Box<Run>>, digest: String, synthetic: bool },
    RunMade { experiment: Box<Experiment>, made: Box<Thinned> },
    Timeline { experiment: Box<Experiment>, batch: Vec<u8>, plans: Option<Box<Plans>> },
    Paper { job: Option<Box<PaperJob>>, from: From },
}

/// Starts a job.
#[must_use]
#[inline(never)]
pub fn start(request: Request) -> Job {
    Job(match request {
        Request::List(sources) => Kind::List(List::new(sources)),
        Request::Ingest(units) => Kind::Ingest(Box::new(Ingest::new(units))),
        Request::Synthesize { ref model, seed } => match model_named(model) {
            Some(model) => Kind::Synthesize(Box::new((
                Generator::new(model, seed),
                Dataset { synthetic: true, ..Dataset::default() },
            ))),
            None => Kind::Now(Some(request)),
        },
        Request::Report(from) => Kind::Report { from, reporter: None },
        Request::Mean(from, scope) => Kind::Mean { from, mean: Box::new(Mean::new(scope)) },
        Request::Run(ref text, ref bytes) => match postcard::from_bytes::<Batch>(bytes) {
            Ok(Batch { workload, digest, synthetic }) => {
                Kind::Run { run: Some(Box::new(Run::new(Experiment::parse(text).0, workload))), digest, synthetic }
            }
            Err(_) => Kind::Now(Some(request)),
        },
        Request::RunMade(ref text) => {
            let experiment = Experiment::parse(text).0;
            let made = Box::new(Thinned::new(experiment.preset(), &experiment));
            Kind::RunMade { experiment: Box::new(experiment), made }
        }
        Request::Timeline(text, batch) => {
            Kind::Timeline { experiment: Box::new(Experiment::parse(&text).0), batch, plans: None }
        }
        Request::Paper { ref model, ref experiment, from } => match model_named(model) {
            Some(model) => {
                Kind::Paper { job: Some(Box::new(PaperJob::new(&Experiment::parse(experiment).0, model))), from }
            }
            None => Kind::Now(Some(request)),
        },
        other => Kind::Now(Some(other)),
    })
}

impl Job {
    /// Does the next slice: at most a megabyte of input, one layer simulation or one made request.
    #[inline(never)]
    pub fn step(&mut self, state: &mut State, files: &dyn Files) -> Progress {
        match &mut self.0 {
            Kind::Now(request) => Progress::Done(request.take().map_or(Reply::Ok, |r| answer(state, r))),
            Kind::List(list) => match list.step(files) {
                Some((units, issues)) => Progress::Done(Reply::Units(units, issues)),
                None => running(list.progress()),
            },
            Kind::Ingest(ingest) => {
                if ingest.step(files, &mut state.staged) {
                    running(ingest.progress())
                } else {
                    Progress::Done(Reply::Ok)
                }
            }
            Kind::Synthesize(both) => {
                let (generator, made) = &mut **both;
                if let Some(request) = generator.request() {
                    let total = generator.total() as u64;
                    made.add(vec![request], "synthetic");
                    let done = made.part().map_or(0, |p| p.requests.len() as u64);
                    return Progress::Running { done, total };
                }
                made.count();
                state.made = std::mem::take(made);
                Progress::Done(Reply::Loaded(Box::new(state.made.info())))
            }
            Kind::Report { from, reporter } => {
                let dataset = state.dataset(*from);
                let Some(part) = dataset.part() else {
                    return Progress::Done(Reply::Failed("nothing is loaded".into()));
                };
                let summary = &part.summary;
                let working = reporter.get_or_insert_with(|| Box::new(Reporter::new(summary, warnings(dataset))));
                if working.step(summary) {
                    return running(working.progress());
                }
                let done = reporter.take().map(|r| Reply::Report(Box::new(r.finish(summary))));
                Progress::Done(done.unwrap_or(Reply::Ok))
            }
            Kind::Mean { from, mean } => {
                let Some(part) = state.dataset(*from).part() else {
                    return Progress::Done(Reply::Failed("nothing is loaded".into()));
                };
                if mean.step(&part.summary) {
                    return running((mean.layers(), part.summary.layers.len() as u64));
                }
                Progress::Done(Reply::Mean(Box::new(mean.finish())))
            }
            Kind::Run { run, digest, synthetic } => {
                if let Some(r) = run {
                    if r.progress().0 == 0 {
                        r.recall(&state.outcomes);
                    }
                    if r.step() {
                        return running(r.progress());
                    }
                }
                let Some(done) = run.take() else { return Progress::Done(Reply::Ok) };
                done.remember(&mut state.outcomes);
                Progress::Done(Reply::Run(Box::new(done.report(digest, *synthetic))))
            }
            Kind::RunMade { experiment, made } => {
                if made.step() {
                    return running((0, 0));
                }
                match made.fill(experiment) {
                    Ok(workload) => {
                        let run = Some(Box::new(Run::new((**experiment).clone(), workload)));
                        self.0 = Kind::Run { run, digest: String::new(), synthetic: true };
                        running((0, 0))
                    }
                    Err(why) => Progress::Done(Reply::Failed(why)),
                }
            }
            Kind::Timeline { experiment, batch, plans } => {
                let read = |bytes: &[u8]| postcard::from_bytes::<Batch>(bytes).ok().map(|b| b.workload);
                let Some(mut ahead) = plans
                    .take()
                    .map(|p| *p)
                    .or_else(|| Plans::of(state.plans.take(), experiment, &std::mem::take(batch), read))
                else {
                    return Progress::Done(Reply::Failed("the batch could not be read".into()));
                };
                let at = ahead.position(experiment);
                if ahead.towards(at) {
                    *plans = Some(Box::new(ahead));
                    return running((0, 0));
                }
                let timeline = ahead.timeline(at);
                state.plans = Some(ahead);
                Progress::Done(Reply::Timeline(Box::new(timeline)))
            }
            Kind::Paper { job, from } => {
                let recorded = if *from == From::Trace { state.trace.part() } else { None };
                match job.as_mut().map(|j| (j.step(recorded), j.progress())) {
                    Some((Ok(true), progress)) => running(progress),
                    Some((Err(why), _)) => Progress::Done(Reply::Failed(why)),
                    _ => Progress::Done(Reply::Paper(job.take().map_or_else(Vec::new, |j| j.finish()))),
                }
            }
        }
    }
}

fn running((done, total): (u64, u64)) -> Progress {
    Progress::Running { done, total }
}

#[inline(never)]
fn answer(state: &mut State, request: Request) -> Reply {
    match request {
        Request::Take => {
            let mut staged = std::mem::take(&mut state.staged);
            staged.count();
            bytes(&(&staged, &staged.pieces))
        }
        Request::Join => Reply::Units(state.staged.join(), Vec::new()),
        Request::Share => {
            let shared: Vec<&crate::model::Request> = state.staged.uncounted().collect();
            bytes(&shared)
        }
        Request::CountReuse(bytes) => match postcard::from_bytes::<Vec<crate::model::Request>>(&bytes) {
            Ok(requests) => {
                drop(bytes);
                state.staged.merge(Dataset::reuse_of(&requests));
                Reply::Ok
            }
            Err(e) => Reply::Failed(format!("a worker's requests could not be read: {e}")),
        },
        Request::CountLayers => {
            state.staged.count_layers();
            Reply::Ok
        }
        Request::Glance => {
            state.staged.count();
            let none = || Reply::Failed("nothing is read yet".into());
            state.staged.part().map_or_else(none, |p| Reply::Overview(Box::new(overview(&p.summary, Scope::All))))
        }
        Request::Count => {
            state.staged.count();
            Reply::Ok
        }
        Request::Merge(bytes) => match postcard::from_bytes::<(Dataset, Vec<Piece>)>(&bytes) {
            Ok((dataset, pieces)) => {
                drop(bytes);
                state.staged.merge(Dataset { pieces, ..dataset });
                Reply::Ok
            }
            Err(e) => Reply::Failed(format!("a worker's part of the load could not be read: {e}")),
        },
        Request::Commit(issues) => {
            let mut staged = std::mem::take(&mut state.staged);
            staged.issues.extend(issues.into_iter().map(|i| (0, i)));
            staged.settle();
            let info = staged.info();
            // A load without any request keeps what was there.
            if !info.layers.is_empty() {
                state.trace = staged;
            }
            Reply::Loaded(Box::new(info))
        }
        Request::Save => save(&state.trace),
        Request::Restore(bytes) => match restore(&bytes) {
            Some(dataset) => {
                state.trace = dataset;
                Reply::Loaded(Box::new(state.trace.info()))
            }
            None => Reply::Failed("it was kept by another version of moescope".into()),
        },
        Request::Discard => {
            state.staged = Dataset::default();
            Reply::Ok
        }
        Request::Overview(from, scope) => {
            on_part(state, from, |p, _| Reply::Overview(Box::new(overview(&p.summary, scope))))
        }
        Request::Layer(from, position, scope) => on_part(state, from, |p, _| {
            let view = layer_view(&p.summary, position, scope).map(Box::new);
            view.map_or_else(|| Reply::Failed(format!("there is no layer at position {position}")), Reply::Layer)
        }),
        Request::Details(from, position, scope) => on_part(state, from, |p, _| {
            let details = layer_details(&p.summary, position, scope).map(Box::new);
            details.map_or_else(|| Reply::Failed(format!("there is no layer at position {position}")), Reply::Details)
        }),
        Request::SetAside(from) => {
            state.aside = state.dataset(from).clone();
            Reply::Loaded(Box::new(state.aside.info()))
        }
        Request::Versus(from, versus) => match versus.sides(state.dataset(from), &state.aside) {
            Ok(sides) => Reply::Versus(Box::new(sides)),
            Err(why) => Reply::Failed(why),
        },
        Request::Workload(from, text) => on_part(state, from, |p, d| match workload(p, &Experiment::parse(&text).0) {
            Ok(workload) => bytes(&Batch { workload, digest: p.digest(), synthetic: d.synthetic }),
            Err(why) => Reply::Failed(why),
        }),
        Request::Run(..) | Request::RunMade(_) | Request::Timeline(..) => {
            Reply::Failed("the batch could not be read".into())
        }
        Request::Synthesize { model, .. } | Request::Paper { model, .. } => {
            Reply::Failed(format!("no model is called {model}"))
        }
        Request::List(_) | Request::Ingest(_) | Request::Report(_) | Request::Mean(..) => Reply::Ok,
    }
}

/// Opens kept bytes: they are only read by the version that wrote them.
const KEPT: &[u8] = concat!("moescope ", env!("CARGO_PKG_VERSION"), " trace 2\n").as_bytes();
/// Counts of larger traces are not kept: the browser would hold them twice while it writes.
const LARGEST_KEPT: usize = 256 << 20;

fn save(dataset: &Dataset) -> Reply {
    if dataset.part().is_none_or(|p| p.summary.table_bytes() > LARGEST_KEPT) {
        return Reply::Failed("the trace is too large to be kept".into());
    }
    match postcard::to_extend(dataset, KEPT.to_vec()) {
        Ok(bytes) => Reply::Bytes(bytes),
        Err(e) => Reply::Failed(e.to_string()),
    }
}

fn restore(bytes: &[u8]) -> Option<Dataset> {
    postcard::from_bytes(bytes.strip_prefix(KEPT)?).ok()
}

fn on_part(state: &State, from: From, ask: impl FnOnce(&Part, &Dataset) -> Reply) -> Reply {
    let dataset = state.dataset(from);
    dataset.part().map_or_else(|| Reply::Failed("nothing is loaded".into()), |part| ask(part, dataset))
}

/// The issues as the report prints them.
fn warnings(dataset: &Dataset) -> Vec<String> {
    dataset.issues.iter().map(|(_, issue)| issue.to_string()).collect()
}

fn bytes(value: &impl Serialize) -> Reply {
    match postcard::to_stdvec(value) {
        Ok(bytes) => Reply::Bytes(bytes),
        Err(e) => Reply::Failed(e.to_string()),
    }
}
