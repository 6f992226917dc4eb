//! A synthetic workload of the simulated layers only: a run need not wait for the counts of all layers. Apart, because a
//! single run and Figure 12 both start from it.

use super::dataset::digest;
use super::learn::asked;
use super::{Dataset, Provenance, workload};
use crate::experiment::Experiment;
use crate::model::{ModelPreset, Request};
use crate::sim::Workload;
use crate::synth::Generator;

/// Requests in the making.
pub(super) struct Thinned {
    generator: Option<Generator>,
    model: &'static ModelPreset,
    layers: usize,
    /// Digest of the requests with all of their layers.
    digest: u64,
    dataset: Dataset,
    /// A placement reads pairs of experts: all is counted.
    pairs: bool,
}

impl Thinned {
    pub(super) fn new(model: &'static ModelPreset, experiment: &Experiment) -> Self {
        let generator = Some(Generator::new(model, experiment.workload.seed));
        // Which layers are collapsed, and so which are simulated, only all of them tell.
        let layers = if experiment.workload.skip_collapsed { 0 } else { experiment.workload.layers };
        let pairs = asked(experiment).iter().any(|table| ["together", "next"].contains(table));
        Self { generator, model, layers, digest: 0, dataset: Dataset::default(), pairs }
    }

    /// Requests of the whole workload.
    pub(super) fn total(&self) -> u64 {
        self.generator.as_ref().map_or(0, |g| g.total() as u64)
    }

    /// Makes the next request; false once all are made and counted.
    pub(super) fn step(&mut self) -> bool {
        let Some(generator) = &mut self.generator else { return false };
        if let Some(request) = generator.request() {
            self.digest = self.digest.wrapping_add(digest(&request));
            let thin = self.thin(request);
            self.dataset.add(vec![thin], "");
        } else {
            if self.pairs {
                self.dataset.count();
            } else {
                self.dataset.count_for_batches();
            }
            self.generator = None;
        }
        true
    }

    /// The batch of an experiment, as the whole workload gives it: the layers that were not made count for the room on the dies.
    pub(super) fn fill(&self, experiment: &Experiment) -> Result<Workload, String> {
        let part = self.dataset.part().ok_or("nothing was made")?;
        workload(part, experiment).map(|w| Workload { all_layers: self.model.moe_layers, ..w })
    }

    /// Where such a batch is from.
    pub(super) fn provenance(&self, workload: &Workload) -> Provenance {
        let known = self
            .dataset
            .part()
            .map_or_else(Provenance::default, |part| Provenance::new(part, true, workload, Vec::new()));
        Provenance {
            digest: format!("{:016x}", self.digest),
            synthetic: true,
            model: Some(self.model.name.into()),
            ..known
        }
    }

    fn thin(&self, request: Request) -> Request {
        let chosen = crate::sim::evenly_spaced(&request.layers, self.layers);
        let both = request.layers.into_iter().zip(request.columns).filter(|(id, _)| chosen.contains(id));
        let (layers, columns) = both.unzip();
        Request { layers, columns, ..request }
    }
}
