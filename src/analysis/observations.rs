//! The paper's observations as statements on one trace: what was measured, what the paper says, and what a difference is
//! likely to mean. Apart from the report, whose numbers they read.

use super::{Observation, Report};
use crate::model::ModelPreset;
use crate::units::percent;

/// The reading of what agrees.
const AS_FOUND: &str = "as the paper finds";

/// Mean of what there is.
pub(super) fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// The observations Ob1 to Ob5 and the claim of repetition. `synthetic` and the model say what a difference may mean.
#[must_use]
pub fn observations(report: &Report, model: Option<&ModelPreset>, synthetic: bool) -> Vec<Observation> {
    let collapsed = &report.collapsed;
    let without = |values: &[Option<f64>]| -> Option<f64> {
        let sound = values.iter().zip(&report.layer_ids).filter(|(_, id)| !collapsed.contains(id)).map(|(v, _)| *v);
        (!collapsed.is_empty()).then(|| mean(&sound.collect::<Vec<_>>())).flatten()
    };
    let make =
        |id: &str, name: &str, values: Option<&Vec<Option<f64>>>, paper: String, expected: Option<f64>, lacks: &str| {
            let measured = values.and_then(|v| mean(v));
            let without_collapsed = values.and_then(|v| without(v));
            let reading = match measured {
                None => lacks.to_string(),
                // "Or more" and "over" in the paper's words: more is no difference.
                Some(m)
                    if (paper.contains("or more") || paper.starts_with("over")) && expected.is_some_and(|e| m >= e) =>
                {
                    AS_FOUND.into()
                }
                Some(m) => reading(report, without_collapsed.unwrap_or(m), expected, synthetic),
            };
            let printed = expected.map(|e| (e, e));
            Observation {
                id: id.into(),
                name: name.into(),
                measured,
                without_collapsed,
                paper,
                reading,
                times: false,
                printed,
            }
        };
    let published = |value: Option<f64>| value.map_or_else(|| "no published value for this model".into(), percent);
    let no_order = "needs the order of tokens";
    let no_decode = "needs prefill and decode tokens";
    let joined = &report.cross_token["joined"];
    let similar = &report.similarity;
    let top5 = |m: &str| similar.decode_top5_in_prefill_top.get(m);
    let pairs = report.coactivation.as_ref();
    let overlap = subject_overlap(report);
    let mut out = vec![
        make(
            "Ob1",
            "Next layer: coverage of the top 20% of experts",
            Some(&report.cross_layer["all"].coverage_top),
            published(model.and_then(|m| m.paper_cross_layer)),
            model.and_then(|m| m.paper_cross_layer),
            no_order,
        ),
        make(
            "Ob2",
            "Next token: coverage of the top 20% of experts",
            Some(&joined.coverage_top),
            published(model.and_then(|m| m.paper_cross_token)),
            model.and_then(|m| m.paper_cross_token),
            no_order,
        ),
        make(
            "Ob3",
            "Prefill and decode: rank correlation of expert frequencies",
            Some(&similar.rho_frequency),
            "mostly 0.7 or more".into(),
            Some(0.7),
            no_decode,
        ),
        make("Ob3", "Decode top-5 within the prefill top-5", top5("5"), "60%".into(), Some(0.6), no_decode),
        make("Ob3", "Decode top-5 within the prefill top-10", top5("10"), "75%".into(), Some(0.75), no_decode),
        make("Ob3", "Decode top-5 within the prefill top-20", top5("20"), "90%".into(), Some(0.9), no_decode),
        make(
            "Ob4",
            "Top-10 experts that two subjects share",
            overlap.as_ref(),
            "some experts hot everywhere, the rest differ; English and Chinese share 2 of 5 to 6".into(),
            None,
            "needs folders that name at least two subjects",
        ),
        make(
            "Ob5",
            "Co-activations in the top 10% of pairs",
            pairs.map(|p| &p.top10_share),
            "60% to 80%".into(),
            Some(0.7),
            "needs top-2 or more: a top-1 model never uses two experts for a token",
        ),
        make(
            "claim",
            "A step's experts that the step before needed too, all requests in lockstep",
            Some(&report.repetition.lockstep),
            "over 80% repetitive assignment, batched (an earlier claim)".into(),
            Some(0.8),
            no_order,
        ),
    ];
    if let Some(pairs) = out.iter_mut().find(|o| o.id == "Ob5") {
        pairs.printed = Some((0.6, 0.8));
    }
    // It is of a batch, and this is as large a batch as there are requests.
    if let Some(claim) = out.last_mut().filter(|o| o.measured.is_some() && o.reading != AS_FOUND && !synthetic) {
        claim.reading = format!("grows with the batch, which is all {} requests here", report.requests);
    }
    // The other two forms of repetition, which the claim is often read as: they are of one request, and lower.
    let single = [
        ("Tokens that use an expert of the token before, one request", report.repetition.any.first()),
        ("A token's experts that the token before used, one request", report.repetition.fraction.first()),
    ];
    for (name, values) in single {
        let row = make("claim", name, values, "not stated".into(), None, no_order);
        let reading = if row.measured.is_some() { "not what the claim is about: it is of a batch" } else { no_order };
        out.push(Observation { reading: reading.into(), ..row });
    }
    let strongest = pairs.and_then(|p| mean(&p.max_ratio));
    let at = out.len() - 3;
    out.insert(
        at,
        Observation {
            id: "Ob5".into(),
            name: "Strongest pair over the average pair".into(),
            measured: strongest,
            without_collapsed: None,
            paper: "20 to 40 times".into(),
            reading: if strongest.is_some() {
                reading(report, f64::NAN, None, synthetic)
            } else {
                "needs top-2 or more".into()
            },
            times: true,
            printed: Some((20.0, 40.0)),
        },
    );
    out
}

/// Share of the top ten that two subjects have in common, mean over pairs of subjects, by layer.
pub(super) fn subject_overlap(report: &Report) -> Option<Vec<Option<f64>>> {
    let between = |layer: &Vec<Vec<f64>>| {
        let pairs = (0..layer.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        mean(&pairs.map(|(a, b)| Some(layer[a][b])).collect::<Vec<_>>())
    };
    report.subjects.as_ref().map(|s| s.overlap.iter().map(between).collect())
}

/// What a difference to the paper is likely to mean.
fn reading(report: &Report, measured: f64, expected: Option<f64>, synthetic: bool) -> String {
    /// Differences below this are within what a mean over layers and requests moves.
    const ALIKE: f64 = 0.05;
    if let Some(expected) = expected
        && (measured - expected).abs() < ALIKE
    {
        return AS_FOUND.into();
    }
    let mut causes = Vec::new();
    if synthetic {
        causes.push("the workload is synthetic".to_string());
    }
    if report.requests < 1000 && !synthetic {
        causes.push(format!("only {} requests of {}; the paper uses thousands", report.requests, one_subject(report)));
    }
    if report.tokens.decode == 0 {
        causes.push("prefill only".into());
    } else if (report.tokens.prefill as f64) < 32.0 * report.requests as f64 {
        causes.push("short prefill, so its counts are noisy".into());
    }
    if causes.is_empty() { "another model or data set than the paper's".into() } else { causes.join("; ") }
}

fn one_subject(report: &Report) -> String {
    match report.subjects.as_ref().map_or(1, |s| s.names.len()) {
        1 => "one subject".into(),
        n => format!("{n} subjects"),
    }
}
