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
    targets_follow_from_the_runs(&one);
    host_times_follow_from_the_runs(&one);
}

/// Each published number, and ours from the seconds and hops of the runs alone: nothing of the program's arithmetic is used.
fn targets_follow_from_the_runs(paper: &Value) {
    let runs = paper["runs"].as_array().unwrap();
    let find = |model: &str, wafer: &str, batch: u64, strategy: &str| {
        let same =
            |r: &&Value| r["model"] == model && r["wafer"] == wafer && r["batch"] == batch && r["strategy"] == strategy;
        let mut found = runs.iter().filter(same);
        let run = found.next().unwrap_or_else(|| panic!("no run of {model}, {wafer}, {batch}, {strategy}"));
        assert!(found.next().is_none(), "{model}, {wafer}, {batch}, {strategy} is there once");
        (run["seconds"].as_f64().unwrap(), run["hops"].as_u64().unwrap())
    };
    let (models, wafers) = (["deepseek-v3", "kimi-k2", "qwen3-235b", "llama4-maverick"], ["dojo", "tsmc-sow"]);
    let batches = [4096, 8192, 16384];
    // Mean over these models, wafers and batches of the seconds of one strategy over those of another.
    let mean = |models: &[&str], wafers: &[&str], batches: &[u64], of: &str, over: &str| {
        let (mut sum, mut n) = (0.0, 0.0);
        for model in models {
            for wafer in wafers {
                for &batch in batches {
                    sum += find(model, wafer, batch, over).0 / find(model, wafer, batch, of).0;
                    n += 1.0;
                }
            }
        }
        sum / n
    };
    // Hops of all runs of base over those of all runs of a strategy.
    let hops = |strategy: &str| {
        let all = |s: &str| {
            let mut sum = 0;
            for model in models {
                for wafer in wafers {
                    sum += batches.map(|b| find(model, wafer, b, s).1).iter().sum::<u64>();
                }
            }
            sum as f64
        };
        all("base") / all(strategy)
    };
    let both = "allo+pred";
    let of_model = |model: &str| mean(&[model], &wafers, &batches, both, "base");
    let of_wafer = |wafer: &str| mean(&models, &[wafer], &batches, both, "base");
    let expected = [
        ("allo+pred over base, DeepSeek V3", 7.0, of_model("deepseek-v3")),
        ("allo+pred over base, Kimi K2", 8.2, of_model("kimi-k2")),
        ("allo+pred over base, Qwen3-235B", 4.1, of_model("qwen3-235b")),
        ("allo+pred over base, Llama 4 Maverick", 7.3, of_model("llama4-maverick")),
        ("allo+pred over base, Dojo", 6.0, of_wafer("dojo")),
        ("allo+pred over base, TSMC-SoW", 7.5, of_wafer("tsmc-sow")),
        ("allo over base", 6.3, mean(&models, &wafers, &batches, "allo", "base")),
        ("pred over base", 3.0, mean(&models, &wafers, &batches, "pred", "base")),
        ("allo+pred over ep, batch 4096", 1.0, mean(&models, &wafers, &[4096], both, "ep")),
        ("allo+pred over ep, batch 16384", 1.44, mean(&models, &wafers, &[16384], both, "ep")),
        ("hops of base over hops of pred", 4.5, hops("pred")),
        ("hops of base over hops of allo", 142.0, hops("allo")),
        ("hops of base over hops of allo+pred", 213.0, hops(both)),
    ];
    let targets = paper["targets"].as_array().unwrap();
    assert_eq!(targets.len(), expected.len());
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap() / expected - 1.0).abs() < 1e-12;
    for (target, (name, published, ours)) in targets.iter().zip(expected) {
        assert_eq!((&target["name"], &target["paper"]), (&name.into(), &published.into()));
        assert!(near(&target["ours"], ours), "{target}: {ours} from the runs");
        assert!((target["difference"].as_f64().unwrap() - (ours - published) / published).abs() < 1e-9, "{target}");
    }
    // Of the ten of throughput.
    let square = |(_, published, ours): &(&str, f64, f64)| (ours / published - 1.0) * (ours / published - 1.0);
    let squares: f64 = expected[..10].iter().map(square).sum();
    assert!(near(&paper["rms"], (squares / 10.0).sqrt()), "{}", paper["rms"]);
}

/// Figure 15: 8 µs and 0.5 µs for each 1024 requests, over the mean time of a layer; the least and the most over the batches.
fn host_times_follow_from_the_runs(paper: &Value) {
    let mut expected = Vec::new();
    for (model, wafers) in [
        ("deepseek-v3", [("dojo", [0.052, 0.064]), ("dojo-enhanced", [0.193, 0.238])]),
        ("qwen3-235b", [("dojo", [0.111, 0.142]), ("dojo-enhanced", [0.42, 0.516])]),
    ] {
        for (wafer, published) in wafers {
            let of = |r: &&Value| r["model"] == model && r["wafer"] == wafer && r["strategy"] == "allo+pred";
            // Three steps of two layers.
            let share = |r: &Value| {
                let host = 8.0 + r["batch"].as_f64().unwrap() / 2048.0;
                host / (r["seconds"].as_f64().unwrap() * 1e6 / 6.0)
            };
            let mut shares: Vec<f64> = paper["runs"].as_array().unwrap().iter().filter(of).map(share).collect();
            shares.sort_by(f64::total_cmp);
            assert_eq!(shares.len(), 3, "a share of each batch");
            expected.push((model, wafer, published, [shares[0], shares[2]]));
        }
    }
    let host = paper["host"].as_array().unwrap();
    assert_eq!(host.len(), expected.len());
    for (row, (model, wafer, published, ours)) in host.iter().zip(expected) {
        assert_eq!((&row["model"], &row["wafer"]), (&model.into(), &wafer.into()));
        assert_eq!(row["paper"], serde_json::json!(published));
        for (at, ours) in ours.iter().enumerate() {
            assert!((row["ours"][at].as_f64().unwrap() / ours - 1.0).abs() < 1e-12, "{row}: {ours}");
        }
    }
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

#[test]
fn case_study_2_is_printed_beside_the_published_values() {
    let out = moescope(&["paper", "--figure", "17", "--experiment", "v=2&model=llama4-maverick", "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let study: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&study["synthetic"], study["layers"].as_array().unwrap().len()), (&true.into(), 24));
    let rows = study["rows"].as_array().unwrap();
    let names = ["default", "remap", "dup", "eplb_R0", "eplb_R1", "eplb_R4", "eplb_h", "best", "worst"];
    assert_eq!(rows.len(), names.len() * 5);
    for (row, name) in rows.iter().zip(names.iter().cycle()) {
        assert_eq!(row["placement"], *name);
        let seconds = |row: &serde_json::Value| {
            row["layer_seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).sum::<f64>()
        };
        let default = rows.iter().find(|r| r["batch"] == row["batch"]).unwrap();
        let ratio = row["ratio"].as_f64().unwrap();
        assert!((ratio - seconds(default) / seconds(row)).abs() < 1e-12);
        assert!(*name != "default" || ratio == 1.0);
        // Who knows the counts to come and has one copy of each is beaten by no other with one copy.
        let of = |name: &str| {
            rows.iter().find(|r| r["batch"] == row["batch"] && r["placement"] == name).unwrap()["ratio"]
                .as_f64()
                .unwrap()
        };
        assert!(of("best") >= of("worst"));
    }
    let text = moescope(&["paper", "--figure", "17", "--experiment", "v=2&model=llama4-maverick"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("1.155") && text.contains("1.145") && text.contains("synthetic workload"), "{text}");
    let text = moescope(&["paper", "--figure", "16", "--experiment", "v=2&model=llama4-maverick"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("published: about 1.3"));
    assert_eq!(moescope(&["paper", "--figure", "5"]).status.code(), Some(2));
}

/// Figure 13: the simulator follows the roofline but for latency, which is all of a small transfer.
#[test]
fn transfers_and_gemms_follow_their_rooflines() {
    let figure = moescope::protocol::figure_13(&Experiment::parse("v=2&wafer=h100x8").0).unwrap();
    let sizes: Vec<u64> = figure.transfers.iter().map(|p| p.size).collect();
    assert_eq!((sizes[0], sizes[10], sizes.len()), (4 << 10, 4 << 30, 11));
    for p in &figure.transfers {
        // 450 GB/s through the ports, and 1.51 µs once: the wire's, and what a read takes anyway.
        let by_hand = p.size as f64 / 450e9 + 1.51e-6;
        assert!((p.seconds / by_hand - 1.0).abs() < 1e-12, "{p:?}");
        assert!((p.roofline - f64::max(p.size as f64 / 450e9, 1.51e-6)).abs() < 1e-15 && p.difference > 0.0);
    }
    assert!(figure.transfers[10].difference < 1e-3 && figure.transfers[0].difference < 0.01);
    // Llama 4: 126 MB at 3.35 TB/s, or 252 MFLOP a token at 1978 TFLOP/s.
    let weights = 3.0 * 5120.0 * 8192.0;
    for p in &figure.gemms {
        let (read, work) = (weights / 3.35e12, 2.0 * weights * p.size as f64 / 1978e12);
        assert!((p.roofline / f64::max(read, work) - 1.0).abs() < 1e-12, "{p:?}");
        assert!((p.seconds / f64::max(read + 510e-9, work) - 1.0).abs() < 1e-12, "{p:?}");
    }
    assert!(figure.gemms.iter().all(|p| p.difference < 0.05), "within what is published of an H100");
    assert!(moescope::protocol::figure_13(&Experiment::parse("v=2&wafer=h100x8&pernode=1").0).is_err());
}

#[test]
fn figures_2_and_13_are_printed_as_tables_and_as_json() {
    let small = ["paper", "--figure", "2", "--experiment", "v=2&layers=1&steps=1", "--json"];
    let out = crate::support::moescope(&small);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let read: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let rows = read["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 24, "three systems, four batches, base and ep");
    for row in rows {
        let of = |name: &str| row["breakdown"][name].as_f64().unwrap();
        let moved = of("dispatch") + of("weights") + of("combine");
        let (all, share) = (moved + of("compute") + of("rest"), row["movement"].as_f64().unwrap());
        assert!(
            (all / row["seconds"].as_f64().unwrap() - 1.0).abs() < 1e-12 && (share * all / moved - 1.0).abs() < 1e-12
        );
        assert!(["dispatch", "compute", "rest"].iter().all(|name| of(name) > 0.0), "{row}");
    }
    for (figure, says) in [("2", "60.0% to 90.0%"), ("13", "No GPU was measured")] {
        let out = crate::support::moescope(&["paper", "--figure", figure, "--experiment", "v=2&layers=1&steps=1"]);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && text.contains(says), "{text}");
    }
    let bad = crate::support::moescope(&["paper", "--figure", "3"]);
    assert_eq!(bad.status.code(), Some(2));
}
