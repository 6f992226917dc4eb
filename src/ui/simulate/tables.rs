//! The run in numbers: speedups beside the paper's, a row for each strategy, where the time goes, the command line.

use std::fmt::Write;

use leptos::prelude::*;

use super::pills::bar;
use crate::model::model_named;
use crate::plot::{Axis, Bar, Bars, Chart};
use crate::protocol::{RunReport, StrategyRun};
use crate::sim::{Breakdown, Strategy};
use crate::ui::figure::{Figure, square};
use crate::ui::numbers::{count, number};
use crate::ui::store::Store;
use crate::units::{floor, percent, seconds, significant};

fn strategy(run: &StrategyRun) -> Strategy {
    Strategy::named(&run.strategy).unwrap_or(Strategy::BASE)
}

/// The speedups beside the paper’s.
pub(super) fn speedups(store: Store) -> AnyView {
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
    }    .into_any()
}

/// Where the time of each strategy goes: of the device that ends last, layer by layer.
fn parts(report: &RunReport) -> impl IntoView + use<> {
    let slowest = report.runs.iter().map(|r| r.seconds).fold(0.0, f64::max);
    let row = |r: &StrategyRun| {
        let Breakdown { dispatch, weights, compute, combine, rest } = r.breakdown;
        let all = [dispatch, weights, compute, combine, rest];
        let total: f64 = all.iter().sum();
        let cell = |part: f64| view! { <td><data value=part.to_string()>{percent(part / total)}</data></td> };
        let drawn = bar(r, slowest, None);
        view! { <tr id=format!("parts-{}", r.strategy)><th scope="row">{r.strategy.clone()}</th><td class="drawn">{drawn}</td>{all.map(cell)}</tr> }
    };
    view! {
        <details id="breakdown">
            <summary>"Where the time goes"</summary>
            <p>"Parts of the device that ends last in each layer; they add up to the time of the strategy. Tokens sent between devices and attention count only if they are to, under what the paper leaves out."</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Where the time goes">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Strategy"</th>
                            <th scope="col" class="drawn">"All on one scale"</th>
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

pub(super) fn table(report: &RunReport) -> impl IntoView + use<> {
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
        <div class="scroll" tabindex="0" role="region" aria-label="Strategies, in numbers">
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
