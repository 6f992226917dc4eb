//! One layer of one step over time, and which resource is critical in which layer.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;

use crate::experiment::Experiment;
use crate::plot::{Axis, Bar, Bars, Chart, Gantt, Span};
use crate::sim::{Computed, Timeline};
use crate::ui::figure::{Figure, wide};
use crate::ui::settings::shown_run;
use crate::ui::store::Store;
use crate::units::{floor, percent, seconds};

/// Where each flow of a die stands: the lowest lane that is free.
fn lanes(timeline: &Timeline) -> (Vec<usize>, usize) {
    let mut lanes = Vec::with_capacity(timeline.flows.len());
    let mut busy: Vec<(usize, Vec<f64>)> = Vec::new();
    for flow in &timeline.flows {
        if busy.last().is_none_or(|(die, _)| *die != flow.die) {
            busy.push((flow.die, Vec::new()));
        }
        let Some((_, ends)) = busy.last_mut() else { continue };
        let lane = ends.iter().position(|&end| end <= flow.start).unwrap_or(ends.len());
        if lane == ends.len() {
            ends.push(0.0);
        }
        ends[lane] = flow.end;
        lanes.push(lane);
    }
    let most = lanes.iter().max().map_or(0, |l| l + 1);
    (lanes, most)
}

fn kind(source: usize, die: usize, tokens: f64) -> usize {
    match (source == die, tokens > 0.0) {
        (true, true) => 0,
        (false, _) => 1,
        (true, false) => 2,
    }
}

/// What every die fetched and computed.
pub(super) fn gantt(store: Store) -> AnyView {
    let timeline = move || store.answers.timeline.get();
    let mesh = move || store.scene.with(Experiment::hardware).mesh;
    let noun = move || store.scene.with_untracked(|e| e.system().nouns().device);
    let caption = move || {
        let (show, noun) = store.scene.with(|e| (e.view.show.name(), e.system().nouns().device));
        format!(
            "What each {noun} fetched (upper bars of a row) and computed (lowest bar) under {show}, in the step and layer above. The layer ends with its last {noun}."
        )
    };
    view! {
        <Figure
            store
            id="layer-time"
            title="Fetches and computing by device"
            caption=Signal::derive(caption)
            height=|w| (w * 0.6).clamp(320.0, 720.0)
            at_once=true
            chart=move || {
                let t = timeline()?;
                let dies = mesh().dies();
                let (lanes, most) = lanes(&t);
                let micro = 1e6;
                let flows = t.flows.iter().zip(lanes).map(|(f, lane)| Span {
                    row: f.die,
                    lane,
                    start: f.start * micro,
                    end: f.end * micro,
                    kind: kind(f.source, f.die, f.tokens),
                });
                let computed = t.computed.iter().map(|c| Span { row: c.die, lane: most, start: c.start * micro, end: c.end * micro, kind: 3 });
                let names: Vec<String> = (0..dies).map(|d| d.to_string()).collect();
                let mut rows = Axis::named(noun(), &names, 26);
                // The first is at the top.
                (rows.from, rows.to) = (rows.to, rows.from);
                Some(Chart::Gantt(Gantt {
                    spans: flows.chain(computed).collect(),
                    kinds: ["own HBM", "another device's", "copy kept", "computing"].map(String::from).into(),
                    lanes: most + 1,
                    x: Axis::linear("time, µs", t.seconds * micro),
                    y: rows,
                }))
            }
            hover=move |x, y| {
                let t = store.answers.timeline.get_untracked()?;
                let (die, at) = (floor(y), x * 1e-6);
                let flows = t.flows.iter().filter(|f| f.die == die && f.start <= at && at < f.end);
                let mut words: Vec<String> = flows
                    .map(|f| match kind(f.source, f.die, f.tokens) {
                        0 => format!("reads expert {}", f.expert),
                        1 => format!("fetches expert {} from {} {}", f.expert, noun(), f.source),
                        _ => format!("keeps a copy of expert {}", f.expert),
                    })
                    .collect();
                let computing = t.computed.iter().find(|c| c.die == die && c.start <= at && at < c.end);
                words.extend(computing.map(|c| format!("computes expert {}", c.expert)));
                let what = if words.is_empty() { "idle".into() } else { words.join(", ") };
                Some(format!("{} {die} at {}: {what}", noun(), seconds(at)))
            }
            csv=move || {
                let t: Arc<Timeline> = store.answers.timeline.get_untracked().unwrap_or_default();
                let mut text = "kind,die,source,expert,tokens,start_seconds,end_seconds\n".to_string();
                for f in &t.flows {
                    let name = ["local", "remote", "copy"][kind(f.source, f.die, f.tokens)];
                    let _ = writeln!(text, "{name},{},{},{},{},{},{}", f.die, f.source, f.expert, f.tokens, f.start, f.end);
                }
                for Computed { die, expert, start, end } in &t.computed {
                    let _ = writeln!(text, "compute,{die},,{expert},,{start},{end}");
                }
                text
            }
        />
    }
    .into_any()
}

/// What limited each layer.
pub(super) fn critical(store: Store) -> AnyView {
    let run = move || store.answers.run.get().and_then(|r| store.scene.with(|e| shown_run(&r, e)).map(|s| (r, s)));
    let names = ["computing", "HBM", "links"];
    view! {
        <Figure
            store
            id="critical"
            title="What limits each layer"
            caption=Signal::derive(move || format!("Time of each simulated layer, over all steps, by the resource that was critical in it (computing, HBM or links), under {}.", run().map_or_else(String::new, |r| r.1.strategy)))
            height=wide
            chart=move || {
                let (report, run) = run()?;
                let most = run.layer_seconds.iter().flatten().fold(0.0f64, |a, &b| a.max(b));
                let bar = |s: &[f64; 3]| Bar { values: s.iter().map(|v| v * 1e3).collect(), ..Bar::default() };
                let ids: Vec<String> = report.layers.iter().map(ToString::to_string).collect();
                Some(Chart::Bars(Bars {
                    bars: run.layer_seconds.iter().map(bar).collect(),
                    series: names.map(String::from).into(),
                    x: Axis::named("layer", &ids, 20),
                    y: Axis::linear("time, ms", most * 1e3 * 1.05),
                    level: None,
                }))
            }
            hover=move |x, _| {
                let (report, run) = untrack(run)?;
                let parts = run.layer_seconds.get(floor(x))?;
                let all: f64 = parts.iter().sum();
                let words: Vec<String> = names.iter().zip(parts).filter(|p| *p.1 > 0.0).map(|(n, p)| format!("{n} {}", percent(p / all))).collect();
                Some(format!("layer {}: {}; limited by {}", report.layers.get(floor(x))?, seconds(all), words.join(", ")))
            }
            csv=move || {
                let Some((report, run)) = untrack(run) else { return String::new() };
                let mut text = "layer,compute_seconds,hbm_seconds,link_seconds\n".to_string();
                for (l, s) in report.layers.iter().zip(&run.layer_seconds) {
                    let _ = writeln!(text, "{l},{},{},{}", s[0], s[1], s[2]);
                }
                text
            }
        />
    }
    .into_any()
}
