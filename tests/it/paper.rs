//! `moescope paper` and `moescope sweep`: made of the same runs as `moescope run`, whatever the number of threads.

use moescope::experiment::Experiment;
use moescope::protocol::{State, figure_12_title, finish, jobs, paper_models, paper_runs};
use serde_json::Value;

use crate::support::{NoFiles, moescope, real};

fn json(arguments: &[&str]) -> Value {
    let out = moescope(arguments);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn figure_12_is_made_of_plain_runs() {
    let settings = "v=1&steps=3&layers=2";
    let one = json(&["paper", "--experiment", settings, "--json", "--threads", "1"]);
    assert_eq!(one, json(&["paper", "--experiment", settings, "--json", "--threads", "3"]));
    let runs = one["runs"].as_array().unwrap();
    let figure = runs.iter().filter(|r| r["wafer"] != "dojo-enhanced");
    assert_eq!(figure.count(), 120);
    let promised: usize = paper_models().map(paper_runs).sum();
    assert_eq!((runs.len(), promised), (126, 126), "with six of Figure 15, and no more than was promised");
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
    let paper =
        json(&["paper", "--experiment", "v=1&steps=3&layers=2", "--traces", archive.to_str().unwrap(), "--json"]);
    let of = |synthetic: bool| {
        let llama = |r: &&Value| r["model"] == "llama4-maverick" && r["synthetic"] == synthetic;
        paper["runs"].as_array().unwrap().iter().filter(llama).count()
    };
    assert_eq!((of(true), of(false)), (30, 30));
    let llama = paper_models().find(|m| m.name == "llama4-maverick").unwrap();
    assert_eq!(paper["runs"].as_array().unwrap().len(), 126 + paper_runs(llama));
    let names: Vec<&str> = paper["targets"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"allo+pred over base, Llama 4 Maverick (its synthetic workload)"), "{names:?}");
}

#[test]
fn a_sweep_is_made_of_plain_runs() {
    let text = "v=2&model=llama4-maverick&steps=2&layers=2&sweep=link:1:3:3";
    let swept = json(&["sweep", "--experiment", text, "--json"]);
    assert_eq!(swept["experiment"], text);
    let values: Vec<f64> = swept["points"].as_array().unwrap().iter().map(|p| p["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);
    let plain = json(&["run", "--experiment", "v=2&model=llama4-maverick&steps=2&layers=2&link=3", "--json"]);
    assert_eq!(swept["points"][2]["report"], plain);
    assert_eq!(moescope(&["sweep", "--experiment", "v=1"]).status.code(), Some(1), "there is nothing to sweep");
}

/// The page's simulator makes only the layers that it needs: the same run, whatever the data's worker holds.
#[test]
fn a_run_on_the_simulated_layers_alone_is_the_run_on_the_whole_workload() {
    for text in [
        "v=1&model=qwen3-235b&steps=2&layers=3&seed=5",
        "v=1&model=deepseek-v2-lite&steps=2&dram=30",
        "v=2&skip=collapsed&steps=1&layers=2&batch=64",
    ] {
        let job = jobs::RunSynthetic::new(Experiment::parse(text).0);
        let thinned = finish(job, &mut State::default(), &NoFiles).unwrap();
        let whole = json(&["run", "--experiment", text, "--json"]);
        assert_eq!(serde_json::to_value(&thinned).unwrap(), whole, "{text}");
    }
}

/// "Reproduce Figure 12" took over edited hardware and told the differences as the model's.
#[test]
fn edits_of_figure_12_are_in_its_title() {
    let edits = |text: &str| Experiment::parse(text).0.figure_12_edits();
    let plain = ["v=2", "v=2&model=kimi-k2&hidden=64&wafer=tsmc-sow&dead=3&batch=64&strategies=ep&baseline=ep&layer=3"];
    for text in plain {
        assert_eq!(edits(text), Vec::<String>::new(), "the figure sets these itself: {text}");
        assert_eq!(Experiment::parse(text).0.without_figure_12_edits().to_string(), text);
    }
    assert_eq!(figure_12_title(&[]), "Figure 12 with the paper\u{2019}s settings");
    let edited = "v=2&model=kimi-k2&seed=2&link=4&layers=6&tau=2&heldout=on";
    let all = edits(edited);
    assert_eq!(all, ["seed=2", "link=4", "layers=6", "heldout=on", "tau=2"]);
    let title = figure_12_title(&all);
    assert!(title.contains("other settings than the paper") && title.contains("link=4, layers=6"), "{title}");
    assert_eq!(Experiment::parse(edited).0.without_figure_12_edits().to_string(), "v=2&model=kimi-k2");
    // The command line says it too.
    let out = moescope(&["paper", "--experiment", "v=2&steps=1&layers=1&link=4"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let first = text.lines().next().unwrap();
    assert!(first.contains("link=4, steps=1, layers=1") && first.contains("126 runs"), "{first}");
}
