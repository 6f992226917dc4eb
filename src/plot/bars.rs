//! Bar charts: frequencies, distance bins, speedups with the paper's value marked beside them.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axis, Frame, Look, Result, Space, above, axes, baseline, diamond, words};

/// One place on the horizontal axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// Values of each series.
    pub values: Vec<f64>,
    /// Label above the bar.
    pub label: Option<String>,
    /// The paper's value.
    pub paper: Option<f64>,
    /// Drawn in the accent colour (in a chart of one series).
    pub marked: bool,
}

/// A chart of bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// The bars.
    pub bars: Vec<Bar>,
    /// Names of the series; one name draws no key.
    pub series: Vec<String>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// A line across, with its name.
    pub level: Option<(f64, String)>,
}

/// Draws the chart.
///
/// # Errors
/// If the backend fails.
pub fn bars<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Bars) -> Result<Frame, DB> {
    let theme = &look.theme;
    let has_paper = chart.bars.iter().any(|b| b.paper.is_some());
    let has_key = chart.series.len() > 1 || has_paper;
    let top = if has_key { 20.0 } else { 8.0 } + if chart.bars.iter().any(|b| b.label.is_some()) { 12.0 } else { 0.0 };
    let frame = axes(area, look, chart.x.clone(), chart.y.clone(), Space { top, grid: true, right: 0.0 })?;
    let n = chart.series.len().max(1) as f64;
    // Many bars touch; few stand apart.
    let gap = if chart.bars.len() > 40 { 0.0 } else { 0.18 };
    for (i, bar) in chart.bars.iter().enumerate() {
        let width = (1.0 - 2.0 * gap) / n;
        for (s, &value) in bar.values.iter().enumerate() {
            let from = i as f64 + gap + width * s as f64;
            let (left, top) = frame.at(from, value);
            let (right, bottom) = frame.at(from + width, frame.y.from);
            let colour = if bar.marked { theme.accent } else { theme.series(s, chart.series.get(s).map_or("", |n| n)) };
            if bottom > top {
                look.fill(area, (left, top), (right.max(left + 1), bottom), colour)?;
            }
        }
        let tallest = bar.values.iter().fold(0.0, |a: f64, &b| a.max(b));
        let (x, y) = frame.at(i as f64 + 0.5, tallest);
        let mark = bar.paper.map(|value| frame.at(i as f64 + 0.5, value));
        if let Some(at) = mark {
            diamond(area, look, at)?;
        }
        if let Some(label) = &bar.label {
            let y = above(look, y, mark.map(|at| at.1));
            look.text(area, label, (x, y), words(theme.ink, HPos::Center, VPos::Bottom))?;
        }
    }
    if let Some((value, name)) = &chart.level {
        let (_, y) = frame.at(0.0, *value);
        look.line(area, &[(frame.left, y), (frame.right, y)], theme.quiet, 1.0)?;
        look.text_over(area, name, (frame.right, y - look.px(2.0)), words(theme.quiet, HPos::Right, VPos::Bottom))?;
    }
    baseline(area, look, &frame)?;
    if has_key {
        let mut x = look.px(8.0);
        let y = look.px(8.0);
        let named = chart.series.iter().enumerate().map(|(s, name)| (name.as_str(), Some(theme.series(s, name))));
        for (name, colour) in named.chain(has_paper.then_some(("the paper", None))) {
            match colour {
                Some(colour) => {
                    look.fill(area, (x, y - look.px(4.5)), (x + look.px(14.0), y + look.px(4.5)), colour)?
                }
                None => diamond(area, look, (x + look.px(7.0), y))?,
            }
            look.text(area, name, (x + look.px(19.0), y), words(theme.ink, HPos::Left, VPos::Center))?;
            x += look.px(36.0 + 7.4 * name.chars().count() as f64);
        }
    }
    Ok(frame)
}
