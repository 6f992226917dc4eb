//! The fewest experts on the busiest device: where reading weights bounds, that is the load. Apart from `lp`, which counts tokens.

use std::collections::VecDeque;

/// The device of all tokens of each expert that has any, among those that hold it: the largest number of experts of a device is as
/// small as it can be. First each expert, those with the fewest devices first, then those with more tokens, then by id, goes to the device
/// with the fewest experts, then the fewest tokens, then the lowest id. Then experts move along chains of devices as long as a
/// device with the most experts gets rid of one.
#[must_use]
pub fn fewest(tokens: &[u64], holders: &[Vec<usize>], devices: usize) -> Vec<Option<usize>> {
    let mut at: Vec<Option<usize>> = vec![None; tokens.len()];
    let (mut experts, mut loads) = (vec![0usize; devices], vec![0u64; devices]);
    let mut order: Vec<usize> = (0..tokens.len()).filter(|&e| tokens[e] > 0).collect();
    order.sort_by_key(|&e| (holders[e].len(), std::cmp::Reverse(tokens[e]), e));
    for expert in order {
        let Some(&device) = holders[expert].iter().min_by_key(|&&d| (experts[d], loads[d], d)) else { continue };
        at[expert] = Some(device);
        experts[device] += 1;
        loads[device] += tokens[expert];
    }
    loop {
        let most = experts.iter().copied().max().unwrap_or(0);
        let Some(full) = experts.iter().position(|&n| n == most) else { break };
        let Some(chain) = chain(full, &at, holders, &experts) else { break };
        experts[full] -= 1;
        for (expert, to) in chain {
            at[expert] = Some(to);
        }
        experts.iter_mut().for_each(|n| *n = 0);
        at.iter().flatten().for_each(|&d| experts[d] += 1);
    }
    at
}

/// Moves, each of an expert to the device where the next one makes room, that take an expert from a device to one with at least
/// two fewer. Where there are none, no device that could help has room: the largest number cannot be smaller.
fn chain(from: usize, at: &[Option<usize>], holders: &[Vec<usize>], experts: &[usize]) -> Option<Vec<(usize, usize)>> {
    let mut on = vec![Vec::new(); experts.len()];
    at.iter().enumerate().for_each(|(expert, device)| {
        if let Some(device) = *device {
            on[device].push(expert);
        }
    });
    // The expert that came to each device, and from where.
    let mut by: Vec<Option<(usize, usize)>> = vec![None; experts.len()];
    let mut queue = VecDeque::from([from]);
    while let Some(device) = queue.pop_front() {
        for &expert in &on[device] {
            for &next in &holders[expert] {
                if next == from || by[next].is_some() {
                    continue;
                }
                by[next] = Some((expert, device));
                if experts[next] + 2 <= experts[from] {
                    let (mut chain, mut end) = (Vec::new(), next);
                    while let Some((expert, before)) = by[end] {
                        chain.push((expert, end));
                        end = before;
                    }
                    return Some(chain);
                }
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_moves_empties_the_fullest_device() {
        // Experts 0 and 1 can only be on device 0, 2 on 0 or 1, 3 on 1 or 2: three experts on device 0 would do with two.
        let holders = [vec![0], vec![0], vec![0, 1], vec![1, 2], vec![1]];
        let at = fewest(&[5, 4, 3, 2, 1], &holders, 3);
        assert_eq!(at, [Some(0), Some(0), Some(1), Some(2), Some(1)]);
        assert_eq!(fewest(&[5, 0, 3, 0, 0], &holders, 3), [Some(0), None, Some(1), None, None]);
    }

    #[test]
    fn the_most_experts_of_a_device_are_as_few_as_any_choice_gives() {
        let mut seed = 7u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((seed >> 33) % below).unwrap()
        };
        for _ in 0..300 {
            let holders: Vec<Vec<usize>> = (0..7)
                .map(|_| {
                    let mut of: Vec<usize> = (0..=draw(3)).map(|_| draw(4)).collect();
                    of.sort_unstable();
                    of.dedup();
                    of
                })
                .collect();
            let most = |at: &[usize]| (0..4).map(|d| at.iter().filter(|&&a| a == d).count()).max().unwrap();
            let found: Vec<usize> = fewest(&[1; 7], &holders, 4).into_iter().flatten().collect();
            let all: usize = holders.iter().map(Vec::len).product();
            let nth = |mut n: usize| holders.iter().map(|of| (of[n % of.len()], n /= of.len()).0).collect::<Vec<_>>();
            let best = (0..all).map(|n| most(&nth(n))).min().unwrap();
            assert_eq!((found.len(), most(&found)), (7, best), "{holders:?}");
        }
    }
}
