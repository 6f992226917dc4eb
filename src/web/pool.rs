//! The page's side of the workers: ask a request, get a future of its reply.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::ArrayBuffer;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::{File, MessageEvent, WorkerOptions, WorkerType};

use super::worker::{FromWorker, ToWorker};
use crate::protocol::{Reply, Request};

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The job was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The worker says why.
    #[error("{0}")]
    Failed(String),
    /// The worker died.
    #[error("{0}")]
    Lost(String),
}

/// Hears how far a job is: done and all.
pub type Told = Box<dyn FnMut(u64, u64)>;

/// Hears which worker was lost.
type Lost = Box<dyn Fn(usize)>;

/// Bytes on their way from one worker to another, or to the storage: the page never looks at them, so it never copies them.
pub struct Parcel(pub(super) ArrayBuffer);

/// Who waits for what.
enum Sender {
    Reply(oneshot::Sender<Result<Reply, PoolError>>),
    Parcel(oneshot::Sender<Result<Parcel, PoolError>>),
}

struct Waiting {
    worker: usize,
    reply: Sender,
    progress: Told,
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
    /// Hears which worker was lost.
    lost: RefCell<Option<Lost>>,
}

struct Member {
    worker: web_sys::Worker,
    ready: bool,
    /// Messages until it is ready.
    queue: Vec<(JsValue, js_sys::Array)>,
    /// Bytes of its memory, as it last said.
    memory: f64,
}

impl Pool {
    /// Starts workers: two at least, because one holds the trace while another simulates.
    ///
    /// # Errors
    /// If the browser starts none.
    pub fn start() -> Result<Self, String> {
        let cores = web_sys::window().map_or(2.0, |w| w.navigator().hardware_concurrency());
        let count = crate::units::floor(cores).clamp(2, 6);
        let pool = Self(Rc::new(Inner {
            workers: RefCell::default(),
            waiting: RefCell::default(),
            next: Cell::new(1),
            files: RefCell::default(),
            lost: RefCell::default(),
        }));
        for _ in 0..count {
            pool.add(None).map_err(|e| format!("the browser started no worker: {e:?}"))?;
        }
        Ok(pool)
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

    /// Gives these files to all workers.
    pub fn give(&self, files: &[File]) {
        *self.0.files.borrow_mut() = files.to_vec();
        (0..self.len()).for_each(|worker| self.give_to(worker, files));
    }

    fn give_to(&self, worker: usize, files: &[File]) {
        let list: js_sys::Array = files.iter().collect();
        if let Ok((message, transfer)) = message(&ToWorker::Files, []) {
            let _ = js_sys::Reflect::set(&message, &"files".into(), &list);
            self.post(worker, message, transfer);
        }
    }

    /// Asks a worker. Dropping the future does not cancel the job; [`Pool::cancel`] does.
    pub fn ask(
        &self,
        worker: usize,
        request: &Request,
        progress: Told,
    ) -> (u32, impl Future<Output = Result<Reply, PoolError>> + use<>) {
        self.ask_with(worker, request, None, progress)
    }

    /// Asks a worker about a parcel: it takes the place of the request's bytes.
    pub fn ask_with(
        &self,
        worker: usize,
        request: &Request,
        parcel: Option<Parcel>,
        progress: Told,
    ) -> (u32, impl Future<Output = Result<Reply, PoolError>> + use<>) {
        let (sender, receiver) = oneshot::channel();
        let job = self.start_job(worker, request, parcel, Waiting { worker, reply: Sender::Reply(sender), progress });
        (job, async move { receiver.await.unwrap_or(Err(PoolError::Cancelled)) })
    }

    /// Asks a worker for bytes that the page only hands on.
    pub fn parcel(
        &self,
        worker: usize,
        request: &Request,
    ) -> (u32, impl Future<Output = Result<Parcel, PoolError>> + use<>) {
        let (sender, receiver) = oneshot::channel();
        let waiting = Waiting { worker, reply: Sender::Parcel(sender), progress: Box::new(|_, _| {}) };
        let job = self.start_job(worker, request, None, waiting);
        (job, async move { receiver.await.unwrap_or(Err(PoolError::Cancelled)) })
    }

    fn start_job(&self, worker: usize, request: &Request, parcel: Option<Parcel>, waiting: Waiting) -> u32 {
        let job = self.0.next.replace(self.0.next.get().wrapping_add(1));
        self.0.waiting.borrow_mut().insert(job, waiting);
        let parcel = parcel.map(|Parcel(buffer)| ("parcel", buffer));
        let beside = postcard::to_stdvec(request).map(|b| [("bytes", buffer(&b))].into_iter().chain(parcel));
        match beside.ok().and_then(|beside| message(&ToWorker::Start { job }, beside).ok()) {
            Some((message, transfer)) => self.post(worker, message, transfer),
            None => self.end(job, Err(PoolError::Failed("the request could not be sent".into()))),
        }
        job
    }

    /// Asks and waits, without progress.
    pub async fn get(&self, worker: usize, request: Request) -> Result<Reply, PoolError> {
        self.ask(worker, &request, Box::new(|_, _| {})).1.await
    }

    /// Cancels a job; its future ends at once.
    pub fn cancel(&self, job: u32) {
        let Some(worker) = self.0.waiting.borrow().get(&job).map(|w| w.worker) else { return };
        if let Ok((message, transfer)) = message(&ToWorker::Cancel { job }, []) {
            self.post(worker, message, transfer);
        }
        self.end(job, Err(PoolError::Cancelled));
    }

    /// Starts a worker, in the place of another if one is given.
    fn add(&self, place: Option<usize>) -> Result<(), JsValue> {
        let started = if place.is_none() { early() } else { None };
        let worker = match &started {
            Some((worker, _)) => worker.clone(),
            None => {
                let options = WorkerOptions::new();
                options.set_type(WorkerType::Module);
                web_sys::Worker::new_with_options("./worker_loader.js", &options)?
            }
        };
        let index = place.unwrap_or_else(|| self.len());
        let pool = self.clone();
        let hears =
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| pool.message(index, &event.data()));
        worker.set_onmessage(Some(hears.as_ref().unchecked_ref()));
        hears.forget();
        let pool = self.clone();
        let fails = Closure::<dyn FnMut(JsValue)>::new(move |_| pool.lost(index));
        worker.set_onerror(Some(fails.as_ref().unchecked_ref()));
        fails.forget();
        let member = Member { worker, ready: false, queue: Vec::new(), memory: 0.0 };
        match place {
            Some(place) => self.0.workers.borrow_mut()[place] = member,
            None => self.0.workers.borrow_mut().push(member),
        }
        if let Some((_, heard)) = started {
            heard.iter().for_each(|data| self.message(index, &data));
        }
        Ok(())
    }

    fn post(&self, worker: usize, message: JsValue, transfer: js_sys::Array) {
        if let Some(member) = self.0.workers.borrow_mut().get_mut(worker) {
            if member.ready {
                let _ = member.worker.post_message_with_transfer(&message, &transfer);
            } else {
                member.queue.push((message, transfer));
            }
        }
    }

    fn message(&self, worker: usize, data: &JsValue) {
        let part = |name: &str| js_sys::Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        // The loader's own first message is not ours.
        let Ok(head) = serde_wasm_bindgen::from_value::<FromWorker>(part("head")) else { return };
        match head {
            FromWorker::Ready => {
                if let Some(member) = self.0.workers.borrow_mut().get_mut(worker) {
                    member.ready = true;
                    for (message, transfer) in member.queue.drain(..) {
                        let _ = member.worker.post_message_with_transfer(&message, &transfer);
                    }
                }
            }
            FromWorker::Progress { job, done, total, memory } => {
                self.note(worker, memory);
                let count = |x: f64| crate::units::floor(x) as u64;
                if let Some(waiting) = self.0.waiting.borrow_mut().get_mut(&job) {
                    (waiting.progress)(count(done), count(total));
                }
            }
            FromWorker::Done { job, memory } => {
                self.note(worker, memory);
                if let Ok(buffer) = part("parcel").dyn_into::<ArrayBuffer>() {
                    return self.deliver(job, Parcel(buffer));
                }
                let bytes = js_sys::Uint8Array::new(&part("bytes")).to_vec();
                let reply = match postcard::from_bytes(&bytes) {
                    Ok(Reply::Failed(why)) => Err(PoolError::Failed(why)),
                    Ok(reply) => Ok(reply),
                    Err(e) => Err(PoolError::Failed(format!("a worker's reply could not be read: {e}"))),
                };
                self.end(job, reply);
            }
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

    /// Tells `heard` of every worker that is lost, once another has taken its place.
    pub fn on_lost(&self, heard: impl Fn(usize) + 'static) {
        *self.0.lost.borrow_mut() = Some(Box::new(heard));
    }

    /// A worker died. Another takes its place; its jobs fail with a word on what to do.
    fn lost(&self, worker: usize) {
        // One that never was ready would be lost again and again.
        let was_ready = self.0.workers.borrow().get(worker).is_some_and(|m| {
            m.worker.terminate();
            m.ready
        });
        if was_ready && self.add(Some(worker)).is_ok() {
            let files = self.0.files.borrow().clone();
            self.give_to(worker, &files);
        }
        let jobs: Vec<u32> = {
            let waiting = self.0.waiting.borrow();
            waiting.iter().filter(|(_, w)| w.worker == worker).map(|(&job, _)| job).collect()
        };
        let why = "a worker stopped, most likely for lack of memory; another has taken its place. For a trace that is too large for a browser, use the command line: moescope summarize PATH -o trace.moesum, and drop that file here";
        for job in jobs {
            self.end(job, Err(PoolError::Lost(why.into())));
        }
        if was_ready && let Some(heard) = &*self.0.lost.borrow() {
            heard(worker);
        }
    }

    fn end(&self, job: u32, reply: Result<Reply, PoolError>) {
        // The borrow ends before the future's owner runs.
        let waiting = self.0.waiting.borrow_mut().remove(&job);
        match waiting.map(|w| w.reply) {
            Some(Sender::Reply(sender)) => drop(sender.send(reply)),
            Some(Sender::Parcel(sender)) => {
                let none = PoolError::Failed("a worker sent no bytes".into());
                let _ = sender.send(Err(reply.err().unwrap_or(none)));
            }
            None => {}
        }
    }

    fn deliver(&self, job: u32, parcel: Parcel) {
        let waiting = self.0.waiting.borrow_mut().remove(&job);
        match waiting.map(|w| w.reply) {
            Some(Sender::Parcel(sender)) => drop(sender.send(Ok(parcel))),
            Some(Sender::Reply(sender)) => {
                let bytes = js_sys::Uint8Array::new(&parcel.0).to_vec();
                let _ = sender.send(Ok(Reply::Bytes(bytes)));
            }
            None => {}
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

/// A message: a small head as a plain object, and by name what travels beside it, transferred and not copied.
pub(super) fn message(
    head: &impl Serialize,
    beside: impl IntoIterator<Item = (&'static str, ArrayBuffer)>,
) -> Result<(JsValue, js_sys::Array), JsValue> {
    let message = js_sys::Object::new();
    js_sys::Reflect::set(&message, &"head".into(), &serde_wasm_bindgen::to_value(head)?)?;
    let transfer = js_sys::Array::new();
    for (name, buffer) in beside {
        js_sys::Reflect::set(&message, &name.into(), &buffer)?;
        transfer.push(&buffer);
    }
    Ok((message.into(), transfer))
}

/// Bytes of this memory, to be sent to another.
pub(super) fn buffer(bytes: &[u8]) -> ArrayBuffer {
    js_sys::Uint8Array::from(bytes).buffer()
}
