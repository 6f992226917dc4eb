//! Where experts move: the figures of the analyses.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;

use crate::model::{Scope, model_named};
use crate::plot::{Axis, Bar, Bars, Curve, Curves, Heatmap, Marker, Points, bars, curves, heatmap, pixels, points};
use crate::protocol::{LayerView, Overview};
use crate::ui::actions::change;
use crate::ui::controls::Choice;
use crate::ui::figure::{Figure, square, wide};
use crate::ui::numbers::{fact, number, share};
use crate::ui::store::Store;
use crate::units::{floor, percent, significant};
use crate::web::{draw, picture};

/// The second part of the page.
#[component]
pub(crate) fn See(store: Store) -> impl IntoView {
    view! {
        <section aria-labelledby="see-title">
            <h2 id="see-title">"2 · Where experts move"</h2>
            <Tools store />
            <dl class="facts" id="layer-facts">{move || store.layer.get().map(|v| facts(store, &v))}</dl>
            <div class="figures">
                <FrequencyMap store />
                <FrequencyBars store />
                <TokenMap store />
                <Diagonal store />
                <ReuseBins store />
                <ReuseCurve store />
                <PairMap store />
            </div>
        </section>
    }
}

#[component]
fn Tools(store: Store) -> impl IntoView {
    let layers = move || store.shown().map(|i| i.layers.clone()).unwrap_or_default();
    let position = move || store.experiment.with(|e| e.layer).min(layers().len().saturating_sub(1));
    let scopes = [("all", "prefill and decode, joined"), ("prefill", "prefill"), ("decode", "decode")];
    let scopes: Vec<_> = scopes.map(|(a, b)| (a.to_string(), b.to_string())).into();
    let choose = move |v: String| {
        if let Some(scope) = Scope::EACH.into_iter().find(|s| s.name() == v) {
            change(store, true, |e| e.scope = scope);
        }
    };
    view! {
        <div class="tools">
            <label class="control wide" for="layer">
                <span>
                    "Layer " <output for="layer">{move || layers().get(position()).map_or("–".into(), ToString::to_string)}</output>
                    {move || format!(" ({} of {})", position() + 1, layers().len())}
                </span>
                <input
                    id="layer"
                    type="range"
                    min="0"
                    step="1"
                    prop:max=move || layers().len().saturating_sub(1).to_string()
                    prop:value=move || position().to_string()
                    on:input=move |e| {
                        if let Ok(layer) = event_target_value(&e).parse() {
                            change(store, false, |e| e.layer = layer);
                        }
                    }
                />
            </label>
            <Choice
                id="scope"
                label="Tokens"
                options=Signal::derive(move || scopes.clone())
                value=Signal::derive(move || store.experiment.with(|e| e.scope.name().to_string()))
                on_change=choose
            />
        </div>
    }
}

fn facts(store: Store, view: &LayerView) -> impl IntoView + use<> {
    let model = store.shown().and_then(|i| i.model.as_deref().and_then(model_named));
    let paper = model.and_then(|m| m.paper_cross_token).map(|c| format!("paper {}, mean over layers", percent(c)));
    let chance = store.shown().map_or(0.0, |i| i.top_k as f64 / i.experts.max(1) as f64);
    let llama = model.is_some_and(|m| m.name == "llama4-maverick").then(|| "paper: over 16 in layer 7".to_string());
    let pairs = view.pairs.is_some();
    view! {
        {fact("Skew, largest over mean", "fact-skew", view.skew.map(|s| number(s, 4, "×")), llama)}
        {fact("Next token's experts in the top 20%", "fact-coverage", share(view.coverage.top), paper)}
        {fact("the same, weighted over rows", "fact-coverage-weighted", share(view.coverage.weighted), None)}
        {fact("An expert is used again, weighted", "fact-diagonal", share(view.diagonal_mean.0), Some(format!("chance {}", percent(chance))))}
        {pairs.then(|| fact("Strongest pair over average", "fact-max-pair", view.coactivation.max_ratio.map(|s| number(s, 4, "×")), Some("paper 20 to 40×".into())))}
        {pairs.then(|| fact("Co-activations in the top 10% of pairs", "fact-top-pairs", share(view.coactivation.top10_share), Some("paper 60 to 80%".into())))}
    }
}

fn ids(layers: &[u32]) -> Vec<String> {
    layers.iter().map(ToString::to_string).collect()
}

#[component]
fn FrequencyMap(store: Store) -> impl IntoView {
    let map = |o: &Overview, marked: usize| {
        let most = o.frequency.iter().fold(0.0f32, |a, &b| a.max(b));
        // One collapsed layer would leave all others dark.
        let max = f64::from(most).min(16.0);
        let unit = "over the mean, ×";
        (max, unit.to_string(), marked, Axis::cells("expert", o.experts), Axis::named("layer", &ids(&o.layers), 14))
    };
    let position = Memo::new(move |_| store.experiment.with(|e| e.layer));
    view! {
        <Figure
            store
            id="frequency-map"
            title="Expert frequency by layer"
            caption=Signal::derive(|| "How often each expert is chosen, over the mean of its layer (analysis A). A bright cell is a hot expert (colours end at 16 times the mean); the arrow marks the layer of the other figures.".to_string())
            height=square
            draw=move |canvas, size, look| {
                let o = store.overview.get()?;
                let (max, unit, marked, x, y) = map(&o, position.get().min(o.layers.len().saturating_sub(1)));
                let map = Heatmap { values: &o.frequency, columns: o.experts, max, x, y, unit, marked: Some(marked) };
                let frame = draw(canvas, size, look, |area| heatmap(area, look, &map).ok())?;
                picture(canvas, &frame, &pixels(&map, &look.theme), map.columns)?;
                Some(frame)
            }
            hover=move |x, y| {
                let o = store.overview.get_untracked()?;
                let (e, l) = (floor(x), floor(y));
                let value = *o.frequency.get(l * o.experts + e)?;
                Some(format!("layer {}, expert {e}: {}× the mean", o.layers.get(l)?, significant(f64::from(value), 3)))
            }
            csv=move || {
                let mut text = "layer,expert,over_mean\n".to_string();
                if let Some(o) = store.overview.get_untracked() {
                    for (l, row) in o.layers.iter().zip(o.frequency.chunks_exact(o.experts.max(1))) {
                        row.iter().enumerate().for_each(|(e, v)| { let _ = writeln!(text, "{l},{e},{v}"); });
                    }
                }
                text
            }
        />
    }
}

#[component]
fn FrequencyBars(store: Store) -> impl IntoView {
    let caption = move || match store.layer.get() {
        Some(v) => format!("Tokens of each expert in layer {}. Skew is the largest count over the mean.", v.id),
        None => String::new(),
    };
    view! {
        <Figure
            store
            id="frequency-bars"
            title="Expert frequency in this layer"
            caption=Signal::derive(caption)
            height=square
            draw=move |canvas, size, look| {
                let v = store.layer.get()?;
                let most = v.frequency.iter().max().copied().unwrap_or(0);
                let mean = v.frequency.iter().sum::<u64>() as f64 / v.experts.max(1) as f64;
                let chart = Bars {
                    bars: v.frequency.iter().map(|&c| Bar { values: vec![c as f64], marked: c == most, ..Bar::default() }).collect(),
                    series: vec!["tokens".into()],
                    x: Axis::cells("expert", v.experts),
                    y: Axis::linear("tokens", most as f64 * 1.05),
                    level: Some((mean, "mean".into())),
                };
                draw(canvas, size, look, |area| bars(area, look, &chart).ok())
            }
            hover=move |x, _| {
                let v = store.layer.get_untracked()?;
                Some(format!("expert {}: {} tokens", floor(x), crate::units::grouped(*v.frequency.get(floor(x))?)))
            }
            csv=move || {
                let mut text = "expert,tokens\n".to_string();
                if let Some(v) = store.layer.get_untracked() {
                    v.frequency.iter().enumerate().for_each(|(e, c)| { let _ = writeln!(text, "{e},{c}"); });
                }
                text
            }
        />
    }
}

/// Draws an expert × expert matrix, and tells its cells.
fn matrix<'a>(values: &'a [f32], experts: usize, axes: [&str; 2], unit: &str) -> Heatmap<'a> {
    let max = values.iter().copied().filter(|v| !v.is_nan()).fold(0.0f32, f32::max);
    Heatmap {
        values,
        columns: experts,
        max: if max > 0.0 { f64::from(max) } else { 1.0 },
        x: Axis::cells(axes[0], experts),
        y: Axis::cells(axes[1], experts),
        unit: unit.into(),
        marked: None,
    }
}

fn matrix_csv(head: &str, values: &[f32], experts: usize) -> String {
    let mut text = format!("{head}\n");
    for (i, row) in values.chunks_exact(experts.max(1)).enumerate() {
        row.iter().enumerate().filter(|(_, v)| **v > 0.0).for_each(|(j, v)| {
            let _ = writeln!(text, "{i},{j},{v}");
        });
    }
    text
}

#[component]
fn TokenMap(store: Store) -> impl IntoView {
    let caption = move || match store.layer.get() {
        Some(v) => format!(
            "Chance that the next token uses expert j, given that this token uses expert i, in layer {} (analysis C, Ob2). The diagonal is an expert used again. Grey rows: experts that were never used.",
            v.id
        ),
        None => String::new(),
    };
    view! {
        <Figure
            store
            id="token-map"
            title="Cross-token correlation"
            caption=Signal::derive(caption)
            height=square
            draw=move |canvas, size, look| {
                let v = store.layer.get()?;
                let map = matrix(&v.cross_token, v.experts, ["expert of the next token", "expert of this token"], "probability");
                let frame = draw(canvas, size, look, |area| heatmap(area, look, &map).ok())?;
                picture(canvas, &frame, &pixels(&map, &look.theme), map.columns)?;
                Some(frame)
            }
            hover=move |x, y| {
                let v = store.layer.get_untracked()?;
                let (j, i) = (floor(x), floor(y));
                let p = *v.cross_token.get(i * v.experts + j)?;
                Some(if p.is_nan() { format!("expert {i} was never used before another token") } else { format!("after expert {i}, expert {j}: {}", percent(p.into())) })
            }
            csv=move || store.layer.get_untracked().map_or_else(String::new, |v| matrix_csv("this,next,probability", &v.cross_token, v.experts))
        />
    }
}

#[component]
fn Diagonal(store: Store) -> impl IntoView {
    let caption = move || match store.layer.get() {
        Some(v) => format!(
            "The diagonal of the matrix: chance that a token's expert is used again by the next token, in layer {}.",
            v.id
        ),
        None => String::new(),
    };
    view! {
        <Figure
            store
            id="token-diagonal"
            title="Used again by the next token"
            caption=Signal::derive(caption)
            height=square
            draw=move |canvas, size, look| {
                let v = store.layer.get()?;
                let chance = store.shown().map_or(0.0, |i| i.top_k as f64 / i.experts.max(1) as f64);
                let mut levels = Vec::new();
                levels.extend(v.diagonal_mean.0.map(|d| (d, format!("weighted mean {}", percent(d)))));
                levels.push((chance, format!("chance {}", percent(chance))));
                let most = v.diagonal.iter().copied().filter(|p| !p.is_nan()).fold(0.0f32, f32::max);
                let y = Axis::share("probability", (f64::from(most) * 1.1).clamp(0.05, 1.0));
                let chart = Points { values: &v.diagonal, levels, x: Axis::cells("expert", v.experts), y };
                draw(canvas, size, look, |area| points(area, look, &chart).ok())
            }
            hover=move |x, _| {
                let v = store.layer.get_untracked()?;
                let p = *v.diagonal.get(floor(x))?;
                Some(format!("expert {}: {}", floor(x), if p.is_nan() { "never used".into() } else { percent(p.into()) }))
            }
            csv=move || {
                let mut text = "expert,probability\n".to_string();
                if let Some(v) = store.layer.get_untracked() {
                    v.diagonal.iter().enumerate().filter(|(_, p)| !p.is_nan()).for_each(|(e, p)| { let _ = writeln!(text, "{e},{p}"); });
                }
                text
            }
        />
    }
}

/// Words for a bin of distances.
fn bin(b: usize) -> String {
    match b {
        0 => "0".into(),
        1 => "1".into(),
        _ => format!("{}–{}", 1usize << (b - 1), (1usize << b) - 1),
    }
}

fn streams(o: &Overview) -> [(&'static str, &crate::analysis::DistanceCounts); 2] {
    [("within a request", &o.per_request), ("all requests in lockstep", &o.batched)]
}

/// Share of the accesses in each bin; cold ones last.
fn shares(o: &Overview) -> Vec<[f64; 2]> {
    let bins = streams(o).map(|(_, c)| (c.log2_bins(), c));
    let n = bins.iter().map(|(b, _)| b.len()).max().unwrap_or(0);
    let of = |count: u64, all: u64| if all > 0 { count as f64 / all as f64 } else { 0.0 };
    let warm = (0..n).map(|i| bins.each_ref().map(|(b, c)| of(b.get(i).copied().unwrap_or(0), c.accesses)));
    warm.chain([bins.each_ref().map(|(_, c)| of(c.cold, c.accesses))]).collect()
}

#[component]
fn ReuseBins(store: Store) -> impl IntoView {
    let phase = move || {
        store
            .overview
            .get()
            .and_then(|o| o.stream)
            .map_or("", |p| if p == crate::model::Phase::Decode { "decode" } else { "prefill" })
    };
    let caption = move || {
        format!(
            "Distinct other (layer, expert) weights used since this one was last used, over the {} tokens (analysis F). Within a request, and with all requests in lockstep as a batch; the bin on the right holds first uses.",
            phase()
        )
    };
    view! {
            <Figure
                store
                id="reuse-bins"
                title="Reuse distance"
                caption=Signal::derive(caption)
                height=wide
                draw=move |canvas, size, look| {
                    let o = store.overview.get()?;
                    let all = shares(&o);
                    let mut names: Vec<_> = (0..all.len().saturating_sub(1)).map(bin).collect();
                    names.push("first".into());
                    let most = all.iter().flatten().fold(0.0f64, |a, &b| a.max(b));
    let y = Axis::share("share of accesses", most * 1.05);
                    let chart = Bars {
                        bars: all.iter().map(|v| Bar { values: v.to_vec(), ..Bar::default() }).collect(),
                        series: streams(&o).map(|(n, _)| n.to_string()).into(),
                        x: Axis::named("reuse distance, experts", &names, 99),
                        y,
                        level: None,
                    };
                    draw(canvas, size, look, |area| bars(area, look, &chart).ok())
                }
                hover=move |x, _| {
                    let o = store.overview.get_untracked()?;
                    let all = shares(&o);
                    let v = all.get(floor(x))?;
                    let name = if floor(x) + 1 == all.len() { "first uses".to_string() } else { format!("distance {}", bin(floor(x))) };
                    Some(format!("{name}: {} within a request, {} in lockstep", percent(v[0]), percent(v[1])))
                }
                csv=move || {
                    let mut text = "stream,accesses,cold,distance,count\n".to_string();
                    if let Some(o) = store.overview.get_untracked() {
                        for (name, c) in streams(&o) {
                            for (d, n) in c.histogram.iter().enumerate().filter(|(_, n)| **n > 0) {
                                let _ = writeln!(text, "{name},{},{},{d},{n}", c.accesses, c.cold);
                            }
                        }
                    }
                    text
                }
            />
        }
}

#[component]
fn ReuseCurve(store: Store) -> impl IntoView {
    let capacities = move || {
        let (wafer, size) = store.experiment.with(|e| (e.hardware(), e.preset().expert_bytes(e.weight)));
        let of = |name: &str, bytes: f64| {
            let experts = bytes / size;
            (experts, format!("{name} {} = {} experts", crate::units::bytes(bytes), significant(experts, 2)))
        };
        [of("LLC", wafer.llc), of("HBM of a die", wafer.usable * wafer.dram)]
    };
    let caption = move || {
        let size = store.experiment.with(|e| e.preset().expert_bytes(e.weight));
        format!(
            "Share of accesses that an LRU cache of this many experts misses, first uses included. Lines: what the last-level cache and the usable HBM of one die hold at {} an expert.",
            crate::units::bytes(size)
        )
    };
    view! {
        <Figure
            store
            id="reuse-curve"
            title="Miss ratio of a cache of experts"
            caption=Signal::derive(caption)
            height=wide
            draw=move |canvas, size, look| {
                let o = store.overview.get()?;
                let objects = (o.layers.len() * o.experts) as f64;
                let marks = capacities();
                let to = marks.iter().fold(objects, |a, m| a.max(m.0 * 1.2)).max(10.0);
                let curve = |(name, counts): (&str, &crate::analysis::DistanceCounts)| Curve {
                    name: name.into(),
                    points: counts.curve().into_iter().map(|(c, m)| (c as f64, m)).collect(),
                };
                let chart = Curves {
                    curves: streams(&o).map(curve).into(),
                    markers: marks.map(|(x, name)| Marker { x, name }).into(),
                    x: Axis::log("capacity, experts", 1.0, to),
                    y: Axis::share("miss ratio", 1.0),
                };
                draw(canvas, size, look, |area| curves(area, look, &chart).ok())
            }
            hover=move |x, _| {
                let o = store.overview.get_untracked()?;
                let [a, b] = streams(&o).map(|(_, c)| c.miss_ratio(floor(x)).map_or("–".into(), percent));
                Some(format!("{} experts: {a} within a request, {b} in lockstep", floor(x)))
            }
            csv=move || {
                let mut text = "stream,capacity,miss_ratio\n".to_string();
                if let Some(o) = store.overview.get_untracked() {
                    for (name, c) in streams(&o) {
                        c.curve().iter().for_each(|(n, m)| { let _ = writeln!(text, "{name},{n},{m}"); });
                    }
                }
                text
            }
        />
    }
}

#[component]
fn PairMap(store: Store) -> impl IntoView {
    let has_pairs = Memo::new(move |_| store.layer.get().is_none_or(|v| v.pairs.is_some()));
    let caption = move || match store.layer.get() {
        Some(v) => format!(
            "How often two experts are chosen for the same token in layer {}, over the average pair (analysis G, Ob5).",
            v.id
        ),
        None => String::new(),
    };
    let pairs = move |v: &Arc<LayerView>| v.pairs.clone();
    let figure = move || {
        view! {
            <Figure
                store
                id="pair-map"
                title="Co-activation"
                caption=Signal::derive(caption)
                height=square
                draw=move |canvas, size, look| {
                    let v = store.layer.get()?;
                    let values = v.pairs.as_ref()?;
                    let map = matrix(values, v.experts, ["expert", "expert"], "over the average pair, ×");
                    let frame = draw(canvas, size, look, |area| heatmap(area, look, &map).ok())?;
                    picture(canvas, &frame, &pixels(&map, &look.theme), map.columns)?;
                    Some(frame)
                }
                hover=move |x, y| {
                    let v = store.layer.get_untracked()?;
                    let (i, j) = (floor(y), floor(x));
                    let ratio = *v.pairs.as_ref()?.get(i * v.experts + j)?;
                    Some(format!("experts {i} and {j}: {}× the average pair", significant(ratio.into(), 3)))
                }
                csv=move || store.layer.get_untracked().and_then(|v| Some(matrix_csv("expert,expert,over_average", &pairs(&v)?, v.experts))).unwrap_or_default()
            />
        }
    };
    move || {
        if has_pairs.get() {
            figure().into_any()
        } else {
            view! {
                <figure id="pair-map" class="empty">
                    <header><h3>"Co-activation"</h3></header>
                    <p>"This model chooses one expert for each token (top-1), so no two experts are ever chosen together. Co-activation needs a trace with top-2 or more."</p>
                </figure>
            }
            .into_any()
        }
    }
}
