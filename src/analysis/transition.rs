//! B and C: what the expert of one layer or token says about the next layer's or token's.

use serde::{Deserialize, Serialize};

use super::figure::narrow;
use super::{Half, LayerCounts, Matrix, Square, Summary, frequency, top};
use crate::model::Scope;
use crate::units::share_up;

/// Which two selections a transition connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// One token, this MoE layer and the next.
    CrossLayer,
    /// One layer, this token and the next.
    CrossToken,
}

/// Counts C\[i\]\[j\] of one layer; cross-token counts of the joined scope hold the pair across the boundary.
#[must_use]
pub fn transition(layer: &LayerCounts, kind: Kind, scope: Scope, half: Half, experts: usize) -> Square {
    let mut sum = Square::zero(experts);
    let tables = match kind {
        Kind::CrossLayer => &layer.cross_layer,
        Kind::CrossToken => &layer.cross_token,
    };
    for &h in half.positions() {
        for &phase in scope.phases() {
            sum.add(&tables[phase as usize][h]);
        }
        if kind == Kind::CrossToken && scope == Scope::All {
            for (&(i, j), &count) in &layer.boundary[h] {
                sum.bump(usize::from(i), usize::from(j), u64::from(count));
            }
        }
    }
    sum
}

/// The cross-token counts of the joined scope, in the 32 bits that the simulator keeps of them: what is more is the most. Summed as
/// they are, because a batch of all layers sums a thousand tables.
#[must_use]
pub fn heat(layer: &LayerCounts, half: Half, experts: usize) -> Vec<u32> {
    let mut sum = Matrix::default();
    for &h in half.positions() {
        Scope::All.phases().iter().for_each(|&phase| sum.merge(&layer.cross_token[phase as usize][h]));
    }
    let mut cells = sum.into_cells(experts);
    for (&(i, j), &count) in half.positions().iter().flat_map(|&h| &layer.boundary[h]) {
        let cell = &mut cells[usize::from(i) * experts + usize::from(j)];
        *cell = cell.saturating_add(count);
    }
    cells
}

/// How much of what follows falls on the top 20% of experts. None where nothing was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// In the row of the layer's most frequent expert (the paper's reading).
    pub top: Option<f64>,
    /// Mean over rows, weighted by their counts.
    pub weighted: Option<f64>,
    /// As `top`, but chosen on even requests and scored on odd ones.
    pub heldout: Option<f64>,
    /// Without a condition: top 20% by column sum.
    pub baseline: Option<f64>,
}

/// The coverages of one layer.
#[must_use]
pub fn coverage(summary: &Summary, layer: &LayerCounts, kind: Kind, scope: Scope) -> Coverage {
    let table = |half| transition(layer, kind, scope, half, summary.experts);
    let counts = frequency(layer, scope, Half::Both, summary.experts);
    coverage_of(&table(Half::Both), &[Half::Even, Half::Odd].map(table), &counts)
}

/// The same, for who has the tables of both halves and of each already, and how often each expert was used.
pub(super) fn coverage_of(table: &Square, [even, odd]: &[Square; 2], counts: &[u64]) -> Coverage {
    let Some(&busiest) = top(counts, 1).first() else { return Coverage::default() };
    let chosen = top(even.row(busiest), share_up(20, table.n));
    let row = odd.row(busiest);
    let any = even.row(busiest).iter().any(|&c| c > 0);
    let heldout = ratio(chosen.iter().map(|&e| row[e]).sum(), row.iter().sum()).filter(|_| any);
    Coverage { heldout, ..covered(table, counts) }
}

/// The coverages that one table tells, given how often each expert was used: all but the held-out one.
#[must_use]
pub fn covered(table: &Square, counts: &[u64]) -> Coverage {
    let Some(&busiest) = top(counts, 1).first() else { return Coverage::default() };
    let share = share_up(20, table.n);
    let rows = table.cells.chunks_exact(table.n).map(|row| mass(row, share));
    let (in_rows, of_rows) = rows.fold((0, 0), |(c, t), (covered, total)| (c + covered, t + total));
    let (in_row, of_row) = mass(table.row(busiest), share);
    let (in_columns, of_columns) = mass(&table.column_sums(), share);
    Coverage {
        top: ratio(in_row, of_row),
        weighted: ratio(in_rows, of_rows),
        heldout: None,
        baseline: ratio(in_columns, of_columns),
    }
}

/// Rows as probabilities. Every row of K ids is followed by K ids: P(j | i) sums to K over j.
#[must_use]
pub fn probabilities(table: &Square, top_k: usize) -> Vec<f32> {
    let mut cells = Vec::with_capacity(table.cells.len());
    for row in table.cells.chunks_exact(table.n.max(1)) {
        let total = row.iter().sum::<u64>() as f64;
        let per = top_k as f64 / total;
        cells.extend(row.iter().map(|&c| if total > 0.0 { narrow(c as f64 * per) } else { f32::NAN }));
    }
    cells
}

/// Share of the largest cells of each row in all, at each percent from 0 to 100 of the row's cells: mean over rows, weighted by
/// their counts. A share of cells is rounded up.
#[must_use]
pub fn concentration<'a>(rows: impl Iterator<Item = &'a [u64]>) -> Vec<f64> {
    let mut covered = vec![0u64; 101];
    let mut sorted: Vec<u64> = Vec::new();
    for row in rows.filter(|row| row.iter().any(|&c| c > 0)) {
        sorted.clear();
        sorted.extend_from_slice(row);
        descending(&mut sorted);
        let (mut taken, mut sum) = (0, 0);
        for (percent, total) in covered.iter_mut().enumerate() {
            let upto = share_up(percent, sorted.len());
            sum += sorted[taken..upto].iter().sum::<u64>();
            taken = upto;
            *total += sum;
        }
    }
    let all = covered[100].max(1) as f64;
    covered.into_iter().map(|m| m as f64 / all).collect()
}

/// P(i again | i), the diagonal of a cross-token table: weighted by the count of i, and the plain mean over experts seen.
/// Chance is K/E.
#[must_use]
pub fn diagonal(table: &Square, top_k: usize) -> (Option<f64>, Option<f64>) {
    let (mut again, mut times, mut mean, mut seen) = (0, 0, 0.0, 0u32);
    for (i, row) in table.cells.chunks_exact(table.n).enumerate() {
        // Every token with i has K successors in the row.
        let count = row.iter().sum::<u64>() / top_k.max(1) as u64;
        if count > 0 {
            again += row[i];
            times += count;
            mean += row[i] as f64 / count as f64;
            seen += 1;
        }
    }
    (ratio(again, times), (seen > 0).then(|| mean / f64::from(seen)))
}

/// Counts of the `n` largest cells, and of all.
pub(super) fn mass(row: &[u64], n: usize) -> (u64, u64) {
    let total = row.iter().sum();
    if total == 0 {
        return (0, 0);
    }
    let mut sorted = row.to_vec();
    if n < sorted.len() {
        sorted.select_nth_unstable_by(n, |a, b| b.cmp(a));
    }
    (sorted.iter().take(n).sum(), total)
}

/// Sorts the largest first. One function for all, because each sort is kilobytes of the workers.
pub fn descending(counts: &mut [u64]) {
    counts.sort_unstable();
    counts.reverse();
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_is_the_joined_table_as_far_as_it_fits() {
        let mut layer = LayerCounts::default();
        // Tables that were filled before all experts were known, and sums beyond 32 bits.
        layer.cross_token[0][0].cells_mut(2).copy_from_slice(&[1, 2, 3, u32::MAX - 1]);
        layer.cross_token[1][1].cells_mut(3).copy_from_slice(&[1, 0, 0, 0, 5, 0, 0, 0, 9]);
        layer.boundary[0].insert((0, 2), 7);
        layer.boundary[1].insert((1, 1), u32::MAX);
        for half in [Half::Both, Half::Even, Half::Odd] {
            let table = transition(&layer, Kind::CrossToken, Scope::All, half, 4);
            let cells: Vec<u32> = table.cells.iter().map(|&c| u32::try_from(c).unwrap_or(u32::MAX)).collect();
            assert_eq!(heat(&layer, half, 4), cells, "{half:?}");
        }
        assert_eq!(heat(&LayerCounts::default(), Half::Both, 2), [0; 4]);
    }

    #[test]
    fn the_mass_of_a_row_by_hand() {
        let row = [2, 7, 0, 5];
        assert_eq!([0, 1, 2, 3, 4, 9].map(|n| mass(&row, n)), [0, 7, 12, 14, 14, 14].map(|top| (top, 14)));
        assert_eq!(mass(&[0, 0], 1), (0, 0));
    }
}
