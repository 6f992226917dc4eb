//! Which device takes a token: a row each. Apart from the strategies, which join a dispatch with a placement. A new one is a
//! file with its function, and a row.

use super::{
    Assignment, Config, Holders, Network, Origins, allocate, as_one_gpu, at_home, evenly, fewest_activated,
    least_loaded, nearest,
};
use crate::model::Placed;

/// What a dispatch decides about: one layer of one step.
pub struct Layer<'a> {
    /// Tokens of each expert.
    pub counts: &'a [u32],
    /// Where the experts lie.
    pub placed: &'a Placed,
    /// The devices that hold each expert: those where it was placed, and those with a replica that was made since.
    pub holders: &'a Holders,
    /// The settings.
    pub config: &'a Config,
    /// The system.
    pub network: &'a Network,
    /// Which request slots hold the tokens: it takes time to tell.
    pub origins: &'a dyn Fn() -> Origins,
}

/// A dispatch.
pub struct Dispatch {
    /// Name in URLs.
    pub name: &'static str,
    /// A sentence for people.
    pub says: &'static str,
    /// Settings of the experiment that it does not read, by name: outcomes are the same whatever they are.
    pub ignores: &'static [&'static str],
    /// Shares out the tokens.
    pub assign: fn(&Layer<'_>) -> Assignment,
}

/// The dispatches.
pub static DISPATCHES: &[Dispatch] = &[
    Dispatch {
        name: "one-gpu",
        says: "the system as one big GPU: every device fetches the experts of its share of tokens",
        ignores: &["block", "tau", "penalty"],
        assign: |layer| as_one_gpu(layer.counts, &layer.config.order, layer.network.dies),
    },
    Dispatch {
        name: "home",
        says: "each expert is computed where it is stored; nothing is fetched",
        ignores: &["block", "tau", "penalty", "order", "link", "hop", "duplex"],
        assign: |layer| at_home(layer.counts, layer.placed.home(), layer.network.dies),
    },
    Dispatch {
        name: "allo",
        says: "Algorithm 1: blocks of an expert's tokens go to whichever holder or neighbour of one is ready first",
        ignores: &["order"],
        assign: |layer| allocate(layer.counts, layer.config, layer.network, layer.holders),
    },
    Dispatch {
        name: "even",
        says: "every copy of an expert takes the same share of its tokens",
        ignores: &["block", "tau", "penalty", "order", "link", "hop", "duplex"],
        assign: |layer| evenly(layer.counts, layer.placed),
    },
    Dispatch {
        name: "lp",
        says: "tokens of copied experts shared out so that the busiest device has as few as it can",
        ignores: &["block", "tau", "penalty", "order", "link", "hop", "duplex"],
        assign: |layer| least_loaded(layer.counts, layer.placed),
    },
    Dispatch {
        name: "activated",
        says: "all tokens of an expert to one of its copies, so that the busiest device reads as few experts as it can (METRO)",
        ignores: &["block", "tau", "penalty", "order", "link", "hop", "duplex"],
        assign: |layer| fewest_activated(layer.counts, layer.placed),
    },
    Dispatch {
        name: "nearest",
        says: "each token goes to the copy of fewest hops from the device where its request lives; nothing is fetched",
        ignores: &["block", "tau", "penalty", "order", "link", "hop", "duplex"],
        assign: |layer| nearest(&(layer.origins)(), layer.holders, layer.network, &layer.config.topology.live),
    },
];

impl Dispatch {
    /// Whether it asks which request each token is of.
    #[must_use]
    pub fn by_origin(&self) -> bool {
        self.name == "nearest"
    }
}
