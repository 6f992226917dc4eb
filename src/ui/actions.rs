//! What the page does: keeps address and experiment alike, asks for figures, runs the simulator. A new
//! question of a kind makes the answer to the old one void: nothing stale is ever shown.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle, window_event_listener_untyped};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::load::load;
use super::store::Store;
use crate::experiment::Experiment;
use crate::protocol::{Asked, From, Reply, Request};
use crate::web::{Pool, PoolError, fragment, pixel_ratio, set_fragment};

/// The worker that holds traces and answers questions about them.
pub(super) const KEEPER: usize = 0;
/// The worker that simulates.
pub(super) const SIMULATOR: usize = 1;

thread_local! {
    static TOKENS: [Cell<u32>; 6] = const { [const { Cell::new(0) }; 6] };
    static RUN_JOB: Cell<Option<u32>> = const { Cell::new(None) };
    static MEAN_JOB: Cell<Option<u32>> = const { Cell::new(None) };
    static DETAILS: RefCell<Option<TimeoutHandle>> = const { RefCell::new(None) };
    static WRITE: RefCell<Option<TimeoutHandle>> = const { RefCell::new(None) };
}

/// Kinds of questions of which only the last counts.
#[derive(Clone, Copy)]
pub(super) enum Question {
    Figures,
    Layer,
    Details,
    Report,
    Run,
    Load,
}

/// A question's number, to ask later whether it is still the last.
pub(super) struct Token(Question, u32);

impl Token {
    pub(super) fn new(question: Question) -> Self {
        let n = TOKENS.with(|t| {
            let cell = &t[question as usize];
            cell.set(cell.get().wrapping_add(1));
            cell.get()
        });
        Self(question, n)
    }

    pub(super) fn is_last(&self) -> bool {
        TOKENS.with(|t| t[self.0 as usize].get() == self.1)
    }
}

/// Reads the address, and sets up what follows from changes.
pub(super) fn begin(store: Store) {
    read_address(store);
    for event in ["popstate", "hashchange"] {
        let _ = window_event_listener_untyped(event, move |_| read_address(store));
    }
    let _ = window_event_listener_untyped("resize", move |_| store.ratio.set(pixel_ratio()));
    Effect::new(move |_| {
        let theme = if store.dark.get() { "dark" } else { "light" };
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", theme);
        }
    });
    Effect::new(move |_| {
        let embed = store.experiment.with(|e| e.embed.clone());
        if let Some(root) = document().document_element() {
            let _ = if embed.is_empty() {
                root.remove_attribute("data-embed")
            } else {
                root.set_attribute("data-embed", &embed)
            };
        }
    });
    let from = Memo::new(move |_| store.from());
    // While a trace is shown nothing is made: it would run every question a second time.
    let made_of = Memo::new(move |_| {
        let synthetic = from.get() == From::Synthetic;
        synthetic.then(|| store.experiment.with(|e| (e.model.clone(), e.seed)))
    });
    Effect::new(move |_| made_of.get().into_iter().for_each(|of| synthesize(store, of)));
    // First of what follows from a load: the simulator has a worker of its own and can begin while figures are made.
    let key = Memo::new(move |_| store.experiment.with(Experiment::run_key));
    Effect::new(move |_| {
        if from.get() == From::Trace {
            store.generation.track();
        }
        simulate(store, from.get(), key.get());
    });
    if let Some(pool) = pool(store) {
        // After the jobs that were lost have ended: a load that failed clears up first.
        pool.on_lost(move |worker| set_timeout(move || lost(store, worker), Duration::ZERO));
    }
    let scope = Memo::new(move |_| store.experiment.with(|e| e.scope));
    let layer = Memo::new(move |_| store.experiment.with(|e| (!e.mean).then_some(e.layer)));
    // A figure never outlives its data: what is of another trace goes before anything of the new one comes.
    Effect::new(move |_| {
        (from.track(), store.generation.track());
        [store.overview, store.layer, store.details].into_iter().for_each(|figures| figures.set(None));
    });
    Effect::new(move |_| {
        store.generation.track();
        ask_figures(store, from.get(), Request::Figures(from.get(), Asked::All, scope.get()));
    });
    Effect::new(move |_| {
        store.generation.track();
        let (from, scope) = (from.get(), scope.get());
        let one = |layer| Request::Figures(from, Asked::Prompt(layer), scope);
        ask_figures(store, from, layer.get().map_or(Request::Mean(from, scope), one));
    });
    // The details of a layer are asked for once its first figures are there: a moving slider never waits for them.
    let at =
        Memo::new(move |_| store.layer.with(|v| v.as_ref().map(|v| (v.layer, store.generation.get(), scope.get()))));
    Effect::new(move |_| {
        // The mean of all layers brings its details with it.
        if let Some((Some(id), _, scope)) = at.get() {
            let position = untrack(|| store.shown().and_then(|i| i.layers.iter().position(|&l| l == id))).unwrap_or(0);
            ask_details(store, Request::Figures(untrack(|| store.from()), Asked::Later(position), scope));
        }
    });
    // A report takes long: it is asked for once the first figures are there.
    let ready = Memo::new(move |_| store.overview.with(Option::is_some).then(|| (store.generation.get(), from.get())));
    Effect::new(move |_| {
        store.report.set(None);
        if let Some((_, from)) = ready.get() {
            ask_figures(store, from, Request::Report(from));
        }
    });
}

/// Changes the experiment and writes it into the address: as a step of the history, or quietly for sliders.
pub(super) fn change(store: Store, push: bool, edit: impl FnOnce(&mut Experiment)) {
    let before = store.experiment.get_untracked();
    let mut after = before.clone();
    edit(&mut after);
    if after == before {
        return;
    }
    let text = after.to_string();
    store.experiment.set(after);
    store.unread.set(Vec::new());
    WRITE.with(|w| {
        if let Some(handle) = w.borrow_mut().take() {
            handle.clear();
        }
        if push {
            set_fragment(&text, true);
        } else {
            // Browsers refuse an address that changes with every frame.
            let write = move || set_fragment(&text, false);
            *w.borrow_mut() = set_timeout_with_handle(write, Duration::from_millis(200)).ok();
        }
    });
}

fn read_address(store: Store) {
    let (experiment, unread) = Experiment::parse(&fragment());
    store.unread.set(unread.iter().map(ToString::to_string).collect());
    if store.experiment.get_untracked() != experiment {
        store.experiment.set(experiment);
    }
}

pub(super) fn pool(store: Store) -> Option<Pool> {
    store.pool.with_value(Clone::clone)
}

fn synthesize(store: Store, (model, seed): (String, u64)) {
    let Some(pool) = pool(store) else { return };
    spawn_local(async move {
        match pool.get(KEEPER, Request::Synthesize { model: model.clone(), seed }).await {
            // Another model may have been chosen meanwhile; the worker answers in order, so the last reply is the last choice.
            Ok(Reply::Loaded(info)) => {
                let current = store.experiment.with_untracked(|e| e.model == model && e.seed == seed);
                if current {
                    store.made_of.set(Some((model, seed)));
                    store.made.set(Some(Arc::new(*info)));
                    store.generation.update(|g| *g += 1);
                }
            }
            Ok(_) | Err(PoolError::Cancelled) => {}
            Err(why) => store.failure.set(Some(why.to_string())),
        }
    });
}

fn ask_figures(store: Store, from: From, request: Request) {
    let there = match from {
        From::Trace => store.trace.with_untracked(Option::is_some),
        From::Synthetic => store.made.with_untracked(Option::is_some),
    };
    let Some(pool) = pool(store).filter(|_| there) else { return };
    let request = match request {
        // A link made on a deeper model asks for a layer that is not here.
        Request::Figures(from, Asked::Prompt(layer), scope) => {
            let layers = store.shown().map_or(1, |i| i.layers.len());
            Request::Figures(from, Asked::Prompt(layer.min(layers.saturating_sub(1))), scope)
        }
        other => other,
    };
    let token = Token::new(match request {
        Request::Figures(_, Asked::Prompt(_), _) | Request::Mean(..) => Question::Layer,
        Request::Figures(_, Asked::Later(_), _) => Question::Details,
        Request::Report(_) => Question::Report,
        _ => Question::Figures,
    });
    // A mean takes long: it tells how far it is, and ends when another layer is asked for.
    let question = token.0;
    if matches!(question, Question::Layer) {
        MEAN_JOB.take().into_iter().for_each(|job| pool.cancel(job));
        store.averaging.set(None);
    }
    let told: crate::web::Told = match request {
        Request::Mean(..) => Box::new(move |done, total| store.averaging.set(Some((done, total)))),
        _ => Box::new(|_, _| {}),
    };
    let (job, reply) = pool.ask(KEEPER, &request, told);
    if matches!(request, Request::Mean(..)) {
        MEAN_JOB.set(Some(job));
    }
    spawn_local(async move {
        let reply = reply.await;
        if !token.is_last() {
            return;
        }
        if matches!(question, Question::Layer) {
            store.averaging.set(None);
        }
        match reply {
            Ok(Reply::Report(report)) => store.report.set(Some(Arc::new(*report))),
            Ok(Reply::Figures(figures)) => {
                let figures = Some(Arc::new(figures));
                match question {
                    Question::Figures => store.overview.set(figures),
                    Question::Details => store.details.set(figures),
                    // The mean of all layers holds those of a layer that come later too.
                    _ if figures.as_ref().is_some_and(|f| f.layer.is_none()) => {
                        let _ = Token::new(Question::Details);
                        DETAILS.take().into_iter().for_each(|handle| handle.clear());
                        store.layer.set(figures.clone());
                        store.details.set(figures);
                    }
                    _ => store.layer.set(figures),
                }
            }
            Ok(_) | Err(PoolError::Cancelled) => {}
            Err(why) => store.failure.set(Some(why.to_string())),
        }
    });
}

/// Asks for details once the slider rests.
fn ask_details(store: Store, request: Request) {
    DETAILS.with(|d| {
        if let Some(handle) = d.borrow_mut().take() {
            handle.clear();
        }
        let ask = move || ask_figures(store, store.from(), request.clone());
        *d.borrow_mut() = set_timeout_with_handle(move || untrack(&ask), Duration::from_millis(40)).ok();
    });
}

/// Runs the experiment; a run in progress is cancelled.
fn simulate(store: Store, from: From, experiment: Experiment) {
    let token = Token::new(Question::Run);
    let Some(pool) = pool(store) else { return };
    if let Some(job) = RUN_JOB.take() {
        pool.cancel(job);
    }
    store.run.set(None);
    store.running.set(None);
    if from == From::Trace && store.shown().is_none_or(|i| i.decode == 0) {
        return;
    }
    store.running.set(Some((0, 0)));
    spawn_local(async move {
        let reply = run(&pool, from, &experiment, store, &token).await;
        if !token.is_last() {
            return;
        }
        store.running.set(None);
        match reply {
            Ok(Reply::Run(report)) => store.run.set(Some(Arc::new(*report))),
            Ok(_) | Err(PoolError::Cancelled) => {}
            Err(why) => store.failure.set(Some(why.to_string())),
        }
    });
}

async fn run(
    pool: &Pool,
    from: From,
    experiment: &Experiment,
    store: Store,
    token: &Token,
) -> Result<Reply, PoolError> {
    let text = experiment.to_string();
    let mut parcel = None;
    let request = match from {
        // The simulator makes what it needs of a synthetic workload: it is done before the keeper has counted all of it.
        From::Synthetic => Request::RunMade(text),
        From::Trace => {
            parcel = Some(pool.parcel(KEEPER, &Request::Workload(from, text.clone())).1.await?);
            if !token.is_last() {
                return Err(PoolError::Cancelled);
            }
            Request::Run(text, Vec::new())
        }
    };
    let told = Box::new(move |done, total| store.running.set(Some((done, total))));
    let (job, reply) = pool.ask_with(SIMULATOR, &request, parcel, told);
    RUN_JOB.set(Some(job));
    reply.await
}

/// Stops the simulator.
pub(super) fn cancel_run(store: Store) {
    let _ = Token::new(Question::Run);
    if let (Some(pool), Some(job)) = (pool(store), RUN_JOB.take()) {
        pool.cancel(job);
    }
    store.running.set(None);
}

/// Runs again after a cancel.
pub(super) fn run_again(store: Store) {
    simulate(store, store.from(), store.experiment.with_untracked(Experiment::run_key));
}

/// A worker was lost, and an empty one has its place. What the keeper held is made or read again.
fn lost(store: Store, worker: usize) {
    if worker != KEEPER {
        return;
    }
    let (model, seed) = store.experiment.with_untracked(|e| (e.model.clone(), e.seed));
    if let Some(trace) = store.trace.get_untracked() {
        let files = store.files.with_value(Clone::clone);
        if store.keeps(&trace.digest) {
            super::recent::restore(store, trace.digest.clone());
        } else if !files.is_empty() {
            let source = store.experiment.with_untracked(|e| e.source.clone());
            load(store, source, async move { files });
        } else {
            store.trace.set(None);
        }
    }
    if untrack(|| store.from()) == From::Synthetic {
        synthesize(store, (model, seed));
    }
}
