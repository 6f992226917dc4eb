//! DeepSeek's expert parallelism load balancer: copies of the hottest experts, then all copies packed onto devices. Apart from the
//! other packings: it has a form that keeps groups of experts on one node.

use super::pack::{each_layer, pack, shared, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// Without regard to groups and nodes.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    each_layer(loads, topology, params, |layer, room| global(&weights(&loads.layers[layer]), &room.each))
}

/// Groups of experts to nodes first. Where groups cannot be shared out evenly among nodes with as many working devices each, as
/// [`place`].
pub(super) fn place_nodes(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    let nodes = topology.nodes.max(1);
    let of_node = |node: usize| topology.live.iter().filter(|&&d| d * nodes / topology.devices == node).count();
    let even = topology.devices.is_multiple_of(nodes) && (1..nodes).all(|node| of_node(node) == of_node(0));
    each_layer(loads, topology, params, |layer, room| {
        let weights = weights(&loads.layers[layer]);
        let found = if even { hierarchical(&weights, &room.each, params.groups, nodes) } else { None };
        found.unwrap_or_else(|| global(&weights, &room.each))
    })
}

/// The experts on each device, which has so many slots.
pub(super) fn global(weights: &[f64], room: &[usize]) -> Vec<Vec<usize>> {
    let experts = replicate(weights, room.iter().sum());
    let copies = copies(&experts, weights.len());
    let each: Vec<f64> = experts.iter().map(|&e| weights[e] / f64::from(copies[e])).collect();
    let mut packs = pack(&each, room);
    packs.iter_mut().flatten().for_each(|slot| *slot = experts[*slot]);
    packs
}

/// The same with the experts of a group on one node, and copies made inside it; none where groups or nodes do not divide.
fn hierarchical(weights: &[f64], room: &[usize], groups: usize, nodes: usize) -> Option<Vec<Vec<usize>>> {
    let divides = |of: usize, by: usize| by > 0 && of.is_multiple_of(by);
    if !divides(weights.len(), groups) || !divides(groups, nodes) || !divides(room.len(), nodes) {
        return None;
    }
    let of_group = weights.len() / groups;
    let groups: Vec<f64> = weights.chunks(of_group).map(|of| of.iter().sum()).collect();
    let of_nodes = pack(&groups, &shared(groups.len(), nodes));
    let of_node = |(groups, room): (&Vec<usize>, &[usize])| {
        let experts: Vec<usize> = groups.iter().flat_map(|&g| g * of_group..(g + 1) * of_group).collect();
        let mut packs = global(&experts.iter().map(|&e| weights[e]).collect::<Vec<_>>(), room);
        packs.iter_mut().flatten().for_each(|slot| *slot = experts[*slot]);
        packs
    };
    Some(of_nodes.iter().zip(room.chunks(room.len() / nodes)).flat_map(of_node).collect())
}

/// The expert of each of so many copies: each once, then again and again the one whose copies have most to do.
pub(super) fn replicate(weights: &[f64], slots: usize) -> Vec<usize> {
    let mut experts: Vec<usize> = (0..weights.len()).collect();
    let mut copies = vec![1.0; weights.len()];
    let mut each = weights.to_vec();
    for _ in weights.len()..slots {
        let Some(hottest) = (0..each.len()).reduce(|best, e| if each[e] > each[best] { e } else { best }) else {
            break;
        };
        copies[hottest] += 1.0;
        each[hottest] = weights[hottest] / copies[hottest];
        experts.push(hottest);
    }
    experts
}

fn copies(experts: &[usize], all: usize) -> Vec<u32> {
    let mut copies = vec![0; all];
    experts.iter().for_each(|&e| copies[e] += 1);
    copies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::pack::weights;

    const W0: [u64; 12] = [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86];
    const W1: [u64; 12] = [20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27];
    const F: [u64; 8] = [600, 560, 120, 120, 20, 10, 10, 10];

    fn placed(loads: &[u64], (nodes, groups): (usize, usize), devices: usize, slots: usize) -> (Vec<usize>, f64) {
        let topology = Topology::plain(devices, nodes);
        let size = crate::model::ExpertSize { hidden: 1, intermediate: 1 };
        let params = Params { slots: Some(slots), groups, ..Params::of(size) };
        let loads = Loads { experts: loads.len(), layers: vec![loads.to_vec()], ..Loads::default() };
        let replicas = if groups > 1 { place_nodes } else { place }(&loads, &topology, &params);
        let placed = &replicas.layers[0];
        let (weights, copies) = (weights(&loads.layers[0]), placed.copies());
        let load = |of: &Vec<usize>| of.iter().map(|&e| weights[e] / copies[e] as f64).sum::<f64>();
        let most = placed.slots().iter().map(load).fold(0.0, f64::max);
        (placed.physical_to_logical(), most)
    }

    #[test]
    fn the_published_examples_come_out_exactly() {
        let (p2l, most) = placed(&W0, (2, 4), 8, 16);
        assert_eq!((p2l, most), (vec![5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1], 156.0));
        let (p2l, most) = placed(&W1, (2, 4), 8, 16);
        assert_eq!((p2l, most), (vec![7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1], 179.5));
        assert_eq!(placed(&F, (1, 1), 8, 16).1, 232.0);
    }

    #[test]
    fn without_groups_the_worked_examples_come_out_exactly() {
        let (p2l, most) = placed(&W0, (1, 1), 8, 16);
        assert_eq!((p2l, most), (vec![10, 6, 10, 7, 0, 2, 11, 4, 5, 9, 5, 4, 8, 3, 1, 1], 138.5));
        let (p2l, most) = placed(&W1, (1, 1), 8, 16);
        assert_eq!((p2l, most), (vec![1, 10, 2, 4, 5, 11, 5, 0, 6, 7, 6, 3, 8, 8, 9, 7], 172.0));
        let (p2l, most) = placed(&W0, (1, 1), 4, 16);
        assert_eq!((p2l, most), (vec![10, 8, 3, 7, 10, 1, 1, 4, 0, 5, 4, 2, 11, 5, 9, 6], 275.5));
        assert_eq!(placed(&F, (1, 1), 8, 16).0, [0, 1, 2, 1, 3, 1, 0, 4, 0, 5, 0, 6, 0, 7, 1, 1]);
    }

    #[test]
    fn groups_that_do_not_divide_are_not_kept_together() {
        let global = placed(&W0, (1, 1), 8, 16);
        // Five groups of twelve experts, three groups on two nodes, and one node.
        for odd in [(2, 5), (2, 3), (1, 5), (3, 3)] {
            assert_eq!(placed(&W0, odd, 8, 16), global, "{odd:?}");
        }
        let all = placed(&W0, (1, 4), 8, 16);
        assert_eq!(all.1, global.1, "one node is the global form, in the order of its groups");
    }
}
