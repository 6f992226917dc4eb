//! The menu of a figure that is drawn as SVG: its numbers, the picture as a file, links. Apart from the figures on canvases, whose
//! menu saves what their canvas holds.

use std::rc::Rc;

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::ui::figure::as_table;
use crate::ui::settings::{frame_of, write_address};
use crate::ui::store::Store;
use crate::web::download;

/// The text of the first picture in an element, with the colours that its names stand for here.
fn picture_of(id: &str) -> Option<String> {
    let found = document().get_element_by_id(id)?.query_selector("svg").ok().flatten()?;
    let root = window().get_computed_style(&found).ok().flatten()?;
    let mut text = found.outer_html().replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1);
    while let Some(at) = text.find("var(--") {
        let end = text[at..].find(')')? + at;
        let value = root.get_property_value(&text[at + 4..end]).unwrap_or_default();
        let value = if value.trim().is_empty() { "currentColor" } else { value.trim() };
        text.replace_range(at..=end, value);
    }
    // Classes have no sheet in a file.
    let named = |name: &str| root.get_property_value(name).unwrap_or_default();
    let style = format!(
        "<style>.die{{fill:{0};stroke:{1}}}.empty{{fill:{2}}}.level{{fill:{3}}}.track{{fill:none;stroke:{2}}}.picked{{fill:none;stroke:{4};stroke-width:2.5}}.way{{fill:none;stroke:{4};stroke-width:2}}.dead{{fill:none;stroke:{5}}}text{{font-family:sans-serif;fill:{4}}}</style>",
        named("--surface"),
        named("--line-2"),
        named("--sunk"),
        named("--ink-3"),
        named("--ink"),
        named("--bad")
    );
    let at = text.find('>')? + 1;
    text.insert_str(at, &style);
    Some(text)
}

/// The menu.
pub(super) fn menu(store: Store, id: &'static str, title: &'static str, csv: impl Fn() -> String + 'static) -> AnyView {
    let csv: Rc<dyn Fn() -> String> = Rc::new(csv);
    let rows = StoredValue::new_local(Rc::clone(&csv));
    let (open, table) = (RwSignal::new(false), RwSignal::new(false));
    let left = move |event: leptos::ev::FocusEvent| {
        let to = event.related_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        if to.and_then(|e| e.closest(".menu").ok().flatten()).is_none() {
            open.set(false);
        }
    };
    let save_svg = move |_| {
        if let Some(text) = picture_of(id) {
            let comment = format!("<!-- {} -->\n", store.stamp().replace("--", "- -"));
            download(&format!("moescope-{id}.svg"), "image/svg+xml", &format!("{text}\n{comment}"));
        }
    };
    let save_csv = move |_| {
        let text = format!("# {}\n{}", store.stamp(), rows.with_value(|r| r()));
        download(&format!("moescope-{id}.csv"), "text/csv", &text);
    };
    let copy = move |frame: bool| {
        write_address(store);
        let text = if frame {
            store.experiment.with_untracked(|e| frame_of(e, id, title))
        } else {
            window().location().href().unwrap_or_default()
        };
        leptos::task::spawn_local(async move {
            let _ = crate::web::clipboard(text).await;
        });
    };
    view! {
        <div class="menu at-stage" on:focusout=left>
            <button type="button" class="dots" aria-haspopup="menu" aria-expanded=move || open.get().to_string() aria-label=format!("Save or share: {title}") on:click=move |_| open.update(|o| *o = !*o)>
                "\u{22ef}"
            </button>
            <div class="save" role="menu" hidden=move || !open.get() on:click=move |_| open.set(false)>
                <button type="button" role="menuitem" class="as-table" on:click=move |_| table.update(|t| *t = !*t)>{move || if table.get() { "Hide the table" } else { "Table" }}</button>
                <button type="button" role="menuitem" on:click=save_svg>"SVG"</button>
                <button type="button" role="menuitem" on:click=save_csv>"CSV"</button>
                <button type="button" role="menuitem" on:click=move |_| copy(true)>"Copy as a frame"</button>
                <button type="button" role="menuitem" on:click=move |_| copy(false)>"Copy link"</button>
            </div>
            {move || table.get().then(|| view! {
                <div class="numbers-over">
                    <button type="button" class="quiet" on:click=move |_| table.set(false)>"Close"</button>
                    {as_table(title, &rows.with_value(|r| r()))}
                </div>
            })}
        </div>
    }
    .into_any()
}
