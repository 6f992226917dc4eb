//! The wafer that stays while the chapters go by: one strategy at a moment, with the two parts pointed out that the text is about.

use std::fmt::Write;
use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;

use super::CHAPTERS;
use super::batches::{Bars, Runs};
use super::scroll::Place;
use crate::plot::race::{Lane, Race, uneven};
use crate::plot::wafer::{Grid, story};
use crate::ui::store::Store;
use crate::units::{bytes, floor_u64, grouped, significant};
use crate::web::picture;

/// Something that is pointed out: a die, or a link, with lines of words.
pub(super) struct Note {
    part: Mark,
    lines: Vec<String>,
}

enum Mark {
    Die(usize),
    Link(usize, usize),
}

/// What a chapter shows.
pub(super) struct Scene<'a> {
    pub(super) lane: &'a Lane,
    /// Share of the strategy's time that has passed.
    pub(super) share: f64,
    pub(super) notes: Vec<Note>,
}

/// The strategy that a chapter is about; none where the run leaves it out.
pub(super) fn of_chapter(race: &Race, chapter: usize) -> Option<&Lane> {
    match chapter {
        0 | 1 => Some(race.lane("base").unwrap_or(race.over())),
        2 => race.lane("ep"),
        3 => race.lane("allo"),
        _ => race.lane("allo+pred").or(race.lane("pred")),
    }
}

/// When the first device has done its own work, as a share of the batch.
fn first_done(race: &Race, lane: &Lane) -> f64 {
    let live = lane.run.die_seconds.iter().enumerate().filter(|(d, s)| **s > 0.0 && !race.faults.dies.contains(d));
    let least = live.fold(f64::INFINITY, |a, (_, &s)| a.min(s));
    if least.is_finite() { (least / lane.run.seconds).min(1.0) } else { 1.0 }
}

pub(super) fn scene(race: &Race, chapter: usize) -> Option<Scene<'_>> {
    let lane = of_chapter(race, chapter)?;
    let run = &lane.run;
    let [device, _] = race.words();
    let mut notes = Vec::new();
    let busiest = |values: &[f64]| {
        values.iter().copied().enumerate().filter(|v| v.1 > 0.0).reduce(|a, b| if b.1 > a.1 { b } else { a })
    };
    match chapter {
        0 | 1 => {
            if let Some((at, time)) = busiest(&run.link_busy).filter(|b| b.0 < race.links.len()) {
                let (a, b) = race.links[at];
                let words = [
                    format!("link {a} to {b}"),
                    bytes(run.link_bytes[at]),
                    format!("busy {:.0}%", time / run.seconds * 100.0),
                ];
                notes.push(Note { part: Mark::Link(a, b), lines: words.into() });
            }
            let hops: Vec<f64> = run.die_hops.iter().map(|&h| h as f64).collect();
            if let Some((die, hops)) = busiest(&hops) {
                let read = run.hbm_bytes.get(die).copied().unwrap_or(0.0);
                let words = [
                    format!("{device} {die}"),
                    format!("{} read", bytes(read)),
                    format!("{} hops end here", grouped(floor_u64(hops))),
                ];
                notes.push(Note { part: Mark::Die(die), lines: words.into() });
            }
        }
        2 | 3 => {
            if let Some(u) = uneven(race, run).filter(|u| u.most.0 != u.least.0) {
                let own = |die: usize| run.die_seconds.get(die).copied().unwrap_or(0.0) / run.seconds;
                let state = |die: usize| format!("at work {:.0}% of the time", own(die) * 100.0);
                let share = |x: f64| format!("{}× its fair share", significant(x, 3));
                let most = [format!("{device} {}, busiest", u.most.0), share(u.most.1), state(u.most.0)];
                let least = [format!("{device} {}", u.least.0), share(u.least.1), state(u.least.0)];
                notes.push(Note { part: Mark::Die(u.most.0), lines: most.into() });
                notes.push(Note { part: Mark::Die(u.least.0), lines: least.into() });
            }
        }
        _ => {
            let copies: Vec<f64> = run.copies.iter().map(|&c| c as f64).collect();
            if let Some((die, held)) = busiest(&copies) {
                let words = [
                    format!("{device} {die}"),
                    format!("{} copies kept", grouped(floor_u64(held))),
                    "the most of any".into(),
                ];
                notes.push(Note { part: Mark::Die(die), lines: words.into() });
            }
        }
    }
    let share = if chapter <= 1 { 0.5 } else { first_done(race, lane) };
    Some(Scene { lane, share, notes })
}

/// Room at the right for the notes, in pitches.
const ROOM: f64 = 1.9;

/// The wafer with its notes, and its box.
fn drawn(race: &Race, scene: &Scene, notes: bool) -> (String, [f64; 4]) {
    let grid = Grid::new(race.mesh, 100.0, 0.66);
    let fills = race.done(&scene.lane.run, scene.share * scene.lane.run.seconds);
    let mut out = story(&grid, &race.links, &race.wires(&scene.lane.run), &fills, &race.faults);
    let (w, h) = grid.size();
    let margin = 14.0;
    if !notes {
        return (out, [margin, margin, w - 2.0 * margin, h - 2.0 * margin]);
    }
    // Words keep their size on the screen, whatever the mesh.
    let scale = (790.0 / (w + ROOM * grid.pitch)).min(620.0 / (h + 40.0));
    let size = (15.0 / scale).min(40.0);
    let mut taken: Vec<f64> = Vec::new();
    for note in &scene.notes {
        annotate(&mut out, &grid, note, size, &mut taken);
    }
    (out, [margin, -26.0, w + ROOM * grid.pitch - margin, h + 26.0 + size])
}

/// A ring, a leader in the gap between rows over a halo of ground, and words at the right edge.
fn annotate(out: &mut String, grid: &Grid, note: &Note, size: f64, taken: &mut Vec<f64>) {
    let (w, h) = grid.size();
    let (right, half) = (w + 4.0, grid.tile * 0.58);
    let high = note.lines.len() as f64 * size * 1.3;
    let mut free = |y: f64| {
        let clear = taken.iter().all(|t| (t - y).abs() > high * 0.95);
        if clear {
            taken.push(y);
        }
        clear
    };
    let (x, y) = match note.part {
        Mark::Die(die) => grid.middle(die),
        Mark::Link(a, b) => {
            let [x1, y1, x2, y2] = grid.link(a, b);
            ((x1 + x2) / 2.0, (y1 + y2) / 2.0)
        }
    };
    let path = match note.part {
        Mark::Die(_) => {
            let (above, below) = (y - grid.pitch / 2.0, y + grid.pitch / 2.0);
            let up = free(above) || !free(below);
            let (edge, to) = if up { (y - half, above) } else { (y + half, below) };
            let slant = (edge - to).abs();
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"9\" class=\"ring\"/>",
                x - half,
                y - half,
                2.0 * half,
                2.0 * half
            );
            (format!("M{:.1} {edge:.1}L{:.1} {to:.1}H{right:.1}", x + half - 3.0, x + half - 3.0 + slant), to)
        }
        Mark::Link(..) => {
            let r = grid.pitch * 0.21;
            let _ = write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" class=\"ring\"/>");
            // A link between rows lies in a gap already.
            let row = y / grid.pitch;
            if (row - libm::round(row)).abs() < 0.1 {
                let _ = free(y);
                (format!("M{:.1} {y:.1}H{right:.1}", x + r), y)
            } else {
                let to = y - grid.pitch / 2.0;
                let to = if free(to) { to } else { y + grid.pitch / 2.0 };
                let edge = if to < y { y - r } else { y + r };
                (format!("M{x:.1} {edge:.1}V{to:.1}H{right:.1}"), to)
            }
        }
    };
    let (path, to) = path;
    let _ = write!(out, "<path d=\"{path}\" class=\"halo\"/><path d=\"{path}\" class=\"leader\"/>");
    let first = (to + size * 0.35).min(h - high + size * 1.3);
    for (i, line) in note.lines.iter().enumerate() {
        let class = if i == 0 { "note b" } else { "note" };
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" class=\"{class}\" style=\"font-size:{size:.1}px\">{line}</text>",
            right + 7.0,
            first + i as f64 * size * 1.3
        );
    }
}

#[component]
pub(super) fn Pinned(store: Store, race: Memo<Option<Arc<Race>>>, place: Place, runs: Runs) -> impl IntoView {
    // Of the patterns behind them the last chapter stays.
    let chapter = Memo::new(move |_| place.at.get().clamp(1, CHAPTERS));
    let notes = move || {
        let Some(race) = race.get() else { return ().into_any() };
        let Some(scene) = scene(&race, chapter.get()) else { return ().into_any() };
        let note = |n: &Note| view! { <li><b>{n.lines[0].clone()}</b> {format!(": {}", n.lines[1..].join(", "))}</li> };
        view! { <ul class="notes only-m">{scene.notes.iter().map(note).collect_view()}</ul> }.into_any()
    };
    let moment = move || {
        let race = race.get()?;
        let [device, _] = race.words();
        Some(if chapter.get() <= 1 {
            "fill: work done at half the time".to_string()
        } else {
            format!("fill: work done when the first {device} is through")
        })
    };
    let one = Memo::new(move |_| race.with(|r| r.as_ref().is_some_and(|r| !r.links.is_empty())));
    let last = Memo::new(move |_| chapter.get() == CHAPTERS);
    view! {
        <div class="pin">
            {move || if last.get() {
                view! { <Bars store race place runs /> }.into_any()
            } else {
                view! {
                    <Wafer race chapter />
                    {notes}
                    <div class="key">
                        {move || one.get().then(|| view! { <span>"links busy 0%"<i class="rampbar"></i>"100%"</span><span class="only-d">"thickness: bytes carried"</span> })}
                        <span>{moment}</span>
                        {move || race.with(|r| r.as_ref().is_some_and(|r| r.report.synthetic)).then(|| view! { <span class="badge syn">"synthetic workload"</span> })}
                    </div>
                }.into_any()
            }}
        </div>
    }
}

/// The wafer of a chapter.
#[component]
fn Wafer(race: Memo<Option<Arc<Race>>>, chapter: Memo<usize>) -> impl IntoView {
    let [wide, narrow] = [NodeRef::<html::Div>::new(), NodeRef::<html::Div>::new()];
    Effect::new(move |_| {
        let (Some(wide), Some(narrow)) = (wide.get(), narrow.get()) else { return };
        for (holder, notes) in [(wide, true), (narrow, false)] {
            let Some(svg) = holder.query_selector("svg").ok().flatten() else { continue };
            let (text, [x, y, w, h], tone) =
                match race.get().as_deref().and_then(|r| scene(r, chapter.get()).map(|s| (r, s))) {
                    Some((race, scene)) => {
                        let (text, area) = drawn(race, &scene, notes);
                        let _ = svg.set_attribute("aria-label", &label(race, &scene));
                        (text, area, scene.lane.tone)
                    }
                    None => (String::new(), [0.0, 0.0, 690.0, 540.0], "st-base"),
                };
            let _ = svg.set_attribute("viewBox", &format!("{x:.0} {y:.0} {w:.0} {h:.0}"));
            let _ = svg.set_attribute("class", &format!("wafer {tone}"));
            picture(&svg, &text);
        }
    });
    let empty = "0 0 690 540";
    view! {
        <div class="only-d" node_ref=wide><svg class="wafer" role="img" viewBox=empty></svg></div>
        <div class="only-m" node_ref=narrow><svg class="wafer" role="img" viewBox=empty></svg></div>
    }
}

/// What the picture says.
fn label(race: &Race, scene: &Scene) -> String {
    let [device, machine] = race.words();
    let notes: Vec<String> = scene.notes.iter().map(|n| n.lines.join(", ")).collect();
    format!("The {machine} of {} {device}s under {}. {}.", race.mesh.dies(), scene.lane.run.strategy, notes.join(". "))
}
