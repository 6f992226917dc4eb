//! A second simulator, as plain as it can be: at every event all rates are computed anew from nothing. The fast one must
//! agree with it on random small wafers; and laws that hold for any run.

use std::sync::Arc;

use moescope::model::{Duplex, Faults, Hardware, Mesh, Placed, Replicas, SYSTEMS};
use moescope::place::Loads;
use moescope::sim::{Config, Fetch, FetchOrder, Moves, Network, Outcome, Simulation, Strategy, Workload, transfer};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use crate::plain;

/// One transfer: its resources, its die, bytes left.
struct Flow {
    task: usize,
    path: Vec<usize>,
    left: f64,
}

/// Max-min fair rates of all flows, by the definition.
fn rates(flows: &[Flow], capacity: &[f64]) -> Vec<f64> {
    let mut rates: Vec<Option<f64>> = vec![None; flows.len()];
    let mut left = capacity.to_vec();
    while rates.iter().any(Option::is_none) {
        let open =
            |r: usize| flows.iter().zip(&rates).filter(|(f, rate)| rate.is_none() && f.path.contains(&r)).count();
        let shares = (0..left.len()).filter(|&r| open(r) > 0).map(|r| (left[r] / open(r) as f64, r));
        let (share, tightest) = shares.min_by(|a, b| a.partial_cmp(b).unwrap()).unwrap();
        let fixed: Vec<usize> =
            (0..flows.len()).filter(|&i| rates[i].is_none() && flows[i].path.contains(&tightest)).collect();
        for i in fixed {
            rates[i] = Some(share);
            flows[i].path.iter().for_each(|&r| left[r] -= share);
        }
    }
    rates.into_iter().map(Option::unwrap).collect()
}

/// Hops between all dies, by Floyd and Warshall.
fn far(mesh: Mesh, faults: &Faults) -> Vec<Vec<usize>> {
    let n = mesh.dies();
    let mut far = vec![vec![usize::MAX / 4; n]; n];
    for d in faults.live(mesh) {
        far[d][d] = 0;
    }
    for (a, b) in mesh.links() {
        let dead = faults.links.contains(&(a, b)) || faults.dies.contains(&a) || faults.dies.contains(&b);
        if !dead {
            (far[a][b], far[b][a]) = (1, 1);
        }
    }
    for k in 0..n {
        for a in 0..n {
            for b in 0..n {
                far[a][b] = far[a][b].min(far[a][k] + far[k][b]);
            }
        }
    }
    far
}

/// Steps along the row, then along the column; if a fault is in the way, of all shortest ways the one that comes first when
/// left, right, up and down are tried in this order.
fn route(mesh: Mesh, faults: &Faults, from: usize, to: usize, full: bool) -> Vec<usize> {
    let links = mesh.links();
    let far = far(mesh, faults);
    let signed = |n: usize| isize::try_from(n).unwrap();
    let moves = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    let step = |at: usize, (dx, dy): (isize, isize)| {
        let (x, y) = (signed(at % mesh.x) + dx, signed(at / mesh.x) + dy);
        let inside = x >= 0 && y >= 0 && x < signed(mesh.x) && y < signed(mesh.y);
        inside.then(|| usize::try_from(y * signed(mesh.x) + x).unwrap())
    };
    let towards = |at: usize| {
        let (dx, dy) = (signed(to % mesh.x) - signed(at % mesh.x), signed(to / mesh.x) - signed(at / mesh.x));
        if dx == 0 { (0, dy.signum()) } else { (dx.signum(), 0) }
    };
    let walk = |choose: &dyn Fn(usize) -> Option<usize>| {
        let mut dies = vec![from];
        while *dies.last().unwrap() != to {
            dies.push(choose(*dies.last().unwrap())?);
        }
        Some(dies)
    };
    let free = |a: usize, b: usize| far[a][b] == 1;
    let straight = walk(&|at| step(at, towards(at)).filter(|&next| free(at, next)));
    let around = || {
        walk(&|at| {
            moves.iter().filter_map(|&m| step(at, m)).find(|&next| free(at, next) && far[next][to] + 1 == far[at][to])
        })
    };
    let dies = straight.or_else(around).unwrap();
    let mut path = vec![from];
    for pair in dies.windows(2) {
        let (at, next) = (pair[0], pair[1]);
        let link = links.iter().position(|&l| l == (at.min(next), at.max(next))).unwrap();
        path.push(mesh.dies() + if full { 2 * link + usize::from(next < at) } else { link });
    }
    path
}

/// A wafer as it is edited, which the plain simulator knows instead of a topology.
#[derive(Clone, Debug)]
pub(crate) struct Wafer {
    pub(crate) hardware: Hardware,
    pub(crate) faults: Faults,
    pub(crate) duplex: Duplex,
}

impl Wafer {
    pub(crate) fn topology(&self) -> Arc<moescope::model::Topology> {
        Arc::new((SYSTEMS[0].build)(&self.hardware, &self.faults, self.duplex))
    }
}

/// What the plain simulator knows of a whole run.
struct Naive {
    seconds: f64,
    hops: u64,
    replicas: u64,
    /// By the die that fetched.
    die_hops: Vec<u64>,
    die_tokens: Vec<f64>,
    remote: u64,
}

fn naive(work: &Workload, wafer: &Wafer, config: &Config, strategy: Strategy) -> Naive {
    let Wafer { hardware, faults, duplex } = wafer;
    let mesh = hardware.mesh;
    let (dies, experts, layers) = (mesh.dies(), work.experts, work.layers.len());
    let full = *duplex == Duplex::Full;
    let far = far(mesh, faults);
    let mut capacity = vec![hardware.hbm; dies];
    capacity.resize(dies + mesh.links().len() * if full { 2 } else { 1 }, hardware.link);
    let mut holders: Vec<Vec<Vec<usize>>> =
        (0..layers).map(|l| config.home(l).iter().map(|&d| vec![d]).collect()).collect();
    let mut slots = config.slots.clone();
    let (mut seconds, mut hops, mut replicas, mut remote) = (0.0, 0, 0, 0);
    let (mut die_hops, mut die_tokens) = (vec![0; dies], vec![0.0; dies]);
    for step in 0..work.steps {
        let mut fresh = Vec::new();
        for (layer, held) in holders.clone().iter().enumerate() {
            let counts = work.of(step, layer);
            let x: Vec<Vec<u64>> = match strategy {
                Strategy::BASE | Strategy::PRED => plain::one_gpu(counts, config, dies),
                Strategy::EP => plain::at_home(counts, config.home(layer), dies),
                _ => plain::algorithm_1(counts, wafer, config, held),
            };
            // Tasks of each die: source, bytes, tokens, latency.
            let mut tasks: Vec<(usize, usize, f64, f64)> = Vec::new();
            for (d, room) in slots.iter_mut().enumerate() {
                let used: Vec<usize> = (0..experts).filter(|&e| x[e][d] > 0).collect();
                for &e in &used {
                    let source = *held[e].iter().min_by_key(|&&h| (far[h][d], h)).unwrap();
                    let far = far[source][d];
                    hops += far as u64;
                    die_hops[d] += far as u64;
                    die_tokens[d] += x[e][d] as f64;
                    remote += u64::from(source != d);
                    let w = hardware;
                    tasks.push((
                        d,
                        source,
                        x[e][d] as f64,
                        w.llc_hit + w.llc_miss + w.hbm_latency + 2.0 * w.hop * far as f64,
                    ));
                }
                if strategy.predicts() {
                    let mut predicted = Vec::new();
                    for &e in &used {
                        let row = &work.heat[layer][e * experts..][..experts];
                        let mut order: Vec<usize> = (0..experts).filter(|&j| row[j] > 0).collect();
                        order.sort_by_key(|&j| (std::cmp::Reverse(row[j]), j));
                        predicted.extend(order.into_iter().take(config.predicted));
                    }
                    for &e in &used {
                        if predicted.contains(&e) && !held[e].contains(&d) && *room > 0 {
                            *room -= 1;
                            replicas += 1;
                            fresh.push((layer, e, d));
                            tasks.push((d, d, 0.0, hardware.write));
                        }
                    }
                }
            }
            let mut waiting: Vec<Vec<usize>> =
                (0..dies).map(|d| (0..tasks.len()).filter(|&t| tasks[t].0 == d).collect()).collect();
            let mut flows: Vec<Flow> = Vec::new();
            let mut ended = vec![0.0; tasks.len()];
            let mut now = 0.0;
            loop {
                for (d, queue) in waiting.iter_mut().enumerate() {
                    while flows.iter().filter(|f| tasks[f.task].0 == d).count() < config.in_flight && !queue.is_empty()
                    {
                        let task = queue.remove(0);
                        let path = route(mesh, faults, tasks[task].1, d, full);
                        flows.push(Flow { task, path, left: config.expert_bytes });
                    }
                }
                if flows.is_empty() {
                    break;
                }
                let rates = rates(&flows, &capacity);
                for (r, &most) in capacity.iter().enumerate() {
                    let load: f64 = flows.iter().zip(&rates).filter(|(f, _)| f.path.contains(&r)).map(|(_, v)| v).sum();
                    assert!(load <= most * (1.0 + 1e-9), "resource {r} carries {load} of {most}");
                }
                let dt = flows.iter().zip(&rates).map(|(f, r)| f.left / r).fold(f64::INFINITY, f64::min);
                now += dt;
                for (flow, rate) in flows.iter_mut().zip(&rates) {
                    flow.left -= rate * dt;
                }
                flows.retain(|f| {
                    let done = f.left <= config.expert_bytes * 1e-9;
                    if done {
                        ended[f.task] = now;
                    }
                    !done
                });
            }
            let mut done = vec![0.0f64; dies];
            for (t, &(d, _, tokens, latency)) in tasks.iter().enumerate() {
                done[d] = f64::max(done[d] + tokens * config.token_seconds, ended[t] + latency);
            }
            seconds += done.iter().fold(0.0f64, |a, &b| a.max(b));
        }
        fresh.into_iter().for_each(|(layer, e, d): (usize, usize, usize)| holders[layer][e].push(d));
    }
    Naive { seconds, hops, replicas, die_hops, die_tokens, remote }
}

pub(crate) fn fast(work: &Workload, config: &Config, strategy: Strategy) -> Outcome {
    let mut simulation = Simulation::new(Arc::new(work.clone()), Arc::new(config.clone()), strategy);
    while simulation.step() {}
    simulation.finish()
}

/// Random small wafers and loads.
pub(crate) fn cases() -> impl proptest::strategy::Strategy<Value = (Workload, Wafer, Config)> {
    let mesh = (1usize..=4, 1usize..=3).prop_map(|(x, y)| Mesh { x, y });
    let shape = (2usize..=9, 1usize..=2, 1usize..=3);
    (mesh, shape, any::<u64>(), any::<bool>(), any::<bool>(), 1usize..=3).prop_map(
        |(mesh, (experts, layers, steps), seed, full, column, in_flight)| {
            let mut state = seed | 1;
            let mut random = move |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % n
            };
            let counts =
                (0..steps * layers * experts).map(|_| u32::try_from(random(60)).unwrap() * u32::from(random(3) > 0));
            let work = Workload {
                layers: (0..u32::try_from(layers).unwrap()).collect(),
                all_layers: layers,
                experts,
                batch: 8,
                steps,
                counts: counts.collect(),
                heat: (0..layers)
                    .map(|_| (0..experts * experts).map(|_| u32::try_from(random(5)).unwrap()).collect())
                    .collect(),
                loads: Loads::default(),
                sources: 8,
                tokens: None,
                of_step: Vec::new(),
            };
            let hardware = Hardware {
                mesh,
                hbm: 4.0 + random(4) as f64,
                link: 1.0 + random(3) as f64,
                dram: 1e9,
                fp16: 1.0,
                llc: 0.0,
                llc_hit: 0.01,
                llc_miss: 0.02,
                write: 0.005,
                hbm_latency: 0.03,
                hop: 0.015,
                remote_penalty: 0.1,
                usable: 0.9,
                ..SYSTEMS[0].hardware
            };
            // Every third wafer is whole; of the others a few parts are dead, as long as the rest stays together.
            let mut faults = Faults::default();
            for _ in 0..random(3) {
                let mut more = faults.clone();
                match mesh.links().get(usize::try_from(random(24)).unwrap()) {
                    Some(&link) => more.links.insert(link),
                    None => more.dies.insert(usize::try_from(random(mesh.dies() as u64)).unwrap()),
                };
                let (live, far) = (more.live(mesh), far(mesh, &more));
                if !live.is_empty() && live.iter().all(|&d| far[live[0]][d] < 1000) {
                    faults = more;
                }
            }
            let live = faults.live(mesh);
            let wafer = Wafer { hardware, faults, duplex: if full { Duplex::Full } else { Duplex::Shared } };
            let topology = wafer.topology();
            let by_column = (0..mesh.x).flat_map(|x| (0..mesh.y).map(move |y| y * mesh.x + x));
            let order = if column { by_column.filter(|d| live.contains(d)).collect() } else { live.clone() };
            // Each layer has homes of its own.
            let home = |layer| (0..experts).map(|e| live[(e + layer) % live.len()]).collect();
            let config = Config {
                order,
                replicas: Replicas { layers: (0..layers).map(|l| Placed::at(home(l), mesh.dies())).collect() }.into(),
                expert_bytes: 8.0,
                token_seconds: 0.1 + random(10) as f64 / 10.0,
                write: hardware.write,
                penalty: hardware.remote_penalty,
                in_flight,
                block: 1 + random(20),
                split: 1.0 + random(20) as f64,
                predicted: usize::try_from(random(experts as u64 + 1)).unwrap(),
                slots: (0..mesh.dies()).map(|_| random(4)).collect(),
                moves: Moves::default(),
                fetch: FetchOrder::Id,
                rest_seconds: 0.0,
                topology,
            };
            (work, wafer, config)
        },
    )
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_fast_simulator_agrees_with_the_plain_one((work, wafer, config) in cases()) {
        for strategy in Strategy::ALL {
            let outcome = fast(&work, &config, strategy);
            let plain = naive(&work, &wafer, &config, strategy);
            let name = strategy.name();
            prop_assert!(near(outcome.seconds, plain.seconds), "{name}: {} and {}", outcome.seconds, plain.seconds);
            prop_assert_eq!((outcome.hops, outcome.reads.writes), (plain.hops, plain.replicas), "{}", name);
            prop_assert_eq!((outcome.die_hops, outcome.die_tokens), (plain.die_hops, plain.die_tokens), "{}", name);
            prop_assert_eq!(outcome.reads.remote, plain.remote, "{}", name);
        }
    }

    #[test]
    fn tokens_and_bytes_are_conserved((work, _wafer, config) in cases()) {
        let tokens: u64 = work.counts.iter().map(|&n| u64::from(n)).sum();
        for strategy in Strategy::ALL {
            let o = fast(&work, &config, strategy);
            let computed: f64 = o.die_tokens.iter().sum();
            prop_assert_eq!(computed, tokens as f64, "{}", strategy.name());
            // Every read and copy is one expert through one HBM; every hop is one expert over one link.
            let through: f64 = o.hbm_bytes.iter().sum();
            let accesses = o.reads.local + o.reads.remote + o.reads.writes;
            prop_assert!(near(through, accesses as f64 * config.expert_bytes));
            prop_assert!(near(o.link_bytes.iter().sum::<f64>() + 1.0, o.hops as f64 * config.expert_bytes + 1.0));
            let parts: f64 = o.layer_seconds.iter().flatten().sum();
            prop_assert!(near(parts, o.seconds) && near(o.bound_seconds.iter().sum(), o.seconds));
            prop_assert!(o.link_busy.iter().all(|&t| t <= o.seconds * (1.0 + 1e-9)));
        }
    }

    #[test]
    fn expert_parallelism_never_hops_and_faster_parts_never_slow_it((work, wafer, config) in cases()) {
        let before = fast(&work, &config, Strategy::EP);
        prop_assert_eq!((before.hops, before.reads.remote), (0, 0));
        for faster in [
            Hardware { hbm: wafer.hardware.hbm * 2.0, ..wafer.hardware },
            Hardware { link: wafer.hardware.link * 2.0, ..wafer.hardware },
        ] {
            let topology = Wafer { hardware: faster, ..wafer.clone() }.topology();
            let after = fast(&work, &Config { topology, ..config.clone() }, Strategy::EP);
            prop_assert!(after.seconds <= before.seconds * (1.0 + 1e-9));
        }
    }

    #[test]
    fn one_die_makes_all_strategies_equal((work, wafer, config) in cases()) {
        let hardware = Hardware { mesh: Mesh { x: 1, y: 1 }, ..wafer.hardware };
        let topology = Wafer { hardware, faults: Faults::default(), ..wafer }.topology();
        let replicas = Replicas::alike(work.layers.len(), vec![0; work.experts], 1).into();
        let config = Config { topology, order: vec![0], replicas, slots: vec![5], ..config };
        let all = Strategy::ALL.map(|s| fast(&work, &config, s));
        prop_assert!(all.iter().all(|o| near(o.seconds, all[0].seconds) && o.hops == 0 && o.reads.writes == 0));
    }

    /// Transfers alone, on meshes larger than those above, with pieces of different sizes.
    #[test]
    fn transfers_take_as_long_as_by_the_definition(
        (x, y) in (1usize..=6, 1usize..=5),
        (full, in_flight, each) in (any::<bool>(), 1usize..=3, 0usize..=3),
        seed in any::<u64>(),
        equal in any::<bool>(),
    ) {
        let mut state = seed | 1;
        let mut random = move |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % n
        };
        let mesh = Mesh { x, y };
        let hardware = Hardware { mesh, hbm: 3.35, link: 1.7, ..SYSTEMS[0].hardware };
        let duplex = if full { Duplex::Full } else { Duplex::Shared };
        let network = Network::new(&Wafer { hardware, faults: Faults::default(), duplex }.topology());
        let mut fetches = Vec::new();
        for die in 0..mesh.dies() {
            for _ in 0..random(2 + 2 * each) {
                let bytes = if equal { 44.0 } else { 1.0 + random(9) as f64 };
                fetches.push(Fetch { source: random(mesh.dies()), die, bytes });
            }
        }
        let ours = transfer(&network, &fetches, in_flight);
        let mut waiting: Vec<Vec<usize>> =
            (0..mesh.dies()).map(|d| (0..fetches.len()).filter(|&t| fetches[t].die == d).collect()).collect();
        let (mut flows, mut now): (Vec<Flow>, f64) = (Vec::new(), 0.0);
        loop {
            for (d, queue) in waiting.iter_mut().enumerate() {
                while flows.iter().filter(|f| fetches[f.task].die == d).count() < in_flight && !queue.is_empty() {
                    let task = queue.remove(0);
                    prop_assert!(near(ours.start[task], now));
                    let path = route(mesh, &Faults::default(), fetches[task].source, d, full);
                    flows.push(Flow { task, path, left: fetches[task].bytes });
                }
            }
            if flows.is_empty() {
                break;
            }
            let rates = rates(&flows, &network.capacity);
            let dt = flows.iter().zip(&rates).map(|(f, r)| f.left / r).fold(f64::INFINITY, f64::min);
            now += dt;
            for (flow, rate) in flows.iter_mut().zip(&rates) {
                flow.left -= rate * dt;
                if flow.left <= 1e-9 {
                    prop_assert!(near(ours.end[flow.task], now), "{} and {now}", ours.end[flow.task]);
                }
            }
            flows.retain(|f| f.left > 1e-9);
        }
    }

    #[test]
    fn hops_are_manhattan_distances(x in 1usize..=16, y in 1usize..=16, from in any::<usize>(), to in any::<usize>()) {
        let mesh = Mesh { x, y };
        let (from, to) = (from % mesh.dies(), to % mesh.dies());
        let hardware = Hardware { mesh, ..SYSTEMS[0].hardware };
        for duplex in [Duplex::Shared, Duplex::Full] {
            let network = Network::new(&Wafer { hardware, faults: Faults::default(), duplex }.topology());
            let path = network.path(from, to);
            prop_assert_eq!(path.len(), 1 + mesh.distance(from, to));
            let plain: Vec<usize> = path.iter().map(|&r| usize::from(r)).collect();
            prop_assert_eq!(plain, route(mesh, &Faults::default(), from, to, duplex == Duplex::Full));
        }
    }
}
