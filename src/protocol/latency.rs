//! Figures 2 and 13 of the paper: where the latency of a layer goes, and what the simulator says of one GPU beside the roofline that it
//! should follow. Apart from Figure 12, which compares strategies on the paper's wafers: these need other systems and settings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::StrategyRun;
use crate::experiment::Experiment;
use crate::model::Replicas;
use crate::sim::{Breakdown, Fetch, Network, Simulation, Strategy, Workload, transfer};

/// One bar of Figure 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// System.
    pub system: String,
    /// Requests in the batch.
    pub batch: usize,
    /// Strategy.
    pub strategy: String,
    /// Sum of the layer times, seconds.
    pub seconds: f64,
    /// Where it goes.
    pub breakdown: Breakdown,
    /// Share of moving activations and weights.
    pub movement: f64,
}

/// The share of DeepSeek V3's latency that moving data takes, least and largest, as the paper says.
pub const PUBLISHED_MOVEMENT: (f64, f64) = (0.6, 0.9);

/// Systems of our form of Figure 2: the paper does not name its own. The model fits on each.
const SYSTEMS_OF_2: [&str; 3] = ["h100x16", "gb200-nvl72", "dojo"];

/// Batches of it.
const BATCHES_OF_2: [usize; 4] = [64, 512, 4096, 16384];

/// The experiments of Figure 2 with the settings of another: DeepSeek V3 with 4096 tokens in each cache, expert parallelism and the system
/// as one big GPU, all parts counted one after another.
///
/// # Errors
/// None of its settings can be set.
pub fn figure_2(experiment: &Experiment) -> Result<Vec<Experiment>, String> {
    let mut of = experiment.run_key();
    for (name, value) in [
        ("model", "deepseek-v3"),
        ("activations", "serial"),
        ("rest", "counted"),
        ("context", "4096"),
        ("strategies", "base,ep"),
        ("baseline", "base"),
    ] {
        of = of.with(name, value)?;
    }
    let mut all = Vec::new();
    for system in SYSTEMS_OF_2 {
        for batch in BATCHES_OF_2 {
            all.push(of.with("wafer", system)?.with("batch", &batch.to_string())?);
        }
    }
    Ok(all)
}

impl LatencyRow {
    /// Of a run.
    #[must_use]
    pub fn of(run: &StrategyRun) -> Self {
        let Breakdown { dispatch, weights, combine, .. } = run.breakdown;
        Self {
            system: run.wafer.clone(),
            batch: run.batch,
            strategy: run.strategy.clone(),
            seconds: run.seconds,
            breakdown: run.breakdown,
            movement: (dispatch + weights + combine) / run.seconds,
        }
    }
}

/// Figure 13: what the simulator says beside the roofline. Nothing of it was measured on a GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// The experiment: system and model.
    pub experiment: String,
    /// A transfer between two devices, by bytes.
    pub transfers: Vec<Point>,
    /// The three GEMMs of one expert, by tokens.
    pub gemms: Vec<Point>,
    /// How near to an H100 the paper says that its simulator is.
    pub published_within: f64,
}

/// A point of a roofline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Bytes, or tokens.
    pub size: u64,
    /// What the simulator says, seconds.
    pub seconds: f64,
    /// The larger of what the bytes take and what the FLOP take; for a transfer, of the latency and what the bytes take. Seconds.
    pub roofline: f64,
    /// The first over the second, less one.
    pub difference: f64,
}

impl Point {
    fn new(size: u64, seconds: f64, roofline: f64) -> Self {
        Self { size, seconds, roofline, difference: seconds / roofline - 1.0 }
    }
}

/// Figure 13 on the system and the model of an experiment.
///
/// # Errors
/// The system has no two devices that work.
pub fn figure_13(experiment: &Experiment) -> Result<Roofline, String> {
    let experiment = experiment.run_key();
    let topology = Arc::new(experiment.topology());
    topology.works()?;
    let [first, second, ..] = topology.live[..] else { return Err("a transfer needs two devices that work".into()) };
    let network = Network::new(&topology);
    let slowest = network.path(first, second).iter().map(|&r| network.capacity[usize::from(r)]);
    let (rate, latency) = (slowest.fold(f64::INFINITY, f64::min), network.latency(first, second));
    let moved = |exponent: u32| {
        let size = 4096u64 << (2 * exponent);
        let fetch = Fetch { source: first, die: second, bytes: size as f64 };
        let end = transfer(&network, &[fetch], experiment.run.flight).end[0];
        Point::new(size, end + latency, f64::max(latency, size as f64 / rate))
    };
    let computed = |exponent: u32| {
        let size = 1u32 << exponent;
        let workload = Workload {
            layers: vec![0],
            all_layers: 1,
            experts: 1,
            batch: size as usize,
            steps: 1,
            counts: vec![size],
            heat: vec![vec![0]],
            ..Workload::default()
        };
        let replicas = Replicas::alike(1, vec![first], topology.devices);
        let config = experiment.config_of(&workload, &topology, replicas);
        let roofline = f64::max(config.read_seconds(), f64::from(size) * config.token_seconds);
        let mut simulation = Simulation::new(Arc::new(workload), Arc::new(config), Strategy::EP);
        while simulation.step() {}
        Point::new(size.into(), simulation.finish().seconds, roofline)
    };
    Ok(Roofline {
        experiment: experiment.to_string(),
        transfers: (0..=10).map(moved).collect(),
        gemms: (0..=15).map(computed).collect(),
        published_within: 0.05,
    })
}
