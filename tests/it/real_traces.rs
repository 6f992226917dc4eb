//! Real traces: what the archive is known to hold, and that threads do not change a byte.

use crate::support::{moescope, real};

fn json(arguments: &[&str]) -> serde_json::Value {
    let out = moescope(arguments);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn llama_4_is_read_whole() {
    let Some(path) = real("llama4-maverick-mmlu.zip") else { return };
    let path = path.to_str().unwrap();
    let one = json(&["analyze", path, "--json", "--threads", "1"]);
    assert_eq!(one["requests"], 235);
    assert_eq!((&one["layers"], &one["experts"], &one["top_k"]), (&24.into(), &128.into(), &1.into()));
    assert_eq!(one["tokens"]["decode"], 29_684);
    let warnings: Vec<&str> = one["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("layer 45 is collapsed: expert 40 takes 99.9%"), "{warnings:?}");
    assert!(warnings[1].contains("prefill is short, 20.6 tokens"), "{warnings:?}");
    assert!(one == json(&["analyze", path, "--json", "--threads", "3"]), "threads change nothing");
}

#[test]
fn strategies_on_llama_4_stand_in_the_papers_order() {
    let Some(path) = real("llama4-maverick-mmlu.zip") else { return };
    for wafer in ["dojo", "tsmc-sow"] {
        let experiment = format!("v=1&wafer={wafer}&batch=4096");
        let report = json(&["run", "--experiment", &experiment, "--traces", path.to_str().unwrap(), "--json"]);
        let speedup = |i: usize| report["runs"][i]["speedup"].as_f64().unwrap();
        let [base, ep, allo, pred, both] = [0, 1, 2, 3, 4].map(speedup);
        assert_eq!(base, 1.0);
        assert!(both >= allo && allo >= ep && ep > pred && pred > base, "{report}");
        assert_eq!(report["runs"][1]["hop_ratio"], serde_json::Value::Null, "ep has no hops");
    }
}

#[test]
fn a_correlation_of_at_least_the_papers_reads_as_the_paper_finds() {
    use moescope::analysis::{observations, report};
    use moescope::model::model_named;
    let mut r = report(&crate::support::summary(&[crate::support::t1()]), Vec::new());
    r.similarity.rho_frequency = vec![Some(0.9)];
    let rho =
        |r: &_| observations(r, model_named("llama4-maverick"), false).into_iter().find(|o| o.id == "Ob3").unwrap();
    assert_eq!(rho(&r).reading, "as the paper finds");
    r.similarity.rho_frequency = vec![Some(0.4)];
    assert!(rho(&r).reading.contains("only 1 requests of one subject"), "{}", rho(&r).reading);
}
