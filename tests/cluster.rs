//! cluster/summarize.py on a local Ray of two workers: the same bytes as one process.

use std::path::Path;
use std::process::Command;

/// A Python with Ray: the one that scripts/setup.sh installs, or any.
fn python() -> Option<String> {
    let tools = std::env::var("MOESCOPE_TOOLS").ok().or_else(|| {
        let cache = std::env::var("XDG_CACHE_HOME").ok().or_else(|| Some(std::env::var("HOME").ok()? + "/.cache"))?;
        Some(cache + "/moescope/tools")
    });
    let own = tools.map(|t| format!("{t}/ray/bin/python"));
    let with_ray =
        |p: &String| Command::new(p).args(["-c", "import ray"]).output().is_ok_and(|out| out.status.success());
    own.into_iter().chain(["python3".into()]).find(with_ray)
}

#[test]
fn a_cluster_writes_what_one_process_writes() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: no Python with Ray; scripts/setup.sh test installs it");
        return;
    };
    let program = env!("CARGO_BIN_EXE_moescope");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let run = |program: &str, arguments: &[&str]| {
        let out = Command::new(program).args(arguments).output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let experiment = "model=llama4-maverick&seed=9";
    run(program, &["make", "-o", &at("traces"), "--experiment", experiment, "--files", "23", "--tokens", "8"]);
    run(program, &["summarize", &at("traces"), "-o", &at("one.moesum")]);
    let script = root.join("cluster/summarize.py");
    let arguments = [
        script.to_str().unwrap(),
        &at("traces"),
        "-o",
        &at("all.moesum"),
        "--moescope",
        program,
        "--batch",
        "3",
        "--fan",
        "3",
        "--workers",
        "2",
    ];
    let said = run(&python, &arguments);
    assert!(said.contains("23 files"), "{said}");
    let [one, all] = ["one.moesum", "all.moesum"].map(|n| std::fs::read(at(n)).unwrap());
    assert!(one == all, "{} bytes and {}", one.len(), all.len());
}
