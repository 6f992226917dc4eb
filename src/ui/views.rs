//! The views, and what each holds in its order. A row of the table is a view; the shell knows no more of them. All but the story are
//! fetched once they are opened (`later`).

use leptos::prelude::*;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::later::Fetched;
use super::panels;
use super::store::Store;
use crate::experiment::View;

/// What makes a view.
#[derive(Clone, Copy)]
pub(super) enum Make {
    /// It comes with the page.
    Here(fn(Store) -> AnyView),
    /// It is fetched first.
    Later(fn(Store) -> Fetched),
}

/// What makes each view.
pub(super) const VIEWS: [(View, Make); 5] = [
    (View::Story, Make::Here(story)),
    (View::Explore, Make::Later(|store| Box::pin(explore(store)))),
    (View::Simulate, Make::Later(|store| Box::pin(simulate(store)))),
    (View::Deploy, Make::Later(|store| Box::pin(deploy(store)))),
    (View::Paper, Make::Later(|store| Box::pin(paper(store)))),
];

fn story(store: Store) -> AnyView {
    view! { <super::story::Story store /> }.into_any()
}

#[wasm_split(explore, wasm_split_path = ::leptos::wasm_split, fallible)]
fn explore(store: Store) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <panels::Explore store /> }.into_any())
}

#[wasm_split(simulate, wasm_split_path = ::leptos::wasm_split, fallible)]
fn simulate(store: Store) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <super::simulate::Simulate store /> }.into_any())
}

#[wasm_split(deploy, wasm_split_path = ::leptos::wasm_split, fallible)]
fn deploy(store: Store) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <panels::Deploy store /> }.into_any())
}

#[wasm_split(paper, wasm_split_path = ::leptos::wasm_split, fallible)]
fn paper(store: Store) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <panels::Paper store /> }.into_any())
}
