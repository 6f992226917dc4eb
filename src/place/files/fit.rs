//! A file's placement on the layers of a trace and the devices of a system. Apart from the readers: how layers are matched is said, and
//! never follows from the position of a row alone.

use super::{Numbering, PlacementFile};
use crate::model::{ModelPreset, Placed, Replicas};

/// What a placement is fitted to.
pub struct Target<'a> {
    /// Layers that are simulated, by id of the trace.
    pub layers: &'a [u32],
    /// All layers of the trace, by id.
    pub all: &'a [u32],
    /// Experts of a layer.
    pub experts: usize,
    /// Devices that work, by id.
    pub live: &'a [usize],
    /// Devices.
    pub devices: usize,
    /// The model, if it is known.
    pub model: Option<&'a ModelPreset>,
}

/// The file's placement of these layers, and how they were matched.
///
/// # Errors
/// Layers, experts or devices that are not there, and where.
pub fn fit(file: &PlacementFile, to: &Target<'_>) -> Result<(Replicas, Vec<String>), String> {
    let mut said = Vec::new();
    if let Some(devices) = file.devices.filter(|&d| d != to.live.len()) {
        return Err(format!(
            "the file places experts on {devices} devices, and the system has {} that work: choose a system of {devices}",
            to.live.len()
        ));
    }
    if file.devices.is_none() {
        said.push(format!("the file does not say on how many devices: taken for the {} of the system", to.live.len()));
    }
    let number = numbering(file, to, &mut said)?;
    let mut layers = Vec::new();
    for &id in to.layers {
        let wanted = number(id).ok_or_else(|| format!("layer {id} of the trace is none of the model's"))?;
        let map = file.layers.get(&wanted).ok_or_else(|| {
            let has: Vec<String> = file.layers.keys().take(8).map(ToString::to_string).collect();
            format!(
                "layer {id} of the trace would be layer {wanted} of the file, which has {} layers: {}…",
                file.layers.len(),
                has.join(", ")
            )
        })?;
        // The file's number, and the trace's where that is another.
        let layer =
            if wanted == id { format!("layer {id}") } else { format!("layer {id} (layer {wanted} of the file)") };
        if let Some(slot) = map.iter().position(|&e| e >= to.experts) {
            return Err(format!("{layer}, slot {slot}: expert {} of {} experts", map[slot], to.experts));
        }
        if let Some(expert) = (0..to.experts).find(|e| !map.contains(e)) {
            return Err(format!("{layer}: expert {expert} has no slot; its tokens could go nowhere"));
        }
        if !map.len().is_multiple_of(to.live.len()) {
            return Err(format!("{layer}: {} slots are no multiple of {} devices", map.len(), to.live.len()));
        }
        layers.push(Placed::from_map(map, to.live, to.devices, to.experts));
    }
    Ok((Replicas { layers }, said))
}

/// The file's number of a layer of the trace.
type Number<'a> = Box<dyn Fn(u32) -> Option<u32> + 'a>;

fn numbering<'a>(file: &PlacementFile, to: &'a Target<'_>, said: &mut Vec<String>) -> Result<Number<'a>, String> {
    let position = |id: u32| to.all.iter().position(|&l| l == id).and_then(|p| u32::try_from(p).ok());
    // The trace may count MoE layers from 0 although the model begins with dense ones.
    let own: Vec<u32> = to.model.map(|m| m.layer_ids().collect()).unwrap_or_default();
    let counted = own.first().is_some_and(|&first| first > 0) && to.all.len() == own.len() && to.all[0] == 0;
    let in_model =
        move |id: u32| if counted { position(id).and_then(|p| own.get(p as usize).copied()) } else { Some(id) };
    let first = to.all.first().copied().unwrap_or(0);
    let rows = file.layers.len();
    let moe = match file.numbering {
        Numbering::Model => false,
        Numbering::Moe => true,
        Numbering::Unsaid => {
            let last = to.all.iter().filter_map(|&id| in_model(id)).max().unwrap_or(0) as usize;
            match (rows > last, rows == to.all.len()) {
                (true, _) => false,
                (false, true) => true,
                _ => {
                    return Err(format!(
                        "the file has {rows} layers: neither the {} MoE layers of the trace nor layers 0 to {last} of the model, dense \
                         ones counted",
                        to.all.len()
                    ));
                }
            }
        }
    };
    if moe {
        said.push(format!(
            "layer 0 of the file, which lists MoE layers alone, is taken for layer {first} of the trace, the next for its next, and so on"
        ));
        return Ok(Box::new(position));
    }
    if counted {
        said.push(
            "the trace counts MoE layers from 0, and the file layers of the model: matched by the model's dense layers"
                .into(),
        );
    }
    Ok(Box::new(in_model))
}
