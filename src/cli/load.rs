//! Loads traces over threads, and loops over jobs. Apart from the commands, which all load alike.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};

use super::files::{Listing, Paths, collect};
use super::terminal::say;
use super::threads::on_threads;
use crate::format::Told;
use crate::protocol::{Dataset, Ingest, Job, State, Unit, cut, jobs};

/// Units that a thread takes at once, at most: few enough to share the end evenly.
const CHUNK: usize = 8;

/// Loads the traces under `paths` with that many threads; the result does not depend on their number.
pub(super) fn load(paths: &[PathBuf], told: &Told, threads: usize) -> Result<State> {
    load_listed(collect(paths)?, told, threads)
}

/// The same of paths that were looked at, and of which nothing will be written over.
pub(super) fn load_listed(listing: Listing, told: &Told, threads: usize) -> Result<State> {
    let Listing { files, sources, issues: mut refused } = listing.with_pipes_read()?;
    let mut state = State::default();
    let (units, issues) = finish_with(&mut state, jobs::List::new(sources).telling(told.clone()), &files)?;
    refused.extend(issues);
    state.staged = read(&files, &units, threads);
    let mut info = finish(&mut state, jobs::Commit(refused))?;
    // What a summary file holds was read before anything was told.
    if info.unmarked > 0 && told.unmarked.is_some() {
        info = finish(&mut state, jobs::Mark(told.unmarked))?;
    }
    if info.layers.is_empty() {
        for issue in &info.issues {
            say!("{issue}");
        }
        bail!("no request could be read from the {} files given", info.files);
    }
    Ok(state)
}

/// Does a job that needs no file.
pub(super) fn finish<J: Job>(state: &mut State, job: J) -> Result<J::Reply> {
    finish_with(state, job, &Paths(Vec::new()))
}

pub(super) fn finish_with<J: Job>(state: &mut State, job: J, files: &Paths) -> Result<J::Reply> {
    Ok(crate::protocol::finish(job, state, files)?)
}

/// Reads units over threads, the large ones in sections.
pub(super) fn read(files: &Paths, units: &[Unit], threads: usize) -> Dataset {
    let units = cut(units.to_vec(), threads);
    let chunk = (units.len() / threads.max(1) / 4).clamp(1, CHUNK);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut dataset = Dataset::default();
        while let Some(rest) = units.get(next.fetch_add(chunk, Ordering::Relaxed)..).filter(|rest| !rest.is_empty()) {
            ingest(files, rest[..rest.len().min(chunk)].to_vec(), &mut dataset);
        }
        dataset
    };
    let parts = on_threads(threads, work).into_iter();
    // One part needs no merge: it would copy every table.
    let all = parts.reduce(|mut all, part| {
        all.merge(part);
        all
    });
    let mut all = all.unwrap_or_default();
    let again = all.join();
    ingest(files, again, &mut all);
    all
}

fn ingest(files: &Paths, units: Vec<Unit>, dataset: &mut Dataset) {
    let mut ingest = Ingest::new(units);
    while ingest.step(files, dataset) {}
}
