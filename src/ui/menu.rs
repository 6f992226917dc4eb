//! The menu of a figure: its numbers as a table, picture and numbers as files, frame and link. One for figures on canvases and for those
//! drawn as SVG; each says how its picture is made.

use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use web_sys::HtmlCanvasElement;

use super::settings::{frame_of, write_address};
use super::store::Store;
use crate::analysis::Table;
use crate::plot::theme::{DARK, LIGHT};
use crate::protocol::Origin;
use crate::web::{Poster, download, download_canvas};

/// What is done with a picture once it is made: a browser decodes some of them in its own time.
pub(super) type Done = Box<dyn FnOnce(HtmlCanvasElement)>;

/// What a menu saves.
pub(super) struct Saved {
    /// Name of the element and of the files.
    pub(super) id: &'static str,
    /// What the figure is called.
    pub(super) title: &'static str,
    /// Whether there is something to save.
    pub(super) there: Signal<bool>,
    /// The picture under a title and over its source.
    pub(super) poster: Rc<dyn Fn(Poster, Done)>,
    /// Width and height of the picture, CSS pixels.
    pub(super) size: Rc<dyn Fn() -> (f64, f64)>,
    /// The picture as text.
    pub(super) svg: Rc<dyn Fn() -> Option<String>>,
    /// Its numbers.
    pub(super) csv: Rc<dyn Fn() -> String>,
}

/// What a saved picture is of, and where it is drawn again.
fn lines(store: Store) -> [String; 2] {
    let kind = if untrack(|| store.origin()) == Origin::Synthetic { "synthetic workload" } else { "trace" };
    let digest = untrack(|| store.shown()).map_or_else(String::new, |i| format!(", digest {}", i.digest));
    write_address(store);
    let link = window().location().href().unwrap_or_default();
    [
        format!(
            "moescope {}, after \u{201c}Patterns behind Chaos\u{201d} (ISCA 2026). Of a {kind}{digest}.",
            env!("CARGO_PKG_VERSION")
        ),
        link,
    ]
}

/// The menu; whether the table that it opens is open; and that table.
pub(super) fn menu(
    store: Store,
    saved: Saved,
) -> (AnyView, RwSignal<bool>, impl Fn() -> AnyView + Copy + Send + 'static) {
    let (open, table) = (RwSignal::new(false), RwSignal::new(false));
    let Saved { id, title, there, .. } = saved;
    let saved = StoredValue::new_local(saved);
    // Followed by whoever shows it: a table that outlives its data would tell of something else.
    let numbers = move || as_table(title, &saved.with_value(|s| (s.csv)()));
    let left = move |event: leptos::ev::FocusEvent| {
        let to = event.related_target().and_then(|t| wasm_bindgen::JsCast::dyn_into::<web_sys::Element>(t).ok());
        if to.and_then(|e| e.closest(".menu").ok().flatten()).is_none() {
            open.set(false);
        }
    };
    let save_png = move |_| {
        let theme = if store.chrome.dark.get_untracked() { DARK } else { LIGHT };
        let size = saved.with_value(|s| (s.size)());
        let poster = Poster { title: title.into(), lines: lines(store), theme, size };
        let stamp = store.stamp();
        let done = move |canvas: HtmlCanvasElement| download_canvas(&format!("moescope-{id}.png"), &canvas, &stamp);
        saved.with_value(|s| untrack(|| (s.poster)(poster, Box::new(done))));
    };
    let save_svg = move |_| {
        if let Some(text) = saved.with_value(|s| untrack(|| (s.svg)())) {
            // Of a comment, XML forbids two hyphens.
            let comment = format!("<!-- {} -->\n", store.stamp().replace("--", "- -"));
            download(&format!("moescope-{id}.svg"), "image/svg+xml", &format!("{text}\n{comment}"));
        }
    };
    let rows = move || saved.with_value(|s| untrack(|| (s.csv)()));
    let save_csv = move |_| {
        download(&format!("moescope-{id}.csv"), "text/csv", &format!("# {}\n{}", store.stamp(), rows()));
    };
    let save_json = move |_| {
        download(&format!("moescope-{id}.json"), "application/json", &Table::read(&rows()).json(title, &store.stamp()));
    };
    let copy_frame = move |_| {
        let frame = store.experiment.with_untracked(|e| frame_of(e, id, title));
        leptos::task::spawn_local(async move {
            let _ = crate::web::clipboard(frame).await;
        });
    };
    let said = RwSignal::new("Copy link");
    let copy_link = move |_| {
        write_address(store);
        let link = window().location().href().unwrap_or_default();
        leptos::task::spawn_local(async move {
            said.set(if crate::web::clipboard(link).await { "Link copied" } else { "Copy it from the address bar" });
            let back = move || {
                let _ = said.try_set("Copy link");
            };
            set_timeout(back, Duration::from_secs(3));
        });
    };
    let view = view! {
        <div class="menu" on:focusout=left>
            <button
                type="button"
                class="dots"
                aria-haspopup="menu"
                aria-expanded=move || open.get().to_string()
                aria-label=format!("Save or share: {title}")
                on:click=move |_| open.update(|o| *o = !*o)
            >
                "\u{22ef}"
            </button>
            <div class="save" role="menu" hidden=move || !open.get() on:click=move |_| open.set(false)>
                <button type="button" role="menuitem" class="as-table" aria-expanded=move || table.get().to_string() on:click=move |_| table.update(|t| *t = !*t)>
                    {move || if table.get() { "Hide the table" } else { "Table" }}
                </button>
                <button type="button" role="menuitem" class="as-png" prop:disabled=move || !there.get() on:click=save_png>"PNG"</button>
                <button type="button" role="menuitem" prop:disabled=move || !there.get() on:click=save_svg>"SVG"</button>
                <button type="button" role="menuitem" prop:disabled=move || !there.get() on:click=save_csv>"CSV"</button>
                <button type="button" role="menuitem" prop:disabled=move || !there.get() on:click=save_json>"JSON"</button>
                <button type="button" role="menuitem" on:click=copy_frame>"Copy as a frame"</button>
                <button type="button" role="menuitem" on:click=copy_link>{move || said.get()}</button>
            </div>
        </div>
    };
    (view.into_any(), table, numbers)
}

/// Rows of a figure's table that the page shows; all of them are in the file.
const SHOWN_ROWS: usize = 200;

/// The numbers of a figure as a table.
fn as_table(title: &'static str, csv: &str) -> AnyView {
    let Table { head, rows: all } = Table::read(csv);
    let row = |fields: &Vec<String>| {
        view! { <tr>{fields.iter().map(|c| view! { <td>{c.clone()}</td> }).collect_view()}</tr> }
    };
    let rest = all.len().saturating_sub(SHOWN_ROWS);
    view! {
        <div class="scroll rows" tabindex="0" role="region" aria-label=format!("{title}, numbers")>
            <table>
                <thead>
                    <tr>{head.into_iter().map(|h| view! { <th scope="col">{h}</th> }).collect_view()}</tr>
                </thead>
                <tbody>{all.iter().take(SHOWN_ROWS).map(row).collect_view()}</tbody>
            </table>
        </div>
        {(rest > 0).then(|| view! { <p class="aside">{crate::units::grouped(rest as u64)} " more rows are in the CSV file."</p> })}
    }
    .into_any()
}
