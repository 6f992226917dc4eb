//! Push scanner for paper traces (`[{"0":null,"1":[[106],[89]]}, …]`). Apart from JSON libraries because it takes chunks
//! as they come from a stream, never holds the file, and names step, layer, token and byte offset of whatever is wrong.
//!
//! Two thirds of a published trace are indentation, and what stands between two ids is the same from row to row and from step to
//! step. So the one thing that is tuned is to know it again: one comparison in place of a byte at a time.

use super::gap::{Event, Gap, LONGEST_GAP, MOST_EVENTS, What, ends_id, short_id, skip_space};
use super::state::{State, expected, found};
use super::{Issues, Place, Problem, Section};
use std::ops::Range;

use crate::model::{Labels, MAX_EXPERTS, MAX_LAYERS, MAX_TOKENS, MAX_TOP_K, Request, UNKNOWN, may_hold};
use crate::units::{index, small};

/// Takes the bytes of one file in any slicing and gives its request.
#[derive(Debug)]
pub struct PaperScanner {
    state: State,
    /// Bytes before the current chunk.
    base: u64,
    issues: Issues,
    /// No more is read: the file was given up at a syntax error, or the next section begins.
    dead: bool,
    /// Steps that begin at this offset or later are another section's, and where one did.
    end: u64,
    next: Option<u64>,
    /// The step that columns may appear in: the file's first one, or a section's.
    first: u32,
    /// Where a section's first step begins.
    began: Option<u64>,
    // Where the scanner stands.
    steps: u32,
    layer: u64,
    number: u64,
    digits: u32,
    negative: bool,
    word: usize,
    // What was read.
    top_k: usize,
    tokens: usize,
    prefill: usize,
    columns: Vec<Column>,
    current: usize,
    row_start: usize,
    row_offset: u64,
    row_problem: Option<Problem>,
    experts: u64,
    /// What stood between two ids of a row, and between two rows.
    between: [Gap; 2],
    /// Where in the chunk the last id ended, beyond it if in none, in which column, and what happened since.
    left: usize,
    left_column: usize,
    events: Vec<(What, u64)>,
}

#[derive(Debug)]
struct Column {
    layer: u32,
    ids: Vec<u16>,
    rows: usize,
    /// What stood between its last id in a step and the next column's first one.
    out: Gap,
}

impl PaperScanner {
    /// A scanner for a model with `experts` experts, if the caller knows the model.
    #[must_use]
    pub fn new(experts: Option<usize>) -> Self {
        Self {
            state: State::Start,
            base: 0,
            issues: Issues::default(),
            dead: false,
            end: u64::MAX,
            next: None,
            first: 0,
            began: None,
            steps: 0,
            layer: 0,
            number: 0,
            digits: 0,
            negative: false,
            word: 0,
            top_k: 0,
            tokens: 0,
            prefill: 0,
            columns: Vec::new(),
            current: 0,
            row_start: 0,
            row_offset: 0,
            row_problem: None,
            experts: experts.map_or(MAX_EXPERTS, |e| e as u64),
            between: Default::default(),
            left: usize::MAX,
            left_column: 0,
            events: Vec::new(),
        }
    }

    /// A scanner for the steps that begin in a range of the file's bytes, to be fed from its start on. The range at 0 has the
    /// prompt, so those of the others are decode steps.
    #[must_use]
    pub fn of_section(experts: Option<usize>, range: &Range<u64>) -> Self {
        let (state, first) = if range.start == 0 { (State::Start, 0) } else { (State::Seek, 1) };
        Self { state, base: range.start, end: range.end, first, steps: first, ..Self::new(experts) }
    }

    /// Ends a section; none if anything in it was not as it should be, or if the file goes on where none of its steps may.
    #[must_use]
    pub fn section(self) -> Option<Section> {
        let ended = match self.state {
            State::End => Some(u64::MAX),
            // No step begins here: the one before goes on to the file's end.
            State::Seek => self.next.or(Some(u64::MAX)),
            _ => self.next,
        };
        let next = ended.filter(|_| self.issues.is_empty())?;
        let start = if self.first == 0 { 0 } else { self.began.unwrap_or(next) };
        Some(Section { start, next, steps: self.request(0, Labels::default()) })
    }

    /// What was read, layers in order.
    fn request(mut self, index: u64, labels: Labels) -> Request {
        self.columns.sort_by_key(|c| c.layer);
        Request {
            index,
            sub: 0,
            labels,
            top_k: self.top_k,
            prefill: self.prefill,
            tokens: self.tokens,
            layers: self.columns.iter().map(|c| c.layer).collect(),
            columns: self.columns.into_iter().map(|c| c.ids).collect(),
            ..Request::default()
        }
    }

    /// Takes the next bytes. Returns false once the rest of the file cannot be read any more.
    #[inline(never)]
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        let mut i = 0;
        self.left = usize::MAX;
        while i < chunk.len() && !self.dead {
            i = match self.state {
                State::Digits => {
                    let end = self.digits(chunk, i);
                    if self.state == State::AfterId { self.leap(chunk, end) } else { end }
                }
                State::Key => self.key(chunk, i),
                State::Null => self.null(chunk, i),
                State::Seek => self.seek(chunk, i),
                _ => {
                    let at = skip_space(chunk, i);
                    if at == chunk.len() {
                        break;
                    }
                    self.byte(chunk[at], self.base + at as u64);
                    if self.state == State::Digits {
                        self.learn(chunk, at);
                    }
                    at + 1
                }
            };
        }
        self.base += chunk.len() as u64;
        !self.dead
    }

    /// From the end of an id over all that follow, as long as between them is what was there before. The bytes are compared,
    /// and what they did is done again.
    fn leap(&mut self, chunk: &[u8], mut from: usize) -> usize {
        loop {
            let here = &chunk[from..];
            let [likely, other] = self.gaps();
            let gap = if likely.begins(here) {
                likely
            } else if other.begins(here) {
                other
            } else {
                (self.left, self.left_column) = (from, self.current);
                self.events.clear();
                return from;
            };
            let (at, count, events) = (from + gap.bytes.len(), gap.count, gap.events);
            if self.base + at as u64 > self.end && events[..count].iter().any(|e| matches!(e.what, What::StepEnds)) {
                self.left = usize::MAX;
                return from;
            }
            for &Event { what, at } in events.iter().take(count) {
                if !self.happen(what, self.base + (from + usize::from(at)) as u64) {
                    return chunk.len();
                }
            }
            // A row may be empty, what follows a comma may not.
            self.state = if count > 0 { State::FirstId } else { State::Id };
            let Some((id, end)) = short_id(chunk, at, self.experts) else { return at };
            let ids = &mut self.columns[self.current].ids;
            if ids.len() - self.row_start >= MAX_TOP_K {
                return at;
            }
            ids.push(id);
            self.state = State::AfterId;
            from = end;
        }
    }

    /// What may come after an id, the likely one first.
    #[inline(always)]
    fn gaps(&self) -> [&Gap; 2] {
        let ([ids, rows], column) = (&self.between, &self.columns[self.current]);
        if column.ids.len() - self.row_start < self.top_k {
            [ids, rows]
        } else if self.steps == 0 {
            [rows, &column.out]
        } else {
            [&column.out, rows]
        }
    }

    /// Keeps what stood between the last id and the one that begins at a position.
    fn learn(&mut self, chunk: &[u8], at: usize) {
        let from = std::mem::replace(&mut self.left, usize::MAX);
        let Some(bytes) = chunk.get(from..at).filter(|b| b.len() <= LONGEST_GAP) else { return };
        let place = |offset: u64| u16::try_from(index(offset - self.base) - from).unwrap_or(u16::MAX);
        let mut gap = Gap { bytes: bytes.to_vec(), count: self.events.len(), ..Gap::default() };
        let events = self.events.iter().map(|&(what, offset)| Event { what, at: place(offset) });
        gap.events.iter_mut().zip(events).for_each(|(to, event)| *to = event);
        match (&self.events[..], self.left_column == self.current) {
            ([], _) => self.between[0] = gap,
            (_, true) => self.between[1] = gap,
            (_, false) => self.columns[self.left_column].out = gap,
        }
    }

    /// What a row's, a layer's or a step's bracket does. False once the rest cannot be read any more.
    fn happen(&mut self, what: What, offset: u64) -> bool {
        match what {
            What::RowBegins => {
                self.row_start = self.columns[self.current].ids.len();
                self.row_offset = offset;
            }
            What::RowEnds => self.end_row(),
            What::LayerBegins(layer) => {
                self.layer = layer.into();
                return self.open_layer(offset);
            }
            What::StepEnds => self.end_step(offset),
        }
        !self.dead
    }

    /// The same, and kept until the next id tells whether it will come again.
    fn happen_first(&mut self, what: What, offset: u64) -> bool {
        if self.events.len() < MOST_EVENTS {
            self.events.push((what, offset));
        } else {
            self.left = usize::MAX;
        }
        self.happen(what, offset)
    }

    /// Ends the file: the request as far as it is sound, and what was wrong.
    #[must_use]
    pub fn finish(mut self, index: u64, labels: Labels) -> (Option<Request>, Issues) {
        if !self.dead && self.state != State::End {
            let inside = match self.state {
                State::Start | State::Seek => "an empty file".to_string(),
                State::FirstStep | State::Step | State::AfterStep => "the list of steps".into(),
                State::FirstRow
                | State::Row
                | State::AfterRow
                | State::FirstId
                | State::Id
                | State::Digits
                | State::AfterId => {
                    format!("layer {} of step {}", self.layer, self.steps)
                }
                _ => format!("step {}", self.steps),
            };
            let place = Place { step: Some(self.steps), offset: Some(self.base), ..Place::default() };
            self.issues.push(place, Problem::Truncated { inside });
        }
        let length = self.tokens * self.top_k;
        self.columns.iter_mut().for_each(|c| c.ids.truncate(length));
        self.columns.retain(|c| c.ids.iter().any(|&id| id != UNKNOWN));
        if self.columns.is_empty() || self.tokens == 0 {
            self.issues.push(Place::default(), Problem::Empty);
            return (None, self.issues);
        }
        let issues = std::mem::take(&mut self.issues);
        (Some(self.request(index, labels)), issues)
    }

    fn byte(&mut self, b: u8, offset: u64) {
        use State::{
            AfterId, AfterRow, AfterStep, AfterValue, Colon, Digits, End, FirstId, FirstKey, FirstRow, FirstStep, Id,
            Key, KeyQuote, Null, Row, Start, Step, Value,
        };
        self.state = match (self.state, b) {
            (Id | FirstId, b'0'..=b'9' | b'-') => {
                self.negative = b == b'-';
                self.number = if self.negative { 0 } else { u64::from(b - b'0') };
                self.digits = u32::from(!self.negative);
                Digits
            }
            (AfterId, b',') => Id,
            (FirstId, b']') if self.top_k == 0 => {
                self.fail("an expert id", found(b), offset);
                return;
            }
            (AfterId | FirstId, b']') => {
                self.happen_first(What::RowEnds, offset);
                AfterRow
            }
            (AfterRow, b',') => Row,
            (Row | FirstRow, b'[') => {
                self.happen_first(What::RowBegins, offset);
                FirstId
            }
            (AfterRow | FirstRow, b']') => AfterValue,
            (AfterValue, b',') => KeyQuote,
            (KeyQuote | FirstKey, b'"') => {
                (self.layer, self.digits) = (0, 0);
                Key
            }
            (Colon, b':') => Value,
            (Value, b'n') => {
                self.word = 1;
                Null
            }
            (Value, b'[') => {
                let layer = u16::try_from(self.layer).unwrap_or(u16::MAX);
                if !self.happen_first(What::LayerBegins(layer), offset) {
                    return;
                }
                FirstRow
            }
            (AfterValue | FirstKey, b'}') => {
                self.happen_first(What::StepEnds, offset);
                AfterStep
            }
            (AfterStep, b',') => Step,
            (Step, b'{') if offset >= self.end => {
                (self.next, self.dead) = (Some(offset), true);
                return;
            }
            (Step | FirstStep, b'{') => FirstKey,
            (AfterStep | FirstStep, b']') => End,
            (Start, b'[') => FirstStep,
            // A byte order mark is not JSON, but editors leave it.
            (Start, 0xEF | 0xBB | 0xBF) if offset < 3 => Start,
            (state, _) => {
                self.fail(expected(state), found(b), offset);
                return;
            }
        };
    }

    fn digits(&mut self, chunk: &[u8], mut i: usize) -> usize {
        let (mut number, from) = (self.number, i);
        while let Some(d) = chunk.get(i).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
            number = number.saturating_mul(10).saturating_add(u64::from(d));
            i += 1;
        }
        self.number = number;
        self.digits = self.digits.saturating_add(small(i - from));
        let Some(&next) = chunk.get(i) else { return i };
        if self.digits == 0 || !ends_id(next) {
            self.fail("a whole number", found(next), self.base + i as u64);
            return i;
        }
        let column = &mut self.columns[self.current];
        let problem = if self.negative {
            Some(Problem::NotRecorded)
        } else if self.number >= self.experts {
            Some(Problem::IdRange { id: self.number, limit: self.experts })
        } else {
            None
        };
        if column.ids.len() - self.row_start >= MAX_TOP_K {
            self.row_problem = Some(Problem::Limit { what: "experts a token".into(), limit: MAX_TOP_K as u64 });
        } else {
            column.ids.push(u16::try_from(self.number).unwrap_or(UNKNOWN));
            if problem.is_some() {
                self.row_problem = problem;
            }
        }
        self.state = State::AfterId;
        i
    }

    fn key(&mut self, chunk: &[u8], mut i: usize) -> usize {
        while let Some(&b) = chunk.get(i) {
            let offset = self.base + i as u64;
            i += 1;
            match b {
                b'0'..=b'9' if self.digits < 6 => {
                    self.layer = self.layer * 10 + u64::from(b - b'0');
                    self.digits += 1;
                }
                b'"' if self.digits > 0 && self.layer <= u64::from(u16::MAX) => {
                    self.state = State::Colon;
                    break;
                }
                _ => {
                    self.fail("a layer id below 65536", found(b), offset);
                    break;
                }
            }
        }
        i
    }

    /// To the first step of a section: only a step's brace is one.
    fn seek(&mut self, chunk: &[u8], i: usize) -> usize {
        let Some(at) = chunk[i..].iter().position(|&b| b == b'{').map(|n| i + n) else { return chunk.len() };
        let offset = self.base + at as u64;
        if offset >= self.end {
            (self.next, self.dead) = (Some(offset), true);
        } else {
            (self.state, self.began) = (State::FirstKey, Some(offset));
        }
        at + 1
    }

    fn null(&mut self, chunk: &[u8], mut i: usize) -> usize {
        while let Some(&b) = chunk.get(i) {
            if b != b"null"[self.word] {
                self.fail("null or a list of rows", found(b), self.base + i as u64);
                break;
            }
            i += 1;
            self.word += 1;
            if self.word == 4 {
                self.state = State::AfterValue;
                break;
            }
        }
        i
    }

    /// Makes the column of the layer at hand the current one. Layers come in the same order in every step, so the
    /// column after the last one is nearly always right.
    fn open_layer(&mut self, offset: u64) -> bool {
        let layer = u32::try_from(self.layer).unwrap_or(u32::MAX);
        let next = self.current + 1;
        if self.columns.get(next).is_some_and(|c| c.layer == layer) {
            self.current = next;
        } else if let Some(at) = self.columns.iter().position(|c| c.layer == layer) {
            self.current = at;
        } else if self.columns.len() < MAX_LAYERS && self.fits(self.columns.len() + 1, self.tokens, offset) {
            // A layer first seen late: the tokens before it are unknown there.
            self.current = self.columns.len();
            self.columns.push(Column {
                layer,
                ids: vec![UNKNOWN; self.tokens * self.top_k],
                rows: 0,
                out: Gap::default(),
            });
            if self.steps > self.first {
                self.issues.push(self.place(offset), Problem::MissingLayer);
            }
        } else {
            if !self.dead {
                self.refuse("layers", MAX_LAYERS as u64, offset);
            }
            return false;
        }
        let column = &mut self.columns[self.current];
        if column.rows > 0 {
            self.fail("every layer once in a step", format!("layer {layer} again"), offset);
            return false;
        }
        true
    }

    fn end_row(&mut self) {
        let column = &mut self.columns[self.current];
        let row = &column.ids[self.row_start..];
        if self.top_k == 0 && !row.is_empty() {
            self.top_k = row.len();
        }
        if row.len() == self.top_k && !row.is_empty() && self.row_problem.is_none() && duplicate(row).is_none() {
            column.rows += 1;
        } else {
            self.end_wrong_row();
        }
    }

    #[inline(never)]
    fn end_wrong_row(&mut self) {
        let column = &mut self.columns[self.current];
        let row = &column.ids[self.row_start..];
        let problem = match (self.row_problem.take(), duplicate(row)) {
            (Some(problem), _) => problem,
            (None, Some(id)) if row.len() == self.top_k => Problem::Duplicate { id },
            _ => Problem::RowWidth { expected: self.top_k, found: row.len() },
        };
        column.ids.truncate(self.row_start);
        column.ids.resize(self.row_start + self.top_k, UNKNOWN);
        let token = Some(small(column.rows));
        let place = Place { token, ..self.place(self.row_offset) };
        self.issues.push(place, problem);
        self.columns[self.current].rows += 1;
    }

    /// Brings all layers to the same number of tokens.
    fn end_step(&mut self, offset: u64) {
        let rows = self.step_rows();
        let place = Place { step: Some(self.steps), offset: Some(offset), ..Place::default() };
        let keep = if self.steps > 0 && rows != 1 {
            if rows > 1 || self.columns.iter().any(|c| c.rows > 0) {
                self.issues.push(place, Problem::DecodeRows { found: rows });
            }
            0
        } else {
            rows
        };
        if !self.fits(self.columns.len(), self.tokens + keep, offset) {
            return;
        }
        let end = (self.tokens + keep) * self.top_k;
        for column in &mut self.columns {
            let found = std::mem::take(&mut column.rows);
            if found != rows {
                column.ids.truncate(self.tokens * self.top_k);
                if keep > 0 {
                    let problem =
                        if found == 0 { Problem::MissingLayer } else { Problem::RowCount { expected: rows, found } };
                    self.issues.push(Place { layer: Some(column.layer), ..place }, problem);
                }
            }
            column.ids.resize(end, UNKNOWN);
        }
        self.tokens += keep;
        if self.steps == 0 {
            self.prefill = self.tokens;
        }
        self.steps += 1;
    }

    /// The number of rows that most layers of this step have (the larger on a tie: rows go missing, they do not appear).
    fn step_rows(&self) -> usize {
        let present = || self.columns.iter().map(|c| c.rows).filter(|&rows| rows > 0);
        let first = present().next().unwrap_or(0);
        if present().all(|rows| rows == first) {
            return first;
        }
        let votes = |rows| present().filter(|&r| r == rows).count();
        present().max_by_key(|&rows| (votes(rows), rows)).unwrap_or(0)
    }

    /// Whether so many layers of so many tokens have bounds; else the file is given up.
    fn fits(&mut self, layers: usize, tokens: usize, offset: u64) -> bool {
        if tokens > MAX_TOKENS {
            self.refuse("tokens", MAX_TOKENS as u64, offset);
        } else if !may_hold(layers, tokens, self.top_k, offset) {
            // A few bytes a step could ask for rows of a thousand layers.
            self.refuse("unknown rows, in steps that lack layers,", offset, offset);
        }
        !self.dead
    }

    /// Gives the rest of the file up: it would be above a limit.
    fn refuse(&mut self, what: &str, limit: u64, offset: u64) {
        self.dead = true;
        self.issues.push(self.place(offset), Problem::Limit { what: what.into(), limit });
    }

    fn place(&self, offset: u64) -> Place {
        Place { step: Some(self.steps), layer: u32::try_from(self.layer).ok(), token: None, offset: Some(offset) }
    }

    fn fail(&mut self, expected: &str, found: String, offset: u64) {
        use State::{AfterId, AfterRow, Digits, FirstId, FirstRow, Id, Row};
        self.dead = true;
        let mut place = Place { step: Some(self.steps), offset: Some(offset), ..Place::default() };
        if matches!(self.state, AfterId | AfterRow | Digits | FirstId | FirstRow | Id | Row) {
            place.layer = u32::try_from(self.layer).ok();
            place.token = self.columns.get(self.current).map(|c| small(c.rows));
        }
        let problem = if self.state == State::Start {
            place.step = None;
            Problem::NotATrace { why: format!("it starts with {found}, a paper trace starts with [") }
        } else {
            Problem::Syntax { expected: expected.into(), found }
        };
        self.issues.push(place, problem);
    }
}

/// The first id that stood in the row before.
#[inline(always)]
fn duplicate(row: &[u16]) -> Option<u16> {
    (1..row.len()).find(|&i| row[..i].contains(&row[i])).map(|i| row[i])
}
