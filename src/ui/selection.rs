//! What is looked at on the wafer: a die, an expert, a layer over time. Apart from the figures, which several show the same.

use std::sync::Arc;

use leptos::prelude::*;

use super::settings::change;
use super::store::Store;
use crate::experiment::{Experiment, Look};
use crate::model::Topology;
use crate::protocol::Origin;
use crate::sim::Timeline;
use crate::synth::synthetic_model;

/// The layer that was recorded, if it is of the wafer as it is now: settings change before their results are there.
pub(super) fn timeline(store: Store) -> Option<Arc<Timeline>> {
    let dies = store.scene.with(|e| e.hardware().mesh.dies());
    store.answers.timeline.get().filter(|t| t.dies == dies)
}

/// The system as it is.
pub(super) fn topology(store: Store) -> Memo<Arc<Topology>> {
    let system = Memo::new(move |_| store.scene.with(|e| e.system.clone()));
    Memo::new(move |_| {
        // Read, not only tracked: a memo that nobody reads follows nothing.
        system.with(|_| ());
        Arc::new(store.settings.with_untracked(Experiment::topology))
    })
}

/// Looks at something, or away from it.
pub(super) fn look_at(store: Store, look: Look) {
    change(store, true, |e| e.view.look = if e.view.look == Some(look) { None } else { Some(look) });
}

/// Why nothing can be simulated on what is shown, and what would help; none if it can.
pub(super) fn unsimulated(store: Store) -> Memo<Option<String>> {
    Memo::new(move |_| {
        if store.origin() == Origin::Synthetic
            && let Err(why) = store.scene.with(|e| synthetic_model(&e.workload.model).map(|_| ()))
        {
            return Some(format!("Nothing is simulated: {why}."));
        }
        let info = store.shown()?;
        if info.decode + info.unmarked == 0 {
            let why = if info.prefill > 0 {
                "This trace has no decode tokens. The simulator fills its batches from decode steps, so there is nothing to simulate: load a trace of generated tokens, or show the synthetic workload."
            } else {
                "These are counts without an order of tokens. The simulator fills its batches from the tokens of decode steps, so there is nothing to simulate: load a trace with the experts of each token, or show the synthetic workload."
            };
            return Some(why.into());
        }
        let unknown = store.scene.with(|e| e.of_model(info.model.as_deref()).err());
        unknown.filter(|_| store.origin() == Origin::Trace).map(|why| format!("Nothing is simulated: {why}."))
    })
}
