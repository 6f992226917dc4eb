//! The page. A panel asks a worker, keeps the reply in the store and draws it, in that order.

#![expect(unreachable_pub, reason = "leptos writes components as pub, whatever they say")]

mod actions;
mod api;
mod controls;
mod figure;
mod hosted;
mod later;
mod load;
mod menu;
mod numbers;
mod panels;
mod present;
mod query;
mod recent;
mod remote;
mod resized;
mod runs;
mod selection;
mod settings;
mod shell;
mod simulate;
mod store;
mod story;
mod views;

use leptos::prelude::*;

use self::store::Store;

/// Puts the page into the document.
pub fn mount() {
    crate::web::say_panics();
    leptos::mount::mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let store = Store::new();
    settings::begin(store);
    // The simulator has a worker of its own and begins before figures are asked for.
    runs::begin(store);
    actions::begin(store);
    recent::begin(store);
    remote::begin(store);
    shell::begin(store);
    hosted::begin(store);
    present::begin(store);
    api::offer(store);
    let rooms = views::VIEWS.iter().map(|&(view, make)| shell::room(store, view, make)).collect_view();
    view! {
        <shell::Bar store />
        <main id="main" tabindex="-1">
            <panels::Notices store />
            {rooms}
        </main>
        <panels::Footer store />
        <panels::Credit store />
        <shell::Tabs store />
        <panels::TraceSheet store />
        <panels::Dialogs store />
    }
}
