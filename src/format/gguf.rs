//! GGUF, as far as llama.cpp's importance matrices need it: what the file is, and the counts of each tensor. Apart from its reader, and
//! from libraries for it, which load models.

use super::Problem;
use super::tensor::size;

/// What every such file starts with.
pub(super) const MAGIC: &[u8] = b"GGUF";
/// Tensors and values of the largest files, tenfold.
const MOST: u64 = 1 << 20;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Gguf {
    /// `general.type`.
    pub(super) kind: String,
    /// `general.architecture`, of a model.
    pub(super) architecture: String,
    /// The counts of tensors, by name without its ending.
    pub(super) counts: Vec<(String, Vec<f32>)>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = size(self.u64()?);
        self.take(length).map(|b| String::from_utf8_lossy(b).into_owned())
    }

    /// Passes over a value of a type, of which texts and numbers are given.
    fn value(&mut self, kind: u32, depth: u8) -> Option<(String, u64)> {
        let number = |bytes: &[u8]| {
            let mut all = [0; 8];
            all[..bytes.len()].copy_from_slice(bytes);
            (String::new(), u64::from_le_bytes(all))
        };
        match kind {
            0 | 1 | 7 => self.take(1).map(number),
            2 | 3 => self.take(2).map(number),
            4..=6 => self.take(4).map(number),
            10..=12 => self.take(8).map(number),
            8 => self.text().map(|t| (t, 0)),
            9 if depth > 0 => {
                let (kind, length) = (self.u32()?, self.u64()?);
                for _ in 0..length {
                    self.value(kind, depth - 1)?;
                }
                Some((String::new(), length))
            }
            _ => None,
        }
    }
}

/// Whether these bytes are of a model: its weights follow, and need not be read.
pub(super) fn is_model(bytes: &[u8]) -> bool {
    let has = |word: &[u8]| bytes.windows(word.len()).take(1 << 20).any(|w| w == word);
    has(b"general.architecture") && !has(b"imatrix")
}

/// Reads such a file.
pub(super) fn read(bytes: &[u8]) -> Result<Gguf, Problem> {
    let version = bytes.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    if version > 0xffff {
        return Err(Problem::Unreadable { why: "it is a GGUF file of the other byte order".into() });
    }
    if !(2..=3).contains(&version) {
        return Err(Problem::Unreadable { why: format!("it is of version {version} of GGUF; 2 and 3 are read") });
    }
    parse(bytes).ok_or_else(|| Problem::Truncated { inside: "a GGUF file".into() })
}

fn parse(bytes: &[u8]) -> Option<Gguf> {
    let mut cursor = Cursor { bytes, at: 8 };
    let (tensors, values) = (cursor.u64()?, cursor.u64()?);
    if tensors > MOST || values > MOST {
        return None;
    }
    let (mut gguf, mut align) = (Gguf::default(), 32u64);
    for _ in 0..values {
        let (key, kind) = (cursor.text()?, cursor.u32()?);
        let (text, number) = cursor.value(kind, 3)?;
        match key.as_str() {
            "general.type" => gguf.kind = text,
            "general.architecture" => gguf.architecture = text,
            "general.alignment" if number.is_power_of_two() && number <= 1 << 20 => align = number,
            _ => {}
        }
    }
    let mut found = Vec::new();
    for _ in 0..tensors {
        let (name, axes) = (cursor.text()?, cursor.u32()?);
        let mut length = 1u64;
        for _ in 0..axes.min(8) {
            length = length.checked_mul(cursor.u64()?)?;
        }
        let (kind, offset) = (cursor.u32()?, cursor.u64()?);
        // Floats of 32 bits are type 0.
        if kind == 0
            && length <= MOST
            && let Some(name) = name.strip_suffix(".counts")
        {
            found.push((name.to_string(), length, offset));
        }
    }
    let start = (cursor.at as u64).next_multiple_of(align);
    // Tensors that lie in one another would be copied each.
    let mut left = bytes.len() as u64 / 4;
    for (name, length, offset) in found {
        left = left.checked_sub(length)?;
        cursor.at = size(start.checked_add(offset)?);
        let data = cursor.take(size(length * 4))?;
        let (floats, _) = data.as_chunks();
        gguf.counts.push((name, floats.iter().map(|&b| f32::from_le_bytes(b)).collect()));
    }
    Some(gguf)
}
