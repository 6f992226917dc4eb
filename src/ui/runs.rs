//! The long questions of the page: one layer over time, a sweep of a setting, Figure 12. Apart from `actions`, because each of
//! these is many jobs over many workers, and all end when another is asked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::{KEEPER, SIMULATOR};
use super::store::{Store, Swept};
use crate::experiment::{Experiment, Sweep, Variant};
use crate::model::model_named;
use crate::protocol::{From, PaperRun, Reply, Request, RunReport, Versus, paper_models};
use crate::web::{Pool, PoolError};

/// A kind of long question: its jobs under way and the number of the last one asked.
#[derive(Default)]
struct Asked {
    number: Cell<u32>,
    jobs: RefCell<Vec<u32>>,
}

impl Asked {
    /// Ends what is under way; the answer to an older number is void.
    fn renew(&self, pool: Option<&Pool>) -> u32 {
        for job in self.jobs.take() {
            pool.into_iter().for_each(|p| p.cancel(job));
        }
        self.number.set(self.number.get().wrapping_add(1));
        self.number.get()
    }
}

thread_local! {
    static ASKED: [Asked; 5] = Default::default();
}

/// The kinds.
#[derive(Clone, Copy)]
enum Kind {
    Timeline,
    Sweep,
    Paper,
    Compare,
    Versus,
}

impl Kind {
    fn with<T>(self, f: impl FnOnce(&Asked) -> T) -> T {
        ASKED.with(|all| f(&all[self as usize]))
    }
}

/// Asks a worker as a part of a long question.
async fn ask(
    pool: &Pool,
    kind: Kind,
    worker: usize,
    request: &Request,
    told: crate::web::Told,
) -> Result<Reply, PoolError> {
    let (job, reply) = pool.ask(worker, request, told);
    noted(kind, job, reply).await
}

/// Waits for a job so that a later question ends it.
async fn noted<T>(kind: Kind, job: u32, reply: impl Future<Output = T>) -> T {
    kind.with(|k| k.jobs.borrow_mut().push(job));
    let reply = reply.await;
    kind.with(|k| k.jobs.borrow_mut().retain(|&j| j != job));
    reply
}

fn is_last(kind: Kind, number: u32) -> bool {
    kind.with(|k| k.number.get() == number)
}

fn fail(store: Store, why: &PoolError) {
    if !matches!(why, PoolError::Cancelled) {
        store.failure.set(Some(why.to_string()));
    }
}

/// Starts what follows the experiment by itself.
pub(super) fn begin(store: Store) {
    // A new result makes what belongs to the old one void.
    let view = Memo::new(move |_| store.experiment.with(|e| (e.view.show, e.view.step, e.view.simulated)));
    // The keeper fills their batches: it must hold the workload that the run was on.
    let there = Memo::new(move |_| {
        let wanted = store.experiment.with(|e| (e.workload.model.clone(), e.workload.seed));
        let held = store.from() == From::Trace || store.made_of.with(|of| of.as_ref() == Some(&wanted));
        (held && store.run.with(Option::is_some)).then(|| store.generation.get())
    });
    Effect::new(move |_| {
        view.track();
        timeline(store, there.get().is_some());
    });
    let sweep = Memo::new(move |_| store.experiment.with(|e| e.view.sweep.clone()));
    Effect::new(move |_| {
        let (of, there) = (sweep.get(), there.get().is_some());
        swept(store, of.filter(|_| there));
    });
    let variants = Memo::new(move |_| store.experiment.with(|e| e.view.compare.clone()));
    Effect::new(move |_| {
        let (of, there) = (variants.get(), there.get().is_some());
        compared(store, if there { &of } else { &[] });
    });
    // Two parts of the requests; what is put aside later counts too.
    let parts = Memo::new(move |_| {
        let (left, right, layer, scope) =
            store.experiment.with(|e| (e.view.left.clone(), e.view.right.clone(), e.view.layer, e.view.scope));
        right.map(|right| Versus { parts: [left, right], layer, scope })
    });
    let loaded = Memo::new(move |_| store.shown().map(|_| store.generation.get()));
    Effect::new(move |_| {
        store.aside.track();
        let parts = parts.get();
        versus(store, parts.filter(|_| loaded.get().is_some()));
    });
    // Figure 12 follows settings that it does not set itself.
    let settings = Memo::new(move |_| store.experiment.with(Experiment::of_figure_12));
    Effect::new(move |before: Option<Experiment>| {
        let now = settings.get();
        if before.is_some_and(|b| b != now) {
            cancel_paper(store);
            store.paper.set(None);
        }
        now
    });
}

fn timeline(store: Store, there: bool) {
    let pool = store.pool.with_value(Clone::clone);
    let number = Kind::Timeline.with(|t| t.renew(pool.as_ref()));
    let Some(pool) = pool.filter(|_| there) else {
        store.timeline.set(None);
        return;
    };
    let text = store.experiment.with_untracked(ToString::to_string);
    let from = untrack(|| store.from());
    spawn_local(async move {
        match on_batch(&pool, Kind::Timeline, SIMULATOR, (from, text), Request::Timeline).await {
            Ok(Reply::Timeline(timeline)) if is_last(Kind::Timeline, number) => {
                store.timeline.set(Some(Arc::new(*timeline)));
            }
            Ok(_) => {}
            Err(why) => fail(store, &why),
        }
    });
}

/// Runs the experiment once for each value of a sweep.
fn swept(store: Store, sweep: Option<Sweep>) {
    let base = store.experiment.with_untracked(Experiment::run_key);
    let values = sweep.iter().flat_map(|s| s.values().into_iter().map(|v| (s.name.clone(), v)));
    let all = values.filter_map(|(name, v)| Some((v.parse().ok()?, base.with(&name, &v).ok()?))).collect();
    run_each(store, Kind::Sweep, all, store.sweep);
}

/// Runs the experiments that stand beside this one.
fn compared(store: Store, variants: &[Variant]) {
    let base = store.experiment.with_untracked(Experiment::run_key);
    let all = variants.iter().enumerate().filter_map(|(i, v)| Some((i as f64, v.of(&base).ok()?))).collect();
    run_each(store, Kind::Compare, all, store.compared);
}

/// Runs experiments on all workers but the keeper; results stand in the order of their numbers as they come.
fn run_each(store: Store, kind: Kind, all: Vec<(f64, Experiment)>, into: RwSignal<Swept>) {
    let pool = store.pool.with_value(Clone::clone);
    let number = kind.with(|k| k.renew(pool.as_ref()));
    into.set(Arc::default());
    let Some(pool) = pool.filter(|_| !all.is_empty()) else { return };
    let from = untrack(|| store.from());
    let queue = Rc::new(RefCell::new(all.into_iter()));
    for worker in SIMULATOR..pool.len().max(SIMULATOR + 1) {
        let (pool, queue) = (pool.clone(), Rc::clone(&queue));
        spawn_local(async move {
            loop {
                let Some((at, experiment)) = queue.borrow_mut().next() else { return };
                let text = experiment.to_string();
                let reply = match from {
                    From::Synthetic => ask(&pool, kind, worker, &Request::RunMade(text), Box::new(|_, _| {})).await,
                    From::Trace => on_batch(&pool, kind, worker, (from, text), Request::Run).await,
                };
                match reply {
                    Ok(Reply::Run(report)) if is_last(kind, number) => into.update(|done| {
                        let mut all: Vec<(f64, Arc<RunReport>)> = done.to_vec();
                        all.push((at, Arc::new(*report)));
                        all.sort_by(|a, b| a.0.total_cmp(&b.0));
                        *done = all.into();
                    }),
                    Ok(Reply::Failed(why)) if is_last(kind, number) => return store.failure.set(Some(why)),
                    Ok(_) => return,
                    Err(why) => return fail(store, &why),
                }
            }
        });
    }
}

/// Asks for two parts of the requests.
fn versus(store: Store, wanted: Option<Versus>) {
    let pool = store.pool.with_value(Clone::clone);
    let number = Kind::Versus.with(|k| k.renew(pool.as_ref()));
    let (Some(pool), Some(wanted)) = (pool, wanted) else { return store.versus.set(None) };
    let request = Request::Versus(untrack(|| store.from()), Box::new(wanted));
    spawn_local(async move {
        let reply = ask(&pool, Kind::Versus, KEEPER, &request, Box::new(|_, _| {})).await;
        if !is_last(Kind::Versus, number) {
            return;
        }
        match reply {
            Ok(Reply::Versus(sides)) => store.versus.set(Some(Ok(Arc::new(*sides)))),
            Err(PoolError::Failed(why)) => store.versus.set(Some(Err(why))),
            Ok(_) => {}
            Err(why) => fail(store, &why),
        }
    });
}

/// Keeps what is shown beside what is loaded next.
pub(super) fn set_aside(store: Store) {
    let Some(pool) = store.pool.with_value(Clone::clone) else { return };
    let from = untrack(|| store.from());
    spawn_local(async move {
        match pool.get(KEEPER, Request::SetAside(from)).await {
            Ok(Reply::Loaded(info)) => store.aside.set(Some(Arc::new(*info))),
            Ok(_) => {}
            Err(why) => fail(store, &why),
        }
    });
}

/// Asks the keeper for the batch of an experiment, and a worker what follows from it.
async fn on_batch(
    pool: &Pool,
    kind: Kind,
    worker: usize,
    (from, text): (From, String),
    then: fn(String, Vec<u8>) -> Request,
) -> Result<Reply, PoolError> {
    let (job, parcel) = pool.parcel(KEEPER, &Request::Workload(from, text.clone()));
    let parcel = noted(kind, job, parcel).await?;
    let (job, reply) = pool.ask_with(worker, &then(text, Vec::new()), Some(parcel), Box::new(|_, _| {}));
    noted(kind, job, reply).await
}

/// Runs of each model with its position.
type Found = Rc<RefCell<Vec<(usize, Vec<PaperRun>)>>>;

/// Runs Figure 12 with the experiment's settings, over all workers; a trace of one of its models is run beside.
pub(super) fn reproduce(store: Store) {
    let Some(pool) = store.pool.with_value(Clone::clone) else { return };
    let number = Kind::Paper.with(|p| p.renew(Some(&pool)));
    let experiment = store.experiment.with_untracked(|e| e.run_key().to_string());
    let mut queue: Vec<(usize, &'static str, From)> =
        paper_models().enumerate().map(|(i, m)| (i, m.name, From::Synthetic)).collect();
    // The longest first.
    queue.sort_by_key(|(_, name, _)| model_named(name).map_or(0, |m| usize::MAX - m.moe_layers * m.experts));
    let recorded = untrack(|| store.shown()).filter(|i| !i.synthetic && i.decode > 0).and_then(|i| i.model.clone());
    let recorded = recorded.and_then(|name| paper_models().find(|m| m.name == name));
    let parts = queue.len() + usize::from(recorded.is_some());
    // Only the keeper has the trace.
    let own = recorded.map(|m| (queue.len(), m.name, From::Trace));
    let progress = Rc::new(RefCell::new(vec![(0u64, 0u64); parts]));
    let found: Found = Rc::default();
    let queue = Rc::new(RefCell::new(queue.into_iter()));
    store.paper.set(None);
    store.papering.set(Some(0.0));
    for worker in 0..pool.len() {
        let mut own = own.filter(|_| worker == KEEPER);
        let (pool, queue, progress) = (pool.clone(), Rc::clone(&queue), Rc::clone(&progress));
        let (found, experiment) = (Rc::clone(&found), experiment.clone());
        spawn_local(async move {
            loop {
                let next = own.take().or_else(|| queue.borrow_mut().next());
                let Some((at, model, from)) = next else { return };
                let told = Rc::clone(&progress);
                let told = Box::new(move |done, total: u64| {
                    told.borrow_mut()[at] = (done, total);
                    if is_last(Kind::Paper, number) {
                        let parts: f64 = told.borrow().iter().map(|&(d, t)| d as f64 / t.max(1) as f64).sum();
                        store.papering.set(Some(parts / told.borrow().len() as f64));
                    }
                });
                let request = Request::Paper { model: model.into(), experiment: experiment.clone(), from };
                match ask(&pool, Kind::Paper, worker, &request, told).await {
                    Ok(Reply::Paper(runs)) if is_last(Kind::Paper, number) => {
                        found.borrow_mut().push((at, runs));
                        if found.borrow().len() == parts {
                            let mut all = found.take();
                            all.sort_by_key(|(at, _)| *at);
                            store.papering.set(None);
                            store.paper.set(Some(Arc::new(all.into_iter().flat_map(|(_, r)| r).collect())));
                        }
                    }
                    Ok(_) => return,
                    Err(why) => return fail(store, &why),
                }
            }
        });
    }
}

/// Stops Figure 12.
pub(super) fn cancel_paper(store: Store) {
    let pool = store.pool.with_value(Clone::clone);
    Kind::Paper.with(|p| p.renew(pool.as_ref()));
    store.papering.set(None);
}
