//! J: what a cache of experts would hit, if those that it does not hold lie elsewhere.

use super::cross_layer::over_percents;
use super::{Analysis, Drawn, Form, Group, Layer, Made, Make, Needs, Sketch};
use crate::analysis::figure::{Curves, Data, Format, Line, Measure};
use crate::analysis::{CacheHits, Half, back_to_back, cache_hits, frequency, lockstep_stream};
use crate::model::{Phase, Scope};

pub(super) const ANALYSIS: Analysis = Analysis {
    id: "J",
    name: "cache what-if",
    says: "How many experts must be kept close, and which?",
    observed: "",
    needs: Needs::Order,
    figures: &[
        Sketch {
            id: "cache-hits",
            title: "Hits of a cache of experts",
            caption: "Share of expert uses in {layer} that find the expert in a cache for so many of the layer's experts, all requests one after another (analysis J): LRU, LFU, the hottest pinned, and Belady's optimum, which nothing can beat. Held out: pinned by the requests of even position, scored on the others. First uses miss. Decode tokens, or prefill if there are no others; of the requests that are cached, the first 65 536 uses.",
            question: "What would a cache hit?",
            group: Group::Long,
            form: Form::Curve,
            tells: "A cache for a fifth of the experts of {layer} would hit {!y0@0.2} with LRU.| Pinning the hottest would hit {y2@0.2}.| The optimum is {end@0.2}.",
            wide: true,
            listed: true,
            make: Make::Later(requests),
        },
        Sketch {
            id: "cache-lockstep",
            title: "Hits of a cache of experts, in lockstep",
            caption: "The same for all requests in lockstep, as a batch: {layer} uses each expert that a step needs once, by id (analysis J). The hottest are those of most tokens. The first 65 536 uses.",
            question: "What would it hit for a batch?",
            group: Group::Long,
            form: Form::Curve,
            tells: "In lockstep, a cache for a fifth of the experts of {layer} would hit {!y0@0.2} with LRU.| Pinning the hottest would hit {y2@0.2}.| The optimum is {end@0.2}.",
            wide: true,
            listed: true,
            make: Make::Later(lockstep),
        },
    ],
};

fn requests(layer: &Layer) -> Made {
    if layer.requests.is_empty() {
        return Err(
            "Only the counts of this trace are here. A cache depends on the order of all uses: load the trace itself.",
        );
    }
    let phase = layer.summary.stream_phase();
    let stream = |half| back_to_back(layer.requests, layer.id, phase, half);
    let hits = |half, learnt| cache_hits(&stream(half), layer.experts(), &hottest(layer, learnt));
    let odd = hits(Half::Odd, Half::Even);
    // Half of a trace of one request has nobody to learn from.
    let learnt = hottest(layer, Half::Even).iter().any(|&count| count > 0);
    let held_out = if learnt { odd.ratios(&odd.pinned) } else { Vec::new() };
    let mut lines = lines(&hits(Half::Both, Half::Both));
    lines.insert(3, over_percents("pinned, held out", held_out));
    Ok(drawn(lines))
}

fn lockstep(layer: &Layer) -> Made {
    let phase = layer.summary.stream_phase();
    let stream = lockstep_stream(&layer.summary.lockstep[phase as usize], layer.id);
    Ok(drawn(lines(&cache_hits(&stream, layer.experts(), &hottest(layer, Half::Both)))))
}

/// Tokens of each expert in the phase of the stream.
fn hottest(layer: &Layer, half: Half) -> Vec<u64> {
    let phase = layer.summary.stream_phase();
    let scope = if phase == Phase::Decode { Scope::Decode } else { Scope::Prefill };
    frequency(layer.counts, scope, half, layer.experts())
}

fn lines(hits: &CacheHits) -> Vec<Line> {
    let line = |name: &str, policy: &[u64]| over_percents(name, hits.ratios(policy));
    vec![
        line("LRU", &hits.lru),
        line("LFU", &hits.lfu),
        line("hottest pinned", &hits.pinned),
        line("Belady's optimum", &hits.belady),
    ]
}

fn drawn(lines: Vec<Line>) -> Drawn {
    let curves = Curves {
        lines,
        x: Measure::new("experts of the layer that are kept", Format::Share),
        to: 1.0,
        y: Measure::new("hit ratio", Format::Share),
        ..Curves::default()
    };
    Drawn::new(Data::Curves(curves), "{x} of the experts: {all}")
}
