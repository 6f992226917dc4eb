//! The wafer as SVG: the same picture in the story, in the simulator, and in a file that is made before the page runs. Text alone, without
//! plotters: its colours are names of the page's style sheet, so that one picture serves light and dark, screen and paper.

use std::fmt::Write;

use crate::model::{Faults, Mesh};
use crate::units::floor;

/// Where dies and links stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Columns and rows of dies.
    pub mesh: Mesh,
    /// From the middle of a die to that of its neighbour.
    pub pitch: f64,
    /// Side of a tile.
    pub tile: f64,
}

/// What is under a point of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A die.
    Die(usize),
    /// A link between two dies, the smaller first.
    Link(usize, usize),
}

impl Grid {
    /// Tiles that take a share of the pitch.
    #[must_use]
    pub fn new(mesh: Mesh, pitch: f64, share: f64) -> Self {
        Self { mesh, pitch, tile: pitch * share }
    }

    /// Width and height of the picture: half a gap stands around the tiles.
    #[must_use]
    pub fn size(&self) -> (f64, f64) {
        (self.mesh.x as f64 * self.pitch, self.mesh.y as f64 * self.pitch)
    }

    /// The middle of a die.
    #[must_use]
    pub fn middle(&self, die: usize) -> (f64, f64) {
        let (column, row) = self.mesh.place(die);
        ((column as f64 + 0.5) * self.pitch, (row as f64 + 0.5) * self.pitch)
    }

    /// A link, from the edge of one tile to that of the other: both ends.
    #[must_use]
    pub fn link(&self, a: usize, b: usize) -> [f64; 4] {
        let ((ax, ay), (bx, by)) = (self.middle(a), self.middle(b));
        let half = self.tile / 2.0;
        if ay == by { [ax + half, ay, bx - half, by] } else { [ax, ay + half, bx, by - half] }
    }

    /// What a point is of: a tile, or the gap between two.
    #[must_use]
    pub fn part(&self, x: f64, y: f64) -> Option<Part> {
        let (width, height) = self.size();
        if !(0.0..width).contains(&x) || !(0.0..height).contains(&y) {
            return None;
        }
        let Mesh { x: columns, y: rows } = self.mesh;
        let (column, row) = (floor(x / self.pitch).min(columns - 1), floor(y / self.pitch).min(rows - 1));
        let die = row * columns + column;
        let (mx, my) = self.middle(die);
        let (dx, dy) = (x - mx, y - my);
        let half = self.tile / 2.0;
        if dx.abs() <= half && dy.abs() <= half {
            return Some(Part::Die(die));
        }
        let beside = if dx.abs() > dy.abs() {
            if dx > 0.0 { (column + 1 < columns).then_some(die + 1) } else { (column > 0).then(|| die - 1) }
        } else if dy > 0.0 {
            (row + 1 < rows).then_some(die + columns)
        } else {
            (row > 0).then(|| die - columns)
        };
        beside.map(|b| Part::Link(die.min(b), die.max(b)))
    }
}

/// A link as it is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wire {
    /// Share of the time in which it moves something, 0 to 1: its colour, on one scale for all strategies.
    pub busy: f64,
    /// Its bytes, as a share of the most of any strategy: its width.
    pub bytes: f64,
}

/// The name of the colour of a magnitude from 0 to 1.
#[must_use]
pub fn ramp(t: f64) -> String {
    format!("var(--s{})", floor(t.clamp(0.0, 1.0) * 12.0 + 0.5))
}

/// Links: idle ones as hairs, the others over their glow; broken ones as two strokes with a cross between.
pub fn wires(out: &mut String, grid: &Grid, links: &[(usize, usize)], wires: &[Wire], faults: &Faults) {
    let width = |w: &Wire| 1.5 + 0.15 * grid.pitch * w.bytes.clamp(0.0, 1.0);
    let line = |out: &mut String, [a, b, c, d]: [f64; 4], rest: &str| {
        let _ = write!(out, "<path d=\"M{a:.1} {b:.1}L{c:.1} {d:.1}\" {rest}/>");
    };
    let all = || links.iter().zip(wires).map(|(&(a, b), w)| (a, b, *w, grid.link(a, b)));
    let works = |a: usize, b: usize| faults.passes(a, b);
    for (a, b, w, at) in all() {
        if works(a, b) && w.busy < 0.01 {
            line(out, at, "stroke=\"var(--line-2)\" stroke-width=\"1.25\"");
        }
    }
    for (a, b, w, at) in all() {
        if works(a, b) && w.busy >= 0.01 {
            let (colour, wide) = (ramp(w.busy), width(&w));
            line(out, at, &format!("stroke=\"{colour}\" stroke-width=\"{:.2}\" opacity=\".2\"", wide * 1.9));
            line(out, at, &format!("stroke=\"{colour}\" stroke-width=\"{wide:.2}\""));
        }
    }
    for &(a, b) in links.iter().filter(|&&(a, b)| faults.links.contains(&(a, b))) {
        let [x1, y1, x2, y2] = grid.link(a, b);
        let (x, y, r) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0, grid.pitch * 0.05);
        line(out, [x1, y1, x1 + (x - x1) * 0.4, y1 + (y - y1) * 0.4], "stroke=\"var(--line-2)\" stroke-width=\"1.25\"");
        line(out, [x2, y2, x2 + (x - x2) * 0.4, y2 + (y - y2) * 0.4], "stroke=\"var(--line-2)\" stroke-width=\"1.25\"");
        for s in [-1.0, 1.0] {
            line(out, [x - r, y - s * r, x + r, y + s * r], "stroke=\"var(--bad)\" stroke-width=\"1.5\"");
        }
    }
}

/// A tile of the story: a gauge that fills from below with the share of the die's own work that is done, in the strategy's colour
/// (`--c`). One that is full and waits stays full.
pub fn gauges(out: &mut String, grid: &Grid, fills: &[f64], faults: &Faults) {
    let (tile, inset) = (grid.tile, grid.tile * 0.07);
    let inner = tile - 2.0 * inset;
    let (outer_r, inner_r) = (tile * 0.1, tile * 0.05);
    for die in 0..grid.mesh.dies() {
        let (x, y) = grid.middle(die);
        let (x, y) = (x - tile / 2.0, y - tile / 2.0);
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{tile:.1}\" height=\"{tile:.1}\" rx=\"{outer_r:.1}\" class=\"die\"/>"
        );
        if faults.dies.contains(&die) {
            let _ = write!(
                out,
                "<path d=\"M{:.1} {:.1}l{inner:.1} {inner:.1}m0 -{inner:.1}l-{inner:.1} {inner:.1}\" class=\"dead\"/>",
                x + inset,
                y + inset
            );
            continue;
        }
        let fill = fills.get(die).copied().unwrap_or(0.0).clamp(0.0, 1.0);
        let (gx, gy) = (x + inset, y + inset);
        let _ = write!(
            out,
            "<rect x=\"{gx:.1}\" y=\"{gy:.1}\" width=\"{inner:.1}\" height=\"{inner:.1}\" rx=\"{inner_r:.1}\" class=\"gauge\"/>"
        );
        if fill > 0.0 {
            let high = inner * fill;
            let _ = write!(
                out,
                "<rect x=\"{gx:.1}\" y=\"{:.1}\" width=\"{inner:.1}\" height=\"{high:.1}\" rx=\"{inner_r:.1}\" fill=\"var(--c)\"/>",
                gy + inner - high
            );
        }
    }
}

/// A small wafer: gauges alone, for a lane.
pub fn mini(out: &mut String, grid: &Grid, fills: &[f64]) {
    for die in 0..grid.mesh.dies() {
        let (x, y) = grid.middle(die);
        let (x, y, tile) = (x - grid.tile / 2.0, y - grid.tile / 2.0, grid.tile);
        let high = tile * fills.get(die).copied().unwrap_or(0.0).clamp(0.0, 1.0);
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{tile:.1}\" height=\"{tile:.1}\" class=\"gauge\"/><rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{tile:.1}\" height=\"{high:.1}\" fill=\"var(--c)\"/>",
            y + tile - high
        );
    }
}

/// The picture of the story: links under tiles. Its size is the grid's.
#[must_use]
pub fn story(grid: &Grid, links: &[(usize, usize)], of: &[Wire], fills: &[f64], faults: &Faults) -> String {
    let mut out = String::new();
    wires(&mut out, grid, links, of, faults);
    gauges(&mut out, grid, fills, faults);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_tells_its_die_or_its_link() {
        let grid = Grid::new(Mesh { x: 3, y: 2 }, 100.0, 0.66);
        assert_eq!(grid.part(50.0, 50.0), Some(Part::Die(0)));
        assert_eq!(grid.part(250.0, 150.0), Some(Part::Die(5)));
        assert_eq!(grid.part(95.0, 50.0), Some(Part::Link(0, 1)));
        assert_eq!(grid.part(105.0, 50.0), Some(Part::Link(0, 1)));
        assert_eq!(grid.part(150.0, 110.0), Some(Part::Link(1, 4)));
        assert_eq!((grid.part(2.0, 50.0), grid.part(301.0, 50.0)), (None, None));
    }

    #[test]
    fn what_is_idle_broken_and_done_looks_so() {
        let mesh = Mesh { x: 2, y: 2 };
        let grid = Grid::new(mesh, 100.0, 0.66);
        let mut faults = Faults::default();
        faults.links.insert((0, 1));
        faults.dies.insert(3);
        let of: Vec<Wire> = mesh.links().iter().map(|_| Wire { busy: 1.0, bytes: 1.0 }).collect();
        let text = story(&grid, &mesh.links(), &of, &[1.0, 0.5, 0.0, 1.0], &faults);
        // Of four links one is broken, and two lead to the dead die.
        assert_eq!((text.matches("var(--s12)").count(), text.matches("var(--bad)").count()), (2, 2));
        assert_eq!((text.matches("class=\"die\"").count(), text.matches("class=\"dead\"").count()), (4, 1));
        assert_eq!(text.matches("fill=\"var(--c)\"").count(), 2, "full and half full; nothing is drawn of none");
        let idle: Vec<Wire> = mesh.links().iter().map(|_| Wire::default()).collect();
        assert!(!story(&grid, &mesh.links(), &idle, &[], &Faults::default()).contains("var(--s"));
    }
}
