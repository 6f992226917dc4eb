//! `moescope paper` and `moescope sweep`: made of the same runs as `moescope run`, whatever the number of threads.

use moescope::format::Source;
use moescope::protocol::{Files, State, finish, jobs};
use serde_json::Value;

use crate::support::{moescope, real};

fn json(arguments: &[&str]) -> Value {
    let out = moescope(arguments);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn figure_12_is_made_of_plain_runs() {
    let settings = "steps=3&layers=2";
    let one = json(&["paper", "--experiment", settings, "--json", "--threads", "1"]);
    assert_eq!(one, json(&["paper", "--experiment", settings, "--json", "--threads", "3"]));
    let runs = one["runs"].as_array().unwrap();
    let figure = runs.iter().filter(|r| r["wafer"] != "dojo-enhanced");
    assert_eq!(figure.count(), 120);
    // The room for copies counts the layers that were not made: the same copies as in a whole workload.
    for (model, wafer, batch) in [("qwen3-235b", "tsmc-sow", 16384), ("llama4-maverick", "dojo", 4096)] {
        let text = format!("{settings}&model={model}&wafer={wafer}&batch={batch}");
        let plain = json(&["run", "--experiment", &text, "--json"]);
        for run in plain["runs"].as_array().unwrap() {
            let same = |r: &&Value| ["model", "wafer", "batch", "strategy"].iter().all(|&k| r[k] == run[k]);
            let ours = runs.iter().find(same).unwrap();
            for key in ["seconds", "speedup", "hops", "reads"] {
                assert_eq!(ours[key], run[key], "{key} of {model}, {wafer}, {batch}");
            }
        }
    }
    let targets = one["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 13);
    let of_hops = |t: &&Value| t["name"].as_str().unwrap().contains("hop");
    assert_eq!(targets.iter().filter(of_hops).count(), 3);
    for t in targets {
        let (paper, ours) = (t["paper"].as_f64().unwrap(), t["ours"].as_f64().unwrap());
        assert!((t["difference"].as_f64().unwrap() - (ours / paper - 1.0)).abs() < 1e-12);
    }
    assert_eq!(one["host"].as_array().unwrap().len(), 4, "Figure 15: two models, two wafers");
}

#[test]
fn recorded_requests_stand_beside_the_synthetic_ones() {
    let Some(archive) = real("llama4-maverick-mmlu.zip") else { return };
    let paper = json(&["paper", "--experiment", "steps=3&layers=2", "--traces", archive.to_str().unwrap(), "--json"]);
    let of = |synthetic: bool| {
        let llama = |r: &&Value| r["model"] == "llama4-maverick" && r["synthetic"] == synthetic;
        paper["runs"].as_array().unwrap().iter().filter(llama).count()
    };
    assert_eq!((of(true), of(false)), (30, 30));
    let names: Vec<&str> = paper["targets"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"allo+pred over base, Llama 4 Maverick (its synthetic workload)"), "{names:?}");
}

#[test]
fn a_sweep_is_made_of_plain_runs() {
    let text = "v=1&model=llama4-maverick&steps=2&layers=2&sweep=link:1:3:3";
    let swept = json(&["sweep", "--experiment", text, "--json"]);
    assert_eq!(swept["experiment"], text);
    let values: Vec<f64> = swept["points"].as_array().unwrap().iter().map(|p| p["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);
    let plain = json(&["run", "--experiment", "v=1&model=llama4-maverick&steps=2&layers=2&link=3", "--json"]);
    assert_eq!(swept["points"][2]["report"], plain);
    assert_eq!(moescope(&["sweep", "--experiment", "v=1"]).status.code(), Some(1), "there is nothing to sweep");
}

struct NoFiles;

impl Files for NoFiles {
    fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// The page's simulator makes only the layers that it needs: the same run, whatever the data's worker holds.
#[test]
fn a_run_on_the_simulated_layers_alone_is_the_run_on_the_whole_workload() {
    for text in ["v=1&model=qwen3-235b&steps=2&layers=3&seed=5", "v=1&model=deepseek-v2-lite&steps=2&dram=30"] {
        let job = jobs::RunSynthetic::new(moescope::experiment::Experiment::parse(text).0);
        let thinned = finish(job, &mut State::default(), &NoFiles).unwrap();
        let mut whole = json(&["run", "--experiment", text, "--json"]);
        whole["digest"] = Value::String(String::new());
        assert_eq!(serde_json::to_value(&thinned).unwrap(), whole, "{text}");
    }
}
