//! The job of the second case study: a batch a step, on what is loaded.

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::experiment::Experiment;
use crate::protocol::job::{DataId, Job, State, Step, Stepped};
use crate::protocol::{CASE_BATCHES, CaseRow, Files, case_rows};

/// The case study of an experiment: of its settings the model and the MFU count.
#[derive(Serialize, Deserialize)]
pub struct CaseStudy {
    of: DataId,
    experiment: Experiment,
    #[serde(skip)]
    rows: Vec<Vec<CaseRow>>,
}

impl CaseStudy {
    /// On this data.
    #[must_use]
    pub fn new(of: DataId, experiment: Experiment) -> Self {
        Self { of, experiment, rows: Vec::new() }
    }
}

impl Job for CaseStudy {
    type Reply = crate::protocol::CaseStudy;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (dataset, part) = state.data(&self.of)?;
        let resolved = if dataset.synthetic {
            self.experiment.clone()
        } else {
            self.experiment.of_model(part.model().map(|m| m.name))?
        };
        if let Some(&batch) = CASE_BATCHES.get(self.rows.len()) {
            self.rows.push(case_rows(part, &resolved, batch)?);
            return Ok(running((self.rows.len() as u64, CASE_BATCHES.len() as u64)));
        }
        Ok(Step::Done(crate::protocol::CaseStudy {
            digest: part.digest(),
            synthetic: dataset.synthetic,
            model: resolved.preset().name.into(),
            layers: part.summary.layer_ids(),
            warnings: self.experiment.of_figure(17).1.into_iter().collect(),
            rows: std::mem::take(&mut self.rows).concat(),
        }))
    }
}
