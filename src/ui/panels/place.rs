//! Placement: the simulator's settings, speedups beside the paper's, and the wafer.

use std::fmt::Write;

use leptos::prelude::*;

use super::moment::Moment;
use super::sweep::Sensitivity;
use crate::experiment::{Experiment, key_named};
use crate::model::{FIELDS, MODELS, ModelPreset, WAFERS, model_named, wafer_named};
use crate::plot::{Axis, Bar, Bars, Chart, MeshPicture};
use crate::protocol::{RunReport, StrategyRun, paper_speedup};
use crate::sim::Strategy;
use crate::ui::actions::{cancel_run, change, run_again};
use crate::ui::controls::{Choice, Number};
use crate::ui::figure::{Figure, square};
use crate::ui::numbers::{count, number};
use crate::ui::store::Store;
use crate::units::{bytes, floor, grouped, percent, seconds, significant};

/// The third part of the page.
#[component]
pub(crate) fn Place(store: Store) -> impl IntoView {
    view! {
        <section aria-labelledby="place-title">
            <h2 id="place-title">"4 · What placement is worth"</h2>
            <Settings store />
            {move || status(store)}
            <div class="figures">
                <Speedups store />
                <Wafer store />
            </div>
            {move || store.run.get().map(|r| table(store, &r))}
            <Moment store />
            <Sensitivity store />
        </section>
    }
}

/// Sets one setting by its name in the address.
pub(super) fn set(store: Store, name: &'static str, value: &str) -> Result<(), String> {
    let changed = store.experiment.with_untracked(|e| e.with(name, value.trim()))?;
    change(store, true, |e| *e = changed);
    Ok(())
}

pub(super) fn get(store: Store, name: &'static str) -> Signal<String> {
    Signal::derive(move || store.experiment.with(|e| key_named(name).map(|k| (k.get)(e)).unwrap_or_default()))
}

#[component]
fn Settings(store: Store) -> impl IntoView {
    let choice = move |id: &'static str, label: &'static str, options: &[(&str, &str)], inferred: &'static str| {
        let options: Vec<_> = options.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        view! {
            <Choice
                id
                label
                options=Signal::derive(move || options.clone())
                value=get(store, id)
                on_change=move |v| drop(set(store, id, &v))
                inferred
            />
        }
    };
    let field = move |id: &'static str, label: &'static str, inferred: &'static str| {
        view! { <Number id label value=get(store, id) on_change=move |v| set(store, id, &v) inferred /> }
    };
    let wafers: Vec<_> = WAFERS.iter().map(|w| (w.0, w.1)).collect();
    view! {
        <div class="tools">
            {choice("wafer", "Wafer", &wafers, "")}
            {choice("batch", "Batch, requests", &[("1024", "1 024"), ("4096", "4 096"), ("8192", "8 192"), ("16384", "16 384")], "")}
            {field("steps", "Decode steps", "")}
            {field("layers", "Layers (a number, or all)", "")}
        </div>
        <details id="hardware">
            <summary>
                "The hardware (Table I of the paper)"
                {move || {
                    let edited = store.experiment.with(|e| e.hardware.len());
                    (edited > 0).then(|| format!(", {edited} edited"))
                }}
            </summary>
            <p>"Every value of the preset can be edited; an empty field is the preset's. Editing makes a wafer that the paper did not measure."</p>
            <div class="tools">
                {FIELDS.iter().map(|f| {
                    let preset = move || store.experiment.with(|e| wafer_named(&e.wafer).map(|w| (f.get)(&w).to_string()).unwrap_or_default());
                    let value = Signal::derive(move || {
                        let edited = get(store, f.name).get();
                        if edited.is_empty() { preset() } else { edited }
                    });
                    view! { <Number id=f.name label=f.words value on_change=move |v| set(store, f.name, &v) title=f.changes /> }
                }).collect_view()}
                {choice("capacity", "Copies are limited", &[("dram", "by the DRAM that is left"), ("none", "by nothing")], "")}
            </div>
        </details>
        <details id="more-settings">
            <summary>"What the paper leaves open"</summary>
            <p>"Settings marked inferred are not in the paper. The defaults are the one reading, the same for all models, that comes closest to the published results."</p>
            <div class="tools">
                {choice("home", "Experts live", &[("round-robin", "round-robin over dies"), ("block", "in contiguous blocks")], "Changes which dies are read most, and so base and ep.")}
                {choice("order", "Base counts dies", &[("row", "row by row"), ("column", "column by column")], "Changes how far base fetches.")}
                {choice("duplex", "A link's two directions", &[("shared", "share its bandwidth"), ("full", "have it each")], "Full duplex makes links up to twice as fast.")}
                {field("flight", "Fetches in flight for each die", "More hide latency, and compete for links.")}
                {field("weight", "Bytes of a weight", "One byte doubles the dies' FP16 rate; it changes capacity, and little else.")}
                {field("predict", "Predicted experts, % of a row", "More copies: fewer hops later, more writes now.")}
                {field("block", "Tokens of a block (Algorithm 1)", "")}
                {field("tau", "Split threshold, factor of tau", "Smaller splits more experts over dies.")}
            </div>
        </details>
    }
}

fn status(store: Store) -> impl IntoView {
    let shown = store.shown();
    if let Some((done, total)) = store.running.get() {
        return view! {
            <div class="status" role="status" id="running">
                <span>"Simulating " {format!("{} of {} layers", grouped(done), grouped(total))}</span>
                <progress max=total.max(1).to_string() value=done.to_string()></progress>
                <button type="button" id="cancel-run" on:click=move |_| cancel_run(store)>"Cancel"</button>
            </div>
        }
        .into_any();
    }
    let Some(run) = store.run.get() else {
        return match shown {
            Some(info) if info.decode == 0 => view! { <p class="status">"This trace has no decode tokens. The simulator fills its batches from decode steps, so there is nothing to simulate."</p> }.into_any(),
            Some(_) => view! {
                <div class="status">
                    <span>"No result: the simulation was cancelled."</span>
                    <button type="button" on:click=move |_| run_again(store)>"Simulate"</button>
                </div>
            }
            .into_any(),
            None => view! { <p class="status">"Making the synthetic workload…"</p> }.into_any(),
        };
    };
    let batch = run.runs.first().map_or(0, |r| r.batch);
    let reuse = if run.sources < batch {
        format!(
            " There are {} requests with decode tokens, so each is used up to {} times, at decode offsets spread evenly.",
            grouped(run.sources as u64),
            grouped(batch.div_ceil(run.sources.max(1)) as u64)
        )
    } else {
        String::new()
    };
    let layers = if run.layers.len() == run.all_layers {
        "all layers".to_string()
    } else {
        format!("{} of {} layers, evenly spaced", run.layers.len(), run.all_layers)
    };
    view! {
        <p class="status" id="run-done">
            {(run.overfull > 0).then(|| format!("The model does not fit: {} of the wafer's dies cannot hold their experts, and keep no copies. More DRAM, dies or fewer bytes a weight would do. ", run.overfull))}
            {if run.synthetic { "On the synthetic workload: " } else { "On your trace: " }} {layers} "." {reuse}
        </p>
    }
    .into_any()
}

/// The model whose published numbers stand beside ours.
fn preset(report: &RunReport) -> &'static ModelPreset {
    report.runs.first().and_then(|r| model_named(&r.model)).unwrap_or(&MODELS[0])
}

pub(super) fn strategy(run: &StrategyRun) -> Strategy {
    Strategy::ALL.into_iter().find(|s| s.name() == run.strategy).unwrap_or(Strategy::Base)
}

#[component]
fn Speedups(store: Store) -> impl IntoView {
    let caption = move || {
        let model = store.run.get().map_or(&MODELS[0], |r| preset(&r));
        format!(
            "Throughput over base. The paper's marks (section V, Figure 12): allo+pred for {}, mean over its batches and both wafers; allo and pred, means over all four models. ep has no published mean.",
            model.title
        )
    };
    view! {
        <Figure
            store
            id="speedups"
            title="Speedup of each strategy"
            caption=Signal::derive(caption)
            height=square
            chart=move || {
                let report = store.run.get()?;
                let model = preset(&report);
                let shown = store.experiment.with(|e| e.show);
                let bar = |r: &StrategyRun| Bar {
                    values: vec![r.speedup],
                    label: Some(format!("{}×", significant(r.speedup, 3))),
                    paper: paper_speedup(model, strategy(r)).map(|p| p.0),
                    marked: strategy(r) == shown,
                };
                let all: Vec<Bar> = report.runs.iter().map(bar).collect();
                let most = all.iter().flat_map(|b| b.values.iter().copied().chain(b.paper)).fold(1.0f64, f64::max);
                let names: Vec<_> = report.runs.iter().map(|r| r.strategy.clone()).collect();
                let chart = Bars { bars: all, series: vec!["measured here".into()], x: Axis::named("strategy", &names, 9), y: Axis::linear("speedup over base, ×", most * 1.08), level: None };
                Some(Chart::Bars(chart))
            }
            hover=move |x, _| {
                let report = store.run.get_untracked()?;
                let run = report.runs.get(floor(x))?;
                let paper = paper_speedup(preset(&report), strategy(run)).map(|(p, of)| format!("; paper {p}× ({of})")).unwrap_or_default();
                Some(format!("{}: {}× base{paper}", run.strategy, significant(run.speedup, 4)))
            }
            csv=move || {
                let mut text = "strategy,seconds,throughput,speedup,paper,hops\n".to_string();
                if let Some(report) = store.run.get_untracked() {
                    for r in &report.runs {
                        let paper = paper_speedup(preset(&report), strategy(r)).map(|p| p.0.to_string()).unwrap_or_default();
                        let _ = writeln!(text, "{},{},{},{},{paper},{}", r.strategy, r.seconds, r.throughput, r.speedup, r.hops);
                    }
                }
                text
            }
        />
    }
}

/// The run whose wafer is drawn.
pub(super) fn shown_run(report: &RunReport, experiment: &Experiment) -> Option<StrategyRun> {
    let run = report.runs.iter().find(|r| strategy(r) == experiment.show).or(report.runs.last())?;
    Some(run.clone())
}

/// How busy the busiest link is: without it, an idle wafer looks like a loaded one.
fn busy_words(run: &StrategyRun) -> String {
    let busiest = run.link_busy.iter().fold(0.0f64, |a, &b| a.max(b));
    if busiest > 0.0 {
        format!(", which is busy {} of the run", percent(busiest / run.seconds))
    } else {
        "; here no link moves any".into()
    }
}

#[component]
fn Wafer(store: Store) -> impl IntoView {
    let run = move || store.run.get().and_then(|r| store.experiment.with(|e| shown_run(&r, e)));
    let caption = move || match run() {
        Some(r) => format!(
            "The wafer under {}. Dies: tokens computed, as a share of the busiest die. Links: time in which they move experts, as a share of the busiest link{}.",
            r.strategy,
            busy_words(&r)
        ),
        None => String::new(),
    };
    let parts = move |r: &StrategyRun| {
        let most = r.die_tokens.iter().fold(0.0f64, |a, &b| a.max(b)).max(1e-30);
        let dies: Vec<f64> = r.die_tokens.iter().map(|t| t / most).collect();
        let busiest = r.link_busy.iter().fold(0.0f64, |a, &b| a.max(b)).max(1e-30);
        let links: Vec<f64> = r.link_busy.iter().map(|t| t / busiest).collect();
        (dies, links)
    };
    let strategies = move || {
        let names =
            store.run.get().map(|r| r.runs.iter().map(|r| r.strategy.clone()).collect::<Vec<_>>()).unwrap_or_default();
        let chosen = run().map(|r| r.strategy);
        names
            .into_iter()
            .map(|name| {
                let pressed = (Some(&name) == chosen.as_ref()).to_string();
                let says = Strategy::ALL.into_iter().find(|s| s.name() == name).map_or("", Strategy::says);
                let value = name.clone();
                view! { <button type="button" aria-pressed=pressed title=says on:click=move |_| drop(set(store, "show", &value))>{name.clone()}</button> }
            })
            .collect_view()
    };
    view! {
        <div class="stack">
            <div class="tabs" role="group" aria-label="Strategy whose wafer is drawn" id="show">{strategies}</div>
            <Figure
                store
                id="wafer-map"
                title="Load and heat of the wafer"
                caption=Signal::derive(caption)
                height=square
                chart=move || {
                    let r = run()?;
                    let wafer = store.experiment.with(Experiment::wafer);
                    if wafer.mesh.dies() != r.die_tokens.len() {
                        return None;
                    }
                    let (dies, links) = parts(&r);
                    let labels: Vec<String> = dies.iter().map(|d| percent(*d).replace(".0%", "%")).collect();
                    let picture = MeshPicture { mesh: wafer.mesh, dies, labels, links };
                    Some(Chart::Mesh(picture))
                }
                hover=move |x, y| {
                    let r = untrack(run)?;
                    let mesh = store.experiment.with_untracked(Experiment::wafer).mesh;
                    let die = floor(y) * mesh.x + floor(x);
                    let links = mesh.links();
                    let near = links.iter().zip(&r.link_busy).filter(|((a, b), _)| *a == die || *b == die).map(|(_, t)| t / r.seconds).fold(0.0, f64::max);
                    Some(format!(
                        "die {die}: {} tokens, {} through its HBM, {} copies; its busiest link {} of the time",
                        grouped(floor(*r.die_tokens.get(die)? + 0.5) as u64),
                        bytes(*r.hbm_bytes.get(die)?),
                        r.copies.get(die)?,
                        percent(near)
                    ))
                }
                csv=move || {
                    let mut text = "kind,from,to,tokens,bytes,busy_seconds\n".to_string();
                    if let Some(r) = untrack(run) {
                        let mesh = store.experiment.with_untracked(Experiment::wafer).mesh;
                        for (d, (t, b)) in r.die_tokens.iter().zip(&r.hbm_bytes).enumerate() {
                            let _ = writeln!(text, "die,{d},{d},{t},{b},");
                        }
                        for ((a, b), (n, t)) in mesh.links().iter().zip(r.link_bytes.iter().zip(&r.link_busy)) {
                            let _ = writeln!(text, "link,{a},{b},,{n},{t}");
                        }
                    }
                    text
                }
            />
        </div>
    }
}

fn table(store: Store, report: &RunReport) -> impl IntoView + use<> {
    let model = preset(report);
    let row = |r: &StrategyRun| {
        let s = strategy(r);
        let reads = r.reads.local + r.reads.remote;
        let remote = if reads > 0 { r.reads.remote as f64 / reads as f64 } else { 0.0 };
        let paper = paper_speedup(model, s).map_or("–".to_string(), |p| format!("{}×", p.0));
        view! {
            <tr id=format!("run-{}", r.strategy)>
                <th scope="row" title=s.says()>{r.strategy.clone()}</th>
                <td class="seconds"><data value=r.seconds.to_string()>{seconds(r.seconds)}</data></td>
                <td class="speedup">{number(r.speedup, 4, "×")}</td>
                <td>{paper}</td>
                <td class="hops">{count(r.hops)}</td>
                <td class="hop-ratio">{r.hop_ratio.map_or_else(|| "∞ (no hops)".into_any(), |h| number(h, 3, "×").into_any())}</td>
                <td class="remote"><data value=remote.to_string()>{percent(remote)}</data></td>
                <td class="writes">{count(r.reads.writes)}</td>
                <td>{format!("{:?}", r.bound).to_lowercase()}</td>
            </tr>
        }
    };
    let experiment = report.experiment.clone();
    let command = if report.synthetic {
        format!("moescope run --experiment '{experiment}' --json")
    } else {
        format!("moescope run --experiment '{experiment}' --traces PATH --json")
    };
    let _ = store;
    view! {
        <div class="scroll">
            <table id="runs">
                <thead>
                    <tr>
                        <th scope="col">"Strategy"</th>
                        <th scope="col">"Time"</th>
                        <th scope="col">"Speedup"</th>
                        <th scope="col">"Paper"</th>
                        <th scope="col">"Hops"</th>
                        <th scope="col">"Fewer hops"</th>
                        <th scope="col">"Remote reads"</th>
                        <th scope="col">"Copies"</th>
                        <th scope="col">"Bound by"</th>
                    </tr>
                </thead>
                <tbody>{report.runs.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        <p class="command">"The same bytes on the command line: " <code id="command">{command}</code></p>
    }
}
