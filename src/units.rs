//! Units and their formatting. Apart, because every room prints bytes, times and counts, and one place decides how.
//!
//! Quantities are plain `f64` in SI base units (bytes, seconds, bytes a second, FLOP a second); field names carry the
//! unit. The integer conversions here are the only casts that may lose bits, each with its bound.

use std::borrow::Cow;

/// Kilo, mega, giga and tera, decimal: what vendors of memory and links mean.
pub const KILO: f64 = 1e3;
/// 10^6.
pub const MEGA: f64 = 1e6;
/// 10^9.
pub const GIGA: f64 = 1e9;
/// 10^12.
pub const TERA: f64 = 1e12;

/// Share `percent` of `n` things, rounded up (the convention of every "top p%" in the analyses).
#[must_use]
pub fn share_up(percent: usize, n: usize) -> usize {
    (percent * n).div_ceil(100)
}

/// `n` as a `u32`, saturating: for counts that cannot come near 2^32 (layers, experts, dies, tokens of one request).
#[must_use]
pub fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// `n` as a `usize`, saturating (WebAssembly has 32-bit addresses).
#[must_use]
pub fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The largest integer not above `x`; 0 for negative numbers and NaN. The cast does it: it cuts towards zero and saturates.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, which is the contract"
)]
// One instruction: in a page that is made for size it would be a call for every pixel.
#[inline(always)]
pub fn floor(x: f64) -> usize {
    x as usize
}

/// As [`floor`], of 64 bits on every target: for counts that grow with what a reader may set.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, which is the contract"
)]
pub fn floor_u64(x: f64) -> u64 {
    x as u64
}

/// Bytes with a decimal prefix: `126 MB`.
#[must_use]
pub fn bytes(n: f64) -> String {
    prefixed(n, "B")
}

/// Bytes a second with a decimal prefix: `3.35 TB/s`.
#[must_use]
pub fn bandwidth(n: f64) -> String {
    prefixed(n, "B/s")
}

/// A duration with a prefix: `1.25 ms`.
#[must_use]
pub fn seconds(t: f64) -> String {
    let (value, unit) = match t.abs() {
        a if a >= 1.0 || a == 0.0 => (t, "s"),
        a if a >= 1e-3 => (t * 1e3, "ms"),
        a if a >= 1e-6 => (t * 1e6, "µs"),
        _ => (t * 1e9, "ns"),
    };
    format!("{} {unit}", significant(value, 3))
}

/// An integer with thin thousands separators: `12 345`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

/// A share without decimals.
#[must_use]
pub fn whole(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// A share as a percentage with one decimal: `47.3%`.
#[must_use]
pub fn percent(x: f64) -> String {
    if x.is_finite() { format!("{:.1}%", x * 100.0) } else { "–".into() }
}

/// A value of a report: times a mean (`3.77×`), or a share.
#[must_use]
pub fn amount(x: f64, times: bool) -> String {
    if times { format!("{}×", significant(x, 3)) } else { percent(x) }
}

/// `x` with `digits` significant digits, without an exponent.
#[must_use]
pub fn significant(x: f64, digits: usize) -> String {
    if !x.is_finite() {
        return if x.is_nan() { "–".into() } else { "∞".into() };
    }
    let mut whole = 1;
    let mut bound = 10.0;
    while x.abs() >= bound && whole < 18 {
        whole += 1;
        bound *= 10.0;
    }
    let mut decimals = if x.abs() >= 1.0 || x == 0.0 { digits.saturating_sub(whole) } else { digits };
    let mut least = 0.1;
    while x != 0.0 && x.abs() < least && decimals < 15 {
        least /= 10.0;
        decimals += 1;
    }
    let text = format!("{x:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn prefixed(n: f64, unit: &str) -> String {
    let (value, prefix) = match n.abs() {
        a if a >= TERA => (n / TERA, "T"),
        a if a >= GIGA => (n / GIGA, "G"),
        a if a >= MEGA => (n / MEGA, "M"),
        a if a >= KILO => (n / KILO, "k"),
        _ => (n, ""),
    };
    format!("{} {prefix}{unit}", significant(value, 3))
}

/// Text of a stranger as a terminal may get it: control characters, and those that turn the direction of writing, stand as they are
/// written in JSON. A file's name could else clear the screen or lie about its ending.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_command) {
        return Cow::Borrowed(text);
    }
    let shown = |out: String, c: char| match c {
        '\n' => out + "\\n",
        '\t' => out + "\\t",
        c if is_command(c) => out + &format!("\\u{:04x}", u32::from(c)),
        c => out + c.encode_utf8(&mut [0; 4]),
    };
    Cow::Owned(text.chars().fold(String::new(), shown))
}

/// Whether a terminal takes a character for a command rather than a letter.
#[must_use]
pub fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number shared out in whole parts: part p of n ends at ⌈(p + 1)·total/n⌉.
pub fn even_parts(total: usize, n: usize) -> impl Iterator<Item = usize> {
    let start = move |p: usize| (p * total).div_ceil(n);
    (0..n).map(move |p| start(p + 1) - start(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_well() {
        assert_eq!(bytes(125_829_120.0), "126 MB");
        assert_eq!(bandwidth(3.35e12), "3.35 TB/s");
        assert_eq!(seconds(0.00125), "1.25 ms");
        assert_eq!(seconds(2e-7), "200 ns");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(12_345.6, 3), "12346");
        assert_eq!(significant(f64::INFINITY, 3), "∞");
        assert_eq!(percent(0.4731), "47.3%");
    }

    #[test]
    fn what_would_command_a_terminal_is_written_out() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{9b}\u{202e}"), "a\\u001b[2Jb\\nc\\u009b\\u202e");
        assert!(matches!(printable("plain, 1\u{202f}000"), Cow::Borrowed(_)));
    }

    #[test]
    fn shares_round_up() {
        assert_eq!(share_up(20, 4), 1);
        assert_eq!(share_up(20, 128), 26);
        assert_eq!(share_up(10, 6), 1);
    }
}
