//! Records to requests and counts: a line for each token and layer, for a batch and layer, for a pick or for a count, under whatever
//! names. Apart from what they are written in (tables, lines of JSON, Parquet): here rows are put in the order of tokens, and layers
//! side by side. Memory follows the ids, not the lines.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{self, Role, is_prefill, numbers};
use super::counts::Tally;
use super::dumps::without_empty;
use super::finding::listed;
use super::node::Node;
use super::reader::About;
use super::rows::{Rows, Split};
use super::{Finding, Found, Half, Issues, Place, Problem, number_after};
use crate::model::{LAYER_IDS, MAX_EXPERTS, MAX_TOP_K, UNKNOWN};

/// What one record says.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Names of its request, each ended by a zero.
    pub(super) request: Vec<u8>,
    pub(super) layer: Option<u64>,
    pub(super) token: Option<u64>,
    pub(super) step: Option<u64>,
    pub(super) slot: Option<u64>,
    pub(super) rank: Option<u64>,
    pub(super) prefill: Option<bool>,
    /// It is of a block of multi-token prediction.
    pub(super) mtp: bool,
    /// Ids of one token or of several.
    pub(super) ids: Vec<i64>,
    /// Ids of each of several tokens; 0: they are one token's.
    pub(super) width: usize,
    /// One id.
    pub(super) expert: Option<i64>,
    pub(super) count: Option<u64>,
    pub(super) top_k: Option<usize>,
    pub(super) experts: Option<usize>,
}

impl Record {
    pub(super) fn clear(&mut self) {
        let (mut request, mut ids) = (std::mem::take(&mut self.request), std::mem::take(&mut self.ids));
        request.clear();
        ids.clear();
        *self = Self { request, ids, ..Self::default() };
    }

    /// Takes the value of a column.
    pub(super) fn set(&mut self, role: Role, value: &Node) {
        match (role, value) {
            (_, Node::Text(text)) => self.text(role, text.as_bytes()),
            (Role::Ids, Node::Tensor(t)) => {
                self.ids = t.list();
                self.width = if t.shape.len() > 1 { t.shape[t.shape.len() - 1] } else { 0 };
            }
            (Role::Ids, Node::Int(n)) => self.expert = Some(*n),
            (Role::Ids | Role::Phase | Role::Block, _) => {}
            (Role::Request, _) => self.name(b"", value.int().and_then(|n| u64::try_from(n).ok())),
            _ => {
                if let Some(number) = value.int() {
                    self.number(role, number);
                }
            }
        }
    }

    /// Takes the text of a column.
    pub(super) fn text(&mut self, role: Role, text: &[u8]) {
        let words = || String::from_utf8_lossy(text);
        match role {
            Role::Request => self.name(text, None),
            Role::Phase => self.prefill = is_prefill(&words()).or(self.prefill),
            Role::Block => self.mtp |= text.windows(3).any(|w| w.eq_ignore_ascii_case(b"mtp")),
            Role::Layer => self.layer = columns::layer(&words()),
            Role::Ids => drop(numbers(&words(), &mut self.ids)),
            _ => {}
        }
    }

    /// Adds to the name of its request.
    pub(super) fn name(&mut self, text: &[u8], number: Option<u64>) {
        self.request.extend_from_slice(text);
        self.request.extend(number.map_or_else(Vec::new, |n| n.to_string().into_bytes()));
        self.request.push(0);
    }

    /// Takes the number of a column.
    pub(super) fn number(&mut self, role: Role, number: i64) {
        let count = u64::try_from(number).ok();
        match role {
            Role::Expert => self.expert = Some(number),
            Role::Ids | Role::Nth(_) => self.ids.push(number),
            Role::Layer => self.layer = count,
            Role::Slot => self.slot = count,
            Role::Count => self.count = count,
            Role::Token => self.token = count,
            Role::Step => self.step = count,
            Role::Rank => self.rank = count,
            // SGLang's numbers of forward modes.
            Role::Phase if number == 1 || number == 2 => self.prefill = Some(number == 1),
            Role::IsPrefill => self.prefill = Some(number != 0),
            Role::IsDecode => self.prefill = Some(number == 0),
            Role::Mtp => self.mtp = true,
            Role::TopK => self.top_k = usize::try_from(number).ok().filter(|&k| k > 0),
            Role::Experts => self.experts = usize::try_from(number).ok().filter(|&e| e > 0),
            Role::MaybeToken => self.token = self.token.or(count),
            Role::Phase | Role::Request | Role::Block | Role::Of(_) | Role::Other => {}
        }
    }
}

/// The rows of one layer of a request.
#[derive(Debug, Default)]
struct Column {
    ids: Vec<u16>,
    /// Where each row stands, if the records say so.
    keys: Vec<u64>,
    prefill: usize,
    unmarked: usize,
}

/// A request in the making.
#[derive(Debug, Default)]
struct Request {
    layers: BTreeMap<u64, Column>,
    /// Records hold one id each.
    picks: bool,
}

/// Counts of one rank and layer.
#[derive(Debug, Default)]
struct Counter {
    sum: Vec<u64>,
    last: Vec<u64>,
}

/// Records that are being read.
pub(super) struct Records {
    about: About,
    pub(super) found: Found,
    requests: BTreeMap<Vec<u8>, Request>,
    /// The order in which requests came.
    order: Vec<Vec<u8>>,
    /// The request of the record before.
    open: Option<(Vec<u8>, Request)>,
    width: usize,
    /// The ids of a record, kept for the next one's.
    row: Vec<u16>,
    counters: BTreeMap<(u64, u64), Counter>,
    /// No count was smaller than the same one of the step before.
    grows: bool,
    steps: BTreeSet<u64>,
    /// A row for each pick, with nothing that says of which token.
    tally: Tally,
    tallied: bool,
    top_k: Option<usize>,
    experts: usize,
    mtp: (u64, BTreeSet<u64>),
    bare: Option<u64>,
}

impl Records {
    pub(super) fn new(about: About) -> Self {
        // A file of one layer says which in its name.
        let bare = number_after(&about.path, &["layers", "layer", "blk"]);
        Self {
            about,
            found: Found::default(),
            requests: BTreeMap::new(),
            order: Vec::new(),
            open: None,
            width: 0,
            row: Vec::new(),
            counters: BTreeMap::new(),
            grows: true,
            steps: BTreeSet::new(),
            tally: Tally::default(),
            tallied: false,
            top_k: None,
            experts: 0,
            mtp: (0, BTreeSet::new()),
            bare,
        }
    }

    /// Notes what a header says of the model.
    pub(super) fn header(&mut self, top_k: Option<usize>, experts: Option<usize>) {
        self.top_k = top_k.or(self.top_k);
        self.experts = experts.filter(|&e| e as u64 <= MAX_EXPERTS).unwrap_or(self.experts);
    }

    /// Takes a record; none if it is none.
    pub(super) fn push(&mut self, record: &Record, offset: u64) -> Option<()> {
        let place = |layer: u64| Place { layer: u32::try_from(layer).ok(), offset: Some(offset), ..Place::default() };
        self.header(record.top_k, record.experts);
        let layer = record.layer.or(self.bare)?;
        if record.mtp {
            self.mtp.0 += 1;
            self.mtp.1.insert(layer);
            return Some(());
        }
        if layer >= LAYER_IDS {
            let what = format!("layer id {layer}");
            let limit = LAYER_IDS - 1;
            self.found.issues.push(place(layer), Problem::Limit { what, limit });
            return Some(());
        }
        if let (Some(expert), Some(count)) = (record.expert, record.count) {
            self.count(record, layer, u64::try_from(expert).ok()?, count, place(layer));
            return Some(());
        }
        let placed =
            record.token.is_some() || record.step.is_some() || record.slot.is_some() || !record.request.is_empty();
        if let Some(expert) = record.expert.filter(|_| record.ids.is_empty()) {
            let expert_id = u64::try_from(expert);
            if !placed {
                self.tallied = true;
                let limit = self.about.id_limit();
                if let Err(problem) = self.tally.add(layer, expert_id.ok()?, 1, limit) {
                    self.found.issues.push(place(layer), problem);
                }
                return Some(());
            }
            let key = self.key(record);
            let request = self.request(record);
            request.picks = true;
            let column = request.layers.entry(layer).or_default();
            column.push(&[u16::try_from(expert).unwrap_or(UNKNOWN)], key, record.prefill);
            return Some(());
        }
        if record.ids.is_empty() && record.width == 0 {
            return None;
        }
        let width = if record.width > 0 { record.width } else { record.ids.len() };
        if self.width == 0 {
            if width > MAX_TOP_K {
                let what = format!("{width} experts a token");
                self.found.issues.push(place(layer), Problem::Limit { what, limit: MAX_TOP_K as u64 });
                return Some(());
            }
            self.width = width;
        }
        let (expected, key) = (self.width, self.key(record));
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        if width == expected {
            row.extend(record.ids.iter().map(|&id| u16::try_from(id).unwrap_or(UNKNOWN)));
        } else {
            self.found.issues.push(place(layer), Problem::RowWidth { expected, found: width });
            row.resize(expected * (record.ids.len() / width.max(1)), UNKNOWN);
        }
        let request = self.request(record);
        let layers = request.layers.len();
        let column = match request.layers.get_mut(&layer) {
            Some(column) => Some(column),
            None if layers >= crate::model::MAX_LAYERS => None,
            None => Some(request.layers.entry(layer).or_default()),
        };
        match column {
            Some(column) => {
                row.chunks_exact(expected.max(1)).for_each(|row| column.push(row, key, record.prefill));
            }
            None => {
                let what = format!("{} layers", layers + 1);
                self.found.issues.push(place(layer), Problem::Limit { what, limit: crate::model::MAX_LAYERS as u64 });
            }
        }
        self.row = row;
        Some(())
    }

    /// Takes the counts of all experts of a layer, a row of them.
    pub(super) fn push_counts(&mut self, record: &Record, counts: &[u64], offset: u64) -> Option<()> {
        let layer = record.layer?;
        self.experts = self.experts.max(counts.len().min(6144));
        for (expert, &count) in (0..).zip(counts) {
            let place = Place { layer: u32::try_from(layer).ok(), offset: Some(offset), ..Place::default() };
            self.count(record, layer, expert, count, place);
        }
        Some(())
    }

    fn count(&mut self, record: &Record, layer: u64, expert: u64, count: u64, place: Place) {
        // Bounds first: what is above them is never held.
        if let Err(problem) = Tally::default().add(layer, expert, count, self.about.id_limit().min(MAX_EXPERTS)) {
            return self.found.issues.push(place, problem);
        }
        let rank = record.rank.unwrap_or(0);
        if self.counters.len() >= 1 << 16 && !self.counters.contains_key(&(rank, layer)) {
            let limit = 1 << 16;
            return self.found.issues.push(place, Problem::Limit { what: "ranks and layers of counts".into(), limit });
        }
        if let Some(step) = record.step.filter(|_| self.steps.len() < 4) {
            self.steps.insert(step);
        }
        let counter = self.counters.entry((rank, layer)).or_default();
        let at = crate::units::index(expert);
        for of in [&mut counter.sum, &mut counter.last] {
            if of.len() <= at {
                of.resize(at + 1, 0);
            }
        }
        self.grows &= counter.last[at] <= count;
        counter.last[at] = count;
        match counter.sum[at].checked_add(count).filter(|&n| n < crate::model::MAX_COUNT) {
            Some(sum) => counter.sum[at] = sum,
            None => {
                let (what, limit) = ("the sum of all counts".into(), crate::model::MAX_COUNT);
                self.found.issues.push(place, Problem::Limit { what, limit });
            }
        }
    }

    fn key(&self, record: &Record) -> Option<u64> {
        match (record.step, record.token) {
            (None, None) => None,
            (step, token) => {
                Some(step.unwrap_or(0).min(u64::from(u32::MAX)) << 32 | token.unwrap_or(0).min(u64::from(u32::MAX)))
            }
        }
    }

    /// The request of a record: nearly always that of the one before.
    fn request(&mut self, record: &Record) -> &mut Request {
        let mut name = Vec::new();
        let name: &[u8] = if record.request.is_empty() {
            name.extend(record.rank.unwrap_or(0).to_le_bytes());
            &name
        } else {
            &record.request
        };
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            if let Some((before, mut request)) = self.open.take() {
                // What a column has room for beyond its rows adds up over many requests.
                request.layers.values_mut().for_each(Column::shrink);
                self.requests.insert(before, request);
            }
            let request = self.requests.remove(name).unwrap_or_else(|| {
                self.order.push(name.to_vec());
                Request::default()
            });
            self.open = Some((name.to_vec(), request));
        }
        &mut self.open.get_or_insert_with(Default::default).1
    }

    /// What the records hold.
    pub(super) fn finish(mut self) -> Found {
        let mut issues = std::mem::take(&mut self.found.issues);
        if let Some((name, request)) = self.open.take() {
            self.requests.insert(name, request);
        }
        if self.mtp.0 > 0 {
            let (records, layers) = (self.mtp.0, listed(std::mem::take(&mut self.mtp.1)));
            let what = format!(
                "{records} records of blocks of multi-token prediction (mtp, layer {layers}), no layers of the decoder, were"
            );
            issues.find(Finding::Ignored { what });
        }
        let mut widths = None;
        for name in std::mem::take(&mut self.order) {
            let Some(request) = self.requests.remove(&name) else { continue };
            if let Some(rows) = self.rows(request, &mut issues) {
                widths = widths.or(Some(rows.0.width));
                let part = self.bare.is_some() && rows.0.layers.len() == 1;
                let Some(request) = rows.0.finish(&self.about, rows.1, &mut issues) else { continue };
                if part {
                    let of =
                        format!("{}{}", super::dumps::without_layer(&self.about.path), String::from_utf8_lossy(&name));
                    self.found.fragments.push(super::Fragment { of, part: Half::Layers, request });
                } else {
                    self.found.requests.push(request);
                }
            }
        }
        if let (Some(header), Some(rows)) = (self.top_k, widths)
            && header != rows
        {
            issues.find(Finding::HeaderK { header, rows });
        }
        self.counts(&mut issues);
        self.found.issues = issues;
        for (sub, request) in (0..).zip(&mut self.found.requests) {
            request.sub = sub;
        }
        if self.found.is_empty() && self.found.issues.is_empty() {
            self.found.issues.push(Place::default(), Problem::Empty);
        }
        self.found
    }

    /// The counts, summed over ranks and steps.
    fn counts(&mut self, issues: &mut Issues) {
        let mut all = std::mem::take(&mut self.tally);
        let ranks: BTreeSet<u64> = self.counters.keys().map(|(rank, _)| *rank).collect();
        let lifetime = self.grows && self.steps.len() > 2;
        let any = self.tallied || !self.counters.is_empty();
        for ((_, layer), counter) in std::mem::take(&mut self.counters) {
            let counts = if lifetime { counter.last } else { counter.sum };
            let last = (counts.len() as u64).saturating_sub(1);
            for (expert, count) in (0..).zip(counts).filter(|&(expert, count)| count > 0 || expert == last) {
                if let Err(problem) = all.add(layer, expert, count, MAX_EXPERTS) {
                    issues.push(Place { layer: u32::try_from(layer).ok(), ..Place::default() }, problem);
                }
            }
        }
        if !any {
            return;
        }
        let counts = without_empty(all.finish(), issues);
        self.found.add_counts(counts);
        if lifetime {
            issues.find(Finding::Lifetime);
        }
        let what = if self.tallied {
            " (a row for each pick; which token it is of is not in the file, nor how many a token takes)".into()
        } else if ranks.len() > 1 {
            format!(" ({} ranks, added up)", ranks.len())
        } else {
            String::new()
        };
        issues.find(Finding::Counts { what });
        self.found.experts = self.experts.max(self.about.told.experts.unwrap_or(0));
        self.found.top_k = self.about.told.top_k.or(self.top_k).unwrap_or(0);
    }

    /// The rows of a request, in the order of its tokens, and where its prompt ends.
    fn rows(&self, request: Request, issues: &mut Issues) -> Option<(Rows, Split)> {
        let picks = request.picks;
        let mut layers: BTreeMap<u64, Column> = request.layers;
        let width = if picks { grouped(&mut layers, issues)? } else { self.width };
        // Rows stand side by side by their keys, if each layer has each key once; else in the order in which they came.
        let keyed = layers.values().all(|c| {
            let rises = c.keys.windows(2).all(|w| w[0] < w[1]);
            let unique = rises || c.keys.iter().collect::<BTreeSet<_>>().len() == c.keys.len();
            unique && c.keys.len() * width == c.ids.len()
        });
        let mut marked: Option<usize> = None;
        let (mut some, mut none) = (false, false);
        for column in layers.values() {
            marked = marked.max(Some(column.prefill));
            some |= column.unmarked * width < column.ids.len();
            none |= column.unmarked > 0;
        }
        let split = match marked {
            Some(prefill) if some && !none => Split::At(prefill),
            _ => Split::Unmarked,
        };
        let mut rows = Rows { width, experts: self.experts, ..Rows::default() };
        if !keyed {
            for (layer, column) in layers {
                for row in column.ids.chunks_exact(width.max(1)) {
                    rows.push(layer, row, None, issues);
                }
            }
            return Some((rows, split));
        }
        let same = layers.values().collect::<Vec<_>>().windows(2).all(|w| w[0].keys == w[1].keys);
        let sorted = layers.values().all(|c| c.keys.is_sorted());
        let all: Vec<u64> = if same && sorted {
            layers.values().next().map(|c| c.keys.clone()).unwrap_or_default()
        } else {
            layers.values().flat_map(|c| c.keys.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let unknown = vec![UNKNOWN; width];
        for (layer, column) in layers {
            if same && sorted {
                for row in column.ids.chunks_exact(width.max(1)) {
                    rows.push(layer, row, None, issues);
                }
                continue;
            }
            let mut by_key: Vec<(u64, usize)> = column.keys.iter().copied().zip(0..).collect();
            by_key.sort_unstable();
            let mut next = by_key.into_iter().peekable();
            for key in &all {
                let row = next.next_if(|(k, _)| k == key).map(|(_, at)| &column.ids[at * width..(at + 1) * width]);
                rows.push(layer, row.unwrap_or(&unknown), None, issues);
            }
        }
        Some((rows, split))
    }
}

impl Column {
    fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.keys.shrink_to_fit();
    }

    fn push(&mut self, row: &[u16], key: Option<u64>, prefill: Option<bool>) {
        self.ids.extend_from_slice(row);
        self.keys.extend(key);
        self.prefill += usize::from(prefill == Some(true));
        self.unmarked += usize::from(prefill.is_none());
    }
}

/// Picks of one token and layer to a row, in the order in which they came; how wide rows are.
fn grouped(layers: &mut BTreeMap<u64, Column>, issues: &mut Issues) -> Option<usize> {
    let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
    for column in layers.values_mut() {
        if column.keys.len() != column.ids.len() {
            // Slots without tokens: each slot 0 begins a token, but slots are not kept.
            issues.push(
                Place::default(),
                Problem::NotATrace { why: "its picks do not say of which token they are".into() },
            );
            return None;
        }
        let mut order: Vec<usize> = (0..column.keys.len()).collect();
        order.sort_by_key(|&i| column.keys[i]);
        let ids = order.iter().map(|&i| column.ids[i]).collect();
        let keys = order.iter().map(|&i| column.keys[i]).collect();
        (column.ids, column.keys) = (ids, keys);
        column.keys.chunk_by(|a, b| a == b).for_each(|group| *widths.entry(group.len()).or_default() += 1);
    }
    let (&width, _) = widths.iter().max_by_key(|&(width, times)| (*times, *width))?;
    let odd: usize = widths.iter().filter(|(w, _)| **w != width).map(|(_, times)| times).sum();
    if width > MAX_TOP_K {
        let what = format!("{width} experts a token");
        issues.push(Place::default(), Problem::Limit { what, limit: MAX_TOP_K as u64 });
        return None;
    }
    for _ in 0..odd {
        let found = widths.keys().copied().find(|w| *w != width).unwrap_or(0);
        issues.push(Place::default(), Problem::RowWidth { expected: width, found });
    }
    for column in layers.values_mut() {
        let (mut ids, mut keys, mut at) = (Vec::with_capacity(column.ids.len()), Vec::new(), 0);
        for group in column.keys.chunk_by(|a, b| a == b) {
            if group.len() == width {
                ids.extend_from_slice(&column.ids[at..at + width]);
            } else {
                ids.extend(std::iter::repeat_n(UNKNOWN, width));
            }
            keys.push(group[0]);
            at += group.len();
        }
        // Marks were of picks.
        column.prefill = column.prefill.div_ceil(width);
        column.unmarked = column.unmarked.div_ceil(width);
        (column.ids, column.keys) = (ids, keys);
    }
    Some(width)
}
