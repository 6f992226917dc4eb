//! The frame of the page: the bar, the five views, the trace's chip, the tabs of a phone. A view is made when it is first opened and
//! kept after that, with its scroll position: going back to it costs nothing.

use std::cell::Cell;

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;

use super::later::later;
use super::settings::change;
use super::store::{Dialog, Store};
use super::views::Make;
use crate::experiment::View;
use crate::model::model_named;
use crate::protocol::Origin;
use crate::units::percent;
use crate::web::remember;

thread_local! {
    /// Where each view was scrolled to.
    static SCROLLED: Cell<[f64; View::EACH.len()]> = const { Cell::new([0.0; View::EACH.len()]) };
}

/// Path of the picture of each view's tab.
const ICONS: [&str; 5] = [
    "M4 6h12M4 10h12M4 14h8",
    "M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11 11h6v6h-6z",
    "M6 3l10 7-10 7z",
    "M4 16V9M8 16V5M12 16v-9M16 16V7",
    "M5 3h7l3 3v11H5zM12 3v3h3",
];

/// Follows the view: the root knows it, and scrolling is remembered and restored.
pub(super) fn begin(store: Store) {
    let view = Memo::new(move |_| store.experiment.with(|e| e.view.view));
    let present = Memo::new(move |_| store.experiment.with(|e| e.view.present));
    let listener = window_event_listener_untyped("scroll", move |_| {
        let y = window().scroll_y().unwrap_or_default();
        SCROLLED.with(|s| {
            let mut all = s.get();
            all[view.get_untracked() as usize] = y;
            s.set(all);
        });
    });
    on_cleanup(move || listener.remove());
    Effect::new(move |before: Option<View>| {
        let now = view.get();
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-view", now.name());
        }
        if before.is_some_and(|b| b != now) {
            let y = SCROLLED.get()[now as usize];
            // Once the view has its height back.
            request_animation_frame(move || window().scroll_to_with_x_and_y(0.0, y));
        }
        now
    });
    // What was drawn before the fonts were there is drawn once more with them.
    leptos::task::spawn_local(async move {
        crate::web::fonts_ready().await;
        store.chrome.ratio.notify();
    });
    let title = Memo::new(move |_| store.scene.with(|e| (e.view.name.clone(), e.view.view.title())));
    Effect::new(move |_| {
        let (name, view) = title.get();
        document().set_title(&if name.is_empty() {
            format!("{view} · moescope")
        } else {
            format!("{name} · moescope")
        });
    });
    // How many questions are under way: a style sheet, a test and a reader's script can wait for none.
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-asking", &store.asking().to_string());
        }
    });
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let _ = if present.get() {
                root.set_attribute("data-present", "")
            } else {
                root.remove_attribute("data-present")
            };
        }
    });
}

/// Opens a view, or a part of it.
pub(super) fn open(store: Store, view: View, part: &str) {
    change(store, true, |e| {
        e.view.view = view;
        e.view.part = part.into();
    });
}

/// Opens a view and goes to an element of it.
pub(super) fn go_to(store: Store, view: View, id: &'static str) {
    change(store, true, |e| {
        e.view.view = view;
        // A figure of Explore is there while its question is asked.
        if view == View::Explore {
            e.view.part = id.into();
        }
    });
    // Once the view is made, or has its height back.
    set_timeout(move || crate::web::go_to(id), std::time::Duration::from_millis(30));
}

/// Where the keyboard goes on after a link that went with its view: at the part, else at the start of what is open now.
fn land(part: &'static str) {
    let arrive = move || {
        // Some views go to their parts themselves.
        if document().active_element().is_none_or(|e| e.tag_name() == "BODY") {
            crate::web::go_to(if document().get_element_by_id(part).is_some() { part } else { "main" });
        }
    };
    set_timeout(arrive, std::time::Duration::from_millis(100));
}

/// A link to a view, or a part of it, that keeps every other setting.
pub(super) fn link_to(
    store: Store,
    view: View,
    part: &'static str,
    class: &'static str,
    inside: impl IntoView + 'static,
) -> AnyView {
    let address = move || {
        store.scene.with(|e| {
            let mut to = e.clone();
            (to.view.view, to.view.part) = (view, part.into());
            format!("#{to}")
        })
    };
    let here = move || store.scene.with(|e| e.view.view == view).then_some("page");
    let tells = class == "tab";
    let go = move |event: leptos::ev::MouseEvent| {
        // A new tab is the browser's.
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            open(store, view, part);
            if !tells {
                land(part);
            }
        }
    };
    view! { <a class=class href=address aria-current=move || here().filter(|_| tells) on:click=go>{inside.into_any()}</a> }.into_any()
}

/// A view, once it was opened.
pub(super) fn room(store: Store, view: View, make: Make) -> AnyView {
    let here = Memo::new(move |_| store.experiment.with(|e| e.view.view == view));
    let opened = Memo::new(move |_| store.opened(view));
    // The story has one of its own, in sight.
    let heading = move || (view != View::Story).then(|| view! { <h1 class="hidden">{view.title()}</h1> });
    view! {
        <div class="view" id=format!("view-{}", view.name()) hidden=move || !here.get()>
            {move || opened.get().then(heading)}
            {match make {
                Make::Here(make) => (move || opened.get().then(|| make(store))).into_any(),
                Make::Later(make) => later(store, move || make(store), opened),
            }}
        </div>
    }
    .into_any()
}

/// Mark, views, trace, share, appearance.
#[component]
pub(super) fn Bar(store: Store) -> impl IntoView {
    let turn = move |_| {
        store.chrome.dark.update(|d| *d = !*d);
        remember("theme", if store.chrome.dark.get_untracked() { "dark" } else { "light" });
        change(store, true, |e| e.view.dark = None);
    };
    let views = View::EACH.map(|v| link_to(store, v, "", "tab", v.title()));
    view! {
        <a class="skip btn" href="#main" on:click=|e| { e.prevent_default(); crate::web::go_to("main"); }>"Skip to the page"</a>
        <header class="bar">
            <a class="logo" href="#v=2" aria-label="moescope, from the start"><img src="icon.svg" alt="" width="24" height="24" /><span>"moescope"</span></a>
            <nav class="views" aria-label="Views">{views}</nav>
            <span class="grow"></span>
            <Chip store />
            <div class="acts">
                <button type="button" id="share" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Share)) title="Link, Markdown, command, frame, citation (s)">"Share"</button>
                <button type="button" id="help" class="quiet ico only-d" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Keys)) aria-label="Keys" title="Keys (?)">"?"</button>
                <button type="button" id="theme" class="quiet ico" on:click=turn aria-label=move || if store.chrome.dark.get() { "Light appearance" } else { "Dark appearance" } title="Light or dark">
                    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" /></svg>
                </button>
            </div>
        </header>
    }
}

/// The views at the lower edge of a phone.
#[component]
pub(super) fn Tabs(store: Store) -> impl IntoView {
    let tab = |v: View| {
        let inside = view! {
            <svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.5"><path d=ICONS[v as usize] /></svg>
            <span>{v.title()}</span>
        };
        link_to(store, v, "", "tab", inside)
    };
    view! { <nav class="bottom" aria-label="Views, at the lower edge">{View::EACH.map(tab)}</nav> }
}

/// What is shown, and how far a load is; opens what is known of the trace.
#[component]
fn Chip(store: Store) -> impl IntoView {
    let title = move |info: &crate::protocol::Info| {
        info.model.as_deref().and_then(model_named).map_or_else(|| "Unknown model".to_string(), |m| m.title.to_string())
    };
    let inside = move || {
        if let Some(l) = store.loaded.loading.get() {
            let part = if l.bytes.1 > 0 { l.bytes.0 as f64 / l.bytes.1 as f64 } else { 0.0 };
            return view! {
                <b>{l.stage} "…"</b> <span class="n">{percent(part)}</span>
                <span class="part" style=format!("width:{:.1}%", part * 100.0)></span>
            }
            .into_any();
        }
        let Some(info) = store.shown() else { return view! { <b>"Making a workload…"</b> }.into_any() };
        let what = if info.synthetic { "synthetic" } else { "your trace" };
        let asks = store.loaded.questions.with(|q| q.iter().filter(|q| q.needed).count());
        let found = info.badges.len();
        let mark = if asks > 0 {
            Some(if asks == 1 { "1 question".to_string() } else { format!("{asks} questions") })
        } else {
            (found > 0).then(|| if found == 1 { "1 check".into() } else { format!("{found} checks") })
        };
        view! { <b>{title(&info)}</b> <span>{what}</span> {mark.map(|m| view! { <span class="badge warn">{m}</span> })} <span class="only-d">"· drop a trace"</span> }.into_any()
    };
    view! {
        <button
            type="button"
            id="chip"
            class="trace-chip"
            class:own=move || store.origin() == Origin::Trace
            aria-haspopup="dialog"
            title="What is loaded; drop a trace anywhere on the page (t)"
            on:click=move |_| store.chrome.dialog.set(Some(Dialog::Trace))
        >
            <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.4"><path d="M7 1v8M4 6.5L7 9.5l3-3M1.5 10v2.5h11V10" /></svg>
            {inside}
        </button>
    }
}
