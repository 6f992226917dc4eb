//! Ways through the page: its parts, the paper piece by piece, and what the words mean.

use leptos::prelude::*;

use crate::experiment::View::{self, Explore, Paper, Simulate};
use crate::ui::shell::go_to;
use crate::ui::store::Store;

/// Pieces of the paper: what it is, the figure or part here, and what differs or why it is missing.
const PIECES: [(&str, Option<(View, &str)>, &str); 13] = [
    (
        "Ob1, cross-layer correlation",
        Some((Explore, "layer-map")),
        "Each layer and the mean, prefill and decode; coverage by layer beside the paper's.",
    ),
    ("Ob2, cross-token correlation", Some((Explore, "token-map")), "As above, with its diagonal."),
    (
        "Ob3, prefill predicts decode",
        Some((Explore, "similarity-scatter")),
        "Rank correlation and overlap by layer, with the noise between requests as a ceiling.",
    ),
    (
        "Ob4, hot experts by subject and language",
        Some((Explore, "subject-map")),
        "Needs folders that name subjects; the synthetic workload has eight in two languages.",
    ),
    ("Ob5, co-activation", Some((Explore, "pair-map")), "Not for top-1 models."),
    (
        "Figure 2, latency breakdown",
        None,
        "Not reproduced: attention, router and shared experts take no time in this model.",
    ),
    ("Table I, wafers", Some((Simulate, "hardware")), "Presets; every value can be edited."),
    ("Figure 10, Algorithm 1", Some((Paper, "explain-mesh")), "Step by step, on an example of ours."),
    ("Figure 11, predictor", Some((Paper, "explain-mesh")), "The last steps of the same example."),
    ("Figure 12, throughput and hops", Some((Paper, "reproduce-place")), "All 120 runs."),
    (
        "Figures 14 and 15",
        Some((Paper, "reproduce-place")),
        "With Figure 12. The host's time of Figure 15 is read off the paper's picture.",
    ),
    ("Table II, area and power", Some((Paper, "units")), "As a calculator; the paper's values are not ours."),
    ("Section VI, placement on GPUs", None, "Not reproduced yet."),
];

/// The paper piece by piece.
#[component]
pub(crate) fn Pieces(store: Store) -> impl IntoView {
    let row = |(name, place, words): (&'static str, Option<(View, &'static str)>, &'static str)| {
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td>{place.map(|(at, id)| view! { <button type="button" on:click=move |_| go_to(store, at, id) aria-label=format!("Show {name}")>"Show"</button> })}</td>
                <td class="words">{words}</td>
            </tr>
        }
    };
    view! {
        <details id="pieces">
            <summary>"The paper piece by piece: what is reproduced, where, and what is not"</summary>
            <div class="scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"In the paper"</th>
                            <th scope="col">"Here"</th>
                            <th scope="col" class="words">"What to know"</th>
                        </tr>
                    </thead>
                    <tbody>{PIECES.map(row).collect_view()}</tbody>
                </table>
            </div>
        </details>
    }
}

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
pub(crate) fn Glossary() -> impl IntoView {
    let word = |(name, means): (&'static str, &'static str)| view! { <dt>{name}</dt> <dd>{means}</dd> };
    view! {
        <details id="glossary">
            <summary>"What the words mean"</summary>
            <dl class="glossary">{WORDS.map(word).collect_view()}</dl>
        </details>
    }
}
