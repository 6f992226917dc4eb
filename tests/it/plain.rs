//! Second, plain implementations of what the simulator's numbers follow from, written from the definitions: they share no
//! code with the first ones and are as slow as they like. Each is held against the first on random input.

use std::sync::Arc;

use moescope::experiment::Experiment;
use moescope::model::{Faults, Phase, Request};
use moescope::place::Loads;
use moescope::sim::{
    Config, Holders, Network, Predictor, Shape, Workload, allocate, as_one_gpu, evenly_spaced, offset,
};
use proptest::prelude::*;

use crate::reference::{Wafer, cases};

/// Tokens `[expert][die]` of base: token i of N, by expert, goes to position floor(i·D/N) among the working dies.
pub(crate) fn one_gpu(counts: &[u32], config: &Config, dies: usize) -> Vec<Vec<u64>> {
    let tokens: Vec<usize> = (0..counts.len()).flat_map(|e| std::iter::repeat_n(e, counts[e] as usize)).collect();
    let mut table = vec![vec![0; dies]; counts.len()];
    for (i, &e) in tokens.iter().enumerate() {
        table[e][config.order[i * config.order.len() / tokens.len()]] += 1;
    }
    table
}

/// The same of ep.
pub(crate) fn at_home(counts: &[u32], home: &[usize], dies: usize) -> Vec<Vec<u64>> {
    let on = |e: usize, d: usize| if home[e] == d { u64::from(counts[e]) } else { 0 };
    (0..counts.len()).map(|e| (0..dies).map(|d| on(e, d)).collect()).collect()
}

/// Algorithm 1 of the paper, line by line; `held[e]` are the dies that hold expert e.
pub(crate) fn algorithm_1(counts: &[u32], wafer: &Wafer, config: &Config, held: &[Vec<usize>]) -> Vec<Vec<u64>> {
    let (hardware, mesh) = (&wafer.hardware, wafer.hardware.mesh);
    let dies = mesh.dies();
    let near = |a: usize, b: usize| {
        let (dx, dy) = ((a % mesh.x).abs_diff(b % mesh.x), (a / mesh.x).abs_diff(b / mesh.x));
        let Faults { dies, links } = &wafer.faults;
        dx + dy == 1 && !dies.contains(&a) && !dies.contains(&b) && !links.contains(&(a.min(b), a.max(b)))
    };
    let mut x = vec![vec![0u64; dies]; counts.len()];
    let (mut mem, mut cmp, mut load) = (vec![0.0; dies], vec![0.0; dies], vec![0.0; dies]);
    let mut experts: Vec<usize> = (0..counts.len()).collect();
    experts.sort_by_key(|&e| counts[e]);
    for e in experts {
        let mut cand: Vec<usize> = (0..dies).filter(|d| held[e].contains(d)).collect();
        cand.extend((0..dies).filter(|&d| !held[e].contains(&d) && held[e].iter().any(|&h| near(h, d))));
        cand.sort_by(|&a, &b| f64::partial_cmp(&load[a], &load[b]).unwrap());
        let ms = moescope::units::floor(f64::from(counts[e]) / config.split).max(1);
        if ms < cand.len() {
            let first = cand.iter().copied().find(|d| held[e].contains(d)).unwrap();
            let others: Vec<usize> = cand.into_iter().filter(|&d| d != first).take(ms - 1).collect();
            cand = std::iter::once(first).chain(others).collect();
        }
        let mut r = u64::from(counts[e]);
        while r > 0 {
            let b = r.min(config.block);
            let m = |d: usize| match (x[e][d] > 0, held[e].contains(&d)) {
                (true, _) => 0.0,
                (false, true) => config.expert_bytes / hardware.hbm,
                (false, false) => config.expert_bytes / hardware.link + hardware.remote_penalty,
            };
            let c = |d: usize| f64::max(mem[d] + m(d), cmp[d] + b as f64 * config.token_seconds);
            let t = cand.iter().copied().reduce(|best, d| if c(d) < c(best) { d } else { best }).unwrap();
            let (moved, cost) = (m(t), c(t));
            mem[t] += moved;
            cmp[t] += b as f64 * config.token_seconds;
            load[t] = cost;
            x[e][t] += b;
            r -= b;
        }
    }
    x
}

/// The counts of a batch: slot s of B takes request s mod R, in round s div R of all rounds; round j starts its decode at
/// floor(j · (T - steps + 1) / rounds), and a request that is too short starts again.
fn fill(requests: &[Request], layers: &[u32], experts: usize, batch: usize, steps: usize) -> Vec<u32> {
    let usable: Vec<&Request> = requests.iter().filter(|r| r.tokens > r.prefill).collect();
    let rounds = (0..batch).map(|slot| slot / usable.len()).max().unwrap() + 1;
    let mut counts = vec![0; steps * layers.len() * experts];
    for slot in 0..batch {
        let (request, round) = (usable[slot % usable.len()], slot / usable.len());
        let decode = request.tokens - request.prefill;
        let starts = if decode >= steps { decode - steps + 1 } else { 1 };
        for step in 0..steps {
            let token = request.prefill + (round * starts / rounds + step) % decode;
            for (l, id) in layers.iter().enumerate() {
                let Some(at) = request.layers.iter().position(|i| i == id) else { continue };
                for k in 0..request.top_k {
                    let expert = request.columns[at][token * request.top_k + k];
                    counts[(step * layers.len() + l) * experts + usize::from(expert)] += 1;
                }
            }
        }
    }
    counts
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let one = (1usize..=3, 0usize..=4, 0usize..=9, any::<u64>()).prop_map(|(top_k, prefill, decode, seed)| {
        let tokens = prefill + decode;
        let column = |salt: u64| {
            (0..tokens * top_k).map(move |i| {
                let mixed = (seed ^ salt).wrapping_add(i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                u16::try_from((mixed >> 40) % 7).unwrap()
            })
        };
        let layers: Vec<u32> = if seed % 5 == 0 { vec![1, 8] } else { vec![1, 3, 8] };
        let columns = layers.iter().map(|&id| column(u64::from(id)).collect()).collect();
        Request { index: 0, top_k, prefill, tokens, layers, columns, ..Request::default() }
    });
    proptest::collection::vec(one, 1..=5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn batches_are_filled_as_documented(requests in requests(), batch in 1usize..=40, steps in 1usize..=6) {
        prop_assume!(requests.iter().any(|r| r.tokens > r.prefill));
        let (layers, experts) = ([1, 3, 8], 7);
        let shape = Shape { layers: &layers, all_layers: 3, experts };
        let filled = Workload::fill(&requests, Phase::Decode, shape, batch, steps, Vec::new());
        prop_assert_eq!(filled.counts, fill(&requests, &layers, experts, batch, steps));
    }

    #[test]
    fn dispatch_is_that_of_the_definitions((work, wafer, config) in cases(), seed in any::<u64>()) {
        let network = Network::new(&config.topology);
        let dies = network.dies;
        let live = wafer.faults.live(wafer.hardware.mesh);
        // Some experts have replicas.
        let mut held: Vec<Vec<usize>> = config.home(0).iter().map(|&d| vec![d]).collect();
        let mut holders = Holders::new(config.replicas.placed(0, 0));
        for e in 0..work.experts {
            let extra = live[usize::try_from((seed >> (e * 5)) % live.len() as u64).unwrap()];
            if (seed >> e) & 3 == 0 && !held[e].contains(&extra) {
                held[e].push(extra);
                holders.add(e, extra);
            }
        }
        for step in 0..work.steps {
            // Hot experts, so that many are split.
            let counts: Vec<u32> = work.of(step, 0).iter().map(|n| n * 7).collect();
            let (ours, base) = (allocate(&counts, &config, &network, &holders), as_one_gpu(&counts, &config.order, dies));
            let (plain, plain_base) = (algorithm_1(&counts, &wafer, &config, &held), one_gpu(&counts, &config, dies));
            for (e, d) in (0..work.experts).flat_map(|e| (0..dies).map(move |d| (e, d))) {
                prop_assert_eq!(ours.tokens(e, d), plain[e][d], "allo: expert {} on die {}", e, d);
                prop_assert_eq!(base.tokens(e, d), plain_base[e][d], "base: expert {} on die {}", e, d);
            }
        }
    }

    #[test]
    fn the_predictor_takes_the_top_of_each_row(heat in proptest::collection::vec(0u32..6, 70 * 70), n in 0usize..=70) {
        let predictor = Predictor::new(&heat, 70, n);
        for e in 0..70 {
            let mut row: Vec<usize> = (0..70).filter(|&j| heat[e * 70 + j] > 0).collect();
            row.sort_by_key(|&j| (std::cmp::Reverse(heat[e * 70 + j]), j));
            row.truncate(n);
            let set = predictor.union(std::iter::once(e));
            for j in 0..70 {
                prop_assert_eq!(Predictor::holds(&set, j), row.contains(&j));
            }
        }
    }

    #[test]
    fn layers_are_the_middles_of_equal_parts(all in 1usize..=99, n in 1usize..=99) {
        let ids: Vec<u32> = (0..u32::try_from(all).unwrap()).map(|i| 3 * i + 1).collect();
        let chosen = evenly_spaced(&ids, n);
        prop_assert_eq!(chosen.len(), n.min(all));
        if n < all {
            for (i, id) in chosen.iter().enumerate() {
                // Part i reaches from i/n to (i+1)/n of all; its middle is in the chosen item.
                let (middle, at) = ((i as f64 + 0.5) / n as f64 * all as f64, f64::from((id - 1) / 3));
                prop_assert!(at <= middle + 1e-9 && middle - 1e-9 < at + 1.0, "part {} of {}: {} for {}", i, n, at, middle);
            }
        }
    }
}

/// On wasm32 the product of rounds and starts did not fit into an address: page and command line differed.
#[test]
fn offsets_of_a_million_rounds_over_a_long_request_do_not_overflow() {
    let (starts, rounds) = (32_768u64, 1 << 20);
    assert!((rounds - 1) * starts > u64::from(u32::MAX), "the case is one that overflowed");
    for round in [0, 1, 31, 32, 131_071, 131_072, 500_000, (1 << 20) - 1] {
        let plain = u128::from(round) * u128::from(starts) / u128::from(rounds);
        assert_eq!(offset(round, starts, rounds) as u128, plain);
    }
    // All offsets are used, equally often, up to the last one.
    let tokens: Vec<u16> = (0..32_768).map(|t| u16::from(t >= 16_384)).collect();
    let request = Request {
        index: 0,
        top_k: 1,
        prefill: 0,
        tokens: tokens.len(),
        layers: vec![1],
        columns: vec![tokens],
        ..Request::default()
    };
    let shape = Shape { layers: &[1], all_layers: 1, experts: 2 };
    assert_eq!(Workload::fill([&request], Phase::Decode, shape, 1 << 20, 1, Vec::new()).counts, [1 << 19, 1 << 19]);
}

#[test]
fn evenly_spaced_layers_by_hand() {
    let ids: Vec<u32> = (3..61).collect();
    assert_eq!(evenly_spaced(&ids, 6), [7, 17, 27, 36, 46, 56]);
    assert_eq!(evenly_spaced(&[1, 2, 3, 4], 2), [2, 4]);
    assert_eq!(evenly_spaced(&[1, 2, 3], 1), [2]);
    assert_eq!(evenly_spaced(&[1, 2, 3], 0), [1, 2, 3]);
    assert_eq!(evenly_spaced(&[1, 2, 3], 3), [1, 2, 3]);
}

fn settings(text: &str, experts: usize, layers: usize, all_layers: usize) -> Config {
    let (experiment, unread) = Experiment::parse(text);
    assert!(unread.is_empty(), "{text}: {unread:?}");
    let loads = Loads { experts, layers: vec![vec![0; experts]; layers], ..Loads::default() };
    let layers = (0..u32::try_from(layers).unwrap()).collect();
    let work = Workload { layers, loads, all_layers, experts, batch: 8, steps: 1, ..Workload::default() };
    experiment.config(&work, &Arc::new(experiment.topology()), moescope::sim::Strategy::BASE)
}

fn same(ours: f64, plain: f64) {
    assert!((ours / plain - 1.0).abs() < 1e-12, "{ours} and {plain}");
}

/// Every derived number of the wafer model, by hand: hidden h, intermediate i, b bytes a weight, FP16 rate, HBM, link.
#[test]
fn derived_numbers_are_those_of_the_definitions() {
    for (model, h, i, experts) in [
        ("deepseek-v3", 7168.0, 2048.0, 256),
        ("kimi-k2", 7168.0, 2048.0, 384),
        ("qwen3-235b", 4096.0, 1536.0, 128),
        ("llama4-maverick", 5120.0, 8192.0, 128),
    ] {
        for (wafer, fp16, hbm, link) in [
            ("dojo", 989e12, 3.35e12, 1.7e12),
            ("tsmc-sow", 989e12, 3.35e12, 1.7e12),
            ("dojo-enhanced", 4500e12, 8e12, 2e12),
        ] {
            for (bytes, rate) in [(1.0, 2.0 * fp16), (2.0, fp16)] {
                let c = settings(&format!("v=1&model={model}&wafer={wafer}&weight={bytes}"), experts, 6, 58);
                same(c.expert_bytes, 3.0 * h * i * bytes);
                same(c.token_seconds, 6.0 * h * i / rate);
                same(c.read_seconds(), 3.0 * h * i * bytes / hbm);
                same(c.link_seconds(), 3.0 * h * i * bytes / link);
                same(c.split, 1.25 * (3.0 * h * i * bytes / link) / (6.0 * h * i / rate));
                assert_eq!((c.predicted, c.block, c.in_flight), (experts / 2, 50, 2));
            }
        }
    }
    let c = settings("v=1&tau=2&predict=30&block=7&flight=3", 256, 6, 58);
    same(c.split, 2.0 * (1978.0e12 / 2.0) / 1.7e12);
    assert_eq!((c.predicted, c.block, c.in_flight), (76, 7, 3));
}

/// Room for replicas: floor((usable · DRAM - W · L · experts of the die) / W), of which the simulated layers have their share.
#[test]
fn slots_are_those_of_the_definition() {
    // Bytes of an expert: 3 · 7168 · 2048. 256 experts on 25 dies: six dies have 11, the others 10.
    let w = 44_040_192.0;
    for (text, dram, share) in [
        ("v=1", 80e9, 0.9),
        ("v=1&dram=40&usable=80", 40e9, 0.8),
        ("v=1&dram=30", 30e9, 0.9),
        ("v=1&dram=28", 28e9, 0.9),
    ] {
        for (layers, all) in [(6usize, 58usize), (58, 58), (1, 58)] {
            let slots = settings(text, 256, layers, all).slots;
            for (die, &ours) in slots.iter().enumerate() {
                let own = if die < 6 { 11.0 } else { 10.0 };
                let room = (share * dram - w * all as f64 * own) / w;
                let plain =
                    if room < 0.0 { 0 } else { moescope::units::floor(room) as u64 * layers as u64 / all as u64 };
                assert_eq!(ours, plain, "{text}, die {die}, {layers} of {all} layers");
            }
        }
    }
    assert_eq!(settings("v=1", 256, 6, 58).slots[..7], [103, 103, 103, 103, 103, 103, 109]);
    assert_eq!(settings("v=1&dram=28", 256, 6, 58).slots[..7], [0, 0, 0, 0, 0, 0, 0]);
    assert!(settings("v=1&capacity=none", 256, 6, 58).slots.iter().all(|&s| s == u64::MAX));
    assert_eq!(settings("v=1&dead=3", 256, 6, 58).slots[3], 0);
    let order = |text: &str| settings(text, 256, 6, 58).order;
    assert_eq!(
        order("v=1&wafer=tsmc-sow&dead=4"),
        [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
    );
    assert_eq!(
        order("v=1&wafer=tsmc-sow&dead=4&order=column"),
        [0, 3, 6, 9, 12, 15, 18, 21, 1, 7, 10, 13, 16, 19, 22, 2, 5, 8, 11, 14, 17, 20, 23]
    );
}

/// Room for more replicas than an address of 32 bits counts: page and command line differed.
#[test]
fn room_for_billions_of_small_experts_is_counted_on_every_target() {
    // 90 000 GB of room for experts of 6144 bytes, of which two dies have one more than the others in each of 8 layers.
    let slots = settings("v=2&hidden=64&intermediate=32&dram=100000&columns=5&rows=1", 32, 4, 8).slots;
    assert_eq!(slots[4], ((90_000_000_000_000u64 / 6144) - 6 * 8) * 4 / 8);
    assert!(slots[4] > u64::from(u32::MAX));
}
