//! Every format tells the same small trace. The samples are made by tests/data/make.py, with other libraries than ours.

use std::path::PathBuf;

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
    [
        report["frequency"]["all"]["checksum"].clone(),
        report["cross_layer"]["all"]["checksum"].clone(),
        joined["checksum"].clone(),
        report["coactivation"]["max_ratio"].clone(),
    ]
}

#[test]
fn all_formats_with_an_order_of_tokens_tell_the_same_routing() {
    let paper = analyze("paper.json");
    assert_eq!(paper["tokens"], serde_json::json!({"prefill": 3, "decode": 1}));
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
    assert_eq!(analyze("moe-beyond.csv")["tokens"]["decode"], 0, "a forward pass has no decode");
    assert!(warnings(&analyze("vllm-int16.npy")).contains("no decode tokens"));
}

#[test]
fn two_responses_in_a_file_are_two_requests() {
    let report = analyze("vllm.jsonl");
    assert_eq!(report["requests"], 2);
    assert_eq!(report["tokens"], serde_json::json!({"prefill": 6, "decode": 2}));
    // Even and odd requests: the held-out variant has both.
    assert!(report["cross_token"]["joined"]["coverage_heldout"][0].is_number());
}

#[test]
fn sglang_drops_dense_layers_and_says_so() {
    for name in ["sglang.json", "sglang-openai.json"] {
        let report = analyze(name);
        assert_eq!((&report["top_k"], &report["layer_ids"]), (&2.into(), &serde_json::json!([1, 2])), "{name}");
        // The last token is never routed: three prompt tokens, no decode.
        assert_eq!(report["tokens"], serde_json::json!({"prefill": 3, "decode": 0}));
        assert!(warnings(&report).contains("layer 0: every row of the layer is zero"), "{}", warnings(&report));
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
    for name in ["counts.csv", "llama-cpp.csv", "sglang-counts.json", "sglang-counts-steps.json"] {
        let report = analyze(name);
        assert_eq!(report["frequency"]["all"]["skew"], skew, "{name}");
        assert_eq!((&report["requests"], &report["coactivation"]), (&0.into(), &Value::Null));
        assert_eq!(report["cross_token"]["joined"]["coverage_top"], serde_json::json!([null, null]));
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
    // All at once: whatever is sound is kept, nothing ends the program.
    let out = moescope(&["analyze", folder.path().to_str().unwrap(), "--json"]);
    assert!(matches!(out.status.code(), Some(0 | 1)), "{:?}", out.status);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
}
