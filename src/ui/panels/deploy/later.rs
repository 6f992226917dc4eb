//! How long a placement holds, and what a cache would do where experts do not fit: what a server meets after it is started.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;

use super::looked::{Desk, class, drawn, hue, title};
use crate::analysis::Rebalance;
use crate::plot::{Axis, Chart, Line, Lines};
use crate::protocol::{Asked, Figures, PlaceReport, jobs};
use crate::ui::figure::{Figure, wide};
use crate::ui::panels::views::{Found, drawn as analysed, table};
use crate::ui::query::Query;
use crate::ui::store::DATA_WORKER;
use crate::units::{floor, significant};

/// When to rebalance: placements made on the prompts, through the decode.
pub(super) fn rebalance(desk: Desk) -> impl IntoView {
    let there = Memo::new(move |_| desk.report().is_some_and(|r| !r.from_counts && !r.rebalance.is_empty()));
    move || there.get().then(|| figure(desk))
}

/// A placement's name, its colour and what became of it.
type Held = (String, &'static str, Rebalance);

fn held(desk: Desk, report: &PlaceReport) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::new();
    for of in drawn(desk, report) {
        let Some(judged) = report.rebalance.get(&of.placement) else { continue };
        if all.iter().all(|(name, ..)| *name != of.placement) {
            all.push((of.placement.clone(), hue(of), judged.clone()));
        }
    }
    all
}

fn values(of: &Rebalance) -> impl Iterator<Item = f64> {
    std::iter::once(&of.prompts).chain(&of.fifths).map(|p| p.mean.max_over_mean.unwrap_or(f64::NAN))
}

const PARTS: [&str; 6] = ["prompt", "first fifth", "second", "third", "fourth", "last fifth"];

fn figure(desk: Desk) -> AnyView {
    let store = desk.store;
    let reading = move || {
        let report = desk.report()?;
        let of = desk.looked(&report)?;
        Some(
            view! { <b class=format!("hued {}", class(of))>{title(of)}</b> ", made on the prompts: " {report.rebalance.get(&of.placement)?.reading.clone()} },
        )
    };
    view! {
        <div class="stack dep-hold">
            <Figure
                store
                id="rebalance-curve"
                title="When to place again: made on the prompts, followed through the decode"
                caption=Signal::derive(move || format!("Busiest {} over the mean in each fifth of the answers, mean over layers. A line that rises says that the placement wears out.", desk.device()))
                height=|w| (w * 0.24).clamp(210.0, 270.0)
                chart=move || {
                    let report = desk.report()?;
                    let looked = desk.looked(&report).map(|s| s.placement.clone());
                    let line = |(name, hue, of): &Held| Line {
                        name: name.clone(),
                        hue,
                        points: values(of).enumerate().map(|(i, v)| (i as f64 + 0.5, v)).collect(),
                        strong: looked.as_ref() == Some(name),
                    };
                    let lines: Vec<Line> = held(desk, &report).iter().map(line).collect();
                    let most = lines.iter().flat_map(|l| &l.points).map(|p| p.1).filter(|v| v.is_finite()).fold(1.05f64, f64::max);
                    Some(Chart::Lines(Lines { lines, marker: None, x: Axis::named("", &PARTS.map(String::from), 6), y: Axis::from_one("", most * 1.02) }))
                }
                hover=move |x, _| {
                    let report = store.answers.placed.get_untracked()?;
                    let part = PARTS.get(floor(x))?;
                    let words = |(name, _, of): &Held| Some(format!("{name} {}", significant(values(of).nth(floor(x)).filter(|v| v.is_finite())?, 4)));
                    let all: Vec<String> = untrack(|| held(desk, &report)).iter().filter_map(words).collect();
                    Some(format!("{part}: {}", all.join(", ")))
                }
                csv=move || {
                    let report = store.answers.placed.get_untracked();
                    let rows = report.iter().flat_map(|r| &r.rebalance);
                    table("placement,part,max_over_mean", rows, |t, (name, of)| {
                        for (part, value) in PARTS.iter().zip(values(of)) {
                            let _ = writeln!(t, "{name},{part},{value}");
                        }
                    })
                }
                at_once=true
            />
            <p class="read" id="rebalance">{reading}</p>
        </div>
    }
    .into_any()
}

/// Cache what-if: asked for once a reader opens it, for the layer that is looked at.
pub(super) fn caches(desk: Desk) -> impl IntoView {
    let store = desk.store;
    let found: Query<Figures> = Query::new();
    let open = RwSignal::new(false);
    let at = Memo::new(move |_| {
        let (report, info) = (desk.report()?, store.shown()?);
        let id = *report.layers.get(desk.layer(&report).at().unwrap_or(0))?;
        let position = info.layers.iter().position(|&l| l == id)?;
        Some((position, id, store.data()?, store.loaded.generation.get()))
    });
    let scope = Memo::new(move |_| store.experiment.with(|e| e.view.scope));
    Effect::new(move |_| {
        let (Some((position, _, of, _)), true, Some(pool)) = (at.get(), open.get(), store.pool()) else { return };
        let ticket = found.ask(&pool, &of);
        let scope = scope.get();
        spawn_local(async move {
            let job = jobs::Figures { of, asked: Asked::Later(position), scope };
            ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, job).await);
        });
    });
    let toggled = move |event: leptos::ev::Event| {
        let details = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        open.set(details.is_some_and(|d| d.has_attribute("open")));
    };
    let caption = Signal::derive(move || {
        let words = found.get().and_then(|all| Some(Found::named(all, "cache-hits")?.caption.clone()));
        words.unwrap_or_else(|| "Counting the uses of the layer\u{2019}s experts…".into())
    });
    let data = move || Found::named(found.get()?, "cache-hits");
    let empty = move || {
        let all: Arc<Figures> = found.get()?;
        Found::named(all, "cache-hits")?.empty().map(ToString::to_string)
    };
    view! {
        <details id="cache-what-if" class="dep-card" on:toggle=toggled>
            <summary><b>"Cache what-if"</b> ": if experts do not fit and are kept elsewhere, how many uses would find theirs?"</summary>
            {move || open.get().then(|| view! {
                {move || empty().map(|why| view! { <p class="status">{why}</p> })}
                {analysed(store, "deploy-cache", "Hits of a cache of experts", caption, wide, data)}
            })}
        </details>
    }
}
