//! `moescope place`: every placement and dispatch on the requests that it was not made from. Apart from `run`, because runs follow
//! one another here.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{prepare, understood, work};
use crate::protocol::{Lab, PlaceReport, Scores};
use crate::units::{bytes, seconds, significant};

/// What the lab says of an experiment. One that names no strategies gets the lab's own list.
pub(super) fn place(text: &str, traces: &[PathBuf], config: Option<&Path>, threads: usize) -> Result<PlaceReport> {
    let (read, said) = understood(text, !traces.is_empty());
    let (experiment, of, state) = prepare(read.for_lab(), traces, config, threads)?;
    let (dataset, part) = state.data(&of)?;
    let mut lab = Lab::new(dataset, part, &experiment, None).map_err(anyhow::Error::msg)?;
    while let Some(run) = lab.take() {
        lab.put(work(run, threads)?).map_err(anyhow::Error::msg).context("the next run")?;
    }
    let mut report = lab.report();
    report.warnings.splice(0..0, said);
    Ok(report)
}

/// The table of all strategies.
pub(super) fn table(out: &mut impl Write, report: &PlaceReport) -> Result<()> {
    let PlaceReport { layers, experts, devices, slots, .. } = report;
    writeln!(out, "{}{}", report.experiment, if report.synthetic { "  (synthetic workload)" } else { "" })?;
    writeln!(out, "{} layers of {experts} experts in {slots} slots on {devices} devices", layers.len())?;
    let scored =
        if report.held_out { "learnt from even requests, scored on odd ones" } else { "scored on what it learnt from" };
    writeln!(out, "{scored}; largest over mean load is a mean over layers and steps\n")?;
    writeln!(
        out,
        "{:<24} {:>9} {:>9} {:>9} {:>10} {:>10} {:>9} {:>8} {:>10}",
        "strategy", "max/mean", "learnt", "p99", "activated", "time", "speedup", "moved", "traffic"
    )?;
    for of in &report.strategies {
        writeln!(
            out,
            "{:<24} {:>9} {:>9} {:>9} {:>10} {:>10} {:>8}x {:>8} {:>10}",
            of.strategy,
            significant(of.max_over_mean, 4),
            significant(of.learnt.max_over_mean, 4),
            significant(of.scores().max_over_mean_percentiles[2], 4),
            significant(of.activated_max_over_mean, 4),
            seconds(of.seconds),
            significant(of.speedup, 4),
            of.moved,
            bytes(of.link_bytes),
        )?;
    }
    writeln!(out, "\nbounds: the mean is 1")?;
    for bound in &report.bounds {
        let words = match bound.name.as_str() {
            "best" => "Algorithm 2 on the counts to come (no bound where there are copies)",
            _ => "the hottest experts together",
        };
        let Scores { max_over_mean, seconds: time, .. } = &bound.scores;
        writeln!(out, "{:<24} {:>9} {:>41}  {words}", bound.name, significant(*max_over_mean, 4), seconds(*time))?;
    }
    if let Some(words) = report.fastest_words() {
        writeln!(out, "\n{words}")?;
    }
    if report.strategies.iter().any(|of| of.twice > 0) {
        writeln!(out, "\nsome devices hold an expert twice: its tokens are one load there, and the slot is lost")?;
    }
    Ok(())
}
