//! Figures 16 and 17 on what is shown: the second case study, on eight GPUs by the cost of their experts alone.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;

use crate::model::model_named;
use crate::plot::{Axis, Chart, Group, Line, Lines, Mark, Panel, Panels, columns, span};
use crate::protocol::{CASE_BATCHES, CASE_BESIDE, CASE_SPREAD, CaseRow, CaseStudy};
use crate::ui::figure::Figure;
use crate::ui::panels::views::table;
use crate::ui::runs::case_study;
use crate::ui::settings::set;
use crate::ui::store::Store;
use crate::units::{floor, grouped, significant};

/// The batch of Figure 16.
const BATCH: usize = 4096;
/// Placements that are drawn, with their colours.
const DRAWN: [(&str, &str); 6] = [
    ("worst", ""),
    ("best", ""),
    ("eplb_R1", "eplb"),
    ("dup", "chosen"),
    ("remap", "remap"),
    ("default", "contiguous"),
];
const LEAST: f64 = 190.0;
/// The model of the paper's case study.
const MODEL: &str = "qwen3-235b";

/// The section.
#[component]
pub(super) fn Case(store: Store) -> impl IntoView {
    let asked = store.answers.case_study;
    let other = move || {
        let shown = store.shown().and_then(|i| i.model.clone());
        (shown.as_deref() != Some(MODEL)).then(|| view! {
            <button type="button" on:click=move |_| drop(set(store, "model", MODEL))>"Show Qwen3-235B, as in the paper"</button>
        })
    };
    let state = move || {
        match (asked.progress(), asked.get()) {
        (Some((done, all)), _) => view! {
            <div class="status" role="status" id="casing">
                <span>"Placing and adding up: " {done} " of " {all} " batches"</span>
                <button type="button" on:click=move |_| asked.cancel()>"Stop"</button>
            </div>
        }
        .into_any(),
        (None, None) => view! {
            <p class="read">"Placements made on the prompts, on eight GPUs, in 16 decode steps at five batches. The published speedups are of Qwen3, with kernels on GPUs; here a step takes as long as its busiest GPU's experts cost."</p>
            <div class="row">
                <button type="button" class="btn go lg" id="run-case" on:click=move |_| case_study(store)>"Compute Figures 16 and 17"</button>
                {other}
            </div>
        }
        .into_any(),
        (None, Some(study)) => view! {
            <p class="read" id="case-done">{words(&study)}</p>
            <div class="figures full">{ratios(store)} {gpus(store)}</div>
            {beside(&study)}
        }
        .into_any(),
    }
    };
    view! {
        <section id="piece-figure-17" aria-labelledby="case-title">
            <h2 id="case-title">"Figures 16 and 17: placements on GPUs"</h2>
            {state}
        </section>
    }
}

fn words(study: &CaseStudy) -> String {
    let model = model_named(&study.model).map_or(study.model.as_str(), |m| m.title);
    let mean = |name: &str| study.mean(name).map_or_else(|| "–".into(), |m| significant(m, 4));
    let on = if study.synthetic {
        "the synthetic workload, which is more even than recorded requests"
    } else {
        "your trace"
    };
    format!(
        "On {on} ({model}, {} layers), remap is {}× the speed of experts in order of their ids, and dup {}×, means over five batches; a placement that knew the counts to come would be {}×.",
        study.layers.len(),
        mean("remap"),
        mean("dup"),
        mean("best")
    )
}

/// Figure 17.
fn ratios(store: Store) -> AnyView {
    let asked = store.answers.case_study;
    let at = |study: &CaseStudy, name: &str, batch: usize| {
        study.rows.iter().find(|r| r.placement == name && r.batch == batch).map(|r| r.ratio)
    };
    view! {
        <Figure
            store
            id="case-ratios"
            title="Figure 17: speedup over experts in order of their ids"
            caption=Signal::derive(|| "By requests of the batch. R1 is one spare slot on each GPU; dup has one too. best and worst know the counts to come: a heuristic's bound, and the hottest experts together.".to_string())
            height=|w| (w * 0.3).clamp(240.0, 320.0)
            chart=move || {
                let study = asked.get()?;
                let line = |(name, hue): (&str, &'static str)| Line {
                    name: name.into(),
                    hue,
                    points: CASE_BATCHES.iter().enumerate().map(|(i, &b)| (i as f64 + 0.5, at(&study, name, b).unwrap_or(f64::NAN))).collect(),
                    strong: name == "remap",
                };
                let lines: Vec<Line> = DRAWN.into_iter().map(line).collect();
                let most = lines.iter().flat_map(|l| &l.points).map(|p| p.1).filter(|v| v.is_finite()).fold(1.0f64, f64::max);
                let names = CASE_BATCHES.map(|b| grouped(b as u64));
                Some(Chart::Lines(Lines { lines, marker: None, x: Axis::named("requests", &names, 5), y: Axis::linear("", most * 1.1) }))
            }
            hover=move |x, _| {
                let study = asked.get_untracked()?;
                let batch = *CASE_BATCHES.get(floor(x))?;
                let words = |(name, _): (&str, &str)| Some(format!("{name} {}×", significant(at(&study, name, batch)?, 4)));
                Some(format!("{batch} requests: {}", DRAWN.into_iter().rev().filter_map(words).collect::<Vec<_>>().join(", ")))
            }
            csv=move || {
                let study = asked.get_untracked();
                table("batch,placement,spare,speedup", study.iter().flat_map(|s| &s.rows), |t, r| {
                    let _ = writeln!(t, "{},{},{},{}", r.batch, r.placement, r.spare, r.ratio);
                })
            }
        />
    }
    .into_any()
}

/// Busy seconds of each GPU in the middle layer, over their mean in the default placement.
fn busy(study: &CaseStudy, name: &str) -> Vec<f64> {
    let layer = study.layers.len() / 2;
    let of = |name: &str| -> Vec<f64> {
        let row: Option<&CaseRow> = study.rows.iter().find(|r| r.batch == BATCH && r.placement == name);
        row.and_then(|r| r.device_seconds.get(layer).cloned()).unwrap_or_default()
    };
    let default = of("default");
    let mean = default.iter().sum::<f64>() / default.len().max(1) as f64;
    of(name).into_iter().map(|s| s / mean).collect()
}

/// Figure 16.
fn gpus(store: Store) -> AnyView {
    let asked = store.answers.case_study;
    let shown: [(&str, &str); 4] = [DRAWN[5], DRAWN[4], DRAWN[3], DRAWN[1]];
    let caption = move || {
        let study: Option<Arc<CaseStudy>> = asked.get();
        let layer = study.as_ref().and_then(|s| s.layers.get(s.layers.len() / 2).copied()).unwrap_or_default();
        let spread = study.and_then(|s| s.default_spread(BATCH)).map_or_else(|| "–".into(), |s| significant(s, 3));
        format!(
            "Time that each GPU is busy in layer {layer} (the middle one) at {BATCH} requests, over the mean of the default. Busiest over idlest GPU of the default, mean over layers: {spread}; published: about {CASE_SPREAD}."
        )
    };
    view! {
        <Figure
            store
            id="case-gpus"
            title="Figure 16: the load of each GPU"
            caption=Signal::derive(caption)
            height=|w| 200.0 * 4usize.div_ceil(columns(4, w, LEAST)) as f64
            chart=move || {
                let study = asked.get()?;
                let panel = |(name, hue): (&str, &'static str)| {
                    let loads = busy(&study, name);
                    let top = loads.iter().copied().fold(0.0f64, f64::max);
                    let group = |(i, &value): (usize, &f64)| Group {
                        marks: vec![Mark { value, hue, faint: value < top, label: (value >= top).then(|| significant(value, 3)), paper: None }],
                        under: vec![i.to_string()],
                    };
                    Panel { title: name.into(), hue, groups: loads.iter().enumerate().map(group).collect(), ..Panel::default() }
                };
                let panels: Vec<Panel> = shown.into_iter().map(panel).collect();
                let most = panels.iter().flat_map(|p| &p.groups).flat_map(|g| &g.marks).map(|m| m.value).fold(1.0f64, f64::max);
                let levels = vec![(1.0, "1".to_string(), true)];
                Some(Chart::Panels(Panels { panels, y: Axis::linear("", most * 1.15), grid: false, levels, key: Vec::new(), least: LEAST }))
            }
            hover=move |x, _| {
                let study = asked.get_untracked()?;
                let span = span(busy(&study, "default").len(), true);
                let (name, _) = shown.get(floor(x / span))?;
                let gpu = floor(x - span * floor(x / span) as f64);
                Some(format!("GPU {gpu}, {name}: {}× the default's mean", significant(*busy(&study, name).get(gpu)?, 4)))
            }
            csv=move || {
                let study = asked.get_untracked();
                let rows = study.iter().flat_map(|s| s.rows.iter().flat_map(move |r| s.layers.iter().zip(&r.device_seconds).map(move |l| (r, l))));
                table("batch,placement,layer,gpu,seconds", rows, |t, (r, (layer, gpus))| {
                    for (gpu, seconds) in gpus.iter().enumerate() {
                        let _ = writeln!(t, "{},{},{layer},{gpu},{seconds}", r.batch, r.placement);
                    }
                })
            }
        />
    }
    .into_any()
}

/// Means beside the published ones.
fn beside(study: &CaseStudy) -> AnyView {
    let row = |(name, published, reproduced): (&'static str, Option<&'static str>, Option<f64>)| {
        let mean = study.mean(name);
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td>{published.unwrap_or("–")}</td>
                <td>{reproduced.map_or_else(|| "–".into(), |r| significant(r, 4))}</td>
                <td><data value=mean.map_or(String::new(), |v| v.to_string())>{mean.map_or_else(|| "–".into(), |m| significant(m, 4))}</data></td>
            </tr>
        }
    };
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Case study, means">
            <table id="case-means">
                <thead>
                    <tr>
                        <th scope="col">"Mean speedup over five batches"</th>
                        <th scope="col">"Paper (Qwen3, kernels)"</th>
                        <th scope="col">"Others (cost model, 103 requests)"</th>
                        <th scope="col">"Here"</th>
                    </tr>
                </thead>
                <tbody>{CASE_BESIDE.map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}
