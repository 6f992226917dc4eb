//! The wafer of one strategy as a picture that is clicked: links under tiles, what is looked at on top. What the film's clock moves is
//! drawn at each frame, all else only when it changes.

use std::fmt::Write;
use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;

use super::film::Film;
use super::sight::{Sight, busy_of, of_moment, of_run, places, settle, ways};
use super::size::{narrow, watch_size};
use super::state::Sim;
use crate::experiment::{Experiment, Look};
use crate::model::Faults;
use crate::plot::tile::{Tile, levels, outline, outline_link, tiles, way};
use crate::plot::tone;
use crate::plot::wafer::{Grid, Part, wires};
use crate::protocol::{RunReport, StrategyRun};
use crate::ui::selection::look_at;
use crate::ui::settings::change;
use crate::units::{bytes, floor, grouped, percent};
use crate::web::picture;

/// What is drawn of one strategy.
#[derive(Clone, Copy)]
pub(super) struct Board {
    sim: Sim,
    /// 0 for the shown strategy, 1 for the one beside it.
    which: usize,
    grid: Memo<Option<Grid>>,
    still: Memo<Vec<Tile>>,
    sight: Memo<Sight>,
}

/// The run of a board's strategy.
pub(super) fn run_of(sim: Sim, which: usize) -> Option<(Arc<RunReport>, StrategyRun)> {
    let report = sim.store.answers.run.get()?;
    let (first, second) = sim.shown();
    let name = if which == 0 { first.name() } else { second?.name() };
    let found = report.runs.iter().find(|r| r.strategy == name);
    let run = if which == 0 { found.or(report.runs.last()) } else { found }?.clone();
    Some((report, run))
}

impl Board {
    fn new(sim: Sim, which: usize, size: RwSignal<(f64, f64)>) -> Self {
        let store = sim.store;
        let system = Memo::new(move |_| store.scene.with(|e| (e.hardware().mesh, e.system().mesh)));
        let grid = Memo::new(move |_| {
            let ((mesh, joined), (width, height)) = (system.get(), size.get());
            let mesh = places(mesh, joined);
            let (x, y) = (mesh.x as f64, mesh.y as f64);
            let height = if narrow() { (width * y / x).min(470.0) } else { height };
            let pitch = f64::min((width - 6.0) / x, (height - 6.0) / y).clamp(14.0, 150.0);
            (width > 1.0).then(|| Grid::new(mesh, pitch, 0.72))
        });
        let film = sim.films[which];
        let still = Memo::new(move |_| {
            let dies = system.get().0.dies();
            let mut all = vec![Tile::default(); dies];
            if let Some(film) = film.get().filter(|f| f.timeline.dies == dies) {
                settle(&mut all, &film, store.scene.with(|e| e.view.look), &sim.topology.get());
            }
            all
        });
        let sight = Memo::new(move |_| {
            let run = run_of(sim, which);
            let topology = sim.topology.get();
            let dies = topology.devices;
            let run = run.filter(|(_, r)| r.die_tokens.len() == dies && r.link_bytes.len() == topology.links.len());
            if sim.moment() {
                let Some(film) = film.get().filter(|f| f.timeline.dies == dies) else { return Sight::default() };
                return of_moment(run.as_ref().map(|(a, b)| (&**a, b)), &film, sim.reached(which));
            }
            run.map_or_else(Sight::default, |(report, run)| store.scene.with(|e| of_run(e, &report, &run, &topology)))
        });
        Self { sim, which, grid, still, sight }
    }

    fn faults(self) -> Faults {
        self.sim.store.scene.with(|e| e.system.dead.clone())
    }

    /// The ends of the links that are drawn, in the order of the wires; none of a system that is no mesh.
    fn links(self) -> Vec<(usize, usize)> {
        let drawn = self.sim.store.scene.with(|e| e.system().mesh);
        if drawn { self.sim.topology.get().links.iter().map(|l| l.ends).collect() } else { Vec::new() }
    }

    /// Nodes of devices that a switch joins.
    fn nodes(self, out: &mut String, grid: &Grid) {
        let nodes = self.sim.topology.get().nodes;
        if nodes < 2 || grid.mesh.y != nodes {
            return;
        }
        for node in 0..nodes {
            let _ = write!(
                out,
                "<rect x=\"1\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"8\" class=\"node\"/>",
                node as f64 * grid.pitch + 2.0,
                grid.size().0 - 2.0,
                grid.pitch - 4.0
            );
        }
    }

    fn moving(self) -> String {
        let mut out = String::new();
        let Some(grid) = self.grid.get() else { return out };
        let look = self.sim.store.scene.with(|e| e.view.look);
        self.nodes(&mut out, &grid);
        let dim = matches!(look, Some(Look::Expert(_)));
        let _ = write!(out, "<g opacity=\"{}\">", if dim { ".35" } else { "1" });
        let links = self.links();
        self.sight.with(|s| {
            // Before there is a result the links stand there idle.
            let idle = vec![crate::plot::wafer::Wire::default(); links.len()];
            wires(&mut out, &grid, &links, if s.wires.is_empty() { &idle } else { &s.wires }, &self.faults());
        });
        out.push_str("</g>");
        out
    }

    fn live(self) -> String {
        let mut out = String::new();
        let Some(grid) = self.grid.get() else { return out };
        let mut all = self.sight.with(|s| s.tiles.clone());
        self.still.with(|still| all.iter_mut().zip(still).for_each(|(tile, s)| tile.dim = s.dim));
        levels(&mut out, &grid, &all, &self.faults());
        out
    }

    fn fixed(self) -> String {
        let mut out = String::new();
        if let Some(grid) = self.grid.get() {
            self.still.with(|all| tiles(&mut out, &grid, all, &self.faults()));
        }
        out
    }

    fn marks(self) -> String {
        let mut out = String::new();
        let Some(grid) = self.grid.get() else { return out };
        let look = self.sim.store.scene.with(|e| e.view.look);
        let dies = self.sim.topology.with(|t| t.devices);
        match look {
            Some(Look::Die(die)) if die < dies => outline(&mut out, &grid, die, "picked"),
            Some(Look::Link(a, b)) if self.links().contains(&(a, b)) => outline_link(&mut out, &grid, a, b),
            Some(Look::Expert(expert)) => {
                let Some(film) = self.sim.films[self.which].get().filter(|f| f.timeline.dies == dies) else {
                    return out;
                };
                if let Some(&home) = film.timeline.home.get(expert) {
                    outline(&mut out, &grid, home, "picked");
                }
                for &(_, die) in film.timeline.copies.iter().filter(|c| c.0 == expert) {
                    outline(&mut out, &grid, die, "picked copy");
                }
                let all = ways(&film, look, &self.sim.topology.get());
                for (i, dies) in all.iter().enumerate() {
                    way(&mut out, &grid, dies, ((i % 5) as f64 - 2.0) * grid.pitch * 0.02);
                }
            }
            _ => {}
        }
        out
    }

    /// What is under a point of the window.
    fn part(self, holder: NodeRef<html::Div>, x: i32, y: i32) -> Option<Part> {
        let (grid, holder) = (self.grid.get_untracked()?, holder.get_untracked()?);
        let rect = holder.query_selector("svg").ok().flatten()?.get_bounding_client_rect();
        let part = grid.part(f64::from(x) - rect.left(), f64::from(y) - rect.top())?;
        let (dies, joined) = self.sim.store.experiment.with_untracked(|e| (e.hardware().mesh.dies(), e.system().mesh));
        match part {
            Part::Die(die) => (die < dies).then_some(part),
            Part::Link(..) => joined.then_some(part),
        }
    }

    fn click(self, part: Part) {
        let store = self.sim.store;
        if !self.sim.breaking.get_untracked() {
            return look_at(
                store,
                match part {
                    Part::Die(die) => Look::Die(die),
                    Part::Link(a, b) => Look::Link(a, b),
                },
            );
        }
        turn_part(store, part);
    }

    /// What stands under the cursor.
    fn words(self, part: Part) -> String {
        let (store, noun) = (self.sim.store, self.sim.store.experiment.with_untracked(|e| e.system().nouns().device));
        let at = untrack(|| self.sim.reached(self.which));
        let dead = store.experiment.with_untracked(|e| e.system.dead.clone());
        let topology = self.sim.topology.get_untracked();
        let film = self.sim.films[self.which].get_untracked();
        match part {
            Part::Die(die) if dead.dies.contains(&die) => format!("{noun} {die} is dead"),
            Part::Die(die) if at > 0.0 => film.map_or_else(String::new, |film| doing(&film, noun, die, at)),
            Part::Die(die) => untrack(|| run_of(self.sim, self.which)).map_or_else(String::new, |(_, r)| {
                let (memory, compute) = store.experiment.with_untracked(|e| busy_of(e, &r, &topology, die));
                format!(
                    "{noun} {die}: {} tokens, HBM busy {}, computes {} of the time, {} hops, {} copies",
                    grouped(floor(r.die_tokens.get(die).copied().unwrap_or(0.0) + 0.5) as u64),
                    percent(memory),
                    percent(compute),
                    grouped(r.die_hops.get(die).copied().unwrap_or(0)),
                    r.copies.get(die).copied().unwrap_or(0)
                )
            }),
            Part::Link(a, b) => {
                let at = topology.links.iter().position(|l| l.ends == (a, b));
                if !dead.passes(a, b) {
                    return format!("link {a}–{b} is dead");
                }
                let run = untrack(|| run_of(self.sim, self.which)).map(|r| r.1);
                at.zip(run).map_or_else(String::new, |(i, r)| {
                    let of = |all: &[f64]| all.get(i).copied().unwrap_or(0.0);
                    format!(
                        "link {a}–{b}: {}, busy {} of the run",
                        bytes(of(&r.link_bytes)),
                        percent(of(&r.link_busy) / r.seconds)
                    )
                })
            }
        }
    }
}

/// Breaks a part, or mends it.
pub(super) fn turn_part(store: crate::ui::store::Store, part: Part) {
    change(store, true, |e| match part {
        Part::Die(die) => {
            let _ = e.system.dead.dies.remove(&die) || e.system.dead.dies.insert(die);
        }
        Part::Link(a, b) => {
            let _ = e.system.dead.links.remove(&(a, b)) || e.system.dead.links.insert((a, b));
        }
    });
}

/// What a die does at a moment.
fn doing(film: &Film, noun: &str, die: usize, at: f64) -> String {
    let time = at * film.timeline.seconds;
    let computes = film.timeline.computed.iter().find(|c| c.die == die && c.start <= time && time < c.end);
    let fetches: Vec<String> =
        film.moving(at).filter(|f| f.die == die).map(|f| format!("{} from {}", f.expert, f.source)).collect();
    let mut words = Vec::new();
    words.extend(computes.map(|c| format!("computes expert {}", c.expert)));
    if !fetches.is_empty() {
        words.push(format!("fetches expert {}", fetches.join(", ")));
    }
    if words.is_empty() {
        words.push(if time >= film.done(die) { "done".into() } else { "waits".into() });
    }
    format!("{noun} {die} {}", words.join("; "))
}

/// The wafer of one strategy.
pub(super) fn board(sim: Sim, which: usize) -> AnyView {
    let holder = NodeRef::<html::Div>::new();
    let size = watch_size(holder);
    let board = Board::new(sim, which, size);
    let store = sim.store;
    let layer = move |class: &'static str, draw: fn(Board) -> String| {
        // Of two frames that look the same the second is not drawn.
        let shapes = Memo::new(move |_| draw(board));
        Effect::new(move |_| {
            let Some(holder) = holder.get() else { return };
            let shapes = shapes.get();
            if let Ok(Some(group)) = holder.query_selector(class) {
                picture(&group, &shapes);
            }
        });
    };
    layer("g.links", Board::moving);
    layer("g.still", Board::fixed);
    layer("g.live", Board::live);
    layer("g.marks", Board::marks);
    let tip = RwSignal::new(None::<(f64, f64, String)>);
    let over = move |event: leptos::ev::PointerEvent| {
        let part = board.part(holder, event.client_x(), event.client_y());
        let corner = holder.get_untracked().map(|h| h.get_bounding_client_rect());
        tip.set(part.zip(corner).map(|(part, r)| {
            (f64::from(event.client_x()) - r.left(), f64::from(event.client_y()) - r.top(), board.words(part))
        }));
    };
    let clicked = move |event: leptos::ev::MouseEvent| {
        if let Some(part) = board.part(holder, event.client_x(), event.client_y()) {
            board.click(part);
        }
    };
    // The arrows go from tile to tile, Enter does what a click does.
    let cursor = StoredValue::new_local(0usize);
    let keyed = move |event: leptos::ev::KeyboardEvent| {
        let Some(grid) = board.grid.get_untracked() else { return };
        let dies = store.experiment.with_untracked(|e| e.hardware().mesh.dies());
        let at = match store.experiment.with_untracked(|e| e.view.look) {
            Some(Look::Die(die)) if !sim.breaking.get_untracked() => die,
            _ => cursor.get_value(),
        };
        let (x, y) = grid.mesh.place(at.min(dies.saturating_sub(1)));
        let to = match event.key().as_str() {
            "ArrowLeft" => (x.saturating_sub(1), y),
            "ArrowRight" => ((x + 1).min(grid.mesh.x - 1), y),
            "ArrowUp" => (x, y.saturating_sub(1)),
            "ArrowDown" => (x, (y + 1).min(grid.mesh.y - 1)),
            "Enter" | " " => {
                event.prevent_default();
                return board.click(Part::Die(at));
            }
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        let die = (to.1 * grid.mesh.x + to.0).min(dies.saturating_sub(1));
        cursor.set_value(die);
        if !sim.breaking.get_untracked() {
            change(store, false, |e| e.view.look = Some(Look::Die(die)));
        }
        let (mx, my) = grid.middle(die);
        tip.set(Some((mx, my, board.words(Part::Die(die)))));
    };
    let name = move || {
        let (first, second) = sim.shown();
        if which == 0 { first.name() } else { second.map_or("", crate::sim::Strategy::name) }
    };
    let box_of = move || board.grid.get().map_or((1.0, 1.0), |g| g.size());
    let label = move || {
        let noun = store.scene.with(|e| Experiment::system(e).nouns().device);
        format!("The wafer under {}. Arrow keys go from {noun} to {noun}.", name())
    };
    let shown = move || {
        tip.get().filter(|t| !t.2.is_empty()).map(|(x, y, text)| {
            let right = x > size.get().0 / 2.0;
            let side = if right {
                format!("right:{:.0}px", size.get().0 - x + 14.0)
            } else {
                format!("left:{:.0}px", x + 14.0)
            };
            view! { <div class="tip" style=format!("{side};top:{:.0}px", (y - 12.0).max(0.0))>{text}</div> }
        })
    };
    view! {
        <div
            class=move || format!("board wafer {}", tone(name()))
            class:breaking=move || sim.breaking.get()
            node_ref=holder
            tabindex="0"
            role="application"
            aria-label=label
            style=move || if narrow() { format!("height:{:.0}px", box_of().1 + 6.0) } else { String::new() }
            on:keydown=keyed
            on:pointermove=over
            on:pointerleave=move |_| tip.set(None)
            on:blur=move |_| tip.set(None)
            on:click=clicked
        >
            <svg
                role="img"
                aria-label=label
                width=move || format!("{:.1}", box_of().0)
                height=move || format!("{:.1}", box_of().1)
                viewBox=move || format!("0 0 {:.1} {:.1}", box_of().0, box_of().1)
            >
                <g class="links"></g>
                <g class="still"></g>
                <g class="live"></g>
                <g class="marks"></g>
            </svg>
            {shown}
        </div>
    }
    .into_any()
}
