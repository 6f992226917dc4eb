//! H: how subjects differ.

use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch};
use crate::analysis::figure::{Data, Format, Heads, Items, Matrix, Measure, narrow};
use crate::analysis::overlap;

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "H",
    name: "subjects (Ob4)",
    says: "Which experts are hot for every subject, and which for one?",
    observed: "Ob4",
    needs: Needs::Subjects,
    figures: &[
        Sketch {
            id: "subject-map",
            title: "Experts by subject",
            caption: "Share of a subject's tokens that each expert of {layer} takes (analysis H, Ob4).",
            question: "Which experts has a subject?",
            group: Group::Whom,
            form: Form::Matrix,
            tells: "In {layer}, the strongest is expert {column} for {row}: {!most} of its tokens.| The mean of all cells is {mean}.",
            wide: true,
            listed: false,
            make: Make::Later(map),
        },
        Sketch {
            id: "subject-overlap",
            title: "Top-10 experts that subjects share",
            caption: "Share of the ten most frequent experts of {layer} that two subjects have in common.",
            question: "Do subjects share them?",
            group: Group::Whom,
            form: Form::Squares,
            tells: "In {layer}, two subjects share {!off} of their ten hottest experts, mean over pairs of subjects.",
            wide: true,
            listed: false,
            make: Make::Later(shared),
        },
    ],
};

/// Subjects with their counts in the layer; none in a layer that their traces lack.
fn subjects(layer: &Layer) -> (Items, Vec<Option<Vec<u64>>>) {
    let names = layer.summary.subjects.keys().map(crate::model::Labels::name).collect();
    let counts = |(_, layers): &(u64, std::collections::BTreeMap<u32, Vec<u64>>)| {
        let mut counts = layers.get(&layer.id)?.clone();
        counts.resize(layer.experts(), 0);
        Some(counts)
    };
    (Items::Named(names), layer.summary.subjects.values().map(counts).collect())
}

fn map(layer: &Layer) -> Made {
    let (items, all) = subjects(layer);
    let n = layer.experts();
    let mut values = Vec::with_capacity(all.len() * n);
    for counts in &all {
        match counts {
            Some(counts) => {
                let total = counts.iter().sum::<u64>().max(1) as f64;
                values.extend(counts.iter().map(|&c| narrow(c as f64 / total)));
            }
            None => values.resize(values.len() + n, f32::NAN),
        }
    }
    let map = Matrix {
        rows: Heads { label: "subject".into(), items },
        columns: Heads::experts("expert", n),
        values,
        measure: Measure::new("share of tokens", Format::Share),
        diverging: false,
        limit: None,
    };
    Ok(Drawn::new(Data::Matrix(map), "{row}, expert {column}: {value}"))
}

fn shared(layer: &Layer) -> Made {
    let (items, all) = subjects(layer);
    let pair = |a: &Option<Vec<u64>>, b: &Option<Vec<u64>>| {
        let both = a.as_ref().zip(b.as_ref());
        both.and_then(|(a, b)| overlap(a, 10, b, 10)).map_or(f32::NAN, narrow)
    };
    let map = Matrix {
        rows: Heads { label: "subject".into(), items: items.clone() },
        columns: Heads { label: "with subject".into(), items },
        values: all.iter().flat_map(|a| all.iter().map(|b| pair(a, b)).collect::<Vec<_>>()).collect(),
        measure: Measure::new("share in common", Format::Share),
        diverging: false,
        limit: None,
    };
    Ok(Drawn::new(Data::Matrix(map), "{row} and {column}: {value}"))
}
