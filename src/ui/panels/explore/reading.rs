//! Beside the picture: what it says here, the paper's observation of the same, what is odd in the trace, and where to go on.

use leptos::prelude::*;

use super::{Part, link};
use crate::analysis::figure::{Fact, Format};
use crate::analysis::{Observation, observations};
use crate::experiment::View;
use crate::model::model_named;
use crate::protocol::Figures;
use crate::ui::numbers::{fact, number, share};
use crate::ui::panels::views::{Found, why_not};
use crate::ui::shell::link_to;
use crate::ui::store::{Dialog, Store};
use crate::units::amount;

/// Notes on the trace that are told here; the table of all observations has the others.
const NOTES: usize = 2;

/// The side of the view.
pub(super) fn side(store: Store, part: Memo<Part>) -> AnyView {
    let facts_of = move || {
        store.answers.layer.with(|v| {
            let of =
                v.as_ref().map(|v| v.layer.map_or_else(|| "The mean of all layers".into(), |id| format!("Layer {id}")));
            of.unwrap_or_else(|| "This layer".to_string()) + ", in numbers"
        })
    };
    view! {
        <aside class="side ex-side" aria-label="Reading">
            {move || told(store, part.get())}
            {move || beside(store, part.get())}
            <div>
                <h3>{facts_of}</h3>
                <dl class="ex-facts" id="layer-facts">{move || store.answers.layer.get().map(|v| facts(&v))}</dl>
            </div>
            {move || notes(store, part)}
            <div class="ex-on">
                <h3>"Asked of the same counts"</h3>
                {move || onward(store, part)}
            </div>
        </aside>
    }
    .into_any()
}

/// What the picture says, or why there is none.
fn told(store: Store, part: Part) -> AnyView {
    let Some((analysis, sketch)) = part.sketch() else { return ().into_any() };
    let why = why_not(store, analysis, sketch);
    let sentence = move || {
        if let Some(why) = why.get() {
            return view! {
                <p class="read">{why}</p>
                <button type="button" on:click=move |_| store.chrome.dialog.set(Some(Dialog::Trace))>"Choose another trace"</button>
            }
            .into_any();
        }
        let Some(found) = Found::of(store, sketch) else {
            return view! { <p class="read mute">"Reading…"</p> }.into_any();
        };
        let parts = sketch.reading(&found, &found.place());
        if parts.is_empty() {
            return view! { <p class="read">{analysis.says}</p> }.into_any();
        }
        let piece = |t: crate::analysis::Told| {
            if t.strong { view! { <b>{t.words}</b> }.into_any() } else { t.words.into_any() }
        };
        view! { <p class="read">{parts.into_iter().map(piece).collect_view()}</p> }.into_any()
    };
    view! { <div id="reading" aria-live="polite"><h3>"Reading"</h3>{sentence}</div> }.into_any()
}

/// The paper's observation of the same.
fn beside(store: Store, part: Part) -> AnyView {
    let Some((analysis, _)) = part.sketch() else { return ().into_any() };
    let Some(shown) = store.shown() else { return ().into_any() };
    if analysis.observed.is_empty() {
        return view! { <div class="ex-obs"><h3>"Here and in the paper"</h3><p class="aside">"no paper number: the paper does not measure this."</p></div> }
            .into_any();
    }
    let Some(report) = store.answers.report.get() else {
        return view! { <div class="ex-obs"><h3>"Here and in the paper"</h3><p class="aside">"Analysing every layer…"</p></div> }.into_any();
    };
    let model = shown.model.as_deref().and_then(model_named);
    let all = observations(&report, model, shown.synthetic);
    let rows: Vec<&Observation> = all.iter().filter(|o| o.id == analysis.observed).collect();
    // The generator's profiles were fitted to what the observations print; the claim is of another paper.
    let made = |o: &Observation| shown.synthetic && o.printed.is_some() && o.id.starts_with("Ob");
    let fitted = rows.iter().any(|o| made(o));
    let title = match analysis.observed.strip_prefix("Ob") {
        Some(n) => format!("Observation {n}, here and in the paper"),
        None => "The claim, here and in the paper".to_string(),
    };
    let rows = rows.iter().map(|o| row(o, made(o))).collect_view();
    view! {
        <div class="ex-obs">
            <h3>{title}</h3>
            <p class="aside">"Bars: mean over layers, all tokens. Diamonds: the paper."</p>
            {rows}
            {fitted.then(|| view! { <p class="aside"><span class="badge syn">"fitted"</span> " marks statistics that this workload was generated to come near, so agreement proves nothing. A recorded trace would." </p> })}
        </div>
    }
    .into_any()
}

fn row(o: &Observation, fitted: bool) -> AnyView {
    let value = o.measured;
    let most =
        if o.times { [value, o.printed.map(|p| p.1)].into_iter().flatten().fold(1.0, f64::max) * 1.1 } else { 1.0 };
    let at = |v: f64| format!("{:.2}%", (v / most).clamp(0.0, 1.0) * 100.0);
    let marks = o.printed.map(|(low, high)| {
        let ends = if low < high { vec![low, high] } else { vec![low] };
        let span = (low < high).then(|| view! { <span class="span" style=format!("left:{};right:{}", at(low), at(most - high))></span> });
        view! { {span} {ends.into_iter().map(|v| view! { <span class="dia" style=format!("left:{}", at(v))></span> }).collect_view()} }
    });
    let paper = if o.printed.is_some() { format!("paper: {}", o.paper) } else { "no paper number".into() };
    let said = value.map_or_else(|| o.reading.clone(), |_| paper);
    view! {
        <div class="ex-ob">
            <p><span>{o.name.clone()}</span> <b class="n">{value.map_or_else(|| "–".into(), |v| amount(v, o.times))}</b></p>
            <div class="bar-of" aria-hidden="true"><i style=format!("width:{}", at(value.unwrap_or(0.0)))></i>{marks}</div>
            <p class="aside">{said} {fitted.then(|| view! { " " <span class="badge syn">"fitted"</span> })}</p>
        </div>
    }
    .into_any()
}

/// The single numbers of the figures of a layer.
fn facts(figures: &Figures) -> AnyView {
    let one = |f: &Fact| {
        let value = (!f.value.is_nan()).then_some(f.value);
        let shown = match f.format {
            Format::Share => share(value).into_any(),
            Format::Times => value.map(|v| number(v, 4, "×")).into_any(),
            _ => value.map(|v| number(v, 4, "")).into_any(),
        };
        fact(&f.name, &f.id, shown, (!f.beside.is_empty()).then(|| f.beside.clone()))
    };
    figures.all.iter().flat_map(|f| &f.facts).map(one).collect_view().into_any()
}

/// What is odd in the trace.
fn notes(store: Store, part: Memo<Part>) -> AnyView {
    let Some(report) = store.answers.report.get().filter(|r| !r.warnings.is_empty()) else { return ().into_any() };
    if part.get() == Part::Observations {
        return ().into_any();
    }
    let more = report.warnings.len().saturating_sub(NOTES);
    let all = report.warnings.iter().take(NOTES).cloned().map(|w| view! { <li>{w}</li> }).collect_view();
    let rest = (more > 0).then(|| link(store, Part::Observations, part, "", format!("{more} more").into_any()));
    view! { <div class="ex-notes"><h3>"Worth knowing about this trace"</h3><ul>{all}</ul>{rest}</div> }.into_any()
}

/// Where to go from here: the next questions of the group, and what stands for a part of the requests or on a machine.
fn onward(store: Store, part: Memo<Part>) -> AnyView {
    let now = part.get();
    let group = |p: Part| p.sketch().map(|(_, s)| s.group);
    let of: Vec<Part> = Part::all().filter(|p| group(*p) == group(now) && p.sketch().is_some()).collect();
    let at = of.iter().position(|p| *p == now).unwrap_or(0);
    let next = (1..of.len()).map(|by| of[(at + by) % of.len()]).take(2);
    let other = [Part::Observations, Part::Compare].into_iter().filter(|p| *p != now);
    let links = next.chain(other).map(|p| {
        let words = if p == Part::Compare { "Compare two parts, or a second trace" } else { p.title() };
        view! { <li>{link(store, p, part, "", words.into_any())}</li> }
    });
    view! { <ul>{links.collect_view()}<li>{link_to(store, View::Simulate, "", "", "What are copies of hot experts worth?")}</li></ul> }.into_any()
}
