//! Files of placements, of any engine: refused, or every engine says what it would not load, and what it writes reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moescope::place::files::{Deployment, ENGINES, Numbering, digest, read};
use moescope::protocol::read_placement;

fuzz_target!(|bytes: &[u8]| {
    let _ = digest(bytes);
    let Ok(file) = read_placement(bytes) else { return };
    let maps: Vec<Vec<usize>> = file.layers.values().cloned().collect();
    let experts = maps.iter().flatten().max().map_or(0, |&e| e.saturating_add(1));
    // Rows for every layer up to the last are written: those of a recording have ids below 65 536.
    if experts > 4096 || maps.len() > 256 || file.layers.keys().any(|&id| id > 1024) {
        return;
    }
    let layers = file.layers.keys().copied().collect();
    let devices = file.devices.unwrap_or(1);
    let of = Deployment { layers, maps, devices, experts, ..Deployment::default() };
    for engine in &ENGINES {
        let Ok((text, _)) = engine.export(&of) else { continue };
        let again = read(text.as_bytes()).expect("what was written is read");
        for (at, (id, map)) in (0..).zip(of.layers.iter().zip(&of.maps)) {
            // A file without ids of layers has a row for each, or for each MoE layer.
            let of = if engine.numbering == Numbering::Model { id } else { &at };
            assert_eq!(again.layers.get(of), Some(map), "{}, layer {id}", engine.name);
        }
    }
});
