//! `moescope paper --figure 2` and `--figure 13`. Apart from Figure 12, whose runs are made in another way.

use std::io::Write;

use anyhow::{Error, Result};
use serde::Serialize;

use crate::experiment::Experiment;
use crate::protocol::{LatencyRow, PUBLISHED_MOVEMENT, Point, Roofline, figure_2, figure_13};
use crate::sim::Breakdown;
use crate::units::{bytes, grouped, percent, seconds};

/// What `moescope paper --figure 2 --json` prints.
#[derive(Serialize)]
struct Latency {
    experiment: String,
    /// Least and largest share of moving data, as published.
    published: (f64, f64),
    rows: Vec<LatencyRow>,
    /// What of the experiment was not understood, or not used.
    warnings: Vec<String>,
}

/// What `moescope paper --figure 13 --json` prints.
#[derive(Serialize)]
struct Points {
    #[serde(flatten)]
    figure: Roofline,
    /// As above.
    warnings: Vec<String>,
}

/// Where the latency of DeepSeek V3 goes, beside what is published.
pub(super) fn breakdown(
    out: &mut impl Write,
    experiment: &Experiment,
    warnings: Vec<String>,
    json: bool,
    threads: usize,
) -> Result<()> {
    let experiments = figure_2(experiment).map_err(Error::msg)?;
    let Some(first) = experiments.first().cloned() else { return Ok(()) };
    let (_, of, mut state) = super::prepare(first.clone(), &[], &crate::format::Told::default(), None, threads)?;
    let mut rows = Vec::new();
    for experiment in &experiments {
        let report = super::simulate(&mut state, &of, experiment, threads)?;
        rows.extend(report.runs.iter().map(LatencyRow::of));
    }
    if json {
        let latency = Latency { experiment: first.to_string(), published: PUBLISHED_MOVEMENT, rows, warnings };
        serde_json::to_writer_pretty(&mut *out, &latency)?;
        writeln!(out)?;
        return Ok(());
    }
    let (least, most) = PUBLISHED_MOVEMENT;
    writeln!(out, "Figure 2, DeepSeek V3 with 4096 tokens in each cache, on the synthetic workload, {first}")?;
    writeln!(
        out,
        "Published: moving activations and weights is {} to {} of the latency.\n",
        percent(least),
        percent(most)
    )?;
    write!(out, "| system | batch | strategy | seconds |")?;
    Breakdown::default().parts().iter().try_for_each(|(name, _)| write!(out, " {name} |"))?;
    writeln!(out, " moving data |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|")?;
    for row in &rows {
        write!(out, "| {} | {} | {} | {} |", row.system, row.batch, row.strategy, seconds(row.seconds))?;
        row.breakdown.parts().iter().try_for_each(|part| write!(out, " {} |", percent(part.1 / row.seconds)))?;
        writeln!(out, " {} |", percent(row.movement))?;
    }
    Ok(())
}

/// Transfers and GEMMs beside the rooflines that they should follow.
pub(super) fn roofline(out: &mut impl Write, experiment: &Experiment, warnings: Vec<String>, json: bool) -> Result<()> {
    let figure = figure_13(experiment).map_err(Error::msg)?;
    if json {
        serde_json::to_writer_pretty(&mut *out, &Points { figure, warnings })?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "Figure 13, {}. Published: the paper\u{2019}s simulator is within {} of an H100. No GPU was measured for these tables.\n",
        figure.experiment,
        percent(figure.published_within)
    )?;
    let mut table = |title: &str, points: &[Point], size: &dyn Fn(u64) -> String| -> Result<()> {
        writeln!(out, "| {title} | simulator | roofline | difference |\n|---:|---:|---:|---:|")?;
        for p in points {
            let words = (size(p.size), seconds(p.seconds), seconds(p.roofline), percent(p.difference));
            writeln!(out, "| {} | {} | {} | {} |", words.0, words.1, words.2, words.3)?;
        }
        Ok(writeln!(out)?)
    };
    table("bytes between two devices", &figure.transfers, &|n| bytes(n as f64))?;
    table("tokens of one expert", &figure.gemms, &grouped)
}
