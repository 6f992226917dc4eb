//! Which experts the tokens of a batch chose, one by one. Apart from the counts, which most of the simulator needs and which are far
//! smaller: only who asks where a token comes from reads these.

use serde::{Deserialize, Serialize};

use super::UNKNOWN;

/// The tokens of a batch. A request that stands in several slots is kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Experts of a token (K).
    top_k: usize,
    /// Tokens that are kept.
    kept: usize,
    /// Their experts, `[layer][token][k]`; from [`UNKNOWN`] on nothing is known.
    #[serde(with = "super::packed")]
    rows: Vec<u16>,
    /// The token of each request slot, `[step][slot]`.
    #[serde(with = "super::packed")]
    at: Vec<u32>,
    /// Request slots.
    batch: usize,
}

impl Tokens {
    /// Of rows `[layer][token][k]` and the token of each slot `[step][slot]`, in a batch of so many slots.
    #[must_use]
    pub fn new(top_k: usize, kept: usize, rows: Vec<u16>, at: Vec<u32>, batch: usize) -> Self {
        Self { top_k, kept, rows, at, batch }
    }

    /// Batches of as many slots and layers one after another: the steps of the first, then those of the next.
    #[must_use]
    pub fn joined(parts: &[Self], layers: usize) -> Self {
        let top_k = parts.iter().map(|p| p.top_k).max().unwrap_or(0);
        let kept = parts.iter().map(|p| p.kept).sum();
        let mut rows = Vec::with_capacity(layers * kept * top_k);
        for layer in 0..layers {
            for part in parts {
                let of_layer = part.rows.get(layer * part.kept * part.top_k..).unwrap_or_default();
                for row in of_layer.chunks_exact(part.top_k.max(1)).take(part.kept) {
                    rows.extend(row.iter().copied().chain(std::iter::repeat(UNKNOWN)).take(top_k));
                }
            }
        }
        let (mut at, mut before) = (Vec::new(), 0);
        for part in parts {
            // What stands for no token does so after the move, too.
            let moved = |&token: &u32| if token as usize >= part.kept { u32::MAX } else { token + before };
            at.extend(part.at.iter().map(moved));
            before += crate::units::small(part.kept);
        }
        Self { top_k, kept, rows, at, batch: parts.first().map_or(0, |p| p.batch) }
    }

    /// The experts that the token of a request slot chose; none where they are not known.
    #[must_use]
    pub fn of(&self, step: usize, layer: usize, slot: usize) -> &[u16] {
        let token = self.at.get(step * self.batch + slot).map_or(usize::MAX, |&token| token as usize);
        if token >= self.kept {
            return &[];
        }
        let row = self.rows.get((layer * self.kept + token) * self.top_k..).unwrap_or_default();
        let row = row.get(..self.top_k).unwrap_or_default();
        &row[..row.iter().position(|&e| e == UNKNOWN).unwrap_or(row.len())]
    }

    /// The same in one layer alone, by position.
    #[must_use]
    pub fn layer(&self, layer: usize) -> Self {
        let each = self.kept * self.top_k;
        let rows = self.rows.get(layer * each..(layer + 1) * each).unwrap_or_default().to_vec();
        Self { rows, at: self.at.clone(), ..*self }
    }

    /// All numbers that decide what the tokens are, in order: two equal lists are of equal tokens.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let sizes = [self.top_k, self.kept, self.batch].map(crate::units::small);
        sizes.into_iter().chain(self.rows.iter().map(|&e| e.into())).chain(self.at.iter().copied())
    }
}
