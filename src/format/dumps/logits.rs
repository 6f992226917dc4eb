//! Router logits: the scores of all experts of each token. What a token takes of them is computed again here, and said to be. Apart from
//! arrays of ids, which look alike but for their numbers.

use super::super::rows::{Rows, Split, bounded};
use super::super::tensor::Tensor;
use super::super::{Finding, Problem};
use super::Dump;
use crate::format::node::Node;
use crate::model::{MAX_EXPERTS, UNKNOWN};

/// Names of logits.
const LOGITS: [&str; 5] = ["router_logits", "gate_logits", "router_scores", "logits", "router_probs"];

impl Dump {
    /// Takes logits that a name tells, or a list of them by layer; false if it is none.
    pub(super) fn logits_of(&mut self, node: &Node) -> Result<bool, Problem> {
        let named = node.some(&LOGITS);
        let all = match named.unwrap_or(node) {
            Node::List(all) => all.as_slice(),
            Node::Tensor(tensor) if named.is_some() => return self.logits_array(tensor, 0),
            _ => return Ok(false),
        };
        let tensors: Vec<Tensor> = all.iter().filter_map(Node::tensor).cloned().collect();
        let floats = |t: &Tensor| t.kind.is_float() && (t.shape.len() == 2 || t.shape.len() == 3) && !t.are_counts();
        if tensors.is_empty() || tensors.len() < all.len() || !tensors.iter().all(floats) {
            return Ok(false);
        }
        self.logits(&(0..).zip(tensors).collect::<Vec<_>>())?;
        Ok(true)
    }

    /// An array of logits: of one layer, or of layers and tokens in either order.
    pub(super) fn logits_array(&mut self, tensor: &Tensor, layer: u64) -> Result<bool, Problem> {
        match tensor.shape[..] {
            [_, _] => self.logits(&[(layer, tensor.clone())])?,
            [a, b, _] => {
                // Models have fewer layers than recordings have tokens; as Transformers stacks them, layers come first.
                let by_layer = if a <= b { tensor.clone() } else { tensor.permuted(&[1, 0, 2]) };
                let layers = (0..by_layer.shape[0]).filter_map(|l| Some((l as u64, by_layer.part(l)?)));
                self.logits(&layers.collect::<Vec<_>>())?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The experts of each token: its largest logits, the lower id first where they are equal.
    pub(super) fn logits(&mut self, layers: &[(u64, Tensor)]) -> Result<(), Problem> {
        let experts = layers.iter().filter_map(|(_, t)| t.shape.last().copied()).max().unwrap_or(0);
        if experts as u64 > MAX_EXPERTS {
            return Err(Problem::Limit { what: "experts".into(), limit: MAX_EXPERTS });
        }
        let top_k = self.top_k(experts)?;
        let mut rows = Rows { experts, ..Rows::default() };
        for (layer, tensor) in layers {
            let width = tensor.shape.last().copied().unwrap_or(0);
            bounded(tensor.len() / width.max(1), layers.len(), top_k)?;
            let mut row: Vec<f64> = Vec::with_capacity(width);
            tensor.floats(|x| {
                row.push(x);
                if row.len() == width {
                    let ids = largest(&row, top_k);
                    rows.push(*layer, &ids, None, &mut self.found.issues);
                    row.clear();
                }
            });
        }
        self.found.issues.find(Finding::Logits { top_k });
        let one =
            layers.len() == 1 && super::super::number_after(&self.about.path, &["layers", "layer", "blk"]).is_some();
        if one {
            return self.layer_of_request(rows, "");
        }
        let request = rows.finish(&self.about, Split::Unmarked, &mut self.found.issues);
        self.push(request);
        Ok(())
    }
}

/// The positions of the largest numbers; unknown if one is none.
fn largest(row: &[f64], top_k: usize) -> Vec<u16> {
    if row.iter().any(|x| x.is_nan()) {
        return vec![UNKNOWN; top_k];
    }
    let mut all: Vec<(f64, u16)> = row.iter().copied().zip(0..).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    all.into_iter().take(top_k).map(|(_, id)| id).collect()
}
