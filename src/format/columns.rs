//! Rows of expert ids to a request, for the formats that are read whole. Apart from the paper scanner, which does the same
//! while it streams and knows of steps.

use std::collections::BTreeMap;

use super::{Issues, Place, Problem};
use crate::model::{Labels, Request, UNKNOWN};
use crate::units::small;

/// Why a row of ids cannot stand, if it cannot.
pub(super) fn row_problem(row: &[u16], top_k: usize, experts: u64) -> Option<Problem> {
    if row.len() != top_k || row.is_empty() {
        return Some(Problem::RowWidth { expected: top_k, found: row.len() });
    }
    if row.contains(&UNKNOWN) {
        return Some(Problem::NotRecorded);
    }
    if let Some(&id) = row.iter().find(|&&id| u64::from(id) >= experts) {
        return Some(Problem::IdRange { id: id.into(), limit: experts });
    }
    (1..row.len()).find(|&i| row[..i].contains(&row[i])).map(|i| Problem::Duplicate { id: row[i] })
}

/// A request that is being read, layer by layer or token by token.
pub(super) struct Columns {
    top_k: usize,
    experts: u64,
    layers: BTreeMap<u32, Vec<u16>>,
    /// Rows of zeros in each layer.
    zeros: BTreeMap<u32, usize>,
}

impl Columns {
    pub(super) fn new(experts: u64) -> Self {
        Self { top_k: 0, experts, layers: BTreeMap::new(), zeros: BTreeMap::new() }
    }

    /// Adds the next token's row to a layer; the first row of all decides K.
    pub(super) fn push(&mut self, layer: u32, row: &[u16], offset: Option<u64>, issues: &mut Issues) {
        if self.top_k == 0 {
            self.top_k = row.len();
        }
        let column = self.layers.entry(layer).or_default();
        let token = column.len() / self.top_k.max(1);
        match row_problem(row, self.top_k, self.experts) {
            None => column.extend_from_slice(row),
            Some(problem) => {
                column.extend(std::iter::repeat_n(UNKNOWN, self.top_k));
                issues.push(Place { step: None, layer: Some(layer), token: Some(small(token)), offset }, problem);
            }
        }
    }

    /// Adds a row of zeros, which is no routing: a layer that has only such is dense.
    pub(super) fn push_zero(&mut self, layer: u32, top_k: usize) {
        if self.top_k == 0 {
            self.top_k = top_k;
        }
        self.layers.entry(layer).or_default().extend(std::iter::repeat_n(UNKNOWN, self.top_k));
        *self.zeros.entry(layer).or_default() += 1;
    }

    /// The request; layers with too few rows are filled up with unknown ones, layers that are all zero are dropped.
    pub(super) fn finish(mut self, index: u64, prefill: usize, labels: Labels, issues: &mut Issues) -> Option<Request> {
        let top_k = self.top_k.max(1);
        let dense = |layer: &u32, column: &Vec<u16>| {
            let zeros = self.zeros.get(layer).is_some_and(|&n| n * top_k == column.len());
            zeros || column.iter().all(|&id| id == 0)
        };
        let dense: Vec<u32> = self.layers.iter().filter(|(l, c)| dense(l, c)).map(|(&l, _)| l).collect();
        for layer in dense {
            self.layers.remove(&layer);
            issues.push(Place { layer: Some(layer), ..Place::default() }, Problem::ZeroLayer);
        }
        let most = self.layers.values().map(Vec::len).max().unwrap_or(0);
        for (&layer, column) in &mut self.layers {
            if column.len() < most {
                let (expected, found) = (most / top_k, column.len() / top_k);
                issues.push(Place { layer: Some(layer), ..Place::default() }, Problem::RowCount { expected, found });
                column.resize(most, UNKNOWN);
            }
        }
        self.layers.retain(|_, c| c.iter().any(|&id| id != UNKNOWN));
        if self.layers.is_empty() {
            issues.push(Place::default(), Problem::Empty);
            return None;
        }
        let tokens = most / top_k;
        let (layers, columns) = self.layers.into_iter().unzip();
        let prefill = prefill.min(tokens);
        Some(Request { index, sub: 0, labels, top_k: self.top_k, prefill, tokens, layers, columns })
    }
}
