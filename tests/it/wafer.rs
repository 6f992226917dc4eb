//! The four hand cases of the wafer's model, exactly.

use std::sync::Arc;

use moescope::model::{Duplex, ExpertSize, Faults, Hardware, Mesh, Replicas, SYSTEMS};
use moescope::place::{Loads, Params, SubjectLoads, placement_named};
use moescope::sim::{
    Assignment, Bound, Config, Fetch, FetchOrder, Holders, Moves, Network, Outcome, Simulation, Strategy, Workload,
    allocate, as_one_gpu, at_home, transfer,
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
        ..SYSTEMS[0].hardware
    };
    let topology = Arc::new((SYSTEMS[0].build)(&hardware, faults, duplex));
    Config {
        order: topology.live.clone(),
        replicas: Replicas::alike(1, home.to_vec(), mesh.dies()).into(),
        expert_bytes: 8.0,
        token_seconds: 1.0,
        write: none,
        penalty: none,
        in_flight: 2,
        block: 50,
        split: 5.0,
        predicted: 2,
        slots: vec![100; mesh.dies()],
        moves: Moves::default(),
        fetch: FetchOrder::Id,
        rest_seconds: 0.0,
        topology,
    }
}

/// The tokens that Algorithm 1 gives each die, with every expert at its home.
fn allocated(counts: &[u32], c: &Config) -> Assignment {
    let network = Network::new(&c.topology);
    allocate(counts, c, &network, &Holders::new(c.replicas.placed(0, 0)))
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
        loads: Loads::default(),
        sources: 8,
        ..Workload::default()
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

/// Tokens of both experts by die.
fn matrix(x: &Assignment, dies: usize) -> Vec<Vec<u64>> {
    (0..2).map(|e| (0..dies).map(|d| x.tokens(e, d)).collect()).collect()
}

#[test]
fn case_1_base_cuts_tokens_evenly() {
    let c = config(TWO, &[0, 1]);
    assert_eq!(matrix(&as_one_gpu(&[6, 2], &c.order, 2), 2), [[4, 2], [0, 2]]);
    assert_eq!(matrix(&at_home(&[6, 2], c.home(0), 2), 2), [[6, 0], [0, 2]]);
    assert_eq!(result([6, 2], &c, Strategy::BASE), (6.0, 1));
    assert_eq!(result([6, 2], &c, Strategy::EP), (6.0, 0));
    assert_eq!(result([6, 2], &c, Strategy::ALLO), (6.0, 0));
}

#[test]
fn case_2_allocation_splits_a_hot_expert() {
    let c = Config { block: 2, ..config(TWO, &[0, 1]) };
    assert_eq!(matrix(&allocated(&[12, 2], &c), 2), [[8, 4], [0, 2]]);
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
    let x = as_one_gpu(&[6, 2], &c.order, 3);
    assert_eq!(matrix(&x, 3), [[4, 0, 2], [0, 0, 2]]);
    // Its neighbours are no candidates of each other's experts: there is no link between them.
    assert_eq!(matrix(&allocated(&[60, 2], &c), 3)[0], [60, 0, 0]);
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

/// A batch of one or two tokens on 25 dies: cuts at fractions of a token dropped most of the work.
#[test]
fn base_loses_no_token_at_small_batches() {
    let mesh = Mesh { x: 5, y: 5 };
    let c = config(mesh, &[0, 1, 2]);
    for counts in [[1, 0, 0], [0, 1, 1], [1, 1, 1], [2, 0, 7], [30, 1, 0]] {
        let x = as_one_gpu(&counts, &c.order, 25);
        for (e, &n) in counts.iter().enumerate() {
            let computed: u64 = (0..25).map(|d| x.tokens(e, d)).sum();
            assert_eq!(computed, u64::from(n), "expert {e} of {counts:?}");
        }
        let loads: Vec<u64> = (0..25).map(|d| x.on(d).iter().map(|s| s.tokens).sum()).collect();
        let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
        assert!(most - least <= 1, "{counts:?}: {loads:?}");
    }
    // Three tokens on 25 dies: the cuts are at ceil(3p / 25) = 0 1 1 1 1 1 1 1 1 2 ... 2 3 ... 3.
    let x = as_one_gpu(&[1, 1, 1], &c.order, 25);
    let at = |e: usize| (0..25).position(|d| x.tokens(e, d) == 1);
    assert_eq!([at(0), at(1), at(2)], [Some(0), Some(8), Some(16)]);
}

/// One die, one expert: reading takes 2 s, a token 1 s. What takes longer limits; on two dies the link may.
#[test]
fn a_layer_is_limited_by_what_takes_longest() {
    let one = config(Mesh { x: 1, y: 1 }, &[0, 0]);
    // Two reads of 2 s against 10 and 2 tokens of 1 s.
    let of = |n: [u32; 2], c: &Config, s: Strategy| {
        let o = run(workload(&[n]), c.clone(), s);
        (o.bound, o.bound_seconds, o.layer_seconds)
    };
    assert_eq!(of([5, 5], &one, Strategy::EP), (Bound::Compute, [10.0, 0.0, 0.0], vec![[10.0, 0.0, 0.0]]));
    assert_eq!(of([1, 1], &one, Strategy::EP), (Bound::Hbm, [0.0, 5.0, 0.0], vec![[0.0, 5.0, 0.0]]));
    // Both dies read the other's expert over the one link: 16 bytes at 2 B/s.
    let two = config(TWO, &[1, 0]);
    assert_eq!(of([2, 2], &two, Strategy::BASE), (Bound::Link, [0.0, 0.0, 8.0], vec![[0.0, 0.0, 8.0]]));
}

#[test]
fn hops_count_for_the_die_that_fetches() {
    // Expert 0 lives on die 0; dies 1 and 2 of the row fetch it over one hop and two.
    let c = config(Mesh { x: 3, y: 1 }, &[0, 0]);
    let o = run(workload(&[[9, 0]]), c, Strategy::BASE);
    assert_eq!((o.hops, o.die_hops, o.die_tokens), (3, vec![0, 1, 2], vec![3.0; 3]));
    assert_eq!((o.reads.local, o.reads.remote), (1, 2));
}

/// Candidates are asked in the order of their load: with one split allowed, the idle neighbour takes part, not the first one.
#[test]
fn allocation_asks_the_idle_neighbours_first() {
    // A row of three, expert 0 in the middle. Expert 1 on die 0 has made it busy; tau allows expert 0 two dies.
    let c = Config { block: 2, ..config(Mesh { x: 3, y: 1 }, &[1, 0]) };
    assert_eq!(matrix(&allocated(&[14, 4], &c), 3), [[0, 8, 6], [4, 0, 0]]);
}

/// On paper. Subject x chooses experts 0 and 1 (6 and 4 tokens a step), y experts 2 and 3 (5 each). EPLB on all tokens: 0 to die 0, 2 and
/// 3 to die 1, 1 to die 0, so that x has all of its work on die 0 and y on die 1: 10 s a step, each. On x alone: 0 and 1 apart, [0 3][1 2]:
/// 6 s. On y alone: [2 0][3 1], 5 s; both packs share as much with both dies and keep their names, so 2 comes to die 0 and 3 to die 1. Each
/// read takes half of the link, 1 B/s of 8 B: 8 s; the writes, 8 B at the 3 B/s that are left of each HBM, end before.
#[test]
fn case_5_weights_move_when_the_subject_changes() {
    let x = SubjectLoads { name: "x".into(), requests: 2, layers: vec![vec![6, 4, 0, 0]] };
    let y = SubjectLoads { name: "y".into(), requests: 2, layers: vec![vec![0, 0, 5, 5]] };
    let loads = Loads { experts: 4, layers: vec![vec![6, 4, 5, 5]], subjects: vec![x, y], ..Loads::default() };
    let of_step = vec![0, 0, 1, 1, 1];
    let counts = of_step.iter().flat_map(|&s: &usize| if s == 0 { [6, 4, 0, 0] } else { [0, 0, 5, 5] }).collect();
    let batch = Workload {
        experts: 4,
        batch: 10,
        steps: 5,
        counts,
        heat: vec![vec![1; 16]],
        loads: loads.clone(),
        of_step: of_step.clone(),
        ..workload(&[])
    };
    let base = config(TWO, &[0, 0, 1, 1]);
    let params = Params::of(ExpertSize { hidden: 1, intermediate: 1 });
    let of = |name: &str, strategy| {
        let replicas = placement_named(name).unwrap().turns(&loads, &of_step, &base.topology, &params);
        run(batch.clone(), Config { replicas, ..base.clone() }, strategy)
    };
    let (all, task) = (of("eplb", Strategy::EP), of("task", Strategy::EP));
    assert_eq!((all.seconds, all.hops), (50.0, 0));
    assert!(all.steps.iter().all(|step| (step.seconds, step.change_seconds, step.moved) == (10.0, 0.0, 0)));
    // 2 · 6 for x, then 8 for the way to the first step of y, and 3 · 5.
    assert_eq!(task.steps.iter().map(|step| step.seconds).collect::<Vec<_>>(), [6.0, 6.0, 13.0, 5.0, 5.0]);
    assert_eq!((task.steps[2].change_seconds, task.steps[2].moved), (8.0, 2));
    assert_eq!((task.seconds, task.hops, task.die_hops), (35.0, 2, vec![1, 1]));
    assert_eq!((task.reads.local, task.reads.remote, task.reads.writes), (10, 2, 2));
    // Five reads for computing, one for the other die, one write; two experts over the link.
    assert_eq!((task.hbm_bytes, task.link_bytes, task.replicas), (vec![56.0, 56.0], vec![16.0], vec![0, 0]));
    // Two experts' weights are waited for at the start of each step of two seconds and more: none of it shows, the change does.
    assert_eq!((task.breakdown.weights, task.breakdown.seconds()), (8.0, 35.0));
    // Predictions go on as ever: what they copied stays where it is.
    let predicted = of("task", Strategy::PRED);
    assert_eq!((predicted.steps[2].moved, predicted.replicas.iter().sum::<u64>()), (2, 1));
}
