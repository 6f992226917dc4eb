//! What stands between two expert ids of a paper trace. Apart from the scanner, because it is only a memory of bytes: published
//! traces repeat them from row to row and from step to step, and one comparison is quicker than a look at each.

/// The bytes between two ids, and what they did.
#[derive(Debug, Default)]
pub(super) struct Gap {
    pub(super) bytes: Vec<u8>,
    pub(super) events: [Event; MOST_EVENTS],
    pub(super) count: usize,
}

/// One thing that happens in a gap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Event {
    pub(super) what: What,
    /// Position in the gap.
    pub(super) at: u16,
}

/// What a bracket of a trace does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum What {
    #[default]
    RowBegins,
    RowEnds,
    LayerBegins(u16),
    StepEnds,
}

/// The longest gap that is worth knowing again: a dense layer takes twenty bytes.
pub(super) const LONGEST_GAP: usize = 1 << 10;
/// What happens in it at most.
pub(super) const MOST_EVENTS: usize = 8;

impl Gap {
    /// Whether a chunk begins with it and goes on.
    #[inline(always)]
    pub(super) fn begins(&self, chunk: &[u8]) -> bool {
        let Some(here) = chunk.get(..self.bytes.len()) else { return false };
        // Words of sixteen bytes: a comparison of slices is one of bytes in WebAssembly.
        let ((ours, rest), (theirs, _)) = (self.bytes.as_chunks::<16>(), here.as_chunks::<16>());
        let words = ours.iter().zip(theirs).all(|(a, b)| u128::from_le_bytes(*a) == u128::from_le_bytes(*b));
        let last = match (self.bytes.last_chunk::<16>(), here.last_chunk::<16>()) {
            (Some(a), Some(b)) => u128::from_le_bytes(*a) == u128::from_le_bytes(*b),
            _ => here.ends_with(rest),
        };
        words && last && !self.bytes.is_empty()
    }
}

/// An id of at most four digits below the limit, and where it ends; none if it is anything else, or may go on.
#[inline(always)]
pub(super) fn short_id(chunk: &[u8], at: usize, limit: u64) -> Option<(u16, usize)> {
    let bytes: &[u8; 5] = chunk.get(at..)?.first_chunk()?;
    let mut id = 0;
    for (i, &b) in bytes.iter().enumerate() {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return (i > 0 && ends_id(b) && u64::from(id) < limit).then_some((id, at + i));
        }
        if i == 4 {
            break;
        }
        id = id * 10 + u16::from(digit);
    }
    None
}

/// Whether a byte may stand right after an id.
#[inline(always)]
pub(super) fn ends_id(b: u8) -> bool {
    matches!(b, b',' | b']') || is_space(b)
}

/// White space, as JSON has it.
#[inline(always)]
pub(super) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\n' | b'\r' | b'\t')
}

/// The position of the first byte at or after `i` that is not white space.
pub(super) fn skip_space(chunk: &[u8], i: usize) -> usize {
    chunk[i..].iter().position(|&b| !is_space(b)).map_or(chunk.len(), |n| i + n)
}
