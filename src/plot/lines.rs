//! Lines that are named where they end, with one place marked: the same measure of several things along the layers. Apart from
//! `curve`, whose steps have a key: here a line is told by the words beside it.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axis, Frame, Look, Result, Space, axes, words};

/// A line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Name of its colour, see [`super::theme::hue`].
    pub hue: &'static str,
    /// Its points; what is not a number is left out.
    pub points: Vec<(f64, f64)>,
    /// Drawn stronger.
    pub strong: bool,
}

/// A chart of lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// The lines, the last on top.
    pub lines: Vec<Line>,
    /// The place that is looked at, with words.
    pub marker: Option<(f64, String)>,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
}

/// Draws the chart.
///
/// # Errors
/// If the backend fails.
pub fn lines<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Lines) -> Result<Frame, DB> {
    let theme = &look.theme;
    let widest = chart.lines.iter().map(|l| l.name.chars().count()).max().unwrap_or(0);
    let right = 7.4 * widest as f64;
    let frame = axes(area, look, chart.x.clone(), chart.y.clone(), Space { top: 12.0, right, grid: true })?;
    if let Some((x, name)) = &chart.marker {
        let (x, _) = frame.at(*x, chart.y.from);
        look.line(area, &[(x, frame.top - look.px(8.0)), (x, frame.bottom)], theme.ink, 1.2)?;
        let before = x > (frame.left + frame.right) / 2;
        let (h, shift) = if before { (HPos::Right, -look.px(6.0)) } else { (HPos::Left, look.px(6.0)) };
        look.text_over(area, name, (x + shift, frame.top - look.px(10.0)), words(theme.ink, h, VPos::Top))?;
    }
    let mut ends = Vec::new();
    for line in &chart.lines {
        let known = line.points.iter().filter(|p| p.1.is_finite());
        let through: Vec<(i32, i32)> = known.map(|&(x, y)| frame.at(x, y)).collect();
        look.line(area, &through, theme.hue(line.hue), if line.strong { 2.4 } else { 1.6 })?;
        if let Some(&(_, y)) = through.last() {
            ends.push((y, line));
        }
    }
    // Names that would touch stand under each other; those that would leave the figure move all up.
    ends.sort_by_key(|(y, _)| *y);
    let step = look.px(16.0);
    let mut free = i32::MIN;
    let mut at: Vec<i32> = Vec::new();
    for (y, _) in &ends {
        free = (*y).max(free);
        at.push(free);
        free += step;
    }
    let over = at.last().map_or(0, |last| (last - frame.bottom).max(0));
    for ((_, line), y) in ends.iter().zip(at) {
        let place = (frame.right + look.px(8.0), y - over);
        look.text(area, &line.name, place, words(theme.told(line.hue), HPos::Left, VPos::Center))?;
    }
    look.line(area, &[(frame.left, frame.bottom), (frame.right, frame.bottom)], theme.quiet, 1.0)?;
    Ok(frame)
}

impl Axis {
    /// An axis of values that are at least one, to at least `to`: what is over a mean or a base.
    #[must_use]
    pub fn from_one(label: &str, to: f64) -> Self {
        let over = Self::linear(label, (to - 1.0).max(0.05));
        let ticks = over.ticks.iter().map(|(v, _)| (v + 1.0, crate::units::significant(v + 1.0, 3))).collect();
        Self { from: 1.0, to: over.to + 1.0, ticks, ..over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Chart, svg, theme};

    #[test]
    fn names_stand_beside_their_lines_and_apart() {
        let line =
            |name: &str, y: f64| Line { name: name.into(), hue: "ep", points: vec![(0.0, y), (1.0, y)], strong: false };
        let of = Lines {
            lines: vec![line("contiguous", 1.5), line("remap", 1.5), line("eplb", f64::NAN)],
            marker: Some((0.5, "layer 3".into())),
            x: Axis::cells("layer", 2),
            y: Axis::from_one("", 2.0),
        };
        let text = svg(&Chart::Lines(of), &Look { theme: theme::LIGHT, ratio: 1.0 }, (500, 200)).unwrap();
        let y_of = |name: &str| {
            let tag = text[..text.find(name).unwrap()].rfind("<text").unwrap();
            let rest = &text[tag..];
            let from = rest.find("y=\"").unwrap() + 3;
            rest[from..].split('"').next().unwrap().parse::<i32>().unwrap()
        };
        assert_eq!((y_of("contiguous") - y_of("remap")).abs(), 16);
        assert!(!text.contains("eplb"), "a line without points has no name");
    }
}
