//! How a figure that is drawn as SVG in the page becomes a picture of its own. Apart from the figures on canvases, which are drawn anew.

use std::rc::Rc;

use leptos::prelude::*;

use crate::ui;
use crate::ui::menu::Saved;
use crate::ui::store::Store;

fn first_in(id: &str) -> Option<web_sys::Element> {
    document().get_element_by_id(id)?.query_selector("svg").ok().flatten()
}

/// Width and height of the first picture in an element, CSS pixels.
fn size_of(id: &str) -> Option<(f64, f64)> {
    let drawn = first_in(id)?.get_bounding_client_rect();
    Some((drawn.width().max(1.0), drawn.height().max(1.0)))
}

/// The text of the first picture in an element, with the colours that its names stand for here.
fn picture_of(id: &str) -> Option<String> {
    let found = first_in(id)?;
    let (width, height) = size_of(id)?;
    let root = window().get_computed_style(&found).ok().flatten()?;
    let mut text = found.outer_html();
    // A file has a size of its own; what the page's picture says of it goes.
    let head = text.find('>')?;
    let own =
        text[..head].split_inclusive(' ').filter(|part| !part.starts_with("width=") && !part.starts_with("height="));
    let own: String = own.collect();
    text.replace_range(..head, &own);
    let sized = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" ");
    text = text.replacen("<svg", sized.trim_end(), 1);
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
    let saved = Saved {
        id,
        title,
        there: Signal::stored(true),
        size: Rc::new(move || size_of(id).unwrap_or((720.0, 480.0))),
        poster: Rc::new(move |poster, done| {
            let Some(text) = picture_of(id) else { return };
            leptos::task::spawn_local(async move {
                if let Some(made) = poster.of_svg(&text).await {
                    done(made);
                }
            });
        }),
        svg: Rc::new(move || picture_of(id)),
        csv: Rc::new(csv),
    };
    let (menu, table, numbers) = ui::menu::menu(store, saved);
    view! {
        <div class="at-stage">
            {menu}
            {move || table.get().then(|| view! {
                <div class="numbers-over">
                    <button type="button" class="quiet" on:click=move |_| table.set(false)>"Close"</button>
                    {numbers()}
                </div>
            })}
        </div>
    }
    .into_any()
}
