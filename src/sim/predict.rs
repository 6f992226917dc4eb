//! The predictor: experts likely to be used again soon, from the cross-token heat map (section V).

use std::sync::{Arc, Mutex, PoisonError};

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
        for (row, set) in heat.chunks_exact(experts).zip(rows.chunks_exact_mut(words)) {
            // The least count that is taken, and how many of those that have it; the ids decide among these.
            let (least, mut equal) = match n {
                0 => (u32::MAX, 0),
                _ if n >= experts => (1, n),
                _ => {
                    order.clear();
                    order.extend_from_slice(row);
                    let (above, &mut least, _) = order.select_nth_unstable_by(n - 1, |a, b| b.cmp(a));
                    // With a zero among them, all that occur are taken.
                    let more = above.iter().filter(|&&count| count > least).count();
                    if least == 0 { (1, n) } else { (least, n - more) }
                }
            };
            for (word, counts) in set.iter_mut().zip(row.chunks(64)) {
                let mut same = 0u64;
                for (bit, &count) in counts.iter().enumerate() {
                    *word |= u64::from(count > least) << bit;
                    same |= u64::from(count == least) << bit;
                }
                while same.count_ones() as usize > equal {
                    // Larger ids have to go.
                    same &= !(1 << same.ilog2());
                }
                equal -= same.count_ones() as usize;
                *word |= same;
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

/// The predictors of a batch's heat maps, by layer. Runs that differ in strategy, hardware or placement share them: they are made
/// once, when the first of them predicts.
#[derive(Clone, Default)]
pub struct Predictors(Arc<Mutex<Option<Made>>>);

/// Those that were made last, and how many experts they take from a row.
struct Made {
    n: usize,
    all: Arc<Vec<Predictor>>,
}

impl Predictors {
    /// Those that take `n` experts from each row of these heat maps, which are always the same.
    #[must_use]
    pub fn of(&self, heat: &[Vec<u32>], experts: usize, n: usize) -> Arc<Vec<Predictor>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = last.as_ref().filter(|made| made.n == n) {
            return Arc::clone(&made.all);
        }
        let all = Arc::new(heat.iter().map(|heat| Predictor::new(heat, experts, n)).collect());
        *last = Some(Made { n, all: Arc::clone(&all) });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_predictors_are_made_once_for_each_size() {
        let (shared, heat) = (Predictors::default(), vec![vec![0, 3, 2, 1]]);
        let of = |n| shared.clone().of(&heat, 2, n);
        let one = of(1);
        assert!(Arc::ptr_eq(&one, &of(1)));
        assert_eq!((&one[0], &of(2)[0]), (&Predictor::new(&heat[0], 2, 1), &Predictor::new(&heat[0], 2, 2)));
        assert!(one[0] != of(2)[0] && *of(1) == *one);
    }
}
