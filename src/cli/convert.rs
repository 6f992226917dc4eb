//! `convert`: a recording in, a clean one out: the paper's JSON, arrays of NumPy, or a summary. Apart from `summarize`, which counts
//! large sets in rounds and goes on where it was cut off.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::export::header;
use super::output::Output;
use super::{load, warn};
use crate::format::{Told, write_paper};
use crate::model::{Marks, Request, UNKNOWN};
use crate::protocol::{Part, to_moesum};

/// Reads the recordings under `paths` and writes them as the name of `out` says.
pub(super) fn convert(paths: &[PathBuf], told: &Told, out: &Path, threads: usize) -> Result<()> {
    let state = load::load(paths, told, threads)?;
    warn(&state.trace.warnings());
    let part = state.trace.part().context("nothing was read")?;
    let name = || out.display().to_string();
    let ending = out.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if ending == "moesum" {
        let bytes = to_moesum(&state.trace).map_err(anyhow::Error::msg)?;
        Output::claim(out)?.write(|file| Ok(file.write_all(&bytes)?), |_| Ok(()))?;
        eprintln!("moescope: {} requests in {}", part.summary.requests, name());
        return Ok(());
    }
    if part.summary.is_counts() {
        bail!("counts have no tokens to write: convert them to FILE.moesum, or give `analyze --counts FILE.npz`");
    }
    let held = part.requests.len() as u64;
    if held < part.summary.requests {
        eprintln!("moescope: {held} of {} requests are written; the others were counted only", part.summary.requests);
    }
    match ending.as_str() {
        "npz" => {
            let [one] = &part.requests[..] else { return folder(part, out, "npz") };
            npz(one, out).with_context(name)?;
        }
        "json" => {
            let [one] = &part.requests[..] else { return folder(part, out, "json") };
            json(one, out).with_context(name)?;
        }
        _ => return folder(part, out, "json"),
    }
    eprintln!("moescope: 1 request in {}", name());
    Ok(())
}

/// Each request as a file of its own, in a folder that is named as `out` without its ending.
fn folder(part: &Part, out: &Path, ending: &str) -> Result<()> {
    let folder = out.with_extension("");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (i, request) in part.requests.iter().enumerate() {
        let path = folder.join(format!("{i}.{ending}"));
        if ending == "npz" { npz(request, &path) } else { json(request, &path) }
            .with_context(|| path.display().to_string())?;
    }
    eprintln!("moescope: {} requests in {}", part.requests.len(), folder.display());
    Ok(())
}

/// The paper's format: unmarked tokens are written as one prefill, for it has no word for them, and that is said.
fn json(request: &Request, path: &Path) -> Result<()> {
    let mut request = request.clone();
    if request.marks == Marks::None {
        eprintln!(
            "moescope: {}: unmarked tokens are written as a prompt; --unmarked says what they are",
            path.display()
        );
        (request.marks, request.prefill) = (Marks::Told, request.tokens);
    }
    let mut out = BufWriter::new(File::create(path)?);
    write_paper(&request, &mut out)?;
    Ok(out.flush()?)
}

/// `routed_experts` `[tokens, layers, k]` of signed 16-bit integers, -1 where routing is unknown; `layer_ids`, and where the recording
/// says so `prompt_tokens` and `num_experts`.
fn npz(request: &Request, path: &Path) -> Result<()> {
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path)?));
    let mut save = |name: &str, shape: &[usize], kind: &str, data: &[u8]| -> Result<()> {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default().large_file(true))?;
        archive.write_all(&header(shape, kind))?;
        Ok(archive.write_all(data)?)
    };
    let (layers, top_k) = (request.layers.len(), request.top_k);
    let mut ids = Vec::with_capacity(request.tokens * layers * top_k * 2);
    for token in 0..request.tokens {
        for column in &request.columns {
            for &id in &column[token * top_k..(token + 1) * top_k] {
                ids.extend_from_slice(&if id == UNKNOWN { -1 } else { id.cast_signed() }.to_le_bytes());
            }
        }
    }
    save("routed_experts", &[request.tokens, layers, top_k], "<i2", &ids)?;
    let of_layers: Vec<u8> = request.layers.iter().flat_map(|l| l.to_le_bytes()).collect();
    save("layer_ids", &[layers], "<u4", &of_layers)?;
    if request.marks != Marks::None {
        save("prompt_tokens", &[], "<u8", &(request.prefill as u64).to_le_bytes())?;
    }
    if request.experts > 0 {
        save("num_experts", &[], "<u8", &(request.experts as u64).to_le_bytes())?;
    }
    Ok(archive.finish()?.flush()?)
}
