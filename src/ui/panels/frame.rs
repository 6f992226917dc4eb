//! Notices and footer.

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;

use crate::protocol::Origin;
use crate::ui::remote::Consent;
use crate::ui::store::Store;

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
    // Wherever the reader is on the page: a file may be dropped at its end.
    view! { <div class="notices">{failure} {unread} {move || super::trace::issues(store)} <Consent store /> {missing} {update}</div> }
}

/// The last line of a frame in another page: what it is of, whose it is, and the way to all of it.
#[component]
pub(crate) fn Credit(store: Store) -> impl IntoView {
    let framed = Memo::new(move |_| store.experiment.with(|e| !e.view.embed.is_empty()));
    let whole = move || {
        let mut all = store.scene.get();
        all.view.embed.clear();
        format!("{}#{all}", crate::ui::settings::base())
    };
    let synthetic = move || store.origin() == Origin::Synthetic;
    move || {
        framed.get().then(|| {
            view! {
                <p class="credit">
                    {move || synthetic().then(|| view! { <span class="badge syn">"synthetic workload"</span> })}
                    <span>"moescope, after \u{201c}Patterns behind Chaos\u{201d} (ISCA 2026)"</span>
                    <a href=whole target="_blank" rel="noopener">"Open with these settings"</a>
                </p>
            }
        })
    }
}

/// Source and privacy.
#[component]
pub(crate) fn Footer(store: Store) -> impl IntoView {
    // On paper: how to come back to what is printed.
    let address = move || {
        let text = store.scene.with(ToString::to_string);
        let digest = store.shown().map_or_else(String::new, |i| i.digest.clone());
        format!("{}#{text}, digest {digest}", window().location().origin().unwrap_or_default())
    };
    view! {
        <footer class="foot" data-address=address>
            <p>
                "Analyses and wafer model after \u{201c}Patterns behind Chaos\u{201d} (ISCA 2026, "
                <a href="https://arxiv.org/abs/2510.05497" rel="noreferrer">"arXiv 2510.05497"</a>
                "). The paper's numbers are marked as such; all others are measured here. Nothing that you load leaves this browser."
            </p>
            <p>"moescope " {env!("CARGO_PKG_VERSION")}</p>
        </footer>
    }
}
