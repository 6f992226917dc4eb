//! Figures of the token streams: repetition (E) and reuse distance (F).

use std::fmt::Write;

use leptos::prelude::*;

use super::views::table;
use crate::analysis::{Caches, DistanceCounts};
use crate::model::Phase;
use crate::plot::{Axis, Bar, Bars, Chart, Curve, Curves, Marker};
use crate::protocol::Overview;
use crate::ui::figure::{Figure, wide};
use crate::ui::store::Store;
use crate::units::{floor, percent};

/// E.
pub(super) fn repetition(store: Store) -> AnyView {
    let mean = |values: &[Option<f64>]| {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    };
    let curves = move || {
        let report = store.report.get()?;
        let of = |all: &[Vec<Option<f64>>]| all.iter().map(|layers| mean(layers)).collect::<Vec<_>>();
        Some((report.repetition.stream.clone(), of(&report.repetition.any), of(&report.repetition.fraction)))
    };
    view! {
        <Figure
            store
            id="repetition"
            title="Repetition"
            caption=Signal::derive(move || {
                let stream = curves().map_or_else(String::new, |c| c.0);
                format!("Share of {stream} tokens with an expert that was used in the last W tokens, and mean share of a token's experts that were (analysis E). Mean over layers.")
            })
            height=wide
            chart=move || {
                let (_, any, fraction) = curves()?;
                let curve = |name: &str, values: &[f64]| Curve { name: name.into(), points: values.iter().enumerate().map(|(w, &v)| (w as f64 + 1.0, v)).collect() };
                Some(Chart::Curves(Curves {
                    steps: true,
                    curves: vec![curve("any expert", &any), curve("share of experts", &fraction)],
                    markers: Vec::new(),
                    x: Axis::linear("window W, tokens", 64.0),
                    y: Axis::share("repeated", 1.0),
                }))
            }
            hover=move |x, _| {
                let (_, any, fraction) = untrack(curves)?;
                let w = floor(x).max(1);
                Some(format!("last {w} tokens: {} any, {} of a token's experts", percent(*any.get(w - 1)?), percent(*fraction.get(w - 1)?)))
            }
            csv=move || {
                let Some((_, any, fraction)) = curves() else { return String::new() };
                table("window,any,fraction", any.iter().zip(&fraction).enumerate(), |t, (w, (a, f))| {
                    let _ = writeln!(t, "{},{a},{f}", w + 1);
                })
            }
        />
    }
    .into_any()
}

/// Words for a bin of distances.
fn bin(b: usize) -> String {
    match b {
        0 => "0".into(),
        1 => "1".into(),
        _ => format!("{}–{}", 1usize << (b - 1), (1usize << b) - 1),
    }
}

/// The three streams of reuse.
pub(super) fn streams(o: &Overview) -> [(&'static str, &DistanceCounts); 3] {
    [("one request", &o.per_request), ("back to back", &o.back_to_back), ("in lockstep", &o.batched)]
}

/// Share of the accesses in each bin; cold ones last.
fn shares(o: &Overview) -> Vec<[f64; 3]> {
    let bins = streams(o).map(|(_, c)| (c.log2_bins(), c));
    let n = bins.iter().map(|(b, _)| b.len()).max().unwrap_or(0);
    let of = |count: u64, all: u64| if all > 0 { count as f64 / all as f64 } else { 0.0 };
    let warm = (0..n).map(|i| bins.each_ref().map(|(b, c)| of(b.get(i).copied().unwrap_or(0), c.accesses)));
    warm.chain([bins.each_ref().map(|(_, c)| of(c.cold, c.accesses))]).collect()
}

/// Each stream's value, in words.
fn each_stream(o: &Overview, value: impl Fn(usize, &DistanceCounts) -> String) -> String {
    streams(o).iter().enumerate().map(|(i, (name, c))| format!("{} {name}", value(i, c))).collect::<Vec<_>>().join(", ")
}

/// F as bins.
pub(super) fn reuse_bins(store: Store) -> AnyView {
    let phase = move || {
        store
            .overview
            .get()
            .and_then(|o| o.stream)
            .map_or("", |p| if p == Phase::Decode { "decode" } else { "prefill" })
    };
    view! {
        <Figure
            store
            id="reuse-bins"
            title="Reuse distance"
            caption=Signal::derive(move || format!(
                "Distinct other (layer, expert) weights used since this one was last used, over the {} tokens (analysis F): within each request, all requests back to back, and all in lockstep as a batch. The bin on the right holds first uses.",
                phase()
            ))
            height=wide
            chart=move || {
                let o = store.overview.get()?;
                let all = shares(&o);
                let mut names: Vec<_> = (0..all.len().saturating_sub(1)).map(bin).collect();
                names.push("first".into());
                let most = all.iter().flatten().fold(0.0f64, |a, &b| a.max(b));
                Some(Chart::Bars(Bars {
                    bars: all.iter().map(|v| Bar { values: v.to_vec(), ..Bar::default() }).collect(),
                    series: streams(&o).map(|(n, _)| n.to_string()).into(),
                    x: Axis::named("reuse distance, experts", &names, 99),
                    y: Axis::share("share of accesses", most * 1.05),
                    level: None,
                }))
            }
            hover=move |x, _| {
                let o = store.overview.get_untracked()?;
                let all = shares(&o);
                let v = all.get(floor(x))?;
                let name = if floor(x) + 1 == all.len() { "first uses".to_string() } else { format!("distance {}", bin(floor(x))) };
                Some(format!("{name}: {}", each_stream(&o, |i, _| percent(v[i]))))
            }
            csv=move || {
                let Some(o) = store.overview.get() else { return String::new() };
                let rows = streams(&o).into_iter().flat_map(|(name, c)| c.histogram.iter().enumerate().filter(|(_, n)| **n > 0).map(move |(d, n)| (name, c, d, n)));
                table("stream,accesses,cold,distance,count", rows, |t, (name, c, d, n)| {
                    let _ = writeln!(t, "{name},{},{},{d},{n}", c.accesses, c.cold);
                })
            }
        />
    }
    .into_any()
}

/// The caches of a die as it is set.
pub(super) fn caches(store: Store) -> Caches {
    store.settings.with(|e| Caches::of(&e.wafer(), e.preset().expert_bytes(e.weight)))
}

/// F as miss ratios.
pub(super) fn reuse_curve(store: Store) -> AnyView {
    view! {
        <Figure
            store
            id="reuse-curve"
            title="Miss ratio of a cache of experts"
            caption=Signal::derive(move || {
                let size = store.settings.with(|e| e.preset().expert_bytes(e.weight));
                format!(
                    "Share of accesses that an LRU cache of this many experts misses, first uses included. Lines: what the last-level cache and the usable HBM of one die hold at {} an expert.",
                    crate::units::bytes(size)
                )
            })
            height=wide
            chart=move || {
                let o = store.overview.get()?;
                let objects = (o.layers.len() * o.experts) as f64;
                let marks = caches(store).marks();
                let to = marks.iter().fold(objects, |a, m| a.max(m.0 * 1.2)).max(10.0);
                let curve = |(name, counts): (&str, &DistanceCounts)| Curve {
                    name: name.into(),
                    points: counts.curve().into_iter().map(|(c, m)| (c as f64, m)).collect(),
                };
                Some(Chart::Curves(Curves {
                    steps: true,
                    curves: streams(&o).map(curve).into(),
                    markers: marks.map(|(x, name)| Marker { x, name }).into(),
                    x: Axis::log("capacity, experts", 1.0, to),
                    y: Axis::share("miss ratio", 1.0),
                }))
            }
            hover=move |x, _| {
                let o = store.overview.get_untracked()?;
                Some(format!("{} experts: {}", floor(x), each_stream(&o, |_, c| c.miss_ratio(floor(x)).map_or("–".into(), percent))))
            }
            csv=move || {
                let Some(o) = store.overview.get() else { return String::new() };
                let rows = streams(&o).into_iter().flat_map(|(name, c)| c.curve().into_iter().map(move |p| (name, p)));
                table("stream,capacity,miss_ratio", rows, |t, (name, (c, m))| {
                    let _ = writeln!(t, "{name},{c},{m}");
                })
            }
        />
    }
    .into_any()
}
