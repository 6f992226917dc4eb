//! `.npy`: one array of NumPy. The header is read here: the library for it brings a parser of all Python literals and big integers, an
//! eighth of the workers' bytes. Apart from its reader, because arrays stand in `.npz` and in responses too.

use super::node::Node;
use super::pickle::Names;
use super::tensor::{Kind, Shared, Tensor, fortran_order};
use super::{Problem, pickle};

/// What every array starts with.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The array at byte `at` of some bytes, and how many bytes stand behind it. Objects are pickles, of which nothing is run.
pub(super) fn array(bytes: &Shared, at: usize, end: usize, names: &mut Names) -> Result<(Node, usize), Problem> {
    let unreadable = |why: String| Problem::Unreadable { why };
    let all = bytes.get(at..end).unwrap_or_default();
    let (header, length) = split(all).ok_or_else(|| unreadable("the header of the array is damaged".into()))?;
    let (start, after) = (at + length, |key: &str| {
        header.split_once(key).map(|(_, rest)| rest.trim_start_matches([':', ' '])).unwrap_or_default()
    });
    let inside = after("'shape'").trim_start_matches('(').split(')').next().unwrap_or_default();
    let sides = inside.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape: Vec<usize> = sides
        .map(|n| n.trim_end_matches('L').parse().ok())
        .collect::<Option<_>>()
        .ok_or_else(|| unreadable(format!("the array has shape ({inside})")))?;
    let kind = after("'descr'").trim_start_matches(['\'', '"']).split(['\'', '"']).next().unwrap_or_default();
    if kind.ends_with('O') {
        let object = pickle::read(bytes.get(start..end).unwrap_or_default(), &mut |_| None, names)?;
        return Ok((object, 0));
    }
    if kind.trim_start_matches(['<', '>', '|']).starts_with(['U', 'S']) {
        return Ok((Node::Opaque("text".into()), 0));
    }
    let Some(element) = Kind::named(kind) else {
        return Err(unreadable(format!("the array holds {kind}, not numbers")));
    };
    let fortran = after("'fortran_order'").starts_with("True");
    let strides = fortran_order(&shape);
    let order = (element, kind.starts_with('>'));
    let limited = |n: u64| bytes.len().min(end) as u64 >= start as u64 + n;
    let data = shape.iter().try_fold(element.size() as u64, |n, &side| n.checked_mul(side as u64));
    if data.is_none_or(|n| !limited(n)) {
        let (ids, held) = (data.map(|n| n / element.size() as u64), end.saturating_sub(start) / element.size());
        let ids = ids.map_or_else(|| "more ids than any file".into(), |n| format!("{n} ids"));
        return Err(unreadable(format!("the header promises {ids}, the file holds {held}")));
    }
    let tensor = Tensor::new((bytes, start), order, &shape, fortran.then_some(&strides[..]))?;
    let beyond = end - start - tensor.len() * element.size();
    Ok((Node::Tensor(tensor), beyond))
}

/// The header's text, and how long it is with what stands before it.
fn split(bytes: &[u8]) -> Option<(&str, usize)> {
    let version = *bytes.strip_prefix(MAGIC)?.first()?;
    let (length, start) = if version == 1 {
        (u32::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?])), 10)
    } else {
        (u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?), 12)
    };
    let end = usize::try_from(length).ok()?.checked_add(start)?;
    Some((std::str::from_utf8(bytes.get(start..end)?).ok()?, end))
}
