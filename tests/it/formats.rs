//! Every format tells the same small trace. The samples are made by tests/data/make.py, with other libraries than ours.

use std::path::PathBuf;

use moescope::format::{About, Ids, READERS, Told};
use moescope::model::{LAYER_IDS, MAX_COUNT, MAX_LAYERS, MAX_TOP_K, UNKNOWN};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::moescope;

fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn analyze(name: &str) -> Value {
    let out = moescope(&["analyze", sample(name).to_str().unwrap(), "--json"]);
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn warnings(report: &Value) -> String {
    report["warnings"].to_string()
}

/// What depends on the routing alone, and not on where the prompt ends.
fn routing(report: &Value) -> [Value; 4] {
    let joined = &report["cross_token"]["joined"];
    let values = [
        report["frequency"]["all"]["checksum"].clone(),
        report["cross_layer"]["all"]["checksum"].clone(),
        joined["checksum"].clone(),
        report["coactivation"]["max_ratio"].clone(),
    ];
    // What is missing in all reports would be equal in them too.
    assert!(values.iter().all(|v| *v != Value::Null && *v != 0), "{values:?}");
    values
}

#[test]
fn all_formats_with_an_order_of_tokens_tell_the_same_routing() {
    let paper = analyze("paper.json");
    assert_eq!(paper["tokens"], serde_json::json!({"prefill": 3, "decode": 1, "unmarked": 0}));
    assert_eq!(paper["layer_ids"], serde_json::json!([1, 2]));
    for name in [
        "vllm-int16.npy",
        "vllm-int32.npy",
        "vllm-uint8.npy",
        "vllm-uint16.npy",
        "vllm.json",
        "moe-beyond.csv",
        "paper.json.gz",
        "paper.json.zst",
    ] {
        let report = analyze(name);
        assert_eq!(report["requests"], 1, "{name}");
        assert_eq!(routing(&report), routing(&paper), "{name}");
    }
    assert_eq!(analyze("vllm.json")["tokens"], paper["tokens"], "a response tells where the prompt ends");
    for name in ["moe-beyond.csv", "vllm-int16.npy"] {
        let report = analyze(name);
        assert_eq!(report["tokens"], serde_json::json!({"prefill": 0, "decode": 0, "unmarked": 4}), "{name}");
        assert!(warnings(&report).contains("4 tokens are unmarked"), "{name}");
    }
}

#[test]
fn two_responses_in_a_file_are_two_requests() {
    let report = analyze("vllm.jsonl");
    assert_eq!(report["requests"], 2);
    assert_eq!(report["tokens"], serde_json::json!({"prefill": 6, "decode": 2, "unmarked": 0}));
    // Even and odd requests: the held-out variant has both.
    assert!(report["cross_token"]["joined"]["coverage_heldout"][0].is_number());
}

#[test]
fn sglang_drops_dense_layers_and_says_so() {
    for name in ["sglang.json", "sglang-openai.json"] {
        let out = moescope(&["analyze", sample(name).to_str().unwrap(), "--json"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && said.contains("6 layers of 1, 3 layers of 2"), "it asks: {said}");
        let out = moescope(&["analyze", sample(name).to_str().unwrap(), "--json", "--top-k", "2"]);
        let report: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!((&report["top_k"], &report["layer_ids"]), (&2.into(), &serde_json::json!([1, 2])), "{name}");
        // The last token is never routed: three prompt tokens, no decode.
        assert_eq!(report["tokens"], serde_json::json!({"prefill": 3, "decode": 0, "unmarked": 0}));
        assert!(
            warnings(&report).contains("layer 0: each token lists one id again and again (all zero)"),
            "{}",
            warnings(&report)
        );
    }
}

#[test]
fn tokens_with_unknown_routing_are_counted_and_left_out() {
    let report = analyze("vllm-prefix-cache.npy");
    assert!(warnings(&report).contains("the routing of a token is unknown (-1)"), "{}", warnings(&report));
    assert!(warnings(&report).contains("2 rows have unknown routing"));
    assert_eq!(
        report["repetition"]["any"][0],
        serde_json::json!([1.0, 1.0]),
        "the token after an unknown one has a window"
    );
}

#[test]
fn counts_answer_frequency_and_nothing_else() {
    let skew = analyze("paper.json")["frequency"]["all"]["skew"].clone();
    assert!(skew[0].is_number() && skew[1].is_number(), "{skew}");
    for name in [
        "counts.csv",
        "llama-cpp.csv",
        "sglang-counts.json",
        "sglang-counts-steps.json",
        "matrix.json",
        "matrix-steps.json",
    ] {
        let report = analyze(name);
        assert_eq!(report["frequency"]["all"]["skew"], skew, "{name}");
        assert_eq!((&report["requests"], &report["coactivation"]), (&0.into(), &Value::Null), "{name}");
        assert_eq!(report["cross_token"]["joined"]["coverage_top"], serde_json::json!([null, null]));
    }
}

#[test]
fn a_matrix_that_is_none_is_named() {
    for (text, what) in [
        ("[[1, 2], [3, -4]]", "it holds an array, int64 [2, 2], and no routing"),
        ("[[1, 2.5]]", "the number of experts a token (top-k) is not in the file"),
        ("[[[1, 2], [3, 4]], [[1, 2", "the file ends early, inside a list"),
        ("[[1, 2], [3, 4, 5], [6, 7]]", "layer 1: 3 counts in a row where most have 2; left out"),
        ("[[]]", "it holds a list of 1, and no routing"),
    ] {
        let (_, _, said) = analyze_bytes("m.json", text.as_bytes());
        assert!(said.contains(what), "{text}: {said}");
    }
}

#[test]
fn archives_open_in_natural_order_whatever_is_around_them() {
    let zip = analyze("paper.zip");
    assert_eq!(zip["requests"], 2);
    for name in ["paper.tar", "paper.tar.gz", "paper.tar.zst"] {
        let report = analyze(name);
        assert_eq!(routing(&report), routing(&zip), "{name}");
        assert_eq!(report["requests"], 2, "{name}");
    }
}

#[test]
fn damaged_samples_are_reported_not_panicked_over() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(sample("")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for (name, damaged) in [
            ("cut", bytes[..bytes.len() / 2].to_vec()),
            ("flipped", {
                let mut b = bytes.clone();
                let middle = b.len() / 2;
                b[middle] ^= 0x55;
                b
            }),
        ] {
            let to = folder.path().join(format!("{name}-{}", path.file_name().unwrap().to_str().unwrap()));
            std::fs::write(&to, damaged).unwrap();
        }
    }
    // All at once: whatever is sound is counted, nothing ends the program.
    let out = moescope(&["analyze", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["requests"], 14);
    assert_eq!(report["tokens"], serde_json::json!({"prefill": 21, "decode": 7, "unmarked": 26}));
    // Each is named, but those that are sound: cut where a line ends, a byte of a header's padding flipped.
    let sound = [
        "cut-vllm.jsonl",
        "flipped-vllm-int16.npy",
        "flipped-vllm-int32.npy",
        "flipped-vllm-uint16.npy",
        "flipped-vllm-uint8.npy",
    ];
    let said = warnings(&report);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut silent: Vec<String> = names.filter(|name| !said.contains(name.as_str())).collect();
    silent.sort();
    assert_eq!(silent, sound, "{said}");
}

/// The output of `analyze` on one file of these bytes, with what it said.
fn analyze_bytes(name: &str, bytes: &[u8]) -> (Option<i32>, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let out = moescope(&["analyze", path.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stderr), report["warnings"]);
    (out.status.code(), report, said)
}

/// A `.npy` of one byte an id.
fn npy(shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), data].concat()
}

#[test]
fn every_reader_knows_its_own_samples() {
    use moescope::format::reader;
    let names: std::collections::BTreeSet<_> = READERS.iter().map(|r| r.name).collect();
    assert_eq!(names.len(), READERS.len(), "names are unique");
    for (file, name) in [
        ("paper.json", "paper"),
        ("vllm-int16.npy", "npy"),
        ("vllm.json", "json"),
        ("sglang-counts.json", "json"),
        ("matrix.json", "json"),
        ("matrix-steps.json", "json"),
        ("moe-beyond.csv", "table"),
        ("counts.csv", "table"),
        ("llama-cpp.csv", "table"),
    ] {
        assert_eq!(reader(&std::fs::read(sample(file)).unwrap()).name, name, "{file}");
    }
    assert_eq!(reader(b"moesum 3\n").name, "summary");
    assert_eq!(reader(b"").name, "paper", "which says that it is empty");
}

#[test]
fn an_array_of_thousands_of_layers_is_refused_before_tables_are_made() {
    let (code, _, said) = analyze_bytes("wide.npy", &npy("(2, 20000, 1)", &[7; 40_000]));
    assert_eq!(code, Some(1));
    assert!(said.contains("wide.npy: 20000 layers above the limit of 1024"), "{said}");
}

#[test]
fn a_shape_whose_product_overflows_is_refused() {
    for (shape, what) in [
        ("(0, 4294967296, 4294967296)", "4294967296 layers above the limit of 1024"),
        ("(18446744073709551615, 2, 2)", "the header promises more ids than any file, the file holds 4"),
        ("(1, 2, 4294967296)", "the header promises 8589934592 ids, the file holds 4"),
        ("(2, 2, 2)", "the header promises 8 ids, the file holds 4"),
    ] {
        let (code, _, said) = analyze_bytes("x.npy", &npy(shape, &[1; 4]));
        assert!(code == Some(1) && said.contains(what), "{shape}: {said}");
    }
}

#[test]
fn a_layer_id_that_no_number_holds_is_refused_by_name_in_every_table() {
    let ids = "Layer ID,Batch Number,Token,Activated Expert IDs\n1,0,a,\"[1, 2]\"\n65536,0,a,\"[1, 3]\"\n";
    let (code, report, said) = analyze_bytes("ids.csv", ids.as_bytes());
    assert_eq!((code, &report["layer_ids"]), (Some(0), &serde_json::json!([1])));
    assert!(said.contains("ids.csv, layer 65536, byte 64: layer id 65536 above the limit of 65535"), "{said}");
    let (code, report, said) = analyze_bytes("counts.csv", b"layer_id,expert_id,count\n1,0,5\n65536,3,9\n");
    assert_eq!((code, &report["layer_ids"]), (Some(0), &serde_json::json!([1])));
    assert!(said.contains("layer 65536, byte 31: layer id 65536 above the limit of 65535"), "{said}");
}

#[test]
fn more_layers_than_the_bound_are_refused_by_name_in_every_format() {
    let rows: String = (0..1100).map(|l| format!("{l},0,a,[1]\n")).collect();
    let table = format!("Layer ID,Batch Number,Token,Activated Expert IDs\n{rows}");
    let (_, report, said) = analyze_bytes("ids.csv", table.as_bytes());
    assert!(report["layers"] == 1024 && said.contains("1025 layers above the limit of 1024 (76 times"), "{said}");
    let counts: String = (0..1100).map(|l| format!("{l},1,2\n")).collect();
    let (_, report, said) = analyze_bytes("c.csv", format!("layer_id,expert_id,count\n{counts}").as_bytes());
    assert!(report["layers"] == 1024 && said.contains("layers above the limit of 1024 (76 times"), "{said}");
    let nested = vec![vec![[1]; 1100]; 2];
    let response = serde_json::json!({ "prompt_routed_experts": nested }).to_string();
    let (code, _, said) = analyze_bytes("r.json", response.as_bytes());
    assert!(code == Some(1) && said.contains("1100 layers above the limit of 1024"), "{said}");
}

#[test]
fn rows_that_are_missing_in_a_thousand_layers_are_not_filled_up() {
    // One layer of many tokens, a thousand of one: filled up, the others would take a thousand times its bytes.
    let many = "0,0,a,[1]\n".repeat(60_000);
    let few: String = (1..1024).map(|l| format!("{l},0,a,[1]\n")).collect();
    let table = format!("Layer ID,Batch Number,Token,Activated Expert IDs\n{many}{few}");
    let (code, _, said) = analyze_bytes("x.csv", table.as_bytes());
    assert!(code == Some(1) && said.contains("x.csv: rows that are missing in 1024 layers above the limit"), "{said}");
}

#[test]
fn a_table_that_is_cut_inside_a_number_loses_its_last_row_and_says_so() {
    let whole = b"layer_id,expert_id,count\n1,0,5\n1,1,1234\n";
    let (_, sound, said) = analyze_bytes("x.csv", whole);
    assert!(!said.contains("ends early"), "{said}");
    let (code, cut, said) = analyze_bytes("x.csv", &whole[..whole.len() - 3]);
    assert!(said.contains("x.csv, byte 31: the file ends early, inside its last row"), "{said}");
    assert_eq!(code, Some(0));
    assert_ne!(cut["frequency"]["all"]["checksum"], sound["frequency"]["all"]["checksum"]);
    let (_, without, _) = analyze_bytes("x.csv", &whole[..31]);
    assert_eq!(cut["frequency"], without["frequency"], "12 was never counted");
}

#[test]
fn counts_of_different_shapes_are_said() {
    let row = br#"{"logical_count": [[1, 2, 3, 4], [5, 6], [1, 1, 1, 1]]}"#;
    let (code, report, said) = analyze_bytes("x.json", row);
    assert_eq!((code, &report["layer_ids"]), (Some(0), &serde_json::json!([0, 2])));
    assert!(said.contains("x.json, layer 1: 2 counts in a row where most have 4; left out"), "{said}");
    let step = br#"{"logical_count": [[[1, 2], [3, 4]], [[9, 9]], [[1, 2], [3, 4]]]}"#;
    let (_, report, said) = analyze_bytes("x.json", step);
    assert!(said.contains("step 1: 1 layers in a matrix of counts where most have 2; left out"), "{said}");
    let (_, twice, _) = analyze_bytes("x.json", br#"{"logical_count": [[2, 4], [6, 8]]}"#);
    assert_eq!(report["frequency"], twice["frequency"]);
}

#[test]
fn bytes_behind_an_array_are_said() {
    let array = npy("(2, 2, 1)", &[1, 2, 1, 3, 9, 9, 9]);
    let (code, report, said) = analyze_bytes("x.npy", &array);
    assert_eq!((code, &report["requests"]), (Some(0), &1.into()));
    assert!(said.contains("3 bytes stand behind the array") && said.contains("Kept: 2 unmarked"), "{said}");
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &array);
    let response = serde_json::json!({ "prompt_routed_experts": text }).to_string();
    let (_, report, said) = analyze_bytes("x.json", response.as_bytes());
    assert!(report["requests"] == 1 && said.contains("3 bytes stand behind the array"), "{said}");
}

#[test]
fn counts_whose_sums_would_wrap_are_refused_by_name() {
    let half = u64::MAX / 2;
    let table = format!("layer_id,expert_id,count\n1,0,{half}\n1,0,{half}\n1,1,{half}\n1,2,7\n");
    let (code, report, said) = analyze_bytes("huge.csv", table.as_bytes());
    assert!(said.contains("huge.csv, layer 1, byte 25: the sum of all counts above the limit"), "{said}");
    assert_eq!((code, report["frequency"]["all"]["skew"][0].as_f64()), (Some(0), Some(4.0)), "only the seven is kept");
    // Each of two files alone is within the bound.
    let folder = tempfile::tempdir().unwrap();
    let large = 3u64 << 50;
    for name in ["a.csv", "b.csv"] {
        std::fs::write(folder.path().join(name), format!("layer,expert,count\n1,0,{large}\n1,1,5\n")).unwrap();
    }
    for threads in ["1", "2"] {
        let out = moescope(&["analyze", folder.path().to_str().unwrap(), "--json", "--threads", threads]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            out.status.code() == Some(1) && said.contains("together with the other files it is too much"),
            "{said}"
        );
    }
}

#[test]
fn other_counts_have_another_digest() {
    let digest = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, format!("layer_id,expert_id,count\n{text}")).unwrap();
        let out = moescope(&["analyze", path.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        text.lines().next().unwrap().rsplit(' ').next().unwrap().to_string()
    };
    // The same sums by layer; the second and third are those of other experts.
    let all = ["1,0,5\n1,1,3\n2,0,1\n", "1,0,3\n1,1,5\n2,0,1\n", "1,2,8\n2,0,1\n", "1,0,5\n1,1,3\n2,1,1\n"];
    let digests: std::collections::BTreeSet<_> = all.iter().map(|t| digest(t)).collect();
    assert_eq!(digests.len(), all.len(), "{digests:?}");
    assert_eq!(digest("2,0,1\n1,1,3\n1,0,2\n1,0,3\n"), digest(all[0]), "the order of the rows says nothing");
}

const SAMPLES: [&str; 10] = [
    "paper.json",
    "vllm-int16.npy",
    "vllm-int32.npy",
    "vllm.json",
    "vllm.jsonl",
    "sglang.json",
    "moe-beyond.csv",
    "counts.csv",
    "sglang-counts-steps.json",
    "matrix-steps.json",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever a file holds, and whoever reads it: what comes out is what everything else relies on.
    #[test]
    fn no_reader_gives_what_is_not_sound(
        sample_at in 0..SAMPLES.len(), reader in 0..READERS.len(), own in any::<bool>(), slice in 1usize..300,
        damages in proptest::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b" ,]}[{\"9-1\n\0\xff".to_vec()), 0u8..3),
            0..5,
        ),
    ) {
        let mut bytes = std::fs::read(sample(SAMPLES[sample_at])).unwrap();
        for (at, byte, how) in damages {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        // The reader that the content tells, or any.
        let reader = if own { moescope::format::reader(&bytes) } else { &READERS[reader] };
        let mut reading = (reader.open)(About { experts: Some(64), told: Told { ids: Some(Ids::Logical), ..Told::default() }, ..About::default() });
        let _ = bytes.chunks(slice).all(|part| reading.feed(part));
        let found = reading.finish();
        let kept = found.summary.is_some() || !found.requests.is_empty() || !found.counts.is_empty();
        prop_assert!(kept || !found.issues.is_empty(), "nothing is lost without a word");
        prop_assert!(found.counts.iter().flat_map(|(_, c)| c).sum::<u64>() < MAX_COUNT);
        prop_assert!(found.counts.iter().all(|(id, _)| u64::from(*id) < LAYER_IDS) && found.counts.len() <= MAX_LAYERS);
        for r in &found.requests {
            prop_assert!(r.top_k >= 1 && r.top_k <= MAX_TOP_K && r.prefill <= r.tokens && r.tokens > 0);
            prop_assert!(!r.layers.is_empty() && r.layers.len() <= MAX_LAYERS && r.layers.len() == r.columns.len());
            prop_assert!(r.layers.is_sorted_by(|a, b| a < b) && r.layers.iter().all(|&id| u64::from(id) < LAYER_IDS));
            for column in &r.columns {
                prop_assert_eq!(column.len(), r.tokens * r.top_k);
                for row in column.chunks(r.top_k) {
                    let distinct = row.iter().collect::<std::collections::BTreeSet<_>>().len() == row.len();
                    prop_assert!(row[0] == UNKNOWN || (distinct && row.iter().all(|&id| id < 64)), "{:?}", row);
                }
            }
        }
    }
}
