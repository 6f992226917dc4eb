//! Counts as a bare JSON matrix `[layers][experts]`, or `[steps][layers][experts]` to be summed: what EPLB's rebalancing takes, and
//! what `tolist()` of a load view gives. Nothing in it says so, but no trace is a list of lists of numbers.

use crate::format::counts::matrices;
use crate::format::reader::{About, Reader};
use crate::format::whole::whole;
use crate::format::{Found, Place, Problem};

pub(super) const MATRIX: Reader = Reader {
    name: "matrix",
    says: "counts as a JSON matrix [layers, experts] or [steps, layers, experts]",
    sniff: |head| depth(head) > 1,
    open: |about| whole(about, |bytes, about| read(&bytes, about)),
};

/// Brackets that open before anything else does.
fn depth(bytes: &[u8]) -> usize {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.iter().filter(|b| !b.is_ascii_whitespace()).take_while(|b| **b == b'[').count()
}

fn read(bytes: &[u8], _: &About) -> Found {
    let mut found = Found::default();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let steps: Result<Vec<Vec<Vec<u64>>>, _> = match depth(bytes) {
        2 => serde_json::from_slice(text).map(|matrix| vec![matrix]),
        _ => serde_json::from_slice(text),
    };
    match steps {
        Ok(steps) => found.counts = matrices(&steps, &mut found.issues),
        Err(e) if e.is_eof() => {
            let inside = format!("line {} of a matrix of counts", e.line());
            found.issues.push(Place::default(), Problem::Truncated { inside });
        }
        Err(e) => {
            let why = format!("it is no matrix of whole counts: {e}");
            found.issues.push(Place::default(), Problem::NotATrace { why });
        }
    }
    found
}
