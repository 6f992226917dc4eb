//! Figure 12 of the paper reproduced, with Figures 14 and 15: published numbers beside ours.

use std::collections::BTreeSet;
use std::fmt::Write;

use leptos::prelude::*;

use crate::experiment::{Experiment, PAPER_WAFERS};
use crate::model::model_named;
use crate::plot::{Axis, Bar, Bars, Chart, Group, Mark, Panel, Panels, columns};
use crate::protocol::{PaperRun, figure_12_title, host_times, paper_models, paper_runs, rms, targets, throughput};
use crate::sim::Strategy;
use crate::ui::figure::{Figure, wide};
use crate::ui::panels::views::table;
use crate::ui::runs::reproduce;
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::{floor, percent, significant};

/// The section.
#[component]
pub(super) fn Figure12(store: Store) -> impl IntoView {
    let state = move || {
        match (store.answers.paper.progress().map(|(done, all)| done as f64 / all.max(1) as f64), store.answers.paper.get()) {
        (Some(part), _) => view! {
            <div class="status" role="status" id="papering">
                <progress max="1" value=part.to_string()></progress>
                <button type="button" on:click=move |_| store.answers.paper.cancel()>"Cancel"</button>
                <span>"Running Figure 12: " {percent(part)}</span>
            </div>
        }
        .into_any(),
        (None, None) => view! {
            <p class="read">{promise(store)}</p>
            <div class="row">
                <button type="button" class="btn go lg" id="reproduce" on:click=move |_| reproduce(store)>{move || if edits(store).is_empty() { "Reproduce Figure 12" } else { "Run Figure 12 with these edits" }}</button>
                {as_the_paper(store)}
            </div>
        }
        .into_any(),
        (None, Some(runs)) => view! {
            <div class="status">
                <span id="paper-done">{words(&runs, &edits(store))}</span>
                {as_the_paper(store)}
            </div>
            <div class="figures full">
                {speedups(store)}
                {hops(store)}
            </div>
            {target_table(&runs, &edits(store))}
            <h3 class="sub" id="piece-figure-14">"Figure 14"</h3>
            <div class="figures full">{reads(store)}</div>
            <h3 class="sub" id="piece-figure-15">"Figure 15"</h3>
            {host_table(&runs)}
        }
        .into_any(),
    }
    };
    view! {
        <section id="piece-figure-12" aria-labelledby="figure-12-title">
            <h2 id="figure-12-title">"Figure 12: throughput and hops"</h2>
            <div id="reproduce-place">{state}</div>
        </section>
    }
}

/// Settings in which the figure's runs differ from the paper's. Runs are dropped when one of them changes.
pub(super) fn edits(store: Store) -> Vec<String> {
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

/// The least width of a model's chart, CSS pixels: six settings and their mean, five bars each.
const LEAST: f64 = 420.0;

fn four(width: f64) -> f64 {
    high(4, width)
}

fn five(width: f64) -> f64 {
    high(5, width)
}

fn high(charts: usize, width: f64) -> f64 {
    44.0 + 280.0 * charts.div_ceil(columns(charts, width, LEAST)) as f64
}

/// The groups of one model's runs, recorded ones apart.
fn models(runs: &[PaperRun]) -> Vec<(String, bool, Vec<Vec<PaperRun>>)> {
    let mut all: Vec<(String, bool, Vec<Vec<PaperRun>>)> = Vec::new();
    for (_, group) in groups(runs) {
        let Some(first) = group.first() else { continue };
        let (model, synthetic) = (first.model.clone(), first.synthetic);
        match all.iter_mut().find(|m| (&m.0, m.1) == (&model, synthetic)) {
            Some(of) => of.2.push(group),
            None => all.push((model, synthetic, vec![group])),
        }
    }
    all
}

/// A value of a run, beside the runs of its group.
type Value = fn(&PaperRun, &[PaperRun]) -> f64;

fn small(runs: &[PaperRun], log: bool, value: Value) -> Chart {
    let hue = |r: &PaperRun| Strategy::named(&r.strategy).map_or("", Strategy::name);
    let short = |wafer: &str| if wafer == "dojo" { "Dojo" } else { "SoW" }.to_string();
    let panel = |(model, synthetic, groups): &(String, bool, Vec<Vec<PaperRun>>)| {
        let preset = model_named(model);
        let mut all: Vec<Group> = groups
            .iter()
            .map(|g| Group {
                marks: g.iter().map(|r| Mark { value: value(r, g), hue: hue(r), ..Mark::default() }).collect(),
                under: g.first().map(|r| vec![r.batch.to_string(), short(&r.wafer)]).unwrap_or_default(),
            })
            .collect();
        let mean = |s: usize| {
            let values = groups.iter().filter_map(|g| Some(value(g.get(s)?, g)));
            let known: Vec<f64> = values.filter(|v| v.is_finite()).collect();
            if known.is_empty() { f64::NAN } else { known.iter().sum::<f64>() / known.len() as f64 }
        };
        // The paper prints a number for the mean of each model, and for no single bar.
        let paper = preset.and_then(|p| p.paper_speedup).filter(|_| !log);
        let marks: Vec<Mark> = Strategy::ALL
            .iter()
            .enumerate()
            .map(|(i, s)| Mark {
                value: mean(i),
                hue: s.name(),
                paper: paper.filter(|_| *s == Strategy::ALLO_PRED),
                ..Mark::default()
            })
            .collect();
        let note = match (paper, marks.last().map(|m| m.value)) {
            (Some(paper), Some(ours)) => {
                format!("mean of allo+pred {}×, the paper {}×", significant(ours, 3), significant(paper, 3))
            }
            _ => "and the mean of the six".into(),
        };
        all.push(Group { marks, under: vec!["mean".into()] });
        let title = preset.map_or(model.as_str(), |p| p.title);
        Panel {
            title: if *synthetic { title.to_string() } else { format!("{title}, your trace") },
            note,
            groups: all,
            ..Panel::default()
        }
    };
    let panels: Vec<Panel> = models(runs).iter().map(panel).collect();
    let marks = panels.iter().flat_map(|p| &p.groups).flat_map(|g| &g.marks);
    let most = marks.flat_map(|m| [Some(m.value), m.paper]).flatten().filter(|v| v.is_finite()).fold(1.0f64, f64::max);
    let y = if log { Axis::log("", 1.0, most * 1.5) } else { Axis::linear("", most * 1.06) };
    let key = Strategy::ALL.map(|s| (s.name(), s.name().to_string())).into();
    Chart::Panels(Panels { panels, y, grid: true, levels: Vec::new(), key, least: LEAST })
}

/// Charts of all models side by side, on one scale.
fn grouped(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    log: bool,
    value: Value,
) -> AnyView {
    let many = Memo::new(move |_| store.answers.paper.with(|r| r.as_ref().is_some_and(|r| models(r).len() > 4)));
    let under = move |x: f64| -> Option<String> {
        let runs = store.answers.paper.get_untracked()?;
        let all = models(&runs);
        // Six settings and their mean.
        let each = all.iter().map(|m| m.2.len() + 1).max()?;
        let (model, _, groups) = all.get(floor(x / each as f64))?;
        let g = groups.get(floor(x) % each)?;
        let first = g.first()?;
        let words = |r: &PaperRun| {
            let v = value(r, g);
            format!(
                "{} {}",
                r.strategy,
                if v.is_finite() { format!("{}×", significant(v, 3)) } else { "no hops".into() }
            )
        };
        let all: Vec<String> = g.iter().map(words).collect();
        Some(format!("{model}, batch {}, {}: {}", first.batch, first.wafer, all.join(", ")))
    };
    (move || view! {
        <Figure
            store
            id
            title
            caption=Signal::derive(move || caption.to_string())
            height=if many.get() { five } else { four }
            chart=move || Some(small(&store.answers.paper.get()?, log, value))
            hover=move |x, _| under(x)
            csv=move || {
                let runs = store.answers.paper.get_untracked().unwrap_or_default();
                table("model,wafer,batch,strategy,synthetic,seconds,speedup,hops,local,remote,writes", runs.iter(), |t, r| {
                    let _ = writeln!(t, "{},{},{},{},{},{},{},{},{},{},{}", r.model, r.wafer, r.batch, r.strategy, r.synthetic, r.seconds, r.speedup, r.hops, r.reads.local, r.reads.remote, r.reads.writes);
                })
            }
        />
    })
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
        "Throughput over base (×), for every model, batch and wafer, on one scale; SoW is TSMC-SoW. The diamond is the paper\u{2019}s mean of allo+pred for the model, beside the mean of ours: it prints no number for a single bar.",
        false,
        |r, _| r.speedup,
    )
}

fn hops(store: Store) -> AnyView {
    grouped(
        store,
        "paper-hops",
        "Figure 12, bottom: hops",
        "Hops of base over hops of each strategy (×), logarithmic. ep has no hops at all, and so no bar.",
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
    let kinds = ["own HBM", "another device's", "copies written"];
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

pub(super) fn signed(x: f64) -> String {
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
        <div class="scroll" tabindex="0" role="region" aria-label="Figure 12, means">
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
        <div class="scroll" tabindex="0" role="region" aria-label="Figure 15">
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
