//! What each file of a load is, as `inspect` and the page tell it: reader, arrays, tokens, shape. Apart from what was read of it, which
//! is merged with the other files'.

use serde::{Deserialize, Serialize};

use super::Unit;
use crate::format::{Found, Held, Reader, Told};
use crate::model::Marks;

/// Files that are told one by one; of a folder of a hundred thousand the first are as the others.
const MOST: usize = 64;

/// What one file is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Position in the order of all files.
    pub index: u64,
    /// Path, through the archive.
    pub path: String,
    /// Bytes, unpacked as far as the container tells.
    pub bytes: u64,
    /// Name of the reader that its first bytes tell.
    pub reader: String,
    /// What that reads.
    pub says: String,
    /// Its arrays or columns, the first sixteen.
    pub held: Vec<Held>,
    /// Requests, or parts of them.
    pub requests: u64,
    /// Tokens of the prompt, generated ones, and those of which the file does not say.
    pub tokens: [u64; 3],
    /// Layer ids.
    pub layers: Vec<u32>,
    /// Experts of a layer (E), if the file or the reader says so; else 0.
    pub experts: usize,
    /// Experts of a token (K); 0 where the file does not tell.
    pub top_k: usize,
    /// What was told of it, by the reader and by a `config.json` beside it.
    pub told: Told,
}

/// What the files of a load are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The first files, in their order.
    pub files: Vec<FileSeen>,
    /// How many more there are.
    pub more: u64,
}

impl Seen {
    /// Notes a file.
    pub(super) fn add(&mut self, unit: &Unit, reader: &Reader, found: &Found) {
        if self.files.len() >= MOST && self.files.last().is_some_and(|last| last.index < unit.index) {
            self.more += 1;
            return;
        }
        let mut file = FileSeen {
            index: unit.index,
            path: unit.path.clone(),
            bytes: unit.bytes,
            reader: reader.name.into(),
            says: reader.says.into(),
            held: found.held.clone(),
            experts: found.experts,
            top_k: found.top_k,
            told: unit.told.clone(),
            ..FileSeen::default()
        };
        for request in found.requests.iter().chain(found.fragments.iter().map(|f| &f.request)) {
            let (all, prefill) = (request.tokens as u64, request.prefill as u64);
            let tokens = if request.marks == Marks::None { [0, 0, all] } else { [prefill, all - prefill, 0] };
            file.tokens.iter_mut().zip(tokens).for_each(|(sum, n)| *sum += n);
            file.requests += 1;
            file.layers.extend(&request.layers);
            file.experts = file.experts.max(request.experts);
            file.top_k = file.top_k.max(request.top_k);
        }
        file.layers.extend(found.counts.iter().map(|(layer, _)| layer));
        file.layers.sort_unstable();
        file.layers.dedup();
        self.merge(Self { files: vec![file], more: 0 });
    }

    /// Adds those that another worker saw: the first of both, whoever saw them.
    pub(super) fn merge(&mut self, other: Self) {
        self.files.extend(other.files);
        self.files.sort_by_key(|file| file.index);
        self.more += other.more + self.files.len().saturating_sub(MOST) as u64;
        self.files.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_files_are_told_whoever_saw_them() {
        let of = |indexes: &[u64]| {
            let mut seen = Seen::default();
            for &index in indexes {
                seen.merge(Seen { files: vec![FileSeen { index, ..FileSeen::default() }], more: 0 });
            }
            seen
        };
        let all: Vec<u64> = (0..100).collect();
        let (even, odd): (Vec<u64>, Vec<u64>) = all.iter().partition(|n| *n % 2 == 0);
        let mut both = of(&odd);
        both.merge(of(&even));
        assert_eq!(both, of(&all));
        assert_eq!((both.files.len(), both.more, both.files[63].index), (64, 36, 63));
    }
}
