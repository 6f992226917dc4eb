//! Recordings as other programs write them: what is read of them, what is said, and that nothing in them runs. The samples are made by
//! tests/data/make.py with the real libraries; what those cannot make small is made here byte by byte.

use std::path::{Path, PathBuf};

use moescope::format::{About, Finding, Problem, READERS, Told, reader};
use serde_json::Value;

use crate::support::moescope;

fn read(path: &str, bytes: &[u8], told: Told) -> moescope::format::Found {
    let about = About { path: path.into(), experts: told.experts, told, ..About::default() };
    let mut reading = (reader(&bytes[..bytes.len().min(4096)]).open)(about);
    let _ = bytes.chunks(1000).all(|part| reading.feed(part));
    reading.finish()
}

/// What is said of a file.
fn said(found: moescope::format::Found) -> String {
    found.issues.finish("x", "y").iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn case(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent", path.display());
    None
}

#[test]
fn a_pickle_that_would_run_a_command_is_named_and_nothing_of_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("it-ran");
    // What `pickle.dumps` makes of an object whose `__reduce__` gives (os.system, ("touch …",)), in three protocols.
    let command = format!("touch {}", proof.display());
    let old = format!("cposix\nsystem\n(S'{command}'\ntR.");
    let attack = |callee: &[u8]| {
        let length = u8::try_from(command.len()).unwrap();
        [b"\x80\x04".as_slice(), callee, &[0x8c, length], command.as_bytes(), b"\x85R."].concat()
    };
    let new = attack(b"\x8c\x05posix\x8c\x06system\x93");
    let builtin = attack(b"\x8c\x08builtins\x8c\x04eval\x93");
    for (bytes, name) in [(&new, "posix.system"), (&builtin, "builtins.eval")] {
        let path = folder.path().join("attack.pkl");
        std::fs::write(&path, bytes).unwrap();
        let out = moescope(&["analyze", path.to_str().unwrap()]);
        let words = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(1) && words.contains(&format!("the pickle names {name}")), "{words}");
    }
    // In an object array of NumPy, beside a routing that is sound.
    let object = [npy_header("|O", "()"), new.clone()].concat();
    assert!(said(read("x.npy", &object, Told::default())).contains("the pickle names posix.system"));
    let object = [npy_header("|O", "()"), old.into_bytes()].concat();
    assert!(said(read("x.npy", &object, Told::default())).contains("the pickle names posix.system"));
    assert!(!proof.exists(), "something ran");
}

fn npy_header(kind: &str, shape: &str) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes()].concat()
}

#[test]
fn pickles_that_nest_without_end_or_are_cut_are_refused_and_do_no_harm() {
    let deep = [b"\x80\x02".as_slice(), &vec![b']'; 300_000], &vec![b'a'; 299_999], b"."].concat();
    assert!(!said(read("x.pkl", &deep, Told::default())).is_empty());
    // A list that holds itself.
    assert!(!said(read("x.pkl", b"\x80\x02]q\x00h\x00a.", Told::default())).is_empty());
    // Each list holds the one before twice.
    let mut laughs = b"\x80\x02]q\x00".to_vec();
    for n in 0..60u8 {
        laughs.extend([b']', b'q', n + 1, b'(', b'h', n, b'h', n, b'e']);
    }
    laughs.push(b'.');
    assert!(!said(read("x.pkl", &laughs, Told::default())).is_empty());
}

/// The first lines were enough to tell the form, and how many had come depended on who fed them: a zero byte at 400 made a table of no
/// experts of what was one in small pieces.
/// A piece that ended inside the mark before a text made a byte of it an error.
#[test]
fn json_with_a_mark_tells_the_same_whatever_the_pieces_in_which_it_comes() {
    let text = b"\xef\xbb\xbf {\"routed_experts\": [[[0, 1], [2, 3]], [[1, 0], [3, 2]]]}";
    let reader = READERS.iter().find(|r| r.name == "json").unwrap();
    let read = |piece: usize| {
        let mut reading = (reader.open)(About::default());
        let _ = text.chunks(piece).all(|part| reading.feed(part));
        reading.finish()
    };
    for piece in [1, 2, 3, 4, text.len()] {
        let found = read(piece);
        assert_eq!(found.requests.len(), 1, "{piece}: {}", said(found));
        assert_eq!((found.requests[0].tokens, said(found)), (2, said(read(text.len()))), "{piece}");
    }
}

#[test]
fn a_table_tells_the_same_whatever_the_pieces_in_which_it_comes() {
    let rows = |n: usize| (0..n).map(|t| format!("3,{t},\"[{}, {}]\"\n", t % 7, t % 7 + 1)).collect::<String>();
    let header = "layer,token,topk_ids\n";
    let mut zero = format!("{header}{}", rows(40)).into_bytes();
    zero[400] = 0;
    for bytes in [zero, format!("{header}{}", rows(2000)).into_bytes()] {
        let told = |piece: usize| {
            let mut reading = (reader(b"layer,token,topk_ids\n1,1,[1]\n").open)(About::default());
            let _ = bytes.chunks(piece).all(|part| reading.feed(part));
            let found = reading.finish();
            (format!("{:?}", found.requests), said(found))
        };
        assert!([1, 7, 100, 5000].into_iter().all(|piece| told(piece) == told(bytes.len())));
    }
}

/// Two bytes of a pickle name what was built before, and each name was a copy of it.
#[test]
fn what_a_pickle_names_again_and_again_is_not_copied_without_end() {
    let times = 200_000u32;
    // A long text and a long list: each stands in a list two hundred thousand times.
    let text = [b"X".as_slice(), &1_000_000u32.to_le_bytes(), &vec![b'a'; 1_000_000]].concat();
    let list = [b"](".as_slice(), &b"K\x01".repeat(100_000), b"e"].concat();
    for long in [text.clone(), list.clone()] {
        let names = b"h\x00".repeat(times as usize);
        let pickle = [b"\x80\x02".as_slice(), &long, b"q\x000](", &names, b"e."].concat();
        assert!(!said(read("x.pkl", &pickle, Told::default())).is_empty());
    }
    // And calls that copy it: an encoded text, an ordered dict.
    for (call, long) in [("_codecs\nencode", text), ("collections\nOrderedDict", list)] {
        let one = [b"c".as_slice(), call.as_bytes(), b"\n(h\x00X\x06\0\0\0latin1tR"].concat();
        let one = if call.starts_with('_') { one } else { [b"c".as_slice(), call.as_bytes(), b"\n(h\x00tR"].concat() };
        let pickle = [b"\x80\x02".as_slice(), &long, b"q\x000](", &one.repeat(20_000), b"e."].concat();
        assert!(said(read("x.pkl", &pickle, Told::default())).contains("builds more than"), "{call}");
    }
}

/// A list in a list is a row; deeper ones called themselves once for each bracket.
#[test]
fn brackets_without_end_in_a_record_do_not_fill_the_stack() {
    let deep = format!("{{\"layer\": 1, \"topk_ids\": {}\n", "[".repeat(4_000_000));
    assert!(said(read("x.jsonl", deep.as_bytes(), Told::default())).contains("expected an object of JSON"));
    let rows = read("x.jsonl", b"{\"layer\": 1, \"topk_ids\": [[1, 2], [3, 4]]}\n", Told::default());
    assert_eq!(rows.requests[0].columns, [[1, 2, 3, 4]]);
}

/// Each of them was copied, whatever the bytes of the file.
#[test]
fn tensors_that_lie_in_one_another_are_not_copied_each() {
    let text = |t: &str| [&(t.len() as u64).to_le_bytes()[..], t.as_bytes()].concat();
    let gguf = |tensors: u64| {
        let mut bytes = [b"GGUF".as_slice(), &3u32.to_le_bytes(), &tensors.to_le_bytes(), &1u64.to_le_bytes()].concat();
        bytes.extend([text("general.type"), 8u32.to_le_bytes().to_vec(), text("imatrix")].concat());
        for layer in 0..tensors {
            bytes.extend(text(&format!("blk.{layer}.ffn_up_exps.weight.counts")));
            // One axis of 64 floats at offset 0, for all of them.
            bytes.extend(
                [&1u32.to_le_bytes()[..], &64u64.to_le_bytes(), &0u32.to_le_bytes(), &0u64.to_le_bytes()].concat(),
            );
        }
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend([1f32.to_le_bytes(); 64].concat());
        bytes
    };
    assert_eq!(read("x.gguf", &gguf(1), Told::default()).counts, [(0, vec![1; 64])]);
    assert!(said(read("x.gguf", &gguf(40), Told::default())).contains("ends early"), "40 copies of a tail");
}

#[test]
fn records_are_read_under_any_names_in_any_order() {
    // Tokens of two requests and layers interleaved, the positions backwards.
    let lines: String = (0..4)
        .rev()
        .flat_map(|t| {
            ["a", "b"].into_iter().flat_map(move |r| {
                [2, 5].map(|l| {
                    let phase = if t < 2 { "prefill" } else { "decode" };
                    format!("{{\"request_id\": \"{r}\", \"layer_idx\": {l}, \"position\": {t}, \"phase\": \"{phase}\", \"selected_experts\": [{t}, {}]}}\n", t + l)
                })
            })
        })
        .collect();
    let found = read("x.jsonl", lines.as_bytes(), Told::default());
    assert_eq!(found.requests.len(), 2);
    let r = &found.requests[0];
    assert_eq!((r.layers.as_slice(), r.tokens, r.prefill, r.top_k), (&[2, 5][..], 4, 2, 2));
    assert_eq!(r.columns[1], [0, 5, 1, 6, 2, 7, 3, 8]);
    // The same as a table with tabs, a pick a row.
    let rows: String = (0..4)
        .flat_map(|t| {
            [2, 5].into_iter().flat_map(move |l| {
                [t, t + l].into_iter().enumerate().map(move |(s, e)| format!("7\t{l}\t{t}\t{s}\t{e}\n"))
            })
        })
        .collect();
    let found = read("x.tsv", format!("seq_id\tlayer\ttoken_idx\tslot\texpert_id\n{rows}").as_bytes(), Told::default());
    assert_eq!(found.requests[0].columns, r.columns);
    assert_eq!(found.requests[0].marks, moescope::model::Marks::None);
}

#[test]
fn rollouts_and_padded_batches_are_requests() {
    let row = |t: usize| format!("[[{}, {}], [{}, {}]]", t % 7, t % 7 + 1, t % 5, t % 5 + 2);
    let rows = |n: usize| (0..n).map(row).collect::<Vec<_>>().join(", ");
    let text = format!(
        "[{{\"tokens\": [1, 2, 3, 4, 5, 6], \"response_length\": 2, \"rollout_routed_experts\": [{}]}}, {{\"tokens\": [1, 2], \"response_length\": 1, \"rollout_routed_experts\": null}}]",
        rows(5)
    );
    let found = read("rollout.json", text.as_bytes(), Told::default());
    let r = &found.requests[0];
    assert_eq!((found.requests.len(), r.prefill, r.tokens), (1, 4, 5));
    assert!(said(found).contains("1 of 2 responses or samples carry no routing"));
    let padding = "[[255, 255], [255, 255]]";
    let text = format!(
        "{{\"routed_experts\": [[{padding}, {}, {padding}]], \"attention_mask\": [[0, 1, 1, 1, 1, 0]], \"response_mask\": [[0, 0, 0, 1, 1, 0]]}}",
        rows(4)
    );
    let found = read("batch.json", text.as_bytes(), Told::default());
    assert_eq!((found.requests[0].tokens, found.requests[0].prefill), (4, 2));
    let loads = read("loads.json", br#"{"3": {"0": 5, "7": 2}, "4": {"1": 9}}"#, Told::default());
    assert_eq!(loads.counts, [(3, vec![5, 0, 0, 0, 0, 0, 0, 2]), (4, vec![0, 9])]);
}

#[test]
fn a_counter_that_is_never_reset_is_no_sum() {
    let table = "step,rank,layer,expert,count\n1,0,3,0,5\n1,0,3,1,2\n2,0,3,0,9\n2,0,3,1,2\n3,0,3,0,12\n3,0,3,1,4\n";
    let found = read("load.csv", table.as_bytes(), Told::default());
    assert_eq!(found.counts, [(3, vec![12, 4])]);
    assert!(said(found).contains("the last was taken"));
    let steps = [vec![vec![5; 18]], vec![vec![9; 18]], vec![vec![1; 18]]];
    let found = read("load.json", serde_json::to_string(&steps).unwrap().as_bytes(), Told::default());
    assert_eq!(found.counts, [(0, vec![15; 18])], "one that falls is a count of each step");
}

#[test]
fn counts_of_one_rank_of_several_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.json");
    let matrix =
        |from: usize| [0, 1].map(|_| (0..16).map(|e| u64::from((from..from + 4).contains(&e)) * 9).collect::<Vec<_>>());
    for (counts, slice) in [(matrix(4), true), (matrix(2), false)] {
        std::fs::write(&path, serde_json::to_string(&counts).unwrap()).unwrap();
        let out = moescope(&["analyze", path.to_str().unwrap()]);
        let words = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(words.contains("only experts 4 to 7 of 16 were ever counted"), slice, "{words}");
    }
}

#[test]
fn what_holds_no_experts_gets_one_message() {
    let dat = [&2u32.to_le_bytes()[..], &20u32.to_le_bytes(), b"blk.0.attn_q.weight\0", &[0; 64]].concat();
    for (path, bytes, what) in [
        ("imatrix.dat", dat.as_slice(), "old form (.dat)"),
        ("server.log", b"[2025] Gen batch. current_pass_balancedness=0.83\n".as_slice(), "lines of balancedness"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        ("x.yaml", b"initial_global_assignments:\n  3: [0, 1]\n", "it is a placement"),
        ("map.json", br#"{"physical_to_logical_map": [[0, 1], [1, 0]]}"#, "it is a placement"),
    ] {
        let found = read(path, bytes, Told::default());
        let words = said(found);
        assert!(words.contains(what) && words.lines().count() == 1, "{path}: {words}");
    }
}

#[test]
fn no_cut_or_changed_byte_of_a_container_does_harm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let step = (bytes.len() / 97).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            for damaged in [&bytes[..at], &changed] {
                let found = read(path.to_str().unwrap(), damaged, Told { top_k: Some(2), ..Told::default() });
                let kept = !found.requests.is_empty() || !found.counts.is_empty() || !found.fragments.is_empty();
                assert!(kept || !found.issues.is_empty(), "{} at {at}: nothing is lost without a word", path.display());
            }
        }
    }
}

#[test]
fn every_way_to_save_a_recording_tells_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings");
    let expected = read("x.npy", &std::fs::read(folder.join("int64-fortran.npy")).unwrap(), Told::default());
    let expected = &expected.requests[0];
    assert_eq!((expected.tokens, expected.layers.as_slice(), expected.top_k), (4, &[1, 2][..], 2));
    for name in [
        "int16-big.npy",
        "uint8.npz",
        "object.npz",
        "int32.safetensors",
        "rows.parquet",
        "delta-gzip.parquet",
        "lists.pkl",
        "int16.pt",
        "before-1.6.pt",
        "view-int32.pt",
        "bare-uint8.pt",
    ] {
        let found = read(name, &std::fs::read(folder.join(name)).unwrap(), Told::default());
        assert_eq!(found.requests.len(), 1, "{name}: {}", said(found));
        let r = &found.requests[0];
        assert_eq!((&r.layers, &r.columns), (&expected.layers, &expected.columns), "{name}");
    }
}

#[test]
fn a_recording_goes_in_and_a_clean_one_comes_out() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings");
    let folder = tempfile::tempdir().unwrap();
    let analyze = |path: &Path, more: &[&str]| -> Value {
        let out = moescope(&[&["analyze", path.to_str().unwrap(), "--json"], more].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let from = data.join("uint8.npz");
    let before = analyze(&from, &["--unmarked", "first:3"]);
    assert_eq!(before["tokens"], serde_json::json!({"prefill": 3, "decode": 1, "unmarked": 0}));
    for name in ["out.json", "out.npz", "out.moesum"] {
        let to = folder.path().join(name);
        let out = moescope(&["convert", from.to_str().unwrap(), "-o", to.to_str().unwrap(), "--unmarked", "first:3"]);
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
        let after = analyze(&to, &[]);
        assert_eq!(after["tokens"], before["tokens"], "{name}");
        assert_eq!(after["cross_token"]["joined"]["checksum"], before["cross_token"]["joined"]["checksum"], "{name}");
    }
    let out = moescope(&["inspect", from.to_str().unwrap(), "--json"]);
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&told["files"][0]["reader"], &told["files"][0]["unmarked"]), (&"torch-or-npz".into(), &4.into()));
    assert_eq!(told["files"][0]["checks"][0][0], "dense layers");
}

#[test]
fn the_cases_of_public_reports_are_read_as_they_should_be() {
    let Some(check) = case("check.py") else { return };
    let run =
        std::process::Command::new("python3").arg(check).args(["--binary", env!("CARGO_BIN_EXE_moescope")]).output();
    let Ok(out) = run else {
        eprintln!("SKIPPED: there is no python3");
        return;
    };
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}

#[test]
fn every_finding_says_how_to_overrule_it_and_every_reader_what_it_reads() {
    let finding = Problem::Finding(Finding::Shared { ids: "64".into() });
    assert!(finding.mend().contains("--keep-shared") && finding.badge() == Some(("shared", "shared expert")));
    assert!(READERS.iter().all(|r| !r.says.is_empty()));
}

#[test]
fn what_convert_writes_keeps_the_numbers_of_its_layers() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.csv"), folder.path().join("out.npz"));
    std::fs::write(&from, "layer,token,topk_ids\n3,0,\"[1, 2]\"\n3,1,\"[0, 2]\"\n7,0,\"[5, 4]\"\n7,1,\"[1, 4]\"\n")
        .unwrap();
    let path = |p: &std::path::Path| p.to_str().unwrap().to_string();
    let out = crate::support::moescope(&["convert", &path(&from), "-o", &path(&to)]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let out = crate::support::moescope(&["analyze", &path(&to), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["layer_ids"], serde_json::json!([3, 7]));
}
