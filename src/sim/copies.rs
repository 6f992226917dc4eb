//! Dispatches that choose among the copies of a placement. Apart from the paper's, which know one copy, or move experts.

use super::{Assignment, Share};
use crate::model::Placed;
use crate::place::{fewest, holders, least_load, whole};

/// `even`, as EPLB and vLLM have it: with c copies of an expert with n tokens, copy i takes those from ⌈i·n/c⌉ to below
/// ⌈(i + 1)·n/c⌉, in the order of slots. Two copies on one device are one load there.
#[must_use]
pub fn evenly(counts: &[u32], placed: &Placed) -> Assignment {
    let copies = placed.copies();
    let mut seen = vec![0u64; counts.len()];
    let mut shares: Vec<Share> = Vec::with_capacity(counts.len() + placed.slots().len());
    for (die, slots) in placed.slots().iter().enumerate() {
        let first = shares.len();
        for &expert in slots {
            let cut = |i: u64| (i * u64::from(counts[expert])).div_ceil(copies[expert] as u64);
            let tokens = cut(seen[expert] + 1) - cut(seen[expert]);
            seen[expert] += 1;
            if tokens == 0 {
                continue;
            }
            match shares[first..].iter_mut().find(|share| share.expert == expert) {
                Some(share) => share.tokens += tokens,
                None => shares.push(Share { die, expert, tokens }),
            }
        }
    }
    Assignment::new(shares, placed.home().len(), placed.slots().len())
}

/// `lp`: so that the busiest device has as few tokens as it can, then whole tokens of each expert by largest remainder.
#[must_use]
pub fn least_loaded(counts: &[u32], placed: &Placed) -> Assignment {
    let (tokens, holders) = (wide(counts), holders(placed));
    let split = least_load(&tokens, &holders, placed.slots().len()).split;
    let mut shares = Vec::with_capacity(counts.len() + placed.slots().len());
    for (expert, split) in split.iter().enumerate() {
        let taken = holders[expert].iter().zip(whole(tokens[expert], split)).filter(|(_, tokens)| *tokens > 0);
        shares.extend(taken.map(|(&die, tokens)| Share { die, expert, tokens }));
    }
    Assignment::new(shares, placed.home().len(), placed.slots().len())
}

/// `activated`: all tokens of an expert on one of its devices, so that the busiest device reads as few experts as it can.
#[must_use]
pub fn fewest_activated(counts: &[u32], placed: &Placed) -> Assignment {
    let tokens = wide(counts);
    let at = fewest(&tokens, &holders(placed), placed.slots().len());
    let share = |(expert, die): (usize, Option<usize>)| Some(Share { die: die?, expert, tokens: tokens[expert] });
    Assignment::new(at.into_iter().enumerate().filter_map(share).collect(), placed.home().len(), placed.slots().len())
}

fn wide(counts: &[u32]) -> Vec<u64> {
    counts.iter().map(|&n| n.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed() -> Placed {
        Placed::new(vec![vec![0, 1], vec![0], vec![], vec![0, 2, 0]], 3)
    }

    #[test]
    fn every_copy_takes_the_same_whole_tokens() {
        let even = evenly(&[10, 3, 0], &placed());
        // 10 tokens of four copies end at 2.5, 5, 7.5 and 10: 3, 2, 3 and 2; the last two are one load.
        assert_eq!((even.tokens(0, 0), even.tokens(0, 1), even.tokens(0, 3)), (3, 2, 5));
        assert_eq!((even.tokens(1, 0), even.on(2), even.on(3).len()), (3, &[][..], 1));
        let few = evenly(&[1, 0, 0], &placed());
        assert_eq!((few.on(0).len(), few.on(1).len(), few.on(3).len()), (1, 0, 0));
    }

    #[test]
    fn the_busiest_device_has_as_few_tokens_as_it_can() {
        // 13 tokens on three devices, 3 of them only on device 0: 13/3 each, in whole tokens.
        let least = least_loaded(&[10, 3, 0], &placed());
        let loads = [0, 1, 3].map(|die| least.on(die).iter().map(|s| s.tokens).sum::<u64>());
        assert_eq!((loads.iter().sum::<u64>(), loads.iter().max()), (13, Some(&5)));
        assert_eq!(least.tokens(1, 0), 3);
    }

    #[test]
    fn all_tokens_of_an_expert_are_on_the_device_that_reads_fewest() {
        let few = fewest_activated(&[10, 3, 1], &placed());
        assert_eq!([few.tokens(0, 1), few.tokens(1, 0), few.tokens(2, 3)], [10, 3, 1]);
    }
}
