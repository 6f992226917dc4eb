//! The hardware as a table of fields with their units; what was edited stands out, is listed and can be undone.

use leptos::prelude::*;

use super::state::{Sim, named, of_device, value_of};
use crate::experiment::{Experiment, keys};
use crate::model::{FIELDS, Field};
use crate::ui::controls::Number;
use crate::ui::settings::{change, get, set};
use crate::ui::store::Store;

/// Fields that stand there at once; the others are folded.
const FIRST: [&str; 7] = ["hbm", "link", "nvlink", "nic", "dram", "fp16", "hop"];
/// Settings of a workload or of what is measured: chosen, not edited.
const CHOSEN: [&str; 16] = [
    "model",
    "hidden",
    "intermediate",
    "trace",
    "from",
    "seed",
    "wafer",
    "batch",
    "steps",
    "layers",
    "skip",
    "strategies",
    "baseline",
    "heldout",
    "learn",
    "unmarked",
];

/// One field.
fn field(store: Store, f: &'static Field) -> AnyView {
    let preset = move || store.scene.with(|e| (f.get)(&e.system().hardware).to_string());
    let written = get(store, f.name);
    let value = move || {
        let edited = written.get();
        if edited.is_empty() { preset() } else { edited }
    };
    let here = move || store.scene.with(|e| !e.system().without.contains(&f.name));
    let problem = RwSignal::new(None::<String>);
    let changed = move |e| problem.set(set(store, f.name, &event_target_value(&e)).err());
    let (name, unit) = named(f.words);
    let label = move || store.scene.with(|e| of_device(name, e.system().nouns().device));
    view! {
        <Show when=here>
            <label class="hw" class:ed=move || !written.get().is_empty() for=f.name title=f.changes>
                <span>{label}</span>
                <input id=f.name type="text" inputmode="decimal" autocomplete="off" prop:value=value on:change=changed aria-invalid=move || problem.get().is_some().to_string() />
                <span class="unit">{unit}</span>
                {move || problem.get().map(|why| view! { <span class="problem" role="alert">{why}</span> })}
            </label>
        </Show>
    }
    .into_any()
}

/// What differs from the paper's settings: name in the address, words, value now.
fn edits(e: &Experiment) -> Vec<(&'static str, String, String)> {
    let default = Experiment::default();
    let run = e.run_key();
    let words = |name: &'static str| FIELDS.iter().find(|f| f.name == name).map_or(name, |f| f.words).to_string();
    keys()
        .iter()
        .filter(|k| !CHOSEN.contains(&k.name) && (k.get)(&run) != (k.get)(&default))
        .map(|k| (k.name, words(k.name), (k.get)(&run)))
        .collect()
}

/// Back to what the paper measured, on the same system.
fn reset(store: Store) {
    change(store, true, |e| {
        let default = Experiment::default();
        e.system.hardware.clear();
        e.system.dead = default.system.dead.clone();
        e.system.duplex = default.system.duplex;
        let (strategies, baseline) = (e.run.strategies.clone(), e.run.baseline);
        e.run = default.run;
        (e.run.strategies, e.run.baseline) = (strategies, baseline);
    });
}

/// The table.
pub(super) fn hardware(sim: Sim) -> AnyView {
    let store = sim.store;
    let all = Memo::new(move |_| store.scene.with(edits));
    let listed = RwSignal::new(false);
    let toggle = move |event: leptos::ev::MouseEvent| {
        // The chip stands in the summary, and folds nothing.
        event.prevent_default();
        listed.update(|l| *l = !*l);
    };
    let chip = move || {
        let n = all.with(Vec::len);
        (n > 0).then(|| view! { <button type="button" class="edchip" aria-expanded=move || listed.get().to_string() title="List them" on:click=toggle>{format!("{n} edited")}</button> })
    };
    let list = move || {
        let all = all.get();
        (listed.get() && !all.is_empty()).then(|| {
            let one = |(name, words, value): (&'static str, String, String)| {
                let undo = move |_| drop(set(store, name, &value_of(&Experiment::default(), name)));
                view! { <li><span>{words.clone()} " " <b class="n">{value}</b></span><button type="button" class="quiet" aria-label=format!("Undo {words}") on:click=undo>"Undo"</button></li> }
            };
            view! { <ul class="edits">{all.into_iter().map(one).collect_view()}</ul> }
        })
    };
    let (first, rest): (Vec<&'static Field>, Vec<&'static Field>) =
        FIELDS.iter().partition(|f| FIRST.contains(&f.name));
    let edited = move || all.with(|a| !a.is_empty());
    view! {
        <details id="hardware" open>
            <summary>"Hardware" {chip}</summary>
            {list}
            <div class="hws">{first.into_iter().map(|f| field(store, f)).collect_view()}</div>
            <details class="all-fields">
                <summary>"All of it"</summary>
                <p>{move || store.scene.with(|e| format!("The system is {}.", e.system().says))}</p>
                <div class="hws">{rest.into_iter().map(|f| field(store, f)).collect_view()}</div>
                <div class="fields"><Number id="dead" label="Dead devices and links (7, 3-4)" value=get(store, "dead") on_change=move |v| set(store, "dead", &v) /></div>
            </details>
            <button type="button" id="reset" prop:disabled=move || !edited() on:click=move |_| reset(store)>"Reset to paper"</button>
        </details>
    }
    .into_any()
}
