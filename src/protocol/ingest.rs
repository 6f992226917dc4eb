//! Files to a [`Dataset`], a slice of bytes at a time. Apart from `format`, which knows one file and no order of files.

use std::io::Read;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Cut, Dataset, Piece};
use crate::format::{
    About, Container, HEAD, Issue, Packing, PaperScanner, Place, Problem, Reading, Refused, Source, container, entries,
    is_tar, labels, open_entry, reader, tar_members, unwrap,
};
use crate::model::model_labelled;

/// How files are opened: `std::fs` natively, `File` objects in a worker.
pub trait Files {
    /// Opens the source at a position of the list given by the user.
    ///
    /// # Errors
    /// If it is gone or unreadable.
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>>;

    /// Says that a range of a source will be read soon, in the order of these calls: up to where that is under way. `waits` says
    /// that [`Files::is_here`] is asked before each read of it. Natively the system reads ahead.
    fn ahead(&self, _source: usize, range: Range<u64>, _waits: bool) -> u64 {
        range.end
    }

    /// Says that nothing more of a range is read.
    fn leave(&self, _source: usize, _range: Range<u64>) {}

    /// Whether a byte can be read without waiting for one that [`Files::ahead`] has asked for. A job that it answers no to
    /// is not stepped again before the byte has come.
    fn is_here(&self, _source: usize, _at: u64) -> bool {
        true
    }

    /// Whether there is memory for more. Natively the system decides.
    fn has_room(&self) -> bool {
        true
    }
}

/// Times of its packed size that a file may unpack to, beyond the first bytes.
const EXPANSION: u64 = 250;
/// Bytes that any file may unpack to.
const FREE: u64 = 256 << 20;

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
    /// How it is packed.
    pub packing: Packing,
    /// Bytes to read: unpacked, as far as the container tells.
    pub bytes: u64,
    /// Which section of the file it is, if not all of it.
    pub cut: Option<Cut>,
}

impl Unit {
    /// Where it lies in its source; none inside a compressed tar.
    fn range(&self) -> Option<Range<u64>> {
        match &self.packing {
            Packing::Plain | Packing::Wrapped(_) => Some(self.start()..self.start() + self.bytes),
            // Nearly: the entry's own header is a few bytes longer than its name.
            Packing::Zip(entry) => Some(entry.header..entry.header.saturating_add(entry.packed).saturating_add(64)),
            &Packing::Member { around: None, start, size } => Some(start..start.saturating_add(size)),
            Packing::Member { around: Some(_), .. } => None,
        }
    }

    /// Where its first byte lies in the file.
    fn start(&self) -> u64 {
        self.cut.as_ref().map_or(0, |c| c.range.start)
    }
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
        // Half of the time of a folder of small files would go to their first bytes. What a name lies about, reading finds.
        if is_json(&source.path) {
            self.push(source.path.clone(), Packing::Plain, source.bytes);
            return Ok(());
        }
        let mut file = files.open(self.next)?;
        let head = head(&mut file)?;
        let found = container(&head);
        let refused = match found {
            None => {
                self.push(source.path.clone(), Packing::Plain, source.bytes);
                Vec::new()
            }
            Some(Container::Zip) => {
                let (found, refused) = entries(file)?;
                for entry in found {
                    let (path, size) = (format!("{}/{}", source.path, entry.path), entry.size);
                    self.push(path, Packing::Zip(entry), size);
                }
                refused
            }
            Some(Container::Tar) => self.tar(source, files.open(self.next)?, None)?,
            Some(around) => {
                if is_tar(&self::head(&mut unwrap(files.open(self.next)?, around)?)?) {
                    let inside = unwrap(files.open(self.next)?, around)?;
                    self.tar(source, inside, Some(around))?
                } else {
                    let path = source.path.trim_end_matches(".gz").trim_end_matches(".zst");
                    self.push(path.into(), Packing::Wrapped(around), source.bytes);
                    Vec::new()
                }
            }
        };
        for Refused { path, why, kept } in refused {
            let problem = Problem::Unreadable { why };
            self.issues.push(of_file(&format!("{}/{path}", source.path), problem, &kept));
        }
        Ok(())
    }

    fn tar(
        &mut self,
        source: &SourceFile,
        inside: impl Read,
        around: Option<Container>,
    ) -> std::io::Result<Vec<Refused>> {
        let (found, refused) = tar_members(inside)?;
        for (path, start, size) in found {
            self.push(format!("{}/{path}", source.path), Packing::Member { around, start, size }, size);
        }
        Ok(refused)
    }

    fn push(&mut self, path: String, packing: Packing, bytes: u64) {
        self.units.push(Unit { index: 0, source: self.next, path, packing, bytes, cut: None });
    }
}

/// Whether a file's name says that it is JSON.
pub(super) fn is_json(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".json")
}

fn head(source: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.take(512).read_to_end(&mut head)?;
    Ok(head)
}

/// Reads units into a data set.
pub struct Ingest {
    units: std::vec::IntoIter<Unit>,
    /// How many units, from the last on, and from where in their first one, are not asked for yet.
    unasked: (usize, u64),
    open: Option<Open>,
    /// A compressed tar that is being read: members that come later in it need no second start.
    cursor: Option<Cursor>,
    buffer: Vec<u8>,
    done: u64,
    total: u64,
}

struct Cursor {
    source: usize,
    at: u64,
    reader: Box<dyn Read>,
}

struct Open {
    unit: Unit,
    /// Its own reader, or what is left of it behind the cursor.
    reader: Result<Box<dyn Read>, u64>,
    body: Body,
    bytes: u64,
    /// Why no more bytes come, once none do: the end, or a compression that is cut off.
    ended: Option<String>,
}

enum Body {
    /// Too few bytes to tell.
    Unknown(Vec<u8>),
    Read(Box<dyn Reading>),
    Section(Box<PaperScanner>),
}

impl Ingest {
    /// Reads these units.
    #[must_use]
    pub fn new(mut units: Vec<Unit>) -> Self {
        // Members of a compressed tar in the order in which they stand: the index keeps the order that counts.
        units.sort_by_key(|u| match u.packing {
            Packing::Member { around: Some(_), start, .. } => (u.source, start),
            _ => (u.source, u.index),
        });
        let total = units.iter().map(|u| u.bytes).sum();
        // Large reads: in a browser each costs about a millisecond, whatever its size.
        let unasked = (units.len(), 0);
        Self { units: units.into_iter(), unasked, open: None, cursor: None, buffer: vec![0; 1 << 20], done: 0, total }
    }

    /// Bytes read, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Reads one slice, of at most a megabyte, into `dataset`. False once all units are read.
    #[inline(never)]
    pub fn step(&mut self, files: &dyn Files, dataset: &mut Dataset) -> bool {
        if !files.has_room() {
            self.stop(dataset);
            return false;
        }
        self.ask(files);
        let next = match &self.open {
            Some(open) if matches!(open.unit.packing, Packing::Plain) => {
                Some((open.unit.source, open.unit.start() + open.bytes))
            }
            Some(_) => None,
            None => self.units.as_slice().first().and_then(|u| Some((u.source, u.range()?.start))),
        };
        if next.is_some_and(|(source, at)| !files.is_here(source, at)) {
            return true;
        }
        let Some(open) = &mut self.open else {
            let Some(unit) = self.units.next() else { return false };
            match self.reader(files, &unit) {
                Ok(reader) => {
                    self.open = Some(Open { unit, reader, body: Body::Unknown(Vec::new()), bytes: 0, ended: None })
                }
                Err(why) => {
                    let issue = unreadable(&unit.path, &why);
                    give_up(dataset, unit, issue);
                }
            }
            return true;
        };
        let read = match (&mut open.reader, &mut self.cursor) {
            (Ok(reader), _) => reader.read(&mut self.buffer),
            (Err(left), Some(cursor)) => {
                let most = self.buffer.len().min(crate::units::index(*left));
                let n = cursor.reader.read(&mut self.buffer[..most]);
                if let Ok(n) = n {
                    *left -= n as u64;
                    cursor.at += n as u64;
                }
                n
            }
            (Err(_), None) => Ok(0),
        };
        let more = match read {
            Ok(n) => {
                self.done += n as u64;
                open.bytes += n as u64;
                // Those of a file in sections are counted when it is put together.
                dataset.bytes += if open.unit.cut.is_none() { n as u64 } else { 0 };
                if let Some(problem) = open.refusal(&self.buffer[..n]) {
                    // Not closed: what a bomb held before it was one is no request.
                    let issue = of_file(&open.unit.path, problem, "nothing");
                    self.abandon(files, dataset, issue);
                    return true;
                }
                if n == 0 {
                    open.end();
                }
                n > 0 && open.feed(&self.buffer[..n])
            }
            // Cut off, not damaged: what came before is as sound as that of a file that nobody compressed.
            Err(why)
                if why.kind() == std::io::ErrorKind::UnexpectedEof && open.unit.cut.is_none() && !open.is_checked() =>
            {
                open.ended = Some(format!("it is cut off: {why}"));
                false
            }
            Err(why) => {
                // Nothing of it is kept: what came before a checksum that does not match is as doubtful as the rest.
                let issue = unreadable(&open.unit.path, &why);
                self.abandon(files, dataset, issue);
                return true;
            }
        };
        if !more && let Some(open) = self.open.take() {
            files.leave(open.unit.source, open.unit.range().unwrap_or_default());
            open.close(dataset);
        }
        true
    }

    /// Asks for what will be read next.
    fn ask(&mut self, files: &dyn Files) {
        let units = self.units.as_slice();
        let (left, from) = &mut self.unasked;
        // The open unit is the first, as long as not all of it is asked for; of one that was given up nothing is.
        let most = units.len() + usize::from(self.open.is_some());
        if *left > most {
            (*left, *from) = (most, 0);
        }
        while *left > 0 {
            let unit = match (units.len().checked_sub(*left), &self.open) {
                (Some(at), _) => Some(&units[at]),
                (None, open) => open.as_ref().map(|o| &o.unit),
            };
            if let Some(unit) = unit
                && let Some(range) = unit.range()
            {
                let waits = matches!(unit.packing, Packing::Plain);
                *from = files.ahead(unit.source, range.start.max(*from)..range.end, waits);
                if *from < range.end {
                    return;
                }
            }
            (*left, *from) = (*left - 1, 0);
        }
    }

    /// Gives up the open unit.
    fn abandon(&mut self, files: &dyn Files, dataset: &mut Dataset, issue: Issue) {
        if let Some(Open { unit, .. }) = self.open.take() {
            files.leave(unit.source, unit.range().unwrap_or_default());
            give_up(dataset, unit, issue);
        }
    }

    /// Ends for lack of memory; what was read before stays.
    fn stop(&mut self, dataset: &mut Dataset) {
        let open = self.open.take().map(|o| o.unit);
        for unit in open.into_iter().chain(self.units.by_ref()) {
            let issue = of_file(&unit.path, Problem::Memory, "nothing of it; what was read before stays");
            give_up(dataset, unit, issue);
        }
        self.cursor = None;
    }

    fn reader(&mut self, files: &dyn Files, unit: &Unit) -> std::io::Result<Result<Box<dyn Read>, u64>> {
        let mut file = files.open(unit.source)?;
        Ok(match &unit.packing {
            Packing::Plain => {
                file.seek(std::io::SeekFrom::Start(unit.start()))?;
                Ok(Box::new(file))
            }
            Packing::Zip(entry) => Ok(Box::new(open_entry(file, entry)?)),
            Packing::Wrapped(around) => Ok(unwrap(file, *around)?),
            &Packing::Member { around: None, start, size } => {
                file.seek(std::io::SeekFrom::Start(start))?;
                Ok(Box::new(file.take(size)))
            }
            &Packing::Member { around: Some(around), start, size } => {
                let ahead = self.cursor.take().filter(|c| c.source == unit.source && c.at <= start);
                let mut cursor = match ahead {
                    Some(cursor) => cursor,
                    None => Cursor { source: unit.source, at: 0, reader: unwrap(file, around)? },
                };
                cursor.at += std::io::copy(&mut (&mut cursor.reader).take(start - cursor.at), &mut std::io::sink())?;
                self.cursor = Some(cursor);
                Err(size)
            }
        })
    }
}

impl Open {
    /// Why nothing of this unit is read, if its bytes so far tell.
    fn refusal(&self, bytes: &[u8]) -> Option<Problem> {
        let unknown = matches!(&self.body, Body::Unknown(head) if head.is_empty());
        let packed = match &self.unit.packing {
            // Taken for a plain one by its name.
            Packing::Plain if unknown && self.unit.start() == 0 && container(bytes).is_some() => {
                let why = "it is packed, though its name ends in .json; give it the ending of its archive".into();
                return Some(Problem::NotATrace { why });
            }
            Packing::Zip(entry) if !entry.stored => entry.packed,
            Packing::Wrapped(_) => self.unit.bytes,
            _ => return None,
        };
        // Published traces unpack to thirty times their size, repetition alone to a thousand.
        let bomb = self.bytes > FREE && self.bytes / packed.max(1) > EXPANSION;
        bomb.then_some(Problem::Expansion { limit: EXPANSION })
    }

    /// Takes the next bytes; false if no more are wanted.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        match &mut self.body {
            Body::Unknown(head) => {
                // Those who unpack give a few bytes at first.
                head.extend_from_slice(bytes);
                head.len() < HEAD || self.begin()
            }
            Body::Read(reading) => reading.feed(bytes),
            Body::Section(scanner) => scanner.feed(bytes),
        }
    }

    /// Notes the end, and whether it came too early.
    fn end(&mut self) {
        let whole = matches!(self.unit.packing, Packing::Plain | Packing::Member { .. }) && self.unit.cut.is_none();
        let early = whole && self.bytes < self.unit.bytes;
        let why = || format!("it ends after {} of {} bytes", self.bytes, self.unit.bytes);
        self.ended = Some(if early { why() } else { String::new() });
    }

    /// Whether it has a checksum of its own that must match.
    fn is_checked(&self) -> bool {
        matches!(self.unit.packing, Packing::Zip(_))
    }

    /// Chooses the reader by the first bytes, and gives them to it.
    fn begin(&mut self) -> bool {
        let Body::Unknown(head) = &mut self.body else { return true };
        let head = std::mem::take(head);
        let reader = reader(&head);
        self.body = match self.unit.cut.as_ref().map(|c| &c.range) {
            None => Body::Read((reader.open)(self.about())),
            Some(range) if range.start > 0 || reader.is_paper() => {
                Body::Section(Box::new(PaperScanner::of_section(self.about().experts, range)))
            }
            Some(_) => return false,
        };
        self.feed(&head)
    }

    /// What the folders tell.
    fn about(&self) -> About {
        let labels = labels(&self.unit.path);
        About { index: self.unit.index, experts: model_labelled(&labels.model).map(|m| m.experts), labels }
    }

    fn close(mut self, dataset: &mut Dataset) {
        if matches!(self.body, Body::Unknown(_)) {
            self.begin();
        }
        let Open { unit, body, bytes, ended, .. } = self;
        if unit.cut.is_some() {
            let section = match body {
                Body::Section(scanner) => scanner.section(),
                _ => None,
            };
            dataset.pieces.push(Piece { unit, section });
            return;
        }
        dataset.files += 1;
        let Body::Read(reading) = body else { return };
        let mut found = reading.finish();
        if let Some(bytes) = &found.summary {
            return summary(dataset, &unit, bytes);
        }
        if let Some(why) = ended.filter(|why| !why.is_empty()) {
            found.issues.push(Place { offset: Some(bytes), ..Place::default() }, Problem::Unreadable { why });
        }
        let kept = found.kept();
        dataset.issues.extend(found.issues.finish(&unit.path, &kept).into_iter().map(|i| (unit.index, i)));
        dataset.add_counts(&labels(&unit.path), &found.counts, unit.index, &unit.path);
        dataset.add(found.requests, &unit.path);
    }
}

/// A unit of which nothing is kept. Of a section that is said when the file is read in one go.
fn give_up(dataset: &mut Dataset, unit: Unit, issue: Issue) {
    if unit.cut.is_some() {
        dataset.pieces.push(Piece { unit, section: None });
    } else {
        dataset.files += 1;
        dataset.issues.push((unit.index, issue));
    }
}

/// A summary file brings everything that its own load found.
fn summary(dataset: &mut Dataset, unit: &Unit, bytes: &[u8]) {
    match super::from_moesum(bytes) {
        Ok(found) => {
            // What was read for it: the counted bytes are those of its traces, as on the machine that made it.
            dataset.files -= 1;
            dataset.bytes = dataset.bytes.saturating_sub(bytes.len() as u64);
            dataset.merge(found);
        }
        Err(why) => dataset.issues.push((unit.index, unreadable(&unit.path, &why))),
    }
}

fn unreadable(path: &str, why: &impl ToString) -> Issue {
    of_file(path, Problem::Unreadable { why: why.to_string() }, "nothing")
}

/// An issue of a whole file.
fn of_file(path: &str, problem: Problem, kept: &str) -> Issue {
    Issue { file: path.into(), place: Place::default(), problem, count: 1, kept: kept.into() }
}
