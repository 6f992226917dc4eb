//! Batches of one subject each, one after another. Apart from the batch, which mixes requests as the paper does: here a placement may
//! be chosen by the subject of what is served.

use crate::experiment::{Experiment, Serve};
use crate::model::{Labels, Phase, Request, Scope, Tokens};
use crate::place::SubjectLoads;
use crate::sim::{Shape, Workload};

use super::Part;

/// Most steps of all subjects together: those that one batch can have.
const MOST_STEPS: usize = 1024;

/// The requests of one half: those that are scored, or those that placements learn from. Both are all where nothing is held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Scored,
    Learnt,
}

/// Those of a side, in order.
fn of_side<'a>(part: &'a Part, experiment: &Experiment, side: Side) -> impl Iterator<Item = &'a Request> {
    let held_out = experiment.workload.held_out;
    part.requests.iter().filter(move |r| !held_out || r.is_odd() == (side == Side::Scored))
}

/// How many subjects the requests name.
pub(super) fn named(part: &Part) -> usize {
    part.summary.subjects.len()
}

/// The subjects that are served, in the order of their first scored request with tokens for a batch; none where batches are mixed.
///
/// # Errors
/// The requests are not of several subjects, or those take too many steps.
pub(super) fn served(part: &Part, experiment: &Experiment) -> Result<Vec<Labels>, String> {
    let mut all: Vec<Labels> = Vec::new();
    if experiment.workload.serve == Serve::Mixed {
        return Ok(all);
    }
    let phase = part.summary.stream_phase();
    for request in of_side(part, experiment, Side::Scored).filter(|r| !r.span(phase).is_empty()) {
        if !all.contains(&request.labels) {
            all.push(request.labels.clone());
        }
    }
    if all.len() < 2 {
        return Err(match all.first() {
            Some(only) if named(part) < 2 => format!(
                "serve=subject gives each subject its own batches, and all requests are of one, \u{201c}{}\u{201d}: subjects are \
                 named by the folders of a trace",
                only.name()
            ),
            _ => format!(
                "serve=subject needs decode steps of two subjects at least, and the requests that are scored have those of {}",
                all.len()
            ),
        });
    }
    let steps = experiment.workload.steps;
    if all.len() * steps > MOST_STEPS {
        return Err(format!(
            "{} subjects of {steps} steps each are more than {MOST_STEPS} steps: steps={} does",
            all.len(),
            (MOST_STEPS / all.len()).max(1)
        ));
    }
    Ok(all)
}

/// A batch of a side, filled from the tokens of a phase: mixed, or subject after subject.
pub(super) fn fill(
    part: &Part,
    experiment: &Experiment,
    shape: Shape<'_>,
    side: Side,
    subjects: &[Labels],
    heat: Vec<Vec<u32>>,
) -> Workload {
    let (of, phase) = (&experiment.workload, part.summary.stream_phase());
    if subjects.is_empty() {
        return Workload::fill(of_side(part, experiment, side), phase, shape, of.batch, of.steps, heat);
    }
    let of_subject = |labels: &Labels| {
        let requests = of_side(part, experiment, side).filter(|r| r.labels == *labels);
        Workload::fill(requests, phase, shape, of.batch, of.steps, Vec::new())
    };
    Workload { heat, ..Workload::in_turn(subjects.iter().map(of_subject).collect()) }
}

/// What the tokens of such a batch chose.
pub(super) fn tokens(
    part: &Part,
    experiment: &Experiment,
    shape: Shape<'_>,
    side: Side,
    subjects: &[Labels],
) -> Tokens {
    let (of, phase) = (&experiment.workload, part.summary.stream_phase());
    if subjects.is_empty() {
        return Workload::tokens(of_side(part, experiment, side), phase, shape, of.batch, of.steps);
    }
    let of_subject = |labels: &Labels| {
        let requests = of_side(part, experiment, side).filter(|r| r.labels == *labels);
        Workload::tokens(requests, phase, shape, of.batch, of.steps)
    };
    Tokens::joined(&subjects.iter().map(of_subject).collect::<Vec<_>>(), shape.layers.len())
}

/// What the learning requests of each subject chose, in the tokens of a scope.
pub(super) fn loads(
    part: &Part,
    experiment: &Experiment,
    shape: Shape<'_>,
    scope: Scope,
    subjects: &[Labels],
) -> Vec<SubjectLoads> {
    let of_subject = |labels: &Labels| {
        let mut loads =
            SubjectLoads { name: labels.name(), requests: 0, layers: vec![vec![0; shape.experts]; shape.layers.len()] };
        for request in of_side(part, experiment, Side::Learnt).filter(|r| r.labels == *labels) {
            let spans = || scope.phases().iter().map(|&phase: &Phase| request.span(phase));
            loads.requests += usize::from(spans().any(|span| !span.is_empty()));
            for (id, counts) in shape.layers.iter().zip(&mut loads.layers) {
                let Ok(position) = request.layers.binary_search(id) else { continue };
                for row in spans().flat_map(|span| request.rows(position, span)).flatten() {
                    row.iter().for_each(|&e| counts[usize::from(e)] += 1);
                }
            }
        }
        loads
    };
    subjects.iter().map(of_subject).collect()
}
