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
    (vx > 0 && vy > 0).then(|| cov as f64 / libm::sqrt(vx as f64 * vy as f64))
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

/// Twice the average rank (from 1) of each value.
fn doubled_ranks(values: &[u64]) -> Vec<u64> {
    let mut order: Vec<u32> = (0..crate::units::small(values.len())).collect();
    order.sort_unstable_by_key(|&i| values[i as usize]);
    let mut ranks = vec![0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|&a, &b| values[a as usize] == values[b as usize]) {
        // Ranks start+1 to start+len: twice their mean is 2·start + len + 1.
        let rank = (2 * start + group.len() + 1) as u64;
        group.iter().for_each(|&i| ranks[i as usize] = rank);
        start += group.len();
    }
    ranks
}
