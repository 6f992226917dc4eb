//! What is done whenever an element has another size. One place, because the browser keeps calling until it is told to stop.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::{Element, ResizeObserver};

/// Does something whenever the size of an element changes, at first too: until the observer is disconnected.
pub(super) fn on_resize(element: &Element, changed: impl FnMut() + 'static) -> Option<ResizeObserver> {
    let changed = Closure::<dyn FnMut()>::new(changed);
    let observer = ResizeObserver::new(changed.as_ref().unchecked_ref()).ok();
    observer.iter().for_each(|o| o.observe(element));
    changed.forget();
    observer
}

/// The same for an element of a view, until the view is gone.
pub(super) fn follow(element: NodeRef<html::Div>, changed: impl Fn(&Element) + Clone + 'static) {
    let observers = StoredValue::new_local(None::<ResizeObserver>);
    on_cleanup(move || {
        if let Some(Some(observer)) = observers.try_update_value(Option::take) {
            observer.disconnect();
        }
    });
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        let (measured, changed) = (element.clone(), changed.clone());
        observers.set_value(on_resize(&element, move || changed(&measured)));
    });
}
