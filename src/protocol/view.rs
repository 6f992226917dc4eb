//! The figures of the analyses, as a page asks for them. Apart from the analyses: a page asks for those that follow a slider and
//! for the others at different times.

use serde::{Deserialize, Serialize};

use super::{Dataset, Part};
use crate::analysis::figure::Figure;
use crate::analysis::registry::{Layer, Whole, of_all, of_layer, one_of_all};
use crate::analysis::{Caches, Setting};
use crate::experiment::Experiment;
use crate::model::{SYSTEMS, Scope};

/// Which figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// Those of all layers.
    All,
    /// Those of the layer at a position that follow a slider: asked and drawn within about a frame.
    Prompt(usize),
    /// Those of the layer at a position that may come a moment later.
    Later(usize),
}

/// Figures, and what they are of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Layer id; none for all layers and for their mean.
    pub layer: Option<u32>,
    /// They, in the order of the page.
    pub all: Vec<Figure>,
}

/// What a data set tells beside its counts. Caches are those of the first system.
#[must_use]
pub fn setting(dataset: &Dataset) -> Setting {
    let model = dataset.part().and_then(Part::model);
    let usual = Experiment::default();
    let caches = model.map(|m| Caches::of(&SYSTEMS[0], &SYSTEMS[0].hardware, m.expert_bytes(usual.run.weight)));
    Setting { model, synthetic: dataset.synthetic, caches }
}

/// The figures that are asked for.
///
/// # Errors
/// If there is no such layer.
#[inline(never)]
pub fn figures(part: &Part, setting: &Setting, asked: Asked, scope: Scope) -> Result<Figures, String> {
    let summary = &part.summary;
    let (position, prompt) = match asked {
        Asked::All => return Ok(Figures { layer: None, all: of_all(&Whole::new(summary, setting, scope)) }),
        Asked::Prompt(position) => (position, true),
        Asked::Later(position) => (position, false),
    };
    let none = || format!("there is no layer at position {position}");
    let layer = Layer::new(summary, &part.requests, setting, position, scope).ok_or_else(none)?;
    Ok(Figures { layer: Some(layer.id), all: of_layer(&layer, prompt) })
}

/// What is read so far of a load: how often each expert is chosen.
#[must_use]
pub fn glance(staged: &Dataset) -> Option<Figures> {
    let setting = setting(staged);
    let whole = Whole::new(&staged.part()?.summary, &setting, Scope::All);
    Some(Figures { layer: None, all: one_of_all(&whole, "frequency-map").into_iter().collect() })
}
