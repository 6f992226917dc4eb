//! Heat maps. The cells go to the canvas as one picture ([`pixels`]), because 384 × 384 rectangles take 200 times as long;
//! axes and colour scale are drawn by plotters around it.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axis, Frame, Look, Result, Space, axes, words};
use super::theme::Theme;

/// A matrix to draw; row 0 is at the bottom.
#[derive(Clone, Debug)]
pub struct Heatmap {
    /// Values, row-major; NaN is drawn as absent.
    pub values: Vec<f32>,
    /// Columns.
    pub columns: usize,
    /// Value of the brightest colour.
    pub max: f64,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Name and unit of the values, beside the colour scale.
    pub unit: String,
    /// Values below zero exist: colours diverge around zero.
    pub diverging: bool,
    /// A row to mark.
    pub marked: Option<usize>,
}

/// Draws everything but the cells, and says where they go.
///
/// # Errors
/// If the backend fails.
pub fn heatmap<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, map: &Heatmap) -> Result<Frame, DB> {
    let theme = &look.theme;
    let frame = axes(area, look, map.x.clone(), map.y.clone(), Space { right: 74.0, top: 6.0, grid: false })?;
    let (left, right) = (frame.right + look.px(12.0), frame.right + look.px(22.0));
    let steps = 64;
    let height = f64::from(frame.bottom - frame.top);
    for i in 0..steps {
        let at = |i: i32| frame.bottom - super::axes::round(height * f64::from(i) / f64::from(steps));
        let t = (f64::from(i) + 0.5) / f64::from(steps);
        let colour = if map.diverging { theme.difference(2.0 * t - 1.0) } else { theme.magnitude(t) };
        look.fill(area, (left, at(i + 1)), (right, at(i)), colour)?;
    }
    for quarter in 0..=4 {
        let t = f64::from(quarter) / 4.0;
        let y = frame.bottom - super::axes::round(height * t);
        let value = if map.diverging { map.max * (2.0 * t - 1.0) * (2.0 * t - 1.0).abs() } else { map.max * t * t };
        let label = crate::units::significant(value, 2);
        look.text(area, &label, (right + look.px(4.0), y), words(theme.quiet, HPos::Left, VPos::Center))?;
    }
    let unit = super::axes::Words { upright: true, ..words(theme.quiet, HPos::Center, VPos::Bottom) };
    let (width, _) = area.dim_in_pixel();
    let far = i32::try_from(width).unwrap_or(i32::MAX) - look.px(2.0);
    look.text(area, &map.unit, (far, (frame.top + frame.bottom) / 2), unit)?;
    if let Some(row) = map.marked {
        let (_, top) = frame.at(0.0, row as f64 + 1.0);
        let (_, bottom) = frame.at(0.0, row as f64);
        let (x, y) = (frame.left - look.px(2.0), (top + bottom) / 2);
        let (a, b) = (look.px(6.0), look.px(4.0));
        area.draw(&Polygon::new([(x, y), (x - a, y - b), (x - a, y + b)], theme.accent))?;
    }
    Ok(frame)
}

/// The cells as RGBA, top row first. Colour grows with the square root of the value: most cells of a sparse matrix are small.
#[must_use]
pub fn pixels(map: &Heatmap, theme: &Theme) -> Vec<u8> {
    shades(&map.values, map.columns, (map.max, map.diverging), theme)
}

/// The same of cells without axes; colours end at `max`.
#[must_use]
pub fn shades(values: &[f32], columns: usize, (max, diverging): (f64, bool), theme: &Theme) -> Vec<u8> {
    // 256 colours, looked up: half a million roots and mixes would take longer than a frame.
    let colour = |t: f64| if diverging { theme.difference(2.0 * t - 1.0) } else { theme.magnitude(t) };
    let opaque = |RGBColor(r, g, b)| [r, g, b, 255];
    let table: Vec<[u8; 4]> = (0..256u32).map(|i| opaque(colour(f64::from(i) / 255.0))).collect();
    let at = |t: f64| table[crate::units::floor(t * 255.0 + 0.5).min(255)];
    let (absent, zero) = (opaque(theme.absent), at(if diverging { 0.5 } else { 0.0 }));
    let shade = |value: f32| {
        // Most cells of most maps.
        if value == 0.0 {
            return zero;
        }
        if value.is_nan() {
            return absent;
        }
        let share = f64::from(value) / max;
        // Roots are rounded alike on every target (IEEE 754), and one instruction.
        let root = share.abs().min(1.0).sqrt();
        match (diverging, share < 0.0) {
            (false, false) => at(root),
            (false, true) => zero,
            (true, false) => at(0.5 + root / 2.0),
            (true, true) => at(0.5 - root / 2.0),
        }
    };
    let mut out = vec![0; values.len() * 4];
    let columns = columns.max(1);
    let rows = out.as_chunks_mut::<4>().0.chunks_exact_mut(columns).rev();
    for (to, from) in rows.zip(values.chunks_exact(columns)) {
        to.iter_mut().zip(from).for_each(|(to, &value)| *to = shade(value));
    }
    out
}

/// Draws the cells as rectangles: for backends that have no pixels.
///
/// # Errors
/// If the backend fails.
pub fn paint<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    map: &Heatmap,
    frame: &Frame,
) -> Result<(), DB> {
    let rgba = pixels(map, &look.theme);
    let rows = map.values.len() / map.columns.max(1);
    for (i, line) in rgba.chunks_exact(map.columns.max(1) * 4).enumerate() {
        let row = rows - 1 - i;
        let mut column = 0;
        // Neighbours of one colour are one rectangle: most of a matrix is dark.
        for run in line.as_chunks::<4>().0.chunk_by(|a, b| a == b) {
            let from = frame.at(column as f64, row as f64 + 1.0);
            column += run.len();
            let to = frame.at(column as f64, row as f64);
            look.fill(area, from, to, RGBColor(run[0][0], run[0][1], run[0][2]))?;
        }
    }
    Ok(())
}
