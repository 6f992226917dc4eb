//! GPUs behind one switch: each sends at the speed of its port out, and receives at that of its port in. Apart from the wafers:
//! no transfer passes another device.

use super::Hardware;
use crate::model::{Duplex, Faults, Link, Route, Routes, Topology};

/// Every transfer to another GPU takes the HBM of its source, the source's port out and the target's port in, and is one hop.
/// The ports are two whatever `duplex` says: a switch has both. A dead GPU is left out.
pub(super) fn build(hardware: &Hardware, faults: &Faults, _: Duplex) -> Topology {
    let n = hardware.mesh.dies();
    let mut resources = vec![hardware.hbm; n];
    resources.resize(3 * n, hardware.link);
    let port = |kind| (0..n).map(move |d| Link { kind, ends: (d, d) });
    let route = |from, to| {
        let hops = usize::from(from != to);
        let (resources, way) =
            if hops == 0 { (vec![from], vec![from]) } else { (vec![from, n + from, 2 * n + to], vec![from, to]) };
        let works = !faults.dies.contains(&from) && !faults.dies.contains(&to);
        works.then(|| Route { resources, way, hops, latency: hardware.latency(hops) })
    };
    Topology {
        devices: n,
        device: hardware.device(),
        nodes: 1,
        live: faults.live(hardware.mesh),
        links: port("out").chain(port("in")).collect(),
        resources,
        link: hardware.link,
        routes: Routes::new(n, route),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::system_named;

    #[test]
    fn eight_gpus_meet_at_ports_and_are_one_hop_apart() {
        let system = system_named("h100x8").unwrap();
        let node = build(&system.hardware, &Faults::default(), Duplex::Shared);
        assert_eq!((node.devices, node.resources.len()), (8, 24));
        assert_eq!((node.resources[3], node.resources[11], node.resources[19]), (3.35e12, 450e9, 450e9));
        // From GPU 3 to GPU 5: HBM 3, port out of 3, port in of 5.
        assert_eq!(node.routes.path(3, 5), [3, 11, 21]);
        assert_eq!(node.routes.path(3, 3), [3]);
        assert_eq!(node.carry(3, 5).collect::<Vec<_>>(), [3, 13]);
        assert_eq!((node.links[3].kind, node.links[13].kind, node.links[13].ends), ("out", "in", (5, 5)));
        let remote = node.routes.latency(3, 5) - node.routes.latency(3, 3);
        assert!((remote - 1e-6).abs() < 1e-15, "a microsecond more than a local read, not {remote}");
        assert_eq!(node.neighbours()[0], [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_dead_gpu_is_left_out_and_parts_no_others() {
        let system = system_named("h100x8").unwrap();
        let faults = Faults { dies: [0, 4].into(), ..Faults::default() };
        let node = build(&system.hardware, &faults, Duplex::Shared);
        assert_eq!(node.live, [1, 2, 3, 5, 6, 7]);
        assert_eq!(node.works(), Ok(()));
        assert!(node.routes.path(1, 4).is_empty() && node.routes.path(0, 0).is_empty());
        assert_eq!(node.routes.hops(1, 7), 1);
    }
}
