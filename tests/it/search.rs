//! The search for a placement: what it promises whatever the trace.

use moescope::experiment::Experiment;
use moescope::model::Placed;
use moescope::place::{Loads, PLACEMENTS};
use moescope::protocol::{Provenance, Run, RunReport};
use moescope::sim::{Strategy, Workload};

/// Two layers in which contiguous experts are hot: what can be placed better than by id.
fn batch() -> Workload {
    let layer =
        |shift: u64| -> Vec<u64> { (0..12u64).map(|e| if (e + shift) % 12 < 4 { 900 } else { 20 * e }).collect() };
    let layers = vec![layer(0), layer(5)];
    let counts = layers.concat().iter().map(|&n| u32::try_from(n).unwrap()).collect();
    Workload {
        layers: vec![3, 4],
        all_layers: 2,
        experts: 12,
        batch: 64,
        steps: 1,
        counts,
        heat: vec![vec![1; 144]; 2],
        loads: Loads { experts: 12, layers, ..Loads::default() },
        sources: 64,
        tokens: None,
        of_step: Vec::new(),
    }
}

/// Each strategy, and where it has its experts.
type AllPlaced = Vec<(Strategy, Option<Vec<Placed>>)>;

fn report(text: &str, jumbled: bool) -> (RunReport, AllPlaced) {
    let experiment = Experiment::parse(text).0;
    let made = Provenance { synthetic: true, ..Provenance::default() };
    let mut run = Run::new(experiment, batch(), made).unwrap();
    // Pieces may come back in any order: two are out at a time, the later one first.
    while !run.is_done() {
        let pieces = [run.plan(), if jumbled { run.plan() } else { None }];
        for piece in pieces.into_iter().flatten().rev() {
            run.add(piece.work());
        }
    }
    let placed = run.placed().into_iter().map(|(s, r)| (s, r.map(|r| r.first().layers.clone()))).collect();
    (run.report(), placed)
}

const SMALL: &str = "v=2&columns=3&rows=1&strategies=contiguous.home,remap.home,search.home,search.allo%2Bpred&baseline=contiguous.home";

#[test]
fn a_search_is_at_least_as_good_as_what_it_begins_with() {
    let (of, _) = report(SMALL, false);
    let seconds = |name: &str| of.runs.iter().find(|r| r.strategy == name).unwrap().seconds;
    // What it learns from is what is run.
    assert!(seconds("search.home") <= seconds("remap.home") * (1.0 + 1e-9));
    assert!(seconds("remap.home") < seconds("contiguous.home"));
    assert!(seconds("search.home") < seconds("contiguous.home"));
}

#[test]
fn a_search_gives_the_same_in_any_order_of_its_pieces() {
    for text in [SMALL.to_string(), format!("{SMALL}&spare=1")] {
        assert_eq!(report(&text, false), report(&text, true), "{text}");
    }
}

#[test]
fn a_larger_budget_never_finds_a_worse_placement() {
    let mut last = f64::INFINITY;
    for budget in [1, 5, 20, 80, 300] {
        let (of, _) = report(&format!("{SMALL}&spare=1&budget={budget}"), false);
        let seconds = of.runs.iter().find(|r| r.strategy == "search.home").unwrap().seconds;
        assert!(seconds <= last, "{budget}: {seconds} after {last}");
        last = seconds;
    }
}

#[test]
fn what_a_search_finds_is_a_placement_with_that_many_copies() {
    let (_, placed) = report(&format!("{SMALL}&spare=2&budget=100"), false);
    for (strategy, layers) in placed.iter().filter(|(s, _)| s.name().starts_with("search")) {
        for layer in layers.as_ref().unwrap() {
            assert!(layer.copies().iter().all(|&c| c > 0), "{}", strategy.name());
            // Every slot is filled; what repeats an expert of its device repeats one that lies nowhere else.
            assert!(layer.slots().iter().all(|slots| slots.len() == 6), "{}", strategy.name());
            for slots in layer.slots() {
                for &expert in slots {
                    let here = slots.iter().filter(|&&e| e == expert).count();
                    assert!(here == 1 || here == layer.copies()[expert], "{}", strategy.name());
                }
            }
        }
    }
}

#[test]
fn each_aim_makes_small_what_it_names() {
    let of = |aim: &str| report(&format!("{SMALL}&order=row&aim={aim}&budget=300"), false).0;
    let run = |of: &RunReport| of.runs.iter().find(|r| r.strategy == "search.allo+pred").unwrap().clone();
    let (time, traffic) = (run(&of("time")), run(&of("traffic")));
    assert!(traffic.hops <= time.hops && time.seconds <= traffic.seconds * (1.0 + 1e-9));
    assert!(PLACEMENTS.iter().any(|p| p.name == "search" && p.reads.contains(&"aim")));
}

/// Twelve experts on five devices: two or three slots each, and without spare ones there is no copy.
#[test]
fn a_search_without_spare_slots_makes_no_copy_where_devices_share_unevenly() {
    for (columns, slots) in [(5, 12), (7, 12)] {
        let text = format!("v=2&columns={columns}&rows=1&strategies=search.even,search.allo%2Bpred&budget=200");
        let (_, placed) = report(&text, false);
        for (strategy, layers) in placed.iter().filter(|(s, _)| s.name().starts_with("search")) {
            for layer in layers.as_ref().unwrap() {
                assert_eq!(layer.copies(), [1; 12], "{} on {columns}", strategy.name());
                assert_eq!(layer.physical_to_logical().len(), slots);
            }
        }
    }
}
