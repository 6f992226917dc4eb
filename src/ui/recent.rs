//! Stored traces: stored after each load, read back after a reload, deleted on request. Apart from `actions`, because losing
//! any of it loses no more than a second drop would mend.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::load::{cancel_load, forget_data};
use super::settings::change;
use super::store::{DATA_WORKER, Store, StoredTrace};
use crate::model::{Labels, model_named};
use crate::protocol::{Info, jobs};
use crate::web::{
    PoolError, StoredFile, delete_file, delete_unreadable, on_stored, room, store_file, stored_file, stored_files,
};

/// How many are stored.
const MOST: usize = 8;
/// Bytes at the start of a stored trace that hold its version and its name.
const HEAD: f64 = 2048.0;

/// Looks at what is stored, and reads back what the address names, now and whenever it names another.
pub(super) fn begin(store: Store) {
    look(store);
    on_stored(move || look(store));
    let loaded = store.loaded;
    Effect::new(move |_| loaded.fresh.get().into_iter().for_each(|info| store_loaded(store, &info)));
    let named = Memo::new(move |_| store.experiment.with(|e| e.workload.trace.clone()));
    let there = Memo::new(move |_| loaded.stores(&named.get()));
    Effect::new(move |_| {
        let digest = named.get();
        if there.get() && !loaded.holds(&digest) && loaded.loading.with_untracked(Option::is_none) {
            restore(store, digest);
        }
    });
}

/// Reads the list: the directory is the list.
fn look(store: Store) {
    spawn_local(async move {
        let files = stored_files(HEAD).await;
        let all: Vec<StoredTrace> = files.iter().filter_map(trace_of).collect();
        // Looked at again under the lock: another tab may be writing one of them.
        if all.len() < files.len() {
            spawn_local(delete_unreadable(HEAD, |file| trace_of(file).is_some()));
        }
        if store.loaded.stored.with_untracked(|before| before.as_ref() != Some(&all)) {
            store.loaded.stored.set(Some(all));
        }
        store.loaded.room.set(room().await);
    });
}

/// What a file holds, if this version wrote it.
fn trace_of(file: &StoredFile) -> Option<StoredTrace> {
    let rest = file.head.strip_prefix(jobs::STORED.as_bytes())?;
    let name = rest.split(|&b| b == b'\n').next()?;
    Some(StoredTrace { digest: file.name.clone(), name: String::from_utf8_lossy(name).into_owned(), bytes: file.bytes })
}

/// Stores the loaded trace. What the browser has no room for is only not stored.
fn store_loaded(store: Store, info: &Info) {
    let Some(pool) = store.pool() else { return };
    let what = info.model.as_deref().and_then(model_named).map_or("a trace", |m| m.title);
    let sets: Vec<String> = info.labels.iter().take(2).map(Labels::name).collect();
    let name: String =
        format!("{what}, {} requests, {}", info.requests, sets.join(" and ")).chars().take(200).collect();
    let digest = info.digest.clone();
    spawn_local(async move {
        let save = jobs::Save { digest: digest.clone(), name };
        let Ok(parcel) = pool.parcel(DATA_WORKER, &save).1.await else { return };
        store.loaded.unstored.set(store_file(&digest, parcel, MOST).await.err());
        look(store);
    });
}

/// Loads a stored trace.
pub(super) fn restore(store: Store, digest: String) {
    let Some(pool) = store.pool() else { return };
    cancel_load(store);
    let loaded = store.loaded;
    let ticket = loaded.load.ask_anew(&pool);
    loaded.restoring.set(true);
    spawn_local(async move {
        let read = match stored_file(&digest).await {
            Some(parcel) => {
                let quiet = Box::new(|_, _| {});
                ticket.job_with(DATA_WORKER, jobs::Restore::new(digest.clone()), Some(parcel), quiet).await
            }
            None => Err(PoolError::Failed("it is no longer there".into())),
        };
        // A link may say of the same recording what its tokens are.
        let said = store.experiment.with_untracked(|e| (e.workload.trace == digest).then_some(e.workload.unmarked));
        let read = match (read, said) {
            (Ok(info), Some(said)) if said != info.told.unmarked => ticket.job(DATA_WORKER, jobs::Mark(said)).await,
            (read, _) => read,
        };
        if !ticket.is_last() {
            return;
        }
        ticket.end();
        match read {
            Ok(info) => {
                loaded.questions.set(info.questions.clone());
                loaded.last.set_value((String::new(), Vec::new(), info.told.clone()));
                let told = info.told.clone();
                if !loaded.holds(&digest) {
                    // The files at hand are another trace's.
                    loaded.files.set_value(Vec::new());
                }
                loaded.trace.set(Some(Arc::new(info)));
                loaded.generation.update(|g| *g += 1);
                change(store, true, |e| {
                    // A link keeps its own model and address; a choice from the list takes the trace's.
                    if e.workload.trace != digest {
                        let source = e.view.source.clone();
                        e.take_trace(&digest, &source);
                    }
                    // What was told when it was read decides what is shown.
                    e.tell(&told);
                });
            }
            // What could not be read stays out of the list; what only a lost worker knows is as good as before.
            Err(PoolError::Failed(why)) => {
                store
                    .chrome
                    .failure
                    .set(Some(format!("The stored trace {digest} cannot be read: {why}. It is deleted.")));
                if loaded.holds(&digest) {
                    forget_data(store);
                }
                remove(store, &digest);
            }
            Err(PoolError::Lost(why)) => {
                store.chrome.failure.set(Some(format!("While a stored trace was read, {why}.")));
                if loaded.holds(&digest) {
                    forget_data(store);
                }
            }
            Err(PoolError::Void) => {}
        }
        loaded.restoring.set(false);
    });
}

/// Deletes a stored trace; if it is shown it stays until the page is closed.
pub(super) fn remove(store: Store, digest: &str) {
    let digest = digest.to_string();
    spawn_local(async move {
        delete_file(&digest).await;
        look(store);
    });
}
