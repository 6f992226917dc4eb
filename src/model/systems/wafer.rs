//! A wafer: a mesh of dies joined to their neighbours, with routes around what is broken. Apart from the other systems: only
//! here has a route a direction.

use std::collections::VecDeque;

use super::Hardware;
use crate::model::{Duplex, Faults, Link, Mesh, Route, Routes, Topology};

/// Every transfer takes the HBM of its source and goes along the row first, then along the column (XY); where a fault is in the
/// way, the shortest way around it, steps along the row before steps along the column.
pub(super) fn build(hardware: &Hardware, faults: &Faults, duplex: Duplex) -> Topology {
    let mesh = hardware.mesh;
    let (dies, links) = (mesh.dies(), mesh.links());
    let each = if duplex == Duplex::Full { 2 } else { 1 };
    let mut resources = vec![hardware.hbm; dies];
    resources.resize(dies + links.len() * each, hardware.link);
    let mut around: Vec<Option<Vec<Option<usize>>>> = vec![None; dies];
    let routes = Routes::new(dies, |from, to| {
        let direct = xy(mesh, from, to);
        let works = !faults.dies.contains(&from) && direct.windows(2).all(|w| faults.passes(w[0], w[1]));
        let way = if works {
            direct
        } else {
            let before = around[from].get_or_insert_with(|| shortest(mesh, faults, from));
            walk_back(before, from, to)?
        };
        let step = |w: &[usize]| {
            let link = mesh.link(w[0], w[1]);
            dies + if each == 2 { 2 * link + usize::from(w[1] < w[0]) } else { link }
        };
        let resources = std::iter::once(from).chain(way.windows(2).map(step)).collect();
        let hops = way.len() - 1;
        Some(Route { resources, hops, latency: hardware.latency(hops), way })
    });
    Topology {
        devices: dies,
        device: hardware.device(),
        nodes: 1,
        live: faults.live(mesh),
        links: links.into_iter().map(|ends| Link { kind: "link", ends }).collect(),
        resources,
        link: hardware.link,
        routes,
    }
}

fn xy(mesh: Mesh, from: usize, to: usize) -> Vec<usize> {
    let (tx, ty) = mesh.place(to);
    let mut route = vec![from];
    let mut at = from;
    while at != to {
        let (x, y) = mesh.place(at);
        at = match (x.cmp(&tx), y.cmp(&ty)) {
            (std::cmp::Ordering::Less, _) => at + 1,
            (std::cmp::Ordering::Greater, _) => at - 1,
            (_, std::cmp::Ordering::Less) => at + mesh.x,
            _ => at - mesh.x,
        };
        route.push(at);
    }
    route
}

/// The die before each one on a shortest way from `from`; none for those out of reach.
fn shortest(mesh: Mesh, faults: &Faults, from: usize) -> Vec<Option<usize>> {
    let mut before = vec![None; mesh.dies()];
    if faults.dies.contains(&from) {
        return before;
    }
    before[from] = Some(from);
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        let (x, y) = mesh.place(at);
        let row = [(x > 0).then(|| at - 1), (x + 1 < mesh.x).then(|| at + 1)];
        let column = [(y > 0).then(|| at - mesh.x), (y + 1 < mesh.y).then(|| at + mesh.x)];
        for next in row.into_iter().chain(column).flatten() {
            if before[next].is_none() && faults.passes(at, next) {
                before[next] = Some(at);
                queue.push_back(next);
            }
        }
    }
    before
}

fn walk_back(before: &[Option<usize>], from: usize, to: usize) -> Option<Vec<usize>> {
    before[from]?;
    let mut route = vec![to];
    let mut at = to;
    while at != from {
        at = before[at]?;
        route.push(at);
    }
    route.reverse();
    Some(route)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::SYSTEMS;

    const MESH: Mesh = Mesh { x: 3, y: 2 };

    fn wafer(dies: &[usize], links: &[(usize, usize)]) -> Topology {
        let hardware = Hardware { mesh: MESH, ..SYSTEMS[0].hardware };
        let faults = Faults { dies: BTreeSet::from_iter(dies.to_vec()), links: BTreeSet::from_iter(links.to_vec()) };
        build(&hardware, &faults, Duplex::Shared)
    }

    #[test]
    fn without_faults_every_route_is_xy() {
        let Topology { routes, .. } = wafer(&[], &[]);
        assert_eq!(routes.way(0, 5), [0, 1, 2, 5]);
        assert_eq!(routes.way(5, 0), [5, 4, 3, 0]);
        for (a, b) in (0..36).map(|i| (i / 6, i % 6)) {
            assert_eq!(routes.hops(a, b), MESH.distance(a, b));
        }
    }

    #[test]
    fn routes_go_around_dead_links_and_dies() {
        assert_eq!(wafer(&[], &[(1, 2)]).routes.way(0, 2), [0, 1, 4, 5, 2]);
        let broken = wafer(&[1], &[]);
        assert_eq!(broken.routes.way(0, 2), [0, 3, 4, 5, 2]);
        assert!(broken.routes.way(0, 1).is_empty() && broken.routes.way(1, 1).is_empty());
        assert_eq!(broken.works(), Ok(()));
        assert_eq!(broken.neighbours()[4], [3, 5]);
    }

    #[test]
    fn parts_of_a_wafer_that_cannot_reach_each_other_are_found() {
        let broken = wafer(&[1, 3], &[]);
        assert!(broken.works().unwrap_err().contains("no route leads from die 0 to die 2"));
        assert_eq!(broken.routes.hops(0, 2), usize::MAX);
    }
}
