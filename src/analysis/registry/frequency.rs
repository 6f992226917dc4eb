//! A: which experts are hot.

use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch, Whole, fact};
use crate::analysis::figure::{Bars, Data, Format, Heads, Level, Matrix, Measure, Series, narrow};
use crate::analysis::{Half, frequency, skew};

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "A",
    name: "expert frequency",
    says: "How often is each expert chosen, and how uneven is that?",
    observed: "",
    needs: Needs::Counts,
    figures: &[
        Sketch {
            id: "frequency-map",
            title: "Expert frequency by layer",
            caption: "How often each expert is chosen, over the mean of its layer (analysis A). A bright cell is a hot expert (colours end at 16 times the mean); the arrow marks the layer of the other figures.",
            question: "Are the same ones hot in every layer?",
            group: Group::Experts,
            form: Form::Matrix,
            tells: "The strongest of all layers is expert {column} of layer {row}, with {!most} the mean of its layer.",
            wide: false,
            listed: false,
            make: Make::Whole(map),
        },
        Sketch {
            id: "frequency-bars",
            title: "Expert frequency in this layer",
            caption: "Tokens of each expert in {layer}. Skew is the largest count over the mean.",
            question: "Which experts are hot?",
            group: Group::Experts,
            form: Form::Bars,
            tells: "In {layer}, expert {at0}, the strongest, takes {!most0} tokens.| That is {fact-skew} the mean.",
            wide: false,
            listed: false,
            make: Make::Prompt(bars),
        },
    ],
};

fn map(whole: &Whole) -> Made {
    let n = whole.summary.experts;
    let mut values = Vec::with_capacity(whole.summary.layers.len() * n);
    for layer in whole.summary.layers.values() {
        let counts = frequency(layer, whole.scope, Half::Both, n);
        let mean = counts.iter().sum::<u64>() as f64 / n as f64;
        values.extend(counts.iter().map(|&c| if mean > 0.0 { narrow(c as f64 / mean) } else { 0.0 }));
    }
    let map = Matrix {
        rows: Heads::layers(whole.summary.layer_ids()),
        columns: Heads::experts("expert", n),
        values,
        measure: Measure::new("over the mean, ×", Format::Times),
        diverging: false,
        // One collapsed layer would leave all others dark.
        limit: Some(16.0),
    };
    Ok(Drawn::new(Data::Matrix(map), "layer {row}, expert {column}: {value} the mean"))
}

fn bars(layer: &Layer) -> Made {
    let n = layer.experts();
    let [all, prefill, decode] = layer.frequency();
    let wide = |counts: &[u64]| counts.iter().map(|&c| c as f64).collect::<Vec<_>>();
    let level = Level { name: "mean".into(), value: all.iter().sum::<u64>() as f64 / n.max(1) as f64 };
    let bars = Bars {
        names: (0..n).map(|e| e.to_string()).collect(),
        label: "expert".into(),
        numbered: true,
        series: vec![Series::new("tokens", wide(all))],
        beside: vec![Series::new("prefill", wide(prefill)), Series::new("decode", wide(decode))],
        measure: Measure::new("tokens", Format::Count),
        level: Some(level),
        crowned: true,
        ..Bars::default()
    };
    let llama = layer.setting.model.is_some_and(|m| m.name == "llama4-maverick") && layer.id == 7;
    let paper = if llama { "paper: over 16".into() } else { String::new() };
    let facts = vec![fact("fact-skew", "Skew, largest over mean", skew(all), Format::Times, paper)];
    Ok(Drawn { facts, ..Drawn::new(Data::Bars(bars), "expert {item}: {all} tokens") })
}
