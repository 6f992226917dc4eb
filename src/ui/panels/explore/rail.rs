//! The list of questions: a rail, and on a phone one choice.

use leptos::prelude::*;

use super::{Part, link};
use crate::analysis::registry::{Form, Group};
use crate::experiment::View;
use crate::ui::shell::open;
use crate::ui::store::Store;

/// Path of the mark of a form of pictures.
fn mark(part: Part) -> &'static str {
    match part {
        Part::Question(_, sketch) => match sketch.form {
            Form::Bars => "M3 19V4M8 19v-8M13 19v-5M18 19v-3",
            Form::Levels => "M3 6h12M3 11h7M3 16h15",
            Form::Dots => "M4 17h.1M8 12h.1M11 15h.1M14 8h.1M18 5h.1M17 11h.1",
            Form::Curve => "M3 19C4 9 9 5 19 4",
            Form::Matrix => "M3 3h4v4H3zM9 9h4v4H9zM15 15h4v4h-4z",
            Form::Squares => "M3 3h7v7H3zM12 12h7v7h-7z",
        },
        Part::Observations => "M4 5h14M4 11h14M4 17h9",
        Part::Compare => "M3 4h7v14H3zM12 4h7v14h-7z",
    }
}

/// A group of parts, with its title.
fn groups() -> Vec<(&'static str, Vec<Part>)> {
    let of = |group: Group| Part::all().filter(move |p| p.sketch().is_some_and(|(_, s)| s.group == group));
    let mut all: Vec<_> = Group::EACH.iter().map(|&g| (g.title(), of(g).collect())).collect();
    all.push(("All at once", vec![Part::Observations, Part::Compare]));
    all
}

/// Both forms of the list.
pub(super) fn rail(store: Store, part: Memo<Part>) -> AnyView {
    let item = |p: Part| {
        let inside = view! {
            <svg viewBox="0 0 22 22" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"><path d=mark(p) /></svg>
            <span>{p.title()}</span>
        };
        view! { <li>{link(store, p, part, "ex-q", inside.into_any())}</li> }
    };
    let group = |(title, parts): (&'static str, Vec<Part>)| {
        view! { <div><h3>{title}</h3><ul>{parts.into_iter().map(item).collect_view()}</ul></div> }
    };
    let option = move |p: Part| view! { <option value=p.id() selected=move || part.get() == p>{p.title()}</option> };
    let choices = |(title, parts): (&'static str, Vec<Part>)| {
        view! { <optgroup label=title>{parts.into_iter().map(option).collect_view()}</optgroup> }
    };
    let at = move || Part::all().position(|p| p == part.get()).unwrap_or(0) + 1;
    let chosen = move |e| {
        if let Some(to) = Part::named(&event_target_value(&e)) {
            open(store, View::Explore, to.id());
        }
    };
    view! {
        <nav class="rail ex-rail" aria-label="Questions"><h2 class="hidden">"Questions"</h2>{groups().into_iter().map(group).collect_view()}</nav>
        <label class="ex-choice" for="question">
            <span class="hidden">"Question"</span>
            <select id="question" on:change=chosen prop:value=move || part.get().id()>{groups().into_iter().map(choices).collect_view()}</select>
            <span class="mute">{at} " of " {Part::all().count()}</span>
        </label>
    }
    .into_any()
}
