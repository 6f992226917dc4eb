//! The story: six insights as a scroll, each a question, a sentence, a figure of what is shown and the paper's number beside
//! it. For readers who have a minute; the workbench below is for those who stay.

use leptos::prelude::*;

use super::views::{Found, caches, drawn};
use crate::analysis::{Bar, Insight, insights};
use crate::experiment::View;
use crate::model::model_named;
use crate::sim::Strategy;
use crate::ui::shell::go_to;
use crate::ui::store::Store;
use crate::units::{amount, significant};

/// Figure of each insight: its name and title.
const FIGURES: [(&str, &str); 6] = [
    ("story-next-layer", "What the next layer needs"),
    ("story-next-token", "What the next token needs"),
    ("story-phases", "What the prompt tells of the answer"),
    ("story-reuse", "What a die's memory hits"),
    ("story-skew", "How uneven the experts are"),
    ("story-pairs", "Who is chosen together"),
];

/// The section.
#[component]
pub(crate) fn Story(store: Store) -> impl IntoView {
    let insights = Memo::new(move |_| {
        let (report, overview, info) = (store.answers.report.get()?, store.answers.overview.get()?, store.shown()?);
        let model = info.model.as_deref().and_then(model_named);
        let curves = Found::named(overview, "reuse-curve").map_or_else(Vec::new, |f| f.lines().to_vec());
        Some(insights(&report, model, &curves, caches(store)))
    });
    let chapters =
        FIGURES.iter().enumerate().map(|(at, (id, title))| chapter(store, insights, at, id, title)).collect_view();
    view! {
        <section aria-labelledby="story-title" class="story">
            <h2 id="story-title">"The story in six figures"</h2>
            <p class="aside">
                "Expert choices look like chaos. The paper finds six patterns behind it. Each is measured here on what is loaded above; a mark is the paper\u{2019}s number, for this model where it has one."
            </p>
            <ol id="insights">{chapters}</ol>
            {move || ending(store)}
        </section>
    }
}

/// Measured here, and the paper's.
fn values(bar: &Bar, times: bool) -> (String, Option<String>) {
    let here = bar.value.map_or_else(|| "not measurable".into(), |v| amount(v, times));
    (here, bar.paper.map(|p| amount(p, times)))
}

fn chapter(
    store: Store,
    insights: Memo<Option<Vec<Insight>>>,
    at: usize,
    id: &'static str,
    title: &'static str,
) -> impl IntoView {
    let one = move || insights.with(|all| all.as_ref().and_then(|all| all.get(at).cloned()));
    let text = move |of: fn(&Insight) -> &str| {
        insights.with(|all| all.as_ref().and_then(|a| a.get(at)).map_or_else(String::new, |i| of(i).to_string()))
    };
    let caption = Signal::derive(move || text(|i| &i.answer));
    // The bar that the paper has a number for.
    let beside = move || {
        let insight = one()?;
        let bar = insight.bars.iter().rev().find(|b| b.paper.is_some())?;
        let (here, paper) = values(bar, insight.times);
        let what = bar.what.clone();
        Some(view! { <p class="beside"><strong>{here} " here · paper " {paper}</strong> " " <span>{what}</span></p> })
    };
    view! {
        <li class="chapter">
            <div>
                <h3>{move || text(|i| &i.question)}</h3>
                <p>{move || text(|i| &i.lesson)}</p>
                {beside}
            </div>
            {drawn(store, id, title, caption, |w| (w * 0.42).clamp(190.0, 260.0), move || Some(Found::Own(one()?.figure(id, title))))}
        </li>
    }
}

/// What all that is worth.
fn ending(store: Store) -> Option<AnyView> {
    let report = store.answers.run.get()?;
    let find = |s: Strategy| report.runs.iter().find(|r| r.strategy == s.name());
    let (best, base) = (find(Strategy::ALLO_PRED)?, find(Strategy::BASE)?);
    let paper = report.paper(best).filter(|_| report.over() == Strategy::BASE);
    let paper = paper.map_or_else(String::new, |(p, _)| format!(" (the paper: {p}×, a mean over batches and wafers)"));
    let speedup = significant(base.seconds / best.seconds, 3);
    Some(
        view! {
            <p class="ending">
                "Place tokens where the data is, and keep what will be needed again: on this wafer that is worth " <strong>{speedup} "×"</strong> {paper} ". "
                <button type="button" on:click=move |_| go_to(store, View::Simulate, "place-title")>"See how"</button>
            </p>
        }
        .into_any(),
    )
}
