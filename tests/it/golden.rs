//! Derived numbers of the real archives, kept. `MOESCOPE_UPDATE=1 cargo test golden` writes them anew, on purpose only.

use serde_json::{Map, Value};

use crate::support::{moescope, real};

/// The report without its longest arrays: numbers that would show any change of an analysis.
fn digest(report: &Value) -> Value {
    let mut out = Map::new();
    for key in [
        "requests",
        "tokens",
        "layers",
        "experts",
        "top_k",
        "warnings",
        "frequency",
        "cross_layer",
        "cross_token",
        "similarity",
        "reuse",
        "coactivation",
        "hot",
    ] {
        out.insert(key.into(), report[key].clone());
    }
    for curve in ["any", "fraction"] {
        let all = report["repetition"][curve].as_array().unwrap();
        out.insert(format!("repetition_{curve}_1_8_64"), Value::from([0, 7, 63].map(|w| all[w].clone()).to_vec()));
    }
    out.insert("repetition_lockstep".into(), report["repetition"]["lockstep"].clone());
    Value::Object(out)
}

fn check(archive: &str, kept: &str) {
    let Some(path) = real(archive) else { return };
    let out = moescope(&["analyze", path.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(kept);
    let measured = digest(&report);
    if std::env::var_os("MOESCOPE_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, serde_json::to_string_pretty(&measured).unwrap() + "\n").unwrap();
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for (key, value) in kept.as_object().unwrap() {
        assert!(
            measured[key] == *value,
            "{key} has changed: {}",
            &measured[key].to_string().chars().take(300).collect::<String>()
        );
    }
}

#[test]
fn llama_4_maverick() {
    check("llama4-maverick-mmlu.zip", "llama4-maverick-mmlu.json");
}

#[test]
fn deepseek_v2_lite() {
    check("deepseek-v2-lite-puffin.zip", "deepseek-v2-lite-puffin.json");
}
