//! What the lab found, as the command line writes it and the page shows it. Apart from the lab, which only computes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BySubject, LeftOut};
use crate::analysis::Rebalance;
use crate::model::model_named;
use crate::place::files::Deployment;
use crate::sim::{Bound as Limit, Breakdown};

/// The lab's report: `moescope place --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlaceReport {
    /// The experiment, in normal form and without settings of the view.
    pub experiment: String,
    /// Digest of the requests.
    pub digest: String,
    /// The requests are synthetic, not recorded.
    pub synthetic: bool,
    /// Model that the requests are of.
    pub of_model: Option<String>,
    /// Layers that are placed, by id.
    pub layers: Vec<u32>,
    /// MoE layers of the trace.
    pub all_layers: usize,
    /// Experts of a layer (E).
    pub experts: usize,
    /// Devices that work (G).
    pub devices: usize,
    /// Physical slots of a layer with all spare ones (E + R·G).
    pub slots: usize,
    /// Placements were learnt from the even requests, and scored on the odd ones.
    pub held_out: bool,
    /// There are no decode steps: every score is of one step, which is the counts scaled to the batch.
    pub from_counts: bool,
    /// Tokens of each expert that was learnt from, `[layer][expert]`.
    pub loads: Vec<Vec<u64>>,
    /// One for each strategy.
    pub strategies: Vec<PlacedStrategy>,
    /// Strategies that were asked for and mean nothing on this batch.
    pub left_out: Vec<LeftOut>,
    /// How long each placement holds that is made on the prompts, by name; of the requests that are scored.
    pub rebalance: BTreeMap<String, Rebalance>,
    /// What stands beside them: the placement that knew the counts to come (`best`: a heuristic, which others can beat), and the worst one.
    pub bounds: Vec<Bound>,
    /// What was wrong in the input, and what must be known to read the scores.
    pub warnings: Vec<String>,
}

/// One strategy with its placement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlacedStrategy {
    /// Name.
    pub strategy: String,
    /// Name of its placement.
    pub placement: String,
    /// Name of its dispatch.
    pub dispatch: String,
    /// The logical expert of each physical slot, `[layer][slot]`, device after device; of the subject that is served first, if each has
    /// its own (`by_subject` has all).
    pub physical_to_logical: Vec<Vec<usize>>,
    /// Slots of each device, `[layer][device]`: all the same where the experts can be shared out evenly.
    pub slots_by_device: Vec<Vec<usize>>,
    /// Largest over mean load: of `heldout`, else of `learnt`, as the four that follow.
    pub max_over_mean: f64,
    /// What bounds that: 1 (the mean), `best` and `worst`, on the same requests.
    pub bounds: [f64; 3],
    /// The same of activated experts.
    pub activated_max_over_mean: f64,
    /// Bytes of experts that are fetched, times hops.
    pub link_bytes: f64,
    /// Simulated seconds.
    pub seconds: f64,
    /// Seconds of the baseline over these.
    pub speedup: f64,
    /// Where that time goes.
    pub breakdown: Breakdown,
    /// What limits most of that time.
    pub bound: Limit,
    /// Copies that do not lie where blocks by id would have them, over all layers.
    pub moved: u64,
    /// Their bytes.
    pub moved_bytes: f64,
    /// Devices that hold an expert twice, over all layers: its tokens are one load there.
    pub twice: u64,
    /// The scores on what it was learnt from.
    pub learnt: Scores,
    /// The scores on what it was not learnt from, if held out.
    pub heldout: Option<Scores>,
    /// By layer, on the same requests.
    pub by_layer: Vec<LayerScores>,
    /// What it is worth beside one placement for all, if it has one for each subject.
    pub by_subject: Option<BySubject>,
}

impl PlacedStrategy {
    /// The scores that count: on what was not learnt from, if anything was held out.
    #[must_use]
    pub fn scores(&self) -> &Scores {
        self.heldout.as_ref().unwrap_or(&self.learnt)
    }
}

/// Scores of a strategy: means over layers of means over steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Largest over mean load of the working devices, in tokens.
    pub max_over_mean: f64,
    /// The same in the other convention: (largest − mean) over mean.
    pub imbalance: f64,
    /// Largest over mean number of experts that a device has tokens for.
    pub activated_max_over_mean: f64,
    /// `max_over_mean` at percentiles over layers: 50, 90, 99, 100.
    pub max_over_mean_percentiles: [f64; 4],
    /// Bytes of experts that are fetched, times hops.
    pub link_bytes: f64,
    /// Simulated seconds of all layers and steps.
    pub seconds: f64,
    /// Seconds of the baseline over these.
    pub speedup: f64,
}

/// Scores of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerScores {
    /// Layer id.
    pub layer: u32,
    /// Largest over mean load, mean over steps.
    pub max_over_mean: f64,
    /// The same of activated experts.
    pub activated_max_over_mean: f64,
    /// Simulated seconds of all steps.
    pub seconds: f64,
    /// Tokens that each device computes, mean over steps.
    pub load_by_device: Vec<f64>,
    /// The same on what was learnt from.
    pub learnt_max_over_mean: f64,
    /// What bounds `max_over_mean` here: 1 (the mean), `best` and `worst`, on the same requests.
    pub bounds: [f64; 3],
}

/// A placement that bounds the others, dispatched to where its experts lie.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// `best`: Algorithm 2 on the very counts that are scored; `worst`: the hottest experts on the first device, and so on.
    pub name: String,
    /// Its scores.
    pub scores: Scores,
    /// Largest over mean load by layer.
    pub by_layer: Vec<f64>,
}

impl PlaceReport {
    /// A strategy by its name; the fastest, if none is named.
    ///
    /// # Errors
    /// There is no such strategy in the report.
    pub fn find(&self, strategy: Option<&str>) -> Result<&PlacedStrategy, String> {
        let named = self.strategies.iter().find(|s| Some(s.strategy.as_str()) == strategy);
        let fastest = || self.strategies.iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let of = if strategy.is_some() { named } else { fastest() };
        of.ok_or_else(|| {
            let all: Vec<&str> = self.strategies.iter().map(|s| s.strategy.as_str()).collect();
            format!("no strategy {} was placed; there are {}", strategy.unwrap_or("at all"), all.join(", "))
        })
    }

    /// Writes to every score what bounds it.
    pub(super) fn bound_all(&mut self) {
        let (all, each) =
            (self.ratios(None), (0..self.layers.len()).map(|at| self.ratios(Some(at))).collect::<Vec<_>>());
        for of in &mut self.strategies {
            of.bounds = all;
            of.by_layer.iter_mut().zip(&each).for_each(|(layer, &bounds)| layer.bounds = bounds);
        }
    }

    /// The placement of one of its strategies as it is taken to a server.
    ///
    /// # Errors
    /// It has a placement for each subject.
    pub fn deployment(&self, of: &PlacedStrategy) -> Result<Deployment, String> {
        if let Some(by_subject) = &of.by_subject {
            return Err(format!(
                "it has a placement for each of {} subjects, and a server loads one: {} has one for all",
                by_subject.subjects.len(),
                by_subject.beside
            ));
        }
        Ok(Deployment {
            layers: self.layers.clone(),
            maps: of.physical_to_logical.clone(),
            devices: self.devices,
            experts: self.experts,
            loads: self.loads.clone(),
            model: self.of_model.as_deref().and_then(model_named),
            experiment: self.experiment.clone(),
        })
    }

    /// What is to be said of the fastest strategies: which one it is, or which tie and what makes them.
    #[must_use]
    pub fn fastest_words(&self) -> Option<String> {
        let least = self.strategies.iter().map(|s| s.seconds).fold(f64::INFINITY, f64::min);
        let tied: Vec<&PlacedStrategy> = self.strategies.iter().filter(|s| s.seconds <= least * (1.0 + 1e-9)).collect();
        let names = tied.iter().map(|s| s.strategy.as_str()).collect::<Vec<_>>().join(", ");
        let first = tied.first()?;
        if tied.len() == 1 {
            return Some(format!("{names} is the fastest."));
        }
        let why = match first.bound {
            Limit::Hbm => {
                "reading weights takes longer than computing, and in each of them the busiest device reads as many experts: how even \
                 the tokens lie decides nothing. A larger batch tells them apart"
            }
            Limit::Compute => "computing bounds them all, and they share it alike",
            Limit::Link => "the same links bound them all",
        };
        Some(format!("{} strategies tie: {names}. The reason: {why}.", tied.len()))
    }
}

/// Percentiles over layers.
pub const PERCENTILES: [usize; 4] = [50, 90, 99, 100];
