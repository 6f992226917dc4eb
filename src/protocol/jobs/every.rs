//! One figure of every layer, small. Apart from the figures of a layer: nobody waits for these, and what leaves the view is cancelled.

use serde::{Deserialize, Serialize};

use super::load::running;
use crate::analysis::Small;
use crate::analysis::registry::{Layer, one_of_layer};
use crate::model::Scope;
use crate::protocol::job::{DataId, Job, State, Step, Stepped};
use crate::protocol::{Files, setting};

/// A figure of some layers, a layer in each step.
#[derive(Serialize, Deserialize)]
pub struct Every {
    of: DataId,
    scope: Scope,
    figure: String,
    /// Positions of the layers: the first, and the one behind the last.
    layers: (usize, usize),
    #[serde(skip)]
    done: Vec<Small>,
}

impl Every {
    /// A figure by its name, of the layers at these positions; those that are not there are left out.
    #[must_use]
    pub fn new(of: DataId, scope: Scope, figure: &str, layers: (usize, usize)) -> Self {
        Self { of, scope, figure: figure.into(), layers, done: Vec::new() }
    }
}

impl Job for Every {
    type Reply = Vec<Small>;

    fn step(&mut self, state: &mut State, _: &dyn Files) -> Stepped<Self::Reply> {
        let (dataset, part) = state.data(&self.of)?;
        let (from, to) = self.layers;
        let at = from + self.done.len();
        let setting = setting(dataset);
        let layer = (at < to).then(|| Layer::new(&part.summary, &part.requests, &setting, at, self.scope)).flatten();
        let Some(layer) = layer else { return Ok(Step::Done(std::mem::take(&mut self.done))) };
        let why = || format!("{} is no figure of a layer", self.figure);
        let figure = one_of_layer(&layer, &self.figure).ok_or_else(why)?;
        self.done.push(Small::of(layer.id, &figure));
        Ok(running((self.done.len() as u64, to.saturating_sub(from) as u64)))
    }
}
