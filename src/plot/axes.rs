//! Axes, ticks and the mapping between data and pixels. Own axes instead of plotters' chart builder, because that one
//! measures every label through the page's layout, which costs more than a frame when a slider moves.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::theme::Theme;

/// What drawing returns.
pub type Result<T, DB> = std::result::Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// How to draw: colours, and device pixels for one CSS pixel.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Device pixel ratio.
    pub ratio: f64,
}

/// How values become positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By logarithm; values below the range stand at its start.
    Log,
}

/// One axis with its ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Name and unit.
    pub label: String,
    /// Start of the range.
    pub from: f64,
    /// End of the range.
    pub to: f64,
    /// Values with a label.
    pub ticks: Vec<(f64, String)>,
    /// Spacing.
    pub scale: Scale,
}

impl Axis {
    /// An even axis from 0 to at least `to`, with about five ticks on round numbers.
    #[must_use]
    pub fn linear(label: &str, to: f64) -> Self {
        let to = if to > 0.0 { to } else { 1.0 };
        let step = round_step(to / 5.0);
        let n = crate::units::floor(to / step + 1e-9);
        let ticks = (0..=n).map(|i| i as f64 * step).map(|v| (v, crate::units::significant(v, 3))).collect();
        Self { label: label.into(), from: 0.0, to, ticks, scale: Scale::Linear }
    }

    /// An even axis of percentages from 0 to at least `to`; values are shares, 0 to 1.
    #[must_use]
    pub fn share(label: &str, to: f64) -> Self {
        let percent = Self::linear(label, to * 100.0);
        let ticks = percent.ticks.into_iter().map(|(v, t)| (v / 100.0, format!("{t}%"))).collect();
        Self { to: percent.to / 100.0, ticks, ..Self::linear(label, to) }
    }

    /// A logarithmic axis with a tick at powers of ten.
    #[must_use]
    pub fn log(label: &str, from: f64, to: f64) -> Self {
        let mut ticks = Vec::new();
        let mut v = 1.0;
        while v <= to * 1.000_001 {
            if v >= from {
                ticks.push((v, crate::units::significant(v, 3)));
            }
            v *= 10.0;
        }
        Self { label: label.into(), from, to, ticks, scale: Scale::Log }
    }

    /// Cells 0..n with round numbers at their middles.
    #[must_use]
    pub fn cells(label: &str, n: usize) -> Self {
        let step = crate::units::floor(round_step(n as f64 / 6.0)).max(1);
        let ticks = (0..n).step_by(step).map(|i| (i as f64 + 0.5, i.to_string())).collect();
        Self { label: label.into(), from: 0.0, to: n as f64, ticks, scale: Scale::Linear }
    }

    /// Cells with given names at their middles, thinned to about `most` labels.
    #[must_use]
    pub fn named(label: &str, names: &[String], most: usize) -> Self {
        let step = names.len().div_ceil(most.max(1)).max(1);
        let ticks = names.iter().enumerate().step_by(step).map(|(i, n)| (i as f64 + 0.5, n.clone())).collect();
        Self { label: label.into(), from: 0.0, to: names.len() as f64, ticks, scale: Scale::Linear }
    }

    fn part(&self, v: f64) -> f64 {
        match self.scale {
            Scale::Linear => (v - self.from) / (self.to - self.from),
            Scale::Log => {
                let of = |v: f64| libm::log(v.max(self.from));
                (of(v) - of(self.from)) / (of(self.to) - of(self.from))
            }
        }
    }

    fn value(&self, part: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.from + part * (self.to - self.from),
            Scale::Log => libm::exp(libm::log(self.from) + part * (libm::log(self.to) - libm::log(self.from))),
        }
    }
}

/// Where the data stands in a figure, in device pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Left edge.
    pub left: i32,
    /// Top edge.
    pub top: i32,
    /// Right edge.
    pub right: i32,
    /// Bottom edge.
    pub bottom: i32,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis, upward.
    pub y: Axis,
    /// Left, top, right and bottom of small charts, each with as long a part of the horizontal axis; none: it is one chart.
    pub parts: Vec<[i32; 4]>,
}

impl Frame {
    /// The pixel of a value.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> (i32, i32) {
        if let Some((part, x)) = self.part(x) {
            return part.at(x, y);
        }
        let along = |from: i32, to: i32, part: f64| from + round(f64::from(to - from) * part.clamp(-0.01, 1.01));
        (along(self.left, self.right, self.x.part(x)), along(self.bottom, self.top, self.y.part(y)))
    }

    /// The value under a pixel, if it is inside.
    #[must_use]
    pub fn value(&self, px: f64, py: f64) -> Option<(f64, f64)> {
        if !self.parts.is_empty() {
            let span = self.span();
            let found = (0..self.parts.len()).find_map(|i| {
                let (x, y) = self.part(span * (i as f64 + 0.5))?.0.value(px, py)?;
                Some((x + span * i as f64, y))
            });
            return found;
        }
        let x = (px - f64::from(self.left)) / f64::from(self.right - self.left);
        let y = (f64::from(self.bottom) - py) / f64::from(self.bottom - self.top);
        let inside = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
        inside.then(|| (self.x.value(x), self.y.value(y)))
    }
}

impl Frame {
    /// The length of a small chart's part of the horizontal axis.
    fn span(&self) -> f64 {
        (self.x.to - self.x.from) / self.parts.len().max(1) as f64
    }

    /// The small chart of a place on the horizontal axis, with the place in it.
    fn part(&self, x: f64) -> Option<(Frame, f64)> {
        let span = self.span();
        let i = crate::units::floor(x / span).min(self.parts.len().checked_sub(1)?);
        let [left, top, right, bottom] = self.parts[i];
        let own = Axis { from: 0.0, to: span, ticks: Vec::new(), ..self.x.clone() };
        Some((Frame { left, top, right, bottom, x: own, y: self.y.clone(), parts: Vec::new() }, x - span * i as f64))
    }
}

impl Look {
    /// Device pixels of a length in CSS pixels.
    #[must_use]
    pub fn px(&self, css: f64) -> i32 {
        round(css * self.ratio)
    }

    /// Stroke width of a line.
    #[must_use]
    pub fn stroke(&self, css: f64) -> u32 {
        u32::try_from(self.px(css)).unwrap_or(1).max(1)
    }

    /// Writes text at a pixel.
    ///
    /// # Errors
    /// If the backend fails.
    pub(super) fn text<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        words: &str,
        at: (i32, i32),
        style: Words,
    ) -> Result<(), DB> {
        let mut font = ("Inter, system-ui, sans-serif", f64::from(self.px(style.size))).into_font();
        if style.upright {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = font.color(&style.colour).pos(Pos::new(style.h, style.v));
        area.draw_text(words, &style, at)
    }

    /// Writes text over data, on a patch of the background.
    ///
    /// # Errors
    /// If the backend fails.
    pub(super) fn text_over<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        words: &str,
        at: (i32, i32),
        style: Words,
    ) -> Result<(), DB> {
        let (width, height) = (self.px(style.size * 0.56 * words.chars().count() as f64), self.px(style.size * 1.25));
        let left = match style.h {
            HPos::Left => at.0,
            HPos::Right => at.0 - width,
            HPos::Center => at.0 - width / 2,
        };
        let top = match style.v {
            VPos::Top => at.1,
            VPos::Center => at.1 - height / 2,
            VPos::Bottom => at.1 - height,
        };
        area.draw(&Rectangle::new([(left, top), (left + width, top + height)], self.theme.surface.mix(0.85).filled()))?;
        self.text(area, words, at, style)
    }

    /// Fills a rectangle.
    ///
    /// # Errors
    /// If the backend fails.
    pub(super) fn fill<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        from: (i32, i32),
        to: (i32, i32),
        colour: RGBColor,
    ) -> Result<(), DB> {
        area.draw(&Rectangle::new([from, to], colour.filled()))
    }

    /// Draws a line through pixels.
    ///
    /// # Errors
    /// If the backend fails.
    pub(super) fn line<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        through: &[(i32, i32)],
        colour: RGBColor,
        css: f64,
    ) -> Result<(), DB> {
        area.draw(&PathElement::new(through.to_vec(), colour.stroke_width(self.stroke(css))))
    }
}

/// How words stand.
#[derive(Clone, Copy)]
pub(super) struct Words {
    /// CSS pixels.
    pub(super) size: f64,
    /// Colour.
    pub(super) colour: RGBColor,
    /// Anchor.
    pub(super) h: HPos,
    /// Anchor.
    pub(super) v: VPos,
    /// Reads upward.
    pub(super) upright: bool,
}

/// Small words with an anchor.
pub(super) fn words(colour: RGBColor, h: HPos, v: VPos) -> Words {
    Words { size: 13.0, colour, h, v, upright: false }
}

/// Space around the data, CSS pixels: what a figure needs beside its axes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Space {
    pub(super) top: f64,
    pub(super) right: f64,
    /// Grid lines across.
    pub(super) grid: bool,
}

/// Clears the figure, draws both axes and says where the data goes.
pub(super) fn axes<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    x: Axis,
    y: Axis,
    space: Space,
) -> Result<Frame, DB> {
    let theme = &look.theme;
    area.fill(&theme.surface)?;
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height).unwrap_or(i32::MAX));
    let widest = y.ticks.iter().map(|(_, t)| t.chars().count()).max().unwrap_or(0);
    let left = look.px(28.0 + 7.6 * widest as f64);
    let frame = Frame {
        left,
        top: look.px(8.0 + space.top),
        right: (width - look.px(16.0 + space.right)).max(left + 8),
        bottom: height - look.px(46.0),
        x,
        y,
        parts: Vec::new(),
    };
    for (v, label) in &frame.y.ticks {
        let (_, py) = frame.at(frame.x.from, *v);
        if space.grid {
            look.line(area, &[(frame.left, py), (frame.right, py)], theme.grid, 1.0)?;
        }
        look.text(area, label, (frame.left - look.px(6.0), py), words(theme.quiet, HPos::Right, VPos::Center))?;
    }
    let mut free = i32::MIN;
    for (v, label) in &frame.x.ticks {
        let (px, _) = frame.at(*v, frame.y.from);
        let half = look.px(3.6 * label.chars().count() as f64);
        // The last one stays within the figure; one that would touch the one before it is left out.
        let at = px.min(width - half);
        if at - half < free {
            continue;
        }
        free = at + half + look.px(4.0);
        look.line(area, &[(px, frame.bottom), (px, frame.bottom + look.px(4.0))], theme.quiet, 1.0)?;
        look.text(area, label, (at, frame.bottom + look.px(7.0)), words(theme.quiet, HPos::Center, VPos::Top))?;
    }
    let middle = (frame.left + frame.right) / 2;
    look.text(area, &frame.x.label, (middle, height - look.px(3.0)), words(theme.ink, HPos::Center, VPos::Bottom))?;
    let upright = Words { upright: true, ..words(theme.ink, HPos::Center, VPos::Top) };
    look.text(area, &frame.y.label, (look.px(3.0), (frame.top + frame.bottom) / 2), upright)?;
    Ok(frame)
}

/// The baseline, drawn over the data.
pub(super) fn baseline<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    frame: &Frame,
) -> Result<(), DB> {
    look.line(area, &[(frame.left, frame.bottom), (frame.right, frame.bottom)], look.theme.quiet, 1.0)
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(least)));
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|&s| s >= least * 0.999_999).unwrap_or(10.0 * power)
}

#[expect(clippy::cast_possible_truncation, reason = "pixel positions are small; the cast saturates")]
pub(super) fn round(x: f64) -> i32 {
    libm::round(x) as i32
}

/// Where the words above a bar end: on it, unless the paper's mark at `mark` lies where they would stand; then above that.
pub(super) fn above(look: &Look, bar: i32, mark: Option<i32>) -> i32 {
    let free = mark.filter(|at| (bar - look.px(24.0)..=bar + look.px(3.0)).contains(at));
    free.map_or(bar, |at| at - look.px(6.0)) - look.px(4.0)
}

/// The paper's mark: nothing else is of this form.
pub(super) fn diamond<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    (x, y): (i32, i32),
) -> Result<(), DB> {
    let of = |r: i32| vec![(x, y - r), (x + r, y), (x, y + r), (x - r, y)];
    area.draw(&Polygon::new(of(look.px(7.0)), look.theme.surface.filled()))?;
    area.draw(&Polygon::new(of(look.px(5.0)), look.theme.paper.filled()))
}
