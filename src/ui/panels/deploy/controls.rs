//! Machine, spare slots, what is scored; further down what most readers leave alone. Every one is a setting of the address.

use leptos::prelude::*;

use super::ask::compare;
use super::looked::Desk;
use crate::model::SYSTEMS;
use crate::ui::controls::{Choice, Number};
use crate::ui::settings::{change, get, set};

/// Nodes that can be chosen where a system has several.
const NODES: [usize; 4] = [1, 2, 4, 8];
const SPARE: [&str; 5] = ["0", "1", "2", "4", "8"];

pub(super) fn controls(desk: Desk) -> impl IntoView {
    let store = desk.store;
    let field = move |id: &'static str, label: &'static str, title: &'static str| {
        view! { <Number id label value=get(store, id) on_change=move |v| set(store, id, &v) title /> }
    };
    let learn = ["decode", "prefill", "all", "counts"].map(|name| (name.to_string(), name.to_string())).to_vec();
    let system = move |name: &'static str| {
        // Sizes that were edited are the other system's.
        change(store, true, |e| {
            if let Ok(mut to) = e.with("wafer", name) {
                for size in ["nodes", "pernode", "columns", "rows"] {
                    to = to.with(size, "").unwrap_or(to);
                }
                *e = to;
            }
        });
    };
    let systems = SYSTEMS.iter().map(|s| {
        let short = s.title.split(',').next().unwrap_or(s.title);
        let on = move || store.scene.with(|e| e.system.wafer == s.name);
        view! { <button type="button" title=s.says aria-pressed=move || on().to_string() on:click=move |_| system(s.name)>{short}</button> }
    });
    let across = Memo::new(move |_| {
        store.scene.with(|e| {
            let mesh = e.hardware().mesh;
            (e.system().fields().any(|f| f.name == "nodes") && mesh.x * mesh.y > mesh.x).then_some(mesh.x)
        })
    });
    let nodes = move || {
        across.get().map(|each| {
        let one = NODES.into_iter().map(move |n| {
            let on = move || store.scene.with(|e| e.hardware().mesh.y == n);
            view! { <button type="button" aria-pressed=move || on().to_string() on:click=move |_| drop(set(store, "nodes", &n.to_string()))>{n * each}</button> }
        });
        view! { <div class="ctl-item"><span class="ctl-name" id="nodes-name">"GPUs"</span><div class="seg" role="group" aria-labelledby="nodes-name">{one.collect_view()}</div></div> }
    })
    };
    let spare = SPARE.map(|n| {
        let on = move || get(store, "spare").get() == n;
        view! { <button type="button" aria-pressed=move || on().to_string() on:click=move |_| drop(set(store, "spare", n))>{n}</button> }
    });
    let scored = [("on", "unseen"), ("off", "the same")].map(|(value, words)| {
        let on = move || get(store, "heldout").get() == value;
        view! { <button type="button" aria-pressed=move || on().to_string() on:click=move |_| drop(set(store, "heldout", value))>{words}</button> }
    });
    view! {
        <div class="dep-ctl">
            <div class="ctl-item wide"><span class="ctl-name" id="system-name">"System"</span><div class="seg systems" role="group" aria-labelledby="system-name">{systems.collect_view()}</div></div>
            {nodes}
            <div class="ctl-item"><span class="ctl-name" id="spare-name">"Spare slots of each " {move || desk.device()}</span><div class="seg" role="group" aria-labelledby="spare-name">{spare.into_iter().collect_view()}</div></div>
            <div class="ctl-item"><span class="ctl-name" id="scored-name">"Scored on requests"</span><div class="seg" role="group" aria-labelledby="scored-name">{scored.into_iter().collect_view()}</div></div>
        </div>
        <div class="dep-row">
            <button type="button" id="compare-placements" on:click=move |_| compare(desk)>{move || if desk.report().is_some() { "Compare again" } else { "Compare placements" }}</button>
            <label class="control check" for="with-search">
                <input id="with-search" type="checkbox" prop:checked=move || desk.search.get() on:change=move |e| {
                    let on = event_target_checked(&e);
                    desk.search.set(on);
                    if on {
                        compare(desk);
                    }
                } />
                <span>"Search for a better one (takes longer)"</span>
            </label>
            <details class="dep-more">
                <summary>"More"</summary>
                <div class="tools">
                    {field("spare", "Spare slots, any number", "Room for copies of experts on each device, in slots.")}
                    <Number id="deploy-batch" label="Requests of a batch" value=get(store, "batch") on_change=move |v| set(store, "batch", &v) title="Small batches are bound by reading weights, large ones by computing." />
                    <Choice id="learn" label="Learn from" options=Signal::derive(move || learn.clone()) value=get(store, "learn") on_change=move |v| drop(set(store, "learn", &v)) />
                    {field("groups", "Expert groups (eplb-nodes)", "Groups that stay on one node.")}
                    {field("budget", "Tries of a search, a layer", "")}
                </div>
            </details>
        </div>
    }
}
