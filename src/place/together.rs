//! Experts of one layer and the next that one token chooses, on one device: ExFlow's aim. Apart from `apart`: a layer is placed by where the
//! layer before it lies.

use super::apart::{by_device, hops};
use super::pack::{Room, alone, pack, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// Rounds through all pairs of experts, at most.
const ROUNDS: usize = 20;

/// The first layer by load. In each that follows, the expert with most tokens from the layer before first, each to the device with room to
/// which its tokens make the fewest hops; then swaps, until none lowers the sum. A layer of which no transitions are known is
/// placed as a first one. Devices have as many experts each.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    let room = Room::of(topology, loads.experts, &alone(params));
    let hops = hops(topology, &room);
    let mut slots: Vec<Vec<Vec<usize>>> = Vec::new();
    for (layer, of) in loads.layers.iter().enumerate() {
        let experts = loads.experts;
        let from = layer.checked_sub(1).and_then(|before| Some((&slots[before], loads.next.get(before)?)));
        let from = from.filter(|(_, next)| next.len() == experts * experts && next.iter().any(|&n| n > 0));
        slots.push(match from {
            Some((before, next)) => follow(before, next, experts, &hops, &room),
            None => pack(&weights(of), &room.each),
        });
    }
    Replicas { layers: slots.into_iter().map(|slots| room.placed(slots, loads.experts)).collect() }
}

fn follow(before: &[Vec<usize>], next: &[u64], experts: usize, hops: &[Vec<f64>], room: &Room) -> Vec<Vec<usize>> {
    let devices = room.each.len();
    // Tokens that come to each expert from each device, and the hops that they make to each.
    let mut from = vec![vec![0.0; devices]; experts];
    for (device, of) in before.iter().enumerate() {
        for &a in of {
            from.iter_mut().zip(&next[a * experts..]).for_each(|(from, &n)| from[device] += n as f64);
        }
    }
    let way = |from: &Vec<f64>, to: usize| from.iter().zip(&hops[to]).map(|(n, hops)| n * hops).sum::<f64>();
    let cost: Vec<Vec<f64>> = from.iter().map(|of| (0..devices).map(|to| way(of, to)).collect()).collect();
    let flow: Vec<f64> = from.iter().map(|of| of.iter().sum()).collect();
    let mut at = vec![0; experts];
    let mut filled = vec![0; devices];
    for expert in super::pack::descending(&flow) {
        let free = (0..devices).filter(|&g| filled[g] < room.each[g]);
        let Some(device) = free.min_by(|&a, &b| cost[expert][a].total_cmp(&cost[expert][b])) else { break };
        (at[expert], filled[device]) = (device, filled[device] + 1);
    }
    for _ in 0..ROUNDS {
        let mut swapped = false;
        for e in 0..experts {
            for f in e + 1..experts {
                let (after, now) = (cost[e][at[f]] + cost[f][at[e]], cost[e][at[e]] + cost[f][at[f]]);
                if after < now * (1.0 - 1e-12) {
                    at.swap(e, f);
                    swapped = true;
                }
            }
        }
        if !swapped {
            break;
        }
    }
    by_device(&at, room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ExpertSize;

    #[test]
    fn experts_that_follow_each_other_share_a_device() {
        // 0 is followed by 2, 1 by 3, 2 by 0 and 3 by 1; once 3 by 0.
        let mut next = vec![0; 16];
        for (a, b, n) in [(0, 2, 9), (1, 3, 8), (2, 0, 7), (3, 1, 6), (3, 0, 1)] {
            next[a * 4 + b] = n;
        }
        let layers = vec![vec![9, 8, 7, 7], vec![8, 6, 9, 8], vec![4, 3, 2, 1]];
        let loads = Loads { experts: 4, layers, next: vec![next, vec![], vec![]], ..Loads::default() };
        let placed = place(&loads, &Topology::plain(2, 1), &Params::of(ExpertSize { hidden: 1, intermediate: 1 }));
        let slots: Vec<_> = placed.layers.iter().map(|p| p.slots().to_vec()).collect();
        assert_eq!(slots[0], [[0, 3], [1, 2]], "by load");
        assert_eq!(slots[1], [[1, 2], [0, 3]], "2 comes from 0 and 1 from 3; 3 from 1 and 0 from 2");
        assert_eq!(slots[2], [[0, 3], [1, 2]], "nothing is known of what came before: by load");
    }
}
