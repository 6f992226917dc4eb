//! One figure: a canvas that follows its box and the theme, the value under the cursor, a caption, and a way to save it.

use leptos::ev::PointerEvent;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

use super::store::Store;
use crate::plot::theme::{DARK, LIGHT};
use crate::plot::{Frame, Look};
use crate::web::{download, download_canvas};

/// A figure. `draw` runs again whenever a signal that it reads changes; `hover` gets a place in the figure's own axes.
#[component]
pub(super) fn Figure(
    store: Store,
    /// Name of the element and of saved files.
    id: &'static str,
    title: &'static str,
    /// Definition and source; also what a reader who sees no picture gets.
    #[prop(into)]
    caption: Signal<String>,
    /// Height of the canvas for its width, CSS pixels.
    height: fn(f64) -> f64,
    draw: impl Fn(&HtmlCanvasElement, (f64, f64), &Look) -> Option<Frame> + 'static,
    hover: impl Fn(f64, f64) -> Option<String> + 'static,
    csv: impl Fn() -> String + 'static,
) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let holder = NodeRef::<html::Div>::new();
    let width = RwSignal::new(0.0f64);
    let frame = StoredValue::new_local(None::<Frame>);
    let tip = RwSignal::new(None::<(f64, f64, String)>);
    watch_width(holder, width);
    Effect::new(move |_| {
        let (Some(canvas), css) = (canvas.get(), width.get()) else { return };
        if css < 1.0 {
            return;
        }
        let theme = if store.dark.get() { DARK } else { LIGHT };
        let look = Look { theme, ratio: store.ratio.get() };
        let drawn = draw(&canvas, (css, height(css)), &look);
        if let (true, Some(performance)) = (drawn.is_some(), window().performance()) {
            // For whoever measures how soon a figure is there.
            let _ = performance.mark(id);
        }
        let _ = canvas.set_attribute("data-drawn", if drawn.is_some() { "yes" } else { "no" });
        frame.set_value(drawn);
        tip.set(None);
    });
    let over = move |event: PointerEvent| {
        let ratio = store.ratio.get_untracked();
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let place = frame.with_value(|f| f.as_ref().and_then(|f| f.value(x * ratio, y * ratio)));
        tip.set(place.and_then(|(a, b)| hover(a, b)).map(|text| (x, y, text)));
    };
    let at = move || {
        tip.get().map(|(x, y, text)| {
            // The words stay inside the figure: left of the cursor in its right half.
            let side = if x > width.get() / 2.0 {
                format!("right:{:.0}px", width.get() - x + 14.0)
            } else {
                format!("left:{:.0}px", x + 14.0)
            };
            view! { <div class="tip" style=format!("{side};top:{:.0}px", (y - 12.0).max(0.0))>{text}</div> }
        })
    };
    let save_png = move |_| {
        if let Some(canvas) = canvas.get_untracked() {
            download_canvas(&format!("moescope-{id}.png"), &canvas);
        }
    };
    let save_csv = move |_| download(&format!("moescope-{id}.csv"), "text/csv", &csv());
    view! {
        <figure id=id>
            <header>
                <h3>{title}</h3>
                <span class="save">
                    <button type="button" on:click=save_png title="Save this figure as a picture">"PNG"</button>
                    <button type="button" on:click=save_csv title="Save this figure's numbers">"CSV"</button>
                </span>
            </header>
            <div class="canvas" node_ref=holder>
                <canvas
                    node_ref=canvas
                    role="img"
                    aria-label=move || format!("{title}. {}", caption.get())
                    style=move || format!("width:{:.0}px;height:{:.0}px", width.get(), height(width.get()))
                    on:pointermove=over
                    on:pointerleave=move |_| tip.set(None)
                ></canvas>
                {at}
            </div>
            <figcaption>{caption}</figcaption>
        </figure>
    }
}

/// A square whose height leaves room for its axes.
pub(super) fn square(width: f64) -> f64 {
    (width * 0.86).clamp(240.0, 620.0)
}

/// Wider than high.
pub(super) fn wide(width: f64) -> f64 {
    (width * 0.55).clamp(220.0, 380.0)
}

/// Keeps a signal at the width of an element.
fn watch_width(element: NodeRef<html::Div>, width: RwSignal<f64>) {
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
            let now = f64::from(measured.client_width());
            // The figure may be gone by the time its last resize is told.
            if width.try_get_untracked().is_some_and(|before| (now - before).abs() > 0.5) {
                width.set(now);
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(changed.as_ref().unchecked_ref()) {
            observer.observe(&element);
            observers.set_value(Some(observer));
        }
        changed.forget();
    });
}
