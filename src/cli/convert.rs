//! `convert`: a recording in, a clean one out: the paper's JSON, arrays of NumPy, or a summary. Apart from `summarize`, which counts
//! large sets in rounds and goes on where it was cut off.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::export::{self, header};
use super::files::collect;
use super::load::load_listed;
use super::output::{Inputs, Output, put};
use super::terminal::say;
use super::warn;
use crate::format::{Told, write_paper};
use crate::model::{Marks, Request, UNKNOWN};
use crate::protocol::{Part, to_moesum};

/// Reads the recordings under `paths` and writes them as the name of `out` says.
pub(super) fn convert(paths: &[PathBuf], told: &Told, config: Option<&Path>, out: &Path, threads: usize) -> Result<()> {
    let ending = out.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    // Before any work: what cannot be written. A file holds one request, and several go to a folder that is named as it is.
    let listing = collect(paths)?;
    let inputs = Inputs::of(listing.paths().chain(config));
    let output = match ending.as_str() {
        "moesum" | "npz" | "json" => Some(Output::claim(out, &inputs)?),
        _ => None,
    };
    // Several requests of an NPZ or JSON go to a folder named as the file.
    for (folder, ending) in [(out.to_path_buf(), "json"), (out.with_extension(""), ending.as_str())] {
        inputs.refuse_in(&folder, |name| is_numbered(name, ending))?;
    }
    if output.is_none() {
        export::folder(out)?;
    }
    let state = load_listed(listing, told, threads)?;
    warn(&state.trace.warnings());
    let part = state.trace.part().context("nothing was read")?;
    let name = || out.display().to_string();
    if let Some(output) = output.as_ref().filter(|_| ending == "moesum") {
        let bytes = to_moesum(&state.trace).map_err(anyhow::Error::msg)?;
        output.write(|file| Ok(file.write_all(&bytes)?), |_| Ok(()))?;
        say!("{} requests in {}", part.summary.requests, name());
        return Ok(());
    }
    if part.summary.is_counts() {
        bail!("counts have no tokens to write: convert them to FILE.moesum, or give `analyze --counts FILE.npz`");
    }
    let held = part.requests.len() as u64;
    if held < part.summary.requests {
        say!("{held} of {} requests are written; the others were counted only", part.summary.requests);
    }
    let Some(output) = output else { return folder(part, out, "json") };
    let [one] = &part.requests[..] else { return folder(part, &out.with_extension(""), &ending) };
    output.write(fill(one, out, &ending), |_| Ok(()))?;
    say!("1 request in {}", name());
    Ok(())
}

/// What writes one request.
fn fill(request: &Request, path: &Path, ending: &str) -> impl FnOnce(&mut File) -> Result<()> {
    move |file| if ending == "npz" { npz(request, file) } else { json(request, path, file) }
}

/// Whether a file has a name that [`folder`] gives.
fn is_numbered(name: &str, ending: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, of)| of == ending && stem.bytes().all(|b| b.is_ascii_digit()))
}

/// Each request as a file of its own, in a folder.
fn folder(part: &Part, folder: &Path, ending: &str) -> Result<()> {
    export::folder(folder)?;
    for (i, request) in part.requests.iter().enumerate() {
        let path = folder.join(format!("{i}.{ending}"));
        put(&path, fill(request, &path, ending))?;
    }
    say!("{} requests in {}", part.requests.len(), folder.display());
    Ok(())
}

/// The paper's format: unmarked tokens are written as one prefill, for it has no word for them, and that is said.
fn json(request: &Request, path: &Path, file: &mut File) -> Result<()> {
    let mut request = request.clone();
    if request.marks == Marks::None {
        say!("{}: unmarked tokens are written as a prompt; --unmarked says what they are", path.display());
        (request.marks, request.prefill) = (Marks::Told, request.tokens);
    }
    let mut out = BufWriter::new(file);
    write_paper(&request, &mut out)?;
    Ok(out.flush()?)
}

/// `routed_experts` `[tokens, layers, k]` of signed 16-bit integers, -1 where routing is unknown; `layer_ids`, and where the recording
/// says so `prompt_tokens` and `num_experts`.
fn npz(request: &Request, file: &mut File) -> Result<()> {
    let mut archive = ZipWriter::new(BufWriter::new(file));
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
