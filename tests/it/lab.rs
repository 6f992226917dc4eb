//! Placements and dispatches: what holds for each of them, and second implementations that go another way.

use std::collections::VecDeque;

use moescope::model::{ExpertSize, Placed, Topology};
use moescope::place::{Loads, PLACEMENTS, Params, holders, least_load, placement_named};
use proptest::prelude::*;

const SIZE: ExpertSize = ExpertSize { hidden: 64, intermediate: 64 };

/// Numbers that look random, the same everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % n as u64).unwrap()
    }

    /// Tokens: mostly few, at times many.
    fn tokens(&mut self) -> u64 {
        let most = [3, 20, 200, 2000][self.below(4)];
        self.below(most) as u64
    }
}

/// Loads with every table, or with sums alone.
fn loads(draws: &mut Draws, experts: usize, layers: usize, all: bool) -> Loads {
    let mut table = |n: usize| (0..n).map(|_| draws.tokens()).collect::<Vec<u64>>();
    let steps: Vec<Vec<Vec<u64>>> = (0..layers).map(|_| (0..3).map(|_| table(experts)).collect()).collect();
    let sum = |steps: &Vec<Vec<u64>>| (0..experts).map(|e| steps.iter().map(|s| s[e]).sum()).collect();
    let sums = steps.iter().map(sum).collect();
    let mut of = Loads { experts, layers: sums, ..Loads::default() };
    if all {
        of.steps = steps;
        of.next = (0..layers).map(|_| table(experts * experts)).collect();
        of.together = (0..layers)
            .map(|_| {
                let half = table(experts * experts);
                let cell = |i: usize| half[i.min(i % experts * experts + i / experts)];
                (0..half.len()).map(|i| if i / experts == i % experts { 0 } else { cell(i) }).collect()
            })
            .collect();
    }
    of
}

fn device_loads(placed: &Placed, weights: &[u64]) -> Vec<f64> {
    let copies = placed.copies();
    let load = |of: &Vec<usize>| of.iter().map(|&e| weights[e] as f64 / copies[e] as f64).sum();
    placed.slots().iter().map(load).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_placement_fills_exactly_its_slots(
        experts in 1usize..20, devices in 1usize..9, nodes in 1usize..4, spare in 0usize..4, layers in 1usize..4, seed in any::<u64>(), all in any::<bool>()
    ) {
        let loads = loads(&mut Draws(seed), experts, layers, all);
        let topology = Topology::plain(devices, nodes);
        let params = Params { spare, groups: 2, ..Params::of(SIZE) };
        let worst = placement_named("worst").unwrap().once(&loads, &topology, &params);
        for placement in PLACEMENTS {
            // Without a search it is blocks by id.
            let copies = placement.reads.contains(&"spare") && placement.name != "search";
            let slots = experts + if copies { spare * devices } else { 0 };
            let mut sum = 0;
            let placed = placement.once(&loads, &topology, &params).layers;
            for ((placed, worst), weights) in placed.iter().zip(&worst.layers).zip(&loads.layers) {
                prop_assert!(placed.copies().iter().all(|&n| n > 0), "{}: every expert has a slot", placement.name);
                let (mine, map) = (placed.slots(), placed.physical_to_logical());
                sum += map.len();
                prop_assert!(placement.name == "craft" || map.len() == slots, "{}: {map:?}", placement.name);
                let by_id: Vec<usize> = (0..devices).collect();
                // These two are the paper's: a device may have fewer than its share.
                if !["round-robin", "remap"].contains(&placement.name) {
                    let even = Placed::from_map(&map, &by_id, devices, experts);
                    prop_assert_eq!(even.slots(), mine, "{}: each device its number", placement.name);
                }
                let of = device_loads(placed, weights);
                let mean = weights.iter().sum::<u64>() as f64 / devices as f64;
                let most = of.iter().copied().fold(0.0, f64::max);
                prop_assert!(most >= mean * (1.0 - 1e-12), "{}: {most} of a mean of {mean}", placement.name);
                let most_of_all = device_loads(worst, weights)[0];
                prop_assert!(copies || most <= most_of_all * (1.0 + 1e-12), "{}: {most} of {most_of_all}", placement.name);
                prop_assert!((of.iter().sum::<f64>() / devices as f64 - mean).abs() <= 1e-9 * (1.0 + mean));
            }
            prop_assert!(sum <= slots * layers, "{}: {sum}", placement.name);
        }
    }

    #[test]
    fn what_avoids_two_copies_on_one_device_does(experts in 2usize..20, devices in 2usize..9, spare in 0usize..3, seed in any::<u64>()) {
        let loads = loads(&mut Draws(seed), experts, 1, true);
        let params = Params { spare, ..Params::of(SIZE) };
        for name in ["flash", "dup"] {
            let placed = placement_named(name).unwrap().once(&loads, &Topology::plain(devices, 1), &params);
            for slots in placed.layers[0].slots() {
                let mut distinct = slots.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(distinct.len(), slots.len().min(experts), "{}: {:?}", name, placed);
            }
        }
    }
}

#[test]
fn placements_are_the_same_on_every_target() {
    let loads = loads(&mut Draws(5), 24, 3, true);
    let topology = Topology::plain(8, 2);
    let params = Params { spare: 2, ..Params::of(SIZE) };
    let mut found = Vec::new();
    for placement in PLACEMENTS {
        let maps = placement.once(&loads, &topology, &params).layers.into_iter();
        let slots = maps.flat_map(|p| p.physical_to_logical());
        let hash = slots.fold(0u64, |hash, e| (hash ^ e as u64).wrapping_mul(0x0100_0000_01b3).wrapping_add(1));
        found.push((placement.name, hash));
    }
    assert_eq!(found, PINNED);
}

/// A digest of each, made on x86-64; the test runs on 32 bits too.
const PINNED: [(&str, u64); 17] = [
    ("round-robin", 0x2e5b_df60_ca14_e0e8),
    ("contiguous", 0x7692_00ec_9549_0c68),
    ("remap", 0x9dda_a8ee_a0bb_a5e8),
    ("eplb", 0x1f40_1e63_98ce_c0fd),
    ("eplb-nodes", 0x9417_8e55_e9ca_9dbc),
    ("dup", 0x9137_51ef_ebc7_fcb4),
    ("vec", 0x6047_e40c_67d3_253b),
    ("flash", 0x2fee_deb4_0f68_deb5),
    ("swift", 0x81f6_86fe_9537_abfc),
    ("craft", 0x7edd_6468_0a04_cb98),
    ("spread", 0x97d4_bcad_52e8_4b88),
    ("apart", 0x43bb_ea57_f6b6_be2c),
    ("together", 0xf58c_168d_ed7a_9df8),
    // Where nothing is said of subjects it is eplb.
    ("task", 0x1f40_1e63_98ce_c0fd),
    ("worst", 0xc127_67d0_ba85_0ff4),
    ("search", 0x7692_00ec_9549_0c68),
    ("file", 0x7692_00ec_9549_0c68),
];

#[test]
fn remap_on_the_counts_to_come_is_no_bound_even_without_copies() {
    // Largest first gives 7 and 5; blocks by id 6 and 6.
    let loads = Loads { experts: 6, layers: vec![vec![3, 3, 0, 2, 2, 2]], ..Loads::default() };
    let most = |name: &str| {
        let placed = placement_named(name).unwrap().once(&loads, &Topology::plain(2, 1), &Params::of(SIZE));
        device_loads(&placed.layers[0], &loads.layers[0]).into_iter().fold(0.0, f64::max)
    };
    assert_eq!((most("remap"), most("contiguous")), (7.0, 6.0));
}

/// DeepSeek's description, line by line, on flat arrays of ranks and inverses.
mod eplb {
    /// For each item its pack and its rank in it.
    fn balanced_packing(weight: &[f64], packs: usize) -> (Vec<usize>, Vec<usize>) {
        let per_pack = weight.len() / packs;
        if per_pack == 1 {
            return ((0..weight.len()).collect(), vec![0; weight.len()]);
        }
        let mut indices: Vec<usize> = (0..weight.len()).collect();
        indices.sort_by(|&a, &b| weight[b].partial_cmp(&weight[a]).unwrap());
        let (mut pack_index, mut rank_in_pack) = (vec![usize::MAX; weight.len()], vec![usize::MAX; weight.len()]);
        let (mut pack_weights, mut pack_items) = (vec![0.0; packs], vec![0; packs]);
        for group in indices {
            let mut pack = usize::MAX;
            for i in 0..packs {
                if pack_items[i] < per_pack && (pack == usize::MAX || pack_weights[i] < pack_weights[pack]) {
                    pack = i;
                }
            }
            pack_index[group] = pack;
            rank_in_pack[group] = pack_items[pack];
            pack_weights[pack] += weight[group];
            pack_items[pack] += 1;
        }
        (pack_index, rank_in_pack)
    }

    /// The logical expert of each physical one, and the number of copies of each logical one.
    fn replicate_experts(weight: &[f64], physical: usize) -> (Vec<usize>, Vec<usize>) {
        let mut phy2log: Vec<usize> = (0..physical).collect();
        let mut logcnt = vec![1; weight.len()];
        for slot in phy2log.iter_mut().skip(weight.len()) {
            let mut redundant = 0;
            for log in 1..weight.len() {
                if weight[log] / logcnt[log] as f64 > weight[redundant] / logcnt[redundant] as f64 {
                    redundant = log;
                }
            }
            *slot = redundant;
            logcnt[redundant] += 1;
        }
        (phy2log, logcnt)
    }

    fn inverse(perm: &[usize]) -> Vec<usize> {
        let mut inv = vec![0; perm.len()];
        for (i, &p) in perm.iter().enumerate() {
            inv[p] = i;
        }
        inv
    }

    pub(super) fn rebalance(weight: &[f64], physical: usize, groups: usize, nodes: usize, gpus: usize) -> Vec<usize> {
        let logical = weight.len();
        let group_size = logical / groups;
        let groups_per_node = groups / nodes;
        let phy_experts_per_gpu = physical / gpus;
        // Step 1: groups to nodes.
        let tokens_per_group: Vec<f64> =
            (0..groups).map(|g| (0..group_size).map(|i| weight[g * group_size + i]).sum()).collect();
        let (group_pack_index, group_rank_in_pack) = balanced_packing(&tokens_per_group, nodes);
        let meant = |log: usize| {
            let group = log / group_size;
            (group_pack_index[group] * groups_per_node + group_rank_in_pack[group]) * group_size + log % group_size
        };
        let log2mlog: Vec<usize> = (0..logical).map(meant).collect();
        let mlog2log = inverse(&log2mlog);
        // Step 2: copies within nodes. Step 3: copies to the devices of the node.
        let mut pphy2log = Vec::new();
        for node in 0..nodes {
            let first = node * logical / nodes;
            let tokens_per_mlog: Vec<f64> = (0..logical / nodes).map(|m| weight[mlog2log[first + m]]).collect();
            let (phy2mlog, mlogcnt) = replicate_experts(&tokens_per_mlog, physical / nodes);
            let tokens_per_phy: Vec<f64> = phy2mlog.iter().map(|&m| tokens_per_mlog[m] / mlogcnt[m] as f64).collect();
            let (pack_index, rank_in_pack) = balanced_packing(&tokens_per_phy, gpus / nodes);
            let phy2pphy: Vec<usize> =
                pack_index.iter().zip(&rank_in_pack).map(|(pack, rank)| pack * phy_experts_per_gpu + rank).collect();
            let pphy2phy = inverse(&phy2pphy);
            pphy2log.extend(pphy2phy.iter().map(|&phy| mlog2log[first + phy2mlog[phy]]));
        }
        pphy2log
    }
}

#[test]
fn eplb_is_what_its_description_says_on_ten_thousand_tables() {
    let mut draws = Draws(11);
    for at in 0..10_000 {
        let nodes = [1, 2, 4][draws.below(3)];
        let groups = nodes * [1, 2, 3][draws.below(3)];
        let experts = groups * (1 + draws.below(4));
        let devices = nodes * (1 + draws.below(4));
        // Slots that devices share evenly, at least one an expert.
        let slots = devices * (experts.div_ceil(devices) + draws.below(4));
        let weights: Vec<u64> = (0..experts).map(|_| draws.tokens()).collect();
        let real: Vec<f64> = weights.iter().map(|&n| n as f64).collect();
        let loads = Loads { experts, layers: vec![weights.clone()], ..Loads::default() };
        let params = Params { slots: Some(slots), groups, ..Params::of(SIZE) };
        let topology = Topology::plain(devices, nodes);
        let map = |name: &str| {
            let placed = placement_named(name).unwrap().once(&loads, &topology, &params);
            placed.layers[0].physical_to_logical()
        };
        let of = format!("{at}: {weights:?} on {devices} devices, {nodes} nodes, {groups} groups, {slots} slots");
        assert_eq!(map("eplb"), eplb::rebalance(&real, slots, 1, 1, devices), "{of}");
        assert_eq!(map("eplb-nodes"), eplb::rebalance(&real, slots, groups, nodes, devices), "{of}");
    }
}

/// The paper's duplication, trying everything and adding up everything anew.
fn dup(weights: &[u64], devices: usize, spare: usize) -> Vec<Vec<usize>> {
    let experts = weights.len();
    let mut slots = vec![Vec::new(); devices];
    (0..experts).for_each(|e| slots[e * devices / experts].push(e));
    let room: Vec<usize> = slots.iter().map(|of| of.len() + spare).collect();
    for _ in 0..spare * devices {
        let mut all = Vec::new();
        for e in 0..experts {
            for g in (0..devices).filter(|&g| slots[g].len() < room[g] && !slots[g].contains(&e)) {
                let mut tried = slots.clone();
                tried[g].push(e);
                let most = device_loads(&Placed::new(tried, experts), weights).into_iter().fold(0.0, f64::max);
                all.push((most, e, g));
            }
        }
        let least = all.iter().map(|t| t.0).fold(f64::INFINITY, f64::min);
        let (_, e, g) = all.into_iter().find(|t| t.0 <= least + 1e-9).unwrap();
        slots[g].push(e);
    }
    slots
}

#[test]
fn dup_is_what_trying_every_copy_finds() {
    let mut draws = Draws(3);
    for _ in 0..300 {
        let (devices, each, spare) = (2 + draws.below(3), 2 + draws.below(3), 1 + draws.below(2));
        let weights: Vec<u64> = (0..devices * each).map(|_| draws.tokens()).collect();
        let loads = Loads { experts: weights.len(), layers: vec![weights.clone()], ..Loads::default() };
        let params = Params { spare, ..Params::of(SIZE) };
        let placed = placement_named("dup").unwrap().once(&loads, &Topology::plain(devices, 1), &params);
        assert_eq!(placed.layers[0].slots(), dup(&weights, devices, spare), "{weights:?}");
    }
}

/// The least largest load as a fraction: flows from experts to devices, each of which takes at most so much; as long as some tokens find
/// no way, the devices that they reach are too few for what they must hold, and that is the next largest load to try.
fn least_by_flow(tokens: &[u64], holders: &[Vec<usize>], devices: usize) -> (u64, u64) {
    let (mut p, mut q) = (tokens.iter().sum::<u64>(), devices as u64);
    loop {
        // Nodes: experts, devices. flow[expert][device]; what is left of each.
        let (n, mut flow) = (tokens.len(), vec![vec![0u64; devices]; tokens.len()]);
        let mut left: Vec<u64> = tokens.iter().map(|&t| t * q).collect();
        let mut room = vec![p; devices];
        let mut stuck = None;
        while let Some(source) = (0..n).find(|&e| left[e] > 0) {
            let mut by = vec![usize::MAX; n + devices];
            let mut queue = VecDeque::from([source]);
            by[source] = source;
            let mut end = None;
            while let Some(at) = queue.pop_front() {
                let next: Vec<usize> = if at < n {
                    holders[at].iter().map(|d| n + d).collect()
                } else {
                    (0..n).filter(|&e| flow[e][at - n] > 0).collect()
                };
                if at >= n && room[at - n] > 0 {
                    end = Some(at);
                    break;
                }
                for to in next {
                    if by[to] == usize::MAX {
                        by[to] = at;
                        queue.push_back(to);
                    }
                }
            }
            let Some(end) = end else {
                stuck = Some(by);
                break;
            };
            let mut way = vec![end];
            while way[way.len() - 1] != source {
                way.push(by[way[way.len() - 1]]);
            }
            way.reverse();
            let back = way.windows(2).filter(|w| w[0] >= n).map(|w| flow[w[1]][w[0] - n]).min().unwrap_or(u64::MAX);
            let amount = left[source].min(room[end - n]).min(back);
            for w in way.windows(2) {
                if w[0] < n { flow[w[0]][w[1] - n] += amount } else { flow[w[1]][w[0] - n] -= amount }
            }
            left[source] -= amount;
            room[end - n] -= amount;
        }
        let Some(by) = stuck else { return (p, q) };
        p = (0..n).filter(|&e| by[e] != usize::MAX).map(|e| tokens[e]).sum();
        q = (0..devices).filter(|&d| by[n + d] != usize::MAX).count() as u64;
    }
}

#[test]
fn lp_is_the_exact_maximum_flow() {
    let mut draws = Draws(23);
    for at in 0..1000 {
        let (experts, devices) = (1 + draws.below(16), 1 + draws.below(9));
        let tokens: Vec<u64> = (0..experts).map(|_| draws.tokens()).collect();
        let slots =
            (0..devices).map(|_| (0..draws.below(5)).map(|_| draws.below(experts)).collect()).collect::<Vec<_>>();
        let mut of = holders(&Placed::new(slots, experts));
        (0..experts).for_each(|e| {
            if of[e].is_empty() {
                of[e].push(draws.below(devices));
            }
        });
        let split = least_load(&tokens, &of, devices);
        let (p, q) = least_by_flow(&tokens, &of, devices);
        let exact = p as f64 / q as f64;
        assert!((split.bound - exact).abs() <= 1e-12 * exact, "{at}: {split:?}, not {exact}");
        assert!(
            split.most - exact <= 1e-6 * exact && split.most >= exact * (1.0 - 1e-9),
            "{at}: {split:?}, not {exact}"
        );
        for (e, split) in split.split.iter().enumerate() {
            assert!(split.iter().all(|&share| share >= -1e-9), "{at}");
            assert!((split.iter().sum::<f64>() - tokens[e] as f64).abs() < 1e-6, "{at}");
        }
    }
}
