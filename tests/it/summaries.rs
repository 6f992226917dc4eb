//! Summary files: the same bytes in any grouping, the same analyses as the traces, and refusal of what is not sound.

use std::io::Write;
use std::path::{Path, PathBuf};

use moescope::format::write_paper;
use moescope::model::MODELS;
use moescope::protocol::{MAGIC, from_moesum, to_moesum};
use moescope::synth::Generator;
use proptest::prelude::*;

use crate::support::moescope;

/// Files of a made workload, in a folder whose name tells its model.
fn files(folder: &Path, count: usize) -> Vec<PathBuf> {
    let inside = folder.join("llama4-mmlu-made");
    std::fs::create_dir_all(&inside).unwrap();
    let mut generator = Generator::new(&MODELS[3], 5);
    let write = |i: usize| {
        let path = inside.join(format!("{i}.json"));
        write_paper(&generator.request().unwrap(), &mut std::fs::File::create(&path).unwrap()).unwrap();
        path
    };
    (0..count).map(write).collect()
}

fn run(arguments: &[&str]) -> String {
    let out = moescope(arguments);
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn summarize(files: &[PathBuf], out: &Path, first: usize) -> Vec<u8> {
    let (out_text, first) = (out.to_str().unwrap(), first.to_string());
    let mut arguments = vec!["summarize"];
    arguments.extend(files.iter().map(|f| f.to_str().unwrap()));
    arguments.extend(["-o", out_text, "--first", &first]);
    run(&arguments);
    std::fs::read(out).unwrap()
}

#[test]
fn any_grouping_and_an_interrupted_run_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let files = files(folder.path(), 9);
    let whole = summarize(&files, &at("whole.moesum"), 0);
    // Cut off after four files, then given all.
    summarize(&files[..4], &at("again.moesum"), 0);
    assert_eq!(summarize(&files, &at("again.moesum"), 0), whole);
    // Nothing new: nothing changes.
    assert_eq!(summarize(&files, &at("again.moesum"), 0), whole);
    // Three machines, merged in two orders and groupings.
    for (name, range) in [("a", 0..2), ("b", 2..7), ("c", 7..9)] {
        summarize(&files[range.clone()], &at(&format!("{name}.moesum")), range.start);
    }
    let merge = |inputs: &[&str], out: &str| {
        let paths: Vec<String> = inputs.iter().map(|n| at(n).to_str().unwrap().into()).collect();
        let out = at(out);
        let mut arguments = vec!["merge"];
        arguments.extend(paths.iter().map(String::as_str));
        arguments.extend(["-o", out.to_str().unwrap()]);
        run(&arguments);
        std::fs::read(out).unwrap()
    };
    merge(&["c.moesum", "a.moesum"], "ca.moesum");
    assert_eq!(merge(&["b.moesum", "ca.moesum"], "bca.moesum"), whole);
    assert_eq!(merge(&["a.moesum", "b.moesum", "c.moesum"], "abc.moesum"), whole);
    // A file in two of them is said, not counted twice.
    let (whole_path, a) = (at("whole.moesum"), at("a.moesum"));
    let twice =
        moescope(&["merge", whole_path.to_str().unwrap(), a.to_str().unwrap(), "-o", at("x.moesum").to_str().unwrap()]);
    assert_eq!(twice.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("counted twice"));
}

#[test]
fn a_summary_of_version_2_is_read_as_one_of_today() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    // What version 2 made of paper.json, vllm.jsonl and sglang.json.
    let old = from_moesum(&std::fs::read(data.join("version-2.moesum")).unwrap()).unwrap();
    let info = old.info();
    assert_eq!((info.requests, info.prefill, info.decode, info.unmarked), (4, 12, 3, 0));
    let folder = tempfile::tempdir().unwrap();
    let marked: Vec<PathBuf> = ["paper.json", "vllm.jsonl"].iter().map(|n| data.join(n)).collect();
    summarize(&marked, &folder.path().join("new.moesum"), 0);
    let new = from_moesum(&std::fs::read(folder.path().join("new.moesum")).unwrap()).unwrap();
    let (old_part, new_part) = (old.part().unwrap(), new.part().unwrap());
    assert_eq!(old_part.requests[..3], new_part.requests[..], "the requests are the same");
    // Written again it is of today, and holds the same.
    let again = from_moesum(&to_moesum(&old).unwrap()).unwrap();
    assert_eq!(again.part().unwrap().summary, old_part.summary);
    // Counts stood under prefill, and are unmarked.
    let counts = from_moesum(&std::fs::read(data.join("version-2-counts.moesum")).unwrap()).unwrap();
    let layer = &counts.part().unwrap().summary.layers[&1];
    assert_eq!((layer.frequency[0][0].as_slice(), layer.frequency[2][0].as_slice()), (&[][..], &[3, 3, 1, 1][..]));
    let mut broken = std::fs::read(data.join("version-2.moesum")).unwrap();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert!(from_moesum(&broken).unwrap_err().contains("digest"));
}

#[test]
fn a_summary_answers_as_its_traces_do() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), 7);
    let summary = folder.path().join("x.moesum");
    let size = summarize(&files, &summary, 0).len() as u64;
    let traces: u64 = files.iter().map(|f| std::fs::metadata(f).unwrap().len()).sum();
    assert!(size < traces * 2, "{size} of {traces}");
    let text = summary.to_str().unwrap();
    let inside = folder.path().join("llama4-mmlu-made");
    let inside = inside.to_str().unwrap();
    assert_eq!(run(&["analyze", text, "--json"]), run(&["analyze", inside, "--json"]));
    let experiment = "batch=64&steps=4&layers=2";
    assert_eq!(
        run(&["run", "--experiment", experiment, "--traces", text, "--json"]),
        run(&["run", "--experiment", experiment, "--traces", inside, "--json"])
    );
}

fn sample() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), 2);
    summarize(&files, &folder.path().join("x.moesum"), 0)
}

/// The file around a payload, with the right digest: what a hostile hand would write.
fn wrapped(plain: &[u8]) -> Vec<u8> {
    wrapped_as(MAGIC, plain)
}

fn wrapped_as(magic: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain).unwrap();
    let packed = packed.finish().unwrap();
    let mut bytes = magic.to_vec();
    bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&packed).to_le_bytes());
    bytes.extend_from_slice(&packed);
    bytes
}

fn plain(file: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let packed = &file[MAGIC.len() + 8..];
    std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(packed), &mut plain).unwrap();
    plain
}

/// Found by the fuzz target: more accesses at a distance than there were at all.
#[test]
fn distances_that_do_not_add_up_are_refused() {
    let file = sample();
    let mut dataset = from_moesum(&file).unwrap();
    dataset.parts.values_mut().for_each(|p| p.summary.reuse[1].accesses = 1);
    let why = from_moesum(&to_moesum(&dataset).unwrap()).map(|_| ()).unwrap_err();
    assert!(why.contains("its streams"), "{why}");
}

/// Found by the fuzz target: layers of no expert.
#[test]
fn layers_without_experts_are_refused() {
    let mut dataset = from_moesum(&sample()).unwrap();
    dataset.parts.values_mut().for_each(|p| p.summary = moescope::analysis::Summary::default());
    dataset.parts.values_mut().for_each(|p| drop(p.summary.layers.insert(1, Default::default())));
    let why = from_moesum(&to_moesum(&dataset).unwrap()).map(|_| ()).unwrap_err();
    assert!(why.contains("its shape"), "{why}");
}

#[test]
fn damage_is_named() {
    let file = sample();
    assert_eq!(to_moesum(&from_moesum(&file).unwrap()).unwrap(), file);
    let why = |bytes: &[u8]| from_moesum(bytes).map(|_| ()).unwrap_err();
    assert!(why(&file[..file.len() - 1]).contains("damaged or cut off"));
    assert!(why(&file[..12]).contains("header"));
    assert!(why(b"moesum 9\n").contains("another version"));
    assert!(why(b"[]").contains("no summary"));
    assert!(why(&wrapped(&plain(&file)[..100])).contains("cannot be read"));
    // A bomb of zeros says that there is nothing, and nothing is what it gives.
    let nothing = from_moesum(&wrapped(&vec![0; 64 << 20])).unwrap();
    assert!(nothing.parts.is_empty() && nothing.issues.is_empty() && nothing.info() == Default::default());
    // One that promises more parts than there are bytes is refused before room for them is made.
    assert!(why(&wrapped(&[[0xff; 9].as_slice(), &[1], &[0; 64]].concat())).contains("cannot be read"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any payload behind a right digest is refused or answers every question without a panic.
    #[test]
    fn a_hostile_summary_never_panics(places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        static SAMPLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut payload = SAMPLE.get_or_init(|| plain(&sample())).clone();
        for (at, byte) in places {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Ok(dataset) = from_moesum(&wrapped(&payload)) && let Some(part) = dataset.part() {
            let _ = moescope::analysis::report(&part.summary, Vec::new());
            let _ = moescope::protocol::figures(part, &Default::default(), moescope::protocol::Asked::All, moescope::model::Scope::All);
            let _ = moescope::protocol::workload(part, &moescope::experiment::Experiment::parse("batch=8&steps=2&layers=2").0);
            let _ = dataset.info();
        }
    }
}

/// Payloads that once crashed an analysis, the seeds of the fuzz target: each is refused for what is wrong in it, the sound one read.
#[test]
fn what_fuzzing_found_stays_mended() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/summary");
    let read = |name: &str| from_moesum(&wrapped_as(b"moesum 2\n", &std::fs::read(seeds.join(name)).unwrap()));
    for (name, what) in [
        ("no-experts", "its shape"),
        ("more-distances-than-accesses", "its streams"),
        ("first-without-last", "its streams"),
    ] {
        assert_eq!(read(name).map(|_| ()), Err(format!("the summary is not sound: {what}")), "{name}");
    }
    let sound = read("paper").unwrap();
    let part = sound.part().unwrap();
    let _ = moescope::analysis::report(&part.summary, Vec::new());
    let _ = moescope::protocol::figures(
        part,
        &Default::default(),
        moescope::protocol::Asked::All,
        moescope::model::Scope::All,
    );
    assert_eq!(std::fs::read_dir(seeds).unwrap().count(), 4);
}

/// Two folders of three traces each.
fn two_folders(folder: &Path) -> [PathBuf; 2] {
    ["a", "b"].map(|name| {
        let inside = folder.join(name).join("llama4-mmlu-made");
        std::fs::create_dir_all(&inside).unwrap();
        let mut generator = Generator::new(&MODELS[3], if name == "a" { 5 } else { 6 });
        for i in 0..3 {
            write_paper(
                &generator.request().unwrap(),
                &mut std::fs::File::create(inside.join(format!("{i}.json"))).unwrap(),
            )
            .unwrap();
        }
        folder.join(name)
    })
}

#[test]
fn a_second_folder_goes_on_after_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let [a, b] = two_folders(folder.path()).map(|p| p.to_str().unwrap().to_string());
    run(&["summarize", &a, "-o", &at("x.moesum")]);
    run(&["summarize", &b, "-o", &at("x.moesum")]);
    run(&["summarize", &a, &b, "-o", &at("both.moesum")]);
    assert_eq!(std::fs::read(at("x.moesum")).unwrap(), std::fs::read(at("both.moesum")).unwrap());
    // A place that was asked for, and that another file has, is refused; nothing is written.
    let [_, c] = two_folders(&folder.path().join("more")).map(|p| p.to_str().unwrap().to_string());
    std::fs::write(Path::new(&c).join("llama4-mmlu-made/0.json"), "[{\"1\":[[7]]},{\"1\":[[8]]}]").unwrap();
    let out = moescope(&["summarize", &c, "-o", &at("x.moesum"), "--first", "4"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && said.contains("at place 4; without --first"), "{said}");
    assert_eq!(std::fs::read(at("x.moesum")).unwrap(), std::fs::read(at("both.moesum")).unwrap());
}

#[test]
fn summaries_that_begin_at_one_place_are_not_merged() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    for path in two_folders(folder.path()) {
        let out = at(&format!("{}.moesum", path.file_name().unwrap().to_str().unwrap()));
        run(&["summarize", path.to_str().unwrap(), "-o", &out]);
    }
    std::fs::write(at("x.moesum"), "what was there before").unwrap();
    let out = moescope(&["merge", &at("a.moesum"), &at("b.moesum"), "-o", &at("x.moesum")]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(said.contains("b.moesum: there is a request at place 0 already") && said.contains("is 3"), "{said}");
    assert_eq!(std::fs::read_to_string(at("x.moesum")).unwrap(), "what was there before");
    // Loaded together they are counted, and it is said once, whatever thread reads them.
    for threads in ["1", "2"] {
        let found = run(&["analyze", &at("a.moesum"), &at("b.moesum"), "--json", "--threads", threads]);
        assert_eq!(found.matches("requests of two of them have the same places").count(), 1, "{found}");
        assert!(found.contains("\"requests\": 6"), "{found}");
    }
}

#[test]
fn one_process_writes_a_summary_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let [a, _] = two_folders(folder.path());
    let out = folder.path().join("x.moesum");
    let lock = std::fs::File::create(folder.path().join(".x.moesum.lock")).unwrap();
    lock.lock().unwrap();
    let second = moescope(&["summarize", a.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.code() == Some(1) && said.contains("another moescope is writing it"), "{said}");
    assert!(!out.exists());
    // The lock of a process that is gone holds nobody up.
    drop(lock);
    run(&["summarize", a.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_str().unwrap().starts_with('.')), "{left:?}");
}

#[test]
fn outputs_that_differ_in_their_ending_are_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = two_folders(folder.path());
    let at = |name: &str| folder.path().join(name);
    let start = |path: &Path, out: &str| {
        let out = at(out);
        std::process::Command::new(env!("CARGO_BIN_EXE_moescope"))
            .args(["summarize", path.to_str().unwrap(), "-o", out.to_str().unwrap()])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut both = [start(&a, "s.1"), start(&b, "s.2")];
    assert!(both.iter_mut().all(|c| c.wait().unwrap().success()));
    for (path, name) in [(a, "s.1"), (b, "s.2")] {
        run(&["summarize", path.to_str().unwrap(), "-o", at("alone").to_str().unwrap()]);
        assert_eq!(std::fs::read(at(name)).unwrap(), std::fs::read(at("alone")).unwrap(), "{name}");
        std::fs::remove_file(at("alone")).unwrap();
    }
}

#[test]
fn an_output_that_cannot_be_written_is_known_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let [a, _] = two_folders(folder.path());
    let missing = folder.path().join("missing/x.moesum");
    for out in [missing.to_str().unwrap(), folder.path().to_str().unwrap()] {
        for verb in ["summarize", "merge"] {
            let ended = moescope(&[verb, a.to_str().unwrap(), "-o", out]);
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.code() == Some(1) && said.contains("cannot be written"), "{said}");
            assert_eq!(said.lines().count(), 1, "no progress: {said}");
        }
    }
    let counts = moescope(&["analyze", a.to_str().unwrap(), "--counts", missing.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&counts.stderr).contains("missing/x.moesum cannot be written"));
}

#[test]
fn a_summary_in_the_folder_that_it_counts_is_not_counted() {
    let folder = tempfile::tempdir().unwrap();
    let [a, _] = two_folders(folder.path());
    let out = a.join("x.moesum");
    let summarize = || {
        run(&["summarize", a.to_str().unwrap(), "-o", out.to_str().unwrap()]);
        std::fs::read(&out).unwrap()
    };
    assert_eq!(summarize(), summarize());
}

#[test]
fn responses_of_one_file_with_different_layers_make_a_summary_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.jsonl");
    let line = |layers: &str| format!("{{\"prompt_routed_experts\": [[{layers}],[{layers}]]}}\n");
    // In the second, no row of its first layer is known.
    std::fs::write(&path, line("[1],[2]") + &line("[-1],[3]") + &line("[2],[1]")).unwrap();
    let out = folder.path().join("x.moesum");
    run(&["summarize", path.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let [a, b] = [&path, &out].map(|p| run(&["analyze", p.to_str().unwrap(), "--json"]));
    assert_eq!(a, b);
    assert!(a.contains("\"requests\": 3"), "{a}");
    // Many of them, over threads and in parts: one form.
    let inside = folder.path().join("many");
    std::fs::create_dir(&inside).unwrap();
    for i in 0..40 {
        let [x, y, z] = [i % 7, i % 5 + 1, i % 3].map(|e| format!("[{e}]"));
        let text = line(&format!("{x},{y}")) + &line(&format!("[-1],{z}")) + &line(&format!("{y},[-1]"));
        std::fs::write(inside.join(format!("{i}.jsonl")), text).unwrap();
    }
    let summary = |threads: &str| {
        let out = folder.path().join(format!("{threads}.moesum"));
        run(&["summarize", inside.to_str().unwrap(), "-o", out.to_str().unwrap(), "--threads", threads]);
        std::fs::read(out).unwrap()
    };
    let one = summary("1");
    assert!(["2", "3"].map(summary).iter().all(|other| *other == one), "threads change nothing");
    let at = |i: usize| inside.join(format!("{i}.jsonl"));
    let parts = [0..13, 13..40].map(|r| {
        let out = folder.path().join(format!("from-{}.moesum", r.start));
        summarize(&r.clone().map(at).collect::<Vec<_>>(), &out, r.start);
        out.to_str().unwrap().to_string()
    });
    let all = folder.path().join("all.moesum");
    run(&["merge", &parts[1], &parts[0], "-o", all.to_str().unwrap()]);
    assert_eq!(std::fs::read(all).unwrap(), one);
}

#[test]
fn what_is_larger_than_any_trace_is_refused_in_a_summary_too() {
    let mut dataset = from_moesum(&sample()).unwrap();
    for part in dataset.parts.values_mut() {
        let layer = part.summary.layers.first_key_value().map(|(_, l)| l.clone()).unwrap();
        part.summary.layers.insert(65_536, layer);
    }
    let why = from_moesum(&to_moesum(&dataset).unwrap()).map(|_| ()).unwrap_err();
    assert!(why.contains("its size"), "{why}");
    // Small tables that the first merge would blow up.
    let mut dataset = from_moesum(&sample()).unwrap();
    dataset.parts.values_mut().for_each(|p| p.summary.experts = 6000);
    let why = from_moesum(&wrapped(&postcard::to_stdvec(&dataset).unwrap())).map(|_| ()).unwrap_err();
    assert!(why.contains("its size"), "{why}");
}
