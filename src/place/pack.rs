//! What placements share: the slots of each device, and experts dealt to them by load. Apart from any one of them, because several
//! end in the same packing.

use super::{Loads, Params};
use crate::model::{Placed, Replicas, Topology};
use crate::units::even_parts;

/// The slots of the devices that work: as many on each as on the others, one more on some where they cannot.
pub(super) struct Room {
    /// Slots of each device that works, by position.
    pub(super) each: Vec<usize>,
    /// The devices that work. Where none does, all is on the first: nothing runs there.
    pub(super) live: Vec<usize>,
    devices: usize,
}

impl Room {
    /// For experts and the copies that are asked for.
    pub(super) fn of(topology: &Topology, experts: usize, params: &Params<'_>) -> Self {
        let live = if topology.live.is_empty() { vec![0] } else { topology.live.clone() };
        let slots = params.slots.unwrap_or(experts + params.spare * live.len()).max(experts);
        Self { each: shared(slots, live.len()), live, devices: topology.devices }
    }

    /// Devices that all work, with so many slots each.
    #[cfg(test)]
    pub(super) fn plain(each: Vec<usize>) -> Self {
        let devices = each.len();
        Self { each, live: (0..devices).collect(), devices }
    }

    /// Fills what is left with experts by id, over and over: for devices that have every expert already.
    pub(super) fn repeat(&self, slots: &mut [Vec<usize>], experts: usize) {
        for (of, &room) in slots.iter_mut().zip(&self.each) {
            of.extend((of.len()..room).map(|slot| slot % experts.max(1)));
        }
    }

    /// The placement that has these experts on each working device, by position.
    pub(super) fn placed(&self, by_position: Vec<Vec<usize>>, experts: usize) -> Placed {
        let mut slots = vec![Vec::new(); self.devices];
        self.live.iter().zip(by_position).for_each(|(&device, of)| slots[device] = of);
        Placed::new(slots, experts)
    }
}

/// So many slots shared out: device g of G has those from ⌈g·P/G⌉ to below ⌈(g + 1)·P/G⌉.
pub(super) fn shared(slots: usize, devices: usize) -> Vec<usize> {
    even_parts(slots, devices).collect()
}

/// Places every layer by itself, with the spare slots that are asked for.
pub(super) fn each_layer(
    loads: &Loads,
    topology: &Topology,
    params: &Params<'_>,
    place: impl Fn(usize, &Room) -> Vec<Vec<usize>>,
) -> Replicas {
    let room = Room::of(topology, loads.experts, params);
    let of = |layer| room.placed(place(layer, &room), loads.experts);
    Replicas { layers: (0..loads.layers.len()).map(of).collect() }
}

/// One slot an expert, whatever copies are asked for.
pub(super) fn alone<'a>(params: &Params<'a>) -> Params<'a> {
    Params { spare: 0, slots: None, ..*params }
}

/// Experts' tokens as weights.
pub(super) fn weights(loads: &[u64]) -> Vec<f64> {
    loads.iter().map(|&n| n as f64).collect()
}

/// Positions by weight, the largest first, then the lowest position.
pub(super) fn descending(weights: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    order
}

/// Deals items to packs: the heaviest first, each to the lightest pack with room, the lowest one of several. Where no pack has room
/// for two, item after item to pack after pack. The items of each pack, in the order in which they came.
pub(super) fn pack(weights: &[f64], room: &[usize]) -> Vec<Vec<usize>> {
    let mut packs = vec![Vec::new(); room.len()];
    if room.iter().all(|&room| room <= 1) {
        let with_room = (0..room.len()).filter(|&p| room[p] == 1);
        with_room.zip(0..weights.len()).for_each(|(p, item)| packs[p].push(item));
        return packs;
    }
    let mut taken = vec![0.0; room.len()];
    for item in descending(weights) {
        let free = (0..room.len()).filter(|&p| packs[p].len() < room[p]);
        let Some(p) = free.min_by(|&a, &b| f64::total_cmp(&taken[a], &taken[b])) else { break };
        taken[p] += weights[item];
        packs[p].push(item);
    }
    packs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_out_as_evenly_as_they_can_be() {
        assert_eq!(shared(16, 8), [2; 8]);
        assert_eq!(shared(7, 3), [3, 2, 2]);
        assert_eq!(shared(2, 3), [1, 1, 0]);
    }

    #[test]
    fn the_heaviest_goes_to_the_lightest_pack_with_room() {
        assert_eq!(pack(&[1.0, 5.0, 5.0, 2.0], &[2, 2]), [[1, 3], [2, 0]]);
        assert_eq!(pack(&[9.0, 1.0, 1.0, 1.0], &[2, 2]), [[0, 3], [1, 2]], "room, not weight, is the limit");
        assert_eq!(pack(&[1.0, 5.0], &[1, 0, 1]), [vec![0], vec![], vec![1]], "one each: in order");
    }
}
