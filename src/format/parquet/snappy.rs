//! Snappy's blocks: lengths and copies, no checksum. Apart from the pages, which are packed in several ways.

/// Unpacks a block of at most so many bytes; none if it is damaged or longer.
pub(super) fn unpack(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let (mut at, mut length) = (0, 0usize);
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            break;
        }
    }
    if length > most {
        return None;
    }
    let mut out = Vec::with_capacity(length.min(bytes.len().saturating_mul(64)));
    while at < bytes.len() {
        let tag = bytes[at];
        at += 1;
        let number = |at: usize, n: usize| {
            let taken = bytes.get(at..at + n)?;
            Some(taken.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b)))
        };
        let (count, offset) = match tag & 3 {
            0 => {
                let mut count = usize::from(tag >> 2);
                if count >= 60 {
                    let extra = count - 59;
                    count = number(at, extra)?;
                    at += extra;
                }
                let end = at.checked_add(count)?.checked_add(1)?;
                out.extend_from_slice(bytes.get(at..end)?);
                at = end;
                if out.len() > length {
                    return None;
                }
                continue;
            }
            1 => {
                let low = number(at, 1)?;
                at += 1;
                (usize::from(tag >> 2 & 7) + 4, usize::from(tag >> 5) << 8 | low)
            }
            2 => {
                let offset = number(at, 2)?;
                at += 2;
                (usize::from(tag >> 2) + 1, offset)
            }
            _ => {
                let offset = number(at, 4)?;
                at += 4;
                (usize::from(tag >> 2) + 1, offset)
            }
        };
        let start = out.len().checked_sub(offset).filter(|_| offset > 0)?;
        if out.len() + count > length {
            return None;
        }
        // What is copied may be what the copy itself writes.
        for i in start..start + count {
            let byte = out[i];
            out.push(byte);
        }
    }
    (out.len() == length).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_may_read_what_they_write_and_nothing_before_the_start() {
        // "ab", then eight bytes from two before: "abababababab".
        assert_eq!(unpack(&[10, 4, b'a', b'b', 1 | 4 << 2, 2], 99).as_deref(), Some(&b"ababababab"[..]));
        assert_eq!(unpack(&[10, 4, b'a', b'b', 1 | 4 << 2, 3], 99), None, "from before the start");
        assert_eq!(unpack(&[10, 4, b'a', b'b', 1 | 4 << 2, 0], 99), None);
        assert_eq!(unpack(&[9, 4, b'a', b'b', 1 | 4 << 2, 2], 99), None, "longer than it says");
        assert_eq!(unpack(&[10, 4, b'a', b'b', 1 | 4 << 2, 2], 9), None, "longer than it may be");
    }
}
