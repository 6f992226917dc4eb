//! Whether a placement can be served: what engines take in silence and then serve wrong is refused before a byte is written.
//! Apart from the writers, because it holds for all of them.

use super::Deployment;

/// Words on what is legal but useless.
///
/// # Errors
/// The first thing that is wrong, with layer, slot and device, and how to mend it. `once` refuses an expert that is twice on a device.
pub fn check(of: &Deployment, once: bool) -> Result<Vec<String>, String> {
    let Deployment { layers, maps, devices, experts, .. } = of;
    if maps.is_empty() || layers.len() != maps.len() {
        return Err(format!("{} layers with placements of {}: each layer needs its own", layers.len(), maps.len()));
    }
    if *devices == 0 || *experts == 0 {
        return Err("no device, or no expert".into());
    }
    let slots = maps[0].len();
    let mut twice = Vec::new();
    for (id, map) in layers.iter().zip(maps) {
        if map.len() != slots {
            return Err(format!(
                "layer {id} has {} slots and layer {} has {slots}: servers want as many in every layer",
                map.len(),
                layers[0]
            ));
        }
        if !slots.is_multiple_of(*devices) || slots < *experts {
            return Err(format!(
                "layer {id}: {slots} slots for {experts} experts on {devices} devices; servers want a multiple of the devices, \
                 and a slot for each expert: change spare= or the number of devices"
            ));
        }
        let mut copies = vec![0usize; *experts];
        for (slot, &expert) in map.iter().enumerate() {
            let Some(copies) = copies.get_mut(expert) else {
                return Err(format!("layer {id}, slot {slot}: expert {expert} of {experts} experts"));
            };
            *copies += 1;
        }
        if let Some(expert) = copies.iter().position(|&c| c == 0) {
            return Err(format!("layer {id}: expert {expert} has no slot; its tokens could go nowhere"));
        }
        let each = slots / devices;
        for (device, on) in map.chunks(each).enumerate() {
            let mut sorted = on.to_vec();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                twice.push((*id, device, pair[0]));
            }
        }
    }
    match twice.first() {
        Some((layer, device, expert)) if once => Err(format!(
            "layer {layer}, device {device}: expert {expert} is there twice, which this engine serves wrong; choose a placement that \
             never does that (dup, flash)"
        )),
        Some((layer, device, expert)) => Ok(vec![format!(
            "{} devices hold an expert twice (first: layer {layer}, device {device}, expert {expert}): legal, but the slot is lost",
            twice.len()
        )]),
        None => Ok(Vec::new()),
    }
}
