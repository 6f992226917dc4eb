//! The pages of a column: unpacked, their levels and values decoded, and put into rows. Apart from the file, which only says where they
//! lie.

use std::io::Read;

use super::thrift::{self, Value};
use super::{Column, Leaf, Values, snappy, unreadable};
use crate::format::Problem;
use crate::format::tensor::size;

/// Bytes that a page may unpack to: a million times the usual.
const LARGEST: usize = 1 << 28;
/// Values of a column in a group.
const MOST: usize = 1 << 27;

/// What is read of a column so far.
struct Reads<'a> {
    leaf: &'a Leaf,
    dictionary: Option<Values>,
    column: Column,
    /// Values of the inner list that is open, and whether a row is.
    open: usize,
    begun: bool,
}

/// Reads the pages of a column.
pub(super) fn column(bytes: &[u8], meta: &Value<'_>, leaf: &Leaf, rows: usize) -> Result<Column, Problem> {
    let damaged = || unreadable("a page is damaged");
    let texts = leaf.kind == 6;
    let values = if texts { Values::Texts(Vec::new()) } else { Values::Ints(Vec::new()) };
    let column = Column { name: leaf.name.clone(), values, rows: Vec::new(), inner: Vec::new() };
    let mut read = Reads { leaf, dictionary: None, column, open: 0, begun: false };
    // A run of a million equal values takes five bytes: what a file claims is bounded by its size too.
    let most = MOST.min(bytes.len().saturating_mul(64).saturating_add(1 << 20));
    let total = usize::try_from(meta.int(5)).ok().filter(|&n| n <= most).ok_or_else(damaged)?;
    let first = if meta.has(11) && meta.int(11) > 0 { meta.int(11).min(meta.int(9)) } else { meta.int(9) };
    let mut at = u64::try_from(first).map(size).map_err(|_| damaged())?;
    let mut seen = 0;
    while seen < total {
        let (header, length) = thrift::read(bytes.get(at..).unwrap_or_default()).ok_or_else(damaged)?;
        at += length;
        let packed = usize::try_from(header.int(3)).map_err(|_| damaged())?;
        let plain = usize::try_from(header.int(2)).ok().filter(|&n| n <= LARGEST).ok_or_else(damaged)?;
        let body = at.checked_add(packed).and_then(|end| bytes.get(at..end)).ok_or_else(damaged)?;
        at += packed;
        match header.int(1) {
            0 => {
                let of = header.field(5);
                let body = unpack(body, meta.int(4), plain)?;
                let count = usize::try_from(of.int(1)).ok().filter(|&n| n <= total - seen).ok_or_else(damaged)?;
                let mut rest = body.as_slice();
                let repetition = levels(&mut rest, leaf.repetition, count, None).ok_or_else(damaged)?;
                let definition = levels(&mut rest, leaf.definition, count, None).ok_or_else(damaged)?;
                read.page(&repetition, &definition, count, of.int(2), rest)?;
                seen += count;
            }
            2 => {
                let body = unpack(body, meta.int(4), plain)?;
                let count = usize::try_from(header.field(7).int(1)).ok().filter(|&n| n <= MOST).ok_or_else(damaged)?;
                read.dictionary = Some(read.plain(&body, count).ok_or_else(damaged)?);
            }
            3 => {
                let of = header.field(8);
                let sizes = [of.int(6), of.int(5)].map(|n| usize::try_from(n).ok());
                let [Some(r), Some(d)] = sizes else { return Err(damaged()) };
                let levels_end = r.checked_add(d).filter(|&n| n <= body.len()).ok_or_else(damaged)?;
                let count = usize::try_from(of.int(1)).ok().filter(|&n| n <= total - seen).ok_or_else(damaged)?;
                let (mut first, mut second) = (&body[..r], &body[r..levels_end]);
                let repetition = levels(&mut first, leaf.repetition, count, Some(r)).ok_or_else(damaged)?;
                let definition = levels(&mut second, leaf.definition, count, Some(d)).ok_or_else(damaged)?;
                let packed = !of.has(7) || of.int(7) != 0;
                let codec = if packed { meta.int(4) } else { 0 };
                let values = unpack(&body[levels_end..], codec, plain.saturating_sub(levels_end))?;
                read.page(&repetition, &definition, count, of.int(4), &values)?;
                seen += count;
            }
            _ => {}
        }
    }
    read.end_row();
    if read.column.rows.len() != rows {
        let found = read.column.rows.len();
        return Err(unreadable(format!("{found} rows where its group has {rows}")));
    }
    Ok(read.column)
}

fn unpack(body: &[u8], codec: i64, plain: usize) -> Result<Vec<u8>, Problem> {
    let damaged = || unreadable("a page does not unpack to what it should");
    let limited = |source: &mut dyn Read| {
        let mut out = Vec::new();
        let read = source.take(plain as u64 + 1).read_to_end(&mut out);
        (read.is_ok() && out.len() == plain).then_some(out)
    };
    match codec {
        0 => Ok(body.to_vec()),
        1 => snappy::unpack(body, plain).ok_or_else(damaged),
        2 => limited(&mut flate2::read::MultiGzDecoder::new(body)).ok_or_else(damaged),
        6 => {
            let mut decoder = ruzstd::decoding::StreamingDecoder::new(body).map_err(|_| damaged())?;
            limited(&mut decoder).ok_or_else(damaged)
        }
        _ => {
            let name = match codec {
                3 => "LZO",
                4 => "Brotli",
                5 | 7 => "LZ4",
                _ => "an unknown compression",
            };
            Err(unreadable(format!("it is packed with {name}; write it with snappy, gzip or zstd")))
        }
    }
}

/// Levels of so many values: runs and bits, behind their length unless it is known.
fn levels(rest: &mut &[u8], most: u32, count: usize, known: Option<usize>) -> Option<Vec<u32>> {
    if most == 0 {
        return Some(vec![0; count]);
    }
    let length = match known {
        Some(length) => length,
        None => {
            let (head, after) = rest.split_first_chunk::<4>()?;
            *rest = after;
            size(u32::from_le_bytes(*head).into())
        }
    };
    let body = rest.get(..length)?;
    *rest = &rest[length..];
    hybrid(body, u32::BITS - most.leading_zeros(), count)
}

/// So many numbers of some bits, in runs of one number and in groups of eight.
fn hybrid(bytes: &[u8], bits: u32, count: usize) -> Option<Vec<u32>> {
    if bits > 32 {
        return None;
    }
    let (mut out, mut at) = (Vec::with_capacity(count), 0);
    let width = bits.div_ceil(8) as usize;
    while out.len() < count {
        let (mut head, mut shift) = (0u64, 0);
        loop {
            let byte = *bytes.get(at)?;
            at += 1;
            head |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let left = count - out.len();
        if head & 1 == 0 {
            let number = bytes.get(at..at + width)?.iter().rev().fold(0u32, |n, &b| n << 8 | u32::from(b));
            at += width;
            let run = size(head >> 1);
            if run == 0 {
                return None;
            }
            out.extend(std::iter::repeat_n(number, run.min(left)));
        } else {
            let groups = size(head >> 1);
            if groups == 0 {
                return None;
            }
            let packed = groups.saturating_mul(bits as usize).min(bytes.len() - at);
            let numbers = groups.saturating_mul(8).min(left);
            let body = &bytes[at..at + packed];
            at += packed;
            for i in 0..numbers {
                let from = i * bits as usize;
                let mut word = 0u64;
                for (n, &byte) in body.get(from / 8..)?.iter().take(5).enumerate() {
                    word |= u64::from(byte) << (8 * n);
                }
                if from + bits as usize > packed * 8 {
                    return None;
                }
                let mask = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
                out.push(u32::try_from(word >> (from % 8) & mask).ok()?);
            }
        }
    }
    Some(out)
}

/// Differences in blocks: `DELTA_BINARY_PACKED`.
fn deltas(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let mut at = 0;
    let number = |at: &mut usize| {
        let (mut n, mut shift) = (0u64, 0);
        loop {
            let byte = *bytes.get(*at)?;
            *at += 1;
            n |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                return Some(n);
            }
        }
    };
    let zigzag = |n: u64| (n >> 1).cast_signed() ^ -(n & 1).cast_signed();
    let (block, minis, total) = (size(number(&mut at)?), size(number(&mut at)?), size(number(&mut at)?));
    let mut value = zigzag(number(&mut at)?);
    let per = block.checked_div(minis).filter(|&n| n > 0 && n % 8 == 0 && block <= 1 << 20)?;
    let wanted = total.min(count);
    let mut out = Vec::with_capacity(wanted);
    if wanted > 0 {
        out.push(value);
    }
    while out.len() < wanted {
        let least = zigzag(number(&mut at)?);
        let widths = bytes.get(at..at.checked_add(minis)?)?.to_vec();
        at += minis;
        for width in widths {
            if out.len() >= wanted {
                break;
            }
            let width = usize::from(width);
            let length = (per / 8).checked_mul(width)?;
            let body = bytes.get(at..at.checked_add(length)?)?;
            at += length;
            for i in 0..per.min(wanted - out.len()) {
                let mut delta = 0u64;
                for bit in 0..width.min(64) {
                    let place = i * width + bit;
                    delta |= u64::from(body[place / 8] >> (place % 8) & 1) << bit;
                }
                value = value.wrapping_add(least).wrapping_add(delta.cast_signed());
                out.push(value);
            }
        }
    }
    Some(out)
}

impl Reads<'_> {
    /// So many values as they are.
    fn plain(&self, bytes: &[u8], count: usize) -> Option<Values> {
        Some(match self.leaf.kind {
            // Bits.
            0 => {
                let bit = |i: usize| bytes.get(i / 8).map(|b| i64::from(b >> (i % 8) & 1));
                Values::Ints((0..count).map(bit).collect::<Option<_>>()?)
            }
            1 => {
                let (numbers, _) = bytes.get(..count.checked_mul(4)?)?.as_chunks::<4>();
                Values::Ints(numbers.iter().map(|&b| i32::from_le_bytes(b).into()).collect())
            }
            2 => {
                let (numbers, _) = bytes.get(..count.checked_mul(8)?)?.as_chunks::<8>();
                Values::Ints(numbers.iter().map(|&b| i64::from_le_bytes(b)).collect())
            }
            _ => {
                let (mut rest, mut all) = (bytes, Vec::new());
                for _ in 0..count {
                    let (length, after) = rest.split_first_chunk::<4>()?;
                    let (text, after) = after.split_at_checked(size(u32::from_le_bytes(*length).into()))?;
                    all.push(text.to_vec());
                    rest = after;
                }
                Values::Texts(all)
            }
        })
    }

    /// Takes the values of a page.
    fn page(
        &mut self,
        repetition: &[u32],
        definition: &[u32],
        count: usize,
        encoding: i64,
        bytes: &[u8],
    ) -> Result<(), Problem> {
        let damaged = || unreadable("the values of a page are damaged");
        let there = definition.iter().filter(|&&d| d == self.leaf.definition).count();
        let values = match encoding {
            0 => self.plain(bytes, there).ok_or_else(damaged)?,
            2 | 8 => {
                let bits = u32::from(*bytes.first().unwrap_or(&0));
                let indices = hybrid(bytes.get(1..).unwrap_or_default(), bits, there).ok_or_else(damaged)?;
                let dictionary = self.dictionary.as_ref().ok_or_else(damaged)?;
                let at = |i: &u32| size((*i).into());
                match dictionary {
                    Values::Ints(all) => {
                        let found: Option<Vec<i64>> = indices.iter().map(|i| all.get(at(i)).copied()).collect();
                        Values::Ints(found.ok_or_else(damaged)?)
                    }
                    Values::Texts(all) => {
                        let found: Option<Vec<Vec<u8>>> = indices.iter().map(|i| all.get(at(i)).cloned()).collect();
                        Values::Texts(found.ok_or_else(damaged)?)
                    }
                }
            }
            3 if self.leaf.kind == 0 => {
                let body = bytes.get(4..).unwrap_or_default();
                Values::Ints(hybrid(body, 1, there).ok_or_else(damaged)?.into_iter().map(i64::from).collect())
            }
            5 => Values::Ints(deltas(bytes, there).filter(|all| all.len() == there).ok_or_else(damaged)?),
            _ => return Err(unreadable(format!("its values are encoded in a way ({encoding}) that is not read"))),
        };
        let held = match (&mut self.column.values, values) {
            (Values::Ints(all), Values::Ints(more)) => {
                let held = all.len();
                all.extend(more);
                held
            }
            (Values::Texts(all), Values::Texts(more)) => {
                let held = all.len();
                all.extend(more);
                held
            }
            _ => return Err(damaged()),
        };
        let mut at = held;
        for i in 0..count {
            if repetition[i] == 0 {
                self.end_row();
                self.begun = true;
                self.column.rows.push(at..at);
            } else if repetition[i] < self.leaf.repetition {
                self.end_list();
            }
            if definition[i] == self.leaf.definition {
                at += 1;
                self.open += 1;
                if let Some(row) = self.column.rows.last_mut() {
                    row.end = at;
                }
            }
        }
        Ok(())
    }

    fn end_list(&mut self) {
        if self.leaf.repetition > 1 {
            self.column.inner.push(self.open);
        }
        self.open = 0;
    }

    fn end_row(&mut self) {
        if self.begun {
            self.end_list();
        }
    }
}
