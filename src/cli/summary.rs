//! `summarize` and `merge`: many files to one summary file, on all cores, going on where it was cut off; and summary files to
//! one. Apart from the other commands: only these write what other machines read.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::Xxh3;

use super::files::{Paths, collect};
use super::load::{finish_with, on_threads, read};
use crate::protocol::{Dataset, State, Unit, from_moesum, jobs, to_moesum};
use crate::units::{bandwidth, bytes, grouped};

/// Files and bytes of a round: what is lost if the machine stops is at most this and what came since the last writing.
const ROUND: (usize, u64) = (512, 2 << 30);
/// Between two writings of a summary that is being made.
const SAVE: Duration = Duration::from_secs(30);

/// Counts the traces under `paths` into the summary file `out`; files that it holds already are skipped.
#[expect(clippy::disallowed_methods, reason = "progress and the time between two writings need a clock")]
pub(super) fn summarize(paths: &[PathBuf], out: &Path, first: u64, threads: usize) -> Result<()> {
    let began = Instant::now();
    let mut all = if out.exists() { open(out)? } else { Dataset::default() };
    let (files, sources) = collect(paths)?;
    let total: u64 = sources.iter().map(|s| s.bytes).sum();
    let mut state = State::default();
    let (mut units, issues) = finish_with(&mut state, jobs::List::new(sources.clone()), &files)?;
    units.iter_mut().for_each(|u| u.index += first);
    let digests = digests(&files, threads)?;
    let known = digests.iter().filter(|d| all.sources.contains(d)).count();
    if known > 0 {
        eprintln!("moescope: {} of {} files are in {} already", grouped(known as u64), digests.len(), out.display());
    }
    // The same bytes under two names are two requests in a folder, and one file in a summary.
    let mut wanted: Vec<usize> = (0..digests.len()).filter(|&i| !all.sources.contains(&digests[i])).collect();
    let mut seen = std::collections::BTreeSet::new();
    let before = wanted.len();
    wanted.retain(|&i| seen.insert(digests[i]));
    if wanted.len() < before {
        eprintln!("moescope: {} files have the same bytes as another; each is counted once", before - wanted.len());
    }
    all.issues.extend(issues.into_iter().map(|i| (0, i)));
    let (mut done, mut saved) = (0u64, Instant::now());
    let mut rest = wanted.as_slice();
    while !rest.is_empty() {
        let (mut n, mut size) = (0, 0);
        while n < rest.len().min(ROUND.0) && (n == 0 || size < ROUND.1) {
            size += sources[rest[n]].bytes;
            n += 1;
        }
        let (round, later) = rest.split_at(n);
        rest = later;
        let of_round: Vec<Unit> = units.iter().filter(|u| round.binary_search(&u.source).is_ok()).cloned().collect();
        all.merge(read(&files, &of_round, threads));
        all.sources.extend(round.iter().map(|&i| digests[i]));
        done += size;
        let seconds = began.elapsed().as_secs_f64();
        eprintln!("moescope: {} of {}, {}", bytes(done as f64), bytes(total as f64), bandwidth(done as f64 / seconds));
        if !rest.is_empty() && saved.elapsed() > SAVE {
            write(out, &all)?;
            saved = Instant::now();
        }
    }
    write(out, &all)?;
    for (_, issue) in all.issues.iter().take(20) {
        eprintln!("moescope: {issue}");
    }
    let requests = all.part().map_or(0, |p| p.summary.requests);
    eprintln!("moescope: {} requests in {}", grouped(requests), out.display());
    if requests == 0 {
        bail!("no request could be read");
    }
    Ok(())
}

/// Adds up summary files; in any order and grouping the same bytes come out.
pub(super) fn merge(paths: &[PathBuf], out: &Path) -> Result<()> {
    let mut all = Dataset::default();
    for path in paths {
        let one = open(path)?;
        if let Some(twice) = one.sources.iter().find(|s| all.sources.contains(s)) {
            bail!(
                "{} holds a file (digest {twice:016x}) that another of the summaries holds too; it would be counted twice",
                path.display()
            );
        }
        all.merge(one);
    }
    write(out, &all)
}

fn open(path: &Path) -> Result<Dataset> {
    let name = || path.display().to_string();
    let found = fs::read(path).with_context(name)?;
    from_moesum(&found).map_err(anyhow::Error::msg).with_context(name)
}

/// Written beside and put in place at once: a summary that is there is whole.
fn write(path: &Path, dataset: &Dataset) -> Result<()> {
    let name = || path.display().to_string();
    let found = to_moesum(dataset).map_err(anyhow::Error::msg)?;
    let beside = path.with_extension("moesum.part");
    fs::write(&beside, found).with_context(name)?;
    fs::rename(&beside, path).with_context(name)
}

/// Digest of each file's bytes.
fn digests(files: &Paths, threads: usize) -> Result<Vec<u64>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, u64)>> {
        let mut found = Vec::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.0.get(i) else { return Ok(found) };
            let name = || path.display().to_string();
            let mut file = fs::File::open(path).with_context(name)?;
            let mut hash = Xxh3::new();
            loop {
                let n = file.read(&mut buffer).with_context(name)?;
                if n == 0 {
                    break;
                }
                hash.update(&buffer[..n]);
            }
            found.push((i, hash.digest()));
        }
    };
    let parts = on_threads(threads, work).into_iter().collect::<Result<Vec<_>>>()?;
    let mut all: Vec<(usize, u64)> = parts.into_iter().flatten().collect();
    all.sort_unstable();
    Ok(all.into_iter().map(|(_, d)| d).collect())
}
