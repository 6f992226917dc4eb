//! Which die computes how many tokens of which expert. Apart from the plan of a layer, which adds where experts are read.

use super::fluid::first_least;
use super::{Config, Holders, Network};

/// Tokens of one expert on one die.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// The die.
    pub die: usize,
    /// The expert.
    pub expert: usize,
    /// Its tokens there; never 0.
    pub tokens: u64,
}

/// The shares of all dies. Only those that have tokens are kept: a table of experts × dies is nearly empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// By die, then expert.
    shares: Vec<Share>,
    /// Where those of a die start, and at the end the end.
    starts: Vec<usize>,
}

impl Assignment {
    /// Of so many experts and dies, from shares in any order, of which each expert has one on a die.
    pub(super) fn new(mut shares: Vec<Share>, experts: usize, dies: usize) -> Self {
        if !shares.is_sorted() {
            (shares, _) = counted(&shares, experts, |s| s.expert);
        }
        let (shares, starts) = counted(&shares, dies, |s| s.die);
        Self { shares, starts }
    }

    /// How many shares all dies have.
    #[must_use]
    pub fn shares(&self) -> usize {
        self.shares.len()
    }

    /// The shares of a die, by expert.
    #[must_use]
    pub fn on(&self, die: usize) -> &[Share] {
        &self.shares[self.starts[die]..self.starts[die + 1]]
    }

    /// Tokens of an expert on a die.
    #[must_use]
    pub fn tokens(&self, expert: usize, die: usize) -> u64 {
        let on = self.on(die);
        on.binary_search_by_key(&expert, |s| s.expert).map_or(0, |at| on[at].tokens)
    }
}

/// Shares in the order of a key below `keys`, those with equal keys in the order that they had, and where those of each key start.
/// Counting beats comparing: the keys are few.
fn counted(shares: &[Share], keys: usize, key: impl Fn(&Share) -> usize) -> (Vec<Share>, Vec<usize>) {
    let mut starts = vec![0; keys + 1];
    shares.iter().for_each(|s| starts[key(s) + 1] += 1);
    for k in 0..keys {
        starts[k + 1] += starts[k];
    }
    let (mut next, mut sorted) = (starts.clone(), vec![Share::default(); shares.len()]);
    for share in shares {
        let at = &mut next[key(share)];
        sorted[*at] = *share;
        *at += 1;
    }
    (sorted, starts)
}

/// `base`: with N tokens and D working dies, the die at position p takes the tokens \[⌈pN/D⌉, ⌈(p+1)N/D⌉) of the list sorted
/// by expert. Cuts are whole tokens: none is lost, however few there are.
#[must_use]
#[inline(never)]
pub fn as_one_gpu(counts: &[u32], order: &[usize], all: usize) -> Assignment {
    let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
    let cut = |p: usize| (p as u64 * total).div_ceil(order.len() as u64);
    let mut shares = Vec::with_capacity(counts.len() + all);
    let (mut expert, mut start) = (0, 0);
    for (p, &die) in order.iter().enumerate() {
        let (from, to) = (cut(p), cut(p + 1));
        while expert < counts.len() && start < to {
            let end = start + u64::from(counts[expert]);
            let tokens = end.min(to).saturating_sub(start.max(from));
            if tokens > 0 {
                shares.push(Share { die, expert, tokens });
            }
            if end > to {
                break;
            }
            (expert, start) = (expert + 1, end);
        }
    }
    Assignment::new(shares, counts.len(), all)
}

/// `ep`: every expert at its home.
#[must_use]
pub fn at_home(counts: &[u32], home: &[usize], dies: usize) -> Assignment {
    let share = |(expert, (&n, &die)): (usize, (&u32, &usize))| Share { die, expert, tokens: n.into() };
    let shares = counts.iter().zip(home).enumerate().filter(|(_, (n, _))| **n > 0).map(share);
    Assignment::new(shares.collect(), counts.len(), dies)
}

/// A decision of Algorithm 1: where one block of an expert's tokens goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Expert.
    pub expert: usize,
    /// Tokens of the block.
    pub tokens: u64,
    /// The dies that were asked, in order.
    pub candidates: Vec<Candidate>,
    /// Position in `candidates` of the one that takes it.
    pub chosen: usize,
}

/// What a block would cost on one die.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The die.
    pub die: usize,
    /// Whether it has the expert in its HBM.
    pub holder: bool,
    /// Time to get the expert, seconds; 0 if the die has part of its tokens already.
    pub moved: f64,
    /// When its memory would be ready, seconds.
    pub memory: f64,
    /// When it would have computed, seconds.
    pub compute: f64,
}

impl Candidate {
    /// The cost: when both are done.
    #[must_use]
    pub fn ready(&self) -> f64 {
        f64::max(self.memory, self.compute)
    }
}

/// `allo` (Algorithm 1): blocks of each expert's tokens go to whichever holder or neighbour of a holder is ready first.
#[must_use]
#[inline(never)]
pub fn allocate(counts: &[u32], config: &Config, network: &Network, holders: &Holders) -> Assignment {
    decide(counts, config, network, holders, None)
}

/// As [`allocate`], with every decision.
#[must_use]
pub fn allocate_explained(
    counts: &[u32],
    config: &Config,
    network: &Network,
    holders: &Holders,
) -> (Assignment, Vec<Block>) {
    let mut blocks = Vec::new();
    let x = decide(counts, config, network, holders, Some(&mut blocks));
    (x, blocks)
}

/// A die that may take blocks of an expert, and what it has taken.
struct Asked {
    die: usize,
    holder: bool,
    tokens: u64,
    /// Time to get the expert, seconds; 0 once it has part of its tokens.
    moved: f64,
    /// When its memory and its computing are done with what it took.
    memory: f64,
    compute: f64,
    /// When it is to be done with its last block.
    load: f64,
}

impl Asked {
    /// When it would be done with one more block.
    fn ready(&self, work: f64) -> f64 {
        f64::max(self.memory + self.moved, self.compute + work)
    }
}

/// What a die has taken of all experts so far, seconds.
#[derive(Clone, Copy, Default)]
struct Die {
    memory: f64,
    compute: f64,
    /// When it was to be done with its last block.
    load: f64,
}

fn decide(
    counts: &[u32],
    config: &Config,
    network: &Network,
    holders: &Holders,
    mut record: Option<&mut Vec<Block>>,
) -> Assignment {
    let mut dies = vec![Die::default(); network.dies];
    let read = config.read_seconds();
    let fetch = config.link_seconds() + config.penalty;
    // Count and expert in one number: sorted by count, then by expert.
    let key = |(expert, &n): (usize, &u32)| u64::from(n) << 32 | expert as u64;
    let mut order: Vec<u64> = counts.iter().enumerate().filter(|(_, n)| **n > 0).map(key).collect();
    order.sort_unstable();
    let mut shares = Vec::with_capacity(counts.len() + network.dies);
    // Load, die, and whether it holds the expert. Loads are never negative: their bits have their order.
    let mut candidates: Vec<(u64, usize, bool)> = Vec::new();
    let mut near: Vec<usize> = Vec::new();
    let mut asked: Vec<Asked> = Vec::new();
    let mut ready: Vec<f64> = Vec::new();
    for key in order {
        let expert = crate::units::index(key & u64::from(u32::MAX));
        let most = crate::units::floor(f64::from(counts[expert]) / config.split).max(1);
        candidates.clear();
        near.clear();
        let load = |die: usize| dies[die].load.to_bits();
        // Few tokens stay with one holder, the one with least to do: its neighbours need not be asked.
        let only = if most == 1 { holders.of(expert).min_by_key(|&die| load(die)) } else { None };
        if let Some(die) = only {
            candidates.push((load(die), die, true));
        } else {
            for die in holders.of(expert) {
                candidates.push((load(die), die, true));
                near.extend(network.neighbours(die).iter().filter(|&&d| !holders.has(expert, d)));
            }
        }
        // The neighbours of one die are in order.
        if candidates.len() > 1 {
            near.sort_unstable();
            near.dedup();
        }
        candidates.extend(near.iter().map(|&die| (load(die), die, false)));
        candidates.sort_by_key(|c| c.0);
        if most < candidates.len()
            && let Some(at) = candidates.iter().position(|c| c.2)
        {
            // A holder always stays, so that few tokens never travel for nothing.
            let holder = candidates.remove(at);
            candidates.truncate(most - 1);
            candidates.insert(0, holder);
        }
        asked.clear();
        asked.extend(candidates.iter().map(|&(_, die, holder)| {
            let Die { memory, compute, load } = dies[die];
            let moved = if holder { read } else { fetch };
            Asked { die, holder, tokens: 0, moved, memory, compute, load }
        }));
        let (mut left, mut before) = (u64::from(counts[expert]), 0);
        while left > 0 {
            let block = left.min(config.block);
            let work = block as f64 * config.token_seconds;
            if block != before {
                ready.clear();
                ready.extend(asked.iter().map(|a| a.ready(work)));
                before = block;
            }
            let chosen = first_least(&ready);
            if let Some(blocks) = &mut record {
                let candidate = |a: &Asked| {
                    let (memory, compute) = (a.memory + a.moved, a.compute + work);
                    Candidate { die: a.die, holder: a.holder, moved: a.moved, memory, compute }
                };
                blocks.push(Block { expert, tokens: block, candidates: asked.iter().map(candidate).collect(), chosen });
            }
            let a = &mut asked[chosen];
            a.memory += a.moved;
            a.compute += work;
            a.moved = 0.0;
            a.tokens += block;
            a.load = ready[chosen];
            ready[chosen] = a.ready(work);
            left -= block;
        }
        for &Asked { die, tokens, memory, compute, load, .. } in asked.iter().filter(|a| a.tokens > 0) {
            dies[die] = Die { memory, compute, load };
            shares.push(Share { die, expert, tokens });
        }
    }
    Assignment::new(shares, counts.len(), network.dies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_ready_when_memory_and_compute_are() {
        let of = |memory, compute| Candidate { memory, compute, ..Candidate::default() }.ready();
        assert_eq!([of(2.0, 5.0), of(7.0, 5.0)], [5.0, 7.0]);
    }
}
