//! The way between two dies, around what is broken. Apart from the mesh: a mesh is a shape, routes depend on its faults too.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::Mesh;

/// Dies and links that do not work. A dead die computes nothing, stores nothing and passes nothing on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Dies.
    pub dies: BTreeSet<usize>,
    /// Links, as their two dies, the lower first.
    pub links: BTreeSet<(usize, usize)>,
}

impl Faults {
    /// Nothing is broken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dies.is_empty() && self.links.is_empty()
    }

    /// Whether two neighbours can exchange anything.
    #[must_use]
    pub fn passes(&self, a: usize, b: usize) -> bool {
        !self.dies.contains(&a) && !self.dies.contains(&b) && !self.links.contains(&(a.min(b), a.max(b)))
    }

    /// Forgets what a mesh does not have.
    pub fn within(&mut self, mesh: Mesh) {
        self.dies.retain(|&d| d < mesh.dies());
        self.links.retain(|&(a, b)| b < mesh.dies() && mesh.distance(a, b) == 1);
    }

    /// The dies that work.
    #[must_use]
    pub fn live(&self, mesh: Mesh) -> Vec<usize> {
        (0..mesh.dies()).filter(|d| !self.dies.contains(d)).collect()
    }
}

/// The route of every transfer: along the row first, then along the column (XY); where a fault is in the way, the shortest
/// way around it, steps along the row before steps along the column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    dies: usize,
    /// Dies of each route one after another, both ends included.
    steps: Vec<u16>,
    /// Where those of a route start, `[from][to]`, and at the end the end; an empty route: there is no way.
    starts: Vec<u32>,
}

impl Routes {
    /// The routes of a mesh with faults.
    #[must_use]
    pub fn new(mesh: Mesh, faults: &Faults) -> Self {
        let dies = mesh.dies();
        let (mut steps, mut starts) = (Vec::new(), vec![0]);
        for from in 0..dies {
            let mut around = None;
            for to in 0..dies {
                let direct = xy(mesh, from, to);
                let works = !faults.dies.contains(&from) && direct.windows(2).all(|w| faults.passes(w[0], w[1]));
                let route = if works {
                    direct
                } else {
                    let before = around.get_or_insert_with(|| shortest(mesh, faults, from));
                    walk_back(before, from, to)
                };
                steps.extend(route.iter().map(|&d| u16::try_from(d).unwrap_or(u16::MAX)));
                starts.push(crate::units::small(steps.len()));
            }
        }
        Self { dies, steps, starts }
    }

    /// The dies of a route, both ends included; empty if there is none.
    #[must_use]
    pub fn path(&self, from: usize, to: usize) -> &[u16] {
        let i = from * self.dies + to;
        &self.steps[self.starts[i] as usize..self.starts[i + 1] as usize]
    }

    /// Hops of a route; as many as can be if there is none.
    #[must_use]
    pub fn hops(&self, from: usize, to: usize) -> usize {
        self.path(from, to).len().checked_sub(1).unwrap_or(usize::MAX)
    }

    /// Two working dies that cannot reach each other, if there are such.
    #[must_use]
    pub fn parted(&self, live: &[usize]) -> Option<(usize, usize)> {
        let first = *live.first()?;
        live.iter().find(|&&d| self.path(first, d).is_empty()).map(|&d| (first, d))
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

fn walk_back(before: &[Option<usize>], from: usize, to: usize) -> Vec<usize> {
    let mut route = vec![to];
    let mut at = to;
    while at != from {
        let Some(next) = before[at] else { return Vec::new() };
        at = next;
        route.push(at);
    }
    if before[from].is_none() {
        return Vec::new();
    }
    route.reverse();
    route
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESH: Mesh = Mesh { x: 3, y: 2 };

    #[test]
    fn without_faults_every_route_is_xy() {
        let routes = Routes::new(MESH, &Faults::default());
        assert_eq!(routes.path(0, 5), [0, 1, 2, 5]);
        assert_eq!(routes.path(5, 0), [5, 4, 3, 0]);
        for (a, b) in (0..36).map(|i| (i / 6, i % 6)) {
            assert_eq!(routes.hops(a, b), MESH.distance(a, b));
        }
    }

    #[test]
    fn routes_go_around_dead_links_and_dies() {
        let faults = Faults { dies: BTreeSet::new(), links: BTreeSet::from([(1, 2)]) };
        assert_eq!(Routes::new(MESH, &faults).path(0, 2), [0, 1, 4, 5, 2]);
        let faults = Faults { dies: BTreeSet::from([1]), links: BTreeSet::new() };
        let routes = Routes::new(MESH, &faults);
        assert_eq!(routes.path(0, 2), [0, 3, 4, 5, 2]);
        assert!(routes.path(0, 1).is_empty() && routes.path(1, 1).is_empty());
        assert_eq!(routes.parted(&faults.live(MESH)), None);
    }

    #[test]
    fn parts_of_a_wafer_that_cannot_reach_each_other_are_found() {
        let faults = Faults { dies: BTreeSet::from([1, 3]), links: BTreeSet::new() };
        let routes = Routes::new(MESH, &faults);
        assert_eq!(routes.parted(&faults.live(MESH)), Some((0, 2)));
        assert_eq!(routes.hops(0, 2), usize::MAX);
    }
}
