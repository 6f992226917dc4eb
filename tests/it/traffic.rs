//! Activations, the rest of a layer, the order of fetches, and where time goes: by hand, and against the plainest count.

use std::collections::BTreeSet;
use std::sync::Arc;

use moescope::experiment::Experiment;
use moescope::model::{MODELS, Phase, Placed, Replicas, Request, Tokens};
use moescope::protocol::{Provenance, Run, RunReport};
use moescope::sim::{FetchOrder, Inputs, LayerPlan, Planner, Shape, Simulation, Strategy, Workload, all_to_all, sent};
use proptest::prelude::*;

/// A batch of one step and layer in which slot r's token chose `rows[r]`.
fn batch(rows: &[Vec<u16>], experts: usize) -> Workload {
    let mut counts = vec![0; experts];
    rows.iter().flatten().for_each(|&e| counts[usize::from(e)] += 1);
    let at = (0..u32::try_from(rows.len()).unwrap()).collect();
    Workload {
        layers: vec![0],
        all_layers: 1,
        experts,
        batch: rows.len(),
        steps: 1,
        counts,
        heat: vec![vec![1; experts * experts]],
        tokens: Some(Tokens::new(rows[0].len(), rows.len(), rows.concat(), at, rows.len())),
        ..Workload::default()
    }
}

fn inputs(workload: Workload, experiment: &str, home: Option<Vec<usize>>) -> Arc<Inputs> {
    let (experiment, unread) = Experiment::parse(experiment);
    assert_eq!(unread, []);
    let topology = Arc::new(experiment.topology());
    let round = || (0..workload.experts).map(|e| topology.live[e % topology.live.len()]).collect();
    let replicas = Replicas::alike(1, home.unwrap_or_else(round), topology.devices);
    let config = experiment.config_of(&workload, &topology, replicas);
    Arc::new(Inputs::new(workload, config))
}

fn plan(inputs: &Arc<Inputs>, strategy: Strategy) -> LayerPlan {
    Planner::new(Arc::clone(inputs), strategy).plan().unwrap()
}

/// Seconds of both ways together, without latency.
fn both(inputs: &Arc<Inputs>) -> f64 {
    let sent = sent(&plan(inputs, Strategy::EP), inputs);
    all_to_all(&sent, &inputs.network, inputs.config.moves.bytes).iter().sum()
}

const SERIAL: &str = "v=2&model=deepseek-v3&activations=serial&hop=0";

/// What the formula says: of B·K tokens the busiest link of a 5 × 5 mesh carries 60 of 625, there and back.
fn formula(batch: f64) -> f64 {
    60.0 / 625.0 * batch * 8.0 * 7168.0 * 3.0 / 1.7e12
}

#[test]
fn an_even_all_to_all_of_deepseek_takes_79_6_microseconds() {
    assert!((formula(8192.0) - 79.6e-6).abs() < 0.05e-6);
    // Each die's 25 requests choose dies in turn, never one die twice: all pairs of dies have as many tokens.
    let rows: Vec<Vec<u16>> = (0..625u16).map(|r| (0..8).map(|k| (r / 25 + 3 * k) % 25 + 25 * k).collect()).collect();
    let even = inputs(batch(&rows, 200), SERIAL, None);
    let seconds = both(&even) * 8192.0 / 625.0;
    assert!((seconds - formula(8192.0)).abs() < 1e-12, "{seconds}");
    // With latency, each way takes the longest: eight hops.
    let mut with = Experiment::parse(SERIAL).0;
    with = with.with("hop", "200").unwrap();
    let late = inputs(batch(&rows, 200), &with.to_string(), None);
    assert!((both(&late) - both(&even) - 2.0 * 8.0 * 200e-9).abs() < 1e-15);
}

#[test]
fn a_token_goes_once_to_a_die_with_two_of_its_experts() {
    // Random experts of 256: a die has more than one of a token's eight now and then.
    let mut state = 1u64;
    let mut random = |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        u16::try_from((state >> 33) % n).unwrap()
    };
    let rows: Vec<Vec<u16>> = (0..100_000)
        .map(|_| {
            let mut row: Vec<u16> = Vec::new();
            while row.len() < 8 {
                let e = random(250);
                if !row.contains(&e) {
                    row.push(e);
                }
            }
            row
        })
        .collect();
    let factor = both(&inputs(batch(&rows, 250), SERIAL, None)) / formula(100_000.0);
    assert!((0.87..0.89).contains(&factor), "{factor}");
}

/// Distinct tokens by pair of devices, counted one by one.
fn counted(workload: &Workload, plan: &LayerPlan, live: &[usize], dies: usize) -> Vec<u32> {
    let tokens = workload.tokens.as_ref().unwrap();
    let mut pairs = BTreeSet::new();
    for expert in 0..workload.experts {
        let mut slots = (0..workload.batch)
            .filter(|&slot| tokens.of(plan.step, plan.layer, slot).iter().any(|&e| usize::from(e) == expert));
        let mut on: Vec<(usize, u64)> =
            plan.tasks.iter().filter(|t| t.expert == expert && t.tokens > 0).map(|t| (t.die, t.tokens)).collect();
        on.sort_unstable();
        for (die, tokens) in on {
            for slot in slots.by_ref().take(usize::try_from(tokens).unwrap()) {
                pairs.insert((slot, die));
            }
        }
        assert_eq!(slots.next(), None, "a token of expert {expert} is on no device");
    }
    let mut sent = vec![0; dies * dies];
    for (slot, die) in pairs {
        let home = live[slot % live.len()];
        if home != die {
            sent[home * dies + die] += 1;
        }
    }
    sent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Bytes that are sent are those of distinct tokens on other devices, whatever the strategy, the order of fetches, and what is dead;
    /// and the busiest link carries what the routes of all tokens say.
    #[test]
    fn bytes_of_activations_are_those_of_distinct_tokens(
        rows in prop::collection::vec(prop::sample::subsequence((0u16..30).collect::<Vec<_>>(), 4), 8..80),
        dead in 0usize..12,
        strategy in 0usize..5,
        fetch in 0usize..3,
    ) {
        let dead = if dead < 9 { format!("&dead={dead}") } else { String::new() };
        let fetch = FetchOrder::EACH[fetch].0;
        let text = format!("v=2&model=deepseek-v3&columns=3&rows=3&activations=serial&block=2&fetch={fetch}{dead}");
        let work = batch(&rows, 30);
        let live = Experiment::parse(&text).0.topology().live;
        let inputs = inputs(work, &text, None);
        let strategy = Strategy::ALL[strategy];
        let plan = plan(&inputs, strategy);
        let expected = counted(&inputs.workload, &plan, &live, 9);
        prop_assert_eq!(sent(&plan, &inputs), expected.clone());
        let tokens = expected.iter().sum::<u32>();
        let mut simulation = Simulation::with(Arc::clone(&inputs), strategy);
        while simulation.step() {}
        let outcome = simulation.finish();
        prop_assert_eq!(outcome.activations, [7168.0 * f64::from(tokens), 2.0 * 7168.0 * f64::from(tokens)]);
        let topology = &inputs.config.topology;
        let (mut bytes, mut hops) = ([[0.0; 12]; 2], [0usize; 2]);
        for pair in (0..81).filter(|&pair| expected[pair] > 0) {
            for (way, (from, to)) in [(pair / 9, pair % 9), (pair % 9, pair / 9)].into_iter().enumerate() {
                topology.carry(from, to).for_each(|link| bytes[way][link] += 7168.0 * f64::from(expected[pair]));
                hops[way] = hops[way].max(topology.routes.hops(from, to));
            }
        }
        for (way, seconds) in [outcome.breakdown.dispatch, outcome.breakdown.combine].into_iter().enumerate() {
            let most = bytes[way].iter().fold(0.0, |a: f64, &b| a.max(b)) * [1.0, 2.0][way] / 1.7e12;
            prop_assert!((seconds - most - hops[way] as f64 * 200e-9).abs() < 1e-15);
        }
    }
}

/// Requests of two lengths with layers 3 and 5.
fn requests() -> Vec<Request> {
    let request = |index: u64| {
        let (prefill, tokens) = (2, 7 + usize::try_from(index).unwrap());
        let column = |layer: u64| {
            let ids = (0..tokens as u64).flat_map(|t| (0..3).map(move |k| (t * 5 + index * 3 + layer + k * 4) % 12));
            ids.map(|e| u16::try_from(e).unwrap()).collect()
        };
        Request {
            index,
            top_k: 3,
            prefill,
            tokens,
            layers: vec![3, 5],
            columns: vec![column(3), column(5)],
            ..Request::default()
        }
    };
    (0..5).map(request).collect()
}

#[test]
fn tokens_by_slot_tell_the_counts_of_the_batch() {
    let requests = requests();
    let shape = Shape { layers: &[3, 4, 5], all_layers: 3, experts: 12 };
    for (size, steps) in [(3, 2), (5, 4), (23, 3), (200, 16)] {
        let filled = Workload::fill(&requests, Phase::Decode, shape, size, steps, vec![vec![0; 144]; 3]);
        let tokens = Workload::tokens(&requests, Phase::Decode, shape, size, steps);
        let with = Workload { tokens: Some(tokens.clone()), ..filled.clone() };
        for (step, layer) in (0..steps).flat_map(|s| (0..3).map(move |l| (s, l))) {
            let mut counts = vec![0; 12];
            (0..size).flat_map(|slot| tokens.of(step, layer, slot)).for_each(|&e| counts[usize::from(e)] += 1);
            assert_eq!(counts, filled.of(step, layer), "{size} {step} {layer}");
            let origins = with.origins(step, layer);
            for (expert, &count) in counts.iter().enumerate() {
                let slots = origins.of(expert);
                assert!(slots.is_sorted() && slots.len() == count as usize);
                let has = |&slot: &u32| tokens.of(step, layer, slot as usize).contains(&u16::try_from(expert).unwrap());
                assert!(slots.iter().all(has));
            }
            assert_eq!(tokens.layer(layer).of(step, 0, size - 1), tokens.of(step, layer, size - 1));
            // Without tokens each slot still has as many experts as it should, where all rows are known.
            let dealt = filled.origins(step, layer);
            assert_eq!((dealt.starts, dealt.slots.len()), (origins.starts, origins.slots.len()));
            if layer != 1 {
                let mut each = vec![0; size];
                dealt.slots.iter().for_each(|&slot| each[slot as usize] += 1);
                assert_eq!(each, vec![3; size]);
            }
        }
    }
}

fn run(text: &str, workload: &Workload) -> RunReport {
    let made = Provenance { synthetic: true, ..Provenance::default() };
    let mut run = Run::new(Experiment::parse(text).0, workload.clone(), made).unwrap();
    while run.step() {}
    run.report()
}

fn filled() -> Workload {
    let (requests, shape) = (requests(), Shape { layers: &[3, 5], all_layers: 2, experts: 12 });
    let tokens = Some(Workload::tokens(&requests, Phase::Decode, shape, 4000, 4));
    let filled = Workload::fill(&requests, Phase::Decode, shape, 4000, 4, vec![vec![1; 144]; 2]);
    let mut loads = moescope::place::Loads { experts: 12, ..Default::default() };
    loads.layers = (0..2).map(|l| filled.of(0, l).iter().map(|&n| n.into()).collect()).collect();
    Workload { tokens, loads, ..filled }
}

#[test]
fn the_parts_of_every_strategy_sum_to_its_time() {
    let filled = filled();
    let mut seen = [0; 5];
    for system in ["dojo", "h100x8"] {
        for (activations, rest) in
            ["free", "serial", "overlapped"].into_iter().flat_map(|a| [(a, "free"), (a, "counted")])
        {
            let text = format!(
                "v=2&model=deepseek-v3&wafer={system}&activations={activations}&rest={rest}&fetch=hottest&strategies=base,ep,allo,pred,allo%2Bpred,remap.nearest"
            );
            for run in run(&text, &filled).runs {
                let parts = run.breakdown.parts();
                assert!(parts.iter().all(|p| p.1 >= -1e-18), "{text}: {parts:?}");
                let sum = run.breakdown.seconds();
                assert!(
                    (sum - run.seconds).abs() <= 1e-12 * run.seconds,
                    "{text} {}: {sum} {}",
                    run.strategy,
                    run.seconds
                );
                parts.iter().zip(&mut seen).for_each(|(part, n)| *n += usize::from(part.1 > 0.0));
            }
        }
    }
    assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
}

#[test]
fn free_serial_and_overlapped_are_as_defined() {
    let filled = filled();
    let of = |mode: &str| {
        run(&format!("v=2&model=deepseek-v3&columns=2&rows=1&link=0.02&strategies=ep&activations={mode}"), &filled)
            .runs
            .remove(0)
    };
    let [free, serial, overlapped] = ["free", "serial", "overlapped"].map(of);
    assert_eq!((free.breakdown.dispatch, free.breakdown.combine, free.activation_bytes), (0.0, 0.0, [0.0; 2]));
    let ways = serial.breakdown.dispatch + serial.breakdown.combine;
    assert!((serial.seconds - free.seconds - ways).abs() < 1e-12 * serial.seconds && ways > 0.0);
    assert_eq!(
        (serial.activation_bytes, serial.breakdown.compute),
        (overlapped.activation_bytes, free.breakdown.compute)
    );
    // Here a link is so slow that both ways take longer than the experts in every layer: these hide behind them.
    assert!(ways > free.seconds, "{ways} {}", free.seconds);
    assert!((overlapped.seconds - ways).abs() < 1e-12 * ways, "{} {ways}", overlapped.seconds);
    let fast =
        |mode: &str| run(&format!("v=2&model=deepseek-v3&strategies=ep&activations={mode}"), &filled).runs.remove(0);
    assert_eq!(fast("overlapped").seconds, fast("free").seconds, "hidden altogether");
}

#[test]
fn nearest_sends_a_token_to_the_copy_of_fewest_hops() {
    // Five dies in a row; expert 0 on dies 0 and 3, expert 1 on die 4 alone. Slot r lives on die r mod 5.
    let rows: Vec<Vec<u16>> = (0..10).map(|r| vec![u16::from(r == 9)]).collect();
    let text = "v=2&model=deepseek-v3&columns=5&rows=1&activations=serial&hop=0";
    let experiment = Experiment::parse(text).0;
    let topology = Arc::new(experiment.topology());
    let placed = Placed::new(vec![vec![0], vec![], vec![], vec![0], vec![1]], 2);
    let config = experiment.config_of(&batch(&rows, 2), &topology, Replicas { layers: vec![placed] });
    let inputs = Arc::new(Inputs::new(batch(&rows, 2), config));
    let plan = plan(&inputs, Strategy::named("file.nearest").unwrap());
    let tasks: Vec<_> = plan.tasks.iter().map(|t| (t.die, t.expert, t.tokens)).collect();
    // Of expert 0: slots 0, 5 (die 0) and 1, 6 (die 1) to die 0; 2, 7 (die 2), 3, 8 and 4 to die 3.
    assert_eq!(tasks, [(0, 0, 4), (3, 0, 5), (4, 1, 1)]);
    let sent = sent(&plan, &inputs);
    let moved: Vec<_> = (0..25).filter(|&p| sent[p] > 0).map(|p| (p / 5, p % 5, sent[p])).collect();
    assert_eq!(moved, [(1, 0, 2), (2, 3, 2), (4, 3, 1)]);
}

#[test]
fn a_device_fetches_in_the_order_that_is_asked() {
    // Two dies: expert 1 is hottest in the layer, but of expert 0 the first die computes most.
    let mut workload = batch(&vec![vec![0u16]; 4], 3);
    (workload.counts, workload.tokens) = (vec![30, 50, 16], None);
    let of = |order: &str| {
        let inputs = inputs(
            workload.clone(),
            &format!("v=2&model=deepseek-v3&columns=2&rows=1&fetch={order}"),
            Some(vec![0, 1, 0]),
        );
        plan(&inputs, Strategy::BASE).tasks.iter().map(|t| (t.die, t.expert, t.tokens)).collect::<Vec<_>>()
    };
    assert_eq!(of("id"), [(0, 0, 30), (0, 1, 18), (1, 1, 32), (1, 2, 16)]);
    assert_eq!(of("hottest"), [(0, 1, 18), (0, 0, 30), (1, 1, 32), (1, 2, 16)]);
    assert_eq!(of("largest-first"), [(0, 0, 30), (0, 1, 18), (1, 1, 32), (1, 2, 16)]);
}

#[test]
fn the_rest_of_a_layer_takes_its_time_and_its_room() {
    let filled = filled();
    let of = |more: &str| run(&format!("v=2&model=deepseek-v3&strategies=base,pred{more}"), &filled);
    let (free, counted) = (of(""), of("&rest=counted"));
    for (a, b) in free.runs.iter().zip(&counted.runs) {
        assert!(b.breakdown.rest > 0.0 && (b.seconds - a.seconds - b.breakdown.rest).abs() < 1e-12 * b.seconds);
    }
    // By hand: 160 requests a die at 1 B a weight, 3.35 TB/s and 1978 TFLOP/s; two layers, four steps.
    let (weights, requests, context) = (187_105_280.0f64, 160.0f64, 728.0f64);
    let attention = f64::max(
        (weights + requests * context * 576.0) / 3.35e12,
        requests * (2.0 * weights + context * 278_528.0) / 1978e12,
    );
    let gemms = |weights: f64| f64::max(weights / 3.35e12, 2.0 * weights * requests / 1978e12);
    let (shared, dense) = (gemms(3.0 * 7168.0 * 2048.0), gemms(3.0 * 7168.0 * 18432.0));
    let layer = 61.0 / 58.0 * attention + shared + 3.0 / 58.0 * dense;
    assert!((counted.runs[0].breakdown.rest - 8.0 * layer).abs() < 1e-9 * layer, "{}", counted.runs[0].breakdown.rest);
    // A longer context takes longer, and at last does not fit: then nothing is copied.
    let long = of("&rest=counted&context=1000000");
    assert!(long.runs[0].breakdown.rest > counted.runs[0].breakdown.rest);
    assert_eq!((counted.overfull, long.overfull), (0, 25));
    assert_eq!(counted.overfull_words(), None);
    let words = long.overfull_words().unwrap();
    assert!(words.contains("25 dies cannot hold their experts and the caches"), "{words}");
    let gpus = of("&wafer=h100x8&layers=all&rest=counted&context=1000000").overfull_words().unwrap();
    assert!(gpus.contains("8 GPUs cannot") && !gpus.contains("die"), "{gpus}");
    assert!(counted.runs[1].copies.iter().sum::<u64>() > 0);
    assert_eq!(long.runs[1].copies.iter().sum::<u64>(), 0);
    // Room is taken even where it fits.
    let experiment = Experiment::parse("v=2&model=deepseek-v3&rest=counted&context=4096").0;
    let topology = Arc::new(experiment.topology());
    let slots = |e: &Experiment| e.config(&filled, &topology, Strategy::PRED).slots[0];
    assert!(slots(&experiment) < slots(&experiment.with("rest", "free").unwrap()));
}

#[test]
fn a_rest_that_is_not_known_is_refused() {
    let known = ["deepseek-v3", "kimi-k2", "qwen3-235b", "llama4-maverick"];
    for text in MODELS.iter().map(|m| m.name.to_string()).chain(["deepseek-v3&hidden=64".into()]) {
        let experiment = Experiment::parse(&format!("v=2&model={text}&rest=counted")).0;
        let made = Provenance { synthetic: true, ..Provenance::default() };
        match Run::new(experiment, filled(), made) {
            Ok(_) => assert!(known.contains(&text.as_str()), "{text}"),
            Err(why) => {
                assert!(
                    !known.contains(&text.as_str()) && why.contains("rest=counted") && why.contains("kimi-k2"),
                    "{why}"
                );
            }
        }
    }
}
