//! A rectangle of devices, and what of it is broken. Apart from the systems: pictures draw it, and a string names its parts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A rectangle of devices; device id = y·X + x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mesh {
    /// Devices in a row.
    pub x: usize,
    /// Rows.
    pub y: usize,
}

impl Mesh {
    /// Number of devices.
    #[must_use]
    pub fn dies(self) -> usize {
        self.x * self.y
    }

    /// Column and row of a device.
    #[must_use]
    pub fn place(self, die: usize) -> (usize, usize) {
        (die % self.x, die / self.x)
    }

    /// Hops between two devices that are joined to their neighbours (Manhattan distance).
    #[must_use]
    pub fn distance(self, a: usize, b: usize) -> usize {
        let ((ax, ay), (bx, by)) = (self.place(a), self.place(b));
        ax.abs_diff(bx) + ay.abs_diff(by)
    }

    /// The neighbour pairs in a fixed order: all horizontal links by device, then all vertical ones.
    #[must_use]
    pub fn links(self) -> Vec<(usize, usize)> {
        let right = (0..self.dies()).filter(|d| d % self.x + 1 < self.x).map(|d| (d, d + 1));
        let down = (0..self.dies()).filter(|d| d / self.x + 1 < self.y).map(|d| (d, d + self.x));
        right.chain(down).collect()
    }

    /// Position in [`Mesh::links`] of the link between two neighbours.
    #[must_use]
    pub fn link(self, a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        let (x, y) = self.place(low);
        if high == low + 1 && self.x > 1 { y * (self.x - 1) + x } else { self.y * (self.x - 1) + low }
    }
}

/// Devices and links that do not work. A dead device computes nothing, stores nothing and passes nothing on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Devices.
    pub dies: BTreeSet<usize>,
    /// Links, as their two devices, the lower first.
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

    /// The devices that work.
    #[must_use]
    pub fn live(&self, mesh: Mesh) -> Vec<usize> {
        (0..mesh.dies()).filter(|d| !self.dies.contains(d)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_finds_itself() {
        for mesh in
            [Mesh { x: 5, y: 5 }, Mesh { x: 3, y: 8 }, Mesh { x: 1, y: 4 }, Mesh { x: 4, y: 1 }, Mesh { x: 1, y: 1 }]
        {
            for (i, &(a, b)) in mesh.links().iter().enumerate() {
                assert_eq!((mesh.link(a, b), mesh.link(b, a)), (i, i), "{mesh:?} {a}-{b}");
                assert_eq!(mesh.distance(a, b), 1);
            }
        }
        assert_eq!(Mesh { x: 5, y: 5 }.links().len(), 40);
    }
}
