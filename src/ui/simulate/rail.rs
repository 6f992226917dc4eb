//! What is simulated: model, system, batch, layers, hardware; and where the same setup leads. On a phone it is a sheet.

use leptos::prelude::*;

use super::hardware::hardware;
use super::more::more;
use super::state::{Sim, lower, named, of_device};
use crate::experiment::{Experiment, View};
use crate::model::{FIELDS, MODELS, SYSTEMS, default_model};
use crate::protocol::Origin;
use crate::synth::synthetic_models;
use crate::ui::controls::{Choice, Number};
use crate::ui::settings::{change, get, set};
use crate::ui::shell::{go_to, link_to};
use crate::ui::store::Store;
use crate::units::{grouped, significant};

/// Batches of the paper.
const BATCHES: [&str; 4] = ["1024", "4096", "8192", "16384"];

/// Layers of a quick look: spread evenly over the model.
const SAMPLE: usize = 6;

/// One of a few values of a setting.
fn seg(
    store: Store,
    name: &'static str,
    label: &'static str,
    of: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static,
) -> AnyView {
    let value = get(store, name);
    let buttons = move || {
        of().into_iter()
            .map(|(v, words)| {
                let (mine, pick) = (v.clone(), v);
                view! { <button type="button" aria-pressed=move || (value.get() == mine).to_string() on:click=move |_| drop(set(store, name, &pick))>{words}</button> }
            })
            .collect_view()
    };
    view! { <div class="seg" role="group" aria-label=label>{buttons}</div> }.into_any()
}

fn model(store: Store) -> AnyView {
    let options = move || {
        let value = move || {
            let set = store.experiment.with(|e| e.workload.model.clone());
            if set.is_empty() && store.origin() == Origin::Synthetic { default_model().name.to_string() } else { set }
        };
        let chosen = value();
        let all: Vec<(&str, &str)> = if store.origin() == Origin::Synthetic {
            synthetic_models().map(|m| (m.name, m.title)).collect()
        } else {
            std::iter::once(("", "the trace\u{2019}s own")).chain(MODELS.iter().map(|m| (m.name, m.title))).collect()
        };
        all.into_iter().map(|(v, words)| view! { <option value=v selected=v == chosen>{words}</option> }).collect_view()
    };
    let shape =
        move || store.shown().map(|i| format!("{} MoE layers, {} experts, top {}", i.layers.len(), i.experts, i.top_k));
    view! {
        <div class="control">
            <label for="sim-model">"Model"</label>
            <select id="sim-model" on:change=move |e| drop(set(store, "model", &event_target_value(&e)))>{options}</select>
            <p class="mute">{shape}</p>
        </div>
    }
    .into_any()
}

/// Layers that are simulated: a sample, or all.
fn layers(store: Store) -> AnyView {
    let of = move || {
        let set = store.scene.with(|e| e.workload.layers);
        let some = if set == 0 { SAMPLE } else { set };
        let all = store.shown().map_or_else(String::new, |i| format!(" {}", i.layers.len()));
        vec![(some.to_string(), format!("{some} sampled")), ("all".to_string(), format!("all{all}"))]
    };
    view! {
        <div class="group">
            <h3>"Layers"</h3>
            {seg(store, "layers", "Layers that are simulated", of)}
        </div>
    }
    .into_any()
}

/// A setting of the run that is worth a sweep: what limits it, else the batch.
fn swept(sim: Sim) -> &'static str {
    use crate::sim::Bound;
    let bound = super::board::run_of(sim, 0).map(|r| r.1.bound);
    let mesh = sim.store.scene.with(|e| e.system().mesh);
    match bound {
        Some(Bound::Link) if mesh => "link",
        Some(Bound::Link) => "nvlink",
        Some(Bound::Hbm) => "hbm",
        Some(Bound::Compute) => "fp16",
        None => "batch",
    }
}

/// Where the same setup leads.
fn elsewhere(sim: Sim) -> AnyView {
    let store = sim.store;
    let offer = Memo::new(move |_| {
        let name = swept(sim);
        let field = FIELDS.iter().find(|f| f.name == name);
        let now = field.map_or(4096.0, |f| store.scene.with(|e| (f.get)(&e.hardware())));
        let text = format!("{name}:{}:{}:7", now * 0.5, now * 2.0);
        let known = Experiment::default().with("sweep", &text).is_ok();
        let device = store.scene.with(|e| e.system().nouns().device);
        let words = field.map_or("the batch".into(), |f| lower(&of_device(named(f.words).0, device)));
        let range = if known {
            format!(", {} to {}", significant(now * 0.5, 3), significant(now * 2.0, 3))
        } else {
            String::new()
        };
        (if known { text } else { String::new() }, format!("Sweep {words}{range}"))
    });
    let sweep = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        let text = offer.get_untracked().0;
        change(store, true, |e| {
            e.view.part = "sweep".into();
            if e.view.sweep.is_none()
                && let Ok(with) = e.with("sweep", &text)
            {
                e.view.sweep = with.view.sweep;
            }
        });
        go_to(store, View::Simulate, "drawer-sweep");
    };
    let command = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        change(store, true, |e| e.view.part = "tables".into());
        go_to(store, View::Simulate, "command");
    };
    view! {
        <nav class="elsewhere" aria-label="This setup, elsewhere">
            <h3>"This setup, elsewhere"</h3>
            <a href="#drawer-sweep" on:click=sweep>{move || offer.get().1}</a>
            {link_to(store, View::Paper, "figure-12", "", "All 120 runs of Figure 12")}
            <a href="#command" on:click=command>"The same run on the command line"</a>
        </nav>
    }
    .into_any()
}

/// The rail.
pub(super) fn rail(sim: Sim) -> AnyView {
    let store = sim.store;
    let systems: Vec<(String, String)> = SYSTEMS.iter().map(|s| (s.name.to_string(), s.title.to_string())).collect();
    let batches = move || {
        let words = |b: &str| b.parse().map_or_else(|_| b.to_string(), |n: u64| grouped(n));
        BATCHES.iter().map(|b| (b.to_string(), words(b))).collect()
    };
    let dead = get(store, "dead");
    view! {
        <aside class="rail" class:open=move || sim.setup.get() aria-label="Setup">
            <h2 class="hidden">"Setup"</h2>
            <header class="sheet-h"><b>"Setup"</b><button type="button" class="quiet ico" aria-label="Close the setup" on:click=move |_| sim.setup.set(false)>"×"</button></header>
            {model(store)}
            <Choice id="wafer" label="System" options=Signal::derive(move || systems.clone()) value=get(store, "wafer") on_change=move |v| drop(set(store, "wafer", &v)) />
            <div class="group">
                <h3>"Batch, requests"</h3>
                {seg(store, "batch", "Batch, requests", batches)}
            </div>
            {layers(store)}
            {hardware(sim)}
            <div class="row acts">
                <button
                    type="button"
                    id="break"
                    aria-pressed=move || sim.breaking.get().to_string()
                    on:click=move |_| {
                        sim.breaking.update(|b| *b = !*b);
                        sim.setup.set(false);
                    }
                    title="Then click tiles and links of the wafer"
                >
                    {move || if sim.breaking.get() { "Done breaking" } else { "Break a part" }}
                </button>
                {move || (!dead.get().is_empty()).then(|| view! { <button type="button" id="mend" on:click=move |_| drop(set(store, "dead", ""))>"Mend all"</button> })}
            </div>
            {move || {
                let dead = dead.get();
                (!dead.is_empty()).then(|| view! { <p class="aside" id="dead-parts">"Dead: " {dead.replace(',', ", ")} ". Their experts live elsewhere; routes go around."</p> })
            }}
            <details class="exact">
                <summary>"Exact numbers"</summary>
                <div class="fields">
                    <Number id="batch" label="Batch, requests" value=get(store, "batch") on_change=move |v| set(store, "batch", &v) />
                    <Number id="layers" label="Layers (a number, or all)" value=get(store, "layers") on_change=move |v| set(store, "layers", &v) />
                    <Number id="steps" label="Decode steps" value=get(store, "steps") on_change=move |v| set(store, "steps", &v) />
                </div>
            </details>
            {more(store)}
            {elsewhere(sim)}
        </aside>
    }
    .into_any()
}
