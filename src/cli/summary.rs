//! `summarize` and `merge`: many files to one summary file, on all cores, going on where it was cut off; and summary files to
//! one. Apart from the other commands: only these write what other machines read.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::Xxh3;

use super::files::{self, Given, Listing, Paths, collect, no_file};
use super::load::{finish_with, read};
use super::output::{Inputs, Output};
use super::terminal::say;
use super::threads::on_threads;
use super::warn;
use crate::format::Told;
use crate::protocol::{Dataset, Files, State, Unit, from_moesum, jobs, to_moesum};
use crate::units::{bandwidth, bytes, grouped};

/// Files and bytes of a round: what is lost if the machine stops is at most this and what came since the last writing.
const ROUND: (usize, u64) = (512, 2 << 30);
/// Between two writings of a summary that is being made.
const SAVE: Duration = Duration::from_secs(30);

/// Counts the traces under `paths` into the summary file `out`; files that it holds already are skipped, and new ones that would
/// take the places of those stand after them.
#[expect(clippy::disallowed_methods, reason = "progress and the time between two writings need a clock")]
pub(super) fn summarize(
    paths: &[PathBuf],
    told: &Told,
    config: Option<&Path>,
    out: &Path,
    first: Option<u64>,
    threads: usize,
) -> Result<()> {
    let began = Instant::now();
    // Before anything is read: what cannot be written later is known now.
    let listing = without(collect(paths)?, out);
    let output = Output::claim(out, &Inputs::of(listing.paths().chain(config)))?;
    let mut all = if out.exists() { open(out)? } else { Dataset::default() };
    let Listing { files, sources, issues: mut refused } = listing.with_pipes_read()?;
    let total: u64 = sources.iter().map(|s| s.bytes).sum();
    let mut state = State::default();
    let (mut units, issues) = finish_with(&mut state, jobs::List::new(sources.clone()).telling(told.clone()), &files)?;
    units.iter_mut().for_each(|u| u.index += first.unwrap_or(0));
    refused.extend(issues);
    let digests = digests(&files, threads);
    let unread = digests.iter().zip(&sources).filter_map(|(d, source)| Some((source, d.as_ref().err()?)));
    let unread = unread.map(|(source, why)| no_file(Path::new(&source.path), why));
    refused.extend(unread);
    let digests: Vec<Option<u64>> = digests.into_iter().map(Result::ok).collect();
    let is_known = |d: &Option<u64>| d.is_some_and(|d| all.sources.contains(&d));
    let known = digests.iter().filter(|d| is_known(d)).count();
    if known > 0 {
        say!("{} of {} files are in {} already", grouped(known as u64), digests.len(), out.display());
    }
    // The same bytes under two names are two requests in a folder, and one file in a summary.
    let mut wanted: Vec<usize> =
        (0..digests.len()).filter(|&i| digests[i].is_some() && !is_known(&digests[i])).collect();
    let mut seen = std::collections::BTreeSet::new();
    let before = wanted.len();
    wanted.retain(|&i| seen.insert(digests[i]));
    if wanted.len() < before {
        say!("{} files have the same bytes as another; each is counted once", before - wanted.len());
    }
    place(&mut units, &wanted, &all, first).with_context(|| out.display().to_string())?;
    for issue in refused {
        // The same folder, given again, is wrong in the same way.
        if !all.issues.iter().any(|(_, i)| *i == issue) {
            all.issues.push((0, issue));
        }
    }
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
        add(&mut all, read(&files, &of_round, threads)).with_context(|| "the files read".to_string())?;
        all.sources.extend(round.iter().filter_map(|&i| digests[i]));
        done += size;
        let seconds = began.elapsed().as_secs_f64();
        say!("{} of {}, {}", bytes(done as f64), bytes(total as f64), bandwidth(done as f64 / seconds));
        if !rest.is_empty() && saved.elapsed() > SAVE {
            write(&output, &all)?;
            saved = Instant::now();
        }
    }
    write(&output, &all)?;
    warn(&all.warnings());
    let requests = all.all_requests();
    say!("{} requests in {}", grouped(requests), out.display());
    if requests == 0 {
        bail!("no request could be read");
    }
    Ok(())
}

/// Without the file that is written: given a folder that holds it, a summary would count itself.
fn without(listing: Listing, out: &Path) -> Listing {
    let Listing { files, sources, issues } = listing;
    let out = Inputs::of([out]);
    let other = |given: &Given| !matches!(given, Given::Path(path) if out.has(path).is_some());
    let (files, sources) = files.0.into_iter().zip(sources).filter(|(given, _)| other(given)).unzip();
    Listing { files: Paths(files), sources, issues }
}

/// Gives new files places of their own: those of their order, unless the summary holds others there. An interrupted run that is
/// given all files again finds the places of the rest free.
fn place(units: &mut [Unit], wanted: &[usize], all: &Dataset, first: Option<u64>) -> Result<()> {
    let mut new: Vec<&mut Unit> = units.iter_mut().filter(|u| wanted.binary_search(&u.source).is_ok()).collect();
    let Some(taken) = new.iter().map(|u| u.index).find(|&i| all.has_place(i)) else { return Ok(()) };
    let next = all.next_place();
    if first.is_some() {
        bail!("it holds another request at place {taken}; without --first, new files are placed after, from {next} on");
    }
    say!("{} new files are placed after those it holds, from place {next} on", grouped(new.len() as u64));
    (next..).zip(&mut new).for_each(|(index, unit)| unit.index = index);
    Ok(())
}

/// Adds what was read, if a summary of both can be read again.
fn add(all: &mut Dataset, mut more: Dataset) -> Result<()> {
    more.count();
    if let Some(place) = all.clash(&more) {
        bail!(
            "there is a request at place {place} already: summaries of parts of a set are made with --first, the place of \
             their first file; the next free one is {}",
            all.next_place()
        );
    }
    all.merge(more);
    all.given_up().map_or(Ok(()), |issue| bail!("{issue}"))
}

/// Adds up summary files; in any order and grouping the same bytes come out.
pub(super) fn merge(paths: &[PathBuf], out: &Path) -> Result<()> {
    let output = Output::claim(out, &Inputs::of(paths.iter().map(PathBuf::as_path)))?;
    let mut all = Dataset::default();
    for path in paths {
        let one = open(path)?;
        if let Some(twice) = one.sources.iter().find(|s| all.sources.contains(s)) {
            bail!(
                "{} holds a file (digest {twice:016x}) that another of the summaries holds too; it would be counted twice",
                path.display()
            );
        }
        add(&mut all, one).with_context(|| path.display().to_string())?;
    }
    write(&output, &all)
}

fn open(path: &Path) -> Result<Dataset> {
    let name = || path.display().to_string();
    let found = files::bytes(path)?;
    from_moesum(&found).map_err(anyhow::Error::msg).with_context(name)
}

/// Writes a summary, and reads it again before it takes the place of what was there: what could not be read is never left behind.
fn write(output: &Output, dataset: &Dataset) -> Result<()> {
    let found = to_moesum(dataset).map_err(anyhow::Error::msg)?;
    output.write(
        |file| Ok(file.write_all(&found)?),
        |part| {
            let again = from_moesum(&fs::read(part)?).map_err(anyhow::Error::msg);
            again.map(drop).context("what was written could not be read again; what was there before is unchanged")
        },
    )
}

/// Digest of each file's bytes, or why it cannot be read.
fn digests(files: &Paths, threads: usize) -> Vec<std::io::Result<u64>> {
    let next = AtomicUsize::new(0);
    let digest = |source: usize, buffer: &mut [u8]| -> std::io::Result<u64> {
        let mut file = files.open(source)?;
        let mut hash = Xxh3::new();
        loop {
            match file.read(buffer)? {
                0 => return Ok(hash.digest()),
                n => hash.update(&buffer[..n]),
            }
        }
    };
    let work = || {
        let mut found = Vec::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= files.0.len() {
                return found;
            }
            found.push((i, digest(i, &mut buffer)));
        }
    };
    let mut all: Vec<(usize, std::io::Result<u64>)> = on_threads(threads, work).into_iter().flatten().collect();
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, d)| d).collect()
}
