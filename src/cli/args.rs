//! Arguments to a command. Apart, so that usage errors (exit code 2) end before any work begins.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

use super::lab::{Export, Place, Table};
use super::terminal::say;
use super::threads;
use crate::experiment::{ANSWERS, Experiment, key_named};
use crate::format::Told;
use crate::place::rules;

/// What `--help` prints.
pub(super) const HELP: &str = "\
moescope: where the experts of a mixture-of-experts model move, and what placing them well is worth

  moescope analyze PATH... [TOLD] [--json] [--csv DIR] [--counts FILE.npz] [--threads N]
      Analyses of recordings: files, archives, folders (docs/formats.md). --csv writes the tables, --counts all counts.
  moescope inspect PATH... [TOLD] [--json]
      What each file is: reader, shape, phases, what was joined, what the checks found, what is missing.
  moescope convert PATH... -o FILE|FOLDER [TOLD] [--threads N]
      Writes a recording clean: FILE.json or a folder of them (the paper's format), FILE.npz, or FILE.moesum.
      TOLD is what a recording does not hold: --top-k K, --experts E, --layers N (of its rows, dense ones too; in the
      experiment recorded-layers), --dense N (at its start, without rows), --model NAME (a preset), --config config.json
      (as on huggingface.co; one beside the files is taken by itself), --unmarked prefill|decode|first:N, and what overrules
      the checks: --keep-shared, --ids physical|logical. All of it stands in an experiment's string too, under the same
      names: --experiment STRING reads as the page did. An option goes before the string, and that is said.
  moescope run [--experiment STRING] [--traces PATH... [TOLD]] [--config FILE] [--json] [--threads N]
      Simulates an experiment: the string is what stands behind # in the page's address.
      Without --traces, on the synthetic workload of the experiment's model and seed. With them, the experts have the
      size that the experiment names (model=, or hidden= and intermediate=), else that of the trace's own model, if its
      shape or its folders tell; --config takes it from a model's config.json.
  moescope sweep --experiment STRING [--traces PATH...] [--config FILE] [--json] [--threads N]
      Runs the experiment once for each value of its sweep: sweep=link:1:4:7 is seven values from 1 to 4 TB/s.
  moescope place [--experiment STRING] [--traces PATH...] [--placement FILE...] [--config FILE] [--json] [--threads N]
                 [--export ENGINE -o FILE [--strategy NAME]]
      Placements and dispatches compared on the experiment's system: learnt from the even requests and scored on the odd ones
      with heldout=on. --placement scores your own file beside them. --export writes the fastest one, or that of --strategy, as
      the file that a server loads: sglang, vllm-ascend, tensorrt-llm, vllm (proposed), eplb, csv or json.
  moescope place --weights FILE --devices G --slots P [--nodes N] [--groups N] [--placements NAME,...] [--json]
                 [--export ENGINE -o FILE]
      The same of a bare [layers][experts] table of loads (JSON, CSV or NPY, whole numbers or not), without time.
  moescope paper [--figure 2|12|13] [--experiment STRING] [--traces PATH...] [--json] [--threads N]
      Figure 12 of the paper and what stands beside it: each published number with ours. Settings come from the
      experiment (layers=all simulates every layer). With --traces, the trace's model is run on its recorded requests too.
      --figure 2: where the latency of DeepSeek V3 goes; --figure 13: transfers and GEMMs of GPUs beside their rooflines.
  moescope paper --figure 16|17 [--traces PATH...] [--json] [--threads N]
      Case study 2: load by GPU, and the speedup of placements made on prompts, beside the published values.
  moescope calibrate [--experiment STRING] [--json]
      The statistics of the synthetic workloads beside the published ones, with each residual.
  moescope summarize PATH... -o FILE.moesum [TOLD] [--first N] [--threads N]
      Counts traces into a summary file: a few megabytes for any number of them, which every command and the page open.
      Files that it holds are skipped, so it goes on where it was cut off; others are placed after them. --first is the
      place of the first file in a larger set, of which other machines count the rest.
  moescope merge FILE.moesum... -o FILE.moesum
      Adds up summary files. Any order and grouping gives the same bytes.
  moescope prepare -o FOLDER
      What the site is built with: the replies to what the page asks first about the workload that it opens with (prepared.bin),
      and its first screen as it stands still (first.html).
  moescope make -o FOLDER [--experiment STRING] [--files N] [--tokens N]
      Writes synthetic requests of the experiment's model and seed as files in the paper's format.

PATH and FILE that are read may be pipes, and - for stdin. A file is written whole or not at all, and never over one that is read.
Exit codes: 0 done, 1 bad input or a full disk, 2 bad usage. Errors and warnings go to stderr. docs/limits.md has all limits.";

/// Figures of the paper that can be asked for alone.
const FIGURES: [u32; 5] = [2, 12, 13, 16, 17];

/// A command that can be carried out.
#[derive(Debug, PartialEq)]
pub(super) enum Command {
    Help,
    Version,
    Analyze {
        paths: Vec<PathBuf>,
        told: Asked,
        json: bool,
        csv: Option<PathBuf>,
        counts: Option<PathBuf>,
        threads: usize,
    },
    Inspect {
        paths: Vec<PathBuf>,
        told: Asked,
        json: bool,
    },
    Convert {
        paths: Vec<PathBuf>,
        told: Asked,
        out: PathBuf,
        threads: usize,
    },
    Run(Simulated),
    Place(Box<Place>),
    Sweep(Simulated),
    Paper {
        experiment: String,
        figure: u32,
        traces: Vec<PathBuf>,
        json: bool,
        threads: usize,
    },
    Prepare(PathBuf),
    Calibrate {
        experiment: String,
        json: bool,
    },
    Summarize {
        paths: Vec<PathBuf>,
        told: Asked,
        out: PathBuf,
        first: Option<u64>,
        threads: usize,
    },
    Merge {
        paths: Vec<PathBuf>,
        out: PathBuf,
    },
    Make {
        experiment: String,
        out: PathBuf,
        files: usize,
        tokens: Option<usize>,
    },
}

/// What is simulated, and how it is told: once, or once for each value of a sweep.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Simulated {
    pub(super) experiment: String,
    pub(super) traces: Vec<PathBuf>,
    pub(super) told: Told,
    pub(super) config: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) threads: usize,
}

/// What is told of recordings, by options, by an experiment's string and by a `config.json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) told: Told,
    pub(super) experiment: String,
    pub(super) config: Option<PathBuf>,
}

impl Asked {
    /// All that is told; options go before the string, and that before the file.
    pub(super) fn read(&self) -> Result<Told> {
        let mut experiment = super::read(&self.experiment, true)?;
        answer(&mut experiment, &self.told).iter().for_each(|said| say!("{said}"));
        let told = experiment.told();
        let Some(path) = &self.config else { return Ok(told) };
        let name = || path.display().to_string();
        let bytes = super::files::bytes(path)?;
        let of = Told::read(&bytes).context("it names neither experts nor experts a token").with_context(name)?;
        Ok(told.or(&of))
    }
}

/// Takes what options tell into an experiment; where that says something else, what was not taken of it.
pub(super) fn answer(experiment: &mut Experiment, options: &Told) -> Vec<String> {
    let (default, mut of_options) = (Experiment::default(), Experiment::default());
    of_options.tell(options);
    let differs = |name: &&str| {
        let get = |e: &Experiment| key_named(name).map_or_else(String::new, |key| (key.get)(e));
        let (none, option, string) = (get(&default), get(&of_options), get(experiment));
        let words = format!("{name}={string} of the experiment was not taken: the option says {option}");
        (option != none && string != none && option != string).then_some(words)
    };
    let said = ANSWERS.iter().filter_map(differs).collect();
    let all = options.or(&experiment.told());
    experiment.tell(&all);
    said
}

/// Options that tell something of recordings, and the setting of each; one of a model and one without a value come beside them.
const TELLS: [(&str, &str); 7] = [
    ("top-k", "top-k"),
    ("experts", "experts"),
    ("layers", "recorded-layers"),
    ("recorded-layers", "recorded-layers"),
    ("dense", "dense"),
    ("unmarked", "unmarked"),
    ("ids", "ids"),
];

/// Whether an option tells something of recordings.
fn tells(name: &str) -> bool {
    ["model", "keep-shared"].contains(&name) || TELLS.iter().any(|(option, _)| *option == name)
}

/// Takes an option that tells something of recordings.
fn tell(told: &mut Told, name: &str, value: impl FnOnce() -> Result<String>) -> Result<()> {
    match name {
        "keep-shared" => told.keep_shared = true,
        "model" => {
            let name = value()?;
            let model =
                crate::model::model_named(&name).with_context(|| format!("no model preset is called {name}"))?;
            *told = told.or(&Told { top_k: Some(model.top_k), experts: Some(model.experts), ..Told::default() });
        }
        _ => {
            let key = TELLS.iter().find(|(option, _)| *option == name).and_then(|(_, key)| key_named(key));
            let mut experiment = Experiment::default();
            experiment.tell(told);
            let set = (key.context("no such option")?.set)(&mut experiment, &value()?);
            set.map_err(anyhow::Error::msg).with_context(|| format!("--{name}"))?;
            *told = experiment.told();
        }
    }
    Ok(())
}

/// The value of an option that takes a number.
fn number(parser: &mut lexopt::Parser, option: &str) -> Result<usize> {
    let value = parser.value()?.string()?;
    value.parse().ok().with_context(|| format!("{option} takes a number, and {value} is none"))
}

pub(super) fn parse(arguments: Vec<OsString>) -> Result<Command> {
    let mut figure = 12;
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut verb: Option<String> = None;
    let (mut paths, mut json, mut experiment) = (Vec::new(), false, None);
    let (mut csv, mut counts, mut config) = (None, None, None);
    let (mut out, mut first) = (None, None);
    let (mut files, mut tokens) = (48usize, None::<usize>);
    let (mut weights, mut export, mut strategy) = (None::<PathBuf>, None::<String>, None::<String>);
    let (mut placements, mut names, mut numbers) = (Vec::new(), Vec::<String>::new(), [None::<usize>; 4]);
    let mut threads = threads::usual();
    let mut told = Told::default();
    // Those who read recordings.
    let reads = ["analyze", "inspect", "convert", "summarize", "run", "sweep", "place"];
    while let Some(argument) = parser.next()? {
        if let Long(name) = argument
            && verb.as_deref().is_some_and(|v| reads.contains(&v))
            && tells(name)
        {
            let name = name.to_string();
            tell(&mut told, &name, || Ok(parser.value()?.string()?))?;
            continue;
        }
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            Long("json") => json = true,
            Long("threads") => {
                threads = number(&mut parser, "--threads")?;
                if threads == 0 {
                    bail!("--threads takes a number from 1");
                }
                threads = threads::bounded(threads);
            }
            Short('o') | Long("output")
                if matches!(
                    verb.as_deref(),
                    Some("summarize" | "merge" | "make" | "convert" | "place" | "prepare")
                ) =>
            {
                out = Some(PathBuf::from(parser.value()?));
            }
            Long("files") if verb.as_deref() == Some("make") => {
                files = number(&mut parser, "--files")?;
            }
            Long("tokens") if verb.as_deref() == Some("make") => {
                tokens = Some(number(&mut parser, "--tokens")?);
            }
            Long("first") if verb.as_deref() == Some("summarize") => {
                let text = parser.value()?;
                let read = text.parse().ok().filter(|&n: &u64| n < 1 << 40);
                first = Some(read.context("--first takes a number below 2^40")?);
            }
            Long("figure") if verb.as_deref() == Some("paper") => {
                let read = parser.value()?.string()?.parse().ok().filter(|n| FIGURES.contains(n));
                let all = || FIGURES.map(|f| f.to_string()).join(", ");
                figure = read.with_context(|| format!("--figure takes one of {}", all()))?;
            }
            Long("weights") if verb.as_deref() == Some("place") => weights = Some(parser.value()?.into()),
            Long("export") if verb.as_deref() == Some("place") => export = Some(parser.value()?.string()?),
            Long("strategy") if verb.as_deref() == Some("place") => strategy = Some(parser.value()?.string()?),
            Long("placement") if verb.as_deref() == Some("place") => {
                placements.extend(parser.values()?.map(PathBuf::from));
            }
            Long("placements") if verb.as_deref() == Some("place") => {
                names.extend(parser.value()?.string()?.split(',').map(|n| n.trim().to_string()));
            }
            Long(name @ ("devices" | "slots" | "nodes" | "groups")) if verb.as_deref() == Some("place") => {
                let at = ["devices", "slots", "nodes", "groups"].iter().position(|n| *n == name).unwrap_or(0);
                let name = format!("--{name}");
                numbers[at] = Some(number(&mut parser, &name)?);
            }
            Long("csv") if verb.as_deref() == Some("analyze") => csv = Some(parser.value()?.into()),
            Long("counts") if verb.as_deref() == Some("analyze") => counts = Some(parser.value()?.into()),
            Long("config") if verb.as_deref().is_some_and(|v| reads.contains(&v)) => {
                config = Some(parser.value()?.into())
            }
            Long("experiment")
                if verb
                    .as_deref()
                    .is_some_and(|v| reads.contains(&v) || ["paper", "calibrate", "make"].contains(&v)) =>
            {
                experiment = Some(parser.value()?.string()?)
            }
            Long("traces") if matches!(verb.as_deref(), Some("run" | "sweep" | "place" | "paper")) => {
                paths.extend(parser.values()?.map(PathBuf::from))
            }
            Value(value) if verb.is_none() => verb = Some(value.string()?),
            Value(value)
                if matches!(verb.as_deref(), Some("analyze" | "inspect" | "convert" | "summarize" | "merge")) =>
            {
                paths.push(value.into())
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let asked =
        |told, experiment: Option<String>, config| Asked { told, experiment: experiment.unwrap_or_default(), config };
    match verb.as_deref() {
        Some(verb @ ("analyze" | "inspect" | "convert")) if paths.is_empty() => bail!("{verb} needs at least one path"),
        Some("analyze") => {
            Ok(Command::Analyze { paths, told: asked(told, experiment, config), json, csv, counts, threads })
        }
        Some("inspect") => Ok(Command::Inspect { paths, told: asked(told, experiment, config), json }),
        Some("convert") => {
            let Some(out) = out else { bail!("convert needs -o FILE or FOLDER") };
            Ok(Command::Convert { paths, told: asked(told, experiment, config), out, threads })
        }
        Some("run" | "sweep" | "place") if config.is_some() && paths.is_empty() => {
            bail!("--config tells the sizes of a trace's model: it needs --traces")
        }
        Some("place") => {
            let table = match (weights, numbers) {
                (None, [None, None, None, None]) if names.is_empty() => None,
                (None, _) => bail!("--devices, --slots, --nodes, --groups and --placements belong to --weights"),
                (Some(_), _) if experiment.is_some() || !paths.is_empty() || !placements.is_empty() => {
                    bail!(
                        "--weights is a table of loads without a trace: no --experiment, --traces or --placement goes with it"
                    )
                }
                (Some(file), [Some(devices), Some(slots), nodes, groups]) => {
                    let all = || rules().map(|p| p.name.into()).collect();
                    let placements = if names.is_empty() { all() } else { names };
                    let (nodes, groups) = (nodes.unwrap_or(1), groups.unwrap_or(1));
                    Some(Table { file, devices, slots, nodes, groups, placements })
                }
                (Some(_), _) => bail!("--weights needs --devices and --slots"),
            };
            let export = match (export, out) {
                (Some(engine), Some(out)) => Some(Export { engine, out, strategy }),
                (None, None) if strategy.is_none() => None,
                _ => bail!("--export ENGINE and -o FILE belong together"),
            };
            let experiment = experiment.unwrap_or_default();
            let (traces, weights) = (paths, table);
            Ok(Command::Place(Box::new(Place {
                experiment,
                traces,
                told,
                config,
                placements,
                weights,
                export,
                json,
                threads,
            })))
        }
        Some(verb @ ("run" | "sweep")) => {
            let experiment = experiment.unwrap_or_default();
            let of = Simulated { experiment, traces: paths, told, config, json, threads };
            Ok(if verb == "run" { Command::Run(of) } else { Command::Sweep(of) })
        }
        Some("paper") => {
            if ![12, 16, 17].contains(&figure) && !paths.is_empty() {
                bail!("--figure {figure} is not of traces");
            }
            Ok(Command::Paper { experiment: experiment.unwrap_or_default(), figure, traces: paths, json, threads })
        }
        Some("prepare") => {
            let Some(out) = out else { bail!("prepare needs -o FOLDER") };
            Ok(Command::Prepare(out))
        }
        Some("calibrate") => Ok(Command::Calibrate { experiment: experiment.unwrap_or_default(), json }),
        Some("make") => {
            let Some(out) = out else { bail!("make needs -o FOLDER") };
            Ok(Command::Make { experiment: experiment.unwrap_or_default(), out, files, tokens })
        }
        Some(verb @ ("summarize" | "merge")) => {
            let Some(out) = out else { bail!("{verb} needs -o FILE.moesum") };
            if paths.is_empty() {
                bail!("{verb} needs at least one path");
            }
            let summarize = verb == "summarize";
            Ok(if summarize {
                Command::Summarize { paths, told: asked(told, experiment, config), out, first, threads }
            } else {
                Command::Merge { paths, out }
            })
        }
        Some(other) => {
            bail!(
                "no command is called {other}; there are analyze, inspect, convert, run, sweep, place, paper, calibrate, summarize, merge, prepare and make"
            )
        }
        None => {
            bail!(
                "a command is missing: analyze, inspect, convert, run, sweep, place, paper, calibrate, summarize, merge, prepare or make"
            )
        }
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
        assert_eq!(
            run,
            Command::Run(Simulated {
                experiment: "v=1&batch=64".into(),
                traces,
                told: Told::default(),
                config: None,
                json: true,
                threads: 1
            })
        );
        assert_eq!(read("analyze --help").unwrap(), Command::Help);
        let Command::Analyze { told, .. } =
            read("analyze x --top-k 4 --unmarked first:9 --ids logical --model olmoe").unwrap()
        else {
            panic!("it is analyze")
        };
        assert_eq!((told.told.top_k, told.told.experts), (Some(4), Some(64)), "an option goes before a preset");
        assert_eq!(
            (told.told.unmarked, told.told.ids),
            (Some(crate::model::Marking::First(9)), Some(crate::format::Ids::Logical))
        );
        for bad in [
            "",
            "analyse x",
            "analyze",
            "inspect",
            "convert x",
            "analyze x --top-k 0",
            "analyze x --ids both",
            "merge a --top-k 2",
            "analyze x --dense 9999",
            "run --threads 0",
            "run x",
            "run --config c",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
