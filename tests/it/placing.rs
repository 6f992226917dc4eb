//! The lab: placements scored on what they learnt from and on what they did not.

use moescope::experiment::Experiment;
use moescope::model::Request;
use moescope::protocol::{DataId, PlaceReport, Scores, State, finish, jobs};

use super::support::{NoFiles, request};

const SMALL: &str = "v=2&columns=2&rows=1&hidden=64&intermediate=64&batch=4&steps=2&budget=8";

/// Even requests choose the first expert of four, odd ones the last two.
fn requests() -> Vec<Request> {
    let of = |index: u64| {
        let rows: [&[u16]; 5] =
            if index.is_multiple_of(2) { [&[0], &[0], &[0], &[1], &[0]] } else { [&[2], &[2], &[3], &[3], &[2]] };
        request(index, 1, &[(3, &rows), (4, &rows)])
    };
    (0..4).map(of).collect()
}

fn report(text: &str, requests: Vec<Request>) -> Result<PlaceReport, String> {
    let mut state = State::default();
    state.staged.add(requests, "made.json");
    let info = finish(jobs::Commit(Vec::new()), &mut state, &NoFiles).map_err(|e| e.to_string())?;
    let job = jobs::Place::new(DataId::of(&info), Experiment::parse(text).0);
    finish(job, &mut state, &NoFiles).map_err(|e| e.to_string())
}

fn of<'a>(report: &'a PlaceReport, name: &str) -> &'a moescope::protocol::PlacedStrategy {
    report.strategies.iter().find(|s| s.strategy == name).unwrap()
}

#[test]
fn a_placement_is_learnt_from_even_requests_and_scored_on_odd_ones() {
    let strategies = "contiguous.home,remap.home,search.home";
    let held = report(&format!("{SMALL}&heldout=on&strategies={strategies}"), requests()).unwrap();
    // Contiguous: experts 0 and 1 on device 0. All even tokens are there, and all odd ones on device 1.
    let by_id = of(&held, "contiguous.home");
    assert_eq!((by_id.moved, &by_id.physical_to_logical[0]), (0, &vec![0, 1, 2, 3]));
    assert_eq!((by_id.learnt.max_over_mean, by_id.max_over_mean), (2.0, 2.0));
    assert_eq!(by_id.by_layer[1].load_by_device, [0.0, 4.0]);
    // remap learns from even ones: expert 0 alone is hot, 2 and 3 tie. Nothing of the odd ones is known to it.
    let learnt = of(&held, "remap.home");
    assert_eq!(learnt.heldout.as_ref(), Some(learnt.scores()));
    assert!(learnt.learnt.max_over_mean < 2.0);
    let all = report(&format!("{SMALL}&strategies={strategies}"), requests()).unwrap();
    let known = of(&all, "search.home");
    assert_eq!((known.heldout.as_ref(), known.scores()), (None, &known.learnt));
    assert!(known.seconds <= of(&all, "remap.home").seconds && known.seconds <= of(&all, "contiguous.home").seconds);
    for strategy in held.strategies.iter().chain(&all.strategies) {
        let Scores { max_over_mean, imbalance, max_over_mean_percentiles, .. } = *strategy.scores();
        assert_eq!(imbalance, max_over_mean - 1.0);
        assert!(max_over_mean >= 1.0 && max_over_mean_percentiles.is_sorted());
        assert_eq!(strategy.by_layer.iter().map(|l| l.layer).collect::<Vec<_>>(), [3, 4]);
        let seconds: f64 = strategy.by_layer.iter().map(|l| l.seconds).sum();
        assert!((seconds - strategy.seconds).abs() < 1e-12 * seconds);
    }
    assert_eq!(held.rebalance.keys().collect::<Vec<_>>(), ["contiguous", "remap"]);
    assert_eq!(held.rebalance["contiguous"].fifths.len(), 5);
    assert_eq!(held.bounds[0].name, "best");
    assert!(held.bounds[0].scores.max_over_mean <= by_id.max_over_mean);
}

#[test]
fn what_has_no_decode_steps_is_placed_and_scored_by_its_counts() {
    let prompts = || requests().into_iter().map(|r| Request { prefill: r.tokens, ..r }).collect::<Vec<_>>();
    let strategies = "strategies=contiguous.home,remap.home";
    let counted = report(&format!("{SMALL}&{strategies}"), prompts()).unwrap();
    assert!(counted.from_counts && counted.warnings.iter().any(|w| w.contains("no decode steps")));
    // The shares of four tokens: 8, 2, 6 and 4 of 20 end at 1.6, 2, 3.2 and 4, in whole tokens at 1, 2, 3 and 4.
    assert_eq!(of(&counted, "contiguous.home").by_layer[0].load_by_device, [2.0, 2.0]);
    let held = report(&format!("{SMALL}&heldout=on&{strategies}"), prompts()).unwrap();
    assert_eq!(of(&held, "contiguous.home").by_layer[0].load_by_device, [0.0, 4.0], "of the odd ones");
    let one = prompts().into_iter().take(1).collect();
    let why = report(&format!("{SMALL}&heldout=on&{strategies}"), one).unwrap_err();
    assert!(why.contains("nothing can be held out"), "{why}");
}

#[test]
fn strategies_that_tie_are_said_to_and_why() {
    let one = |name: &str| report(&format!("{SMALL}&strategies={name}"), requests()).unwrap().fastest_words().unwrap();
    assert_eq!(one("remap.home"), "remap.home is the fastest.");
    let tied = one("remap.home,remap.home%2Bpred");
    assert!(
        tied.starts_with("2 strategies tie: remap.home, remap.home+pred. The reason: reading weights takes longer"),
        "{tied}"
    );
}

#[test]
fn a_pattern_names_all_strategies_that_are_like_it() {
    let (experiment, unread) = Experiment::parse("v=2&strategies=remap.*,ep");
    assert!(unread.is_empty());
    let names: Vec<&str> = experiment.run.strategies.iter().map(|s| s.name()).collect();
    assert!(names[0] == "ep" && names[1..].iter().all(|name| name.starts_with("remap.")) && names.len() > 4);
    assert_eq!(Experiment::parse(&experiment.to_string()).0, experiment);
    assert!(!Experiment::parse("v=2&strategies=moon.*").1.is_empty());
}
