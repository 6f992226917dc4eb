//! Recordings of up to 100 MB as the libraries that people use write them (tests/data/large.py): each is read, and every expert is counted as
//! often as the library counts it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::moescope;

/// The files and what must be read of each; none where they cannot be made, which is said.
fn made() -> Option<(PathBuf, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("tests/data/large.py");
    // Made once for each text of the script.
    let mut hash = DefaultHasher::new();
    std::fs::read(&script).unwrap().hash(&mut hash);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("large-{:016x}", hash.finish()));
    let list = folder.join("list.json");
    if !list.exists() {
        // The libraries of `make rates`, if they are there; else those of the system.
        let own = root.join("target/python/bin/python");
        let python = if own.exists() { own } else { "python3".into() };
        let out = match Command::new(python).arg(&script).arg(&folder).output() {
            Ok(out) if out.status.success() => out.stdout,
            Ok(out) => {
                let why = String::from_utf8_lossy(&out.stderr);
                assert!(why.contains("ModuleNotFoundError: No module named 'numpy'"), "{why}");
                eprintln!("SKIPPED: numpy is absent; scripts/setup.sh rates installs it");
                return None;
            }
            Err(why) => {
                eprintln!("SKIPPED: there is no python3: {why}");
                return None;
            }
        };
        std::fs::write(&list, out).unwrap();
    }
    Some((folder, serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap()))
}

#[test]
fn what_the_libraries_write_is_counted_as_they_count_it() {
    let Some((folder, told)) = made() else { return };
    for library in told["absent"].as_array().unwrap() {
        eprintln!("SKIPPED: {library} is absent, and so are its files");
    }
    let all = told["made"].as_object().unwrap();
    assert!(all.len() >= 5, "numpy and pickle alone make five");
    for (name, expected) in all {
        let path = folder.join(name);
        let out = moescope(&["analyze", path.to_str().unwrap(), "--json", "--threads", "1"]);
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        let tokens = &report["tokens"];
        let sum: u64 = ["prefill", "decode", "unmarked"].iter().filter_map(|phase| tokens[phase].as_u64()).sum();
        // Of counts K alone tells how many tokens they are of.
        assert_eq!(sum, expected["tokens"].as_u64().unwrap(), "{name}: {tokens}");
        assert_eq!(
            report["layer_ids"].as_array().map(Vec::len),
            expected["layers"].as_u64().and_then(|n| usize::try_from(n).ok()),
            "{name}"
        );
        assert_eq!((&report["experts"], &report["top_k"]), (&expected["experts"], &expected["top_k"]), "{name}");
        assert_eq!(report["frequency"]["all"]["checksum"], expected["checksum"], "{name}");
    }
}
