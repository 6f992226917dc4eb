//! D: how alike prefill and decode are.

use super::top;

/// Spearman's rank correlation of two count vectors, ties by average ranks; none if either is constant.
///
/// Ranks are kept doubled, so every sum is an exact integer and the result does not depend on an order of addition.
#[must_use]
pub fn spearman(a: &[u64], b: &[u64]) -> Option<f64> {
    let (x, y) = (doubled_ranks(a), doubled_ranks(b));
    let n = x.len() as i128;
    let (mut sx, mut sy, mut xx, mut yy, mut xy) = (0i128, 0i128, 0i128, 0i128, 0i128);
    for (&p, &q) in x.iter().zip(&y) {
        let (p, q) = (i128::from(p), i128::from(q));
        sx += p;
        sy += q;
        xx += p * p;
        yy += q * q;
        xy += p * q;
    }
    let (vx, vy, cov) = (n * xx - sx * sx, n * yy - sy * sy, n * xy - sx * sy);
    (vx > 0 && vy > 0).then(|| cov as f64 / (vx as f64 * vy as f64).sqrt())
}

/// Share of the `n` most frequent of `of` that are among the `m` most frequent of `within`.
#[must_use]
pub fn overlap(of: &[u64], n: usize, within: &[u64], m: usize) -> Option<f64> {
    if of.iter().all(|&c| c == 0) || within.iter().all(|&c| c == 0) {
        return None;
    }
    let (picked, pool) = (top(of, n), top(within, m));
    let hits = picked.iter().filter(|e| pool.contains(e)).count();
    Some(hits as f64 / picked.len() as f64)
}

/// Jaccard's index of the `n` most frequent of both: those in common over those in either.
#[must_use]
pub fn jaccard(a: &[u64], b: &[u64], n: usize) -> Option<f64> {
    if a.iter().all(|&c| c == 0) || b.iter().all(|&c| c == 0) {
        return None;
    }
    let (x, y) = (top(a, n), top(b, n));
    let both = x.iter().filter(|e| y.contains(e)).count();
    Some(both as f64 / (x.len() + y.len() - both) as f64)
}

/// What a correlation between halves says of the whole (Spearman and Brown): 2r / (1 + r). None where halves do not agree at all,
/// because then no ceiling can be told.
#[must_use]
pub fn spearman_brown(split_half: f64) -> Option<f64> {
    (split_half > 0.0).then(|| 2.0 * split_half / (1.0 + split_half))
}

/// Twice the average rank (from 1) of each value. Counts are small numbers, many of them alike: their histogram gives the
/// ranks without sorting the 147 456 cells of a large model.
fn doubled_ranks(values: &[u64]) -> Vec<u64> {
    let max = values.iter().max().copied().unwrap_or(0);
    if max <= 4 * values.len() as u64 {
        let mut ranks = vec![0u64; crate::units::index(max) + 1];
        values.iter().for_each(|&v| ranks[crate::units::index(v)] += 1);
        let mut below = 0;
        for rank in &mut ranks {
            // Ranks below+1 to below+count: twice their mean is 2·below + count + 1.
            let count = std::mem::replace(rank, 2 * below + *rank + 1);
            below += count;
        }
        return values.iter().map(|&v| ranks[crate::units::index(v)]).collect();
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = |v: &u64| (sorted.partition_point(|s| s < v) + sorted.partition_point(|s| s <= v) + 1) as u64;
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_rank_agree() {
        let small = [3, 0, 3, 1, 0, 7];
        assert_eq!(doubled_ranks(&small), [9, 3, 9, 6, 3, 12]);
        let large: Vec<u64> = small.iter().map(|v| v * 1_000_000).collect();
        assert_eq!(doubled_ranks(&large), doubled_ranks(&small));
    }
}
