//! What is looked at, in numbers: a die, an expert, a link; nothing, and then what limits the run.

use std::sync::Arc;

use leptos::prelude::*;

use super::board::{run_of, turn_part};
use super::film::Film;
use super::limits::limits;
use super::sight::busy_of;
use super::state::Sim;
use super::status::done;
use crate::experiment::Look;
use crate::plot::wafer::{Part, ramp};
use crate::sim::Flow;
use crate::ui::selection::look_at;
use crate::ui::settings::change;
use crate::units::{bytes, floor, grouped, percent, seconds};

/// Tokens, which `base` cuts at fractions.
pub(super) fn whole(tokens: f64) -> String {
    grouped(floor(tokens + 0.5) as u64)
}

/// A button that looks at something, in the colour of a share.
fn chip(sim: Sim, look: Look, heat: Option<f64>) -> AnyView {
    let noun = sim.store.scene.with_untracked(|e| e.system().nouns().device);
    let (name, words) = match look {
        Look::Die(d) => (d.to_string(), format!("Look at {noun} {d}")),
        Look::Expert(e) => (e.to_string(), format!("Look at expert {e}")),
        Look::Link(a, b) => (format!("{a}–{b}"), format!("Look at the link between {a} and {b}")),
    };
    let heat = heat.map(|h| libm::pow(h.clamp(0.0, 1.0), 0.6).max(0.08));
    let class = match heat {
        Some(h) if h > 0.5 => "chip hot",
        Some(_) => "chip warm",
        None => "chip",
    };
    let style = heat.map_or_else(String::new, |h| format!("background:{}", ramp(h)));
    view! { <button type="button" class=class style=style aria-label=words on:click=move |_| look_at(sim.store, look)>{name}</button> }.into_any()
}

/// Buttons of one kind.
fn chips(sim: Sim, of: impl Iterator<Item = (Look, Option<f64>)>) -> AnyView {
    /// More than these are a list that nobody reads.
    const MOST: usize = 40;
    let all: Vec<_> = of.collect();
    let rest = all.len().saturating_sub(MOST);
    let none = all.is_empty().then_some("none");
    let shown = all.into_iter().take(MOST).map(|(look, heat)| chip(sim, look, heat)).collect_view();
    view! { <span class="chips">{shown} {none} {(rest > 0).then(|| format!("and {rest} more"))}</span> }.into_any()
}

/// Who works with what is looked at: a row each, with its tokens and the way of the expert.
fn works(sim: Sim, heads: [&'static str; 3], rows: impl Iterator<Item = (Look, f64, String)>) -> AnyView {
    let row = |(look, tokens, way): (Look, f64, String)| {
        view! { <tr><th scope="row">{chip(sim, look, None)}</th><td>{whole(tokens)}</td><td>{way}</td></tr> }
    };
    let rows = rows.map(row).collect_view();
    view! {
        <details class="works">
            <summary>{heads[0]} ", tokens, ways"</summary>
            <div class="scroll rows" tabindex="0" role="region" aria-label=heads[0]>
                <table>
                    <thead><tr>{heads.map(|h| view! { <th scope="col">{h}</th> })}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
    .into_any()
}

/// A share as a bar with its value.
fn level(name: String, share: f64) -> AnyView {
    let wide = format!("width:{:.1}%;background:{}", share.clamp(0.0, 1.0) * 100.0, ramp(share));
    view! { <li><span>{name}</span><span class="track"><i style=wide></i></span><span class="n">{percent(share)}</span></li> }.into_any()
}

/// A name and a value.
fn fact(name: &'static str, value: String) -> impl IntoView {
    view! { <dt>{name}</dt><dd>{value}</dd> }
}

/// Title of what is looked at, and how to look away.
fn head(sim: Sim, title: String, more: String) -> AnyView {
    let away = move |_| change(sim.store, true, |e| e.view.look = None);
    view! {
        <header class="side-h">
            <h4>{title}</h4>
            <span class="mute">{more}</span>
            <button type="button" class="quiet ico" id="look-away" aria-label="Look away (Esc)" on:click=away>"×"</button>
        </header>
    }
    .into_any()
}

fn layer_words(sim: Sim) -> String {
    sim.layer().map_or_else(String::new, |(_, id)| format!(", layer {id}"))
}

fn die(sim: Sim, film: &Film, die: usize) -> AnyView {
    let store = sim.store;
    let topology = sim.topology.get();
    let (device, mesh, joined, dead) = store
        .scene
        .with(|e| (e.system().nouns().device, e.hardware().mesh, e.system().mesh, e.system.dead.dies.contains(&die)));
    let title = if device == "GPU" { format!("GPU {die}") } else { format!("Die {die}") };
    let (column, row) = mesh.place(die);
    let place = if joined {
        format!("row {row}, column {column}")
    } else if mesh.y > 1 {
        format!("node {row}")
    } else {
        String::new()
    };
    let run = run_of(sim, 0).map(|r| r.1);
    let facts = run.as_ref().map(|r| {
        let of = |all: &[f64]| all.get(die).copied().unwrap_or(0.0);
        let (memory, compute) = store.scene.with(|e| busy_of(e, r, &topology, die));
        view! {
            {fact("computes", format!("{} tokens", whole(of(&r.die_tokens))))}
            {fact("of the time", percent(compute))}
            {fact("through its HBM", bytes(of(&r.hbm_bytes)))}
            {fact("HBM busy", percent(memory))}
            {fact("copies kept", grouped(r.copies.get(die).copied().unwrap_or(0)))}
            {fact("hops that end here", grouped(r.die_hops.get(die).copied().unwrap_or(0)))}
            {fact("waits for others", percent(1.0 - of(&r.die_seconds) / r.seconds))}
        }
    });
    let links = run.as_ref().map(|r| {
        let one = |(i, l): (usize, &crate::model::Link)| {
            let other = if l.ends.0 == die { l.ends.1 } else { l.ends.0 };
            let name = if l.ends.0 == l.ends.1 { l.kind.replace('-', " ") } else { format!("to {other}") };
            level(name, r.link_busy.get(i).copied().unwrap_or(0.0) / r.seconds)
        };
        topology.links.iter().enumerate().filter(|(_, l)| l.ends.0 == die || l.ends.1 == die).map(one).collect_view()
    });
    let stored = film.residents(die).into_iter().map(|(e, heat)| (Look::Expert(e), Some(heat)));
    let copies = film.copies(die).into_iter().map(|e| (Look::Expert(e), None));
    let t = &film.timeline;
    let mut work: Vec<&Flow> = t.flows.iter().filter(|f| f.die == die && f.tokens > 0.0).collect();
    work.sort_by(|a, b| b.tokens.total_cmp(&a.tokens));
    let from = |f: &Flow| match topology.routes.hops(f.source, f.die) {
        0 => "own HBM".to_string(),
        1 => format!("{device} {}, 1 hop", f.source),
        hops => format!("{device} {}, {hops} hops", f.source),
    };
    let rows = work.iter().map(|f| (Look::Expert(f.expert), f.tokens, from(f)));
    let busiest = work.first().map(|f| f.expert);
    let follow = busiest.map(|expert| view! { <button type="button" id="follow" class="wide" title="The one of which it computes most tokens" on:click=move |_| look_at(store, Look::Expert(expert))>"Follow an expert"</button> });
    let turn = if dead { format!("Mend {device}") } else { format!("Break {device}") };
    view! {
        {head(sim, title, place)}
        <dl class="kv">{facts}</dl>
        <div><h3>"Lives here" {layer_words(sim)}</h3>{chips(sim, stored)}</div>
        <div><h3>"Copies here"</h3>{chips(sim, copies)}</div>
        {move || coming(sim, die)}
        <div><h3>{if joined { "Its links, busy" } else { "Its ports, busy" }}</h3><ul class="levels">{links}</ul></div>
        {works(sim, ["Expert", "Tokens", "Read from"], rows)}
        <div class="row acts">
            {follow}
            <button type="button" id="break-this" on:click=move |_| turn_part(store, Part::Die(die))>{turn}</button>
        </div>
    }
    .into_any()
}

/// Experts that are on their way to a die at the moment of the film.
fn coming(sim: Sim, die: usize) -> Option<AnyView> {
    if !sim.moment() {
        return None;
    }
    let now = Memo::new(move |_| {
        let film = sim.films[0].get()?;
        let mut all: Vec<usize> = film.moving(sim.reached(0)).filter(|f| f.die == die).map(|f| f.expert).collect();
        all.sort_unstable();
        all.dedup();
        Some(all)
    });
    let list = move || now.get().map(|all| chips(sim, all.into_iter().map(|e| (Look::Expert(e), None))));
    Some(view! { <div class="coming"><h3>"On its way here"</h3>{list}</div> }.into_any())
}

fn expert(sim: Sim, film: &Film, expert: usize) -> AnyView {
    let store = sim.store;
    let device = store.scene.with(|e| e.system().nouns().device);
    let topology = sim.topology.get();
    let t = &film.timeline;
    let lives = t.home.get(expert).copied();
    let copies = t.copies.iter().filter(|c| c.0 == expert).map(|c| (Look::Die(c.1), None));
    let way = |f: &Flow| {
        let dies: Vec<String> = topology.routes.way(f.source, f.die).iter().map(ToString::to_string).collect();
        if dies.len() > 1 { dies.join(" → ") } else { "own HBM".into() }
    };
    let work: Vec<&Flow> = t.flows.iter().filter(|f| f.expert == expert && f.tokens > 0.0).collect();
    let tokens = film.tokens.get(expert).copied().unwrap_or(0.0);
    let all: f64 = film.tokens.iter().sum();
    let hops: usize = work.iter().map(|f| topology.routes.hops(f.source, f.die)).filter(|h| *h < 1000).sum();
    let shared = format!("{} {device}{}", work.len(), if work.len() == 1 { "" } else { "s" });
    let rows = work.iter().map(|f| (Look::Die(f.die), f.tokens, way(f)));
    view! {
        {head(sim, format!("Expert {expert}"), layer_words(sim).trim_start_matches(", ").to_string())}
        <dl class="kv">
            <dt>"lives on"</dt><dd>{chips(sim, lives.into_iter().map(|d| (Look::Die(d), None)))}</dd>
            {fact("tokens in the layer", whole(tokens))}
            {fact("of all tokens", percent(tokens / all.max(1e-30)))}
            {fact("computed on", shared)}
            {fact("hops in the layer", grouped(hops as u64))}
        </dl>
        <div><h3>"Copies on"</h3>{chips(sim, copies)}</div>
        {works(sim, ["Computed on", "Tokens", "Way of the expert"], rows)}
        <p class="aside">"Lines on the wafer are its ways in this layer."</p>
    }
    .into_any()
}

fn link(sim: Sim, film: &Film, a: usize, b: usize) -> AnyView {
    let store = sim.store;
    let topology = sim.topology.get();
    let Some(at) = topology.links.iter().position(|l| l.ends == (a, b)) else {
        return view! { {head(sim, format!("Link {a}–{b}"), "not of this system".into())} }.into_any();
    };
    let run = run_of(sim, 0).map(|r| r.1);
    let facts = run.map(|r| {
        let of = |all: &[f64]| all.get(at).copied().unwrap_or(0.0);
        view! { {fact("bytes in the run", bytes(of(&r.link_bytes)))} {fact("busy in the run", percent(of(&r.link_busy) / r.seconds))} }
    });
    let busy = Film::whole(&film.links[at]);
    let all = film.timeline.seconds.max(1e-30);
    let mut over: Vec<(usize, u64)> = Vec::new();
    for f in
        film.timeline.flows.iter().filter(|f| f.source != f.die && topology.carry(f.source, f.die).any(|l| l == at))
    {
        match over.iter_mut().find(|o| o.0 == f.expert) {
            Some(one) => one.1 += 1,
            None => over.push((f.expert, 1)),
        }
    }
    over.sort_by(|x, y| y.1.cmp(&x.1).then(x.0.cmp(&y.0)));
    let most = over.first().map_or(1.0, |o| o.1 as f64);
    let dead = store.scene.with(|e| e.system.dead.links.contains(&(a, b)));
    let count = over.len();
    view! {
        {head(sim, format!("Link {a}–{b}"), String::new())}
        <dl class="kv">
            {facts}
            {fact("busy in the layer", format!("{} of {}", seconds(busy), seconds(all)))}
            {fact("experts that pass it", grouped(count as u64))}
        </dl>
        <div><h3>"Passes it" {layer_words(sim)}</h3>{chips(sim, over.into_iter().map(|(e, n)| (Look::Expert(e), Some(n as f64 / most))))}</div>
        <div><h3>"Between"</h3>{chips(sim, [a, b].into_iter().map(|d| (Look::Die(d), None)))}</div>
        <div class="row acts"><button type="button" id="break-this" on:click=move |_| turn_part(store, Part::Link(a, b))>{if dead { "Mend link" } else { "Break link" }}</button></div>
    }
    .into_any()
}

/// The inspector. On a phone it is a sheet with three stops.
pub(super) fn side(sim: Sim, why: Memo<Option<String>>) -> AnyView {
    let store = sim.store;
    let look = Memo::new(move |_| store.scene.with(|e| e.view.look));
    let stop = RwSignal::new(0usize);
    // What is newly looked at is peeked at first.
    let picked = Memo::new(move |_| look.get().is_some());
    Effect::new(move |_| {
        if !picked.get() {
            stop.set(0);
        }
    });
    let inside = move || {
        let film: Option<Arc<Film>> = sim.films[0].get();
        Some(match (look.get(), film) {
            (None, _) => view! {
                {limits(sim)}
                <p class="aside">"Click a tile or a link to see what it does; then an expert to see its ways."</p>
            }
            .into_any(),
            (_, None) => view! { <p class="status">"The layer is being simulated…"</p> }.into_any(),
            (Some(Look::Die(d)), Some(film)) if d < film.timeline.dies => die(sim, &film, d),
            (Some(Look::Die(d)), _) => head(sim, format!("Die {d}"), "not of this system".into()),
            (Some(Look::Expert(e)), Some(film)) => expert(sim, &film, e),
            (Some(Look::Link(a, b)), Some(film)) => link(sim, &film, a, b),
        })
    };
    let from = StoredValue::new_local(None::<(f64, usize)>);
    let grab = move |e: leptos::ev::PointerEvent| from.set_value(Some((f64::from(e.client_y()), stop.get_untracked())));
    let drop_it = move |e: leptos::ev::PointerEvent| {
        let Some((y, at)) = from.try_update_value(Option::take).flatten() else { return };
        let by = y - f64::from(e.client_y());
        stop.set(match by {
            b if b > 30.0 => (at + 1).min(2),
            b if b < -30.0 && at == 0 => {
                change(store, true, |e| e.view.look = None);
                0
            }
            b if b < -30.0 => at - 1,
            _ => (at + 1) % 3,
        });
    };
    let keyed = move |e: leptos::ev::KeyboardEvent| {
        if e.key() == "Enter" || e.key() == " " {
            e.prevent_default();
            stop.update(|s| *s = (*s + 1) % 3);
        }
    };
    view! {
        <aside
            class="side looked"
            class:picked=move || picked.get()
            class:half=move || stop.get() == 1
            class:full=move || stop.get() == 2
            aria-label="What is looked at"
        >
            <button type="button" class="grip" aria-label="Size of this sheet: peek, half, full" on:pointerdown=grab on:pointerup=drop_it on:keydown=keyed></button>
            {move || why.with(Option::is_none).then(|| view! { <div id="looked" class="looked-in" aria-live="polite">{inside}</div> })}
            {move || (why.with(Option::is_none) && picked.get()).then(|| view! { <div class="under">{limits(sim)}</div> })}
            <div class="made">{done(sim)}</div>
        </aside>
    }
    .into_any()
}
