//! What placements learn from: counts of the requests, by the settings `learn` and `heldout`. Apart from the batch, which is what
//! they are scored on.

use std::collections::BTreeSet;

use super::Part;
use crate::analysis::{Half, Kind, Summary, frequency, pair_counts, transition};
use crate::experiment::{Experiment, Learn};
use crate::model::Scope;
use crate::place::{Loads, placement_named};
use crate::sim::{Shape, Workload};

/// The tables that the placements of an experiment ask for, of these layers.
pub(super) fn learn(part: &Part, experiment: &Experiment, shape: Shape<'_>) -> Loads {
    let summary = &part.summary;
    let (learn, held_out) = (experiment.workload.learn, experiment.workload.held_out);
    let half = if held_out { Half::Even } else { Half::Both };
    let scope = match learn {
        Learn::All | Learn::Counts => Scope::All,
        Learn::Prefill => Scope::Prefill,
        Learn::Decode => Scope::Decode,
    };
    let asked = asked(experiment);
    let experts = summary.experts;
    let mut loads = Loads { experts, ..Loads::default() };
    for id in shape.layers {
        loads.layers.push(frequency(&summary.layers[id], scope, half, experts));
    }
    // Steps are of decode: what learns from anything else has sums alone.
    if asked.contains("steps") && learn == Learn::Decode {
        loads.steps = steps(part, experiment, shape, held_out);
    }
    if asked.contains("together") {
        for id in shape.layers {
            let pairs = if held_out {
                // Pairs are not counted by halves.
                let even = part.requests.iter().filter(|r| !r.is_odd());
                Summary::of_layer(even, *id, experts).layers.get(id).map(|layer| pair_counts(layer, experts))
            } else {
                Some(pair_counts(&summary.layers[id], experts))
            };
            loads.together.push(pairs.map(|square| square.cells).unwrap_or_default());
        }
    }
    if asked.contains("next") {
        let all = summary.layer_ids();
        let follows = |a: u32, b: u32| all.iter().skip_while(|&&id| id != a).nth(1) == Some(&b);
        for (at, id) in shape.layers.iter().enumerate() {
            let next = shape.layers.get(at + 1).filter(|&&next| follows(*id, next));
            let table = |_| transition(&summary.layers[id], Kind::CrossLayer, scope, half, experts).cells;
            loads.next.push(next.map(table).unwrap_or_default());
        }
    }
    loads
}

/// What the placements of an experiment read beyond sums.
fn asked(experiment: &Experiment) -> BTreeSet<&'static str> {
    let of = &experiment.run;
    let named = of.strategies.iter().chain([&of.baseline]).filter_map(|s| s.placement());
    named.chain(placement_named(&of.home)).flat_map(|p| p.reads).copied().collect()
}

/// The batch that the learning requests fill, step by step.
fn steps(part: &Part, experiment: &Experiment, shape: Shape<'_>, held_out: bool) -> Vec<Vec<Vec<u64>>> {
    let (batch, steps) = (experiment.workload.batch, experiment.workload.steps);
    let requests = part.requests.iter().filter(|r| !held_out || !r.is_odd());
    let filled = Workload::fill(requests, shape, batch, steps, Vec::new());
    let of = |layer, step| filled.of(step, layer).iter().map(|&n| n.into()).collect();
    (0..shape.layers.len()).map(|layer| (0..steps).map(|step| of(layer, step)).collect()).collect()
}
