//! Where experts move: the tools and the figures of the analyses, in the order of the paper's observations.

use leptos::prelude::*;

use super::{likeness, streams, views};
use crate::model::{Scope, model_named};
use crate::protocol::{Info, LayerView};
use crate::ui::controls::Choice;
use crate::ui::figure::Missing;
use crate::ui::numbers::{fact, number, share};
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::percent;

/// The second part of the page.
#[component]
pub(crate) fn See(store: Store) -> impl IntoView {
    let lacks = Memo::new(move |_| store.shown().map(|i| Lacks::of(&i)).unwrap_or_default());
    // A figure, or in its place the words why this trace cannot fill it.
    let or_why = move |why: fn(Lacks) -> Option<&'static str>,
                       id: &'static str,
                       title: &'static str,
                       figure: fn(Store) -> AnyView| {
        move || match why(lacks.get()) {
            None => figure(store),
            Some(why) => view! { <Missing id title why=why.to_string() /> }.into_any(),
        }
    };
    let order = move |id, title, figure| or_why(|l| l.order, id, title, figure);
    let phases = move |id, title, figure| or_why(|l| l.order.or(l.phases), id, title, figure);
    let pairs = move |id, title, figure| or_why(|l| l.pairs, id, title, figure);
    let subjects = move |id, title, figure| or_why(|l| l.subjects, id, title, figure);
    view! {
        <section aria-labelledby="see-title">
            <h2 id="see-title">"2 · Where experts move"</h2>
            <Tools store />
            <dl class="facts" id="layer-facts">{move || store.answers.layer.get().map(|v| facts(store, &v))}</dl>
            <div class="figures">
                {views::frequency_map(store)}
                {views::frequency_bars(store)}
                {order("token-map", "Cross-token correlation", views::token_map)}
                {order("token-diagonal", "Used again by the next token", views::token_diagonal)}
                {order("layer-map", "Cross-layer correlation", views::layer_map)}
                {order("coverage-curve", "How few experts cover what follows", views::coverage_curve)}
                {order("coverage-layers", "Coverage by layer", views::coverage_layers)}
                {order("repetition", "Repetition", streams::repetition)}
                {phases("similarity-scatter", "Prefill against decode", likeness::similarity_scatter)}
                {phases("similarity-layers", "Prefill-decode similarity by layer", likeness::similarity_layers)}
                {phases("token-difference", "Cross-token, prefill minus decode", views::token_difference)}
                {phases("layer-difference", "Cross-layer, prefill minus decode", views::layer_difference)}
                {order("reuse-bins", "Reuse distance", streams::reuse_bins)}
                {order("reuse-curve", "Miss ratio of a cache of experts", streams::reuse_curve)}
                {pairs("pair-map", "Co-activation", views::pair_map)}
                {pairs("pair-curve", "Concentration of co-activation", views::pair_curve)}
                {subjects("subject-map", "Experts by subject", likeness::subject_map)}
                {subjects("subject-overlap", "Top-10 experts that subjects share", likeness::subject_overlap)}
            </div>
        </section>
    }
}

/// What a trace cannot answer, and why: words in place of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Lacks {
    order: Option<&'static str>,
    phases: Option<&'static str>,
    pairs: Option<&'static str>,
    subjects: Option<&'static str>,
}

impl Lacks {
    fn of(info: &Info) -> Self {
        const COUNTS: &str = "These are counts without an order of tokens. They tell frequency and skew; this figure needs a trace with the experts of each token.";
        let counts = info.prefill + info.decode == 0;
        let one_phase = match (info.prefill, info.decode) {
            (0, _) => Some("The trace has no prefill tokens, so the phases cannot be compared."),
            (_, 0) => Some("The trace has no decode tokens, so the phases cannot be compared."),
            _ => None,
        };
        let top_1 = info.top_k == 1;
        Self {
            order: counts.then_some(COUNTS),
            phases: one_phase,
            pairs: if counts {
                Some(COUNTS)
            } else if top_1 {
                Some("This model chooses one expert for each token (top-1), so no two experts are ever chosen together. Co-activation needs a trace with top-2 or more.")
            } else {
                None
            },
            subjects: (info.labels.len() < 2)
                .then_some("The folders of this trace name fewer than two subjects. Folders such as llama4-mmlu-anatomy tell model, data set and subject."),
        }
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

fn facts(store: Store, view: &LayerView) -> impl IntoView + use<> {
    let model = store.shown().and_then(|i| i.model.as_deref().and_then(model_named));
    let paper = model.and_then(|m| m.paper_cross_token).map(|c| format!("paper {}, mean over layers", percent(c)));
    let one = view.id.is_some();
    let chance = store.shown().map_or(0.0, |i| i.top_k as f64 / i.experts.max(1) as f64);
    let llama =
        (one && model.is_some_and(|m| m.name == "llama4-maverick")).then(|| "paper: over 16 in layer 7".to_string());
    let pairs = !view.pairs.is_empty();
    view! {
        {fact("Skew, largest over mean", "fact-skew", view.skew.map(|s| number(s, 4, "×")), llama)}
        {fact("Next token's experts in the top 20%", "fact-coverage", share(view.coverage.top), paper)}
        {fact("the same, weighted over rows", "fact-coverage-weighted", share(view.coverage.weighted), None)}
        {fact("An expert is used again, weighted", "fact-diagonal", share(view.diagonal_mean.0), Some(format!("chance {}", percent(chance))))}
        {pairs.then(|| fact("Strongest pair over average", "fact-max-pair", view.coactivation.max_ratio.map(|s| number(s, 4, "×")), Some("paper 20 to 40×".into())))}
        {pairs.then(|| fact("Co-activations in the top 10% of pairs", "fact-top-pairs", share(view.coactivation.top10_share), Some("paper 60 to 80%".into())))}
    }
}
