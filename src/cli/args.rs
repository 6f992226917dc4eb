//! Arguments to a command. Apart, so that usage errors (exit code 2) end before any work begins.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

/// What `--help` prints.
pub(super) const HELP: &str = "\
moescope: where the experts of a mixture-of-experts model move, and what placing them on a wafer is worth

  moescope analyze PATH... [--json] [--csv DIR] [--counts FILE.npz] [--threads N]
      Analyses of traces: files, archives, folders (docs/formats.md). --csv writes the tables, --counts all counts.
  moescope run [--experiment STRING] [--traces PATH...] [--json] [--threads N]
      Simulates an experiment: the string is what stands behind # in the page's address.
      Without --traces, on the synthetic workload of the experiment's model and seed.
  moescope sweep --experiment STRING [--traces PATH...] [--json] [--threads N]
      Runs the experiment once for each value of its sweep: sweep=link:1:4:7 is seven values from 1 to 4 TB/s.
  moescope paper [--experiment STRING] [--traces PATH...] [--json] [--threads N]
      Figure 12 of the paper and what stands beside it: each published number with ours. Settings come from the
      experiment (layers=all simulates every layer). With --traces, the trace's model is run on its recorded requests too.
  moescope calibrate [--experiment STRING] [--json]
      The statistics of the synthetic workloads beside the published ones, with each residual.

Exit codes: 0 done, 1 bad input, 2 bad usage. Errors and warnings go to stderr.";

/// A command that can be carried out.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Help,
    Version,
    Analyze { paths: Vec<PathBuf>, json: bool, csv: Option<PathBuf>, counts: Option<PathBuf>, threads: usize },
    Run { experiment: String, traces: Vec<PathBuf>, json: bool, threads: usize },
    Sweep { experiment: String, traces: Vec<PathBuf>, json: bool, threads: usize },
    Paper { experiment: String, traces: Vec<PathBuf>, json: bool, threads: usize },
    Calibrate { experiment: String, json: bool },
}

pub(super) fn parse(arguments: Vec<OsString>) -> Result<Command> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut verb: Option<String> = None;
    let (mut paths, mut json, mut experiment) = (Vec::new(), false, None);
    let (mut csv, mut counts) = (None, None);
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            Long("json") => json = true,
            Long("threads") => {
                threads = parser.value()?.parse().context("--threads takes a number")?;
                if threads == 0 {
                    bail!("--threads takes a number from 1");
                }
            }
            Long("csv") if verb.as_deref() == Some("analyze") => csv = Some(parser.value()?.into()),
            Long("counts") if verb.as_deref() == Some("analyze") => counts = Some(parser.value()?.into()),
            Long("experiment") if matches!(verb.as_deref(), Some("run" | "sweep" | "paper" | "calibrate")) => {
                experiment = Some(parser.value()?.string()?)
            }
            Long("traces") if matches!(verb.as_deref(), Some("run" | "sweep" | "paper")) => {
                paths.extend(parser.values()?.map(PathBuf::from))
            }
            Value(value) if verb.is_none() => verb = Some(value.string()?),
            Value(value) if verb.as_deref() == Some("analyze") => paths.push(value.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    match verb.as_deref() {
        Some("analyze") if paths.is_empty() => bail!("analyze needs at least one path"),
        Some("analyze") => Ok(Command::Analyze { paths, json, csv, counts, threads }),
        Some("run") => Ok(Command::Run { experiment: experiment.unwrap_or_default(), traces: paths, json, threads }),
        Some("sweep") => {
            Ok(Command::Sweep { experiment: experiment.unwrap_or_default(), traces: paths, json, threads })
        }
        Some("paper") => {
            Ok(Command::Paper { experiment: experiment.unwrap_or_default(), traces: paths, json, threads })
        }
        Some("calibrate") => Ok(Command::Calibrate { experiment: experiment.unwrap_or_default(), json }),
        Some(other) => bail!("no command is called {other}; there are analyze, run, sweep, paper and calibrate"),
        None => bail!("a command is missing: analyze, run, sweep, paper or calibrate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn commands_are_read() {
        let run = read("run --experiment v=1&batch=64 --traces a b --json --threads 1").unwrap();
        let traces = vec!["a".into(), "b".into()];
        assert_eq!(run, Command::Run { experiment: "v=1&batch=64".into(), traces, json: true, threads: 1 });
        assert_eq!(read("analyze --help").unwrap(), Command::Help);
        for bad in ["", "analyse x", "analyze", "analyze --experiment v=1 x", "run --threads 0", "run x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
