//! Which die computes how many tokens of which expert: X\[e\]\[d\]. Apart from the engine, which only carries it out.

use super::{Config, Network};

/// Tokens of each expert on each die, `[expert][die]`; `base` cuts tokens at fractions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    /// Number of dies.
    pub dies: usize,
    /// The tokens.
    pub tokens: Vec<f64>,
}

impl Assignment {
    fn none(experts: usize, dies: usize) -> Self {
        Self { dies, tokens: vec![0.0; experts * dies] }
    }

    /// Tokens of one expert by die.
    #[must_use]
    pub fn of(&self, expert: usize) -> &[f64] {
        &self.tokens[expert * self.dies..][..self.dies]
    }

    /// Tokens of one die, over all experts.
    #[must_use]
    pub fn load(&self, die: usize) -> f64 {
        self.tokens.iter().skip(die).step_by(self.dies).sum()
    }
}

/// `base`: the working die at position p takes tokens \[pN/D, (p+1)N/D) of the list sorted by expert.
#[must_use]
#[inline(never)]
pub fn as_one_gpu(counts: &[u32], config: &Config) -> Assignment {
    /// Overlaps below half a token are rounding, not work.
    const LEAST: f64 = 0.5;
    let all = config.topology.devices;
    let mut x = Assignment::none(counts.len(), all);
    let order = &config.order;
    let dies = order.len();
    let total: f64 = counts.iter().map(|&n| f64::from(n)).sum();
    let bound = |p: usize| p as f64 * total / dies as f64;
    let mut start = 0.0;
    let mut first = 0;
    for (e, &n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
        let end = start + f64::from(n);
        while first < dies && bound(first + 1) <= start {
            first += 1;
        }
        for p in (first..dies).take_while(|&p| bound(p) < end) {
            let overlap = end.min(bound(p + 1)) - start.max(bound(p));
            if overlap >= LEAST {
                x.tokens[e * all + order[p]] += overlap;
            }
        }
        start = end;
    }
    x
}

/// `ep`: every expert at its home.
#[must_use]
pub fn at_home(counts: &[u32], home: &[usize], dies: usize) -> Assignment {
    let mut x = Assignment::none(counts.len(), dies);
    for (e, (&n, &home)) in counts.iter().zip(home).enumerate() {
        x.tokens[e * dies + home] = f64::from(n);
    }
    x
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
/// `holds(e, d)` tells whether die d has expert e in its HBM.
#[must_use]
#[inline(never)]
pub fn allocate(
    counts: &[u32],
    config: &Config,
    network: &Network,
    holds: impl Fn(usize, usize) -> bool,
) -> Assignment {
    decide(counts, config, network, holds, None)
}

/// As [`allocate`], with every decision.
#[must_use]
pub fn allocate_explained(
    counts: &[u32],
    config: &Config,
    network: &Network,
    holds: impl Fn(usize, usize) -> bool,
) -> (Assignment, Vec<Block>) {
    let mut blocks = Vec::new();
    let x = decide(counts, config, network, holds, Some(&mut blocks));
    (x, blocks)
}

fn decide(
    counts: &[u32],
    config: &Config,
    network: &Network,
    holds: impl Fn(usize, usize) -> bool,
    mut record: Option<&mut Vec<Block>>,
) -> Assignment {
    let dies = network.dies;
    let mut x = Assignment::none(counts.len(), dies);
    let (mut memory, mut compute, mut load) = (vec![0.0; dies], vec![0.0; dies], vec![0.0f64; dies]);
    let read = config.read_seconds();
    let fetch = config.link_seconds() + config.penalty;
    let mut order: Vec<usize> = (0..counts.len()).filter(|&e| counts[e] > 0).collect();
    order.sort_by_key(|&e| (counts[e], e));
    let mut candidates: Vec<(usize, bool)> = Vec::new();
    for e in order {
        let tokens = &mut x.tokens[e * dies..][..dies];
        candidates.clear();
        candidates.extend((0..dies).filter(|&d| holds(e, d)).map(|d| (d, true)));
        let holders = candidates.len();
        for d in (0..dies).filter(|&d| !holds(e, d)) {
            if candidates[..holders].iter().any(|(h, _)| network.neighbours(d).contains(h)) {
                candidates.push((d, false));
            }
        }
        candidates.sort_by(|a, b| load[a.0].total_cmp(&load[b.0]));
        let most = crate::units::floor(f64::from(counts[e]) / config.split).max(1);
        if most < candidates.len()
            && let Some(at) = candidates.iter().position(|&(_, holder)| holder)
        {
            // A holder always stays, so that few tokens never travel for nothing.
            let holder = candidates.remove(at);
            candidates.truncate(most - 1);
            candidates.insert(0, holder);
        }
        let mut left = u64::from(counts[e]);
        while left > 0 {
            let block = left.min(config.block);
            let work = block as f64 * config.token_seconds;
            let mut best: Option<(f64, usize, f64)> = None;
            if let Some(blocks) = &mut record {
                blocks.push(Block { expert: e, tokens: block, ..Block::default() });
            }
            for (at, &(d, holder)) in candidates.iter().enumerate() {
                let moved = if tokens[d] > 0.0 {
                    0.0
                } else if holder {
                    read
                } else {
                    fetch
                };
                let ready = f64::max(memory[d] + moved, compute[d] + work);
                let better = best.is_none_or(|(least, ..)| ready < least);
                if better {
                    best = Some((ready, d, moved));
                }
                if let Some(asked) = record.as_mut().and_then(|blocks| blocks.last_mut()) {
                    let (memory, compute) = (memory[d] + moved, compute[d] + work);
                    asked.candidates.push(Candidate { die: d, holder, moved, memory, compute });
                    asked.chosen = if better { at } else { asked.chosen };
                }
            }
            let Some((ready, d, moved)) = best else { break };
            memory[d] += moved;
            compute[d] += work;
            load[d] = ready;
            tokens[d] += block as f64;
            left -= block;
        }
    }
    x
}
