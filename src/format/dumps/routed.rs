//! The routing of one request as a value: nested lists, arrays, base64 of an array, of described bytes or of bare ids. Apart from
//! what stands around it, which says whose it is and where its prompt ends.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::rows::Rows;
use super::super::tensor::{Kind, Tensor};
use super::super::{Finding, Place, Problem, npy};
use super::{Dump, asks_top_k};
use crate::format::node::Node;
use crate::model::{MAX_TOP_K, model_labelled};

impl Dump {
    /// Rows of ids; none where nothing was recorded. Bare ids need to know how many tokens they are of.
    pub(super) fn routed(
        &mut self,
        node: &Node,
        tokens: Option<usize>,
        model: Option<&str>,
    ) -> Result<Option<Rows>, Problem> {
        let tensor = match node {
            Node::None | Node::Opaque(_) => return Ok(None),
            Node::Tensor(tensor) => tensor.clone(),
            Node::List(all) if all.is_empty() => return Ok(Some(Rows::default())),
            Node::Text(text) => {
                let bytes = Rc::new(base64(text)?);
                if bytes.starts_with(npy::MAGIC) {
                    let (node, beyond) = npy::array(&bytes, 0, bytes.len(), &mut self.names)?;
                    if beyond > 0 {
                        self.found.issues.push(Place::default(), Problem::Extra { bytes: beyond as u64 });
                    }
                    let Node::Tensor(tensor) = node else { return Ok(None) };
                    self.found.hold("routed_experts", &tensor.shape, tensor.kind.name());
                    tensor
                } else {
                    // Shape told, the number of rows follows; else the shape follows from that.
                    let told = &self.about.told;
                    let width = told.layers.zip(told.top_k).map(|(l, k)| l * k);
                    let rows = width.filter(|w| bytes.len() % (4 * w) == 0).map(|w| bytes.len() / 4 / w);
                    return self.of_flat(&bytes, rows.or(tokens), model);
                }
            }
            Node::Map(_) => match described(node)? {
                Some(tensor) => {
                    self.found.hold("routed_experts", &tensor.shape, tensor.kind.name());
                    tensor
                }
                None => return Ok(None),
            },
            _ => {
                let why = "routed experts have tokens of different shapes, or are no list [tokens][layers][k]".into();
                return Err(Problem::NotATrace { why });
            }
        };
        if tensor.kind.is_float() && !tensor.are_counts() {
            return Err(Problem::NotATrace { why: format!("routed experts are no ids: {}", tensor.words()) });
        }
        let tensor = match tensor.shape.len() {
            3 => tensor,
            _ if tensor.shape.contains(&0) => return Ok(Some(Rows::default())),
            // A batch of one.
            4 if tensor.shape[0] == 1 => tensor.part(0).unwrap_or(tensor),
            _ => self.shaped(&tensor, tokens, model)?,
        };
        Rows::of(&tensor, &self.about).map(Some)
    }

    fn of_flat(
        &mut self,
        bytes: &Rc<Vec<u8>>,
        tokens: Option<usize>,
        model: Option<&str>,
    ) -> Result<Option<Rows>, Problem> {
        let flat = flat(bytes, tokens)?;
        self.found.hold("routed_experts", &flat.shape, flat.kind.name());
        let tensor = self.shaped(&flat, tokens, model)?;
        Rows::of(&tensor, &self.about).map(Some)
    }

    /// Ids without a shape: K or the number of layers is told, or the file is refused.
    fn shaped(&self, tensor: &Tensor, tokens: Option<usize>, model: Option<&str>) -> Result<Tensor, Problem> {
        let rows = tensor.shape.first().copied().filter(|_| tensor.shape.len() > 1).or(tokens).unwrap_or(0);
        let width = tensor.len() / rows.max(1);
        if width == 0 || width * rows != tensor.len() {
            let why = format!("{} ids of routed experts are no rows of {rows} tokens", tensor.len());
            return Err(Problem::NotATrace { why });
        }
        let told = &self.about.told;
        let named = model.and_then(model_labelled).or(self.about.model).map(|m| m.top_k);
        let top_k = told.top_k.or(told.layers.filter(|l| width.is_multiple_of(*l)).map(|l| width / l)).or(named);
        let Some(top_k) = top_k else {
            let fits: Vec<usize> =
                (1..=width.min(MAX_TOP_K)).filter(|k| width.is_multiple_of(*k) && distinct(tensor, *k)).collect();
            let words: Vec<String> = fits.iter().map(|k| format!("{} layers of {k}", width / k)).collect();
            return Err(asks_top_k(&format!(" N (a token has {width} ids: {})", words.join(", ")), fits));
        };
        if !width.is_multiple_of(top_k) {
            let why = format!("a token has {width} ids, which are no layers of {top_k}");
            return Err(Problem::NotATrace { why });
        }
        let shape = [rows, width / top_k, top_k];
        tensor
            .reshaped(&shape)
            .or_else(|| Some(Tensor::of(&tensor.list(), &shape)))
            .ok_or_else(|| asks_top_k("", Vec::new()))
    }
}

/// Whether so many ids in a row are distinct or all alike, as those of a token are; looked at for some rows.
fn distinct(tensor: &Tensor, top_k: usize) -> bool {
    let ids = tensor.head(top_k << 12).ids();
    ids.chunks_exact(top_k).take(4096).all(super::arrays::is_row)
}

/// Little-endian int32 without shape: SGLang's.
fn flat(bytes: &Rc<Vec<u8>>, tokens: Option<usize>) -> Result<Tensor, Problem> {
    let not = |why: String| Problem::NotATrace { why };
    let Some(tokens) = tokens else {
        return Err(not(
            "routed experts without a shape need the numbers of prompt and completion tokens beside them".into()
        ));
    };
    let ids = bytes.len() / 4;
    if !bytes.len().is_multiple_of(4) || ids == 0 || !ids.is_multiple_of(tokens.max(1)) {
        return Err(not(format!("{} bytes of routed experts are no int32 ids of {tokens} tokens", bytes.len())));
    }
    Tensor::new((bytes, 0), (Kind::I32, false), &[ids], None)
}

/// `{data, shape, dtype}`, the data in base64 or as a list.
fn described(node: &Node) -> Result<Option<Tensor>, Problem> {
    let Some(data) = node.some(&["data", "buffer", "bytes", "values"]) else { return Ok(None) };
    let shape = node.get(&["shape", "dims"]).and_then(Node::tensor).map(Tensor::list).unwrap_or_default();
    let shape: Option<Vec<usize>> = shape.iter().map(|&n| usize::try_from(n).ok()).collect();
    let shape = shape.unwrap_or_default();
    let dtype = node.get(&["dtype", "type"]).and_then(Node::text).unwrap_or("int32");
    if let Node::Tensor(tensor) = data {
        return Ok(if shape.is_empty() { Some(tensor.clone()) } else { tensor.reshaped(&shape) });
    }
    let Some(text) = data.text() else { return Ok(None) };
    let encoding = node.get(&["encoding", "compression"]).and_then(Node::text).unwrap_or("base64");
    if !encoding.eq_ignore_ascii_case("base64") && encoding != "none" {
        return Err(Problem::NotATrace { why: format!("routed experts are encoded as {encoding}, not as base64") });
    }
    let bytes = Rc::new(base64(text)?);
    let kind =
        Kind::named(dtype).ok_or_else(|| Problem::NotATrace { why: format!("routed experts are of type {dtype}") })?;
    let needed = shape.iter().try_fold(kind.size() as u64, |n, &side| n.checked_mul(side as u64));
    if needed != Some(bytes.len() as u64) {
        let shape = format!("{shape:?}").replace(' ', "");
        let (found, needed, dtype) = (bytes.len(), needed.unwrap_or(u64::MAX), kind.name().into());
        return Err(Finding::Bytes { found, needed, shape, dtype }.into());
    }
    Tensor::new((&bytes, 0), (kind, dtype.starts_with('>')), &shape, None).map(Some)
}

fn base64(text: &str) -> Result<Vec<u8>, Problem> {
    STANDARD.decode(text.trim()).map_err(|e| Problem::NotATrace { why: format!("routed experts are no base64: {e}") })
}
