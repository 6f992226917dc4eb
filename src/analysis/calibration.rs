//! How near a synthetic workload comes to the published statistics of the model that it stands for. Apart from the
//! observations: those explain a trace to its reader, these judge the generator.

use serde::{Deserialize, Serialize};

use super::Report;
use super::observations::mean;
use crate::model::ModelPreset;
use crate::units::amount;

/// A published statistic and what the workload shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRow {
    /// What is measured: a mean over layers unless it says otherwise.
    pub name: String,
    /// Least and largest value that agree with the paper; equal where it prints one number.
    pub paper: (f64, f64),
    /// The workload's.
    pub ours: Option<f64>,
    /// How far outside `paper` it may be.
    pub tolerance: f64,
    /// Times over a mean, rather than a share.
    pub times: bool,
}

impl CalibrationRow {
    /// Distance to the nearest value that agrees with the paper; 0 if `ours` does.
    #[must_use]
    pub fn residual(&self) -> Option<f64> {
        let (low, high) = self.paper;
        self.ours.map(|v| if v < low { v - low } else { (v - high).max(0.0) })
    }

    /// Paper, ours, residual and tolerance, as people read them.
    #[must_use]
    pub fn words(&self) -> [String; 4] {
        let value = |v| amount(v, self.times);
        let known = |v: Option<f64>| v.map_or_else(|| "–".into(), value);
        let (low, high) = self.paper;
        let paper = if low < high { format!("{} to {}", value(low), value(high)) } else { value(low) };
        [paper, known(self.ours), known(self.residual()), value(self.tolerance)]
    }

    /// Whether it is near enough.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.residual().is_some_and(|r| r.abs() <= self.tolerance)
    }
}

/// The published statistics of `model` (section III of the paper), measured in a report of its synthetic workload.
#[must_use]
pub fn calibration(report: &Report, model: &ModelPreset) -> Vec<CalibrationRow> {
    let mut out = Vec::new();
    let mut add = |name: &str, paper: (f64, f64), tolerance: f64, ours: Option<f64>, times: bool| {
        out.push(CalibrationRow { name: name.into(), paper, ours, tolerance, times });
    };
    let similar = &report.similarity;
    let joined = &report.cross_token["joined"];
    if let Some(paper) = model.paper_cross_layer {
        let ours = mean(&report.cross_layer["all"].coverage_top);
        add("Next layer: coverage of the top 20% of experts", (paper, paper), 0.03, ours, false);
    }
    if let Some(paper) = model.paper_cross_token {
        let ours = mean(&joined.coverage_top);
        add("Next token: coverage of the top 20% of experts", (paper, paper), 0.03, ours, false);
    }
    if let Some(pairs) = &report.coactivation {
        add("Co-activations in the top 10% of pairs", (0.6, 0.8), 0.0, mean(&pairs.top10_share), false);
        add("Strongest pair over the average pair", (20.0, 40.0), 0.0, mean(&pairs.max_ratio), true);
    }
    let mut skews: Vec<f64> = report.frequency["all"].skew.iter().flatten().copied().collect();
    skews.sort_by(f64::total_cmp);
    if model.top_k == 1 {
        // The paper has "over 16" for layer 7 of Llama 4, the middle one of a recorded trace's layers: 20.7 there, median 20.2.
        let middle = skews.get(skews.len() / 2).copied();
        add("Skew, median over layers (layer 7 is the middle one)", (16.0, 20.7), 1.0, middle, true);
    } else {
        // "Up to 16" over all models: with 128 experts and top-8 that would be an expert in every token.
        add("Skew, largest over all layers", (8.0, 16.0), 4.0, skews.last().copied(), true);
    }
    add("Rank correlation of prefill and decode frequencies", (0.7, 1.0), 0.1, mean(&similar.rho_frequency), false);
    for (m, paper) in [("5", 0.6), ("10", 0.75), ("20", 0.9)] {
        let ours = similar.decode_top5_in_prefill_top.get(m).and_then(|v| mean(v));
        add(&format!("Decode top-5 within the prefill top-{m}"), (paper, paper), 0.1, ours, false);
    }
    // "Weak in the lowest layers" without a number: at most three quarters as strong as in the highest.
    if let Some(again) = &joined.diagonal_weighted {
        let quarter = again.len() / 4;
        let ends = (mean(&again[..quarter]), mean(&again[again.len() - quarter..]));
        let ratio = ends.0.zip(ends.1).map(|(low, high)| low / high);
        add("Diagonal of the first quarter of layers over that of the last", (0.0, 0.75), 0.0, ratio, false);
    }
    if let Some(sets) = &report.datasets {
        let shared: Vec<_> = sets.top5_shared.iter().map(|layer| Some(layer[0][1])).collect();
        add("Top-5 experts that two languages share", (2.0 / 6.0, 2.0 / 5.0), 0.1, mean(&shared), false);
    }
    out
}
