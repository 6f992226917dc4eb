//! Safetensors: a header of JSON that says where each array lies. Apart from its reader, and from the library for it: this is fifty
//! lines, and arrays of every type are read in one place here.

use std::rc::Rc;

use serde_json::Value;

use super::Problem;
use super::node::Node;
use super::tensor::{Kind, Tensor};

/// Bytes of the longest header: the format's own limit.
const LONGEST: u64 = 100 << 20;

/// The header's length, if these are the first bytes of such a file.
pub(super) fn header(head: &[u8]) -> Option<usize> {
    let length = u64::from_le_bytes(head.get(..8)?.try_into().ok()?);
    let sound = (2..=LONGEST).contains(&length) && head.get(8) == Some(&b'{');
    sound.then(|| super::tensor::size(length))
}

/// Names of arrays in the header, as far as it is there.
pub(super) fn is_weights(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(1 << 16)]).into_owned();
    [".weight\"", ".weight_scale_inv\"", "lm_head", "embed_tokens"].iter().filter(|name| text.contains(**name)).count()
        > 0
        && !text.contains("router_logits")
        && !text.contains("routed_experts")
}

/// The arrays of a file by name.
pub(super) fn read(bytes: Vec<u8>) -> Result<Node, Problem> {
    let unreadable = |why: String| Problem::Unreadable { why };
    let cut = || Problem::Truncated { inside: "the header of a safetensors file".into() };
    let length = header(&bytes).ok_or_else(|| unreadable("it has no header of safetensors".into()))?;
    let start = 8 + length;
    let text = bytes.get(8..start).ok_or_else(cut)?;
    let header: Value = serde_json::from_slice(text).map_err(|e| unreadable(format!("its header is no JSON: {e}")))?;
    let Value::Object(header) = header else { return Err(unreadable("its header is no object".into())) };
    let bytes = Rc::new(bytes);
    let mut all = Vec::new();
    for (name, of) in header {
        if name == "__metadata__" {
            let Value::Object(of) = of else { continue };
            all.extend(of.into_iter().filter_map(|(key, v)| Some((key, Node::Text(v.as_str()?.into())))));
            continue;
        }
        let Some(kind) = of["dtype"].as_str().and_then(Kind::named) else { continue };
        let sizes = |v: &Value| -> Option<Vec<usize>> {
            v.as_array()?.iter().map(|n| n.as_u64().map(super::tensor::size)).collect()
        };
        let (Some(shape), Some(place)) = (sizes(&of["shape"]), sizes(&of["data_offsets"])) else {
            return Err(unreadable(format!("its header does not say where {name:?} lies")));
        };
        let (from, to) = (place.first().copied().unwrap_or(0), place.get(1).copied().unwrap_or(0));
        let needed = shape.iter().try_fold(kind.size() as u64, |n, &side| n.checked_mul(side as u64));
        if needed != Some(to.saturating_sub(from) as u64) {
            return Err(unreadable(format!(
                "{name:?} has {} bytes, which its shape does not need",
                to.saturating_sub(from)
            )));
        }
        let tensor = Tensor::new((&bytes, start.saturating_add(from)), (kind, false), &shape, None)?;
        all.push((name, Node::Tensor(tensor)));
    }
    Ok(Node::Map(all))
}
