//! The predictor: experts likely to be used again soon, from the cross-token heat map (section V).

use crate::units::{index, small};

/// For each expert, the set of experts that its row of the heat map predicts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictor {
    words: usize,
    rows: Vec<u64>,
}

impl Predictor {
    /// The top `n` of each row of an `experts` × `experts` heat map: larger count first, then smaller id; zeros left out.
    #[must_use]
    pub fn new(heat: &[u32], experts: usize, n: usize) -> Self {
        let words = experts.div_ceil(64);
        let mut rows = vec![0; experts * words];
        // Count above, id below and turned round: one number to compare, and the larger comes first.
        let mut order: Vec<u64> = Vec::with_capacity(experts);
        for (e, row) in heat.chunks_exact(experts).enumerate() {
            order.clear();
            let key = |(j, &count): (usize, &u32)| u64::from(count) << 32 | u64::from(u32::MAX - small(j));
            order.extend(row.iter().enumerate().filter(|(_, count)| **count > 0).map(key));
            if n < order.len() {
                order.select_nth_unstable_by(n, |a, b| b.cmp(a));
                order.truncate(n);
            }
            for key in &order {
                let j = index(u64::from(u32::MAX) - (key & u64::from(u32::MAX)));
                rows[e * words + j / 64] |= 1 << (j % 64);
            }
        }
        Self { words, rows }
    }

    /// Experts predicted from a set of experts in use: the union of their rows, as a bit set.
    #[must_use]
    pub fn union(&self, used: impl Iterator<Item = usize>) -> Vec<u64> {
        let mut set = vec![0; self.words];
        for e in used {
            set.iter_mut().zip(&self.rows[e * self.words..][..self.words]).for_each(|(a, b)| *a |= b);
        }
        set
    }

    /// Whether a bit set holds an expert.
    #[must_use]
    pub fn holds(set: &[u64], expert: usize) -> bool {
        set[expert / 64] >> (expert % 64) & 1 == 1
    }
}
