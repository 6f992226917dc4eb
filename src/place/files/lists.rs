//! A bare list of rows, one for each MoE layer: EPLB's `physical_to_logical_map`, and what is proposed for vLLM. Apart from SGLang's,
//! which wraps the same rows and counts dense layers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Deployment, Numbering, PlacementFile};

pub(super) fn write(of: &Deployment) -> Result<String, String> {
    Ok(text(&of.maps.iter().collect::<Vec<_>>()) + "\n")
}

pub(super) fn read(text: &str) -> Option<Result<PlacementFile, String>> {
    let all: Value = serde_json::from_str(text)
        .ok()
        .filter(|v: &Value| v.as_array().is_some_and(|a| a.iter().all(Value::is_array)))?;
    Some(rows(&all, " of the file").map(|layers| PlacementFile { numbering: Numbering::Unsaid, layers, devices: None }))
}

/// A row a line, as people write them.
pub(super) fn text(rows: &[&Vec<usize>]) -> String {
    let row = |row: &&Vec<usize>| format!("[{}]", row.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(",\n "))
}

/// Lists of expert ids, a layer each, by position. `of` is what is said behind the number of a layer: nothing, where it is the model's.
pub(super) fn rows(all: &Value, of: &str) -> Result<BTreeMap<u32, Vec<usize>>, String> {
    let list = all.as_array().ok_or("no list of layers")?;
    let row = |(at, row): (usize, &Value)| Ok((crate::units::small(at), ids(row, &format!("layer {at}{of}"))?));
    list.iter().enumerate().map(row).collect()
}

/// A list of expert ids.
pub(super) fn ids(row: &Value, place: &str) -> Result<Vec<usize>, String> {
    let list = row.as_array().ok_or_else(|| format!("{place}: no list of expert ids"))?;
    let id = |(slot, id): (usize, &Value)| {
        let n = id.as_u64().filter(|&n| n < crate::model::MAX_EXPERTS);
        n.map(crate::units::index).ok_or_else(|| format!("{place}, slot {slot}: {id} is no expert id"))
    };
    list.iter().enumerate().map(id).collect()
}
