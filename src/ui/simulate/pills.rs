//! The strategies with their speedups, and where the time of the shown one goes; outlines are those of the run that was pinned last.

use leptos::prelude::*;

use super::board::run_of;
use super::state::{Pin, Sim};
use crate::plot::tone;
use crate::protocol::StrategyRun;
use crate::sim::Strategy;
use crate::ui::settings::change;
use crate::units::{percent, seconds, significant};

/// The same strategy in the run that was pinned last.
fn pinned(sim: Sim, name: &str) -> Option<(String, StrategyRun)> {
    sim.pins.with(|all| {
        all.last()
            .and_then(|p: &Pin| Some((p.name.clone(), p.report.runs.iter().find(|r| r.strategy == name)?.clone())))
    })
}

/// Shows a strategy, or puts a second one beside it.
fn choose(sim: Sim, name: &str, beside: bool) {
    let Some(strategy) = Strategy::named(name) else { return };
    change(sim.store, true, |e| {
        if !beside {
            if e.view.beside == Some(strategy) {
                e.view.beside = None;
            }
            e.view.show = strategy;
        } else if e.view.beside == Some(strategy) {
            e.view.beside = None;
        } else if e.view.show != strategy {
            e.view.beside = Some(strategy);
        }
    });
}

/// A row of buttons.
pub(super) fn pills(sim: Sim) -> AnyView {
    let store = sim.store;
    let one = move |name: String, speedup: Option<f64>| {
        let chosen = {
            let name = name.clone();
            move || run_of(sim, 0).map_or_else(|| sim.shown().0.name() == name, |(_, r)| r.strategy == name)
        };
        let second = {
            let name = name.clone();
            move || sim.shown().1.is_some_and(|s| s.name() == name)
        };
        let says = Strategy::named(&name).map_or("", Strategy::says);
        let ghost = {
            let name = name.clone();
            move || {
                pinned(sim, &name).map(|(of, r)| view! { <small class="ghost n" title=format!("in {of}")>{format!("{}×", significant(r.speedup, 3))}</small> })
            }
        };
        let value = speedup.map_or_else(|| "…".to_string(), |s| format!("{}×", significant(s, 3)));
        let (class, text) = (tone(&name), name.clone());
        let pick = move |event: leptos::ev::MouseEvent| choose(sim, &name, event.shift_key());
        let pressed = chosen.clone();
        view! {
            <button
                type="button"
                class=format!("pill {class}")
                class:on=chosen
                class:second=second
                aria-pressed=move || pressed().to_string()
                title=format!("{says}; with Shift beside the shown one")
                on:click=pick
            >
                <b>{text}</b>
                <span class="n">{value}</span>
                {ghost}
            </button>
        }
    };
    let all = move || {
        let report = store.answers.run.get();
        let found: Vec<(String, Option<f64>)> = match report {
            Some(report) => report.runs.iter().map(|r| (r.strategy.clone(), Some(r.speedup))).collect(),
            None => store.scene.with(|e| e.run.strategies.iter().map(|s| (s.name().to_string(), None)).collect()),
        };
        found.into_iter().map(|(name, speedup)| one(name, speedup)).collect_view()
    };
    view! { <div class="pills" role="group" aria-label="Strategy whose wafer is drawn" id="show">{all}</div> }
        .into_any()
}

/// The colour class of a part of the time.
fn part_class(name: &str) -> String {
    format!("part-{name}")
}

/// One bar; `whole` seconds are as wide as there is room.
pub(super) fn bar(run: &StrategyRun, whole: f64, ghost: Option<f64>) -> AnyView {
    let whole = whole.max(1e-30);
    let parts = run.breakdown.parts().into_iter().filter(|p| p.1 > 0.0).map(|(name, part)| {
        view! { <i class=part_class(name) style=format!("width:{:.3}%", part / whole * 100.0) title=format!("{name} {}", seconds(part))></i> }
    });
    let ghost =
        ghost.map(|g| view! { <u class="ghost" style=format!("width:{:.3}%", (g / whole * 100.0).min(100.0))></u> });
    view! { <div class="brk-bar" aria-hidden="true">{parts.collect_view()} {ghost}</div> }.into_any()
}

/// Where the time of the shown strategy goes.
pub(super) fn breakdown(sim: Sim) -> AnyView {
    let one = move |which: usize| {
        run_of(sim, which).map(|(report, run)| {
            let before = pinned(sim, &run.strategy).map(|p| p.1.seconds);
            let second = run_of(sim, 1 - which).map_or(0.0, |r| r.1.seconds);
            let _ = report;
            let whole = run.seconds.max(before.unwrap_or(0.0)).max(second);
            bar(&run, whole, before)
        })
    };
    let key = move || {
        run_of(sim, 0).map(|(_, run)| {
            let all = run.breakdown.seconds().max(1e-30);
            run.breakdown
                .parts()
                .map(|(name, part)| {
                    // A part that takes nothing needs no digits.
                    let share = if part > 0.0 { percent(part / all) } else { "0%".into() };
                    view! { <span><i class=format!("sw {}", part_class(name))></i> {name} " " <span class="n">{share}</span></span> }
                })
                .collect_view()
        })
    };
    let scale = move || {
        let busy = sim.moment() || sim.store.scene.with(|e| e.view.heat == crate::experiment::Heat::Load);
        if busy {
            view! { <span class="scale">"links busy 0%" <i class="rampbar"></i> "100%"</span> }
        } else {
            view! { <span class="scale">"link bytes 0" <i class="rampbar"></i> "most"</span> }
        }
    };
    view! {
        <div class="brk">
            {move || one(0)}
            {move || one(1)}
            <div class="key">{key} {scale}</div>
        </div>
    }
    .into_any()
}
