//! The answer: a sentence made of the report, and what the report is of. Its judgement is the report's own (`protocol/verdict`).

use leptos::prelude::*;

use super::ask::unknown;
use super::looked::{Desk, class, title};
use crate::protocol::{Gap, PlaceReport, PlacedStrategy, Verdict};
use crate::ui::settings::set;
use crate::units::{percent, significant};

/// The sentence under the question.
pub(super) fn answer(desk: Desk) -> impl IntoView {
    let inside = move || match (desk.report(), unknown(desk)) {
        (Some(report), _) => match report.verdict() {
            Some(verdict) => sentence(desk, &report, &verdict),
            None => view! { "No placement with even shares was among the strategies that were compared." }.into_any(),
        },
        (None, Some(why)) => why.into_any(),
        (None, None) if desk.store.answers.placed.progress().is_some() => {
            "Each placement is learnt from the requests, then every layer is run with it.".into_any()
        }
        (None, None) => "Not compared yet.".into_any(),
    };
    view! { <div class="dep-said"><p class="read dep-answer" id="answer">{inside}</p> {of_what(desk)}</div> }
}

fn named(of: &PlacedStrategy) -> AnyView {
    view! { <b class=format!("hued {}", class(of))>{title(of)}</b> }.into_any()
}

fn ratio(of: &PlacedStrategy) -> AnyView {
    let value = of.max_over_mean;
    view! { <b class="num"><data value=value.to_string()>{significant(value, 4)}</data></b> }.into_any()
}

fn sentence(desk: Desk, report: &PlaceReport, verdict: &Verdict<'_>) -> AnyView {
    let device = desk.device();
    let best = verdict.best;
    let on =
        if report.held_out { "On requests it has not seen, " } else { "On the very requests that it was made from, " };
    let beside = verdict.contiguous.map(|c| {
        view! { "; experts in order of their ids leave it at " {ratio(c.of)} " and take " {percent(c.slower)} " longer" }
    });
    let first = if verdict.tied.is_empty() {
        view! { {on} {named(best)} " is the fastest: it holds the busiest " {device} " to " {ratio(best)} " of the mean" {beside} ". " }.into_any()
    } else {
        let all: Vec<String> = std::iter::once(best).chain(verdict.tied.iter().copied()).map(title).collect();
        view! { {on} {all.len()} " placements are equally fast: " {all.join(", ")} ". " }.into_any()
    };
    let next = verdict.next.map(|next| {
        view! { {named(next.of)} " is next, " {percent(next.slower)} " slower" {judged(report, &next)} ". " }
    });
    let further = verdict.further.map(|f| {
        view! { "With another dispatch, " {named(f.of)} " would be " {percent(-f.slower)} " faster still, where the server has it." }
    });
    view! { {first} {next} {further} }.into_any()
}

/// Whether a gap is one to choose by.
fn judged(report: &PlaceReport, gap: &Gap<'_>) -> String {
    let split = if report.held_out { "on one split of the requests" } else { "on requests that both have seen" };
    match gap.spread {
        None => format!(", {split} and in one layer: too little to choose by"),
        Some(spread) if gap.counts() => format!(", {split}: more than layers differ by (\u{b1}{})", percent(spread)),
        Some(spread) => {
            format!(", {split}: less than layers differ by (\u{b1}{}), so too little to choose by", percent(spread))
        }
    }
}

/// What was compared on what, and what must be known of it.
fn of_what(desk: Desk) -> impl IntoView {
    move || {
        let report = desk.report()?;
        let scored = if report.held_out {
            "learnt from the even requests, scored on the odd ones"
        } else {
            "scored on what it learnt from"
        };
        let on = if report.synthetic { "the synthetic workload" } else { "your trace" };
        let (layers, device) = (report.layers.len(), desk.device());
        let words = format!(
            "{layers} {} of {} experts in {} slots on {} {device}s, {on}; {scored}.",
            if layers == 1 { "layer" } else { "layers" },
            report.experts,
            report.slots,
            report.devices
        );
        let warned = report.warnings.iter().map(|w| format!(" {w}.")).collect::<String>();
        let tie = report.verdict().filter(|v| !v.tied.is_empty()).and_then(|_| report.fastest_words());
        let seen = (!report.held_out && !report.from_counts).then(|| view! {
            <button type="button" class="link" on:click=move |_| drop(set(desk.store, "heldout", "on"))>"Score it on requests it has not seen"</button>
        });
        Some(
            view! { <p class="status" id="placed"><span>{words} {tie.map(|t| format!(" {t}"))} {warned}</span> {seen}</p> },
        )
    }
}
