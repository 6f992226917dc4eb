//! Explore: what the trace does. A rail of questions, each a figure of the registry; the chosen one large with its controls and every
//! layer of it small; beside it what it says and the paper's observation. The registry's rows are all that is known of a question.

mod every;
mod rail;
mod reading;
mod stage;

use leptos::prelude::*;

use crate::analysis::registry::{Analysis, Sketch, sketch_named, sketches};
use crate::experiment::{View, ViewSettings};
use crate::ui::shell::open;
use crate::ui::store::Store;

/// The question that stands there first.
const FIRST: &str = "token-map";

/// A part of the view.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// A figure of an analysis.
    Question(&'static Analysis, &'static Sketch),
    /// All of the paper's observations.
    Observations,
    /// Two parts of the requests, or two traces.
    Compare,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Part {
    /// All, in the order of the registry; the figures first.
    fn all() -> impl Iterator<Item = Part> {
        sketches().map(|(a, s)| Part::Question(a, s)).chain([Part::Observations, Part::Compare])
    }

    /// Its name in addresses.
    fn id(self) -> &'static str {
        match self {
            Part::Question(_, sketch) => sketch.id,
            Part::Observations => "observations",
            Part::Compare => "compare",
        }
    }

    /// What it asks.
    fn title(self) -> &'static str {
        match self {
            Part::Question(_, sketch) => sketch.question,
            Part::Observations => "The paper\u{2019}s observations",
            Part::Compare => "Compare two parts",
        }
    }

    /// The sketch, if it is one.
    fn sketch(self) -> Option<(&'static Analysis, &'static Sketch)> {
        if let Part::Question(a, s) = self { Some((a, s)) } else { None }
    }

    fn named(id: &str) -> Option<Part> {
        let asked = sketch_named(id).map(|(a, s)| Part::Question(a, s));
        asked.or_else(|| [Part::Observations, Part::Compare].into_iter().find(|p| p.id() == id))
    }

    /// The part that an address names, or whose settings it holds.
    fn of(view: &ViewSettings) -> Part {
        let usual = ViewSettings::default();
        let framed = if view.embed.starts_with("versus-") { Some(Part::Compare) } else { Part::named(&view.embed) };
        let compared = (&view.left, &view.right, view.map) != (&usual.left, &usual.right, usual.map);
        framed
            .or_else(|| Part::named(&view.part))
            .or_else(|| compared.then_some(Part::Compare))
            .or_else(|| Part::named(FIRST))
            .unwrap_or(Part::Observations)
    }
}

/// Every part, for who looks for one by name: its name in addresses, and the words that find it.
pub(super) fn parts() -> impl Iterator<Item = (&'static str, String)> {
    let words = |p: Part| p.sketch().map_or_else(|| p.title().into(), |(_, s)| format!("{}. {}", s.title, s.question));
    Part::all().map(move |p| (p.id(), words(p)))
}

/// The view.
#[component]
pub(crate) fn Explore(store: Store) -> impl IntoView {
    // The part is of the view that is open: what this one shows stays while another is.
    let part = Memo::new(move |before: Option<&Part>| {
        store.experiment.with(|e| match before {
            Some(before) if e.view.view != View::Explore => *before,
            _ => Part::of(&e.view),
        })
    });
    view! {
        <div class="tool ex">
            {rail::rail(store, part)}
            {stage::stage(store, part)}
            {reading::side(store, part)}
        </div>
    }
}

/// A link to a part; it says where one is.
fn link(store: Store, to: Part, part: Memo<Part>, class: &'static str, inside: AnyView) -> AnyView {
    let address = move || {
        store.scene.with(|e| {
            let mut there = e.clone();
            (there.view.view, there.view.part) = (View::Explore, to.id().into());
            format!("#{there}")
        })
    };
    let go = move |event: leptos::ev::MouseEvent| {
        // A new tab is the browser's.
        if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
            event.prevent_default();
            open(store, View::Explore, to.id());
        }
    };
    view! { <a class=class href=address aria-current=move || (part.get() == to).then_some("true") on:click=go>{inside}</a> }.into_any()
}
