//! The worker's loop: jobs in slices, messages between them. One worker holds what is loaded, another simulates.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, File, MessageChannel, MessageEvent};

use super::blob::{GivenFiles, memory};
use super::wire::{FromWorker, ToWorker, buffer, message, part};
use crate::protocol::{AnyJob, JobError, State, Step, jobs};

/// Milliseconds of work between two looks at the messages: a slider that asks this worker waits no longer.
const SLICE: f64 = 8.0;
/// Milliseconds between two words on progress.
const PROGRESS: f64 = 60.0;

struct Worker {
    scope: DedicatedWorkerGlobalScope,
    /// Wakes the loop again after the messages that are waiting.
    wake: MessageChannel,
    awake: Cell<bool>,
    /// When it last looked at its messages.
    heard: Cell<f64>,
    jobs: RefCell<Vec<Turn>>,
    state: RefCell<State>,
    files: GivenFiles,
}

/// A job in turn with others.
struct Turn {
    number: u32,
    job: AnyJob,
    /// When progress was last said.
    said: f64,
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
        let Ok(head) = serde_wasm_bindgen::from_value::<ToWorker>(part(data, "head")) else { return };
        let bytes = |name: &str| js_sys::Uint8Array::new(&part(data, name)).to_vec();
        match head {
            ToWorker::Start { job: number, name } => {
                let parcel = (!part(data, "parcel").is_undefined()).then(|| bytes("parcel"));
                match jobs::open(&name, &bytes("question"), parcel) {
                    Ok(job) => self.jobs.borrow_mut().push(Turn { number, job, said: 0.0 }),
                    Err(why) => self.fail(number, why),
                }
            }
            ToWorker::Cancel { job } => {
                let ended: Vec<Turn> = self.jobs.borrow_mut().extract_if(.., |t| t.number == job).collect();
                // What another job has asked for ahead is still on its way.
                if ended.iter().any(|t| t.job.reads) {
                    self.files.ahead.clear();
                }
            }
            ToWorker::Files => {
                let list = js_sys::Array::from(&part(data, "files"));
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
        let Some(mut turn) = ({
            let mut jobs = self.jobs.borrow_mut();
            (!jobs.is_empty()).then(|| jobs.remove(0))
        }) else {
            return;
        };
        let began = self.now();
        loop {
            match turn.job.step(&mut self.state.borrow_mut(), &self.files) {
                Ok(Step::Done(reply)) => {
                    let done = FromWorker::Done { job: turn.number, memory: memory() };
                    self.say(&done, Some(("reply", buffer(&reply))));
                    break;
                }
                Err(why) => {
                    self.fail(turn.number, why);
                    break;
                }
                Ok(Step::Running { done, total }) => {
                    if self.files.take_waits() {
                        let mut jobs = self.jobs.borrow_mut();
                        jobs.push(turn);
                        if jobs.len() == 1 {
                            // The part that it waits for wakes it.
                            return;
                        }
                        break;
                    }
                    let now = self.now();
                    if now - turn.said > PROGRESS {
                        turn.said = now;
                        let (done, total) = (done as f64, total as f64);
                        self.say(&FromWorker::Progress { job: turn.number, done, total, memory: memory() }, None);
                    }
                    if now - began > SLICE {
                        self.jobs.borrow_mut().push(turn);
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

    fn fail(&self, job: u32, why: JobError) {
        let why = match why {
            JobError::Failed(why) => Some(why),
            JobError::Void => None,
        };
        self.say(&FromWorker::Failed { job, why }, None);
    }

    fn say(&self, head: &FromWorker, beside: Option<(&'static str, js_sys::ArrayBuffer)>) {
        let Ok((message, transfer)) = message(head, beside) else { return };
        let _ = self.scope.post_message_with_transfer(&message, &transfer);
    }
}
