//! What the race, and every wafer of the story, is made of: one run, its strategies in the order of their finish. Numbers alone; the
//! film and the chapters draw them, and the first screen that stands still before there is a film. Everything is a mean over the batch: a
//! run tells no moments.

use std::fmt::Write;
use std::sync::Arc;

use crate::experiment::Experiment;
use crate::model::{Faults, Mesh, model_named};

use super::tone::tone;
use super::wafer::{Grid, Wire};
use crate::protocol::{RunReport, StrategyRun};
use crate::units::{grouped, significant};

/// Speedups closer than this are a tie.
pub const TIE: f64 = 0.02;

/// A strategy of the run.
pub struct Lane {
    /// Its result.
    pub run: StrategyRun,
    /// The class of its colour.
    pub tone: &'static str,
    /// The baseline's time over its own.
    pub speedup: f64,
    /// The paper's speedup, and whether it is of this model alone.
    pub paper: Option<(f64, bool)>,
}

impl Lane {
    /// On an axis up to a speedup: whether the bar has room for its value, and whether the paper's mark lies where that would stand.
    #[must_use]
    pub fn room(&self, to: f64) -> [bool; 2] {
        let over = self.paper.is_some_and(|p| p.0 <= self.speedup && p.0 > self.speedup - 0.14 * to);
        [self.speedup / to >= 0.22 && !over, over]
    }
}

/// A run, to be drawn.
pub struct Race {
    /// It.
    pub report: Arc<RunReport>,
    /// The slowest first.
    pub lanes: Vec<Lane>,
    /// Position of the strategy that speedups are over.
    pub base: usize,
    /// The experiment of the run.
    pub experiment: Experiment,
    /// Where devices stand in the picture.
    pub mesh: Mesh,
    /// Links that are drawn: none where devices have no neighbours.
    pub links: Vec<(usize, usize)>,
    /// What is broken.
    pub faults: Faults,
    /// Most bytes over a link, of any strategy.
    most: f64,
}

/// The same only if it is the same in memory: results are large, and a new one is another.
impl PartialEq for Race {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Race {
    /// Of a run; none of one without strategies.
    #[must_use]
    pub fn of(report: &Arc<RunReport>) -> Option<Self> {
        let (experiment, _) = Experiment::parse(&report.experiment);
        let over = report.over().name();
        let slowest = report.runs.iter().reduce(|a, b| if b.seconds > a.seconds { b } else { a })?;
        let measure = report.runs.iter().find(|r| r.strategy == over).unwrap_or(slowest);
        let lane = |run: &StrategyRun| Lane {
            tone: tone(&run.strategy),
            speedup: measure.seconds / run.seconds,
            paper: report.paper(run).map(|(value, of)| (value, of.starts_with("this model"))),
            run: run.clone(),
        };
        let mut lanes: Vec<Lane> = report.runs.iter().map(lane).collect();
        // Stable: of equal ones the later in the list is the lower.
        lanes.sort_by(|a, b| b.run.seconds.total_cmp(&a.run.seconds));
        let base = lanes.iter().position(|l| l.run.strategy == measure.strategy)?;
        let hardware = experiment.hardware();
        let links = if experiment.system().mesh { hardware.mesh.links() } else { Vec::new() };
        let most = report.runs.iter().flat_map(|r| &r.link_bytes).fold(0.0f64, |a, &b| a.max(b));
        let faults = experiment.system.dead.clone();
        let mesh = if links.is_empty() { folded(hardware.mesh) } else { hardware.mesh };
        Some(Self { report: Arc::clone(report), lanes, base, mesh, links, faults, most, experiment })
    }

    /// The lane of a strategy.
    #[must_use]
    pub fn lane(&self, strategy: &str) -> Option<&Lane> {
        self.lanes.iter().find(|l| l.run.strategy == strategy)
    }

    /// The one that ends first.
    #[must_use]
    pub fn best(&self) -> &Lane {
        &self.lanes[self.lanes.len() - 1]
    }

    /// The one that the others are measured by.
    #[must_use]
    pub fn over(&self) -> &Lane {
        &self.lanes[self.base]
    }

    /// The two that have large wafers: the baseline, or the slowest if the baseline wins; and the first.
    #[must_use]
    pub fn pair(&self) -> [&Lane; 2] {
        let last = self.lanes.len() - 1;
        [&self.lanes[if self.base == last { 0 } else { self.base }], &self.lanes[last]]
    }

    /// Seconds until the first and until the last is done.
    #[must_use]
    pub fn times(&self) -> [f64; 2] {
        [self.best().run.seconds, self.lanes[0].run.seconds]
    }

    /// The links of a strategy, in the mean over its batch.
    #[must_use]
    pub fn wires(&self, run: &StrategyRun) -> Vec<Wire> {
        let wire = |(busy, bytes): (&f64, &f64)| Wire { busy: busy / run.seconds, bytes: bytes / self.most.max(1e-30) };
        run.link_busy.iter().zip(&run.link_bytes).take(self.links.len()).map(wire).collect()
    }

    /// Mean share of the time in which a link moves something.
    #[must_use]
    pub fn busy(&self, run: &StrategyRun) -> f64 {
        let live = self.links.iter().zip(&run.link_busy).filter(|((a, b), _)| self.faults.passes(*a, *b));
        let (sum, n) = live.fold((0.0, 0.0), |(sum, n), (_, busy)| (sum + busy, n + 1.0));
        if n > 0.0 { sum / n / run.seconds } else { 0.0 }
    }

    /// Share of its own work that each device has done after so many seconds.
    #[must_use]
    pub fn done(&self, run: &StrategyRun, seconds: f64) -> Vec<f64> {
        let done = |(die, &own): (usize, &f64)| {
            if self.faults.dies.contains(&die) {
                0.0
            } else if own > 0.0 {
                (seconds / own).min(1.0)
            } else {
                1.0
            }
        };
        run.die_seconds.iter().enumerate().map(done).collect()
    }

    /// What a device is called, and what they are together.
    #[must_use]
    pub fn words(&self) -> [&'static str; 2] {
        let system = self.experiment.system();
        [system.nouns().device, system.nouns().system]
    }

    /// How much slower than the batch the film is, or faster.
    #[must_use]
    pub fn speed_words(&self) -> String {
        let factor = FILM / 1e3 / self.times()[1];
        if factor >= 1.0 {
            format!("slowed {} times", significant(factor, 2))
        } else {
            format!("{} times as fast as it is", significant(1.0 / factor, 2))
        }
    }

    /// What was run on what.
    #[must_use]
    pub fn title(&self) -> String {
        let name = &self.lanes[0].run.model;
        let model = model_named(name).map_or(name.as_str(), |m| m.title);
        let system = self.experiment.system().title;
        let layers = self.report.layers.len();
        let of =
            if layers < self.report.all_layers { format!(" of {}", self.report.all_layers) } else { String::new() };
        let plural = if layers == 1 && of.is_empty() { "" } else { "s" };
        format!("{model}, {system}, batch {}, {layers}{of} layer{plural}", grouped(self.lanes[0].run.batch as u64))
    }
}

/// Devices in one long row stand in several.
fn folded(mesh: Mesh) -> Mesh {
    let n = mesh.dies();
    if mesh.y > 1 || n <= 4 {
        return mesh;
    }
    let rows = (1..=n).take_while(|r| r * r <= n).filter(|r| n.is_multiple_of(*r)).last().unwrap_or(1);
    if rows > 1 { Mesh { x: n / rows, y: rows } } else { mesh }
}

/// How uneven work is.
pub struct Uneven {
    /// The device with the most tokens, and how many times the mean it has.
    pub most: (usize, f64),
    /// The one with the fewest.
    pub least: (usize, f64),
}

/// How uneven the tokens of a strategy lie on the devices that work.
#[must_use]
pub fn uneven(race: &Race, run: &StrategyRun) -> Option<Uneven> {
    let live = || run.die_tokens.iter().copied().enumerate().filter(|(d, _)| !race.faults.dies.contains(d));
    let mean = live().map(|d| d.1).sum::<f64>() / live().count().max(1) as f64;
    if mean <= 0.0 {
        return None;
    }
    let most = live().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let least = live().reduce(|a, b| if b.1 < a.1 { b } else { a })?;
    Some(Uneven { most: (most.0, most.1 / mean), least: (least.0, least.1 / mean) })
}

/// The gauges of all devices as one path: a film changes one attribute for a wafer, not one for each die.
#[must_use]
pub fn gauges(grid: &Grid, inset: f64, fills: &[f64]) -> String {
    let inner = grid.tile - 2.0 * inset;
    let mut path = String::new();
    for (die, fill) in fills.iter().enumerate().filter(|f| *f.1 > 0.0) {
        let (x, y) = grid.middle(die);
        let high = inner * fill.min(1.0);
        let _ = write!(path, "M{:.1} {:.2}h{inner:.1}v{high:.2}h-{inner:.1}z", x - inner / 2.0, y + inner / 2.0 - high);
    }
    path
}

/// A speedup as people read it.
#[must_use]
pub fn times(x: f64) -> String {
    format!("{}×", significant(x, 3))
}

/// The end of the axis, with a number for each of its marks.
#[must_use]
pub fn axis(most: f64) -> (f64, Vec<f64>) {
    // Past 92% of the axis a mark has no room for its words.
    let need = most / 0.92;
    let steps = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, 1e4, 1e6];
    let step = steps.into_iter().find(|s| need / s <= 9.0).unwrap_or(1e6);
    let n = crate::units::floor(need / step) + 1;
    (n as f64 * step, (0..=n).map(|i| i as f64 * step).collect())
}

/// How long a film lasts, milliseconds.
pub const FILM: f64 = 12_000.0;

/// Time as the clock has it: number and unit, of the whole race's size.
#[must_use]
pub fn clock(race: &Race, seconds: f64) -> (String, &'static str) {
    let (factor, unit) = match race.times()[1] {
        whole if whole >= 10.0 => (1.0, "s"),
        whole if whole >= 10e-3 => (1e3, "ms"),
        _ => (1e6, "µs"),
    };
    (format!("{:.1}", seconds * factor), unit)
}

/// How far a strategy is.
#[must_use]
pub fn state_words(race: &Race, lane: &Lane, at: f64) -> String {
    if at >= lane.run.seconds {
        return if race.links.is_empty() { "finished".into() } else { "finished, links silent".into() };
    }
    let done = format!("{:.0}% done", libm::floor(at / lane.run.seconds * 100.0));
    if race.links.is_empty() {
        done
    } else {
        format!("{done}, links {}% busy", significant(race.busy(&lane.run) * 100.0, 2))
    }
}

/// The large wafers.
#[must_use]
pub fn big(race: &Race) -> Grid {
    Grid::new(race.mesh, 60.0, 0.66)
}

/// Those of the lanes.
#[must_use]
pub fn small(race: &Race) -> Grid {
    Grid::new(race.mesh, 20.0, 0.8)
}
