//! What placements learn from: counts of the requests, by the settings `learn` and `heldout`. Apart from the batch, which is what
//! they are scored on.

use std::collections::BTreeSet;

use super::Part;
use super::subjects::{self, Side};
use crate::analysis::{Half, Kind, Summary, collapsed, frequency, pair_counts, transition};
use crate::experiment::{Experiment, Learn, Serve};
use crate::model::{Labels, Phase, Scope, Tokens};
use crate::place::{Loads, placement_named};
use crate::sim::{Activations, Shape, Workload, evenly_spaced, learning};

/// The tables that the placements of an experiment ask for, of these layers.
pub(super) fn learn(part: &Part, experiment: &Experiment, shape: Shape<'_>, subjects: &[Labels]) -> Loads {
    let summary = &part.summary;
    let (learn, held_out) = (experiment.workload.learn, experiment.workload.held_out);
    let half = if held_out { Half::Even } else { Half::Both };
    let scope = match learn {
        Learn::All | Learn::Counts => Scope::All,
        Learn::Prefill => Scope::Prefill,
        Learn::Decode => summary.stream_phase().scope(),
    };
    let asked = asked(experiment);
    let experts = summary.experts;
    let of_subjects = subjects::loads(part, experiment, shape, scope, subjects);
    let mut loads = Loads { experts, subjects: of_subjects, ..Loads::default() };
    for id in shape.layers {
        loads.layers.push(frequency(&summary.layers[id], scope, half, experts));
    }
    if asked.contains("steps") {
        add_steps(&mut loads, part, experiment, shape, subjects);
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

/// The layers that may be simulated, by id.
pub(super) fn candidates(summary: &Summary, experiment: &Experiment) -> Result<Vec<u32>, String> {
    let mut layers = summary.layer_ids();
    if experiment.workload.skip_collapsed {
        let collapsed = collapsed(summary);
        layers.retain(|id| collapsed.iter().all(|c| c.layer != *id));
        if layers.is_empty() {
            return Err("every layer is collapsed, and skip=collapsed leaves none".into());
        }
    }
    Ok(layers)
}

/// A batch with the steps of what is learnt from, even if no placement asks for them: scores do.
pub(super) fn with_steps(mut workload: Workload, part: &Part, experiment: &Experiment) -> Workload {
    if workload.loads.steps.is_empty() {
        let Workload { layers, all_layers, experts, loads, .. } = &mut workload;
        let shape = Shape { layers, all_layers: *all_layers, experts: *experts };
        // Whose turns cannot be told was refused before.
        let subjects = subjects::served(part, experiment).unwrap_or_default();
        add_steps(loads, part, experiment, shape, &subjects);
    }
    workload
}

/// Adds the batch that the learning requests fill, step by step. Steps are of decode: what learns from anything else has sums alone.
fn add_steps(loads: &mut Loads, part: &Part, experiment: &Experiment, shape: Shape<'_>, subjects: &[Labels]) {
    let (of, phase) = (&experiment.workload, part.summary.stream_phase());
    if of.learn != Learn::Decode || phase == Phase::Prefill {
        return;
    }
    let filled = subjects::fill(part, experiment, shape, Side::Learnt, subjects, Vec::new());
    let of_step = |layer, step| filled.of(step, layer).iter().map(|&n| n.into()).collect();
    let of_layer = |layer| (0..filled.steps).map(|step| of_step(layer, step)).collect();
    loads.steps = (0..shape.layers.len()).map(of_layer).collect();
    loads.tokens = tokens(part, experiment, shape, Side::Learnt, subjects);
}

/// A batch from sums alone, for recordings without decode steps: one step, in which each request of the batch has a token that
/// chooses as all tokens did. Held out, the sums of the odd requests.
///
/// # Errors
/// The system does not work, nothing was counted, or the counts are of no requests that could be held out.
pub(super) fn summed(part: &Part, experiment: &Experiment) -> Result<Workload, String> {
    experiment.topology().works()?;
    let (summary, of) = (&part.summary, &experiment.workload);
    if of.serve == Serve::Subject {
        return Err("serve=subject gives each subject its own batches of decode steps, and there are none".into());
    }
    let layers = evenly_spaced(&candidates(summary, experiment)?, of.layers);
    let half = if of.held_out { Half::Odd } else { Half::Both };
    let shape = Shape { layers: &layers, all_layers: summary.layer_ids().len(), experts: summary.experts };
    let tokens = of.batch as u64 * summary.top_k.max(1) as u64;
    let mut counts = Vec::new();
    for id in &layers {
        let sums = frequency(&summary.layers[id], Scope::All, half, summary.experts);
        if sums.iter().all(|&n| n == 0) {
            return Err(format!(
                "layer {id} has no counts{}",
                if of.held_out {
                    " of odd requests: without requests nothing can be held out (heldout=off)"
                } else {
                    ""
                }
            ));
        }
        let loads = Loads { experts: summary.experts, layers: vec![sums], ..Loads::default() };
        counts.extend(learning(&loads, 0, tokens).concat());
    }
    let loads = learn(part, &experiment.with("learn", "counts")?, shape, &[]);
    let (experts, all_layers) = (shape.experts, shape.all_layers);
    let heat = vec![vec![0; experts * experts]; layers.len()];
    Ok(Workload {
        layers,
        all_layers,
        experts,
        batch: of.batch,
        steps: 1,
        counts,
        heat,
        loads,
        sources: part.requests.len(),
        tokens: None,
        of_step: Vec::new(),
    })
}

/// What each request slot's token chose, in the batch of one side: none if nobody asks.
pub(super) fn tokens(
    part: &Part,
    experiment: &Experiment,
    shape: Shape<'_>,
    side: Side,
    subjects: &[Labels],
) -> Option<Tokens> {
    asked(experiment).contains(TOKENS).then(|| subjects::tokens(part, experiment, shape, side, subjects))
}

/// What is asked if somebody needs to know where tokens come from.
const TOKENS: &str = "tokens";

/// What the strategies of an experiment read of a batch beyond counts and sums: it is made for those that ask alone.
pub(super) fn asked(experiment: &Experiment) -> BTreeSet<&'static str> {
    let of = &experiment.run;
    let strategies = || of.strategies.iter().chain([&of.baseline]);
    let named = strategies().filter_map(|s| s.placement());
    let mut asked: BTreeSet<_> = named.chain(placement_named(&of.home)).flat_map(|p| p.reads).copied().collect();
    asked.retain(|name| ["steps", "together", "next"].contains(name));
    if of.activations != Activations::Free || strategies().any(|s| s.dispatch().by_origin()) {
        asked.insert(TOKENS);
    }
    asked
}
