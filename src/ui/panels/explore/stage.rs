//! The chosen question: its picture, large, with what can be set of it.

use leptos::prelude::*;

use super::Part;
use super::every::every;
use crate::analysis::registry::{Analysis, Sketch};
use crate::model::Scope;
use crate::ui::panels::compare::Requests;
use crate::ui::panels::tell::Tell;
use crate::ui::panels::views::shown;
use crate::ui::settings::change;
use crate::ui::store::Store;

/// The middle of the view.
pub(super) fn stage(store: Store, part: Memo<Part>) -> AnyView {
    let inside = move || match part.get() {
        Part::Question(analysis, sketch) => question(store, analysis, sketch),
        Part::Observations => view! { <div class="ex-part"><Tell store /></div> }.into_any(),
        Part::Compare => view! { <div class="ex-part"><Requests store /></div> }.into_any(),
    };
    let term = move || part.get().sketch().map(|(a, s)| format!("{}. Analysis {}, {}.", s.title, a.id, a.name));
    view! {
        <section class="stage ex-stage" aria-labelledby="ex-title">
            <header class="ex-head" class:bare=move || part.get() == Part::Observations>
                <h2 id="ex-title">{move || part.get().title()}</h2>
                <p class="aside">{term}</p>
            </header>
            {tools(store)}
            {inside}
        </section>
    }
    .into_any()
}

fn question(store: Store, analysis: &'static Analysis, sketch: &'static Sketch) -> AnyView {
    let class = if sketch.wide { "ex-fig" } else { "ex-fig square" };
    view! {
        <div class=class>{shown(store, analysis, sketch)}</div>
        {sketch.of_layer().then(|| every(store, analysis, sketch))}
    }
    .into_any()
}

/// Which tokens, which layer.
fn tools(store: Store) -> AnyView {
    let layers = move || store.shown().map(|i| i.layers.clone()).unwrap_or_default();
    let mean = move || store.experiment.with(|e| e.view.mean);
    let position = move || store.experiment.with(|e| e.view.layer).min(layers().len().saturating_sub(1));
    let scope = Memo::new(move |_| store.experiment.with(|e| e.view.scope));
    let words = |s: Scope| match s {
        Scope::All => "joined",
        s => s.name(),
    };
    let one = |s: Scope| {
        view! {
            <button type="button" aria-pressed=move || (scope.get() == s).to_string() on:click=move |_| change(store, true, |e| e.view.scope = s)>
                {words(s)}
            </button>
        }
    };
    let name =
        move || if mean() { "mean".into() } else { layers().get(position()).map_or("–".into(), ToString::to_string) };
    view! {
        <div class="tools ex-tools">
            // Its value is the chosen one's, as a select has it.
            <div id="scope" class="seg" role="group" aria-label="Tokens" prop:value=move || scope.get().name()>{Scope::EACH.map(one)}</div>
            <label class="control ex-layer" for="layer">
                <span>"layer"</span>
                <input
                    id="layer"
                    type="range"
                    min="0"
                    step="1"
                    prop:max=move || layers().len().saturating_sub(1).to_string()
                    prop:value=move || position().to_string()
                    aria-valuetext=move || format!("layer {}, {} of {}", name(), position() + 1, layers().len())
                    on:input=move |e| {
                        if let Ok(layer) = event_target_value(&e).parse() {
                            change(store, false, |e| (e.view.layer, e.view.mean) = (layer, false));
                        }
                    }
                />
                <output for="layer" class="n">{name}</output>
            </label>
            <label class="control check" for="mean">
                <input
                    id="mean"
                    type="checkbox"
                    prop:checked=mean
                    on:change=move |e| {
                        let on = event_target_checked(&e);
                        change(store, true, |e| e.view.mean = on);
                    }
                />
                <span>
                    "mean of all"
                    {move || store.answers.layer.progress().filter(|p| p.1 > 0).map(|(done, all)| format!(", {done} of {all}…"))}
                </span>
            </label>
        </div>
    }
    .into_any()
}
