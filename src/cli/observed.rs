//! What a trace shows, in words: the observations beside the paper's, the insights, and distributions at a few places. Apart from
//! the table by layer, because these are for reading.

use std::io::Write;

use anyhow::Result;

use crate::analysis::Report;
use crate::units::amount;

/// Places along a distribution over shares, and along one over tokens.
const SHARES: [f64; 3] = [0.1, 0.2, 0.5];
const WINDOWS: [f64; 3] = [1.0, 8.0, 64.0];

/// Prints them.
pub(super) fn print(out: &mut impl Write, report: &Report) -> Result<()> {
    writeln!(out, "\nthe paper's observations, mean over layers")?;
    for o in &report.observations {
        let value = |v: Option<f64>| v.map_or_else(|| "–".into(), |v| amount(v, o.times));
        let without = o
            .without_collapsed
            .map_or_else(String::new, |v| format!(" ({} without collapsed layers)", amount(v, o.times)));
        writeln!(out, "{:<5} {}: {}{without}; paper: {}; {}", o.id, o.name, value(o.measured), o.paper, o.reading)?;
    }
    writeln!(out)?;
    for insight in &report.insights {
        writeln!(out, "{}\n    {}", insight.question, insight.answer)?;
    }
    writeln!(out)?;
    // Distributions: what the first percents hold.
    for figure in report.figures.iter().filter(|f| !f.lines().is_empty()) {
        let places = if figure.lines()[0].x.last().is_some_and(|&end| end <= 1.0) { SHARES } else { WINDOWS };
        for x in places {
            let words = figure.under(x, 0.0, None).unwrap_or_default();
            writeln!(out, "{}, {words}", figure.title)?;
        }
    }
    Ok(())
}
