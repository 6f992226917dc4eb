//! One layer unfolded: the busiest resource, what the selected die fetches and computes, a few more dies. Wheel and pinch zoom about
//! the pointer, a drag pans, W A S D and the arrows do both; a click goes to a bar's die.

use std::fmt::Write;

use leptos::html;
use leptos::prelude::*;

use super::film::{Busy, Film};
use super::size::{narrow, watch_size};
use super::state::{Sim, WHOLE};
use crate::experiment::Look;
use crate::model::Topology;
use crate::sim::Flow;
use crate::ui::settings::change;
use crate::units::seconds;
use crate::web::picture;

/// Height of a row, and of its bars.
const ROW: f64 = 18.0;
const BAR: f64 = 13.0;

/// A bar: from, to, class, and what it is.
type Mark = (f64, f64, &'static str);

/// A row of the picture.
struct Row {
    name: String,
    /// What a click on it selects.
    look: Option<Look>,
    marks: Vec<Mark>,
}

fn busy_row(name: String, look: Option<Look>, busy: &Busy, class: &'static str) -> Row {
    Row { name, look, marks: busy.iter().map(|b| (b.0, b.1, class)).collect() }
}

/// What a die fetches, in as many rows as it has under way at once.
fn fetches(film: &Film, noun: &str, die: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let class = |f: &Flow| match (f.source == die, f.tokens > 0.0) {
        (true, true) => "m-own",
        (false, _) => "m-far",
        (true, false) => "m-copy",
    };
    let mut flows: Vec<&Flow> = film.timeline.flows.iter().filter(|f| f.die == die).collect();
    flows.sort_by(|a, b| a.start.total_cmp(&b.start));
    for f in flows {
        let free = rows.iter().position(|r| r.marks.last().is_none_or(|m| m.1 <= f.start + 1e-15));
        let at = free.unwrap_or_else(|| {
            let letter = char::from(b'a' + u8::try_from(rows.len().min(25)).unwrap_or(25));
            rows.push(Row {
                name: format!("{noun} {die} fetch {letter}"),
                look: Some(Look::Die(die)),
                marks: Vec::new(),
            });
            rows.len() - 1
        });
        rows[at].marks.push((f.start, f.end, class(f)));
    }
    rows.truncate(4);
    rows
}

/// The rows: the selected die, or the one that ends last, under the busiest resource.
fn rows(film: &Film, topology: &Topology, look: Option<Look>, noun: &str) -> Vec<Row> {
    let dies = film.timeline.dies;
    let mut all = Vec::new();
    let busiest = |of: &[Busy]| {
        (0..of.len()).max_by(|&a, &b| Film::whole(&of[a]).total_cmp(&Film::whole(&of[b])).then(b.cmp(&a)))
    };
    let link = match look {
        Some(Look::Link(a, b)) => topology.links.iter().position(|l| l.ends == (a, b)),
        _ => busiest(&film.links).filter(|&l| !film.links[l].is_empty()),
    };
    if let Some((at, l)) = link.and_then(|l| topology.links.get(l).map(|of| (l, of))) {
        let (a, b) = l.ends;
        let joined = a != b;
        let name = if joined { format!("link {a}–{b}") } else { format!("{noun} {a} {}", l.kind.replace('-', " ")) };
        let look = if joined { Look::Link(a, b) } else { Look::Die(a) };
        all.push(busy_row(name, Some(look), &film.links[at], "m-link"));
    }
    let mut by_end: Vec<usize> = (0..dies).collect();
    by_end.sort_by(|&a, &b| film.done(b).total_cmp(&film.done(a)).then(a.cmp(&b)));
    let first = match look {
        Some(Look::Die(d)) if d < dies => d,
        Some(Look::Expert(e)) => film.timeline.home.get(e).copied().unwrap_or(0),
        _ => by_end.first().copied().unwrap_or(0),
    };
    if link.is_none() {
        if let Some(die) = busiest(&film.memory) {
            all.push(busy_row(format!("{noun} {die} HBM"), Some(Look::Die(die)), &film.memory[die], "m-own"));
        }
    }
    all.extend(fetches(film, noun, first));
    for die in std::iter::once(first).chain(by_end.into_iter().filter(|&d| d != first).take(2)) {
        if let Some(busy) = film.compute.get(die) {
            all.push(busy_row(format!("{noun} {die} compute"), Some(Look::Die(die)), busy, "m-compute"));
        }
    }
    all
}

/// Distance of the marks on the axis: a round number of seconds.
fn step(span: f64, room: f64) -> f64 {
    let least = span * 90.0 / room.max(90.0);
    let base = libm::pow(10.0, libm::floor(libm::log10(least.max(1e-15))));
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * base).find(|s| *s >= least).unwrap_or(base * 10.0)
}

/// The picture of the rows in a window of the layer, in pixels.
fn draw(all: &[Row], long: f64, (from, to): (f64, f64), room: f64) -> String {
    let mut out = String::new();
    let (start, span) = (from * long, ((to - from) * long).max(1e-15));
    let x = |t: f64| (t - start) / span * room;
    for (i, row) in all.iter().enumerate() {
        let y = i as f64 * ROW;
        let _ = write!(out, "<path class=\"rule\" d=\"M0 {0:.1}H{room:.1}\"/>", y + ROW - 2.0);
        for &(a, b, class) in &row.marks {
            let (l, r) = (x(a).max(0.0), x(b).min(room));
            if r > 0.0 && l < room && r > l {
                let wide = if r - l > 3.0 { r - l - 0.8 } else { (r - l).max(0.6) };
                let _ = write!(
                    out,
                    "<rect class=\"{class}\" x=\"{l:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{BAR}\" rx=\"1.5\"/>"
                );
            }
        }
    }
    let (by, y) = (step(span, room), all.len() as f64 * ROW + 13.0);
    let mut at = libm::ceil(start / by) * by;
    let mut guard = 0;
    while at <= start + span * 1.0001 && guard < 40 {
        let px = x(at);
        let anchor = if px < 24.0 {
            "start"
        } else if px > room - 24.0 {
            "end"
        } else {
            "middle"
        };
        let text = if at < by / 2.0 { "0".to_string() } else { seconds(at) };
        let _ = write!(out, "<text class=\"n\" x=\"{px:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
        at += by;
        guard += 1;
    }
    out
}

/// A window that lies in the layer and is not too short to see.
fn inside((from, to): (f64, f64)) -> (f64, f64) {
    let span = (to - from).clamp(0.001, 1.0);
    let from = from.clamp(0.0, 1.0 - span);
    (from, from + span)
}

/// Fingers on the picture: their ids and places, and whether they have moved.
#[derive(Clone, Default)]
struct Held {
    at: Vec<(i32, f64)>,
    moved: bool,
}

/// The unfolded layer.
pub(super) fn lanes(sim: Sim) -> AnyView {
    let store = sim.store;
    let holder = NodeRef::<html::Div>::new();
    let size = watch_size(holder);
    let noun = Memo::new(move |_| store.scene.with(|e| e.system().nouns().device));
    let look = Memo::new(move |_| store.scene.with(|e| e.view.look));
    let made = move || {
        let film = sim.films[0].get()?;
        let all = rows(&film, &sim.topology.get(), look.get(), noun.get());
        Some((all, film.timeline.seconds))
    };
    let drawn = Memo::new(move |_| {
        let (span, room) = (sim.span.get(), size.get().0);
        made().map_or_else(String::new, |(all, long)| draw(&all, long, span, room))
    });
    Effect::new(move |_| {
        let Some(holder) = holder.get() else { return };
        let shapes = drawn.get();
        if let Ok(Some(svg)) = holder.query_selector("svg") {
            picture(&svg, &shapes);
        }
    });
    let names = Memo::new(move |_| {
        made().map_or_else(Vec::new, |(all, _)| all.into_iter().map(|r| (r.name, r.look)).collect())
    });
    let high = move || names.with(Vec::len) as f64 * ROW + 20.0;
    let room = move || size.get_untracked().0.max(1.0);
    let share = move |x: i32| {
        let left = holder.get_untracked().map_or(0.0, |h| h.get_bounding_client_rect().left());
        ((f64::from(x) - left) / room()).clamp(0.0, 1.0)
    };
    let zoom = move |about: f64, by: f64| {
        sim.span.update(|s| {
            let at = s.0 + about * (s.1 - s.0);
            let span = ((s.1 - s.0) * by).clamp(0.001, 1.0);
            *s = inside((at - about * span, at + (1.0 - about) * span));
        });
    };
    let pan = move |by: f64| {
        sim.span.update(|s| {
            let d = by * (s.1 - s.0);
            *s = inside((s.0 + d, s.1 + d));
        });
    };
    let wheel = move |event: leptos::ev::WheelEvent| {
        if event.shift_key() || event.delta_x().abs() > event.delta_y().abs() {
            event.prevent_default();
            let by = if event.delta_x() == 0.0 { event.delta_y() } else { event.delta_x() };
            return pan(by / room());
        }
        event.prevent_default();
        zoom(share(event.client_x()), libm::exp(event.delta_y().clamp(-120.0, 120.0) * 0.003));
    };
    let held = StoredValue::new_local(Held::default());
    let down = move |event: leptos::ev::PointerEvent| {
        held.update_value(|h| {
            if h.at.is_empty() {
                h.moved = false;
            }
            h.at.push((event.pointer_id(), f64::from(event.client_x())));
        });
        if let Some(holder) = holder.get_untracked() {
            let _ = holder.set_pointer_capture(event.pointer_id());
        }
    };
    let over = move |event: leptos::ev::PointerEvent| {
        let x = f64::from(event.client_x());
        let before = held.with_value(Clone::clone);
        let Some(me) = before.at.iter().position(|p| p.0 == event.pointer_id()) else { return };
        let mut after = before.clone();
        after.at[me].1 = x;
        after.moved |= (x - before.at[me].1).abs() > 2.0;
        if !after.moved {
            return;
        }
        if let [a, b] = before.at[..] {
            // Two fingers: what lies between them stays between them.
            let (wide, now) = ((a.1 - b.1).abs().max(8.0), (after.at[0].1 - after.at[1].1).abs().max(8.0));
            zoom(
                share(
                    crate::units::small(crate::units::floor((after.at[0].1 + after.at[1].1) / 2.0))
                        .try_into()
                        .unwrap_or(0),
                ),
                wide / now,
            );
        } else {
            pan((before.at[me].1 - x) / room());
        }
        held.set_value(after);
    };
    let up = move |event: leptos::ev::PointerEvent| {
        let moved = held.with_value(|h| h.moved);
        let one = held.with_value(|h| h.at.len() == 1);
        held.update_value(|h| h.at.retain(|p| p.0 != event.pointer_id()));
        if moved || !one {
            return;
        }
        let (Some(holder), Some(film)) = (holder.get_untracked(), sim.films[0].get_untracked()) else { return };
        let y = f64::from(event.client_y()) - holder.get_bounding_client_rect().top() - 8.0;
        let span = sim.span.get_untracked();
        let at = span.0 + share(event.client_x()) * (span.1 - span.0);
        let time = at * film.timeline.seconds;
        let slack = 3.0 / room() * (span.1 - span.0) * film.timeline.seconds;
        let all = untrack(made).map_or_else(Vec::new, |m| m.0);
        let row = all.get(crate::units::floor(y / ROW)).filter(|_| y >= 0.0);
        let hit = row.filter(|r| r.marks.iter().any(|m| m.0 - slack <= time && time <= m.1 + slack));
        if let Some(look) = hit.and_then(|r| r.look) {
            change(store, true, |e| e.view.look = Some(look));
        }
        sim.playing.set(false);
        // The clock is that of the longer layer of two.
        let long = untrack(|| sim.long()).max(1e-30);
        sim.seek((at * film.timeline.seconds / long * WHOLE).max(1.0));
    };
    let keyed = move |event: leptos::ev::KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let by = WHOLE / 100.0 * {
            let s = sim.span.get_untracked();
            s.1 - s.0
        };
        match event.key().as_str() {
            "w" | "W" | "+" => zoom(0.5, 0.7),
            "s" | "S" | "-" => zoom(0.5, 1.0 / 0.7),
            "a" | "A" => pan(-0.15),
            "d" | "D" => pan(0.15),
            "ArrowLeft" => sim.seek((sim.at.get_untracked() - by).max(1.0)),
            "ArrowRight" => sim.seek(sim.at.get_untracked() + by),
            "Home" => sim.span.set((0.0, 1.0)),
            " " => sim.turn(),
            _ => return,
        }
        event.prevent_default();
        // These letters open dialogs elsewhere.
        event.stop_propagation();
    };
    let cursor = move || {
        let (from, to) = sim.span.get();
        let at = (sim.reached(0) - from) / (to - from).max(1e-9);
        let seen = sim.moment() && (-0.001..=1.001).contains(&at);
        format!("left:{:.3}%;display:{}", at * 100.0, if seen { "block" } else { "none" })
    };
    let label = "The layer over time. W and S zoom, A and D pan, arrows move the clock, space plays.";
    let hint = move || {
        if narrow() { "pinch to zoom, drag to pan" } else { "scroll to zoom, drag to pan, click a bar to find its die" }
    };
    view! {
        <div class="lanes-row">
            <div class="lane-names" aria-hidden="true">
                {move || names.get().into_iter().map(|(name, _)| view! { <span class="lane-name">{name}</span> }).collect_view()}
            </div>
            <div
                class="lanes"
                node_ref=holder
                tabindex="0"
                role="application"
                aria-label=label
                style=move || format!("height:{:.0}px", high() + 8.0)
                on:wheel=wheel
                on:pointerdown=down
                on:pointermove=over
                on:pointerup=up
                on:pointercancel=move |e| held.update_value(|h| h.at.retain(|p| p.0 != e.pointer_id()))
                on:dblclick=move |_| sim.span.set((0.0, 1.0))
                on:keydown=keyed
            >
                <svg width=move || format!("{:.0}", size.get().0) height=move || format!("{:.0}", high())></svg>
                <i class="cursor" style=cursor></i>
            </div>
        </div>
        <p class="hint only-d">{hint}</p>
    }
    .into_any()
}
