//! The command line: the same jobs as the page, on files. Errors go to stderr; exit codes are 0, 1 (bad input) and 2 (bad
//! usage). Apart, because only here are files opened by path, threads started and a clock read.

mod args;
mod export;
mod files;
mod load;
mod make;
mod reproduce;
mod summary;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use self::args::{Command, parse};
use crate::experiment::Experiment;
use crate::model::MODELS;
use crate::protocol::{Dataset, From, Reply, Request, Run, RunReport, State, workload};

/// Runs the command line with its arguments (without the program's name).
#[must_use]
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(e) => {
            eprintln!("moescope: {e:#}\nTry: moescope --help");
            return ExitCode::from(2);
        }
    };
    match carry_out(command) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`| head`) is no error.
        Err(e) if e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("moescope: {e:#}");
            ExitCode::from(1)
        }
    }
}

fn carry_out(command: Command) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match command {
        Command::Help => writeln!(out, "{}", args::HELP)?,
        Command::Version => writeln!(out, "moescope {}", env!("CARGO_PKG_VERSION"))?,
        Command::Analyze { paths, json, csv, counts, threads } => {
            let mut state = load::load(&paths, threads)?;
            let Reply::Report(report) = load::finish(&mut state, Request::Report(From::Trace))? else {
                bail!("no report")
            };
            if let Some(folder) = &csv {
                export::tables(&report, folder)?;
            }
            if let (Some(file), Some(part)) = (&counts, state.trace.part()) {
                export::counts(&part.summary, file)?;
            }
            if json {
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            } else {
                analysis_table(&mut out, &state.trace, &report)?;
            }
        }
        Command::Run { experiment, traces, json, threads } => {
            let (experiment, from, mut state) = prepare(read(&experiment), &traces, threads)?;
            let report = simulate(&mut state, from, &experiment, threads)?;
            if json {
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            } else {
                run_table(&mut out, &report)?;
            }
        }
        Command::Sweep { experiment, traces, json, threads } => {
            let read = read(&experiment);
            let Some(sweep) = read.sweep.clone() else {
                bail!("the experiment has no sweep: add sweep=SETTING:FROM:TO:POINTS")
            };
            let (experiment, from, mut state) = prepare(read, &traces, threads)?;
            let mut points = Vec::new();
            for value in sweep.values() {
                let at = experiment.run_key().with(&sweep.name, &value).map_err(anyhow::Error::msg)?;
                points.push(reproduce::Point {
                    value: value.parse()?,
                    report: simulate(&mut state, from, &at, threads)?,
                });
            }
            reproduce::sweep(&mut out, &experiment, points, json)?;
        }
        Command::Paper { experiment, traces, json, threads } => {
            reproduce::paper(&mut out, &read(&experiment), &traces, json, threads)?;
        }
        Command::Summarize { paths, out, first, threads } => summary::summarize(&paths, &out, first, threads)?,
        Command::Make { experiment, out, files, tokens } => make::make(&read(&experiment), &out, files, tokens)?,
        Command::Merge { paths, out } => summary::merge(&paths, &out)?,
        Command::Calibrate { experiment, json } => reproduce::calibrate(&mut out, &read(&experiment), json)?,
    }
    Ok(())
}

/// The requests of an experiment: loaded traces, or else its synthetic workload.
fn prepare(experiment: Experiment, traces: &[PathBuf], threads: usize) -> Result<(Experiment, From, State)> {
    if !traces.is_empty() {
        let state = load::load(traces, threads)?;
        return Ok((on_trace(experiment, &state.trace)?, From::Trace, state));
    }
    if !experiment.trace.is_empty() {
        bail!("the experiment is on trace {}: give it with --traces PATH...", experiment.trace);
    }
    let mut state = State::default();
    load::finish(&mut state, Request::Synthesize { model: experiment.model.clone(), seed: experiment.seed })?;
    Ok((experiment, From::Synthetic, state))
}

/// Runs an experiment with that many threads: they take turns at planning layers, and time them side by side. The result does
/// not depend on their number.
fn simulate(state: &mut State, from: From, experiment: &Experiment, threads: usize) -> Result<RunReport> {
    let dataset = state.dataset(from);
    let part = dataset.part().context("nothing is loaded")?;
    let batch = workload(part, experiment).map_err(anyhow::Error::msg)?;
    let (digest, synthetic) = (part.digest(), dataset.synthetic);
    let mut run = Run::new(experiment.clone(), batch);
    run.recall(&state.outcomes);
    let run = Mutex::new(run);
    let failed = |_| anyhow::anyhow!("a thread failed");
    let work = || -> Result<()> {
        loop {
            let planned = run.lock().map_err(failed)?.plan();
            let Some(planned) = planned else { return Ok(()) };
            let timed = planned.time();
            run.lock().map_err(failed)?.add(timed);
        }
    };
    load::on_threads(threads, work).into_iter().collect::<Result<()>>()?;
    let run = run.into_inner().map_err(|_| anyhow::anyhow!("a thread failed"))?;
    run.remember(&mut state.outcomes);
    Ok(run.report(&digest, synthetic))
}

/// An experiment; what cannot be read of it is said.
fn read(text: &str) -> Experiment {
    let (experiment, unread) = Experiment::parse(text);
    for part in unread {
        eprintln!("moescope: not understood in the experiment: {part}");
    }
    experiment
}

/// The experiment on a loaded trace: the trace's digest, and its model if the shape tells.
fn on_trace(mut experiment: Experiment, loaded: &Dataset) -> Result<Experiment> {
    let part = loaded.part().context("nothing is loaded")?;
    let digest = part.digest();
    if !experiment.trace.is_empty() && experiment.trace != digest {
        eprintln!("moescope: the experiment was made on trace {}, this one is {digest}", experiment.trace);
    }
    experiment.trace = digest;
    match part.model() {
        Some(model) => experiment.model = model.name.into(),
        None => eprintln!(
            "moescope: the trace's model is not known; experts have the size of {}'s (set model=, one of {})",
            experiment.model,
            MODELS.map(|m| m.name).join(", ")
        ),
    }
    Ok(experiment)
}

fn analysis_table(out: &mut impl Write, loaded: &Dataset, report: &crate::analysis::Report) -> Result<()> {
    use crate::units::{grouped, percent, significant};
    let info = loaded.info();
    writeln!(
        out,
        "{} requests, {} prefill and {} decode tokens; {} MoE layers, {} experts, top-{}; model {}; digest {}",
        info.requests,
        grouped(info.prefill),
        grouped(info.decode),
        info.layers.len(),
        info.experts,
        info.top_k,
        info.model.as_deref().unwrap_or("not known"),
        info.digest
    )?;
    let cell = |v: Option<f64>| v.map_or("–".into(), |v| significant(v, 4));
    let share = |v: Option<f64>| v.map_or("–".into(), percent);
    writeln!(out, "{:>5} {:>8} {:>12} {:>10} {:>10}", "layer", "skew", "cross-token", "diagonal", "max pair")?;
    let joined = &report.cross_token["joined"];
    for (i, id) in info.layers.iter().enumerate() {
        writeln!(
            out,
            "{id:>5} {:>8} {:>12} {:>10} {:>10}",
            cell(report.frequency["all"].skew[i]),
            share(joined.coverage_top[i]),
            share(joined.diagonal_weighted.as_ref().and_then(|d| d[i])),
            cell(report.coactivation.as_ref().and_then(|c| c.max_ratio[i])),
        )?;
    }
    for (name, reuse) in &report.reuse {
        let misses: Vec<String> = reuse.miss_ratio.iter().map(|(p, m)| format!("{} at {p}%", share(*m))).collect();
        writeln!(
            out,
            "reuse, {name}, {}: {} accesses, {} cold; LRU misses {}",
            reuse.scope,
            reuse.accesses,
            reuse.cold,
            misses.join(", ")
        )?;
    }
    for warning in &report.warnings {
        eprintln!("moescope: {warning}");
    }
    Ok(())
}

fn run_table(out: &mut impl Write, report: &RunReport) -> Result<()> {
    use crate::units::{grouped, seconds, significant};
    writeln!(out, "{}{}", report.experiment, if report.synthetic { "  (synthetic workload)" } else { "" })?;
    writeln!(out, "{:<10} {:>10} {:>9} {:>14} {:>9} {:>8}", "strategy", "time", "speedup", "hops", "fewer", "bound")?;
    for run in &report.runs {
        writeln!(
            out,
            "{:<10} {:>10} {:>8}x {:>14} {:>8}x {:>8}",
            run.strategy,
            seconds(run.seconds),
            significant(run.speedup, 4),
            grouped(run.hops),
            significant(run.hop_ratio.unwrap_or(f64::INFINITY), 3),
            format!("{:?}", run.bound).to_lowercase()
        )?;
    }
    Ok(())
}
