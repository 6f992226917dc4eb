//! A setting swept over a range: what if links were faster, the wafer larger, weights smaller?

use std::fmt::Write;

use leptos::prelude::*;

use super::views::table;
use crate::experiment::{Experiment, SWEPT, Sweep, key_named};
use crate::model::FIELDS;
use crate::plot::{Axis, Chart, Curve, Curves};
use crate::protocol::RunReport;
use crate::ui::controls::{Choice, Number};
use crate::ui::figure::{Figure, Missing, wide};
use crate::ui::selection::unsimulated;
use crate::ui::settings::{change, get, set};
use crate::ui::store::{Point, Store};
use crate::units::significant;

/// Name of a setting for people.
fn words(name: &str) -> String {
    let other = match name {
        "batch" => "Batch, requests",
        "steps" => "Decode steps",
        "layers" => "Simulated layers",
        "flight" => "Fetches in flight for each device",
        "weight" => "Bytes of a weight",
        "predict" => "Predicted experts, % of a row",
        "block" => "Tokens of a block",
        _ => "Split threshold, factor of tau",
    };
    FIELDS.iter().find(|f| f.name == name).map_or(other, |f| f.words).to_string()
}

/// The value that a setting has now.
fn current(experiment: &Experiment, name: &str) -> f64 {
    let field = FIELDS.iter().find(|f| f.name == name);
    let key = key_named(name);
    let written = key.and_then(|k| (k.get)(experiment).parse().ok());
    written.or_else(|| field.map(|f| (f.get)(&experiment.hardware()))).unwrap_or(1.0)
}

/// From half to twice of what it is, as far as the setting goes.
fn around(experiment: &Experiment, name: &str) -> Option<Sweep> {
    let now = current(experiment, name);
    [(0.5, 2.0), (0.5, 1.0), (1.0, 2.0)].into_iter().find_map(|(low, high)| {
        let text = format!("{name}:{}:{}:7", now * low, now * high);
        Experiment::default().with("sweep", &text).ok()?.view.sweep
    })
}

/// Controls and curve.
#[component]
pub(crate) fn Sensitivity(store: Store) -> impl IntoView {
    let chosen = move || store.scene.with(|e| e.view.sweep.clone());
    let options = Signal::derive(|| {
        let mut all = vec![(String::new(), "nothing".to_string())];
        all.extend(SWEPT.iter().map(|s| (s.to_string(), words(s))));
        all
    });
    let choose = move |name: String| change(store, true, |e| e.view.sweep = around(e, &name));
    let part = move |i: usize| {
        Signal::derive(move || get(store, "sweep").get().split(':').nth(i).unwrap_or_default().to_string())
    };
    let edit = move |i: usize, v: String| -> Result<(), String> {
        let text = get(store, "sweep").get_untracked();
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.len() == 4 {
            parts[i] = v.trim();
        }
        set(store, "sweep", &parts.join(":"))
    };
    let name = Memo::new(move |_| chosen().map(|s| s.name));
    let why = unsimulated(store);
    let shown = move |name| match why.get() {
        None => figure(store, name),
        Some(why) => view! { <Missing id="sweep-curve" title="Sensitivity" why=why.to_string() /> }.into_any(),
    };
    view! {
        <h3 class="sub">"What if?"</h3>
        <div class="tools">
            <Choice
                id="sweep"
                label="Sweep a setting"
                options
                value=Signal::derive(move || chosen().map(|s| s.name).unwrap_or_default())
                on_change=choose
            />
            {move || chosen().is_some().then(|| view! {
                <Number id="sweep-from" label="From" value=part(1) on_change=move |v| edit(1, v) />
                <Number id="sweep-to" label="To" value=part(2) on_change=move |v| edit(2, v) />
                <Number id="sweep-points" label="Values" value=part(3) on_change=move |v| edit(3, v) />
            })}
        </div>
        {move || name.get().map(|name| view! { <div class="figures wide">{shown(name)}</div> })}
    }
}

/// Those of the points that could be run.
fn results(points: &[Point]) -> Vec<(f64, &RunReport)> {
    points.iter().filter_map(|p| Some((p.at, &**p.result.as_ref().ok()?))).collect()
}

fn figure(store: Store, name: String) -> AnyView {
    let axis = words(&name);
    let baseline = move || store.scene.with(|e| e.run.baseline.name());
    let all = move || {
        let wanted = store.scene.with(|e| e.view.sweep.as_ref().map_or(0, |s| s.values().len()));
        (store.answers.sweep.get().unwrap_or_default(), wanted)
    };
    let caption = {
        let axis = axis.clone();
        move || {
            let (done, wanted) = all();
            let base = format!(
                "Throughput of each strategy, over that of {0} at the first value, so that {0} shows what the setting alone does.",
                baseline()
            );
            let progress = if done.len() < wanted {
                format!(" {} of {wanted} values are there.", done.len())
            } else {
                String::new()
            };
            let failed = done.iter().filter_map(|p| Some(format!(" {} failed: {}.", p.at, p.result.as_ref().err()?)));
            format!("{axis}. {base}{progress}{}", failed.collect::<String>())
        }
    };
    let curves = |done: &[(f64, &RunReport)]| -> Vec<Curve> {
        let Some(first) = done.first().and_then(|(_, r)| r.runs.first()).map(|r| r.throughput / r.speedup) else {
            return Vec::new();
        };
        let names: Vec<String> = done[0].1.runs.iter().map(|r| r.strategy.clone()).collect();
        let of = |name: &String| {
            let value = |(x, r): &(f64, &RunReport)| {
                r.runs.iter().find(|r| r.strategy == *name).map(|r| (*x, r.throughput / first))
            };
            Curve { name: name.clone(), points: done.iter().filter_map(value).collect() }
        };
        names.iter().map(of).collect()
    };
    view! {
        <Figure
            store
            id="sweep-curve"
            title="Sensitivity"
            caption=Signal::derive(caption)
            height=wide
            chart=move || {
                let (done, _) = all();
                let done = results(&done);
                let curves = curves(&done);
                let most = curves.iter().flat_map(|c| &c.points).fold(0.0f64, |a, p| a.max(p.1));
                let (from, to) = (done.first()?.0, done.last()?.0);
                let mut x = Axis::linear(&axis, to.max(from));
                x.from = from.min(to);
                x.ticks.retain(|t| t.0 >= x.from);
                if x.to <= x.from {
                    x.to = x.from + 1.0;
                }
                Some(Chart::Curves(Curves { curves, steps: false, markers: Vec::new(), x, y: Axis::linear(&format!("throughput, × {} at first", baseline()), most * 1.08) }))
            }
            hover=move |x, _| {
                let done = store.answers.sweep.get_untracked()?;
                let done = results(&done);
                let (value, report) = done.iter().min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()))?;
                let all: Vec<String> = report.runs.iter().map(|r| format!("{} {}×", r.strategy, significant(r.speedup, 3))).collect();
                Some(format!("{}: over {} of the same value, {}", significant(*value, 4), untrack(baseline), all.join(", ")))
            }
            csv=move || {
                let done = store.answers.sweep.get_untracked().unwrap_or_default();
                let done = results(&done);
                let rows = done.iter().flat_map(|(v, r)| r.runs.iter().map(move |r| (v, r)));
                table("value,strategy,seconds,throughput,speedup,hops", rows, |t, (v, r)| {
                    let _ = writeln!(t, "{v},{},{},{},{},{}", r.strategy, r.seconds, r.throughput, r.speedup, r.hops);
                })
            }
        />
    }
    .into_any()
}
