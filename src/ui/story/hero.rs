//! The first screen: what was found, in two sentences with this run's numbers; where to go; six questions with an answer each.

use std::sync::Arc;

use leptos::prelude::*;

use super::CHAPTERS;
use super::stage::Stage;
use crate::analysis::Insight;
use crate::experiment::View;
use crate::plot::race::Race;
use crate::plot::{QUESTIONS, answer, lead as words};
use crate::ui::shell::link_to;
use crate::ui::store::{Dialog, Store};

/// Names of the parts that they lead to.
const PARTS: [&str; 6] = ["6", "7", "8", "9", "10", "11"];

#[component]
pub(super) fn Hero(
    store: Store,
    race: Memo<Option<Arc<Race>>>,
    why: Memo<Option<String>>,
    insights: Memo<Option<Vec<Insight>>>,
) -> impl IntoView {
    const { assert!(CHAPTERS + 1 == 6, "the patterns stand behind the chapters") };
    let questions = QUESTIONS.iter().zip(PARTS).enumerate().map(|(at, (question, part))| {
        let number = move || {
            let (report, insights) = (store.answers.report.get()?, insights.get()?);
            Some(answer(at, &report, &insights))
        };
        let inside = view! {
            <span>{at + 1}</span>
            <span>{*question}</span>
            <span class="n">{move || number().unwrap_or_else(|| "…".into())}</span>
        };
        view! { <li>{link_to(store, View::Story, part, "", inside)}</li> }
    });
    view! {
        <section class="hero" data-part="0">
            <div class="hero-l">
                <div class="hero-top">
                    <p class="eyebrow">"After a paper of ISCA 2026, measured again in your browser"</p>
                    <h1 tabindex="-1">"Expert routing looks like chaos. "<em>"It isn\u{2019}t."</em></h1>
                    <p class="lead">{move || lead(race.get())}</p>
                </div>
                <div class="hero-bot">
                    <div class="cta">
                        {link_to(store, View::Story, "1", "btn lg go", "Read")}
                        <button type="button" class="btn lg" id="story-drop" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Trace))>"Drop your trace"</button>
                        {link_to(store, View::Simulate, "", "btn lg", "Simulate")}
                    </div>
                    <p class="source">
                        <a href="https://arxiv.org/abs/2510.05497" rel="noreferrer">"Patterns behind Chaos"</a>
                        ", arXiv 2510.05497. Nothing is uploaded."
                    </p>
                    <ol class="toc" aria-label="Six questions">{questions.collect_view()}</ol>
                </div>
            </div>
            <Stage store race why />
        </section>
    }
}

/// Two sentences, true of this run.
fn lead(race: Option<Arc<Race>>) -> AnyView {
    let [before, bold, after] = words(race.as_deref());
    view! { {before}<b>{bold}</b>{after} }.into_any()
}
