//! The lab: every placement and dispatch on the requests that it was not made from, and the load of each device. Apart from the
//! run, which knows the strategies of the figures: here they are compared to be deployed.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;

use super::views::table;
use crate::place::files::{ENGINES, Engine};
use crate::plot::{Axis, Bar, Bars, Chart};
use crate::protocol::{PlaceReport, PlacedStrategy};
use crate::sim::Strategy;
use crate::ui::controls::{Choice, Number};
use crate::ui::figure::{Figure, wide};
use crate::ui::numbers::{count, number};
use crate::ui::runs::compare_placements;
use crate::ui::settings::{get, set};
use crate::ui::store::Store;
use crate::units::{bytes, floor, grouped, seconds, significant};
use crate::web::{Dropped, download, picked};

/// The section.
#[component]
pub(crate) fn Deploy(store: Store) -> impl IntoView {
    let search = RwSignal::new(false);
    let file = RwSignal::new_local(None::<Dropped>);
    let chosen = RwSignal::new(None::<String>);
    // Position among the placed layers; none: the mean over them.
    let layer = RwSignal::new(None::<usize>);
    let field = move |id: &'static str, label: &'static str, title: &'static str| {
        view! { <Number id label value=get(store, id) on_change=move |v| set(store, id, &v) title /> }
    };
    let learn = ["decode", "prefill", "all", "counts"].map(|name| (name.to_string(), name.to_string())).to_vec();
    let progress = move || {
        store.answers.placed.progress().map(|(done, total)| view! {
            <div class="status" role="status" id="placing">
                <span>"Placing and scoring: " {format!("{} of {}", grouped(done), grouped(total))}</span>
                <progress max=total.max(1).to_string() value=done.to_string()></progress>
                <button type="button" id="cancel-placing" on:click=move |_| store.answers.placed.cancel()>"Stop"</button>
            </div>
        })
    };
    let state = move || {
        match store.answers.placed.get() {
        None if store.answers.placed.progress().is_some() => ().into_any(),
        None => view! {
            <div class="status">
                <span>"Learns each placement from your requests, scores it on those that it has not seen, and says what every device would do."</span>
                <button type="button" id="compare-placements" on:click=move |_| compare_placements(store, search.get_untracked(), file.get_untracked())>"Compare placements"</button>
            </div>
        }
        .into_any(),
        Some(report) => result(store, &report, chosen, layer).into_any(),
    }
    };
    view! {
        <section aria-labelledby="deploy-title">
            <h2 id="deploy-title">"5 · Which placement to deploy"</h2>
            <div class="tools">
                {field("spare", "Spare slots of each device", "Room for copies of experts, in slots.")}
                <Choice id="learn" label="Learn from" options=Signal::derive(move || learn.clone()) value=get(store, "learn") on_change=move |v| drop(set(store, "learn", &v)) />
                {field("groups", "Expert groups (eplb-nodes)", "Groups that stay on one node.")}
                {field("budget", "Tries of a search, a layer", "")}
                <label class="control" for="with-search">
                    <span>"Search too"</span>
                    <input id="with-search" type="checkbox" prop:checked=move || search.get() on:change=move |e| {
                        search.set(event_target_checked(&e));
                        store.answers.placed.clear();
                    } />
                </label>
                <label class="control" for="placement-file">
                    <span>"Your own placement (a server\u{2019}s file)"</span>
                    <input id="placement-file" type="file" accept=".json,.yaml,.yml,.csv,.pth,.pt" on:change=move |e| {
                        file.set(picked(&event_target(&e)).into_iter().next());
                        store.answers.placed.clear();
                    } />
                </label>
            </div>
            {progress}
            {state}
        </section>
    }
}

fn result(
    store: Store,
    report: &Arc<PlaceReport>,
    chosen: RwSignal<Option<String>>,
    layer: RwSignal<Option<usize>>,
) -> impl IntoView + use<> {
    let words = format!(
        "{} layers of {} experts in {} slots on {} devices; {}.",
        report.layers.len(),
        report.experts,
        report.slots,
        report.devices,
        if report.held_out {
            "learnt from the even requests, scored on the odd ones"
        } else {
            "scored on what it learnt from"
        }
    );
    let layers: Vec<(String, String)> = std::iter::once((String::new(), "mean over layers".to_string()))
        .chain(report.layers.iter().enumerate().map(|(at, id)| (at.to_string(), format!("layer {id}"))))
        .collect();
    let of = Arc::clone(report);
    let value = Signal::derive(move || layer.get().map_or_else(String::new, |at| at.to_string()));
    view! {
        <p class="status" id="placed">
            {if report.synthetic { "On the synthetic workload: " } else { "On your trace: " }} {words}
            " " {report.fastest_words()}
            {report.warnings.iter().map(|w| format!(" {w}.")).collect::<String>()}
        </p>
        {strategies(report, chosen)}
        <p class="status" id="rebalance">{move || chosen.with(|c| looked_at(&of, c.as_deref()).and_then(|s| Some(format!("{}, made on the prompts: {}", s.placement, of.rebalance.get(&s.placement)?.reading))))}</p>
        <div class="tools">
            <Choice id="placed-layer" label="Load of" options=Signal::derive(move || layers.clone()) value on_change=move |v| layer.set(v.parse().ok()) />
        </div>
        <div class="figures wide">{loads(store, chosen, layer)}</div>
        {exports(report, chosen)}
    }
}

/// The chosen placement as the file of each server.
fn exports(report: &Arc<PlaceReport>, chosen: RwSignal<Option<String>>) -> impl IntoView + use<> {
    let said = RwSignal::new(None::<Result<String, String>>);
    let button = |engine: &'static Engine| {
        let report = Arc::clone(report);
        let export = move |_| {
            let Some(strategy) = chosen.with_untracked(|c| looked_at(&report, c.as_deref())) else { return };
            let exported = report.deployment(&strategy).and_then(|of| {
                let (text, said) = engine.export(&of)?;
                download(engine.file, "text/plain", &text);
                Ok(format!("{}. Start the server with: {}", said.join(". "), engine.command_for(&of, engine.file)))
            });
            said.set(Some(exported));
        };
        view! { <button type="button" id=format!("export-{}", engine.name) title=engine.note on:click=export>{engine.title}</button> }
    };
    view! {
        <p class="tools" id="exports"><span>"Take it away for "</span>{ENGINES.iter().map(button).collect_view()}</p>
        {move || said.get().map(|said| match said {
            Ok(words) => view! { <p class="status" role="status" id="exported">{words}</p> }.into_any(),
            Err(why) => view! { <p class="problem" role="alert" id="not-exported">{why}</p> }.into_any(),
        })}
    }
}

/// The strategy that is looked at: the chosen one, else the fastest.
fn looked_at(report: &PlaceReport, chosen: Option<&str>) -> Option<PlacedStrategy> {
    report.find(chosen).or_else(|_| report.find(None)).ok().cloned()
}

fn strategies(report: &Arc<PlaceReport>, chosen: RwSignal<Option<String>>) -> impl IntoView + use<> {
    let all = Arc::clone(report);
    let is_chosen =
        move |name: &str| chosen.with(|c| looked_at(&all, c.as_deref()).is_some_and(|s| s.strategy == name));
    let row = |of: &PlacedStrategy| {
        let name = of.strategy.clone();
        let (pressed, click, is_chosen) = (name.clone(), name.clone(), is_chosen.clone());
        let says = Strategy::named(&name).map_or("", Strategy::says);
        view! {
            <tr id=format!("placed-{name}")>
                <th scope="row" title=says>
                    <button type="button" aria-pressed=move || is_chosen(&pressed).to_string() on:click=move |_| chosen.set(Some(click.clone()))>{name.clone()}</button>
                </th>
                <td class="balance">{number(of.max_over_mean, 4, "")}</td>
                <td>{number(of.learnt.max_over_mean, 4, "")}</td>
                <td>{number(of.scores().max_over_mean_percentiles[2], 4, "")}</td>
                <td>{number(of.activated_max_over_mean, 4, "")}</td>
                <td class="seconds"><data value=of.seconds.to_string()>{seconds(of.seconds)}</data></td>
                <td class="speedup">{number(of.speedup, 4, "×")}</td>
                <td>{count(of.moved)}</td>
                <td>{bytes(of.link_bytes)}</td>
            </tr>
        }
    };
    let bound = |name: &'static str, words: &'static str| {
        report.bounds.iter().find(|b| b.name == name).map(|b| {
            view! {
                <tr id=format!("bound-{name}")>
                    <th scope="row">{words}</th>
                    <td>{number(b.scores.max_over_mean, 4, "")}</td>
                    <td></td>
                    <td>{number(b.scores.max_over_mean_percentiles[2], 4, "")}</td>
                    <td>{number(b.scores.activated_max_over_mean, 4, "")}</td>
                    <td>{seconds(b.scores.seconds)}</td>
                    <td></td>
                    <td></td>
                    <td></td>
                </tr>
            }
        })
    };
    view! {
        <div class="scroll">
            <table id="placements">
                <thead>
                    <tr>
                        <th scope="col">"Strategy"</th>
                        <th scope="col" title="Largest over mean load of the devices, mean over layers and steps; 1 is perfect">"Max ÷ mean"</th>
                        <th scope="col" title="The same on what it learnt from">"Learnt"</th>
                        <th scope="col" title="The layer at the 99th percentile">"p99 layer"</th>
                        <th scope="col" title="Largest over mean number of experts with tokens">"Activated"</th>
                        <th scope="col">"Time"</th>
                        <th scope="col">"Speedup"</th>
                        <th scope="col" title="Copies that do not lie where blocks by id would have them">"Moved"</th>
                        <th scope="col" title="Bytes of fetched experts, times hops">"Traffic"</th>
                    </tr>
                </thead>
                <tbody>
                    {report.strategies.iter().map(row).collect_view()}
                    {bound("best", "best: Algorithm 2 on the counts to come")}
                    {bound("worst", "worst: the hottest experts together")}
                </tbody>
            </table>
        </div>
    }
}

fn loads(store: Store, chosen: RwSignal<Option<String>>, layer: RwSignal<Option<usize>>) -> impl IntoView {
    // Tokens of each device in the layer, or in the mean one.
    let of = move |report: &PlaceReport, layer: Option<usize>, chosen: Option<&str>| -> Option<(String, Vec<f64>)> {
        let strategy = looked_at(report, chosen)?;
        let layers: Vec<_> = match layer {
            Some(at) => strategy.by_layer.get(at).into_iter().collect(),
            None => strategy.by_layer.iter().collect(),
        };
        let devices = layers.first()?.load_by_device.len();
        let mean = |d: usize| layers.iter().map(|l| l.load_by_device[d]).sum::<f64>() / layers.len() as f64;
        Some((strategy.strategy, (0..devices).map(mean).collect()))
    };
    let now = move || {
        let report = store.answers.placed.get()?;
        of(&report, layer.get(), chosen.get().as_deref())
    };
    let caption = move || {
        let name = now().map_or_else(String::new, |n| n.0);
        let report = store.answers.placed.get();
        let ratio =
            |name: &str| report.as_ref()?.bounds.iter().find(|b| b.name == name).map(|b| b.scores.max_over_mean);
        let beside = match (ratio("best"), ratio("worst")) {
            (Some(best), Some(worst)) => format!(
                " Mean over layers, the busiest device has {}\u{d7} the mean if the counts to come are known, and {}\u{d7} with the hottest experts together.",
                significant(best, 3),
                significant(worst, 3)
            ),
            _ => String::new(),
        };
        format!(
            "Tokens that each device computes with {name}, mean over steps. The line is the mean: no busiest device is below it.{beside}"
        )
    };
    view! {
        <Figure
            store
            id="device-load"
            title="Load by device"
            caption=Signal::derive(caption)
            height=wide
            chart=move || {
                let (name, loads) = now()?;
                let most = loads.iter().fold(1.0f64, |a, &b| a.max(b));
                let mean = loads.iter().sum::<f64>() / loads.len().max(1) as f64;
                let names: Vec<String> = (0..loads.len()).map(|d| d.to_string()).collect();
                let bars = loads.iter().map(|&v| Bar { values: vec![v], ..Bar::default() }).collect();
                Some(Chart::Bars(Bars {
                    bars,
                    series: vec![name],
                    x: Axis::named("device", &names, 24),
                    y: Axis::linear("tokens a step", most * 1.08),
                    level: Some((mean, "mean".into())),
                }))
            }
            hover=move |x, _| {
                let (name, loads) = untrack(now)?;
                let device = floor(x);
                let load = loads.get(device)?;
                let mean = loads.iter().sum::<f64>() / loads.len() as f64;
                Some(format!("device {device}, {name}: {} tokens a step, {}× the mean", significant(*load, 4), significant(load / mean, 3)))
            }
            csv=move || {
                let report = store.answers.placed.get_untracked();
                let rows = report.iter().flat_map(|r| &r.strategies).flat_map(|s| s.by_layer.iter().map(move |l| (s, l)));
                table("strategy,layer,device,tokens", rows, |t, (s, l)| {
                    for (device, load) in l.load_by_device.iter().enumerate() {
                        let _ = writeln!(t, "{},{},{device},{load}", s.strategy, l.layer);
                    }
                })
            }
        />
    }
}
