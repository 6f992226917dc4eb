//! Width and height of an element as signals: the wafer fills what is left of the window.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

/// Keeps a signal at the size of an element.
pub(super) fn watch_size(element: NodeRef<html::Div>) -> RwSignal<(f64, f64)> {
    let size = RwSignal::new((0.0f64, 0.0f64));
    let observers = StoredValue::new_local(None::<web_sys::ResizeObserver>);
    on_cleanup(move || {
        if let Some(Some(observer)) = observers.try_update_value(Option::take) {
            observer.disconnect();
        }
    });
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        let measured = element.clone();
        let changed = Closure::<dyn FnMut()>::new(move || {
            let now = (f64::from(measured.client_width()), f64::from(measured.client_height()));
            let differs = |before: (f64, f64)| (before.0 - now.0).abs() > 0.5 || (before.1 - now.1).abs() > 0.5;
            // In a closed view it has none, and keeps what it had.
            if now.0 > 0.5 && size.try_get_untracked().is_some_and(differs) {
                size.set(now);
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(changed.as_ref().unchecked_ref()) {
            observer.observe(&element);
            observers.set_value(Some(observer));
        }
        changed.forget();
    });
    size
}

/// Whether the window is a phone's.
pub(super) fn narrow() -> bool {
    window().inner_width().ok().and_then(|w| w.as_f64()).is_some_and(|w| w <= 720.0)
}
