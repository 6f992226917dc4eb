//! The table: every strategy that was compared, the fastest first, with the bounds under them. A row is chosen to be looked at and taken away.

use std::sync::Arc;

use leptos::prelude::*;

use super::looked::{Desk, class};
use crate::protocol::{Bound, PlaceReport, PlacedStrategy};
use crate::sim::Strategy;
use crate::ui::numbers::{count, number};
use crate::units::{bytes, seconds};

/// The card.
pub(super) fn card(desk: Desk) -> impl IntoView {
    move || {
        desk.report().map(|report| {
            let scope = if report.held_out { "of requests that it was not made from" } else { "of the requests that it was made from" };
            view! {
                <section class="dep-card" aria-labelledby="placements-title">
                    <h3 id="placements-title">"Placement × dispatch"</h3>
                    <p class="mute small">"The fastest first. The load of the busiest " {desk.device()} " over the mean is a mean over layers and steps, " {scope} "; even: each copy of an expert takes the same share of its tokens."</p>
                    {table(desk, &report)}
                </section>
            }
        })
    }
}

fn table(desk: Desk, report: &Arc<PlaceReport>) -> impl IntoView + use<> {
    let mut all: Vec<&PlacedStrategy> = report.strategies.iter().collect();
    all.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let least = |of: fn(&PlacedStrategy) -> f64| all.iter().map(|s| of(s)).fold(f64::INFINITY, f64::min);
    let (even, quick) = (least(|s| s.max_over_mean), least(|s| s.seconds));
    let rows: Vec<AnyView> = all.iter().map(|s| row(desk, report, s, even, quick)).collect();
    let device = desk.device();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Placements and dispatches">
            <table id="placements" class="cards">
                <thead>
                    <tr>
                        <th scope="col">"Placement"</th>
                        <th scope="col" class="left">"Dispatch"</th>
                        <th scope="col" title=format!("Largest over mean load of the {device}s, mean over layers and steps; 1 is perfect")>"Max ÷ mean"</th>
                        <th scope="col" title="The same on what it learnt from">"Learnt"</th>
                        <th scope="col" title="The layer at the 99th percentile">"p99 layer"</th>
                        <th scope="col" title="Largest over mean number of experts with tokens">"Activated"</th>
                        <th scope="col">"Time"</th>
                        <th scope="col" title="Over the baseline of the settings">"Speedup"</th>
                        <th scope="col" title="Copies that do not lie where blocks by id would have them">"Moved"</th>
                        <th scope="col" title="Bytes of fetched experts, times hops">"Traffic"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows}
                    {bound(report, "best", "best", "Algorithm 2 on the counts to come")}
                    {bound(report, "worst", "worst", "the hottest experts together")}
                </tbody>
            </table>
        </div>
    }
}

fn row(desk: Desk, report: &Arc<PlaceReport>, of: &PlacedStrategy, even: f64, quick: f64) -> AnyView {
    let (name, click) = (of.strategy.clone(), of.strategy.clone());
    let report = Arc::clone(report);
    let at = report.strategies.iter().position(|s| s.strategy == name);
    let chosen = Memo::new(move |_| desk.strategy(&report) == at);
    let says = Strategy::named(&name).map_or("", Strategy::says);
    // The paper's own strategies have no placement in their name.
    let (placement, dispatch) = match name.split_once('.') {
        Some((placement, dispatch)) => (placement.to_string(), dispatch.to_string()),
        None => (name.clone(), "the paper\u{2019}s".to_string()),
    };
    view! {
        <tr id=format!("placed-{name}") class:looked-at=move || chosen.get()>
            <th scope="row" title=says>
                <button type="button" class=format!("pick-row hued {}", class(of)) aria-pressed=move || chosen.get().to_string() on:click=move |_| desk.choose(&click)>{placement}</button>
            </th>
            <td class="left" data-name="Dispatch">{dispatch}</td>
            <td class="balance" class:best={of.max_over_mean <= even} data-name="Max ÷ mean">{number(of.max_over_mean, 4, "")}</td>
            <td data-name="Learnt">{number(of.learnt.max_over_mean, 4, "")}</td>
            <td data-name="p99 layer">{number(of.scores().max_over_mean_percentiles[2], 4, "")}</td>
            <td data-name="Activated">{number(of.activated_max_over_mean, 4, "")}</td>
            <td class="seconds" class:best={of.seconds <= quick} data-name="Time"><data value=of.seconds.to_string()>{seconds(of.seconds)}</data></td>
            <td class="speedup" data-name="Speedup">{number(of.speedup, 4, "×")}</td>
            <td data-name="Moved">{count(of.moved)}</td>
            <td data-name="Traffic">{bytes(of.link_bytes)}</td>
        </tr>
    }
    .into_any()
}

fn bound(
    report: &PlaceReport,
    name: &'static str,
    title: &'static str,
    words: &'static str,
) -> Option<impl IntoView + use<>> {
    let of: &Bound = report.bounds.iter().find(|b| b.name == name)?;
    Some(view! {
        <tr id=format!("bound-{name}") class="bound">
            <th scope="row">{title} <small>": " {words}</small></th>
            <td class="left" data-name="Dispatch">"bound"</td>
            <td data-name="Max ÷ mean">{number(of.scores.max_over_mean, 4, "")}</td>
            <td></td>
            <td data-name="p99 layer">{number(of.scores.max_over_mean_percentiles[2], 4, "")}</td>
            <td data-name="Activated">{number(of.scores.activated_max_over_mean, 4, "")}</td>
            <td data-name="Time">{seconds(of.scores.seconds)}</td>
            <td></td>
            <td></td>
            <td></td>
        </tr>
    })
}
