//! The wafer from above: dies with their load, links with their heat.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axes::{Axis, Frame, Look, Result, Scale, round, words};
use super::theme::on;
use crate::model::{Faults, Mesh};

/// What to draw.
#[derive(Clone, Debug)]
pub struct MeshPicture {
    /// The dies.
    pub mesh: Mesh,
    /// Load of each die, as a share of the largest.
    pub dies: Vec<f64>,
    /// Words on each die.
    pub labels: Vec<String>,
    /// Heat of each link, 0 to 1, in the order of [`Mesh::links`].
    pub links: Vec<f64>,
    /// What does not work.
    pub faults: Faults,
    /// Dies with a ring around them.
    pub ringed: Vec<usize>,
    /// Ways of experts, as dies from source to end.
    pub routes: Vec<Vec<usize>>,
    /// Words at the ends of the colours' key.
    pub key: [&'static str; 2],
}

impl MeshPicture {
    /// The wafer with its heat, nothing pointed out.
    #[must_use]
    pub fn new(mesh: Mesh, dies: Vec<f64>, labels: Vec<String>, links: Vec<f64>) -> Self {
        let (faults, ringed, routes) = Default::default();
        Self { mesh, dies, labels, links, faults, ringed, routes, key: ["idle", "busiest"] }
    }
}

/// Draws the wafer. The frame's axes count dies, so that a pixel tells its die.
///
/// # Errors
/// If the backend fails.
pub fn mesh<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    look: &Look,
    picture: &MeshPicture,
) -> Result<Frame, DB> {
    let theme = &look.theme;
    area.fill(&theme.surface)?;
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (f64::from(width), f64::from(height));
    let Mesh { x, y } = picture.mesh;
    // The key stands below.
    let room = height - look.ratio * 34.0;
    let cell = f64::min(width / x as f64, room / y as f64);
    let (left, top) = ((width - cell * x as f64) / 2.0, (room - cell * y as f64) / 2.0);
    let die = cell * 0.68;
    let middle = |d: usize| {
        let (dx, dy) = picture.mesh.place(d);
        (left + cell * (dx as f64 + 0.5), top + cell * (dy as f64 + 0.5))
    };
    for (&(a, b), &heat) in picture.mesh.links().iter().zip(&picture.links) {
        let ((ax, ay), (bx, by)) = (middle(a), middle(b));
        let half = cell * 0.07;
        let (from, to) = if ay == by {
            ((ax + die / 2.0, ay - half), (bx - die / 2.0, by + half))
        } else {
            ((ax - half, ay + die / 2.0), (bx + half, by - die / 2.0))
        };
        let pixel = |(x, y): (f64, f64)| (round(x), round(y));
        if picture.faults.passes(a, b) {
            look.fill(area, pixel(from), pixel(to), theme.magnitude(heat))?;
        } else if picture.faults.links.contains(&(a, b)) {
            let (x, y) = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
            let cross = |dx: f64, dy: f64| [pixel((x - dx, y - dy)), pixel((x + dx, y + dy))];
            look.line(area, &cross(half, half), theme.quiet, 1.5)?;
            look.line(area, &cross(half, -half), theme.quiet, 1.5)?;
        }
    }
    for d in 0..picture.mesh.dies() {
        let (x, y) = middle(d);
        let colour = theme.magnitude(picture.dies[d]);
        let from = (round(x - die / 2.0), round(y - die / 2.0));
        let to = (round(x + die / 2.0), round(y + die / 2.0));
        if picture.faults.dies.contains(&d) {
            look.line(area, &[from, (to.0, from.1), to, (from.0, to.1), from], theme.quiet, 1.0)?;
            look.line(area, &[from, to], theme.quiet, 1.0)?;
            look.line(area, &[(from.0, to.1), (to.0, from.1)], theme.quiet, 1.0)?;
            continue;
        }
        look.fill(area, from, to, colour)?;
        if picture.ringed.contains(&d) {
            let out = look.px(3.0);
            let (a, b) = ((from.0 - out, from.1 - out), (to.0 + out, to.1 + out));
            look.line(area, &[a, (b.0, a.1), b, (a.0, b.1), a], theme.accent, 2.5)?;
        }
        if die > look.ratio * 30.0 {
            let mut style = words(on(colour), HPos::Center, VPos::Center);
            style.size = (die / look.ratio / 4.2).clamp(9.0, 13.0);
            look.text(area, &picture.labels[d], (round(x), round(y)), style)?;
        }
    }
    for route in &picture.routes {
        let ends: Vec<(i32, i32)> = route.iter().map(|&d| middle(d)).map(|(x, y)| (round(x), round(y))).collect();
        look.line(area, &ends, theme.surface, 5.0)?;
        look.line(area, &ends, theme.accent, 2.5)?;
        if let Some(&(x, y)) = ends.last() {
            let r = look.px(4.0);
            look.fill(area, (x - r, y - r), (x + r, y + r), theme.accent)?;
        }
    }
    let (key, bottom) = (look.px(150.0), round(height) - look.px(14.0));
    let from = round(width / 2.0) - key / 2;
    for i in 0..50 {
        let at = |i: i32| from + key * i / 50;
        look.fill(
            area,
            (at(i), bottom - look.px(4.0)),
            (at(i + 1), bottom + look.px(4.0)),
            theme.magnitude(f64::from(i) / 49.0),
        )?;
    }
    look.text(area, picture.key[0], (from - look.px(6.0), bottom), words(theme.quiet, HPos::Right, VPos::Center))?;
    look.text(area, picture.key[1], (from + key + look.px(6.0), bottom), words(theme.quiet, HPos::Left, VPos::Center))?;
    let count =
        |n: usize| Axis { label: String::new(), from: 0.0, to: n as f64, ticks: Vec::new(), scale: Scale::Linear };
    let mut rows = count(y);
    // Row 0 is at the top.
    (rows.from, rows.to) = (rows.to, rows.from);
    let (right, bottom) = (left + cell * x as f64, top + cell * y as f64);
    Ok(Frame {
        left: round(left),
        top: round(top),
        right: round(right),
        bottom: round(bottom),
        x: count(x),
        y: rows,
        parts: Vec::new(),
    })
}
