//! TensorRT-LLM's `moe_load_balancer.yaml`: a map of layers to lists, and two numbers. Read by hand, flow lists and block lists: a YAML
//! library would bring anchors, tags and aliases, of which such a file has none.

use std::collections::BTreeMap;

use super::{Deployment, Numbering, PlacementFile};
use crate::model::MAX_EXPERTS;

const KEY: &str = "initial_global_assignments";

pub(super) fn write(of: &Deployment) -> Result<String, String> {
    let (ids, _) = of.model_layers()?;
    let mut text = format!("{KEY}:\n");
    for (id, map) in ids.iter().zip(&of.maps) {
        let map: Vec<String> = map.iter().map(ToString::to_string).collect();
        text += &format!("  {id}: [{}]\n", map.join(", "));
    }
    Ok(text + &format!("num_slots: {}\nlayer_updates_per_iter: 0\n", of.maps[0].len()))
}

pub(super) fn read(text: &str) -> Option<Result<PlacementFile, String>> {
    let known = text.lines().any(|line| line.trim_start().starts_with(KEY));
    known.then(|| assignments(text))
}

fn assignments(text: &str) -> Result<PlacementFile, String> {
    let mut layers: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    // The key that values belong to.
    let mut key = Key::Other;
    let mut slots = None;
    let words = words(text);
    for (at, &(line, word)) in words.iter().enumerate() {
        if word == ":" {
            continue;
        }
        let place = |what: &str| format!("line {line}: {what}");
        let is_key = words.get(at + 1).is_some_and(|&(_, next)| next == ":");
        key = match (is_key, word, key) {
            (true, KEY, _) => Key::Assignments,
            (true, "num_slots", _) => Key::Slots,
            (true, id, Key::Assignments | Key::Layer(_)) if id.starts_with(|c: char| c.is_ascii_digit()) => {
                let id = id.parse::<u32>().map_err(|_| place(&format!("{id} is no layer")))?;
                if layers.insert(id, Vec::new()).is_some() {
                    return Err(place(&format!("layer {id} is there twice")));
                }
                Key::Layer(id)
            }
            (true, ..) => Key::Other,
            (false, word, Key::Slots) => {
                slots = Some(word.parse::<usize>().map_err(|_| place(&format!("num_slots is {word}")))?);
                Key::Other
            }
            (false, word, Key::Layer(id)) => {
                let expert = word.parse().ok().filter(|&e: &usize| (e as u64) < MAX_EXPERTS);
                let expert = expert.ok_or_else(|| place(&format!("{word} is no expert id")))?;
                layers.entry(id).or_default().push(expert);
                Key::Layer(id)
            }
            (false, _, key) => key,
        };
    }
    if let (Some(slots), Some((id, map))) = (slots, layers.iter().find(|(_, map)| Some(map.len()) != slots)) {
        return Err(format!("layer {id} has {} slots, and num_slots is {slots}", map.len()));
    }
    Ok(PlacementFile { numbering: Numbering::Model, layers, devices: None })
}

#[derive(Clone, Copy)]
enum Key {
    Assignments,
    Layer(u32),
    Slots,
    Other,
}

/// Words and colons with their lines. Brackets, commas and the dashes of block lists only part them; a dash before a digit is a sign.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let parts = line
            .split(|c: char| "[]{},\"'".contains(c) || c.is_whitespace())
            .filter(|part| !part.is_empty() && *part != "-");
        for part in parts {
            let (word, colon) = part.strip_suffix(':').map_or((part, false), |word| (word, true));
            for (i, word) in word.split(':').enumerate() {
                if i > 0 {
                    all.push((at + 1, ":"));
                }
                if !word.is_empty() {
                    all.push((at + 1, word));
                }
            }
            if colon {
                all.push((at + 1, ":"));
            }
        }
    }
    all
}
