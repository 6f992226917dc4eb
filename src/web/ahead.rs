//! Parts of files on their way before a job asks for them. Apart from the readers, which are synchronous: this is what lets the
//! browser read while a worker scans.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, File};

use crate::units::index;

/// Bytes of a part, so that the next one comes while this one is used. A small archive is one.
const PART: u64 = 8 << 20;
/// Parts and bytes on their way or waiting, at most: more at once makes none of them sooner.
const MOST: (usize, u64) = (8, 32 << 20);

/// The parts, in the order in which they were asked for. That is the order of reading: a part that is read ends those before.
pub(super) struct Ahead {
    parts: RefCell<VecDeque<Part>>,
    next: Cell<u64>,
    /// Called when a part has come.
    arrived: RefCell<Box<dyn Fn()>>,
}

struct Part {
    number: u64,
    source: usize,
    range: Range<u64>,
    bytes: Option<Uint8Array>,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { parts: RefCell::default(), next: Cell::default(), arrived: RefCell::new(Box::new(|| {})) }
    }
}

impl Ahead {
    /// Calls `arrived` whenever a part has come.
    pub(super) fn on_arrival(&self, arrived: impl Fn() + 'static) {
        *self.arrived.borrow_mut() = Box::new(arrived);
    }

    /// Forgets all parts.
    pub(super) fn clear(&self) {
        self.parts.borrow_mut().clear();
    }

    /// Asks for a range of a file, as far as there is room for it: up to where it is asked for.
    pub(super) fn want(self: &Rc<Self>, source: usize, file: &File, range: &Range<u64>) -> u64 {
        let length = crate::units::floor(file.size()) as u64;
        let mut at = range.start;
        while at < range.end.min(length) {
            if let Some(end) = self.on(source, at, |part| part.range.end) {
                at = end;
                continue;
            }
            let end = length.min(at + PART);
            let held: u64 = self.parts.borrow().iter().map(|p| p.range.end - p.range.start).sum();
            let count = self.parts.borrow().len();
            if count >= MOST.0 || held + end - at > MOST.1 {
                return at;
            }
            if self.fetch(source, file, at..end).is_err() {
                break;
            }
            at = end;
        }
        // What is wrong with the rest is found when it is read.
        range.end
    }

    /// Whether a byte is on its way.
    pub(super) fn is_coming(&self, source: usize, at: u64) -> bool {
        self.on(source, at, |part| part.bytes.is_none()).unwrap_or(false)
    }

    /// Copies what there is from a position on; none if nothing is.
    pub(super) fn read(&self, source: usize, at: u64, out: &mut [u8]) -> Option<usize> {
        let mut parts = self.parts.borrow_mut();
        let place = parts.iter().position(|p| p.source == source && p.range.contains(&at) && p.bytes.is_some())?;
        parts.drain(..place);
        let part = parts.front()?;
        let n = out.len().min(index(part.range.end - at));
        let from = crate::units::small(index(at - part.range.start));
        part.bytes.as_ref()?.subarray(from, from + crate::units::small(n)).copy_to(&mut out[..n]);
        if at + n as u64 == part.range.end {
            parts.pop_front();
        }
        Some(n)
    }

    fn on<T>(&self, source: usize, at: u64, what: impl Fn(&Part) -> T) -> Option<T> {
        self.parts.borrow().iter().find(|p| p.source == source && p.range.contains(&at)).map(what)
    }

    fn fetch(self: &Rc<Self>, source: usize, file: &File, range: Range<u64>) -> Result<(), JsValue> {
        // A slice is a message to the browser and its answer: half of the time that a small file takes.
        let whole = range.start == 0 && range.end as f64 >= file.size();
        let part: Blob = if whole {
            file.clone().into()
        } else {
            file.slice_with_f64_and_f64(range.start as f64, range.end as f64)?
        };
        let number = self.next.replace(self.next.get() + 1);
        let (ahead, bytes) = (Rc::clone(self), JsFuture::from(part.array_buffer()));
        spawn_local(async move { ahead.come(number, bytes.await.ok().and_then(|b| b.dyn_into().ok()).as_ref()) });
        self.parts.borrow_mut().push_back(Part { number, source, range, bytes: None });
        Ok(())
    }

    /// A part came, or will not: then reading it again says why.
    fn come(&self, number: u64, buffer: Option<&ArrayBuffer>) {
        let mut parts = self.parts.borrow_mut();
        let Some(place) = parts.iter().position(|p| p.number == number) else { return };
        let bytes = buffer.map(|b| Uint8Array::new(b.as_ref()));
        let whole = bytes.as_ref().is_some_and(|b| {
            let part = &parts[place].range;
            u64::from(b.length()) == part.end - part.start
        });
        if whole {
            parts[place].bytes = bytes;
        } else {
            parts.remove(place);
        }
        drop(parts);
        (self.arrived.borrow())();
    }
}
