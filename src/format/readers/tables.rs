//! Tables: records and counts as CSV, with tabs, semicolons or spaces, with a header or with lines of `#` before it, as bare matrices, and
//! dumps of `layer N: counts`. They are read as they come; text may hold commas, quotes and line breaks, so the csv crate's core reads
//! what is quoted.

use csv_core::{ReadRecordResult, Reader as Csv, ReaderBuilder};

use crate::format::columns::{self, Role, role};
use crate::format::reader::{About, Reader, Reading, without_mark};
use crate::format::records::{Record, Records};
use crate::format::{Found, Place, Problem, number_after};

pub(super) const TABLES: Reader = Reader {
    name: "table",
    says: "tables of records or counts: CSV, tabs or spaces, by token, pick or expert (.csv, .tsv, .txt)",
    sniff: |head| Form::of(head, head.len() >= 4096 || head.ends_with(b"\n")).is_some(),
    open: |about| Box::new(Table::new(about)),
};

/// How a table is written.
#[derive(Clone, Debug, PartialEq)]
struct Form {
    /// What stands between cells; a space stands for any number of them.
    between: u8,
    columns: Columns,
    /// The rows begin in this line.
    first: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Columns {
    /// Of these roles.
    Named(Vec<Role>),
    /// Counts of every expert, a layer a row.
    Matrix,
    /// `layer 3: 1 2 3`, among lines that may tell rank and step.
    Words,
}

/// The cells of a line; a space stands for any number of them.
pub(in crate::format) fn cells(line: &str, between: u8) -> Vec<&str> {
    if between == b' ' {
        line.split_whitespace().collect()
    } else {
        line.split(char::from(between)).map(str::trim).collect()
    }
}

impl Form {
    /// That of a table with these first lines; the last of them may be cut.
    fn of(head: &[u8], whole: bool) -> Option<Self> {
        let text = without_mark(head);
        if text.iter().take(512).any(|&b| b == 0) {
            return None;
        }
        let text = String::from_utf8_lossy(text);
        let mut lines: Vec<&str> = text.lines().collect();
        if !whole && lines.len() > 1 {
            lines.pop();
        }
        let first = lines.iter().position(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'))?;
        let line = lines[first].trim_end();
        if line.trim_start().starts_with(['{', '[', '<']) {
            return None;
        }
        let betweens = [b'\t', b',', b';', b' '].into_iter().filter(|&b| cells(line, b).len() > 1);
        for between in betweens {
            if let Some(columns) = named(line, between) {
                return Some(Self { between, columns, first: first + 1 });
            }
            // A header in the comment above.
            let above = first.checked_sub(1).map(|at| lines[at].trim_start().trim_start_matches('#'));
            let numbers = |line: &str| cells(line, between).iter().all(|c| c.parse::<f64>().is_ok());
            if let Some(columns) = above.and_then(|above| named(above, between).filter(|_| numbers(line))) {
                return Some(Self { between, columns, first });
            }
            if numbers(line) {
                let second = lines.get(first + 1).map_or(0, |l| cells(l, between).len());
                let width = cells(line, between).len();
                let columns = match width {
                    2 => Columns::Named(vec![Role::Layer, Role::Expert]),
                    3 => Columns::Named(vec![Role::Layer, Role::Expert, Role::Count]),
                    _ => Columns::Matrix,
                };
                return (second == width || second == 0 || !whole).then_some(Self { between, columns, first });
            }
        }
        let words = lines.iter().take(16).any(|line| layer_words(line).is_some());
        words.then_some(Self { between: b' ', columns: Columns::Words, first: 0 })
    }
}

/// The columns of a header, if it is one of records or counts.
fn named(line: &str, between: u8) -> Option<Columns> {
    let mut roles: Vec<Role> = cells(line, between).iter().map(|c| role(c)).collect();
    let has = |of: &dyn Fn(&Role) -> bool| roles.iter().filter(|r| of(r)).count();
    let layer = has(&|r| *r == Role::Layer) > 0;
    let picks = has(&|r| matches!(r, Role::Ids | Role::Expert | Role::Nth(_))) > 0;
    let of = has(&|r| matches!(r, Role::Of(_)));
    // Columns of numbers alone may be ids of a header without words.
    let words = cells(line, between).iter().any(|c| c.parse::<f64>().is_err() && !c.is_empty());
    if layer && picks {
        // A count beside other columns of counts is none.
        if !roles.contains(&Role::Expert) {
            roles.iter_mut().filter(|r| **r == Role::Count).for_each(|r| *r = Role::Other);
        }
        return Some(Columns::Named(roles));
    }
    (of > 1 && words).then_some(Columns::Named(roles))
}

/// The layer of a line `layer 3: 1 2 3`, and its numbers.
fn layer_words(line: &str) -> Option<(u64, Vec<u64>)> {
    let lower = line.to_ascii_lowercase();
    let at = lower.find("layer")?;
    let rest = lower[at + 5..].trim_start_matches(|c: char| !c.is_ascii_digit());
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let layer = rest[..digits].parse().ok()?;
    let values = rest[digits..].trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = Vec::new();
    columns::numbers(values, &mut numbers)?;
    let counts: Option<Vec<u64>> = numbers.iter().map(|&n| u64::try_from(n).ok()).collect();
    Some((layer, counts.filter(|c| c.len() > 1)?))
}

struct Table {
    records: Records,
    form: Option<Form>,
    /// Bytes before the form is known; then the line that is not complete.
    rest: Vec<u8>,
    /// Where `rest` begins in the file.
    at: u64,
    csv: Csv,
    /// The cells of a row that is not complete.
    output: Vec<u8>,
    ends: Vec<usize>,
    filled: (usize, usize),
    row_at: u64,
    rows: u64,
    record: Record,
    ids: Vec<i64>,
    /// Rank and step that a line of words told.
    told: (Option<u64>, Option<u64>),
    ended: bool,
    /// How many of the looks at the first bytes did not tell what they are.
    looks: usize,
}

/// Bytes by which the form of a table is told, one look after another.
const LOOKS: [usize; 3] = [1 << 12, 1 << 16, 1 << 20];

impl Table {
    fn new(about: About) -> Self {
        Self {
            records: Records::new(about),
            form: None,
            rest: Vec::new(),
            at: 0,
            csv: Csv::new(),
            output: vec![0; 1 << 12],
            ends: vec![0; 64],
            filled: (0, 0),
            row_at: 0,
            rows: 0,
            record: Record::default(),
            ids: Vec::new(),
            told: (None, None),
            ended: false,
            looks: 0,
        }
    }

    /// Reads the lines before the rows, of which the first so many bytes tell what they are.
    fn begin(&mut self, head: usize, whole: bool) {
        let head = head.min(self.rest.len());
        let Some(form) = Form::of(&self.rest[..head], whole) else {
            if whole && !self.ended {
                self.ended = true;
                let why = "its columns are none of a layer and its experts".into();
                self.records.found.issues.push(Place::default(), Problem::NotATrace { why });
            }
            return;
        };
        let mut form = form;
        let mut start = 0;
        for _ in 0..form.first {
            let line = &self.rest[start..];
            let length = line.iter().position(|&b| b == b'\n').map_or(line.len(), |n| n + 1);
            let text = String::from_utf8_lossy(&line[..length]).into_owned();
            if text.trim_start().starts_with('#') {
                self.facts(&text);
            }
            start += length;
        }
        if form.columns != Columns::Words && form.between != b' ' {
            self.csv = ReaderBuilder::new().delimiter(form.between).comment(Some(b'#')).build();
        }
        // The word `token` is a position where its column holds numbers, and the token's text elsewhere.
        if let Columns::Named(roles) = &mut form.columns {
            let text = String::from_utf8_lossy(self.rest.get(start..head).unwrap_or_default()).into_owned();
            let rows: Vec<Vec<&str>> = text.lines().take(8).map(|l| cells(l, form.between)).collect();
            for (at, role) in roles.iter_mut().enumerate().filter(|(_, r)| **r == Role::MaybeToken) {
                let number = |row: &Vec<&str>| row.get(at).is_some_and(|c| c.parse::<u64>().is_ok());
                if rows.len() > 1 && rows.iter().take(rows.len() - 1).all(number) {
                    *role = Role::Token;
                }
            }
        }
        self.at = start as u64;
        self.row_at = self.at;
        let rest = self.rest.split_off(start);
        self.rest.clear();
        self.form = Some(form);
        self.rows_of(&rest);
    }

    /// `key=value` of a line of `#`: K and E of the model.
    fn facts(&mut self, line: &str) {
        let mut record = Record::default();
        for word in line.trim_start_matches('#').split([' ', ',', ';', '\t']) {
            if let Some((name, value)) = word.split_once(['=', ':'])
                && let (of @ (Role::TopK | Role::Experts), Ok(n)) = (role(name), value.trim().parse())
            {
                record.number(of, n);
            }
        }
        self.records.header(record.top_k, record.experts);
    }

    fn rows_of(&mut self, bytes: &[u8]) {
        let Some(form) = self.form.clone() else { return };
        if form.columns == Columns::Words || form.between == b' ' {
            return self.lines_of(bytes, &form);
        }
        let mut input = bytes;
        while !input.is_empty() {
            let (result, read, written, ended) =
                self.csv.read_record(input, &mut self.output[self.filled.0..], &mut self.ends[self.filled.1..]);
            input = &input[read..];
            self.at += read as u64;
            self.filled = (self.filled.0 + written, self.filled.1 + ended);
            match result {
                ReadRecordResult::OutputFull if self.output.len() < 64 << 20 => {
                    self.output.resize(self.output.len() * 2, 0)
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < 1 << 16 => {
                    self.ends.resize(self.ends.len() * 2, 0)
                }
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    self.ended = true;
                    let what = "bytes or cells of a row".into();
                    return self.records.found.issues.push(Place::default(), Problem::Limit { what, limit: 64 << 20 });
                }
                ReadRecordResult::Record => self.csv_row(&form),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            }
        }
    }

    fn csv_row(&mut self, form: &Form) {
        let (output, ends) = (std::mem::take(&mut self.output), std::mem::take(&mut self.ends));
        let mut from = 0;
        let cells: Vec<&[u8]> = ends[..self.filled.1]
            .iter()
            .map(|&to| {
                let cell = &output[from..to];
                from = to;
                cell
            })
            .collect();
        if cells.len() > 1 || cells.first().is_some_and(|c| !c.trim_ascii().is_empty()) {
            self.row(&cells, form);
        }
        (self.output, self.ends, self.filled) = (output, ends, (0, 0));
        self.row_at = self.at;
    }

    fn lines_of(&mut self, bytes: &[u8], form: &Form) {
        let mut bytes = bytes;
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(&bytes[..end]);
            self.words(&line, form);
            self.at += line.len() as u64 + 1;
            self.row_at = self.at;
            bytes = &bytes[end + 1..];
        }
        self.rest.extend_from_slice(bytes);
        self.ended |= self.rest.len() > 64 << 20;
    }

    /// A line whose cells stand between spaces, or a line of words.
    fn words(&mut self, line: &[u8], form: &Form) {
        let text = String::from_utf8_lossy(line).into_owned();
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        if form.columns != Columns::Words {
            let cells: Vec<&[u8]> = text.split_whitespace().map(str::as_bytes).collect();
            return self.row(&cells, form);
        }
        let found = layer_words(text);
        let before =
            found.as_ref().and_then(|_| text.to_ascii_lowercase().find("layer")).map_or(text, |at| &text[..at]);
        let [rank, step] = [&["rank"][..], &["step", "iteration", "iter"]].map(|words| number_after(before, words));
        self.told = (rank.or(self.told.0), step.or(self.told.1));
        if let Some((layer, counts)) = found {
            self.rows += 1;
            self.record.clear();
            (self.record.layer, self.record.rank, self.record.step) = (Some(layer), self.told.0, self.told.1);
            self.records.push_counts(&self.record, &counts, self.row_at);
        }
    }

    fn row(&mut self, cells: &[&[u8]], form: &Form) {
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_string();
        self.record.clear();
        let taken = match &form.columns {
            Columns::Matrix => {
                let counts: Option<Vec<u64>> = cells.iter().filter(|c| !c.is_empty()).map(|c| count(c)).collect();
                self.record.layer = Some(self.rows);
                counts.and_then(|counts| self.records.push_counts(&self.record, &counts, self.row_at))
            }
            Columns::Named(roles) if roles.iter().filter(|r| matches!(r, Role::Of(_))).count() > 1 => {
                let mut counts = Vec::new();
                let mut sound = true;
                for (cell, role) in cells.iter().zip(roles) {
                    match role {
                        Role::Of(n) => match count(cell) {
                            Some(value) => {
                                if counts.len() <= *n {
                                    counts.resize(n + 1, 0);
                                }
                                counts[*n] = value;
                            }
                            None => sound = false,
                        },
                        Role::Layer => self.record.layer = columns::layer(&text(cell)),
                        Role::Other if self.record.layer.is_none() => {
                            let text = text(cell);
                            self.record.layer = columns::layer(&text).filter(|_| text.parse::<u64>().is_err());
                        }
                        role => {
                            if let Ok(n) = text(cell).parse() {
                                self.record.number(*role, n);
                            }
                        }
                    }
                }
                let named = roles.contains(&Role::Layer);
                self.record.layer = self.record.layer.or((!named).then_some(self.rows));
                if sound { self.records.push_counts(&self.record, &counts, self.row_at) } else { None }
            }
            Columns::Named(roles) => self.fields(cells, roles),
            Columns::Words => Some(()),
        };
        self.rows += 1;
        if taken.is_none() {
            let place = Place { offset: Some(self.row_at), ..Place::default() };
            let found = text(&cells.join(&b","[..])).chars().take(40).collect();
            let expected = "numbers in the layer and expert columns".into();
            self.records.found.issues.push(place, Problem::Syntax { expected, found });
        }
    }

    fn fields(&mut self, cells: &[&[u8]], roles: &[Role]) -> Option<()> {
        for (cell, role) in cells.iter().zip(roles) {
            let text = std::str::from_utf8(cell).unwrap_or_default().trim();
            match role {
                Role::Other | Role::MaybeToken | Role::Of(_) => {}
                Role::Layer => self.record.layer = Some(columns::layer(text)?),
                Role::Request | Role::Phase | Role::Block => self.record.text(*role, text.as_bytes()),
                Role::Ids | Role::Expert => {
                    // A list that is cut off has no closing bracket.
                    if text.starts_with('[') != text.ends_with(']') {
                        return None;
                    }
                    columns::numbers(text, &mut self.ids)?;
                    match (&self.ids[..], role) {
                        ([one], Role::Expert) => self.record.expert = Some(*one),
                        (ids, _) => self.record.ids.extend_from_slice(ids),
                    }
                }
                Role::Mtp if text.is_empty() || text == "-1" => {}
                _ if text.is_empty() => {}
                role => {
                    let number = text.parse().ok().or_else(|| text.parse().ok().and_then(crate::format::whole_number));
                    // What is no number says nothing, unless it is what the row is about.
                    match (number, role) {
                        (Some(n), role) => self.record.number(*role, n),
                        (None, Role::Count | Role::Nth(_)) => return None,
                        _ => {}
                    }
                }
            }
        }
        self.records.push(&self.record, self.row_at)
    }
}

/// A count in a cell, whole though it may be written as a fraction.
fn count(cell: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(cell).ok()?.trim();
    text.parse().ok().or_else(|| u64::try_from(crate::format::whole_number(text.parse().ok()?)?).ok())
}

impl Reading for Table {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.form.is_some() {
            self.rows_of(bytes);
        } else {
            self.rest.extend_from_slice(bytes);
            // Looks of fixed lengths, a longer one where the one before did not tell: what is told must not depend on the pieces.
            while let Some(&look) =
                LOOKS.get(self.looks).filter(|&&look| self.form.is_none() && self.rest.len() >= look)
            {
                self.looks += 1;
                self.begin(look, false);
            }
            // A header longer than this is none.
            self.ended |= self.form.is_none() && self.looks == LOOKS.len();
        }
        !self.ended
    }

    fn finish(mut self: Box<Self>) -> Found {
        if self.form.is_none() {
            let ended = self.rest.ends_with(b"\n");
            self.begin(usize::MAX, true);
            if !ended && self.form.is_none() && self.rest.is_empty() {
                self.ended = true;
            }
        }
        let by_line = self.form.as_ref().is_some_and(|f| f.between == b' ' || f.columns == Columns::Words);
        let open = if by_line { !self.rest.is_empty() } else { self.filled.0 > 0 || self.filled.1 > 0 };
        if let Some(form) = self.form.clone().filter(|_| open) {
            let Columns::Named(roles) = &form.columns else { return self.last(&form, by_line) };
            // Its last cell is a list with a bracket at its end, or a number that may be cut.
            let lists = roles.contains(&Role::Ids);
            if lists && !by_line {
                return self.last(&form, by_line);
            }
            let place = Place { offset: Some(self.row_at), ..Place::default() };
            let inside = "its last row, which no line break ends; that row was left out".into();
            self.records.found.issues.push(place, Problem::Truncated { inside });
        }
        self.done()
    }
}

impl Table {
    /// Takes the last row, which no line break ends.
    fn last(mut self: Box<Self>, form: &Form, by_line: bool) -> Found {
        if by_line {
            let line = std::mem::take(&mut self.rest);
            self.words(&line, form);
        } else {
            self.rows_of(b"\n");
            // A quoted cell that is cut off has no end.
            if self.filled != (0, 0) {
                let place = Place { offset: Some(self.row_at), ..Place::default() };
                let inside = "its last row, inside a quoted cell; that row was left out".into();
                self.records.found.issues.push(place, Problem::Truncated { inside });
            }
        }
        self.done()
    }

    fn done(self: Box<Self>) -> Found {
        self.records.finish()
    }
}
