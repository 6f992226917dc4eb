//! D: whether prefill tells what decode needs.

use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch, known};
use crate::analysis::figure::{Data, Dots, Format, Heads, Level, Matrix, Measure, Scatter, Series};
use crate::analysis::{Kind, Report, Setting, probabilities};
use crate::model::Scope;

const SIGN: &str = "Probability in prefill minus probability in decode, in {layer}: orange is stronger in prefill, blue in decode. Grey: no data in one of them.";

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "D",
    name: "prefill and decode (Ob3)",
    says: "Does the prompt tell which experts the answer will need?",
    observed: "Ob3",
    needs: Needs::Phases,
    figures: &[
        Sketch {
            id: "similarity-scatter",
            title: "Prefill against decode",
            caption: "Each point is an expert of {layer}: its share of the prefill tokens and of the decode tokens. On the line both are alike.",
            question: "Does the prompt foretell it?",
            group: Group::Experts,
            form: Form::Dots,
            tells: "In {layer}, expert {at} differs the most: {!x} of the prompt\u{2019}s tokens, {y} of the answer\u{2019}s.",
            wide: false,
            listed: false,
            make: Make::Prompt(scatter),
        },
        Sketch {
            id: "similarity-layers",
            title: "Prefill-decode similarity by layer",
            caption: "Spearman's rank correlation between prefill and decode (analysis D, Ob3), of expert frequencies and of both matrices of pairs, all cells. Beside it the ceiling that the noise between requests sets for the frequencies: the same between even and odd requests, corrected to all of them. The paper: mostly 0.7 or more.",
            question: "Is the prompt right in every layer?",
            group: Group::Experts,
            form: Form::Levels,
            tells: "The ranks of prefill and decode agree by {!mean0}, mean over layers; the least in layer {low0}, by {least0}.| The noise between requests would allow {mean3}.",
            wide: true,
            listed: true,
            make: Make::Report(by_layer),
        },
        Sketch {
            id: "token-difference",
            title: "Cross-token, prefill minus decode",
            caption: SIGN,
            question: "Do prompt and answer follow alike?",
            group: Group::Next,
            form: Form::Matrix,
            tells: "In {layer}, prefill and decode differ the most after expert {row}, for expert {column}: {!most}.",
            wide: false,
            listed: false,
            make: Make::Later(tokens),
        },
        Sketch {
            id: "layer-difference",
            title: "Cross-layer, prefill minus decode",
            caption: SIGN,
            question: "Do their layers follow alike?",
            group: Group::Next,
            form: Form::Matrix,
            tells: "In {layer}, prefill and decode differ the most after expert {row}, for expert {column} of the next layer: {!most}.",
            wide: false,
            listed: false,
            make: Make::Later(layers),
        },
    ],
};

fn scatter(layer: &Layer) -> Made {
    let share = |counts: &[u64]| {
        let total = counts.iter().sum::<u64>().max(1) as f64;
        counts.iter().map(|&c| c as f64 / total).collect::<Vec<_>>()
    };
    let [_, prefill, decode] = layer.frequency();
    let scatter = Scatter {
        item: "expert".into(),
        x: Measure::new("share of prefill tokens", Format::Share),
        y: Measure::new("share of decode tokens", Format::Share),
        across: share(prefill),
        along: share(decode),
    };
    Ok(Drawn::new(Data::Scatter(scatter), "expert {item}: {x} of prefill, {y} of decode"))
}

fn by_layer(report: &Report, _: &Setting) -> Made {
    let s = &report.similarity;
    let dots = Dots {
        items: Heads::layers(report.layer_ids.clone()),
        series: [
            ("frequency", &s.rho_frequency),
            ("cross-token", &s.rho_cross_token),
            ("cross-layer", &s.rho_cross_layer),
            ("frequency, ceiling", &s.ceiling_frequency),
        ]
        .map(|(name, values)| Series::new(name, known(values)))
        .into(),
        levels: vec![Level { name: "paper".into(), value: 0.7 }],
        measure: Measure::new("rank correlation", Format::Share),
        to: Some(1.0),
    };
    Ok(Drawn::new(Data::Dots(dots), "layer {item}: {all}"))
}

/// Left less right is prefill less decode.
fn difference(layer: &Layer, kind: Kind) -> Vec<f32> {
    let of = |scope| probabilities(&layer.table(kind, scope), layer.summary.top_k);
    of(Scope::Prefill).iter().zip(&of(Scope::Decode)).map(|(p, d)| p - d).collect()
}

fn matrix(layer: &Layer, kind: Kind, rows: &str, columns: &str, says: &'static str) -> Drawn {
    let map = Matrix {
        rows: Heads::experts(rows, layer.experts()),
        columns: Heads::experts(columns, layer.experts()),
        values: difference(layer, kind),
        measure: Measure::new("difference of probability", Format::Difference),
        diverging: true,
        limit: None,
    };
    Drawn::new(Data::Matrix(map), says)
}

fn tokens(layer: &Layer) -> Made {
    let says = "after expert {row}, expert {column}: {value}";
    Ok(matrix(layer, Kind::CrossToken, "expert of this token", "expert of the next token", says))
}

fn layers(layer: &Layer) -> Made {
    layer.next()?;
    let says = "expert {row} here, expert {column} in the next layer: {value}";
    Ok(matrix(layer, Kind::CrossLayer, "expert of this layer", "expert of the next layer", says))
}
