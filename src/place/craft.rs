//! More copies in layers that gain more: a knapsack over all layers. Apart from the other placements, which give each layer as many
//! slots as every other.

use super::eplb::global;
use super::pack::{Room, shared, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// A layer gets at most so many times the copies that it would get if all were given alike.
const MOST: usize = 4;

/// Each layer is placed by EPLB with no copies, one on each device, two, and so on; what that takes from its largest load is its benefit.
/// The choice with the greatest sum of benefits, of those with no more copies in all layers than if all had the same number; the
/// fewest copies of several.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    let (room, experts) = (Room::of(topology, loads.experts, params), loads.experts);
    let devices = room.each.len();
    let spare = room.each.iter().sum::<usize>() - experts;
    // Copies are counted in one a device: a layer's devices have as many slots each, whatever it gets.
    let all = spare * loads.layers.len() / devices;
    let most = MOST * spare.div_ceil(devices);
    let options = |layer: &Vec<u64>| {
        let weights = weights(layer);
        let of = |each: usize| {
            let slots = global(&weights, &shared(experts + each * devices, devices));
            (largest(&weights, &slots), slots)
        };
        (0..=most.min(all)).map(of).collect::<Vec<_>>()
    };
    let mut options: Vec<Vec<_>> = loads.layers.iter().map(options).collect();
    let benefits: Vec<Vec<f64>> = options.iter().map(|of| of.iter().map(|o| of[0].0 - o.0).collect()).collect();
    let chosen = options.iter_mut().zip(knapsack(&benefits, all)).map(|(options, k)| options.swap_remove(k).1);
    Replicas { layers: chosen.map(|slots| room.placed(slots, experts)).collect() }
}

fn largest(weights: &[f64], slots: &[Vec<usize>]) -> f64 {
    let mut copies = vec![0usize; weights.len()];
    slots.iter().flatten().for_each(|&e| copies[e] += 1);
    let load = |of: &Vec<usize>| of.iter().map(|&e| weights[e] / copies[e] as f64).sum::<f64>();
    slots.iter().map(load).fold(0.0, f64::max)
}

/// The number for each layer that gives the greatest sum of benefits, `[layer][number]`, of those with a sum of at most `all`; where
/// several do, the smaller number in the last layer in which they differ.
fn knapsack(benefits: &[Vec<f64>], all: usize) -> Vec<usize> {
    let mut best = vec![0.0; all + 1];
    let mut taken: Vec<Vec<usize>> = Vec::with_capacity(benefits.len());
    for of in benefits {
        let with = |total: usize| {
            let value = |k: usize| best[total - k] + of[k];
            (0..of.len().min(total + 1)).reduce(|a, k| if value(k) > value(a) { k } else { a }).map(|k| (value(k), k))
        };
        let row: Vec<(f64, usize)> = (0..=all).map(|total| with(total).unwrap_or_default()).collect();
        best = row.iter().map(|r| r.0).collect();
        taken.push(row.into_iter().map(|r| r.1).collect());
    }
    let mut left = all;
    let mut chosen: Vec<usize> = Vec::with_capacity(taken.len());
    for row in taken.iter().rev() {
        chosen.push(row[left]);
        left -= row[left];
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ExpertSize;

    #[test]
    fn the_layer_that_gains_more_gets_more() {
        // An even layer gains little, one with a hot expert much.
        let loads = Loads { experts: 4, layers: vec![vec![5, 5, 5, 5], vec![90, 2, 2, 2]], ..Loads::default() };
        let params = Params { spare: 1, ..Params::of(ExpertSize { hidden: 1, intermediate: 1 }) };
        let placed = place(&loads, &Topology::plain(4, 1), &params);
        let slots: Vec<usize> = placed.layers.iter().map(|p| p.physical_to_logical().len()).collect();
        assert_eq!(slots, [4, 12]);
    }

    #[test]
    fn a_knapsack_finds_the_best_choice_with_the_fewest_copies() {
        let benefits = [vec![0.0, 5.0, 6.0], vec![0.0, 4.0, 9.0], vec![0.0, 0.0, 0.0]];
        assert_eq!(knapsack(&benefits, 0), [0, 0, 0]);
        assert_eq!(knapsack(&benefits, 1), [1, 0, 0]);
        assert_eq!(knapsack(&benefits, 2), [1, 1, 0], "9 with two by either way: fewer in the last layer");
        assert_eq!(knapsack(&benefits, 3), [1, 2, 0]);
        assert_eq!(knapsack(&benefits, 9), [2, 2, 0]);
    }
}
