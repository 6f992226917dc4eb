//! The first screen: what was found, in two sentences with this run's numbers; where to go; six questions with an answer each.

use std::sync::Arc;

use leptos::prelude::*;

use super::CHAPTERS;
use super::race::{Race, times};
use super::stage::Stage;
use crate::analysis::{Insight, Report};
use crate::experiment::View;
use crate::ui::shell::link_to;
use crate::ui::store::{Dialog, Store};
use crate::units::{percent, significant};

/// The questions, in the order of the patterns.
const QUESTIONS: [&str; 6] = [
    "Can the next layer be fetched ahead?",
    "Do neighbouring tokens agree?",
    "Does the prompt predict the answer?",
    "How long do weights lie unused?",
    "Which experts carry the load?",
    "Which experts work together?",
];

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
                    <p class="eyebrow">"Patterns of expert routing, measured and simulated in your browser"</p>
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
                        ", arXiv 2510.05497, ISCA 2026. Nothing is uploaded."
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
    let Some(race) = race else {
        return view! { "A mixture-of-experts model asks for different weights at every token, and weights lie where they lie. "<b>"Six patterns say which come next"</b>"." }.into_any();
    };
    let (base, best) = (race.over(), race.best());
    let all: f64 = base.run.bound_seconds.iter().sum();
    let links = if all > 0.0 { base.run.bound_seconds[2] / all } else { 0.0 };
    let [_, machine] = race.words();
    let first = if links >= 0.5 {
        format!(
            "A mixture-of-experts model asks for different weights at every token, and moving them sets {} of a batch\u{2019}s time. ",
            whole(links)
        )
    } else {
        format!(
            "A mixture-of-experts model asks for different weights at every token; in this run moving them sets only {} of a batch\u{2019}s time. ",
            whole(links)
        )
    };
    let gain = times(best.speedup).trim_end_matches('×').to_string();
    let placed = ["allo", "pred", "allo+pred"].contains(&best.run.strategy.as_str());
    let second = if best.speedup < 1.02 {
        format!(", but on this {machine} no placement beats {}.", base.run.strategy)
    } else if placed {
        format!("; place experts by them, and the same {machine} is {gain} times as fast.")
    } else {
        format!("; here {} alone, without them, makes the {machine} {gain} times as fast.", best.run.strategy)
    };
    view! { {first}<b>"Six patterns say which weights come next"</b>{second} }.into_any()
}

/// A share without decimals.
pub(super) fn whole(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// The number that answers a question.
fn answer(at: usize, report: &Report, insights: &[Insight]) -> String {
    let named = |name: &str| insights[at].bars.iter().find(|b| b.name == name).and_then(|b| b.value);
    let none = || "this trace cannot tell".to_string();
    match at {
        0 => named("informed").map_or_else(none, |v| format!("{} in the top fifth", whole(v))),
        1 => named("repeated").map_or_else(none, |v| {
            format!("{}, chance {}", whole(v), percent(report.top_k as f64 / report.experts.max(1) as f64))
        }),
        2 => {
            let known: Vec<f64> = report.similarity.rho_frequency.iter().flatten().copied().collect();
            if known.is_empty() {
                return none();
            }
            format!("rank ρ {}", significant(known.iter().sum::<f64>() / known.len() as f64, 2))
        }
        3 => insights[at]
            .bars
            .last()
            .and_then(|b| b.value)
            .map_or_else(none, |v| format!("one memory hits {}", whole(v))),
        4 => named("hottest").map_or_else(none, |v| format!("hottest {} its share", times(v))),
        _ if report.top_k == 1 => "top-1: no pairs".into(),
        _ => named("top 10%").map_or_else(none, |v| format!("a tenth of pairs: {}", whole(v))),
    }
}
