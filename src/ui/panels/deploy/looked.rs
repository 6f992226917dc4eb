//! What of the comparison is looked at, as the address has it: a strategy and a layer. Where it names none, the fastest, and the layer in
//! which blocks by id are worst.

use std::sync::Arc;

use leptos::prelude::*;

use crate::experiment::View;
use crate::protocol::{PlaceReport, PlacedStrategy};
use crate::ui::settings::change;
use crate::ui::store::Store;

/// Handles of the view.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    pub(super) store: Store,
    /// Whether a search is asked for.
    pub(super) search: RwSignal<bool>,
    /// Whether the report has the reader's own placement.
    pub(super) has_file: Memo<bool>,
    /// The part of the view that the address names, kept while other views are open.
    part: Memo<String>,
}

/// The layer that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The one in which blocks by id are worst, by position.
    Worst(usize),
    /// A chosen one, by position.
    Chosen(usize),
    /// The mean over all.
    Mean,
}

impl Which {
    pub(super) fn at(self) -> Option<usize> {
        match self {
            Which::Worst(at) | Which::Chosen(at) => Some(at),
            Which::Mean => None,
        }
    }
}

impl Desk {
    pub(super) fn new(store: Store) -> Self {
        let part = Memo::new(move |before: Option<&String>| {
            let now = store.scene.with(|e| (e.view.view == View::Deploy).then(|| e.view.part.clone()));
            now.or_else(|| before.cloned()).unwrap_or_default()
        });
        let has_file = move || {
            store
                .answers
                .placed
                .with(|r| r.as_ref().is_some_and(|r| r.strategies.iter().any(|s| s.placement == "file")))
        };
        Self { store, search: RwSignal::new(false), has_file: Memo::new(move |_| has_file()), part }
    }

    /// The last report.
    pub(super) fn report(self) -> Option<Arc<PlaceReport>> {
        self.store.answers.placed.get()
    }

    /// What one of the devices is called.
    pub(super) fn device(self) -> &'static str {
        self.store.scene.with(|e| e.system().nouns().device)
    }

    /// The strategy that is looked at, by position.
    pub(super) fn strategy(self, report: &PlaceReport) -> Option<usize> {
        let part = self.part.get();
        let named = part.split("layer-").next().unwrap_or_default().trim_end_matches('-');
        let chosen = report.strategies.iter().position(|s| slug(&s.strategy) == named);
        let best = || {
            let best = report.verdict().map(|v| v.best).or_else(|| report.find(None).ok())?;
            report.strategies.iter().position(|s| s.strategy == best.strategy)
        };
        chosen.or_else(best)
    }

    /// The same, itself.
    pub(super) fn looked(self, report: &PlaceReport) -> Option<&PlacedStrategy> {
        report.strategies.get(self.strategy(report)?)
    }

    /// The layer that is looked at.
    pub(super) fn layer(self, report: &PlaceReport) -> Which {
        let part = self.part.get();
        match part.split_once("layer-").map(|(_, id)| id) {
            Some("mean") => return Which::Mean,
            Some(id) => {
                let at = id.parse().ok().and_then(|id: u32| report.layers.iter().position(|&l| l == id));
                if let Some(at) = at {
                    return Which::Chosen(at);
                }
            }
            None => {}
        }
        let of = reference(report);
        let worst = of.and_then(|s| {
            (0..s.by_layer.len()).max_by(|&a, &b| {
                let of = |at: usize| s.by_layer[at].max_over_mean;
                // The first of those that are alike.
                of(a).total_cmp(&of(b)).then(b.cmp(&a))
            })
        });
        Which::Worst(worst.unwrap_or(0))
    }

    /// Looks at a strategy.
    pub(super) fn choose(self, name: &str) {
        let part = self.part.get_untracked();
        let layer = part.split_once("layer-").map(|(_, id)| format!("layer-{id}"));
        self.set([Some(slug(name)), layer]);
    }

    /// Looks at a layer: `mean`, an id, or none for the worst.
    pub(super) fn choose_layer(self, layer: Option<String>) {
        let part = self.part.get_untracked();
        let strategy = part.split("layer-").next().unwrap_or_default().trim_end_matches('-').to_string();
        self.set([Some(strategy).filter(|s| !s.is_empty()), layer.map(|id| format!("layer-{id}"))]);
    }

    fn set(self, parts: [Option<String>; 2]) {
        let part = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
        change(self.store, true, |e| e.view.part = part);
    }
}

/// Blocks by id with even shares; else the first that there is.
pub(super) fn reference(report: &PlaceReport) -> Option<&PlacedStrategy> {
    let named = |name| report.strategies.iter().find(|s| s.strategy == name);
    named("contiguous.even").or_else(|| report.strategies.first())
}

/// A strategy's name as a part of an address.
fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// The strategies that are drawn: blocks by id, the paper's, EPLB, the one that is looked at, and the reader's own.
pub(super) fn drawn(desk: Desk, report: &PlaceReport) -> Vec<&PlacedStrategy> {
    let named = |name: &str| report.strategies.iter().find(|s| s.strategy == name);
    let mut all: Vec<&PlacedStrategy> =
        ["contiguous.even", "remap.even", "eplb.even"].into_iter().filter_map(named).collect();
    let fixed = all.len();
    let add = |of: Option<&'_ PlacedStrategy>, all: &mut Vec<_>| {
        let Some(of) = of.and_then(|of| named(&of.strategy)) else { return };
        if of.placement != "file"
            && all.len() == fixed
            && all.iter().all(|s: &&PlacedStrategy| s.strategy != of.strategy)
        {
            all.push(of);
        }
    };
    add(desk.looked(report), &mut all);
    let verdict = report.verdict();
    add(verdict.as_ref().map(|v| v.best), &mut all);
    add(verdict.as_ref().and_then(|v| v.next).map(|n| n.of), &mut all);
    all.extend(named("file.even"));
    all
}

/// Name of the colour of a strategy here: a colour each for those that are always drawn, one for any other.
pub(super) fn hue(of: &PlacedStrategy) -> &'static str {
    match (of.placement.as_str(), of.dispatch.as_str()) {
        ("file", _) => "file",
        ("contiguous", "even") => "contiguous",
        ("remap", "even") => "remap",
        ("eplb", "even") => "eplb",
        _ => "chosen",
    }
}

/// The same as a class.
pub(super) fn class(of: &PlacedStrategy) -> &'static str {
    match hue(of) {
        "contiguous" => "st-base",
        "remap" => "st-ep",
        "file" => "st-allo",
        "eplb" => "st-pred",
        _ => "st-both",
    }
}

/// What a strategy is called where even shares go without saying.
pub(super) fn title(of: &PlacedStrategy) -> String {
    match (of.strategy.split_once('.'), of.dispatch.as_str()) {
        (Some(("file", _)), "even") => "your file".into(),
        (Some((placement, _)), "even") => placement.into(),
        _ => of.strategy.clone(),
    }
}
