//! A number by layer as a small line: where a pattern is strong and where it is not. And the tokens of one request as a strip.

use std::fmt::Write;

use leptos::prelude::*;

use crate::protocol::TokenStrip;
use crate::units::percent;

/// Box of the line, CSS pixels.
const BOX: (f64, f64) = (372.0, 190.0);

/// A share by layer, the strongest lit, and chance as a dashed line.
pub(super) fn by_layer(values: &[Option<f64>], layers: &[u32], chance: Option<f64>, what: &str) -> Option<AnyView> {
    let known: Vec<(usize, f64)> = values.iter().enumerate().filter_map(|(i, v)| Some((i, (*v)?))).collect();
    let &(strongest, most) = known.iter().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    if known.len() < 2 {
        return None;
    }
    let top = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8].into_iter().find(|&t| most * 1.1 <= t).unwrap_or(1.0);
    let (left, right, up, down) = (44.0, BOX.0 - 24.0, 24.0, BOX.1 - 26.0);
    let x = |i: usize| left + (right - left) * i as f64 / (values.len().max(2) - 1) as f64;
    let y = |v: f64| down - (down - up) * v / top;
    let mut points = String::new();
    for &(i, v) in &known {
        let _ = write!(points, "{:.1},{:.1} ", x(i), y(v));
    }
    let dots = known.iter().filter(|k| known.len() <= 30 && k.0 != strongest).map(|&(i, v)| {
        view! { <circle cx=format!("{:.1}", x(i)) cy=format!("{:.1}", y(v)) r="2.4" fill="var(--ink)" /> }
    });
    let grid = [0.0, 0.5, 1.0].map(|part| {
        let (at, words) = (y(top * part), percent(top * part).replace(".0%", "%"));
        view! {
            <path d=format!("M{left} {at:.1}H{right}") stroke="var(--line)" />
            <text x=format!("{:.1}", left - 8.0) y=format!("{:.1}", at + 4.5) text-anchor="end" class="n">{words}</text>
        }
    });
    let chance = chance.map(|c| {
        view! {
            <path d=format!("M{left} {:.1}H{right}", y(c)) stroke="var(--ink-2)" stroke-dasharray="4 3" />
            <text x=format!("{right}") y=format!("{:.1}", y(c) - 6.0) text-anchor="end">{format!("chance {}", percent(c))}</text>
        }
    });
    let id = |i: usize| layers.get(i).map_or_else(String::new, ToString::to_string);
    let anchor = if strongest * 2 > values.len() { "end" } else { "start" };
    let label = format!("{what} by layer: the most {} in layer {}", percent(most), id(strongest));
    let view = view! {
        <svg class="by-layer" width=BOX.0 height=BOX.1 viewBox=format!("0 0 {} {}", BOX.0, BOX.1) role="img" aria-label=label>
            {grid}
            {chance}
            <polyline points=points fill="none" stroke="var(--ink)" stroke-width="2" />
            {dots.collect_view()}
            <circle cx=format!("{:.1}", x(strongest)) cy=format!("{:.1}", y(most)) r="5.5" fill="var(--accent)" />
            <text x=format!("{:.1}", x(strongest)) y=format!("{:.1}", y(most) - 11.0) text-anchor=anchor class="n b">{percent(most)}</text>
            <text x=format!("{left}") y=format!("{}", BOX.1 - 6.0) text-anchor="middle" class="n">{id(0)}</text>
            <text x=format!("{:.1}", (left + right) / 2.0) y=format!("{}", BOX.1 - 6.0) text-anchor="middle">"layer"</text>
            <text x=format!("{right}") y=format!("{}", BOX.1 - 6.0) text-anchor="middle" class="n">{id(values.len() - 1)}</text>
        </svg>
    };
    Some(view.into_any())
}

/// Tokens of a strip that repeat an expert of the token before, and tokens that have one before.
fn repeats(strip: &TokenStrip) -> (Vec<bool>, usize) {
    let again = |i: usize| i > 0 && strip.experts[i].iter().any(|e| strip.experts[i - 1].contains(e));
    let known = (1..strip.experts.len()).filter(|&i| !strip.experts[i].is_empty() && !strip.experts[i - 1].is_empty());
    ((0..strip.experts.len()).map(again).collect(), known.count())
}

/// The tokens of one request: those that use an expert of the token before are dark.
pub(super) fn strip(strip: &TokenStrip) -> AnyView {
    let (again, of) = repeats(strip);
    let n = again.iter().filter(|&&a| a).count();
    let token = |(i, &on): (usize, &bool)| {
        let names: Vec<String> = strip.experts[i].iter().map(ToString::to_string).collect();
        let words = if names.is_empty() { "not known".into() } else { names.join(", ") };
        let shown = (names.len() == 1 && i % 4 == 0).then(|| words.clone());
        view! { <span class:on=on title=format!("token {}: expert {words}", i + 1)>{shown.map(|s| view! { <i>{s}</i> })}</span> }
    };
    let what = if strip.experts.first().is_some_and(|e| e.len() > 1) {
        "share an expert with the token before"
    } else {
        "repeat"
    };
    let said = format!("{n} of {of} {what}");
    view! {
        <div class="tokens" role="img" aria-label=format!("Request {}, layer {}: {said}", strip.request, strip.layer)>{again.iter().enumerate().map(token).collect_view()}</div>
        <p class="tokens-said">{format!("request {}, its first {} {} tokens in layer {}: ", strip.request, strip.experts.len(), strip.phase, strip.layer)}<b>{said}</b></p>
    }
    .into_any()
}
