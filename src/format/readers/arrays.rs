//! Files of arrays: `.npy`, `.npz`, safetensors, what torch and pickle save. One reader for each way to write them, and one way to
//! tell what they hold: `dumps`. Apart from text, which is read as it comes: these are read whole.

use std::rc::Rc;

use crate::format::dumps::Dump;
use crate::format::magic::magic;
use crate::format::node::Node;
use crate::format::reader::{About, Reader};
use crate::format::torch::Parts;
use crate::format::whole::{whole, whole_unless};
use crate::format::{Finding, Found, Place, Problem, npy, pickle, safetensors, torch};

pub(super) const NPY: Reader = Reader {
    name: "npy",
    says: "a NumPy array of experts [tokens, layers, k], counts [layers, experts] or router logits (.npy)",
    sniff: |head| head.starts_with(npy::MAGIC),
    open: |about| {
        whole(about, |bytes, about| {
            read(about, |dump| {
                let length = bytes.len();
                let (node, beyond) = npy::array(&Rc::new(bytes), 0, length, &mut dump.names)?;
                if beyond > 0 {
                    let place = Place { offset: Some((length - beyond) as u64), ..Place::default() };
                    dump.found.issues.push(place, Problem::Extra { bytes: beyond as u64 });
                }
                Ok(node)
            })
        })
    },
};

pub(super) const ZIP: Reader = Reader {
    name: "torch-or-npz",
    says: "what torch.save writes (.pt, .pth) and what numpy.savez does (.npz): routing, recorder dumps, rollouts, counts",
    sniff: |head| head.starts_with(b"PK\x03\x04"),
    open: |about| whole(about, |bytes, about| read(about, |dump| zip(bytes, dump))),
};

pub(super) const SAFETENSORS: Reader = Reader {
    name: "safetensors",
    says: "arrays of routing, counts or router logits in safetensors",
    sniff: |head| safetensors::header(head).is_some(),
    open: |about| {
        whole_unless(about, safetensors::is_weights, |bytes, about| {
            read(about, |_| {
                if safetensors::is_weights(&bytes) {
                    return Err(weights("the weights of a model (safetensors)"));
                }
                safetensors::read(bytes)
            })
        })
    },
};

pub(super) const PICKLE: Reader = Reader {
    name: "pickle",
    says: "pickles of routing and counts, and torch's older form (.pkl, .pt): nothing in them is run",
    sniff: |head| matches!(head, [0x80, 2..=5, ..]),
    open: |about| {
        whole(about, |bytes, about| {
            read(about, |dump| {
                if torch::is_old(&bytes) {
                    return torch::read_old(bytes, &mut dump.names);
                }
                pickle::read(&bytes, &mut |_| None, &mut dump.names)
            })
        })
    },
};

/// Reads a file's value and takes it.
fn read(about: &About, node: impl FnOnce(&mut Dump) -> Result<Node, Problem>) -> Found {
    let mut dump = Dump::new(about.clone());
    match node(&mut dump) {
        Ok(node) => dump.take(&node, None),
        Err(problem) => dump.found.issues.push(Place::default(), problem),
    }
    dump.finish()
}

fn zip(bytes: Vec<u8>, dump: &mut Dump) -> Result<Node, Problem> {
    let nested = magic(&bytes);
    let mut parts = Parts::open(bytes)?;
    if let Some(node) = torch::read(&mut parts, &mut dump.names) {
        let node = node?;
        if let Node::Map(all) = &node
            && all.iter().filter(|(name, value)| name.ends_with(".weight") && value.tensor().is_some()).count() > 8
        {
            return Err(weights("the weights of a model (a torch checkpoint)"));
        }
        return Ok(node);
    }
    let mut all = Vec::new();
    for name in parts.names() {
        let Some(key) = name.strip_suffix(".npy") else { continue };
        let (bytes, at, end) = parts.part(&name)?;
        match npy::array(&bytes, at, end, &mut dump.names) {
            Ok((node, _)) => all.push((key.to_string(), node)),
            Err(problem) => dump.found.issues.push(Place::default(), problem),
        }
    }
    if all.is_empty() {
        // An archive by itself is listed, not read: this one is an entry of another.
        let why = || Problem::NotATrace { why: "it holds neither arrays nor a torch pickle".into() };
        return Err(nested.map_or_else(why, Problem::Finding));
    }
    Ok(Node::Map(all))
}

/// Files of weights tell nothing of routing.
pub(super) fn weights(seems: &str) -> Problem {
    let instead = "record which experts its router chooses while it runs: docs/recording.md says how";
    Finding::Nothing { seems: seems.into(), instead: instead.into() }.into()
}
