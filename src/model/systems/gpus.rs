//! GPUs in nodes: in a node all meet at one switch, and between nodes each has a port of its own to the network. Apart from the
//! wafers: no transfer passes another device.

use super::Hardware;
use crate::model::{Duplex, Faults, Link, Route, Routes, Topology};

/// Nodes are rows of the mesh, and their GPUs stand in it by id. Every transfer to another GPU of the node takes the HBM of its source,
/// the source's port out and the target's port in, and is one hop; to one of another node it takes the ports of the network instead,
/// and is two. Ports are two whatever `duplex` says: a switch has both. A dead GPU is left out.
pub(super) fn build(hardware: &Hardware, faults: &Faults, _: Duplex) -> Topology {
    let (n, nodes) = (hardware.mesh.dies(), hardware.mesh.y);
    let node = |device: usize| device / hardware.mesh.x;
    let mut resources = vec![hardware.hbm; n];
    resources.resize(3 * n, hardware.link);
    let port = |kind| (0..n).map(move |d| Link { kind, ends: (d, d) });
    let mut links: Vec<Link> = port("out").chain(port("in")).collect();
    if nodes > 1 {
        resources.resize(5 * n, hardware.nic);
        links.extend(port("nic-out").chain(port("nic-in")));
    }
    let local = hardware.latency(0);
    let route = |from: usize, to: usize| {
        let (resources, way, hops, latency) = if from == to {
            (vec![from], vec![from], 0, local)
        } else if node(from) == node(to) {
            (vec![from, n + from, 2 * n + to], vec![from, to], 1, hardware.latency(1))
        } else {
            (vec![from, 3 * n + from, 4 * n + to], vec![from, to], 2, local + 2.0 * hardware.nic_hop)
        };
        let works = !faults.dies.contains(&from) && !faults.dies.contains(&to);
        works.then_some(Route { resources, way, hops, latency })
    };
    Topology {
        devices: n,
        device: hardware.device(),
        nodes,
        live: faults.live(hardware.mesh),
        links,
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
    fn two_nodes_meet_at_the_ports_of_the_network_two_hops_apart() {
        let system = system_named("h100x16").unwrap();
        let two = build(&system.hardware, &Faults::default(), Duplex::Shared);
        assert_eq!((two.devices, two.nodes, two.links.len(), two.resources.len()), (16, 2, 64, 80));
        let ports = [16 + 3, 32 + 5, 48 + 3, 64 + 11].map(|r| two.resources[r]);
        assert_eq!(ports, [450e9, 450e9, 50e9, 50e9]);
        // Inside a node as in one node alone; between nodes HBM 3, network port out of 3, network port in of 11.
        assert_eq!((two.routes.path(3, 5), two.routes.hops(3, 5)), (&[3, 19, 37][..], 1));
        assert_eq!((two.routes.path(3, 11), two.routes.hops(3, 11)), (&[3, 51, 75][..], 2));
        assert_eq!((two.links[35].kind, two.links[59].kind, two.links[59].ends), ("nic-out", "nic-in", (11, 11)));
        let remote = |to| two.routes.latency(3, to) - two.routes.latency(3, 3);
        assert!((remote(5) - 1e-6).abs() < 1e-15 && (remote(11) - 5e-6).abs() < 1e-15);
        assert_eq!(two.neighbours()[9], [8, 10, 11, 12, 13, 14, 15], "Algorithm 1 stays in the node");
    }

    #[test]
    fn a_rack_of_72_is_one_node_and_any_number_of_nodes_is_built() {
        let system = system_named("gb200-nvl72").unwrap();
        let rack = build(&system.hardware, &Faults::default(), Duplex::Shared);
        assert_eq!((rack.devices, rack.nodes, rack.works()), (72, 1, Ok(())));
        assert_eq!((rack.device.hbm, rack.device.fp16, rack.resources[72]), (8e12, 2.5e15, 900e9));
        let mut hardware = system_named("h100x8").unwrap().hardware;
        (hardware.mesh.x, hardware.mesh.y) = (4, 3);
        let three = build(&hardware, &Faults::default(), Duplex::Shared);
        assert_eq!((three.devices, three.nodes, three.routes.hops(3, 4), three.routes.hops(8, 11)), (12, 3, 2, 1));
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
