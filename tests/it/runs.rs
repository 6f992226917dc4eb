//! Runs in any number of threads, what is remembered of them, and which settings a strategy reads.

use std::sync::Arc;

use moescope::experiment::Experiment;
use moescope::protocol::{
    Bytes, DataId, Dataset, Job, JobError, Origin, Outcomes, Provenance, Run, State, Step, jobs, workload,
};
use moescope::sim::{Inputs, Outcome, Planner, Simulation, Strategy, Timeline, timeline};
use moescope::synth::Generator;
use proptest::prelude::*;

use crate::reference::{cases, fast};
use crate::support::NoFiles;

/// The bytes that a report would have: equal floats are equal to the last bit.
fn bytes(outcome: &Outcome) -> String {
    serde_json::to_string(outcome).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn layers_may_be_timed_in_any_order((work, _, config) in cases(), seed in any::<u64>()) {
        for strategy in Strategy::ALL {
            let inputs = Arc::new(Inputs::new(work.clone(), config.clone()));
            let mut simulation = Simulation::with(inputs, strategy);
            let mut planned: Vec<_> = std::iter::from_fn(|| simulation.plan()).collect();
            prop_assert!(simulation.outcome().is_none());
            let mut state = seed;
            while !planned.is_empty() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let next = planned.swap_remove(usize::try_from(state >> 33).unwrap() % planned.len());
                simulation.add(next.time());
            }
            let outcome = simulation.outcome().unwrap();
            prop_assert_eq!(bytes(&outcome), bytes(&fast(&work, &config, strategy)));
        }
    }

    /// The layers over time add up to the run, in whatever order they are looked at.
    #[test]
    fn timelines_are_those_of_the_run((work, _, config) in cases()) {
        for strategy in Strategy::ALL {
            let outcome = fast(&work, &config, strategy);
            let mut planner = Planner::new(Arc::new(Inputs::new(work.clone(), config.clone())), strategy);
            let mut all: Vec<Timeline> = Vec::new();
            for (step, layer) in (0..work.steps).rev().flat_map(|s| (0..work.layers.len()).map(move |l| (s, l))) {
                while planner.towards(step, layer) {}
                all.push(timeline(&planner, step, layer));
            }
            let seconds: f64 = all.iter().map(|t| t.seconds).sum();
            prop_assert!((seconds - outcome.seconds).abs() <= 1e-9 * outcome.seconds);
            let writes = all.iter().flat_map(|t| &t.flows).filter(|f| f.tokens == 0.0).count();
            prop_assert_eq!(writes as u64, outcome.reads.writes);
            let remote = all.iter().flat_map(|t| &t.flows).filter(|f| f.source != f.die).count();
            prop_assert_eq!(remote as u64, outcome.reads.remote);
            for t in &all {
                prop_assert!(t.home.iter().all(|d| *d < t.dies));
                prop_assert!(t.computed.iter().all(|c| c.start <= c.end && c.end <= t.seconds));
                prop_assert_eq!(t.computed.len(), t.flows.iter().filter(|f| f.tokens > 0.0).count());
                // Whoever reads from a die that is not the home reads a replica that is listed.
                for f in t.flows.iter().filter(|f| f.tokens > 0.0 && t.home[f.expert] != f.source) {
                    prop_assert!(t.copies.contains(&(f.expert, f.source)));
                }
            }
            // Replicas of the first step are read in no layer of the first step.
            let first = all.iter().rev().take(work.layers.len());
            prop_assert!(first.into_iter().all(|t| t.copies.is_empty()));
        }
    }
}

fn made(model: &str) -> Dataset {
    let model = moescope::model::model_named(model).unwrap();
    let mut generator = Generator::new(model, 1);
    let mut dataset = Dataset { synthetic: true, ..Dataset::default() };
    dataset.add(std::iter::from_fn(|| generator.request()).collect(), "");
    dataset.count();
    dataset
}

/// Layers that a run simulated.
fn simulated(experiment: &Experiment, dataset: &Dataset, outcomes: &mut Outcomes) -> (u64, String) {
    let batch = workload(dataset.part().unwrap(), experiment).unwrap();
    let made = Provenance { synthetic: true, ..Provenance::default() };
    let mut run = Run::new(experiment.clone(), batch, made).unwrap();
    run.recall(outcomes);
    let mut layers = 0;
    while run.step() {
        layers += 1;
    }
    assert_eq!(run.progress().0, run.progress().1);
    run.remember(outcomes);
    (layers, serde_json::to_string(&run.report()).unwrap())
}

#[test]
fn only_strategies_that_read_what_changed_run_again() {
    let dataset = made("llama4-maverick");
    let mut outcomes = Outcomes::default();
    let first = Experiment::parse("v=1&model=llama4-maverick&steps=2&layers=3").0;
    let each = 6;
    assert_eq!(simulated(&first, &dataset, &mut outcomes).0, 5 * each);
    for (name, value, strategies) in [
        ("baseline", "ep", 0),
        ("show", "base", 0),
        ("scope", "prefill", 0),
        ("step", "1", 0),
        ("strategies", "ep,allo", 0),
        ("tau", "2", 2),
        ("block", "20", 2),
        ("predict", "30", 2),
        ("order", "column", 2),
        ("link", "2", 4),
        ("hbm", "4", 5),
        ("seed", "1", 0),
        ("batch", "4096", 5),
    ] {
        let changed = first.with(name, value).unwrap();
        let fresh = simulated(&changed, &dataset, &mut Outcomes::default()).1;
        let (layers, remembered) = simulated(&changed, &dataset, &mut outcomes);
        assert_eq!(layers, strategies * each, "{name}={value}");
        assert_eq!(remembered, fresh, "{name}={value}");
        assert_eq!(simulated(&changed, &dataset, &mut outcomes).0, 0, "{name}={value} again");
    }
}

#[test]
fn outcomes_are_kept_up_to_a_number() {
    let mut outcomes = Outcomes::default();
    let outcome = Outcome::new(Strategy::EP, 1, 1, 0);
    for i in 0..Outcomes::MOST + 10 {
        outcomes.keep(i.to_string(), outcome.clone());
        outcomes.keep(i.to_string(), outcome.clone());
    }
    assert_eq!(outcomes.len(), Outcomes::MOST);
    assert!(outcomes.get("9").is_none() && outcomes.get("10").is_some());
}

/// The reply and the slices that it took.
fn sliced<J: Job>(state: &mut State, mut job: J) -> (Result<J::Reply, JobError>, u32) {
    let mut slices = 0;
    loop {
        match job.step(state, &NoFiles) {
            Ok(Step::Running { .. }) => slices += 1,
            Ok(Step::Done(reply)) => return (Ok(reply), slices),
            Err(why) => return (Err(why), slices),
        }
    }
}

/// A worker that has planned a run up to a layer plans nothing for an earlier one, and nothing at all without a predictor.
#[test]
fn a_second_timeline_plans_nothing_again() {
    let mut holder = State { synthetic: made("llama4-maverick"), ..State::default() };
    let of = DataId::of(&holder.synthetic.info());
    let text = "v=1&model=llama4-maverick&steps=4&layers=3";
    let Bytes(batch) =
        sliced(&mut holder, jobs::FillBatch { of: of.clone(), experiment: Experiment::parse(text).0 }).0.unwrap();
    let mut state = State::default();
    let ask = |view: &str, batch: Vec<u8>| {
        let mut job = jobs::Timeline::new(of.clone(), Experiment::parse(&format!("{text}{view}")).0);
        job.take(batch);
        job
    };
    let mut at = |view: &str| {
        let alone = sliced(&mut State::default(), ask(view, batch.clone())).0.unwrap();
        let (timeline, slices) = sliced(&mut state, ask(view, batch.clone()));
        assert_eq!(timeline.unwrap(), alone, "{view}");
        // Opening the batch is a slice.
        slices - 1
    };
    assert_eq!(at("&step=3&simulated=2"), 12);
    assert_eq!(at("&step=2&simulated=1"), 0);
    assert_eq!(at("&step=3&simulated=1&at=5"), 0);
    assert_eq!(at("&show=base&step=3&simulated=2"), 0, "base needs no plan of the layers before");
    assert_eq!(at("&step=1&simulated=0"), 4, "another run starts from the beginning");
    assert!(sliced(&mut State::default(), ask("", vec![1, 2, 3])).0.is_err());
}

/// Each timeline of a visit asked for the batch again, and sent it from worker to worker.
#[test]
fn the_worker_that_ran_it_has_the_batch_of_a_timeline() {
    let mut holder = State { synthetic: made("llama4-maverick"), ..State::default() };
    let of = DataId::of(&holder.synthetic.info());
    let read = |text: &str| Experiment::parse(&format!("v=1&model=llama4-maverick&steps=2&layers=2{text}")).0;
    let fill = jobs::FillBatch { of: of.clone(), experiment: read("") };
    let Bytes(batch) = sliced(&mut holder, fill).0.unwrap();
    let timeline = |state: &mut State, of: &DataId, text: &str, batch: Option<&Vec<u8>>| {
        let mut job = jobs::Timeline::new(of.clone(), read(text));
        batch.cloned().into_iter().for_each(|batch| job.take(batch));
        sliced(state, job).0.unwrap()
    };
    let mut state = State::default();
    assert_eq!(timeline(&mut state, &of, "", None), None, "nothing ran here");
    let expected = timeline(&mut State::default(), &of, "&step=1", Some(&batch));
    assert!(expected.is_some());
    sliced(&mut state, jobs::RunSynthetic::new(read("&tau=2"))).0.unwrap();
    assert_eq!(timeline(&mut state, &of, "&step=1", None), expected, "a run with another tau had the same batch");
    for other in ["&batch=64", "&seed=2", "&skip=collapsed", "&heldout=on"] {
        assert_eq!(timeline(&mut state, &of, other, None), None, "{other} fills another");
    }
    let traced = DataId { origin: Origin::Trace, ..of.clone() };
    let replaced = DataId { digest: "0".into(), ..of.clone() };
    for data in [traced, replaced] {
        assert_eq!(timeline(&mut state, &data, "", None), None, "{data:?}");
    }
    // A batch that is sent is kept in its place, as that of a run on a trace.
    for _ in 0..2 {
        let mut run = jobs::Run::new(read("&tau=3"));
        run.take(batch.clone());
        sliced(&mut state, run).0.unwrap();
        assert_eq!(timeline(&mut state, &of, "&step=1", None), expected);
        assert!(timeline(&mut state, &of, "", Some(&batch)).is_some());
    }
}

/// A batch that was filled where nobody asked where its tokens come from was kept for a run that asks: it fell back to what counts
/// tell. The same with the steps that a search learns from.
#[test]
fn a_kept_batch_that_lacks_what_a_run_asks_for_is_filled_again() {
    let mut state = State::default();
    let text = "v=1&model=llama4-maverick&steps=2&layers=2&batch=512&strategies=ep";
    for more in ["", "&activations=serial", "&activations=overlapped", "", ",search.home&budget=5"] {
        let job = || jobs::RunSynthetic::new(Experiment::parse(&format!("{text}{more}")).0);
        let fresh = sliced(&mut State::default(), job()).0;
        assert_eq!(sliced(&mut state, job()).0, fresh, "{more}");
    }
}

/// A slider of the hardware or of a strategy made the synthetic workload anew for each of its values.
#[test]
fn a_second_run_on_a_synthetic_workload_makes_none() {
    let mut state = State::default();
    let mut ask = |text: &str| {
        let job = || jobs::RunSynthetic::new(Experiment::parse(text).0);
        let (report, slices) = sliced(&mut state, job());
        assert_eq!(report, sliced(&mut State::default(), job()).0, "{text}");
        slices
    };
    let first = ask("v=1&model=qwen3-235b&steps=1&layers=2");
    assert!(first > 50, "it makes its requests one by one: {first}");
    assert_eq!(ask("v=1&model=qwen3-235b&steps=1&layers=2&tau=2"), 1 + 4, "allo and allo+pred alone follow tau");
    assert_eq!(ask("v=1&model=qwen3-235b&steps=1&layers=2&columns=3"), 1 + 10);
    // What decides the batch makes another.
    assert!(ask("v=1&model=qwen3-235b&steps=1&layers=2&seed=2") > 50);
    assert!(ask("v=1&model=qwen3-235b&steps=1&layers=2&seed=2&skip=collapsed") > 50);
    // A wafer that does not work is refused on the batch that is there, as without it.
    let dead: Vec<String> = (0..Experiment::default().hardware().mesh.dies()).map(|d| d.to_string()).collect();
    ask(&format!("v=1&model=qwen3-235b&steps=1&layers=2&seed=2&skip=collapsed&dead={}", dead.join(".")));
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    for (command, text) in [
        ("run", "v=1&model=llama4-maverick&steps=3&layers=3"),
        ("sweep", "v=1&model=llama4-maverick&steps=2&layers=2&sweep=tau:1:2:3"),
        // More threads than models, which help each other.
        ("paper", "v=2&steps=1&layers=3"),
    ] {
        let of = |threads: &str| {
            let out = crate::support::moescope(&[command, "--experiment", text, "--json", "--threads", threads]);
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            out.stdout
        };
        let one = of("1");
        assert!(one == of("2") && one == of("5"), "{text}");
    }
}
