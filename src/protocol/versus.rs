//! Two parts of the requests side by side: subjects, data sets, halves, or two traces. Apart from the other views: these are
//! counted anew from the requests, because a summary keeps no table for every part that someone may ask for.

use serde::{Deserialize, Serialize};

use super::{Dataset, Part};
use crate::analysis::{Half, Kind, Summary, covered, frequency, pair_ratios, probabilities, skew, transition};
use crate::experiment::Subset;
use crate::model::{Request, Scope};

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versus {
    /// Left and right.
    pub parts: [Subset; 2],
    /// Position of the layer.
    pub layer: usize,
    /// Which tokens.
    pub scope: Scope,
}

/// One side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Words for it.
    pub name: String,
    /// Layer id.
    pub id: u32,
    /// Requests that were counted.
    pub requests: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Experts of a layer.
    pub experts: usize,
    /// Tokens of each expert.
    pub counts: Vec<u64>,
    /// Largest over mean.
    pub skew: Option<f64>,
    /// Cross-token coverage of the top 20% of experts.
    pub coverage: Option<f64>,
    /// P(next token uses j | this one uses i), row-major.
    #[serde(with = "crate::model::packed::floats")]
    pub cross_token: Vec<f32>,
    /// P(next MoE layer uses j | this one uses i), row-major; empty in the last layer.
    #[serde(with = "crate::model::packed::floats")]
    pub cross_layer: Vec<f32>,
    /// Pair counts over the count of an average pair; empty for top-1.
    #[serde(with = "crate::model::packed::floats")]
    pub pairs: Vec<f32>,
}

impl Versus {
    /// Both sides.
    ///
    /// # Errors
    /// If a side has no requests.
    pub fn sides(&self, loaded: &Dataset, reference: &Dataset) -> Result<[Side; 2], String> {
        let side = |subset: &Subset| -> Result<Side, String> {
            let dataset = if *subset == Subset::Reference { reference } else { loaded };
            let none = || format!("there is nothing to compare: no trace holds {}", subset.words());
            let part = dataset.part().ok_or_else(none)?;
            self.side(part, subset).filter(|s| s.requests > 0).ok_or_else(none)
        };
        Ok([side(&self.parts[0])?, side(&self.parts[1])?])
    }

    #[inline(never)]
    fn side(&self, part: &Part, subset: &Subset) -> Option<Side> {
        let all = part.summary.layer_ids();
        let position = self.layer.min(all.len().checked_sub(1)?);
        let (id, n) = (all[position], part.summary.experts);
        let requests = part.requests.iter().filter(|r| holds(subset, r));
        let summary = Summary::of_layer(requests, id, n);
        let layer = &summary.layers[&id];
        let table = |kind| transition(layer, kind, self.scope, Half::Both, n);
        let [token, next] = [Kind::CrossToken, Kind::CrossLayer].map(table);
        let counts = frequency(layer, self.scope, Half::Both, n);
        Some(Side {
            name: subset.words(),
            id,
            requests: summary.requests,
            tokens: summary.tokens.iter().sum(),
            experts: n,
            skew: skew(&counts),
            coverage: covered(&token, &counts).top,
            counts,
            cross_token: probabilities(&token, summary.top_k),
            cross_layer: if position + 1 == all.len() { Vec::new() } else { probabilities(&next, summary.top_k) },
            pairs: if summary.top_k > 1 { pair_ratios(layer, n) } else { Vec::new() },
        })
    }
}

fn holds(subset: &Subset, request: &Request) -> bool {
    match subset {
        Subset::All | Subset::Reference => true,
        Subset::Even => !request.is_odd(),
        Subset::Odd => request.is_odd(),
        Subset::Subject(name) => request.labels.subject == *name,
        Subset::Dataset(name) => request.labels.dataset == *name,
    }
}
