//! All settings of a run. Apart from the engine: the experiment string, the page and the tests write these.

use serde::{Deserialize, Serialize};

use crate::model::{Faults, Wafer};

/// How tokens and copies are placed (section V of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Strategy {
    /// The wafer as one big GPU: dies take equal ranges of the tokens sorted by expert.
    Base,
    /// Expert parallelism: an expert is computed where it lives.
    Ep,
    /// Algorithm 1: tokens of hot experts go to neighbours, block by block.
    Allo,
    /// Base, with predicted experts copied to the dies that use them.
    Pred,
    /// Algorithm 1 and the predictor.
    AlloPred,
}

impl Strategy {
    /// All, in the order of the figures.
    pub const ALL: [Strategy; 5] = [Strategy::Base, Strategy::Ep, Strategy::Allo, Strategy::Pred, Strategy::AlloPred];

    /// Name in URLs and figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Base => "base",
            Strategy::Ep => "ep",
            Strategy::Allo => "allo",
            Strategy::Pred => "pred",
            Strategy::AlloPred => "allo+pred",
        }
    }

    /// One sentence for the page.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Strategy::Base => "the wafer as one big GPU; every die fetches the experts of its share of tokens",
            Strategy::Ep => "expert parallelism; each expert is computed on the die that stores it",
            Strategy::Allo => "data-placement-aware allocation; hot experts also run on neighbours",
            Strategy::Pred => "base, with predicted experts copied into the HBM of the dies that use them",
            Strategy::AlloPred => "allocation and prediction together",
        }
    }

    /// Whether dies keep predicted experts.
    #[must_use]
    pub fn predicts(self) -> bool {
        matches!(self, Strategy::Pred | Strategy::AlloPred)
    }
}

/// Whether the two directions of a link share its bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duplex {
    /// One resource for both directions (inferred default).
    #[default]
    Shared,
    /// One for each direction.
    Full,
}

/// The order in which `base` enumerates dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DieOrder {
    /// By die id (inferred default).
    #[default]
    Row,
    /// Column-major.
    Column,
}

/// The settings of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The hardware.
    pub wafer: Wafer,
    /// What of it does not work.
    pub faults: Faults,
    /// Sharing of links.
    pub duplex: Duplex,
    /// Die enumeration of `base`.
    pub order: DieOrder,
    /// The die that stores each expert.
    pub home: Vec<usize>,
    /// Bytes of one expert (W).
    pub expert_bytes: f64,
    /// Compute time of one token in one expert, seconds (tt).
    pub token_seconds: f64,
    /// Flows that a die keeps in flight.
    pub in_flight: usize,
    /// Tokens of a block in Algorithm 1.
    pub block: u64,
    /// Split threshold of Algorithm 1, tokens (tau).
    pub split: f64,
    /// Experts that the predictor takes from each row of the heat map (n).
    pub predicted: usize,
    /// Copies that each die has room for in the simulated layers.
    pub slots: Vec<u64>,
}

impl Config {
    /// The die that stores each expert of a layer.
    #[must_use]
    pub fn home(&self, _layer: usize) -> &[usize] {
        &self.home
    }

    /// Time to read one expert from HBM (Th), seconds.
    #[must_use]
    pub fn read_seconds(&self) -> f64 {
        self.expert_bytes / self.wafer.hbm
    }

    /// Time to move one expert over one link (Td), seconds.
    #[must_use]
    pub fn link_seconds(&self) -> f64 {
        self.expert_bytes / self.wafer.link
    }
}
