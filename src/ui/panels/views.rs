//! Figures of counts: frequency (A), what follows what (B, C), co-activation (G). For each what it shows, what stands under
//! the cursor, and its numbers as a table.

use std::fmt::Write;

use leptos::prelude::*;

use crate::analysis::Report;
use crate::model::model_named;
use crate::plot::{Axis, Bar, Bars, Chart, Curve, Curves, Heatmap, Points};
use crate::protocol::{LayerDetails, LayerView};
use crate::ui::figure::{Figure, square, wide};
use crate::ui::store::Store;
use crate::units::{floor, percent, significant};

/// Words that name the layer of a caption.
pub(super) fn of_layer(store: Store, words: &'static str) -> Signal<String> {
    Signal::derive(move || {
        let Some(v) = store.answers.layer.get() else { return String::new() };
        v.id.map_or_else(
            || words.replace("layer {}", "the mean of all layers"),
            |id| words.replace("{}", &id.to_string()),
        )
    })
}

fn fixed(words: &'static str) -> Signal<String> {
    Signal::derive(move || words.to_string())
}

fn ids(layers: &[u32]) -> Vec<String> {
    layers.iter().map(ToString::to_string).collect()
}

/// Lines of a table.
pub(super) fn table<T>(head: &str, rows: impl IntoIterator<Item = T>, mut line: impl FnMut(&mut String, T)) -> String {
    let mut text = format!("{head}\n");
    rows.into_iter().for_each(|row| line(&mut text, row));
    text
}

pub(super) fn value(p: f32) -> String {
    if p.is_nan() { "no data".into() } else { percent(p.into()) }
}

/// An expert × expert matrix.
pub(super) fn matrix(values: &[f32], columns: usize, [x, y]: [&str; 2], unit: &str) -> Heatmap {
    let max = values.iter().copied().filter(|v| !v.is_nan()).fold(0.0f32, |a, v| a.max(v.abs()));
    Heatmap {
        values: values.to_vec(),
        columns,
        max: if max > 0.0 { f64::from(max) } else { 1.0 },
        x: Axis::cells(x, columns),
        y: Axis::cells(y, values.len() / columns.max(1)),
        unit: unit.into(),
        diverging: false,
        marked: None,
    }
}

pub(super) fn matrix_csv(head: &str, values: &[f32], columns: usize) -> String {
    let cells = values.iter().enumerate().filter(|(_, v)| !v.is_nan() && **v != 0.0);
    table(head, cells, |text, (i, v)| {
        let _ = writeln!(text, "{},{},{v}", i / columns.max(1), i % columns.max(1));
    })
}

/// A: all layers.
pub(super) fn frequency_map(store: Store) -> AnyView {
    let position = Memo::new(move |_| store.experiment.with(|e| (!e.view.mean).then_some(e.view.layer)));
    view! {
        <Figure
            store
            id="frequency-map"
            title="Expert frequency by layer"
            caption=fixed("How often each expert is chosen, over the mean of its layer (analysis A). A bright cell is a hot expert (colours end at 16 times the mean); the arrow marks the layer of the other figures.")
            height=square
            chart=move || {
                let o = store.answers.overview.get()?;
                let most = o.frequency.iter().fold(0.0f32, |a, &b| a.max(b));
                Some(Chart::Heatmap(Heatmap {
                    values: o.frequency.clone(),
                    columns: o.experts,
                    // One collapsed layer would leave all others dark.
                    max: f64::from(most).min(16.0),
                    x: Axis::cells("expert", o.experts),
                    y: Axis::named("layer", &ids(&o.layers), 14),
                    unit: "over the mean, ×".into(),
                    diverging: false,
                    marked: position.get().map(|l| l.min(o.layers.len().saturating_sub(1))),
                }))
            }
            hover=move |x, y| {
                let o = store.answers.overview.get_untracked()?;
                let (e, l) = (floor(x), floor(y));
                let value = *o.frequency.get(l * o.experts + e)?;
                Some(format!("layer {}, expert {e}: {}× the mean", o.layers.get(l)?, significant(f64::from(value), 3)))
            }
            csv=move || {
                let Some(o) = store.answers.overview.get() else { return String::new() };
                let rows = o.layers.iter().zip(o.frequency.chunks_exact(o.experts.max(1)));
                table("layer,expert,over_mean", rows.flat_map(|(l, row)| row.iter().enumerate().map(move |(e, v)| (l, e, v))), |t, (l, e, v)| {
                    let _ = writeln!(t, "{l},{e},{v}");
                })
            }
        />
    }
    .into_any()
}

/// A: one layer.
pub(super) fn frequency_bars(store: Store) -> AnyView {
    view! {
        <Figure
            store
            id="frequency-bars"
            title="Expert frequency in this layer"
            caption=of_layer(store, "Tokens of each expert in layer {}. Skew is the largest count over the mean.")
            height=square
            chart=move || {
                let v = store.answers.layer.get()?;
                let most = v.frequency[0].iter().copied().fold(0.0, f64::max);
                let mean = v.frequency[0].iter().sum::<f64>() / v.experts.max(1) as f64;
                let bar = |&c: &f64| Bar { values: vec![c], marked: c >= most, ..Bar::default() };
                Some(Chart::Bars(Bars {
                    bars: v.frequency[0].iter().map(bar).collect(),
                    series: vec!["tokens".into()],
                    x: Axis::cells("expert", v.experts),
                    y: Axis::linear("tokens", most * 1.05),
                    level: Some((mean, "mean".into())),
                }))
            }
            hover=move |x, _| {
                let v = store.answers.layer.get_untracked()?;
                Some(format!("expert {}: {} tokens", floor(x), crate::units::grouped(crate::units::floor(*v.frequency[0].get(floor(x))? + 0.5) as u64)))
            }
            csv=move || {
                let Some(v) = store.answers.layer.get() else { return String::new() };
                let [all, prefill, decode] = &v.frequency;
                table("expert,tokens,prefill,decode", 0..v.experts, |t, e| {
                    let _ = writeln!(t, "{e},{},{},{}", all[e], prefill[e], decode[e]);
                })
            }
        />
    }
    .into_any()
}

/// Where a matrix comes from.
#[derive(Clone, Copy)]
enum Cells {
    View(fn(&LayerView) -> &[f32]),
    Details(fn(&LayerDetails) -> &[f32]),
}

/// A matrix of the layer at hand: which one, and how its cells read.
#[expect(clippy::too_many_arguments, reason = "each is a part of one figure's words")]
fn layer_matrix(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    axes: [&'static str; 2],
    unit: &'static str,
    cells: Cells,
    words: fn(usize, usize, f32) -> String,
) -> AnyView {
    let diverging = id.ends_with("-difference");
    let with = move |read: &mut dyn FnMut(usize, &[f32])| match cells {
        Cells::View(of) => store.answers.layer.with(|v| v.as_ref().map(|v| read(v.experts, of(v)))),
        Cells::Details(of) => store.answers.details.with(|d| d.as_ref().map(|d| read(d.experts, of(d)))),
    };
    view! {
        <Figure
            store
            id
            title
            caption=of_layer(store, caption)
            height=square
            chart=move || {
                let mut chart = None;
                with(&mut |n, values| {
                    chart = (!values.is_empty()).then(|| Chart::Heatmap(Heatmap { diverging, ..matrix(values, n, axes, unit) }));
                })?;
                chart
            }
            hover=move |x, y| {
                let (i, j) = (floor(y), floor(x));
                let mut text = None;
                untrack(|| with(&mut |n, values| text = values.get(i * n + j).map(|&p| words(i, j, p))));
                text
            }
            csv=move || {
                let mut text = String::new();
                with(&mut |n, values| text = matrix_csv("row,column,value", values, n));
                text
            }
        />
    }
    .into_any()
}

/// C.
pub(super) fn token_map(store: Store) -> AnyView {
    layer_matrix(
        store,
        "token-map",
        "Cross-token correlation",
        "Chance that the next token uses expert j, given that this token uses expert i, in layer {} (analysis C, Ob2). The diagonal is an expert used again. Grey rows: experts that were never used.",
        ["expert of the next token", "expert of this token"],
        "probability",
        Cells::View(|v| &v.cross_token),
        |i, j, p| format!("after expert {i}, expert {j}: {}", value(p)),
    )
}

/// B. The last MoE layer has no next one: then the figure says so by staying empty.
pub(super) fn layer_map(store: Store) -> AnyView {
    unless_last(store, "layer-map", "Cross-layer correlation", |store, id, title| {
        layer_matrix(
            store,
            id,
            title,
            "Chance that a token uses expert j in the next MoE layer, given expert i in layer {} (analysis B, Ob1).",
            ["expert of the next layer", "expert of this layer"],
            "probability",
            Cells::Details(|d| &d.cross_layer),
            |i, j, p| format!("expert {i} here, expert {j} in the next layer: {}", value(p)),
        )
    })
}

/// B, prefill minus decode.
pub(super) fn layer_difference(store: Store) -> AnyView {
    unless_last(store, "layer-difference", "Cross-layer, prefill minus decode", |store, id, title| {
        layer_matrix(
            store,
            id,
            title,
            "Probability in prefill minus probability in decode, in layer {}: orange is stronger in prefill, blue in decode. Grey: no data in one of them.",
            ["expert of the next layer", "expert of this layer"],
            "difference of probability",
            Cells::Details(|d| &d.layer_difference),
            |i, j, p| format!("expert {i} here, expert {j} in the next layer: {}", points(p)),
        )
    })
}

fn unless_last(
    store: Store,
    id: &'static str,
    title: &'static str,
    figure: fn(Store, &'static str, &'static str) -> AnyView,
) -> AnyView {
    let last = Memo::new(move |_| store.answers.details.with(|d| d.as_ref().is_some_and(|d| d.cross_layer.is_empty())));
    (move || {
        if last.get() {
            let why = "This is the last MoE layer, so there is no next one. Move the slider to an earlier layer.";
            return view! { <crate::ui::figure::Missing id title why=why.to_string() /> }.into_any();
        }
        figure(store, id, title)
    })
    .into_any()
}

fn points(p: f32) -> String {
    if p.is_nan() { "no data".into() } else { format!("{} points", significant(f64::from(p) * 100.0, 3)) }
}

/// C, prefill minus decode.
pub(super) fn token_difference(store: Store) -> AnyView {
    layer_matrix(
        store,
        "token-difference",
        "Cross-token, prefill minus decode",
        "Probability in prefill minus probability in decode, in layer {}: orange is stronger in prefill, blue in decode. Grey: no data in one of them.",
        ["expert of the next token", "expert of this token"],
        "difference of probability",
        Cells::Details(|d| &d.token_difference),
        |i, j, p| format!("after expert {i}, expert {j}: {}", points(p)),
    )
}

/// G.
pub(super) fn pair_map(store: Store) -> AnyView {
    layer_matrix(
        store,
        "pair-map",
        "Co-activation",
        "How often two experts are chosen for the same token in layer {}, over the average pair (analysis G, Ob5).",
        ["expert", "expert"],
        "over the average pair, ×",
        Cells::View(|v| &v.pairs),
        |i, j, p| format!("experts {i} and {j}: {}× the average pair", significant(p.into(), 3)),
    )
}

/// C, the diagonal.
pub(super) fn token_diagonal(store: Store) -> AnyView {
    view! {
        <Figure
            store
            id="token-diagonal"
            title="Used again by the next token"
            caption=of_layer(store, "The diagonal of the cross-token matrix: chance that a token's expert is used again by the next token, in layer {}.")
            height=square
            chart=move || {
                let v = store.answers.layer.get()?;
                let chance = store.shown().map_or(0.0, |i| i.top_k as f64 / i.experts.max(1) as f64);
                let mut levels = Vec::new();
                levels.extend(v.diagonal_mean.0.map(|d| (d, format!("weighted mean {}", percent(d)))));
                levels.push((chance, format!("chance {}", percent(chance))));
                let most = v.diagonal.iter().copied().filter(|p| !p.is_nan()).fold(0.0f32, f32::max);
                let values = v.diagonal.iter().enumerate().map(|(e, &p)| (e as f64 + 0.5, f64::from(p))).collect();
                Some(Chart::Points(Points {
                    series: vec![("expert".into(), values)],
                    levels,
                    diagonal: false,
                    x: Axis::cells("expert", v.experts),
                    y: Axis::share("probability", (f64::from(most) * 1.1).clamp(0.05, 1.0)),
                }))
            }
            hover=move |x, _| {
                let v = store.answers.layer.get_untracked()?;
                Some(format!("expert {}: {}", floor(x), value(*v.diagonal.get(floor(x))?)))
            }
            csv=move || {
                let Some(v) = store.answers.layer.get() else { return String::new() };
                table("expert,probability", v.diagonal.iter().enumerate().filter(|(_, p)| !p.is_nan()), |t, (e, p)| {
                    let _ = writeln!(t, "{e},{p}");
                })
            }
        />
    }
    .into_any()
}

/// Named curves of a layer.
type Named = fn(&LayerDetails) -> Vec<(&'static str, &[f32])>;
/// Named values of each layer.
type ByLayer = fn(&Report) -> Vec<(&'static str, Vec<Option<f64>>)>;

/// Curves over percents of experts or pairs.
fn percent_curves(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    x: &'static str,
    y: &'static str,
    of: Named,
) -> AnyView {
    view! {
        <Figure
            store
            id
            title
            caption=of_layer(store, caption)
            height=wide
            chart=move || {
                let v = store.answers.details.get()?;
                let curve = |(name, points): &(&str, &[f32])| Curve {
                    name: name.to_string(),
                    points: points.iter().enumerate().map(|(p, &m)| (p as f64 / 100.0, f64::from(m))).collect(),
                };
                Some(Chart::Curves(Curves {
                    steps: true,
                    curves: of(&v).iter().map(curve).collect(),
                    markers: Vec::new(),
                    x: Axis::share(x, 1.0),
                    y: Axis::share(y, 1.0),
                }))
            }
            hover=move |x, _| {
                let v = store.answers.details.get_untracked()?;
                let p = floor(x * 100.0);
                let at: Vec<String> = of(&v).iter().filter_map(|(name, c)| Some(format!("{} {name}", percent((*c.get(p)?).into())))).collect();
                Some(format!("top {p}%: {}", at.join(", ")))
            }
            csv=move || {
                let Some(v) = store.answers.details.get() else { return String::new() };
                let rows = of(&v).into_iter().flat_map(|(name, c)| c.iter().enumerate().map(move |(p, m)| (name, p, m)));
                table("curve,percent,share", rows, |t, (name, p, m)| {
                    let _ = writeln!(t, "{name},{p},{m}");
                })
            }
        />
    }
    .into_any()
}

/// B and C as cumulative distributions.
pub(super) fn coverage_curve(store: Store) -> AnyView {
    percent_curves(
        store,
        "coverage-curve",
        "How few experts cover what follows",
        "Share of what follows that falls on the most likely experts, in layer {}: mean over the experts that came before, weighted by their counts.",
        "most likely experts",
        "share covered",
        |v| {
            let named = ["next token", "next layer"].into_iter().zip(&v.curves);
            named.filter(|(_, c)| !c.is_empty()).map(|(n, c)| (n, &c[..])).collect()
        },
    )
}

/// G as a cumulative distribution.
pub(super) fn pair_curve(store: Store) -> AnyView {
    percent_curves(
        store,
        "pair-curve",
        "Concentration of co-activation",
        "Share of all co-activations in the strongest pairs, in layer {}. The paper: the top 10% of pairs hold 60% to 80%.",
        "strongest pairs",
        "share of co-activations",
        |v| vec![("pairs", &v.pair_curve[..])],
    )
}

/// Values by layer with their means and, where there is one, the paper's.
pub(super) fn by_layer(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: &'static str,
    y: &'static str,
    of: ByLayer,
    paper: fn(Store) -> Vec<(f64, String)>,
) -> AnyView {
    view! {
        <Figure
            store
            id
            title
            caption=fixed(caption)
            height=wide
            chart=move || {
                let report = store.answers.report.get()?;
                let series = of(&report);
                let points = |values: &[Option<f64>]| values.iter().enumerate().map(|(i, v)| (i as f64 + 0.5, v.unwrap_or(f64::NAN))).collect::<Vec<_>>();
                let least = series.iter().flat_map(|(_, v)| v.iter().flatten()).fold(0.0f64, |a, &b| a.min(b));
                let mut axis = Axis::share(y, 1.0);
                if least < 0.0 {
                    axis.from = -1.0;
                }
                Some(Chart::Points(Points {
                    series: series.iter().map(|(name, v)| (name.to_string(), points(v))).collect(),
                    levels: paper(store),
                    diagonal: false,
                    x: Axis::named("layer", &ids(&report.layer_ids), 20),
                    y: axis,
                }))
            }
            hover=move |x, _| {
                let report = store.answers.report.get_untracked()?;
                let layer = report.layer_ids.get(floor(x))?;
                let at: Vec<String> = of(&report).iter().filter_map(|(name, v)| Some(format!("{name} {}", percent((*v.get(floor(x))?)?)))).collect();
                Some(format!("layer {layer}: {}", at.join(", ")))
            }
            csv=move || {
                let Some(report) = store.answers.report.get() else { return String::new() };
                let series = of(&report);
                let rows = series.iter().flat_map(|(name, v)| v.iter().zip(&report.layer_ids).map(move |(v, l)| (name, l, v)));
                table("series,layer,value", rows, |t, (name, layer, v)| {
                    let _ = writeln!(t, "{name},{layer},{}", v.map_or(String::new(), |v| v.to_string()));
                })
            }
        />
    }
    .into_any()
}

/// B and C by layer.
pub(super) fn coverage_layers(store: Store) -> AnyView {
    by_layer(
        store,
        "coverage-layers",
        "Coverage by layer",
        "Coverage of the top 20% of experts after the layer's busiest one, over all tokens. Lines: the paper's means for this model, where it gives them.",
        "coverage",
        |r| {
            vec![
                ("next token", r.cross_token["joined"].coverage_top.clone()),
                ("next layer", r.cross_layer["all"].coverage_top.clone()),
            ]
        },
        |store| {
            let model = store.shown().and_then(|i| i.model.as_deref().and_then(model_named));
            let line = |v: Option<f64>, name: &str| v.map(|v| (v, format!("paper, {name} {}", percent(v))));
            let lines =
                model.map(|m| [line(m.paper_cross_token, "next token"), line(m.paper_cross_layer, "next layer")]);
            lines.into_iter().flatten().flatten().collect()
        },
    )
}
