//! Paper traces (`[{"0":null,"1":[[106],[89]]}, …]`), scanned while they come. The scanner stands apart: it is also given sections.

use crate::format::reader::{About, Reader, Reading, without_mark};
use crate::format::{Found, PaperScanner};

pub(super) const PAPER: Reader = Reader {
    name: "paper",
    says: "paper trace: a JSON list of steps, one file a request",
    // What else is a list, or begins to be one; nothing at all is an empty one, which the scanner says.
    sniff: |head| {
        let text = without_mark(head);
        let mut bytes = text.iter().filter(|b| !b.is_ascii_whitespace());
        bytes.next().is_none_or(|&b| b == b'[') && bytes.next().is_none_or(|b| matches!(b, b'{' | b']' | b'"' | b','))
    },
    open: |about| Box::new(Paper { scanner: PaperScanner::new(about.experts), about }),
};

struct Paper {
    scanner: PaperScanner,
    about: About,
}

impl Reading for Paper {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.scanner.feed(bytes)
    }

    fn finish(self: Box<Self>) -> Found {
        let Self { scanner, about } = *self;
        let (request, issues) = scanner.finish(about.index, about.labels);
        Found { requests: request.into_iter().collect(), issues, ..Found::default() }
    }
}
