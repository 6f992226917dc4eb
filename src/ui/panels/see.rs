//! Where experts move: the tools, and the figures of all analyses, in the order of their registry.

use leptos::prelude::*;

use super::views::shown;
use crate::analysis::figure::{Fact, Format};
use crate::analysis::registry::sketches;
use crate::model::Scope;
use crate::protocol::Figures;
use crate::ui::controls::Choice;
use crate::ui::numbers::{fact, number, share};
use crate::ui::settings::change;
use crate::ui::store::Store;

/// The second part of the page.
#[component]
pub(crate) fn See(store: Store) -> impl IntoView {
    let figures = sketches().map(|(analysis, sketch)| shown(store, analysis, sketch)).collect_view();
    view! {
        <section aria-labelledby="see-title">
            <h2 id="see-title">"2 · Where experts move"</h2>
            <Tools store />
            <dl class="facts" id="layer-facts">{move || store.answers.layer.get().map(|v| facts(&v))}</dl>
            <div class="figures">{figures}</div>
        </section>
    }
}

#[component]
fn Tools(store: Store) -> impl IntoView {
    let layers = move || store.shown().map(|i| i.layers.clone()).unwrap_or_default();
    let mean = move || store.experiment.with(|e| e.view.mean);
    let position = move || store.experiment.with(|e| e.view.layer).min(layers().len().saturating_sub(1));
    let scopes = [("all", "prefill and decode, joined"), ("prefill", "prefill"), ("decode", "decode")];
    let scopes: Vec<_> = scopes.map(|(a, b)| (a.to_string(), b.to_string())).into();
    let choose = move |v: String| {
        if let Some(scope) = Scope::EACH.into_iter().find(|s| s.name() == v) {
            change(store, true, |e| e.view.scope = scope);
        }
    };
    view! {
        <div class="tools">
            <label class="control wide" for="layer">
                <span>
                    "Layer " <output for="layer">{move || if mean() { "mean".into() } else { layers().get(position()).map_or("–".into(), ToString::to_string) }}</output>
                    {move || if mean() { format!(" (of {})", layers().len()) } else { format!(" ({} of {})", position() + 1, layers().len()) }}
                </span>
                <input
                    id="layer"
                    type="range"
                    min="0"
                    step="1"
                    prop:max=move || layers().len().saturating_sub(1).to_string()
                    prop:value=move || position().to_string()
                    on:input=move |e| {
                        if let Ok(layer) = event_target_value(&e).parse() {
                            change(store, false, |e| (e.view.layer, e.view.mean) = (layer, false));
                        }
                    }
                />
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
                    "Mean of all layers"
                    {move || store.answers.layer.progress().filter(|p| p.1 > 0).map(|(done, all)| format!(", {done} of {all}…"))}
                </span>
            </label>
            <Choice
                id="scope"
                label="Tokens"
                options=Signal::derive(move || scopes.clone())
                value=Signal::derive(move || store.experiment.with(|e| e.view.scope.name().to_string()))
                on_change=choose
            />
        </div>
    }
}

/// The single numbers of the figures of a layer.
fn facts(figures: &Figures) -> AnyView {
    let one = |f: &Fact| {
        let value = (!f.value.is_nan()).then_some(f.value);
        let shown = match f.format {
            Format::Share => share(value).into_any(),
            Format::Times => value.map(|v| number(v, 4, "×")).into_any(),
            _ => value.map(|v| number(v, 4, "")).into_any(),
        };
        fact(&f.name, &f.id, shown, (!f.beside.is_empty()).then(|| f.beside.clone()))
    };
    figures.all.iter().flat_map(|f| &f.facts).map(one).collect_view().into_any()
}
