//! What `torch.save` writes: a zip of a pickle and the storages of its tensors, and the older form without a zip. Apart from archives of
//! traces: its entries are no files of their own, and from pickles, which know no zip.

use std::io::{Cursor, Read};
use std::rc::Rc;

use zip::{CompressionMethod, ZipArchive};

use super::Problem;
use super::node::Node;
use super::pickle::{self, Names};
use super::tensor::Shared;
use super::whole::LARGEST;

/// What the older form starts with: a pickled number.
const OLD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// Whether these are the first bytes of the older form.
pub(super) fn is_old(head: &[u8]) -> bool {
    head.starts_with(OLD)
}

/// A zip of one file's parts, by name. Parts that are stored lie where they are; packed ones are unpacked.
pub(super) struct Parts {
    bytes: Shared,
    archive: ZipArchive<Cursor<SharedBytes>>,
    /// Bytes that may still be unpacked.
    left: u64,
}

#[derive(Clone)]
struct SharedBytes(Shared);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Parts {
    /// Opens it.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, Problem> {
        let bytes = Rc::new(bytes);
        let archive = ZipArchive::new(Cursor::new(SharedBytes(Rc::clone(&bytes))));
        let archive = archive.map_err(|e| Problem::Unreadable { why: e.to_string() })?;
        Ok(Self { bytes, archive, left: LARGEST as u64 })
    }

    /// Names of the parts.
    pub(super) fn names(&self) -> Vec<String> {
        self.archive.file_names().filter_map(|name| name.ok().map(|n| n.into_owned())).collect()
    }

    /// The bytes of a part: where they lie, from where to where.
    pub(super) fn part(&mut self, name: &str) -> Result<(Shared, usize, usize), Problem> {
        let unreadable = |why: String| Problem::Unreadable { why };
        let file = self.archive.by_name(name).map_err(|e| unreadable(format!("{name}: {e}")))?;
        let (size, stored) = (file.size(), file.compression() == CompressionMethod::Stored && !file.encrypted());
        if size > self.left {
            return Err(Problem::Limit { what: "bytes that its parts unpack to".into(), limit: LARGEST as u64 });
        }
        if stored && let Some(start) = file.data_start() {
            let (start, end) = (start, start.saturating_add(size));
            if end <= self.bytes.len() as u64 {
                return Ok((Rc::clone(&self.bytes), crate::units::index(start), crate::units::index(end)));
            }
        }
        self.left -= size;
        let mut data = Vec::new();
        file.take(size + 1).read_to_end(&mut data).map_err(|e| unreadable(format!("{name}: {e}")))?;
        let length = data.len();
        Ok((Rc::new(data), 0, length))
    }
}

/// What a file of today's form holds; none if it is a zip of something else.
pub(super) fn read(parts: &mut Parts, names: &mut Names) -> Option<Result<Node, Problem>> {
    let all = parts.names();
    let pickle = all.iter().find(|n| *n == "data.pkl" || n.ends_with("/data.pkl"))?;
    let folder = pickle.trim_end_matches("data.pkl").to_string();
    let big =
        parts.part(&format!("{folder}byteorder")).is_ok_and(|(bytes, at, end)| bytes[at..end].starts_with(b"big"));
    let (bytes, at, end) = match parts.part(pickle) {
        Ok(part) => part,
        Err(problem) => return Some(Err(problem)),
    };
    let mut storages = |key: &str| {
        let part = parts.part(&format!("{folder}data/{key}")).ok()?;
        Some((part.0, part.1, big))
    };
    Some(pickle::read(&bytes[at..end], &mut storages, names))
}

/// What a file of the older form holds: pickles one after another, then the storages in the order of their keys.
pub(super) fn read_old(bytes: Vec<u8>, names: &mut Names) -> Result<Node, Problem> {
    let cut = || Problem::Truncated { inside: "a file of torch's older form".into() };
    let bytes = Rc::new(bytes);
    let mut at = 0;
    // A number, the version, the system.
    for _ in 0..3 {
        at += pickle::length(&bytes[at..]).ok_or_else(cut)?;
    }
    let object = at;
    at += pickle::length(&bytes[at..]).ok_or_else(cut)?;
    let keys = pickle::read(&bytes[at..], &mut |_| None, names)?;
    at += pickle::length(&bytes[at..]).ok_or_else(cut)?;
    let Node::List(keys) = keys else { return pickle::read(&bytes[object..], &mut |_| None, names) };
    // Sizes are in elements, of types that only the pickle knows: each storage's kind decides where the next one lies.
    let kinds = pickle::storages(&bytes[object..], names);
    let mut places = Vec::new();
    for key in keys.iter().filter_map(Node::text) {
        let count = bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).ok_or_else(cut)?;
        let size = kinds.get(key).map_or(1, |kind| kind.size());
        places.push((key.to_string(), at + 8));
        at = at.saturating_add(8).saturating_add(super::tensor::size(count).saturating_mul(size));
    }
    let mut storages = |key: &str| places.iter().find(|(k, _)| k == key).map(|(_, at)| (Rc::clone(&bytes), *at, false));
    pickle::read(&bytes[object..], &mut storages, names)
}
