//! Rows of expert ids to a request, for the formats that are read whole. Apart from the paper scanner, which does the same
//! while it streams and knows of steps.

use std::collections::BTreeMap;

use super::reader::About;
use super::{Issues, Place, Problem};
use crate::model::{LAYER_IDS, MAX_LAYERS, MAX_TOKENS, MAX_TOP_K, Marks, Request, UNKNOWN, may_hold};
use crate::units::small;

/// Ids `[tokens][layers][k]`, flat; what is no `u16` (such as -1) is unknown.
pub(super) struct Routed {
    pub(super) ids: Vec<u16>,
    pub(super) layers: usize,
    pub(super) top_k: usize,
}

/// Whether a shape is one that traces have.
pub(super) fn bounded(tokens: usize, layers: usize, top_k: usize) -> Result<(), Problem> {
    let all = [("tokens", tokens, MAX_TOKENS), ("layers", layers, MAX_LAYERS), ("experts a token", top_k, MAX_TOP_K)];
    match all.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(Problem::Limit { what: format!("{found} {what}"), limit: limit as u64 }),
        None => Ok(()),
    }
}

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
    /// Rows of all layers.
    rows: usize,
    /// Rows of zeros in each layer.
    zeros: BTreeMap<u32, usize>,
}

impl Columns {
    pub(super) fn new(experts: u64) -> Self {
        Self { top_k: 0, experts, layers: BTreeMap::new(), rows: 0, zeros: BTreeMap::new() }
    }

    /// Adds the tokens of an array; layers are numbered from 0.
    pub(super) fn push_all(&mut self, routed: &Routed, issues: &mut Issues) {
        for token in routed.ids.chunks_exact((routed.layers * routed.top_k).max(1)) {
            for (layer, row) in (0..).zip(token.chunks_exact(routed.top_k.max(1))) {
                // A dense layer is recorded as zeros; its rows are not duplicates but nothing.
                if row.len() > 1 && row.iter().all(|&id| id == 0) {
                    self.push_zero(layer, row.len(), issues);
                } else {
                    self.push(layer, row, None, issues);
                }
            }
        }
    }

    /// Adds the next token's row to a layer; the first row of all decides K.
    pub(super) fn push(&mut self, layer: u64, row: &[u16], offset: Option<u64>, issues: &mut Issues) {
        let Some((layer, token)) = self.place(layer, row.len(), offset, issues) else { return };
        let column = self.layers.entry(layer).or_default();
        match row_problem(row, self.top_k, self.experts) {
            None => column.extend_from_slice(row),
            Some(problem) => {
                column.extend(std::iter::repeat_n(UNKNOWN, self.top_k));
                issues.push(Place { step: None, layer: Some(layer), token: Some(small(token)), offset }, problem);
            }
        }
    }

    /// Adds a row of zeros, which is no routing: a layer that has only such is dense.
    fn push_zero(&mut self, layer: u64, top_k: usize, issues: &mut Issues) {
        let Some((layer, _)) = self.place(layer, top_k, None, issues) else { return };
        self.layers.entry(layer).or_default().extend(std::iter::repeat_n(UNKNOWN, self.top_k));
        *self.zeros.entry(layer).or_default() += 1;
    }

    /// Layer and token of a layer's next row; none, and an issue, where a bound is in the way.
    fn place(&mut self, id: u64, width: usize, offset: Option<u64>, issues: &mut Issues) -> Option<(u32, usize)> {
        let layer = u32::try_from(id).ok();
        let column = layer.and_then(|l| self.layers.get(&l));
        let top_k = if self.top_k == 0 { width } else { self.top_k };
        let token = column.map_or(0, Vec::len) / top_k.max(1);
        let layers = self.layers.len() + usize::from(column.is_none());
        let wrong = if id >= LAYER_IDS {
            Some(Problem::Limit { what: format!("layer id {id}"), limit: LAYER_IDS - 1 })
        } else {
            bounded(token + 1, layers, top_k).err()
        };
        if let Some(problem) = wrong {
            issues.push(Place { step: None, layer, token: Some(small(token)), offset }, problem);
            return None;
        }
        self.top_k = top_k;
        self.rows += 1;
        Some((layer?, token))
    }

    /// The request; layers with too few rows are filled up with unknown ones, layers that are all zero are dropped.
    pub(super) fn finish(mut self, about: &About, prefill: Option<usize>, issues: &mut Issues) -> Option<Request> {
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
        // One long layer beside a thousand short ones would ask for a thousand times what is in the file.
        if !may_hold(self.layers.len(), most / top_k, top_k, (self.rows * top_k * 2) as u64) {
            let what = format!("rows that are missing in {} layers", self.layers.len());
            issues.push(Place::default(), Problem::Limit { what, limit: (self.rows * 2) as u64 });
            return None;
        }
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
        let (marks, prefill) = prefill.map_or((Marks::None, 0), |n| (Marks::Given, n.min(tokens)));
        let (index, labels) = (about.index, about.labels.clone());
        Some(Request { index, sub: 0, labels, top_k: self.top_k, experts: 0, marks, prefill, tokens, layers, columns })
    }
}
