//! The hardware as the simulator sees it: resources that give bytes a second, and the resources that each transfer takes.
//! Apart, because this is all that planning and timing know of a system: nothing else of them asks for meshes or links.

use std::sync::Arc;

use crate::model::Topology;

/// Resources of a system and the path of each transfer. Resource d is the HBM of device d; the links follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Bytes a second of each resource.
    pub capacity: Vec<f64>,
    /// Number of devices.
    pub dies: usize,
    /// Links between them; each has as many resources.
    pub links: usize,
    /// Devices one hop from each device, by id.
    neighbours: Vec<Vec<usize>>,
    topology: Arc<Topology>,
}

impl Network {
    /// The network of a system.
    #[must_use]
    pub fn new(topology: &Arc<Topology>) -> Self {
        Self {
            capacity: topology.resources.clone(),
            dies: topology.devices,
            links: topology.links.len(),
            neighbours: topology.neighbours(),
            topology: Arc::clone(topology),
        }
    }

    /// Number of devices that work.
    #[must_use]
    pub fn live(&self) -> usize {
        self.topology.live.len()
    }

    /// Resources of a transfer.
    #[must_use]
    pub fn path(&self, from: usize, to: usize) -> &[u16] {
        self.topology.routes.path(from, to)
    }

    /// Hops of a transfer.
    #[must_use]
    pub fn hops(&self, from: usize, to: usize) -> usize {
        self.topology.routes.hops(from, to)
    }

    /// Latency of a read, seconds.
    #[must_use]
    pub fn latency(&self, from: usize, to: usize) -> f64 {
        self.topology.routes.latency(from, to)
    }

    /// Latency of the way between two devices, once, seconds: half of what a read over it takes longer than one from the own HBM.
    #[must_use]
    pub fn one_way(&self, from: usize, to: usize) -> f64 {
        (self.latency(from, to) - self.latency(from, from)) / 2.0
    }

    /// Devices one hop from a device, by id.
    #[must_use]
    pub fn neighbours(&self, die: usize) -> &[usize] {
        &self.neighbours[die]
    }
}
