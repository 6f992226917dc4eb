//! The end of the story: what a reader does next, and how to have the same numbers without a page.

use leptos::prelude::*;

use crate::experiment::View;
use crate::model::MODELS;
use crate::protocol::Origin;
use crate::synth::synthetic_model;
use crate::ui::shell::link_to;
use crate::ui::store::{Dialog, Store};

/// Models of the paper, to look at without a trace.
const OTHERS: [&str; 4] = ["deepseek-v3", "qwen3-235b", "kimi-k2", "llama4-maverick"];

#[component]
pub(super) fn Ending(store: Store) -> impl IntoView {
    let command = move || {
        let text = store.scene.with(|e| e.run_key().to_string());
        let files = if store.origin() == Origin::Trace { " --traces PATH" } else { "" };
        format!("moescope run --experiment '{text}'{files}")
    };
    let model = move |name: &'static str| other(store, name);
    view! {
        <section class="ending" id="story-end">
            <h2>"Now yours."</h2>
            <p>"A recording of which experts your tokens chose is enough: dumps of vLLM and SGLang, arrays, tables, counts. It stays in this browser."</p>
            <div class="cta">
                <button type="button" class="btn lg go" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Trace))>"Drop your trace"</button>
                {link_to(store, View::Explore, "", "btn lg", "Explore it")}
                {link_to(store, View::Deploy, "", "btn lg", "Choose a placement")}
                {link_to(store, View::Paper, "", "btn lg", "Check the paper")}
            </div>
            <p class="models"><span>"Or another model, without a trace: "</span> {OTHERS.map(model).into_iter().flatten().collect_view()}</p>
            <p class="command">"This experiment on the command line, with the same bytes: " <code id="story-command">{command}</code></p>
            <p class="aside">"Diamonds are the paper\u{2019}s numbers. The synthetic workload was fitted to the paper\u{2019}s statistics, so that its patterns agree is no evidence; the speedups and hops were not fitted."</p>
        </section>
    }
}

/// A link to the synthetic workload of another model; none if it is not one that can be made.
pub(super) fn other(store: Store, name: &'static str) -> Option<AnyView> {
    let found = MODELS.iter().find(|m| m.name == name).filter(|_| synthetic_model(name).is_ok())?;
    let address = move || {
        store.scene.with(|e| {
            let mut of = e.clone();
            of.workload.model = name.into();
            of.workload.trace.clear();
            format!("#{of}")
        })
    };
    Some(view! { <a class="btn" href=address>{found.title}</a> }.into_any())
}
