//! What a pickle built, as nodes. Apart from the machine that builds: there everything that is named twice is one thing, here it is copied, and
//! so it is counted.

use std::rc::Rc;

use super::{Array, MOST_VALUES, Machine, Value};
use crate::format::node::Node;
use crate::format::tensor::{Tensor, fortran_order};

/// Nodes that a pickle may become beyond two for each of its bytes: it names a thing twice with one byte, and forty of those would be a
/// million million nodes.
const FREE_NODES: usize = 1 << 20;

impl Machine<'_, '_> {
    /// What a node takes of [`MOST_VALUES`]: a small file becomes fewer.
    fn of_a_node(&self) -> usize {
        (MOST_VALUES / self.bytes.len().saturating_mul(2).saturating_add(FREE_NODES)).max(1)
    }

    /// A value as a node; what is too deep, or a cycle, stands for nothing.
    pub(super) fn node(&self, value: &Value, depth: usize, left: &mut usize) -> Node {
        let Some(below) = depth.checked_sub(1).filter(|_| *left > 0) else { return Node::Opaque("too deep".into()) };
        *left = left.saturating_sub(self.of_a_node());
        match value {
            Value::None => Node::None,
            Value::Bool(b) => Node::Bool(*b),
            Value::Int(n) => Node::Int(*n),
            Value::Float(x) => Node::Float(*x),
            Value::Text(text) => {
                // A text that is named a million times is copied as often.
                let Some(rest) = left.checked_sub(text.len() / 8) else { return Node::Opaque("a text".into()) };
                *left = rest;
                Node::Text(text.to_string())
            }
            Value::Bytes(_) => Node::Opaque("bytes".into()),
            Value::List(at) => {
                let all: Vec<Node> = self.lists[*at].iter().map(|v| self.node(v, below, left)).collect();
                // So is an array: then they stay apart.
                let elements = all.iter().filter_map(Node::tensor).map(Tensor::len).fold(0, usize::saturating_add);
                let Some(rest) = left.checked_sub(elements / 4) else { return Node::List(all) };
                *left = rest;
                Node::stacked(all)
            }
            Value::Dict(at) => {
                let entry = |(key, value): &(Value, Value)| {
                    let key = match key {
                        Value::Text(text) => {
                            *left = left.checked_sub(text.len() / 8)?;
                            text.to_string()
                        }
                        Value::Int(n) => n.to_string(),
                        Value::Array(_) => self.node(key, below, left).int()?.to_string(),
                        _ => return None,
                    };
                    Some((key, self.node(value, below, left)))
                };
                Node::Map(self.dicts[*at].iter().filter_map(entry).collect())
            }
            Value::Array(at) => self.array(&self.arrays[*at], below, left),
            Value::Tensor(tensor) => Node::Tensor(tensor.as_ref().clone()),
            Value::Name(name) | Value::Opaque(name) => Node::Opaque(name.to_string()),
            Value::Dtype(_) | Value::Storage(..) => Node::Opaque("a type or storage".into()),
        }
    }

    fn array(&self, of: &Array, depth: usize, left: &mut usize) -> Node {
        let data = match &of.data {
            Some(Value::Bytes(data)) => Rc::clone(data),
            // Older protocols write bytes as text.
            Some(Value::Text(text)) => {
                let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                Rc::new(bytes.unwrap_or_default())
            }
            // Objects: a list of them, in C order; one alone stands for itself.
            Some(list @ Value::List(_)) => {
                return match (self.node(list, depth, left), of.shape.is_empty()) {
                    (Node::List(mut all), true) if all.len() == 1 => all.remove(0),
                    (Node::Tensor(t), true) => t.part(0).map_or(Node::None, Node::Tensor),
                    (node, _) => node,
                };
            }
            _ => return Node::Opaque("an array".into()),
        };
        let Some(kind) = of.kind else { return Node::Opaque("an array".into()) };
        let strides = of.fortran.then(|| fortran_order(&of.shape));
        Tensor::new((&data, 0), kind, &of.shape, strides.as_deref())
            .map_or_else(|_| Node::Opaque("a damaged array".into()), Node::Tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(of: &Node) -> usize {
        1 + match of {
            Node::List(all) => all.iter().map(nodes).sum(),
            Node::Map(all) => all.iter().map(|(_, node)| nodes(node)).sum(),
            _ => 0,
        }
    }

    /// 205 bytes took 3 GB: each `2` doubles what stands on the stack.
    #[test]
    fn a_pickle_that_doubles_itself_becomes_no_millions_of_nodes() {
        let bytes = [&b"\x80\x04}\x8c\x0erouted_experts]"[..], &b"2\x86".repeat(40), b"s."].concat();
        let node = super::super::read(&bytes, &mut |_| None, &mut Default::default()).unwrap();
        assert!(nodes(&node) < 2 * FREE_NODES, "{}", nodes(&node));
    }
}
