//! The systems that can be simulated: a row each. A new one is a file that builds its topology, and a row.

mod gpus;
mod hardware;
mod wafer;

use super::{Duplex, Faults, Mesh, Nouns, Topology};
use crate::units::{GIGA, TERA};

pub use hardware::{FIELDS, Field, Hardware};

/// A system.
pub struct System {
    /// Name in URLs.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// A sentence for people: what it is, and where its values are from.
    pub says: &'static str,
    /// Its sizes and speeds, before anything is edited.
    pub hardware: Hardware,
    /// Fields of the hardware that mean nothing here, by name.
    pub without: &'static [&'static str],
    /// Devices are joined to their neighbours: links can break, and are drawn.
    pub mesh: bool,
    /// Builds it with what was edited, without what is dead.
    pub build: fn(&Hardware, &Faults, Duplex) -> Topology,
}

impl System {
    /// What its devices and it are called.
    #[must_use]
    pub const fn nouns(&self) -> Nouns {
        Nouns::of(self.mesh)
    }

    /// The values of its hardware that can be edited.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        FIELDS.iter().filter(|f| !self.without.contains(&f.name))
    }

    /// Forgets dead parts that it does not have.
    pub fn within(&self, faults: &mut Faults, hardware: &Hardware) {
        let mesh = hardware.mesh;
        faults.dies.retain(|&d| d < mesh.dies());
        faults.links.retain(|&(a, b)| self.mesh && b < mesh.dies() && mesh.distance(a, b) == 1);
    }
}

/// The systems; the first is the default. `dojo` and `tsmc-sow` are the paper's two wafers.
pub static SYSTEMS: [System; 6] = [
    System {
        name: "dojo",
        title: "Dojo, 5 × 5",
        says: "the paper's first wafer (Table I): 25 dies",
        hardware: DOJO,
        without: OF_GPUS,
        mesh: true,
        build: wafer::build,
    },
    System {
        name: "tsmc-sow",
        title: "TSMC-SoW, 3 × 8",
        says: "the paper's second wafer (Table I): 24 dies, the same each, on a longer mesh",
        hardware: Hardware { mesh: Mesh { x: 3, y: 8 }, ..DOJO },
        without: OF_GPUS,
        mesh: true,
        build: wafer::build,
    },
    System {
        name: "dojo-enhanced",
        title: "Dojo-Enhanced, 5 × 5",
        says: "the wafer that Figure 15 of the paper adds: faster dies, links little faster",
        hardware: Hardware { hbm: 8.0 * TERA, link: 2.0 * TERA, dram: 180.0 * GIGA, fp16: 4500.0 * TERA, ..DOJO },
        without: OF_GPUS,
        mesh: true,
        build: wafer::build,
    },
    System {
        name: "h100x8",
        title: "8 × H100, one node",
        says: "eight GPUs behind one switch, none of the paper\u{2019}s systems; ports of 450 GB/s a direction and 1 µs a transfer are inferred",
        hardware: H100,
        without: OF_MESHES,
        mesh: false,
        build: gpus::build,
    },
    System {
        name: "h100x16",
        title: "2 × 8 × H100, two nodes",
        says: "two nodes of eight GPUs: inside a node as one node; between them ports of 50 GB/s a direction and GPU, and 5 µs a transfer (inferred)",
        hardware: Hardware { mesh: Mesh { x: 8, y: 2 }, ..H100 },
        without: OF_MESHES,
        mesh: false,
        build: gpus::build,
    },
    System {
        name: "gb200-nvl72",
        title: "GB200 NVL72, one rack",
        says: "72 GPUs behind one switch: 8 TB/s, 2500 TFLOP/s and 186 GB each, ports of 900 GB/s a direction; 1 µs a transfer is inferred",
        hardware: Hardware {
            mesh: Mesh { x: 72, y: 1 },
            hbm: 8.0 * TERA,
            link: 0.9 * TERA,
            dram: 186.0 * GIGA,
            fp16: 2500.0 * TERA,
            ..H100
        },
        without: OF_MESHES,
        mesh: false,
        build: gpus::build,
    },
];

const DOJO: Hardware = Hardware {
    mesh: Mesh { x: 5, y: 5 },
    hbm: 3.35 * TERA,
    link: 1.7 * TERA,
    dram: 80.0 * GIGA,
    fp16: 989.0 * TERA,
    llc: 64e6,
    llc_hit: 100e-9,
    llc_miss: 110e-9,
    write: 30e-9,
    hbm_latency: 300e-9,
    hop: 200e-9,
    remote_penalty: 1e-6,
    usable: 0.9,
    nic: 50.0 * GIGA,
    nic_hop: 2500e-9,
};

const H100: Hardware = Hardware { mesh: Mesh { x: 8, y: 1 }, link: 0.45 * TERA, hop: 500e-9, ..DOJO };

/// Fields that only wafers have, and those that only GPUs have. The link of a GPU is its port, `nvlink`.
const OF_MESHES: &[&str] = &["columns", "rows", "link"];
const OF_GPUS: &[&str] = &["nodes", "pernode", "nvlink", "nic", "nichop"];

/// Devices that a system can have: routes are a table of all pairs.
pub const MOST_DEVICES: usize = 512;

/// The system of that name.
#[must_use]
pub fn system_named(name: &str) -> Option<&'static System> {
    SYSTEMS.iter().find(|s| s.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_works_and_its_resources_are_its_own() {
        for system in &SYSTEMS {
            let whole = (system.build)(&system.hardware, &Faults::default(), Duplex::Shared);
            assert_eq!(whole.works(), Ok(()), "{}", system.name);
            assert_eq!(whole.devices, system.hardware.mesh.dies(), "{}", system.name);
            let between = whole.resources.len() - whole.devices;
            assert_eq!(between % whole.links.len(), 0, "{}: as many resources for each link", system.name);
            for (from, to) in (0..whole.devices).flat_map(|a| (0..whole.devices).map(move |b| (a, b))) {
                let path = whole.routes.path(from, to);
                assert_eq!(usize::from(path[0]), from, "{}: the HBM of the source is first", system.name);
                assert!(path[1..].iter().all(|&r| (whole.devices..whole.resources.len()).contains(&r.into())));
                assert_eq!((path.len() == 1, whole.routes.hops(from, to) == 0), (from == to, from == to));
            }
            let mut dead = Faults::default();
            dead.dies.insert(1);
            let left = (system.build)(&system.hardware, &dead, Duplex::Shared);
            assert_eq!(left.works(), Ok(()), "{}", system.name);
            assert!(!left.live.contains(&1) && left.live.len() + 1 == left.devices, "{}", system.name);
            assert!(left.neighbours().iter().all(|of| !of.contains(&1)), "{}", system.name);
        }
    }

    #[test]
    fn dead_parts_that_a_smaller_wafer_does_not_have_are_forgotten() {
        // In one column the die after the last would be a neighbour of the last.
        let hardware = Hardware { mesh: Mesh { x: 1, y: 4 }, ..SYSTEMS[0].hardware };
        let mut faults = Faults { dies: [3, 4].into(), links: [(0, 2), (2, 3), (3, 4)].into() };
        SYSTEMS[0].within(&mut faults, &hardware);
        assert_eq!(faults, Faults { dies: [3].into(), links: [(2, 3)].into() });
    }
}
