//! The batch of a run: filled from requests, with where they are from and what follows from the batch alone. Apart from runs,
//! because many runs are on one batch: those of Figure 12, of a slider, the layers that are looked at.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::effort::{self, Size};
use super::learn::{candidates, learn, tokens};
use super::subjects::{self, Side};
use super::{Dataset, Part};
use crate::analysis::{Half, collapsed, heat};
use crate::experiment::Experiment;
use crate::model::Phase;
use crate::sim::{Digest, Predictors, Shape, Workload, evenly_spaced};

/// The batch of an experiment, filled from loaded requests: their decode tokens, or unmarked ones where there is no decode. Heat:
/// cross-token pairs of the joined scope; of all requests, or of the even ones if held out.
///
/// # Errors
/// If no request has such tokens, the wafer does not work, or a run would take more memory or work than is allowed.
#[inline(never)]
pub fn workload(part: &Part, experiment: &Experiment) -> Result<Workload, String> {
    experiment.topology().works()?;
    let summary = &part.summary;
    let all = summary.layer_ids();
    let layers = evenly_spaced(&candidates(summary, experiment)?, experiment.workload.layers);
    // Held out: what is predicted from and what is run on are different requests.
    let odd = experiment.workload.held_out;
    let half = if odd { Half::Even } else { Half::Both };
    let heat = layers.iter().map(|id| heat(&summary.layers[id], half, summary.experts));
    let shape = Shape { layers: &layers, all_layers: all.len(), experts: summary.experts };
    let none = "the trace has no decode tokens; the simulator fills its batches from decode steps";
    let phase = summary.stream_phase();
    if phase == Phase::Prefill {
        return Err(none.into());
    }
    let subjects = subjects::served(part, experiment)?;
    let (top_k, turns) = (summary.top_k, subjects.len().max(1));
    effort::check(experiment, &Size { layers: layers.len(), experts: summary.experts, top_k, turns })?;
    let filled = subjects::fill(part, experiment, shape, Side::Scored, &subjects, heat.collect());
    if filled.sources == 0 && odd && part.requests.iter().any(|r| !r.span(phase).is_empty()) {
        let why = "no request of odd position has decode tokens, and heldout=on runs those alone: use heldout=off, or more requests";
        return Err(why.into());
    }
    if filled.sources == 0 {
        return Err(none.into());
    }
    let tokens = tokens(part, experiment, shape, Side::Scored, &subjects);
    Ok(Workload { loads: learn(part, experiment, shape, &subjects), tokens, ..filled })
}

/// The batch of an experiment from requests of a data set, and what its report must say of them.
///
/// # Errors
/// As [`workload`], or how large the experts are is not known: what cannot be run is refused before it is sent to who would run it.
pub fn batch(dataset: &Dataset, part: &Part, experiment: &Experiment) -> Result<(Workload, Provenance), String> {
    let workload = workload(part, experiment)?;
    let provenance = Provenance::new(part, dataset.synthetic, &workload, dataset.warnings());
    provenance.resolve(experiment)?;
    Ok((workload, provenance))
}

/// What a report says of the requests that its batch was filled from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Digest of the requests.
    pub digest: String,
    /// They are synthetic, not recorded.
    pub synthetic: bool,
    /// The model that they are of, if it is known.
    pub model: Option<String>,
    /// Collapsed layers among those that are simulated, by id.
    pub collapsed: Vec<u32>,
    /// Subjects that they name.
    pub subjects: usize,
    /// What was lost of them on the way.
    pub warnings: Vec<String>,
}

impl Provenance {
    /// Of the requests of a part, for a batch that was filled from them.
    #[must_use]
    pub fn new(part: &Part, synthetic: bool, workload: &Workload, warnings: Vec<String>) -> Self {
        let collapsed = collapsed(&part.summary).into_iter().map(|c| c.layer);
        Self {
            digest: part.digest(),
            synthetic,
            model: part.model().map(|m| m.name.into()),
            collapsed: collapsed.filter(|id| workload.layers.contains(id)).collect(),
            subjects: subjects::named(part),
            warnings,
        }
    }

    /// Why no step is of one subject, in a batch that mixes them.
    pub(super) fn no_turns(&self) -> String {
        if self.subjects < 2 {
            return "its placement is chosen by the subject of what is served, and the requests do not name several subjects \
                    (the folders of a trace do)"
                .into();
        }
        format!(
            "its placement is chosen by the subject of what is served, and a batch here mixes them: serve=subject gives each of {} \
             subjects batches of its own",
            self.subjects
        )
    }

    /// The experiment as it is run on these requests: with their model, where it names none.
    ///
    /// # Errors
    /// The model is not known, or not what its rest is; see [`Experiment::of_model`] and [`Experiment::beside`].
    pub fn resolve(&self, experiment: &Experiment) -> Result<Experiment, String> {
        let of = if self.synthetic { experiment.clone() } else { experiment.of_model(self.model.as_deref())? };
        of.beside().map(|_| of)
    }
}

/// A batch that runs share, with what is made of it once: its digest and its predictors.
pub struct Filled {
    /// The batch.
    pub workload: Arc<Workload>,
    /// Where it is from.
    pub provenance: Provenance,
    predictors: Predictors,
    digest: OnceLock<Digest>,
}

impl Filled {
    /// Nothing is made of it yet.
    #[must_use]
    pub fn new(workload: impl Into<Arc<Workload>>, provenance: Provenance) -> Self {
        let (predictors, digest) = (Predictors::default(), OnceLock::new());
        Self { workload: workload.into(), provenance, predictors, digest }
    }

    /// The same with the predictors of another batch from the same requests and layers: their heat maps are the same.
    #[must_use]
    pub fn predicting_as(self, other: &Filled) -> Self {
        Self { predictors: other.predictors.clone(), ..self }
    }

    /// Its predictors, once a run makes them.
    #[must_use]
    pub fn predictors(&self) -> &Predictors {
        &self.predictors
    }

    /// The digest of the batch.
    pub fn digest(&self) -> &Digest {
        self.digest.get_or_init(|| Digest::of(&self.workload))
    }
}
