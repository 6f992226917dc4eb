//! The four hand cases of the wafer's model, exactly.

use std::sync::Arc;

use moescope::model::{Duplex, Faults, Hardware, Mesh, Replicas, SYSTEMS};
use moescope::sim::{
    Assignment, Config, Fetch, Network, Outcome, Simulation, Strategy, Workload, allocate, as_one_gpu, at_home,
    transfer,
};

/// HBM 4 B/s, link 2 B/s, W = 8 B, 1 s a token, no latency.
fn config(mesh: Mesh, home: &[usize]) -> Config {
    with(mesh, home, &Faults::default(), Duplex::Shared)
}

fn with(mesh: Mesh, home: &[usize], faults: &Faults, duplex: Duplex) -> Config {
    let none = 0.0;
    let hardware = Hardware {
        mesh,
        hbm: 4.0,
        link: 2.0,
        dram: 1e9,
        fp16: 1.0,
        llc: none,
        llc_hit: none,
        llc_miss: none,
        write: none,
        hbm_latency: none,
        hop: none,
        remote_penalty: none,
        usable: 0.9,
    };
    let topology = Arc::new((SYSTEMS[0].build)(&hardware, faults, duplex));
    Config {
        order: topology.live.clone(),
        replicas: Replicas::alike(1, home.to_vec()),
        expert_bytes: 8.0,
        token_seconds: 1.0,
        write: none,
        penalty: none,
        in_flight: 2,
        block: 50,
        split: 5.0,
        predicted: 2,
        slots: vec![100; mesh.dies()],
        topology,
    }
}

/// The tokens that Algorithm 1 gives each die, with every expert at its home.
fn allocated(counts: &[u32], c: &Config) -> Assignment {
    allocate(counts, c, &Network::new(&c.topology), |e, d| c.home(0)[e] == d)
}

const TWO: Mesh = Mesh { x: 2, y: 1 };

fn workload(steps: &[[u32; 2]]) -> Workload {
    Workload {
        layers: vec![0],
        all_layers: 1,
        experts: 2,
        batch: 8,
        steps: steps.len(),
        counts: steps.concat(),
        heat: vec![vec![1, 1, 1, 1]],
        loads: Vec::new(),
        sources: 8,
    }
}

fn run(workload: Workload, config: Config, strategy: Strategy) -> Outcome {
    let mut simulation = Simulation::new(Arc::new(workload), Arc::new(config), strategy);
    while simulation.step() {}
    simulation.finish()
}

/// Seconds and hops.
fn result(n: [u32; 2], config: &Config, strategy: Strategy) -> (f64, u64) {
    let outcome = run(workload(&[n]), config.clone(), strategy);
    (outcome.seconds, outcome.hops)
}

fn matrix(x: &Assignment) -> Vec<&[f64]> {
    (0..2).map(|e| x.of(e)).collect()
}

#[test]
fn case_1_base_cuts_tokens_evenly() {
    let c = config(TWO, &[0, 1]);
    assert_eq!(matrix(&as_one_gpu(&[6, 2], &c)), [[4.0, 2.0], [0.0, 2.0]]);
    assert_eq!(matrix(&at_home(&[6, 2], c.home(0), 2)), [[6.0, 0.0], [0.0, 2.0]]);
    assert_eq!(result([6, 2], &c, Strategy::BASE), (6.0, 1));
    assert_eq!(result([6, 2], &c, Strategy::EP), (6.0, 0));
    assert_eq!(result([6, 2], &c, Strategy::ALLO), (6.0, 0));
}

#[test]
fn case_2_allocation_splits_a_hot_expert() {
    let c = Config { block: 2, ..config(TWO, &[0, 1]) };
    let x = allocated(&[12, 2], &c);
    assert_eq!(matrix(&x), [[8.0, 4.0], [0.0, 2.0]]);
    assert_eq!(result([12, 2], &c, Strategy::BASE), (7.0, 1));
    assert_eq!(result([12, 2], &c, Strategy::EP), (12.0, 0));
    assert_eq!(result([12, 2], &c, Strategy::ALLO), (8.0, 1));
}

#[test]
fn case_3_copies_serve_the_next_step() {
    let c = config(TWO, &[1, 0]);
    assert_eq!(result([4, 4], &c, Strategy::BASE), (8.0, 2));
    assert_eq!(result([4, 4], &with(TWO, &[1, 0], &Faults::default(), Duplex::Full), Strategy::BASE), (4.0, 2));
    let two = run(workload(&[[4, 4], [4, 4]]), c, Strategy::PRED);
    assert_eq!((two.seconds, two.hops, two.reads.writes), (8.0 + 4.0, 2, 2));
    assert_eq!((two.reads.remote, two.reads.local), (2, 2));
}

#[test]
fn case_4_both_reads_share_the_last_link() {
    let three = Mesh { x: 3, y: 1 };
    let c = config(three, &[2, 1]);
    let network = Network::new(&c.topology);
    let fetch = |die, source| Fetch { source, die, bytes: 8.0 };
    let fetches = [fetch(0, 2), fetch(1, 2), fetch(1, 1)];
    let timing = transfer(&network, &fetches, 2);
    assert_eq!(timing.end, [8.0, 8.0, 2.0]);
    // Finish: die 0 max(4, 8); die 1 max(2, 8) + 2.
    let done = [f64::max(4.0, timing.end[0]), f64::max(2.0, timing.end[1]).max(0.0) + 2.0];
    assert_eq!(done, [8.0, 10.0]);
    let hops: usize = fetches.iter().map(|f| three.distance(f.source, f.die)).sum();
    assert_eq!(hops, 3);
    assert_eq!(timing.bytes[3..], [8.0, 16.0], "link 0-1 carries one expert, link 1-2 two");
}

#[test]
fn a_dead_link_sends_the_expert_the_long_way() {
    // 2 x 2: die 0 asks die 1. Whole: one hop. With 0-1 dead: 0-2, 2-3, 3-1.
    let square = Mesh { x: 2, y: 2 };
    let whole = config(square, &[1]);
    let faults = Faults { links: [(0, 1)].into(), ..Faults::default() };
    let broken = with(square, &[1], &faults, Duplex::Shared);
    let fetch = [Fetch { source: 1, die: 0, bytes: 8.0 }];
    let hops = |c: &Config| Network::new(&c.topology).hops(1, 0);
    assert_eq!((hops(&whole), hops(&broken)), (1, 3));
    let timing = transfer(&Network::new(&broken.topology), &fetch, 2);
    // Links 0-1, 2-3, 0-2, 1-3 after the four dies.
    assert_eq!(timing.bytes[4..], [0.0, 8.0, 8.0, 8.0]);
    assert_eq!(timing.end, [4.0]);
}

#[test]
fn a_dead_die_computes_and_stores_nothing() {
    let faults = Faults { dies: [1].into(), ..Faults::default() };
    let c = with(Mesh { x: 3, y: 1 }, &[0, 2], &faults, Duplex::Shared);
    let x = as_one_gpu(&[6, 2], &c);
    assert_eq!((x.of(0), x.of(1)), (&[4.0, 0.0, 2.0][..], &[0.0, 0.0, 2.0][..]));
    // Its neighbours are no candidates of each other's experts: there is no link between them.
    assert_eq!(allocated(&[60, 2], &c).of(0), [60.0, 0.0, 0.0]);
}

#[test]
fn ties_in_time_end_in_the_order_of_their_start() {
    let c = config(Mesh { x: 1, y: 1 }, &[0, 0]);
    let network = Network::new(&c.topology);
    let fetches = vec![Fetch { source: 0, die: 0, bytes: 8.0 }; 3];
    assert_eq!(transfer(&network, &fetches, 2).end, [4.0, 4.0, 6.0]);
}

#[test]
fn one_die_makes_all_strategies_equal() {
    let c = config(Mesh { x: 1, y: 1 }, &[0, 0]);
    let times = Strategy::ALL.map(|s| result([5, 9], &c, s));
    assert!(times.iter().all(|t| *t == times[0]), "{times:?}");
}
