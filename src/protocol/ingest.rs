//! Files to a [`Dataset`], a slice of bytes at a time. Apart from `format`, which knows one file and no order of files.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::format::{Entry, Issue, Issues, PaperScanner, Place, Problem, Source, entries, is_zip, labels, open_entry};
use crate::model::model_labelled;

/// How files are opened: `std::fs` natively, `File` objects in a worker.
pub trait Files {
    /// Opens the source at a position of the list given by the user.
    ///
    /// # Errors
    /// If it is gone or unreadable.
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>>;
}

/// A file that the user gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path as given, with the folders that were dropped.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// What is read in one go: a file, or an entry of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Position in the order of all units: the index of its request.
    pub index: u64,
    /// Position of the source.
    pub source: usize,
    /// Path, through the archive.
    pub path: String,
    /// The entry, if the source is an archive.
    pub entry: Option<Entry>,
    /// Bytes to read, unpacked.
    pub bytes: u64,
}

/// Finds the units of the user's files, a file a step: archives open, the order is fixed.
pub struct List {
    sources: Vec<SourceFile>,
    next: usize,
    units: Vec<Unit>,
    issues: Vec<Issue>,
}

impl List {
    /// Lists these files.
    #[must_use]
    pub fn new(sources: Vec<SourceFile>) -> Self {
        Self { sources, next: 0, units: Vec::new(), issues: Vec::new() }
    }

    /// Files looked at, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.next as u64, self.sources.len() as u64)
    }

    /// Looks at the next file; the units once all were seen.
    #[inline(never)]
    pub fn step(&mut self, files: &dyn Files) -> Option<(Vec<Unit>, Vec<Issue>)> {
        let Some(source) = self.sources.get(self.next).cloned() else {
            let mut units = std::mem::take(&mut self.units);
            for (index, unit) in (0..).zip(&mut units) {
                unit.index = index;
            }
            return Some((units, std::mem::take(&mut self.issues)));
        };
        if let Err(why) = self.look(files, &source) {
            self.issues.push(unreadable(&source.path, &why));
        }
        self.next += 1;
        None
    }

    fn look(&mut self, files: &dyn Files, source: &SourceFile) -> std::io::Result<()> {
        let mut file = files.open(self.next)?;
        let mut head = Vec::new();
        (&mut file).take(4).read_to_end(&mut head)?;
        if !is_zip(&head) {
            let unit =
                Unit { index: 0, source: self.next, path: source.path.clone(), entry: None, bytes: source.bytes };
            self.units.push(unit);
            return Ok(());
        }
        let (found, refused) = entries(file)?;
        for entry in found {
            let path = format!("{}/{}", source.path, entry.path);
            self.units.push(Unit { index: 0, source: self.next, path, bytes: entry.size, entry: Some(entry) });
        }
        for (path, why) in refused {
            self.issues.push(unreadable(&format!("{}/{path}", source.path), &std::io::Error::other(why)));
        }
        Ok(())
    }
}

/// Reads units into a data set.
pub struct Ingest {
    units: std::vec::IntoIter<Unit>,
    open: Option<Open>,
    buffer: Vec<u8>,
    done: u64,
    total: u64,
}

struct Open {
    unit: Unit,
    reader: Box<dyn Read>,
    scanner: PaperScanner,
}

impl Ingest {
    /// Reads these units.
    #[must_use]
    pub fn new(units: Vec<Unit>) -> Self {
        // Large reads: in a browser each costs about a millisecond, whatever its size.
        let total = units.iter().map(|u| u.bytes).sum();
        Self { units: units.into_iter(), open: None, buffer: vec![0; 1 << 20], done: 0, total }
    }

    /// Bytes read, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Reads one slice, of at most a megabyte, into `dataset`. False once all units are read.
    #[inline(never)]
    pub fn step(&mut self, files: &dyn Files, dataset: &mut Dataset) -> bool {
        let Some(open) = &mut self.open else {
            let Some(unit) = self.units.next() else { return false };
            match reader(files, &unit) {
                Ok(reader) => {
                    let experts = model_labelled(&labels(&unit.path).model).map(|m| m.experts);
                    self.open = Some(Open { unit, reader, scanner: PaperScanner::new(experts) });
                }
                Err(why) => {
                    dataset.files += 1;
                    dataset.issues.push((unit.index, unreadable(&unit.path, &why)));
                }
            }
            return true;
        };
        let more = match open.reader.read(&mut self.buffer) {
            Ok(n) => {
                self.done += n as u64;
                dataset.bytes += n as u64;
                n > 0 && open.scanner.feed(&self.buffer[..n])
            }
            Err(why) => {
                dataset.issues.push((open.unit.index, unreadable(&open.unit.path, &why)));
                false
            }
        };
        if !more && let Some(open) = self.open.take() {
            close(open, dataset);
        }
        true
    }
}

fn close(open: Open, dataset: &mut Dataset) {
    let Open { unit, scanner, .. } = open;
    dataset.files += 1;
    let (request, issues): (_, Issues) = scanner.finish(unit.index, labels(&unit.path));
    let kept = match &request {
        None => "nothing".to_string(),
        Some(r) => format!("{} prefill and {} decode tokens in {} layers", r.prefill, r.decode(), r.layers.len()),
    };
    dataset.issues.extend(issues.finish(&unit.path, &kept).into_iter().map(|i| (unit.index, i)));
    if let Some(request) = request {
        dataset.add(request, &unit.path);
    }
}

fn reader(files: &dyn Files, unit: &Unit) -> std::io::Result<Box<dyn Read>> {
    let file = files.open(unit.source)?;
    Ok(match &unit.entry {
        None => Box::new(file),
        Some(entry) => Box::new(open_entry(file, entry)?),
    })
}

fn unreadable(path: &str, why: &std::io::Error) -> Issue {
    let problem = Problem::Unreadable { why: why.to_string() };
    Issue { file: path.into(), place: Place::default(), problem, count: 1, kept: "nothing".into() }
}
