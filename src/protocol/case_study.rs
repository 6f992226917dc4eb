//! The paper's second case study (section VI, Figures 16 and 17): placements made on prompts, on eight GPUs, by a cost model alone.
//! Apart from the lab, whose times are simulated: here a step of a layer takes as long as its busiest GPU's costs.

use serde::{Deserialize, Serialize};

use super::Part;
use crate::analysis::{Half, frequency};
use crate::experiment::Experiment;
use crate::model::{Placed, Replicas, Scope, Topology, system_named};
use crate::place::{Loads, Params, cost, placement_named};
use crate::sim::{Shape, Workload};

/// Batches of Figure 17.
pub const CASE_BATCHES: [usize; 5] = [64, 256, 1024, 4096, 16384];
/// Decode steps.
const STEPS: usize = 16;
/// GPUs.
const DEVICES: usize = 8;

/// A placement of the case study: its name there, the row of the table, its spare slots, groups and nodes, and whether it knows the
/// decode counts of the batch instead of the prompts'.
struct Case {
    name: &'static str,
    placement: &'static str,
    spare: usize,
    groups: usize,
    nodes: usize,
    knows: bool,
}

const fn case(name: &'static str, placement: &'static str, spare: usize) -> Case {
    Case { name, placement, spare, groups: 1, nodes: 1, knows: false }
}

const CASES: [Case; 9] = [
    case("default", "contiguous", 0),
    case("remap", "remap", 0),
    case("dup", "dup", 1),
    case("eplb_R0", "eplb", 0),
    case("eplb_R1", "eplb", 1),
    case("eplb_R4", "eplb", 4),
    Case { groups: 8, nodes: 2, ..case("eplb_h", "eplb-nodes", 1) },
    Case { knows: true, ..case("best", "remap", 0) },
    Case { knows: true, ..case("worst", "worst", 0) },
];

/// A placement at a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseRow {
    /// Requests in the batch.
    pub batch: usize,
    /// Name: default, remap, dup, eplb_R0, eplb_R1, eplb_R4, eplb_h, best or worst.
    pub placement: String,
    /// Spare slots of each GPU.
    pub spare: usize,
    /// Time of the default over its own: the speedup.
    pub ratio: f64,
    /// Seconds of each layer, all steps.
    pub layer_seconds: Vec<f64>,
    /// Figure 16: seconds that each GPU is busy, `[layer][GPU]`, all steps.
    pub device_seconds: Vec<Vec<f64>>,
}

/// The case study on some requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseStudy {
    /// Digest of the requests.
    pub digest: String,
    /// They are synthetic.
    pub synthetic: bool,
    /// Model whose expert size is used.
    pub model: String,
    /// Layers, by id.
    pub layers: Vec<u32>,
    /// One for each batch and placement.
    pub rows: Vec<CaseRow>,
    /// What of the experiment was not used, and what was lost of the requests.
    pub warnings: Vec<String>,
}

impl CaseStudy {
    /// Mean ratio of a placement over the batches.
    #[must_use]
    pub fn mean(&self, placement: &str) -> Option<f64> {
        let all: Vec<f64> = self.rows.iter().filter(|r| r.placement == placement).map(|r| r.ratio).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }

    /// Figure 16: the busiest GPU's time over the idlest one's in the default placement, mean over layers, at a batch.
    #[must_use]
    pub fn default_spread(&self, batch: usize) -> Option<f64> {
        let row = self.rows.iter().find(|r| r.batch == batch && r.placement == "default")?;
        let spread = |gpus: &Vec<f64>| {
            let (least, most) = gpus.iter().fold((f64::INFINITY, 0.0f64), |(a, b), &x| (a.min(x), b.max(x)));
            (least > 0.0).then(|| most / least)
        };
        let all: Vec<f64> = row.device_seconds.iter().filter_map(spread).collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }
}

/// The rows of one batch. `experiment` gives the size of an expert and the MFU; its other settings are the case study's.
///
/// # Errors
/// There are no decode tokens, or no prompts.
pub fn case_rows(part: &Part, experiment: &Experiment, batch: usize) -> Result<Vec<CaseRow>, String> {
    let summary = &part.summary;
    let layers = summary.layer_ids();
    let experts = summary.experts;
    let shape = Shape { layers: &layers, all_layers: layers.len(), experts };
    let filled = Workload::fill(&part.requests, summary.stream_phase(), shape, batch, STEPS, Vec::new());
    if filled.sources == 0 {
        return Err("the case study fills its batches from decode steps, and there are none".into());
    }
    let prompts: Vec<Vec<u64>> =
        layers.iter().map(|id| frequency(&summary.layers[id], Scope::Prefill, Half::Both, experts)).collect();
    if prompts.iter().flatten().all(|&n| n == 0) {
        return Err("the case study places experts by prompts, and there are none".into());
    }
    let coming: Vec<Vec<u64>> = (0..layers.len()).map(|layer| filled.sums(layer)).collect();
    let device = system_named("h100x8").map(|s| s.hardware.device());
    let mut rows: Vec<CaseRow> = Vec::new();
    for case in &CASES {
        let placement = placement_named(case.placement).ok_or_else(|| format!("no placement {}", case.placement))?;
        let mut topology = Topology::plain(DEVICES, case.nodes);
        topology.device = device.unwrap_or(topology.device);
        let params = Params {
            spare: case.spare,
            groups: case.groups,
            mfu: experiment.run.mfu,
            ..Params::of(experiment.expert())
        };
        let known = if case.knows { &coming } else { &prompts };
        let loads = Loads { experts, layers: known.clone(), ..Loads::default() };
        let placed = placement.once(&loads, &topology, &params);
        let device_seconds = busy(&filled, &placed, &topology, &params);
        // A step of a layer ends with its busiest GPU.
        let layer_seconds: Vec<f64> = device_seconds.iter().map(|l| l.seconds).collect();
        let total: f64 = layer_seconds.iter().sum();
        let default = rows.first().map_or(total, |r| r.layer_seconds.iter().sum());
        rows.push(CaseRow {
            batch,
            placement: case.name.into(),
            spare: case.spare,
            ratio: default / total,
            layer_seconds,
            device_seconds: device_seconds.into_iter().map(|l| l.devices).collect(),
        });
    }
    Ok(rows)
}

/// What a layer comes to, in all steps.
struct Busy {
    /// Of the busiest GPU of each step.
    seconds: f64,
    /// Of each GPU.
    devices: Vec<f64>,
}

fn busy(batch: &Workload, placed: &Replicas, topology: &Topology, params: &Params<'_>) -> Vec<Busy> {
    let of_layer = |(layer, placed): (usize, &Placed)| {
        let copies = placed.copies();
        // Experts of each GPU with the share of their tokens: two copies on one are one load, and its weights are read once.
        let shares: Vec<Vec<(usize, f64)>> = placed
            .slots()
            .iter()
            .map(|slots| {
                let mut sorted = slots.clone();
                sorted.sort_unstable();
                let runs = sorted.chunk_by(|a, b| a == b);
                runs.map(|run| (run[0], run.len() as f64 / copies[run[0]] as f64)).collect()
            })
            .collect();
        let mut out = Busy { seconds: 0.0, devices: vec![0.0; shares.len()] };
        for step in 0..batch.steps {
            let counts = batch.of(step, layer);
            let mut most = 0.0f64;
            for (sum, shares) in out.devices.iter_mut().zip(&shares) {
                let tokens =
                    |&(expert, share): &(usize, f64)| cost(f64::from(counts[expert]) * share, topology, params);
                let seconds: f64 = shares.iter().map(tokens).sum();
                *sum += seconds;
                most = most.max(seconds);
            }
            out.seconds += most;
        }
        out
    };
    placed.layers.iter().enumerate().map(of_layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Device, ExpertSize};

    /// A token takes a second, and reading an expert two.
    #[test]
    fn a_step_takes_as_long_as_its_busiest_device() {
        let mut topology = Topology::plain(2, 1);
        topology.device = Device { hbm: 3.0, fp16: 6.0, dram: 1.0 };
        let params = Params { mfu: 1.0, ..Params::of(ExpertSize { hidden: 1, intermediate: 1 }) };
        let batch =
            Workload { layers: vec![0], experts: 3, steps: 2, counts: vec![5, 1, 0, 0, 9, 1], ..Workload::default() };
        let placed = |slots: Vec<Vec<usize>>| Replicas { layers: vec![Placed::new(slots, 3)] };
        // Step 0: 5 + 2 on the first, nothing on the second. Step 1: 9 and 2.
        let apart = busy(&batch, &placed(vec![vec![0, 1], vec![2]]), &topology, &params);
        assert_eq!((apart[0].seconds, &apart[0].devices), (16.0, &vec![16.0, 2.0]));
        // Expert 1 on both: half a token is two seconds of reading; 4.5 tokens are 4.5.
        let both = busy(&batch, &placed(vec![vec![0, 1], vec![2, 1]]), &topology, &params);
        assert_eq!((both[0].seconds, &both[0].devices), (7.0 + 6.5, &vec![11.5, 8.5]));
        // Twice on one device: one load.
        let twice = busy(&batch, &placed(vec![vec![0, 1, 1], vec![2, 2, 2]]), &topology, &params);
        assert_eq!(twice[0].seconds, apart[0].seconds);
    }
}
