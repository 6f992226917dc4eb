//! Any figure, with its data: what a panel makes, and what a canvas or an SVG is drawn from.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{
    Bars, Curves, Frame, Gantt, Heatmap, Lines, Look, MeshPicture, Panels, Points, Result, bars, curves, gantt,
    heatmap, lines, mesh, paint, panels, points,
};

/// A figure.
#[derive(Clone, Debug)]
pub enum Chart {
    /// Bars.
    Bars(Bars),
    /// Curves.
    Curves(Curves),
    /// Points.
    Points(Points),
    /// A matrix.
    Heatmap(Heatmap),
    /// The wafer.
    Mesh(MeshPicture),
    /// Work over time.
    Gantt(Gantt),
    /// Small charts of bars.
    Panels(Panels),
    /// Lines with their names.
    Lines(Lines),
}

/// Draws a figure; the cells of a heat map are left to the caller, who may have pixels (see [`super::pixels`]).
///
/// # Errors
/// If the backend fails.
pub fn chart<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Chart) -> Result<Frame, DB> {
    match chart {
        Chart::Bars(c) => bars(area, look, c),
        Chart::Curves(c) => curves(area, look, c),
        Chart::Points(c) => points(area, look, c),
        Chart::Heatmap(c) => heatmap(area, look, c),
        Chart::Mesh(c) => mesh(area, look, c),
        Chart::Gantt(c) => gantt(area, look, c),
        Chart::Panels(c) => panels(area, look, c),
        Chart::Lines(c) => lines(area, look, c),
    }
}

/// The figure as SVG text of `width` × `height`.
#[must_use]
pub fn svg(what: &Chart, look: &Look, (width, height): (u32, u32)) -> Option<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        let frame = chart(&area, look, what).ok()?;
        if let Chart::Heatmap(map) = what {
            paint(&area, look, map, &frame).ok()?;
        }
        area.present().ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Bar, theme};

    #[test]
    fn figures_are_sound_svg() {
        let look = Look { theme: theme::LIGHT, ratio: 1.0 };
        let bars = Bars {
            bars: vec![Bar { values: vec![1.0], label: Some("1×".into()), paper: Some(2.0), marked: true }],
            series: vec!["measured here".into()],
            x: Axis::named("strategy", &["base".into()], 9),
            y: Axis::linear("speedup, ×", 2.0),
            level: None,
        };
        let map = Heatmap {
            values: vec![0.0, 1.0, f32::NAN, 0.5],
            columns: 2,
            max: 1.0,
            x: Axis::cells("expert", 2),
            y: Axis::cells("layer", 2),
            unit: "probability".into(),
            diverging: false,
            marked: Some(1),
        };
        for (chart, words) in [(Chart::Bars(bars), "speedup"), (Chart::Heatmap(map), "probability")] {
            let text = svg(&chart, &look, (400, 300)).unwrap();
            assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
            assert!(text.contains(words) && text.matches("<rect").count() > 2);
            // The paper's value is a diamond, on its bar and in the key, each with a rim.
            assert!(words != "speedup" || text.matches("<polygon").count() == 4);
        }
    }
}
