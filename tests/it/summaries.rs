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
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain).unwrap();
    let packed = packed.finish().unwrap();
    let mut bytes = MAGIC.to_vec();
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
    // A bomb: two gigabytes of nothing in a few megabytes.
    let bomb = wrapped(&vec![0; 64 << 20]);
    assert!(from_moesum(&bomb).is_err() || from_moesum(&bomb).unwrap().part().is_none());
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
            let _ = moescope::protocol::figures(&part.summary, &Default::default(), moescope::protocol::Asked::All, moescope::model::Scope::All);
            let _ = moescope::protocol::workload(part, &moescope::experiment::Experiment::parse("batch=8&steps=2&layers=2").0);
            let _ = dataset.info();
        }
    }
}

/// Payloads that once crashed an analysis, the seeds of the fuzz target: each is refused for what is wrong in it, the sound one read.
#[test]
fn what_fuzzing_found_stays_mended() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/summary");
    let read = |name: &str| from_moesum(&wrapped(&std::fs::read(seeds.join(name)).unwrap()));
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
        &part.summary,
        &Default::default(),
        moescope::protocol::Asked::All,
        moescope::model::Scope::All,
    );
    assert_eq!(std::fs::read_dir(seeds).unwrap().count(), 4);
}
