//! A figure's data as a chart: the one way from any analysis to a picture. Apart from the charts, which know no analysis.

use super::{Axis, Bar, Bars, Chart, Curve, Curves, Heatmap, Marker, Points};
use crate::analysis::Caches;
use crate::analysis::figure::{self, Data, Figure, Format, Heads, Items, Level, Measure};

/// What the reader points out, over any figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Position of the layer that is looked at.
    pub layer: Option<usize>,
    /// Caches whose capacities are marked.
    pub caches: Option<Caches>,
}

/// Labels that an axis of names has room for.
const LABELS: usize = 20;

/// The chart of a figure; none if there is nothing to show.
#[must_use]
pub fn picture(figure: &Figure, overlay: &Overlay) -> Option<Chart> {
    Some(match &figure.data {
        Data::Empty(_) => return None,
        Data::Matrix(m) => {
            let most = m.values.iter().copied().filter(|v| !v.is_nan()).fold(0.0f32, |a, v| a.max(v.abs()));
            let most = f64::from(most).min(m.limit.unwrap_or(f64::INFINITY));
            let rows = m.rows.items.len();
            Chart::Heatmap(Heatmap {
                values: m.values.clone(),
                columns: m.columns.items.len(),
                max: if most > 0.0 { most } else { 1.0 },
                x: heads(&m.columns),
                y: heads(&m.rows),
                unit: m.measure.label.clone(),
                diverging: m.diverging,
                marked: overlay
                    .layer
                    .filter(|_| matches!(m.rows.items, Items::Layers(_)))
                    .map(|l| l.min(rows.saturating_sub(1))),
            })
        }
        Data::Bars(b) => Chart::Bars(bars(b)),
        Data::Curves(c) => {
            let marks = overlay.caches.filter(|_| c.capacity).map(|c| c.marks());
            let marks: Vec<Marker> = marks.into_iter().flatten().map(|(x, name)| Marker { x, name }).collect();
            let curve = |l: &figure::Line| Curve {
                name: l.name.clone(),
                points: l.x.iter().copied().zip(l.y.iter().copied()).collect(),
            };
            let to = marks.iter().fold(c.to, |a, m| a.max(m.x * 1.2));
            Chart::Curves(Curves {
                curves: c.lines.iter().map(curve).collect(),
                steps: true,
                markers: marks,
                x: if c.log { Axis::log(&c.x.label, 1.0, to.max(10.0)) } else { up(&c.x, to) },
                y: up(&c.y, 1.0),
            })
        }
        Data::Dots(d) => {
            let all = || d.series.iter().flat_map(|s| &s.values).copied().filter(|v| !v.is_nan());
            let most = all().fold(0.0f64, f64::max);
            let room = if d.measure.format == Format::Share { (most * 1.1).clamp(0.05, 1.0) } else { most * 1.1 };
            let mut y = up(&d.measure, d.to.unwrap_or(room));
            if all().any(|v| v < 0.0) {
                y.from = -1.0;
            }
            let series = |s: &figure::Series| {
                let points = s.values.iter().enumerate().map(|(i, &v)| (i as f64 + 0.5, v)).collect();
                (s.name.clone(), points)
            };
            let levels = d.levels.iter().filter(|l| !l.value.is_nan());
            Chart::Points(Points {
                series: d.series.iter().map(series).collect(),
                levels: levels.map(|l| (l.value, level(l, d.measure.format))).collect(),
                diagonal: false,
                x: heads(&d.items),
                y,
            })
        }
        Data::Scatter(s) => {
            let most = |values: &[f64]| values.iter().copied().fold(0.001, f64::max) * 1.05;
            Chart::Points(Points {
                series: vec![(s.item.clone(), s.across.iter().copied().zip(s.along.iter().copied()).collect())],
                levels: Vec::new(),
                diagonal: true,
                x: up(&s.x, most(&s.across)),
                y: up(&s.y, most(&s.along)),
            })
        }
    })
}

fn bars(b: &figure::Bars) -> Bars {
    let values = || b.series.iter().flat_map(|s| &s.values).chain(&b.paper).copied().filter(|v| !v.is_nan());
    let most = values().fold(0.0f64, f64::max);
    let bar = |i: usize| {
        let values: Vec<f64> = b.series.iter().map(|s| s.values.get(i).copied().unwrap_or(f64::NAN)).collect();
        let words = |v: f64| if v.is_nan() { "–".into() } else { b.measure.format.words(v) };
        Bar {
            label: b.labelled.then(|| words(values.first().copied().unwrap_or(f64::NAN))),
            paper: b.paper.get(i).copied().filter(|p| !p.is_nan()),
            marked: b.crowned && values.iter().any(|&v| v >= most),
            values: values.into_iter().map(|v| if v.is_nan() { 0.0 } else { v }).collect(),
        }
    };
    // Labels need room above the tallest.
    let room = if b.labelled { 1.15 } else { 1.05 };
    Bars {
        bars: (0..b.names.len()).map(bar).collect(),
        series: b.series.iter().map(|s| s.name.clone()).collect(),
        x: if b.numbered {
            Axis::cells(&b.label, b.names.len())
        } else {
            Axis::named(&b.label, &b.names, b.names.len())
        },
        y: up(&b.measure, b.to.unwrap_or(most * room)),
        level: b.level.as_ref().map(|l| (l.value, l.name.clone())),
    }
}

fn level(l: &Level, format: Format) -> String {
    format!("{} {}", l.name, format.words(l.value))
}

/// An axis of values from zero.
fn up(measure: &Measure, to: f64) -> Axis {
    match measure.format {
        Format::Share => Axis::share(&measure.label, to),
        _ => Axis::linear(&measure.label, to),
    }
}

fn heads(heads: &Heads) -> Axis {
    match &heads.items {
        Items::Numbered(n) => Axis::cells(&heads.label, *n),
        Items::Layers(ids) => {
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            Axis::named(&heads.label, &names, LABELS)
        }
        Items::Named(names) => {
            let short: Vec<String> = names.iter().map(|n| n.chars().take(18).collect()).collect();
            Axis::named(&heads.label, &short, LABELS)
        }
    }
}
