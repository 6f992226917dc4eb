//! Times of the core on one thread: making a workload, counting it, simulating it, scanning JSON. `cargo bench`.
//! Each line also gives the rate in the unit that users feel. Timings on a shared machine are ratios, not promises.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;
use std::time::Instant;

use moescope::analysis::{Summary, report};
use moescope::experiment::Experiment;
use moescope::format::PaperScanner;
use moescope::model::{Labels, MODELS, Request};
use moescope::protocol::{Dataset, Provenance, Run, workload};
use moescope::synth::Generator;

/// The best of a few runs, seconds.
fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    let once = |work: &mut dyn FnMut() -> T| {
        let began = Instant::now();
        black_box(work());
        began.elapsed().as_secs_f64()
    };
    (0..3).map(|_| once(&mut work)).fold(f64::INFINITY, f64::min)
}

fn line(what: &str, seconds: f64, amount: f64, unit: &str) {
    println!("{what:<42} {:>9.1} ms {:>12.1} {unit}", seconds * 1e3, amount / seconds);
}

fn main() {
    for model in &MODELS[..4] {
        let mut requests: Vec<Request> = Vec::new();
        let make = || {
            let mut generator = Generator::new(model, 1);
            std::iter::from_fn(|| generator.request()).collect::<Vec<_>>()
        };
        let seconds = best(|| requests = make());
        let tokens: usize = requests.iter().map(|r| r.tokens).sum();
        line(&format!("{}: make the workload", model.name), seconds, tokens as f64 / 1e3, "k tokens/s");
        let seconds = best(|| {
            let mut summary = Summary::default();
            summary.add(&requests);
            summary
        });
        line(&format!("{}: count it", model.name), seconds, tokens as f64 / 1e3, "k tokens/s");
        let mut dataset = Dataset::default();
        dataset.add(requests, "");
        dataset.count();
        let part = dataset.part().unwrap();
        println!(
            "{:<42} {:>9.1} MB",
            format!("{}: tables of the summary", model.name),
            part.summary.table_bytes() as f64 / 1e6
        );
        let seconds = best(|| report(&part.summary, Vec::new()));
        line(&format!("{}: all analyses", model.name), seconds, part.summary.layers.len() as f64, "layers/s");
        let (mut experiment, _) = Experiment::parse("v=1");
        experiment.workload.model = model.name.into();
        let batch = workload(part, &experiment).unwrap();
        let seconds = best(|| workload(part, &experiment).unwrap());
        line(&format!("{}: fill the batch", model.name), seconds, 1.0, "batches/s");
        let mut flows = 0u64;
        let seconds = best(|| {
            let mut run =
                Run::new(experiment.clone(), batch.clone(), Provenance { synthetic: true, ..Provenance::default() })
                    .unwrap();
            while run.step() {}
            let report = run.report();
            flows = report.runs.iter().map(|r| r.reads.local + r.reads.remote + r.reads.writes).sum();
        });
        let layers = (5 * batch.steps * batch.layers.len()) as f64;
        line(&format!("{}: simulate five strategies", model.name), seconds, layers, "layer simulations/s");
        // Each flow starts and ends once: that is an event.
        line(&format!("{}: the same", model.name), seconds, flows as f64 / 1e3, "k flows/s");
    }
    let text = "[\n    {\n        \"1\": [\n".to_string()
        + &"            [\n                119\n            ],\n".repeat(200_000)
        + "            [\n                7\n            ]\n        ]\n    }\n]\n";
    let seconds = best(|| {
        let mut scanner = PaperScanner::new(None);
        for chunk in text.as_bytes().chunks(1 << 20) {
            let _ = scanner.feed(chunk);
        }
        scanner.finish(0, Labels::default())
    });
    line("scan published JSON", seconds, text.len() as f64 / 1e6, "MB/s");
    let seconds = best(|| serde_json::from_str::<Vec<std::collections::BTreeMap<u32, Vec<Vec<u16>>>>>(&text).unwrap());
    line("the same with serde_json", seconds, text.len() as f64 / 1e6, "MB/s");
}
