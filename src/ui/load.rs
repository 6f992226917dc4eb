//! Loading: files dealt out to all workers, their parts put together in the keeper. Apart from `actions`, because a load is many
//! jobs that end together, and until they do nothing that is shown changes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::{KEEPER, Question, Token, change, pool};
use super::store::{Loading, Store};
use crate::format::Issue;
use crate::model::model_named;
use crate::protocol::{Reply, Request, SourceFile, Unit, cut};
use crate::web::{Dropped, Parcel, Pool, PoolError, now};

/// Bytes and files that a worker takes at once, at least and at most: between two chunks nothing of the next is read ahead, and
/// at the end the other workers wait for the last one.
const LEAST: (u64, usize) = (8 << 20, 16);
const MOST: (u64, usize) = (64 << 20, 256);
/// The part of each worker's share of what is left that is a chunk, between the two.
const TURNS: usize = 3;
/// Milliseconds between two pictures of what is read so far.
const GLANCE: f64 = 700.0;

thread_local! {
    static LOAD_JOBS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Loads files in place of what was loaded; until it succeeds, nothing is lost. `source` is the address that they came from.
pub(super) fn load(store: Store, source: String, files: impl Future<Output = Vec<Dropped>> + 'static) {
    let Some(pool) = pool(store) else { return };
    cancel_load(store);
    let token = Token::new(Question::Load);
    let began = now();
    store.issues.set((Vec::new(), true));
    store.loading.set(Some(Loading { began, stage: "Looking at the files", ..Loading::default() }));
    spawn_local(async move {
        let files = files.await;
        let loaded = load_files(store, &pool, files.clone(), &token).await;
        if !token.is_last() {
            return;
        }
        store.loading.set(None);
        store.glance.set(None);
        match loaded {
            Ok(Some((info, issues))) => {
                let any = !info.layers.is_empty();
                store.issues.set((issues, any));
                if any {
                    let (digest, model) = (info.digest.clone(), info.model.clone());
                    let named = store.experiment.with_untracked(|e| e.trace.clone());
                    if !source.is_empty() && !named.is_empty() && named != digest {
                        let why = format!(
                            "The address gives another trace than the link was made on: digest {digest}, not {named}. The figures show the one that it gives now."
                        );
                        store.failure.set(Some(why));
                    }
                    store.files.set_value(files);
                    super::recent::keep_loaded(store, &info);
                    store.trace.set(Some(Arc::new(info)));
                    store.generation.update(|g| *g += 1);
                    change(store, true, |e| {
                        e.trace = digest;
                        e.source = source;
                        if let Some(model) = model.filter(|m| model_named(m).is_some()) {
                            e.model = model;
                        }
                    });
                }
            }
            Ok(None) | Err(PoolError::Cancelled) => {}
            Err(why) => {
                // What the other workers have read of it must not join the next load.
                cancel_load(store);
                store.failure.set(Some(why.to_string()));
            }
        }
    });
}

/// Stops a load; what was loaded before stays.
pub(super) fn cancel_load(store: Store) {
    super::remote::stop();
    let _ = Token::new(Question::Load);
    let Some(pool) = pool(store) else { return };
    for job in LOAD_JOBS.take() {
        pool.cancel(job);
    }
    store.loading.set(None);
    store.glance.set(None);
    for worker in 0..pool.len() {
        let pool = pool.clone();
        spawn_local(async move {
            let _ = pool.get(worker, Request::Discard).await;
        });
    }
}

type Loaded = Option<(crate::protocol::Info, Vec<Issue>)>;

async fn load_files(store: Store, pool: &Pool, files: Vec<Dropped>, token: &Token) -> Result<Loaded, PoolError> {
    if files.is_empty() {
        return Err(PoolError::Failed(
            "there was no file in what was dropped; drop .json files, .zip archives or folders".into(),
        ));
    }
    let handles: Vec<_> = files.iter().map(|d| d.file.clone()).collect();
    pool.give(&handles);
    let source = |d: &Dropped| SourceFile { path: d.path.clone(), bytes: crate::units::floor(d.file.size()) as u64 };
    let sources = files.iter().map(source).collect();
    let Reply::Units(units, issues) = ask(pool, KEEPER, &Request::List(sources), Box::new(|_, _| {})).await? else {
        return Ok(None);
    };
    if !token.is_last() {
        return Ok(None);
    }
    let readers = pool.len().min(store.readers.get_untracked());
    let all = (units.len(), units.iter().map(|u| u.bytes).sum::<u64>());
    let units = cut(units, readers);
    let in_sections = units.iter().any(|u| u.cut.is_some());
    let state = Rc::new(Chunks {
        rest: RefCell::new(chunks(units, readers)),
        done: Cell::default(),
        glanced: Cell::new(now()),
        partial: RefCell::new(vec![0; pool.len()]),
    });
    // What was looked for says nothing about how fast it is read.
    store.tell_loading(|l| (l.files.1, l.bytes.1, l.stage, l.began) = (all.0, all.1, "Reading", now()));
    let work = (0..readers).map(|worker| read_and_give(store, pool, worker, &state));
    let parts = futures_util::future::join_all(work).await;
    if !token.is_last() {
        return Ok(None);
    }
    store.tell_loading(|l| l.stage = "Putting the parts together");
    for part in parts {
        if let Some(part) = part? {
            hand(pool, KEEPER, &Request::Merge(Vec::new()), part).await?;
        }
        if !token.is_last() {
            return Ok(None);
        }
    }
    if in_sections {
        join(store, pool, readers).await?;
        if !token.is_last() {
            return Ok(None);
        }
    }
    match ask(pool, KEEPER, &Request::Commit(issues), Box::new(|_, _| {})).await? {
        Reply::Loaded(info) => {
            let issues = info.issues.clone();
            Ok(Some((*info, issues)))
        }
        _ => Ok(None),
    }
}

/// One worker's part of the load: the keeper's stays where it is, the others write theirs while it still reads.
async fn read_and_give(
    store: Store,
    pool: &Pool,
    worker: usize,
    state: &Rc<Chunks>,
) -> Result<Option<Parcel>, PoolError> {
    read_chunks(store, pool, worker, state).await?;
    if worker == KEEPER {
        return ask(pool, worker, &Request::Count, Box::new(|_, _| {})).await.map(|_| None);
    }
    take(pool, worker).await.map(Some)
}

async fn take(pool: &Pool, worker: usize) -> Result<Parcel, PoolError> {
    let (job, parcel) = pool.parcel(worker, &Request::Take);
    noted(job, parcel).await
}

/// Gives a worker what another one gave.
async fn hand(pool: &Pool, worker: usize, request: &Request, parcel: Parcel) -> Result<(), PoolError> {
    let (job, done) = pool.ask_with(worker, request, Some(parcel), Box::new(|_, _| {}));
    noted(job, done).await.map(|_| ())
}

/// Puts files together that were read in sections, reads those in one go that cannot be, and counts them, two workers at once.
async fn join(store: Store, pool: &Pool, readers: usize) -> Result<(), PoolError> {
    let quiet = || Box::new(|_, _| {});
    let Reply::Units(again, _) = ask(pool, KEEPER, &Request::Join, quiet()).await? else { return Ok(()) };
    if !again.is_empty() {
        let paths: Vec<String> = again.iter().map(|u| u.path.clone()).collect();
        let began = now();
        let told = Box::new(move |done, total| {
            store.tell_loading(|l| (l.stage, l.bytes, l.elapsed) = ("Reading in one go", (done, total), now() - began));
        });
        ask(pool, KEEPER, &Request::Ingest(again), told).await.map_err(|e| name_files(e, &paths))?;
    }
    let other = (0..readers).find(|&worker| worker != KEEPER).unwrap_or(KEEPER);
    let (job, shared) = pool.parcel(KEEPER, &Request::Share);
    let (shared, count) = (noted(job, shared).await?, Request::CountReuse(Vec::new()));
    let reuse = hand(pool, other, &count, shared);
    let layers = ask(pool, KEEPER, &Request::CountLayers, quiet());
    let (reuse, layers) = futures_util::future::join(reuse, layers).await;
    reuse.and(layers)?;
    hand(pool, KEEPER, &Request::Merge(Vec::new()), take(pool, other).await?).await
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

async fn read_chunks(store: Store, pool: &Pool, worker: usize, state: &Rc<Chunks>) -> Result<(), PoolError> {
    loop {
        let Some(chunk) = state.rest.borrow_mut().next() else { return Ok(()) };
        // A file in sections is one that is read with its first.
        let counts = |u: &&Unit| u.cut.as_ref().is_none_or(|c| c.range.start == 0);
        let (files, bytes) = (chunk.iter().filter(counts).count(), chunk.iter().map(|u| u.bytes).sum::<u64>());
        let inner = Rc::clone(state);
        let told = Box::new(move |done, _| {
            inner.partial.borrow_mut()[worker] = done;
            tell(store, &inner);
        });
        let paths: Vec<String> = chunk.iter().map(|u| u.path.clone()).collect();
        ask(pool, worker, &Request::Ingest(chunk), told).await.map_err(|e| name_files(e, &paths))?;
        // A short load shows its result soon enough.
        let glanced = state.glanced.get();
        if worker == KEEPER && now() - glanced > GLANCE {
            state.glanced.set(now());
            if let Ok(Reply::Figures(so_far)) = ask(pool, worker, &Request::Glance, Box::new(|_, _| {})).await {
                store.glance.set(Some(Arc::new(so_far)));
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
    store.tell_loading(|l| (l.files.0, l.bytes.0, l.elapsed) = (files, bytes + partial, now() - l.began));
}

/// Asks as a part of a load, so that a cancel reaches it.
async fn ask(pool: &Pool, worker: usize, request: &Request, told: crate::web::Told) -> Result<Reply, PoolError> {
    let (job, reply) = pool.ask(worker, request, told);
    noted(job, reply).await
}

async fn noted<T>(job: u32, reply: impl Future<Output = T>) -> T {
    LOAD_JOBS.with(|j| j.borrow_mut().push(job));
    let reply = reply.await;
    LOAD_JOBS.with(|j| j.borrow_mut().retain(|&id| id != job));
    reply
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
