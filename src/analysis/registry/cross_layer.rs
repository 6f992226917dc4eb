//! B: what this layer's expert says of the next layer's.

use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch, known};
use crate::analysis::figure::{Curves, Data, Dots, Format, Heads, Level, Line, Matrix, Measure, Series};
use crate::analysis::{Report, Setting, Square, concentration, probabilities};

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "B",
    name: "cross-layer (Ob1)",
    says: "Does a layer's expert tell which ones the next layer will use?",
    observed: "Ob1",
    needs: Needs::Order,
    figures: &[
        Sketch {
            id: "layer-map",
            title: "Cross-layer correlation",
            caption: "Chance that a token uses expert j in the next MoE layer, given expert i in {layer} (analysis B, Ob1).",
            question: "What will the next layer use?",
            group: Group::Next,
            form: Form::Matrix,
            tells: "In {layer}, the strongest is expert {column} of the next layer after expert {row}: {!most} of the time.| The mean of all pairs is {mean}.",
            wide: false,
            listed: false,
            make: Make::Later(map),
        },
        Sketch {
            id: "coverage-curve",
            title: "How few experts cover what follows",
            caption: "Share of what follows that falls on the most likely experts, in {layer}: mean over the experts that came before, weighted by their counts.",
            question: "How few cover the next token?",
            group: Group::Next,
            form: Form::Curve,
            tells: "In {layer}, the likeliest fifth of the experts covers {!y0@0.2} of what the next token uses.| Of the next layer it covers {y1@0.2}.",
            wide: true,
            listed: true,
            make: Make::Later(curve),
        },
        Sketch {
            id: "coverage-layers",
            title: "Coverage by layer",
            caption: "Coverage of the top 20% of experts after the layer's busiest one, over all tokens. Lines: the paper's means for this model, where it gives them.",
            question: "Does it hold in every layer?",
            group: Group::Next,
            form: Form::Levels,
            tells: "A fifth of the experts covers {!mean0} of the next token and {mean1} of the next layer, mean over layers.| For the next token layer {at0} is the strongest, with {most0}.",
            wide: true,
            listed: true,
            make: Make::Report(by_layer),
        },
    ],
};

fn map(layer: &Layer) -> Made {
    let map = Matrix {
        rows: Heads::experts("expert of this layer", layer.experts()),
        columns: Heads::experts("expert of the next layer", layer.experts()),
        values: probabilities(layer.next()?, layer.summary.top_k),
        measure: Measure::new("probability", Format::Share),
        diverging: false,
        limit: None,
    };
    Ok(Drawn::new(Data::Matrix(map), "expert {row} here, expert {column} in the next layer: {value}"))
}

/// A curve over percents.
pub(super) fn over_percents(name: &str, y: Vec<f64>) -> Line {
    Line { name: name.into(), x: (0u32..).take(y.len()).map(|p| f64::from(p) / 100.0).collect(), y }
}

fn curve(layer: &Layer) -> Made {
    let over_rows = |name: &str, t: &Square| over_percents(name, concentration(t.cells.chunks_exact(t.n.max(1))));
    let mut lines = vec![over_rows("next token", layer.tokens())];
    // The last layer has no next one: of both curves the other stays.
    lines.extend(layer.next().ok().map(|next| over_rows("next layer", next)));
    let curves = Curves {
        lines,
        x: Measure::new("most likely experts", Format::Share),
        to: 1.0,
        y: Measure::new("share covered", Format::Share),
        ..Curves::default()
    };
    Ok(Drawn::new(Data::Curves(curves), "top {x}: {all}"))
}

fn by_layer(report: &Report, setting: &Setting) -> Made {
    let papers = setting.model.map_or([None; 2], |m| [m.paper_cross_token, m.paper_cross_layer]);
    let names = ["paper, next token", "paper, next layer"];
    let line = |(name, value): (&str, Option<f64>)| value.map(|value| Level { name: name.into(), value });
    let dots = Dots {
        items: Heads::layers(report.layer_ids.clone()),
        series: vec![
            Series::new("next token", known(&report.cross_token["joined"].coverage_top)),
            Series::new("next layer", known(&report.cross_layer["all"].coverage_top)),
        ],
        levels: names.into_iter().zip(papers).filter_map(line).collect(),
        measure: Measure::new("coverage", Format::Share),
        to: Some(1.0),
    };
    Ok(Drawn::new(Data::Dots(dots), "layer {item}: {all}"))
}
