//! vllm-ascend's and MindIE's expert map: devices listed by id in layers listed by id, which count MoE layers from 0. Ids decide, never
//! the order of the list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Deployment, Numbering, PlacementFile};

#[derive(Serialize, Deserialize)]
struct Map {
    moe_layer_count: usize,
    layer_list: Vec<Layer>,
}

#[derive(Serialize, Deserialize)]
struct Layer {
    layer_id: u32,
    device_count: usize,
    device_list: Vec<Device>,
}

#[derive(Serialize, Deserialize)]
struct Device {
    device_id: u32,
    device_expert: Vec<usize>,
}

pub(super) fn write(of: &Deployment) -> Result<String, String> {
    let layer = |(layer_id, map): (u32, &Vec<usize>)| {
        let each = map.len() / of.devices;
        let device = |(device_id, on): (u32, &[usize])| Device { device_id, device_expert: on.to_vec() };
        Layer { layer_id, device_count: of.devices, device_list: (0..).zip(map.chunks(each)).map(device).collect() }
    };
    let map = Map { moe_layer_count: of.maps.len(), layer_list: (0..).zip(&of.maps).map(layer).collect() };
    serde_json::to_string(&map).map(|text| text + "\n").map_err(|e| e.to_string())
}

pub(super) fn read(text: &str) -> Option<Result<PlacementFile, String>> {
    if !text.trim_start().starts_with('{') || !text.contains("\"layer_list\"") {
        return None;
    }
    Some(serde_json::from_str(text).map_err(|e| e.to_string()).and_then(of_map))
}

fn of_map(map: Map) -> Result<PlacementFile, String> {
    let mut layers = BTreeMap::new();
    let mut devices = None;
    if map.moe_layer_count != map.layer_list.len() {
        return Err(format!(
            "moe_layer_count is {}, and {} layers are listed",
            map.moe_layer_count,
            map.layer_list.len()
        ));
    }
    for Layer { layer_id, device_count, device_list } in map.layer_list {
        let mut by_id = BTreeMap::new();
        for Device { device_id, device_expert } in device_list {
            if by_id.insert(device_id, device_expert).is_some() {
                return Err(format!("layer {layer_id}: device {device_id} is listed twice"));
            }
        }
        if by_id.len() != device_count || by_id.keys().copied().ne((0..).take(device_count)) {
            return Err(format!(
                "layer {layer_id}: device_count is {device_count}, and {} devices are listed",
                by_id.len()
            ));
        }
        let each = by_id.values().next().map_or(0, Vec::len);
        if let Some((device, on)) = by_id.iter().find(|(_, on)| on.len() != each) {
            return Err(format!("layer {layer_id}: device {device} has {} slots and device 0 has {each}", on.len()));
        }
        if *devices.get_or_insert(device_count) != device_count {
            return Err(format!("layer {layer_id} has {device_count} devices, those before have others"));
        }
        if layers.insert(layer_id, by_id.into_values().flatten().collect::<Vec<usize>>()).is_some() {
            return Err(format!("layer {layer_id} is listed twice"));
        }
    }
    if let Some((id, slot)) = layers.iter().find_map(|(id, map): (&u32, &Vec<usize>)| {
        map.iter().position(|&e| e as u64 >= crate::model::MAX_EXPERTS).map(|slot| (*id, slot))
    }) {
        return Err(format!("layer {id}, slot {slot}: {} is no expert id", layers[&id][slot]));
    }
    Ok(PlacementFile { numbering: Numbering::Moe, layers, devices })
}
