//! Small charts of bars side by side, all on one scale: the same devices under several placements, the same runs of several models.
//! Apart from `bars`, which is one chart: here the eye compares heights across charts, so they share their axis and their room.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axes::{Axis, Frame, Look, Result, above, diamond, round, words};

/// A bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// Its height; not a number: no bar.
    pub value: f64,
    /// Name of its colour, see [`super::theme::hue`].
    pub hue: &'static str,
    /// It is not the one that counts.
    pub faint: bool,
    /// Words above it.
    pub label: Option<String>,
    /// The paper's value, as a diamond.
    pub paper: Option<f64>,
}

/// Bars that belong together, with lines of words under them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The bars.
    pub marks: Vec<Mark>,
    /// What is written under them.
    pub under: Vec<String>,
}

/// One of the small charts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// What it is of.
    pub title: String,
    /// Name of the title's colour; empty: the ink's.
    pub hue: &'static str,
    /// Its numbers, under the title.
    pub note: String,
    /// The reader has chosen it.
    pub chosen: bool,
    /// The bars, from left to right.
    pub groups: Vec<Group>,
}

/// The charts.
#[derive(Clone, Debug, PartialEq)]
pub struct Panels {
    /// One after another.
    pub panels: Vec<Panel>,
    /// The axis of values of all of them.
    pub y: Axis,
    /// Whether its ticks and lines are drawn.
    pub grid: bool,
    /// Lines across each: value, words, and whether it is dashed and strong.
    pub levels: Vec<(f64, String, bool)>,
    /// Colours and names of a key above.
    pub key: Vec<(&'static str, String)>,
    /// The least width of a chart, CSS pixels.
    pub least: f64,
}

/// Room of a chart's end where its levels are named, in bars.
const PAD: f64 = 0.2;

/// Length of a chart's part of the horizontal axis: its groups, and room at the end where it has levels.
#[must_use]
pub fn span(groups: usize, has_levels: bool) -> f64 {
    groups as f64 + if has_levels { (groups as f64 * PAD).max(1.0) } else { 0.0 }
}

/// How many charts stand side by side: as many as fit, and as many in every row as can be.
#[must_use]
pub fn columns(panels: usize, width: f64, least: f64) -> usize {
    let fit = crate::units::floor(width / least.max(1.0)).clamp(1, panels.max(1));
    panels.max(1).div_ceil(panels.max(1).div_ceil(fit))
}

/// Draws the charts. Its frame has a place on the horizontal axis for each group of each chart, one chart after another.
///
/// # Errors
/// If the backend fails.
pub fn panels<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, look: &Look, chart: &Panels) -> Result<Frame, DB> {
    let theme = &look.theme;
    area.fill(&theme.surface)?;
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height).unwrap_or(i32::MAX));
    let across = columns(chart.panels.len(), f64::from(width) / look.ratio, chart.least);
    let down = chart.panels.len().max(1).div_ceil(across);
    let has_paper = chart.panels.iter().flat_map(|p| &p.groups).flat_map(|g| &g.marks).any(|m| m.paper.is_some());
    let top = if chart.key.is_empty() { 0 } else { key(area, look, chart, has_paper, width)? };
    let groups = chart.panels.iter().map(|p| p.groups.len()).max().unwrap_or(0).max(1);
    let lines = chart.panels.iter().flat_map(|p| &p.groups).map(|g| g.under.len()).max().unwrap_or(0);
    let gap = look.px(20.0);
    let cell = ((width - gap * (small(across) - 1)) / small(across), (height - top) / small(down));
    let span = span(groups, !chart.levels.is_empty());
    let mut parts = Vec::new();
    for (i, panel) in chart.panels.iter().enumerate() {
        let (column, row) = (small(i % across), small(i / across));
        let (x, y) = (column * (cell.0 + gap), top + row * cell.1);
        let left = x + if chart.grid { look.px(34.0) } else { 0 };
        let frame = Frame {
            left,
            top: y + look.px(68.0),
            right: x + cell.0,
            bottom: y + cell.1 - look.px(8.0 + 17.0 * lines as f64),
            x: Axis { from: 0.0, to: span, ticks: Vec::new(), ..Axis::linear("", 1.0) },
            y: chart.y.clone(),
            parts: Vec::new(),
        };
        one(area, look, chart, panel, &frame, x, y)?;
        parts.push([frame.left, frame.top, frame.right, frame.bottom]);
    }
    let end = span * chart.panels.len() as f64;
    let x = Axis { from: 0.0, to: end.max(1.0), ticks: Vec::new(), ..Axis::linear("", 1.0) };
    Ok(Frame { left: 0, top, right: width, bottom: height, x, y: chart.y.clone(), parts })
}

fn one<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    chart: &Panels,
    panel: &Panel,
    frame: &Frame,
    x: i32,
    y: i32,
) -> Result<(), DB> {
    let theme = &look.theme;
    let colour = if panel.hue.is_empty() { theme.ink } else { theme.told(panel.hue) };
    bold(area, look, &panel.title, (x, y + look.px(4.0)), 15.0, colour)?;
    look.text(area, &panel.note, (x, y + look.px(25.0)), words(theme.quiet, HPos::Left, VPos::Top))?;
    if panel.chosen {
        look.fill(area, (x, y), (frame.right, y + look.px(2.0)), theme.ink)?;
    }
    if chart.grid {
        for (v, label) in &chart.y.ticks {
            let py = frame.at(0.0, *v).1;
            look.line(area, &[(frame.left, py), (frame.right, py)], theme.grid, 1.0)?;
            look.text(area, label, (frame.left - look.px(6.0), py), words(theme.quiet, HPos::Right, VPos::Center))?;
        }
    }
    let groups = panel.groups.len();
    let gap = if groups > 48 { 0.04 } else { 0.08 };
    let mut free = i32::MIN;
    for (i, group) in panel.groups.iter().enumerate() {
        let each = (1.0 - 2.0 * gap) / group.marks.len().max(1) as f64;
        for (m, mark) in group.marks.iter().enumerate() {
            let from = i as f64 + gap + each * m as f64;
            let ((left, top), (right, bottom)) = (frame.at(from, mark.value), frame.at(from + each, chart.y.from));
            let right = right.max(left + 1);
            let fill = theme.hue(mark.hue);
            let fill = if mark.faint { blend(fill, theme.surface, 0.55) } else { fill };
            if mark.value.is_finite() && bottom > top {
                look.fill(area, (left, top), (right, bottom), fill)?;
            }
            let middle = (left + right) / 2;
            let paper = mark.paper.map(|value| frame.at(0.0, value).1);
            if let Some(label) = &mark.label {
                let half = look.px(4.0 * label.chars().count() as f64);
                let at = middle.clamp(frame.left + half, (frame.right - half).max(frame.left + half));
                look.text(
                    area,
                    label,
                    (at, above(look, top, paper)),
                    words(theme.told(mark.hue), HPos::Center, VPos::Bottom),
                )?;
            }
            if let Some(at) = paper {
                diamond(area, look, (middle, at))?;
            }
        }
        let (middle, _) = frame.at(i as f64 + 0.5, chart.y.from);
        let widest = group.under.iter().map(|w| w.chars().count()).max().unwrap_or(0);
        let half = look.px(3.7 * widest as f64);
        let middle = middle.max(frame.left + if chart.grid { 0 } else { half });
        if widest == 0 || middle - half < free {
            continue;
        }
        free = middle + half;
        for (line, text) in group.under.iter().enumerate() {
            let at = (middle, frame.bottom + look.px(5.0 + 17.0 * line as f64));
            look.text(area, text, at, words(theme.quiet, HPos::Center, VPos::Top))?;
        }
    }
    for (value, name, strong) in &chart.levels {
        let (_, y) = frame.at(0.0, *value);
        let end = frame.right - look.px(7.5 * name.chars().count() as f64 + 3.0);
        let colour = if *strong { theme.ink } else { theme.quiet };
        let (mut at, on, off) = (frame.left, look.px(if *strong { 3.0 } else { 1.5 }), look.px(3.0));
        while at < end {
            look.line(area, &[(at, y), ((at + on).min(end), y)], colour, if *strong { 1.2 } else { 1.0 })?;
            at += on + off.max(1);
        }
        look.text(area, name, (frame.right, y), words(colour, HPos::Right, VPos::Center))?;
    }
    look.line(area, &[(frame.left, frame.bottom), (frame.right, frame.bottom)], theme.quiet, 1.0)
}

/// Colours and names above the charts, in as many lines as they need; where they end.
fn key<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    chart: &Panels,
    has_paper: bool,
    width: i32,
) -> Result<i32, DB> {
    let theme = &look.theme;
    let (mut x, mut y) = (0, look.px(10.0));
    let paper = has_paper.then_some(("", "the paper".to_string()));
    for (hue, name) in chart.key.iter().cloned().chain(paper) {
        let long = look.px(34.0 + 7.2 * name.chars().count() as f64);
        if x > 0 && x + long > width {
            (x, y) = (0, y + look.px(20.0));
        }
        let half = look.px(5.0);
        if hue.is_empty() {
            diamond(area, look, (x + half, y))?;
        } else {
            look.fill(area, (x, y - half), (x + 2 * half, y + half), theme.hue(hue))?;
        }
        look.text(area, &name, (x + look.px(16.0), y), words(theme.ink, HPos::Left, VPos::Center))?;
        x += long;
    }
    Ok(y + look.px(18.0))
}

fn bold<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    text: &str,
    at: (i32, i32),
    size: f64,
    colour: RGBColor,
) -> Result<(), DB> {
    let font = ("Inter, system-ui, sans-serif", f64::from(look.px(size)), FontStyle::Bold).into_font();
    let style = font.transform(FontTransform::None).color(&colour).pos(Pos::new(HPos::Left, VPos::Top));
    area.draw_text(text, &style, at)
}

/// A colour over another.
fn blend(RGBColor(r, g, b): RGBColor, RGBColor(x, y, z): RGBColor, part: f64) -> RGBColor {
    let mix = |a: u8, b: u8| u8::try_from(round(f64::from(a) * part + f64::from(b) * (1.0 - part))).unwrap_or(b);
    RGBColor(mix(r, x), mix(g, y), mix(b, z))
}

fn small(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Chart, svg, theme};

    #[test]
    fn rows_of_charts_are_as_full_as_they_can_be() {
        assert_eq!([900.0, 500.0, 390.0, 100.0].map(|w| columns(4, w, 190.0)), [4, 2, 2, 1]);
        assert_eq!(columns(5, 640.0, 190.0), 3);
        assert_eq!(columns(0, 640.0, 190.0), 1);
    }

    #[test]
    fn a_place_is_found_in_its_own_chart() {
        let group =
            |value| Group { marks: vec![Mark { value, hue: "ep", ..Mark::default() }], under: vec!["0".into()] };
        let panel =
            |title: &str| Panel { title: title.into(), groups: vec![group(1.0), group(2.0)], ..Panel::default() };
        let of = Panels {
            panels: vec![panel("one"), panel("two"), panel("three")],
            y: Axis::linear("", 2.0),
            grid: false,
            levels: Vec::new(),
            key: vec![("ep", "ep".into())],
            least: 150.0,
        };
        let mut text = String::new();
        let area = SVGBackend::with_string(&mut text, (400, 500)).into_drawing_area();
        let frame = panels(&area, &Look { theme: theme::LIGHT, ratio: 1.0 }, &of).unwrap();
        drop(area);
        // Two charts above, one below.
        for x in [0.5, 1.5, 2.5, 3.5, 4.5, 5.5] {
            let (px, py) = frame.at(x, 1.0);
            let (back, y) = frame.value(f64::from(px), f64::from(py)).unwrap();
            assert!((back - x).abs() < 0.02 && (y - 1.0).abs() < 0.02, "{x}: {back}, {y}");
        }
        assert!(frame.at(4.5, 1.0).1 > frame.at(1.5, 1.0).1);
        let look = Look { theme: theme::DARK, ratio: 1.0 };
        assert!(svg(&Chart::Panels(of), &look, (400, 500)).unwrap().contains("three"));
    }
}
