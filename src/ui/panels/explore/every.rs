//! One figure of every layer, small and on one scale. Asked for when it comes into sight, in pieces; void when the question changes.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::prelude::*;

use crate::analysis::registry::{Analysis, Sketch};
use crate::analysis::{Shape, Small};
use crate::experiment::View;
use crate::model::Scope;
use crate::plot::Look;
use crate::plot::theme::{DARK, LIGHT};
use crate::protocol::{DataId, jobs};
use crate::ui::panels::views::lacks;
use crate::ui::settings::change;
use crate::ui::store::{DATA_WORKER, Store};
use crate::web::small;

/// Layers that are asked for at once: the first pictures come early, and a slider waits for one layer at most.
const PIECE: usize = 6;

/// What the pictures are of.
type Key = (DataId, u32, Scope);

/// The strip below a figure of one layer.
pub(super) fn every(store: Store, analysis: &'static Analysis, sketch: &'static Sketch) -> AnyView {
    let layers = Memo::new(move |_| store.shown().map(|i| i.layers.clone()).unwrap_or_default());
    let there = Memo::new(move |_| store.shown().is_some_and(|i| lacks(analysis, &i).is_none()));
    let key = Memo::new(move |_| {
        let scope = store.experiment.with(|e| e.view.scope);
        there.get().then(|| store.data().map(|of| (of, store.loaded.generation.get(), scope))).flatten()
    });
    // Which pictures were in sight so far, by position.
    let seen = RwSignal::new(Vec::<bool>::new());
    let any = Memo::new(move |_| seen.with(|s| s.contains(&true)));
    let asked = StoredValue::new(None::<Key>);
    store.answers.every.clear();
    Effect::new(move |_| {
        let now = key.get();
        if asked.get_value() != now {
            store.answers.every.clear();
            asked.set_value(None);
        }
        if let (true, Some(now), None) = (any.get(), now, asked.get_value()) {
            let count = layers.with_untracked(Vec::len);
            ask(store, &now, sketch.id, count);
            asked.set_value(Some(now));
        }
    });
    on_cleanup(move || store.answers.every.clear());
    let list = NodeRef::<html::Ol>::new();
    watch(list, layers, seen);
    let most = Memo::new(move |_| {
        store.answers.every.with(|all| all.iter().flat_map(|a| a.iter()).map(Small::most).fold(0.0f32, f32::max))
    });
    let tiles = move || {
        let ids = layers.get();
        let all = ids.len();
        ids.into_iter().enumerate().map(|(at, id)| tile(store, (at, all), id, seen, most)).collect_view()
    };
    let state = move || {
        let known = store.answers.every.with(|all| all.as_ref().map_or(0, |a| a.len()));
        let all = layers.with(Vec::len);
        if any.get() && known < all {
            return format!("{known} of {all} layers…");
        }
        store.answers.every.get().and_then(|all| scale(&all, most.get())).unwrap_or_default()
    };
    view! {
        <section class="ex-every" aria-labelledby="ex-every-title" hidden=move || !there.get()>
            <header><h3 class="lbl" id="ex-every-title">"Every layer, the same scale"</h3><p class="aside" role="status">{state}</p></header>
            <ol id="every" node_ref=list>{tiles}</ol>
        </section>
    }
    .into_any()
}

/// What the colours or heights mean, and what one of them stands for.
fn scale(all: &[Small], most: f32) -> Option<String> {
    let first = all.iter().find(|s| s.shape != Shape::Nothing)?;
    let most = first.format.words(most.into());
    let n = first.thinned;
    Some(match (&first.shape, n > 1) {
        (Shape::Cells { .. }, true) => {
            format!("Each cell is the mean of up to {n} × {n}. The strongest colour is {most}.")
        }
        (Shape::Cells { .. }, false) => format!("The strongest colour is {most}."),
        (Shape::Bars(_), true) => format!("Each bar is the largest of {n} experts. The highest is {most}."),
        (Shape::Bars(_), false) => format!("The highest is {most}."),
        (Shape::Lines(_), _) => "Both axes end at 100%.".into(),
        (Shape::Points(_), _) => format!("Both axes end at {most}."),
        (Shape::Nothing, _) => return None,
    })
}

fn ask(store: Store, (of, _, scope): &Key, figure: &'static str, layers: usize) {
    let Some(pool) = store.pool() else { return };
    let (of, scope) = (of.clone(), *scope);
    let ticket = store.answers.every.ask_anew(&pool);
    spawn_local(async move {
        let mut all = Vec::with_capacity(layers);
        for from in (0..layers).step_by(PIECE) {
            let job = jobs::Every::new(of.clone(), scope, figure, (from, from + PIECE));
            match ticket.job(DATA_WORKER, job).await {
                Ok(more) => all.extend(more),
                Err(why) => return ticket.fail(store.chrome.failure, &why),
            }
            ticket.answer_so_far(all.clone());
        }
        ticket.end();
    });
}

/// One layer: a picture that chooses it.
fn tile(store: Store, (at, all): (usize, usize), id: u32, seen: RwSignal<Vec<bool>>, most: Memo<f32>) -> AnyView {
    let chosen = Memo::new(move |_| {
        store.experiment.with(|e| (!e.view.mean).then_some(e.view.layer.min(all.saturating_sub(1)))) == Some(at)
    });
    // Of the mean, the first stands for all in the order of focus.
    let stop = move || chosen.get() || (at == 0 && store.experiment.with(|e| e.view.mean));
    let here = Memo::new(move |_| seen.with(|s| s.get(at) == Some(&true)));
    let picture = Memo::new(move |_| {
        here.get().then(|| store.answers.every.with(|all| all.as_ref().and_then(|a| a.get(at).cloned()))).flatten()
    });
    // A canvas is made once there is something on it.
    let drawn = Memo::new(move |_| picture.with(Option::is_some));
    let choose = move |at: usize| change(store, false, |e| (e.view.layer, e.view.mean) = (at, false));
    let keyed = move |event: leptos::ev::KeyboardEvent| {
        let to = match event.key().as_str() {
            "ArrowLeft" | "ArrowUp" => at.checked_sub(1),
            "ArrowRight" | "ArrowDown" => Some(at + 1).filter(|&to| to < all),
            _ => return,
        };
        event.prevent_default();
        if let Some(to) = to {
            choose(to);
            let there = document().query_selector(&format!("#every [data-at='{to}']")).ok().flatten();
            let _ = there.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()).map(|e| e.focus());
        }
    };
    view! {
        <li>
            <button
                type="button"
                class="ex-tile"
                data-at=at.to_string()
                tabindex=move || if stop() { "0" } else { "-1" }
                aria-pressed=move || chosen.get().to_string()
                aria-label=format!("Layer {id}")
                on:click=move |_| choose(at)
                on:keydown=keyed
            >
                <span class="ex-pic">{move || drawn.get().then(|| canvas(store, picture, most))}</span>
                <span class="n">{id}</span>
            </button>
        </li>
    }
    .into_any()
}

fn canvas(store: Store, picture: Memo<Option<Small>>, most: Memo<f32>) -> AnyView {
    let canvas = NodeRef::<html::Canvas>::new();
    let here = Memo::new(move |_| store.experiment.with(|e| e.view.view == View::Explore));
    Effect::new(move |_| {
        let theme = if store.chrome.dark.get() { DARK } else { LIGHT };
        let (look, most) = (Look { theme, ratio: store.chrome.ratio.get() }, most.get());
        picture.track();
        // In a view that is closed it has no size: it is drawn once the view has its own back.
        let (Some(canvas), true) = (canvas.get(), here.get()) else { return };
        request_animation_frame(move || {
            let size = (f64::from(canvas.client_width()), f64::from(canvas.client_height()));
            let draw = |p: &Option<Small>| small(&canvas, size, &look, &p.as_ref()?.shape, most.into());
            let done = picture.try_with_untracked(draw).flatten().filter(|_| size.0 >= 1.0);
            let _ = canvas.set_attribute("data-drawn", if done.is_some() { "yes" } else { "no" });
        });
    });
    view! { <canvas node_ref=canvas aria-hidden="true"></canvas> }.into_any()
}

/// Notes which pictures have come into sight, or near it.
fn watch(list: NodeRef<html::Ol>, layers: Memo<Vec<u32>>, seen: RwSignal<Vec<bool>>) {
    let observers = StoredValue::new_local(None::<web_sys::IntersectionObserver>);
    let forget = move || {
        if let Some(Some(observer)) = observers.try_update_value(Option::take) {
            observer.disconnect();
        }
    };
    on_cleanup(forget);
    Effect::new(move |_| {
        let count = layers.with(Vec::len);
        let Some(list) = list.get() else { return };
        forget();
        seen.set(vec![false; count]);
        let changed = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let entries = entries.iter().filter_map(|e| e.dyn_into::<web_sys::IntersectionObserverEntry>().ok());
            let at = |e: web_sys::IntersectionObserverEntry| e.target().get_attribute("data-at")?.parse::<usize>().ok();
            let new: Vec<usize> =
                entries.filter(web_sys::IntersectionObserverEntry::is_intersecting).filter_map(at).collect();
            if !new.is_empty() && seen.try_get_untracked().is_some() {
                seen.update(|s| {
                    new.iter().for_each(|&at| {
                        if let Some(s) = s.get_mut(at) {
                            *s = true
                        }
                    })
                });
            }
        });
        let Ok(observer) = web_sys::IntersectionObserver::new(changed.as_ref().unchecked_ref()) else { return };
        changed.forget();
        // Once the pictures of these layers are there.
        let of = observer.clone();
        request_animation_frame(move || {
            let Ok(tiles) = list.query_selector_all("[data-at]") else { return };
            for tile in (0..tiles.length()).filter_map(|i| tiles.item(i)?.dyn_into::<web_sys::Element>().ok()) {
                of.observe(&tile);
            }
        });
        observers.set_value(Some(observer));
    });
}
