//! Square and triangular count tables that grow with the number of experts. Apart, because a trace tells E only at its end.

use serde::{Deserialize, Serialize};

/// E × E counts, allocated at the first use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    n: usize,
    #[serde(with = "crate::model::packed")]
    cells: Vec<u32>,
}

impl Matrix {
    /// The cells, row-major, made large enough for `n` experts.
    pub fn cells_mut(&mut self, n: usize) -> &mut [u32] {
        if self.cells.is_empty() {
            (self.n, self.cells) = (n, vec![0; n * n]);
        } else if self.n < n {
            let mut cells = vec![0; n * n];
            for (new, old) in cells.chunks_exact_mut(n).zip(self.cells.chunks_exact(self.n)) {
                new[..self.n].copy_from_slice(old);
            }
            (self.n, self.cells) = (n, cells);
        }
        &mut self.cells
    }

    /// The cells of a table that is done, row-major, for `n` experts.
    #[must_use]
    pub fn into_cells(mut self, n: usize) -> Vec<u32> {
        self.cells_mut(n);
        self.cells
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether it is a table of at most `n` experts, as far as it is one at all.
    #[must_use]
    pub fn is_sound(&self, n: usize) -> bool {
        self.n <= n && self.cells.len() == self.n * self.n
    }

    /// Adds another table.
    pub fn merge(&mut self, other: &Matrix) {
        if other.is_empty() {
            return;
        }
        let n = self.n.max(other.n);
        let cells = self.cells_mut(n);
        for (row, other_row) in cells.chunks_exact_mut(n).zip(other.cells.chunks_exact(other.n)) {
            add(row, other_row);
        }
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.len() * 4
    }
}

/// Counts of unordered pairs of n experts, allocated at the first use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    n: usize,
    /// Row i holds the pairs (i, 0..i): growing n appends rows and moves nothing.
    #[serde(with = "crate::model::packed")]
    cells: Vec<u32>,
}

impl Pairs {
    /// The cells, made large enough for `n` experts; the pair (i, j), j < i, is at [`Pairs::at`].
    pub fn cells_mut(&mut self, n: usize) -> &mut [u32] {
        if self.n < n {
            self.n = n;
            self.cells.resize(n * (n - 1) / 2, 0);
        }
        &mut self.cells
    }

    /// Whether it is a table of at most `n` experts.
    #[must_use]
    pub fn is_sound(&self, n: usize) -> bool {
        self.n <= n && self.cells.len() == self.n * self.n.saturating_sub(1) / 2
    }

    /// Position of a pair of different experts.
    #[must_use]
    pub fn at(a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        high * (high - 1) / 2 + low
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.len() * 4
    }

    /// The counts, as far as experts were seen.
    #[must_use]
    pub fn cells(&self) -> &[u32] {
        &self.cells
    }

    /// Adds another table.
    pub fn merge(&mut self, other: &Pairs) {
        add(self.cells_mut(other.n), &other.cells);
    }
}

/// A sum of matrices: what queries work on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Square {
    /// Rows and columns.
    pub n: usize,
    /// Counts, row-major.
    pub cells: Vec<u64>,
}

impl Square {
    /// All zeros.
    #[must_use]
    pub fn zero(n: usize) -> Self {
        Self { n, cells: vec![0; n * n] }
    }

    /// Adds a table of at most n experts.
    pub fn add(&mut self, matrix: &Matrix) {
        if matrix.cells.is_empty() {
            return;
        }
        for (row, other) in self.cells.chunks_exact_mut(self.n).zip(matrix.cells.chunks_exact(matrix.n)) {
            row.iter_mut().zip(other).for_each(|(a, &b)| *a += u64::from(b));
        }
    }

    /// Adds to one cell.
    pub fn bump(&mut self, i: usize, j: usize, count: u64) {
        self.cells[i * self.n + j] += count;
    }

    /// One row.
    #[must_use]
    pub fn row(&self, i: usize) -> &[u64] {
        &self.cells[i * self.n..(i + 1) * self.n]
    }

    /// Sum of each column.
    #[must_use]
    pub fn column_sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.n];
        for row in self.cells.chunks_exact(self.n) {
            sums.iter_mut().zip(row).for_each(|(a, b)| *a += b);
        }
        sums
    }
}

/// Saturating, so that even a merge of a cluster's summaries cannot wrap round.
fn add(to: &mut [u32], from: &[u32]) {
    to.iter_mut().zip(from).for_each(|(a, &b)| *a = a.saturating_add(b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_keeps_every_count() {
        let mut m = Matrix::default();
        m.cells_mut(2).copy_from_slice(&[1, 2, 3, 4]);
        m.cells_mut(3);
        let mut s = Square::zero(4);
        s.add(&m);
        assert_eq!(s.cells, [1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut p = Pairs::default();
        p.cells_mut(3)[Pairs::at(2, 1)] = 7;
        assert_eq!(p.cells_mut(5)[Pairs::at(1, 2)], 7);
    }

    #[test]
    fn tables_know_their_bytes_and_whether_they_are_sound() {
        let mut table = Matrix::default();
        assert!((table.is_empty(), table.bytes()) == (true, 0) && table.is_sound(0));
        table.cells_mut(3)[4] = 7;
        assert!((table.is_empty(), table.bytes()) == (false, 36));
        assert_eq!([2, 3, 4].map(|n| table.is_sound(n)), [false, true, true]);
        table.cells.pop();
        assert!(!table.is_sound(3), "a cell is missing");
    }
}
