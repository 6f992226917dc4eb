//! `moescope paper` and `moescope calibrate`: published numbers beside ours. Apart from the commands on one trace.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::load;
use super::threads::on_threads;
use crate::analysis::{CalibrationRow, calibration, report};
use crate::experiment::Experiment;
use crate::model::ModelPreset;
use crate::protocol::{
    Dataset, HostTime, PaperJob, PaperRun, Part, RunReport, State, Target, figure_12_title, host_times, paper_models,
    rms, targets, throughput,
};
use crate::synth::Generator;
use crate::units::{percent, significant};

/// What `moescope paper --json` prints.
#[derive(Serialize)]
struct Paper {
    /// Settings of all runs.
    experiment: String,
    /// Those in which they differ from the paper's.
    edits: Vec<String>,
    targets: Vec<Target>,
    /// Root mean square of the differences of the throughput targets.
    rms: f64,
    host: Vec<HostTime>,
    runs: Vec<PaperRun>,
    /// What of the experiment was not used, and what was wrong in the recorded requests.
    warnings: Vec<String>,
}

pub(super) fn paper(
    out: &mut impl Write,
    experiment: &Experiment,
    said: Vec<String>,
    traces: &[PathBuf],
    json: bool,
    threads: usize,
) -> Result<()> {
    let state = if traces.is_empty() {
        State::default()
    } else {
        load::load(
            traces,
            &crate::format::Told { unmarked: experiment.workload.unmarked, ..Default::default() },
            threads,
        )?
    };
    super::warn(&state.trace.warnings());
    let recorded = state.trace.part();
    let of = recorded.map(|p| p.model().context("the model of the trace is not known")).transpose()?;
    if let Some(model) = of.filter(|m| m.paper_speedup.is_none()) {
        bail!("Figure 12 has no {}; its models are DeepSeek V3, Kimi K2, Qwen3-235B and Llama 4 Maverick", model.title);
    }
    let mut parts: Vec<(&ModelPreset, Option<&Part>)> = paper_models().map(|m| (m, None)).collect();
    parts.extend(of.map(|model| (model, recorded)));
    let all = side_by_side(experiment, &parts, threads)?;
    let runs = all.into_iter().flat_map(PaperJob::finish).collect::<Vec<PaperRun>>();
    let targets = targets(&runs);
    let result = Paper {
        experiment: experiment.of_figure_12().to_string(),
        edits: experiment.figure_12_edits(),
        rms: rms(&targets),
        host: host_times(&runs),
        targets,
        runs,
        warnings: [said, state.trace.warnings()].concat(),
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &result)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{}, {} runs, {}\n", figure_12_title(&result.edits), result.runs.len(), result.experiment)?;
    writeln!(out, "| | paper | ours | difference |\n|---|---:|---:|---:|")?;
    for t in &result.targets {
        let sign = if t.difference >= 0.0 { "+" } else { "" };
        let words = (significant(t.paper, 3), significant(t.ours, 3), percent(t.difference));
        writeln!(out, "| {} | {} | {} | {sign}{} |", t.name, words.0, words.1, words.2)?;
    }
    let collapsed: BTreeSet<u32> = result.runs.iter().flat_map(|r| r.collapsed.iter().copied()).collect();
    if !collapsed.is_empty() {
        let ids: Vec<String> = collapsed.iter().map(ToString::to_string).collect();
        writeln!(out, "\nCollapsed layers are among those of the trace: {}", ids.join(", "))?;
    }
    let n = throughput(&result.targets).count();
    writeln!(out, "\nRoot mean square of the {n} throughput differences: {}\n", percent(result.rms))?;
    writeln!(out, "| Algorithm 1 on the host, share of a layer | paper | ours |\n|---|---:|---:|")?;
    let range = |(a, b): (f64, f64)| format!("{} to {}", percent(a), percent(b));
    for h in &result.host {
        writeln!(out, "| {}, {} | {} | {} |", h.model, h.wafer, range(h.paper), range(h.ours))?;
    }
    Ok(())
}

/// The runs of several models on that many threads. Each thread takes a model for itself, the longest first: making and counting its
/// requests cannot be shared. Who finds none left times layers of the others. The result does not depend on their number.
fn side_by_side(
    experiment: &Experiment,
    parts: &[(&'static ModelPreset, Option<&Part>)],
    threads: usize,
) -> Result<Vec<PaperJob>> {
    let jobs: Vec<Mutex<Option<PaperJob>>> = parts.iter().map(|_| Mutex::new(None)).collect();
    let failed = |_| anyhow::anyhow!("a thread failed");
    let run = |at: usize| -> Result<()> {
        let (model, recorded) = parts[at];
        loop {
            let planned = {
                let mut job = jobs[at].lock().map_err(failed)?;
                job.get_or_insert_with(|| PaperJob::new(experiment, model))
                    .plan(recorded)
                    .map_err(anyhow::Error::msg)?
            };
            let Some(planned) = planned else { return Ok(()) };
            let timed = planned.time();
            jobs[at].lock().map_err(failed)?.as_mut().context("a thread failed")?.add(timed);
        }
    };
    let mut longest: Vec<usize> = (0..parts.len()).collect();
    longest.sort_by_key(|&at| std::cmp::Reverse(parts[at].0.moe_layers * parts[at].0.experts));
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(&own) = longest.get(next.fetch_add(1, Ordering::Relaxed)) {
            run(own)?;
        }
        longest.iter().try_for_each(|&other| run(other))
    };
    on_threads(threads, work).into_iter().collect::<Result<()>>()?;
    let ended = |job: Mutex<Option<PaperJob>>| job.into_inner().ok().flatten().context("a thread failed");
    jobs.into_iter().map(ended).collect()
}

/// A value of a sweep with its result.
#[derive(Serialize)]
pub(super) struct Point {
    pub(super) value: f64,
    pub(super) report: RunReport,
}

/// What `moescope sweep --json` prints.
#[derive(Serialize)]
struct Swept {
    experiment: String,
    points: Vec<Point>,
    /// What was wrong in the recorded requests.
    warnings: Vec<String>,
}

pub(super) fn sweep(
    out: &mut impl Write,
    experiment: &Experiment,
    points: Vec<Point>,
    warnings: Vec<String>,
    json: bool,
) -> Result<()> {
    if json {
        let swept = Swept { experiment: experiment.to_string(), points, warnings };
        serde_json::to_writer_pretty(&mut *out, &swept)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "value,strategy,seconds,throughput,speedup,hops")?;
    for point in &points {
        for r in &point.report.runs {
            let Point { value, .. } = point;
            writeln!(out, "{value},{},{},{},{},{}", r.strategy, r.seconds, r.throughput, r.speedup, r.hops)?;
        }
    }
    Ok(())
}

/// What `moescope calibrate --json` prints for each model.
#[derive(Serialize)]
struct Calibrated {
    model: String,
    seed: u64,
    statistics: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    fit: CalibrationRow,
    residual: Option<f64>,
    holds: bool,
}

pub(super) fn calibrate(out: &mut impl Write, experiment: &Experiment, json: bool) -> Result<()> {
    let mut all = Vec::new();
    for model in paper_models() {
        let mut generator = Generator::new(model, experiment.workload.seed);
        let mut dataset = Dataset::default();
        while let Some(request) = generator.request() {
            dataset.add(vec![request], "");
        }
        dataset.count();
        let part = dataset.part().context("nothing was made")?;
        let fits = calibration(&report(&part.summary, Vec::new()), model);
        if json {
            let row = |fit: CalibrationRow| Row { residual: fit.residual(), holds: fit.holds(), fit };
            let statistics = fits.into_iter().map(row).collect();
            all.push(Calibrated { model: model.name.into(), seed: experiment.workload.seed, statistics });
            continue;
        }
        writeln!(out, "| {} | paper | synthetic | residual | allowed |\n|---|---:|---:|---:|---:|", model.title)?;
        for fit in fits {
            let cells = fit.words();
            writeln!(out, "| {} | {} | {} | {} | {} |", fit.name, cells[0], cells[1], cells[2], cells[3])?;
        }
        writeln!(out)?;
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
    }
    Ok(())
}
