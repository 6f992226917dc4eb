//! The figures of the analyses, as a page asks for them. Apart from the analyses: a page asks for those that follow a slider and
//! for the others at different times.

use serde::{Deserialize, Serialize};

use super::{Dataset, Part};
use crate::analysis::figure::Figure;
use crate::analysis::registry::{Layer, Whole, of_all, of_layer, one_of_all};
use crate::analysis::{Caches, Setting};
use crate::experiment::Experiment;
use crate::model::{Request, SYSTEMS, Scope};

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

/// The experts of a request's tokens in one layer, one token after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenStrip {
    /// Which request, by its index.
    pub request: u64,
    /// Layer id.
    pub layer: u32,
    /// The phase that the tokens are of, as reports call it.
    pub phase: String,
    /// The experts of each token; none of a token whose routing is not known.
    pub experts: Vec<Vec<u16>>,
}

/// The first tokens of the stream of the first request that has at least two, in the layer at a position; none if there is no such
/// request.
#[must_use]
pub fn token_strip(part: &Part, position: usize, tokens: usize) -> Option<TokenStrip> {
    let layer = part.summary.layers.keys().nth(position).copied()?;
    let phase = part.summary.stream_phase();
    let held = |r: &&Request| r.span(phase).len() > 1 && r.layers.contains(&layer);
    let request = part.requests.iter().find(held)?;
    let column = request.layers.iter().position(|&l| l == layer)?;
    let span = request.span(phase);
    let rows = request.rows(column, span.start..span.end.min(span.start + tokens));
    let experts = rows.map(|row| row.map(<[u16]>::to_vec).unwrap_or_default()).collect();
    Some(TokenStrip { request: request.index, layer, phase: phase.name().into(), experts })
}

/// What is read so far of a load: how often each expert is chosen.
#[must_use]
pub fn glance(staged: &Dataset) -> Option<Figures> {
    let setting = setting(staged);
    let whole = Whole::new(&staged.part()?.summary, &setting, Scope::All);
    Some(Figures { layer: None, all: one_of_all(&whole, "frequency-map").into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Marks, UNKNOWN};

    /// The prompt's tokens are not of the stream, a short request is passed over, and what is unknown stays empty.
    #[test]
    fn a_strip_is_of_the_first_request_that_decodes() {
        let request = |index: u64, prefill: usize, column: Vec<u16>| Request {
            index,
            top_k: 1,
            experts: 8,
            marks: Marks::Given,
            prefill,
            tokens: column.len(),
            layers: vec![3],
            columns: vec![column],
            ..Request::default()
        };
        let mut dataset = Dataset::default();
        dataset.add(vec![request(0, 2, vec![1, 2, 3]), request(1, 1, vec![4, 5, UNKNOWN, 5, 6])], "t");
        dataset.count();
        let strip = token_strip(dataset.part().unwrap(), 0, 3).unwrap();
        assert_eq!((strip.request, strip.layer, strip.phase.as_str()), (1, 3, "decode"));
        assert_eq!(strip.experts, [vec![5], vec![], vec![5]]);
        assert_eq!(token_strip(dataset.part().unwrap(), 1, 3), None);
    }
}
