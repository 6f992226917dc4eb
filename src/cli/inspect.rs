//! `inspect`: what each file is and what the checks say of it, without any analysis. Apart from `analyze`, which asks what the whole
//! tells.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;

use super::files::{Listing, collect};
use super::load::finish_with;
use crate::format::{Held, Issue, MOST_ALIKE, Told, alike};
use crate::protocol::{Dataset, Ingest, State, Unit, head, jobs};
use crate::units::{bytes, grouped, printable};

/// What one file is.
#[derive(Serialize)]
struct File {
    path: String,
    bytes: u64,
    /// The reader that its first bytes tell, and what that reads.
    reader: &'static str,
    says: &'static str,
    requests: u64,
    prefill: u64,
    decode: u64,
    unmarked: u64,
    layers: Vec<u32>,
    experts: usize,
    top_k: usize,
    /// Its arrays or columns.
    held: Vec<Held>,
    /// What the checks found: a word for a badge, and the sentence.
    checks: Vec<(String, String)>,
}

/// Prints what the files under `paths` are.
pub(super) fn inspect(out: &mut impl Write, paths: &[PathBuf], told: &Told, json: bool) -> Result<()> {
    let Listing { files, sources, issues } = collect(paths)?.with_pipes_read()?;
    let mut state = State::default();
    let (units, listed) = finish_with(&mut state, jobs::List::new(sources).telling(told.clone()), &files)?;
    let mut all = Vec::new();
    let mut whole = Dataset::default();
    for unit in units {
        let mut one = Dataset::default();
        let reader = head(&files, &unit).map_or(("unreadable", "it cannot be opened"), |head| {
            let reader = crate::format::reader(&head);
            (reader.name, reader.says)
        });
        let mut ingest = Ingest::new(vec![unit.clone()]);
        while ingest.step(&files, &mut one) {}
        // Parts of requests wait for others, and are joined with them at last.
        let mut alone = Dataset { pieces: one.pieces.clone(), ..Dataset::default() };
        alone.join();
        alone.merge(Dataset { pieces: Vec::new(), ..one.clone() });
        alone.settle();
        all.push(file(&unit, reader, &alone));
        whole.merge(one);
    }
    whole.join();
    whole.issues.extend(issues.into_iter().chain(listed).map(|i| (0, i)));
    whole.settle();
    let info = whole.info();
    let told: BTreeSet<&String> = all.iter().flat_map(|f| f.checks.iter().map(|(_, said)| said)).collect();
    let others = whole.issues.iter().map(|(_, issue)| issue).filter(|issue| !told.contains(&issue.to_string()));
    let of_all: Vec<String> = alike(others).iter().map(ToString::to_string).collect();
    let (all, more) = bounded(all);
    if json {
        let together = serde_json::json!({
            "requests": info.requests, "prefill": info.prefill, "decode": info.decode, "unmarked": info.unmarked,
            "layers": info.layers, "experts": info.experts, "top_k": info.top_k, "digest": info.digest, "said": of_all,
            "badges": info.badges, "open": info.questions, "more_files_without_recording": more,
        });
        serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "files": all, "together": together }))?;
        writeln!(out)?;
    } else {
        for file in &all {
            print(out, file)?;
        }
        if more > 0 {
            writeln!(out, "and {} more files of which nothing is a recording", grouped(more))?;
        }
        for said in &of_all {
            writeln!(out, "all files: {said}")?;
        }
        for question in &info.questions {
            let values: Vec<&str> = question.suggestions.iter().map(|s| s.value.as_str()).collect();
            let values = if values.is_empty() { String::new() } else { format!(" (perhaps {})", values.join(", ")) };
            writeln!(out, "open: {}: {}. Tell it with {}={values}", question.what, question.why, question.key)?;
        }
        if info.files > 1 {
            writeln!(
                out,
                "together: {}",
                words(
                    info.requests,
                    [info.prefill, info.decode, info.unmarked],
                    &info.layers,
                    info.experts,
                    info.top_k
                )
            )?;
        }
    }
    if info.layers.is_empty() {
        bail!("no recording could be read from the {} files given", info.files);
    }
    Ok(())
}

/// All files that are recordings, and of the others those that a reader can take in; how many there are more of these.
fn bounded(mut all: Vec<File>) -> (Vec<File>, u64) {
    let (mut others, before) = (0, all.len());
    all.retain(|file| {
        others += usize::from(file.layers.is_empty());
        !file.layers.is_empty() || others <= MOST_ALIKE
    });
    let more = (before - all.len()) as u64;
    (all, more)
}

fn file(unit: &Unit, (reader, says): (&'static str, &'static str), alone: &Dataset) -> File {
    let info = alone.info();
    let badge = |issue: &Issue| issue.problem.badge().map_or("note", |(_, short)| short).to_string();
    File {
        path: unit.path.clone(),
        bytes: unit.bytes,
        reader,
        says,
        held: info.seen.files.first().map_or_else(Vec::new, |f| f.held.clone()),
        requests: info.requests,
        prefill: info.prefill,
        decode: info.decode,
        unmarked: info.unmarked,
        checks: info.issues.iter().map(|issue| (badge(issue), issue.to_string())).collect(),
        layers: info.layers,
        experts: info.experts,
        top_k: info.top_k,
    }
}

fn print(out: &mut impl Write, file: &File) -> Result<()> {
    writeln!(out, "{} ({}): {}", printable(&file.path), bytes(file.bytes as f64), file.says)?;
    let tokens = [file.prefill, file.decode, file.unmarked];
    writeln!(out, "    {}", words(file.requests, tokens, &file.layers, file.experts, file.top_k))?;
    for held in &file.held {
        let sides: Vec<String> = held.shape.iter().map(ToString::to_string).collect();
        let shape = if sides.is_empty() { String::new() } else { format!(" [{}]", sides.join(", ")) };
        let name = if held.name.is_empty() { "the array" } else { &held.name };
        let words = printable(&format!("{name}{shape} {}", held.dtype)).into_owned();
        writeln!(out, "    holds {}", words.trim_end())?;
    }
    for (badge, said) in &file.checks {
        writeln!(out, "    [{badge}] {said}")?;
    }
    Ok(())
}

fn words(requests: u64, [prefill, decode, unmarked]: [u64; 3], layers: &[u32], experts: usize, top_k: usize) -> String {
    if layers.is_empty() {
        return "nothing of it is a recording".into();
    }
    let top_k = if top_k == 0 { "top-k not in the file".into() } else { format!("top-{top_k}") };
    let layers = crate::format::listed(layers.iter().map(|&l| l.into()));
    if requests == 0 {
        return format!("counts without tokens; layers {layers}; {experts} experts; {top_k}");
    }
    let [prefill, decode, unmarked] = [prefill, decode, unmarked].map(grouped);
    format!(
        "{requests} requests; {prefill} prefill, {decode} decode, {unmarked} unmarked tokens; layers {layers}; {experts} experts; {top_k}"
    )
}
