//! `moescope place`: every placement and dispatch on the requests that it was not made from, or placements of a bare table of loads;
//! and the file that a server loads. Apart from `run`, because runs follow one another here.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::files::{self, collect};
use super::output::{Inputs, Output};
use super::terminal::say;
use super::{prepare, understood, warn, work};
use crate::format::Told;
use crate::place::files::{Deployment, ENGINES, Engine, PlacementFile, digest, engine_named, read};
use crate::protocol::{Lab, PlaceReport, Scores, Weights, WeightsPlaced, read_placement};
use crate::sim::Strategy;
use crate::units::{bytes, seconds, significant};

/// What is placed, and what is done with it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) experiment: String,
    pub(super) traces: Vec<PathBuf>,
    pub(super) told: Told,
    pub(super) config: Option<PathBuf>,
    /// Files of placements that are scored too.
    pub(super) placements: Vec<PathBuf>,
    pub(super) weights: Option<Table>,
    pub(super) export: Option<Export>,
    pub(super) json: bool,
    pub(super) threads: usize,
}

/// A bare table of loads.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) file: PathBuf,
    pub(super) devices: usize,
    pub(super) slots: usize,
    pub(super) nodes: usize,
    pub(super) groups: usize,
    /// Names of placements.
    pub(super) placements: Vec<String>,
}

/// A file that is written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Export {
    pub(super) engine: String,
    pub(super) out: PathBuf,
    /// Which strategy's placement; none: the fastest.
    pub(super) strategy: Option<String>,
}

/// Does it.
pub(super) fn place(out: &mut impl Write, of: &Place) -> Result<()> {
    // Before any work: what cannot be written, or is no engine.
    let listing = collect(&of.traces)?;
    let files = of.placements.iter().chain(&of.config).chain(of.weights.iter().map(|t| &t.file));
    let inputs = Inputs::of(listing.paths().chain(files.map(PathBuf::as_path)));
    let export = of.export.as_ref();
    let export = export.map(|e| Ok::<_, anyhow::Error>((engine(&e.engine)?, Output::claim(&e.out, &inputs)?, e)));
    let export = export.transpose()?;
    if let Some(table) = &of.weights {
        let (weights, placed) = weigh(table)?;
        if of.json {
            serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "placements": placed }))?;
            writeln!(out)?;
        } else {
            weights_table(out, &placed)?;
        }
        // The most even one.
        let mean = |p: &WeightsPlaced| p.max_over_mean.iter().sum::<f64>();
        let best = placed.iter().min_by(|a, b| mean(a).total_cmp(&mean(b)));
        if let (Some((engine, file, export)), Some(best)) = (&export, best) {
            if export.strategy.is_some() {
                bail!(
                    "--strategy names a strategy of an experiment; of a table of loads name one placement with --placements"
                );
            }
            say!("the most even of these placements is {}", best.name);
            let maps = best.physical_to_logical.clone();
            let layers = (0..).take(maps.len()).collect();
            let (devices, experts) = (weights.devices, weights.loads[0].len());
            // Files have columns for tokens, which shares are none of.
            let loads = if weights.scale > 1.0 { Vec::new() } else { weights.loads };
            write(
                engine,
                file,
                &export.out,
                &Deployment { layers, maps, devices, experts, loads, ..Deployment::default() },
            )?;
        }
        return Ok(());
    }
    let Scored { report, said, fresh } = score(of)?;
    if of.json {
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
    } else {
        score_table(out, &report)?;
        warn(&fresh);
    }
    if let Some((engine, file, export)) = &export {
        if !said.is_empty() {
            bail!("nothing is exported, because the experiment was not understood: {}", said.join("; "));
        }
        let of = report.find(export.strategy.as_deref()).map_err(anyhow::Error::msg)?;
        let named = || format!("the placement of {} (--strategy NAME takes another one)", of.strategy);
        write(engine, file, &export.out, &report.deployment(of).map_err(anyhow::Error::msg).with_context(named)?)
            .with_context(named)?;
        say!("it is the placement of {}, {} as scored", of.strategy, seconds(of.seconds));
        if of.dispatch != "even" {
            let even = report.strategies.iter().find(|s| s.strategy == format!("{}.even", of.placement));
            let even = even.map_or_else(String::new, |s| format!(": with even shares it took {}", seconds(s.seconds)));
            say!(
                "its time needs the dispatch {}; a server that shares tokens otherwise has another one{even}",
                of.dispatch
            );
        }
    }
    Ok(())
}

fn engine(name: &str) -> Result<&'static Engine> {
    let all = || ENGINES.iter().map(|e| e.name).collect::<Vec<_>>().join(", ");
    engine_named(name).ok_or_else(|| anyhow!("no engine is called {name}; there are {}", all()))
}

/// Writes what an engine loads, reads it back, and says how the server takes it.
fn write(engine: &Engine, file: &Output, path: &Path, of: &Deployment) -> Result<()> {
    let (text, said) = engine.export(of).map_err(anyhow::Error::msg).with_context(|| engine.title)?;
    file.write(
        |file| Ok(file.write_all(text.as_bytes())?),
        |part| read(&std::fs::read(part)?).map(drop).map_err(anyhow::Error::msg),
    )?;
    warn(&said);
    say!("{} is written; {}", path.display(), engine.command_for(of, &path.display().to_string()));
    Ok(())
}

fn weigh(of: &Table) -> Result<(Weights, Vec<WeightsPlaced>)> {
    let bytes = files::bytes(&of.file)?;
    let weights = Weights::read(&bytes, of.devices, of.slots, of.nodes, of.groups)
        .map_err(anyhow::Error::msg)
        .with_context(|| of.file.display().to_string())?;
    let placed = weights.place(&of.placements).map_err(anyhow::Error::msg)?;
    Ok((weights, placed))
}

fn weights_table(out: &mut impl Write, placed: &[WeightsPlaced]) -> Result<()> {
    for of in placed {
        writeln!(out, "{}", of.name)?;
        for (layer, (map, ratio)) in of.physical_to_logical.iter().zip(&of.max_over_mean).enumerate() {
            let map: Vec<String> = map.iter().map(ToString::to_string).collect();
            let most = of.loads[layer].iter().fold(0.0f64, |a, &b| a.max(b));
            writeln!(
                out,
                "  layer {layer}: largest load {}, {} of the mean: {}",
                significant(most, 6),
                significant(*ratio, 5),
                map.join(" ")
            )?;
        }
    }
    Ok(())
}

/// What the lab says.
struct Scored {
    report: PlaceReport,
    /// What was not understood of the experiment.
    said: Vec<String>,
    /// The report's warnings that were not on stderr yet: those of the experiment and of a load are.
    fresh: Vec<String>,
}

/// What the lab says of an experiment. One that names no strategies gets the lab's own list.
fn score(of: &Place) -> Result<Scored> {
    let (read, said) = understood(&of.experiment, !of.traces.is_empty())?;
    let mut read = read.for_lab();
    let files = of.placements.iter().map(|path| file(path)).collect::<Result<Vec<_>>>()?;
    let own = Strategy::of_file();
    if let Some((digest, _)) = files.first() {
        read.run.file.clone_from(digest);
        read.run
            .strategies
            .extend(own.iter().filter(|s| !read.run.strategies.contains(s)).copied().collect::<Vec<_>>());
    } else if !read.run.file.is_empty() {
        bail!("the experiment is on the placement {}: give its file with --placement", read.run.file);
    } else if let Some(s) = read.run.strategies.iter().find(|s| read.placement(s.placement()).name == "file") {
        bail!("{} needs your placement: give its file with --placement", s.name());
    }
    let (experiment, data, state) = prepare(read, &of.traces, &of.told, of.config.as_deref(), of.threads)?;
    let (dataset, part) = state.data(&data)?;
    let score = |experiment: &crate::experiment::Experiment, file: Option<&PlacementFile>| -> Result<PlaceReport> {
        let mut lab = Lab::new(dataset, part, experiment, file).map_err(anyhow::Error::msg)?;
        while let Some(run) = lab.take() {
            lab.put(work(run, of.threads)?).map_err(anyhow::Error::msg)?;
        }
        while lab.judge() {}
        Ok(lab.report())
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut report = score(&experiment, files.first().map(|f| &f.1))?;
    // A table has one placement of a file: further ones are scored apart, and every one is called by its file.
    for (path, (digest, file)) in of.placements.iter().zip(&files).skip(1) {
        let mut alone = experiment.clone();
        alone.run.file.clone_from(digest);
        alone.run.strategies.clone_from(&own);
        let more = score(&alone, Some(file)).with_context(|| path.display().to_string())?;
        let named = more.strategies.into_iter().map(|s| {
            let strategy = format!("{} {}", s.strategy, name(path));
            crate::protocol::PlacedStrategy { strategy, ..s }
        });
        report.strategies.extend(named);
    }
    if files.len() > 1 {
        for of_file in report.strategies.iter_mut().filter(|s| own.iter().any(|o| o.name() == s.strategy)) {
            of_file.strategy = format!("{} {}", of_file.strategy, name(&of.placements[0]));
        }
    }
    let loaded = dataset.warnings();
    let fresh = report.warnings.iter().filter(|w| !loaded.contains(w)).cloned().collect();
    report.warnings.splice(0..0, said.iter().cloned());
    Ok(Scored { report, said, fresh })
}

/// A placement's file, with its digest.
fn file(path: &Path) -> Result<(String, PlacementFile)> {
    let bytes = files::bytes(path)?;
    let file = read_placement(&bytes).map_err(anyhow::Error::msg).with_context(|| path.display().to_string())?;
    Ok((digest(&bytes), file))
}

/// The table of all strategies.
fn score_table(out: &mut impl Write, report: &PlaceReport) -> Result<()> {
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
    writeln!(out, "\nbeside them (no device can be below the mean, which is 1)")?;
    for bound in &report.bounds {
        let words = match bound.name.as_str() {
            "best" => "Algorithm 2 on the counts to come (no bound where there are copies)",
            _ => "the hottest experts together",
        };
        let Scores { max_over_mean, seconds: time, .. } = &bound.scores;
        writeln!(out, "{:<24} {:>9} {:>41}  {words}", bound.name, significant(*max_over_mean, 4), seconds(*time))?;
    }
    for of in &report.strategies {
        let Some(by_subject) = &of.by_subject else { continue };
        writeln!(out, "\n{}", by_subject.words(&of.strategy))?;
        writeln!(
            out,
            "{:<24} {:>8} {:>6} {:>10} {:>10} {:>7} {:>10} {:>10}  pays after",
            "subject", "requests", "steps", "own", "for all", "moved", "bytes", "moving"
        )?;
        for s in &by_subject.subjects {
            let pays = s.pays_after.map_or_else(|| "never".into(), |steps| format!("{} steps", significant(steps, 3)));
            writeln!(
                out,
                "{:<24} {:>8} {:>6} {:>10} {:>10} {:>7} {:>10} {:>10}  {}",
                s.subject,
                s.requests,
                s.steps,
                seconds(s.seconds),
                seconds(s.beside_seconds),
                s.changes.moved,
                bytes(s.changes.bytes),
                seconds(s.changes.seconds),
                if s.own { pays } else { "no placement of its own".into() },
            )?;
        }
    }
    if let Some(words) = report.fastest_words() {
        writeln!(out, "\n{words}")?;
    }
    if !report.from_counts && !report.rebalance.is_empty() {
        writeln!(out, "\nmade on the prompts, through the decode (largest over mean load by fifths of it)")?;
        for (name, of) in &report.rebalance {
            let fifth =
                |p: &crate::analysis::Position| p.mean.max_over_mean.map_or_else(|| "–".into(), |v| significant(v, 4));
            let fifths: Vec<String> = of.fifths.iter().map(fifth).collect();
            writeln!(out, "{name:<14} {:>7}  {}", fifth(&of.prompts), fifths.join("  "))?;
            writeln!(out, "               {}", of.reading)?;
        }
    }
    if report.strategies.iter().any(|of| of.twice > 0) {
        writeln!(out, "\nsome devices hold an expert twice: its tokens are one load there, and the slot is lost")?;
    }
    Ok(())
}
