//! Tokens go to the nearest copy of their expert. Apart from the other dispatches: only this one asks where a token comes from.

use super::assign::{Assignment, Share};
use super::{Holders, Network, Origins};

/// Each token goes to the holder of fewest hops from the device where its request lives, then the lowest.
#[must_use]
pub fn nearest(origins: &Origins, holders: &Holders, network: &Network, live: &[usize]) -> Assignment {
    let mut shares = Vec::new();
    let mut tokens = vec![0u64; network.dies];
    for expert in 0..origins.starts.len().saturating_sub(1) {
        let to: Vec<usize> = live.iter().map(|&home| closest(home, holders.of(expert), network)).collect();
        for &slot in origins.of(expert) {
            tokens[to[slot as usize % live.len()]] += 1;
        }
        for (die, tokens) in tokens.iter_mut().enumerate().filter(|(_, tokens)| **tokens > 0) {
            shares.push(Share { die, expert, tokens: std::mem::take(tokens) });
        }
    }
    Assignment::new(shares, origins.starts.len().saturating_sub(1), network.dies)
}

/// The device of fewest hops from `home`, then the lowest; `home` if there is none.
pub(super) fn closest(home: usize, devices: impl Iterator<Item = usize>, network: &Network) -> usize {
    devices.min_by_key(|&device| (network.hops(home, device), device)).unwrap_or(home)
}
