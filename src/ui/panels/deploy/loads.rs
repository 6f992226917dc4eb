//! The load of each device under a few placements on one scale, and how far the busiest one is over the mean in every layer.

use std::fmt::Write;

use leptos::prelude::*;

use super::looked::{Desk, Which, drawn, hue, title};
use crate::plot::{Axis, Chart, Group, Line, Lines, Mark, Panel, Panels, columns};
use crate::protocol::{PlaceReport, PlacedStrategy};
use crate::ui::controls::Choice;
use crate::ui::figure::{Figure, clicks};
use crate::ui::panels::views::table;
use crate::units::{floor, significant};

/// The least width of a small chart, CSS pixels, and the height of one.
const LEAST: f64 = 176.0;
const HIGH: f64 = 216.0;

fn height(panels: usize, width: f64) -> f64 {
    panels.div_ceil(columns(panels, width, LEAST)) as f64 * HIGH
}

fn four(width: f64) -> f64 {
    height(4, width)
}

fn five(width: f64) -> f64 {
    height(5, width)
}

/// Loads of the devices in a layer, or in the mean one, over their mean.
fn over_mean(of: &PlacedStrategy, at: Option<usize>) -> Vec<f64> {
    let layers: Vec<_> = match at {
        Some(at) => of.by_layer.get(at).into_iter().collect(),
        None => of.by_layer.iter().collect(),
    };
    let devices = layers.first().map_or(0, |l| l.load_by_device.len());
    let sums: Vec<f64> = (0..devices).map(|d| layers.iter().map(|l| l.load_by_device[d]).sum()).collect();
    let mean = sums.iter().sum::<f64>() / devices.max(1) as f64;
    sums.into_iter().map(|s| if mean > 0.0 { s / mean } else { 0.0 }).collect()
}

fn busiest(loads: &[f64]) -> usize {
    (0..loads.len()).max_by(|&a, &b| loads[a].total_cmp(&loads[b]).then(b.cmp(&a))).unwrap_or(0)
}

/// The bounds of a layer, or of the mean one: with the counts to come known, and with the hottest experts together.
fn bounds(report: &PlaceReport, at: Option<usize>) -> [Option<f64>; 2] {
    ["best", "worst"].map(|name| {
        let of = report.bounds.iter().find(|b| b.name == name)?;
        at.map_or(Some(of.scores.max_over_mean), |at| of.by_layer.get(at).copied())
    })
}

fn layer_words(report: &PlaceReport, which: Which) -> String {
    let id = |at: usize| report.layers.get(at).copied().unwrap_or_default();
    match which {
        Which::Worst(at) => format!("Layer {}, where experts in order of their ids are worst", id(at)),
        Which::Chosen(at) => format!("Layer {}", id(at)),
        Which::Mean => "The mean of all layers".into(),
    }
}

fn chart(desk: Desk, report: &PlaceReport, device: &str) -> Chart {
    let which = desk.layer(report);
    let shown = drawn(desk, report);
    let chosen = desk.looked(report).map(|s| s.strategy.clone());
    let all: Vec<Vec<f64>> = shown.iter().map(|s| over_mean(s, which.at())).collect();
    let most = all.iter().flatten().copied().fold(1.0f64, f64::max);
    let panel = |(of, loads): (&&PlacedStrategy, &Vec<f64>)| {
        let (hue, top) = (hue(of), busiest(loads));
        let worst = of.by_layer.iter().map(|l| l.max_over_mean).fold(0.0f64, f64::max);
        let under = |d: usize| {
            let last = loads.len() - 1;
            if d == 0 || d == last {
                vec![d.to_string()]
            } else if d == last / 2 {
                vec![device.to_string()]
            } else {
                Vec::new()
            }
        };
        let group = |(d, &value): (usize, &f64)| Group {
            marks: vec![Mark {
                value,
                hue,
                faint: d != top,
                label: (d == top).then(|| significant(value, 3)),
                paper: None,
            }],
            under: under(d),
        };
        Panel {
            title: title(of),
            hue,
            note: format!("mean {}, worst {}", significant(of.max_over_mean, 4), significant(worst, 3)),
            chosen: chosen.as_ref() == Some(&of.strategy),
            groups: loads.iter().enumerate().map(group).collect(),
        }
    };
    let mut levels = vec![(1.0, "1".to_string(), true)];
    let [best, worst] = bounds(report, which.at());
    // A bound far above would leave no height to what is compared: the caption has it.
    levels.extend(worst.filter(|&w| w < most * 1.5).map(|w| (w, "worst".to_string(), false)));
    // One that lies on the mean would be drawn over it.
    levels.extend(best.filter(|&b| b > 1.0 + 0.12 * most).map(|b| (b, "best".to_string(), false)));
    let top = levels.iter().map(|l| l.0).fold(most, f64::max);
    Chart::Panels(Panels {
        panels: shown.iter().zip(&all).map(panel).collect(),
        y: Axis::linear("", top * 1.14),
        grid: false,
        levels,
        key: Vec::new(),
        least: LEAST,
    })
}

/// The chart and the device under a place.
fn under(desk: Desk, report: &PlaceReport, x: f64) -> Option<(String, usize, f64)> {
    let shown = drawn(desk, report);
    let devices = over_mean(shown.first()?, Some(0)).len();
    let span = devices as f64 + (devices as f64 * 0.13).max(1.0);
    let of = shown.get(floor(x / span))?;
    let device = floor(x - span * floor(x / span) as f64);
    Some((of.strategy.clone(), device, *over_mean(of, desk.layer(report).at()).get(device)?))
}

/// The load of each device.
pub(super) fn load(desk: Desk, device: &'static str, has_file: bool) -> AnyView {
    let store = desk.store;
    let caption = move || {
        let Some(report) = desk.report() else { return String::new() };
        let which = desk.layer(&report);
        let looked = desk.looked(&report).map_or_else(String::new, |s| s.strategy.clone());
        let bounds = match bounds(&report, which.at()) {
            [Some(best), Some(worst)] => format!(
                " The bounds there: {} where the counts to come are known, {} with the hottest experts together.",
                significant(best, 4),
                significant(worst, 3)
            ),
            _ => String::new(),
        };
        format!(
            "{}: tokens of each {device} over the mean, mean over steps; above each, the busiest {device} over all layers. No busiest {device} is below the line.{bounds} Chosen: {looked}.",
            layer_words(&report, which)
        )
    };
    let options = Signal::derive(move || {
        let report = desk.report();
        let layers = report.iter().flat_map(|r| r.layers.iter().enumerate());
        let worst = report.as_ref().and_then(|r| match desk.layer(r) {
            Which::Worst(at) => r.layers.get(at).copied(),
            _ => None,
        });
        let first = worst.map_or_else(|| "where ids are worst".to_string(), |id| format!("layer {id}, the worst"));
        [(String::new(), first), ("mean".to_string(), "mean over layers".to_string())]
            .into_iter()
            .chain(layers.map(|(at, id)| (at.to_string(), format!("layer {id}"))))
            .collect::<Vec<_>>()
    });
    let value = Signal::derive(move || match desk.report().map(|r| desk.layer(&r)) {
        Some(Which::Chosen(at)) => at.to_string(),
        Some(Which::Mean) => "mean".into(),
        _ => String::new(),
    });
    let choose = move |v: String| {
        let report = desk.report();
        let id = v.parse().ok().and_then(|at: usize| report.as_ref()?.layers.get(at).map(ToString::to_string));
        desk.choose_layer(id.or_else(|| (v == "mean").then_some(v)));
    };
    view! {
        <div class="dep-layer"><Choice id="placed-layer" label="Load of" options value on_change=choose /></div>
        <Figure
            store
            id="device-load"
            title=if device == "GPU" { "Load of each GPU" } else { "Load of each die" }
            caption=Signal::derive(caption)
            height=if has_file { five } else { four }
            chart=move || Some(chart(desk, &*desk.report()?, device))
            hover=move |x, _| {
                let report = store.answers.placed.get_untracked()?;
                let (name, at, load) = untrack(|| under(desk, &report, x))?;
                Some(format!("{device} {at}, {name}: {}× the mean", significant(load, 4)))
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
            click=clicks(move |x, _| {
                let found = store.answers.placed.get_untracked().and_then(|r| untrack(|| under(desk, &r, x)));
                if let Some((name, ..)) = found {
                    desk.choose(&name);
                }
            })
            at_once=true
        />
    }
    .into_any()
}

/// The busiest device over the mean in every layer.
pub(super) fn layers(desk: Desk, device: &'static str) -> AnyView {
    let store = desk.store;
    let caption = move || {
        let Some(report) = desk.report() else { return String::new() };
        let [best, worst] = bounds(&report, None);
        let spread = |of: &PlacedStrategy| {
            let all = || of.by_layer.iter().map(|l| l.max_over_mean);
            let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
            format!("{} from {} to {}", title(of), significant(least, 3), significant(most, 3))
        };
        let words: Vec<String> = drawn(desk, &report).into_iter().map(spread).collect();
        let bounds = match (best, worst) {
            (Some(best), Some(worst)) => format!(
                " Mean over layers with the counts to come known: {}; with the hottest experts together: {}.",
                significant(best, 4),
                significant(worst, 4)
            ),
            _ => String::new(),
        };
        format!(
            "{}. Mean over steps; 1 is an even load.{bounds} Choose a layer to see its {device}s above.",
            words.join(", ")
        )
    };
    view! {
        <Figure
            store
            id="layer-balance"
            title=if device == "GPU" { "Busiest GPU over the mean, every layer" } else { "Busiest die over the mean, every layer" }
            caption=Signal::derive(caption)
            height=|w| (w * 0.26).clamp(220.0, 300.0)
            chart=move || {
                let report = desk.report()?;
                let which = desk.layer(&report);
                let looked = desk.looked(&report).map(|s| s.strategy.clone());
                let line = |of: &PlacedStrategy| Line {
                    name: title(of),
                    hue: hue(of),
                    points: of.by_layer.iter().enumerate().map(|(i, l)| (i as f64 + 0.5, l.max_over_mean)).collect(),
                    strong: looked.as_ref() == Some(&of.strategy),
                };
                let lines: Vec<Line> = drawn(desk, &report).into_iter().map(line).collect();
                let most = lines.iter().flat_map(|l| &l.points).map(|p| p.1).fold(1.05f64, f64::max);
                let names: Vec<String> = report.layers.iter().map(ToString::to_string).collect();
                let words = |at: usize| format!("layer {}", report.layers.get(at).copied().unwrap_or_default());
                Some(Chart::Lines(Lines {
                    lines,
                    marker: which.at().map(|at| (at as f64 + 0.5, words(at))),
                    x: Axis::named("layer", &names, 16),
                    y: Axis::from_one("", most * 1.02),
                }))
            }
            hover=move |x, _| {
                let report = store.answers.placed.get_untracked()?;
                let id = report.layers.get(floor(x))?;
                let words = |s: &PlacedStrategy| Some(format!("{} {}", title(s), significant(s.by_layer.get(floor(x))?.max_over_mean, 4)));
                let all: Vec<String> = untrack(|| drawn(desk, &report).into_iter().filter_map(words).collect());
                Some(format!("layer {id}: {}", all.join(", ")))
            }
            csv=move || {
                let report = store.answers.placed.get_untracked();
                let rows = report.iter().flat_map(|r| &r.strategies).flat_map(|s| s.by_layer.iter().map(move |l| (s, l)));
                table("strategy,layer,max_over_mean,learnt_max_over_mean,activated_max_over_mean,seconds", rows, |t, (s, l)| {
                    let _ = writeln!(t, "{},{},{},{},{},{}", s.strategy, l.layer, l.max_over_mean, l.learnt_max_over_mean, l.activated_max_over_mean, l.seconds);
                })
            }
            click=clicks(move |x, _| {
                let id = store.answers.placed.get_untracked().and_then(|r| r.layers.get(floor(x)).copied());
                desk.choose_layer(id.map(|id| id.to_string()));
            })
            at_once=true
        />
    }
    .into_any()
}
