//! Parquet, as far as records need it: columns of whole numbers and short texts, alone or in lists, a group of rows at a time. Apart from
//! the `parquet` crate: that one reads every type and brings two dozen crates with it, more code than all other formats together,
//! into a page that must load; this is a file for each thing that the format is made of.

mod pages;
mod snappy;
mod thrift;

use std::ops::Range;

use self::thrift::Value;
use super::Problem;
use super::tensor::size;

/// What every such file starts and ends with.
pub(super) const MAGIC: &[u8] = b"PAR1";
/// Columns of the widest files, and groups of the longest.
const MOST: usize = 1 << 16;

/// The values of a column.
#[derive(Debug)]
pub(super) enum Values {
    Ints(Vec<i64>),
    Texts(Vec<Vec<u8>>),
}

/// A column in a group of rows.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) values: Values,
    /// The values of each row.
    pub(super) rows: Vec<Range<usize>>,
    /// Values of each inner list, where lists stand in lists.
    pub(super) inner: Vec<usize>,
}

/// Where a column lies in the schema.
#[derive(Clone, Debug)]
struct Leaf {
    name: String,
    kind: i64,
    /// The deepest levels: of values that are there, and of lists.
    definition: u32,
    repetition: u32,
}

/// An open file.
pub(super) struct Parquet<'a> {
    bytes: &'a [u8],
    leaves: Vec<Leaf>,
    groups: Vec<Value<'a>>,
}

fn unreadable(why: impl Into<String>) -> Problem {
    Problem::Unreadable { why: why.into() }
}

impl<'a> Parquet<'a> {
    /// Reads the schema, which stands at the end.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Problem> {
        let cut = || Problem::Truncated { inside: "a Parquet file, whose last bytes say what is in it".into() };
        if bytes.len() < 12 || !bytes.ends_with(MAGIC) {
            return Err(cut());
        }
        let end = bytes.len() - 8;
        let length = u32::from_le_bytes([bytes[end], bytes[end + 1], bytes[end + 2], bytes[end + 3]]);
        let start = end.checked_sub(size(length.into())).ok_or_else(cut)?;
        let (footer, _) = thrift::read(&bytes[start..end]).ok_or_else(|| unreadable("its footer is damaged"))?;
        let schema = footer.list(2);
        let mut leaves = Vec::new();
        let mut at = 0;
        walk(schema, &mut at, "", (0, 0), 0, &mut leaves).ok_or_else(|| unreadable("its schema is damaged"))?;
        if leaves.len() > MOST {
            return Err(Problem::Limit { what: "columns".into(), limit: MOST as u64 });
        }
        Ok(Self { bytes, leaves, groups: footer.list(4).to_vec() })
    }

    /// Names of its columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.leaves.iter().map(|leaf| leaf.name.as_str())
    }

    /// Its columns with the type of their values.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let kinds = ["bool", "int32", "int64", "int96", "float32", "float64", "bytes", "fixed bytes"];
        let kind = move |leaf: &Leaf| usize::try_from(leaf.kind).ok().and_then(|k| kinds.get(k).copied()).unwrap_or("");
        self.leaves.iter().map(move |leaf| (leaf.name.as_str(), kind(leaf)))
    }

    /// Groups of rows.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The columns of a group that are wanted.
    pub(super) fn group(&self, at: usize, wanted: impl Fn(&str) -> bool) -> Result<Vec<Column>, Problem> {
        let group = &self.groups[at];
        let rows = usize::try_from(group.int(3)).map_err(|_| unreadable("a group of rows is damaged"))?;
        let mut all = Vec::new();
        for (leaf, chunk) in self.leaves.iter().zip(group.list(1)) {
            // Only whole numbers and texts say anything here.
            if !wanted(&leaf.name) || !matches!(leaf.kind, 0 | 1 | 2 | 6) {
                continue;
            }
            let column = pages::column(self.bytes, chunk.field(3), leaf, rows);
            all.push(column.map_err(|problem| match problem {
                Problem::Unreadable { why } => unreadable(format!("column {:?}: {why}", leaf.name)),
                other => other,
            })?);
        }
        Ok(all)
    }
}

/// The columns below an element of the schema.
fn walk(
    schema: &[Value<'_>],
    at: &mut usize,
    root: &str,
    (definition, repetition): (u32, u32),
    depth: u8,
    leaves: &mut Vec<Leaf>,
) -> Option<()> {
    let element = schema.get(*at)?;
    *at += 1;
    let levels = match element.int(3) {
        // The root has none.
        _ if depth == 0 => (0, 0),
        1 => (definition + 1, repetition),
        2 => (definition + 1, repetition + 1),
        _ => (definition, repetition),
    };
    let name = String::from_utf8_lossy(element.bytes(4)).into_owned();
    let root = if depth < 2 { name.as_str() } else { root };
    let children = element.int(5);
    if children <= 0 {
        leaves.push(Leaf { name: root.into(), kind: element.int(1), definition: levels.0, repetition: levels.1 });
        return Some(());
    }
    if depth > 16 || children > 1 << 16 {
        return None;
    }
    for _ in 0..children {
        walk(schema, at, root, levels, depth + 1, leaves)?;
    }
    Some(())
}
