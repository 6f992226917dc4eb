//! The predictor: experts likely to be used again soon, from the cross-token heat map (section V).

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
        let mut order: Vec<u32> = Vec::with_capacity(experts);
        for (e, row) in heat.chunks_exact(experts).enumerate() {
            order.clear();
            order.extend(row.iter().filter(|&&count| count > 0));
            // The least count that is taken, and how many of those that have it; the ids decide among these.
            let (least, mut equal) = match order.len().checked_sub(n) {
                None | Some(0) => (1, n),
                Some(_) if n == 0 => (u32::MAX, 0),
                Some(_) => {
                    let (above, &mut least, _) = order.select_nth_unstable_by(n - 1, |a, b| b.cmp(a));
                    (least, n - above.iter().filter(|&&count| count > least).count())
                }
            };
            for (j, &count) in row.iter().enumerate() {
                if count > least || (count == least && equal > 0) {
                    equal -= usize::from(count == least);
                    rows[e * words + j / 64] |= 1 << (j % 64);
                }
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
