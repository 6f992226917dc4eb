//! Parts of the requests side by side: the same numbers as the summary of all has.

use moescope::analysis::figure::Data;
use moescope::analysis::registry::{Layer, of_layer};
use moescope::analysis::{Half, Setting, frequency};
use moescope::experiment::{Experiment, Subset};
use moescope::model::{MODELS, Scope};
use moescope::protocol::{Dataset, Versus, workload};
use moescope::synth::Generator;

fn made() -> Dataset {
    let mut generator = Generator::new(&MODELS[3], 1);
    let mut dataset = Dataset { synthetic: true, ..Dataset::default() };
    for _ in 0..12 {
        dataset.add(generator.request().into_iter().collect(), "");
    }
    dataset.count();
    dataset
}

fn versus(left: Subset, right: Subset, scope: Scope) -> Versus {
    Versus { parts: [left, right], layer: 3, scope }
}

#[test]
fn all_requests_counted_anew_are_the_summary() {
    let dataset = made();
    let summary = &dataset.part().unwrap().summary;
    let setting = Setting::default();
    for scope in Scope::EACH {
        let [a, b] = versus(Subset::All, Subset::All, scope).sides(&dataset, &Dataset::default()).unwrap();
        let layer = Layer::new(summary, &[], &setting, 3, scope).unwrap();
        let figures = of_layer(&layer, true);
        let facts: Vec<_> = figures.iter().flat_map(|f| &f.facts).collect();
        let fact = |id: &str| facts.iter().find(|f| f.id == id).map(|f| f.value);
        let map = figures.iter().find(|f| f.id == "token-map").unwrap();
        let Data::Matrix(map) = &map.data else { panic!("{map:?}") };
        assert_eq!((&a.counts, a.skew, a.coverage), (&b.counts, b.skew, b.coverage));
        assert_eq!((a.requests, a.id, a.skew), (12, layer.id, fact("fact-skew")));
        assert_eq!(a.coverage, fact("fact-coverage"));
        let same = a.cross_token.iter().zip(&map.values).all(|(x, y)| x == y || x.is_nan() && y.is_nan());
        assert!(same && a.cross_token.len() == map.values.len());
    }
}

#[test]
fn the_halves_add_up_and_subjects_are_told_apart() {
    let dataset = made();
    let summary = &dataset.part().unwrap().summary;
    let all = frequency(summary.layers.values().nth(3).unwrap(), Scope::All, Half::Both, summary.experts);
    let [even, odd] = versus(Subset::Even, Subset::Odd, Scope::All).sides(&dataset, &Dataset::default()).unwrap();
    let sum: Vec<u64> = even.counts.iter().zip(&odd.counts).map(|(a, b)| a + b).collect();
    assert_eq!(sum, all);
    assert_eq!((even.requests, odd.requests), (6, 6));
    let subject = |n: u32| Subset::Subject(format!("subject {n}"));
    let [one, two] = versus(subject(1), subject(2), Scope::All).sides(&dataset, &Dataset::default()).unwrap();
    assert_eq!((one.requests, two.requests), (2, 2));
    assert_ne!(one.counts, two.counts);
}

#[test]
fn what_is_not_there_is_named() {
    let dataset = made();
    let none = versus(Subset::All, Subset::Reference, Scope::All).sides(&dataset, &Dataset::default()).unwrap_err();
    assert!(none.contains("the reference trace"), "{none}");
    let none = versus(Subset::Subject("chess".into()), Subset::All, Scope::All).sides(&dataset, &dataset).unwrap_err();
    assert!(none.contains("chess"), "{none}");
    let reference = versus(Subset::All, Subset::Reference, Scope::All).sides(&dataset, &dataset).unwrap();
    assert_eq!(reference[0].counts, reference[1].counts);
}

/// Predicting from one half and running the other: other requests fill the batch, other tokens make the heat map.
#[test]
fn held_out_runs_predict_from_the_other_half() {
    let dataset = made();
    let part = dataset.part().unwrap();
    let fill = |text| workload(part, &Experiment::parse(text).0).unwrap();
    let (all, held_out) = (fill("v=1&batch=64&layers=2"), fill("v=1&batch=64&layers=2&heldout=on"));
    assert_eq!((all.sources, held_out.sources), (12, 6));
    let total = |w: &moescope::sim::Workload| w.heat.iter().flatten().map(|&n| u64::from(n)).sum::<u64>();
    assert!(total(&held_out) < total(&all) && total(&held_out) > 0);
    let odd: Vec<_> = part.requests.iter().filter(|r| r.is_odd()).collect();
    let shape = moescope::sim::Shape { layers: &all.layers, all_layers: 24, experts: 128 };
    let expected =
        moescope::sim::Workload::fill(odd, moescope::model::Phase::Decode, shape, 64, 16, held_out.heat.clone());
    assert_eq!(expected.counts, held_out.counts);
}
