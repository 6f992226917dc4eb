//! What page and workers say to each other. Apart from both, which each know only this.

use js_sys::ArrayBuffer;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

/// What the page says. Large parts travel beside it: `question` (a job's, as postcard), `parcel` (bytes of another worker or
/// of the storage), and `files`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// Start a job.
    Start {
        /// Its number.
        job: u32,
        /// Its name among all jobs.
        name: String,
    },
    /// Forget a job.
    Cancel {
        /// Its number.
        job: u32,
    },
    /// These are the files from now on.
    Files,
}

/// What a worker says.
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
    /// The reply travels beside it, in `reply`.
    Done {
        /// Its number.
        job: u32,
        /// Bytes of the worker's memory.
        memory: f64,
    },
    /// There is no reply.
    Failed {
        /// Its number.
        job: u32,
        /// Why; none: what it asked about has been replaced.
        why: Option<String>,
    },
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

/// A part of a message.
pub(super) fn part(message: &JsValue, name: &str) -> JsValue {
    js_sys::Reflect::get(message, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Bytes of this memory, to be sent to another.
pub(super) fn buffer(bytes: &[u8]) -> ArrayBuffer {
    js_sys::Uint8Array::from(bytes).buffer()
}
