//! The least largest load: how the tokens of experts with copies are best shared out. Apart from the placements, which decide where
//! copies lie: this takes them as they are, and proves how far from the best it is.

use crate::model::Placed;

/// Tokens shared out among copies, with a proof of how good that is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// Tokens of each expert on each device that holds it, in the order of those.
    pub split: Vec<Vec<f64>>,
    /// The largest load.
    pub most: f64,
    /// No way to share them out has a smaller largest load.
    pub bound: f64,
}

/// Moves through all experts after which a split is taken as it is, its gap in [`Split::bound`].
const SWEEPS: usize = 2000;

/// Gap at which it is the best, as a share of the largest load: far below a token.
const GAP: f64 = 1e-7;

/// The devices that hold each expert, by id.
#[must_use]
pub fn holders(placed: &Placed) -> Vec<Vec<usize>> {
    let mut holders = vec![Vec::new(); placed.home().len()];
    for (device, slots) in placed.slots().iter().enumerate() {
        for &expert in slots {
            if holders[expert].last() != Some(&device) {
                holders[expert].push(device);
            }
        }
    }
    holders
}

/// Shares out the tokens of each expert among the devices that hold it. From even shares on, every pair of devices of an expert
/// evens out what it can, again and again; that ends at the least largest load. An expert without a device is left out.
#[must_use]
pub fn least_load(tokens: &[u64], holders: &[Vec<usize>], devices: usize) -> Split {
    let mut loads = vec![0.0; devices];
    let mut split: Vec<Vec<f64>> = Vec::with_capacity(tokens.len());
    for (&n, of) in tokens.iter().zip(holders) {
        let each = n as f64 / of.len().max(1) as f64;
        of.iter().for_each(|&d| loads[d] += each);
        split.push(vec![each; of.len()]);
    }
    let copied: Vec<usize> = (0..split.len()).filter(|&e| split[e].len() > 1 && tokens[e] > 0).collect();
    let mut found = (largest(&loads), bound(tokens, holders, &loads));
    for _ in 0..SWEEPS {
        if found.0 - found.1 <= GAP * found.0 {
            break;
        }
        let mut moved = false;
        for &expert in &copied {
            let (of, share) = (&holders[expert], &mut split[expert]);
            for u in 0..of.len() {
                for v in u + 1..of.len() {
                    let more = ((loads[of[u]] - loads[of[v]]) / 2.0).clamp(-share[v], share[u]);
                    share[u] -= more;
                    share[v] += more;
                    loads[of[u]] -= more;
                    loads[of[v]] += more;
                    moved |= more != 0.0;
                }
            }
        }
        found = (largest(&loads), f64::max(found.1, bound(tokens, holders, &loads)));
        if !moved {
            break;
        }
    }
    Split { split, most: found.0, bound: found.1 }
}

/// Whole tokens: each share rounded down, what is left to the largest remainders, the first of several.
#[must_use]
pub fn whole(tokens: u64, split: &[f64]) -> Vec<u64> {
    let mut whole: Vec<u64> = split.iter().map(|&share| crate::units::floor_u64(share)).collect();
    let mut order: Vec<usize> = (0..split.len()).collect();
    let remainder = |i: usize| split[i] - whole[i] as f64;
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(&b)));
    let left = tokens.saturating_sub(whole.iter().sum());
    order.into_iter().cycle().take(crate::units::index(left)).for_each(|i| whole[i] += 1);
    whole
}

fn largest(loads: &[f64]) -> f64 {
    loads.iter().copied().fold(0.0, f64::max)
}

/// Whatever is shared out how, some of the k most loaded devices has at least what can be nowhere else, over k.
fn bound(tokens: &[u64], holders: &[Vec<usize>], loads: &[f64]) -> f64 {
    let order = super::pack::descending(loads);
    let mut rank = vec![0; loads.len()];
    order.iter().enumerate().for_each(|(at, &device)| rank[device] = at);
    let mut kept = vec![0u64; loads.len()];
    for (&n, of) in tokens.iter().zip(holders) {
        if let Some(last) = of.iter().map(|&d| rank[d]).max() {
            kept[last] += n;
        }
    }
    let (mut sum, mut best) = (0, 0.0);
    for (at, n) in kept.into_iter().enumerate() {
        sum += n;
        best = f64::max(best, sum as f64 / (at + 1) as f64);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_eight_ranks_comes_out_exactly() {
        let tokens = [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86, 20, 107, 104, 64];
        let hottest = |rank: usize, place: usize| {
            let mut two = [2 * rank, 2 * rank + 1];
            two.sort_by_key(|&e| std::cmp::Reverse(tokens[e]));
            two[place]
        };
        let mut holders: Vec<Vec<usize>> = (0..16).map(|e| vec![e / 2]).collect();
        let mut loads = [0; 8];
        (0..16).for_each(|e| loads[e / 2] += tokens[e]);
        assert_eq!(loads, [222, 101, 269, 43, 129, 269, 127, 168]);
        for (place, columns) in [[3, 0, 1, 2, 7, 4, 5, 6], [6, 7, 4, 5, 0, 1, 2, 3]].into_iter().enumerate() {
            for (rank, from) in columns.into_iter().enumerate() {
                holders[hottest(from, place)].push(rank);
            }
        }
        let Split { split, most, bound } = least_load(&tokens, &holders, 8);
        assert!((most - 166.0).abs() < 1e-4 && bound == 166.0, "{most} {bound}");
        for (split, &n) in split.iter().zip(&tokens) {
            assert!((split.iter().sum::<f64>() - n as f64).abs() < 1e-9 && split.iter().all(|&share| share >= 0.0));
        }
    }

    #[test]
    fn eplb_on_two_hot_experts_goes_from_232_to_200() {
        let tokens = [600, 560, 120, 120, 20, 10, 10, 10];
        let map = [0, 1, 2, 1, 3, 1, 0, 4, 0, 5, 0, 6, 0, 7, 1, 1];
        let live: Vec<usize> = (0..8).collect();
        let holders = holders(&Placed::from_map(&map, &live, 8, 8));
        assert_eq!(holders[1], [0, 1, 2, 7]);
        let Split { most, bound, .. } = least_load(&tokens, &holders, 8);
        assert!((most - 200.0).abs() < 1e-4 && bound == 200.0, "{most} {bound}");
    }

    #[test]
    fn whole_tokens_are_all_of_them() {
        assert_eq!(whole(7, &[2.5, 2.5, 2.0]), [3, 2, 2]);
        assert_eq!(whole(3, &[0.2, 0.9, 1.9]), [0, 1, 2]);
        assert_eq!(whole(5, &[5.0]), [5]);
        assert_eq!(whole(0, &[]), [0; 0]);
    }
}
