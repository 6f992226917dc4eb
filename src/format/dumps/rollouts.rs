//! Rollouts of reinforcement learning: samples in columns, and padded batches with their masks. Apart from samples one by one, to
//! which columns are turned.

use super::super::Problem;
use super::super::rows::{Rows, Split};
use super::super::tensor::Tensor;
use super::Dump;
use crate::format::node::Node;

const ROUTED: [&str; 2] = ["routed_experts", "rollout_routed_experts"];

impl Dump {
    /// Takes many requests that stand in columns; false if it is no such thing.
    pub(super) fn rollouts(&mut self, node: &Node) -> Result<bool, Problem> {
        let Some(routed) = node.some(&ROUTED) else { return Ok(false) };
        if let Node::Tensor(tensor) = routed
            && tensor.shape.len() == 4
        {
            self.batch(node, tensor)?;
            return Ok(true);
        }
        let Node::List(all) = routed else { return Ok(false) };
        // A request as nested lists of different lengths is no column of requests.
        let columns = all.iter().any(|n| {
            matches!(n, Node::None | Node::Text(_) | Node::Map(_)) || n.tensor().is_some_and(|t| t.shape.len() > 2)
        });
        if !columns {
            return Ok(false);
        }
        let Node::Map(fields) = node else { return Ok(false) };
        for i in 0..all.len() {
            let of = |value: &Node| match value {
                Node::List(items) if items.len() == all.len() => items.get(i).cloned(),
                Node::Tensor(t) if t.shape.first() == Some(&all.len()) => t.part(i).map(Node::Tensor),
                _ => None,
            };
            let sample = fields.iter().filter_map(|(name, value)| Some((name.clone(), of(value)?))).collect();
            if let Err(problem) = self.samples(&Node::Map(sample)) {
                self.found.issues.push(super::Place::default(), problem);
            }
        }
        Ok(true)
    }

    /// A padded batch `[requests, tokens, layers, k]`.
    fn batch(&mut self, node: &Node, tensor: &Tensor) -> Result<(), Problem> {
        let &[requests, tokens, ..] = &tensor.shape[..] else { return Ok(()) };
        let mask = |names: &[&str]| {
            let mask = node.some(names)?.tensor()?;
            (mask.shape.len() == 2 && mask.shape[0] == requests).then(|| mask.clone())
        };
        let attention = mask(&["attention_mask", "mask"]).filter(|m| m.shape[1] >= tokens);
        let response = mask(&["response_mask", "loss_mask", "loss_masks", "responses"]);
        let lengths = node.some(&["response_length", "response_lengths"]).and_then(Node::tensor).map(Tensor::list);
        for b in 0..requests {
            self.all += 1;
            let Some(part) = tensor.part(b) else { continue };
            let ones = |mask: &Tensor| mask.part(b).map(|m| m.list()).unwrap_or_default();
            let valid: Vec<bool> = match &attention {
                Some(mask) => ones(mask).iter().take(tokens).map(|&n| n != 0).collect(),
                None => vec![true; tokens],
            };
            // A mask of the response alone stands for the last tokens.
            let from = response.as_ref().map(|mask| match (mask.shape[1], ones(mask)) {
                (width, all) if width == tokens => all.iter().position(|&n| n != 0).unwrap_or(tokens),
                (width, _) => (attention.as_ref().map_or(tokens, |m| m.shape[1])).saturating_sub(width).min(tokens),
            });
            let of_length = lengths.as_ref().and_then(|all| usize::try_from(*all.get(b)?).ok());
            let kept: Vec<usize> = (0..tokens).filter(|&t| valid.get(t).copied().unwrap_or(false)).collect();
            let split = match (from, of_length) {
                (Some(from), _) => Split::At(kept.iter().filter(|&&t| t < from).count()),
                (None, Some(g)) => Split::At(kept.len().saturating_sub(g)),
                _ => Split::Unmarked,
            };
            let mut rows = Rows::of(&part, &self.about)?;
            let width = rows.width;
            if kept.len() < tokens {
                for ids in rows.layers.values_mut() {
                    *ids = kept.iter().flat_map(|t| ids[t * width..(t + 1) * width].iter().copied()).collect();
                }
            }
            if kept.is_empty() {
                self.without += 1;
                continue;
            }
            let request = rows.finish(&self.about, split, &mut self.found.issues);
            self.push(request);
        }
        Ok(())
    }
}
