//! The settings and the address, which say the same: reading and changing one setting by its name, and what of a result the
//! settings show.

use std::cell::RefCell;
use std::time::Duration;

use leptos::leptos_dom::helpers::{TimeoutHandle, set_timeout_with_handle, window_event_listener_untyped};
use leptos::prelude::*;

use super::store::Store;
use crate::experiment::{Experiment, View, key_named};
use crate::protocol::{RunReport, StrategyRun};
use crate::web::{fragment, set_fragment};

thread_local! {
    /// What the address will say once a slider rests.
    static PENDING: RefCell<Option<(TimeoutHandle, String)>> = const { RefCell::new(None) };
}

/// Reads the address, now and whenever the reader goes back or forth.
pub(super) fn begin(store: Store) {
    read_address(store);
    for event in ["popstate", "hashchange"] {
        let _ = window_event_listener_untyped(event, move |_| read_address(store));
    }
}

fn read_address(store: Store) {
    // What a slider has not written yet belongs to the step of the history that was left.
    PENDING.take().into_iter().for_each(|(handle, _)| handle.clear());
    let (experiment, unread) = Experiment::parse(&fragment());
    store.unread.set(unread.iter().map(ToString::to_string).collect());
    if store.experiment.get_untracked() != experiment {
        store.experiment.set(experiment);
    }
}

/// Writes the address as it should be, in its normal form and without a slider's delay; its text.
pub(super) fn write_address(store: Store) -> String {
    PENDING.take().into_iter().for_each(|(handle, _)| handle.clear());
    let text = store.experiment.with_untracked(ToString::to_string);
    set_fragment(&text, false);
    text
}

/// The page's own address, without what is behind it.
pub(super) fn base() -> String {
    let href = window().location().href().unwrap_or_default();
    href.split('#').next().unwrap_or_default().into()
}

/// The view that an element is in.
pub(super) fn view_of(element: &web_sys::Element) -> Option<View> {
    let id = element.closest(".view").ok().flatten()?.id();
    View::EACH.into_iter().find(|v| id == format!("view-{}", v.name()))
}

/// HTML that shows one figure of this experiment in another page.
pub(super) fn frame_of(experiment: &Experiment, id: &str, title: &str) -> String {
    let mut of = experiment.clone();
    of.view.embed = id.into();
    // The view that holds the figure, whichever is open.
    let holder = document().get_element_by_id(id).and_then(|e| view_of(&e));
    of.view.view = holder.unwrap_or_else(|| of.view.owner());
    format!("<iframe src=\"{}#{of}\" width=\"720\" height=\"560\" loading=\"lazy\" title=\"{title}\"></iframe>", base())
}

/// Changes the experiment and writes it into the address: as a step of the history, or quietly for sliders.
pub(super) fn change(store: Store, push: bool, edit: impl FnOnce(&mut Experiment)) {
    let before = store.experiment.get_untracked();
    let mut after = before.clone();
    edit(&mut after);
    if after == before {
        return;
    }
    let text = after.to_string();
    if push {
        // The step that is left keeps where its slider was.
        if let Some((handle, text)) = PENDING.take() {
            handle.clear();
            set_fragment(&text, false);
        }
    }
    store.experiment.set(after);
    store.unread.set(Vec::new());
    if push {
        return set_fragment(&text, true);
    }
    PENDING.take().into_iter().for_each(|(handle, _)| handle.clear());
    // Browsers refuse an address that changes with every frame.
    let write = {
        let text = text.clone();
        move || {
            PENDING.take();
            set_fragment(&text, false);
        }
    };
    PENDING.set(set_timeout_with_handle(write, Duration::from_millis(200)).ok().map(|handle| (handle, text)));
}

/// Whether a slider moved a moment ago: the address does not say yet what it is at.
pub(super) fn moving() -> bool {
    PENDING.with_borrow(Option::is_some)
}

/// Sets one setting by its name in the address.
pub(super) fn set(store: Store, name: &'static str, value: &str) -> Result<(), String> {
    let changed = store.experiment.with_untracked(|e| e.with(name, value.trim()))?;
    change(store, true, |e| *e = changed);
    Ok(())
}

/// One setting by its name, as the address has it.
pub(super) fn get(store: Store, name: &'static str) -> Signal<String> {
    Signal::derive(move || store.settings.with(|e| key_named(name).map(|k| (k.get)(e)).unwrap_or_default()))
}

/// The run whose wafer is drawn.
pub(super) fn shown_run(report: &RunReport, experiment: &Experiment) -> Option<StrategyRun> {
    let shown = experiment.view.show.name();
    report.runs.iter().find(|r| r.strategy == shown).or(report.runs.last()).cloned()
}
