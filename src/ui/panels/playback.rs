//! One layer as a film: which dies compute and which links carry experts at a moment, with the ways of what is looked at.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use leptos::leptos_dom::helpers::{IntervalHandle, set_interval_with_handle};
use leptos::prelude::*;

use super::views::table;
use super::wafer::Looked;
use crate::experiment::{Experiment, Look};
use crate::model::Topology;
use crate::plot::{Chart, MeshPicture};
use crate::sim::{Flow, Timeline};
use crate::ui::figure::{Figure, clicks, square};
use crate::ui::selection::{die_at, drawn, look_at, timeline, topology};
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::{grouped, seconds};

/// Parts of the time that the slider knows.
const PARTS: usize = 1000;
/// Of which a film shows so many at a step, and how long a step lasts: about four seconds in all.
const STEP: (usize, Duration) = (12, Duration::from_millis(50));

/// What a die does at a moment.
#[derive(Clone, Copy, PartialEq)]
enum Doing {
    Computing(usize),
    Fetching,
    Nothing,
}

fn doing(timeline: &Timeline, die: usize, at: f64) -> Doing {
    let computes = timeline.computed.iter().find(|c| c.die == die && c.start <= at && at < c.end);
    match computes {
        Some(c) => Doing::Computing(c.expert),
        None if timeline.flows.iter().any(|f| f.die == die && moves(f, at)) => Doing::Fetching,
        None => Doing::Nothing,
    }
}

fn moves(flow: &Flow, at: f64) -> bool {
    flow.start <= at && at < flow.end
}

/// Slider, film and what is looked at.
#[component]
pub(super) fn Playback(store: Store) -> impl IntoView {
    let at = RwSignal::new(0usize);
    let wanted = Memo::new(move |_| store.settings.with(|e| e.view.at));
    Effect::new(move |_| at.set(wanted.get()));
    let topology = topology(store);
    let ticking = StoredValue::new_local(None::<IntervalHandle>);
    let playing = RwSignal::new(false);
    let halt = move || {
        if let Some(handle) = ticking.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    };
    on_cleanup(halt);
    let stop = move || {
        playing.set(false);
        halt();
        change(store, false, |e| e.view.at = at.get_untracked());
    };
    let play = move |_| {
        if playing.get_untracked() {
            return stop();
        }
        if at.get_untracked() >= PARTS {
            at.set(0);
        }
        playing.set(true);
        let tick = move || {
            at.update(|a| *a = (*a + STEP.0).min(PARTS));
            if at.get_untracked() >= PARTS {
                stop();
            }
        };
        ticking.set_value(set_interval_with_handle(tick, STEP.1).ok());
    };
    let moved = move |text: String| {
        let part = text.parse().unwrap_or(0).min(PARTS);
        at.set(part);
        change(store, false, |e| e.view.at = part);
    };
    let time =
        move || store.answers.timeline.with(|t| t.as_ref().map_or(0.0, |t| t.seconds)) * at.get() as f64 / PARTS as f64;
    view! {
        <div class="tools">
            <button type="button" id="play" on:click=play prop:disabled=move || store.answers.timeline.with(Option::is_none)>
                {move || if playing.get() { "Pause" } else { "Play" }}
            </button>
            <label class="control wide" for="at">
                <span>"Time in the layer: " {move || seconds(time())}</span>
                <input
                    id="at"
                    type="range"
                    min="0"
                    max=PARTS.to_string()
                    step="10"
                    prop:value=move || at.get().to_string()
                    on:input=move |e| moved(event_target_value(&e))
                />
            </label>
        </div>
        <div class="figures">
            {film(store, at, topology)}
            <Looked store topology />
        </div>
    }
}

fn film(store: Store, at: RwSignal<usize>, topology: Memo<Arc<Topology>>) -> AnyView {
    let mesh = move || store.scene.with(Experiment::hardware).mesh;
    let moment = move |t: &Timeline| t.seconds * at.get() as f64 / PARTS as f64;
    let caption = move || {
        let show = store.scene.with(|e| e.view.show.name());
        let moving = store.answers.timeline.with(|t| {
            t.as_ref().map_or(0, |t| t.flows.iter().filter(|f| f.source != f.die && moves(f, moment(t))).count())
        });
        format!(
            "At the time above, under {show}. Bright dies compute (the number is the expert), half-bright ones wait for a fetch. Links: experts on their way; {moving} are on links now. Lines: ways of the experts of the chosen die, or of the chosen expert, over the whole layer."
        )
    };
    let carried = move |t: &Timeline, time: f64| {
        let topology = topology.get();
        let mut carried = vec![0.0; topology.links.len()];
        for f in t.flows.iter().filter(|f| moves(f, time)) {
            topology.carry(f.source, f.die).for_each(|link| carried[link] += 1.0);
        }
        carried
    };
    view! {
        <Figure
            store
            id="layer-film"
            title="The wafer at a moment"
            caption=Signal::derive(caption)
            height=square
            chart=move || {
                let t = timeline(store)?;
                let (mesh, time) = (mesh(), moment(&t));
                let (faults, look) = store.scene.with(|e| (e.system.dead.clone(), e.view.look));
                let (mut dies, mut labels) = (Vec::new(), Vec::new());
                for die in 0..mesh.dies() {
                    let (heat, label) = match doing(&t, die, time) {
                        Doing::Computing(e) => (1.0, e.to_string()),
                        Doing::Fetching => (0.45, String::new()),
                        Doing::Nothing => (0.0, String::new()),
                    };
                    dies.push(heat);
                    labels.push(label);
                }
                // Four experts at once make a link as bright as it gets.
                let links = carried(&t, time).into_iter().map(|n| f64::min(n / 4.0, 1.0)).collect();
                let topology = topology.get();
                let looked = |f: &&Flow| match look {
                    Some(Look::Die(d)) => f.die == d || f.source == d,
                    Some(Look::Expert(e)) => f.expert == e,
                    None => false,
                };
                let way = |f: &Flow| topology.routes.way(f.source, f.die).iter().map(|&d| d.into()).collect::<Vec<usize>>();
                let ways = t.flows.iter().filter(|f| f.source != f.die).filter(looked).map(way).collect();
                let ringed = match look {
                    Some(Look::Die(d)) => vec![d],
                    Some(Look::Expert(e)) => {
                        t.home.get(e).copied().into_iter().chain(t.copies.iter().filter(|c| c.0 == e).map(|c| c.1)).collect()
                    }
                    None => Vec::new(),
                };
                let picture = MeshPicture::new(mesh, dies, labels, drawn(store, links));
                Some(Chart::Mesh(MeshPicture { faults, ringed, routes: ways, key: ["idle", "computing"], ..picture }))
            }
            hover=move |x, y| {
                let t = untrack(|| timeline(store))?;
                let die = die_at(untrack(mesh), x, y);
                let what = match doing(&t, die, untrack(|| moment(&t))) {
                    Doing::Computing(e) => format!("computes expert {e}"),
                    Doing::Fetching => "waits for an expert".into(),
                    Doing::Nothing => "idle".into(),
                };
                let fetched = t.flows.iter().filter(|f| f.die == die && f.source != die).count();
                Some(format!("die {die}: {what}; fetches {} experts from others in this layer", grouped(fetched as u64)))
            }
            csv=move || {
                let Some(t) = untrack(|| timeline(store)) else { return String::new() };
                let (mesh, time) = (untrack(mesh), untrack(|| moment(&t)));
                let mut text = table("kind,from,to,doing,expert,experts_moving", 0..mesh.dies(), |text, die| {
                    let _ = match doing(&t, die, time) {
                        Doing::Computing(e) => writeln!(text, "die,{die},{die},computing,{e},"),
                        Doing::Fetching => writeln!(text, "die,{die},{die},fetching,,"),
                        Doing::Nothing => writeln!(text, "die,{die},{die},idle,,"),
                    };
                });
                for (l, n) in topology.get_untracked().links.iter().zip(untrack(|| carried(&t, time))) {
                    let _ = writeln!(text, "{},{},{},,,{n}", l.kind, l.ends.0, l.ends.1);
                }
                text
            }
            click=clicks(move |x, y| look_at(store, Look::Die(die_at(untrack(mesh), x, y))))
        />
    }
    .into_any()
}
