//! Times of the core on one thread: placing experts, simulating, making a workload, counting it, scanning JSON. `cargo bench`.
//! Each line also gives the rate in the unit that users feel. Timings on a shared machine are ratios, not promises.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Instant;

use moescope::analysis::{Summary, report};
use moescope::experiment::Experiment;
use moescope::format::{PaperScanner, Source};
use moescope::model::{Labels, MODELS, Placed, Request};
use moescope::place::{PLACEMENTS, Placement};
use moescope::protocol::{Bytes, DataId, Dataset, Files, Job, Provenance, Run, State, finish, jobs, workload};
use moescope::sim::{Strategy, evenly, fewest_activated, least_loaded};
use moescope::synth::Generator;

/// Seconds of this thread on a processor where the system tells (a shared machine takes it away at times), else of the clock.
fn clock() -> f64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanos.map_or_else(|| BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64(), |n| n * 1e-9)
}

/// The best of a few runs, seconds.
fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    let once = |work: &mut dyn FnMut() -> T| {
        let began = clock();
        black_box(work());
        clock() - began
    };
    (0..3).map(|_| once(&mut work)).fold(f64::INFINITY, f64::min)
}

fn line(what: &str, seconds: f64, amount: f64, unit: &str) {
    println!("{what:<42} {:>9.1} ms {:>12.1} {unit}", seconds * 1e3, amount / seconds);
}

/// No argument: everything; `cargo bench -- simulator` or `placements`: that alone.
fn main() {
    let only = |part: &str| std::env::args().any(|a| a == part);
    if !only("simulator") {
        placements();
    }
    if !only("placements") {
        simulator();
    }
    if !only("simulator") && !only("placements") {
        traces();
    }
}

/// Every placement of all layers of DeepSeek V3 on 72 devices with a spare slot each, all tables given; and the dispatches that choose
/// among copies.
fn placements() {
    let dataset = part_of(MODELS[0].name);
    let strategies = PLACEMENTS.iter().map(|p| format!("{}.home", p.name)).collect::<Vec<_>>().join(",");
    let more = format!("&layers=all&columns=9&rows=8&spare=1&batch=4096&strategies={strategies}");
    let experiment = of(MODELS[0].name, &more);
    let batch = workload(dataset.part().unwrap(), &experiment).unwrap();
    let (loads, topology, layers) = (&batch.loads, experiment.topology(), batch.layers.len() as f64);
    let searched = |p: &&Placement| !["search", "file"].contains(&p.name);
    let mut sum = 0.0;
    for placement in PLACEMENTS.iter().filter(searched) {
        let seconds = best(|| placement.once(loads, &topology, &experiment.params()));
        line(&format!("{} of {layers} layers on 72 devices", placement.name), seconds, layers, "layers/s");
        sum += seconds;
    }
    line("all placements", sum, layers, "layers/s");
    let eplb = PLACEMENTS.iter().find(|p| p.name == "eplb").unwrap();
    let placed = eplb.once(loads, &topology, &experiment.params());
    for (name, share) in
        [("even", evenly as fn(&[u32], &Placed) -> _), ("lp", least_loaded), ("activated", fewest_activated)]
    {
        let all = (0..batch.steps).flat_map(|step| placed.layers.iter().enumerate().map(move |(l, p)| (step, l, p)));
        let seconds = best(|| all.clone().map(|(step, layer, p)| share(batch.of(step, layer), p)).collect::<Vec<_>>());
        line(&format!("eplb.{name}: 16 steps, no timing"), seconds, layers * batch.steps as f64, "layers/s");
    }
}

/// Workloads and their counts.
fn part_of(model: &str) -> Dataset {
    let model = MODELS.iter().find(|m| m.name == model).unwrap();
    let mut generator = Generator::new(model, 1);
    let mut dataset = Dataset::default();
    dataset.add(std::iter::from_fn(|| generator.request()).collect(), "");
    dataset.count();
    dataset
}

/// Batches of 8192, six layers: what the first version ran.
fn of(model: &str, more: &str) -> Experiment {
    Experiment::parse(&format!("v=1&model={model}{more}")).0
}

fn simulator() {
    for model in &MODELS[..4] {
        let dataset = part_of(model.name);
        let experiment = of(model.name, "");
        simulate(model.name, &experiment, &dataset, 9);
        if model.name == MODELS[0].name {
            for strategy in Strategy::ALL {
                let mut alone = experiment.clone();
                alone.run.strategies = vec![strategy];
                simulate(&format!("{}, base and {}", model.name, strategy.name()), &alone, &dataset, 9);
            }
            let large = of(model.name, "&columns=16&rows=16");
            simulate(&format!("{}, 16 x 16", model.name), &large, &dataset, 2);
            timelines(model.name, &dataset);
        }
    }
}

fn simulate(name: &str, experiment: &Experiment, dataset: &Dataset, times: usize) {
    // Names of simulations may follow: only those are run.
    let mut wanted =
        std::env::args().skip_while(|a| a != "simulator").skip(1).filter(|a| !a.starts_with('-')).peekable();
    if wanted.peek().is_some() && !wanted.any(|w| name.contains(&w)) {
        return;
    }
    let batch = workload(dataset.part().unwrap(), experiment).unwrap();
    let mut flows = 0u64;
    let mut run = || {
        let made = Provenance { synthetic: true, ..Provenance::default() };
        let mut run = Run::new(experiment.clone(), batch.clone(), made).unwrap();
        while run.step() {}
        let report = run.report();
        flows = report.runs.iter().map(|r| r.reads.local + r.reads.remote + r.reads.writes).sum();
    };
    let seconds = (0..times).map(|_| best(&mut run)).fold(f64::INFINITY, f64::min);
    let layers = (experiment.run.strategies.len() * batch.steps * batch.layers.len()) as f64;
    line(&format!("{name}: {} strategies", experiment.run.strategies.len()), seconds, layers, "layer simulations/s");
    // Each flow starts and ends once: that is an event.
    line(&format!("{name}: the same"), seconds, flows as f64 / 1e3, "k flows/s");
}

/// Ten layers of one run over time, as the page asks for them one after another, from the last step on.
fn timelines(name: &str, dataset: &Dataset) {
    struct None;
    impl Files for None {
        fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
            Err(std::io::ErrorKind::NotFound.into())
        }
    }
    let mut holder = State { synthetic: dataset.clone(), ..State::default() };
    let data = DataId::of(&holder.synthetic.info());
    let fill = jobs::FillBatch { of: data.clone(), experiment: of(name, "") };
    let Ok(Bytes(batch)) = finish(fill, &mut holder, &None) else { return };
    let mut state = State::default();
    for at in 1..=10 {
        let mut ask = jobs::Timeline::new(data.clone(), of(name, &format!("&step={}&simulated={}", 16 - at, at % 6)));
        ask.take(batch.clone());
        let began = clock();
        black_box(finish(ask, &mut state, &None).unwrap());
        if [1, 2, 10].contains(&at) {
            line(&format!("{name}: timeline {at} of a visit"), clock() - began, 1.0, "timelines/s");
        }
    }
}

fn traces() {
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
        let experiment = of(model.name, "");
        let seconds = best(|| workload(part, &experiment).unwrap());
        line(&format!("{}: fill the batch", model.name), seconds, 1.0, "batches/s");
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
