//! Questions about what is loaded. Each names the data that it is about; none changes it.

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::analysis::{Analyser, registry};
use crate::model::Scope;
use crate::protocol::job::{DataId, Job, State, Step, Stepped};
use crate::protocol::{Asked, Files, Info, Side, TokenStrip, figures, setting, token_strip};

/// All analyses.
#[derive(Serialize, Deserialize)]
pub struct Report {
    of: DataId,
    #[serde(skip)]
    work: Option<Box<Analyser>>,
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
        let summary = &part.summary;
        let start = || Box::new(Analyser::new(summary, dataset.warnings(), &setting(dataset)));
        let work = self.work.get_or_insert_with(start);
        if work.step(summary, &part.requests) {
            return Ok(running(work.progress()));
        }
        let work = self.work.take().ok_or("the report was given already")?;
        Ok(Step::Done(work.finish(summary)))
    }
}

/// Figures of the analyses.
#[derive(Serialize, Deserialize)]
pub struct Figures {
    /// Which data.
    pub of: DataId,
    /// Which figures.
    pub asked: Asked,
    /// Which tokens.
    pub scope: Scope,
}

impl Job for Figures {
    type Reply = crate::protocol::Figures;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (dataset, part) = state.data(&self.of)?;
        Ok(Step::Done(figures(part, &setting(dataset), self.asked, self.scope)?))
    }
}

/// The experts of the first tokens of a request in one layer: what a table of pairs is counted from, to be seen.
#[derive(Serialize, Deserialize)]
pub struct Strip {
    /// Which data.
    pub of: DataId,
    /// Position of the layer.
    pub position: usize,
    /// Tokens at most.
    pub tokens: usize,
}

impl Job for Strip {
    type Reply = Option<TokenStrip>;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (_, part) = state.data(&self.of)?;
        Ok(Step::Done(token_strip(part, self.position, self.tokens)))
    }
}

/// Those of a layer as the mean over all layers.
#[derive(Serialize, Deserialize)]
pub struct Mean {
    of: DataId,
    scope: Scope,
    #[serde(skip)]
    work: Option<Box<registry::Mean>>,
}

impl Mean {
    /// Of these tokens of this data.
    #[must_use]
    pub fn new(of: DataId, scope: Scope) -> Self {
        Self { of, scope, work: None }
    }
}

impl Job for Mean {
    type Reply = crate::protocol::Figures;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (dataset, part) = state.data(&self.of)?;
        let work = self.work.get_or_insert_with(|| Box::new(registry::Mean::new(&setting(dataset), self.scope)));
        if work.step(&part.summary, &part.requests) {
            return Ok(running((work.layers(), part.summary.layers.len() as u64)));
        }
        Ok(Step::Done(crate::protocol::Figures { layer: None, all: work.finish() }))
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
