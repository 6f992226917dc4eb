//! Figures of likeness: prefill and decode (D), subjects (H).

use std::fmt::Write;

use leptos::prelude::*;

use super::views::{by_layer, matrix, matrix_csv, of_layer, table, value};
use crate::plot::{Axis, Chart, Heatmap, Points};
use crate::protocol::LayerView;
use crate::ui::figure::{Figure, square, wide};
use crate::ui::store::Store;
use crate::units::{floor, percent};

/// D by layer.
pub(super) fn similarity_layers(store: Store) -> AnyView {
    by_layer(
        store,
        "similarity-layers",
        "Prefill-decode similarity by layer",
        "Spearman's rank correlation between prefill and decode (analysis D, Ob3), of expert frequencies and of both matrices of pairs, all cells. The paper: mostly 0.7 or more.",
        "rank correlation",
        |r| {
            vec![
                ("frequency", r.similarity.rho_frequency.clone()),
                ("cross-token", r.similarity.rho_cross_token.clone()),
                ("cross-layer", r.similarity.rho_cross_layer.clone()),
            ]
        },
        |_| vec![(0.7, "paper 0.7".into())],
    )
}

/// D of one layer.
pub(super) fn similarity_scatter(store: Store) -> AnyView {
    let shares = |v: &LayerView| {
        let share = |counts: &[f64]| {
            let total = counts.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            counts.iter().map(|c| c / total).collect::<Vec<_>>()
        };
        share(&v.frequency[1]).into_iter().zip(share(&v.frequency[2])).collect::<Vec<_>>()
    };
    view! {
        <Figure
            store
            id="similarity-scatter"
            title="Prefill against decode"
            caption=of_layer(store, "Each point is an expert of layer {}: its share of the prefill tokens and of the decode tokens. On the line both are alike.")
            height=square
            chart=move || {
                let v = store.answers.layer.get()?;
                let values = shares(&v);
                let most = |f: fn(&(f64, f64)) -> f64| values.iter().map(f).fold(0.001, f64::max) * 1.05;
                Some(Chart::Points(Points {
                    x: Axis::share("share of prefill tokens", most(|p| p.0)),
                    y: Axis::share("share of decode tokens", most(|p| p.1)),
                    series: vec![("expert".into(), values)],
                    levels: Vec::new(),
                    diagonal: true,
                }))
            }
            hover=move |x, y| {
                let v = store.answers.layer.get_untracked()?;
                let near = |p: &(f64, f64)| (p.0 - x) * (p.0 - x) + (p.1 - y) * (p.1 - y);
                let all = shares(&v);
                let (e, p) = all.iter().enumerate().min_by(|a, b| near(a.1).total_cmp(&near(b.1)))?;
                Some(format!("expert {e}: {} of prefill, {} of decode", percent(p.0), percent(p.1)))
            }
            csv=move || {
                let Some(v) = store.answers.layer.get() else { return String::new() };
                table("expert,prefill,decode", shares(&v).into_iter().enumerate(), |t, (e, (p, d))| {
                    let _ = writeln!(t, "{e},{p},{d}");
                })
            }
        />
    }
    .into_any()
}

/// H: frequencies.
pub(super) fn subject_map(store: Store) -> AnyView {
    view! {
        <Figure
            store
            id="subject-map"
            title="Experts by subject"
            caption=of_layer(store, "Share of a subject's tokens that each expert of layer {} takes (analysis H, Ob4).")
            height=wide
            chart=move || {
                let v = store.answers.details.get()?;
                let names: Vec<String> = v.subjects.iter().map(|(n, _)| n.chars().take(18).collect()).collect();
                let cells: Vec<f32> = v.subjects.iter().flat_map(|(_, s)| s.iter().copied()).collect();
                let map = matrix(&cells, v.experts, ["expert", "subject"], "share of tokens");
                (!cells.is_empty()).then(|| Chart::Heatmap(Heatmap { y: Axis::named("", &names, 24), ..map }))
            }
            hover=move |x, y| {
                let v = store.answers.details.get_untracked()?;
                let (name, shares) = v.subjects.get(floor(y))?;
                Some(format!("{name}, expert {}: {}", floor(x), percent((*shares.get(floor(x))?).into())))
            }
            csv=move || {
                let Some(v) = store.answers.details.get() else { return String::new() };
                let rows = v.subjects.iter().flat_map(|(name, s)| s.iter().enumerate().map(move |(e, p)| (name, e, p)));
                table("subject,expert,share", rows, |t, (name, e, p)| {
                    let _ = writeln!(t, "{name},{e},{p}");
                })
            }
        />
    }
    .into_any()
}

/// H: overlaps.
pub(super) fn subject_overlap(store: Store) -> AnyView {
    view! {
        <Figure
            store
            id="subject-overlap"
            title="Top-10 experts that subjects share"
            caption=of_layer(store, "Share of the ten most frequent experts of layer {} that two subjects have in common.")
            height=wide
            chart=move || {
                let v = store.answers.details.get()?;
                let names: Vec<String> = v.subjects.iter().map(|(n, _)| n.chars().take(18).collect()).collect();
                let map = matrix(&v.subject_overlap, names.len(), ["subject", ""], "share in common");
                let (x, y) = (Axis::named("subject", &names, 12), Axis::named("", &names, 24));
                (!v.subject_overlap.is_empty()).then_some(Chart::Heatmap(Heatmap { x, y, ..map }))
            }
            hover=move |x, y| {
                let v = store.answers.details.get_untracked()?;
                let (a, b) = (v.subjects.get(floor(y))?, v.subjects.get(floor(x))?);
                let share = *v.subject_overlap.get(floor(y) * v.subjects.len() + floor(x))?;
                Some(format!("{} and {}: {}", a.0, b.0, value(share)))
            }
            csv=move || store.answers.details.get().map_or_else(String::new, |v| matrix_csv("row,column,share", &v.subject_overlap, v.subjects.len()))
        />
    }
    .into_any()
}
