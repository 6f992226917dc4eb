//! Which settings a strategy does not read: outcomes are remembered by the others. Apart, because this is one table that a
//! test can hold against the simulator itself: each row is tried on each strategy.

use xxhash_rust::xxh3::Xxh3;

use super::{Config, DieOrder, Dispatch, Duplex, Strategy, Workload};

/// A setting that some strategies do not read.
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Whether a strategy reads it.
    pub is_read: fn(Strategy) -> bool,
    /// Sets it to one value, whatever it was.
    pub forget: fn(&mut Config),
}

const fn never(_: Strategy) -> bool {
    false
}

fn moves(strategy: Strategy) -> bool {
    Dispatch::of(strategy) != Dispatch::Home
}

fn allocates(strategy: Strategy) -> bool {
    Dispatch::of(strategy) == Dispatch::Allocate
}

fn cuts(strategy: Strategy) -> bool {
    Dispatch::of(strategy) == Dispatch::OneGpu
}

/// All such settings. What is not here is read by every strategy; what is derived (token time, expert bytes, slots) stands
/// in the settings of a run by itself, so what it was derived from is read by none.
pub const SETTINGS: [Setting; 14] = [
    Setting { name: "DRAM", is_read: never, forget: |c| c.wafer.dram = 0.0 },
    Setting { name: "usable DRAM", is_read: never, forget: |c| c.wafer.usable = 0.0 },
    Setting { name: "FP16 rate", is_read: never, forget: |c| c.wafer.fp16 = 0.0 },
    Setting { name: "cache size", is_read: never, forget: |c| c.wafer.llc = 0.0 },
    Setting { name: "order", is_read: cuts, forget: |c| c.order = DieOrder::Row },
    Setting { name: "block", is_read: allocates, forget: |c| c.block = 0 },
    Setting { name: "tau", is_read: allocates, forget: |c| c.split = 0.0 },
    Setting { name: "remote penalty", is_read: allocates, forget: |c| c.wafer.remote_penalty = 0.0 },
    Setting { name: "predicted", is_read: Strategy::predicts, forget: |c| c.predicted = 0 },
    Setting { name: "slots", is_read: Strategy::predicts, forget: |c| c.slots.clear() },
    Setting { name: "write latency", is_read: Strategy::predicts, forget: |c| c.wafer.write = 0.0 },
    Setting { name: "link", is_read: moves, forget: |c| c.wafer.link = 0.0 },
    Setting { name: "hop latency", is_read: moves, forget: |c| c.wafer.hop = 0.0 },
    Setting { name: "duplex", is_read: moves, forget: |c| c.duplex = Duplex::Shared },
];

/// Two runs of a strategy with the same key have the same outcome, to the byte.
#[must_use]
pub fn key(strategy: Strategy, config: &Config, workload: &Digest) -> Vec<u8> {
    let mut config = config.clone();
    for setting in SETTINGS.iter().filter(|s| !(s.is_read)(strategy)) {
        (setting.forget)(&mut config);
    }
    let pairs = strategy.predicts().then_some(workload.pairs);
    // Every field of the settings is written: a new one is part of the key until a row above says who ignores it.
    postcard::to_stdvec(&(strategy, config, workload.counts, pairs)).unwrap_or_default()
}

/// What a workload holds, in two numbers: the pairs of experts are read by the predictor alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    counts: u128,
    pairs: u128,
}

impl Digest {
    /// The digest of a workload.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        let Workload { layers, all_layers: _, experts, batch: _, steps, counts, heat, sources: _ } = workload;
        let mut of_counts = Xxh3::new();
        for n in [layers.len(), *experts, *steps] {
            of_counts.update(&(n as u64).to_le_bytes());
        }
        absorb(&mut of_counts, layers);
        absorb(&mut of_counts, counts);
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
