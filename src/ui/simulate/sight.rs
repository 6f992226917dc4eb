//! What the wafer shows: of a whole run or of a moment, every share on a scale that all strategies have in common.

use crate::experiment::{Experiment, Heat, Look};
use crate::model::{Mesh, Topology};
use crate::plot::tile::Tile;
use crate::plot::wafer::Wire;
use crate::protocol::{RunReport, StrategyRun};

use super::film::Film;

/// The picture of one strategy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sight {
    pub(super) tiles: Vec<Tile>,
    /// In the order of the topology's links.
    pub(super) wires: Vec<Wire>,
}

fn most(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0f64, f64::max).max(1e-30)
}

/// Seconds that a die computes one token of an expert.
pub(super) fn token_seconds(experiment: &Experiment, run: &StrategyRun, topology: &Topology) -> f64 {
    // The model whose expert size the run used; a size that was given is the experiment's own.
    let named = crate::model::model_named(&run.model).map(crate::model::ModelPreset::expert);
    let expert = named.unwrap_or_else(|| experiment.expert());
    // Weights of a byte or less run at twice the FP16 rate, as in the simulator.
    expert.flop() / (topology.device.fp16 * if experiment.run.weight <= 1.0 { 2.0 } else { 1.0 })
}

/// Shares of a die's time in which its memory moves something, at its full speed, and in which it computes.
pub(super) fn busy_of(experiment: &Experiment, run: &StrategyRun, topology: &Topology, die: usize) -> (f64, f64) {
    let memory = run.hbm_bytes.get(die).copied().unwrap_or(0.0) / topology.resources.get(die).copied().unwrap_or(1.0);
    let compute = run.die_tokens.get(die).copied().unwrap_or(0.0) * token_seconds(experiment, run, topology);
    ((memory / run.seconds).min(1.0), (compute / run.seconds).min(1.0))
}

/// A whole run.
pub(super) fn of_run(experiment: &Experiment, report: &RunReport, run: &StrategyRun, topology: &Topology) -> Sight {
    let dies = run.die_tokens.len();
    let bytes = most(report.runs.iter().flat_map(|r| r.link_bytes.iter().copied()));
    let stored = most(report.runs.iter().flat_map(|r| r.hbm_bytes.iter().copied()));
    let hops = most(report.runs.iter().flat_map(|r| r.die_hops.iter().map(|&h| h as f64)));
    let heat = experiment.view.heat;
    let tile = |die: usize| {
        let (memory, compute) = busy_of(experiment, run, topology, die);
        let (memory, compute) = match heat {
            Heat::Load => (memory, compute),
            Heat::Bytes => (run.hbm_bytes[die] / stored, compute),
            Heat::Hops => (memory, run.die_hops[die] as f64 / hops),
        };
        Tile { memory, compute, ..Tile::default() }
    };
    let wire = |(bytes_of, busy): (&f64, &f64)| {
        let share = bytes_of / bytes;
        Wire { busy: if heat == Heat::Load { busy / run.seconds } else { share }, bytes: share }
    };
    Sight { tiles: (0..dies).map(tile).collect(), wires: run.link_bytes.iter().zip(&run.link_busy).map(wire).collect() }
}

/// A moment of the clock, 0 to 1; links are as wide as in the whole run.
pub(super) fn of_moment(report: Option<(&RunReport, &StrategyRun)>, film: &Film, at: f64) -> Sight {
    // Of a layer that is done nothing moves any more.
    let window = if at > 1.0 { (f64::MAX, f64::MAX) } else { film.window(at) };
    let [links, memory, compute] = [&film.links, &film.memory, &film.compute].map(|of| Film::shares(of, window));
    let tile = |(&memory, &compute): (&f64, &f64)| Tile { memory, compute, ..Tile::default() };
    let width = |link: usize| {
        report.map_or(0.5, |(report, run)| {
            run.link_bytes.get(link).copied().unwrap_or(0.0)
                / most(report.runs.iter().flat_map(|r| r.link_bytes.iter().copied()))
        })
    };
    Sight {
        tiles: memory.iter().zip(&compute).map(tile).collect(),
        wires: links.iter().enumerate().map(|(i, &busy)| Wire { busy, bytes: width(i) }).collect(),
    }
}

/// Who lives where, and what is neither looked at nor on its way.
pub(super) fn settle(tiles: &mut [Tile], film: &Film, look: Option<Look>, topology: &Topology) {
    let near = dies_of(film, look, topology);
    for (die, tile) in tiles.iter_mut().enumerate() {
        tile.experts = film.residents(die);
        tile.copies = film.copies(die);
        tile.dim = near.as_ref().is_some_and(|near| !near.contains(&die));
    }
}

/// Dies that have to do with an expert that is looked at; none if no expert is.
fn dies_of(film: &Film, look: Option<Look>, topology: &Topology) -> Option<Vec<usize>> {
    let Some(Look::Expert(expert)) = look else { return None };
    let t = &film.timeline;
    let mut near: Vec<usize> = t.home.get(expert).copied().into_iter().collect();
    near.extend(t.copies.iter().filter(|c| c.0 == expert).map(|c| c.1));
    near.extend(ways(film, look, topology).into_iter().flatten());
    Some(near)
}

/// The ways of what is looked at, over dies: of an expert to all that compute it, of a die's fetches.
pub(super) fn ways(film: &Film, look: Option<Look>, topology: &Topology) -> Vec<Vec<usize>> {
    let of = |f: &&crate::sim::Flow| match look {
        Some(Look::Expert(e)) => f.expert == e && f.tokens > 0.0,
        _ => false,
    };
    if topology.devices != film.timeline.dies {
        return Vec::new();
    }
    let way = |f: &crate::sim::Flow| topology.routes.way(f.source, f.die).iter().map(|&d| d.into()).collect();
    let mut all: Vec<Vec<usize>> =
        film.timeline.flows.iter().filter(|f| f.source != f.die).filter(of).map(way).collect();
    all.sort();
    all.dedup();
    all
}

/// How the devices stand in the picture: as on the wafer; those without a mesh in rows of their nodes, none longer than a page is wide.
pub(super) fn places(mesh: Mesh, is_mesh: bool) -> Mesh {
    if is_mesh || mesh.y > 1 && mesh.x <= 16 {
        return mesh;
    }
    let dies = mesh.dies();
    let x = if dies <= 8 { 4.min(dies.max(1)) } else { 12.min(dies) };
    Mesh { x, y: dies.div_ceil(x) }
}
