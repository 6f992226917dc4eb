//! The only colours of the figures; www/style.css has the same for what is not drawn on a canvas, and a test compares the two.
//! Magnitudes are one ramp towards the ink, so that a cold thing looks cold on both grounds; a strategy has one colour everywhere.

use plotters::style::RGBColor;

use crate::units::floor;

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
    /// The thing that is looked at.
    pub accent: RGBColor,
    /// Series that are no strategies.
    pub series: [RGBColor; 5],
    /// The paper's values.
    pub paper: RGBColor,
    /// Magnitudes, from nothing to the most.
    pub ramp: [RGBColor; 13],
    /// Differences, from below through none to above.
    pub differences: [RGBColor; 9],
}

impl Theme {
    /// The colour of a series: a strategy's own, else one by its position.
    #[must_use]
    pub fn series(&self, i: usize, name: &str) -> RGBColor {
        strategy(name).unwrap_or(self.series[i % self.series.len()])
    }

    /// The colour of a name of [`hue`]; the quiet one of any other.
    #[must_use]
    pub fn hue(&self, name: &str) -> RGBColor {
        hue(name).unwrap_or(self.quiet)
    }

    /// The same hue for text, which needs more contrast.
    #[must_use]
    pub fn told(&self, name: &str) -> RGBColor {
        let dark = self.surface == DARK.surface;
        match (name, dark) {
            ("contiguous" | "base", false) => RGBColor(102, 104, 107),
            ("contiguous" | "base", true) => RGBColor(163, 165, 167),
            ("remap" | "ep", false) => RGBColor(7, 104, 180),
            ("remap" | "ep", true) => RGBColor(85, 177, 250),
            ("file" | "allo", false) => RGBColor(10, 112, 107),
            ("file" | "allo", true) => RGBColor(69, 179, 170),
            ("eplb" | "pred", false) => RGBColor(134, 49, 159),
            ("eplb" | "pred", true) => RGBColor(201, 139, 226),
            ("chosen" | "allo+pred", false) => RGBColor(163, 76, 22),
            ("chosen" | "allo+pred", true) => RGBColor(229, 138, 78),
            _ => self.quiet,
        }
    }

    /// The colour of a magnitude from 0 to 1.
    #[must_use]
    pub fn magnitude(&self, t: f64) -> RGBColor {
        between(&self.ramp, t)
    }

    /// The colour of a difference from -1 to 1.
    #[must_use]
    pub fn difference(&self, t: f64) -> RGBColor {
        between(&self.differences, (t + 1.0) / 2.0)
    }
}

/// The colour of one of the paper's strategies: the same on both grounds, told apart without colour vision too.
#[must_use]
pub fn strategy(name: &str) -> Option<RGBColor> {
    Some(match name {
        "base" => RGBColor(138, 139, 140),
        "ep" => RGBColor(10, 143, 246),
        "allo" => RGBColor(10, 112, 107),
        "pred" => RGBColor(146, 60, 180),
        "allo+pred" => RGBColor(204, 109, 43),
        _ => return None,
    })
}

/// The colour of a strategy, or of a placement that is compared with others: the same five, each for one of them.
#[must_use]
pub fn hue(name: &str) -> Option<RGBColor> {
    strategy(match name {
        "contiguous" => "base",
        "remap" => "ep",
        "file" => "allo",
        "eplb" => "pred",
        "chosen" => "allo+pred",
        other => other,
    })
}

/// On a light page.
pub const LIGHT: Theme = Theme {
    ink: RGBColor(23, 24, 26),
    quiet: RGBColor(84, 87, 92),
    grid: RGBColor(228, 225, 217),
    surface: RGBColor(255, 255, 255),
    absent: RGBColor(201, 197, 186),
    accent: RGBColor(163, 76, 22),
    series: [
        RGBColor(84, 87, 92),
        RGBColor(67, 119, 175),
        RGBColor(180, 107, 60),
        RGBColor(138, 90, 0),
        RGBColor(163, 42, 34),
    ],
    paper: RGBColor(23, 24, 26),
    ramp: [
        RGBColor(238, 235, 227),
        RGBColor(241, 224, 190),
        RGBColor(243, 213, 150),
        RGBColor(241, 186, 111),
        RGBColor(238, 159, 67),
        RGBColor(227, 125, 52),
        RGBColor(214, 90, 38),
        RGBColor(188, 67, 37),
        RGBColor(163, 42, 34),
        RGBColor(128, 31, 34),
        RGBColor(95, 20, 32),
        RGBColor(74, 15, 28),
        RGBColor(54, 10, 23),
    ],
    differences: [
        RGBColor(20, 80, 143),
        RGBColor(67, 119, 175),
        RGBColor(111, 159, 208),
        RGBColor(174, 197, 219),
        RGBColor(238, 235, 227),
        RGBColor(229, 195, 165),
        RGBColor(217, 154, 102),
        RGBColor(180, 107, 60),
        RGBColor(143, 61, 12),
    ],
};

/// On a dark page.
pub const DARK: Theme = Theme {
    ink: RGBColor(236, 234, 228),
    quiet: RGBColor(171, 173, 177),
    grid: RGBColor(42, 45, 49),
    surface: RGBColor(21, 23, 26),
    absent: RGBColor(67, 71, 77),
    accent: RGBColor(229, 138, 78),
    series: [
        RGBColor(171, 173, 177),
        RGBColor(101, 155, 213),
        RGBColor(211, 136, 84),
        RGBColor(224, 176, 85),
        RGBColor(240, 130, 111),
    ],
    paper: RGBColor(255, 255, 255),
    ramp: [
        RGBColor(34, 37, 41),
        RGBColor(55, 37, 37),
        RGBColor(74, 35, 32),
        RGBColor(106, 43, 33),
        RGBColor(140, 49, 32),
        RGBColor(171, 68, 34),
        RGBColor(203, 87, 34),
        RGBColor(221, 117, 45),
        RGBColor(238, 146, 56),
        RGBColor(244, 174, 87),
        RGBColor(249, 201, 114),
        RGBColor(252, 222, 162),
        RGBColor(255, 243, 207),
    ],
    differences: [
        RGBColor(140, 196, 255),
        RGBColor(101, 155, 213),
        RGBColor(63, 116, 173),
        RGBColor(51, 76, 105),
        RGBColor(36, 39, 43),
        RGBColor(100, 67, 49),
        RGBColor(168, 95, 44),
        RGBColor(211, 136, 84),
        RGBColor(255, 178, 124),
    ],
};

/// A colour of a ramp, mixed of the two beside a place from 0 to 1.
fn between<const N: usize>(ramp: &[RGBColor; N], t: f64) -> RGBColor {
    let at = t.clamp(0.0, 1.0) * (N - 1) as f64;
    let i = floor(at).min(N - 2);
    let mix = |a: u8, b: u8| {
        let value = f64::from(a) + (f64::from(b) - f64::from(a)) * (at - i as f64);
        u8::try_from(floor(value + 0.5)).unwrap_or(u8::MAX)
    };
    let (a, b) = (ramp[i], ramp[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// Black or white, whichever reads better on a colour.
#[must_use]
pub fn on(colour: RGBColor) -> RGBColor {
    let RGBColor(r, g, b) = colour;
    let light = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    if light > 128_000 { RGBColor(16, 18, 22) } else { RGBColor(255, 255, 255) }
}
