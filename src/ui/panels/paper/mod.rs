//! The paper piece by piece: each published number beside ours, what contradicts it, its algorithm step by step. `part=` opens a piece.

mod algorithm;
mod case;
mod figure_12;
mod pieces;
mod units;
mod words;

use std::time::Duration;

use leptos::prelude::*;

use self::algorithm::Explain;
use self::case::Case;
use self::figure_12::Figure12;
use self::pieces::{Against, Commands, Pieces, answer};
use self::units::{Errata, Units};
use self::words::{Cite, Glossary};
use crate::experiment::View;
use crate::ui::shell::link_to;
use crate::ui::store::Store;
use crate::web::go_to;

/// Parts of the address: name, the element that it opens, and what a reader calls it. Several names may open one element.
const PARTS: [(&str, &str, &str); 13] = [
    ("pieces", "pieces", "Every number beside ours"),
    ("algorithm-1", "piece-algorithm", "Algorithm 1, step by step"),
    ("figure-12", "piece-figure-12", "Figure 12"),
    ("figure-14", "piece-figure-14", ""),
    ("figure-15", "piece-figure-15", ""),
    ("figure-17", "piece-figure-17", "Figures 16 and 17"),
    ("figure-16", "piece-figure-17", ""),
    ("figure-2", "piece-commands", "Figures 2 and 13"),
    ("figure-13", "piece-commands", ""),
    ("table-2", "units", "Table II"),
    ("errata", "errata", "Errata, versions"),
    ("against", "against", "Evidence against"),
    ("glossary", "glossary", "Words"),
];

/// The view.
#[component]
pub(crate) fn Paper(store: Store) -> impl IntoView {
    let here = StoredValue::new(false);
    scroll(store, here);
    let link = |&(part, _, title): &(&'static str, &'static str, &'static str)| {
        (!title.is_empty()).then(|| view! { <li>{link_to(store, View::Paper, part, "", title)}</li> })
    };
    view! {
        <div class="doc pap">
            <nav class="pap-toc" aria-label="Pieces of the paper"><ul>{PARTS.iter().map(link).collect_view()}<li>{link_to(store, View::Paper, "cite", "", "Cite")}</li></ul></nav>
            <div class="pap-all">
                <section aria-labelledby="paper-title">
                    <h2 id="paper-title">"Is it true?"</h2>
                    {answer(store)}
                    <Pieces store />
                </section>
                <Explain store here />
                <Figure12 store />
                <Case store />
                <Commands store />
                <Units store />
                <Errata />
                <Against store />
                <Glossary />
                <Cite />
            </div>
        </div>
    }
}

/// Opens the part that the address names; not one that a control of the view has just written there.
fn scroll(store: Store, here: StoredValue<bool>) {
    let part = Memo::new(move |_| store.scene.with(|e| (e.view.view == View::Paper).then(|| e.view.part.clone())));
    Effect::new(move |_| {
        let Some(part) = part.get() else { return };
        if here.try_update_value(std::mem::take).unwrap_or_default() || part.is_empty() {
            return;
        }
        let named = PARTS.iter().find(|p| p.0 == part).map(|p| p.1);
        let stepped = part.starts_with("algorithm-").then_some("piece-algorithm");
        let id = named.or(stepped).or((part == "cite").then_some("cite"));
        if let Some(id) = id {
            // Once the view is made, or has its height back.
            set_timeout(move || go_to(id), Duration::from_millis(60));
        }
    });
}
