//! The view that tells what the paper found: the race, five chapters beside a wafer that stays, six patterns with their pictures, and
//! what comes next. Every number is of the run and the requests that the page shows; where they tell another story, so do the words.

mod batches;
mod chapters;
mod ending;
mod film;
mod hero;
mod line;
mod patterns;
mod pictures;
mod pinned;
mod scroll;
mod stage;

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;

use self::patterns::Patterns;
use super::panels::{Found, caches};
use super::selection::unsimulated;
use super::store::Store;
use crate::analysis::insights;
use crate::model::model_named;
use crate::plot::race::Race;

/// Chapters, and patterns behind them.
pub(super) const CHAPTERS: usize = 5;
const PARTS: usize = CHAPTERS + 6;

/// The view.
#[component]
pub(super) fn Story(store: Store) -> impl IntoView {
    let root = NodeRef::<html::Div>::new();
    let race = Memo::new(move |_| store.answers.run.get().and_then(|r| Race::of(&r)).map(Arc::new));
    let why = unsimulated(store);
    let insights = Memo::new(move |_| {
        let (report, overview, info) = (store.answers.report.get()?, store.answers.overview.get()?, store.shown()?);
        let model = info.model.as_deref().and_then(model_named);
        let curves = Found::named(overview, "reuse-curve").map_or_else(Vec::new, |f| f.lines().to_vec());
        Some(insights(&report, model, &curves, caches(store)))
    });
    let ready =
        Memo::new(move |_| (race.with(Option::is_some) || why.with(Option::is_some)) && insights.with(Option::is_some));
    let runs = batches::Runs::new();
    let place = scroll::follow(store, root, PARTS, ready);
    view! {
        <div class="story" node_ref=root>
            <hero::Hero store race why insights />
            <section class="scrolly" aria-label="What a placement changes">
                <chapters::Chapters store race why place runs />
                <pinned::Pinned store race place runs />
            </section>
            <Patterns store insights />
            <ending::Ending store />
        </div>
    }
}
