//! The only colours of the figures. Magnitudes use viridis (readable without colour vision); series differ in lightness too.

use plotters::style::RGBColor;

/// Colours of one appearance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// Text.
    pub ink: RGBColor,
    /// Axis labels and secondary marks.
    pub quiet: RGBColor,
    /// Grid lines.
    pub grid: RGBColor,
    /// Background of a figure.
    pub surface: RGBColor,
    /// What was never counted.
    pub absent: RGBColor,
    /// First series, and the thing that is looked at.
    pub accent: RGBColor,
    /// Second series.
    pub second: RGBColor,
    /// Third series.
    pub third: RGBColor,
    /// Fourth series.
    pub fourth: RGBColor,
    /// Fifth series.
    pub fifth: RGBColor,
    /// The paper's values.
    pub paper: RGBColor,
}

impl Theme {
    /// The colour of a series.
    #[must_use]
    pub fn series(&self, i: usize) -> RGBColor {
        [self.second, self.accent, self.third, self.fourth, self.fifth][i % 5]
    }
}

/// On a light page.
pub const LIGHT: Theme = Theme {
    ink: RGBColor(28, 31, 36),
    quiet: RGBColor(92, 98, 108),
    grid: RGBColor(228, 230, 233),
    surface: RGBColor(255, 255, 255),
    absent: RGBColor(206, 209, 214),
    accent: RGBColor(188, 78, 20),
    second: RGBColor(38, 92, 148),
    third: RGBColor(96, 108, 56),
    fourth: RGBColor(126, 64, 146),
    fifth: RGBColor(14, 128, 126),
    paper: RGBColor(28, 31, 36),
};

/// On a dark page.
pub const DARK: Theme = Theme {
    ink: RGBColor(232, 234, 237),
    quiet: RGBColor(160, 166, 176),
    grid: RGBColor(48, 53, 61),
    surface: RGBColor(24, 27, 32),
    absent: RGBColor(84, 90, 100),
    accent: RGBColor(255, 150, 84),
    second: RGBColor(120, 180, 240),
    third: RGBColor(196, 208, 130),
    fourth: RGBColor(208, 160, 232),
    fifth: RGBColor(84, 204, 196),
    paper: RGBColor(232, 234, 237),
};

/// Viridis at eleven places; between them colours are mixed.
const VIRIDIS: [(u8, u8, u8); 11] = [
    (68, 1, 84),
    (72, 36, 117),
    (65, 68, 135),
    (53, 95, 141),
    (42, 120, 142),
    (33, 145, 140),
    (34, 168, 132),
    (66, 190, 113),
    (122, 209, 81),
    (189, 223, 38),
    (253, 231, 37),
];

/// The colour of a magnitude from 0 to 1.
#[must_use]
pub fn magnitude(t: f64) -> RGBColor {
    let last = VIRIDIS.len() - 1;
    let at = t.clamp(0.0, 1.0) * last as f64;
    let i = crate::units::floor(at).min(last - 1);
    let mix = |a: u8, b: u8| {
        let value = f64::from(a) + (f64::from(b) - f64::from(a)) * (at - i as f64);
        u8::try_from(crate::units::floor(value + 0.5)).unwrap_or(u8::MAX)
    };
    let (a, b) = (VIRIDIS[i], VIRIDIS[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// The colour of a difference from -1 to 1: blue below zero, the background at zero, orange above.
#[must_use]
pub fn difference(t: f64, theme: &Theme) -> RGBColor {
    let end = if t < 0.0 { RGBColor(30, 110, 190) } else { RGBColor(226, 96, 20) };
    let mix = |a: u8, b: u8| {
        let value = f64::from(a) + (f64::from(b) - f64::from(a)) * t.abs().min(1.0);
        u8::try_from(crate::units::floor(value + 0.5)).unwrap_or(u8::MAX)
    };
    let RGBColor(r, g, b) = theme.surface;
    RGBColor(mix(r, end.0), mix(g, end.1), mix(b, end.2))
}

/// Black or white, whichever reads better on a colour.
#[must_use]
pub fn on(colour: RGBColor) -> RGBColor {
    let RGBColor(r, g, b) = colour;
    let light = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    if light > 128_000 { RGBColor(16, 18, 22) } else { RGBColor(255, 255, 255) }
}
