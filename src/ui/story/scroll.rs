//! Where the reader is in the story, and the address's part of it: scrolling picks a state and says it quietly; an address that names
//! a part scrolls there. Nothing follows the scroll position itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::leptos_dom::helpers::window_event_listener_untyped;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{Element, IntersectionObserver, IntersectionObserverEntry, IntersectionObserverInit};

use crate::experiment::View;
use crate::ui::settings::change;
use crate::ui::store::Store;

/// Tells how much of each element is in sight, now and at every change, until the owner is cleaned up.
pub(super) fn watch(elements: &[Element], margin: &str, at: &[f64], seen: impl Fn(&Element, f64) + 'static) {
    let told = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
        for entry in entries.iter().filter_map(|e| e.dyn_into::<IntersectionObserverEntry>().ok()) {
            let share = if entry.is_intersecting() { entry.intersection_ratio().max(1e-6) } else { 0.0 };
            seen(&entry.target(), share);
        }
    });
    let options = IntersectionObserverInit::new();
    options.set_root_margin(margin);
    let thresholds: js_sys::Array = at.iter().map(|&t| JsValue::from_f64(t)).collect();
    options.set_threshold(&thresholds);
    let made = IntersectionObserver::new_with_options(told.as_ref().unchecked_ref(), &options);
    let Ok(observer) = made else { return };
    elements.iter().for_each(|e| observer.observe(e));
    // The closure lives as long as what it is told of.
    let held = StoredValue::new_local(Some((observer, told)));
    on_cleanup(move || {
        if let Some(Some((observer, _))) = held.try_update_value(Option::take) {
            observer.disconnect();
        }
    });
}

/// The place in the story: chapters and patterns by number, 0 is the first screen.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Which part is in sight.
    pub(super) at: RwSignal<usize>,
    /// What the address says behind the number of a part: `5-4096` is chapter 5 at a batch of 4096.
    pub(super) detail: Memo<Option<usize>>,
}

/// Follows the reader through the parts of what an element is in, and the address.
pub(super) fn follow(store: Store, told: NodeRef<leptos::html::Div>, parts: usize, ready: Memo<bool>) -> Place {
    // The first screen stands beside the element.
    let root = move || told.get().and_then(|t| t.parent_element());
    let part = Memo::new(move |_| store.experiment.with(|e| e.view.part.clone()));
    let here = Memo::new(move |_| store.experiment.with(|e| e.view.view == View::Story));
    let number = move |text: &str| text.split('-').next().and_then(|n| n.parse::<usize>().ok()).filter(|&n| n <= parts);
    let at = RwSignal::new(part.with_untracked(|p| number(p)).unwrap_or(0));
    let detail = Memo::new(move |_| part.with(|p| p.split_once('-').and_then(|(_, d)| d.parse().ok())));
    // A part that the address asks for, until the reader moves: what is above it may still grow.
    let wanted: Rc<Cell<Option<usize>>> = Rc::default();
    let said: Rc<RefCell<String>> = Rc::new(RefCell::new(String::new()));
    let go = {
        let wanted = Rc::clone(&wanted);
        move || {
            let Some(n) = wanted.get() else { return };
            let found = untrack(root).and_then(|r| r.query_selector(&format!("[data-part=\"{n}\"]")).ok().flatten());
            if let Some(element) = found {
                element.scroll_into_view();
            }
        }
    };
    for event in ["wheel", "touchmove", "keydown", "pointerdown"] {
        let wanted = Rc::clone(&wanted);
        let listener = window_event_listener_untyped(event, move |_| wanted.set(None));
        on_cleanup(move || listener.remove());
    }
    // The address names a part, at first or because a link was followed.
    Effect::new({
        let (wanted, said, go) = (Rc::clone(&wanted), Rc::clone(&said), go.clone());
        move |before: Option<()>| {
            let (text, _) = (part.get(), told.get());
            if !here.get() || *said.borrow() == text {
                return;
            }
            said.replace(text.clone());
            match number(&text) {
                Some(n) => {
                    wanted.set(Some(n));
                    at.set(n);
                    let go = go.clone();
                    // After the click or the key that asked for it was heard, and once the view has its height.
                    set_timeout(go, std::time::Duration::from_millis(60));
                }
                None if before.is_some() && text.is_empty() => at.set(0),
                None => {}
            }
        }
    });
    Effect::new({
        let go = go.clone();
        move |_| {
            if ready.get() {
                let go = go.clone();
                set_timeout(go, std::time::Duration::from_millis(150));
            }
        }
    });
    Effect::new(move |_| {
        let Some(root) = root() else { return };
        let Ok(found) = root.query_selector_all("[data-part]") else { return };
        let all: Vec<Element> = (0..found.length()).filter_map(|i| found.item(i)?.dyn_into().ok()).collect();
        let (wanted, said) = (Rc::clone(&wanted), Rc::clone(&said));
        // A line across the window, a little above its middle; on a phone below the wafer that stays at the top.
        let narrow = window().inner_width().ok().and_then(|w| w.as_f64()).is_some_and(|w| w <= 720.0);
        let line = if narrow { "-64% 0px -35% 0px" } else { "-42% 0px -57% 0px" };
        watch(&all, line, &[0.0], move |element, share| {
            let n = element.get_attribute("data-part").and_then(|p| p.parse().ok()).unwrap_or(0);
            if share <= 0.0 || wanted.get().is_some_and(|w| w != n) || !here.get_untracked() {
                return;
            }
            if at.get_untracked() != n {
                at.set(n);
            }
            let text = if n == 0 { String::new() } else { n.to_string() };
            if part.with_untracked(|p| number(p).unwrap_or(0) != n) {
                said.replace(text.clone());
                change(store, false, |e| e.view.part = text);
            }
        });
    });
    // A projector goes part by part.
    let listener = window_event_listener_untyped("keydown", move |event| {
        let presents = store.experiment.with_untracked(|e| e.view.present) && here.get_untracked();
        let Ok(event) = event.dyn_into::<web_sys::KeyboardEvent>() else { return };
        let taken = event.target().and_then(|t| t.dyn_into::<Element>().ok());
        if !presents || taken.is_some_and(|t| ["INPUT", "SELECT", "CANVAS"].contains(&t.tag_name().as_str())) {
            return;
        }
        let now = at.get_untracked();
        let next = match event.key().as_str() {
            "ArrowRight" | "PageDown" => (now + 1).min(parts),
            "ArrowLeft" | "PageUp" => now.saturating_sub(1),
            _ => return,
        };
        event.prevent_default();
        change(store, false, |e| e.view.part = next.to_string());
    });
    on_cleanup(move || listener.remove());
    Place { at, detail }
}
