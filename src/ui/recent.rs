//! Recent traces: kept after each load, read back after a reload, deleted on request. Apart from `actions`, because losing
//! any of it loses no more than a second drop would mend.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::{KEEPER, change};
use super::store::Store;
use crate::model::model_named;
use crate::protocol::{Info, Reply, Request};
use crate::web::{forget, keep, kept, recall, remember, room};

/// A trace that the browser keeps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recent {
    /// Digest: its name in the storage.
    pub(super) digest: String,
    /// Name for people.
    pub(super) name: String,
    /// Bytes kept.
    pub(super) bytes: f64,
}

/// How many are kept.
const MOST: usize = 8;
const LIST: &str = "recent";

/// The list, kept beside the traces: a line for each.
fn read() -> Vec<Recent> {
    let line = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (digest, bytes, name) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Recent { digest: digest.into(), bytes: bytes.parse().ok()?, name: name.into() })
    };
    recall(LIST).unwrap_or_default().lines().filter_map(line).collect()
}

fn write(store: Store, list: Vec<Recent>) {
    let lines: Vec<String> = list.iter().map(|r| format!("{}\t{}\t{}", r.digest, r.bytes, r.name)).collect();
    remember(LIST, &lines.join("\n"));
    store.recent.set(list);
    spawn_local(async move { store.room.set(room().await) });
}

/// Reads the list, and back what the address names, now and whenever it names another.
pub(super) fn begin(store: Store) {
    store.recent.set(read());
    spawn_local(async move { store.room.set(room().await) });
    let named = Memo::new(move |_| store.experiment.with(|e| e.workload.trace.clone()));
    Effect::new(move |_| {
        let digest = named.get();
        if store.keeps(&digest) && !store.holds(&digest) && store.loading.with_untracked(Option::is_none) {
            restore(store, digest);
        }
    });
}

/// Keeps the loaded trace. What the browser has no room for is only not kept.
pub(super) fn keep_loaded(store: Store, info: &Info) {
    let Some(pool) = store.pool.with_value(Clone::clone) else { return };
    let what = info.model.as_deref().and_then(model_named).map_or("a trace", |m| m.title);
    let sets: Vec<String> = info.labels.iter().take(2).map(crate::model::Labels::name).collect();
    // Names come from folders: a tab or a line's end would break the list.
    let name = format!("{what}, {} requests, {}", info.requests, sets.join(" and ")).replace(['\t', '\n', '\r'], " ");
    let digest = info.digest.clone();
    spawn_local(async move {
        let Ok(parcel) = pool.parcel(KEEPER, &Request::Save).1.await else { return };
        match keep(&digest, parcel).await {
            Ok(bytes) => {
                let mut list = store.recent.get_untracked();
                list.retain(|r| r.digest != digest);
                list.insert(0, Recent { digest, name, bytes });
                for old in list.drain(MOST.min(list.len())..) {
                    spawn_local(async move { forget(&old.digest).await });
                }
                store.unkept.set(None);
                write(store, list);
            }
            Err(why) => store.unkept.set(Some(why)),
        }
    });
}

/// Loads a kept trace.
pub(super) fn restore(store: Store, digest: String) {
    let Some(pool) = store.pool.with_value(Clone::clone) else { return };
    store.restoring.set(true);
    spawn_local(async move {
        let reply = match kept(&digest).await {
            Some(parcel) => {
                let quiet = Box::new(|_, _| {});
                pool.ask_with(KEEPER, &Request::Restore(Vec::new()), Some(parcel), quiet).1.await.ok()
            }
            None => None,
        };
        store.restoring.set(false);
        match reply {
            Some(Reply::Loaded(info)) if info.digest == digest => {
                store.trace.set(Some(Arc::new(*info)));
                store.generation.update(|g| *g += 1);
                change(store, true, |e| {
                    // A link keeps its own model and address; a choice from the list takes the trace's.
                    if e.workload.trace != digest {
                        let source = e.view.source.clone();
                        e.take_trace(&digest, &source);
                    }
                });
            }
            _ => remove(store, &digest),
        }
    });
}

/// Deletes a kept trace; if it is shown it stays until the page is closed.
pub(super) fn remove(store: Store, digest: &str) {
    let digest = digest.to_string();
    spawn_local(async move {
        forget(&digest).await;
        // The list as it is by then: another may have been deleted meanwhile.
        let mut list = store.recent.get_untracked();
        list.retain(|r| r.digest != digest);
        write(store, list);
    });
}
