//! Curves over a continuous axis, and points over experts.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axis, Frame, Look, Result, Space, axes, baseline, words};

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A vertical line with words.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    /// Where.
    pub x: f64,
    /// What stands there.
    pub name: String,
}

/// A chart of curves.
#[derive(Clone, Debug)]
pub struct Curves {
    /// The curves.
    pub curves: Vec<Curve>,
    /// A value holds until the next point; else points are marked and joined by lines.
    pub steps: bool,
    /// The lines.
    pub markers: Vec<Marker>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

/// Draws curves with a key above them.
///
/// # Errors
/// If the backend fails.
pub fn curves<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Curves) -> Result<Frame, DB> {
    let theme = &look.theme;
    let frame = axes(area, look, chart.x.clone(), chart.y.clone(), Space { top: 18.0, grid: true, right: 0.0 })?;
    for marker in &chart.markers {
        let x = frame.at(marker.x, 0.0).0.clamp(frame.left, frame.right);
        look.line(area, &[(x, frame.top), (x, frame.bottom)], theme.quiet, 1.0)?;
    }
    let mut key = look.px(8.0);
    for (i, curve) in chart.curves.iter().enumerate() {
        let colour = theme.series(i, &curve.name);
        let mut line: Vec<(i32, i32)> = Vec::new();
        for &(x, y) in &curve.points {
            let (px, py) = frame.at(x, y);
            if let Some(&(last, before)) = line.last() {
                // Points on one pixel add nothing.
                if last == px && before == py {
                    continue;
                }
                if chart.steps {
                    line.push((px, before));
                }
            }
            line.push((px, py));
        }
        if let Some(&(_, y)) = line.last().filter(|_| chart.steps) {
            line.push((frame.right, y));
        }
        if !chart.steps {
            let half = look.px(2.5).max(1);
            for &(x, y) in &line {
                look.fill(area, (x - half, y - half), (x + half, y + half), colour)?;
            }
        }
        look.line(area, &line, colour, 2.0)?;
        let y = look.px(8.0);
        look.fill(area, (key, y - look.px(1.5)), (key + look.px(14.0), y + look.px(1.5)), colour)?;
        look.text(area, &curve.name, (key + look.px(19.0), y), words(theme.ink, HPos::Left, VPos::Center))?;
        key += look.px(34.0 + 7.4 * curve.name.chars().count() as f64);
    }
    // Words last: they stand over the curves.
    for (i, marker) in chart.markers.iter().enumerate() {
        let x = frame.at(marker.x, 0.0).0.clamp(frame.left, frame.right);
        let right = x > (frame.left + frame.right) / 2;
        let (h, shift) = if right { (HPos::Right, -look.px(4.0)) } else { (HPos::Left, look.px(4.0)) };
        let y = frame.top + look.px(4.0 + 14.0 * i as f64);
        look.text_over(area, &marker.name, (x + shift, y), words(theme.quiet, h, VPos::Top))?;
    }
    baseline(area, look, &frame)?;
    Ok(frame)
}

/// A cloud of points.
#[derive(Clone, Debug)]
pub struct Points {
    /// Values of each series; NaN is left out.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
    /// Lines across, with names.
    pub levels: Vec<(f64, String)>,
    /// A line from corner to corner: equal values.
    pub diagonal: bool,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

/// Draws points and levels.
///
/// # Errors
/// If the backend fails.
pub fn points<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Points) -> Result<Frame, DB> {
    let theme = &look.theme;
    let top = if chart.series.len() > 1 { 18.0 } else { 8.0 };
    let frame = axes(area, look, chart.x.clone(), chart.y.clone(), Space { top, grid: true, right: 0.0 })?;
    if chart.diagonal {
        let end = chart.x.to.min(chart.y.to);
        look.line(area, &[frame.at(0.0, 0.0), frame.at(end, end)], theme.quiet, 1.0)?;
    }
    let mut key = look.px(8.0);
    for (s, (name, values)) in chart.series.iter().enumerate() {
        for &(x, y) in values.iter().filter(|(x, y)| !x.is_nan() && !y.is_nan()) {
            area.draw(&Circle::new(frame.at(x, y), look.px(2.2), theme.series(s, name).filled()))?;
        }
        if chart.series.len() > 1 {
            let y = look.px(8.0);
            area.draw(&Circle::new((key + look.px(5.0), y), look.px(3.0), theme.series(s, name).filled()))?;
            look.text(area, name, (key + look.px(12.0), y), words(theme.ink, HPos::Left, VPos::Center))?;
            key += look.px(26.0 + 7.4 * name.chars().count() as f64);
        }
    }
    for (i, (value, name)) in chart.levels.iter().enumerate() {
        let (_, y) = frame.at(chart.x.from, *value);
        let colour = if i == 0 { theme.accent } else { theme.quiet };
        look.line(area, &[(frame.left, y), (frame.right, y)], colour, 1.5)?;
        // Lines may lie close together: their names stand at different ends.
        let (x, h) = if i % 2 == 0 { (frame.right, HPos::Right) } else { (frame.left + look.px(4.0), HPos::Left) };
        look.text_over(area, name, (x, y - look.px(2.0)), words(colour, h, VPos::Bottom))?;
    }
    baseline(area, look, &frame)?;
    Ok(frame)
}
