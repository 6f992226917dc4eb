//! Loading: files dealt out to all workers, their parts put together in the data worker. Apart from `actions`, because a load is many
//! jobs that end together, and until they do nothing that is shown changes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::query::Ticket;
use super::settings::change;
use super::store::{DATA_WORKER, Loading, Store};
use crate::experiment::Experiment;
use crate::format::{Issue, Told};
use crate::protocol::jobs::Listed;
use crate::protocol::{Info, SourceFile, Unit, cut, jobs};
use crate::web::{Dropped, Parcel, Pool, PoolError, now};

/// Bytes and files that a worker takes at once, at least and at most: between two chunks nothing of the next is read ahead, and
/// at the end the other workers wait for the last one.
const LEAST: (u64, usize) = (8 << 20, 16);
const MOST: (u64, usize) = (64 << 20, 256);
/// The part of each worker's share of what is left that is a chunk, between the two.
const TURNS: usize = 3;
/// Milliseconds between two pictures of what is read so far.
const GLANCE: f64 = 700.0;

/// Loads files in place of what was loaded; until it succeeds, nothing is lost. `source` is the address that they came from.
pub(super) fn load(store: Store, source: String, files: impl Future<Output = Vec<Dropped>> + 'static) {
    // What the address tells is of the trace that it names: if that one is shown already, these files are others.
    let experiment = store.experiment.get_untracked();
    let told = if store.loaded.holds(&experiment.workload.trace) { Told::default() } else { experiment.told() };
    load_telling(store, source, told, files);
}

/// Answers a question that a load left open, or overrules a check: by the key of the experiment's string and its value. The files of
/// the last load are read again with it, or only counted again, whatever it takes; what is shown stays until that is done.
///
/// # Errors
/// What would be a value, or that the files are no longer at hand.
pub(super) fn answer(store: Store, key: &str, value: &str) -> Result<(), String> {
    let value = value.trim();
    if !crate::experiment::ANSWERS.contains(&key) {
        let changed = store.experiment.with_untracked(|e| e.with(key, value))?;
        change(store, true, |e| *e = changed);
        return Ok(());
    }
    let (source, files, told) = store.loaded.last.get_value();
    // On what was told of these files, not on what the address tells of the trace that is shown.
    let mut of = Experiment::default();
    of.tell(&told);
    let told = of.with(key, value)?.told();
    let shown = store.loaded.issues.with_untracked(|i| i.1);
    again(store, (source, files), told, key == "unmarked" && shown)
}

/// Reads files again with what is told of them; if it only says what the unmarked tokens of the loaded trace are, that is counted again.
fn again(store: Store, (source, files): (String, Vec<Dropped>), told: Told, only_marks: bool) -> Result<(), String> {
    let held = store.loaded.trace.with_untracked(|t| t.as_ref().is_some_and(|i| i.cached == i.requests));
    if only_marks && held {
        mark(store, told);
    } else if files.is_empty() {
        return Err("give the files again: the browser keeps what was read of them, not the files".into());
    } else {
        load_telling(store, source, told, async move { files });
    }
    Ok(())
}

/// Follows the address: where it says something else of the loaded recording than it was read with (a link, Back, an edited address),
/// the recording is read or counted again. If that fails or is stopped, the address says what is shown.
pub(super) fn heed(store: Store) {
    // Sizes of an expert are settings of a run: nothing is read by them.
    let read_by = |told: Told| Told { hidden: 0, intermediate: 0, ..told };
    let said = Memo::new(move |_| {
        let (digest, read) = store.loaded.trace.with(|t| t.as_ref().map(|t| (t.digest.clone(), t.told.clone())))?;
        let (named, told) = store.experiment.with(|e| (e.workload.trace == digest, read_by(e.told())));
        let read = read_by(read);
        (named && told != read).then_some((told, read))
    });
    Effect::new(move |_| {
        let Some((told, read)) = said.get() else { return };
        let only_marks = Told { unmarked: read.unmarked, ..told.clone() } == read;
        let source = store.experiment.with_untracked(|e| e.view.source.clone());
        let files = store.loaded.files.get_value();
        if let Err(why) = again(store, (source, files), told, only_marks) {
            let why = format!(
                "The address says something else of this recording than it was read with. To read it so, {why}."
            );
            store.chrome.failure.set(Some(why));
            agree(store);
        }
    });
}

/// Makes the address say how the loaded recording was read.
fn agree(store: Store) {
    let Some(read) = store.loaded.trace.get_untracked() else { return };
    if store.experiment.with_untracked(|e| e.workload.trace == read.digest) {
        change(store, false, |e| e.tell(&read.told));
    }
}

/// Counts what is loaded again, with the reader's word for what unmarked tokens are.
fn mark(store: Store, told: Told) {
    let Some(pool) = store.pool() else { return };
    let ticket = store.loaded.load.ask_anew(&pool);
    spawn_local(async move {
        let counted = ticket.job(DATA_WORKER, jobs::Mark(told.unmarked)).await;
        if !ticket.is_last() {
            return;
        }
        ticket.end();
        match counted {
            Ok(info) => {
                let source = store.experiment.with_untracked(|e| e.view.source.clone());
                store.loaded.last.update_value(|last| last.2 = told);
                take(store, source, info);
            }
            Err(PoolError::Void) => {}
            Err(why) => {
                store.chrome.failure.set(Some(why.to_string()));
                agree(store);
            }
        }
    });
}

fn load_telling(store: Store, source: String, told: Told, files: impl Future<Output = Vec<Dropped>> + 'static) {
    let Some(pool) = store.pool() else { return };
    stop(store);
    let loaded = store.loaded;
    let ticket = loaded.load.ask_anew(&pool);
    let began = now();
    loaded.issues.set((Vec::new(), true));
    loaded.questions.set(Vec::new());
    loaded.loading.set(Some(Loading { began, stage: "Looking at the files", ..Loading::default() }));
    spawn_local(async move {
        let files = files.await;
        loaded.last.set_value((source.clone(), files.clone(), told.clone()));
        let found = load_files(store, &pool, files.clone(), told, &ticket).await;
        if !ticket.is_last() {
            return;
        }
        ticket.end();
        loaded.loading.set(None);
        loaded.glance.set(None);
        match found {
            Ok(info) => {
                let any = !info.layers.is_empty();
                loaded.issues.set((info.issues.clone(), any));
                loaded.questions.set(info.questions.clone());
                if any {
                    loaded.files.set_value(files);
                    take(store, source, info);
                } else {
                    agree(store);
                }
            }
            Err(PoolError::Void) => {}
            Err(why) => {
                // What the other workers have read of it must not join the next load.
                cancel_load(store);
                store.chrome.failure.set(Some(why.to_string()));
            }
        }
    });
}

/// Shows what was loaded, and names it in the address.
fn take(store: Store, source: String, info: Info) {
    let digest = info.digest.clone();
    let named = store.experiment.with_untracked(|e| e.workload.trace.clone());
    if !source.is_empty() && !named.is_empty() && named != digest {
        let why = format!(
            "The address gives another trace than the link was made on: digest {digest}, not {named}. The figures show the one that it gives now."
        );
        store.chrome.failure.set(Some(why));
    }
    let info = Arc::new(info);
    store.loaded.fresh.set(Some(Arc::clone(&info)));
    store.loaded.trace.set(Some(Arc::clone(&info)));
    store.loaded.generation.update(|g| *g += 1);
    change(store, true, |e| {
        e.take_trace(&digest, &source);
        e.tell(&info.told);
        e.take_sizes(info.sizes());
    });
}

/// Stops a load; what was loaded before stays, and the address says how it was read.
pub(super) fn cancel_load(store: Store) {
    stop(store);
    agree(store);
}

fn stop(store: Store) {
    let loaded = store.loaded;
    loaded.load.cancel();
    loaded.loading.set(None);
    loaded.restoring.set(false);
    loaded.glance.set(None);
    let Some(pool) = store.pool() else { return };
    for worker in (0..pool.len()).filter(|&w| pool.works(w)) {
        // Sent at once, before the next load's first question; nobody waits for its end.
        drop(pool.ask(worker, &jobs::Discard, None, Box::new(|_, _| {})));
    }
}

/// The trace is no longer there.
pub(super) fn forget_data(store: Store) {
    store.loaded.trace.set(None);
    store.loaded.generation.update(|g| *g += 1);
}

async fn load_files(
    store: Store,
    pool: &Pool,
    files: Vec<Dropped>,
    told: Told,
    ticket: &Ticket<()>,
) -> Result<Info, PoolError> {
    if files.is_empty() {
        return Err(PoolError::Failed(
            "there was no file in what was dropped; drop .json files, .zip archives or folders".into(),
        ));
    }
    let handles: Vec<_> = files.iter().map(|d| d.file.clone()).collect();
    if !ticket.is_last() {
        return Err(PoolError::Void);
    }
    pool.give(&handles);
    let source = |d: &Dropped| SourceFile { path: d.path.clone(), bytes: crate::units::floor(d.file.size()) as u64 };
    let sources = files.iter().map(source).collect();
    let list = jobs::List::new(sources).telling(told);
    let (units, issues): (Vec<Unit>, Vec<Issue>) = ticket.job(DATA_WORKER, list).await?;
    let readers: Vec<usize> =
        (0..pool.len()).filter(|&w| pool.works(w)).take(store.loaded.readers.get_untracked()).collect();
    let all = (units.len(), units.iter().map(|u| u.bytes).sum::<u64>());
    let units = cut(units, readers.len());
    let in_sections = units.iter().any(|u| u.cut.is_some());
    let state = Rc::new(Chunks {
        rest: RefCell::new(chunks(units, readers.len())),
        done: Cell::default(),
        glanced: Cell::new(now()),
        partial: RefCell::new(vec![0; pool.len()]),
    });
    // What was looked for says nothing about how fast it is read.
    store.loaded.tell(|l| (l.files.1, l.bytes.1, l.stage, l.began) = (all.0, all.1, "Reading", now()));
    let work = readers.iter().map(|&worker| read_and_give(store, ticket, worker, &state));
    let parts = futures_util::future::join_all(work).await;
    if !ticket.is_last() {
        return Err(PoolError::Void);
    }
    store.loaded.tell(|l| l.stage = "Putting the parts together");
    for part in parts {
        if let Some(part) = part? {
            hand(ticket, DATA_WORKER, jobs::Merge::default(), part).await?;
        }
    }
    if in_sections {
        join(store, ticket, &readers).await?;
    }
    ticket.job(DATA_WORKER, jobs::Commit(issues)).await
}

/// One worker's part of the load: the data worker's stays where it is, the others write theirs while it still reads.
async fn read_and_give(
    store: Store,
    ticket: &Ticket<()>,
    worker: usize,
    state: &Rc<Chunks>,
) -> Result<Option<Parcel>, PoolError> {
    read_chunks(store, ticket, worker, state).await?;
    if worker == DATA_WORKER {
        return ticket.job(worker, jobs::Count).await.map(|()| None);
    }
    ticket.parcel(worker, jobs::Take).await.map(Some)
}

/// Gives a worker what another one gave.
async fn hand<J: Listed<Reply = ()>>(
    ticket: &Ticket<()>,
    worker: usize,
    job: J,
    parcel: Parcel,
) -> Result<(), PoolError> {
    ticket.job_with(worker, job, Some(parcel), Box::new(|_, _| {})).await
}

/// Puts files together that were read in sections, reads those in one go that cannot be, and counts them, two workers at once.
async fn join(store: Store, ticket: &Ticket<()>, readers: &[usize]) -> Result<(), PoolError> {
    let again = ticket.job(DATA_WORKER, jobs::Join).await?;
    if !again.is_empty() {
        let paths: Vec<String> = again.iter().map(|u| u.path.clone()).collect();
        let began = now();
        let on_progress = Box::new(move |done, total| {
            store.loaded.tell(|l| (l.stage, l.bytes, l.elapsed) = ("Reading in one go", (done, total), now() - began));
        });
        let read = ticket.job_with(DATA_WORKER, jobs::Ingest::new(again), None, on_progress);
        read.await.map_err(|e| name_files(e, &paths))?;
    }
    let other = readers.iter().copied().find(|&worker| worker != DATA_WORKER).unwrap_or(DATA_WORKER);
    let shared = ticket.parcel(DATA_WORKER, jobs::Share).await?;
    let reuse = hand(ticket, other, jobs::CountReuse::default(), shared);
    let layers = ticket.job(DATA_WORKER, jobs::CountLayers);
    let (reuse, layers) = futures_util::future::join(reuse, layers).await;
    reuse.and(layers)?;
    let counted = ticket.parcel(other, jobs::Take).await?;
    hand(ticket, DATA_WORKER, jobs::Merge::default(), counted).await
}

/// A worker that died names the files that it was reading.
fn name_files(error: PoolError, paths: &[String]) -> PoolError {
    match (error, paths) {
        (PoolError::Lost(why), [one]) => PoolError::Lost(format!("While {one} was read, {why}.")),
        (PoolError::Lost(why), [first, .., last]) => {
            PoolError::Lost(format!("While one of {} files from {first} to {last} was read, {why}.", paths.len()))
        }
        (other, _) => other,
    }
}

struct Chunks {
    rest: RefCell<std::vec::IntoIter<Vec<Unit>>>,
    done: Cell<(usize, u64)>,
    /// When what is read so far was last drawn.
    glanced: Cell<f64>,
    /// Bytes of each worker's chunk in progress.
    partial: RefCell<Vec<u64>>,
}

async fn read_chunks(store: Store, ticket: &Ticket<()>, worker: usize, state: &Rc<Chunks>) -> Result<(), PoolError> {
    loop {
        let Some(chunk) = state.rest.borrow_mut().next() else { return Ok(()) };
        // A file in sections is one that is read with its first.
        let counts = |u: &&Unit| u.cut.as_ref().is_none_or(|c| c.range.start == 0);
        let (files, bytes) = (chunk.iter().filter(counts).count(), chunk.iter().map(|u| u.bytes).sum::<u64>());
        let inner = Rc::clone(state);
        let on_progress = Box::new(move |done, _| {
            inner.partial.borrow_mut()[worker] = done;
            tell(store, &inner);
        });
        let paths: Vec<String> = chunk.iter().map(|u| u.path.clone()).collect();
        let read = ticket.job_with(worker, jobs::Ingest::new(chunk), None, on_progress);
        read.await.map_err(|e| name_files(e, &paths))?;
        // A short load shows its result soon enough.
        let glanced = state.glanced.get();
        if worker == DATA_WORKER && now() - glanced > GLANCE {
            state.glanced.set(now());
            if let Ok(so_far) = ticket.job(worker, jobs::Glance).await {
                store.loaded.glance.set(Some(Arc::new(so_far)));
            }
        }
        state.partial.borrow_mut()[worker] = 0;
        let (f, b) = state.done.get();
        state.done.set((f + files, b + bytes));
        tell(store, state);
    }
}

fn tell(store: Store, state: &Chunks) {
    let (files, bytes) = state.done.get();
    let partial: u64 = state.partial.borrow().iter().sum();
    store.loaded.tell(|l| (l.files.0, l.bytes.0, l.elapsed) = (files, bytes + partial, now() - l.began));
}

/// Neighbouring units together: the order inside a worker is the order of the files. Each chunk is a part of what is left, so
/// the last ones are small.
fn chunks(units: Vec<Unit>, workers: usize) -> std::vec::IntoIter<Vec<Unit>> {
    let turns = workers.max(1) * TURNS;
    let mut left = (units.iter().map(|u| u.bytes).sum::<u64>(), units.len());
    let (mut most, mut bytes) = ((0, 0), 0);
    let mut all: Vec<Vec<Unit>> = Vec::new();
    for unit in units {
        if bytes >= most.0 || all.last().is_none_or(|c| c.len() >= most.1) {
            most.0 = (left.0 / turns as u64).clamp(LEAST.0, MOST.0);
            most.1 = (left.1 / turns).clamp(LEAST.1, MOST.1);
            all.push(Vec::new());
            bytes = 0;
        }
        bytes += unit.bytes;
        left = (left.0 - unit.bytes, left.1 - 1);
        if let Some(last) = all.last_mut() {
            last.push(unit);
        }
    }
    all.into_iter()
}
