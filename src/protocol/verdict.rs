//! Which placement a report speaks for, and whether the gap to the next is one to choose by. Apart from the lab, which measures: here
//! its numbers are judged, the same way on the page and on the command line.

use super::{PlaceReport, PlacedStrategy};

/// The dispatch that every server has: each copy takes the same share.
const EVERYWHERE: &str = "even";

/// What a report says of the placements, each copy of an expert given the same share of its tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<'a> {
    /// The fastest placement.
    pub best: &'a PlacedStrategy,
    /// The fastest of those that are slower.
    pub next: Option<Gap<'a>>,
    /// Blocks by id: what is deployed where nothing is done.
    pub contiguous: Option<Gap<'a>>,
    /// Others that are as fast as the best.
    pub tied: Vec<&'a PlacedStrategy>,
    /// A strategy that is faster than the best with another dispatch, which not every server has.
    pub further: Option<Gap<'a>>,
}

/// A placement beside the best one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap<'a> {
    /// It.
    pub of: &'a PlacedStrategy,
    /// How much longer it takes, as a share of the best one's time; below 0 where it is faster.
    pub slower: f64,
    /// Twice the standard error of that over the layers, whose times are compared layer by layer; none of fewer than two layers.
    pub spread: Option<f64>,
}

impl Gap<'_> {
    /// Whether it is more than layers differ by: a smaller one is no reason to choose.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.spread.is_some_and(|spread| self.slower.abs() > spread)
    }
}

impl PlaceReport {
    /// The verdict; none if no placement was scored with even shares.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict<'_>> {
        let mut all: Vec<&PlacedStrategy> = self.strategies.iter().filter(|s| s.dispatch == EVERYWHERE).collect();
        all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let best = *all.first()?;
        let ties = |s: &PlacedStrategy| s.seconds <= best.seconds * (1.0 + 1e-9);
        let of = |of| gap(best, of);
        let others = || all.iter().copied().skip(1);
        let further = self.strategies.iter().filter(|s| s.dispatch != EVERYWHERE && s.seconds < best.seconds);
        Some(Verdict {
            best,
            next: others().find(|s| !ties(s)).map(of),
            contiguous: others().find(|s| s.placement == "contiguous").map(of),
            tied: others().filter(|s| ties(s)).collect(),
            further: further.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).map(of),
        })
    }
}

fn gap<'a>(best: &PlacedStrategy, of: &'a PlacedStrategy) -> Gap<'a> {
    let by_layer = best.by_layer.iter().zip(&of.by_layer);
    let differences: Vec<f64> = by_layer.map(|(a, b)| (b.seconds - a.seconds) / best.seconds).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
    // The standard error of a sum of n differences.
    let spread = (differences.len() > 1).then(|| 2.0 * libm::sqrt(squares / (n - 1.0) * n));
    Gap { of, slower: of.seconds / best.seconds - 1.0, spread }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LayerScores;

    fn placed(placement: &str, dispatch: &str, layers: [f64; 4]) -> PlacedStrategy {
        PlacedStrategy {
            strategy: format!("{placement}.{dispatch}"),
            placement: placement.into(),
            dispatch: dispatch.into(),
            seconds: layers.iter().sum(),
            by_layer: layers.map(|seconds| LayerScores { seconds, ..LayerScores::default() }).into(),
            ..PlacedStrategy::default()
        }
    }

    #[test]
    fn a_gap_that_the_layers_do_not_share_is_none_to_choose_by() {
        let strategies = vec![
            placed("contiguous", "even", [4.0, 5.0, 4.0, 5.0]),
            placed("eplb", "even", [2.0, 2.0, 2.0, 2.0]),
            // A layer better, the others worse: 1% in all.
            placed("flash", "even", [1.2, 2.3, 2.3, 2.28]),
            placed("eplb", "lp", [1.0, 1.0, 1.0, 1.0]),
        ];
        let report = PlaceReport { strategies, ..PlaceReport::default() };
        let verdict = report.verdict().unwrap();
        assert_eq!(verdict.best.strategy, "eplb.even");
        let next = verdict.next.unwrap();
        assert_eq!(next.of.strategy, "flash.even");
        // Differences over 8: -0.1, 0.0375, 0.0375, 0.035; mean 0.0025, sum of squares 0.01401250, 2·sqrt(0.0140125/3·4) = 0.27338.
        assert!((next.slower - 0.01).abs() < 1e-12 && (next.spread.unwrap() - 0.27338).abs() < 1e-4, "{next:?}");
        assert!(!next.counts());
        let contiguous = verdict.contiguous.unwrap();
        assert!((contiguous.slower - 1.25).abs() < 1e-12 && contiguous.counts());
        let further = verdict.further.unwrap();
        assert_eq!((further.of.strategy.as_str(), further.slower), ("eplb.lp", -0.5));
        assert!(verdict.tied.is_empty());
    }

    #[test]
    fn what_ties_is_no_next_one() {
        let same = [1.0; 4];
        let strategies = vec![placed("remap", "even", same), placed("eplb", "even", same)];
        let report = PlaceReport { strategies, ..PlaceReport::default() };
        let verdict = report.verdict().unwrap();
        assert_eq!((verdict.tied.len(), verdict.next, verdict.contiguous), (1, None, None));
        assert_eq!(PlaceReport::default().verdict(), None);
        let alone = PlaceReport { strategies: vec![placed("remap", "lp", same)], ..PlaceReport::default() };
        assert_eq!(alone.verdict(), None, "no server is known to have that dispatch");
    }
}
