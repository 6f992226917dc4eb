//! Placements as bare tables of numbers, which torch saves: vLLM's expert map, and rows of EPLB or SGLang. Apart from the texts, which
//! say what they are: here only the number of axes does.

use std::collections::BTreeMap;

use super::{Numbering, PlacementFile};
use crate::model::{MAX_EXPERTS, MAX_LAYERS};
use crate::units::{index, small};

/// What a table says: `[layers, ranks, experts]` gives the slot of each expert on a rank, -1 where it is not (vLLM's expert map);
/// `[layers, slots]` the expert of each slot.
///
/// # Errors
/// What in it is no placement, and where.
pub fn of_table(shape: &[usize], values: &[i64]) -> Result<PlacementFile, String> {
    let sides = || shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let fits = shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side)) == Some(values.len());
    if values.is_empty() || !fits || shape[0] > MAX_LAYERS {
        return Err(format!("a table of [{}] is no placement: 1 to {MAX_LAYERS} layers are", sides()));
    }
    match *shape {
        [_, slots] => {
            let rows = values.chunks(slots).zip(0..).map(|(row, layer)| Ok((layer, experts(row, layer)?)));
            let layers = rows.collect::<Result<_, String>>()?;
            Ok(PlacementFile { numbering: Numbering::Unsaid, layers, devices: None })
        }
        [_, ranks, experts] if experts as u64 <= MAX_EXPERTS => {
            let mut layers = BTreeMap::new();
            for (layer, of_ranks) in values.chunks(ranks * experts).enumerate() {
                layers.insert(small(layer), of_layer(of_ranks, experts, layer)?);
            }
            Ok(PlacementFile { numbering: Numbering::Unsaid, layers, devices: Some(ranks) })
        }
        _ => Err(format!(
            "a table of [{}] is no placement: [layers, slots] and [layers, ranks, experts] are, of at most {MAX_EXPERTS} experts",
            sides()
        )),
    }
}

fn experts(row: &[i64], layer: u32) -> Result<Vec<usize>, String> {
    let id = |(slot, &id): (usize, &i64)| {
        let n = u64::try_from(id).ok().filter(|&n| n < MAX_EXPERTS);
        n.map(index).ok_or_else(|| format!("layer {layer} of the file, slot {slot}: {id} is no expert id"))
    };
    row.iter().enumerate().map(id).collect()
}

/// The expert of each slot, rank after rank.
fn of_layer(of_ranks: &[i64], experts: usize, layer: usize) -> Result<Vec<usize>, String> {
    let mut map = Vec::new();
    let mut first = 0;
    for (rank, slots) in of_ranks.chunks(experts).enumerate() {
        let place = || format!("layer {layer} of the file, rank {rank}");
        let mut on = BTreeMap::new();
        for (expert, &slot) in slots.iter().enumerate().filter(|(_, slot)| **slot != -1) {
            // No expert is twice on a rank in this form, so there are no more slots than experts.
            let n = usize::try_from(slot).ok().filter(|&n| n < experts);
            let n = n.ok_or_else(|| format!("{}, expert {expert}: {slot} is no slot", place()))?;
            if let Some(other) = on.insert(n, expert) {
                return Err(format!("{}: experts {other} and {expert} are both in slot {n}", place()));
            }
        }
        const TWICE: &str = "an expert that is twice on a rank leaves such a gap: this form cannot tell it";
        if let Some(gap) = (0..on.len()).find(|slot| !on.contains_key(slot)) {
            return Err(format!("{}: slot {gap} has no expert; {TWICE}", place()));
        }
        if rank == 0 {
            first = on.len();
        } else if on.len() != first {
            return Err(format!("{} has {} slots and rank 0 has {first}; {TWICE}", place(), on.len()));
        }
        map.extend(on.into_values());
    }
    Ok(map)
}
