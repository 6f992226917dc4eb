//! The simulator: what a placement is worth on a machine. Rail of settings, wafer, what is looked at, one layer over time, drawers.

mod board;
mod drawers;
mod figures;
mod film;
mod hardware;
mod lanes;
mod limits;
mod menu;
mod more;
mod pills;
mod rail;
mod side;
mod sight;
mod size;
mod stage;
mod state;
mod status;
mod tables;
mod time;

use leptos::ev::KeyboardEvent;
use leptos::leptos_dom::helpers::window_event_listener;
use leptos::prelude::*;

use self::state::Sim;
use crate::experiment::View;
use crate::ui::selection::unsimulated;
use crate::ui::settings::change;
use crate::ui::store::Store;

/// The view.
#[component]
pub(super) fn Simulate(store: Store) -> impl IntoView {
    let sim = Sim::new(store);
    let why = unsimulated(store);
    let here = Memo::new(move |_| store.experiment.with(|e| e.view.view == View::Simulate));
    let listener = window_event_listener(leptos::ev::keydown, move |event: KeyboardEvent| {
        if event.key() == "Escape" && here.get_untracked() && store.chrome.dialog.with_untracked(Option::is_none) {
            sim.breaking.set(false);
            sim.setup.set(false);
            change(store, true, |e| e.view.look = None);
        }
    });
    on_cleanup(move || listener.remove());
    // A part that stands in the rail; drawers open themselves.
    let part = Memo::new(move |_| {
        store.scene.with(|e| {
            let of = |id: &&str| e.view.view == View::Simulate && e.view.part == **id;
            ["hardware", "more-settings"].into_iter().find(of)
        })
    });
    Effect::new(move |_| {
        let Some(id) = part.get() else { return };
        // On a phone the rail is a sheet.
        sim.setup.set(size::narrow());
        set_timeout(move || crate::web::go_to(id), std::time::Duration::from_millis(60));
    });
    // A film that nobody sees is not played.
    Effect::new(move |_| {
        if !here.get() && sim.playing.get_untracked() {
            sim.pause();
        }
    });
    let setup = move || {
        let edited = store.scene.with(|e| e.system.hardware.len());
        let words = if edited > 0 { format!("Setup, {edited} edited") } else { "Setup".into() };
        view! { <button type="button" class="setup-chip" id="open-setup" aria-expanded=move || sim.setup.get().to_string() on:click=move |_| sim.setup.update(|s| *s = !*s)>{words}</button> }
    };
    view! {
        <div class="tool sim">
            {rail::rail(sim)}
            <div class="setup-row">{setup}</div>
            {stage::stage(sim, why)}
            {side::side(sim, why)}
            {time::time(sim, why)}
        </div>
        {drawers::drawers(sim, why)}
    }
}
