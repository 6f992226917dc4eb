//! When to rebalance: positions in the decode by hand, again plainly, and on a recorded trace.

use moescope::analysis::{FIFTHS, Positions, Rebalance, WORTH};
use moescope::model::{Placed, Replicas, Request, UNKNOWN};
use proptest::prelude::*;

use crate::support::request;

fn one_layer(slots: Vec<Vec<usize>>, experts: usize) -> Replicas {
    Replicas { layers: vec![Placed::new(slots, experts)] }
}

/// Experts by load, then id, dealt to two devices in turn.
fn dealt(loads: &[Vec<u64>]) -> Replicas {
    let of_layer = |loads: &Vec<u64>| {
        let mut order: Vec<usize> = (0..loads.len()).collect();
        order.sort_by_key(|&e| (std::cmp::Reverse(loads[e]), e));
        let at = |device: usize| order.iter().copied().skip(device).step_by(2).collect();
        Placed::new(vec![at(0), at(1)], loads.len())
    };
    Replicas { layers: loads.iter().map(of_layer).collect() }
}

/// Prompt `0 0 0 1 2 2 3`, decode `0 2 | 0 1 | 0 0 | 0 1 | 2 3`.
fn drifting() -> Request {
    let ids = [0, 0, 0, 1, 2, 2, 3, 0, 2, 0, 1, 0, 0, 0, 1, 2, 3u16];
    let rows: Vec<&[u16]> = ids.chunks(1).collect();
    request(0, 7, &[(5, &rows)])
}

fn ratios(of: &Rebalance) -> Vec<Option<f64>> {
    of.fifths.iter().map(|f| f.mean.max_over_mean).collect()
}

#[test]
fn fifths_are_of_each_requests_decode_tokens() {
    // Seven decode tokens, 5t/7 rounded down: two, one, two, one, one. Two: the first and the third.
    let rows: Vec<Vec<u16>> = (0..7).map(|t| vec![t]).collect();
    let rows: Vec<&[u16]> = rows.iter().map(Vec::as_slice).collect();
    let (seven, two) = (request(0, 0, &[(1, &rows)]), request(1, 1, &[(1, &rows[..3])]));
    let all = Positions::of(&[seven, two], &[1], 7);
    assert_eq!(all.prefill(), [[1, 0, 0, 0, 0, 0, 0]]);
    let fifths: Vec<_> = (0..FIFTHS).map(|f| all.fifth(f)[0].clone()).collect();
    assert_eq!(fifths[0], [1, 2, 0, 0, 0, 0, 0]);
    assert_eq!(fifths[1], [0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(fifths[2], [0, 0, 1, 1, 1, 0, 0]);
    assert_eq!((&fifths[3][..], &fifths[4][..]), (&[0, 0, 0, 0, 0, 1, 0][..], &[0, 0, 0, 0, 0, 0, 1][..]));
    // Unknown rows, layers that a request has not, and ids that are no expert are left out.
    let unknown = request(0, 0, &[(1, &[&[UNKNOWN], &[1], &[9]])]);
    let counted = Positions::of(&[unknown], &[1, 4], 3);
    assert_eq!((0..FIFTHS).map(|f| counted.fifth(f).concat().iter().sum::<u64>()).collect::<Vec<_>>(), [0, 1, 0, 0, 0]);
}

/// By id 0 and 1 lie on the first of two devices: 4 and 3 prompt tokens, then 1:1, 2:0, 2:0, 2:0, 0:2. Dealt by the fifth before
/// (1 0 1 0, then 1 1 0 0, then 2 0 0 0, then 1 1 0 0): 2:0, 2:0, then 1:1, 1:1.
#[test]
fn a_placement_is_worth_making_again_when_the_fifth_before_tells_a_better_one() {
    let all = Positions::of(&[drifting()], &[5], 4);
    assert_eq!(all.prefill(), [[3, 1, 2, 1]]);
    let by_id = one_layer(vec![vec![0, 1], vec![2, 3]], 4);
    let of = all.rebalance(&by_id, 2, Some(&dealt));
    assert_eq!(of.prompts.mean.max_over_mean, Some(8.0 / 7.0));
    assert_eq!((of.prompts.uses, of.prompts.mean.bound, of.prompts.mean.rho), (7, Some(1.0), None));
    assert_eq!(ratios(&of), [1.0, 2.0, 2.0, 2.0, 2.0].map(Some));
    let remade: Vec<_> = of.fifths.iter().map(|f| f.mean.remade).collect();
    assert_eq!(remade, [None, Some(2.0), Some(2.0), Some(1.0), Some(1.0)]);
    assert_eq!(of.gains, [None, Some(0.0), Some(0.0), Some(0.5), Some(0.5)]);
    assert_eq!(of.first_worth, Some(3));
    assert!(
        of.reading.starts_with("Rebalance after the third fifth of the decode: made again on it"),
        "{}",
        of.reading
    );
    assert!(of.reading.contains("50.0% less") && of.reading.contains("in the fourth one"), "{}", of.reading);
    // One expert has all tokens of the third fifth: with one copy of it nothing is below twice the mean.
    assert_eq!(of.fifths.iter().map(|f| f.mean.bound.unwrap()).collect::<Vec<_>>(), [1.0, 1.0, 2.0, 1.0, 1.0]);
    // Ranks 4 1.5 3 1.5 and 3.5 1.5 3.5 1.5.
    assert!((of.fifths[0].mean.rho.unwrap() - 4.0 / 18f64.sqrt()).abs() < 1e-12);
    assert_eq!(of.fifths[0].mean.ceiling, None, "one request has no halves");
    // Where nothing can be made again the first fifth is what is compared with.
    let fixed = all.rebalance(&by_id, 2, None);
    assert_eq!((fixed.first_worth, fixed.gains[1]), (Some(1), Some(0.5)));
    assert!(fixed.reading.contains("after the first fifth") && fixed.reading.contains("as even as in the first"));
}

#[test]
fn copies_take_even_shares_and_bounds_follow_from_them() {
    // 6 tokens of expert 0 in three copies, two of them on device 1; 3 of expert 1, 3 of expert 2: 2+3, 2+2, 3 of four on average.
    let rows: Vec<&[u16]> = vec![&[0], &[0], &[0], &[0], &[0], &[0], &[1], &[1], &[1], &[2], &[2], &[2]];
    let all = Positions::of(&[request(0, 12, &[(1, &rows)])], &[1], 3);
    let of = all.rebalance(&one_layer(vec![vec![0, 1], vec![0, 0], vec![2]], 3), 3, None);
    assert_eq!((of.prompts.mean.max_over_mean, of.prompts.mean.bound), (Some(5.0 / 4.0), Some(1.0)));
    // A fourth device that works and stores nothing lowers the mean to three.
    let of = all.rebalance(&one_layer(vec![vec![0, 1], vec![0, 0], vec![2], vec![]], 3), 4, None);
    assert_eq!((of.prompts.mean.max_over_mean, of.prompts.mean.bound), (Some(5.0 / 3.0), Some(1.0)));
}

#[test]
fn what_never_changes_holds_and_what_cannot_be_told_says_so() {
    let ids: Vec<u16> = (0..24).map(|t| t % 4).collect();
    let rows: Vec<&[u16]> = ids.chunks(1).collect();
    // Four prompt tokens, four in each fifth.
    let all = Positions::of(&[request(0, 4, &[(1, &rows)])], &[1], 4);
    let by_id = one_layer(vec![vec![0, 1], vec![2, 3]], 4);
    let of = all.rebalance(&by_id, 2, Some(&dealt));
    assert_eq!((of.first_worth, &of.gains[1..]), (None, &[Some(0.0); 4][..]));
    assert!(of.reading.starts_with("The placement made on the prompts holds") && of.reading.contains("no less"));
    let made = all.rebalance(&dealt(all.prefill()), 2, Some(&dealt));
    assert!(made.reading.starts_with("Made again on any fifth"), "{}", made.reading);
    for (prefill, word) in [(24, "decode"), (0, "prefill")] {
        let of = Positions::of(&[request(0, prefill, &[(1, &rows)])], &[1], 4).rebalance(&by_id, 2, Some(&dealt));
        assert!(of.reading.contains(&format!("too few {word} tokens")), "{}", of.reading);
    }
    let none = Positions::of(&[], &[1], 4).rebalance(&Replicas::default(), 2, Some(&dealt));
    assert_eq!((none.first_worth, none.prompts.mean.max_over_mean), (None, None));
}

#[test]
fn its_figures_show_its_numbers() {
    let all = Positions::of(&[drifting()], &[5], 4);
    let by_id = one_layer(vec![vec![0, 1], vec![2, 3]], 4);
    let [rho, balance] = all.rebalance(&by_id, 2, Some(&dealt)).figures("contiguous");
    assert_eq!(
        balance.under(4.5, 1.0, None).as_deref(),
        Some("fourth fifth: made on the prompts 2×, made again on the fifth before 1×, bound of its copies 1×")
    );
    assert!(balance.title.ends_with("contiguous") && balance.caption.contains("Rebalance after the third fifth"));
    assert_eq!(rho.under(0.5, 0.5, None).as_deref(), Some("first fifth: 94.3%"));
    for (figure, items) in [(&rho, 5), (&balance, 6)] {
        assert!(moescope::plot::picture(figure, &moescope::plot::Overlay::default()).is_some());
        assert_eq!(moescope::analysis::Table::of(figure).rows.len() % items, 0);
    }
    let fixed = all.rebalance(&by_id, 2, None).figures("file");
    assert!(!fixed[1].under(4.5, 1.0, None).unwrap().contains("again"));
}

proptest! {
    /// Every number again, token by token on dictionaries.
    #[test]
    fn rebalance_again_plainly(
        columns in proptest::collection::vec((proptest::collection::vec(0u16..5, 1..30), 0usize..9), 1..5),
        slots in proptest::collection::vec(0usize..5, 0..7),
    ) {
        let make = |(index, (ids, prefill)): (u64, &(Vec<u16>, usize))| {
            let rows: Vec<&[u16]> = ids.chunks(1).collect();
            request(index, (*prefill).min(ids.len()), &[(2, &rows)])
        };
        let requests: Vec<Request> = (0..).zip(&columns).map(make).collect();
        // Every expert once, and copies of some, on three devices.
        let mut devices = vec![vec![0, 3], vec![1, 4], vec![2]];
        slots.iter().enumerate().for_each(|(at, &expert)| devices[at % 3].push(expert));
        let of = Positions::of(&requests, &[2], 5).rebalance(&one_layer(devices.clone(), 5), 3, None);
        for fifth in 0..FIFTHS {
            let mut tokens = Vec::new();
            for r in &requests {
                let (n, decode) = (r.decode(), &r.columns[0][r.prefill..]);
                tokens.extend(decode.iter().enumerate().filter(|(t, _)| 5 * t >= fifth * n && 5 * t < (fifth + 1) * n).map(|(_, e)| *e));
            }
            let share = |e: usize| {
                let copies = devices.iter().flatten().filter(|&&slot| slot == e).count();
                tokens.iter().filter(|&&t| usize::from(t) == e).count() as f64 / copies as f64
            };
            let loads: Vec<f64> = devices.iter().map(|slots| slots.iter().map(|&e| share(e)).sum()).collect();
            let most = loads.iter().copied().fold(0.0, f64::max) * 3.0 / tokens.len() as f64;
            let here = of.fifths[fifth].mean;
            prop_assert_eq!(of.fifths[fifth].uses, tokens.len() as u64);
            match here.max_over_mean {
                Some(ratio) => {
                    prop_assert!((ratio - most).abs() < 1e-9);
                    let bound = here.bound.unwrap();
                    prop_assert!(bound >= 1.0 && ratio >= bound - 1e-9);
                }
                None => prop_assert!(tokens.is_empty()),
            }
        }
        prop_assert_eq!(of.first_worth, of.gains.iter().position(|g| g.is_some_and(|g| g >= WORTH)));
    }
}

/// What the recorded Llama 4 shows on eight GPUs; docs/analyses.md has the numbers.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn llama_4_through_its_decode() {
    use moescope::model::{Duplex, ExpertSize, Faults, MODELS, SYSTEMS};
    use moescope::place::{Loads, PLACEMENTS, Params};
    let Some(archive) = crate::support::real("llama4-maverick-mmlu.zip") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("llama.moesum");
    let out = crate::support::moescope(&["summarize", archive.to_str().unwrap(), "-o", file.to_str().unwrap()]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let dataset = moescope::protocol::from_moesum(&std::fs::read(&file).unwrap()).unwrap();
    let part = dataset.part().unwrap();
    let layers = part.summary.layer_ids();
    let system = SYSTEMS.iter().find(|s| s.name == "h100x8").unwrap();
    let topology = (system.build)(&system.hardware, &Faults::default(), Duplex::Shared);
    let params = Params::of(ExpertSize { hidden: MODELS[0].hidden, intermediate: MODELS[0].intermediate });
    let all = Positions::of(&part.requests, &layers, 128);
    for placement in PLACEMENTS.iter().filter(|p| ["contiguous", "remap"].contains(&p.name)) {
        let remake = |loads: &[Vec<u64>]| {
            let loads = Loads { experts: 128, layers: loads.to_vec(), ..Loads::default() };
            placement.once(&loads, &topology, &params)
        };
        let of = all.rebalance(&remake(all.prefill()), topology.live.len(), Some(&remake));
        eprintln!("{}: {}", placement.name, of.reading);
        for part in std::iter::once(&of.prompts).chain(&of.fifths) {
            eprintln!("  {} {:.4?}", part.uses, part.mean);
            let s = part.mean;
            assert!(s.max_over_mean.unwrap() >= s.bound.unwrap() && s.bound.unwrap() >= 1.0);
        }
        assert!(of.fifths.iter().all(|f| (0.0..1.0).contains(&f.mean.rho.unwrap()) && f.mean.ceiling.is_some()));
        assert_eq!(of.fifths.iter().map(|f| f.uses).sum::<u64>(), 24 * 29_684);
        // The numbers of the docs are these.
        let docs = include_str!("../../docs/analyses.md");
        let words =
            |values: &[Option<f64>]| values.iter().flatten().map(|v| format!("{v:.2}")).collect::<Vec<_>>().join(" ");
        let rho: Vec<_> = of.fifths.iter().map(|f| f.mean.rho).collect();
        assert!(docs.contains(&words(&rho)), "{}", words(&rho));
        if placement.name == "remap" {
            let again: Vec<_> = of.fifths.iter().map(|f| f.mean.remade).collect();
            for told in [words(&ratios(&of)), words(&again)] {
                assert!(docs.contains(&told), "{told}");
            }
            assert_eq!(of.first_worth, Some(1));
        } else {
            assert!(of.first_worth.is_none() && of.reading.contains("the placement is the same"), "{}", of.reading);
        }
    }
}
