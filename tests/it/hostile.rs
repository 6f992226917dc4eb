//! What nobody means to give a program and somebody does: pipes that close, disks that are full, outputs that are inputs, names that
//! command a terminal. Apart from the command line's own tests: those are of what it is for.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{moescope, paper, t1, t2, zip};

/// A line of bash, in which `$M` is the program, in a folder.
fn shell(line: &str, folder: &Path) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", line]).env("M", env!("CARGO_BIN_EXE_moescope")).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with two recordings, `t.json` and one with decode tokens.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("decode")).unwrap();
    std::fs::write(folder.path().join("decode/d.json"), paper(&t1(), false)).unwrap();
    std::fs::write(folder.path().join("t.json"), paper(&t2(), false)).unwrap();
    folder
}

/// The names in a folder, hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A run of no time on the recording with decode tokens.
const SMALL: &str = "hidden=64&intermediate=32&batch=4&steps=1&layers=1";

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let at = folder();
    for command in [
        "analyze t.json --json",
        "analyze t.json",
        "inspect t.json --json",
        &format!("run --traces decode --experiment '{SMALL}' --json"),
        "--help",
    ] {
        let out = shell(&format!("$M {command} | true; echo ${{PIPESTATUS[0]}}"), at.path());
        assert_eq!(text(&out.stdout).trim(), "0", "{command}: {}", text(&out.stderr));
        assert!(!text(&out.stderr).contains("pipe"), "{command}: {}", text(&out.stderr));
    }
}

#[test]
fn a_file_that_was_asked_for_is_written_though_nobody_reads_the_table() {
    let at = folder();
    std::fs::write(at.path().join("loads.csv"), "1,2,3,4\n").unwrap();
    let place = "place --weights loads.csv --devices 2 --slots 4 --placements eplb --export csv -o map.csv";
    let out = shell(&format!("$M {place} | true; echo ${{PIPESTATUS[0]}}"), at.path());
    assert_eq!(text(&out.stdout).trim(), "0", "{}", text(&out.stderr));
    assert!(at.path().join("map.csv").exists());
}

#[test]
fn a_full_stdout_is_an_error_and_a_full_stderr_is_none() {
    let at = folder();
    for command in ["analyze t.json --json", "analyze t.json", "inspect t.json", "--help", "--version"] {
        let out = shell(&format!("$M {command} >/dev/full"), at.path());
        assert_eq!(out.status.code(), Some(1), "{command}");
        assert!(text(&out.stderr).contains("stdout cannot be written: No space left"), "{}", text(&out.stderr));
    }
    for (command, code) in [
        ("analyze t.json --json --threads 100000", 0),
        ("summarize t.json -o t.moesum", 0),
        ("analyze nothing.json", 1),
        ("frobnicate", 2),
    ] {
        let out = shell(&format!("$M {command} >/dev/null 2>/dev/full"), at.path());
        assert_eq!(out.status.code(), Some(code), "{command}");
    }
}

#[test]
fn more_threads_than_any_machine_has_are_bounded_and_that_is_said() {
    let at = folder();
    let out = shell("$M analyze t.json --json --threads 100000", at.path());
    assert!(
        out.status.success() && text(&out.stderr).contains("--threads 100000: 256 are started"),
        "{}",
        text(&out.stderr)
    );
    let one = shell("$M analyze t.json --json --threads 1", at.path());
    assert_eq!(out.stdout, one.stdout);
    assert_eq!(shell("$M analyze t.json --threads -1", at.path()).status.code(), Some(2));
    // Where the system starts none, the work is done all the same.
    let few = shell("ulimit -u 1 2>/dev/null; $M analyze t.json --json --threads 8", at.path());
    assert!(few.status.success(), "{}", text(&few.stderr));
    assert_eq!(few.stdout, one.stdout);
}

#[test]
fn no_output_is_one_of_the_inputs_by_whatever_name() {
    let at = folder();
    let path = |name: &str| at.path().join(name);
    let recording = paper(&t2(), false);
    std::fs::hard_link(path("t.json"), path("hard.npz")).unwrap();
    std::os::unix::fs::symlink("t.json", path("soft.npz")).unwrap();
    std::fs::create_dir(path("layers")).unwrap();
    std::fs::write(path("layers/0.json"), &recording).unwrap();
    std::fs::write(path("layers/layers.csv"), &recording).unwrap();
    std::fs::write(path("c.json"), "{\"num_experts\": 4, \"num_experts_per_tok\": 2}").unwrap();
    std::fs::write(path("loads.csv"), "1,2,3,4\n").unwrap();
    assert!(shell("$M summarize t.json -o a.moesum", at.path()).status.success());
    let weights = "place --weights loads.csv --devices 2 --slots 4 --export csv";
    for command in [
        "analyze t.json --counts t.json",
        "analyze t.json --counts ./layers/../t.json",
        "analyze t.json --counts hard.npz",
        "analyze t.json --counts soft.npz",
        "analyze t.json --config c.json --counts c.json",
        "analyze layers --counts layers/0.json",
        "analyze layers/layers.csv --csv layers",
        "analyze - --counts t.json < t.json",
        "convert t.json -o t.json",
        "convert layers -o layers",
        "convert layers/0.json layers/layers.csv -o layers.json",
        "merge a.moesum -o a.moesum",
        "summarize t.json --config c.json -o c.json",
        &format!("{weights} -o loads.csv"),
    ] {
        let before = names(at.path());
        let out = shell(&format!("$M {command}"), at.path());
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("would be written over, and it is read"), "{command}: {said}");
        assert_eq!(std::fs::read_to_string(path("t.json")).unwrap(), recording, "{command}");
        assert_eq!(std::fs::read_to_string(path("layers/0.json")).unwrap(), recording, "{command}");
        assert_eq!(names(at.path()), before, "{command}");
    }
    // Beside what is read is no fault, and a summary goes on where it was.
    let beside =
        shell("$M analyze layers/layers.csv --csv out && $M convert layers/0.json -o layers/clean.npz", at.path());
    assert!(beside.status.success(), "{}", text(&beside.stderr));
    let on = shell("$M summarize t.json a.moesum -o a.moesum", at.path());
    assert!(on.status.success(), "{}", text(&on.stderr));
}

#[test]
fn an_output_is_whole_or_what_it_was() {
    let at = folder();
    let path = |name: &str| at.path().join(name);
    std::fs::write(path("loads.csv"), "1,2,3,4\n").unwrap();
    let weights = "place --weights loads.csv --devices 2 --slots 4 --placements eplb --export csv -o";
    // A file may grow to nothing: as a disk that is full.
    let full = "trap '' XFSZ; ulimit -f 0;";
    for (command, file) in [
        ("analyze t.json --counts", "counts.npz"),
        ("convert t.json -o", "clean.json"),
        ("convert t.json -o", "clean.npz"),
        ("convert t.json -o", "clean.moesum"),
        ("summarize t.json -o", "sum.moesum"),
        (weights, "map.csv"),
    ] {
        if !file.ends_with("sum.moesum") {
            std::fs::write(path(file), "before").unwrap();
        }
        let out = shell(&format!("{full} $M {command} {file} >/dev/null"), at.path());
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains(&format!("{file} cannot be written")), "{command}: {said}");
        assert!(!path(file).exists() || std::fs::read(path(file)).unwrap() == b"before", "{command}");
        let left: Vec<String> = names(at.path()).into_iter().filter(|n| n.starts_with('.')).collect();
        assert_eq!(left, Vec::<String>::new(), "{command}");
    }
    // Tables and folders likewise.
    for (command, file) in [
        ("analyze t.json --csv tables", "tables/layers.csv"),
        ("convert t.json -o clean", "clean/0.json"),
        ("make --files 1 --tokens 4 -o made", "made/llama4-maverick-synthetic-seed1/0.json"),
    ] {
        let out = shell(&format!("{full} $M {command} >/dev/null"), at.path());
        assert_eq!(out.status.code(), Some(1), "{command}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(&format!("{file} cannot be written")), "{command}: {}", text(&out.stderr));
        assert!(!path(file).exists(), "{command}");
    }
    for (command, why) in [
        ("analyze t.json --counts /dev/full", "it is no file"),
        ("analyze t.json --counts .", "it is a folder"),
        ("summarize t.json -o -", "it needs a name"),
        ("summarize t.json -o nowhere/x.moesum", "No such file"),
        ("convert t.json -o read.npz", "read-only"),
        ("analyze t.json --csv t.json", "t.json"),
    ] {
        std::fs::write(path("read.npz"), "before").unwrap();
        let out =
            shell(&format!("chmod 444 read.npz; $M {command}; code=$?; chmod 644 read.npz; exit $code"), at.path());
        assert!(out.status.code() == Some(1) && text(&out.stderr).contains(why), "{command}: {}", text(&out.stderr));
    }
}

#[test]
fn a_run_that_was_killed_leaves_the_old_file_and_the_next_tidies_up() {
    let at = folder();
    let path = |name: &str| at.path().join(name);
    assert!(shell("$M summarize t.json -o a.moesum", at.path()).status.success());
    let before = std::fs::read(path("a.moesum")).unwrap();
    // What a process leaves that is killed while it writes.
    std::fs::write(path(".a.moesum.4242.part"), &before[..before.len() / 2]).unwrap();
    std::fs::write(path(".a.moesum.lock"), "").unwrap();
    std::fs::write(path("u.json"), paper(&t2(), true)).unwrap();
    let out = shell("$M summarize t.json u.json -o a.moesum", at.path());
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(names(at.path()), ["a.moesum", "decode", "t.json", "u.json"]);
    // The same as of both at once.
    assert!(shell("$M summarize t.json u.json -o b.moesum", at.path()).status.success());
    assert_eq!(std::fs::read(path("a.moesum")).unwrap(), std::fs::read(path("b.moesum")).unwrap());
    // Really killed, at any moment: what is there afterwards is whole, and going on ends where one run does.
    let many: String = (0..40).map(|i| format!("cp t.json many/{i}.json; echo ' ' >> many/{i}.json;")).collect();
    shell(&format!("mkdir many; {many}"), at.path());
    for milliseconds in ["0.005", "0.02", "0.05"] {
        shell(&format!("timeout -s KILL {milliseconds} $M summarize many -o c.moesum"), at.path());
        if path("c.moesum").exists() {
            assert!(shell("$M inspect c.moesum", at.path()).status.success());
        }
    }
    assert!(shell("$M summarize many -o c.moesum && $M summarize many -o d.moesum", at.path()).status.success());
    assert_eq!(std::fs::read(path("c.moesum")).unwrap(), std::fs::read(path("d.moesum")).unwrap());
}

#[test]
fn pipes_and_stdin_are_read_like_files() {
    let at = folder();
    shell("gzip -k t.json; mkdir two; cp t.json two/", at.path());
    let expected = shell("$M analyze t.json --json", at.path());
    assert!(expected.status.success());
    for line in [
        "cat t.json | $M analyze - --json",
        "$M analyze - --json < t.json",
        "cat t.json | $M analyze /dev/stdin --json",
        "$M analyze <(zcat t.json.gz) --json",
        "cat t.json.gz | $M analyze - --json --threads 3",
        "mkfifo p; cat t.json > p & $M analyze p --json",
    ] {
        let out = shell(line, at.path());
        assert_eq!(text(&out.stdout), text(&expected.stdout), "{line}: {}", text(&out.stderr));
    }
    for line in [
        "cat t.json | $M inspect -",
        "cat t.json | $M convert - -o c.npz",
        "cat t.json | $M summarize - -o s.moesum",
        "cat s.moesum | $M merge - -o m.moesum",
        "echo 1,2,3,4 | $M place --weights - --devices 2 --slots 4",
        &format!("cat decode/d.json | $M run --traces - --experiment '{SMALL}'"),
    ] {
        let out = shell(line, at.path());
        let said = text(&out.stderr);
        assert!(out.status.success(), "{line}: {said}");
    }
    for (line, why) in [
        ("cat t.json | $M analyze - -", "stdin is given twice"),
        (": | $M analyze -", "stdin: no token with its experts"),
        ("head -c 20 t.json | $M analyze -", "stdin, "),
        ("head -c 2000000000 /dev/zero | $M analyze -", "stdin: more than 1.07 GB came"),
        ("$M analyze - <&-", "no token with its experts"),
    ] {
        let out = shell(line, at.path());
        assert!(out.status.code() == Some(1) && text(&out.stderr).contains(why), "{line}: {}", text(&out.stderr));
    }
}

#[test]
fn what_is_alike_is_told_once_with_its_number() {
    let at = folder();
    let entries: Vec<(String, &str)> = (0..3000).map(|i| (format!("e/{i}.txt"), "")).collect();
    let entries: Vec<(&str, &str)> = entries.iter().map(|(n, t)| (n.as_str(), *t)).collect();
    std::fs::write(at.path().join("empty.zip"), zip(&entries)).unwrap();
    for command in ["analyze empty.zip", "inspect empty.zip", "summarize empty.zip -o e.moesum"] {
        let out = shell(&format!("$M {command}"), at.path());
        let said = text(&out.stdout) + &text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.lines().count() < 300, "{command}: {} lines", said.lines().count());
        assert!(said.contains("2\u{202f}950 more"), "{command}: {said}");
    }
    let out = shell("$M inspect empty.zip --json", at.path());
    let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (told["files"].as_array().unwrap().len(), &told["together"]["more_files_without_recording"]),
        (50, &2950.into())
    );
    let out = shell("$M analyze t.json empty.zip --json", at.path());
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let warnings = report["warnings"].as_array().unwrap();
    // Each of them ends early and holds no token; one lint of the recording.
    assert_eq!(warnings.len(), 2 * 51 + 1);
    let more = |w: &&serde_json::Value| {
        w.as_str().unwrap().starts_with("and 2\u{202f}950 more like it, as empty.zip/e/50.txt: ")
    };
    assert_eq!(warnings.iter().filter(more).count(), 2);
}

#[test]
fn what_cannot_be_read_is_named_with_what_to_do() {
    let at = folder();
    let recording = paper(&t2(), false);
    let little: Vec<u8> = recording.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = recording.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let write = |name: &str, bytes: &[u8]| std::fs::write(at.path().join(name), bytes).unwrap();
    write("little.json", &[b"\xff\xfe", &little[..]].concat());
    write("big.json", &[b"\xfe\xff", &big[..]].concat());
    write("bare.json", &little);
    write("bare.txt", &big);
    write("a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04");
    write("a.rar", b"Rar!\x1a\x07\x00");
    write("a.xz", b"\xfd7zXZ\x00\x00\x04");
    write("a.bz2", b"BZh91AY&SY");
    write("wrong.json", b"BZh91AY&SY");
    shell("tar czf t.tar.gz t.json; gzip -k t.json; tar cf t.tar t.json", at.path());
    let inner = |name: &str| std::fs::read(at.path().join(name)).unwrap();
    write("t.zip", &zip(&[("t.json", &recording)]));
    for name in ["t.zip", "t.tar.gz", "t.tar"] {
        write(&format!("in-{name}.zip"), &zip(&[(name, inner(name))]));
    }
    for (name, seems, instead) in [
        ("little.json", "a text in UTF-16", "save it as UTF-8"),
        ("big.json", "a text in UTF-16", "save it as UTF-8"),
        ("bare.json", "a text in UTF-16", "save it as UTF-8"),
        ("bare.txt", "a text in UTF-16", "save it as UTF-8"),
        ("a.7z", "a 7z archive", "unpack it"),
        ("a.rar", "a RAR archive", "unpack it"),
        ("a.xz", "a file packed with xz", "unpack it"),
        ("a.bz2", "a file packed with bzip2", "unpack it"),
        ("wrong.json", "a file packed with bzip2", "unpack it"),
        ("in-t.zip.zip", "a zip archive inside an archive", "unpack the archive around it"),
        ("in-t.tar.gz.zip", "a file packed with gzip inside an archive", "unpack the archive around it"),
        ("in-t.tar.zip", "a tar archive inside an archive", "unpack the archive around it"),
    ] {
        let out = shell(&format!("$M analyze {name}"), at.path());
        let said = text(&out.stderr);
        assert!(said.contains(&format!("it seems to be {seems}")) && said.contains(instead), "{name}: {said}");
    }
    // A mark of UTF-8 is no fault, in whatever is text.
    let expected = shell("$M analyze t.json --json", at.path());
    write("mark.json", &[b"\xef\xbb\xbf", recording.as_bytes()].concat());
    assert_eq!(shell("$M analyze mark.json --json", at.path()).stdout, expected.stdout);
    for (name, content) in [
        ("mark.csv", "layer,expert,count\n0,0,5\n0,1,7\n"),
        ("mark.jsonl", "{\"request_id\":\"a\",\"token_idx\":0,\"layer\":3,\"topk_ids\":[5,9]}\n"),
        ("counts.json", "[[1,2,3,4],[4,3,2,1]]"),
    ] {
        write(name, content.as_bytes());
        let plain = shell(&format!("$M analyze {name} --json"), at.path());
        write(name, &[b"\xef\xbb\xbf", content.as_bytes()].concat());
        let marked = shell(&format!("$M analyze {name} --json"), at.path());
        assert!(plain.status.success() && plain.stdout == marked.stdout, "{name}: {}", text(&marked.stderr));
    }
}

#[test]
fn names_and_texts_of_strangers_do_not_command_the_terminal() {
    let at = folder();
    let nasty = "a\u{1b}[2J\nb\u{9b}1m\u{202e}.json";
    std::fs::write(at.path().join(nasty), paper(&t2(), false)).unwrap();
    std::fs::write(at.path().join(format!("broken{nasty}")), "[\u{1b}]2;x\u{7}").unwrap();
    let sound = |bytes: &[u8]| text(bytes).chars().all(|c| c == '\n' || !moescope::units::is_command(c));
    for command in ["analyze", "inspect", "analyze --json", "inspect --json", "convert -o out", "summarize -o x.moesum"]
    {
        let out = shell(&format!("$M {command} *a*b*.json"), at.path());
        assert!(out.status.success(), "{command}: {}", text(&out.stderr));
        assert!(sound(&out.stdout) && sound(&out.stderr), "{command}: {:?} {:?}", text(&out.stdout), text(&out.stderr));
    }
    let told = shell("$M inspect --json *a*b*.json", at.path());
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(told["files"].as_array().unwrap().iter().any(|f| f["path"] == nasty), "JSON keeps the name");
    let said = shell(
        "$M analyze $'no\\e[31m such.json'; $M run --traces decode --experiment $'ba\\etch=1&steps=1&layers=1&batch=1&hidden=64&intermediate=32'; $M $'x\\ey'",
        at.path(),
    );
    assert!(sound(&said.stderr) && text(&said.stderr).contains("no\\u001b[31m such.json"), "{}", text(&said.stderr));
}

#[test]
fn settings_out_of_all_measure_are_said_and_run_nothing_unbounded() {
    let at = folder();
    for setting in [
        "tau=NaN",
        "tau=inf",
        "tau=-1",
        "tau=1e308",
        "hbm=1e308",
        "batch=-1",
        "batch=1e9",
        "seed=1e3",
        "mfu=",
        "link=0x10",
    ] {
        let run = format!("$M run --traces decode --json --experiment '{SMALL}&{setting}'");
        let out = shell(&run, at.path());
        let said = text(&out.stderr);
        assert!(out.status.success() && said.contains("not "), "{setting}: {said}");
    }
    for (command, code) in [
        ("run --experiment", 2),
        ("run --frobnicate", 2),
        ("analyze t.json --threads", 2),
        ("analyze t.json --threads 99999999999999999999", 2),
        ("place --weights t.json --devices 99999999999 --slots 99999999999", 1),
        ("make -o out --files 1 --tokens 99999999999", 1),
        ("analyze ''", 1),
        ("paper --figure 3", 2),
        ("sweep --experiment 'sweep=link:1:nan:3'", 1),
    ] {
        let out = shell(&format!("$M {command}"), at.path());
        assert_eq!(out.status.code(), Some(code), "{command}: {}", text(&out.stderr));
        assert!(text(&out.stderr).starts_with("moescope: "), "{command}: {}", text(&out.stderr));
    }
    std::fs::write(at.path().join("empty"), "").unwrap();
    for command in [
        "analyze empty",
        "inspect empty",
        "merge empty -o m.moesum",
        "summarize empty -o s.moesum",
        "convert empty -o c.json",
    ] {
        assert_eq!(shell(&format!("$M {command}"), at.path()).status.code(), Some(1), "{command}");
    }
}

#[test]
fn a_string_of_megabytes_is_refused_by_its_length() {
    let at = folder();
    let long = format!("batch=1&{}", "steps=1&".repeat(9000));
    let out = moescope(&["run", "--experiment", &long]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("above the limit of 65536"), "{}", text(&out.stderr));
    let t = at.path().join("t.json");
    let out = moescope(&["analyze", t.to_str().unwrap(), "--experiment", &long]);
    assert_eq!(out.status.code(), Some(1));
    assert!(paper(&t1(), false).len() < 1 << 16);
}

#[test]
fn a_run_that_no_machine_should_begin_is_refused_with_the_settings_to_lower() {
    let largest = "v=2&columns=16&rows=16&batch=1048576&layers=all&steps=1024";
    for command in ["run", "place", "sweep"] {
        let string = if command == "sweep" { format!("{largest}&sweep=link:1:2:2") } else { largest.into() };
        let out = moescope(&[command, "--experiment", &string]);
        let said = text(&out.stderr);
        assert!(out.status.code() == Some(1) && said.contains("lower batch=1048576, steps=1024"), "{command}: {said}");
    }
    let many = moescope(&["run", "--experiment", "v=2&columns=16&rows=16&steps=1024&batch=64&strategies=*.*"]);
    assert!(text(&many.stderr).contains("lower steps=1024, layers="), "{}", text(&many.stderr));
}

#[test]
fn a_long_run_tells_how_far_it_is() {
    let at = folder();
    let long = "$M run --traces decode --experiment 'hidden=64&intermediate=32&columns=16&rows=16&batch=65536&layers=all&steps=1024'";
    let out = shell(&format!("timeout 8 {long} >/dev/null"), at.path());
    let said = text(&out.stderr);
    assert!(said.contains(" layers simulated, about ") && said.lines().count() <= 2, "{said}");
}

#[test]
fn a_summary_tells_its_requests_though_a_file_of_counts_was_given_beside() {
    let at = folder();
    std::fs::write(at.path().join("loads.csv"), "1,2,3,4\n").unwrap();
    let out = shell("$M summarize t.json loads.csv -o a.moesum", at.path());
    assert!(out.status.success() && text(&out.stderr).contains("1 requests in a.moesum"), "{}", text(&out.stderr));
}
