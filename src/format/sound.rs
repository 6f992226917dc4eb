//! Whether rows of ids are what they look like. Recorders fill what they did not see with zeros, pad rows, fuse shared experts in, cut
//! ids to 8 bits and write slots for experts: each gives a picture that nobody doubts and that is false. Apart from the rows, which
//! only gather: here is everything that is found, done and said. The reader's word (`Told`) goes before every guess.

use std::collections::BTreeMap;

use super::finding::listed;
use super::reader::About;
use super::{Finding, Ids, Issues, Place, Problem};
use crate::model::{MAX_EXPERTS, UNKNOWN};
use crate::units::small;

/// Rows from which on an expert that is in all of them is no chance: of a shared expert.
const SURE: usize = 16;
/// One row in so many lists an id twice: of wrapped ids, not of a damaged file.
const OFTEN: usize = 100;

/// A request that is being read, layer by layer or token by token.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Ids of a row.
    pub(super) width: usize,
    /// The rows of each layer, one after another.
    pub(super) layers: BTreeMap<u32, Vec<u16>>,
    /// E, if the recording says so.
    pub(super) experts: usize,
    /// The ids were stored in 8 bits.
    pub(super) narrow: bool,
}

impl Rows {
    /// Tokens of the longest layer.
    pub(super) fn tokens(&self) -> usize {
        self.layers.values().map(Vec::len).max().unwrap_or(0) / self.width.max(1)
    }
}

/// Judges rows, and mends them: the tokens that were cut off at the start; none if nothing is left.
pub(super) fn judge(rows: &mut Rows, about: &About, issues: &mut Issues) -> Option<usize> {
    narrow(rows, issues);
    if !dense(rows, issues) {
        return None;
    }
    let cut = ends(rows, issues);
    if rows.tokens() == 0 {
        return None;
    }
    shared(rows, about, issues);
    let limit = physical(rows, about, issues);
    if let Some(told) = about.told.experts {
        rows.experts = rows.experts.max(told);
    }
    clean(rows, about, limit, issues);
    rows.layers.retain(|_, ids| ids.iter().any(|&id| id != UNKNOWN));
    (!rows.layers.is_empty()).then_some(cut)
}

/// Whether a row holds no routing: the same id again and again, or nothing.
fn is_void(row: &[u16]) -> bool {
    row.len() > 1 && row.iter().all(|id| *id == row[0]) || row.iter().all(|&id| id == UNKNOWN)
}

/// Columns that hold nothing in any layer: recorders with rows of eight ids pad with -1.
fn narrow(rows: &mut Rows, issues: &mut Issues) {
    let width = rows.width;
    if width < 2 || !rows.layers.values().any(|ids| ids.iter().any(|&id| id != UNKNOWN)) {
        return;
    }
    let used = |k: &usize| rows.layers.values().any(|ids| ids.iter().skip(*k).step_by(width).any(|&id| id != UNKNOWN));
    let Some(last) = (0..width).rev().find(used).filter(|last| last + 1 < width) else { return };
    keep(rows, |k, _| k <= last, last + 1);
    issues.find(Finding::Width { columns: width - last - 1, width });
}

/// Leaves out layers without routing; false if none is left.
fn dense(rows: &mut Rows, issues: &mut Issues) -> bool {
    let width = rows.width.max(1);
    // With one expert a token a layer of zeros is dense, and one of threes has collapsed.
    let zero = |row: &[u16]| row == [0] || is_void(row);
    let (mut repeated, mut unknown) = (Vec::new(), Vec::new());
    rows.layers.retain(|&layer, ids| {
        let void = ids.chunks_exact(width).all(zero);
        if void && !ids.is_empty() {
            let nothing = ids.iter().all(|&id| id == UNKNOWN);
            if nothing { &mut unknown } else { &mut repeated }.push(u64::from(layer));
        }
        !void || ids.is_empty()
    });
    for (layers, what) in
        [(repeated, "each token lists one id again and again (all zero)"), (unknown, "each token lists -1")]
    {
        if !layers.is_empty() {
            let words = if layers.len() == 1 { "layer" } else { "layers" };
            let finding = Finding::NotRecorded { layers: format!("{words} {}", listed(layers)), what: what.into() };
            issues.find(finding);
        }
    }
    rows.layers.values().any(|ids| !ids.is_empty())
}

/// Cuts off tokens without routing at both ends, and padding of 255 anywhere: how many stood at the start.
fn ends(rows: &mut Rows, issues: &mut Issues) -> usize {
    let (width, tokens) = (rows.width.max(1), rows.tokens());
    let of = |token: usize| rows.layers.values().map(move |ids| &ids[token * width..(token + 1) * width]);
    let void = |&token: &usize| of(token).all(is_void);
    let unknown = |token: usize| of(token).all(|row| row.iter().all(|&id| id == UNKNOWN));
    // Unknown ones at the start are a prefix that came from a cache: tokens there are, but not their routing.
    let leading = (0..tokens).take_while(void).filter(|&t| !unknown(t)).count();
    let leading = if leading < tokens { leading } else { 0 };
    let start = if (0..leading).all(|t| !unknown(t)) { leading } else { 0 };
    let is_padding = |token: &usize| {
        let full = |row: &[u16]| row.iter().all(|&id| id == 255);
        of(*token).all(full) && (width > 1 || rows.layers.len() > 1)
    };
    let trailing = (start..tokens).rev().take_while(void).count();
    let end = if start + trailing < tokens { tokens - trailing } else { tokens };
    let inside: Vec<usize> = (start..end).filter(is_padding).collect();
    if start == 0 && end == tokens && inside.is_empty() {
        return 0;
    }
    if start > 0 {
        let of_padding = (0..start).all(|t| is_padding(&t));
        let finding =
            if of_padding { Finding::Padding { rows: start, value: 255 } } else { Finding::Leading { rows: start } };
        issues.find(finding);
    }
    if end < tokens || !inside.is_empty() {
        let first = of(if end < tokens { end } else { inside[0] }).next().and_then(|row| row.first().copied());
        let value = first.filter(|&id| id != UNKNOWN).map_or(-1, i64::from);
        issues.find(Finding::Padding { rows: tokens - end + inside.len(), value });
    }
    for ids in rows.layers.values_mut() {
        let kept = (start..end).filter(|t| inside.binary_search(t).is_err());
        *ids = kept.flat_map(|t| ids[t * width..(t + 1) * width].iter().copied()).collect();
    }
    start
}

/// Takes experts out that every token of every layer lists.
fn shared(rows: &mut Rows, about: &About, issues: &mut Issues) {
    let (width, told) = (rows.width, &about.told);
    let model = about.model.map(|m| m.top_k).filter(|_| told.top_k.is_none());
    // The reader or the model says that so many are routed.
    if told.keep_shared || told.top_k.or(model) == Some(width) || width < 2 || rows.layers.len() < 2 {
        return;
    }
    let mut seen = 0;
    let mut all: Option<Vec<u16>> = None;
    for row in rows.layers.values().flat_map(|ids| ids.chunks_exact(width)).filter(|row| !is_void(row)) {
        seen += 1;
        match &mut all {
            None => all = Some(row.to_vec()),
            Some(all) => all.retain(|id| row.contains(id)),
        }
        if all.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
    }
    let mut ids = all.unwrap_or_default();
    ids.retain(|&id| id != UNKNOWN);
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() || ids.len() >= width || seen < SURE {
        return;
    }
    keep(rows, |_, id| !ids.contains(&id), width - ids.len());
    // A fused expert stands behind the routed ones, and is none of them.
    if ids.iter().any(|&id| usize::from(id) + 1 == rows.experts) {
        rows.experts = ids.iter().map(|&id| usize::from(id)).min().unwrap_or(0);
    }
    issues.find(Finding::Shared { ids: listed(ids.into_iter().map(u64::from)) });
}

/// Keeps some ids of each row, so many; rows that have another number of them become unknown.
fn keep(rows: &mut Rows, wanted: impl Fn(usize, u16) -> bool, count: usize) {
    let width = rows.width;
    for ids in rows.layers.values_mut() {
        let mut kept = Vec::with_capacity(ids.len() / width * count);
        for row in ids.chunks_exact(width) {
            let before = kept.len();
            kept.extend(row.iter().enumerate().filter(|&(k, &id)| wanted(k, id)).map(|(_, &id)| id));
            if kept.len() - before != count {
                kept.truncate(before);
                kept.extend(std::iter::repeat_n(UNKNOWN, count));
            }
        }
        *ids = kept;
    }
    rows.width = count;
}

/// What ids must be below: E, unless they are slots.
fn physical(rows: &mut Rows, about: &About, issues: &mut Issues) -> u64 {
    let model = about.model.filter(|m| m.top_k == rows.width || about.told.top_k.is_some()).map(|m| m.experts);
    let named = about.told.experts.or(model).or(if about.model.is_none() { about.experts } else { None });
    let most = rows.layers.values().flatten().copied().filter(|&id| id != UNKNOWN).max().unwrap_or(0);
    let slots = || usize::from(most) + 1;
    let Some(experts) = named else {
        if about.told.ids == Some(Ids::Physical) {
            let (why, done) = ("as you say".into(), format!("the picture is of {} slots", slots()));
            issues.find(Finding::Physical { why, done });
        }
        return MAX_EXPERTS;
    };
    let width = rows.width.max(1);
    let above = |row: &[u16]| row.iter().any(|&id| id != UNKNOWN && usize::from(id) >= experts);
    let count = rows.layers.values().flat_map(|ids| ids.chunks_exact(width)).filter(|row| above(row)).count();
    let all = rows.layers.values().map(|ids| ids.len() / width).sum::<usize>();
    let looks = count * OFTEN > all;
    match about.told.ids {
        Some(Ids::Logical) => return experts as u64,
        None if !looks => return experts as u64,
        Some(Ids::Physical) | None => {}
    }
    let why =
        if looks { format!("ids up to {most}, and the model has {experts} experts") } else { "as you say".into() };
    let done = format!("without a map to experts the picture is of {} slots, not of experts", slots());
    issues.find(Finding::Physical { why, done });
    rows.experts = rows.experts.max(slots());
    MAX_EXPERTS
}

/// Rows that cannot stand become unknown.
fn clean(rows: &mut Rows, about: &About, limit: u64, issues: &mut Issues) {
    let width = rows.width.max(1);
    let (mut twice, mut all, mut most) = (0, 0, 0);
    let mut wrong: Vec<(Place, Problem)> = Vec::new();
    let mut count: BTreeMap<u8, u64> = BTreeMap::new();
    for (&layer, ids) in &mut rows.layers {
        for (token, row) in ids.chunks_exact_mut(width).enumerate() {
            all += 1;
            most = row.iter().copied().filter(|&id| id != UNKNOWN).fold(most, u16::max);
            let Some(problem) = row_problem(row, limit) else { continue };
            let kind = match problem {
                Problem::Duplicate { .. } => 0,
                Problem::NotRecorded => 1,
                _ => 2,
            };
            twice += usize::from(kind == 0);
            *count.entry(kind).or_default() += 1;
            if count[&kind] == 1 {
                wrong.push((Place { layer: Some(layer), token: Some(small(token)), ..Place::default() }, problem));
            }
            row.fill(UNKNOWN);
        }
    }
    let told = about.told.experts.is_some_and(|e| e > 256);
    let often = twice * OFTEN > all;
    let wrapped = (rows.narrow && (told || often) && most > 0) || (often && (192..256).contains(&most));
    for (place, problem) in wrong {
        let kind = match problem {
            Problem::Duplicate { .. } => 0,
            Problem::NotRecorded => 1,
            _ => 2,
        };
        if wrapped && kind == 0 {
            continue;
        }
        for _ in 0..count[&kind] {
            issues.push(place, problem.clone());
        }
    }
    if wrapped {
        let why = if twice > 0 {
            format!("and {twice} of {all} rows list one id twice")
        } else {
            format!("and the model has {} experts", about.told.experts.unwrap_or(0))
        };
        issues.find(Finding::Wrapped { why });
    }
}

/// Why a row of ids cannot stand, if it cannot.
pub(super) fn row_problem(row: &[u16], experts: u64) -> Option<Problem> {
    if row.contains(&UNKNOWN) {
        return Some(Problem::NotRecorded);
    }
    if let Some(&id) = row.iter().find(|&&id| u64::from(id) >= experts) {
        return Some(Problem::IdRange { id: id.into(), limit: experts });
    }
    (1..row.len()).find(|&i| row[..i].contains(&row[i])).map(|i| Problem::Duplicate { id: row[i] })
}
