//! What follows from the settings and from what is loaded: a workload is made, figures are asked for. Every question names the
//! data that it is about, so an answer about other data is never shown.

use std::cell::RefCell;
use std::time::Duration;

use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle, window_event_listener_untyped};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::load::{forget_data, heed, load};
use super::recent::restore;
use super::store::{DATA_WORKER, Store};
use crate::experiment::View;
use crate::model::Scope;
use crate::protocol::{Asked, DataId, Origin, jobs};
use crate::web::pixel_ratio;

thread_local! {
    static DETAILS: RefCell<Option<TimeoutHandle>> = const { RefCell::new(None) };
}

/// Sets up what follows from changes.
pub(super) fn begin(store: Store) {
    let _ = window_event_listener_untyped("resize", move |_| store.chrome.ratio.set(pixel_ratio()));
    Effect::new(move |_| {
        let theme = if store.chrome.dark.get() { "dark" } else { "light" };
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", theme);
        }
    });
    heed(store);
    let origin = Memo::new(move |_| store.origin());
    // While a trace is shown nothing is made: it would run every question a second time.
    let wanted = Memo::new(move |_| {
        let synthetic = origin.get() == Origin::Synthetic;
        synthetic.then(|| store.experiment.with(|e| (e.workload.model.clone(), e.workload.seed)))
    });
    Effect::new(move |_| synthesize(store, wanted.get()));
    // What the answers are about; a worker that was lost holds the same data again, and is asked again.
    let data = Memo::new(move |_| Some((store.data()?, store.loaded.generation.get())));
    if let Some(pool) = store.pool() {
        // What a reader will ask next is got ready once the first pictures are there: nothing of it is needed for them.
        let warm = pool.clone();
        set_timeout(move || warm.warm(), Duration::from_millis(2500));
        pool.on_lost(move |worker| spawn_local(lost(store, worker)));
    }
    let scope = Memo::new(move |_| store.experiment.with(|e| e.view.scope));
    let layer = Memo::new(move |_| store.experiment.with(|e| (!e.view.mean).then_some(e.view.layer)));
    Effect::new(move |_| ask_overview(store, data.get().map(|d| d.0), scope.get()));
    // Figures of a layer are Explore's.
    let explored = Memo::new(move |_| store.opened(View::Explore));
    Effect::new(move |_| {
        ask_layer(store, data.get().filter(|_| explored.get()).map(|d| d.0), layer.get(), scope.get())
    });
    // The details of a layer are asked for once its first figures are there: a moving slider never waits for them.
    let at = Memo::new(move |_| {
        Some((store.answers.layer.with(|v| v.as_ref().map(|v| v.layer))?, data.get()?.0, scope.get()))
    });
    Effect::new(move |_| {
        DETAILS.take().into_iter().for_each(|handle| handle.clear());
        match at.get() {
            Some((Some(id), of, scope)) => ask_details(store, of, id, scope),
            // The mean of all layers brings its details with it.
            Some((None, ..)) => {}
            None => store.answers.details.clear(),
        }
    });
    // A report takes long: it is asked for once the first figures are there.
    let ready = Memo::new(move |_| data.get().filter(|_| store.answers.overview.with(Option::is_some)));
    Effect::new(move |_| ask_report(store, ready.get().map(|d| d.0)));
}

/// Makes the synthetic workload of a model and a seed. One that is no longer wanted is not made to its end: done after the
/// next one, it would take its place in the worker.
fn synthesize(store: Store, wanted: Option<(String, u64)>) {
    let Some(pool) = store.pool() else { return };
    let loaded = store.loaded;
    let Some((model, seed)) = wanted else { return loaded.synthetic.cancel() };
    if loaded.synthetic_of.with_untracked(|of| of.as_ref() == Some(&(model.clone(), seed))) {
        // Made already; another that was under way is void.
        return loaded.synthetic.cancel();
    }
    // What was made before stays shown until the next one is there.
    let ticket = loaded.synthetic.ask_again(&pool);
    spawn_local(async move {
        match ticket.job(DATA_WORKER, jobs::Synthesize::new(model.clone(), seed)).await {
            Ok(info) => {
                ticket.answer(info);
                loaded.synthetic_of.set(Some((model, seed)));
                loaded.generation.update(|g| *g += 1);
            }
            Err(why) => ticket.fail(store.chrome.failure, &why),
        }
    });
}

fn ask_overview(store: Store, of: Option<DataId>, scope: Scope) {
    let query = store.answers.overview;
    let (Some(pool), Some(of)) = (store.pool(), of) else { return query.clear() };
    let ticket = query.ask(&pool, &of);
    spawn_local(async move {
        ticket.settle(
            store.chrome.failure,
            ticket.job(DATA_WORKER, jobs::Figures { of, asked: Asked::All, scope }).await,
        );
    });
}

/// Figures of one layer, or the mean of all.
fn ask_layer(store: Store, of: Option<DataId>, layer: Option<usize>, scope: Scope) {
    let query = store.answers.layer;
    let (Some(pool), Some(of)) = (store.pool(), of) else { return query.clear() };
    let ticket = query.ask(&pool, &of);
    // A link made on a deeper model asks for a layer that is not here.
    let last = untrack(|| store.shown()).map_or(0, |i| i.layers.len().saturating_sub(1));
    spawn_local(async move {
        match layer {
            Some(layer) => {
                let job = jobs::Figures { of, asked: Asked::Prompt(layer.min(last)), scope };
                ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, job).await);
            }
            None => {
                let job = jobs::Mean::new(of.clone(), scope);
                match ticket.job_with(DATA_WORKER, job, None, ticket.teller()).await {
                    // The mean of all layers holds those of a layer that come later too.
                    Ok(figures) => {
                        store.answers.details.put(&of, figures.clone());
                        ticket.answer(figures);
                    }
                    Err(why) => ticket.fail(store.chrome.failure, &why),
                }
            }
        }
    });
}

/// Asks for details once the slider rests.
fn ask_details(store: Store, of: DataId, id: u32, scope: Scope) {
    let query = store.answers.details;
    let position = untrack(|| store.shown()).and_then(|i| i.layers.iter().position(|&l| l == id)).unwrap_or(0);
    let ask = move || {
        let Some(pool) = store.pool() else { return };
        let ticket = query.ask(&pool, &of);
        spawn_local(async move {
            let job = jobs::Figures { of, asked: Asked::Later(position), scope };
            ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, job).await);
        });
    };
    DETAILS.set(set_timeout_with_handle(ask, Duration::from_millis(40)).ok());
}

fn ask_report(store: Store, of: Option<DataId>) {
    let query = store.answers.report;
    let (Some(pool), Some(of)) = (store.pool(), of) else { return query.clear() };
    let ticket = query.ask_anew(&pool);
    spawn_local(async move {
        ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, jobs::Report::new(of)).await);
    });
}

/// A worker was lost, and an empty one has its place. What it held is made or read again.
async fn lost(store: Store, worker: usize) {
    if worker != DATA_WORKER {
        return;
    }
    let loaded = store.loaded;
    // A load that it was part of fails first, and says so: it ends once every worker has, the others may be lost later.
    let before = loaded.generation.get_untracked();
    crate::web::pause(0).await;
    while loaded.loading.with_untracked(Option::is_some) {
        crate::web::pause(5).await;
    }
    if loaded.generation.get_untracked() != before {
        // Another load has succeeded on the new worker.
        return;
    }
    loaded.reference.clear();
    loaded.synthetic_of.set(None);
    let shown = untrack(|| store.origin());
    if shown == Origin::Synthetic {
        forget_data(store);
        let wanted = store.experiment.with_untracked(|e| (e.workload.model.clone(), e.workload.seed));
        return synthesize(store, Some(wanted));
    }
    if let Some(trace) = loaded.trace.get_untracked() {
        let files = loaded.files.with_value(Clone::clone);
        if untrack(|| loaded.stores(&trace.digest)) {
            restore(store, trace.digest.clone());
        } else if files.is_empty() {
            forget_data(store);
        } else {
            let source = store.experiment.with_untracked(|e| e.view.source.clone());
            forget_data(store);
            load(store, source, async move { files });
        }
    }
}
