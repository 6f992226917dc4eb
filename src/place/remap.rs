//! The paper's Algorithm 2: experts by what they cost, each to the device that has least to do. Apart from the placements by
//! id: this one learns, so every layer is placed by itself.

use super::{Loads, Params};
use crate::model::{Placed, Replicas, Topology};

/// Bytes of a weight in the cost, as in the paper's case study.
const WEIGHT: f64 = 2.0;

/// By cost, then load, the larger first, then by id: each expert to the working device of least cost that holds fewer than E/D.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    let of_layer = |layer: &Vec<u64>| Placed::at(of_layer(layer, topology, params), topology.devices);
    Replicas { layers: loads.layers.iter().map(of_layer).collect() }
}

fn of_layer(loads: &[u64], topology: &Topology, params: &Params<'_>) -> Vec<usize> {
    let (experts, live) = (loads.len(), &topology.live);
    let mut order: Vec<(f64, usize)> = loads.iter().map(|&n| cost(n as f64, topology, params)).zip(0..).collect();
    order.sort_by(|&(a, i), &(b, j)| b.total_cmp(&a).then(loads[j].cmp(&loads[i])).then(i.cmp(&j)));
    let mut home = vec![0; experts];
    // Cost and experts of each device that works.
    let mut taken = vec![(0.0f64, 0usize); live.len()];
    for (cost, expert) in order {
        let free = (0..live.len()).filter(|&p| taken[p].1 * live.len() < experts);
        let Some(p) = free.min_by(|&a, &b| taken[a].0.total_cmp(&taken[b].0)) else { break };
        taken[p].0 += cost;
        taken[p].1 += 1;
        home[expert] = live[p];
    }
    home
}

/// Seconds that an expert with so many tokens keeps a device busy: reading its weights (of two bytes) or computing, whichever is longer.
#[must_use]
pub fn cost(tokens: f64, topology: &Topology, params: &Params<'_>) -> f64 {
    if tokens <= 0.0 {
        return 0.0;
    }
    let read = params.expert.bytes(WEIGHT) / topology.device.hbm;
    f64::max(read, params.expert.flop() * tokens / (params.mfu * topology.device.fp16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplex, ExpertSize, Faults, Hardware, Mesh, SYSTEMS};

    /// Devices so fast at reading that a cost is its load, 6·h·i tokens a second.
    fn placed(loads: &[u64], devices: usize, hbm: f64) -> Vec<Vec<usize>> {
        let hardware = Hardware { mesh: Mesh { x: devices, y: 1 }, hbm, fp16: 6.0, ..SYSTEMS[0].hardware };
        let system = (SYSTEMS[0].build)(&hardware, &Faults::default(), Duplex::Shared);
        let params = Params { mfu: 1.0, ..Params::of(ExpertSize { hidden: 1, intermediate: 1 }) };
        let loads = Loads { experts: loads.len(), layers: vec![loads.to_vec()], ..Loads::default() };
        place(&loads, &system, &params).layers[0].slots().to_vec()
    }

    const W0: [u64; 12] = [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86];

    #[test]
    fn the_worked_example_comes_out_exactly() {
        let devices = placed(&W0, 4, 1e12);
        assert_eq!(devices, [[3, 7, 10], [5, 6, 8], [1, 2, 11], [0, 4, 9]]);
        let load = |of: &Vec<usize>| of.iter().map(|&e| W0[e]).sum::<u64>();
        assert_eq!(devices.iter().map(load).collect::<Vec<_>>(), [248, 277, 258, 250]);
    }

    #[test]
    fn an_expert_costs_its_weights_or_its_tokens_and_nothing_without_any() {
        // Six bytes at 0.1 B/s: a read takes 60 s, as long as 60 tokens. 61 counts as 61, what is below as 60; of equal costs the
        // larger load is first.
        assert_eq!(placed(&[1, 61, 7, 0, 0, 0], 3, 0.1), [[1, 5], [2, 3], [0, 4]]);
        assert_eq!(placed(&[0, 0, 0, 5], 2, 0.1), [[2, 3], [0, 1]]);
        // Five experts on two devices: no device takes more than three.
        assert_eq!(placed(&[9, 0, 0, 0, 0], 2, 1e12), [vec![0, 4], vec![1, 2, 3]]);
    }
}
