//! What the words mean, and how the paper is cited.

use leptos::prelude::*;

use crate::ui::panels::dialogs::BIBTEX;
use crate::web::clipboard;

const WORDS: [(&str, &str); 16] = [
    (
        "Expert, top-k",
        "One of E small networks of a mixture-of-experts layer; a router picks k of them for each token.",
    ),
    ("Prefill, decode", "Reading the prompt, all its tokens at once; then writing the answer, a token a step."),
    ("Skew", "Tokens of the busiest expert over the mean of all experts of the layer."),
    (
        "Coverage",
        "Share of what follows that falls on the top 20% of experts, given the layer's busiest expert before.",
    ),
    ("Co-activation", "Two experts chosen for the same token."),
    (
        "Reuse distance",
        "How many other experts were used since an expert was used last: what a cache must hold to hit.",
    ),
    ("Collapsed layer", "A layer in which one expert takes more than 90% of the tokens."),
    (
        "Die, wafer, mesh",
        "A wafer-scale GPU is a grid of dies, each with its own memory, joined by links to its neighbours.",
    ),
    ("HBM, LLC", "A die's own memory; its last-level cache."),
    ("Link, hop", "A wire between two neighbouring dies; a transfer over one link."),
    ("base", "The wafer as one big GPU: tokens are cut evenly, and dies fetch the experts that they lack."),
    ("ep", "Expert parallelism: tokens are computed where their expert lives."),
    ("allo", "The paper's Algorithm 1: blocks of a hot expert's tokens also go to neighbours."),
    ("pred", "Dies keep copies of experts that the heat map of token pairs predicts."),
    ("Makespan", "When the last die is done: the time of a layer."),
    ("Digest", "A fingerprint of the requests: the same digest, the same numbers."),
];

/// What the words mean.
#[component]
pub(super) fn Glossary() -> impl IntoView {
    let word = |(name, means): (&'static str, &'static str)| view! { <dt>{name}</dt> <dd>{means}</dd> };
    view! {
        <section id="glossary" aria-labelledby="glossary-title">
            <h2 id="glossary-title">"What the words mean"</h2>
            <dl class="glossary">{WORDS.map(word).collect_view()}</dl>
        </section>
    }
}

/// How to cite it.
#[component]
pub(super) fn Cite() -> impl IntoView {
    let said = RwSignal::new("Copy");
    let copy = move |_| {
        leptos::task::spawn_local(async move {
            said.set(if clipboard(BIBTEX.into()).await { "Copied" } else { "Not allowed" });
            set_timeout(
                move || {
                    let _ = said.try_set("Copy");
                },
                std::time::Duration::from_secs(2),
            );
        });
    };
    view! {
        <section id="cite" aria-labelledby="cite-title">
            <h2 id="cite-title">"Citing the paper"</h2>
            <pre class="pre" tabindex="0" aria-label="BibTeX">{BIBTEX}</pre>
            <button type="button" id="copy-bibtex" on:click=copy>{move || said.get()} " BibTeX"</button>
        </section>
    }
}
