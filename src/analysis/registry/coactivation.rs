//! G: which experts are chosen together.

use super::cross_layer::over_percents;
use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch, fact};
use crate::analysis::figure::{Curves, Data, Format, Heads, Matrix, Measure};
use crate::analysis::{coactivation, concentration, pair_ratios};

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "G",
    name: "co-activation (Ob5)",
    says: "Which experts does one token choose together?",
    observed: "Ob5",
    needs: Needs::Pairs,
    figures: &[
        Sketch {
            id: "pair-map",
            title: "Co-activation",
            caption: "How often two experts are chosen for the same token in {layer}, over the average pair (analysis G, Ob5).",
            question: "Which experts work together?",
            group: Group::Together,
            form: Form::Squares,
            tells: "In {layer}, the strongest pair is experts {row} and {column}: {!most} the average pair.",
            wide: false,
            listed: false,
            make: Make::Prompt(map),
        },
        Sketch {
            id: "pair-curve",
            title: "Concentration of co-activation",
            caption: "Share of all co-activations in the strongest pairs, in {layer}. The paper: the top 10% of pairs hold 60% to 80%.",
            question: "How few pairs do most work?",
            group: Group::Together,
            form: Form::Curve,
            tells: "In {layer}, the strongest tenth of the pairs does {!y0@0.1} of the work.| The strongest fifth does {y0@0.2}.",
            wide: true,
            listed: true,
            make: Make::Later(curve),
        },
    ],
};

fn map(layer: &Layer) -> Made {
    let n = layer.experts();
    let pairs = coactivation(layer.counts, n);
    let map = Matrix {
        rows: Heads::experts("expert", n),
        columns: Heads::experts("with expert", n),
        values: pair_ratios(layer.counts, n),
        measure: Measure::new("over the average pair, ×", Format::Times),
        diverging: false,
        limit: None,
    };
    let facts = vec![
        fact("fact-max-pair", "Strongest pair over average", pairs.max_ratio, Format::Times, "paper 20 to 40×".into()),
        fact(
            "fact-top-pairs",
            "Co-activations in the top 10% of pairs",
            pairs.top10_share,
            Format::Share,
            "paper 60 to 80%".into(),
        ),
    ];
    Ok(Drawn { facts, ..Drawn::new(Data::Matrix(map), "experts {row} and {column}: {value} the average pair") })
}

fn curve(layer: &Layer) -> Made {
    let n = layer.experts();
    let mut pairs: Vec<u64> = layer.counts.pairs.cells().iter().map(|&c| c.into()).collect();
    pairs.resize(n * n.saturating_sub(1) / 2, 0);
    let curves = Curves {
        lines: vec![over_percents("pairs", concentration(std::iter::once(&pairs[..])))],
        x: Measure::new("strongest pairs", Format::Share),
        to: 1.0,
        y: Measure::new("share of co-activations", Format::Share),
        ..Curves::default()
    };
    Ok(Drawn::new(Data::Curves(curves), "top {x}: {all}"))
}
