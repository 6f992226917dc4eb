//! What opens over the page: sharing, the list of keys, and a way to any figure or setting by its name.

use std::time::Duration;

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::leptos_dom::helpers::window_event_listener;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use crate::analysis::registry::sketch_named;
use crate::experiment::View;
use crate::ui::controls::Number;
use crate::ui::settings::{base, change, frame_of, get, set, view_of, write_address};
use crate::ui::shell::{go_to, open};
use crate::ui::store::{Dialog, Store};
use crate::web::{clipboard, reveal};

const KEYS: [(&str, &str); 11] = [
    ("1 to 5", "Story, Explore, Simulate, Deploy, Paper"),
    ("t", "the trace: what is loaded, and what can be"),
    ("p", "for a projector, and back"),
    ("?", "this list"),
    ("/ or Ctrl K", "go to a figure or a setting by its name"),
    ("s", "share"),
    ("[ and ]", "the layer before, the layer after"),
    ("m", "one layer, or the mean of all"),
    ("arrow keys", "in a figure: from value to value"),
    ("Tab, Shift Tab", "from one figure or control to the next"),
    ("Esc", "close, or leave a figure's value"),
];

pub(super) const BIBTEX: &str = "@misc{patterns-behind-chaos,\n  title  = {Patterns behind Chaos},\n  year   = {2025},\n  eprint = {2510.05497},\n  archivePrefix = {arXiv},\n  note   = {ISCA 2026; https://arxiv.org/abs/2510.05497}\n}";

/// All three, and the keys that open them.
#[component]
pub(crate) fn Dialogs(store: Store) -> impl IntoView {
    let handle = window_event_listener(leptos::ev::keydown, move |event| pressed(store, &event));
    on_cleanup(move || handle.remove());
    let element = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = element.get() else { return };
        match store.chrome.dialog.get() {
            Some(Dialog::Share | Dialog::Keys | Dialog::Palette) if !dialog.open() => drop(dialog.show_modal()),
            None | Some(Dialog::Trace) if dialog.open() => dialog.close(),
            _ => {}
        }
    });
    // Told a moment after the dialog closed: another may be open by then.
    let closed = move |_| {
        if element.get_untracked().is_some_and(|d| !d.open())
            && store.chrome.dialog.get_untracked() != Some(Dialog::Trace)
        {
            store.chrome.dialog.set(None);
        }
    };
    let inside = move || match store.chrome.dialog.get() {
        Some(Dialog::Share) => share(store),
        Some(Dialog::Keys) => keys(),
        Some(Dialog::Palette) => palette(store),
        None | Some(Dialog::Trace) => ().into_any(),
    };
    view! {
        <dialog node_ref=element on:close=closed aria-label="moescope">
            {inside}
            <form method="dialog" class="close">
                <button type="button" on:click=move |_| store.chrome.dialog.set(None)>"Close"</button>
            </form>
        </dialog>
    }
}

fn pressed(store: Store, event: &KeyboardEvent) {
    let typing = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()).is_some_and(|e| {
        // A slider takes arrows only; other fields take every key.
        let range = e.get_attribute("type").is_some_and(|t| t == "range" || t == "checkbox");
        ["INPUT", "SELECT", "TEXTAREA"].contains(&e.tag_name().as_str()) && !range
    });
    let control = event.ctrl_key() || event.meta_key();
    if control && event.key() == "k" {
        event.prevent_default();
        return store.chrome.dialog.set(Some(Dialog::Palette));
    }
    if event.key() == "Escape" {
        return store.chrome.dialog.set(None);
    }
    if typing || control || event.alt_key() || store.chrome.dialog.with_untracked(Option::is_some) {
        return;
    }
    let layers = untrack(|| store.shown()).map_or(0, |i| i.layers.len());
    let move_by = |by: isize| {
        change(store, false, |e| {
            e.view.layer =
                e.view.layer.min(layers.saturating_sub(1)).saturating_add_signed(by).min(layers.saturating_sub(1));
            e.view.mean = false;
        });
    };
    match event.key().as_str() {
        "?" => store.chrome.dialog.set(Some(Dialog::Keys)),
        "/" => {
            event.prevent_default();
            store.chrome.dialog.set(Some(Dialog::Palette));
        }
        "s" => store.chrome.dialog.set(Some(Dialog::Share)),
        "[" => move_by(-1),
        "]" => move_by(1),
        "t" => store.chrome.dialog.set(Some(Dialog::Trace)),
        "p" => change(store, true, |e| e.view.present = !e.view.present),
        key @ ("1" | "2" | "3" | "4" | "5") => {
            let at = key.parse::<usize>().unwrap_or(1) - 1;
            open(store, View::EACH[at], "");
        }
        "m" => change(store, true, |e| e.view.mean = !e.view.mean),
        _ => {}
    }
}

fn keys() -> AnyView {
    let row = |(key, does): (&'static str, &'static str)| view! { <tr><th scope="row"><kbd>{key}</kbd></th><td class="words">{does}</td></tr> };
    view! {
        <h2>"Keys"</h2>
        <table id="keys"><tbody>{KEYS.map(row).collect_view()}</tbody></table>
    }
    .into_any()
}

/// Texts that can be copied.
fn share(store: Store) -> AnyView {
    // The address may lag behind a slider.
    let text = write_address(store);
    let base = base();
    let link = format!("{base}#{text}");
    // The name is the reader's: link and words follow it.
    let named = {
        let base = base.clone();
        Signal::derive(move || format!("{base}#{}", store.experiment.with(ToString::to_string)))
    };
    let title = untrack(|| store.shown()).map_or_else(String::new, |i| {
        let what = if i.synthetic { "a synthetic workload" } else { "a trace" };
        i.model.as_ref().map_or(format!("moescope on {what}"), |m| format!("moescope: {m} on {what}"))
    });
    let command = format!("moescope run --experiment '{text}' --json");
    let figures = framed();
    // The first of the open view: what the reader is looking at.
    let figure = RwSignal::new(figures.first().cloned().unwrap_or_default());
    let embed = move || store.experiment.with(|e| frame_of(e, &figure.get(), &figure.get()));
    let options = move || {
        let chosen = figure.get_untracked();
        figures
            .iter()
            .map(|f| view! { <option value=f.clone() selected=*f == chosen>{f.clone()}</option> })
            .collect_view()
    };
    let length = link.len();
    view! {
        <h2>"Share"</h2>
        <Number id="share-name" label="Name, if it should have one" value=get(store, "name") on_change=move |v| set(store, "name", &v) />
        {copyable("share-link", "Link, with every setting", named)}
        <p class="aside">{length} " characters. Traces are not in it: whoever opens it sees a synthetic workload until the same trace is dropped there."</p>
        {copyable("share-markdown", "Markdown", Signal::derive(move || {
            let name = get(store, "name").get();
            format!("[{}]({})", if name.is_empty() { title.clone() } else { name }, named.get())
        }))}
        {copyable("share-command", "The same on the command line", Signal::stored(command))}
        <label class="control" for="share-figure">
            <span>"One figure in a frame of another page"</span>
            <select id="share-figure" on:change=move |e| figure.set(event_target_value(&e))>{options()}</select>
        </label>
        {copyable("share-embed", "Its HTML", Signal::derive(embed))}
        {copyable("share-bibtex", "BibTeX of the paper", Signal::stored(BIBTEX.to_string()))}
    }
    .into_any()
}

/// Figures that a frame can show: those of the open view first.
fn framed() -> Vec<String> {
    let Ok(list) = document().query_selector_all("figure[id]") else { return Vec::new() };
    let all = (0..list.length()).filter_map(|i| list.item(i)?.dyn_into::<web_sys::HtmlElement>().ok());
    let (open, closed): (Vec<_>, Vec<_>) = all.partition(|e| e.closest(".view[hidden]").is_ok_and(|v| v.is_none()));
    open.into_iter().chain(closed).map(|e| e.id()).collect()
}

fn copyable(id: &'static str, label: &'static str, text: Signal<String>) -> AnyView {
    let said = RwSignal::new("Copy");
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            let done = clipboard(text).await;
            let _ = said.try_set(if done { "Copied" } else { "Select it and copy" });
            set_timeout(
                move || {
                    let _ = said.try_set("Copy");
                },
                Duration::from_secs(3),
            );
        });
    };
    view! {
        <div class="copyable">
            <label for=id>{label}</label>
            <textarea id=id readonly rows="1" spellcheck="false" prop:value=move || text.get()></textarea>
            <button type="button" on:click=copy>{said}</button>
        </div>
    }
    .into_any()
}

/// A place on the page: its words and how it is reached.
#[derive(Clone)]
struct Place {
    words: String,
    kind: &'static str,
    to: To,
}

#[derive(Clone)]
enum To {
    /// A part of Explore, whose figure is there while it is open.
    Part(&'static str),
    /// What gets the focus.
    Element(web_sys::HtmlElement),
}

/// Figures, parts and settings, as the page has them now.
fn places() -> Vec<Place> {
    let part = |(id, words)| Place { words, kind: "question", to: To::Part(id) };
    let mut places: Vec<Place> = super::explore::parts().map(part).collect();
    for (selector, kind, focus) in [
        ("section > h2", "part", ""),
        ("figure[id] h3", "figure", "canvas"),
        (".control[for] > span:first-child, .hw > span:first-child", "setting", "input, select"),
    ] {
        let Ok(list) = document().query_selector_all(selector) else { continue };
        for element in (0..list.length()).filter_map(|i| list.item(i)?.dyn_into::<web_sys::HtmlElement>().ok()) {
            let around = if kind == "figure" { "figure" } else { ".control, .hw, section" };
            let holder = element.closest(around).ok().flatten();
            // The open question's is there by its part.
            if holder.as_ref().is_some_and(|h| kind == "figure" && sketch_named(&h.id()).is_some()) {
                continue;
            }
            let inner = holder.filter(|_| !focus.is_empty()).and_then(|h| h.query_selector(focus).ok().flatten());
            let target = inner.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()).unwrap_or(element.clone());
            // Not the inner text: that of a folded part is empty.
            let words = element.text_content().unwrap_or_default().trim().to_string();
            if !words.is_empty() {
                places.push(Place { words, kind, to: To::Element(target) });
            }
        }
    }
    places
}

/// Opens what holds a place, and gives it the focus.
fn arrive(store: Store, to: To) {
    let element = match to {
        To::Part(id) => return go_to(store, View::Explore, id),
        To::Element(element) => element,
    };
    if element.closest("#trace").is_ok_and(|sheet| sheet.is_some()) {
        store.chrome.dialog.set(Some(Dialog::Trace));
    }
    if let Some(view) = view_of(&element).filter(|v| store.experiment.with_untracked(|e| e.view.view != *v)) {
        open(store, view, "");
    }
    // Once the view has its height back.
    set_timeout(move || reveal(&element, &element), Duration::from_millis(30));
}

fn palette(store: Store) -> AnyView {
    let all = RwSignal::new_local(places());
    // What a view holds that was never opened is found too.
    store.sought.set(true);
    Effect::new(move |_| {
        store.arrived.get();
        set_timeout(move || drop(all.try_set(places())), Duration::ZERO);
    });
    let wanted = RwSignal::new(String::new());
    let found = move || {
        let words = wanted.get().to_lowercase();
        let fits = |p: &&Place| words.split_whitespace().all(|w| p.words.to_lowercase().contains(w));
        all.with(|all| all.iter().filter(fits).take(12).cloned().collect::<Vec<_>>())
    };
    let go = move |place: Place| {
        store.chrome.dialog.set(None);
        // Once the dialog is closed: it gives the focus back to where it was.
        set_timeout(move || arrive(store, place.to), Duration::ZERO);
    };
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            let _ = input.focus();
        }
    });
    let entered = move |event: KeyboardEvent| {
        if event.key() == "Enter" {
            event.prevent_default();
            found().into_iter().next().into_iter().for_each(go);
        }
    };
    view! {
        <h2>"Go to"</h2>
        <input
            id="palette"
            type="text"
            node_ref=input
            autocomplete="off"
            aria-label="Name of a figure, a part or a setting"
            placeholder="figure, part or setting"
            on:input=move |e| wanted.set(event_target_value(&e))
            on:keydown=entered
        />
        <ul class="places">
            {move || {
                found()
                    .into_iter()
                    .map(|place| {
                        let (words, kind) = (place.words.clone(), place.kind);
                        let place = StoredValue::new_local(place);
                        view! { <li><button type="button" on:click=move |_| go(place.get_value())>{words} " " <small>{kind}</small></button></li> }
                    })
                    .collect_view()
            }}
        </ul>
    }
    .into_any()
}
