//! Placement: the simulator's settings, speedups beside the paper's, and the wafer.

use std::fmt::Write;

use leptos::prelude::*;

use super::moment::Moment;
use super::sweep::Sensitivity;
use super::wafer::Wafer;
use crate::model::{FIELDS, SYSTEMS, model_named};
use crate::place::PLACEMENTS;
use crate::plot::{Axis, Bar, Bars, Chart};
use crate::protocol::{RunReport, StrategyRun};
use crate::sim::{Breakdown, Strategy};
use crate::ui::controls::{Choice, Number};
use crate::ui::figure::{Figure, Missing, square};
use crate::ui::numbers::{count, number};
use crate::ui::runs::simulate;
use crate::ui::selection::unsimulated;
use crate::ui::settings::{get, set};
use crate::ui::store::Store;
use crate::units::{floor, grouped, percent, seconds, significant};

/// The third part of the page.
#[component]
pub(crate) fn Place(store: Store) -> impl IntoView {
    let why = unsimulated(store);
    let empty = |id, title, why: &str| view! { <Missing id title why=why.to_string() /> };
    let figures = move || match why.get() {
        None => view! { <Speedups store /> <Wafer store /> }.into_any(),
        Some(why) => view! {
            {empty("speedups", "Speedup of each strategy", &why)}
            {empty("wafer-map", "Load and heat of the wafer", &why)}
        }
        .into_any(),
    };
    view! {
        <section aria-labelledby="place-title">
            <h2 id="place-title">"4 · What placement is worth"</h2>
            <Settings store />
            {move || status(store, why)}
            <div class="figures">{figures}</div>
            {move || store.answers.run.get().map(|r| table(&r))}
            <Moment store />
            <Sensitivity store />
        </section>
    }
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
    let systems: Vec<_> = SYSTEMS.iter().map(|s| (s.name, s.title)).collect();
    view! {
        <div class="tools">
            {choice("wafer", "Wafer", &systems, "")}
            {choice("batch", "Batch, requests", &[("1024", "1 024"), ("4096", "4 096"), ("8192", "8 192"), ("16384", "16 384")], "")}
            {field("steps", "Decode steps", "")}
            {field("layers", "Layers (a number, or all)", "")}
            {choice("baseline", "Speedup over", &Strategy::ALL.map(|s| (s.name(), s.name())), "")}
            {choice("heldout", "Predict from", &[("off", "all requests"), ("on", "even ones, run odd ones")], "")}
        </div>
        <details id="hardware">
            <summary>
                "The hardware (Table I of the paper)"
                {move || {
                    let edited = store.scene.with(|e| e.system.hardware.len());
                    (edited > 0).then(|| format!(", {edited} edited"))
                }}
            </summary>
            <p>{move || store.scene.with(|e| format!("The system is {}.", e.system().says))}</p>
            <p>"Every value of the preset can be edited; an empty field is the preset's. Editing makes a wafer that the paper did not measure."</p>
            <div class="tools">
                {FIELDS.iter().map(|f| {
                    let preset = move || store.scene.with(|e| (f.get)(&e.system().hardware).to_string());
                    let value = Signal::derive(move || {
                        let edited = get(store, f.name).get();
                        if edited.is_empty() { preset() } else { edited }
                    });
                    let here = move || store.scene.with(|e| !e.system().without.contains(&f.name));
                    view! { <Show when=here><Number id=f.name label=f.words value on_change=move |v| set(store, f.name, &v) title=f.changes /></Show> }
                }).collect_view()}
                {field("dead", "Dead dies and links (7, 3-4)", "")}
                {choice("capacity", "Copies are limited", &[("dram", "by the DRAM that is left"), ("none", "by nothing")], "")}
            </div>
        </details>
        <details id="more-settings">
            <summary>"What the paper leaves open, or out"</summary>
            <p>"Settings marked inferred are not in the paper. The defaults are the one reading, the same for all models, that comes closest to the published results."</p>
            <div class="tools">
                {choice("home", "Experts live", &PLACEMENTS.iter().filter(|p| p.beside().is_none()).map(|p| (p.name, p.name)).collect::<Vec<_>>(), "Changes which dies are read most, and so base and ep.")}
                {choice("order", "Base counts dies", &[("row", "row by row"), ("column", "column by column")], "Changes how far base fetches.")}
                {choice("duplex", "A link's two directions", &[("shared", "share its bandwidth"), ("full", "have it each")], "Full duplex makes links up to twice as fast.")}
                {choice("activations", "Tokens between devices", &[("free", "take no time, as in the paper"), ("serial", "are sent before and after"), ("overlapped", "are sent meanwhile")], "")}
                {choice("rest", "Attention and dense layers", &[("free", "take no time, as in the paper"), ("counted", "are counted")], "")}
                {field("context", "Tokens of context (attention)", "")}
                {choice("fetch", "A device fetches", &[("id", "by expert id"), ("hottest", "the hottest first"), ("largest-first", "what it computes most of first")], "Changes how long it waits.")}
                {field("mfu", "Share of the FLOP rate a placement counts on", "Only placements that weigh experts by cost read it.")}
                {field("flight", "Fetches in flight for each die", "More hide latency, and compete for links.")}
                {field("weight", "Bytes of a weight", "One byte doubles the dies' FP16 rate; it changes capacity, and little else.")}
                {field("predict", "Predicted experts, % of a row", "More copies: fewer hops later, more writes now.")}
                {field("block", "Tokens of a block (Algorithm 1)", "")}
                {field("tau", "Split threshold, factor of tau", "Smaller splits more experts over dies.")}
            </div>
        </details>
    }
}

fn status(store: Store, why: Memo<Option<String>>) -> impl IntoView {
    let shown = store.shown();
    if let Some((done, total)) = store.answers.run.progress() {
        return view! {
            <div class="status" role="status" id="running">
                <span>"Simulating " {format!("{} of {} layers", grouped(done), grouped(total))}</span>
                <progress max=total.max(1).to_string() value=done.to_string()></progress>
                <button type="button" id="cancel-run" on:click=move |_| store.answers.run.cancel()>"Cancel"</button>
            </div>
        }
        .into_any();
    }
    let Some(run) = store.answers.run.get() else {
        return match shown {
            _ if why.with(Option::is_some) => {
                let known = shown.is_none_or(|i| i.decode == 0);
                view! { <p class="status" id=if known { "unsimulated" } else { "size-unknown" }>{why.get()}</p> }
                    .into_any()
            }
            Some(_) => view! {
                <div class="status">
                    <span>"No result: the simulation was cancelled."</span>
                    <button type="button" on:click=move |_| simulate(store)>"Simulate"</button>
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
            {run.overfull_words()}
            {if run.synthetic { "On the synthetic workload: " } else { "On your trace: " }} {layers} "." {reuse} {collapsed(store, &run)}
        </p>
    }
    .into_any()
}

pub(super) fn strategy(run: &StrategyRun) -> Strategy {
    Strategy::named(&run.strategy).unwrap_or(Strategy::BASE)
}

/// Collapsed layers of the result, and a way to leave them out or back.
fn collapsed(store: Store, run: &RunReport) -> Option<impl IntoView + use<>> {
    let left_out = store.scene.with(|e| e.workload.skip_collapsed);
    let words = run.collapsed_words().or_else(|| left_out.then(|| "Collapsed layers are left out.".into()))?;
    let (label, value) = if left_out { ("Simulate them too", "none") } else { ("Leave them out", "collapsed") };
    Some(view! {
        <span id="collapsed">" " {words} " "</span>
        <button type="button" id="skip" on:click=move |_| drop(set(store, "skip", value))>{label}</button>
    })
}

#[component]
fn Speedups(store: Store) -> impl IntoView {
    let caption = move || {
        let run = store.answers.run.get();
        let marks = run.as_ref().is_none_or(|r| r.runs.iter().any(|s| r.paper(s).is_some()));
        let title = run.and_then(|r| model_named(&r.runs.first()?.model)).map_or("this model", |m| m.title);
        match store.scene.with(|e| e.run.baseline) {
            over if !marks => format!(
                "Throughput over {}. No mark of the paper\u{2019}s: it measured no such model, wafer, settings or ratio.",
                over.name()
            ),
            Strategy::BASE => format!(
                "Throughput over base. The paper's marks (section V, Figure 12): allo+pred for {title}, mean over its batches and both wafers; allo and pred, means over all four models. ep has no published mean."
            ),
            other => format!(
                "Throughput over {}. Of ratios that are not over base the paper gives allo+pred over ep, at batches of 4096 and 16384 requests, as means over models and wafers (section V).",
                other.name()
            ),
        }
    };
    view! {
        <Figure
            store
            id="speedups"
            title="Speedup of each strategy"
            caption=Signal::derive(caption)
            height=square
            chart=move || {
                let report = store.answers.run.get()?;
                let shown = store.scene.with(|e| e.view.show);
                let bar = |r: &StrategyRun| Bar {
                    values: vec![r.speedup],
                    label: Some(format!("{}×", significant(r.speedup, 3))),
                    paper: report.paper(r).map(|p| p.0),
                    marked: strategy(r) == shown,
                };
                let all: Vec<Bar> = report.runs.iter().map(bar).collect();
                let most = all.iter().flat_map(|b| b.values.iter().copied().chain(b.paper)).fold(1.0f64, f64::max);
                let names: Vec<_> = report.runs.iter().map(|r| r.strategy.clone()).collect();
                let chart = Bars { bars: all, series: vec!["measured here".into()], x: Axis::named("strategy", &names, 9), y: Axis::linear(&format!("speedup over {}, ×", report.over().name()), most * 1.08), level: None };
                Some(Chart::Bars(chart))
            }
            hover=move |x, _| {
                let report = store.answers.run.get_untracked()?;
                let run = report.runs.get(floor(x))?;
                let paper = report.paper(run).map(|(p, of)| format!("; paper {p}× ({of})")).unwrap_or_default();
                Some(format!("{}: {}× {}{paper}", run.strategy, significant(run.speedup, 4), report.over().name()))
            }
            csv=move || {
                let mut text = "strategy,seconds,throughput,speedup,paper,hops\n".to_string();
                if let Some(report) = store.answers.run.get_untracked() {
                    for r in &report.runs {
                        let paper = report.paper(r).map(|p| p.0.to_string()).unwrap_or_default();
                        let _ = writeln!(text, "{},{},{},{},{paper},{}", r.strategy, r.seconds, r.throughput, r.speedup, r.hops);
                    }
                }
                text
            }
        />
    }
}

/// Where the time of each strategy goes: of the device that ends last, layer by layer.
fn parts(report: &RunReport) -> impl IntoView + use<> {
    let row = |r: &StrategyRun| {
        let Breakdown { dispatch, weights, compute, combine, rest } = r.breakdown;
        let all = [dispatch, weights, compute, combine, rest];
        let total: f64 = all.iter().sum();
        let cell = |part: f64| view! { <td><data value=part.to_string()>{percent(part / total)}</data></td> };
        view! { <tr id=format!("parts-{}", r.strategy)><th scope="row">{r.strategy.clone()}</th>{all.map(cell)}</tr> }
    };
    view! {
        <details id="breakdown">
            <summary>"Where the time goes"</summary>
            <p>"Parts of the device that ends last in each layer; they add up to the time of the strategy. Tokens sent between devices and attention count only if they are to, under what the paper leaves out."</p>
            <div class="scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Strategy"</th>
                            <th scope="col">"Dispatch"</th>
                            <th scope="col">"Waiting for weights"</th>
                            <th scope="col">"Compute"</th>
                            <th scope="col">"Combine"</th>
                            <th scope="col">"Rest"</th>
                        </tr>
                    </thead>
                    <tbody>{report.runs.iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </details>
    }
}

fn table(report: &RunReport) -> impl IntoView + use<> {
    let row = |r: &StrategyRun| {
        let s = strategy(r);
        let reads = r.reads.local + r.reads.remote;
        let remote = if reads > 0 { r.reads.remote as f64 / reads as f64 } else { 0.0 };
        let paper = report.paper(r).map_or("–".to_string(), |p| format!("{}×", p.0));
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
    view! {
        <div class="scroll">
            <table id="runs">
                <thead>
                    <tr>
                        <th scope="col">"Strategy"</th>
                        <th scope="col">"Time"</th>
                        <th scope="col">"Over " {report.over().name()}</th>
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
        {parts(report)}
        <p class="command">"The same bytes on the command line: " <code id="command">{command}</code></p>
    }
}
