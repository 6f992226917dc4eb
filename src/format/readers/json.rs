//! JSON that is no paper trace: responses of servers one a line, dumps, rollouts, matrices of counts. Each value is taken once its last
//! byte is here, so that a file of many lines is never held; what a value holds is told by `dumps`.

use crate::format::dumps::Dump;
use crate::format::node::Node;
use crate::format::reader::{About, BYTE_ORDER_MARK, Reader, Reading, without_mark};
use crate::format::whole::LARGEST;
use crate::format::{Found, Place, Problem};

pub(super) const JSON: Reader = Reader {
    name: "json",
    says: "responses of vLLM and SGLang with routed experts, dumps and rollouts, matrices and dicts of counts (.json, .jsonl)",
    sniff: |head| {
        let text = without_mark(head);
        let mut bytes = text.iter().copied().filter(|b| !b.is_ascii_whitespace());
        match (bytes.next(), bytes.next(), bytes.next(), bytes.next()) {
            (Some(b'{'), ..) => true,
            // A paper trace is a list of objects whose keys are numbers.
            (Some(b'['), Some(b'{'), Some(b'"'), Some(key)) => !key.is_ascii_digit() && key != b'"',
            (Some(b'['), Some(b'{'), None, _) | (Some(b'['), Some(b']' | b'{'), ..) => false,
            // A list of numbers alone is none of anything.
            (Some(b'['), Some(b'[' | b'n'), ..) => true,
            _ => false,
        }
    },
    open: |about| Box::new(Json::new(about)),
};

struct Json {
    dump: Dump,
    buffer: Vec<u8>,
    /// Where the value that is being read begins in the buffer, how much of that was looked at, and the bytes of the file before it.
    from: usize,
    seen: usize,
    before: u64,
    depth: usize,
    string: bool,
    escape: bool,
    /// Why nothing more is read.
    ended: bool,
}

impl Json {
    fn new(about: About) -> Self {
        let (buffer, dump) = (Vec::new(), Dump::of_text(about));
        Self { dump, buffer, from: 0, seen: 0, before: 0, depth: 0, string: false, escape: false, ended: false }
    }

    fn problem(&mut self, at: usize, problem: Problem) {
        let place = Place { offset: Some(self.before + at as u64), ..Place::default() };
        self.dump.found.issues.push(place, problem);
    }

    /// Takes the value that ends before `end`.
    fn value(&mut self, end: usize) {
        let text = &self.buffer[self.from..end];
        let first = self.before == 0 && self.from == 0;
        let value = if first { without_mark(text) } else { text }.trim_ascii_start();
        let start = text.len() - value.len();
        match serde_json::from_slice::<Node>(value) {
            Ok(node) => self.dump.take(&node, Some(self.before + (self.from + start) as u64)),
            Err(e) => {
                let lines = text[start..].split_inclusive(|&b| b == b'\n').take(e.line().saturating_sub(1));
                let at = self.from + start + lines.map(<[u8]>::len).sum::<usize>() + e.column().saturating_sub(1);
                self.problem(at, Problem::Unreadable { why: e.to_string() });
            }
        }
        self.from = end;
    }

    /// Lets go of the values that were taken, all at once: to move the rest up for each of a million short ones would take hours.
    fn drop_taken(&mut self) {
        self.buffer.drain(..self.from);
        self.seen -= self.from;
        (self.before, self.from) = (self.before + self.from as u64, 0);
    }
}

impl Reading for Json {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.buffer.extend_from_slice(bytes);
        while self.seen < self.buffer.len() && !self.ended {
            let byte = self.buffer[self.seen];
            self.seen += 1;
            if self.string {
                match byte {
                    _ if self.escape => self.escape = false,
                    b'\\' => self.escape = true,
                    b'"' => self.string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' if self.depth > 0 => self.string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.value(self.seen);
                    }
                }
                _ if self.depth > 0 || byte.is_ascii_whitespace() || byte == b',' => {}
                // Looked at byte by byte: a piece may end inside it.
                _ if self.before == 0 && BYTE_ORDER_MARK.get(self.seen - 1) == Some(&byte) => {}
                _ => {
                    let found =
                        if byte.is_ascii_graphic() { format!("{:?}", char::from(byte)) } else { "a byte".into() };
                    let why = format!("expected an object or a list, found {found}");
                    self.problem(self.seen - 1, Problem::Unreadable { why });
                    self.ended = true;
                }
            }
        }
        self.drop_taken();
        if self.buffer.len() > LARGEST {
            let what = "bytes of one value of JSON".into();
            self.problem(0, Problem::Limit { what, limit: LARGEST as u64 });
            self.ended = true;
        }
        !self.ended
    }

    fn finish(mut self: Box<Self>) -> Found {
        if !self.ended && self.depth > 0 {
            let start = self.buffer.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
            let inside = if self.buffer.get(start) == Some(&b'[') { "a list" } else { "an object" };
            self.problem(start, Problem::Truncated { inside: inside.into() });
        }
        self.dump.finish()
    }
}
