//! One figure: a canvas that follows its box and the theme, the value under the cursor, a caption, and a way to save it.

use std::rc::Rc;

use leptos::ev::PointerEvent;
use leptos::html;
use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle, window_event_listener};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::menu::{Saved, menu};
use super::resized::follow;
use super::settings::moving;
use super::store::Store;
use crate::plot::theme::{DARK, LIGHT};
use crate::plot::{Chart, Frame, Look, svg};
use crate::protocol::Origin;
use crate::web::{clear, draw, now};

/// A figure. `chart` runs again whenever a signal that it reads changes; `hover` gets a place in the figure's own axes.
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
    chart: impl Fn() -> Option<Chart> + 'static,
    hover: impl Fn(f64, f64) -> Option<String> + 'static,
    csv: impl Fn() -> String + 'static,
    /// What a click (or Enter on a place that the arrows have reached) does.
    #[prop(optional)]
    click: Option<Click>,
    /// It follows what a reader chooses: out of sight it is drawn at once too, unless a slider moves.
    #[prop(optional)]
    at_once: bool,
) -> impl IntoView {
    let parts = Parts { chart: Rc::new(chart), hover: Rc::new(hover), csv: Rc::new(csv), click, at_once };
    figure(store, id, title, caption, height, parts)
}

/// What is done at a place of a figure, in its own axes.
pub(super) type Click = Rc<dyn Fn(f64, f64)>;

/// For [`Figure`]'s `click`.
pub(super) fn clicks(f: impl Fn(f64, f64) + 'static) -> Click {
    Rc::new(f)
}

/// What differs between figures. Behind pointers, so that the figure is compiled once and not for each of them.
struct Parts {
    chart: Rc<dyn Fn() -> Option<Chart>>,
    hover: Rc<dyn Fn(f64, f64) -> Option<String>>,
    csv: Rc<dyn Fn() -> String>,
    click: Option<Click>,
    at_once: bool,
}

fn figure(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: Signal<String>,
    height: fn(f64) -> f64,
    parts: Parts,
) -> AnyView {
    let embedded = Memo::new(move |_| store.experiment.with(|e| e.view.embed == id));
    // In a frame of another page the figure, its title and its caption fill the frame, but for its last line.
    let whole = height;
    let height = move |css: f64| {
        let all = if embedded.get_untracked() { window().inner_height().ok().and_then(|h| h.as_f64()) } else { None };
        all.map_or(height(css), |all| height(css).min(all - 206.0).max(160.0))
    };
    let Parts { chart, hover, csv, click, at_once } = parts;
    let canvas = NodeRef::<html::Canvas>::new();
    let holder = NodeRef::<html::Div>::new();
    let width = RwSignal::new(0.0f64);
    let frame = StoredValue::new_local(None::<Frame>);
    let tip = RwSignal::new(None::<(f64, f64, String)>);
    let pinned = RwSignal::new(false);
    // Whether there is something to save.
    let there = RwSignal::new(false);
    // Whether it has a place on the page at all.
    let placed = RwSignal::new(false);
    watch_width(holder, width, placed);
    let look = move || {
        let theme = if store.chrome.dark.get() { DARK } else { LIGHT };
        Look { theme, ratio: store.chrome.ratio.get() }
    };
    let make = Rc::clone(&chart);
    let seen = watch_sight(holder);
    let paint = move |chart: Option<Chart>, css: f64, look: Look| {
        let Some(canvas) = canvas.get_untracked() else { return };
        let began = now();
        let drawn = chart.and_then(|chart| draw(&canvas, (css, height(css)), &look, &chart));
        if drawn.is_none() {
            // No canvas outlives its data: what was drawn before is of something else.
            clear(&canvas);
        }
        there.set(drawn.is_some());
        if let (true, Some(performance)) = (drawn.is_some(), window().performance()) {
            // For whoever measures how soon a figure is there.
            let _ = performance.mark(id);
        }
        let _ = canvas.set_attribute("data-ms", &(now() - began).to_string());
        let _ = canvas.set_attribute("data-drawn", if drawn.is_some() { "yes" } else { "no" });
        frame.set_value(drawn);
        pinned.set(false);
        tip.set(None);
    };
    let later = StoredValue::new_local(None::<TimeoutHandle>);
    let forget = move || {
        if let Some(handle) = later.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    };
    on_cleanup(forget);
    Effect::new(move |_| {
        let (Some(_), css) = (canvas.get(), width.get()) else { return };
        if css < 1.0 {
            return;
        }
        // In a view that is closed, or folded away: nothing is made, let alone drawn, until it is looked at.
        if !placed.get() {
            return;
        }
        let (chart, look) = (make(), look());
        forget();
        // A slider answers within a frame because figures out of sight wait until it rests.
        if seen.get_untracked() {
            paint(chart, css, look);
        } else {
            let wait = if at_once && !moving() { 0 } else { 120 };
            let wait = std::time::Duration::from_millis(wait);
            later.set_value(set_timeout_with_handle(move || paint(chart, css, look), wait).ok());
        }
    });
    let pointed = Rc::clone(&hover);
    let kept = Rc::clone(&hover);
    let over = move |event: PointerEvent| {
        if pinned.get_untracked() {
            return;
        }
        let ratio = store.chrome.ratio.get_untracked();
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let place = frame.with_value(|f| f.as_ref().and_then(|f| f.value(x * ratio, y * ratio)));
        tip.set(place.and_then(|(a, b)| hover(a, b)).map(|text| (x, y, text)));
    };
    // A click or a tap keeps the value; one elsewhere, or Escape, lets it go.
    let pin = move |event: &web_sys::MouseEvent| {
        let ratio = store.chrome.ratio.get_untracked();
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let place = frame.with_value(|f| f.as_ref().and_then(|f| f.value(x * ratio, y * ratio)));
        let text = place.and_then(|(a, b)| kept(a, b));
        pinned.set(text.is_some() && !pinned.get_untracked());
        tip.set(text.filter(|_| pinned.get_untracked()).map(|text| (x, y, text)));
    };
    let elsewhere = window_event_listener(leptos::ev::pointerdown, move |event| {
        let at = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        let here = canvas.get_untracked().is_some_and(|c| at.is_some_and(|at| at == **c));
        if !here && pinned.try_get_untracked() == Some(true) {
            pinned.set(false);
            tip.set(None);
        }
    });
    on_cleanup(move || elsewhere.remove());
    let at = move || {
        tip.get().map(|(x, y, text)| {
            // The words stay inside the figure: left of the cursor in its right half.
            let right = x > width.get() / 2.0;
            let side = if right {
                format!("right:{:.0}px", width.get() - x + 14.0)
            } else {
                format!("left:{:.0}px", x + 14.0)
            };
            view! { <div class="tip" style=format!("{side};top:{:.0}px", (y - 12.0).max(0.0))>{text}</div> }
        })
    };
    let svg_of = Rc::clone(&chart);
    let saved = Saved {
        id,
        title,
        there: there.into(),
        size: Rc::new(move || (width.get_untracked(), height(width.get_untracked()))),
        poster: Rc::new(move |poster, done| {
            if let Some(made) = chart().and_then(|c| poster.of_chart(&c)) {
                done(made);
            }
        }),
        svg: Rc::new(move || {
            let (w, look) = (width.get_untracked(), Look { ratio: 1.0, ..untrack(look) });
            let size = |css: f64| crate::units::small(crate::units::floor(css));
            svg_of().and_then(|c| svg(&c, &look, (size(w), size(height(w)))))
        }),
        csv,
    };
    let (menu, table, numbers) = menu(store, saved);
    // What the arrow keys look at, in the figure's own axes.
    let cursor = StoredValue::new_local(None::<(f64, f64)>);
    let said = RwSignal::new(String::new());
    let entered = click.clone();
    let clickable = click.is_some();
    let clicked = move |event: leptos::ev::MouseEvent| {
        let ratio = store.chrome.ratio.get_untracked();
        let (x, y) = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        let place = frame.with_value(|f| f.as_ref().and_then(|f| f.value(x * ratio, y * ratio)));
        if let (Some((x, y)), Some(click)) = (place, &click) {
            click(x, y);
        }
    };
    let keyed = move |event: leptos::ev::KeyboardEvent| {
        let (right, down) = match event.key().as_str() {
            "ArrowLeft" => (-1.0, 0.0),
            "ArrowRight" => (1.0, 0.0),
            "ArrowUp" => (0.0, -1.0),
            "ArrowDown" => (0.0, 1.0),
            "Escape" => {
                pinned.set(false);
                return tip.set(None);
            }
            "Enter" => return cursor.get_value().into_iter().for_each(|(x, y)| entered.iter().for_each(|c| c(x, y))),
            _ => return,
        };
        event.prevent_default();
        let ratio = store.chrome.ratio.get_untracked();
        let found = frame.with_value(|f| {
            let f = f.as_ref()?;
            // Cells one by one; a continuous axis in a hundred steps.
            let step = |axis: &crate::plot::Axis| {
                let span = axis.to - axis.from;
                if span.abs() >= 3.0 && span.abs() <= 1024.0 { span.signum() } else { span / 100.0 }
            };
            let middle = |axis: &crate::plot::Axis| axis.from + step(axis) / 2.0;
            // Rows of some figures count downward.
            let first = (middle(&f.x), middle(&f.y));
            let falls = f.at(first.0, first.1 + step(&f.y)).1 > f.at(first.0, first.1).1;
            let (across, along) = (right * step(&f.x), if falls { down } else { -down } * step(&f.y));
            let (x, y) = cursor.get_value().unwrap_or((first.0 - across, first.1 - along));
            let inside = |v: f64, axis: &crate::plot::Axis| {
                let (low, high) = (axis.from.min(axis.to), axis.from.max(axis.to));
                v.clamp(low + step(axis).abs() / 2.0, high - step(axis).abs() / 2.0)
            };
            let next = (inside(x + across, &f.x), inside(y + along, &f.y));
            Some((next, f.at(next.0, next.1)))
        });
        if let Some(((x, y), (px, py))) = found {
            cursor.set_value(Some((x, y)));
            let text = pointed(x, y);
            said.set(text.clone().unwrap_or_default());
            tip.set(text.map(|t| (f64::from(px) / ratio, f64::from(py) / ratio, t)));
        }
    };
    view! {
        <figure id=id class="fig" class:shown=embedded>
            <header class="fig-h">
                <h3>{title}</h3>
                {move || (store.origin() == Origin::Synthetic).then(|| view! { <span class="badge syn">"synthetic"</span> })}
                {menu}
            </header>
            <div class="canvas" node_ref=holder>
                <canvas
                    node_ref=canvas
                    role="img"
                    aria-label=move || format!("{title}. {}", caption.get())
                    style=move || format!("width:{:.0}px;height:{:.0}px", width.get(), height(width.get()))
                    data-height=move || embedded.get().then(|| format!("{:.0}", whole(width.get())))
                    tabindex="0"
                    on:keydown=keyed
                    on:pointermove=over
                    on:click=move |e| {
                        pin(&e);
                        clicked(e);
                    }
                    class:clickable=clickable
                    on:pointerleave=move |_| if !pinned.get_untracked() { tip.set(None) }
                ></canvas>
                {at}
            </div>
            <figcaption>{caption}</figcaption>
            <span class="hidden" role="status">{said}</span>
            {move || table.get().then(numbers)}
        </figure>
    }
    .into_any()
}

/// What stands in place of a figure that this trace cannot fill.
#[component]
pub(super) fn Missing(id: &'static str, title: &'static str, why: String) -> impl IntoView {
    view! {
        <figure id=id class="fig empty">
            <header class="fig-h">
                <h3>{title}</h3>
            </header>
            <p>{why}</p>
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

/// Whether an element is in sight, or close to it.
fn watch_sight(element: NodeRef<html::Div>) -> RwSignal<bool> {
    let seen = RwSignal::new(false);
    let observers = StoredValue::new_local(None::<web_sys::IntersectionObserver>);
    on_cleanup(move || {
        if let Some(Some(observer)) = observers.try_update_value(Option::take) {
            observer.disconnect();
        }
    });
    Effect::new(move |_| {
        let Some(element) = element.get() else { return };
        let changed = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let last = entries.get(entries.length().saturating_sub(1));
            if let Ok(entry) = last.dyn_into::<web_sys::IntersectionObserverEntry>()
                && seen.try_get_untracked().is_some()
            {
                seen.set(entry.is_intersecting());
            }
        });
        if let Ok(observer) = web_sys::IntersectionObserver::new(changed.as_ref().unchecked_ref()) {
            observer.observe(&element);
            observers.set_value(Some(observer));
        }
        changed.forget();
    });
    seen
}

/// Keeps a signal at the width of an element, and another at whether it has one.
fn watch_width(element: NodeRef<html::Div>, width: RwSignal<f64>, placed: RwSignal<bool>) {
    follow(element, move |measured| {
        let now = f64::from(measured.client_width());
        // The figure may be gone by the time its last resize is told.
        let Some((before, open)) = width.try_get_untracked().zip(placed.try_get_untracked()) else { return };
        // In a closed view it has no width, and keeps what was drawn.
        if now > 0.5 && (now - before).abs() > 0.5 {
            width.set(now);
        }
        if open != (now > 0.5) {
            placed.set(now > 0.5);
        }
    });
}
