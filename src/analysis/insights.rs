//! The six insights: each a question that someone who serves the model would ask, its answer on one trace, and the few numbers
//! that a picture of it needs, beside the paper's. Apart from the observations, which measure what the paper measured.

use super::figure::{Bars, Data, Figure, Format, Line, Measure, Series};
use super::observations::{mean, subject_overlap};
use super::{Bar, Caches, Insight, Report};
use crate::model::ModelPreset;
use crate::units::{floor, percent, significant};

fn bar(name: &str, what: &str, value: Option<f64>, paper: Option<f64>) -> Bar {
    Bar { name: name.into(), what: what.into(), value, paper }
}

fn share(v: Option<f64>) -> String {
    v.map_or_else(|| "not measurable".into(), percent)
}

/// The six insights. `curves` are miss ratios over capacities in experts, one for each stream.
#[must_use]
pub fn insights(report: &Report, model: Option<&ModelPreset>, curves: &[Line], caches: Option<Caches>) -> Vec<Insight> {
    vec![
        next_layer(report, model),
        next_token(report, model),
        phases(report),
        reuse(curves, caches),
        duplicates(report),
        pairs(report),
    ]
}

fn next_layer(report: &Report, model: Option<&ModelPreset>) -> Insight {
    let layer = &report.cross_layer["all"];
    let [blind, looked, other] =
        [&layer.coverage_baseline, &layer.coverage_top, &layer.coverage_heldout].map(|v| mean(v));
    Insight {
        question: "Can the next layer's experts be fetched ahead?".into(),
        lesson: "What a layer chose narrows what the next one will choose, so its experts can move before they are asked for.".into(),
        answer: format!(
            "Given the busiest expert of a layer, 20% of the next layer's experts take {} of its tokens ({} on requests that did not choose them); without looking, the best 20% take {}.",
            share(looked),
            share(other),
            share(blind)
        ),
        bars: vec![
            bar("chance", "any 20% of experts", Some(0.2), None),
            bar("best 20%", "the best 20% without looking", blind, None),
            bar("informed", "20% after the layer's busiest expert", looked, model.and_then(|m| m.paper_cross_layer)),
            bar("held out", "the same 20%, on other requests", other, None),
        ],
        measure: "next layer's tokens covered".into(),
        times: false,
    }
}

fn next_token(report: &Report, model: Option<&ModelPreset>) -> Insight {
    let token = &report.cross_token["joined"];
    let chance = report.top_k as f64 / report.experts.max(1) as f64;
    let again = token.diagonal_weighted.as_ref().and_then(|d| mean(d));
    let top = mean(&token.coverage_top);
    Insight {
        question: "Is it worth keeping what the last token used?".into(),
        lesson: "Neighbouring tokens ask for the same and for related experts, so what was just moved should stay for a while.".into(),
        answer: format!(
            "The next token uses the same expert again {} of the time, where chance is {}; 20% of experts cover {} of what follows the busiest one.",
            share(again),
            percent(chance),
            share(top)
        ),
        bars: vec![
            bar("chance", "an expert again, by chance", Some(chance), None),
            bar("repeated", "the same expert again", again, None),
            bar("informed", "20% after the busiest expert", top, model.and_then(|m| m.paper_cross_token)),
        ],
        measure: "next token's experts".into(),
        times: false,
    }
}

fn phases(report: &Report) -> Insight {
    let similar = &report.similarity;
    let top = |m: &str| similar.decode_top5_in_prefill_top.get(m).and_then(|v| mean(v));
    let number = |v: Option<f64>| v.map_or_else(|| "not measurable".into(), |v| significant(v, 2));
    let both = report.tokens.decode > 0 && report.tokens.prefill > 0;
    Insight {
        question: "Does prefill predict decode?".into(),
        lesson: "The prompt already shows which experts the answer will need, so placement can be decided before the first generated token.".into(),
        answer: if both {
            format!(
                "Rank correlation {} (of {} that the noise between requests allows); {} of the decode top-5 are in the prefill top-20.",
                number(mean(&similar.rho_frequency)),
                number(mean(&similar.ceiling_frequency)),
                share(top("20"))
            )
        } else {
            "The trace has only one of the two phases.".into()
        },
        bars: [("5", 0.6), ("10", 0.75), ("20", 0.9)].map(|(m, paper)| bar(&format!("top-{m}"), &format!("decode top-5 within the prefill top-{m}"), top(m), Some(paper))).into(),
        measure: "decode top-5 in prefill top".into(),
        times: false,
    }
}

fn reuse(curves: &[Line], caches: Option<Caches>) -> Insight {
    // A cache holds whole experts.
    let hit = |line: &Line, capacity: f64| line.at(floor(capacity) as f64).map(|m| 1.0 - m);
    let hits = |capacity: f64| {
        let words = curves.iter().map(|line| format!("{} {}", share(hit(line, capacity)), line.name));
        words.collect::<Vec<_>>().join(", ")
    };
    let of = |caches: Caches| {
        let [llc, hbm] = [caches.llc, caches.hbm].map(|c| caches.experts(c));
        format!(
            "A {}'s last-level cache holds {} experts and hits {}. Its HBM holds {} and hits {}.",
            caches.device,
            significant(llc, 2),
            hits(llc),
            significant(hbm, 3),
            hits(hbm)
        )
    };
    let unknown = "The model of this trace is not known, and with it the size of its experts.";
    let answer = match caches {
        _ if curves.iter().all(|line| line.x.is_empty()) => "The trace has no order of tokens.".into(),
        caches => caches.map_or_else(|| unknown.into(), of),
    };
    let hbm = |line: &Line| caches.and_then(|c| hit(line, c.experts(c.hbm)));
    Insight {
        question: "What would a cache of experts hit?".into(),
        lesson: "Experts are used again only after many others, so a cache pays off at the size of an HBM, not of an on-chip memory.".into(),
        answer,
        bars: curves.iter().map(|line| bar(&line.name, &format!("hits, {}", line.name), hbm(line), None)).collect(),
        measure: format!("hits of one {}'s HBM", caches.map_or("device", |c| c.device)),
        times: false,
    }
}

fn duplicates(report: &Report) -> Insight {
    let hot: Vec<String> = report
        .hot
        .iter()
        .take(5)
        .map(|h| format!("{} of layer {} ({}×)", h.expert, h.layer, significant(h.over_mean, 3)))
        .collect();
    let skews = &report.frequency["all"].skew;
    let middle = mean(skews);
    let most = skews.iter().flatten().copied().reduce(f64::max);
    Insight {
        question: "Which experts to duplicate?".into(),
        lesson:
            "A few experts of a layer carry many times their share, so a copy of those few takes the load off one device."
                .into(),
        answer: if hot.is_empty() {
            "Nothing was counted.".into()
        } else {
            format!(
                "The hottest, over the mean of their layers: {}. Mean skew over layers: {}.",
                hot.join(", "),
                middle.map_or_else(|| "not measurable".into(), |v| significant(v, 2))
            )
        },
        bars: vec![
            bar("mean", "the mean expert", Some(1.0), None),
            bar("typical", "hottest expert of a layer, mean over layers", middle, None),
            bar("hottest", "hottest expert of all layers", most, Some(16.0)),
        ],
        measure: "tokens over the mean".into(),
        times: true,
    }
}

fn pairs(report: &Report) -> Insight {
    let pairs: Vec<String> = report
        .strongest_pairs
        .iter()
        .take(5)
        .map(|p| format!("{} and {} of layer {} ({}×)", p.experts[0], p.experts[1], p.layer, significant(p.ratio, 3)))
        .collect();
    let overlap = subject_overlap(report).and_then(|layers| mean(&layers));
    let differ = overlap.map_or_else(
        || "The trace names fewer than two subjects.".into(),
        |d| format!("Two subjects share {} of their top-10 experts.", percent(d)),
    );
    let top = report.coactivation.as_ref().and_then(|p| mean(&p.top10_share));
    Insight {
        question: "Which experts to keep apart, and for whom?".into(),
        lesson: "Some experts are chosen together again and again: on one device they wait for each other, on two they work at once.".into(),
        answer: if pairs.is_empty() { differ } else { format!("Strongest pairs, over the average pair: {}. {differ}", pairs.join(", ")) },
        bars: vec![
            bar("even", "top 10% of pairs, if all were alike", Some(0.1), None),
            bar("top 10%", "co-activations in the top 10% of pairs", top, Some(0.7)),
            bar("subjects", "top-10 experts that two subjects share", overlap, None),
        ],
        measure: "co-activations, top-10 shared".into(),
        times: false,
    }
}

impl Insight {
    /// Its numbers as a figure.
    #[must_use]
    pub fn figure(&self, id: &str, title: &str) -> Figure {
        let value = |of: fn(&Bar) -> Option<f64>| self.bars.iter().map(|b| of(b).unwrap_or(f64::NAN)).collect();
        let published = self.bars.iter().any(|b| b.paper.is_some());
        let bars = Bars {
            names: self.bars.iter().map(|b| b.name.clone()).collect(),
            long: self.bars.iter().map(|b| b.what.clone()).collect(),
            series: vec![Series { name: "measured here".into(), values: value(|b| b.value) }],
            paper: if published { value(|b| b.paper) } else { Vec::new() },
            measure: Measure::new(&self.measure, if self.times { Format::Times } else { Format::Share }),
            labelled: true,
            to: (!self.times).then_some(1.0),
            ..Bars::default()
        };
        Figure {
            id: id.into(),
            title: title.into(),
            caption: self.answer.clone(),
            data: Data::Bars(bars),
            says: "{item}: {all}".into(),
            facts: Vec::new(),
        }
    }
}
