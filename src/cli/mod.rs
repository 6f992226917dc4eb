//! The command line: the same jobs as the page, on files. Errors go to stderr; exit codes are 0, 1 (bad input) and 2 (bad
//! usage). Apart, because only here are files opened by path, threads started and a clock read.

mod args;
mod case_study;
mod convert;
mod export;
mod files;
mod inspect;
mod lab;
mod latency;
mod load;
mod make;
mod observed;
mod output;
mod progress;
mod reproduce;
mod summary;
mod terminal;
mod threads;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow, bail};

use self::args::{Command, Simulated, parse};
use self::output::{Inputs, Output};
use self::progress::Progress;
use self::terminal::{Out, say};
use self::threads::on_threads;
use crate::experiment::{Experiment, too_long};
use crate::format::{ModelConfig, Told};
use crate::model::Scope;
use crate::plot::first_screen;
use crate::plot::race::Race;
use crate::protocol::{Asked, Changes, DataId, Dataset, Run, RunReport, State, batch, jobs};
use crate::sim::Breakdown;

/// Runs the command line with its arguments (without the program's name).
#[must_use]
pub fn main(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(e) => {
            say!("{e:#}");
            say!("try moescope --help");
            return ExitCode::from(2);
        }
    };
    let mut out = Out::new();
    match carry_out(command, &mut out).and_then(|()| out.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            say!("{e:#}");
            ExitCode::from(1)
        }
    }
}

fn carry_out(command: Command, out: &mut Out) -> Result<()> {
    match command {
        Command::Help => {
            writeln!(out, "{}\n\nFormats, told by their content, also inside .zip, .tar, .gz and .zst:", args::HELP)?;
            crate::format::READERS.iter().try_for_each(|reader| writeln!(out, "  {}", reader.says))?;
        }
        Command::Version => writeln!(out, "moescope {}", env!("CARGO_PKG_VERSION"))?,
        Command::Inspect { paths, told, json } => inspect::inspect(out, &paths, &told.read()?, json)?,
        Command::Convert { paths, told, out: file, threads } => {
            convert::convert(&paths, &told.read()?, told.config.as_deref(), &file, threads)?;
        }
        Command::Analyze { paths, told, json, csv, counts, threads } => {
            let listing = files::collect(&paths)?;
            let inputs = Inputs::of(listing.paths().chain(told.config.as_deref()));
            let counts = counts.map(|file| Output::claim(&file, &inputs)).transpose()?;
            if let Some(folder) = &csv {
                export::folder_of_tables(folder, &inputs)?;
            }
            let mut state = load::load_listed(listing, &told.read()?, threads)?;
            let of = DataId::of(&state.trace.info());
            let report = load::finish(&mut state, jobs::Report::new(of.clone()))?;
            if let Some(folder) = &csv {
                export::tables(&report, folder)?;
                let whole = load::finish(&mut state, jobs::Figures { of, asked: Asked::All, scope: Scope::All })?;
                export::figures(&[report.figures.as_slice(), &whole.all].concat(), folder)?;
            }
            if let (Some(file), Some(part)) = (&counts, state.trace.part()) {
                export::counts(&part.summary, file)?;
            }
            if json {
                serde_json::to_writer_pretty(&mut *out, &report)?;
                writeln!(out)?;
            } else {
                analysis_table(out, &state.trace, &report)?;
            }
        }
        Command::Run(asked) => {
            let (read, said) = understood(&asked.experiment, !asked.traces.is_empty())?;
            let (experiment, of, mut state) = asked.prepare(read)?;
            let mut report = simulate(&mut state, &of, &experiment, asked.threads)?;
            report.warnings.splice(0..0, said);
            if asked.json {
                serde_json::to_writer_pretty(&mut *out, &report)?;
                writeln!(out)?;
            } else {
                run_table(out, &report)?;
            }
        }
        Command::Place(of) => lab::place(out, &of)?,
        Command::Sweep(asked) => {
            let (read, mut warnings) = understood(&asked.experiment, !asked.traces.is_empty())?;
            let Some(sweep) = read.view.sweep.clone() else {
                bail!("the experiment has no sweep: add sweep=SETTING:FROM:TO:POINTS")
            };
            let (experiment, of, mut state) = asked.prepare(read)?;
            let mut points = Vec::new();
            for value in sweep.values() {
                let at = experiment.run_key().with(&sweep.name, &value).map_err(anyhow::Error::msg)?;
                let report = simulate(&mut state, &of, &at, asked.threads)?;
                points.push(reproduce::Point { value: value.parse()?, report });
            }
            warnings.extend(state.data(&of)?.0.warnings());
            reproduce::sweep(out, &experiment, points, warnings, asked.json)?;
        }
        Command::Paper { experiment, figure, traces, json, threads } => {
            let (asked, mut said) = understood(&experiment, !traces.is_empty())?;
            let (mut of, dropped) = asked.of_figure(figure);
            warn(dropped.as_slice());
            said.extend(dropped);
            match figure {
                2 => latency::breakdown(out, &of, said, json, threads)?,
                13 => {
                    // The figure is of GPUs, unless somebody asks for another system by its name.
                    if !experiment.split(['&', '#']).any(|part| part.starts_with("wafer=")) {
                        of = of.with("wafer", "h100x8").map_err(anyhow::Error::msg)?;
                    }
                    latency::roofline(out, &of, said, json)?;
                }
                16 | 17 => case_study::case_study(out, of, said, &traces, figure, json, threads)?,
                _ => reproduce::paper(out, &asked, said, &traces, json, threads)?,
            }
        }
        Command::Summarize { paths, told, out: file, first, threads } => {
            summary::summarize(&paths, &told.read()?, told.config.as_deref(), &file, first, threads)?
        }
        Command::Make { experiment, out: folder, files, tokens } => {
            make::make(&read(&experiment, false)?, &folder, files, tokens)?
        }
        Command::Merge { paths, out: file } => summary::merge(&paths, &file)?,
        Command::Prepare(folder) => {
            let opening = crate::protocol::prepare().map_err(|e| anyhow!(e))?;
            let run = std::sync::Arc::new(opening.run);
            let race = Race::of(&run).context("the default experiment has no strategies")?;
            let first = first_screen(&race, &opening.report, &opening.insights);
            for (name, bytes) in
                [("prepared.bin", postcard::to_stdvec(&opening.replies)?), ("first.html", first.into_bytes())]
            {
                output::put(&folder.join(name), |file| Ok(file.write_all(&bytes)?))?;
            }
        }
        Command::Calibrate { experiment, json } => reproduce::calibrate(out, &read(&experiment, false)?, json)?,
    }
    Ok(())
}

impl Simulated {
    /// The requests of its experiment, which was read.
    fn prepare(&self, experiment: Experiment) -> Result<(Experiment, DataId, State)> {
        prepare(experiment, &self.traces, &self.told, self.config.as_deref(), self.threads)
    }
}

/// The requests of an experiment: loaded traces, or else its synthetic workload.
fn prepare(
    mut experiment: Experiment,
    traces: &[PathBuf],
    told: &Told,
    config: Option<&Path>,
    threads: usize,
) -> Result<(Experiment, DataId, State)> {
    if !traces.is_empty() {
        let config = config.map(|path| Ok::<_, anyhow::Error>((path, files::bytes(path)?))).transpose()?;
        let beside = config.as_ref().and_then(|(_, bytes)| Told::read(bytes));
        warn(&args::answer(&mut experiment, told));
        // Beside the result stands what was told: its string asks nothing again.
        let told = experiment.told().or(&beside.unwrap_or_default());
        experiment.tell(&told);
        let state = load::load(traces, &told, threads)?;
        warn(&state.trace.warnings());
        if let Some((path, bytes)) = config {
            sizes(&mut experiment, &bytes, &state.trace).with_context(|| path.display().to_string())?;
        }
        let info = state.trace.info();
        experiment.take_sizes(info.sizes());
        let of = DataId::of(&info);
        return Ok((on_trace(experiment, &state.trace)?, of, state));
    }
    let (trace, source) = (&experiment.workload.trace, &experiment.view.source);
    if !source.is_empty() {
        bail!(
            "the experiment is on the trace at {source}: the command line fetches nothing; save it, and give it with \
             --traces PATH..."
        );
    }
    if !trace.is_empty() {
        bail!("the experiment is on trace {trace}: give it with --traces PATH...");
    }
    let mut state = State::default();
    let synthesize = jobs::Synthesize::new(experiment.workload.model.clone(), experiment.workload.seed);
    let info = load::finish(&mut state, synthesize)?;
    Ok((experiment, DataId::of(&info), state))
}

/// Takes the sizes of an expert from a `config.json`.
fn sizes(experiment: &mut Experiment, config: &[u8], loaded: &Dataset) -> Result<()> {
    let of = &mut experiment.workload;
    if !of.model.is_empty() || of.hidden > 0 || of.intermediate > 0 {
        bail!("the experiment says itself how large an expert is: leave model=, hidden= and intermediate= out of it");
    }
    let config = ModelConfig::read(std::str::from_utf8(config)?).map_err(anyhow::Error::msg)?;
    let info = loaded.info();
    config.fits(info.layers.len(), info.experts, info.top_k).map_err(anyhow::Error::msg)?;
    for (name, size) in [("hidden", config.hidden), ("intermediate", config.intermediate)] {
        *experiment = experiment.with(name, &size.to_string()).map_err(|why| anyhow!("{name}: {why}"))?;
    }
    Ok(())
}

/// Runs an experiment with that many threads: they take turns at planning layers, and time them side by side. The result does
/// not depend on their number.
fn simulate(state: &mut State, of: &DataId, experiment: &Experiment, threads: usize) -> Result<RunReport> {
    let (dataset, part) = state.data(of)?;
    let (batch, provenance) = batch(dataset, part, experiment).map_err(anyhow::Error::msg)?;
    let mut run = Run::new(experiment.clone(), batch, provenance).map_err(anyhow::Error::msg)?;
    run.recall(&state.outcomes);
    let run = work(run, threads)?;
    run.remember(&mut state.outcomes);
    Ok(run.report())
}

/// Works on a run with that many threads, to its end.
fn work(run: Run, threads: usize) -> Result<Run> {
    let (run, progress) = (Mutex::new(run), Progress::new());
    let failed = |_| anyhow!("a thread failed");
    let work = || -> Result<()> {
        loop {
            let (next, done) = {
                let mut run = run.lock().map_err(failed)?;
                (run.plan(), run.is_done())
            };
            match next {
                Some(piece) => {
                    let piece = piece.work();
                    let mut run = run.lock().map_err(failed)?;
                    run.add(piece);
                    progress.at(run.progress());
                }
                None if done => return Ok(()),
                // What comes next waits for what another thread does.
                None => std::thread::yield_now(),
            }
        }
    };
    on_threads(threads, work).into_iter().collect::<Result<()>>()?;
    run.into_inner().map_err(|_| anyhow!("a thread failed"))
}

/// Says what was lost on the way to a result.
fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| terminal::line(warning));
}

/// An experiment; what cannot be read of it is said.
fn read(text: &str, beside_a_trace: bool) -> Result<Experiment> {
    Ok(understood(text, beside_a_trace)?.0)
}

/// The same, with what was said: it stands beside the result too. A string of which nothing is read would run the default, for
/// minutes.
fn understood(text: &str, beside_a_trace: bool) -> Result<(Experiment, Vec<String>)> {
    if let Some(why) = too_long(text) {
        bail!("the experiment has {why}");
    }
    let read = if beside_a_trace { Experiment::parse_beside_trace } else { Experiment::parse };
    let (experiment, unread) = read(text);
    let said: Vec<String> = unread.iter().map(|part| format!("not understood in the experiment: {part}")).collect();
    warn(&said);
    Ok((experiment, said))
}

/// The experiment on a loaded trace: with the trace's digest.
fn on_trace(mut experiment: Experiment, loaded: &Dataset) -> Result<Experiment> {
    let digest = loaded.part().context("nothing is loaded")?.digest();
    if !experiment.workload.trace.is_empty() && experiment.workload.trace != digest {
        say!("the experiment was made on trace {}, this one is {digest}", experiment.workload.trace);
    }
    experiment.workload.trace = digest;
    Ok(experiment)
}

fn analysis_table(out: &mut impl Write, loaded: &Dataset, report: &crate::analysis::Report) -> Result<()> {
    use crate::units::{grouped, percent, significant};
    let info = loaded.info();
    writeln!(
        out,
        "{} requests, {} prefill and {} decode tokens{}; {} MoE layers, {} experts, top-{}; model {}; digest {}",
        info.requests,
        grouped(info.prefill),
        grouped(info.decode),
        if info.unmarked > 0 { format!(", {} unmarked ones", grouped(info.unmarked)) } else { String::new() },
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
        let mut misses: Vec<_> = reuse.miss_ratio.iter().collect();
        // By capacity, which is a number in the keys of the report too.
        misses.sort_by_key(|(p, _)| p.parse::<u32>().unwrap_or(u32::MAX));
        let misses: Vec<String> = misses.into_iter().map(|(p, m)| format!("{} at {p}%", share(*m))).collect();
        writeln!(
            out,
            "reuse, {name}, {}: {} accesses, {} cold; LRU misses {}",
            reuse.scope,
            reuse.accesses,
            reuse.cold,
            misses.join(", ")
        )?;
    }
    observed::print(out, report)?;
    warn(&report.warnings);
    Ok(())
}

fn run_table(out: &mut impl Write, report: &RunReport) -> Result<()> {
    use crate::units::{grouped, percent, seconds, significant};
    writeln!(out, "{}{}", report.experiment, if report.synthetic { "  (synthetic workload)" } else { "" })?;
    if let Some(words) = report.collapsed_words() {
        writeln!(out, "{words}")?;
    }
    if let Some(words) = report.overfull_words() {
        writeln!(out, "{}", words.trim_end())?;
    }
    write!(out, "{:<10} {:>10} {:>9} {:>14} {:>9} {:>8}", "strategy", "time", "speedup", "hops", "fewer", "bound")?;
    for (name, _) in Breakdown::default().parts() {
        write!(out, " {name:>9}")?;
    }
    writeln!(out)?;
    for run in &report.runs {
        write!(
            out,
            "{:<10} {:>10} {:>8}x {:>14} {:>8}x {:>8}",
            run.strategy,
            seconds(run.seconds),
            significant(run.speedup, 4),
            grouped(run.hops),
            significant(run.hop_ratio.unwrap_or(f64::INFINITY), 3),
            format!("{:?}", run.bound).to_lowercase()
        )?;
        for (_, part) in run.breakdown.parts() {
            write!(out, " {:>9}", percent(part / run.seconds))?;
        }
        writeln!(out)?;
    }
    for run in report.runs.iter().filter(|run| run.changes.moved > 0) {
        let Changes { moved, bytes, seconds: time } = run.changes;
        writeln!(
            out,
            "{}: of its time {} goes to {} experts ({}) that move when the subject changes",
            run.strategy,
            seconds(time),
            grouped(moved),
            crate::units::bytes(bytes)
        )?;
    }
    warn(&report.left_out.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(())
}
