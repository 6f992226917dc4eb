//! Parts of files on their way before a job asks for them. Apart from the readers, which are synchronous: this is what lets the
//! browser read while a worker scans. What is small comes whole, what is large through a stream, in half of the time: its
//! buffers are used again, and its first bytes come at once.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, File, ReadableStreamByobReader};

use crate::units::index;

/// Bytes of a part, so that the next one comes while this one is used. A small archive is one.
const PART: u64 = 8 << 20;
/// Parts and bytes on their way or waiting, at most: more at once makes none of them sooner.
const MOST: (usize, u64) = (8, 32 << 20);

/// Bytes of a stream's buffer, and how many of them wait to be read: a browser rarely gives more at once.
const BUFFER: u32 = 256 << 10;
const BUFFERS: usize = 2;

/// The parts, in the order in which they were asked for. That is the order of reading: a part that is read ends those before.
pub(super) struct Ahead {
    parts: RefCell<VecDeque<Part>>,
    next: Cell<u64>,
    stream: RefCell<Option<Stream>>,
    /// Called when a part has come.
    arrived: RefCell<Box<dyn Fn()>>,
}

struct Part {
    number: u64,
    source: usize,
    range: Range<u64>,
    bytes: Option<Uint8Array>,
    /// It came through a stream: its buffer takes a later part.
    streamed: bool,
}

/// The rest of a range that comes through a stream.
struct Stream {
    number: u64,
    source: usize,
    rest: Range<u64>,
    reader: ReadableStreamByobReader,
    /// A part is on its way.
    reading: bool,
    spare: Option<ArrayBuffer>,
}

impl Default for Ahead {
    fn default() -> Self {
        let arrived: Box<dyn Fn()> = Box::new(|| {});
        Self {
            parts: RefCell::default(),
            next: Cell::default(),
            stream: RefCell::default(),
            arrived: RefCell::new(arrived),
        }
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
        self.end_stream();
    }

    /// Nothing more of a range is read.
    pub(super) fn leave(&self, source: usize, range: &Range<u64>) {
        let inside = |s: &Stream| s.source == source && range.start <= s.rest.start && s.rest.start < range.end;
        if self.stream.borrow().as_ref().is_some_and(inside) {
            self.end_stream();
        }
        self.parts.borrow_mut().retain(|p| !p.streamed || p.source != source || !range.contains(&p.range.start));
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
            let large = range.end.min(length) - at > PART;
            if large && self.stream.borrow().is_some() {
                return at;
            }
            if large && self.open_stream(source, file, at..range.end.min(length)).is_ok() {
                break;
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

    /// Whether a byte is on its way. What came through a stream for the bytes before it makes room.
    pub(super) fn is_coming(self: &Rc<Self>, source: usize, at: u64) -> bool {
        self.parts.borrow_mut().retain(|p| !p.streamed || p.source != source || p.range.end > at);
        self.pump();
        let streamed = |s: &Stream| s.source == source && s.rest.contains(&at);
        let coming = self.on(source, at, |part| part.bytes.is_none());
        coming.unwrap_or_else(|| self.stream.borrow().as_ref().is_some_and(streamed))
    }

    /// Copies what there is from a position on; none if nothing is.
    pub(super) fn read(self: &Rc<Self>, source: usize, at: u64, out: &mut [u8]) -> Option<usize> {
        let mut parts = self.parts.borrow_mut();
        let place = parts.iter().position(|p| p.source == source && p.range.contains(&at) && p.bytes.is_some())?;
        parts.drain(..place);
        let part = parts.front()?;
        let n = out.len().min(index(part.range.end - at));
        let from = crate::units::small(index(at - part.range.start));
        part.bytes.as_ref()?.subarray(from, from + crate::units::small(n)).copy_to(&mut out[..n]);
        if at + n as u64 == part.range.end {
            let part = parts.pop_front().filter(|p| p.streamed);
            drop(parts);
            if let (Some(part), Some(stream)) = (part, &mut *self.stream.borrow_mut()) {
                stream.spare = part.bytes.map(|b| b.buffer());
            }
            self.pump();
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
        self.parts.borrow_mut().push_back(Part { number, source, range, bytes: None, streamed: false });
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

    fn open_stream(self: &Rc<Self>, source: usize, file: &File, rest: Range<u64>) -> Result<(), JsValue> {
        let blob = file.slice_with_f64_and_f64(rest.start as f64, rest.end as f64)?;
        // Not every browser reads a file into buffers that it is given.
        let reader = ReadableStreamByobReader::new(&blob.stream())?;
        let number = self.next.replace(self.next.get() + 1);
        *self.stream.borrow_mut() = Some(Stream { number, source, rest, reader, reading: false, spare: None });
        self.pump();
        Ok(())
    }

    fn end_stream(&self) {
        if let Some(stream) = self.stream.take() {
            // It says no more; what is read again says what was wrong.
            let ended = JsFuture::from(stream.reader.cancel());
            spawn_local(async move { drop(ended.await) });
        }
    }

    /// Asks the stream for its next part, if there is room for one.
    fn pump(self: &Rc<Self>) {
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut().filter(|s| !s.reading) else { return };
        if self.parts.borrow().iter().filter(|p| p.streamed).count() >= BUFFERS {
            return;
        }
        let length = (stream.rest.end - stream.rest.start).min(BUFFER.into());
        let buffer = stream.spare.take().unwrap_or_else(|| ArrayBuffer::new(BUFFER));
        let view = Uint8Array::new_with_byte_offset_and_length(&buffer, 0, crate::units::small(index(length)));
        stream.reading = true;
        let (ahead, number) = (Rc::clone(self), stream.number);
        let read = JsFuture::from(stream.reader.read_with_array_buffer_view(&view));
        spawn_local(async move {
            let read = read.await.and_then(|r| Reflect::get(&r, &"value".into()));
            ahead.come_through(number, read.ok().and_then(|v| v.dyn_into().ok()));
        });
    }

    /// A part came through the stream; none, or an empty one, if no more will.
    fn come_through(self: &Rc<Self>, number: u64, bytes: Option<Uint8Array>) {
        let mut stream = self.stream.borrow_mut();
        let Some(open) = stream.as_mut().filter(|s| s.number == number) else { return };
        let start = open.rest.start;
        let came = bytes.as_ref().map_or(0, |b| u64::from(b.length()));
        (open.rest.start, open.reading) = (start + came, false);
        let part = Part { number, source: open.source, range: start..start + came, bytes, streamed: true };
        let ended = came == 0 || open.rest.is_empty();
        drop(stream);
        if came > 0 {
            self.parts.borrow_mut().push_back(part);
        }
        if ended {
            self.end_stream();
        }
        self.pump();
        (self.arrived.borrow())();
    }
}
