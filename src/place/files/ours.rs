//! Forms of our own: a table for spreadsheets and scripts, and JSON with the experiment that a placement comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Deployment, Numbering, PlacementFile};

#[derive(Serialize, Deserialize)]
struct Json {
    moescope_placement: u32,
    experiment: String,
    experts: usize,
    devices: usize,
    layers: Vec<JsonLayer>,
}

#[derive(Serialize, Deserialize)]
struct JsonLayer {
    layer: u32,
    physical_to_logical: Vec<usize>,
}

pub(super) fn write_json(of: &Deployment) -> Result<String, String> {
    let layer = |(&layer, map): (&u32, &Vec<usize>)| JsonLayer { layer, physical_to_logical: map.clone() };
    let (ids, _) = of.model_layers()?;
    let json = Json {
        moescope_placement: 1,
        experiment: of.experiment.clone(),
        experts: of.experts,
        devices: of.devices,
        layers: ids.iter().zip(&of.maps).map(layer).collect(),
    };
    serde_json::to_string(&json).map(|text| text + "\n").map_err(|e| e.to_string())
}

pub(super) fn read_json(text: &str) -> Option<Result<PlacementFile, String>> {
    if !text.trim_start().starts_with('{') || !text.contains("\"moescope_placement\"") {
        return None;
    }
    let read = |json: Json| {
        let mut layers = BTreeMap::new();
        for JsonLayer { layer, physical_to_logical: map } in json.layers {
            if let Some(slot) = map.iter().position(|&e| e >= json.experts) {
                return Err(format!("layer {layer}, slot {slot}: expert {} of {}", map[slot], json.experts));
            }
            if layers.insert(layer, map).is_some() {
                return Err(format!("layer {layer} is there twice"));
            }
        }
        Ok(PlacementFile { numbering: Numbering::Model, layers, devices: Some(json.devices) })
    };
    Some(serde_json::from_str(text).map_err(|e| e.to_string()).and_then(read))
}

const HEAD: [&str; 6] = ["layer", "slot", "device", "expert", "copy", "load"];

/// The load of a slot is an even share of its expert's tokens, in whole tokens.
pub(super) fn write_csv(of: &Deployment) -> Result<String, String> {
    let (ids, _) = of.model_layers()?;
    let mut text = HEAD.join(",") + "\n";
    for (at, (id, map)) in ids.iter().zip(&of.maps).enumerate() {
        let each = map.len() / of.devices;
        let mut copies = vec![0u64; of.experts];
        map.iter().for_each(|&e| copies[e] += 1);
        let mut next = vec![0u64; of.experts];
        for (slot, &expert) in map.iter().enumerate() {
            let (copy, all) = (next[expert], copies[expert]);
            next[expert] += 1;
            let load = of.loads.get(at).map_or(String::new(), |loads| {
                let cut = |i: u64| (u128::from(loads[expert]) * u128::from(i)).div_ceil(u128::from(all));
                (cut(copy + 1) - cut(copy)).to_string()
            });
            text += &format!("{id},{slot},{},{expert},{copy},{load}\n", slot / each);
        }
    }
    Ok(text)
}

pub(super) fn read_csv(text: &str) -> Option<Result<PlacementFile, String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().ok()?.clone();
    let column = |name: &str| head.iter().position(|h| h == name);
    let columns = ["layer", "slot", "device", "expert"].map(column);
    let [Some(layer), Some(slot), Some(device), Some(expert)] = columns else { return None };
    let mut rows = || {
        let mut cells: BTreeMap<u32, BTreeMap<usize, (usize, usize)>> = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|e| e.to_string())?;
            let line = record.position().map_or(0, csv::Position::line);
            let number = |at: usize| {
                let cell = record.get(at).unwrap_or_default();
                let n = cell.parse::<u32>().ok().filter(|&n| n < 1 << 20);
                n.ok_or_else(|| format!("line {line}: {} is \u{201c}{cell}\u{201d}", head.get(at).unwrap_or_default()))
            };
            let (layer, slot) = (number(layer)?, number(slot)? as usize);
            let cell = (number(expert)? as usize, number(device)? as usize);
            if cell.0 as u64 >= crate::model::MAX_EXPERTS {
                return Err(format!("line {line}: {} is no expert id", cell.0));
            }
            if cells.entry(layer).or_default().insert(slot, cell).is_some() {
                return Err(format!("line {line}: slot {slot} of layer {layer} is there twice"));
            }
        }
        let mut layers = BTreeMap::new();
        let mut devices = 0;
        for (layer, slots) in cells {
            if slots.keys().copied().ne(0..slots.len()) {
                return Err(format!("layer {layer}: slots are not 0 to {}", slots.len() - 1));
            }
            if !slots.values().map(|c| c.1).is_sorted() {
                return Err(format!("layer {layer}: slots of a device are not beside one another"));
            }
            devices = slots.values().map(|c| c.1 + 1).max().unwrap_or(0).max(devices);
            layers.insert(layer, slots.into_values().map(|c| c.0).collect());
        }
        Ok(PlacementFile { numbering: Numbering::Model, layers, devices: Some(devices) })
    };
    Some(rows())
}
