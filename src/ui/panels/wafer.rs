//! The wafer from above: heat of a whole run, what can be broken, and what one die or one expert does.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;

use crate::experiment::{Experiment, Heat, Look};
use crate::model::{Mesh, Topology};
use crate::plot::{Chart, MeshPicture};
use crate::protocol::StrategyRun;
use crate::sim::{Flow, Strategy};
use crate::ui::controls::Choice;
use crate::ui::figure::{Figure, clicks, square};
use crate::ui::selection::{die_at, drawn, look_at, timeline, topology};
use crate::ui::settings::{change, get, set, shown_run};
use crate::ui::store::Store;
use crate::units::{bytes, floor, grouped, percent};

/// How busy the busiest link is: without it, an idle wafer looks like a loaded one.
fn busy_words(run: &StrategyRun) -> String {
    let busiest = run.link_busy.iter().fold(0.0f64, |a, &b| a.max(b));
    if busiest > 0.0 {
        format!(", which is busy {} of the run", percent(busiest / run.seconds))
    } else {
        "; here no link moves any".into()
    }
}

/// Values of dies and links that the colours show.
fn heat_of(run: &StrategyRun, heat: Heat) -> (Vec<f64>, &[f64]) {
    match heat {
        Heat::Load => (run.die_tokens.clone(), &run.link_busy),
        Heat::Bytes => (run.hbm_bytes.clone(), &run.link_bytes),
        Heat::Hops => (run.die_hops.iter().map(|&h| h as f64).collect(), &run.link_bytes),
    }
}

/// Shares of the largest.
fn shares(values: &[f64]) -> Vec<f64> {
    let most = values.iter().fold(0.0f64, |a, &b| a.max(b)).max(1e-30);
    values.iter().map(|v| v / most).collect()
}

/// The part of the wafer at a place: a die, or the link beside it.
fn part_at(mesh: Mesh, x: f64, y: f64) -> Result<usize, Option<(usize, usize)>> {
    let die = die_at(mesh, x, y);
    let (dx, dy) = (x - libm::floor(x) - 0.5, y - libm::floor(y) - 0.5);
    if dx.abs() < 0.34 && dy.abs() < 0.34 {
        return Ok(die);
    }
    let (column, row) = mesh.place(die);
    let beside = if dx.abs() > dy.abs() {
        if dx > 0.0 { (column + 1 < mesh.x).then_some(die + 1) } else { (column > 0).then(|| die - 1) }
    } else if dy > 0.0 {
        (row + 1 < mesh.y).then_some(die + mesh.x)
    } else {
        (row > 0).then(|| die - mesh.x)
    };
    Err(beside.map(|b| (die.min(b), die.max(b))))
}

/// The part beside the speedups.
#[component]
pub(super) fn Wafer(store: Store) -> impl IntoView {
    let run = move || store.answers.run.get().and_then(|r| store.scene.with(|e| shown_run(&r, e)));
    let heat = move || store.scene.with(|e| e.view.heat);
    let breaking = RwSignal::new(false);
    let caption = move || match run() {
        Some(r) => {
            let (dies, links) = match heat() {
                Heat::Load => (
                    "tokens computed",
                    format!("time in which they move experts, as a share of the busiest link{}", busy_words(&r)),
                ),
                Heat::Bytes => ("bytes through the HBM", "bytes, as a share of the busiest link".into()),
                Heat::Hops => ("hops of the experts that they fetched", "bytes, as a share of the busiest link".into()),
            };
            format!(
                "The wafer under {}. Dies: {dies}, as a share of the most. Links: {links}. Click a die to see its experts.",
                r.strategy
            )
        }
        None => String::new(),
    };
    let strategies = move || {
        let names = store
            .answers
            .run
            .get()
            .map(|r| r.runs.iter().map(|r| r.strategy.clone()).collect::<Vec<_>>())
            .unwrap_or_default();
        let chosen = run().map(|r| r.strategy);
        names
            .into_iter()
            .map(|name| {
                let pressed = (Some(&name) == chosen.as_ref()).to_string();
                let says = Strategy::named(&name).map_or("", Strategy::says);
                let value = name.clone();
                view! { <button type="button" aria-pressed=pressed title=says on:click=move |_| drop(set(store, "show", &value))>{name.clone()}</button> }
            })
            .collect_view()
    };
    let mesh = move || store.experiment.with_untracked(Experiment::hardware).mesh;
    let topology = topology(store);
    let click = move |x: f64, y: f64| {
        let mesh = mesh();
        if !breaking.get_untracked() {
            return look_at(store, Look::Die(die_at(mesh, x, y)));
        }
        change(store, true, |e| match part_at(mesh, x, y) {
            Ok(die) => {
                let _ = e.system.dead.dies.remove(&die) || e.system.dead.dies.insert(die);
            }
            Err(Some(link)) if e.system().mesh => {
                let _ = e.system.dead.links.remove(&link) || e.system.dead.links.insert(link);
            }
            Err(_) => {}
        });
    };
    let heats = Signal::derive(|| {
        let words = ["load, busy time", "bytes", "hops"];
        Heat::EACH.iter().zip(words).map(|(h, w)| (h.name().to_string(), w.to_string())).collect()
    });
    view! {
        <div class="stack">
            <div class="tabs" role="group" aria-label="Strategy whose wafer is drawn" id="show">{strategies}</div>
            <Figure
                store
                id="wafer-map"
                title="Load and heat of the wafer"
                caption=Signal::derive(caption)
                height=square
                chart=move || {
                    let r = run()?;
                    let (mesh, faults, look) = store.scene.with(|e| (e.hardware().mesh, e.system.dead.clone(), e.view.look));
                    if mesh.dies() != r.die_tokens.len() {
                        return None;
                    }
                    let (dies, links) = heat_of(&r, heat());
                    let dies = shares(&dies);
                    let labels: Vec<String> = dies.iter().map(|d| percent(*d).replace(".0%", "%")).collect();
                    let ringed = match look {
                        Some(Look::Die(d)) => vec![d],
                        _ => Vec::new(),
                    };
                    let picture = MeshPicture::new(mesh, dies, labels, drawn(store, shares(links)));
                    Some(Chart::Mesh(MeshPicture { faults, ringed, ..picture }))
                }
                hover=move |x, y| {
                    let r = untrack(run)?;
                    let mesh = mesh();
                    let die = die_at(mesh, x, y);
                    if store.experiment.with_untracked(|e| e.system.dead.dies.contains(&die)) {
                        return Some(format!("die {die} is dead"));
                    }
                    let topology = topology.get_untracked();
                    let links = topology.links.iter().zip(&r.link_busy);
                    let near = links.filter(|(l, _)| [l.ends.0, l.ends.1].contains(&die)).map(|(_, t)| t / r.seconds).fold(0.0, f64::max);
                    Some(format!(
                        "die {die}: {} tokens, {} through its HBM, {} hops, {} copies; its busiest link {} of the time",
                        whole(*r.die_tokens.get(die)?),
                        bytes(*r.hbm_bytes.get(die)?),
                        grouped(*r.die_hops.get(die)?),
                        r.copies.get(die)?,
                        percent(near)
                    ))
                }
                csv=move || {
                    let mut text = "kind,from,to,tokens,bytes,busy_seconds,hops\n".to_string();
                    if let Some(r) = untrack(run) {
                        for (d, ((t, b), h)) in r.die_tokens.iter().zip(&r.hbm_bytes).zip(&r.die_hops).enumerate() {
                            let _ = writeln!(text, "die,{d},{d},{t},{b},,{h}");
                        }
                        for (l, (n, t)) in topology.get_untracked().links.iter().zip(r.link_bytes.iter().zip(&r.link_busy)) {
                            let _ = writeln!(text, "{},{},{},,{n},{t},", l.kind, l.ends.0, l.ends.1);
                        }
                    }
                    text
                }
                click=clicks(click)
            />
            <div class="row">
                <Choice id="heat" label="Colours show" options=heats value=get(store, "heat") on_change=move |v| drop(set(store, "heat", &v)) />
                <button
                    type="button"
                    id="break"
                    aria-pressed=move || breaking.get().to_string()
                    on:click=move |_| breaking.update(|b| *b = !*b)
                    title="Then click dies and links of the picture"
                >
                    "Break or mend parts"
                </button>
                {move || {
                    let dead = get(store, "dead").get();
                    (!dead.is_empty()).then(|| view! {
                        <span class="aside" id="dead-parts">"Dead: " {dead.replace(',', ", ")} ". Their experts live on the other dies; routes go around."</span>
                        <button type="button" id="mend" on:click=move |_| drop(set(store, "dead", ""))>"Mend all"</button>
                    })
                }}
            </div>
        </div>
    }
}

/// A button that looks at something.
fn chip(store: Store, look: Look) -> impl IntoView {
    let (name, words) = match look {
        Look::Die(d) => (d, format!("Look at die {d}")),
        Look::Expert(e) => (e, format!("Look at expert {e}")),
    };
    view! { <button type="button" class="chip" aria-label=words on:click=move |_| look_at(store, look)>{name}</button> }
}

/// Buttons of one kind.
fn buttons(store: Store, of: impl Iterator<Item = Look>) -> AnyView {
    /// More than these are a list that nobody reads.
    const MOST: usize = 40;
    let all: Vec<Look> = of.collect();
    let rest = all.len().saturating_sub(MOST);
    let none = all.is_empty().then_some("none");
    let shown = all.into_iter().take(MOST).map(|look| chip(store, look)).collect_view();
    view! { <span class="chips">{shown} {none} {(rest > 0).then(|| format!("and {rest} more"))}</span> }.into_any()
}

/// Who works with what is looked at: a row each, with its tokens and the way of the expert.
fn works(store: Store, heads: [&'static str; 3], rows: impl Iterator<Item = (Look, f64, String)>) -> AnyView {
    let row = |(look, tokens, way): (Look, f64, String)| {
        view! { <tr><th scope="row">{chip(store, look)}</th><td>{whole(tokens)}</td><td>{way}</td></tr> }
    };
    let rows = rows.map(row).collect_view();
    view! {
        <div class="scroll rows">
            <table>
                <thead><tr>{heads.map(|h| view! { <th scope="col">{h}</th> })}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Tokens, which `base` cuts at fractions.
fn whole(tokens: f64) -> String {
    grouped(floor(tokens + 0.5) as u64)
}

/// What the chosen die or expert does in the step and layer that are drawn.
#[component]
pub(super) fn Looked(store: Store, topology: Memo<Arc<Topology>>) -> impl IntoView {
    let words = move || {
        let timeline = timeline(store)?;
        let look = store.scene.with(|e| e.view.look);
        let home = &timeline.home;
        let topology = topology.get();
        let routes = &topology.routes;
        Some(match look {
            None => view! { <p class="status">"Click a die of a wafer to see which experts it stores, copies and computes; then an expert to see where its tokens go."</p> }.into_any(),
            Some(Look::Die(die)) => {
                let stored = (0..home.len()).filter(|&e| home[e] == die).map(Look::Expert);
                let copies = timeline.copies.iter().filter(|c| c.1 == die).map(|c| Look::Expert(c.0));
                let mut work: Vec<_> = timeline.flows.iter().filter(|f| f.die == die && f.tokens > 0.0).collect();
                work.sort_by(|a, b| b.tokens.total_cmp(&a.tokens));
                let tokens: f64 = work.iter().map(|f| f.tokens).sum();
                let from = |f: &Flow| match routes.hops(f.source, f.die) {
                    0 => "own HBM".to_string(),
                    1 => format!("die {}, 1 hop", f.source),
                    hops => format!("die {}, {hops} hops", f.source),
                };
                let rows = work.iter().map(|f| (Look::Expert(f.expert), f.tokens, from(f)));
                view! {
                    <h4>"Die " {die}</h4>
                    <dl>
                        <dt>"Stores experts"</dt><dd>{buttons(store, stored)}</dd>
                        <dt>"Has copies of"</dt><dd>{buttons(store, copies)}</dd>
                        <dt>"Computes"</dt><dd>{whole(tokens)} " tokens of " {work.len()} " experts"</dd>
                    </dl>
                    {works(store, ["Expert", "Tokens", "Read from"], rows)}
                }
                .into_any()
            }
            Some(Look::Expert(expert)) => {
                let lives = home.get(expert).copied();
                let copies = timeline.copies.iter().filter(|c| c.0 == expert).map(|c| Look::Die(c.1));
                let way = |f: &Flow| {
                    let dies: Vec<String> = routes.way(f.source, f.die).iter().map(ToString::to_string).collect();
                    if dies.len() > 1 { dies.join(" → ") } else { "own HBM".into() }
                };
                let work = timeline.flows.iter().filter(|f| f.expert == expert && f.tokens > 0.0);
                view! {
                    <h4>"Expert " {expert}</h4>
                    <dl>
                        <dt>"Lives on die"</dt><dd>{buttons(store, lives.into_iter().map(Look::Die))}</dd>
                        <dt>"Copies on dies"</dt><dd>{buttons(store, copies)}</dd>
                    </dl>
                    {works(store, ["Computed on die", "Tokens", "Way of the expert"], work.map(|f| (Look::Die(f.die), f.tokens, way(f))))}
                }
                .into_any()
            }
        })
    };
    view! { <div class="looked" id="looked" role="status">{words}</div> }
}
