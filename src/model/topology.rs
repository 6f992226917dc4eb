//! A system as all rooms above see it: devices, resources that give bytes a second, and the resources that each transfer
//! takes. Apart from the systems, which build it: who uses one asks neither for meshes nor for switches.

use serde::{Deserialize, Serialize};

use super::Nouns;

/// Whether the two directions of a link share its bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duplex {
    /// One resource for both directions (inferred default).
    #[default]
    Shared,
    /// One for each direction.
    Full,
}

/// What each device is; all devices of a system are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Device {
    /// HBM bandwidth, bytes a second.
    pub hbm: f64,
    /// FP16 rate, FLOP a second.
    pub fp16: f64,
    /// DRAM that weights and replicas may use, bytes.
    pub dram: f64,
}

/// What lies between devices and is counted as one: the pair of wires between two dies, a port of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is, in a word.
    pub kind: &'static str,
    /// The devices that it joins, the lower first; a port has one device, twice.
    pub ends: (usize, usize),
}

/// The way of a transfer from one device to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Resources that it takes: the HBM of its source first.
    pub resources: Vec<usize>,
    /// Devices on the way, both ends included.
    pub way: Vec<usize>,
    /// Hops.
    pub hops: usize,
    /// Latency of a read over it, once an expert, seconds.
    pub latency: f64,
}

/// The routes between all devices, as tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Routes {
    devices: usize,
    /// Resources and devices of all routes, one after another.
    paths: Vec<u16>,
    ways: Vec<u16>,
    /// Where those of a route start, `[from][to]`, and at the end the end.
    path_starts: Vec<u32>,
    way_starts: Vec<u32>,
    /// Hops and latency, `[from][to]`.
    hops: Vec<usize>,
    latency: Vec<f64>,
}

impl Routes {
    /// The table of the routes that `route(from, to)` gives; none where there is no way.
    #[must_use]
    pub fn new(devices: usize, mut route: impl FnMut(usize, usize) -> Option<Route>) -> Self {
        let (mut paths, mut ways) = (Vec::new(), Vec::new());
        let (mut path_starts, mut way_starts) = (vec![0], vec![0]);
        let (mut hops, mut latency) = (Vec::new(), Vec::new());
        let id = |&n: &usize| u16::try_from(n).unwrap_or(u16::MAX);
        for i in 0..devices * devices {
            let route = route(i / devices, i % devices);
            hops.push(route.as_ref().map_or(usize::MAX, |r| r.hops));
            latency.push(route.as_ref().map_or(f64::INFINITY, |r| r.latency));
            if let Some(route) = route {
                paths.extend(route.resources.iter().map(id));
                ways.extend(route.way.iter().map(id));
            }
            path_starts.push(crate::units::small(paths.len()));
            way_starts.push(crate::units::small(ways.len()));
        }
        Self { devices, paths, ways, path_starts, way_starts, hops, latency }
    }

    /// Resources of a transfer, the HBM of its source first; empty if there is no way.
    #[must_use]
    pub fn path(&self, from: usize, to: usize) -> &[u16] {
        let i = from * self.devices + to;
        &self.paths[self.path_starts[i] as usize..self.path_starts[i + 1] as usize]
    }

    /// Devices on the way, both ends included; empty if there is none.
    #[must_use]
    pub fn way(&self, from: usize, to: usize) -> &[u16] {
        let i = from * self.devices + to;
        &self.ways[self.way_starts[i] as usize..self.way_starts[i + 1] as usize]
    }

    /// Hops of a transfer; as many as can be if there is no way.
    #[must_use]
    pub fn hops(&self, from: usize, to: usize) -> usize {
        self.hops[from * self.devices + to]
    }

    /// Latency of a read, seconds; infinite if there is no way.
    #[must_use]
    pub fn latency(&self, from: usize, to: usize) -> f64 {
        self.latency[from * self.devices + to]
    }
}

/// A system that can be simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// Number of devices, those that do not work included.
    pub devices: usize,
    /// What each of them is.
    pub device: Device,
    /// Nodes of as many devices each, by id; 1 where none are told apart.
    pub nodes: usize,
    /// The devices that work, by id.
    pub live: Vec<usize>,
    /// What lies between them.
    pub links: Vec<Link>,
    /// Bytes a second of each resource: the HBM of every device, then as many resources for each link, in their order.
    pub resources: Vec<f64>,
    /// Bytes a second that the cost model of Algorithm 1 thinks a fetch from a neighbour gets.
    pub link: f64,
    /// The routes.
    pub routes: Routes,
}

impl Topology {
    /// Equal devices that a switch joins, and that only compute: for weights that were given without a system. Reading costs
    /// nothing, so what an expert costs is its load. One hop inside a node, two between nodes.
    #[must_use]
    pub fn plain(devices: usize, nodes: usize) -> Self {
        let nodes = if nodes > 0 && devices.is_multiple_of(nodes) { nodes } else { 1 };
        let node = |device: usize| device * nodes / devices;
        let route = |from, to| {
            let hops = if from == to { 0 } else { 1 + usize::from(node(from) != node(to)) };
            let way = if hops == 0 { vec![from] } else { vec![from, to] };
            Some(Route { resources: vec![from], way, hops, latency: 0.0 })
        };
        Self {
            devices,
            device: Device { hbm: f64::INFINITY, fp16: 1.0, dram: f64::INFINITY },
            nodes,
            live: (0..devices).collect(),
            links: Vec::new(),
            resources: vec![f64::INFINITY; devices],
            link: f64::INFINITY,
            routes: Routes::new(devices, route),
        }
    }

    /// Why nothing can be simulated on what works of it, if that is so.
    ///
    /// # Errors
    /// No device works, or two working ones cannot reach each other.
    pub fn works(&self) -> Result<(), String> {
        let ports = self.links.first().is_some_and(|link| link.ends.0 == link.ends.1);
        let Nouns { device: die, system: whole } = Nouns::of(!ports);
        let Some(&first) = self.live.first() else {
            return Err(format!("every {die} of the {whole} is dead; mend at least one"));
        };
        match self.live.iter().find(|&&d| self.routes.way(first, d).is_empty()) {
            Some(other) => Err(format!(
                "the dead parts cut the {whole} in two: no route leads from {die} {first} to {die} {other}; mend a link or a {die} between them"
            )),
            None => Ok(()),
        }
    }

    /// The links that a transfer takes, by position.
    pub fn carry(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        let each = (self.resources.len() - self.devices).checked_div(self.links.len()).unwrap_or(1);
        let path = self.routes.path(from, to).iter().skip(1);
        path.map(move |&resource| (usize::from(resource) - self.devices) / each)
    }

    /// Working devices one hop from each device, by id.
    #[must_use]
    pub fn neighbours(&self) -> Vec<Vec<usize>> {
        let near = |a: usize| (0..self.devices).filter(move |&b| self.routes.hops(a, b) == 1).collect();
        (0..self.devices).map(near).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_devices_are_one_hop_apart_in_a_node_and_two_between_nodes() {
        let two = Topology::plain(4, 2);
        assert_eq!((two.nodes, two.live.len(), two.works()), (2, 4, Ok(())));
        assert_eq!([(1, 1), (0, 1), (1, 2), (3, 2)].map(|(a, b)| two.routes.hops(a, b)), [0, 1, 2, 1]);
        assert_eq!(two.carry(0, 3).count(), 0);
        assert_eq!([Topology::plain(4, 3).nodes, Topology::plain(4, 0).nodes], [1, 1], "nodes are of equal size");
    }
}
