//! Arrays without a word around them, and arrays by layer: what they are is told by their shape and by what their rows look like. Apart
//! from arrays that a name tells (`samples`, `loads`).

use super::super::counts::Tally;
use super::super::rows::{Rows, Split, bounded};
use super::super::tensor::Tensor;
use super::super::{Finding, Fragment, Half, Problem, number_after};
use super::loads::{add_row, layer_of, without_empty};
use super::{Dump, asks_top_k};
use crate::format::node::Node;
use crate::model::{MAX_TOP_K, MODELS, UNKNOWN};

/// More experts a token than any model has; wider rows are of experts.
const WIDEST: usize = 16;

/// Whether these ids may be those of one token: distinct, or all alike where nothing was recorded.
pub(super) fn is_row(row: &[u16]) -> bool {
    let known: Vec<u16> = row.iter().copied().filter(|&id| id != UNKNOWN).collect();
    row.iter().all(|id| *id == row[0]) || (1..known.len()).all(|i| !known[..i].contains(&known[i]))
}

/// Whether the last axis of an array holds the experts of a token.
fn are_ids(tensor: &Tensor, top_k: Option<usize>) -> bool {
    let Some(&width) = tensor.shape.last() else { return false };
    if tensor.kind.is_float() && !tensor.are_counts() || width == 0 || width > MAX_TOP_K {
        return false;
    }
    let (least, most) = tensor.bounds();
    if least < -1 || most >= 6144 || (width > WIDEST && top_k != Some(width)) {
        return false;
    }
    // Wrapped ids and a fused shared expert list some twice: most rows decide.
    let ids = tensor.head(width << 16).ids();
    let rows = ids.chunks_exact(width).take(1 << 16);
    let (all, sound) = rows.fold((0, 0), |(all, sound), row| (all + 1, sound + usize::from(is_row(row))));
    sound * 8 >= all * 7
}

/// Whether an array `[layers, ranks, experts]` tells the slot of each expert: -1 for not here, else 0, 1, … of its rank.
fn is_placement(tensor: &Tensor) -> bool {
    let &[layers, ranks, experts] = &tensor.shape[..] else { return false };
    if tensor.kind.is_float() || tensor.len() == 0 || tensor.len() > 1 << 24 || tensor.bounds().0 != -1 {
        return false;
    }
    let list = tensor.list();
    (0..layers * ranks).all(|row| {
        let mut slots: Vec<i64> = list[row * experts..][..experts].iter().copied().filter(|&s| s >= 0).collect();
        slots.sort_unstable();
        slots.iter().copied().eq(0..i64::try_from(slots.len()).unwrap_or(0))
    }) && (0..layers * experts)
        .all(|at| (0..ranks).any(|r| list[(at / experts * ranks + r) * experts + at % experts] >= 0))
}

impl Dump {
    /// Takes an array that nothing names; false if it is of no family.
    pub(super) fn array(&mut self, tensor: &Tensor) -> Result<bool, Problem> {
        let told = self.about.told.clone();
        let layer = number_after(&self.about.path, &["layers", "layer", "blk"]);
        if tensor.len() == 0 {
            if let &[tokens, layers, width] = &tensor.shape[..] {
                bounded(tokens, layers, width)?;
            }
            return Ok(false);
        }
        if is_placement(tensor) {
            let kind = format!("a map of layers, ranks and experts, {}", tensor.words());
            return Err(Finding::Placement { kind }.into());
        }
        let ids = are_ids(tensor, told.top_k);
        match tensor.shape.len() {
            3 if ids => {
                let rows = Rows::of(tensor, &self.about)?;
                let request = rows.finish(&self.about, Split::Unmarked, &mut self.found.issues);
                self.push(request);
                Ok(true)
            }
            // A padded batch.
            4 if ids => {
                for part in Node::Tensor(tensor.clone()).items() {
                    if let Some(part) = part.tensor() {
                        self.array(part)?;
                    }
                }
                Ok(true)
            }
            2 if ids && layer.is_some() => {
                self.layer(layer.unwrap_or(0), tensor)?;
                Ok(true)
            }
            2 | 3 if tensor.are_counts() && tensor.shape.last().is_some_and(|&e| e > 1) => {
                self.counts_of(tensor)?;
                Ok(true)
            }
            2 | 3 if tensor.kind.is_float() => self.logits_array(tensor, layer.unwrap_or(0)),
            // Wrong bounds are said better by who knows them.
            3 => {
                let &[tokens, layers, width] = &tensor.shape[..] else { return Ok(false) };
                bounded(tokens, layers, width)?;
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// Takes the experts of one layer of a request, whose other layers other files hold.
    fn layer(&mut self, layer: u64, tensor: &Tensor) -> Result<(), Problem> {
        let &[tokens, width] = &tensor.shape[..] else { return Ok(()) };
        bounded(tokens, 1, width)?;
        let layers = [(u32::try_from(layer).unwrap_or(u32::MAX), tensor.ids())].into();
        let rows = Rows { width, layers, ..Rows::default() };
        self.layer_of_request(rows, "")
    }

    /// Rows of some layers of a request, whose other layers other files hold.
    pub(super) fn layer_of_request(&mut self, rows: Rows, of: &str) -> Result<(), Problem> {
        let request = rows.finish(&self.about, Split::Unmarked, &mut self.found.issues);
        if let Some(request) = request {
            let of = format!("{}{of}", without_layer(&self.about.path));
            self.found.fragments.push(Fragment { of, part: Half::Layers, request });
        }
        Ok(())
    }

    /// Takes arrays by the names of layers; false if they are none.
    pub(super) fn by_layer(&mut self, all: &[(String, Node)]) -> Result<bool, Problem> {
        if self.by_iteration(all)? {
            return Ok(true);
        }
        let of = |(name, value): &(String, Node)| Some((layer_of(name)?, value.tensor()?.clone()));
        let mut found: Vec<(u64, Tensor)> = all.iter().filter_map(of).collect();
        found.sort_by_key(|(layer, _)| *layer);
        let Some((_, first)) = found.first() else { return Ok(false) };
        if found.windows(2).any(|w| w[0].0 == w[1].0) {
            return Ok(false);
        }
        let axes = first.shape.len();
        if axes == 0 || found.iter().any(|(_, t)| t.shape.len() != axes || t.len() == 0) {
            return Ok(false);
        }
        let top_k = self.about.told.top_k;
        match axes {
            1 if found.iter().all(|(_, t)| t.are_counts()) => {
                let mut tally = Tally::default();
                for (layer, counts) in &found {
                    add_row(&mut tally, *layer, counts, &mut self.found.issues);
                    self.found.experts = self.found.experts.max(counts.len());
                }
                let counts = without_empty(tally.finish(), &mut self.found.issues);
                self.found.add_counts(counts);
                Ok(true)
            }
            2 if found.iter().all(|(_, t)| are_ids(t, top_k)) => {
                self.layers(&found)?;
                Ok(true)
            }
            3 if found.iter().all(|(_, t)| are_ids(t, top_k)) => {
                // Batches of requests: `[requests, tokens, k]` in each layer.
                let requests = found.iter().map(|(_, t)| t.shape[0]).min().unwrap_or(0);
                for r in 0..requests {
                    let parts: Vec<(u64, Tensor)> = found.iter().filter_map(|(l, t)| Some((*l, t.part(r)?))).collect();
                    self.layers(&parts)?;
                }
                Ok(true)
            }
            2 | 3 if first.kind.is_float() => {
                self.logits(&found)?;
                Ok(true)
            }
            2 if found.iter().all(|(_, t)| t.are_counts()) => {
                // Steps of each layer.
                let mut tally = Tally::default();
                for (layer, steps) in &found {
                    for step in 0..steps.shape[0] {
                        if let Some(row) = steps.part(step) {
                            add_row(&mut tally, *layer, &row, &mut self.found.issues);
                        }
                    }
                    self.found.experts = self.found.experts.max(steps.shape[1]);
                }
                let counts = without_empty(tally.finish(), &mut self.found.issues);
                self.found.add_counts(counts);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A list of arrays, one a layer, of ids; of requests it is none.
    pub(super) fn by_layer_list(&mut self, all: &[Node]) -> Result<bool, Problem> {
        let tensors: Vec<&Tensor> = all.iter().filter_map(Node::tensor).collect();
        let matrices = tensors.len() == all.len() && tensors.len() > 1 && tensors.iter().all(|t| t.shape.len() == 2);
        // Rows of different lengths are counts that are cut, or no layers at all.
        if !matrices && tensors.len() == all.len() && tensors.iter().all(|t| t.shape.len() == 1) && all.len() > 1 {
            return self.ragged(&Node::List(all.to_vec()));
        }
        if !matrices || !tensors.iter().all(|t| are_ids(t, self.about.told.top_k)) {
            return Ok(false);
        }
        let layers: Vec<(u64, Tensor)> = (0..).zip(tensors).map(|(l, t)| (l, t.clone())).collect();
        self.layers(&layers)?;
        Ok(true)
    }

    /// The experts of a request's tokens, layer by layer.
    fn layers(&mut self, layers: &[(u64, Tensor)]) -> Result<(), Problem> {
        let mut rows = Rows::default();
        for (layer, tensor) in layers {
            let &[tokens, width] = &tensor.shape[..] else { continue };
            bounded(tokens, layers.len(), width)?;
            let ids = tensor.ids();
            for row in ids.chunks_exact(width.max(1)) {
                rows.push(*layer, row, None, &mut self.found.issues);
            }
        }
        let request = rows.finish(&self.about, Split::Unmarked, &mut self.found.issues);
        self.push(request);
        Ok(())
    }

    /// Logits without a K.
    pub(super) fn top_k(&mut self, experts: usize) -> Result<usize, Problem> {
        let model = self.about.model.filter(|m| m.experts == experts).map(|m| m.top_k);
        let top_k = self.about.told.top_k.or(model).filter(|k| *k <= experts);
        // What models of so many experts take.
        let mut fits: Vec<usize> = MODELS.iter().filter(|m| m.experts == experts).map(|m| m.top_k).collect();
        fits.sort_unstable();
        fits.dedup();
        top_k.ok_or_else(|| asks_top_k(&format!(" N (these are router logits of {experts} experts)"), fits))
    }
}

/// A path without the number of its layer, which the files of one request share.
pub(in crate::format) fn without_layer(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let at = ["layers", "layer", "blk"].iter().filter_map(|word| lower.rfind(word).map(|at| at + word.len())).max();
    let Some(at) = at else { return path.into() };
    let rest = lower[at..].trim_start_matches(|c: char| !c.is_ascii_digit());
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}*{rest}", &lower[..at])
}
