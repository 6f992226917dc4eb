//! `make`: synthetic requests as files in the paper's format, for benchmarks and tests of large input.

use std::fs::create_dir_all;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::output::put;
use super::terminal::say;
use crate::experiment::Experiment;
use crate::format::write_paper;
use crate::synth::{Generator, Profile, profile, synthetic_model};

/// Expert ids of a request that is made: two bytes each.
const MOST_IDS: u64 = 1 << 30;

/// Writes `files` requests with `tokens` generated tokens each under `folder`, in a folder whose name tells the model.
pub(super) fn make(experiment: &Experiment, folder: &Path, files: usize, tokens: Option<usize>) -> Result<()> {
    let model = synthetic_model(&experiment.workload.model).map_err(anyhow::Error::msg)?;
    let usual = profile(model).context("it has no profile")?;
    let profile = Profile { requests: files, decode: tokens.unwrap_or(usual.decode), ..usual };
    // A request is made whole before it is written.
    let ids = [profile.decode, model.moe_layers, model.top_k].iter().fold(1u64, |all, &n| all.saturating_mul(n as u64));
    if ids > MOST_IDS {
        bail!(
            "a request of {} tokens of {} would have {ids} expert ids, above the limit of {MOST_IDS}: lower --tokens",
            profile.decode,
            model.title
        );
    }
    let mut generator = Generator::with(model, profile, experiment.workload.seed);
    let inside = folder.join(format!("{}-synthetic-seed{}", model.name, experiment.workload.seed));
    create_dir_all(&inside).with_context(|| inside.display().to_string())?;
    let mut index = 0;
    while let Some(request) = generator.request() {
        let path = inside.join(format!("{index}.json"));
        put(&path, |file| {
            let mut out = BufWriter::with_capacity(1 << 20, file);
            write_paper(&request, &mut out)?;
            Ok(out.flush()?)
        })?;
        index += 1;
    }
    say!("{index} synthetic requests of {} in {}", model.title, inside.display());
    Ok(())
}
