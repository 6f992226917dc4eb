//! I: how evenly a layer spreads its load, in one number. Skew tells of the busiest expert alone; this of all.

use super::{Analysis, Drawn, Form, Group, Made, Make, Needs, Sketch, Whole};
use crate::analysis::figure::{Data, Dots, Format, Heads, Level, Measure, Series};
use crate::analysis::{Half, frequency};
use crate::model::Scope;

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "I",
    name: "load entropy",
    says: "How evenly does a layer spread its tokens over all of its experts?",
    observed: "",
    needs: Needs::Counts,
    figures: &[
        Sketch {
            id: "entropy-layers",
            title: "Evenness of each layer's load",
            caption: "Entropy of the share of tokens that each expert takes, over log\u{2082} E (analysis I): 100% if all experts take alike, 0% if one takes all.",
            question: "How uneven is each layer?",
            group: Group::Experts,
            form: Form::Levels,
            tells: "Layer {low0} is the most uneven: its load is {!least0} as even as it could be.| The mean of the layers is {mean0}.",
            wide: true,
            listed: true,
            make: Make::Whole(evenness),
        },
        Sketch {
            id: "entropy-bits",
            title: "Entropy of each layer's load",
            caption: "The same in bits (analysis I). Two to its power is the number of equally busy experts that would be as uneven.",
            question: "How many experts would carry as much?",
            group: Group::Experts,
            form: Form::Levels,
            tells: "The load of a layer has {!mean0} bits in the mean, and {least0} in layer {low0}, the lowest.| All experts alike would have {level0}.",
            wide: true,
            listed: true,
            make: Make::Whole(in_bits),
        },
    ],
};

/// Bits of a distribution given by counts; NaN without any.
fn entropy(counts: &[u64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    // The logarithm of one over the share, so that a layer of one expert has 0 and not its negative.
    let bits = |&c: &u64| if c > 0 { c as f64 / total * libm::log2(total / c as f64) } else { 0.0 };
    if total > 0.0 { counts.iter().map(bits).sum() } else { f64::NAN }
}

/// Each layer's entropy, in each scope.
fn by_layer(whole: &Whole, per: f64) -> Vec<Series> {
    let n = whole.summary.experts;
    let of = |scope| {
        whole.summary.layers.values().map(move |l| entropy(&frequency(l, scope, Half::Both, n)) / per).collect()
    };
    Scope::EACH.map(|scope| Series::new(scope.name(), of(scope))).into()
}

fn evenness(whole: &Whole) -> Made {
    let most = libm::log2(whole.summary.experts as f64);
    let dots = Dots {
        items: Heads::layers(whole.summary.layer_ids()),
        series: by_layer(whole, most),
        levels: Vec::new(),
        measure: Measure::new("entropy over log\u{2082} E", Format::Share),
        to: Some(1.0),
    };
    Ok(Drawn::new(Data::Dots(dots), "layer {item}: {all}"))
}

fn in_bits(whole: &Whole) -> Made {
    let most = libm::log2(whole.summary.experts as f64);
    let dots = Dots {
        items: Heads::layers(whole.summary.layer_ids()),
        series: by_layer(whole, 1.0),
        levels: vec![Level { name: "all alike".into(), value: most }],
        measure: Measure::new("entropy, bits", Format::Number),
        to: Some(most * 1.1),
    };
    Ok(Drawn::new(Data::Dots(dots), "layer {item}: {all} bits"))
}
