//! The program as a user runs it: exit codes, messages, and the same bytes whatever the number of threads.

use crate::support::{moescope, paper, t1, t2, zip};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn usage_errors_exit_with_2_and_bad_input_with_1() {
    assert_eq!(moescope(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(moescope(&["analyze"]).status.code(), Some(2));
    let missing = moescope(&["analyze", "/nonexistent/trace.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nonexistent/trace.json"));
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "[{\"1\":[[5],[oops").unwrap();
    let broken = moescope(&["analyze", broken.to_str().unwrap()]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stderr).contains("byte 12: expected an expert id, found 'o'"), "{}", text(&broken.stderr));
    let help = moescope(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(moescope::format::READERS.iter().all(|reader| text(&help.stdout).contains(reader.says)));
}

#[test]
fn a_folder_a_zip_and_files_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("llama4-mmlu-law");
    std::fs::create_dir(&inner).unwrap();
    let mut second = t1();
    second.columns[0].reverse();
    let names = ["2.json", "10.json", "11.json"];
    let texts = [paper(&t1(), true), paper(&second, false), paper(&t1(), false)];
    for (name, text) in names.iter().zip(&texts) {
        std::fs::write(inner.join(name), text).unwrap();
    }
    let entries: Vec<(String, &str)> =
        names.iter().zip(&texts).map(|(n, t)| (format!("llama4-mmlu-law/{n}"), t.as_str())).collect();
    let archive = folder.path().join("all.zip");
    std::fs::write(&archive, zip(&entries.iter().map(|(n, t)| (n.as_str(), *t)).collect::<Vec<_>>())).unwrap();
    let files: Vec<String> = names.iter().map(|n| inner.join(n).to_str().unwrap().into()).collect();
    let run = |paths: &[&str], threads: &str| {
        let out = moescope(&[&["analyze"], paths, &["--json", "--threads", threads]].concat());
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let expected = run(&[inner.to_str().unwrap()], "1");
    assert!(
        expected.contains("\"requests\": 3") && expected.contains("\"experts\": 128"),
        "the folder names the model"
    );
    for threads in ["1", "2", "3"] {
        assert_eq!(run(&[archive.to_str().unwrap()], threads), expected);
        assert_eq!(run(&files.iter().map(String::as_str).collect::<Vec<_>>(), threads), expected);
    }
}

#[test]
fn a_second_model_in_a_load_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, request) in [("1.json", t1()), ("2.json", t2())] {
        std::fs::write(folder.path().join(name), paper(&request, false)).unwrap();
    }
    let out = moescope(&["analyze", folder.path().to_str().unwrap(), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&report["requests"], &report["top_k"]), (&1.into(), &1.into()));
    assert!(
        report["warnings"][0].as_str().unwrap().contains("2 experts a token, but the requests before have 1"),
        "{report}"
    );
}

#[test]
fn an_experiment_runs_and_says_what_it_did_not_understand() {
    let out = moescope(&["run", "--experiment", "v=2&model=llama4-maverick&batch=64&steps=2&layers=2&hat=1", "--json"]);
    assert!(text(&out.stderr).contains("no such setting"));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["experiment"], "v=2&model=llama4-maverick&batch=64&steps=2&layers=2");
    assert_eq!(report["runs"].as_array().unwrap().len(), 5);
    assert_eq!(report["runs"][0]["speedup"], 1.0);
    assert_eq!(report["synthetic"], true);
    let private = moescope(&["run", "--experiment", "v=1&trace=0123456789abcdef"]);
    assert_eq!(private.status.code(), Some(1));
    assert!(text(&private.stderr).contains("--traces"));
}

#[test]
fn tables_and_counts_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("t.json");
    std::fs::write(&trace, paper(&t2(), false)).unwrap();
    let (tables, counts) = (folder.path().join("tables"), folder.path().join("counts.npz"));
    let out = moescope(&[
        "analyze",
        trace.to_str().unwrap(),
        "--csv",
        tables.to_str().unwrap(),
        "--counts",
        counts.to_str().unwrap(),
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let layers = std::fs::read_to_string(tables.join("layers.csv")).unwrap();
    assert_eq!(layers.lines().count(), 3);
    assert!(layers.lines().next().unwrap().contains("cross_token_joined_coverage_top"));
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&counts).unwrap()).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name("cross_token_joined.npy").unwrap(), &mut bytes).unwrap();
    // Header, then 2 layers of 4 x 4 counts.
    assert_eq!(bytes.len(), 128 + 2 * 4 * 4 * 8);
    let cells: Vec<u64> = bytes[128..].as_chunks::<8>().0.iter().map(|c| u64::from_le_bytes(*c)).collect();
    assert_eq!(cells[..16], [0, 1, 1, 0, 1, 2, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0], "T2, layer 1");
}

#[test]
fn what_is_no_file_in_a_folder_is_said_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("0.json"), paper(&t1(), false)).unwrap();
    std::os::unix::fs::symlink("nowhere.json", inside.join("dangling.json")).unwrap();
    std::os::unix::fs::symlink("loop.json", inside.join("loop.json")).unwrap();
    std::os::unix::fs::symlink("..", inside.join("above")).unwrap();
    let pipe = inside.join("pipe.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let summary = folder.path().join("x.moesum");
    for arguments in [
        &["analyze", folder.path().to_str().unwrap(), "--json"][..],
        &["summarize", folder.path().to_str().unwrap(), "-o", summary.to_str().unwrap()],
    ] {
        let out = moescope(arguments);
        let said = text(&out.stderr) + &text(&out.stdout);
        assert!(out.status.success(), "{said}");
        for what in [
            "inside/dangling.json: it is not read: a link that leads to no file",
            "inside/loop.json: it is not read: a link that leads to no file",
            "inside/above: it is not read: a link to a folder that it lies in",
            "inside/pipe.json: it is not read: it is a pipe",
        ] {
            assert!(said.contains(what), "{what}: {said}");
        }
    }
    let report: serde_json::Value =
        serde_json::from_slice(&moescope(&["analyze", folder.path().to_str().unwrap(), "--json"]).stdout).unwrap();
    assert_eq!(report["requests"], 2, "the trace, and the summary of it beside");
}

#[test]
fn what_a_run_lost_of_its_trace_stands_beside_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.json");
    let whole = paper(&t1(), false);
    std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let path = path.to_str().unwrap();
    let lost = "cut.json, step 3, byte";
    for (verb, experiment) in [
        ("run", "hidden=64&intermediate=32&batch=4&steps=1&layers=1"),
        ("sweep", "hidden=64&intermediate=32&batch=4&steps=1&layers=1&sweep=link:1:2:2"),
    ] {
        let out = moescope(&[verb, "--experiment", experiment, "--traces", path, "--json"]);
        assert!(out.status.success() && text(&out.stderr).contains(lost), "{}", text(&out.stderr));
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let warnings = report["warnings"].as_array().unwrap();
        assert!(warnings.len() == 1 && warnings[0].as_str().unwrap().contains(lost), "{report}");
    }
    let sound = moescope(&["run", "--experiment", "model=llama4-maverick&batch=4&steps=1&layers=1", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&sound.stdout).unwrap();
    assert_eq!(report["warnings"], serde_json::json!([]));
}

#[test]
fn the_trace_of_an_address_is_not_replaced_by_a_synthetic_one() {
    let out = moescope(&["run", "--experiment", "v=1&trace=https://example.org/t.zip"]);
    assert!(out.status.code() == Some(1) && text(&out.stderr).contains("--traces"), "{}", text(&out.stderr));
}

#[test]
fn capacities_stand_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    std::fs::write(&path, paper(&t1(), false)).unwrap();
    let said = text(&moescope(&["analyze", path.to_str().unwrap()]).stdout);
    for line in said.lines().filter(|l| l.starts_with("reuse, ")) {
        let places: Vec<usize> = ["at 5%", "at 10%", "at 20%", "at 50%"].map(|p| line.find(p).unwrap()).into();
        assert!(places.is_sorted(), "{line}");
    }
    assert_eq!(said.matches("reuse, ").count(), 3, "{said}");
}

/// Tables of 64 layers of 6144 experts would take tens of gigabytes.
#[test]
fn a_file_whose_tables_no_memory_holds_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let layers: Vec<String> = (0..64).map(|l| format!("\"{l}\":[[6143],[5]]")).collect();
    let layers = layers.join(",");
    let small = folder.path().join("1.json");
    std::fs::write(folder.path().join("0.json"), format!("[{{{layers}}},{{{layers}}}]")).unwrap();
    std::fs::write(&small, paper(&t1(), false)).unwrap();
    let run = |threads: &str| moescope(&["analyze", folder.path().to_str().unwrap(), "--json", "--threads", threads]);
    for threads in ["1", "2"] {
        let out = run(threads);
        let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let said = report["warnings"].to_string();
        assert!(
            said.contains("0.json: its tables would be 64 layers of 6144 experts each way, 77.3 GB at most"),
            "{said}"
        );
        assert_eq!(report["requests"], 1, "the other file is read");
    }
    // One stray id: small alone, too large beside 64 layers.
    std::fs::write(folder.path().join("0.json"), format!("[{{{}}}]", layers.replace("6143", "6"))).unwrap();
    std::fs::write(&small, "[{\"1\":[[6143],[5]]},{\"1\":[[4]]}]").unwrap();
    let summary = folder.path().join("x.moesum");
    for threads in ["1", "2"] {
        let out = run(threads);
        let said = text(&out.stderr);
        assert!(
            out.status.code() == Some(1) && said.contains("together with the other files it is too much"),
            "{said}"
        );
        assert!(said.contains("1.json: ") && said.contains("64 layers of 6144 experts"), "{said}");
        let path = folder.path().to_str().unwrap();
        let out = moescope(&["summarize", path, "-o", summary.to_str().unwrap(), "--threads", threads]);
        assert!(out.status.code() == Some(1) && !summary.exists(), "{}", text(&out.stderr));
    }
}

/// A setting that is not understood, or that the system does not have, was told on stderr only, or nowhere.
#[test]
fn what_is_not_understood_stands_beside_the_result() {
    let experiment = "v=2&steps=1&layers=1&batch=64&dead=99&skip=foo&strategies=ep";
    let out = moescope(&["run", "--experiment", experiment, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let said: Vec<&str> = report["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    assert!(said.len() == 2 && said[0].contains("skip=foo") && said[1].contains("dead=99"), "{said:?}");
    assert!(said.iter().all(|w| text(&out.stderr).contains(w)), "{}", text(&out.stderr));
}

#[test]
fn a_table_of_loads_is_placed_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (table, file) = (folder.path().join("weight.json"), folder.path().join("map.json"));
    std::fs::write(&table, "[[90, 132, 40, 61], [1, 0, 0, 9.0]]").unwrap();
    let args = |more: &[&str]| {
        let base = ["place", "--weights", table.to_str().unwrap(), "--devices", "2", "--slots", "4"];
        moescope(&[&base[..], more].concat())
    };
    let out = args(&["--placements", "contiguous,remap", "--json", "--export", "eplb", "-o", file.to_str().unwrap()]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let [by_id, remap] = &json["placements"].as_array().unwrap()[..] else { panic!("{json}") };
    assert_eq!(by_id["loads"], serde_json::json!([[222.0, 101.0], [1.0, 9.0]]));
    assert_eq!(by_id["physical_to_logical"], serde_json::json!([[0, 1, 2, 3], [0, 1, 2, 3]]));
    // The largest first: 132; then 90 and 61, and 40 where there is room.
    assert_eq!((&remap["name"], &remap["loads"][0]), (&"remap".into(), &serde_json::json!([172.0, 151.0])));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[[1, 2, 0, 3],\n [2, 3, 0, 1]]\n", "the most even");
    let refused = |more: &[&str], why: &str, code: i32| {
        let out = args(more);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(code) && said.contains(why), "{said}");
    };
    refused(&["--placements", "moon"], "there are round-robin, contiguous, remap", 1);
    refused(&["--slots", "5"], "slots are 4, 6, 8", 1);
    let published = folder.path().join("published.json");
    let weights = "[[90,132,40,61,104,165,39,4,73,56,183,86],[20,107,104,64,19,197,187,157,172,86,16,27]]";
    std::fs::write(&published, weights).unwrap();
    let of = ["place", "--weights", published.to_str().unwrap(), "--devices", "8", "--slots", "16"];
    let out = moescope(&[&of[..], &["--nodes", "2", "--groups", "4", "--placements", "eplb-nodes", "--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let map = &json["placements"][0]["physical_to_logical"];
    assert_eq!(map[0], serde_json::json!([5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1]));
    assert_eq!(map[1], serde_json::json!([7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1]));
    refused(&["--nodes", "3"], "2 devices on 3 nodes", 1);
    refused(&["--experiment", "v=2"], "a table of loads without a trace", 2);
    refused(&["--export", "eplb"], "belong together", 2);
    refused(&["--export", "moon", "-o", "x"], "no engine is called moon; there are sglang", 1);
}

#[test]
fn the_fastest_placement_is_taken_away_and_scored_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("placement.json");
    let path = file.to_str().unwrap();
    let experiment = "v=2&wafer=h100x8&batch=64&steps=2&strategies=remap.home,contiguous.home&heldout=on";
    let out = moescope(&["place", "--experiment", experiment, "--json", "--export", "json", "-o", path]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("moescope place --placement"), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let remap = &report["strategies"][1];
    assert_eq!((&remap["strategy"], report["slots"].as_u64()), (&"remap.home".into(), Some(128)));
    for key in ["max_over_mean", "activated_max_over_mean", "link_bytes", "moved", "seconds", "speedup"] {
        assert!(remap[key].is_number(), "{key}");
    }
    assert!(remap["heldout"]["seconds"].is_number() && remap["learnt"]["seconds"].is_number());
    assert_eq!(remap["by_layer"].as_array().unwrap().len(), 24);
    let again = moescope(&[
        "place",
        "--experiment",
        "v=2&wafer=h100x8&batch=64&steps=2&strategies=file.home&heldout=on",
        "--placement",
        path,
        "--json",
    ]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success(), "{said}");
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    let fastest = report["strategies"]
        .as_array()
        .unwrap()
        .iter()
        .min_by(|a, b| a["seconds"].as_f64().partial_cmp(&b["seconds"].as_f64()).unwrap())
        .unwrap();
    let file = again["strategies"].as_array().unwrap().iter().find(|s| s["strategy"] == "file.home").unwrap();
    assert_eq!((&file["seconds"], &file["max_over_mean"]), (&fastest["seconds"], &fastest["max_over_mean"]));
    assert_eq!(file["physical_to_logical"], fastest["physical_to_logical"]);
    assert!(again["experiment"].as_str().unwrap().contains("&file="));
    let lost = moescope(&["place", "--experiment", again["experiment"].as_str().unwrap()]);
    assert!(!lost.status.success() && String::from_utf8_lossy(&lost.stderr).contains("give its file with --placement"));
    let other = moescope(&["place", "--experiment", "v=2&wafer=dojo&batch=64", "--placement", path]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("on 8 devices, and the system has 25"));
}

/// What a fresh reader ran first: spare slots that the search left empty, layers by other numbers, a device replaced by a file.
#[test]
fn a_searched_placement_with_spare_slots_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("experts.json");
    let experiment =
        "v=2&wafer=h100x8&batch=64&steps=1&spare=1&heldout=on&budget=20&strategies=search.even,contiguous.home";
    let out = moescope(&[
        "place",
        "--experiment",
        experiment,
        "--export",
        "sglang",
        "--strategy",
        "search.even",
        "-o",
        file.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("it is the placement of search.even"), "{said}");
    let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let rows = read["physical_to_logical_map"].as_array().unwrap();
    assert!(rows.iter().all(|row| row.as_array().unwrap().len() == 136));
    let out = moescope(&["place", "--experiment", "v=2&wafer=h100x8&strategies=file.even"]);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("file.even needs your placement"));
    let out = moescope(&[
        "place",
        "--experiment",
        "v=2&wafer=h100x8&batch=64&steps=1&spare=64&strategies=dup.even",
        "--json",
    ]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(
        report["warnings"].to_string().contains("do not fit into the memory of their devices"),
        "{}",
        report["warnings"]
    );
}

#[test]
#[cfg(unix)]
fn an_output_is_never_put_in_the_place_of_a_device_or_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (table, real, link) = ["w.json", "real.json", "link.json"].map(|n| folder.path().join(n)).into();
    std::fs::write(&table, "[[3, 1, 2, 2]]").unwrap();
    std::fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let place = |out: &std::path::Path| {
        moescope(&[
            "place",
            "--weights",
            table.to_str().unwrap(),
            "--devices",
            "2",
            "--slots",
            "4",
            "--export",
            "eplb",
            "-o",
            out.to_str().unwrap(),
        ])
    };
    assert!(place(&link).status.success());
    assert!(link.is_symlink() && std::fs::read_to_string(&real).unwrap().starts_with("[["));
    let pipe = folder.path().join("socket");
    let _held = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
    let out = place(&pipe);
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("it is no file"));
}

/// Another process that writes the same file was not seen, and its file was half of one and half of the other.
#[test]
fn convert_takes_its_output_before_any_work_and_leaves_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("in.json");
    std::fs::write(&from, paper(&t1(), false)).unwrap();
    for name in ["out.npz", "out.json", "out.moesum"] {
        let to = folder.path().join(name);
        let args = ["convert", from.to_str().unwrap(), "-o", to.to_str().unwrap()];
        let lock = std::fs::File::create(folder.path().join(format!(".{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let out = moescope(&args);
        let said = text(&out.stderr);
        assert!(out.status.code() == Some(1) && said.contains("another moescope is writing it"), "{said}");
        assert!(!to.exists());
        drop(lock);
        assert!(moescope(&args).status.success());
        let whole = std::fs::read(&to).unwrap();
        // What cannot be read leaves what was there.
        let lost = moescope(&["convert", "/nonexistent.json", "-o", to.to_str().unwrap()]);
        assert_eq!((lost.status.code(), std::fs::read(&to).unwrap()), (Some(1), whole));
    }
    let taken = folder.path().join("folder.json");
    std::fs::create_dir(&taken).unwrap();
    let out = moescope(&["convert", from.to_str().unwrap(), "-o", taken.to_str().unwrap()]);
    assert!(text(&out.stderr).contains("it is a folder"), "{}", text(&out.stderr));
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Settings were dropped without a word.
#[test]
fn a_figure_says_which_settings_it_has_no_use_for() {
    for (figure, setting) in [("2", "batch=64"), ("13", "batch=64"), ("16", "wafer=h100x8"), ("17", "batch=64")] {
        let asked = format!("v=2&layers=1&steps=1&model=llama4-maverick&{setting}&moon=1");
        let out = moescope(&["paper", "--figure", figure, "--experiment", &asked, "--json"]);
        let said = text(&out.stderr);
        assert!(out.status.success(), "{said}");
        let mine = |line: &&str| line.contains(&format!("Figure {figure} has no use for")) && line.contains(setting);
        assert_eq!(said.lines().filter(mine).count(), 1, "{said}");
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let warnings: Vec<&str> = json["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
        assert!(warnings.iter().filter(|w| mine(w)).count() == 1 && warnings[0].contains("moon"), "{warnings:?}");
    }
    // The figure is of GPUs, unless another system is named.
    let of = |text: &str| {
        let out = moescope(&["paper", "--figure", "13", "--experiment", text, "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        (json["experiment"].as_str().unwrap().to_string(), json["warnings"].as_array().unwrap().len())
    };
    assert_eq!(of("v=2"), ("v=2&wafer=h100x8".into(), 0));
    assert_eq!(of("v=2&wafer=dojo"), ("v=2".into(), 0));
}

#[test]
fn a_table_of_loads_is_read_from_csv_and_npy_too() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    };
    let place = |path: &str| {
        let args = ["place", "--weights", path, "--devices", "2", "--slots", "6", "--placements", "eplb,dup", "--json"];
        moescope(&args)
    };
    let json = save("w.json", b"[[90, 132, 40, 61], [1, 0, 0, 9]]");
    let csv = save("w.csv", b"layer,0,1,2,3\n3,90,132,40,61\n4,1,0,0,9\n");
    let mut head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }".to_vec();
    head.resize(117, b' ');
    head.push(b'\n');
    let data: Vec<u8> = [90f32, 132.0, 40.0, 61.0, 1.0, 0.0, 0.0, 9.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let npy = save("w.npy", &[&b"\x93NUMPY\x01\x00"[..], &118u16.to_le_bytes(), &head, &data].concat());
    let expected = place(&json).stdout;
    assert!(!expected.is_empty());
    for path in [&csv, &npy] {
        let out = place(path);
        assert!(out.status.success() && out.stdout == expected, "{path}: {}", text(&out.stderr));
    }
    for (name, bytes, why) in [
        ("nan.csv", &b"1,2,3,4\n1,nan,3,4\n"[..], "layer 1, expert 1: NaN is no load"),
        ("minus.csv", b"1 2 3 -4\n", "layer 0, expert 3: -4 is no load"),
        ("ragged.csv", b"1 2 3 4\n1 2\n", "layer 1 has 2 experts"),
    ] {
        let out = place(&save(name, bytes));
        assert!(out.status.code() == Some(1) && text(&out.stderr).contains(why), "{}", text(&out.stderr));
    }
}
