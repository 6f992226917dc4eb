//! What structured files hold, whatever they are written in: JSON, pickles, archives of arrays. Apart from those, so that a family of
//! recordings is read once, and not once for each way to save it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::tensor::Tensor;

/// A value in such a file. Lists of numbers are arrays.
#[derive(Clone, Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Tensor(Tensor),
    /// Something that is not read: its name.
    Opaque(String),
}

impl Node {
    /// What a map holds under the first of these names that it has.
    pub(super) fn get(&self, names: &[&str]) -> Option<&Node> {
        let Self::Map(all) = self else { return None };
        names.iter().find_map(|name| all.iter().find(|(key, _)| key == name).map(|(_, value)| value))
    }

    /// The same, unless it is nothing.
    pub(super) fn some(&self, names: &[&str]) -> Option<&Node> {
        self.get(names).filter(|node| !matches!(node, Self::None))
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number, of whatever it stands in.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Bool(b) => Some(i64::from(*b)),
            Self::Float(x) => super::tensor::whole(*x),
            Self::Tensor(tensor) => tensor.scalar(),
            _ => None,
        }
    }

    /// A number of things.
    pub(super) fn size(&self) -> Option<usize> {
        self.int().and_then(|n| usize::try_from(n).ok())
    }

    /// How many things a list or an array holds.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::List(all) => Some(all.len()),
            Self::Tensor(tensor) => tensor.shape.first().copied(),
            _ => None,
        }
    }

    pub(super) fn tensor(&self) -> Option<&Tensor> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }

    /// A list's nodes: those of a map too, if its keys number them; of an array its parts.
    pub(super) fn items(&self) -> Vec<Node> {
        match self {
            Self::List(all) => all.clone(),
            Self::Tensor(t) if t.shape.len() > 1 => {
                (0..t.shape[0]).filter_map(|i| t.part(i)).map(Self::Tensor).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A list as one array, if all of it are numbers, or arrays of one shape.
    pub(super) fn stacked(all: Vec<Node>) -> Node {
        let plain = |n: &Node| matches!(n, Self::Int(_) | Self::Float(_));
        if !all.is_empty() && all.iter().all(plain) {
            let shape = [all.len()];
            if all.iter().all(|n| matches!(n, Self::Int(_))) {
                let ints: Vec<i64> = all.iter().filter_map(Self::int).collect();
                return Self::Tensor(Tensor::of(&ints, &shape));
            }
            let of = |n: &Node| match n {
                Self::Int(n) => *n as f64,
                Self::Float(x) => *x,
                _ => 0.0,
            };
            let floats: Vec<f64> = all.iter().map(of).collect();
            return Self::Tensor(Tensor::of_floats(&floats, &shape));
        }
        let Some(Self::Tensor(first)) = all.first() else { return Self::List(all) };
        let same = |n: &Node| n.tensor().is_some_and(|t| t.shape == first.shape && t.len() > 0);
        if !all.iter().all(same) {
            return Self::List(all);
        }
        let shape: Vec<usize> = std::iter::once(all.len()).chain(first.shape.iter().copied()).collect();
        let tensors = || all.iter().filter_map(Self::tensor);
        if tensors().any(|t| t.kind.is_float()) {
            let mut floats = Vec::with_capacity(first.len() * all.len());
            tensors().for_each(|t| t.floats(|x| floats.push(x)));
            return Self::Tensor(Tensor::of_floats(&floats, &shape));
        }
        let mut ints = Vec::with_capacity(first.len() * all.len());
        tensors().for_each(|t| t.ints(|n| ints.push(n)));
        Self::Tensor(Tensor::of(&ints, &shape))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reads)
    }
}

struct Reads;

impl<'de> Visitor<'de> for Reads {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::None)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Node, E> {
        Ok(Node::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Node, E> {
        Ok(Node::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Node, E> {
        Ok(i64::try_from(n).map_or(Node::Float(n as f64), Node::Int))
    }

    fn visit_f64<E>(self, x: f64) -> Result<Node, E> {
        Ok(Node::Float(x))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let (mut ints, mut all): (Vec<i64>, Vec<Node>) = (Vec::new(), Vec::new());
        // Most lists are of whole numbers: those need no node for each.
        while let Some(node) = seq.next_element::<Node>()? {
            match node {
                Node::Int(n) if all.is_empty() => ints.push(n),
                other => {
                    all.extend(ints.drain(..).map(Node::Int));
                    all.push(other);
                }
            }
        }
        if all.is_empty() && !ints.is_empty() {
            let shape = [ints.len()];
            return Ok(Node::Tensor(Tensor::of(&ints, &shape)));
        }
        Ok(Node::stacked(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = map.next_entry::<String, Node>()? {
            all.push(entry);
        }
        Ok(Node::Map(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers_are_arrays_and_ragged_ones_are_lists() {
        let read = |text: &str| serde_json::from_str::<Node>(text).unwrap();
        assert_eq!(read("[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]").tensor().unwrap().words(), "int64 [2, 2, 2]");
        assert_eq!(read("[[1.5, 2], [3, 4]]").tensor().unwrap().words(), "float64 [2, 2]");
        assert!(matches!(read("[[1, 2], [3]]"), Node::List(all) if all.len() == 2));
        assert!(matches!(read("[1, null]"), Node::List(all) if all.len() == 2));
        assert!(matches!(read("[]"), Node::List(all) if all.is_empty()));
        assert_eq!(read(r#"{"a": {"b": 3}}"#).get(&["x", "a"]).unwrap().get(&["b"]).unwrap().size(), Some(3));
    }
}
