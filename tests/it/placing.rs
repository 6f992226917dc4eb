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

/// Two subjects, two requests each, whose hot experts are disjoint: `x` chooses experts 0 and 1, `y` 2 and 3. One layer.
fn subjects(x: &str, y: &str) -> Vec<Request> {
    let of = |index: u64| {
        let rows: [&[u16]; 5] = if index < 2 { [&[0], &[0], &[1], &[0], &[1]] } else { [&[2], &[2], &[3], &[2], &[3]] };
        let mut request = request(index, 1, &[(3, &rows)]);
        request.labels.subject = if index < 2 { x.into() } else { y.into() };
        request
    };
    (0..4).map(of).collect()
}

/// The hand case of its times is `case_5_weights_move_when_the_subject_changes`: here is what the lab makes of them.
#[test]
fn a_placement_for_each_subject_is_held_against_one_for_all_on_the_same_batches() {
    let text = "v=2&wafer=h100x8&nodes=1&pernode=2&hidden=64&intermediate=64&batch=2&steps=4&serve=subject";
    let report = |strategies: &str, requests| report(&format!("{text}&strategies={strategies}"), requests).unwrap();
    let all = report("task.even", subjects("x", "y"));
    let task = of(&all, "task.even").by_subject.clone().unwrap();
    assert_eq!(all.strategies.len(), 1, "what it is held against is run and not listed");
    assert_eq!((task.beside.as_str(), task.subjects.len()), ("eplb.even", 2));
    let sum: f64 = task.subjects.iter().map(|s| s.seconds + s.changes.seconds).sum();
    assert!((sum - task.seconds).abs() < 1e-12 * sum && task.seconds == of(&all, "task.even").seconds);
    let beside: f64 = task.subjects.iter().map(|s| s.beside_seconds).sum();
    assert!((beside - task.beside_seconds).abs() < 1e-12 * beside);
    assert_eq!(task.beside_seconds, of(&report("eplb.even", subjects("x", "y")), "eplb.even").seconds);
    assert_eq!(task.subjects.iter().map(|s| (s.requests, s.own, s.steps)).collect::<Vec<_>>(), [(2, true, 4); 2]);
    // Names decide nothing.
    let renamed = of(&report("task.even", subjects("zz", "a")), "task.even").by_subject.clone().unwrap();
    assert_eq!(renamed.subjects.iter().map(|s| s.subject.as_str()).collect::<Vec<_>>(), ["zz", "a"]);
    let nameless = |of: &moescope::protocol::BySubject| {
        let mut of = of.clone();
        of.subjects.iter_mut().for_each(|s| s.subject.clear());
        of
    };
    assert_eq!(nameless(&renamed), nameless(&task));
    // A server loads one placement.
    assert!(all.deployment(&all.strategies[0]).unwrap_err().contains("eplb.even has one for all"));
}

/// Why nothing is placed by subject is said, and nothing stands in its place.
#[test]
fn without_subjects_a_placement_for_each_is_left_out_with_a_reason() {
    let unnamed = report(&format!("{SMALL}&strategies=task.even,eplb.even"), requests()).unwrap();
    assert_eq!(unnamed.strategies.iter().map(|s| s.strategy.as_str()).collect::<Vec<_>>(), ["eplb.even"]);
    assert_eq!(unnamed.left_out.len(), 1);
    assert!(
        unnamed.warnings.iter().any(|w| w.starts_with("task.even is left out") && w.contains("do not name several"))
    );
    let mixed = report(&format!("{SMALL}&strategies=task.even"), subjects("x", "y")).unwrap();
    assert!(mixed.left_out[0].why.contains("serve=subject gives each of 2 subjects"), "{:?}", mixed.left_out);
    let why = report(&format!("{SMALL}&strategies=task.even&serve=subject"), requests()).unwrap_err();
    assert!(why.contains("all requests are of one"), "{why}");
    let why = report(&format!("{SMALL}&baseline=task.even&strategies=ep"), subjects("x", "y")).unwrap_err();
    assert!(why.contains("task.even cannot be measured with task"), "{why}");
    let (home, unread) = Experiment::parse("v=2&home=task");
    assert!(home == Experiment::default() && unread[0].why.contains("strategies=task."), "{unread:?}");
    // Held out, each subject has one request to learn from: too few.
    let few = report(&format!("{SMALL}&heldout=on&serve=subject&strategies=task.even"), subjects("x", "y")).unwrap();
    let task = of(&few, "task.even").by_subject.clone().unwrap();
    assert!(task.subjects.iter().all(|s| !s.own && s.requests == 1 && s.changes.moved == 0));
    assert_eq!(task.seconds, task.beside_seconds, "both are the placement of all");
    assert!(few.warnings.iter().any(|w| w.contains("fewer than 2 requests to learn from: x, y")), "{:?}", few.warnings);
}

/// Each bar of a figure of the lab has what bounds it.
#[test]
fn every_bar_of_a_placement_has_its_bounds() {
    use moescope::analysis::figure::Data;
    let all = report(&format!("{SMALL}&strategies=contiguous.home,remap.home"), requests()).unwrap();
    let [best, worst] = [0, 1].map(|at| &all.bounds[at]);
    for layer in [None, Some(1)] {
        let figures = all.figures(Some("remap.home"), layer).unwrap();
        assert_eq!(figures.len(), 3);
        for figure in &figures {
            let Data::Bars(bars) = &figure.data else { panic!("{} is no bars", figure.id) };
            let bounds = bars.bounds.as_ref().unwrap();
            for (at, value) in bars.series[0].values.iter().enumerate() {
                let [mean, best, worst] = [&bounds.mean, &bounds.best, &bounds.worst].map(|b| b[at]);
                assert!(mean <= best + 1e-12 && best <= worst + 1e-12, "{}: {mean} {best} {worst}", figure.id);
                assert!(figure.id == "placement-devices" || *value >= mean);
            }
            let head = moescope::analysis::Table::of(figure).head;
            assert!(head.ends_with(&["mean".into(), "best".into(), "worst".into()]), "{head:?}");
        }
        let Data::Bars(layers) = &figures[1].data else { panic!() };
        assert_eq!(layers.bounds.as_ref().unwrap().best, best.by_layer);
        assert_eq!(layers.bounds.as_ref().unwrap().worst, worst.by_layer);
        // Loads of devices sum to the batch, and the mean is their share of it.
        let Data::Bars(devices) = &figures[2].data else { panic!() };
        assert_eq!(
            (devices.series[0].values.iter().sum::<f64>(), devices.bounds.as_ref().unwrap().mean[0]),
            (4.0, 2.0)
        );
    }
    assert!(all.figures(None, Some(2)).is_err() && all.figures(Some("ep"), None).is_err());
    for strategy in &all.strategies {
        assert_eq!(strategy.bounds, [1.0, best.scores.max_over_mean, worst.scores.max_over_mean]);
        let each = strategy.by_layer.iter().zip(best.by_layer.iter().zip(&worst.by_layer));
        assert!(each.into_iter().all(|(layer, (&best, &worst))| layer.bounds == [1.0, best, worst]));
    }
}
