//! The page's side of the workers: ask a job, get a future of its reply.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use web_sys::{File, MessageEvent, WorkerOptions, WorkerType};

use super::wire::{FromWorker, ToWorker, buffer, message, part};
use crate::protocol::jobs::Listed;
use crate::protocol::{Bytes, HOLDS, Job, Prepared, Reply};

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Nobody waits for it: it was cancelled, or what it asked about has been replaced.
    #[error("cancelled")]
    Void,
    /// The worker says why.
    #[error("{0}")]
    Failed(String),
    /// The worker died.
    #[error("{0}")]
    Lost(String),
}

const LOST: &str = "a worker stopped, most likely for lack of memory; another has taken its place. For a trace that is too large for a browser, use the command line: moescope summarize PATH -o trace.moesum, and drop that file here";
const GONE: &str = "the browser could not start one of the page's workers; reload the page, or close other tabs first";

/// How often a worker that stops before it takes messages is started again.
const TRIES: u8 = 2;

/// Hears how far a job is: done and all.
pub type OnProgress = Box<dyn FnMut(u64, u64)>;

/// Hears which worker was lost.
type OnLost = Box<dyn Fn(usize)>;

/// Bytes on their way from one worker to another, or to the storage: the page never looks at them, so it never copies them.
pub struct Parcel(pub(super) ArrayBuffer);

struct Waiting {
    worker: usize,
    reply: oneshot::Sender<Result<Parcel, PoolError>>,
    on_progress: OnProgress,
}

/// The workers.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

struct Inner {
    workers: RefCell<Vec<Member>>,
    waiting: RefCell<BTreeMap<u32, Waiting>>,
    next: Cell<u32>,
    /// The files of the load, for a worker that takes a lost one's place.
    files: RefCell<Vec<File>>,
    on_lost: RefCell<Option<OnLost>>,
    /// Replies that came with the page.
    prepared: Vec<Prepared>,
    /// What a worker must do before its next job, because its reply was taken from those.
    owed: RefCell<BTreeMap<usize, Vec<u8>>>,
    /// By worker: the owed job that it is at, and the messages that wait for its end. A worker does its jobs in turn, not in order.
    held: RefCell<BTreeMap<usize, Held>>,
}

struct Held {
    job: u32,
    /// In order; of another owed job, with its number.
    messages: VecDeque<(JsValue, js_sys::Array, Option<u32>)>,
}

struct Member {
    /// None as long as nobody has asked it anything.
    worker: Option<web_sys::Worker>,
    state: Life,
    /// Bytes of its memory, as it last said.
    memory: f64,
}

enum Life {
    /// Not started.
    Asleep,
    /// Messages until it takes them, and how often it was started again.
    Starting(Vec<(JsValue, js_sys::Array)>, u8),
    Ready,
    /// It never came up.
    Gone,
}

impl Pool {
    /// Workers: two at least, because one holds the trace while another simulates. Each is started once it is asked something that did
    /// not come with the page.
    ///
    /// # Errors
    /// If the browser starts none of those that were begun before the page.
    pub fn start() -> Result<Self, String> {
        let cores = web_sys::window().map_or(2.0, |w| w.navigator().hardware_concurrency());
        let count = crate::units::floor(cores).clamp(2, 6);
        let pool = Self(Rc::new(Inner {
            workers: RefCell::default(),
            waiting: RefCell::default(),
            next: Cell::new(1),
            files: RefCell::default(),
            on_lost: RefCell::default(),
            prepared: prepared(),
            owed: RefCell::default(),
            held: RefCell::default(),
        }));
        for place in 0..count {
            pool.0.workers.borrow_mut().push(Member { worker: None, state: Life::Asleep, memory: 0.0 });
            if let Some((worker, heard)) = early() {
                pool.take(place, worker, Life::Starting(Vec::new(), 0));
                heard.iter().for_each(|data| pool.message(place, &data));
            }
        }
        Ok(pool)
    }

    /// Starts the workers that are always needed once a reader changes something, if they are not: for a moment of rest.
    pub fn warm(&self) {
        (0..2).for_each(|worker| self.wake(worker));
    }

    fn wake(&self, worker: usize) {
        let asleep = matches!(self.0.workers.borrow().get(worker).map(|m| &m.state), Some(Life::Asleep));
        if asleep
            && self.add(worker, Life::Starting(Vec::new(), 0)).is_err()
            && let Some(member) = self.0.workers.borrow_mut().get_mut(worker)
        {
            member.state = Life::Gone;
        }
    }

    /// Number of workers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.workers.borrow().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a worker takes jobs, now or once it has started.
    #[must_use]
    pub fn works(&self, worker: usize) -> bool {
        self.0.workers.borrow().get(worker).is_some_and(|m| !matches!(m.state, Life::Gone))
    }

    /// Gives these files to all workers.
    pub fn give(&self, files: &[File]) {
        *self.0.files.borrow_mut() = files.to_vec();
        (0..self.len()).for_each(|worker| self.give_to(worker, files));
    }

    fn give_to(&self, worker: usize, files: &[File]) {
        if !files.is_empty() {
            self.wake(worker);
        }
        let list: js_sys::Array = files.iter().collect();
        if let Ok((message, transfer)) = message(&ToWorker::Files, []) {
            let _ = js_sys::Reflect::set(&message, &"files".into(), &list);
            self.post(worker, message, transfer);
        }
    }

    /// Asks a worker, about a parcel if one is given: the job's number and its reply. Dropping the future does not cancel
    /// the job; [`Pool::cancel`] does.
    pub fn ask<J: Listed>(
        &self,
        worker: usize,
        job: &J,
        parcel: Option<Parcel>,
        on_progress: OnProgress,
    ) -> (u32, impl Future<Output = Result<J::Reply, PoolError>> + use<J>) {
        let (number, reply) = self.start_job(worker, job, parcel, on_progress);
        let read = async move {
            let bytes = js_sys::Uint8Array::new(&reply.await.unwrap_or(Err(PoolError::Void))?.0).to_vec();
            J::Reply::decode(&bytes).map_err(|e| PoolError::Failed(format!("a worker's reply could not be read: {e}")))
        };
        (number, read)
    }

    /// Asks a worker for bytes that the page only hands on.
    pub fn parcel<J: Listed + Job<Reply = Bytes>>(
        &self,
        worker: usize,
        job: &J,
    ) -> (u32, impl Future<Output = Result<Parcel, PoolError>> + use<J>) {
        let (number, reply) = self.start_job(worker, job, None, Box::new(|_, _| {}));
        (number, async move { reply.await.unwrap_or(Err(PoolError::Void)) })
    }

    fn start_job<J: Listed>(
        &self,
        worker: usize,
        job: &J,
        parcel: Option<Parcel>,
        on_progress: OnProgress,
    ) -> (u32, oneshot::Receiver<Result<Parcel, PoolError>>) {
        let question = postcard::to_stdvec(job).map_err(|e| e.to_string());
        self.send(worker, J::NAME, question, parcel, on_progress)
    }

    /// The body of [`Pool::ask`], compiled once for all jobs.
    fn send(
        &self,
        worker: usize,
        name: &str,
        question: Result<Vec<u8>, String>,
        parcel: Option<Parcel>,
        on_progress: OnProgress,
    ) -> (u32, oneshot::Receiver<Result<Parcel, PoolError>>) {
        let (sender, receiver) = oneshot::channel();
        let job = self.0.next.replace(self.0.next.get().wrapping_add(1));
        self.0.waiting.borrow_mut().insert(job, Waiting { worker, reply: sender, on_progress });
        if let (Ok(asked), None) = (&question, &parcel)
            && let Some(known) = self.0.prepared.iter().find(|p| p.name == name && p.question == *asked)
        {
            if name == HOLDS {
                self.0.owed.borrow_mut().insert(worker, asked.clone());
            }
            self.end(job, Ok(Parcel(buffer(&known.reply))));
            return (job, receiver);
        }
        self.wake(worker);
        let owes = self.0.owed.borrow_mut().remove(&worker);
        if let Some(owed) = owes.filter(|_| name != HOLDS) {
            // Nobody waits for its reply, which was given; what follows does.
            let number = self.0.next.replace(self.0.next.get().wrapping_add(1));
            let head = ToWorker::Start { job: number, name: HOLDS.into() };
            if let Ok((message, transfer)) = message(&head, [("question", buffer(&owed))]) {
                self.post_owed(worker, message, transfer, Some(number));
            }
        }
        if !self.works(worker) {
            self.end(job, Err(PoolError::Lost(GONE.into())));
            return (job, receiver);
        }
        let parcel = parcel.map(|Parcel(buffer)| ("parcel", buffer));
        let beside = question.map(|b| [("question", buffer(&b))].into_iter().chain(parcel));
        let head = ToWorker::Start { job, name: name.into() };
        match beside.ok().and_then(|beside| message(&head, beside).ok()) {
            Some((message, transfer)) => self.post(worker, message, transfer),
            None => self.end(job, Err(PoolError::Failed("the question could not be sent".into()))),
        }
        (job, receiver)
    }

    /// Cancels a job; its future ends at once.
    pub fn cancel(&self, job: u32) {
        let Some(worker) = self.0.waiting.borrow().get(&job).map(|w| w.worker) else { return };
        if let Ok((message, transfer)) = message(&ToWorker::Cancel { job }, []) {
            self.post(worker, message, transfer);
        }
        self.end(job, Err(PoolError::Void));
    }

    /// Starts a worker at a place.
    fn add(&self, place: usize, state: Life) -> Result<(), JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        self.take(place, web_sys::Worker::new_with_options("./worker_loader.js", &options)?, state);
        Ok(())
    }

    /// Takes a worker over.
    fn take(&self, index: usize, worker: web_sys::Worker, state: Life) {
        let pool = self.clone();
        let hears =
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| pool.message(index, &event.data()));
        worker.set_onmessage(Some(hears.as_ref().unchecked_ref()));
        hears.forget();
        let pool = self.clone();
        let fails = Closure::<dyn FnMut(JsValue)>::new(move |_| pool.lost(index));
        worker.set_onerror(Some(fails.as_ref().unchecked_ref()));
        fails.forget();
        if let Some(member) = self.0.workers.borrow_mut().get_mut(index) {
            *member = Member { worker: Some(worker), state, memory: 0.0 };
        }
    }

    fn post(&self, worker: usize, message: JsValue, transfer: js_sys::Array) {
        self.post_owed(worker, message, transfer, None);
    }

    /// Posts a message; what follows an owed job is held until that is done.
    fn post_owed(&self, worker: usize, message: JsValue, transfer: js_sys::Array, owed: Option<u32>) {
        if let Some(held) = self.0.held.borrow_mut().get_mut(&worker) {
            held.messages.push_back((message, transfer, owed));
            return;
        }
        if let Some(job) = owed {
            self.0.held.borrow_mut().insert(worker, Held { job, messages: VecDeque::new() });
        }
        if let Some(member) = self.0.workers.borrow_mut().get_mut(worker) {
            match &mut member.state {
                Life::Ready => {
                    member.worker.iter().for_each(|w| drop(w.post_message_with_transfer(&message, &transfer)));
                }
                Life::Starting(queue, _) => queue.push((message, transfer)),
                Life::Asleep | Life::Gone => {}
            }
        }
    }

    fn message(&self, worker: usize, data: &JsValue) {
        // The loader's own first message is not ours.
        let Ok(head) = serde_wasm_bindgen::from_value::<FromWorker>(part(data, "head")) else { return };
        match head {
            FromWorker::Ready => {
                if let Some(member) = self.0.workers.borrow_mut().get_mut(worker)
                    && let Life::Starting(queue, _) = std::mem::replace(&mut member.state, Life::Ready)
                {
                    for ((message, transfer), worker) in queue.into_iter().zip(member.worker.iter().cycle()) {
                        let _ = worker.post_message_with_transfer(&message, &transfer);
                    }
                }
            }
            FromWorker::Progress { job, done, total, memory } => {
                self.note(worker, memory);
                let count = |x: f64| crate::units::floor(x) as u64;
                if let Some(waiting) = self.0.waiting.borrow_mut().get_mut(&job) {
                    (waiting.on_progress)(count(done), count(total));
                }
            }
            FromWorker::Done { job, memory } => {
                self.note(worker, memory);
                self.release(worker, job);
                let none = |_| PoolError::Failed("a worker's reply was lost on its way".into());
                self.end(job, part(data, "reply").dyn_into::<ArrayBuffer>().map(Parcel).map_err(none));
            }
            FromWorker::Failed { job, why } => {
                self.release(worker, job);
                self.end(job, Err(why.map_or(PoolError::Void, PoolError::Failed)));
            }
        }
    }

    /// A worker is at the end of a job: if it was an owed one, what waited for it goes on.
    fn release(&self, worker: usize, job: u32) {
        let done = self.0.held.borrow().get(&worker).is_some_and(|h| h.job == job);
        let waited = if done { self.0.held.borrow_mut().remove(&worker) } else { None };
        // Behind another owed job the rest is held again.
        for (message, transfer, owed) in waited.into_iter().flat_map(|h| h.messages) {
            self.post_owed(worker, message, transfer, owed);
        }
    }

    fn note(&self, worker: usize, memory: f64) {
        if let Some(member) = self.0.workers.borrow_mut().get_mut(worker) {
            member.memory = memory;
        }
    }

    /// Bytes of each worker's memory, as it last said.
    #[must_use]
    pub fn memory(&self) -> Vec<f64> {
        self.0.workers.borrow().iter().map(|m| m.memory).collect()
    }

    /// Tells of every worker that is lost, once another has taken its place.
    pub fn on_lost(&self, on_lost: impl Fn(usize) + 'static) {
        *self.0.on_lost.borrow_mut() = Some(Box::new(on_lost));
    }

    /// A worker died. Another takes its place. Jobs of one that worked fail with a word on what to do; what waits for one that
    /// had not started yet waits for the next, unless that one does not come up either.
    fn lost(&self, worker: usize) {
        let before = self.0.workers.borrow_mut().get_mut(worker).map(|member| {
            // What it still says must not be taken for a word of the next one.
            if let Some(worker) = member.worker.take() {
                worker.set_onerror(None);
                worker.set_onmessage(None);
                worker.terminate();
            }
            std::mem::replace(&mut member.state, Life::Gone)
        });
        let (next, worked) = match before {
            Some(Life::Ready) => (Life::Starting(Vec::new(), 0), true),
            Some(Life::Starting(queue, tries)) if tries < TRIES => (Life::Starting(queue, tries + 1), false),
            _ => (Life::Gone, false),
        };
        let again = !matches!(next, Life::Gone) && self.add(worker, next).is_ok();
        if worked || !again {
            // What waited for an owed job fails with the others; whoever holds the data makes it again.
            self.0.held.borrow_mut().remove(&worker);
        }
        if again && worked {
            let files = self.0.files.borrow().clone();
            self.give_to(worker, &files);
        }
        if again && !worked {
            return;
        }
        let jobs: Vec<u32> = {
            let waiting = self.0.waiting.borrow();
            waiting.iter().filter(|(_, w)| w.worker == worker).map(|(&job, _)| job).collect()
        };
        let why = if again { LOST } else { GONE };
        for job in jobs {
            self.end(job, Err(PoolError::Lost(why.into())));
        }
        if again && let Some(on_lost) = &*self.0.on_lost.borrow() {
            on_lost(worker);
        }
    }

    fn end(&self, job: u32, reply: Result<Parcel, PoolError>) {
        // The borrow ends before the future's owner runs.
        let waiting = self.0.waiting.borrow_mut().remove(&job);
        if let Some(waiting) = waiting {
            let _ = waiting.reply.send(reply);
        }
    }
}

/// A worker that `boot.js` started while this code was loading, with what it has said; none if there is none left, or if it
/// failed (then another one says why).
fn early() -> Option<(web_sys::Worker, js_sys::Array)> {
    let part = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
    let list: js_sys::Array = part(&js_sys::global(), "moescopeWorkers")?.dyn_into().ok()?;
    let worker: web_sys::Worker = list.shift().dyn_into().ok()?;
    if part(&worker, "failed")?.is_truthy() {
        return None;
    }
    let heard = part(&worker, "heard")?.dyn_into().ok()?;
    Some((worker, heard))
}

/// What `boot.js` fetched beside the page's code; nothing if the address asks for another workload, or if it did not arrive.
fn prepared() -> Vec<Prepared> {
    let bytes = js_sys::Reflect::get(&js_sys::global(), &"moescopePrepared".into()).ok();
    let bytes = bytes.and_then(|b| b.dyn_into::<js_sys::Uint8Array>().ok()).map(|b| b.to_vec()).unwrap_or_default();
    postcard::from_bytes(&bytes).unwrap_or_default()
}
