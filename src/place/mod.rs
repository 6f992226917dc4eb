//! Placements: where the experts of each layer live. Apart from `sim`, which takes what they compute as data. A new one is a
//! file and a row.

mod activated;
mod apart;
mod craft;
mod dup;
mod eplb;
pub mod files;
mod fixed;
mod flash;
mod lp;
mod pack;
mod remap;
mod swift;
mod task;
mod together;
mod vec;
mod worst;

pub use activated::fewest;
pub use lp::{Split, holders, least_load, whole};
pub use remap::cost;

use serde::{Deserialize, Serialize};

use crate::model::{ExpertSize, Placed, Replicas, Tokens, Topology, Turns};

/// What a placement may learn from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loads {
    /// Experts of a layer (E).
    pub experts: usize,
    /// Tokens of each expert, `[layer][expert]`.
    pub layers: Vec<Vec<u64>>,
    /// The same step by step, `[layer][step][expert]`; empty where only sums are known, or no placement asks.
    pub steps: Vec<Vec<Vec<u64>>>,
    /// Pairs of experts that one token chose, `[layer][a·E + b]`; empty where they are not known, or no placement asks.
    pub together: Vec<Vec<u64>>,
    /// Pairs of an expert of a layer and one of the next simulated layer that one token chose, `[layer][a·E + b]`; no cells where the
    /// next layer of the model is not simulated, and for the last. Empty as above.
    pub next: Vec<Vec<u64>>,
    /// What each token of `steps` chose; none where nobody asks where tokens come from.
    pub tokens: Option<Tokens>,
    /// The placement of the reader's file, of these layers.
    pub file: Option<Replicas>,
    /// What the requests of each subject chose, in the order in which subjects are served; none where batches are mixed.
    pub subjects: Vec<SubjectLoads>,
}

/// What a placement may learn of one subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectLoads {
    /// Its name.
    pub name: String,
    /// Requests that these are of.
    pub requests: usize,
    /// Tokens of each expert, `[layer][expert]`.
    pub layers: Vec<Vec<u64>>,
}

/// Requests of a subject from which on it gets a placement of its own (**inferred**): what one request chose is a text and no subject.
pub const FEWEST_REQUESTS: usize = 2;

impl SubjectLoads {
    /// Whether there is enough of it for a placement of its own.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.requests >= FEWEST_REQUESTS && self.layers.iter().flatten().any(|&n| n > 0)
    }
}

impl Loads {
    /// The same of one subject alone: sums, for neither steps nor pairs are counted by subject.
    #[must_use]
    pub fn of_subject(&self, subject: &SubjectLoads) -> Self {
        Self { experts: self.experts, layers: subject.layers.clone(), file: self.file.clone(), ..Self::default() }
    }
}

/// What else a placement may read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params<'a> {
    /// The size of an expert.
    pub expert: ExpertSize,
    /// Share of a device's FLOP rate that a cost model counts on.
    pub mfu: f64,
    /// Spare slots of each device (R): copies that a placement may make.
    pub spare: usize,
    /// Slots of a layer in all, at least one an expert, whatever `spare` says; for weights that were given without a system.
    pub slots: Option<usize>,
    /// Groups of experts that stay on one node.
    pub groups: usize,
    /// Transfers between each pair of devices that a change of placement may make.
    pub moves: usize,
    /// What a search found, if it ran.
    pub searched: Option<&'a Replicas>,
    /// The placement of the reader's file, if there is one.
    pub file: Option<&'a Replicas>,
}

impl Params<'_> {
    /// For experts of this size, with all else at its default: no spare slot, nothing searched or read.
    #[must_use]
    pub fn of(expert: ExpertSize) -> Self {
        Self { expert, mfu: 0.3, spare: 0, slots: None, groups: 8, moves: 8, searched: None, file: None }
    }
}

/// Places the experts of every layer on the devices that work.
pub type Rule = fn(&Loads, &Topology, &Params<'_>) -> Replicas;

/// How often a placement is made.
#[derive(Clone, Copy)]
pub enum Make {
    /// Once, of all that is learnt from.
    Once(Rule),
    /// For each subject of the loads, in their order; and the name of the placement that it is held against: the same, made once.
    BySubject(fn(&Loads, &Topology, &Params<'_>) -> Vec<Replicas>, &'static str),
}

/// A placement.
pub struct Placement {
    /// Name in URLs.
    pub name: &'static str,
    /// A sentence for people.
    pub says: &'static str,
    /// Settings of the experiment that it reads, by name, apart from those of system and workload; and of the tables of [`Loads`]
    /// those that are not made for everyone: `steps`, `together`, `next`.
    pub reads: &'static [&'static str],
    /// Where it puts experts.
    pub place: Make,
}

/// Settings that a placement may read, by name.
pub const PLACEMENT_SETTINGS: [&str; 7] = ["mfu", "spare", "groups", "moves", "budget", "aim", "file"];

/// The placements; the first is the default.
pub static PLACEMENTS: &[Placement] = &[
    Placement {
        name: "round-robin",
        says: "expert e on the working device at position e mod D (inferred)",
        reads: &[],
        place: Make::Once(fixed::round_robin),
    },
    Placement {
        name: "contiguous",
        says: "blocks of experts by id: expert e on the working device at position floor(e·D/E)",
        reads: &[],
        place: Make::Once(fixed::contiguous),
    },
    Placement {
        name: "remap",
        says: "the paper's Algorithm 2: experts by cost, each to the device with least to do (2-byte weights and MFU 0.3 inferred)",
        reads: &["mfu"],
        place: Make::Once(remap::place),
    },
    Placement {
        name: "eplb",
        says: "DeepSeek's EPLB: spare slots to the experts whose copies have most to do, then copies to the device with least to do",
        reads: &["spare"],
        place: Make::Once(eplb::place),
    },
    Placement {
        name: "eplb-nodes",
        says: "DeepSeek's EPLB by nodes: a group of experts and its copies stay on one node; as eplb where groups or nodes do not divide",
        reads: &["spare", "groups"],
        place: Make::Once(eplb::place_nodes),
    },
    Placement {
        name: "dup",
        says: "blocks by id, and copies one by one where they leave the least largest load (ties by id inferred)",
        reads: &["spare"],
        place: Make::Once(dup::place),
    },
    Placement {
        name: "vec",
        says: "copies of the experts that are hottest in most of the steps, dealt out in a snake (SGLang's vector form of EPLB)",
        reads: &["spare", "steps"],
        place: Make::Once(vec::place),
    },
    Placement {
        name: "flash",
        says: "copies and places chosen together by a small tree, for loads that vary from step to step (after FlashLB)",
        reads: &["spare", "steps"],
        place: Make::Once(flash::place),
    },
    Placement {
        name: "swift",
        says: "few transfers from the reader's file, or else from blocks by id: spare slots to copies, then swaps that gain 1%",
        reads: &["spare", "moves", "file"],
        place: Make::Once(swift::place),
    },
    Placement {
        name: "craft",
        says: "more copies in the layers that gain most by them, as many in all (exact knapsack); each layer by EPLB",
        reads: &["spare"],
        place: Make::Once(craft::place),
    },
    Placement {
        name: "spread",
        says: "the hottest experts of a layer far from each other (Insight 4)",
        reads: &[],
        place: Make::Once(apart::spread),
    },
    Placement {
        name: "apart",
        says: "experts that one token chooses on different devices (Insight 5)",
        reads: &["together"],
        place: Make::Once(apart::apart),
    },
    Placement {
        name: "together",
        says: "experts that follow each other from layer to layer on one device, or near (ExFlow's aim)",
        reads: &["next"],
        place: Make::Once(together::place),
    },
    Placement {
        name: "task",
        says: "a placement for each subject, by EPLB on its own requests; weights move when the subject changes (Insight 6)",
        reads: &["spare"],
        place: Make::BySubject(task::place, "eplb"),
    },
    Placement {
        name: "worst",
        says: "the hottest experts all on the first device, the next on the second: a bound",
        reads: &[],
        place: Make::Once(worst::place),
    },
    Placement {
        name: "search",
        says: "simulated annealing over swaps and copies: the least simulated time on what is learnt from, from the best of the table",
        reads: &["spare", "groups", "moves", "mfu", "budget", "aim", "steps", "together", "next"],
        place: Make::Once(|loads, topology, params| given(params.searched, loads, topology, params)),
    },
    Placement {
        name: "file",
        says: "the reader's own placement; contiguous as long as no file is given",
        reads: &["file"],
        place: Make::Once(|loads, topology, params| given(params.file, loads, topology, params)),
    },
];

/// What was made elsewhere, or blocks by id where nothing was, or something of another shape.
fn given(made: Option<&Replicas>, loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    made.filter(|made| fits(made, loads, topology))
        .cloned()
        .unwrap_or_else(|| fixed::contiguous(loads, topology, params))
}

/// Whether a placement is one of these layers and experts on devices that work.
fn fits(made: &Replicas, loads: &Loads, topology: &Topology) -> bool {
    let of_layer = |p: &Placed| {
        let live = |(device, slots): (usize, &Vec<usize>)| slots.is_empty() || topology.live.contains(&device);
        p.home().len() == loads.experts
            && p.slots().len() == topology.devices
            && p.slots().iter().enumerate().all(live)
            && p.copies().iter().all(|&copies| copies > 0)
    };
    made.layers.len() == loads.layers.len() && made.layers.iter().all(of_layer)
}

impl Placement {
    /// Whether it is a function of all loads: neither found by a search, nor read from a file, nor made for each subject.
    #[must_use]
    pub fn is_rule(&self) -> bool {
        matches!(self.place, Make::Once(_)) && !["search", "file"].contains(&self.name)
    }

    /// The placement that one made for each subject is held against; none of one that is made once.
    #[must_use]
    pub fn beside(&self) -> Option<&'static Placement> {
        match self.place {
            Make::Once(_) => None,
            Make::BySubject(_, name) => placement_named(name),
        }
    }

    /// Where the experts lie, made once of all loads.
    #[must_use]
    pub fn once(&self, loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
        match self.place {
            Make::Once(rule) => rule(loads, topology, params),
            Make::BySubject(..) => self.beside().unwrap_or(&PLACEMENTS[0]).once(loads, topology, params),
        }
    }

    /// Where they lie in each step, which is of the subject that `of_step` names; all along in one place where it names none.
    #[must_use]
    pub fn turns(&self, loads: &Loads, of_step: &[usize], topology: &Topology, params: &Params<'_>) -> Turns {
        match self.place {
            Make::BySubject(each, _) if !of_step.is_empty() && !loads.subjects.is_empty() => {
                Turns::new(each(loads, topology, params), of_step.to_vec())
            }
            _ => self.once(loads, topology, params).into(),
        }
    }
}

/// The placements that are functions of all loads.
pub fn rules() -> impl Iterator<Item = &'static Placement> {
    PLACEMENTS.iter().filter(|p| p.is_rule())
}

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
        let layers = vec![vec![9, 0, 4, 4, 1, 7, 2], vec![0, 0, 0, 0, 0, 0, 9]];
        let loads = Loads { experts: 7, layers, ..Loads::default() };
        let expert = ExpertSize { hidden: MODELS[0].hidden, intermediate: MODELS[0].intermediate };
        for spare in [0, 1, 3] {
            let params = Params { spare, ..Params::of(expert) };
            for dead in [vec![], vec![1], (0..24).collect(), (0..25).collect()] {
                let faults = Faults { dies: dead.into_iter().collect(), ..Faults::default() };
                let wafer = (SYSTEMS[0].build)(&SYSTEMS[0].hardware, &faults, Duplex::Shared);
                for placement in PLACEMENTS {
                    let replicas = placement.once(&loads, &wafer, &params);
                    assert_eq!(replicas.layers.len(), 2, "{}", placement.name);
                    let mut slots = 0;
                    for placed in &replicas.layers {
                        assert!(placed.copies().iter().all(|&copies| copies > 0), "{}", placement.name);
                        let alive = |d: &usize| wafer.live.is_empty() || wafer.live.contains(d);
                        let used = (0..25).filter(|&d| !placed.slots()[d].is_empty());
                        assert!(used.into_iter().all(|d| alive(&d)), "{}", placement.name);
                        slots += placed.physical_to_logical().len();
                    }
                    // One layer may have more if another has fewer.
                    let most = 2 * (7 + spare * wafer.live.len().max(1));
                    assert!(slots <= most, "{}: {slots} slots", placement.name);
                }
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
