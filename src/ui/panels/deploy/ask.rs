//! The comparison begins by itself once the view is open and the data is there, and again when what decides it changes. The search, which
//! takes longer, only runs when it is asked for.

use std::time::Duration;

use leptos::prelude::*;

use super::looked::Desk;
use crate::experiment::View;
use crate::protocol::Origin;
use crate::ui::runs::compare_placements;
use crate::units::grouped;

/// Milliseconds that settings rest before they are compared: what they void is cleared first.
const REST: u64 = 60;

/// Follows what decides the comparison.
pub(super) fn begin(desk: Desk) {
    let store = desk.store;
    let key = Memo::new(move |_| {
        let (open, run, wanted) = store.experiment.with(|e| {
            let open = e.view.view == View::Deploy;
            (open, open.then(|| e.run_key().to_string()), (e.workload.model.clone(), e.workload.seed))
        });
        // The data worker must hold the workload that is meant.
        let held = store.origin() == Origin::Trace || store.loaded.synthetic_of.with(|of| of.as_ref() == Some(&wanted));
        let file = store.loaded.placement.with(|f| f.as_ref().map(|f| (f.path.clone(), f.file.size().to_string())));
        (open && held && unknown(desk).is_none())
            .then(|| Some((run?, store.data()?, store.loaded.generation.get(), file)))?
    });
    Effect::new(move |_| {
        let Some(now) = key.get() else { return };
        let start = move || {
            let placed = store.answers.placed;
            let idle = placed.get_untracked().is_none() && untrack(|| placed.progress()).is_none();
            if idle && key.try_get_untracked().flatten() == Some(now) {
                compare_placements(store, false, store.loaded.placement.get_untracked());
            }
        };
        set_timeout(start, Duration::from_millis(REST));
    });
}

/// Why nothing can be compared; none if it can.
pub(super) fn unknown(desk: Desk) -> Option<String> {
    let info = desk.store.shown()?;
    let of = (desk.store.origin() == Origin::Trace)
        .then(|| desk.store.scene.with(|e| e.of_model(info.model.as_deref()).err()));
    of.flatten().map(|why| format!("Nothing can be compared: {why}."))
}

/// Compares now, as the reader asked.
pub(super) fn compare(desk: Desk) {
    let store = desk.store;
    compare_placements(store, desk.search.get_untracked(), store.loaded.placement.get_untracked());
}

/// How far it is, with a way to stop. The words stand last: they grow, and must not push the button away from under a pointer.
pub(super) fn progress(desk: Desk) -> impl IntoView {
    move || {
        desk.store.answers.placed.progress().map(|(done, total)| {
            view! {
                <div class="status dep-progress" role="status" id="placing">
                    <progress max=total.max(1).to_string() value=done.to_string()></progress>
                    <button type="button" id="cancel-placing" on:click=move |_| desk.store.answers.placed.cancel()>"Stop"</button>
                    <span>"Placing and scoring: " {format!("{} of {}", grouped(done), grouped(total))}</span>
                </div>
            }
        })
    }
}
