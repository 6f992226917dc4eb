//! Placements by id alone. Apart from those that learn: they are the same in every layer and for every load.

use super::{Loads, Params};
use crate::model::{Replicas, Topology};

pub(super) fn round_robin(loads: &Loads, topology: &Topology, _: &Params<'_>) -> Replicas {
    alike(loads, topology, |e, devices, _| e % devices)
}

pub(super) fn contiguous(loads: &Loads, topology: &Topology, _: &Params<'_>) -> Replicas {
    alike(loads, topology, |e, devices, experts| e * devices / experts)
}

/// The same in every layer. Where no device works, all is on the first: nothing runs there.
fn alike(loads: &Loads, topology: &Topology, position: fn(usize, usize, usize) -> usize) -> Replicas {
    let live = &topology.live;
    let at = |e| live.get(position(e, live.len().max(1), loads.experts)).copied().unwrap_or(0);
    Replicas::alike(loads.layers.len(), (0..loads.experts).map(at).collect(), topology.devices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplex, ExpertSize, Faults, Hardware, Mesh, SYSTEMS};

    #[test]
    fn both_use_every_device_that_works() {
        let hardware = Hardware { mesh: Mesh { x: 4, y: 1 }, ..SYSTEMS[0].hardware };
        let on = |dead: [usize; 2]| {
            let faults = Faults { dies: dead.into(), ..Faults::default() };
            (SYSTEMS[0].build)(&hardware, &faults, Duplex::Shared)
        };
        let loads = Loads { experts: 5, layers: vec![vec![0; 5]; 2], ..Loads::default() };
        let params = Params::of(ExpertSize { hidden: 1, intermediate: 1 });
        let homes = |replicas: Replicas| replicas.layers.iter().map(|p| p.home().to_vec()).collect::<Vec<_>>();
        assert_eq!(homes(round_robin(&loads, &on([2, 3]), &params)), [[0, 1, 0, 1, 0]; 2]);
        assert_eq!(homes(contiguous(&loads, &on([2, 3]), &params)), [[0, 0, 0, 1, 1]; 2]);
        assert_eq!(homes(round_robin(&loads, &on([0, 2]), &params)), [[1, 3, 1, 3, 1]; 2]);
    }
}
