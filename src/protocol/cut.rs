//! Large files in sections, so that all workers read one file. Apart from [`super::Ingest`], which reads a section as it reads a
//! file: this cuts before, and puts together after, or says what must be read in one go.

use super::files::What;
use super::list::is_json;
use super::{Cut, Dataset, Piece, Unit};
use crate::format::{Found, Packing, READERS, Section, join, labels};

/// What sections begin at multiples of: where a browser reads in parts of this size, none of them is of two sections.
const STEP: u64 = 8 << 20;
/// Bytes of the smallest section.
const LEAST: u64 = 2 * STEP;

/// Cuts what is larger than half of a worker's share of everything: the end of a load is one worker's otherwise.
#[must_use]
pub fn cut(units: Vec<Unit>, workers: usize) -> Vec<Unit> {
    let (total, workers) = (units.iter().map(|u| u.bytes).sum::<u64>(), workers.max(1) as u64);
    let mut all = Vec::new();
    for unit in units {
        let size = (unit.bytes / workers).next_multiple_of(STEP).max(LEAST);
        let large = unit.bytes > total / workers / 2 && unit.bytes > size && workers > 1;
        if !large || !matches!(unit.packing, Packing::Plain) || !is_json(&unit.path) {
            all.push(unit);
            continue;
        }
        let whole = unit.bytes;
        for start in (0..whole).step_by(crate::units::index(size)) {
            let last = start + size >= whole;
            let range = start..if last { u64::MAX } else { start + size };
            all.push(Unit { bytes: whole.min(start + size) - start, cut: Some(Cut { range, whole }), ..unit.clone() });
        }
    }
    all
}

impl Dataset {
    /// Adds the requests of files that were read in parts; the files that must be read in one go.
    pub fn join(&mut self) -> Vec<Unit> {
        let mut again = Vec::new();
        let start = |p: &Piece| p.unit.cut.as_ref().map_or(0, |c| c.range.start);
        self.pieces.sort_by_key(|p| (p.unit.index, start(p)));
        let (mut sections, mut others) = (Vec::new(), Vec::new());
        for Piece { unit, what } in std::mem::take(&mut self.pieces) {
            match what {
                What::Section(section) => sections.push((unit, section)),
                other => others.push((unit, other)),
            }
        }
        self.join_files(others);
        let mut pieces = sections.into_iter().peekable();
        while let Some((unit, first)) = pieces.next() {
            let index = unit.index;
            let mut sections = vec![first];
            while let Some((_, next)) = pieces.next_if(|(unit, _)| unit.index == index) {
                sections.push(next);
            }
            let bytes = unit.cut.as_ref().map_or(0, |c| c.whole);
            let unit = Unit { bytes, cut: None, ..unit };
            let sections: Option<Vec<Section>> = sections.into_iter().collect();
            match sections.and_then(|s| join(s, index, labels(&unit.path))) {
                Some(request) => {
                    self.files += 1;
                    self.bytes += bytes;
                    let found = Found { requests: vec![request], ..Found::default() };
                    READERS.iter().filter(|r| r.is_paper()).for_each(|paper| self.seen.add(&unit, paper, &found));
                    self.add(found.requests, &unit.path);
                }
                None => again.push(unit),
            }
        }
        again
    }
}
