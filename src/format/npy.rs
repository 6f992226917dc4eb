//! NumPy arrays `[token, layer, k]`: vLLM's routed experts.

use npyz::{DType, NpyFile, Order, TypeChar};

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
    let file = NpyFile::new(bytes).map_err(|e| e.to_string())?;
    if file.order() != Order::C {
        return Err("the array is in Fortran order; save it with numpy.ascontiguousarray".into());
    }
    let &[tokens, layers, top_k] = file.shape() else {
        return Err(format!("the array has shape {:?}, not [tokens, layers, k]", file.shape()));
    };
    let bytes_needed = tokens.saturating_mul(layers).saturating_mul(top_k);
    if bytes_needed > bytes.len() as u64 {
        return Err(format!("the header promises {bytes_needed} ids, the file has {} bytes", bytes.len()));
    }
    let DType::Plain(kind) = file.dtype() else { return Err("the array holds records, not integers".into()) };
    let (class, size) = (kind.type_char(), kind.size_field());
    let ids = match (class, size) {
        (TypeChar::Uint, 1) => file.into_vec::<u8>().map(|v| v.into_iter().map(u16::from).collect()),
        (TypeChar::Int, 1) => file.into_vec::<i8>().map(narrow),
        (TypeChar::Int, 2) => file.into_vec::<i16>().map(narrow),
        (TypeChar::Uint, 2) => file.into_vec::<u16>(),
        (TypeChar::Int, 4) => file.into_vec::<i32>().map(narrow),
        (TypeChar::Uint, 4) => file.into_vec::<u32>().map(narrow),
        (TypeChar::Int, 8) => file.into_vec::<i64>().map(narrow),
        _ => return Err(format!("the array holds {class:?} of {size} bytes, not integers")),
    };
    Ok(Routed {
        ids: ids.map_err(|e| e.to_string())?,
        layers: crate::units::index(layers),
        top_k: crate::units::index(top_k),
    })
}

fn narrow<T: TryInto<u16>>(values: Vec<T>) -> Vec<u16> {
    values.into_iter().map(|v| v.try_into().unwrap_or(UNKNOWN)).collect()
}
