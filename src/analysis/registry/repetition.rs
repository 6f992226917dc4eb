//! E: how soon an expert is needed again, in its three forms.

use super::{Analysis, Drawn, Form, Group, Made, Make, Needs, Sketch, known};
use crate::analysis::figure::{Curves, Data, Dots, Format, Heads, Level, Line, Measure, Series};
use crate::analysis::observations::mean;
use crate::analysis::{Report, Setting, WINDOWS};
use crate::model::Phase;

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "E",
    name: "repetition",
    says: "How much of what is needed now was needed just before?",
    observed: "claim",
    needs: Needs::Order,
    figures: &[
        Sketch {
            id: "repetition",
            title: "Repetition",
            caption: "Share of {stream} tokens with an expert that was used in the last W tokens, and mean share of a token's experts that were (analysis E). Mean over layers.",
            question: "How soon is one repeated?",
            group: Group::Long,
            form: Form::Curve,
            tells: "Of the tokens, {!y0@1} use an expert of the token before.| Within sixteen tokens it is {y0@16}.",
            wide: true,
            listed: true,
            make: Make::Report(windows),
        },
        Sketch {
            id: "repetition-layers",
            title: "Repetition by layer",
            caption: "All requests in lockstep: share of a step's distinct {stream} experts that the step before needed too, beside both forms of one request with its token before (analysis E). The claim of over 80% is of a batch; the share grows with the number of requests.",
            question: "Does a whole batch repeat?",
            group: Group::Long,
            form: Form::Levels,
            tells: "In lockstep, {!mean0} of a step\u{2019}s experts were needed by the step before, mean over layers.| Layer {at0} is the strongest, with {most0}.| Of one request alone, a token shares {mean2} of its experts with the token before.",
            wide: true,
            listed: true,
            make: Make::Report(by_layer),
        },
    ],
};

fn stream(report: &Report) -> &'static str {
    Phase::EACH.map(Phase::name).into_iter().find(|name| *name == report.repetition.stream).unwrap_or_default()
}

fn windows(report: &Report, _: &Setting) -> Made {
    let line = |name: &str, all: &[Vec<Option<f64>>]| Line {
        name: name.into(),
        x: report.repetition.windows.iter().map(|&w| w as f64).collect(),
        y: all.iter().map(|layers| mean(layers).unwrap_or(f64::NAN)).collect(),
    };
    let curves = Curves {
        lines: vec![line("any expert", &report.repetition.any), line("share of experts", &report.repetition.fraction)],
        x: Measure::new("window W, tokens", Format::Count),
        to: WINDOWS as f64,
        y: Measure::new("repeated", Format::Share),
        ..Curves::default()
    };
    Ok(Drawn { stream: stream(report), ..Drawn::new(Data::Curves(curves), "last {x} tokens: {all}") })
}

fn by_layer(report: &Report, _: &Setting) -> Made {
    let first = |all: &[Vec<Option<f64>>]| all.first().map_or_else(Vec::new, |layers| known(layers));
    let dots = Dots {
        items: Heads::layers(report.layer_ids.clone()),
        series: vec![
            Series::new("in lockstep", known(&report.repetition.lockstep)),
            Series::new("any expert, W = 1", first(&report.repetition.any)),
            Series::new("share of experts, W = 1", first(&report.repetition.fraction)),
        ],
        levels: vec![Level { name: "claim".into(), value: 0.8 }],
        measure: Measure::new("repeated", Format::Share),
        to: Some(1.0),
    };
    Ok(Drawn { stream: stream(report), ..Drawn::new(Data::Dots(dots), "layer {item}: {all}") })
}
