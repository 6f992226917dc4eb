//! The layers in which the patterns are strongest: what the story shows of each. Apart from the story, because what is prepared for it
//! asks of the same layers.

use super::Asked;
use crate::analysis::Report;

/// Positions of these layers; none where a trace cannot tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strongest {
    /// Where most tokens use an expert of the token before.
    pub token: Option<usize>,
    /// Where the top fifth covers most of the next layer.
    pub layer: Option<usize>,
    /// Where the strongest pair is the furthest above the mean.
    pub pairs: Option<usize>,
    /// Where the hottest expert is the furthest above the mean.
    pub skew: Option<usize>,
    /// Whether the requests have subjects.
    pub subjects: bool,
}

impl Strongest {
    /// Of a report.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        // In a layer that is collapsed one expert follows itself whatever the tokens are.
        let sound = |i: usize| report.layer_ids.get(i).is_some_and(|id| !report.collapsed.contains(id));
        let of = |values: Option<&Vec<Option<f64>>>| values.and_then(|v| strongest(v, sound));
        Self {
            token: of(report.cross_token.get("joined").and_then(|t| t.diagonal_weighted.as_ref())),
            layer: of(report.cross_layer.get("all").map(|t| &t.coverage_top)),
            pairs: of(report.coactivation.as_ref().map(|p| &p.max_ratio)),
            skew: of(report.frequency.get("all").map(|f| &f.skew)),
            subjects: report.subjects.is_some(),
        }
    }

    /// What is asked of them: tokens, layers, pairs, subjects.
    #[must_use]
    pub fn figures(&self) -> [Option<Asked>; 4] {
        [
            self.token.map(Asked::Prompt),
            self.layer.map(Asked::Later),
            self.pairs.map(Asked::Prompt),
            self.skew.filter(|_| self.subjects).map(Asked::Later),
        ]
    }
}

/// The position of the largest value among those that count, else among all; none if none is known.
#[must_use]
pub fn strongest(values: &[Option<f64>], counts: impl Fn(usize) -> bool) -> Option<usize> {
    let known = |all: bool| {
        let each = values.iter().enumerate().filter_map(|(i, v)| Some((i, (*v)?)));
        each.filter(|v| all || counts(v.0)).reduce(|a, b| if b.1 > a.1 { b } else { a })
    };
    known(false).or_else(|| known(true)).map(|v| v.0)
}
