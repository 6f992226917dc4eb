//! `File` objects as seekable readers in a worker. Reading is synchronous there, so the jobs need no second, async form.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{File, FileReaderSync};

use super::ahead::Ahead;
use crate::format::Source;
use crate::protocol::Files;

/// Window sizes: a slice costs about a millisecond whatever its length, but an archive's directory is read in small jumps.
const SMALLEST: u64 = 64 << 10;
const FIRST: u64 = 1 << 20;
const LARGEST: u64 = 4 << 20;
/// Bytes of a worker's memory beyond which nothing more is read.
const MOST_MEMORY: f64 = 2.5e9;

/// The files that the page gave to a worker.
#[derive(Default)]
pub(super) struct GivenFiles {
    files: RefCell<Vec<File>>,
    pub(super) ahead: Rc<Ahead>,
    /// The job must wait for a part that is coming.
    waits: Cell<bool>,
}

impl GivenFiles {
    /// Replaces the files.
    pub(super) fn give(&self, files: Vec<File>) {
        self.ahead.clear();
        *self.files.borrow_mut() = files;
    }

    /// Whether the job that was just stepped waits for a part.
    pub(super) fn take_waits(&self) -> bool {
        self.waits.take()
    }
}

impl Files for GivenFiles {
    fn open(&self, source: usize) -> io::Result<Box<dyn Source>> {
        let file = self.files.borrow().get(source).cloned();
        let file = file.ok_or_else(|| io::Error::other("the file was not given"))?;
        Ok(Box::new(BlobReader::new(source, file, Rc::clone(&self.ahead))?))
    }

    fn ahead(&self, source: usize, range: Range<u64>, waits: bool) -> u64 {
        self.files.borrow().get(source).map_or(range.end, |file| self.ahead.want(source, file, &range, waits))
    }

    fn leave(&self, source: usize, range: Range<u64>) {
        self.ahead.leave(source, &range);
    }

    fn is_here(&self, source: usize, at: u64) -> bool {
        let waits = self.ahead.is_coming(source, at);
        self.waits.set(waits);
        !waits
    }

    /// WebAssembly has four gigabytes at most, and putting the parts together needs some of them.
    fn has_room(&self) -> bool {
        memory() < MOST_MEMORY
    }
}

struct BlobReader {
    source: usize,
    file: File,
    ahead: Rc<Ahead>,
    reader: Option<FileReaderSync>,
    length: u64,
    at: u64,
    window: Vec<u8>,
    window_start: u64,
    next_size: u64,
}

impl BlobReader {
    fn new(source: usize, file: File, ahead: Rc<Ahead>) -> io::Result<Self> {
        let length = crate::units::floor(file.size()) as u64;
        Ok(Self {
            source,
            file,
            ahead,
            reader: None,
            length,
            at: 0,
            window: Vec::new(),
            window_start: 0,
            next_size: FIRST,
        })
    }

    /// Loads the window that starts at the current position; `wanted` bytes are asked for.
    fn load(&mut self, wanted: usize) -> io::Result<()> {
        // Who asks for a file's first bytes only wants to know what it is.
        let sequential = self.at == self.window_start + self.window.len() as u64 && wanted as u64 > SMALLEST / 16;
        let size = if sequential { self.next_size } else { SMALLEST };
        self.next_size = (size * 4).min(LARGEST);
        let end = (self.at + size).min(self.length);
        let slice = self.file.slice_with_f64_and_f64(self.at as f64, end as f64).map_err(|e| failed(&e))?;
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => FileReaderSync::new().map_err(|e| failed(&e))?,
        };
        let buffer = reader.read_as_array_buffer(&slice).map_err(|e| failed(&e))?;
        self.reader = Some(reader);
        self.window = js_sys::Uint8Array::new(&buffer).to_vec();
        self.window_start = self.at;
        if self.window.is_empty() {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        Ok(())
    }
}

impl Read for BlobReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length || out.is_empty() {
            return Ok(0);
        }
        if let Some(n) = self.ahead.read(self.source, self.at, out) {
            self.at += n as u64;
            return Ok(n);
        }
        let inside = |r: &Self| r.at.checked_sub(r.window_start).filter(|&o| o < r.window.len() as u64);
        if inside(self).is_none() {
            self.load(out.len())?;
        }
        let from = crate::units::index(inside(self).unwrap_or(0));
        let n = out.len().min(self.window.len() - from);
        out[..n].copy_from_slice(&self.window[from..from + n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.length.checked_add_signed(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
        };
        self.at =
            at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the file's start"))?;
        Ok(self.at)
    }
}

fn failed(error: &JsValue) -> io::Error {
    let name = js_sys::Reflect::get(error, &"message".into()).ok().and_then(|m| m.as_string());
    io::Error::other(
        name.unwrap_or_else(|| "the browser could not read the file; it may have been moved or changed".into()),
    )
}

/// Bytes of this worker's memory: it grows and never shrinks.
pub(super) fn memory() -> f64 {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let buffer: js_sys::ArrayBuffer = memory.buffer().unchecked_into();
    f64::from(buffer.byte_length())
}
