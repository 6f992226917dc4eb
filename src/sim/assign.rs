//! Which die computes how many tokens of which expert. Apart from the plan of a layer, which adds where experts are read.

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
    pub(super) fn new(mut shares: Vec<Share>, dies: usize) -> Self {
        if !shares.is_sorted() {
            shares.sort_unstable();
        }
        let mut starts = vec![0; dies + 1];
        shares.iter().for_each(|s| starts[s.die + 1] += 1);
        for die in 0..dies {
            starts[die + 1] += starts[die];
        }
        Self { shares, starts }
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
    Assignment::new(shares, all)
}

/// `ep`: every expert at its home.
#[must_use]
pub fn at_home(counts: &[u32], home: &[usize], dies: usize) -> Assignment {
    let share = |(expert, (&n, &die)): (usize, (&u32, &usize))| Share { die, expert, tokens: n.into() };
    let shares = counts.iter().zip(home).enumerate().filter(|(_, (n, _))| **n > 0).map(share);
    Assignment::new(shares.collect(), dies)
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
}

fn decide(
    counts: &[u32],
    config: &Config,
    network: &Network,
    holders: &Holders,
    mut record: Option<&mut Vec<Block>>,
) -> Assignment {
    let dies = network.dies;
    let (mut memory, mut compute, mut load) = (vec![0.0; dies], vec![0.0; dies], vec![0.0f64; dies]);
    let read = config.read_seconds();
    let fetch = config.link_seconds() + config.penalty;
    let mut order: Vec<usize> = (0..counts.len()).filter(|&e| counts[e] > 0).collect();
    order.sort_unstable_by_key(|&e| (counts[e], e));
    let mut shares = Vec::with_capacity(counts.len() + dies);
    let mut asked: Vec<Asked> = Vec::new();
    let mut near: Vec<usize> = Vec::new();
    for expert in order {
        asked.clear();
        near.clear();
        for die in holders.of(expert) {
            asked.push(Asked { die, holder: true, tokens: 0 });
            near.extend(network.neighbours(die).iter().filter(|&&d| !holders.has(expert, d)));
        }
        near.sort_unstable();
        near.dedup();
        asked.extend(near.iter().map(|&die| Asked { die, holder: false, tokens: 0 }));
        asked.sort_by(|a, b| load[a.die].total_cmp(&load[b.die]));
        let most = crate::units::floor(f64::from(counts[expert]) / config.split).max(1);
        if most < asked.len()
            && let Some(at) = asked.iter().position(|a| a.holder)
        {
            // A holder always stays, so that few tokens never travel for nothing.
            let holder = asked.remove(at);
            asked.truncate(most - 1);
            asked.insert(0, holder);
        }
        let mut left = u64::from(counts[expert]);
        while left > 0 {
            let block = left.min(config.block);
            let work = block as f64 * config.token_seconds;
            let moved = |a: &Asked| match (a.tokens, a.holder) {
                (1.., _) => 0.0,
                (_, true) => read,
                (_, false) => fetch,
            };
            let ready = |a: &Asked| f64::max(memory[a.die] + moved(a), compute[a.die] + work);
            let (mut chosen, mut least) = (0, f64::INFINITY);
            for (at, a) in asked.iter().enumerate() {
                let ready = ready(a);
                if ready < least {
                    (chosen, least) = (at, ready);
                }
            }
            if let Some(blocks) = &mut record {
                let candidate = |a: &Asked| {
                    let (moved, memory, compute) = (moved(a), memory[a.die] + moved(a), compute[a.die] + work);
                    Candidate { die: a.die, holder: a.holder, moved, memory, compute }
                };
                blocks.push(Block { expert, tokens: block, candidates: asked.iter().map(candidate).collect(), chosen });
            }
            let moved = moved(&asked[chosen]);
            let a = &mut asked[chosen];
            memory[a.die] += moved;
            compute[a.die] += work;
            load[a.die] = least;
            a.tokens += block;
            left -= block;
        }
        let taken = asked.iter().filter(|a| a.tokens > 0);
        shares.extend(taken.map(|a| Share { die: a.die, expert, tokens: a.tokens }));
    }
    Assignment::new(shares, dies)
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
