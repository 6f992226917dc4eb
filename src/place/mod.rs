//! Placements: where the experts of each layer live. Apart from `sim`, which takes what they compute as data. A new one is a
//! file and a row.

mod fixed;
mod remap;

use crate::model::{ExpertSize, Replicas, Topology};

/// What a placement may learn from: tokens of each expert, `[layer][expert]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loads<'a> {
    /// Experts of a layer (E).
    pub experts: usize,
    /// The tokens.
    pub layers: &'a [Vec<u64>],
}

/// What else a placement may read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// The size of an expert.
    pub expert: ExpertSize,
    /// Share of a device's FLOP rate that a cost model counts on.
    pub mfu: f64,
}

/// A placement.
pub struct Placement {
    /// Name in URLs.
    pub name: &'static str,
    /// A sentence for people.
    pub says: &'static str,
    /// Places the experts of every layer on the devices that work.
    pub place: fn(&Loads<'_>, &Topology, &Params) -> Replicas,
}

/// The placements; the first is the default.
pub static PLACEMENTS: &[Placement] = &[
    Placement {
        name: "round-robin",
        says: "expert e on the working device at position e mod D (inferred)",
        place: fixed::round_robin,
    },
    Placement {
        name: "contiguous",
        says: "blocks of experts by id: expert e on the working device at position floor(e·D/E)",
        place: fixed::contiguous,
    },
    Placement {
        name: "remap",
        says: "the paper's Algorithm 2: experts by cost, each to the device with least to do (2-byte weights and MFU 0.3 inferred)",
        place: remap::place,
    },
];

/// The placement of that name; `block` is what `contiguous` was called.
#[must_use]
pub fn placement_named(name: &str) -> Option<&'static Placement> {
    let name = if name == "block" { "contiguous" } else { name };
    PLACEMENTS.iter().find(|p| p.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplex, Faults, MODELS, SYSTEMS};

    #[test]
    fn every_placement_puts_every_expert_on_a_device_that_works() {
        let layers = [vec![9, 0, 4, 4, 1, 7, 2], vec![0, 0, 0, 0, 0, 0, 9]];
        let loads = Loads { experts: 7, layers: &layers };
        let expert = ExpertSize { hidden: MODELS[0].hidden, intermediate: MODELS[0].intermediate };
        let params = Params { expert, mfu: 0.3 };
        for dead in [vec![], vec![1], (0..24).collect(), (0..25).collect()] {
            let faults = Faults { dies: dead.into_iter().collect(), ..Faults::default() };
            let wafer = (SYSTEMS[0].build)(&SYSTEMS[0].hardware, &faults, Duplex::Shared);
            for placement in PLACEMENTS {
                let Replicas { home } = (placement.place)(&loads, &wafer, &params);
                assert_eq!(home.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7], "{}", placement.name);
                let alive = |d| wafer.live.is_empty() || wafer.live.contains(d);
                assert!(home.iter().flatten().all(alive), "{}", placement.name);
            }
        }
    }

    #[test]
    fn names_are_distinct_and_old_links_find_theirs() {
        let names: std::collections::BTreeSet<_> = PLACEMENTS.iter().map(|p| p.name).collect();
        assert_eq!(names.len(), PLACEMENTS.len());
        assert_eq!(placement_named("block").map(|p| p.name), Some("contiguous"));
    }
}
