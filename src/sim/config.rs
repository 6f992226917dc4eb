//! All settings of a run. Apart from the engine: the experiment string, the page and the tests write these.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Workload;
use crate::model::{ExpertSize, Hardware, Replicas, Rest, Topology, Turns};

/// The order in which `base` enumerates dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DieOrder {
    /// By die id (inferred default).
    #[default]
    Row,
    /// Column-major.
    Column,
}

/// Whether activations take time: tokens travel from where their requests live to their experts, and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activations {
    /// They take none (the paper).
    #[default]
    Free,
    /// Experts are read and computed between the way there and the way back.
    Serial,
    /// Both ways are hidden behind the experts, as far as these take longer.
    Overlapped,
}

impl Activations {
    /// Every value with its name.
    pub const EACH: [(&'static str, Activations); 3] =
        [("free", Activations::Free), ("serial", Activations::Serial), ("overlapped", Activations::Overlapped)];
}

/// The order in which a device fetches its experts (inferred).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchOrder {
    /// By id.
    #[default]
    Id,
    /// By the expert's tokens in the layer, most first.
    Hottest,
    /// By the tokens that this device computes with it, most first.
    LargestFirst,
}

impl FetchOrder {
    /// Every value with its name.
    pub const EACH: [(&'static str, FetchOrder); 3] =
        [("id", FetchOrder::Id), ("hottest", FetchOrder::Hottest), ("largest-first", FetchOrder::LargestFirst)];
}

/// What the activations of a run cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moves {
    /// Whether they take time.
    pub mode: Activations,
    /// Bytes of a token on its way to an expert, and back.
    pub bytes: [f64; 2],
}

/// How a run is simulated, whatever the system and the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Die enumeration of `base`.
    pub order: DieOrder,
    /// Flows that a die keeps in flight.
    pub flight: usize,
    /// Bytes of a weight.
    pub weight: f64,
    /// Experts predicted from a row of the heat map, percent of E.
    pub predict: usize,
    /// Tokens of a block in Algorithm 1.
    pub block: u64,
    /// Factor of the split threshold tau.
    pub tau: f64,
    /// Whether DRAM limits the replicas that prediction makes.
    pub limited: bool,
    /// Whether activations take time.
    pub activations: Activations,
    /// Bytes of a number of an activation on its way to an expert, and back.
    pub activation_bytes: [f64; 2],
    /// Order of a device's fetches.
    pub fetch: FetchOrder,
    /// What is computed beside the experts, if it counts.
    pub rest: Option<Beside>,
}

/// What is computed beside the experts: it takes time, and its cache takes DRAM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beside {
    /// What the model has.
    pub rest: &'static Rest,
    /// Tokens of a request in its cache.
    pub context: usize,
}

impl Beside {
    /// Bytes of the caches on a device of so many, in a batch and a model of so many layers with experts.
    #[must_use]
    pub fn cached(&self, batch: usize, devices: usize, all_layers: usize) -> f64 {
        self.rest.cached(batch.div_ceil(devices.max(1)) as f64, self.context as f64, all_layers)
    }
}

/// What a run computes with.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The system.
    pub topology: Arc<Topology>,
    /// The working devices, in the order in which `base` counts them.
    pub order: Vec<usize>,
    /// Where the experts lie.
    pub replicas: Turns,
    /// Bytes of one expert (W).
    pub expert_bytes: f64,
    /// Compute time of one token in one expert, seconds (tt).
    pub token_seconds: f64,
    /// Latency of writing a replica, seconds.
    pub write: f64,
    /// What Algorithm 1 adds to a remote fetch, seconds.
    pub penalty: f64,
    /// Flows that a die keeps in flight.
    pub in_flight: usize,
    /// Tokens of a block in Algorithm 1.
    pub block: u64,
    /// Split threshold of Algorithm 1, tokens (tau).
    pub split: f64,
    /// Experts that the predictor takes from each row of the heat map (n).
    pub predicted: usize,
    /// Replicas that each die has room for in the simulated layers.
    pub slots: Vec<u64>,
    /// What activations cost.
    pub moves: Moves,
    /// Order of a device's fetches.
    pub fetch: FetchOrder,
    /// Attention, shared experts and dense layers, seconds for each layer and step.
    pub rest_seconds: f64,
}

impl Config {
    /// What a run of a workload computes with on a system that was built from this hardware, with experts of this size that lie
    /// where `replicas` says.
    #[must_use]
    pub fn new(
        topology: &Arc<Topology>,
        hardware: &Hardware,
        expert: ExpertSize,
        tuning: &Tuning,
        replicas: impl Into<Turns>,
        workload: &Workload,
    ) -> Self {
        let replicas = replicas.into();
        let expert_bytes = expert.bytes(tuning.weight);
        // Two multiply-adds a weight of the three GEMMs. With 1-byte weights the dies compute at twice their FP16 rate.
        let rate = topology.device.fp16 * if tuning.weight <= 1.0 { 2.0 } else { 1.0 };
        let token_seconds = expert.flop() / rate;
        let mesh = hardware.mesh;
        let at = |p: usize| match tuning.order {
            DieOrder::Row => p,
            DieOrder::Column => (p % mesh.y) * mesh.x + p / mesh.y,
        };
        let (batch, live) = (workload.batch, topology.live.len());
        let cached = tuning.rest.map_or(0.0, |beside| beside.cached(batch, live, workload.all_layers));
        let rest_seconds = tuning.rest.map_or(0.0, |Beside { rest, context }| {
            let (requests, weights) = (batch.div_ceil(live.max(1)) as f64, expert.bytes(1.0));
            rest.seconds(requests, context as f64, tuning.weight, weights, (topology.device.hbm, rate))
        });
        // Where experts change places, what predictions copy must have room in every turn.
        let room = replicas
            .each()
            .iter()
            .map(|each| room(topology, expert_bytes, each, workload.all_layers, cached))
            .reduce(|least, more| least.iter().zip(more).map(|(a, b)| a.min(b)).collect())
            .unwrap_or_default();
        let slots = |(die, room): (usize, f64)| match (topology.live.contains(&die), tuning.limited) {
            (false, _) => 0,
            (true, true) => slots(room / expert_bytes, workload.layers.len(), workload.all_layers),
            (true, false) => u64::MAX,
        };
        Self {
            order: (0..topology.devices).map(at).filter(|d| topology.live.contains(d)).collect(),
            expert_bytes,
            token_seconds,
            write: hardware.write,
            penalty: hardware.remote_penalty,
            in_flight: tuning.flight,
            block: tuning.block,
            split: tuning.tau * (expert_bytes / topology.link) / token_seconds,
            predicted: workload.experts * tuning.predict / 100,
            slots: room.into_iter().enumerate().map(slots).collect(),
            moves: Moves { mode: tuning.activations, bytes: tuning.activation_bytes.map(|b| b * expert.hidden as f64) },
            fetch: tuning.fetch,
            rest_seconds,
            replicas,
            topology: Arc::clone(topology),
        }
    }

    /// The die that stores each expert of a layer, in the first turn; the first die, if it lies on several.
    #[must_use]
    pub fn home(&self, layer: usize) -> &[usize] {
        self.replicas.placed(0, layer).home()
    }

    /// Time to read one expert from HBM (Th), seconds.
    #[must_use]
    pub fn read_seconds(&self) -> f64 {
        self.expert_bytes / self.topology.device.hbm
    }

    /// Time to move one expert over one link (Td), seconds.
    #[must_use]
    pub fn link_seconds(&self) -> f64 {
        self.expert_bytes / self.topology.link
    }
}

/// How many devices cannot hold the experts that live there beside so many bytes of cache, in a model of so many layers.
#[must_use]
pub fn overfull(topology: &Topology, expert_bytes: f64, replicas: &Replicas, all_layers: usize, cached: f64) -> usize {
    room(topology, expert_bytes, replicas, all_layers, cached).into_iter().filter(|&room| room < 0.0).count()
}

/// Bytes of usable DRAM that experts and cache of each device leave; negative if they do not fit.
fn room(topology: &Topology, expert_bytes: f64, replicas: &Replicas, all_layers: usize, cached: f64) -> Vec<f64> {
    let of = |stored: f64| topology.device.dram - cached - expert_bytes * (stored * all_layers as f64);
    replicas.stored(topology.devices).into_iter().map(of).collect()
}

/// Room for replicas in the simulated layers, of a room for so many experts that all layers share evenly.
fn slots(room: f64, simulated: usize, all_layers: usize) -> u64 {
    crate::units::floor_u64(room.max(0.0)).saturating_mul(simulated as u64) / all_layers.max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duplex, Faults, SYSTEMS};

    #[test]
    fn devices_that_cannot_hold_their_experts_are_counted() {
        let wafer = (SYSTEMS[0].build)(&SYSTEMS[0].hardware, &Faults::default(), Duplex::Shared);
        let replicas = Replicas::alike(1, vec![0, 0, 1], wafer.devices);
        // Two experts on one device and one on another, in one layer and in four; just full is not overfull.
        let of = |share: f64, layers| overfull(&wafer, wafer.device.dram * share, &replicas, layers, 0.0);
        assert_eq!([0.5, 0.51, 1.0, 1.01].map(|share| of(share, 1)), [0, 1, 1, 2]);
        assert_eq!([0.125, 0.13, 0.25, 0.26].map(|share| of(share, 4)), [0, 1, 1, 2]);
        // A cache takes the same of each: half of the room that a device with one expert leaves.
        let cached = |share: f64| overfull(&wafer, wafer.device.dram * 0.5, &replicas, 1, wafer.device.dram * share);
        assert_eq!([0.0, 0.1, 0.5, 0.6, 1.1].map(cached), [0, 1, 1, 2, wafer.devices]);
    }
}
