//! The race of the first screen: its clock, two large wafers, a lane for each strategy. The film changes what stands here.

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;

use super::film::Film;
use super::scroll::watch;
use crate::plot::race::{Lane, Race, axis, big, clock, small, times};
use crate::plot::wafer::{Wire, gauges, mini, wires};
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::{grouped, significant};
use crate::web::{picture, prefers_still};

/// The right half of the first screen.
#[component]
pub(super) fn Stage(store: Store, race: Memo<Option<Arc<Race>>>, why: Memo<Option<String>>) -> impl IntoView {
    // Plays once for whoever opens the page, not for each run.
    let played = StoredValue::new_local(store.experiment.with_untracked(|e| e.view.race > 0) || prefers_still());
    let waits = move || {
        let words = match (why.get(), store.answers.run.progress()) {
            (Some(why), _) => why,
            (None, Some((done, all))) if all > 0 => format!("Simulating this batch, {}%", done * 100 / all),
            _ => "Making a workload to simulate".into(),
        };
        view! { <p class="waits" role="status">{words}</p> }
    };
    view! {
        <figure class="race" id="race" class:shown=move || store.experiment.with(|e| e.view.embed == "race")>
            {move || match race.get() {
                Some(race) => stage(store, race, played),
                None => waits().into_any(),
            }}
        </figure>
    }
}

fn stage(store: Store, race: Arc<Race>, played: StoredValue<bool, LocalStorage>) -> AnyView {
    let root = NodeRef::<html::Div>::new();
    let playing = RwSignal::new(false);
    let film = StoredValue::new_local(None::<Film>);
    let [first, whole] = race.times();
    let most = race.lanes.iter().flat_map(|l| [l.speedup, l.paper.map_or(0.0, |p| p.0)]).fold(0.0, f64::max);
    let (to, ticks) = axis(most);
    let asked = Memo::new(move |_| store.experiment.with(|e| e.view.race));
    let act = move |what: fn(&Film)| film.with_value(|f| f.iter().for_each(what));
    on_cleanup(move || {
        if let Some(Some(film)) = film.try_update_value(Option::take) {
            film.stop();
        }
    });
    let race_of = Arc::clone(&race);
    Effect::new(move |_| {
        let Some(root) = root.get() else { return };
        draw(&race_of, &root);
        let Some(made) = Film::of(&race_of, &root, to, playing) else { return };
        let at = asked.get_untracked();
        made.show(if at > 0 { whole * at as f64 / 1e3 } else { first });
        film.set_value(Some(made));
        let seen = move |share: f64| {
            if share >= 0.45 && !played.get_value() {
                played.set_value(true);
                act(|f| {
                    f.show(0.0);
                    f.play();
                });
            } else if share == 0.0 {
                act(Film::stop);
            }
        };
        watch(&[root.into()], "0px", &[0.0, 0.5], move |_, share| seen(share));
    });
    // The address may change under it: back and forth.
    Effect::new(move |before: Option<usize>| {
        let at = asked.get();
        if before.is_some_and(|b| b != at) && at > 0 {
            act(Film::stop);
            film.with_value(|f| {
                if let Some(f) = f.as_ref().filter(|f| f.moment() != at) {
                    f.show(whole * at as f64 / 1e3);
                }
            });
        }
        at
    });
    let toggle = move |_| {
        played.set_value(true);
        if playing.get_untracked() { act(Film::stop) } else { act(Film::play) }
    };
    let scrubbed = move |e: leptos::ev::Event| {
        let part: f64 = event_target_value(&e).parse().unwrap_or(0.0);
        played.set_value(true);
        act(Film::stop);
        film.with_value(|f| f.iter().for_each(|f| f.show(whole * part / 1e3)));
    };
    // Once the reader lets go: an address is no animation.
    let rested = move |_| {
        let moment = film.with_value(|f| f.as_ref().map(Film::moment)).unwrap_or(0);
        change(store, false, |e| e.view.race = moment);
    };
    let speed = race.speed_words();
    let (_, unit) = clock(&race, 0.0);
    let synthetic = race.report.synthetic;
    let tick = |l: &Lane| {
        let at = format!("left:{:.2}%", l.run.seconds / whole * 100.0);
        view! { <i class=format!("tick {}", l.tone) style=at></i> }
    };
    let ticks_of = race.lanes.iter().map(tick).collect_view();
    let [left, right] = race.pair();
    let two = race.lanes.len() > 1;
    let lanes = race.lanes.iter().enumerate().map(|(at, lane)| lane_view(&race, lane, at, to)).collect_view();
    let numbers =
        ticks.iter().map(|x| view! { <i style=format!("left:{:.2}%", x / to * 100.0)>{significant(*x, 3)}"×"</i> });
    let grid_step = format!("--step:{:.4}%", 100.0 / (ticks.len() - 1) as f64);
    let flag = format!("--part:{:.5}", race.best().speedup / to);
    let links = !race.links.is_empty();
    let [device, _] = race.words();
    view! {
        <div class="race-in" node_ref=root>
            <div class="race-h">
                <button type="button" id="race-play" class="round" on:click=toggle aria-label=move || if playing.get() { "Pause the race" } else { "Play the race" }>
                    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d=move || if playing.get() { "M3 1.5h3v11h-3zM8.5 1.5h3v11h-3z" } else { "M3 1.5v11l9.5-5.5z" } fill="currentColor" /></svg>
                </button>
                <span class="clock" data-film="clock">"0"<small>{unit}</small></span>
                <span class="scrub">
                    {ticks_of}
                    <input type="range" id="race-at" data-film="scrub" min="0" max="1000" step="1" aria-label="Moment of the race" on:input=scrubbed on:change=rested />
                </span>
                {synthetic.then(|| view! { <span class="badge syn only-d">"synthetic workload"</span> })}
            </div>
            <div class="pair">
                {wafer_view(&race, left, "left")}
                {two.then(|| wafer_view(&race, right, "right"))}
            </div>
            <div class="key race-key">
                {links.then(|| view! { <span>"links busy 0%"<i class="rampbar"></i>"100%"</span><span class="only-d">"width: bytes"</span> })}
                <span class="only-d">"fill: work of a " {device} " done"</span>
                <span>"means over the batch, " {speed}</span>
                <span class="what only-d">{race.title()}</span>
            </div>
            <div class="lanes" data-film="lanes" style=format!("{grid_step};{flag}")>
                {lanes}
                <span class=format!("flag {}", race.best().tone) aria-hidden="true"></span>
            </div>
            <div class="axis" aria-hidden="true"><div>{numbers.collect_view()}</div></div>
            {diamonds(&race)}
        </div>
    }
    .into_any()
}

/// What the diamonds are.
fn diamonds(race: &Race) -> AnyView {
    let any = |own: bool| race.lanes.iter().any(|l| l.paper.is_some_and(|p| p.1 == own));
    let synthetic = race.report.synthetic;
    view! {
        <div class="key dia-key">
            {any(true).then(|| view! { <span><i class="dia"></i>"the paper, this model, mean over its batches and wafers"</span> })}
            {any(false).then(|| view! { <span><i class="dia o"></i>"the paper, mean of four models"</span> })}
            {synthetic.then(|| view! { <span class="badge syn only-m">"synthetic workload"</span> })}
        </div>
    }
    .into_any()
}

fn wafer_view(race: &Race, lane: &Lane, side: &'static str) -> AnyView {
    let (w, h) = big(race).size();
    let margin = 10.0;
    let view_box = format!("{margin} {margin} {:.0} {:.0}", w - 2.0 * margin, h - 2.0 * margin);
    let [device, _] = race.words();
    let run = &lane.run;
    let label = format!(
        "{}: {} {device}s, {} hops, links busy {}% of the time on average",
        run.strategy,
        race.mesh.dies(),
        run.hops,
        significant(race.busy(run) * 100.0, 2)
    );
    view! {
        <figure class=format!("duel {}", lane.tone) data-film=side>
            <figcaption><b>{run.strategy.clone()}</b><span>{grouped(run.hops)} " hops"</span><span data-film="caption"></span></figcaption>
            <svg class="wafer" viewBox=view_box role="img" aria-label=label>
                <g data-draw=format!("big {}", run.strategy)></g>
                <path data-film="path" fill="var(--c)" />
            </svg>
        </figure>
    }
    .into_any()
}

fn lane_view(race: &Race, lane: &Lane, at: usize, to: f64) -> AnyView {
    let (w, h) = small(race).size();
    let part = |x: f64| format!("left:{:.2}%", x / to * 100.0);
    let words = times(lane.speedup);
    // A diamond over the value, or under the end of the bar, pushes the value out of the bar.
    let [inside, over] = lane.room(to);
    let paper = lane.paper.map(|(value, own)| {
        let class = if own { "dia" } else { "dia o" };
        let words = format!("{}×", significant(value, 3));
        let side = if over { "dl left" } else { "dl" };
        view! {
            <i class=class style=part(value)></i>
            <span class=side style=part(value)><span class="hidden">"the paper: "</span>{words}</span>
        }
    });
    let value = words.clone();
    let (_, unit) = clock(race, 0.0);
    view! {
        <div class=format!("lane {}", lane.tone) data-film=format!("lane-{at}")>
            <svg class="wafer" viewBox=format!("0 0 {w:.0} {h:.0}") aria-hidden="true">
                <g data-draw="small"></g>
                <path data-film="path" fill="var(--c)" />
            </svg>
            <span class="nm">{lane.run.strategy.clone()}</span>
            <div class="track">
                <span class="rest" data-film="rest"></span>
                <span class="fill" data-film="bar">{inside.then_some(words)}</span>
                {(!inside).then(|| view! { <span class="val" style=part(lane.speedup)>{value}</span> })}
                {paper}
            </div>
            <span class="watch"><svg width="13" height="14" viewBox="0 0 13 14" aria-hidden="true"><path d="M5 1h3M6.5 1v2M6.5 5.5v3" fill="none" stroke="currentColor" stroke-width="1.4" /><circle cx="6.5" cy="8.3" r="4.8" fill="none" stroke="currentColor" stroke-width="1.4" /></svg><span data-film="watch"></span><small>{unit}</small></span>
        </div>
    }
    .into_any()
}

/// What the film does not change: tiles and links.
fn draw(race: &Race, root: &web_sys::Element) {
    let all = |name: &str| root.query_selector_all(&format!("[data-draw^=\"{name}\"]")).ok();
    let each = |name: &str, shapes: &dyn Fn(&str) -> String| {
        let Some(found) = all(name) else { return };
        for i in 0..found.length() {
            let element = found.item(i).and_then(|n| wasm_bindgen::JsCast::dyn_into::<web_sys::Element>(n).ok());
            if let Some(element) = element {
                let of = element.get_attribute("data-draw").unwrap_or_default();
                picture(&element, &shapes(of.trim_start_matches(name).trim()));
            }
        }
    };
    each("big", &|strategy| {
        let grid = big(race);
        let Some(lane) = race.lane(strategy) else { return String::new() };
        let idle = vec![Wire::default(); race.links.len()];
        let mut out = String::from("<g class=\"idle\">");
        wires(&mut out, &grid, &race.links, &idle, &race.faults);
        out.push_str("</g><g class=\"busy\">");
        wires(&mut out, &grid, &race.links, &race.wires(&lane.run), &race.faults);
        out.push_str("</g>");
        gauges(&mut out, &grid, &[], &race.faults);
        out
    });
    each("small", &|_| {
        let mut out = String::new();
        mini(&mut out, &small(race), &[]);
        out
    });
}
