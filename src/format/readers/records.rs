//! Lines of JSON, one for each token and layer or each batch and layer. They are read as they come, and without a JSON library: a
//! recording of a night is millions of short lines, of which five numbers matter.

use crate::format::columns::{Role, role};
use crate::format::reader::{Reader, Reading, without_mark};
use crate::format::records::{Record, Records};
use crate::format::{Found, Place, Problem};

pub(super) const RECORDS: Reader = Reader {
    name: "records",
    says: "records, one a line: JSON objects with a layer and its experts, for a token or a batch (.jsonl)",
    sniff: |head| {
        let text = without_mark(head);
        text.split(|&b| b == b'\n').take(16).any(is_record)
    },
    open: |about| {
        Box::new(Lines {
            records: Records::new(about),
            rest: Vec::new(),
            at: 0,
            keys: Vec::new(),
            record: Record::default(),
        })
    },
};

/// Whether a line is an object of a layer and experts, or begins to be one.
fn is_record(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    if !text.starts_with(b"{") {
        return false;
    }
    let (mut layer, mut experts, mut depth, mut at) = (false, false, 0, 0);
    while at < text.len() {
        match text[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let Some(end) = string_end(text, at + 1) else { break };
                if depth == 1 && text[end + 1..].trim_ascii_start().starts_with(b":") {
                    match role(&String::from_utf8_lossy(&text[at + 1..end])) {
                        Role::Layer => layer = true,
                        Role::Ids | Role::Expert => experts = true,
                        _ => {}
                    }
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    layer && experts
}

/// Where a line ends. Thirty-two bytes are looked at together: a search that may end at each of them looks at them one by one.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let has = |block: &[u8; 32]| block.iter().fold(false, |any, &b| any | (b == b'\n'));
    let first = blocks.iter().position(has).unwrap_or(blocks.len());
    let from = first * 32;
    let within = blocks.get(first).map_or(rest, |block| block);
    within.iter().position(|&b| b == b'\n').map(|at| from + at)
}

/// The quote that ends a string.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

struct Lines {
    records: Records,
    /// The line that is not complete yet.
    rest: Vec<u8>,
    /// Where the next line begins in the file.
    at: u64,
    /// The keys of the line before with what they are: nearly always those of the next.
    keys: Vec<(Vec<u8>, Role)>,
    record: Record,
}

/// A line is longer than any record: it is none.
const LONGEST: usize = 256 << 20;

impl Reading for Lines {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut bytes = bytes;
        while let Some(end) = line_end(bytes) {
            if self.rest.is_empty() {
                self.line(&bytes[..end], true);
            } else {
                let mut line = std::mem::take(&mut self.rest);
                line.extend_from_slice(&bytes[..end]);
                self.line(&line, true);
                line.clear();
                self.rest = line;
            }
            bytes = &bytes[end + 1..];
        }
        self.rest.extend_from_slice(bytes);
        self.rest.len() <= LONGEST
    }

    fn finish(mut self: Box<Self>) -> Found {
        let line = std::mem::take(&mut self.rest);
        self.line(&line, false);
        let mut found = self.records.finish();
        self.keys.iter().for_each(|(key, _)| found.hold(&String::from_utf8_lossy(key), &[], ""));
        found
    }
}

impl Lines {
    /// Takes a line; one that no line break ends may be cut.
    fn line(&mut self, line: &[u8], ended: bool) {
        let offset = self.at;
        self.at += line.len() as u64 + 1;
        let text = without_mark(line).trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            return;
        }
        self.record.clear();
        let mut scan = Scan { text, at: 0 };
        let read = scan.object(&mut self.record, &mut self.keys).filter(|()| scan.at == text.len());
        let place = Place { offset: Some(offset), ..Place::default() };
        let problem = match read {
            None if !ended => Problem::Truncated { inside: "its last line, which was left out".into() },
            None => Problem::Syntax { expected: "an object of JSON".into(), found: found(text) },
            Some(()) if self.records.push(&self.record, offset).is_some() => return,
            // A line about the model.
            Some(()) if self.record.layer.is_none() && self.record.ids.is_empty() => {
                return self.records.header(self.record.top_k, self.record.experts);
            }
            Some(()) => Problem::Syntax { expected: "a layer and its experts".into(), found: found(text) },
        };
        self.records.found.issues.push(place, problem);
    }
}

/// How a line begins; never what its texts say.
fn found(text: &[u8]) -> String {
    format!("a line of {} bytes that begins with {:?}", text.len(), char::from(text[0]))
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn is(&mut self, byte: u8) -> bool {
        self.space();
        let is = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is);
        is
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        if !self.is(b'"') {
            return None;
        }
        let end = string_end(self.text, self.at)?;
        let inside = &self.text[self.at..end];
        self.at = end + 1;
        Some(inside)
    }

    /// A number; of a fraction what stands before the point, which is no id.
    fn number(&mut self) -> Option<i64> {
        let (start, mut n) = (self.at, 0i64);
        let negative = self.text.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        while let Some(digit) = self.text.get(self.at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            n = n.wrapping_mul(10).wrapping_add(digit.into());
            self.at += 1;
        }
        if self.at - start > 18 {
            n = i64::from(i32::MAX);
        }
        let digits = self.at > start + usize::from(negative);
        if self.text.get(self.at).is_some_and(|b| matches!(b, b'.' | b'e' | b'E')) {
            while self
                .text
                .get(self.at)
                .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
            {
                self.at += 1;
            }
        }
        digits.then_some(if negative { -n } else { n })
    }

    /// An object of one line; none if it is none.
    fn object(&mut self, record: &mut Record, keys: &mut Vec<(Vec<u8>, Role)>) -> Option<()> {
        if !self.is(b'{') {
            return None;
        }
        if self.is(b'}') {
            return Some(());
        }
        let mut nth = 0;
        loop {
            let key = self.string()?;
            if keys.get(nth).is_none_or(|(known, _)| known != key) {
                keys.truncate(nth);
                keys.push((key.to_vec(), role(&String::from_utf8_lossy(key))));
            }
            let role = keys[nth].1;
            nth += 1;
            if !self.is(b':') {
                return None;
            }
            self.space();
            self.value(role, record)?;
            if !self.is(b',') {
                return self.is(b'}').then_some(());
            }
        }
    }

    fn value(&mut self, role: Role, record: &mut Record) -> Option<()> {
        match self.text.get(self.at)? {
            b'"' => {
                record.text(role, self.string()?);
            }
            b'[' if role == Role::Ids => {
                self.at += 1;
                self.ids(record, 1)?;
            }
            b'[' => self.skip_list()?,
            b'{' => self.skip()?,
            b'-' | b'0'..=b'9' => {
                let number = self.number()?;
                match role {
                    Role::Request => record.name(b"", u64::try_from(number).ok()),
                    // One id alone, under the name of many.
                    Role::Ids => record.expert = Some(number),
                    Role::MaybeToken => record.number(Role::Token, number),
                    role => record.number(role, number),
                }
            }
            _ => {
                let rest = &self.text[self.at..];
                let (word, value) = [(&b"null"[..], None), (b"true", Some(1)), (b"false", Some(0)), (b"NaN", None)]
                    .into_iter()
                    .find(|(word, _)| rest.starts_with(word))?;
                self.at += word.len();
                if let (Some(n), Role::IsPrefill | Role::IsDecode) = (value, role) {
                    record.number(role, n);
                }
                if value == Some(1) && role == Role::Mtp {
                    record.mtp = true;
                }
            }
        }
        Some(())
    }

    /// A list of ids, or of rows of them, whose bracket was read. It calls itself for a row, and for nothing deeper: brackets alone
    /// would fill the stack.
    fn ids(&mut self, record: &mut Record, deeper: usize) -> Option<()> {
        if self.is(b']') {
            return Some(());
        }
        loop {
            self.space();
            if self.text.get(self.at) == Some(&b'[') {
                self.at += 1;
                let before = record.ids.len();
                self.ids(record, deeper.checked_sub(1)?)?;
                let width = record.ids.len() - before;
                // Rows of different lengths are none.
                if record.width > 0 && record.width != width {
                    return None;
                }
                record.width = width;
            } else {
                record.ids.push(self.number()?);
            }
            if !self.is(b',') {
                return self.is(b']').then_some(());
            }
        }
    }

    /// Passes over a list: of numbers, as weights are, to its bracket.
    fn skip_list(&mut self) -> Option<()> {
        let rest = &self.text[self.at + 1..];
        let end = rest.iter().position(|&b| b > b'9' || b == b'"')?;
        if rest[end] != b']' {
            return self.skip();
        }
        self.at += end + 2;
        Some(())
    }

    /// Passes over a list or object.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.text.get(self.at)? {
                b'"' => self.at = string_end(self.text, self.at + 1)?,
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}
