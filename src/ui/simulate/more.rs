//! Settings that the paper leaves open, or out; and those of what is measured.

use leptos::prelude::*;

use crate::place::PLACEMENTS;
use crate::sim::Strategy;
use crate::ui::controls::{Choice, Number};
use crate::ui::settings::{get, set};
use crate::ui::store::Store;

/// The folded settings.
pub(super) fn more(store: Store) -> AnyView {
    let choice = move |id: &'static str, label: &'static str, options: &[(&str, &str)], inferred: &'static str| {
        let options: Vec<_> = options.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        view! {
            <Choice id label options=Signal::derive(move || options.clone()) value=get(store, id) on_change=move |v| drop(set(store, id, &v)) inferred />
        }
    };
    let field = move |id: &'static str, label: &'static str, inferred: &'static str| {
        view! { <Number id label value=get(store, id) on_change=move |v| set(store, id, &v) inferred /> }
    };
    view! {
        <details id="more-settings">
            <summary>"What the paper leaves open, or out"</summary>
            <p>"Settings marked inferred are not in the paper. The defaults are the one reading, the same for all models, that comes closest to the published results."</p>
            <div class="fields">
                {choice("baseline", "Speedup over", &Strategy::ALL.map(|s| (s.name(), s.name())), "")}
                {choice("heldout", "Predict from", &[("off", "all requests"), ("on", "even ones, run odd ones")], "")}
                {choice("capacity", "Copies are limited", &[("dram", "by the DRAM that is left"), ("none", "by nothing")], "")}
                {choice("home", "Experts live", &PLACEMENTS.iter().map(|p| (p.name, p.name)).collect::<Vec<_>>(), "Changes which devices are read most, and so base and ep.")}
                {choice("order", "Base counts devices", &[("row", "row by row"), ("column", "column by column")], "Changes how far base fetches.")}
                {choice("duplex", "A link's two directions", &[("shared", "share its bandwidth"), ("full", "have it each")], "Full duplex makes links up to twice as fast.")}
                {choice("activations", "Tokens between devices", &[("free", "take no time, as in the paper"), ("serial", "are sent before and after"), ("overlapped", "are sent meanwhile")], "")}
                {choice("rest", "Attention and dense layers", &[("free", "take no time, as in the paper"), ("counted", "are counted")], "")}
                {field("context", "Tokens of context (attention)", "")}
                {choice("fetch", "A device fetches", &[("id", "by expert id"), ("hottest", "the hottest first"), ("largest-first", "what it computes most of first")], "Changes how long it waits.")}
                {field("mfu", "Share of the FLOP rate a placement counts on", "Only placements that weigh experts by cost read it.")}
                {field("flight", "Fetches in flight for each device", "More hide latency, and compete for links.")}
                {field("weight", "Bytes of a weight", "One byte doubles the devices' FP16 rate; it changes capacity, and little else.")}
                {field("predict", "Predicted experts, % of a row", "More copies: fewer hops later, more writes now.")}
                {field("block", "Tokens of a block (Algorithm 1)", "")}
                {field("tau", "Split threshold, factor of tau", "Smaller splits more experts over devices.")}
            </div>
        </details>
    }
    .into_any()
}
