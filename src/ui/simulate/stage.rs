//! The middle of the view: strategies, the wafer, where the time goes.

use std::fmt::Write;

use leptos::prelude::*;

use super::board::{board, run_of};
use super::menu::menu;
use super::pills::{breakdown, pills};
use super::state::{Pin, Sim};
use super::status::waits;
use crate::experiment::Heat;
use crate::plot::tone;
use crate::sim::Strategy;
use crate::ui::settings::{change, get, set};
use crate::units::{percent, seconds};

/// The busiest of some shares.
fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

/// What the picture says, for who does not see it.
fn caption(sim: Sim) -> String {
    let Some((_, run)) = run_of(sim, 0) else { return String::new() };
    let noun = sim.store.scene.with(|e| e.system().nouns().device);
    let links = most(run.link_busy.iter().map(|b| b / run.seconds));
    let busy = if links > 0.0 {
        format!("the busiest link is busy {} of the run", percent(links))
    } else {
        "no link moves anything".into()
    };
    let (bar, ring, colour) = match sim.store.scene.with(|e| e.view.heat) {
        Heat::Load => ("time in which its HBM is busy", "time in which it computes", "time in which they are busy"),
        Heat::Bytes => ("bytes through its HBM", "time in which it computes", "bytes"),
        Heat::Hops => ("time in which its HBM is busy", "hops of what it fetched", "bytes"),
    };
    format!(
        "The wafer under {}: {busy}. Of each {noun}: the bar shows {bar}, the ring {ring}, squares its hottest experts by their tokens in the layer below, outlined squares copies. Links: {colour}; as wide as their bytes. All scales are those of every strategy.",
        run.strategy
    )
}

fn csv(sim: Sim) -> String {
    let mut text = "strategy,kind,from,to,tokens,bytes,busy_seconds,hops\n".to_string();
    for which in [0, 1] {
        let Some((_, r)) = untrack(|| run_of(sim, which)) else { continue };
        for (d, ((t, b), h)) in r.die_tokens.iter().zip(&r.hbm_bytes).zip(&r.die_hops).enumerate() {
            let _ = writeln!(text, "{},die,{d},{d},{t},{b},,{h}", r.strategy);
        }
        let topology = sim.topology.get_untracked();
        for (l, (n, t)) in topology.links.iter().zip(r.link_bytes.iter().zip(&r.link_busy)) {
            let _ = writeln!(text, "{},{},{},{},,{n},{t},", r.strategy, l.kind, l.ends.0, l.ends.1);
        }
    }
    text
}

/// What is under way at the moment of the film.
fn film_caption(sim: Sim) -> String {
    let Some(film) = sim.films[0].get() else { return String::new() };
    let at = sim.reached(0);
    let show = run_of(sim, 0).map_or_else(String::new, |r| r.1.strategy);
    format!(
        "{} into the layer, under {show}: {} experts are on links. Shares are of a fortieth of the layer about that moment.",
        seconds(at * film.timeline.seconds),
        film.moving(at).count()
    )
}

fn film_csv(sim: Sim) -> String {
    let mut text = "kind,die,source,expert,tokens,start_seconds,end_seconds\n".to_string();
    if let Some(film) = sim.films[0].get_untracked() {
        for f in &film.timeline.flows {
            let _ = writeln!(text, "fetch,{},{},{},{},{},{}", f.die, f.source, f.expert, f.tokens, f.start, f.end);
        }
        for c in &film.timeline.computed {
            let _ = writeln!(text, "compute,{},,{},,{},{}", c.die, c.expert, c.start, c.end);
        }
    }
    text
}

/// Keeps the run to compare with.
fn pin(sim: Sim) {
    let Some(report) = sim.store.answers.run.get_untracked() else { return };
    let named = sim.store.experiment.with_untracked(|e| e.view.name.clone());
    sim.pins.update(|all| {
        let name = if named.is_empty() { format!("run {}", all.len() + 1) } else { named };
        all.retain(|p| p.report.experiment != report.experiment || p.report.digest != report.digest);
        all.push(Pin { name, report });
    });
}

/// Puts the best other strategy beside the shown one, or takes it away.
fn two_wafers(sim: Sim) {
    let (first, second) = untrack(|| sim.shown());
    let report = sim.store.answers.run.get_untracked();
    let others = report.iter().flat_map(|r| &r.runs).filter(|r| r.strategy != first.name());
    let other = others.max_by(|a, b| a.speedup.total_cmp(&b.speedup)).and_then(|r| Strategy::named(&r.strategy));
    change(sim.store, true, |e| e.view.beside = if second.is_some() { None } else { other });
}

/// Choices over the wafer.
fn tools(sim: Sim) -> AnyView {
    let store = sim.store;
    let heats = ["time busy", "bytes", "hops"];
    let options = move || {
        let chosen = get(store, "heat").get();
        Heat::EACH
            .iter()
            .zip(heats)
            .map(|(h, words)| view! { <option value=h.name() selected=h.name() == chosen>{words}</option> })
            .collect_view()
    };
    let whole = move |_| {
        sim.playing.set(false);
        sim.seek(0.0);
    };
    let moment = move |_| {
        if !sim.moment() {
            sim.seek(sim.middle());
        }
    };
    view! {
        <div class="over">
            <div class="seg when" role="group" aria-label="What of the run is drawn">
                <button type="button" id="whole-run" aria-pressed=move || (!sim.moment()).to_string() on:click=whole>"Whole run"</button>
                <button type="button" id="one-moment" aria-pressed=move || sim.moment().to_string() prop:disabled=move || sim.films[0].with(Option::is_none) on:click=moment>"A moment"</button>
            </div>
            <label class="heat" for="heat">
                <span>"Colours"</span>
                <select id="heat" aria-label="Colours" prop:value=move || get(store, "heat").get() on:change=move |e| drop(set(store, "heat", &event_target_value(&e)))>{options}</select>
            </label>
            <span class="grow"></span>
            <button type="button" class="quiet" id="two-wafers" aria-pressed=move || sim.shown().1.is_some().to_string() title="A second strategy beside this one, on the same clock; Shift and a click on a strategy chooses it" on:click=move |_| two_wafers(sim)>"A | B"</button>
            <button type="button" class="quiet" id="pin-run" title="Keeps its result to compare with" prop:disabled=move || store.answers.run.with(Option::is_none) on:click=move |_| pin(sim)>"Pin this run"</button>
            <div hidden=move || sim.moment()>{menu(store, "wafer-map", "The wafer, the whole run", move || csv(sim))}</div>
            <div hidden=move || !sim.moment()>{menu(store, "layer-film", "The wafer at a moment", move || film_csv(sim))}</div>
        </div>
    }
    .into_any()
}

/// Pills, wafer, breakdown.
pub(super) fn stage(sim: Sim, why: Memo<Option<String>>) -> AnyView {
    let store = sim.store;
    let name = move |which: usize| {
        let (first, second) = sim.shown();
        let name = if which == 0 { Some(first) } else { second };
        name.map(|s| view! { <span class=format!("who {}", tone(s.name()))>{if which == 0 { "A " } else { "B " }} {s.name()}</span> })
    };
    let two = Memo::new(move |_| sim.shown().1.is_some());
    let embedded = Memo::new(move |_| store.experiment.with(|e| e.view.embed.clone()));
    let boards = move || {
        let one = move |which: usize| {
            view! { <div class="half">{move || two.get().then(|| name(which))} {board(sim, which)}</div> }
        };
        view! { <div class="wafer-box" class:two=move || two.get()>{one(0)} {move || two.get().then(|| one(1))}</div> }
    };
    let picture = move || {
        match why.get() {
        Some(why) => view! {
            <crate::ui::figure::Missing id="wafer-map" title="The wafer" why=why.clone() />
            <crate::ui::figure::Missing id="layer-film" title="The wafer at a moment" why />
        }
        .into_any(),
        // One picture; which of the two figures it is follows the clock.
        None => view! {
            {tools(sim)}
            <figure id=move || if sim.moment() { "layer-film" } else { "wafer-map" } class="chip-wafer" class:shown=move || ["wafer-map", "layer-film"].contains(&embedded.get().as_str())>
                {boards()}
                <figcaption class="hidden">{move || if sim.moment() { film_caption(sim) } else { caption(sim) }}</figcaption>
            </figure>
            {breakdown(sim)}
        }
        .into_any(),
    }
    };
    view! {
        <section class="stage" aria-label="The wafer">
            <h2 class="hidden" id="place-title">"What placement is worth on a machine"</h2>
            {pills(sim)}
            {waits(sim, why)}
            {picture}
        </section>
    }
    .into_any()
}
