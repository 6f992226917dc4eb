//! Which workload a run was on: outcomes are remembered by it. Apart from the workload, which is data and no number.

use xxhash_rust::xxh3::Xxh3;

use super::Workload;
use crate::place::Loads;

/// What a workload holds, in two numbers: the pairs of experts are read by the predictor alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// All that is read by every strategy.
    pub counts: u128,
    /// The pairs of experts.
    pub pairs: u128,
}

impl Digest {
    /// The digest of a workload.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        let Workload { layers, all_layers, experts, batch, steps, counts, heat, loads, sources: _, tokens, of_step } =
            workload;
        let mut of_counts = Xxh3::new();
        for n in [layers.len(), *all_layers, *experts, *batch, *steps] {
            of_counts.update(&(n as u64).to_le_bytes());
        }
        absorb(&mut of_counts, layers);
        absorb(&mut of_counts, counts);
        let Loads { experts: _, layers, steps, together, next, tokens: learnt, file, subjects } = loads;
        for table in layers.iter().chain(steps.iter().flatten()).chain(together).chain(next) {
            of_counts.update(&(table.len() as u64).to_le_bytes());
            table.iter().for_each(|n| of_counts.update(&n.to_le_bytes()));
        }
        for slots in file.iter().flat_map(|file| &file.layers).flat_map(|placed| placed.slots()) {
            of_counts.update(&(slots.len() as u64).to_le_bytes());
            slots.iter().for_each(|&e| of_counts.update(&(e as u64).to_le_bytes()));
        }
        for tokens in tokens.iter().chain(learnt) {
            tokens.numbers().for_each(|n| of_counts.update(&n.to_le_bytes()));
        }
        // Names decide nothing.
        for subject in subjects {
            of_counts.update(&[u8::from(subject.is_enough())]);
            subject.layers.iter().flatten().for_each(|n| of_counts.update(&n.to_le_bytes()));
        }
        of_step.iter().for_each(|&subject| of_counts.update(&(subject as u64).to_le_bytes()));
        let mut of_pairs = Xxh3::new();
        heat.iter().for_each(|layer| absorb(&mut of_pairs, layer));
        Self { counts: of_counts.digest128(), pairs: of_pairs.digest128() }
    }
}

fn absorb(hash: &mut Xxh3, numbers: &[u32]) {
    // In pieces: a call for each number would cost more than the hash.
    let mut piece = [0u8; 1024];
    for numbers in numbers.chunks(piece.len() / 4) {
        for (bytes, n) in piece.chunks_exact_mut(4).zip(numbers) {
            bytes.copy_from_slice(&n.to_le_bytes());
        }
        hash.update(&piece[..numbers.len() * 4]);
    }
}
