//! The worker's loop: jobs in slices, messages between them. One worker holds what is loaded, another simulates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, File, MessageChannel, MessageEvent};

use super::blob::GivenFiles;
use super::pool::{buffer, message};
use crate::protocol::{Job, Progress, Reply, Request, State, start};

/// Milliseconds of work between two looks at the messages: a slider that asks this worker waits no longer.
const SLICE: f64 = 8.0;
/// Milliseconds between two words on progress.
const PROGRESS: f64 = 60.0;

/// What the page says. Large parts travel beside it: `bytes` (a request, as postcard) and `files`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// Start the request in `bytes`.
    Start {
        /// The job's number.
        job: u32,
    },
    /// Forget a job.
    Cancel {
        /// Its number.
        job: u32,
    },
    /// These are the files from now on.
    Files,
}

/// What a worker says. A reply travels beside it, as postcard in `bytes`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum FromWorker {
    /// It takes messages.
    Ready,
    /// How far a job is.
    Progress {
        /// Its number.
        job: u32,
        /// Done.
        done: f64,
        /// All.
        total: f64,
        /// Bytes of the worker's memory.
        memory: f64,
    },
    /// The reply is in `bytes`.
    Done {
        /// Its number.
        job: u32,
        /// Bytes of the worker's memory.
        memory: f64,
    },
}

struct Worker {
    scope: DedicatedWorkerGlobalScope,
    /// Wakes the loop again after the messages that are waiting.
    wake: MessageChannel,
    awake: Cell<bool>,
    /// When it last looked at its messages.
    heard: Cell<f64>,
    jobs: RefCell<Vec<(u32, Job, f64)>>,
    state: RefCell<State>,
    files: GivenFiles,
}

/// Runs the worker; returns once it listens.
pub fn worker() {
    let Ok(scope) = js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>() else { return };
    super::say_panics();
    let Ok(wake) = MessageChannel::new() else { return };
    let worker = Rc::new(Worker {
        scope: scope.clone(),
        wake,
        awake: Cell::new(false),
        heard: Cell::default(),
        jobs: RefCell::default(),
        state: RefCell::default(),
        files: GivenFiles::default(),
    });
    let again = Rc::clone(&worker);
    let turn = Closure::<dyn FnMut()>::new(move || {
        again.heard.set(again.now());
        again.turn();
    });
    worker.wake.port1().set_onmessage(Some(turn.as_ref().unchecked_ref()));
    turn.forget();
    let again = Rc::clone(&worker);
    worker.files.ahead.on_arrival(move || again.arrived());
    let hears = Rc::clone(&worker);
    let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| hears.message(&event.data()));
    scope.set_onmessage(Some(message.as_ref().unchecked_ref()));
    message.forget();
    worker.say(&FromWorker::Ready, None);
}

impl Worker {
    fn message(&self, data: &JsValue) {
        let part = |name: &str| js_sys::Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let Ok(head) = serde_wasm_bindgen::from_value::<ToWorker>(part("head")) else { return };
        match head {
            ToWorker::Start { job } => {
                let bytes = js_sys::Uint8Array::new(&part("bytes")).to_vec();
                match postcard::from_bytes::<Request>(&bytes) {
                    Ok(mut request) => {
                        let parcel = part("parcel");
                        if !parcel.is_undefined()
                            && let Some(bytes) = request.bytes_mut()
                        {
                            *bytes = js_sys::Uint8Array::new(&parcel).to_vec();
                        }
                        self.jobs.borrow_mut().push((job, start(request), 0.0));
                    }
                    Err(e) => self.reply(job, &Reply::Failed(format!("the request could not be read: {e}"))),
                }
            }
            ToWorker::Cancel { job } => {
                self.jobs.borrow_mut().retain(|(id, ..)| *id != job);
                self.files.ahead.clear();
            }
            ToWorker::Files => {
                let list = js_sys::Array::from(&part("files"));
                self.files.give(list.iter().filter_map(|f| f.dyn_into::<File>().ok()).collect());
            }
        }
        self.wake();
    }

    fn wake(&self) {
        if !self.jobs.borrow().is_empty() && !self.awake.replace(true) {
            // A post to itself comes after the messages that wait; a timer would add four milliseconds.
            let _ = self.wake.port2().post_message(&JsValue::NULL);
        }
    }

    /// A part of a file came. Through a stream they come often: a message to itself for each would be a third of the work.
    fn arrived(&self) {
        let others = self.awake.get() || self.now() - self.heard.get() > SLICE;
        if others { self.wake() } else { self.turn() }
    }

    /// One slice of the job that waited longest.
    fn turn(&self) {
        self.awake.set(false);
        let Some((job, mut work, mut told)) = ({
            let mut jobs = self.jobs.borrow_mut();
            (!jobs.is_empty()).then(|| jobs.remove(0))
        }) else {
            return;
        };
        let began = self.now();
        loop {
            match work.step(&mut self.state.borrow_mut(), &self.files) {
                Progress::Done(reply) => {
                    self.reply(job, &reply);
                    break;
                }
                Progress::Running { done, total } => {
                    if self.files.take_waits() {
                        let mut jobs = self.jobs.borrow_mut();
                        jobs.push((job, work, told));
                        if jobs.len() == 1 {
                            // The part that it waits for wakes it.
                            return;
                        }
                        break;
                    }
                    let now = self.now();
                    if now - told > PROGRESS {
                        told = now;
                        let (done, total) = (done as f64, total as f64);
                        self.say(&FromWorker::Progress { job, done, total, memory: memory() }, None);
                    }
                    if now - began > SLICE {
                        self.jobs.borrow_mut().push((job, work, told));
                        break;
                    }
                }
            }
        }
        self.wake();
    }

    fn now(&self) -> f64 {
        self.scope.performance().map_or(0.0, |p| p.now())
    }

    fn reply(&self, job: u32, reply: &Reply) {
        let done = FromWorker::Done { job, memory: memory() };
        let beside = match reply {
            Reply::Bytes(bytes) => ("parcel", buffer(bytes)),
            other => ("bytes", buffer(&postcard::to_stdvec(other).unwrap_or_default())),
        };
        self.say(&done, Some(beside));
    }

    fn say(&self, head: &FromWorker, beside: Option<(&'static str, js_sys::ArrayBuffer)>) {
        let Ok((message, transfer)) = message(head, beside) else { return };
        let _ = self.scope.post_message_with_transfer(&message, &transfer);
    }
}

/// Bytes of this worker's memory: it grows and never shrinks.
pub(super) fn memory() -> f64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    f64::from(buffer.byte_length())
}
