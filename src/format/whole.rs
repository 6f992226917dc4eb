//! Files that are read whole. Apart from the paper scanner: these files are small beside paper traces, and well-kept libraries
//! read them.

use super::reader::{About, Reading};
use super::{Found, Place, Problem};

/// A file above this is refused instead of filling the memory; paper traces have no such limit.
pub(super) const LARGEST: usize = 1 << 30;

/// Gathers a file, and gives all of it to `read`.
pub(super) fn whole(about: About, read: fn(Vec<u8>, &About) -> Found) -> Box<dyn Reading> {
    whole_unless(about, |_| false, read)
}

/// The same, of a file that its first megabyte may tell to be of no use: then no more of it is gathered.
pub(super) fn whole_unless(
    about: About,
    enough: fn(&[u8]) -> bool,
    read: fn(Vec<u8>, &About) -> Found,
) -> Box<dyn Reading> {
    Box::new(Whole { bytes: Vec::new(), about, enough, asked: false, read })
}

struct Whole {
    bytes: Vec<u8>,
    about: About,
    enough: fn(&[u8]) -> bool,
    asked: bool,
    read: fn(Vec<u8>, &About) -> Found,
}

impl Reading for Whole {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        if !self.asked && self.bytes.len() >= 1 << 20 {
            self.asked = true;
            if (self.enough)(&self.bytes) {
                return false;
            }
        }
        self.bytes.len() <= LARGEST
    }

    fn finish(self: Box<Self>) -> Found {
        if self.bytes.len() > LARGEST {
            let mut found = Found::default();
            let what = "bytes of a file of this format".into();
            found.issues.push(Place::default(), Problem::Limit { what, limit: LARGEST as u64 });
            return found;
        }
        let mut found = (self.read)(self.bytes, &self.about);
        for (sub, request) in (0..).zip(&mut found.requests) {
            request.sub = sub;
        }
        if found.is_empty() && found.issues.is_empty() {
            found.issues.push(Place::default(), Problem::Empty);
        }
        found
    }
}
