//! What the reader says of a recording that does not say it itself: settings like all others, so that a link asks nothing again. Apart
//! from the settings, because whoever reads a recording takes all of them at once.

use super::{Experiment, WorkloadSettings};
use crate::format::Told;

/// The settings by which a recording is read.
pub const ANSWERS: [&str; 7] = ["top-k", "experts", "recorded-layers", "dense", "keep-shared", "ids", "unmarked"];

impl Experiment {
    /// What it tells of the recording.
    #[must_use]
    pub fn told(&self) -> Told {
        let of = &self.workload;
        let some = |n: usize| (n > 0).then_some(n);
        Told {
            top_k: some(of.top_k),
            layers: some(of.recorded_layers),
            dense: of.dense,
            experts: some(of.experts),
            keep_shared: of.keep_shared,
            ids: of.ids,
            unmarked: of.unmarked,
            hidden: of.hidden,
            intermediate: of.intermediate,
        }
    }

    /// Makes it tell this of the recording, and nothing else; sizes of an expert stay as they are.
    pub fn tell(&mut self, told: &Told) {
        let Told { top_k, layers, dense, experts, keep_shared, ids, unmarked, .. } = *told;
        let [top_k, recorded_layers, experts] = [top_k, layers, experts].map(|n| n.unwrap_or(0));
        let of = &mut self.workload;
        *of = WorkloadSettings {
            top_k,
            recorded_layers,
            dense,
            experts,
            keep_shared,
            ids,
            unmarked,
            ..std::mem::take(of)
        };
    }

    /// Takes the sizes of an expert that lay beside the recording, unless it names a model or a size itself.
    pub fn take_sizes(&mut self, sizes: Option<(usize, usize)>) {
        let of = &mut self.workload;
        if let Some(sizes) = sizes.filter(|_| of.model.is_empty() && of.hidden == 0 && of.intermediate == 0) {
            (of.hidden, of.intermediate) = sizes;
        }
    }
}
