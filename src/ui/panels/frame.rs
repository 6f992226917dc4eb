//! Header, notices and footer.

use std::time::Duration;

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::protocol::Origin;
use crate::ui::remote::Consent;
use crate::ui::settings::write_address;
use crate::ui::store::{Dialog, Store};
use crate::web::{clipboard, remember};

/// Name, appearance, link.
#[component]
pub(crate) fn Header(store: Store) -> impl IntoView {
    let copied = RwSignal::new("");
    let copy = move |_| {
        // The address may lag behind a slider.
        write_address(store);
        let link = window().location().href().unwrap_or_default();
        spawn_local(async move {
            copied.set(if clipboard(link).await { "Link copied" } else { "Copy it from the address bar" });
            set_timeout(move || copied.set(""), Duration::from_secs(3));
        });
    };
    let turn = move |_| {
        store.chrome.dark.update(|d| *d = !*d);
        remember("theme", if store.chrome.dark.get_untracked() { "dark" } else { "light" });
    };
    view! {
        <header class="top">
            <img src="icon.svg" alt="" width="32" height="32" />
            <div class="name">
                <h1>"moescope"</h1>
                <p>"Where the experts move, and what placing them is worth"</p>
            </div>
            <span class="said" role="status">{copied}</span>
            <button type="button" id="copy-link" on:click=copy title="Copy a link that holds every setting">"Copy link"</button>
            <button type="button" id="share" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Share)) title="Link, Markdown, command, frame, citation (s)">"Share"</button>
            <button type="button" id="help" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Keys)) aria-label="Keys" title="Keys (?)">"?"</button>
            <button type="button" id="theme" on:click=turn aria-label="Light or dark appearance">
                {move || if store.chrome.dark.get() { "Light" } else { "Dark" }}
            </button>
        </header>
    }
}

/// What the reader must know first: failures, parts of a link that were not understood, a trace that is missing.
#[component]
pub(crate) fn Notices(store: Store) -> impl IntoView {
    let failure = move || {
        store.chrome.failure.get().map(|why| {
            view! {
                <div class="notice bad" role="alert">
                    <p>{why}</p>
                    <button type="button" on:click=move |_| store.chrome.failure.set(None)>"Dismiss"</button>
                </div>
            }
        })
    };
    let unread = move || {
        let parts = store.unread.get();
        (!parts.is_empty()).then(|| {
            view! {
                <div class="notice" role="alert" id="unread">
                    <div>
                        <p>"Not understood in this link; everything else was kept:"</p>
                        <ul>{parts.into_iter().map(|p| view! { <li>{p}</li> }).collect_view()}</ul>
                    </div>
                    <button type="button" on:click=move |_| store.unread.set(Vec::new())>"Dismiss"</button>
                </div>
            }
        })
    };
    let missing = move || {
        let named = store.experiment.with(|e| e.workload.trace.clone());
        let nowhere = store.experiment.with(|e| e.view.source.is_empty());
        (nowhere && !named.is_empty() && store.origin() == Origin::Synthetic && !store.loaded.restoring.get() && store.loaded.stored.with(Option::is_some)).then(|| {
            view! {
                <div class="notice" role="status" id="missing-trace">
                    <p>
                        "This experiment was made on a trace that links do not carry (digest " <code>{named}</code>
                        "). Drop the trace here to see the same numbers; until then the figures show a synthetic workload."
                    </p>
                </div>
            }
        })
    };
    // The service worker has a newer build; it is never forced on a running analysis.
    let newer = RwSignal::new(false);
    let listener = window_event_listener_untyped("moescope-update", move |_| newer.set(true));
    on_cleanup(move || listener.remove());
    let reload = move |_| {
        if let Ok(event) = web_sys::Event::new("moescope-reload") {
            let _ = window().dispatch_event(&event);
        }
    };
    let update = move || {
        newer.get().then(|| {
            view! {
                <div class="notice" role="status" id="newer">
                    <p>"A new version of moescope is there. Taking it reloads the page: a loaded trace has to be dropped again."</p>
                    <button type="button" on:click=reload>"Reload"</button>
                    <button type="button" on:click=move |_| newer.set(false)>"Later"</button>
                </div>
            }
        })
    };
    view! { {failure} {unread} <Consent store /> {missing} {update} }
}

/// Source and privacy.
#[component]
pub(crate) fn Footer() -> impl IntoView {
    view! {
        <footer>
            <p>
                "Analyses and wafer model after \u{201c}Patterns behind Chaos\u{201d} (ISCA 2026, "
                <a href="https://arxiv.org/abs/2510.05497" rel="noreferrer">"arXiv 2510.05497"</a>
                "). The paper's numbers are marked as such; all others are measured here. Nothing that you load leaves this browser."
            </p>
            <p>"moescope " {env!("CARGO_PKG_VERSION")}</p>
        </footer>
    }
}
