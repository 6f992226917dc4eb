//! NumPy arrays of ids. The header is read here: the library for it brings a parser of all Python literals and big integers, an
//! eighth of the workers' bytes.

use super::Problem;
use super::columns::{Routed, bounded};
use crate::model::UNKNOWN;

/// The ids of an array, and how many bytes stand behind them.
pub(super) fn array(bytes: &[u8]) -> Result<(Routed, usize), Problem> {
    let unreadable = |why: String| Problem::Unreadable { why };
    let (header, data) = split(bytes).ok_or_else(|| unreadable("the header of the array is damaged".into()))?;
    let after = |key: &str| {
        header.split_once(key).map(|(_, rest)| rest.trim_start_matches([':', ' ', '\'', '"'])).unwrap_or_default()
    };
    if !after("fortran_order").starts_with("False") {
        return Err(unreadable("the array is in Fortran order; save it with numpy.ascontiguousarray".into()));
    }
    let inside = after("'shape'").trim_start_matches('(').split(')').next().unwrap_or_default();
    let shape: Vec<usize> = inside.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let &[tokens, layers, top_k] = &shape[..] else {
        return Err(unreadable(format!("the array has shape ({inside}), not [tokens, layers, k]")));
    };
    bounded(tokens, layers, top_k)?;
    let kind = after("'descr'").split(['\'', '"']).next().unwrap_or_default();
    let read: fn(&[u8]) -> i64 = match kind {
        "|u1" | "<u1" => |b| b[0].into(),
        "|i1" | "<i1" => |b| i8::from_le_bytes([b[0]]).into(),
        "<u2" => |b| u16::from_le_bytes([b[0], b[1]]).into(),
        "<i2" => |b| i16::from_le_bytes([b[0], b[1]]).into(),
        "<u4" => |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
        "<i4" => |b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
        "<i8" | "<u8" => |b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        _ => return Err(unreadable(format!("the array holds {kind}, not little-endian integers"))),
    };
    let size = usize::from(kind.as_bytes()[2] - b'0');
    let ids = tokens as u64 * layers as u64 * top_k as u64;
    if ids > (data.len() / size) as u64 {
        return Err(unreadable(format!("the header promises {ids} ids, the file holds {}", data.len() / size)));
    }
    let (data, beyond) = data.split_at(crate::units::index(ids) * size);
    let ids = data.chunks_exact(size).map(|b| u16::try_from(read(b)).unwrap_or(UNKNOWN)).collect();
    Ok((Routed { ids, layers, top_k }, beyond.len()))
}

/// The header's text, and the data behind it.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let version = *bytes.strip_prefix(b"\x93NUMPY")?.first()?;
    let (length, start) = if version == 1 {
        (u32::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?])), 10)
    } else {
        (u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?), 12)
    };
    let end = start + usize::try_from(length).ok()?;
    Some((std::str::from_utf8(bytes.get(start..end)?).ok()?, bytes.get(end..)?))
}
