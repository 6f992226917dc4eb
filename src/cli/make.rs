//! `make`: synthetic requests as files in the paper's format, for benchmarks and tests of large input.

use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};

use crate::experiment::Experiment;
use crate::format::write_paper;
use crate::synth::{Generator, Profile, profile, synthetic_model};

/// Writes `files` requests with `tokens` generated tokens each under `folder`, in a folder whose name tells the model.
pub(super) fn make(experiment: &Experiment, folder: &Path, files: usize, tokens: Option<usize>) -> Result<()> {
    let model = synthetic_model(&experiment.workload.model).map_err(anyhow::Error::msg)?;
    let usual = profile(model).context("it has no profile")?;
    let profile = Profile { requests: files, decode: tokens.unwrap_or(usual.decode), ..usual };
    let mut generator = Generator::with(model, profile, experiment.workload.seed);
    let inside = folder.join(format!("{}-synthetic-seed{}", model.name, experiment.workload.seed));
    create_dir_all(&inside).with_context(|| inside.display().to_string())?;
    let mut index = 0;
    while let Some(request) = generator.request() {
        let path = inside.join(format!("{index}.json"));
        let name = || path.display().to_string();
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).with_context(name)?);
        write_paper(&request, &mut out).and_then(|()| out.flush()).with_context(name)?;
        index += 1;
    }
    eprintln!("moescope: {index} synthetic requests of {} in {}", model.title, inside.display());
    Ok(())
}
