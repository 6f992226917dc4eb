//! The page's colours: the style sheet's and the figures' are the same, text and data stand out from their grounds, magnitudes rise.

use std::collections::BTreeMap;

use moescope::plot::theme::{DARK, LIGHT, Theme, strategy};

const SHEET: &str = include_str!("../../www/style.css");
const STRATEGIES: [(&str, &str); 5] =
    [("base", "base"), ("ep", "ep"), ("allo", "allo"), ("pred", "pred"), ("allo+pred", "both")];

/// Variables of the sheet's blocks that begin with a selector: of equal names the last.
fn variables(selector: &str) -> BTreeMap<String, [u8; 3]> {
    let mut found = BTreeMap::new();
    for block in SHEET.split(selector).skip(1).map(|rest| rest.split('}').next().unwrap_or_default()) {
        for setting in block.split(';') {
            let Some((name, value)) = setting.rsplit('{').next().and_then(|s| s.split_once(':')) else { continue };
            if let Some(hex) = value.trim().strip_prefix('#').filter(|h| h.len() == 6) {
                let byte = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
                found.insert(name.trim().trim_start_matches("--").to_string(), [byte(0), byte(2), byte(4)]);
            }
        }
    }
    found
}

fn grounds() -> [(BTreeMap<String, [u8; 3]>, Theme); 2] {
    let light = variables("\n:root {");
    let dark = variables("\n:root[data-theme=\"dark\"] {");
    // What is not set anew on the dark ground is the same on both.
    let dark = light.iter().chain(&dark).map(|(n, v)| (n.clone(), *v)).collect();
    [(light, LIGHT), (dark, DARK)]
}

fn linear(v: u8) -> f64 {
    let v = f64::from(v) / 255.0;
    if v <= 0.04045 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) }
}

fn luminance(c: [u8; 3]) -> f64 {
    0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2])
}

/// WCAG's contrast ratio.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

/// OKLab, after Björn Ottosson's public definition.
fn oklab(c: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = c.map(linear);
    let l = libm::cbrt(0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b);
    let m = libm::cbrt(0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b);
    let s = libm::cbrt(0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b);
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

#[test]
fn the_sheet_and_the_figures_have_the_same_colours() {
    for (vars, theme) in grounds() {
        let same = |name: &str, c: plotters::style::RGBColor| assert_eq!(vars[name], [c.0, c.1, c.2], "--{name}");
        same("ink", theme.ink);
        same("ink-2", theme.quiet);
        same("line", theme.grid);
        same("surface", theme.surface);
        same("accent", theme.accent);
        same("mark", theme.paper);
        theme.ramp.iter().enumerate().for_each(|(i, &c)| same(&format!("s{i}"), c));
        STRATEGIES.iter().for_each(|(name, var)| same(var, strategy(name).unwrap()));
    }
}

#[test]
fn text_is_read_and_data_seen_on_every_ground() {
    for (vars, theme) in grounds() {
        for ground in ["bg", "surface"] {
            for text in
                ["ink", "ink-2", "ink-3", "accent", "bad", "warn", "base-t", "ep-t", "allo-t", "pred-t", "both-t"]
            {
                let ratio = contrast(vars[text], vars[ground]);
                assert!(ratio >= 4.5, "--{text} on --{ground}: {ratio:.2}");
            }
            for (_, bar) in STRATEGIES {
                let ratio = contrast(vars[bar], vars[ground]);
                assert!(ratio >= 3.0, "--{bar} on --{ground}: {ratio:.2}");
            }
        }
        for c in theme.series {
            assert!(contrast([c.0, c.1, c.2], vars["surface"]) >= 3.0, "{c:?}");
        }
        // Text on a fill.
        let dark = [0x11, 0x12, 0x14];
        for (bar, on) in [("base", dark), ("ep", dark), ("both", dark), ("allo", [255; 3]), ("pred", [255; 3])] {
            assert!(contrast(vars[bar], on) >= 4.5, "text on --{bar}: {:.2}", contrast(vars[bar], on));
        }
    }
}

#[test]
fn strategies_are_told_apart_and_magnitudes_rise() {
    let all = STRATEGIES.map(|(name, _)| strategy(name).map(|c| oklab([c.0, c.1, c.2])).unwrap());
    for (i, a) in all.iter().enumerate() {
        for b in &all[..i] {
            let d = libm::sqrt(a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum());
            assert!(d > 0.14, "{} is close to another: {d:.3}", STRATEGIES[i].0);
        }
    }
    for (_, theme) in grounds() {
        let light: Vec<f64> = theme.ramp.iter().map(|c| oklab([c.0, c.1, c.2])[0]).collect();
        let rises = light.windows(2).all(|w| w[1] > w[0]);
        assert!(rises || light.windows(2).all(|w| w[1] < w[0]), "{light:?}");
    }
}
