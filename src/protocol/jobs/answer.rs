//! Questions about what is loaded. Each names the data that it is about; none changes it.

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::analysis::Reporter;
use crate::model::Scope;
use crate::protocol::job::{DataId, Job, State, Step, Stepped};
use crate::protocol::{Files, Info, LayerDetails, LayerView, Side, layer_details, layer_view, overview};

/// All analyses.
#[derive(Serialize, Deserialize)]
pub struct Report {
    of: DataId,
    #[serde(skip)]
    work: Option<Box<Reporter>>,
}

impl Report {
    /// Of this data.
    #[must_use]
    pub fn new(of: DataId) -> Self {
        Self { of, work: None }
    }
}

impl Job for Report {
    type Reply = crate::analysis::Report;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (dataset, part) = state.data(&self.of)?;
        let warnings = || dataset.issues.iter().map(|(_, issue)| issue.to_string()).collect();
        let summary = &part.summary;
        let work = self.work.get_or_insert_with(|| Box::new(Reporter::new(summary, warnings())));
        if work.step(summary) {
            return Ok(running(work.progress()));
        }
        let work = self.work.take().ok_or("the report was given already")?;
        Ok(Step::Done(work.finish(summary)))
    }
}

/// Figures of all layers.
#[derive(Serialize, Deserialize)]
pub struct Overview {
    /// Which data.
    pub of: DataId,
    /// Which tokens.
    pub scope: Scope,
}

impl Job for Overview {
    type Reply = crate::protocol::Overview;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (_, part) = state.data(&self.of)?;
        Ok(Step::Done(overview(&part.summary, self.scope)))
    }
}

/// Figures of the layer at a position.
#[derive(Serialize, Deserialize)]
pub struct Layer {
    /// Which data.
    pub of: DataId,
    /// Position among its layers.
    pub position: usize,
    /// Which tokens.
    pub scope: Scope,
}

impl Job for Layer {
    type Reply = LayerView;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<LayerView> {
        let (_, part) = state.data(&self.of)?;
        let view = layer_view(&part.summary, self.position, self.scope);
        Ok(Step::Done(view.ok_or_else(|| format!("there is no layer at position {}", self.position))?))
    }
}

/// Further figures of the layer at a position.
#[derive(Serialize, Deserialize)]
pub struct Details {
    /// Which data.
    pub of: DataId,
    /// Position among its layers.
    pub position: usize,
    /// Which tokens.
    pub scope: Scope,
}

impl Job for Details {
    type Reply = LayerDetails;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<LayerDetails> {
        let (_, part) = state.data(&self.of)?;
        let details = layer_details(&part.summary, self.position, self.scope);
        Ok(Step::Done(details.ok_or_else(|| format!("there is no layer at position {}", self.position))?))
    }
}

/// Both kinds of figures as the mean over all layers.
#[derive(Serialize, Deserialize)]
pub struct Mean {
    of: DataId,
    scope: Scope,
    #[serde(skip)]
    work: Option<Box<crate::protocol::Mean>>,
}

impl Mean {
    /// Of these tokens of this data.
    #[must_use]
    pub fn new(of: DataId, scope: Scope) -> Self {
        Self { of, scope, work: None }
    }
}

impl Job for Mean {
    type Reply = (LayerView, LayerDetails);

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (_, part) = state.data(&self.of)?;
        let work = self.work.get_or_insert_with(|| Box::new(crate::protocol::Mean::new(self.scope)));
        if work.step(&part.summary) {
            return Ok(running((work.layers(), part.summary.layers.len() as u64)));
        }
        Ok(Step::Done(work.finish()))
    }
}

/// Keep this data beside what is loaded next, to compare both.
#[derive(Serialize, Deserialize)]
pub struct SetReference(pub DataId);

impl Job for SetReference {
    type Reply = Info;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Info> {
        let reference = state.data(&self.0)?.0.clone();
        state.reference = reference;
        Ok(Step::Done(state.reference.info()))
    }
}

/// One layer of two parts of the requests, side by side.
#[derive(Serialize, Deserialize)]
pub struct Versus {
    /// Which data.
    pub of: DataId,
    /// Which parts of it.
    pub versus: crate::protocol::Versus,
}

impl Job for Versus {
    type Reply = [Side; 2];

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<[Side; 2]> {
        let (dataset, _) = state.data(&self.of)?;
        Ok(Step::Done(self.versus.sides(dataset, &state.reference)?))
    }
}
