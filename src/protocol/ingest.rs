//! Units to a [`Dataset`], a slice of bytes at a time. Apart from `format`, which knows one file and no order of files.

use std::io::Read;

use super::files::What;
use super::files::{of_file, unreadable};
use super::list::is_json;
use super::{Dataset, Files, Piece, Unit};
use crate::format::{
    About, HEAD, Issue, Packing, PaperScanner, Place, Problem, Reader, Reading, container, labels, open_entry, rank,
    reader, unwrap,
};
use crate::model::model_labelled;

/// Times of its packed size that a file may unpack to, beyond the first bytes.
const EXPANSION: u64 = 250;
/// Bytes that any file may unpack to.
const FREE: u64 = 256 << 20;

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
    Read(Box<dyn Reading>, &'static Reader),
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

/// The first bytes of a unit, unpacked, by which its reader is told.
///
/// # Errors
/// If it cannot be opened or unpacked.
pub fn head(files: &dyn Files, unit: &Unit) -> std::io::Result<Vec<u8>> {
    let mut ingest = Ingest::new(Vec::new());
    let mut head = Vec::new();
    match ingest.reader(files, unit)? {
        Ok(reader) => reader.take(HEAD as u64).read_to_end(&mut head)?,
        Err(size) => match ingest.cursor {
            Some(cursor) => cursor.reader.take(size.min(HEAD as u64)).read_to_end(&mut head)?,
            None => 0,
        },
    };
    Ok(head)
}

impl Open {
    /// Why nothing of this unit is read, if its bytes so far tell.
    fn refusal(&self, bytes: &[u8]) -> Option<Problem> {
        let unknown = matches!(&self.body, Body::Unknown(head) if head.is_empty());
        let packed = match &self.unit.packing {
            // Taken for a plain one by its name.
            Packing::Plain
                if unknown && self.unit.start() == 0 && is_json(&self.unit.path) && container(bytes).is_some() =>
            {
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
            Body::Read(reading, _) => reading.feed(bytes),
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
            None => Body::Read((reader.open)(self.about()), reader),
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
        let model = model_labelled(&labels.model);
        let (path, told) = (self.unit.path.clone(), self.unit.told.clone());
        About { index: self.unit.index, experts: told.experts.or(model.map(|m| m.experts)), model, labels, path, told }
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
            dataset.pieces.push(Piece { unit, what: What::Section(section) });
            return;
        }
        dataset.files += 1;
        let Body::Read(reading, reader) = body else { return };
        let mut found = reading.finish();
        dataset.seen.add(&unit, reader, &found);
        if let Some(bytes) = &found.summary {
            return summary(dataset, &unit, bytes);
        }
        if let Some(why) = ended.filter(|why| !why.is_empty()) {
            found.issues.push(Place { offset: Some(bytes), ..Place::default() }, Problem::Unreadable { why });
        }
        let kept = found.kept();
        dataset
            .issues
            .extend(std::mem::take(&mut found.issues).finish(&unit.path, &kept).into_iter().map(|i| (unit.index, i)));
        dataset.add_counts(&labels(&unit.path), &found, unit.index, &unit.path);
        found.requests.iter_mut().for_each(|r| r.mark(unit.told.unmarked));
        let seen = (!found.requests.is_empty() || !found.counts.is_empty()).then_some(!found.counts.is_empty());
        dataset.add(found.requests, &unit.path);
        let piece = |what| Piece { unit: unit.clone(), what };
        dataset.pieces.extend(found.fragments.into_iter().map(What::Fragment).map(piece));
        dataset.pieces.extend(seen.filter(|_| rank(&unit.path).is_some()).map(|counts| piece(What::Seen { counts })));
    }
}

/// A unit of which nothing is kept. Of a section that is said when the file is read in one go.
fn give_up(dataset: &mut Dataset, unit: Unit, issue: Issue) {
    if unit.cut.is_some() {
        dataset.pieces.push(Piece { unit, what: What::Section(None) });
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
