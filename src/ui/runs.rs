//! The questions of the simulator: a run, one layer of it over time, a sweep of a setting, experiments side by side, Figure 12.
//! Apart from `actions`, because these are many jobs over many workers. A part whose worker is lost under it is done once more,
//! on the worker that took its place; then it is said that it failed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::query::{Query, Ticket};
use super::store::{DATA_WORKER, Point, SIMULATOR, Store};
use crate::experiment::{Experiment, Sweep, Variant, View};
use crate::model::model_named;
use crate::protocol::{DataId, Origin, PaperRun, RunReport, Versus, jobs, paper_models};
use crate::sim::Strategy;
use crate::web::{Dropped, OnProgress, Pool, PoolError, file_bytes};

/// Starts what follows the experiment by itself.
pub(super) fn begin(store: Store) {
    let answers = store.answers;
    let origin = Memo::new(move |_| store.origin());
    let data = Memo::new(move |_| Some((store.data()?, store.loaded.generation.get())));
    // First of what follows from a load: the simulator has a worker of its own and can begin while figures are made.
    let key = Memo::new(move |_| store.experiment.with(Experiment::run_key));
    let trace = Memo::new(move |_| data.get().filter(|(of, _)| of.origin == Origin::Trace));
    Effect::new(move |_| {
        // Read, not only tracked: a memo that nobody has read counts as changed.
        let _ = (origin.get(), key.get(), trace.get());
        answers.placed.clear();
        answers.case_study.clear();
        simulate(store);
    });
    // A new result makes what belongs to the old one void.
    let view = Memo::new(move |_| store.experiment.with(|e| (e.view.show, e.view.step, e.view.simulated)));
    // The data worker fills their batches: it must hold the workload that the run was on.
    let there = Memo::new(move |_| {
        let wanted = store.experiment.with(|e| (e.workload.model.clone(), e.workload.seed));
        let held = origin.get() == Origin::Trace || store.loaded.synthetic_of.with(|of| of.as_ref() == Some(&wanted));
        data.get().filter(|_| held && answers.run.with(Option::is_some))
    });
    let opened = Memo::new(move |_| store.opened(View::Simulate));
    Effect::new(move |_| {
        let _ = view.get();
        timeline(store, there.get().filter(|_| opened.get()).map(|d| d.0));
    });
    let sweep = Memo::new(move |_| store.experiment.with(|e| e.view.sweep.clone()));
    Effect::new(move |_| swept(store, there.get().map(|d| d.0), sweep.get()));
    let variants = Memo::new(move |_| store.experiment.with(|e| e.view.compare.clone()));
    Effect::new(move |_| compared(store, there.get().map(|d| d.0), &variants.get()));
    // Two parts of the requests; another reference counts too.
    let parts = Memo::new(move |_| {
        let (left, right, layer, scope) =
            store.experiment.with(|e| (e.view.left.clone(), e.view.right.clone(), e.view.layer, e.view.scope));
        right.map(|right| Versus { parts: [left, right], layer, scope })
    });
    Effect::new(move |_| {
        store.loaded.reference.with(|_| ());
        versus(store, data.get().map(|d| d.0), parts.get());
    });
    // Figure 12 follows settings that it does not set itself.
    let settings = Memo::new(move |_| store.experiment.with(Experiment::of_figure_12));
    Effect::new(move |before: Option<Experiment>| {
        let now = settings.get();
        if before.is_some_and(|b| b != now) {
            answers.paper.clear();
        }
        now
    });
}

/// Runs the experiment; a run in progress is cancelled.
pub(super) fn simulate(store: Store) {
    let query = store.answers.run;
    query.clear();
    let Some(pool) = store.pool() else { return };
    let trace = untrack(|| store.shown()).filter(|i| !i.synthetic);
    if trace.as_ref().is_some_and(|i| i.decode + i.unmarked == 0) {
        return;
    }
    let of = trace.map(|info| DataId::of(&info));
    let experiment = store.experiment.with_untracked(Experiment::run_key);
    let ticket = query.ask_anew(&pool);
    spawn_local(async move {
        let ran = twice(|| run(&ticket, SIMULATOR, of.as_ref(), &experiment, ticket.teller())).await;
        ticket.settle(store.chrome.failure, ran);
    });
}

/// Runs an experiment on a worker: on the trace, if one is named, else on its synthetic workload. The simulator makes what it
/// needs of that itself: it is done before the data worker has counted all of it.
pub(super) async fn run<T: Send + Sync>(
    ticket: &Ticket<T>,
    worker: usize,
    of: Option<&DataId>,
    experiment: &Experiment,
    on_progress: OnProgress,
) -> Result<RunReport, PoolError> {
    let Some(of) = of else {
        return ticket.job_with(worker, jobs::RunSynthetic::new(experiment.clone()), None, on_progress).await;
    };
    let fill = jobs::FillBatch { of: of.clone(), experiment: experiment.clone() };
    let batch = ticket.parcel(DATA_WORKER, fill).await?;
    ticket.job_with(worker, jobs::Run::new(experiment.clone()), Some(batch), on_progress).await
}

/// Runs another experiment than the page's on what is shown: what would be, if.
pub(super) fn what_if(store: Store, query: Query<RunReport>, experiment: Experiment) {
    let (Some(pool), Some(of)) = (store.pool(), untrack(|| store.data())) else { return query.clear() };
    let of = (of.origin == Origin::Trace).then_some(of);
    let ticket = query.ask_anew(&pool);
    let worker = simulators(&pool).last().copied().unwrap_or(DATA_WORKER);
    spawn_local(async move {
        let ran = twice(|| run(&ticket, worker, of.as_ref(), &experiment, ticket.teller())).await;
        ticket.settle(store.chrome.failure, ran);
    });
}

/// Does a part of a question; once more if its worker was lost under it.
pub(super) async fn twice<R, F: Future<Output = Result<R, PoolError>>>(part: impl Fn() -> F) -> Result<R, PoolError> {
    match part().await {
        Err(PoolError::Lost(_)) => part().await,
        other => other,
    }
}

fn timeline(store: Store, of: Option<DataId>) {
    timeline_of(store, store.answers.timeline, of, store.experiment.get_untracked());
}

/// One layer over time, of the strategy that the experiment shows.
pub(super) fn timeline_of(
    store: Store,
    query: Query<crate::sim::Timeline>,
    of: Option<DataId>,
    experiment: Experiment,
) {
    let (Some(pool), Some(of)) = (store.pool(), of) else { return query.clear() };
    let ticket = query.ask(&pool, &of);
    spawn_local(async move {
        let part = || async {
            // The simulator has the batch of its last run; another is filled for it.
            let job = || jobs::Timeline::new(of.clone(), experiment.clone());
            if let Some(timeline) = ticket.job_with(SIMULATOR, job(), None, ticket.teller()).await? {
                return Ok(timeline);
            }
            let fill = jobs::FillBatch { of: of.clone(), experiment: experiment.clone() };
            let batch = ticket.parcel(DATA_WORKER, fill).await?;
            let timeline = ticket.job_with(SIMULATOR, job(), Some(batch), ticket.teller()).await?;
            timeline.ok_or_else(|| PoolError::Failed("the simulator did not take its batch".into()))
        };
        ticket.settle(store.chrome.failure, twice(part).await);
    });
}

/// Runs the experiment once for each value of a sweep.
fn swept(store: Store, of: Option<DataId>, sweep: Option<Sweep>) {
    let base = store.experiment.with_untracked(Experiment::run_key);
    let values = sweep.iter().flat_map(|s| s.values().into_iter().map(|v| (s.name.clone(), v)));
    let all = values.filter_map(|(name, v)| Some((v.parse().ok()?, base.with(&name, &v).ok()?))).collect();
    run_each(store, store.answers.sweep, of, all);
}

/// Runs the experiments that stand beside this one.
fn compared(store: Store, of: Option<DataId>, variants: &[Variant]) {
    let base = store.experiment.with_untracked(Experiment::run_key);
    let all = variants.iter().enumerate().filter_map(|(i, v)| Some((i as f64, v.of(&base).ok()?))).collect();
    run_each(store, store.answers.compared, of, all);
}

/// Runs experiments on all workers but the data's; results stand in the order of their numbers as they come, and what cannot be
/// run stands there with a word on why.
fn run_each(store: Store, query: Query<Vec<Point>>, of: Option<DataId>, all: Vec<(f64, Experiment)>) {
    query.clear();
    let (Some(pool), Some(of), false) = (store.pool(), of, all.is_empty()) else { return };
    let of = (of.origin == Origin::Trace).then_some(of);
    let ticket = query.ask_anew(&pool);
    let (wanted, queue) = (all.len(), Rc::new(RefCell::new(all.into_iter())));
    let points: Rc<RefCell<Vec<Point>>> = Rc::default();
    for worker in simulators(&pool) {
        let (ticket, queue, points, of) = (ticket.clone(), Rc::clone(&queue), Rc::clone(&points), of.clone());
        spawn_local(async move {
            loop {
                let Some((at, experiment)) = queue.borrow_mut().next() else { return };
                let ran = twice(|| run(&ticket, worker, of.as_ref(), &experiment, Box::new(|_, _| {}))).await;
                let result = match ran {
                    Ok(report) => Ok(Arc::new(report)),
                    Err(PoolError::Void) => return,
                    Err(why) => Err(why.to_string()),
                };
                let mut points = points.borrow_mut();
                points.push(Point { at, result });
                points.sort_by(|a, b| a.at.total_cmp(&b.at));
                ticket.answer_so_far(points.clone());
                if points.len() == wanted {
                    ticket.end();
                }
            }
        });
    }
}

/// Workers that simulate beside the data's; where no other works, that one too.
pub(super) fn simulators(pool: &Pool) -> Vec<usize> {
    let all: Vec<usize> = (SIMULATOR..pool.len()).filter(|&w| pool.works(w)).collect();
    if all.is_empty() { vec![DATA_WORKER] } else { all }
}

/// Compares placements and dispatches on what is shown, and the reader's own file beside them. A search is asked for, because it takes
/// longer than all others: the table without it is there first, then with a quarter of its budget, a half, and all of it. What was
/// found so far stays when it is cancelled.
pub(super) fn compare_placements(store: Store, search: bool, file: Option<Dropped>) {
    let (Some(pool), Some(of)) = (store.pool(), untrack(|| store.data())) else { return };
    let mut experiment = store.experiment.with_untracked(Experiment::run_key).for_lab();
    if file.is_some() {
        experiment.run.strategies.extend(Strategy::of_file());
    }
    let mut rounds = vec![experiment.clone()];
    rounds[0].run.strategies.retain(|s| !s.name().starts_with("search."));
    if search && rounds[0].run.strategies.len() < experiment.run.strategies.len() {
        for part in [4, 2, 1] {
            let mut round = experiment.clone();
            round.run.budget = (experiment.run.budget / part).max(1);
            rounds.push(round);
        }
    }
    let ticket = store.answers.placed.ask(&pool, &of);
    spawn_local(async move {
        let last = rounds.len();
        for (round, experiment) in (1..).zip(rounds) {
            let bytes = match &file {
                Some(dropped) => file_bytes(&dropped.file).await,
                None => None,
            };
            let job = jobs::Place::new(of.clone(), experiment);
            match ticket.job_with(DATA_WORKER, job, bytes, ticket.teller()).await {
                Ok(report) if round < last => ticket.answer_so_far(report),
                // A file that cannot be scored is refused by its name; what it was to stand beside is compared without it.
                Err(PoolError::Failed(why)) if file.is_some() && ticket.is_last() => {
                    let name = file.map_or_else(String::new, |f| f.path);
                    ticket.fail(store.chrome.failure, &PoolError::Failed(format!("{name}: {why}")));
                    return store.loaded.placement.set(None);
                }
                done => return ticket.settle(store.chrome.failure, done),
            }
        }
    });
}

/// Figures 16 and 17 on what is shown.
pub(super) fn case_study(store: Store) {
    let (Some(pool), Some(of)) = (store.pool(), untrack(|| store.data())) else { return };
    let experiment = store.experiment.with_untracked(Experiment::run_key);
    let ticket = store.answers.case_study.ask(&pool, &of);
    spawn_local(async move {
        let job = jobs::CaseStudy::new(of, experiment);
        ticket.settle(store.chrome.failure, ticket.job_with(DATA_WORKER, job, None, ticket.teller()).await);
    });
}

/// Asks for two parts of the requests.
fn versus(store: Store, of: Option<DataId>, wanted: Option<Versus>) {
    let query = store.answers.versus;
    let (Some(pool), Some(of), Some(versus)) = (store.pool(), of, wanted) else { return query.clear() };
    let ticket = query.ask(&pool, &of);
    spawn_local(async move {
        match ticket.job(DATA_WORKER, jobs::Versus { of, versus }).await {
            Ok(sides) => ticket.answer(Ok(Arc::new(sides))),
            Err(PoolError::Failed(why)) => ticket.answer(Err(why)),
            Err(why) => ticket.fail(store.chrome.failure, &why),
        }
    });
}

/// Keeps what is shown beside what is loaded next.
pub(super) fn set_reference(store: Store) {
    let (Some(pool), Some(of)) = (store.pool(), untrack(|| store.data())) else { return };
    let ticket = store.loaded.reference.ask(&pool, &of);
    spawn_local(async move {
        ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, jobs::SetReference(of)).await);
    });
}

const REPLACED: &str = "Figure 12 ended, because the trace that it also ran on is no longer loaded; run it again.";
/// Units of the progress of one part of Figure 12.
const WHOLE: u64 = 10_000;

/// Runs of each part, with its position.
type Found = Rc<RefCell<Vec<(usize, Vec<PaperRun>)>>>;

/// Runs Figure 12 with the experiment's settings, over all workers; a trace of one of its models is run beside.
pub(super) fn reproduce(store: Store) {
    let Some(pool) = store.pool() else { return };
    let ticket = store.answers.paper.ask_anew(&pool);
    let experiment = store.experiment.with_untracked(Experiment::run_key);
    let mut queue: Vec<(usize, &'static str, Option<DataId>)> =
        paper_models().enumerate().map(|(i, m)| (i, m.name, None)).collect();
    // The longest first.
    queue.sort_by_key(|(_, name, _)| model_named(name).map_or(0, |m| usize::MAX - m.moe_layers * m.experts));
    let recorded = untrack(|| store.shown()).filter(|i| !i.synthetic && i.decode > 0).and_then(|i| {
        let model = paper_models().find(|m| Some(m.name) == i.model.as_deref())?;
        Some((queue.len(), model.name, Some(DataId::of(&i))))
    });
    let parts = queue.len() + usize::from(recorded.is_some());
    let progress = Rc::new(RefCell::new(vec![0u64; parts]));
    let found: Found = Rc::default();
    let queue = Rc::new(RefCell::new(queue.into_iter()));
    for worker in (0..pool.len()).filter(|&w| pool.works(w)) {
        // Only the data worker has the trace.
        let mut own = recorded.clone().filter(|_| worker == DATA_WORKER);
        let (ticket, queue, progress) = (ticket.clone(), Rc::clone(&queue), Rc::clone(&progress));
        let (found, experiment) = (Rc::clone(&found), experiment.clone());
        spawn_local(async move {
            loop {
                let next = own.take().or_else(|| queue.borrow_mut().next());
                let Some((at, model, of)) = next else { return };
                let part = || {
                    let (telling, progress) = (ticket.clone(), Rc::clone(&progress));
                    let on_progress = Box::new(move |done: u64, total: u64| {
                        progress.borrow_mut()[at] = done * WHOLE / total.max(1);
                        telling.tell(progress.borrow().iter().sum(), parts as u64 * WHOLE);
                    });
                    let job = jobs::Paper::new(model, experiment.clone(), of.clone());
                    ticket.job_with(worker, job, None, on_progress)
                };
                match twice(part).await {
                    Ok(runs) => found.borrow_mut().push((at, runs)),
                    // One part that is missing is no Figure 12: the others end too.
                    Err(PoolError::Void) => {
                        return ticket.fail(store.chrome.failure, &PoolError::Failed(REPLACED.into()));
                    }
                    Err(why) => return ticket.fail(store.chrome.failure, &why),
                }
                if found.borrow().len() == parts {
                    let mut all = found.take();
                    all.sort_by_key(|(at, _)| *at);
                    ticket.answer(all.into_iter().flat_map(|(_, runs)| runs).collect());
                }
            }
        });
    }
}
