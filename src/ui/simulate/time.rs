//! Below the wafer: the layers of the run as a strip, one of them over time, the film's clock.

use leptos::prelude::*;

use super::board::run_of;
use super::lanes::lanes;
use super::state::{Sim, WHOLE};
use crate::ui::controls::Number;
use crate::ui::settings::{change, get, set};
use crate::units::{floor, percent, seconds};

/// Resources, in the order of a layer's seconds.
const BOUNDS: [(&str, &str); 3] = [("lim-compute", "computing"), ("lim-hbm", "HBM"), ("lim-link", "links")];

/// What limited most of a layer.
fn bound(of: &[f64; 3]) -> usize {
    (0..3).max_by(|&a, &b| of[a].total_cmp(&of[b]).then(b.cmp(&a))).unwrap_or(0)
}

/// The layers, each as wide as its seconds.
fn strip(sim: Sim) -> AnyView {
    let store = sim.store;
    let chosen = Memo::new(move |_| sim.layer().map(|l| l.0));
    let choose = move |at: usize| {
        change(store, true, |e| e.view.simulated = at);
    };
    let cells = move || {
        let (report, run) = run_of(sim, 0)?;
        let all: f64 = run.layer_seconds.iter().flatten().sum::<f64>().max(1e-30);
        let count = report.layers.len();
        let one = move |(at, (id, of)): (usize, (u32, [f64; 3]))| {
            let time: f64 = of.iter().sum();
            let (class, words) = BOUNDS[bound(&of)];
            let here = move || chosen.get() == Some(at);
            let keyed = move |e: leptos::ev::KeyboardEvent| {
                let to = match e.key().as_str() {
                    "ArrowLeft" => at.saturating_sub(1),
                    "ArrowRight" => (at + 1).min(count - 1),
                    _ => return,
                };
                e.prevent_default();
                e.stop_propagation();
                choose(to);
                set_timeout(
                    move || crate::web::go_to(if to == at { "" } else { "layer-chosen" }),
                    std::time::Duration::from_millis(0),
                );
            };
            view! {
                <button
                    type="button"
                    class=class
                    id=move || here().then_some("layer-chosen")
                    style=format!("flex:{:.5} 1 0", time / all)
                    aria-pressed=move || here().to_string()
                    tabindex=move || if here() { "0" } else { "-1" }
                    title=format!("Layer {id}: {}, {} of the run, limited by {words}", seconds(time), percent(time / all))
                    on:click=move |_| choose(at)
                    on:keydown=keyed
                >
                    {id}
                </button>
            }
        };
        let cells: Vec<(u32, [f64; 3])> =
            report.layers.iter().copied().zip(run.layer_seconds.iter().copied()).collect();
        Some(cells.into_iter().enumerate().map(one).collect_view())
    };
    // From the layer that is chosen to the one that is unfolded.
    let fan = move || {
        let (_, run) = run_of(sim, 0)?;
        let times: Vec<f64> = run.layer_seconds.iter().map(|s| s.iter().sum()).collect();
        let all: f64 = times.iter().sum::<f64>().max(1e-30);
        let at = chosen.get()?;
        let from = times.iter().take(at).sum::<f64>() / all * 1000.0;
        let to = from + times.get(at)? / all * 1000.0;
        Some(format!("M{from:.1} 0L0 10M{to:.1} 0L1000 10"))
    };
    view! {
        <div class="strip-row">
            <span class="lane-name">"layers"</span>
            <div class="strip" role="group" aria-label="Layers of the run, as wide as their time">{cells}</div>
        </div>
        <svg class="fan" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
            <path d=move || fan().unwrap_or_default() vector-effect="non-scaling-stroke" />
        </svg>
    }
    .into_any()
}

/// The key of the strip.
fn key() -> impl IntoView {
    let one = |(class, words): (&'static str, &'static str)| view! { <span><i class=format!("sw {class}")></i> {words}</span> };
    view! { <span class="key only-d">"limited by " {BOUNDS.map(one)}</span> }
}

/// The lower part of the view.
pub(super) fn time(sim: Sim, why: Memo<Option<String>>) -> AnyView {
    let store = sim.store;
    let there = move || sim.films[0].with(Option::is_some);
    let clock = move || {
        let long = sim.long();
        let text = seconds(long * if sim.moment() { sim.at.get() / WHOLE } else { 1.0 });
        let (value, unit) =
            text.split_once(' ').map_or((text.clone(), String::new()), |(a, b)| (a.to_string(), b.to_string()));
        view! { <span class="clock n">{value} <small>{unit}</small></span> }
    };
    let place = move || {
        let (at, id) = sim.layer()?;
        let all = store.answers.run.with(|r| r.as_ref().map_or(0, |r| r.all_layers));
        let step = store.settings.with(|e| e.view.step);
        let _ = at;
        Some(format!("layer {id} (of {all} with experts), step {step}"))
    };
    let moved = move |e: leptos::ev::Event| {
        sim.playing.set(false);
        sim.seek(event_target_value(&e).parse().unwrap_or(0.0));
    };
    let icon = move || if sim.playing.get() { "M3 2h3v10H3zM8 2h3v10H8z" } else { "M3 1.5v11l9.5-5.5z" };
    let label = move || if sim.playing.get() { "Pause" } else { "Play" };
    view! {
        <section class="time" aria-label="One layer over time">
            <div class="time-h">
                <button type="button" id="play" class="ico" aria-label=label title=label prop:disabled=move || !there() on:click=move |_| sim.turn()>
                    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d=icon fill="currentColor" /></svg>
                </button>
                {clock}
                <span class="place">{place}</span>
                <label class="at" for="at">
                    <span class="hidden">"Time in the layer"</span>
                    <input id="at" type="range" min="0" max="1000" step="10" prop:value=move || floor(sim.at.get()).to_string() prop:disabled=move || !there() on:input=moved />
                </label>
                <span class="grow"></span>
                <span class="hint only-d" title="W and S zoom too, A and D pan; a double click shows the whole layer">"scroll zooms, drag pans"</span>
                {key()}
                <details class="pick-layer">
                    <summary>"Step and layer"</summary>
                    <div>
                        <Number id="step" label="Step, from 0" value=get(store, "step") on_change=move |v| set(store, "step", &v) />
                        <Number id="simulated" label="Simulated layer, from 0" value=get(store, "simulated") on_change=move |v| set(store, "simulated", &v) />
                    </div>
                </details>
            </div>
            {move || why.with(Option::is_none).then(|| view! { {strip(sim)} {lanes(sim)} })}
        </section>
    }
    .into_any()
}
