//! Counts by layer and expert in structured files: matrices, dicts of layers and experts, arrays of an iteration and layer. Apart from
//! counts as tables (`counts`), which come row by row.

use super::super::counts::{Tally, matrices, usual};
use super::super::finding::listed;
use super::super::tensor::Tensor;
use super::super::{Counts, Finding, Issues, Place, Problem, number_after};
use super::Dump;
use crate::format::node::Node;
use crate::model::{LAYER_IDS, MAX_EXPERTS, MAX_LAYERS};

/// Names of counts.
const COUNTS: [&str; 14] = [
    "expert_counts",
    "expert_count",
    "counts",
    "count",
    "expert_load",
    "expert_loads",
    "load",
    "loads",
    "weight",
    "tokens_per_expert",
    "expert_load_view",
    "moe_load",
    "expert_frequency",
    "activation_counts",
];

/// The layer that a name is of: `3`, `layer_3`, `model.layers.3.mlp.gate`.
pub(super) fn layer_of(name: &str) -> Option<u64> {
    name.parse().ok().or_else(|| number_after(name, &["layers", "layer_id", "layer", "blk", "block", "l"]))
}

impl Dump {
    /// Takes counts that are told by their name, or by the names of layers and experts; false if it is none.
    pub(super) fn load(&mut self, node: &Node) -> Result<bool, Problem> {
        if let Some(Node::Tensor(counts)) = node.some(&COUNTS)
            && (counts.shape.len() == 2 || counts.shape.len() == 3)
            && counts.are_counts()
        {
            self.counts_of(counts)?;
            return Ok(true);
        }
        if let Some(inner @ Node::Map(_)) = node.some(&COUNTS) {
            let Node::Map(all) = inner else { return Ok(false) };
            return Ok(self.by_layer(all)? || self.load(inner)?);
        }
        let Node::Map(all) = node else { return Ok(false) };
        // `{layer: {expert: count}}`
        let of_layer = |(name, value): &(String, Node)| {
            let (Some(layer), Node::Map(experts)) = (layer_of(name), value) else { return None };
            let count = |(name, value): &(String, Node)| {
                let expert = name.parse().ok().or_else(|| number_after(name, &["experts", "expert", "ep", "e"]))?;
                Some((expert, value.int().and_then(|n| u64::try_from(n).ok())?))
            };
            Some((layer, experts.iter().map(count).collect::<Option<Vec<(u64, u64)>>>()?))
        };
        let layers: Vec<(u64, Vec<(u64, u64)>)> = all.iter().filter_map(of_layer).collect();
        if layers.is_empty() || layers.iter().all(|(_, experts)| experts.is_empty()) {
            return Ok(false);
        }
        let mut tally = Tally::default();
        for (layer, experts) in layers {
            for (expert, count) in experts {
                if let Err(problem) = tally.add(layer, expert, count, MAX_EXPERTS) {
                    let place = Place { layer: u32::try_from(layer).ok(), ..Place::default() };
                    self.found.issues.push(place, problem);
                }
            }
        }
        self.found.add_counts(tally.finish());
        Ok(true)
    }

    /// Counts `[layers, experts]`, or `[steps, layers, experts]`, which are summed unless they go on from step to step.
    pub(super) fn counts_of(&mut self, counts: &Tensor) -> Result<(), Problem> {
        let (steps, layers, experts) = match counts.shape[..] {
            [layers, experts] => (1, layers, experts),
            [steps, layers, experts] => (steps, layers, experts),
            _ => {
                let why = format!("counts {} are no [layers, experts] or [steps, layers, experts]", counts.words());
                return Err(Problem::NotATrace { why });
            }
        };
        for (what, found, limit) in
            [("experts", experts as u64, MAX_EXPERTS), ("layers", layers as u64, MAX_LAYERS as u64)]
        {
            if found > limit {
                return Err(Problem::Limit { what: what.into(), limit });
            }
        }
        let first = super::super::rows::first_layer(layers, &self.about);
        let size = (layers * experts).max(1);
        let list = counts.list();
        let (mut tally, mut empty) = (Tally::default(), 0);
        let all: Vec<&[i64]> = list.chunks_exact(size).collect();
        // A counter that is never reset: each step is at least the one before, in every cell.
        let grows = |pair: &[&[i64]]| pair[0].iter().zip(pair[1]).all(|(a, b)| a <= b);
        let busy = all.len() > 2 && all[0].iter().any(|&n| n > 0);
        let lifetime = busy && all.windows(2).all(grows) && all[all.len() - 1] != all[0];
        for (step, matrix) in all.iter().enumerate() {
            let nothing = matrix.iter().all(|&n| n == 0);
            empty += usize::from(nothing);
            if nothing || (lifetime && step + 1 < all.len()) {
                continue;
            }
            for (at, &count) in matrix.iter().enumerate() {
                let (layer, expert) = ((at / experts) as u64 + u64::from(first), (at % experts) as u64);
                let place = Place { layer: u32::try_from(layer).ok(), ..Place::default() };
                let Ok(count) = u64::try_from(count) else {
                    let found = count.to_string();
                    self.found.issues.push(place, Problem::Syntax { expected: "a count".into(), found });
                    continue;
                };
                if let Err(problem) = tally.add(layer, expert, count, MAX_EXPERTS) {
                    self.found.issues.push(place, problem);
                }
            }
        }
        if empty > 0 && steps > 1 {
            self.found.issues.find(Finding::EmptySteps { empty, steps });
        }
        if lifetime {
            self.found.issues.find(Finding::Lifetime);
        }
        let counts = without_empty(tally.finish(), &mut self.found.issues);
        self.found.experts = self.found.experts.max(experts);
        self.found.add_counts(counts);
        Ok(())
    }

    /// The same as lists of different lengths: what has another shape than most is left out.
    pub(super) fn ragged(&mut self, node: &Node) -> Result<bool, Problem> {
        fn rows(node: &Node) -> Option<Vec<Vec<u64>>> {
            let row = |n: &Node| match n {
                Node::Tensor(t) if t.shape.len() == 1 => t.list().iter().map(|&n| u64::try_from(n).ok()).collect(),
                Node::List(all) if all.is_empty() => Some(Vec::new()),
                _ => None,
            };
            match node {
                Node::Tensor(t) if t.shape.len() == 2 => {
                    (0..t.shape[0]).map(|i| row(&Node::Tensor(t.part(i)?))).collect()
                }
                Node::List(all) => all.iter().map(row).collect(),
                _ => None,
            }
        }
        let Node::List(all) = node else { return Ok(false) };
        let steps: Option<Vec<Vec<Vec<u64>>>> = rows(node).map(|m| vec![m]).or_else(|| all.iter().map(rows).collect());
        let Some(steps) = steps.filter(|s| s.iter().flatten().any(|row| !row.is_empty())) else { return Ok(false) };
        let counts = matrices(&steps, &mut self.found.issues);
        self.found.experts = self.found.experts.max(usual(steps.iter().flatten().map(Vec::len)));
        self.found.add_counts(counts);
        Ok(true)
    }

    /// Arrays of counts by an iteration and a layer, as TensorRT-LLM names them (`100_3`); false if it is none.
    pub(super) fn by_iteration(&mut self, all: &[(String, Node)]) -> Result<bool, Problem> {
        let place = |name: &str| {
            let (step, layer) = name.split_once('_')?;
            Some((step.parse::<u64>().ok()?, layer.parse::<u64>().ok()?))
        };
        let of = |(name, value): &(String, Node)| {
            Some((place(name)?, value.tensor().filter(|t| t.shape.len() == 1)?.clone()))
        };
        let found: Vec<((u64, u64), Tensor)> = all.iter().filter_map(of).collect();
        if found.is_empty() {
            return Ok(false);
        }
        let steps: std::collections::BTreeSet<u64> = found.iter().map(|((step, _), _)| *step).collect();
        self.of_counts = Some(format!("aggregate over {} iterations, added up", steps.len()));
        let mut tally = Tally::default();
        for ((_, layer), counts) in &found {
            add_row(&mut tally, *layer, counts, &mut self.found.issues);
            self.found.experts = self.found.experts.max(counts.len());
        }
        let counts = without_empty(tally.finish(), &mut self.found.issues);
        self.found.add_counts(counts);
        Ok(true)
    }
}

/// Adds the counts of a layer.
pub(super) fn add_row(tally: &mut Tally, layer: u64, counts: &Tensor, issues: &mut Issues) {
    for (expert, count) in (0..).zip(counts.list()) {
        let added = match u64::try_from(count) {
            Ok(count) => tally.add(layer, expert, count, MAX_EXPERTS),
            Err(_) => Err(Problem::Syntax { expected: "a count".into(), found: count.to_string() }),
        };
        if let Err(problem) = added {
            issues.push(Place { layer: u32::try_from(layer).ok(), ..Place::default() }, problem);
        }
    }
}

/// Leaves out layers that count nothing.
pub(in crate::format) fn without_empty(mut counts: Counts, issues: &mut Issues) -> Counts {
    let (mut empty, before) = (Vec::new(), counts.len());
    counts.retain(|(layer, counts)| {
        let nothing = counts.iter().all(|&n| n == 0);
        if nothing {
            empty.push(u64::from(*layer));
        }
        !nothing
    });
    if !empty.is_empty() && empty.len() < before {
        let words = if empty.len() == 1 { "layer" } else { "layers" };
        let layers = format!("{words} {}", listed(empty));
        issues.find(Finding::NotRecorded { layers, what: "every count is zero".into() });
    }
    debug_assert!(counts.iter().all(|(layer, _)| u64::from(*layer) < LAYER_IDS));
    counts
}
