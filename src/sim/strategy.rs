//! Strategies: a placement, a dispatch, and whether predicted experts are replicated. Apart from both tables: every row of one
//! goes with every row of the other, as `PLACEMENT.DISPATCH` or `PLACEMENT.DISPATCH+pred`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::config::Activations;
use super::dispatch::{DISPATCHES, Dispatch};
use crate::place::{PLACEMENT_SETTINGS, PLACEMENTS, Placement};

/// A strategy of the paper (section V): it takes the placement that the setting `home` names.
pub struct Named {
    /// Name in URLs and figures.
    pub name: &'static str,
    /// A sentence for the page.
    pub says: &'static str,
    /// Which device takes a token.
    pub dispatch: &'static Dispatch,
    /// Whether devices keep predicted experts.
    pub predicts: bool,
}

/// The paper's strategies, in the order of the figures.
pub static STRATEGIES: [Named; 5] = [
    Named {
        name: "base",
        says: "the system as one big GPU; every device fetches the experts of its share of tokens",
        dispatch: &DISPATCHES[0],
        predicts: false,
    },
    Named {
        name: "ep",
        says: "expert parallelism; each expert is computed on the device that stores it",
        dispatch: &DISPATCHES[1],
        predicts: false,
    },
    Named {
        name: "allo",
        says: "data-placement-aware allocation; hot experts also run on neighbours",
        dispatch: &DISPATCHES[2],
        predicts: false,
    },
    Named {
        name: "pred",
        says: "base, with predicted experts copied into the HBM of the devices that use them",
        dispatch: &DISPATCHES[0],
        predicts: true,
    },
    Named { name: "allo+pred", says: "allocation and prediction together", dispatch: &DISPATCHES[2], predicts: true },
];

/// One of all strategies: its position among them. The paper's come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Strategy(u16);

/// Settings of what lies between devices.
const BETWEEN: [&str; 3] = ["link", "hop", "duplex"];

struct Row {
    name: String,
    says: String,
    placement: Option<&'static Placement>,
    dispatch: &'static Dispatch,
    predicts: bool,
}

static ALL: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut all: Vec<Row> = Vec::new();
    for &Named { name, says, dispatch, predicts } in &STRATEGIES {
        all.push(Row { name: name.into(), says: says.into(), placement: None, dispatch, predicts });
    }
    for placement in PLACEMENTS {
        for (dispatch, predicts) in DISPATCHES.iter().flat_map(|d| [(d, false), (d, true)]) {
            let (more, keeps) = if predicts { ("+pred", "; predicted experts are copied") } else { ("", "") };
            let name = format!("{}.{}{more}", placement.name, dispatch.name);
            let says = format!("{}; {}{keeps}", placement.says, dispatch.says);
            all.push(Row { name, says, placement: Some(placement), dispatch, predicts });
        }
    }
    all
});

impl Strategy {
    /// The wafer as one big GPU: dies take equal ranges of the tokens sorted by expert.
    pub const BASE: Strategy = Strategy(0);
    /// Expert parallelism: an expert is computed where it lives.
    pub const EP: Strategy = Strategy(1);
    /// Algorithm 1: tokens of hot experts go to neighbours, block by block.
    pub const ALLO: Strategy = Strategy(2);
    /// Base, with predicted experts copied to the dies that use them.
    pub const PRED: Strategy = Strategy(3);
    /// Algorithm 1 and the predictor.
    pub const ALLO_PRED: Strategy = Strategy(4);

    /// The paper's, in the order of the figures.
    pub const ALL: [Strategy; 5] = [Strategy::BASE, Strategy::EP, Strategy::ALLO, Strategy::PRED, Strategy::ALLO_PRED];

    /// The strategy of that name: one of the paper's, or `PLACEMENT.DISPATCH[+pred]`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("block.").map_or_else(|| name.to_string(), |rest| format!("contiguous.{rest}"));
        let at = ALL.iter().position(|row| row.name == name)?;
        u16::try_from(at).ok().map(Strategy)
    }

    /// What a lab compares where nothing is asked for: the paper's strategies, every placement with copies shared evenly, and those
    /// that go further with one.
    #[must_use]
    pub fn lab() -> Vec<Self> {
        let placements = PLACEMENTS.iter().map(|p| p.name).filter(|name| !["worst", "file"].contains(name));
        let more = ["eplb.lp", "eplb.activated", "search.lp", "remap.allo+pred", "search.allo+pred"];
        let names = placements.map(|name| format!("{name}.even")).chain(more.map(String::from));
        let mut all: Vec<Self> = Self::ALL.into_iter().chain(names.filter_map(|name| Self::named(&name))).collect();
        all.sort();
        all
    }

    /// Those that a lab adds for the reader's own file.
    #[must_use]
    pub fn of_file() -> Vec<Self> {
        ["file.even", "file.lp", "file.allo+pred"].into_iter().filter_map(Self::named).collect()
    }

    /// The strategies whose names are like that: an asterisk stands for any part of a name.
    #[must_use]
    pub fn like(pattern: &str) -> Vec<Self> {
        let parts: Vec<&str> = pattern.split('*').collect();
        let matches = |name: &str| {
            let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return false };
            let Some(mut rest) = name.strip_prefix(first) else { return false };
            if parts.len() == 1 {
                return rest.is_empty();
            }
            for part in &parts[1..parts.len() - 1] {
                let Some(at) = rest.find(part) else { return false };
                rest = &rest[at + part.len()..];
            }
            rest.ends_with(last)
        };
        let all = (0..ALL.len()).filter(|&at| matches(&ALL[at].name));
        all.filter_map(|at| u16::try_from(at).ok().map(Strategy)).collect()
    }

    fn row(self) -> &'static Row {
        ALL.get(usize::from(self.0)).unwrap_or(&ALL[0])
    }

    /// Name in URLs and figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.row().name
    }

    /// One sentence for the page.
    #[must_use]
    pub fn says(self) -> &'static str {
        &self.row().says
    }

    /// Where experts live; none: where the setting `home` says.
    #[must_use]
    pub fn placement(self) -> Option<&'static Placement> {
        self.row().placement
    }

    /// Which device takes a token.
    #[must_use]
    pub fn dispatch(self) -> &'static Dispatch {
        self.row().dispatch
    }

    /// Whether devices keep predicted experts.
    #[must_use]
    pub fn predicts(self) -> bool {
        self.row().predicts
    }

    /// Settings of the experiment that it does not read, by name: its outcome is the same whatever they are. Where activations take
    /// time, every strategy reads what they travel over; where they take none, what they weigh is nobody's.
    #[must_use]
    pub fn ignores(self, activations: Activations, rest: bool) -> Vec<&'static str> {
        let mut ignores = vec!["strategies", "baseline", "llc"];
        // Weights that move between placements take links, whatever else does.
        let moves = self.placement().is_some_and(|p| p.beside().is_some());
        let free = activations == Activations::Free;
        let between = free && !moves;
        ignores.extend(self.dispatch().ignores.iter().filter(|name| between || !BETWEEN.contains(name)));
        if between && self.dispatch().ignores.contains(&"link") {
            ignores.extend(["nvlink", "nic", "nichop"]);
        }
        if free {
            ignores.extend(["dispatch-bytes", "combine-bytes"]);
        }
        if !rest {
            ignores.push("context");
        }
        if !self.predicts() {
            ignores.extend(["predict", "capacity", "dram", "usable"]);
        }
        if !self.predicts() && !moves {
            ignores.push("write");
        }
        if let Some(placement) = self.placement() {
            ignores.push("home");
            ignores.extend(PLACEMENT_SETTINGS.iter().filter(|name| !placement.reads.contains(name)));
        }
        ignores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placement_goes_with_every_dispatch_and_names_come_back() {
        assert_eq!(ALL.len(), STRATEGIES.len() + PLACEMENTS.len() * DISPATCHES.len() * 2);
        for strategy in (0..ALL.len()).map(|at| Strategy(u16::try_from(at).unwrap())) {
            assert_eq!(Strategy::named(strategy.name()), Some(strategy));
        }
        assert_eq!(Strategy::ALL.map(Strategy::name), ["base", "ep", "allo", "pred", "allo+pred"]);
        let block = Strategy::named("block.allo+pred").unwrap();
        assert_eq!((block.name(), block.predicts()), ("contiguous.allo+pred", true));
        assert_eq!(block.placement().map(|p| p.name), Some("contiguous"));
        let names = |pattern: &str| Strategy::like(pattern).into_iter().map(Strategy::name).collect::<Vec<_>>();
        assert_eq!(names("*.home"), PLACEMENTS.iter().map(|p| format!("{}.home", p.name)).collect::<Vec<_>>());
        let each = DISPATCHES.iter().map(|d| format!("remap.{}+pred", d.name)).collect::<Vec<_>>();
        assert_eq!(names("remap.*+pred"), each);
        assert_eq!((names("allo"), names("moon*"), names("*").len()), (vec!["allo"], vec![], ALL.len()));
        for bad in ["", "remap.", "remap.base", "moon.allo", "allo+pred+pred", "round-robin", "home"] {
            assert_eq!(Strategy::named(bad), None, "{bad}");
        }
    }
}
