//! All settings of a run. Apart from the engine: the experiment string, the page and the tests write these.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Workload;
use crate::model::{ExpertSize, Hardware, Replicas, Topology};

/// The order in which `base` enumerates dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DieOrder {
    /// By die id (inferred default).
    #[default]
    Row,
    /// Column-major.
    Column,
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
}

/// What a run computes with.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The system.
    pub topology: Arc<Topology>,
    /// The working devices, in the order in which `base` counts them.
    pub order: Vec<usize>,
    /// Where the experts lie.
    pub replicas: Replicas,
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
        replicas: Replicas,
        workload: &Workload,
    ) -> Self {
        let expert_bytes = expert.bytes(tuning.weight);
        // Two multiply-adds a weight of the three GEMMs. With 1-byte weights the dies compute at twice their FP16 rate.
        let rate = topology.device.fp16 * if tuning.weight <= 1.0 { 2.0 } else { 1.0 };
        let token_seconds = expert.flop() / rate;
        let mesh = hardware.mesh;
        let at = |p: usize| match tuning.order {
            DieOrder::Row => p,
            DieOrder::Column => (p % mesh.y) * mesh.x + p / mesh.y,
        };
        let room = room(topology, expert_bytes, &replicas, workload.all_layers);
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
            replicas,
            topology: Arc::clone(topology),
        }
    }

    /// The die that stores each expert of a layer; the first, if it lies on several.
    #[must_use]
    pub fn home(&self, layer: usize) -> &[usize] {
        self.replicas.layers[layer].home()
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

/// How many devices cannot hold the experts that live there, in a model of so many layers.
#[must_use]
pub fn overfull(topology: &Topology, expert_bytes: f64, replicas: &Replicas, all_layers: usize) -> usize {
    room(topology, expert_bytes, replicas, all_layers).into_iter().filter(|&room| room < 0.0).count()
}

/// Bytes of usable DRAM that the experts of each device leave; negative if they do not fit.
fn room(topology: &Topology, expert_bytes: f64, replicas: &Replicas, all_layers: usize) -> Vec<f64> {
    let of = |stored: f64| topology.device.dram - expert_bytes * (stored * all_layers as f64);
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
        let of = |share: f64, layers| overfull(&wafer, wafer.device.dram * share, &replicas, layers);
        assert_eq!([0.5, 0.51, 1.0, 1.01].map(|share| of(share, 1)), [0, 1, 1, 2]);
        assert_eq!([0.125, 0.13, 0.25, 0.26].map(|share| of(share, 4)), [0, 1, 1, 2]);
    }
}
