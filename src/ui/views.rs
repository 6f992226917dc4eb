//! The views, and what each holds in its order. A row of the table is a view; the shell knows no more of them.

use leptos::prelude::*;

use super::panels;
use super::store::Store;
use crate::experiment::View;

/// Makes a view.
type Make = fn(Store) -> AnyView;

/// What makes each view.
pub(super) const VIEWS: [(View, Make); 5] = [
    (View::Story, story),
    (View::Explore, explore),
    (View::Simulate, simulate),
    (View::Deploy, deploy),
    (View::Paper, paper),
];

fn story(store: Store) -> AnyView {
    view! { <super::story::Story store /> }.into_any()
}

fn explore(store: Store) -> AnyView {
    view! { <panels::Explore store /> }.into_any()
}

fn simulate(store: Store) -> AnyView {
    view! { <super::simulate::Simulate store /> }.into_any()
}

fn deploy(store: Store) -> AnyView {
    view! { <panels::Deploy store /> }.into_any()
}

fn paper(store: Store) -> AnyView {
    view! { <panels::Paper store /> }.into_any()
}
