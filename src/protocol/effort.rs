//! What a run takes of memory and of work, told before anything of it is made. Apart from batches and runs: both edges refuse by these
//! numbers, and a string that somebody sends must not be able to fill a machine or keep it busy for a day.

use crate::experiment::Experiment;
use crate::model::{MAX_BATCH_BYTES, MAX_RUN_LAYERS};
use crate::units::{bytes, grouped};

/// The size of what is run.
pub(super) struct Size {
    /// Simulated layers.
    pub(super) layers: usize,
    /// Experts of a layer.
    pub(super) experts: usize,
    /// Experts of a token.
    pub(super) top_k: usize,
    /// Subjects that take turns; 1 where they do not.
    pub(super) turns: usize,
}

/// Token choices that take as long as one device of one layer: both are some ten microseconds.
const CHOICES: u64 = 1024;

/// Whether a run of that size is within the limits.
///
/// # Errors
/// What of it is beyond them, and which settings make it smaller.
pub(super) fn check(experiment: &Experiment, size: &Size) -> Result<(), String> {
    let [layers, experts, top_k, turns] = [size.layers, size.experts, size.top_k, size.turns].map(|n| n as u64);
    let (batch, steps) = (experiment.workload.batch as u64, (experiment.workload.steps as u64).saturating_mul(turns));
    let product = |all: &[u64]| all.iter().fold(1, |product: u64, &n| product.saturating_mul(n));
    // The token of each slot, the counts of each expert, and which slots chose it in one layer: four bytes each.
    let held = [product(&[4, steps, batch]), product(&[4, steps, layers, experts]), product(&[4, batch, top_k])];
    let held = held.iter().fold(0, |sum: u64, &n| sum.saturating_add(n));
    if held > MAX_BATCH_BYTES {
        return Err(format!(
            "its batch would take {} of memory, above the limit of {}: lower batch={batch}, steps={} or layers={layers}",
            bytes(held as f64),
            bytes(MAX_BATCH_BYTES as f64),
            experiment.workload.steps,
        ));
    }
    let strategies = &experiment.run.strategies;
    let searches = |s: &&crate::sim::Strategy| experiment.placement(s.placement()).name == "search";
    let searched = (strategies.iter().filter(searches).count() as u64).saturating_mul(experiment.run.budget as u64);
    let each = (experiment.hardware().mesh.dies() as u64).saturating_add(product(&[batch, top_k]) / CHOICES);
    let work = product(&[(strategies.len() as u64).saturating_add(searched), steps, layers, each]);
    if work > MAX_RUN_LAYERS {
        let budget = if searched > 0 { format!(", budget={}", experiment.run.budget) } else { String::new() };
        return Err(format!(
            "it would simulate {} devices of a layer, above the limit of {}: lower steps={}, layers={layers}, batch={batch}{budget}, \
             the {} strategies or the {} devices",
            grouped(work),
            grouped(MAX_RUN_LAYERS),
            experiment.workload.steps,
            strategies.len(),
            experiment.hardware().mesh.dies(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        let (experiment, unread) = Experiment::parse(text);
        assert_eq!(unread, [], "{text}");
        check(&experiment, &Size { layers: 61, experts: 256, top_k: 8, turns: 1 })
    }

    #[test]
    fn what_people_run_is_within_the_limits_and_the_largest_string_is_not() {
        for text in [
            "v=2",
            "v=2&batch=1048576&steps=16",
            "v=2&steps=1024",
            "v=2&columns=16&rows=16&steps=128",
            "v=2&strategies=*",
        ] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
        let large = checked("v=2&columns=16&rows=16&batch=1048576&steps=1024").unwrap_err();
        assert!(large.contains("4.39 GB") && large.contains("lower batch=1048576, steps=1024"), "{large}");
        let long = checked("v=2&columns=16&rows=16&steps=1024&strategies=*").unwrap_err();
        assert!(long.contains("lower steps=1024, layers=61"), "{long}");
        let search = checked("v=2&strategies=search.home&budget=1048576").unwrap_err();
        assert!(search.contains("budget=1048576"), "{search}");
    }
}
