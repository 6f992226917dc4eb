//! Width and height of an element as signals: the wafer fills what is left of the window.

use leptos::html;
use leptos::prelude::*;

use crate::ui::resized::follow;

/// Keeps a signal at the size of an element.
pub(super) fn watch_size(element: NodeRef<html::Div>) -> RwSignal<(f64, f64)> {
    let size = RwSignal::new((0.0f64, 0.0f64));
    follow(element, move |measured| {
        let now = (f64::from(measured.client_width()), f64::from(measured.client_height()));
        let differs = |before: (f64, f64)| (before.0 - now.0).abs() > 0.5 || (before.1 - now.1).abs() > 0.5;
        // In a closed view it has none, and keeps what it had.
        if now.0 > 0.5 && size.try_get_untracked().is_some_and(differs) {
            size.set(now);
        }
    });
    size
}

/// Whether the window is a phone's.
pub(super) fn narrow() -> bool {
    window().inner_width().ok().and_then(|w| w.as_f64()).is_some_and(|w| w <= 720.0)
}
