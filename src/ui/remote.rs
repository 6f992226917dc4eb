//! Traces by address: asked about before the first request leaves this site, fetched, then loaded like a dropped file.

use std::cell::RefCell;

use leptos::ev::Event;
use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use super::load::{cancel_load, load};
use super::settings::change;
use super::store::{Loading, Store};
use crate::web::{Dropped, fetch_remote, host_of, is_own, now};

thread_local! {
    /// Hosts that the reader has agreed to in this visit.
    static AGREED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Follows the address of the experiment, and addresses that are pasted.
pub(super) fn begin(store: Store) {
    let wanted = Memo::new(move |_| store.experiment.with(|e| (e.view.source.clone(), e.workload.trace.clone())));
    // What is stored is read from there: until somebody has looked, nothing is asked of another site.
    let looked = Memo::new(move |_| store.loaded.stored.with(Option::is_some));
    Effect::new(move |_| {
        let (source, digest) = wanted.get();
        let stored = untrack(|| store.loaded.stores(&digest));
        if source.is_empty() || store.loaded.holds(&digest) || stored || !looked.get() {
            store.chrome.consent.set(None);
        } else {
            ask(store, source);
        }
    });
    let _ = window_event_listener_untyped("paste", move |event| {
        let text = pasted(&event).filter(|t| t.starts_with("https://") && !t.contains(char::is_whitespace));
        if let Some(text) = text {
            event.prevent_default();
            let _ = from_address(store, &text);
        }
    });
}

/// What was pasted outside of a field.
fn pasted(event: &Event) -> Option<String> {
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    if ["INPUT", "TEXTAREA"].contains(&target.tag_name().as_str()) {
        return None;
    }
    let data = event.dyn_ref::<web_sys::ClipboardEvent>()?.clipboard_data()?;
    data.get_data("text/plain").ok().map(|t| t.trim().to_string())
}

/// A trace that the reader names by its address.
pub(super) fn from_address(store: Store, text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let changed = store.experiment.with_untracked(|e| e.with("from", text))?;
    let same = store.experiment.with_untracked(|e| e.view.source == text && e.workload.trace.is_empty());
    change(store, true, |e| {
        e.view.source = changed.view.source;
        e.workload.trace = String::new();
    });
    if same {
        // The address has not changed, so nothing else follows it: a second try.
        ask(store, text.into());
    }
    Ok(())
}

fn ask(store: Store, source: String) {
    let agreed = is_own(&source) || AGREED.with(|a| a.borrow().contains(&host_of(&source)));
    if agreed {
        fetch(store, source);
    } else {
        store.chrome.consent.set(Some(source));
    }
}

/// The reader agrees to ask the host.
pub(super) fn agree(store: Store, source: String) {
    AGREED.with(|a| a.borrow_mut().push(host_of(&source)));
    fetch(store, source);
}

fn fetch(store: Store, source: String) {
    let Some(pool) = store.pool() else { return };
    cancel_load(store);
    store.chrome.consent.set(None);
    let loaded = store.loaded;
    let ticket = loaded.load.ask_anew(&pool);
    let began = now();
    loaded.issues.set((Vec::new(), true));
    loaded.loading.set(Some(Loading { began, stage: "Fetching", files: (0, 1), ..Loading::default() }));
    let on_progress = move |done: f64, total: f64| {
        let whole = |n: f64| crate::units::floor(n) as u64;
        loaded.tell(|l| (l.bytes, l.elapsed) = ((whole(done), whole(total)), now() - began));
    };
    let failed = move |why: String| {
        loaded.loading.set(None);
        store.chrome.failure.set(Some(why));
    };
    match fetch_remote(&source, Box::new(on_progress)) {
        Ok((remote, file)) => {
            ticket.on_end(move || drop(remote));
            spawn_local(async move {
                let file = file.await;
                if !ticket.is_last() {
                    return;
                }
                match file {
                    Ok(file) => {
                        // Its folders name model and data set, as those of a path do.
                        let path = source.split(['?', '#']).next().unwrap_or_default().to_string();
                        load(store, source, async move { vec![Dropped { path, file }] });
                    }
                    Err(why) => {
                        ticket.end();
                        failed(format!("The trace at {source} could not be loaded: {why}."));
                    }
                }
            });
        }
        Err(why) => {
            ticket.end();
            failed(why);
        }
    }
}

/// Asks before the first request leaves this site.
#[component]
pub(super) fn Consent(store: Store) -> impl IntoView {
    move || {
        store.chrome.consent.get().map(|source| {
            let host = host_of(&source);
            let to_fetch = source.clone();
            view! {
                <div class="notice" role="alert" id="consent">
                    <div>
                        <p>"This experiment is on a trace at " <code>{source}</code> "."</p>
                        <p>
                            "Loading it asks " <strong>{host}</strong>
                            ", which then knows this browser\u{2019}s network address. No cookie and nothing about you or your other traces is sent; the file is read here. Hosts that do not allow other sites (CORS), and gated data, cannot be loaded this way: download the file and drop it."
                        </p>
                    </div>
                    <button type="button" id="consent-yes" on:click=move |_| agree(store, to_fetch.clone())>"Load it"</button>
                    <button type="button" id="consent-no" on:click=move |_| store.chrome.consent.set(None)>"Not now"</button>
                </div>
            }
        })
    }
}
