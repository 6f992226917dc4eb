//! What happened in one layer, for a picture of it over time. Apart from outcomes, which are sums: whoever times a layer knows its
//! history and no sum.

use serde::{Deserialize, Serialize};

/// What happened in one layer of one step, for a picture of it over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Dies of the wafer.
    pub dies: usize,
    /// When the last die was done, seconds.
    pub seconds: f64,
    /// Fetches and replicas, by die in their order.
    pub flows: Vec<Flow>,
    /// What each die computed, by die in its order.
    pub computed: Vec<Computed>,
    /// The die that stores each expert of the layer.
    pub home: Vec<usize>,
    /// Replicas that could be read: expert and die, by expert.
    pub copies: Vec<(usize, usize)>,
}

/// One transfer of an expert.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Die whose HBM gives the expert (or takes the replica).
    pub source: usize,
    /// Die that asks.
    pub die: usize,
    /// Expert.
    pub expert: usize,
    /// Tokens that the die computes with it; 0 for a replica.
    pub tokens: f64,
    /// When its first byte moves.
    pub start: f64,
    /// When its last byte has moved.
    pub end: f64,
}

/// The tokens of one expert on one die.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Computed {
    /// Die.
    pub die: usize,
    /// Expert.
    pub expert: usize,
    /// When the first token is begun, seconds.
    pub start: f64,
    /// When the last one is done.
    pub end: f64,
}
