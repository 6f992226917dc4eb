//! For a projector: large text, one thing a screen, stepped through by keys, no pointer. Apart from the shell, because it is a way of
//! walking through any view.

use std::cell::RefCell;
use std::time::Duration;

use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle, window_event_listener};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::store::Store;

thread_local! {
    /// What hides the pointer once it rests.
    static RESTS: RefCell<Option<TimeoutHandle>> = const { RefCell::new(None) };
}

/// What is a screen of its own: chapters, insights, parts, figures.
const SCREENS: &str = ".hero, .chap, .insight, .doc > section, figure.fig";

/// Follows keys and pointer while the page is presented.
pub(super) fn begin(store: Store) {
    let presents = move || store.experiment.with_untracked(|e| e.view.present);
    let keys = window_event_listener(leptos::ev::keydown, move |event| {
        let by = match event.key().as_str() {
            "ArrowRight" | "ArrowDown" | "PageDown" | " " => 1,
            "ArrowLeft" | "ArrowUp" | "PageUp" => -1,
            _ => return,
        };
        let field = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        // A slider, a figure with the focus and a list of choices have arrows of their own.
        let own = field.is_some_and(|e| {
            e.closest("input, select, textarea, canvas, dialog, [data-keys]").ok().flatten().is_some()
        });
        if presents() && !own && !event.ctrl_key() && !event.meta_key() && !event.alt_key() {
            event.prevent_default();
            step(by);
        }
    });
    let moved = window_event_listener(leptos::ev::pointermove, move |_| {
        RESTS.take().into_iter().for_each(|handle| handle.clear());
        still(false);
        if presents() {
            RESTS.set(set_timeout_with_handle(|| still(true), Duration::from_secs(2)).ok());
        }
    });
    on_cleanup(move || {
        keys.remove();
        moved.remove();
    });
}

fn still(on: bool) {
    if let Some(root) = document().document_element() {
        let _ = root.class_list().toggle_with_force("still", on);
    }
}

/// Goes to the next screen, or the one before.
fn step(by: i32) {
    let Ok(all) = document().query_selector_all(SCREENS) else { return };
    let elements = (0..all.length()).filter_map(|i| all.item(i)?.dyn_into::<web_sys::HtmlElement>().ok());
    // Not those of closed views; of one in another, the outer.
    let shown = elements.filter(|e| e.offset_parent().is_some());
    let shown = shown.filter(|e| e.parent_element().is_none_or(|p| p.closest(SCREENS).ok().flatten().is_none()));
    let bar = document().query_selector(".bar").ok().flatten().map_or(0.0, |b| b.get_bounding_client_rect().height());
    let tops: Vec<_> = shown.map(|e| (e.get_bounding_client_rect().top() - bar, e)).collect();
    let next =
        if by > 0 { tops.iter().find(|(top, _)| *top > 24.0) } else { tops.iter().rev().find(|(top, _)| *top < -24.0) };
    if let Some((_, element)) = next {
        element.scroll_into_view();
    }
}
