//! E: how often a token's experts were already used in the tokens just before it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::model::Request;

/// Longest window, in tokens.
pub const WINDOWS: usize = 64;

/// Gap histograms of one layer and phase, from which every window up to [`WINDOWS`] is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepetitionCounts {
    /// Tokens with a token before them in the stream.
    pub tokens: u64,
    /// Expert uses of those tokens.
    pub uses: u64,
    /// Tokens by the smallest gap since any of their experts was used; position g-1, up to the longest window.
    pub nearest: Vec<u64>,
    /// Expert uses by the gap since that expert was used.
    pub gaps: Vec<u64>,
}

impl RepetitionCounts {
    /// Counts the tokens of one request in one layer.
    #[inline(never)]
    pub(super) fn add(&mut self, request: &Request, layer: usize, range: Range<usize>, experts: usize) {
        // Token number (from 1) of each expert's last use.
        let mut last = vec![0u32; experts];
        let mut now = 0u32;
        // A token of unknown routing is no token of the stream: it would count as a miss of the next one's window.
        for row in request.rows(layer, range).flatten() {
            now += 1;
            let mut nearest = usize::MAX;
            for &e in row {
                let before = std::mem::replace(&mut last[usize::from(e)], now);
                let gap = if before == 0 { usize::MAX } else { (now - before) as usize };
                bump(&mut self.gaps, gap);
                nearest = nearest.min(gap);
            }
            if now > 1 {
                self.tokens += 1;
                self.uses += row.len() as u64;
                bump(&mut self.nearest, nearest);
            }
        }
    }

    /// Adds other counts.
    pub(super) fn merge(&mut self, other: &RepetitionCounts) {
        self.tokens += other.tokens;
        self.uses += other.uses;
        for (ours, theirs) in [(&mut self.nearest, &other.nearest), (&mut self.gaps, &other.gaps)] {
            ours.resize(ours.len().max(theirs.len()), 0);
            ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }

    /// Share of tokens with an expert used in the last `window` tokens.
    #[must_use]
    pub fn any(&self, window: usize) -> Option<f64> {
        share(&self.nearest, window, self.tokens)
    }

    /// Mean share of a token's experts used in the last `window` tokens.
    #[must_use]
    pub fn fraction(&self, window: usize) -> Option<f64> {
        share(&self.gaps, window, self.uses)
    }
}

fn share(histogram: &[u64], window: usize, total: u64) -> Option<f64> {
    let within: u64 = histogram.iter().take(window).sum();
    (total > 0).then(|| within as f64 / total as f64)
}

fn bump(histogram: &mut Vec<u64>, gap: usize) {
    if gap <= WINDOWS {
        if histogram.len() < gap {
            histogram.resize(gap, 0);
        }
        histogram[gap - 1] += 1;
    }
}
