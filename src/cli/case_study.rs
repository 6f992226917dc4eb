//! `moescope paper --figure 16|17`: the paper's second case study, its numbers and an independent reproduction beside ours. Apart from
//! Figure 12, which simulates.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, anyhow, bail};

use super::threads::on_threads;
use super::{prepare, warn};
use crate::experiment::Experiment;
use crate::format::Told;
use crate::protocol::{CASE_BATCHES, CASE_BESIDE, CASE_SPREAD, CaseStudy, case_rows};
use crate::units::{seconds, significant};

/// The case study on Qwen3's synthetic workload, or on traces.
pub(super) fn case_study(
    out: &mut impl Write,
    mut experiment: Experiment,
    said: Vec<String>,
    traces: &[PathBuf],
    figure: u32,
    json: bool,
    threads: usize,
) -> Result<()> {
    if traces.is_empty() && experiment.workload.model.is_empty() {
        experiment = experiment.with("model", "qwen3-235b").map_err(anyhow::Error::msg)?;
    }
    let (experiment, of, state) = prepare(experiment, traces, &Told::default(), None, threads)?;
    let (dataset, part) = state.data(&of)?;
    let resolved = if dataset.synthetic {
        experiment
    } else {
        experiment.of_model(part.model().map(|m| m.name)).map_err(anyhow::Error::msg)?
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = Vec::new();
        while let Some(&batch) = CASE_BATCHES.get(next.fetch_add(1, Ordering::Relaxed)) {
            all.push((batch, case_rows(part, &resolved, batch)));
        }
        all
    };
    let mut batches: Vec<_> = on_threads(threads, work).into_iter().flatten().collect();
    batches.sort_by_key(|b| b.0);
    let rows = batches.into_iter().map(|b| b.1).collect::<Result<Vec<_>, String>>().map_err(|why| anyhow!(why))?;
    let study = CaseStudy {
        digest: part.digest(),
        synthetic: dataset.synthetic,
        model: resolved.preset().name.into(),
        layers: part.summary.layer_ids(),
        rows: rows.concat(),
        warnings: [said, dataset.warnings()].concat(),
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &study)?;
        writeln!(out)?;
        return Ok(());
    }
    let on = if study.synthetic { "synthetic workload" } else { "recorded requests" };
    writeln!(
        out,
        "case study 2 (section VI): 8 GPUs, 16 decode steps, {} layers of {}, {on} {}",
        study.layers.len(),
        study.model,
        study.digest
    )?;
    match figure {
        16 => figure_16(out, &study)?,
        17 => figure_17(out, &study)?,
        other => bail!("figure {other} is none of the case study: 16 and 17 are"),
    }
    if study.synthetic {
        writeln!(
            out,
            "\nThe synthetic workload is more even than recorded requests: give --traces to see what placement is worth on yours."
        )?;
    }
    warn(&dataset.warnings());
    Ok(())
}

fn figure_17(out: &mut impl Write, study: &CaseStudy) -> Result<()> {
    writeln!(
        out,
        "speedup over contiguous experts (default), by batch; placed on the prompts, best and worst on the decode counts to come\n"
    )?;
    let head: Vec<String> = CASE_BATCHES.iter().map(|b| format!("{b:>7}")).collect();
    writeln!(
        out,
        "{:<9} {} {:>8}  {:<24} {:>10}",
        "placement",
        head.join(" "),
        "mean",
        "published mean",
        "reproduced"
    )?;
    for (name, published, reproduced) in CASE_BESIDE {
        let ratios: Vec<String> = study
            .rows
            .iter()
            .filter(|r| r.placement == name)
            .map(|r| format!("{:>7}", significant(r.ratio, 4)))
            .collect();
        let mean = study.mean(name).map_or_else(|| "–".into(), |m| significant(m, 4));
        let reproduced = reproduced.map_or_else(|| "–".into(), |r| significant(r, 4));
        writeln!(out, "{name:<9} {} {mean:>8}  {:<24} {reproduced:>10}", ratios.join(" "), published.unwrap_or("–"))?;
    }
    writeln!(
        out,
        "\npublished: Qwen3 with real kernels, up to 1.25 at one batch; reproduced: this cost model on 103 other requests"
    )?;
    Ok(())
}

fn figure_16(out: &mut impl Write, study: &CaseStudy) -> Result<()> {
    writeln!(out, "seconds that each GPU is busy in the middle layer, at a batch of 4096\n")?;
    let layer = study.layers.len() / 2;
    for row in study.rows.iter().filter(|r| r.batch == 4096) {
        let gpus: Vec<String> = row.device_seconds[layer].iter().map(|&s| format!("{:>9}", seconds(s))).collect();
        writeln!(out, "{:<9} {}", row.placement, gpus.join(" "))?;
    }
    let spread = study.default_spread(4096).map_or_else(|| "–".into(), |s| significant(s, 4));
    writeln!(
        out,
        "\nbusiest over idlest GPU of the default, mean over layers: {spread}; published: about {CASE_SPREAD}"
    )?;
    Ok(())
}
