//! F: how much a cache must hold to hit.

use super::{Analysis, Drawn, Form, Group, Made, Make, Needs, Sketch, Whole};
use crate::analysis::DistanceCounts;
use crate::analysis::figure::{Bars, Curves, Data, Format, Measure, Series};
use crate::analysis::streams::stream_name;

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "F",
    name: "reuse distance",
    says: "How many other experts are used before one is needed again?",
    observed: "",
    needs: Needs::Order,
    figures: &[
        Sketch {
            id: "reuse-bins",
            title: "Reuse distance",
            caption: "Distinct other (layer, expert) weights used since this one was last used, over the {stream} tokens (analysis F): within each request, all requests back to back, and all in lockstep as a batch. The bin on the right holds first uses.",
            question: "How long do weights lie idle?",
            group: Group::Long,
            form: Form::Bars,
            tells: "Of one request\u{2019}s uses, {!last0} are the first of their expert.| Over all requests back to back it is {last1}, in lockstep {last2}.",
            wide: true,
            listed: true,
            make: Make::Whole(bins),
        },
        Sketch {
            id: "reuse-curve",
            title: "Miss ratio of a cache of experts",
            caption: "Share of accesses that an LRU cache of this many experts misses, first uses included. Lines: what the last-level cache and the usable HBM of one device hold at {expert} an expert.",
            question: "How much must a cache hold?",
            group: Group::Long,
            form: Form::Curve,
            tells: "However large, a cache misses {!last1} of the uses of all requests back to back: the first ones.| To miss less than half it must hold {x1<0.5} experts.| In lockstep, {x2<0.5}.",
            wide: true,
            listed: false,
            make: Make::Whole(curve),
        },
    ],
};

/// Words for a bin of distances.
fn words(bin: usize) -> String {
    match bin {
        0 => "0".into(),
        1 => "1".into(),
        _ => format!("{}–{}", 1u64 << (bin - 1), (1u64 << bin) - 1),
    }
}

fn bins(whole: &Whole) -> Made {
    let streams = whole.streams();
    let bins = streams.each_ref().map(|(_, c)| c.log2_bins());
    let n = bins.iter().map(Vec::len).max().unwrap_or(0);
    let share = |count: u64, c: &DistanceCounts| if c.accesses > 0 { count as f64 / c.accesses as f64 } else { 0.0 };
    let of = |((name, c), bins): (&(&str, DistanceCounts), &Vec<u64>)| {
        let warm = (0..n).map(|i| share(bins.get(i).copied().unwrap_or(0), c));
        Series::new(name, warm.chain([share(c.cold, c)]).collect())
    };
    let bars = Bars {
        names: (0..n).map(words).chain(["first".into()]).collect(),
        long: (0..n).map(|b| format!("distance {}", words(b))).chain(["first uses".into()]).collect(),
        label: "reuse distance, experts".into(),
        series: streams.iter().zip(&bins).map(of).collect(),
        measure: Measure::new("share of accesses", Format::Share),
        ..Bars::default()
    };
    let stream = stream_name(whole.summary.stream_phase());
    Ok(Drawn { stream, ..Drawn::new(Data::Bars(bars), "{item}: {all}") })
}

fn curve(whole: &Whole) -> Made {
    let curves = Curves {
        lines: whole.streams().iter().map(|(name, counts)| counts.line(name)).collect(),
        x: Measure::new("capacity, experts", Format::Count),
        to: (whole.summary.layers.len() * whole.summary.experts) as f64,
        log: true,
        capacity: true,
        y: Measure::new("miss ratio", Format::Share),
    };
    Ok(Drawn::new(Data::Curves(curves), "{x} experts: {all}{bytes}"))
}
