//! A figure in a frame of another page: whose colours it takes, and what it tells the page around it. Apart from the figures, which do
//! not know where they are shown.

use leptos::prelude::*;

use super::resized::on_resize;
use super::store::{Store, own_colours};
use crate::web::{on_scheme, prefers_dark, tell_host};

/// What the last line of a frame takes of its height, CSS pixels.
const CREDIT: f64 = 36.0;

/// Follows the figure that is framed.
pub(super) fn begin(store: Store) {
    let framed = Memo::new(move |_| store.experiment.with(|e| e.view.embed.clone()));
    Effect::new(move |_| {
        let framed = framed.get();
        if let Some(root) = document().document_element() {
            let _ = if framed.is_empty() {
                root.remove_attribute("data-embed")
            } else {
                root.set_attribute("data-embed", &framed)
            };
        }
    });
    colours(store, framed);
    Effect::new(move |told: Option<bool>| {
        let first = !framed.get().is_empty() && told != Some(true);
        if first {
            watch(framed);
        }
        first || told == Some(true)
    });
}

/// What the address says; in a frame else what the page around it has, and not what was chosen on the page itself.
fn colours(store: Store, framed: Memo<String>) {
    let said = Memo::new(move |_| store.experiment.with(|e| e.view.dark));
    let hosted = move || said.get_untracked().is_none() && !framed.with_untracked(String::is_empty);
    on_scheme(move || {
        if hosted() {
            store.chrome.dark.set(prefers_dark());
        }
    });
    Effect::new(move |before: Option<bool>| {
        let (said, framed) = (said.get(), !framed.with(String::is_empty));
        let own = said.is_none() && !framed;
        // What a reader has chosen stands until an address says otherwise.
        if !own || before == Some(false) {
            let dark = said.unwrap_or_else(|| if framed { prefers_dark() } else { own_colours() });
            if store.chrome.dark.get_untracked() != dark {
                store.chrome.dark.set(dark);
            }
        }
        own
    });
}

/// Tells the page around the frame how high the figure would be there, whenever that changes.
fn watch(framed: Memo<String>) {
    // Not the first screen's, which is still there.
    let Some(main) = document().get_element_by_id("main") else { return };
    let told = StoredValue::new_local(0.0);
    let measured = main.clone();
    // For as long as the page is there.
    on_resize(&main, move || {
        let Some(id) = framed.try_get_untracked().filter(|id| !id.is_empty()) else { return };
        let height = wanted(&measured, &id).ceil();
        if (height - told.get_value()).abs() >= 1.0 {
            told.set_value(height);
            tell_host(&id, height);
        }
    });
}

/// The height of all of a frame, were it as high as it should be.
fn wanted(main: &web_sys::Element, id: &str) -> f64 {
    let now = main.get_bounding_client_rect().height() + CREDIT;
    let canvas = document().query_selector(&format!("[id=\"{id}\"] canvas[data-height]")).ok().flatten();
    let most = canvas.as_ref().and_then(|c| c.get_attribute("data-height")).and_then(|h| h.parse::<f64>().ok());
    match canvas.zip(most) {
        Some((canvas, most)) => now - canvas.get_bounding_client_rect().height() + most,
        // What fills any height wants the one that it has: a page that follows what it is told would shrink it for ever.
        None => now.max(window().inner_height().ok().and_then(|h| h.as_f64()).unwrap_or(now)),
    }
}
