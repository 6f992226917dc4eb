//! The hardware as the simulator sees it: resources that give bytes a second, and the resources that each transfer takes.
//! Apart, because this is all that planning and timing know of a wafer: nothing else of them asks for meshes or links.

use super::Duplex;
use crate::model::{Faults, Routes, Wafer};

/// Resources of a wafer and the path of each transfer. Resource d is the HBM of die d; the links follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Bytes a second of each resource.
    pub capacity: Vec<f64>,
    /// Number of dies.
    pub dies: usize,
    /// Resources of all transfers, one after another: HBM of the source first, then the links.
    paths: Vec<u16>,
    /// Where those of a transfer start, `[from][to]`, and at the end the end.
    starts: Vec<u32>,
    /// Dies one hop from each die, by id.
    neighbours: Vec<Vec<usize>>,
    /// The dies on the way of each transfer.
    pub routes: Routes,
}

impl Network {
    /// The network of a wafer: the HBM of the source, then each link of the route.
    #[must_use]
    pub fn new(wafer: &Wafer, faults: &Faults, duplex: Duplex) -> Self {
        let mesh = wafer.mesh;
        let routes = Routes::new(mesh, faults);
        let (dies, links) = (mesh.dies(), mesh.links());
        let each = if duplex == Duplex::Full { 2 } else { 1 };
        let mut capacity = vec![wafer.hbm; dies];
        capacity.resize(dies + links.len() * each, wafer.link);
        let (mut paths, mut starts) = (Vec::new(), vec![0]);
        let id = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        for i in 0..dies * dies {
            let route = routes.path(i / dies, i % dies);
            paths.extend(route.first());
            for step in route.windows(2) {
                let [a, b] = [step[0], step[1]].map(usize::from);
                let link = mesh.link(a, b);
                paths.push(id(dies + if each == 2 { 2 * link + usize::from(b < a) } else { link }));
            }
            starts.push(crate::units::small(paths.len()));
        }
        let mut neighbours = vec![Vec::new(); dies];
        for (a, b) in links.into_iter().filter(|&(a, b)| faults.passes(a, b)) {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        neighbours.iter_mut().for_each(|of| of.sort_unstable());
        Self { capacity, dies, paths, starts, neighbours, routes }
    }

    /// Resources of a transfer.
    #[must_use]
    pub fn path(&self, from: usize, to: usize) -> &[u16] {
        let i = from * self.dies + to;
        &self.paths[self.starts[i] as usize..self.starts[i + 1] as usize]
    }

    /// Hops of a transfer.
    #[must_use]
    pub fn hops(&self, from: usize, to: usize) -> usize {
        self.routes.hops(from, to)
    }

    /// Dies one hop from a die, by id.
    #[must_use]
    pub fn neighbours(&self, die: usize) -> &[usize] {
        &self.neighbours[die]
    }
}
