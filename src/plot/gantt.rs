//! Work over time, a row for each die: what it fetched and what it computed.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axis, Frame, Look, Result, Space, axes, baseline, words};

/// One piece of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Row.
    pub row: usize,
    /// Part of the row, 0 at its top.
    pub lane: usize,
    /// Start, on the horizontal axis.
    pub start: f64,
    /// End.
    pub end: f64,
    /// Position in [`Gantt::kinds`].
    pub kind: usize,
}

/// A chart of work over time.
#[derive(Clone, Debug)]
pub struct Gantt {
    /// The work.
    pub spans: Vec<Span>,
    /// Names of the kinds of work; the first three have the colours of series, the fourth a quiet one.
    pub kinds: Vec<String>,
    /// Parts of a row.
    pub lanes: usize,
    /// Time.
    pub x: Axis,
    /// Rows: row r stands between r and r + 1, downward.
    pub y: Axis,
}

/// Draws the chart.
///
/// # Errors
/// If the backend fails.
pub fn gantt<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Gantt) -> Result<Frame, DB> {
    let theme = &look.theme;
    let frame = axes(area, look, chart.x.clone(), chart.y.clone(), Space { top: 18.0, grid: false, right: 0.0 })?;
    let colour = |kind: usize| if kind < 3 { theme.series[kind] } else { theme.absent };
    for span in &chart.spans {
        // A tenth of a row stays free between rows.
        let at = |lane: usize| span.row as f64 + 0.05 + 0.9 * lane as f64 / chart.lanes.max(1) as f64;
        let (left, top) = frame.at(span.start, at(span.lane));
        let (right, bottom) = frame.at(span.end, at(span.lane + 1));
        // A line of the background keeps neighbours apart.
        let right = if right - left > look.px(3.0) { right - look.px(0.5).max(1) } else { right.max(left + 1) };
        look.fill(area, (left, top), (right, bottom.max(top + 1)), colour(span.kind))?;
    }
    baseline(area, look, &frame)?;
    // The names of the kinds in one line; on a narrow page what is between them gives way, not they.
    let letter = |c: char| match c {
        'A'..='Z' => 10.0,
        'i' | 'l' | 't' | ' ' | '\'' => 4.2,
        _ => 8.0,
    };
    let wide = |name: &String| 14.0 + name.chars().map(letter).sum::<f64>();
    let (room, names) =
        (f64::from(area.dim_in_pixel().0) / look.ratio - 8.0, chart.kinds.iter().map(wide).sum::<f64>());
    let between = ((room - names) / chart.kinds.len().max(1) as f64).clamp(2.0, 15.0);
    let (mut x, y) = (look.px(8.0), look.px(8.0));
    for (kind, name) in chart.kinds.iter().enumerate() {
        let half = look.px(4.5).max(1);
        look.fill(area, (x, y - half), (x + look.px(10.0), y + half), colour(kind))?;
        look.text(area, name, (x + look.px(14.0), y), words(theme.ink, HPos::Left, VPos::Center))?;
        x += look.px(wide(name) + between);
    }
    Ok(frame)
}
