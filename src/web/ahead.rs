//! Parts of files on their way before a job asks for them. Apart from the readers, which are synchronous: this is what lets the
//! browser read while a worker scans. A job that waits for its bytes gets them through a stream over all files that it will read:
//! half of the time of one request a file, and its buffers are used again. What is read in small jumps comes in large parts.

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
/// Ranges of a stream, and those that wait for the next.
const RANGES: usize = 64;
/// Bytes that nobody wants any more, up to which a stream is read on for what comes after them.
const SKIPPED: u64 = 1 << 20;

/// The parts, in the order in which they were asked for. That is the order of reading: a part that is read ends those before.
pub(super) struct Ahead {
    parts: RefCell<VecDeque<Part>>,
    next: Cell<u64>,
    stream: RefCell<Option<Stream>>,
    /// What the next stream will bring.
    queue: RefCell<VecDeque<Wanted>>,
    /// Whether this browser reads files into buffers that it is given; none as long as it was not tried.
    streams: Cell<Option<bool>>,
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

/// The rest of a range of a file.
struct Wanted {
    source: usize,
    file: File,
    rest: Range<u64>,
    /// No more: what comes of it is dropped.
    left: bool,
}

impl Wanted {
    fn holds(&self, source: usize, at: u64) -> bool {
        self.source == source && self.rest.contains(&at)
    }
}

/// A range of a file.
fn slice(file: &File, range: &Range<u64>) -> Result<Blob, JsValue> {
    // A slice is a message to the browser and its answer: half of the time that a small file takes.
    if range.start == 0 && range.end as f64 >= file.size() {
        return Ok(file.clone().into());
    }
    file.slice_with_f64_and_f64(range.start as f64, range.end as f64)
}

struct Stream {
    number: u64,
    ranges: VecDeque<Wanted>,
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
            queue: RefCell::default(),
            streams: Cell::default(),
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
        self.queue.borrow_mut().clear();
        self.end_stream();
    }

    /// Nothing more of a range is read.
    pub(super) fn leave(&self, source: usize, range: &Range<u64>) {
        let inside = |w: &Wanted| w.source == source && range.start <= w.rest.start && w.rest.end <= range.end;
        let mut stream = self.stream.borrow_mut();
        let Some(open) = stream.as_mut() else { return };
        open.ranges.iter_mut().filter(|w| inside(w)).for_each(|w| w.left = true);
        // The next ones begin a stream of their own before this one has read so much for nothing.
        if open.ranges.front().is_some_and(|w| w.left && w.rest.end - w.rest.start > SKIPPED) {
            let others = std::mem::take(&mut open.ranges).into_iter().filter(|w| !w.left);
            let mut queue = self.queue.borrow_mut();
            others.rev().for_each(|w| queue.push_front(w));
            drop(stream);
            self.end_stream();
        }
    }

    /// Asks for a range of a file, as far as there is room for it: up to where it is asked for. `waits` says that each read
    /// of it is preceded by [`Ahead::is_coming`].
    pub(super) fn want(self: &Rc<Self>, source: usize, file: &File, range: &Range<u64>, waits: bool) -> u64 {
        let length = crate::units::floor(file.size()) as u64;
        let mut at = range.start;
        while at < range.end.min(length) {
            if let Some(end) = self.on(source, at, |part| part.range.end) {
                at = end;
                continue;
            }
            if waits && self.streams() {
                let mut queue = self.queue.borrow_mut();
                if queue.len() >= RANGES {
                    return at;
                }
                let rest = at..range.end.min(length);
                queue.push_back(Wanted { source, file: file.clone(), rest, left: false });
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

    /// Whether a byte is on its way. What comes through a stream before it is read by nobody, and makes room.
    pub(super) fn is_coming(self: &Rc<Self>, source: usize, at: u64) -> bool {
        if let Some(coming) = self.on(source, at, |part| part.bytes.is_none()) {
            return coming;
        }
        let mut stream = self.stream.borrow_mut();
        let ranges = stream.as_mut().map(|s| &mut s.ranges);
        let place = ranges.as_ref().and_then(|r| r.iter().position(|w| w.holds(source, at)));
        let queued = self.queue.borrow().iter().any(|w| w.holds(source, at));
        let coming = place.is_some() || queued;
        if coming {
            self.parts.borrow_mut().retain(|p| !p.streamed);
            ranges.into_iter().flatten().take(place.unwrap_or(usize::MAX)).for_each(|w| w.left = true);
        }
        drop(stream);
        self.pump();
        // It may have failed to begin.
        coming && self.stream.borrow().is_some()
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
        let part = slice(file, &range)?;
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

    fn streams(&self) -> bool {
        let known = self.streams.get();
        known.unwrap_or_else(|| {
            let can = Blob::new().and_then(|b| ReadableStreamByobReader::new(&b.stream())).is_ok();
            self.streams.set(Some(can));
            can
        })
    }

    /// Begins a stream over all ranges that wait.
    fn open_stream(&self) -> Result<(), JsValue> {
        let ranges = self.queue.take();
        let blobs = ranges.iter().map(|w| slice(&w.file, &w.rest)).collect::<Result<Vec<_>, _>>()?;
        let blob = match &blobs[..] {
            [one] => one.clone(),
            all => Blob::new_with_blob_sequence(&all.iter().collect::<js_sys::Array>())?,
        };
        let reader = ReadableStreamByobReader::new(&blob.stream())?;
        let number = self.next.replace(self.next.get() + 1);
        *self.stream.borrow_mut() = Some(Stream { number, ranges, reader, reading: false, spare: None });
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
        if self.stream.borrow().is_none() && (self.queue.borrow().is_empty() || self.open_stream().is_err()) {
            return;
        }
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut().filter(|s| !s.reading) else { return };
        if self.parts.borrow().iter().filter(|p| p.streamed).count() >= BUFFERS {
            return;
        }
        // A part is of one file.
        let Some(length) = stream.ranges.front().map(|w| w.rest.end - w.rest.start) else { return };
        let buffer = stream.spare.take().unwrap_or_else(|| ArrayBuffer::new(BUFFER));
        let length = crate::units::small(index(length.min(BUFFER.into())));
        let view = Uint8Array::new_with_byte_offset_and_length(&buffer, 0, length);
        stream.reading = true;
        let (ahead, number) = (Rc::clone(self), stream.number);
        let read = JsFuture::from(stream.reader.read_with_array_buffer_view(&view));
        spawn_local(async move {
            let read = read.await.and_then(|r| Reflect::get(&r, &"value".into()));
            ahead.come_through(number, read.ok().and_then(|v| v.dyn_into().ok()));
        });
    }

    /// A part came through the stream; none, or an empty one, if no more will: then reading the rest again says why.
    fn come_through(self: &Rc<Self>, number: u64, bytes: Option<Uint8Array>) {
        let mut stream = self.stream.borrow_mut();
        let Some(open) = stream.as_mut().filter(|s| s.number == number) else { return };
        open.reading = false;
        let came = bytes.as_ref().map_or(0, |b| u64::from(b.length()));
        let mut ended = came == 0;
        if let (Some(front), Some(bytes), false) = (open.ranges.front_mut(), bytes, ended) {
            let range = front.rest.start..front.rest.start + came;
            front.rest.start = range.end;
            if front.left {
                open.spare = Some(bytes.buffer());
            } else {
                let part = Part { number, source: front.source, range, bytes: Some(bytes), streamed: true };
                self.parts.borrow_mut().push_back(part);
            }
            if front.rest.is_empty() {
                open.ranges.pop_front();
                ended = open.ranges.is_empty();
            }
        }
        drop(stream);
        if ended {
            self.end_stream();
        }
        self.pump();
        (self.arrived.borrow())();
    }
}
