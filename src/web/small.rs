//! Small pictures: a matrix as its pixels, anything else in a few strokes. Apart from the figures: without axes and words there is
//! nothing for plotters to do, and a hundred of them are drawn while a reader scrolls.

use plotters::style::RGBColor;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::canvas::{context, picture, resize};
use crate::analysis::Shape;
use crate::plot::{Look, shades};

/// Draws a small picture of `size` CSS pixels; `most` is where colours and axes end.
pub fn small(canvas: &HtmlCanvasElement, size: (f64, f64), look: &Look, what: &Shape, most: f64) -> Option<()> {
    resize(canvas, size, look);
    let (w, h) = (f64::from(canvas.width()), f64::from(canvas.height()));
    let to = context(canvas)?;
    to.clear_rect(0.0, 0.0, w, h);
    let most = if most > 0.0 { most } else { 1.0 };
    let theme = &look.theme;
    match what {
        Shape::Nothing => {}
        Shape::Cells { columns, values, diverging, .. } => {
            let rgba = shades(values, *columns, (most, *diverging), theme);
            picture(canvas, (0.0, 0.0, w, h), &rgba, *columns)?;
        }
        Shape::Bars(values) => {
            to.set_fill_style_str(&css(theme.series[0]));
            let step = w / values.len().max(1) as f64;
            for (at, &value) in values.iter().enumerate() {
                let high = (f64::from(value) / most).clamp(0.0, 1.0) * h;
                to.fill_rect(at as f64 * step, h - high, (step * 0.8).max(1.0), high);
            }
        }
        Shape::Lines(lines) => {
            to.set_line_width(1.2 * look.ratio);
            for (line, colour) in lines.iter().zip(theme.series.iter().cycle()) {
                to.set_stroke_style_str(&css(*colour));
                curve(&to, line, (w, h));
            }
        }
        Shape::Points(points) => {
            to.set_fill_style_str(&css(theme.series[0]));
            let side = 1.5 * look.ratio;
            for [x, y] in points {
                let at = |v: f32| f64::from(v) / most;
                to.fill_rect(at(*x) * (w - side), (1.0 - at(*y)) * (h - side), side, side);
            }
        }
    }
    Some(())
}

/// A curve of shares at even places.
fn curve(to: &CanvasRenderingContext2d, line: &[f32], (w, h): (f64, f64)) {
    to.begin_path();
    let step = w / line.len().saturating_sub(1).max(1) as f64;
    for (at, &y) in line.iter().enumerate().filter(|(_, y)| !y.is_nan()) {
        to.line_to(at as f64 * step, (1.0 - f64::from(y).clamp(0.0, 1.0)) * (h - 2.0) + 1.0);
    }
    to.stroke();
}

fn css(RGBColor(r, g, b): RGBColor) -> String {
    format!("rgb({r},{g},{b})")
}
