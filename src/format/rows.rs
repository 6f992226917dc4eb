//! Rows of expert ids to a request, for the formats whose files do not come step by step. Apart from the paper scanner, which does
//! the same while it streams and knows of steps. What the rows look like is judged by `sound` before they become a request.

use std::collections::BTreeMap;

use super::reader::About;
use super::tensor::{Kind, Tensor};
use super::{Issues, Place, Problem};
use crate::model::{LAYER_IDS, MAX_LAYERS, MAX_TOKENS, MAX_TOP_K, UNKNOWN};
use crate::units::small;

/// Whether a shape is one that traces have.
pub(super) fn bounded(tokens: usize, layers: usize, top_k: usize) -> Result<(), Problem> {
    let all = [("tokens", tokens, MAX_TOKENS), ("layers", layers, MAX_LAYERS), ("experts a token", top_k, MAX_TOP_K)];
    match all.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(Problem::Limit { what: format!("{found} {what}"), limit: limit as u64 }),
        None => Ok(()),
    }
}

/// Where the prompt of some rows ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// The recording does not say.
    Unmarked,
    /// Behind so many rows.
    At(usize),
}

/// A request that is being read, layer by layer or token by token.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Ids of a row.
    pub(super) width: usize,
    /// The rows of each layer, one after another.
    pub(super) layers: BTreeMap<u32, Vec<u16>>,
    /// E, if the recording says so.
    pub(super) experts: usize,
    /// The ids were stored in 8 bits.
    pub(super) narrow: bool,
}

impl Rows {
    /// Of an array `[tokens, layers, k]`.
    pub(super) fn of(tensor: &Tensor, about: &About) -> Result<Self, Problem> {
        let &[tokens, layers, width] = &tensor.shape[..] else {
            return Err(Problem::Unreadable {
                why: format!("the array has shape {:?}, not [tokens, layers, k]", tensor.shape),
            });
        };
        bounded(tokens, layers, width)?;
        let first = first_layer(layers, about);
        let ids = tensor.permuted(&[1, 0, 2]).ids();
        let size = (tokens * width).max(1);
        let columns = ids.chunks_exact(size).map(<[u16]>::to_vec);
        let layers = (first..).zip(columns).take(layers).collect();
        let narrow = matches!(tensor.kind, Kind::U8 | Kind::I8);
        Ok(Self { width, layers, narrow, ..Self::default() })
    }

    /// Appends the rows of a later part.
    pub(super) fn append(&mut self, more: Self) -> Result<(), Problem> {
        if self.layers.values().all(Vec::is_empty) {
            *self = more;
            return Ok(());
        }
        let same = self.width == more.width && self.layers.keys().eq(more.layers.keys());
        if !same && !more.layers.values().all(Vec::is_empty) {
            let shape = |r: &Self| format!("{} layers of {} ids", r.layers.len(), r.width);
            let why = format!("its parts have other shapes: {}, then {}", shape(self), shape(&more));
            return Err(Problem::NotATrace { why });
        }
        self.layers.iter_mut().for_each(|(id, ids)| ids.extend(more.layers.get(id).into_iter().flatten()));
        self.narrow |= more.narrow;
        Ok(())
    }

    /// Tokens of the longest layer.
    pub(super) fn tokens(&self) -> usize {
        self.layers.values().map(Vec::len).max().unwrap_or(0) / self.width.max(1)
    }

    /// Adds the next token's row to a layer; the first row of all decides K.
    pub(super) fn push(&mut self, layer: u64, row: &[u16], offset: Option<u64>, issues: &mut Issues) {
        let id = u32::try_from(layer).ok();
        let column = id.and_then(|l| self.layers.get(&l));
        let width = if self.width == 0 { row.len() } else { self.width };
        let token = column.map_or(0, Vec::len) / width.max(1);
        let layers = self.layers.len() + usize::from(column.is_none());
        let wrong = if layer >= LAYER_IDS {
            Some(Problem::Limit { what: format!("layer id {layer}"), limit: LAYER_IDS - 1 })
        } else {
            bounded(token + 1, layers, width).err()
        };
        if let Some(problem) = wrong {
            return issues.push(Place { step: None, layer: id, token: Some(small(token)), offset }, problem);
        }
        let Some(id) = id else { return };
        self.width = width;
        let column = self.layers.entry(id).or_default();
        if row.len() == width {
            column.extend_from_slice(row);
            return;
        }
        column.extend(std::iter::repeat_n(UNKNOWN, width));
        let place = Place { step: None, layer: Some(id), token: Some(small(token)), offset };
        issues.push(place, Problem::RowWidth { expected: width, found: row.len() });
    }
}

/// The id of the first of so many layers, if the reader tells that those of a recording are the MoE layers alone.
pub(super) fn first_layer(layers: usize, about: &About) -> u32 {
    let told = &about.told;
    let alone = told.dense > 0 && told.layers.is_some_and(|all| layers + told.dense == all);
    if alone { small(told.dense) } else { 0 }
}
