//! Figure 12 of the paper reproduced, with Figures 14 and 15 and Table II: published numbers beside ours.

use std::collections::BTreeSet;
use std::fmt::Write;

use leptos::prelude::*;

use super::views::table;
use crate::experiment::{Experiment, PAPER_WAFERS};
use crate::plot::{Axis, Bar, Bars, Chart};
use crate::protocol::{PaperRun, figure_12_title, host_times, paper_models, paper_runs, rms, targets, throughput};
use crate::sim::Strategy;
use crate::ui::figure::{Figure, wide};
use crate::ui::runs::reproduce;
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::{floor, percent, significant};

/// The section.
#[component]
pub(crate) fn Paper(store: Store) -> impl IntoView {
    let state = move || {
        match (store.answers.paper.progress().map(|(done, all)| done as f64 / all.max(1) as f64), store.answers.paper.get()) {
        (Some(part), _) => view! {
            <div class="status" role="status" id="papering">
                <span>"Running Figure 12: " {percent(part)}</span>
                <progress max="1" value=part.to_string()></progress>
                <button type="button" on:click=move |_| store.answers.paper.cancel()>"Cancel"</button>
            </div>
        }
        .into_any(),
        (None, None) => view! {
            <div class="status">
                <span>{promise(store)}</span>
                <button type="button" id="reproduce" on:click=move |_| reproduce(store)>{move || if edits(store).is_empty() { "Reproduce Figure 12" } else { "Run Figure 12 with these edits" }}</button>
                {as_the_paper(store)}
            </div>
        }
        .into_any(),
        (None, Some(runs)) => view! {
            <div class="status">
                <span id="paper-done">{words(&runs, &edits(store))}</span>
                {as_the_paper(store)}
            </div>
            <div class="figures wide">
                {speedups(store)}
                {hops(store)}
                {reads(store)}
            </div>
            {target_table(&runs, &edits(store))}
            {host_table(&runs)}
        }
        .into_any(),
    }
    };
    view! {
        <section aria-labelledby="paper-title">
            <h2 id="paper-title">"8 · The paper\u{2019}s results, reproduced"</h2>
            <div id="reproduce-place">{state}</div>
            <Units store />
        </section>
    }
}

/// Settings in which the figure's runs differ from the paper's. Runs are dropped when one of them changes.
fn edits(store: Store) -> Vec<String> {
    store.scene.with(Experiment::figure_12_edits)
}

/// What a click would run.
fn promise(store: Store) -> String {
    let shown = store.shown().filter(|i| !i.synthetic && i.decode > 0);
    let recorded = shown.and_then(|i| paper_models().find(|m| Some(m.name) == i.model.as_deref()));
    let runs: usize = paper_models().chain(recorded).map(paper_runs).sum();
    let of = recorded.map_or_else(String::new, |m| format!(", and your trace as {}", m.title));
    format!(
        "{}. {runs} runs: four models, three batches, two wafers, five strategies, and those of Figure 15; synthetic workloads{of}.",
        figure_12_title(&edits(store))
    )
}

/// The way from edited settings to the paper's figure.
fn as_the_paper(store: Store) -> Option<impl IntoView> {
    let run = move |_| {
        change(store, true, |e| *e = e.without_figure_12_edits());
        // The runs of the settings before are dropped first.
        set_timeout(move || reproduce(store), std::time::Duration::ZERO);
    };
    (!edits(store).is_empty()).then(|| {
        view! { <button type="button" id="as-the-paper" on:click=run>"Run the paper\u{2019}s settings"</button> }
    })
}

fn words(runs: &[PaperRun], edits: &[String]) -> String {
    let recorded = runs.iter().find(|r| !r.synthetic).map(|r| r.model.clone());
    let on = recorded.map_or_else(
        || "All workloads are synthetic.".to_string(),
        |m| format!("{m} ran on your trace too; the other workloads are synthetic."),
    );
    let collapsed: BTreeSet<u32> = runs.iter().flat_map(|r| r.collapsed.iter().copied()).collect();
    let collapsed = if collapsed.is_empty() {
        String::new()
    } else {
        let ids: Vec<String> = collapsed.iter().map(ToString::to_string).collect();
        format!(" Collapsed layers are among those of your trace: {}.", ids.join(", "))
    };
    format!("{} runs. {}. {on}{collapsed}", runs.len(), figure_12_title(edits))
}

/// Runs of the figure: the synthetic ones, in its order.
fn groups(runs: &[PaperRun]) -> Vec<(String, Vec<PaperRun>)> {
    let mut groups: Vec<(String, Vec<PaperRun>)> = Vec::new();
    for run in runs.iter().filter(|r| PAPER_WAFERS.contains(&r.wafer.as_str())) {
        let source = if run.synthetic { "" } else { ", your trace" };
        let name = format!("{}, {}, {}{source}", run.model, run.wafer, run.batch);
        match groups.iter_mut().find(|(n, _)| *n == name) {
            Some((_, of)) => of.push(run.clone()),
            None => groups.push((name, vec![run.clone()])),
        }
    }
    groups
}

fn strategies() -> Vec<String> {
    Strategy::ALL.map(|s| s.name().to_string()).into()
}

/// Bars for each group: one value for each strategy.
fn grouped(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    axis: &'static str,
    log: bool,
    value: fn(&PaperRun, &[PaperRun]) -> f64,
) -> AnyView {
    view! {
        <Figure
            store
            id
            title
            caption=Signal::derive(move || caption.to_string())
            height=wide
            chart=move || {
                let groups = groups(&store.answers.paper.get()?);
                let values = |g: &[PaperRun]| -> Vec<f64> { g.iter().map(|r| value(r, g)).collect() };
                let bars: Vec<Bar> = groups.iter().map(|(_, g)| Bar { values: values(g), ..Bar::default() }).collect();
                let most = bars.iter().flat_map(|b| &b.values).copied().filter(|v| v.is_finite()).fold(1.0f64, f64::max);
                let names: Vec<String> = groups.iter().map(|g| g.0.split(',').next().unwrap_or_default().to_string()).collect();
                let y = if log { Axis::log(axis, 1.0, most * 1.5) } else { Axis::linear(axis, most * 1.05) };
                Some(Chart::Bars(Bars { bars, series: strategies(), x: Axis::named("model; in each: three batches by two wafers", &names, 4), y, level: None }))
            }
            hover=move |x, _| {
                let groups = groups(&store.answers.paper.get_untracked()?);
                let (name, g) = groups.get(floor(x))?;
                let words = |r: &PaperRun| format!("{} {}", r.strategy, significant(value(r, g), 3));
                Some(format!("{name}: {}", g.iter().map(words).collect::<Vec<_>>().join(", ")))
            }
            csv=move || {
                let runs = store.answers.paper.get_untracked().unwrap_or_default();
                table("model,wafer,batch,strategy,synthetic,seconds,speedup,hops,local,remote,writes", runs.iter(), |t, r| {
                    let _ = writeln!(t, "{},{},{},{},{},{},{},{},{},{},{}", r.model, r.wafer, r.batch, r.strategy, r.synthetic, r.seconds, r.speedup, r.hops, r.reads.local, r.reads.remote, r.reads.writes);
                })
            }
        />
    }
    .into_any()
}

fn of(group: &[PaperRun], strategy: Strategy) -> Option<&PaperRun> {
    group.iter().find(|r| r.strategy == strategy.name())
}

fn speedups(store: Store) -> AnyView {
    grouped(
        store,
        "paper-speedups",
        "Figure 12, top: throughput",
        "Throughput over base, for every model, batch (4096, 8192, 16384) and wafer (Dojo, TSMC-SoW).",
        "throughput over base, ×",
        false,
        |r, _| r.speedup,
    )
}

fn hops(store: Store) -> AnyView {
    grouped(
        store,
        "paper-hops",
        "Figure 12, bottom: hops",
        "Hops of base over hops of each strategy. ep has no hops at all, and so no bar.",
        "fewer hops than base, ×",
        true,
        |r, group| {
            let base = of(group, Strategy::BASE).map_or(0, |b| b.hops);
            if r.hops > 0 { base as f64 / r.hops as f64 } else { f64::NAN }
        },
    )
}

/// Figure 14: DRAM accesses by kind, over all runs.
fn reads(store: Store) -> AnyView {
    let sums = |runs: &[PaperRun]| {
        Strategy::ALL.map(|s| {
            let of = runs.iter().filter(|r| r.strategy == s.name() && PAPER_WAFERS.contains(&r.wafer.as_str()));
            of.fold([0u64; 3], |a, r| [a[0] + r.reads.local, a[1] + r.reads.remote, a[2] + r.reads.writes])
        })
    };
    let kinds = ["own HBM", "another die's", "copies written"];
    view! {
        <Figure
            store
            id="paper-reads"
            title="Figure 14: DRAM accesses"
            caption=Signal::derive(|| "Reads of experts from the die's own HBM and from another die's, and copies written, summed over all runs, over all accesses of base. In the paper most of base's reads are remote.".to_string())
            height=wide
            chart=move || {
                let sums = sums(&store.answers.paper.get()?);
                let base = sums[0].iter().sum::<u64>().max(1) as f64;
                let bar = |s: &[u64; 3]| Bar { values: s.iter().map(|&v| v as f64 / base).collect(), ..Bar::default() };
                let most = sums.iter().flatten().max().copied().unwrap_or(1) as f64 / base;
                Some(Chart::Bars(Bars {
                    bars: sums.iter().map(bar).collect(),
                    series: kinds.map(String::from).into(),
                    x: Axis::named("strategy", &strategies(), 9),
                    y: Axis::share("accesses, over all of base", most * 1.05),
                    level: None,
                }))
            }
            hover=move |x, _| {
                let sums = sums(&store.answers.paper.get_untracked()?);
                let (name, s) = (strategies().get(floor(x))?.clone(), sums.get(floor(x))?);
                let all = s.iter().sum::<u64>().max(1) as f64;
                let words: Vec<String> = kinds.iter().zip(s).map(|(k, &v)| format!("{k} {}", percent(v as f64 / all))).collect();
                Some(format!("{name}: {}", words.join(", ")))
            }
            csv=move || {
                let sums = sums(&store.answers.paper.get_untracked().unwrap_or_default());
                table("strategy,local,remote,writes", strategies().iter().zip(sums), |t, (n, s)| {
                    let _ = writeln!(t, "{n},{},{},{}", s[0], s[1], s[2]);
                })
            }
        />
    }
    .into_any()
}

fn signed(x: f64) -> String {
    format!("{}{}", if x >= 0.0 { "+" } else { "\u{2212}" }, percent(x.abs()))
}

fn target_table(runs: &[PaperRun], edits: &[String]) -> AnyView {
    let all = targets(runs);
    let why = if edits.is_empty() {
        "Where one is above 10%, docs/model.md says why."
    } else {
        "The paper\u{2019}s numbers are of its own settings: a difference here is one of the edits as well."
    };
    let within = format!(
        "Root mean square of the {} throughput differences: {}. {why}",
        throughput(&all).count(),
        percent(rms(&all))
    );
    let row = |t: &crate::protocol::Target| {
        view! {
            <tr>
                <th scope="row">{t.name.clone()}</th>
                <td>{significant(t.paper, 3)} "×"</td>
                <td><data value=t.ours.to_string()>{significant(t.ours, 3)} "×"</data></td>
                <td>{signed(t.difference)}</td>
            </tr>
        }
    };
    view! {
        <div class="scroll">
            <table id="targets">
                <thead>
                    <tr>
                        <th scope="col">"Mean over the runs of Figure 12"</th>
                        <th scope="col">"Paper"</th>
                        <th scope="col">"Here"</th>
                        <th scope="col">"Difference"</th>
                    </tr>
                </thead>
                <tbody>{all.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        <p class="aside">{within}</p>
    }
    .into_any()
}

fn host_table(runs: &[PaperRun]) -> AnyView {
    let range = |(a, b): (f64, f64)| format!("{} to {}", percent(a), percent(b));
    let row = |h: &crate::protocol::HostTime| {
        view! {
            <tr>
                <th scope="row">{h.model.clone()} ", " {h.wafer.clone()}</th>
                <td>{range(h.paper)}</td>
                <td>{range(h.ours)}</td>
            </tr>
        }
    };
    view! {
        <div class="scroll">
            <table id="host">
                <thead>
                    <tr>
                        <th scope="col">"Figure 15: Algorithm 1 on the host, share of a layer" <abbr class="inferred" title="8 µs and 0.5 µs for each 1024 requests, read off the figure.">"inferred"</abbr></th>
                        <th scope="col">"Paper"</th>
                        <th scope="col">"Here"</th>
                    </tr>
                </thead>
                <tbody>{host_times(runs).iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Table II for 25 dies: name, size, whether each die has one, area of all in mm², power of all in mW.
const UNITS: [(&str, &str, bool, f64, f64); 6] = [
    ("Prediction table", "128 B", true, 0.0020, 55.75),
    ("Address translation", "4.25 KB", true, 0.0048, 334.25),
    ("Local command processor (A72)", "", true, 7.5, 7000.0),
    ("Expert distribution table", "4.5 KB", false, 0.0002, 13.94),
    ("Heat map cache", "0.5 MB", false, 0.0278, 184.67),
    ("Global command processor (A76)", "", false, 1.1, 1000.0),
];

/// Table II as a calculator: units that each die has grow with the dies of the wafer that is set.
#[component]
fn Units(store: Store) -> impl IntoView {
    let dies = move || store.scene.with(Experiment::hardware).mesh.dies();
    let rows = move || {
        let n = dies();
        let of = |u: &(&'static str, &'static str, bool, f64, f64)| {
            let count = if u.2 { n } else { 1 };
            let part = if u.2 { n as f64 / 25.0 } else { 1.0 };
            (u.0, u.1, count, u.3 * part, u.4 * part)
        };
        let all: Vec<_> = UNITS.iter().map(of).collect();
        let sum = all.iter().fold((0.0, 0.0), |a, r| (a.0 + r.3, a.1 + r.4));
        let row = |(name, size, count, area, power): &(&'static str, &'static str, usize, f64, f64)| {
            view! {
                <tr>
                    <th scope="row">{*name}</th>
                    <td>{*size}</td>
                    <td>{*count}</td>
                    <td>{significant(*area, 3)}</td>
                    <td>{significant(*power, 4)}</td>
                </tr>
            }
        };
        view! {
            {all.iter().map(row).collect_view()}
            <tr class="sum">
                <th scope="row">"Sum"</th>
                <td></td>
                <td></td>
                <td>{significant(sum.0, 3)}</td>
                <td>{significant(sum.1, 5)}</td>
            </tr>
        }
    };
    view! {
        <details id="units">
            <summary>"Table II: area and power of the added units, for " {dies} " dies"</summary>
            <p>"The paper's values are for 25 dies; units that every die has are scaled to the wafer of part 4. For 25 dies its rows sum to 8.63 mm² (it prints 6.13) and 8588.61 mW, about 0.04% of the wafer's power."</p>
            <div class="scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Unit"</th>
                            <th scope="col">"Size"</th>
                            <th scope="col">"Number"</th>
                            <th scope="col">"Area, mm²"</th>
                            <th scope="col">"Power, mW"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}
