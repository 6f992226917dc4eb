//! What five strategies come to on the synthetic workloads of four models on both wafers of the paper, to twelve digits: a
//! change of any number shows. `INSTA_UPDATE=always cargo test --test it pinned` writes them anew.

use std::fmt::Write;

use moescope::experiment::Experiment;
use moescope::model::{ModelPreset, model_named};
use moescope::protocol::{Dataset, Provenance, Run, StrategyRun, workload};
use moescope::sim::{Workload, evenly_spaced};
use moescope::synth::Generator;

const LAYERS: usize = 2;

/// The workload of a model; of its layers only those that are simulated are counted.
fn dataset(model: &'static ModelPreset) -> Dataset {
    let mut generator = Generator::new(model, 1);
    let mut dataset = Dataset::default();
    while let Some(mut request) = generator.request() {
        let chosen = evenly_spaced(&request.layers, LAYERS);
        let both = request.layers.into_iter().zip(request.columns).filter(|(id, _)| chosen.contains(id));
        (request.layers, request.columns) = both.unzip();
        dataset.add(vec![request], "");
    }
    dataset.count();
    dataset
}

fn lines(text: &mut String, run: &StrategyRun) {
    let StrategyRun { wafer, strategy, seconds, hops, reads, bound, copies, .. } = run;
    let _ = writeln!(text, "{wafer} {strategy}: {seconds:.11e} s, {hops} hops, limited by {bound:?}");
    let _ = writeln!(text, "  reads {} local, {} remote, {} writes", reads.local, reads.remote, reads.writes);
    let [compute, hbm, link] = run.bound_seconds;
    let _ = writeln!(text, "  seconds by bound {compute:.11e} {hbm:.11e} {link:.11e}");
    let _ = writeln!(text, "  hops by die {:?}", run.die_hops);
    let _ = writeln!(text, "  tokens by die {:?}", run.die_tokens);
    let _ = writeln!(text, "  replicas by die {copies:?}");
}

fn outcomes(model: &'static ModelPreset) -> String {
    let dataset = dataset(model);
    let mut text = String::new();
    for wafer in ["dojo", "tsmc-sow"] {
        let settings = format!("v=1&model={}&wafer={wafer}&batch=4096&steps=3&layers={LAYERS}", model.name);
        let experiment = Experiment::parse(&settings).0;
        let filled = workload(dataset.part().unwrap(), &experiment).unwrap();
        // The room for replicas counts all layers of the model.
        let made = Provenance { synthetic: true, ..Provenance::default() };
        let mut run = Run::new(experiment, Workload { all_layers: model.moe_layers, ..filled }, made).unwrap();
        while run.step() {}
        run.report().runs.iter().for_each(|r| lines(&mut text, r));
    }
    text
}

#[test]
fn outcomes_of_four_models() {
    for name in ["deepseek-v3", "kimi-k2", "qwen3-235b", "llama4-maverick"] {
        insta::assert_snapshot!(name, outcomes(model_named(name).unwrap()));
    }
}
