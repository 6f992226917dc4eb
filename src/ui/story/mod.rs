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
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use self::patterns::Patterns;
use super::later::later;
use super::panels::{Found, caches};
use super::selection::unsimulated;
use super::store::Store;
use crate::analysis::{Insight, insights};
use crate::model::model_named;
use crate::plot::race::Race;

/// Chapters, and patterns behind them.
pub(super) const CHAPTERS: usize = 5;
const PARTS: usize = CHAPTERS + 6;

/// The view.
#[component]
pub(super) fn Story(store: Store) -> impl IntoView {
    let race = Memo::new(move |_| store.answers.run.get().and_then(|r| Race::of(&r)).map(Arc::new));
    let why = unsimulated(store);
    let insights = Memo::new(move |_| {
        let (report, overview, info) = (store.answers.report.get()?, store.answers.overview.get()?, store.shown()?);
        let model = info.model.as_deref().and_then(model_named);
        let curves = Found::named(overview, "reuse-curve").map_or_else(Vec::new, |f| f.lines().to_vec());
        Some(insights(&report, model, &curves, caches(store)))
    });
    // The first screen alone comes with the page.
    let live = Memo::new(move |_| race.with(Option::is_some) || why.with(Option::is_some));
    let parts = Parts { store, race, why, live, insights };
    view! {
        <div class="story">
            <hero::Hero store race why insights />
            {later(store, move || Box::pin(below(parts)), live)}
        </div>
    }
}

/// What the story tells of.
#[derive(Clone, Copy)]
struct Parts {
    store: Store,
    race: Memo<Option<Arc<Race>>>,
    why: Memo<Option<String>>,
    /// There is a run, or a reason why there is none.
    live: Memo<bool>,
    insights: Memo<Option<Vec<Insight>>>,
}

/// What stands below the first screen.
#[wasm_split(story, wasm_split_path = ::leptos::wasm_split, fallible)]
fn below(parts: Parts) -> Result<AnyView, SplitLoaderError> {
    let Parts { store, race, why, live, insights } = parts;
    let told = NodeRef::<html::Div>::new();
    let ready = Memo::new(move |_| live.get() && insights.with(Option::is_some));
    let runs = batches::Runs::new();
    let place = scroll::follow(store, told, PARTS, ready);
    let view = view! {
        <div node_ref=told>
            <section class="scrolly" aria-label="What a placement changes">
                <chapters::Chapters store race why place runs />
                <pinned::Pinned store race place runs />
            </section>
            <Patterns store insights />
            <ending::Ending store />
        </div>
    };
    Ok(view.into_any())
}
