//! A tile of the simulator: how busy a die's memory is, how long it computes, which of its experts are hot and which it has copies of.
//! Apart from the wafer, which the story draws too: a story's tile is a gauge alone. What changes with the film's clock is drawn
//! apart from what does not.

use std::fmt::Write;

use super::wafer::{Grid, ramp};
use crate::model::Faults;

/// What a tile shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tile {
    /// Share of the time in which its HBM moves something, 0 to 1: the bar.
    pub memory: f64,
    /// Share of the time in which it computes, 0 to 1: the ring.
    pub compute: f64,
    /// Experts that live here, the hottest first, each with its tokens as a share of the most of any expert.
    pub experts: Vec<(usize, f64)>,
    /// Experts that it has copies of.
    pub copies: Vec<usize>,
    /// It is neither looked at nor on the way of what is.
    pub dim: bool,
}

/// What is drawn in a tile of a size, and where: from the corner of the tile, in the unit of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Parts {
    /// Left, top, width and height of the bar.
    bar: [f64; 4],
    /// Middle, radius and width of the ring; none below 36.
    ring: Option<[f64; 4]>,
    /// Size of the number.
    text: f64,
    /// Whether there is room for experts.
    experts: bool,
}

/// Parts of a tile by its size: what would be smaller than a reader can see is left out.
fn parts(tile: f64) -> Parts {
    let k = tile / 84.0;
    let experts = tile >= 56.0;
    if tile < 20.0 {
        let inset = tile * 0.08;
        return Parts { bar: [inset, inset, tile - 2.0 * inset, tile - 2.0 * inset], ring: None, text: 0.0, experts };
    }
    let bar = [7.0 * k, 7.0 * k, 7.0 * k, 70.0 * k];
    let ring = match tile {
        t if t >= 56.0 => Some([52.0 * k, 31.0 * k, 17.0 * k, 6.0 * k]),
        t if t >= 36.0 => Some([0.58 * t, 0.5 * t, 0.29 * t, 0.075 * t]),
        _ => None,
    };
    let text = if tile >= 36.0 { f64::max(15.0 * k, 13.0) } else { f64::max(tile * 0.42, 9.0) };
    Parts { bar, ring, text, experts }
}

/// Where a share of a circle ends, from its top and with the clock.
fn arc(out: &mut String, [x, y, r, wide]: [f64; 4], share: f64) {
    if share >= 0.999 {
        let _ = write!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"none\" stroke=\"var(--c)\" stroke-width=\"{wide:.1}\"/>"
        );
    } else if share >= 0.004 {
        let turn = share * std::f64::consts::TAU;
        let (ex, ey) = (x + r * libm::sin(turn), y - r * libm::cos(turn));
        let large = u8::from(share > 0.5);
        let _ = write!(
            out,
            "<path d=\"M{x:.1} {:.1}A{r:.1} {r:.1} 0 {large} 1 {ex:.1} {ey:.1}\" fill=\"none\" stroke=\"var(--c)\" stroke-width=\"{wide:.1}\"/>",
            y - r
        );
    }
}

/// Begins a group that is as faint as it should be.
fn open(out: &mut String, tile: &Tile) {
    out.push_str(if tile.dim { "<g opacity=\".35\">" } else { "<g>" });
}

/// What does not change with the clock: the tile, its number, its experts and copies. A number stands on it if `named`.
pub fn tiles(out: &mut String, grid: &Grid, all: &[Tile], faults: &Faults) {
    let (size, p) = (grid.tile, parts(grid.tile));
    let k = size / 84.0;
    for (die, tile) in all.iter().enumerate().take(grid.mesh.dies()) {
        let (mx, my) = grid.middle(die);
        let (x, y) = (mx - size / 2.0, my - size / 2.0);
        let dead = faults.dies.contains(&die);
        open(out, tile);
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{size:.1}\" height=\"{size:.1}\" rx=\"{:.1}\" class=\"die\"/>",
            size * 0.083
        );
        if dead {
            let (inset, inner) = (size * 0.16, size * 0.68);
            let _ = write!(
                out,
                "<path d=\"M{:.1} {:.1}l{inner:.1} {inner:.1}m0 -{inner:.1}l-{inner:.1} {inner:.1}\" class=\"dead\"/>",
                x + inset,
                y + inset
            );
        } else {
            let [bx, by, wide, high] = p.bar;
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" rx=\"{:.1}\" class=\"empty\"/>",
                x + bx,
                y + by,
                wide.min(4.0 * k) / 2.0
            );
            if let Some([rx, ry, r, thick]) = p.ring {
                let _ = write!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{r:.1}\" class=\"track\" stroke-width=\"{thick:.1}\"/>",
                    x + rx,
                    y + ry
                );
            }
        }
        if p.text > 0.0 {
            let (tx, ty) = p.ring.filter(|_| !dead).map_or((size * 0.58, size * 0.5), |[rx, ry, ..]| (rx, ry));
            let _ = write!(
                out,
                "<text class=\"n\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" style=\"font-size:{:.1}px\">{die}</text>",
                x + tx,
                y + ty + p.text * 0.36,
                p.text
            );
        }
        if p.experts && !dead {
            for (i, &(_, heat)) in tile.experts.iter().take(6).enumerate() {
                let heat = libm::pow(heat.clamp(0.0, 1.0), 0.6);
                let _ = write!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{:.1}\" fill=\"{}\"/>",
                    x + (21.0 + 9.6 * i as f64) * k,
                    y + 59.0 * k,
                    7.4 * k,
                    7.4 * k,
                    1.6 * k,
                    ramp(heat.max(0.08))
                );
            }
            for i in 0..tile.copies.len().min(6) {
                let _ = write!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{:.1}\" fill=\"none\" stroke=\"var(--c)\" stroke-width=\"{:.1}\"/>",
                    x + (21.4 + 9.6 * i as f64) * k,
                    y + 69.7 * k,
                    6.6 * k,
                    6.6 * k,
                    1.6 * k,
                    1.3 * k
                );
            }
        }
        out.push_str("</g>");
    }
}

/// What changes with the clock: bar and ring.
pub fn levels(out: &mut String, grid: &Grid, all: &[Tile], faults: &Faults) {
    let (size, p) = (grid.tile, parts(grid.tile));
    for (die, tile) in all.iter().enumerate().take(grid.mesh.dies()) {
        if faults.dies.contains(&die) {
            continue;
        }
        let (mx, my) = grid.middle(die);
        let (x, y) = (mx - size / 2.0, my - size / 2.0);
        open(out, tile);
        let [bx, by, wide, high] = p.bar;
        let full = high * tile.memory.clamp(0.0, 1.0);
        let _ = write!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{full:.1}\" rx=\"{:.1}\" class=\"level\"/>",
            x + bx,
            y + by + high - full,
            (wide / 3.5).min(full / 2.0)
        );
        if let Some([rx, ry, r, thick]) = p.ring {
            arc(out, [x + rx, y + ry, r, thick], tile.compute.clamp(0.0, 1.0));
        }
        out.push_str("</g>");
    }
}

/// Ink around dies, 2.5 wide.
pub fn outline(out: &mut String, grid: &Grid, die: usize, class: &str) {
    let (x, y) = grid.middle(die);
    let size = grid.tile;
    let _ = write!(
        out,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{size:.1}\" height=\"{size:.1}\" rx=\"{:.1}\" class=\"{class}\"/>",
        x - size / 2.0,
        y - size / 2.0,
        size * 0.083
    );
}

/// Ink around the link between two neighbours.
pub fn outline_link(out: &mut String, grid: &Grid, a: usize, b: usize) {
    let [x1, y1, x2, y2] = grid.link(a, b);
    let half = 1.5 + 0.1 * grid.pitch;
    let (dx, dy) = if y1 == y2 { (0.0, half) } else { (half, 0.0) };
    let _ = write!(
        out,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"3\" class=\"picked\"/>",
        x1 - dx,
        y1 - dy,
        x2 - x1 + 2.0 * dx,
        y2 - y1 + 2.0 * dy
    );
}

/// The way of an expert over the dies: a line with an arrow at its end. Ways that lie on each other part a little.
pub fn way(out: &mut String, grid: &Grid, dies: &[usize], shift: f64) {
    let points: Vec<(f64, f64)> = dies.iter().map(|&d| grid.middle(d)).map(|(x, y)| (x + shift, y + shift)).collect();
    let [.., before, last] = points[..] else { return };
    let (dx, dy) = (last.0 - before.0, last.1 - before.1);
    let long = libm::sqrt(dx * dx + dy * dy).max(1e-9);
    let (ux, uy) = (dx / long, dy / long);
    // It ends at the edge of the tile.
    let end = (last.0 - ux * grid.tile * 0.5, last.1 - uy * grid.tile * 0.5);
    let _ = write!(out, "<path class=\"way\" d=\"");
    for (i, (x, y)) in points[..points.len() - 1].iter().chain([&end]).enumerate() {
        let _ = write!(out, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
    }
    let tip = |side: f64| (end.0 - ux * 7.0 - side * uy * 4.5, end.1 - uy * 7.0 + side * ux * 4.5);
    let (l, r) = (tip(1.0), tip(-1.0));
    let _ = write!(out, "M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}\"/>", l.0, l.1, end.0, end.1, r.0, r.1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Mesh;

    fn drawn(pitch: f64) -> (String, String) {
        let grid = Grid::new(Mesh { x: 2, y: 1 }, pitch, 0.72);
        let tile = Tile { memory: 0.5, compute: 0.25, experts: vec![(3, 1.0)], copies: vec![7], dim: false };
        let (mut still, mut live) = (String::new(), String::new());
        tiles(&mut still, &grid, &[tile.clone(), Tile { dim: true, ..tile.clone() }], &Faults::default());
        levels(&mut live, &grid, &[tile.clone(), tile], &Faults::default());
        (still, live)
    }

    #[test]
    fn a_small_tile_drops_experts_then_the_ring_then_its_number() {
        let count = |pitch: f64| {
            let (still, live) = drawn(pitch);
            [
                still.matches("var(--s12)").count(),
                still.matches("stroke=\"var(--c)\"").count(),
                live.matches("var(--c)").count(),
                still.matches("<text").count(),
            ]
        };
        assert_eq!(count(116.0), [2, 2, 2, 2]);
        assert_eq!(count(70.0), [0, 0, 2, 2], "below 56 no experts");
        assert_eq!(count(40.0), [0, 0, 0, 2], "below 36 no ring");
        assert_eq!(count(24.0), [0, 0, 0, 0], "below 20 the gauge alone");
        assert_eq!(drawn(116.0).0.matches("opacity=\".35\"").count(), 1);
    }

    #[test]
    fn a_dead_die_has_no_level_and_a_way_needs_two_ends() {
        let grid = Grid::new(Mesh { x: 2, y: 1 }, 100.0, 0.72);
        let (mut out, faults) = (String::new(), Faults { dies: [0].into(), ..Faults::default() });
        levels(&mut out, &grid, &[Tile::default(), Tile::default()], &faults);
        assert_eq!(out.matches("class=\"level\"").count(), 1);
        let mut none = String::new();
        way(&mut none, &grid, &[1], 0.0);
        assert_eq!(none, "");
        way(&mut none, &grid, &[0, 1], 0.0);
        assert!(none.starts_with("<path class=\"way\" d=\"M50.0 50.0L114.0 50.0M"), "{none}");
    }
}
