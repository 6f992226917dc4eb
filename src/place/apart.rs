//! Placements by what goes together: experts that one token chooses apart (Insight 5), the hottest far from each other (Insight 4).
//! Apart from the packings, which see each expert alone.

use super::pack::{Room, alone, descending, each_layer, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// Rounds through all pairs of experts, at most.
const ROUNDS: usize = 20;

/// The hottest first, each to the device with room on which the least lies and near which the least lies: tokens of every expert that is
/// placed, over one more than the hops to it.
pub(super) fn spread(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    let room = Room::of(topology, loads.experts, &alone(params));
    let near: Vec<Vec<f64>> =
        hops(topology, &room).iter().map(|row| row.iter().map(|h| 1.0 / (1.0 + h)).collect()).collect();
    each_layer(loads, topology, &alone(params), |layer, room| {
        let weights = weights(&loads.layers[layer]);
        let mut slots: Vec<Vec<usize>> = vec![Vec::new(); room.each.len()];
        let mut felt = vec![0.0; room.each.len()];
        for expert in descending(&weights) {
            let free = (0..slots.len()).filter(|&g| slots[g].len() < room.each[g]);
            let Some(device) = free.min_by(|&a, &b| f64::total_cmp(&felt[a], &felt[b])) else { break };
            slots[device].push(expert);
            felt.iter_mut().zip(&near[device]).for_each(|(felt, near)| *felt += weights[expert] * near);
        }
        slots
    })
}

/// Hops between the devices that work, by position.
pub(super) fn hops(topology: &Topology, room: &Room) -> Vec<Vec<f64>> {
    // Where no way leads it is far, not infinitely: sums stay sums.
    let hops = |a: usize, b: usize| topology.routes.hops(a, b).min(topology.devices) as f64;
    room.live.iter().map(|&a| room.live.iter().map(|&b| hops(a, b)).collect()).collect()
}

/// As few pairs as can be that one token chooses on one device: the hottest expert first, each to the device with room where it meets the
/// fewest of those it is chosen with; then swaps, until none lowers the sum. Where pairs are not known, what independent choices
/// would give: the product of both loads.
pub(super) fn apart(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    each_layer(loads, topology, &alone(params), |layer, room| {
        let weights = weights(&loads.layers[layer]);
        let experts = weights.len();
        let known =
            loads.together.get(layer).filter(|cells| cells.len() == experts * experts && cells.iter().any(|&n| n > 0));
        let cell = |a: usize, b: usize| match known {
            _ if a == b => 0.0,
            Some(cells) => cells[a * experts + b] as f64,
            None => weights[a] * weights[b],
        };
        let pairs: Vec<Vec<f64>> = (0..experts).map(|a| (0..experts).map(|b| cell(a, b)).collect()).collect();
        let mut at = vec![0; experts];
        let mut filled = vec![0; room.each.len()];
        // Pairs that each expert has with the experts of each device.
        let mut meets = vec![vec![0.0; room.each.len()]; experts];
        for expert in descending(&weights) {
            let free = (0..room.each.len()).filter(|&g| filled[g] < room.each[g]);
            let Some(device) = free.min_by(|&a, &b| f64::total_cmp(&meets[expert][a], &meets[expert][b])) else {
                break;
            };
            (at[expert], filled[device]) = (device, filled[device] + 1);
            meets.iter_mut().zip(&pairs[expert]).for_each(|(meets, n)| meets[device] += n);
        }
        for _ in 0..ROUNDS {
            let mut swapped = false;
            for e in 0..experts {
                for f in e + 1..experts {
                    let (d, g) = (at[e], at[f]);
                    // What both meet after the swap, without each other, and what they meet now.
                    let after = meets[e][g] + meets[f][d] - 2.0 * pairs[e][f];
                    let now = meets[e][d] + meets[f][g];
                    if d == g || after >= now * (1.0 - 1e-12) {
                        continue;
                    }
                    (at[e], at[f]) = (g, d);
                    for (meets, (of_e, of_f)) in meets.iter_mut().zip(pairs[e].iter().zip(&pairs[f])) {
                        meets[d] += of_f - of_e;
                        meets[g] += of_e - of_f;
                    }
                    swapped = true;
                }
            }
            if !swapped {
                break;
            }
        }
        by_device(&at, room)
    })
}

/// The experts of each device, by id.
pub(super) fn by_device(at: &[usize], room: &Room) -> Vec<Vec<usize>> {
    let mut slots = vec![Vec::new(); room.each.len()];
    at.iter().enumerate().for_each(|(expert, &device)| slots[device].push(expert));
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplex, ExpertSize, Faults, Hardware, Mesh, SYSTEMS};

    fn params() -> Params<'static> {
        Params::of(ExpertSize { hidden: 1, intermediate: 1 })
    }

    #[test]
    fn the_hottest_are_at_the_ends_of_a_row() {
        let hardware = Hardware { mesh: Mesh { x: 5, y: 1 }, ..SYSTEMS[0].hardware };
        let row = (SYSTEMS[0].build)(&hardware, &Faults::default(), Duplex::Shared);
        let loads = Loads { experts: 5, layers: vec![vec![1, 90, 2, 80, 3]], ..Loads::default() };
        // 1 is the first; 3 goes as far from it as it can. Then 4: 90/3 + 80/3 in the middle is 56.7, 90/2 + 80/4 and its mirror more.
        let placed = spread(&loads, &row, &params());
        assert_eq!(placed.layers[0].slots()[0], [1]);
        assert_eq!(placed.layers[0].slots()[4], [3]);
        assert_eq!(placed.layers[0].slots()[2], [4]);
    }

    #[test]
    fn pairs_that_one_token_chooses_are_parted() {
        let mut together = vec![0; 16];
        for (a, b, n) in [(0, 2, 50), (1, 3, 40), (0, 1, 5), (2, 3, 5)] {
            (together[a * 4 + b], together[b * 4 + a]) = (n, n);
        }
        let loads =
            Loads { experts: 4, layers: vec![vec![55, 45, 55, 45]], together: vec![together], ..Loads::default() };
        let placed = apart(&loads, &Topology::plain(2, 1), &params());
        // 0 and 3 were never chosen together, nor 1 and 2: of each other pair one would meet.
        assert_eq!(placed.layers[0].slots(), [[0, 3], [1, 2]]);
        let unknown = Loads { together: Vec::new(), layers: vec![vec![9, 8, 2, 1]], ..loads };
        let placed = apart(&unknown, &Topology::plain(2, 1), &params());
        assert_eq!(placed.layers[0].slots(), [[0, 3], [1, 2]], "9 with 1 and 8 with 2");
    }
}
