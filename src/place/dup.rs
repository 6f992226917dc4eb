//! The paper's duplication: blocks by id, and copies one at a time where they lower the largest load most. Apart from the
//! packings, which place all experts anew: here nothing moves.

use super::pack::{Room, each_layer, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// Loads that differ by no more than that are ties (the paper has no tie rule, and it decides the result).
const TIE: f64 = 1e-9;

/// Every slot that blocks by id leave free, one after another, to the copy that leaves the least largest load, with an expert's tokens
/// split evenly among its copies.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    each_layer(loads, topology, params, |layer, room| of_layer(&weights(&loads.layers[layer]), room))
}

fn of_layer(weights: &[f64], room: &Room) -> Vec<Vec<usize>> {
    let (experts, devices) = (weights.len(), room.each.len());
    let mut slots = vec![Vec::new(); devices];
    (0..experts).for_each(|e| slots[e * devices / experts].push(e));
    let mut holders: Vec<Vec<usize>> = (0..experts).map(|e| vec![e * devices / experts]).collect();
    let load = |of: &Vec<usize>| of.iter().map(|&e| weights[e]).sum::<f64>();
    let mut loads: Vec<f64> = slots.iter().map(load).collect();
    loop {
        let order = super::pack::descending(&loads);
        let free: Vec<usize> = (0..devices).filter(|&g| slots[g].len() < room.each[g]).collect();
        // What a copy of each expert leaves on the devices that have it and on those that do not, and what it brings to its own.
        let left = |e: usize| {
            let copies = holders[e].len() as f64;
            let (share, part) = (weights[e] / (copies + 1.0), weights[e] / copies);
            let without = order.iter().find(|g| !holders[e].contains(g)).map_or(0.0, |&g| loads[g]);
            let with = holders[e].iter().map(|&g| loads[g] - part + share);
            (with.fold(without, f64::max), share)
        };
        let left: Vec<(f64, f64)> = (0..experts).map(left).collect();
        let largest = |e: usize, g: usize| f64::max(left[e].0, loads[g] + left[e].1);
        let (free, has) = (&free, &holders);
        let lacking = move |e: usize| free.iter().copied().filter(move |g| !has[e].contains(g));
        let least = |e: usize| lacking(e).map(|g| largest(e, g)).fold(f64::INFINITY, f64::min);
        let by_expert: Vec<f64> = (0..experts).map(least).collect();
        let least = by_expert.iter().copied().fold(f64::INFINITY, f64::min);
        let Some(expert) = by_expert.iter().position(|&value| value.is_finite() && value <= least + TIE) else { break };
        let Some(device) = lacking(expert).find(|&g| largest(expert, g) <= least + TIE) else { break };
        let (share, part) = (left[expert].1, weights[expert] / holders[expert].len() as f64);
        holders[expert].iter().for_each(|&g| loads[g] += share - part);
        loads[device] += share;
        holders[expert].push(device);
        slots[device].push(expert);
    }
    room.repeat(&mut slots, experts);
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::pack::shared;

    fn placed(weights: &[f64], devices: usize, slots: usize) -> Vec<Vec<usize>> {
        of_layer(weights, &Room::plain(shared(slots, devices)))
    }

    #[test]
    fn copies_go_where_the_largest_load_becomes_least() {
        // Loads 12, 5 and 4. A copy of 0 leaves 7 on device 0, and 9 on device 2 (10 on device 1). Then a copy of 4 takes 1 from device
        // 2: 8 at most, on device 0 or 1; a third of 0 would be 8.33 on device 1. Last, a third of 4: 7.67.
        assert_eq!(placed(&[10.0, 2.0, 3.0, 2.0, 2.0, 2.0], 3, 9), [[0, 1, 4], [2, 3, 4], [4, 5, 0]]);
    }

    #[test]
    fn ties_go_to_the_lowest_expert_then_the_lowest_device() {
        assert_eq!(placed(&[1.0; 4], 2, 6), [[0, 1, 2], [2, 3, 0]]);
        assert_eq!(placed(&[0.0; 3], 3, 6), [[0, 1], [1, 0], [2, 0]]);
    }

    #[test]
    fn where_every_device_has_every_expert_slots_repeat_them() {
        assert_eq!(placed(&[5.0, 1.0], 2, 6), [[0, 1, 0], [1, 0, 0]]);
    }
}
