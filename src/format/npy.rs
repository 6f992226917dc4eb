//! NumPy arrays `[token, layer, k]`: vLLM's routed experts. The header is read here: the library for it brings a parser of all
//! Python literals and big integers, an eighth of the workers' bytes.

use super::columns::Columns;
use super::whole::Found;
use super::{Issues, MAX_EXPERTS, Place, Problem};
use crate::model::{Labels, UNKNOWN};

/// Ids `[tokens][layers][k]`, flat; what is no `u16` (such as -1) is unknown.
pub(super) struct Routed {
    pub(super) ids: Vec<u16>,
    pub(super) layers: usize,
    pub(super) top_k: usize,
}

/// Reads one array as a request. It does not tell where the prompt ends: all tokens count as prefill.
pub(super) fn read(bytes: &[u8], index: u64, labels: &Labels, experts: Option<usize>) -> Found {
    let mut found = Found::default();
    match array(bytes) {
        Ok(routed) => {
            let mut columns = Columns::new(experts.map_or(MAX_EXPERTS, |e| e as u64));
            push(&mut columns, &routed, &mut found.issues);
            found.requests.extend(columns.finish(index, usize::MAX, labels.clone(), &mut found.issues));
        }
        Err(why) => found.issues.push(Place::default(), Problem::Unreadable { why }),
    }
    found
}

/// Adds the tokens of an array; layers are numbered from 0.
pub(super) fn push(columns: &mut Columns, routed: &Routed, issues: &mut Issues) {
    for token in routed.ids.chunks_exact((routed.layers * routed.top_k).max(1)) {
        for (layer, row) in (0..).zip(token.chunks_exact(routed.top_k.max(1))) {
            // A dense layer is recorded as zeros; its rows are not duplicates but nothing.
            if row.len() > 1 && row.iter().all(|&id| id == 0) {
                columns.push_zero(layer, row.len());
            } else {
                columns.push(layer, row, None, issues);
            }
        }
    }
}

/// The ids of an array.
pub(super) fn array(bytes: &[u8]) -> Result<Routed, String> {
    let (header, data) = split(bytes).ok_or("the header of the array is damaged")?;
    let after = |key: &str| {
        header.split_once(key).map(|(_, rest)| rest.trim_start_matches([':', ' ', '\'', '"'])).unwrap_or_default()
    };
    if !after("fortran_order").starts_with("False") {
        return Err("the array is in Fortran order; save it with numpy.ascontiguousarray".into());
    }
    let inside = after("'shape'").trim_start_matches('(').split(')').next().unwrap_or_default();
    let shape: Vec<usize> = inside.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let &[tokens, layers, top_k] = &shape[..] else {
        return Err(format!("the array has shape ({inside}), not [tokens, layers, k]"));
    };
    let kind = after("'descr'").split(['\'', '"']).next().unwrap_or_default();
    let read: fn(&[u8]) -> i64 = match kind {
        "|u1" | "<u1" => |b| b[0].into(),
        "|i1" | "<i1" => |b| i8::from_le_bytes([b[0]]).into(),
        "<u2" => |b| u16::from_le_bytes([b[0], b[1]]).into(),
        "<i2" => |b| i16::from_le_bytes([b[0], b[1]]).into(),
        "<u4" => |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
        "<i4" => |b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
        "<i8" | "<u8" => |b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        _ => return Err(format!("the array holds {kind}, not little-endian integers")),
    };
    let size = usize::from(kind.as_bytes()[2] - b'0');
    let ids = tokens.checked_mul(layers).and_then(|n| n.checked_mul(top_k)).unwrap_or(usize::MAX);
    if ids > data.len() / size {
        return Err(format!("the header promises {ids} ids, the file holds {}", data.len() / size));
    }
    let ids = data.chunks_exact(size).take(ids).map(|b| u16::try_from(read(b)).unwrap_or(UNKNOWN)).collect();
    Ok(Routed { ids, layers, top_k })
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
