//! A figure of one layer, small enough to stand beside those of all layers. Thinned where it is made: a worker's answer for a
//! model of many experts is kilobytes, not hundreds of megabytes.

use serde::{Deserialize, Serialize};

use super::figure::{Data, Figure, Format, narrow};

/// Cells along a side, bars and points of a curve that a small picture has at most.
pub const MOST_CELLS: usize = 32;

/// A small picture of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Small {
    /// Layer id.
    pub layer: u32,
    /// What is drawn.
    pub shape: Shape,
    /// Cells, bars or points of the figure that one of the picture stands for, along a side.
    pub thinned: usize,
    /// How its numbers read.
    pub format: Format,
}

/// What a small picture shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// Nothing: the layer has no such figure.
    Nothing,
    /// Cells, rows from the bottom; each the mean of the cells that it stands for. NaN where there is no data.
    Cells {
        /// Cells of a row.
        columns: usize,
        /// Row-major.
        values: Vec<f32>,
        /// Below zero is the other side.
        diverging: bool,
        /// Colours end here, if the largest value is beyond it.
        limit: Option<f32>,
    },
    /// Bars; each the largest that it stands for.
    Bars(Vec<f32>),
    /// Curves: shares at even places.
    Lines(Vec<Vec<f32>>),
    /// Points by two values of one measure.
    Points(Vec<[f32; 2]>),
}

impl Small {
    /// Of a figure.
    #[must_use]
    pub fn of(layer: u32, figure: &Figure) -> Self {
        let (shape, thinned) = shape(&figure.data);
        let format = match &figure.data {
            Data::Empty(_) => Format::Number,
            Data::Matrix(m) => m.measure.format,
            Data::Bars(b) => b.measure.format,
            Data::Curves(c) => c.y.format,
            Data::Dots(d) => d.measure.format,
            Data::Scatter(s) => s.x.format,
        };
        Self { layer, shape, thinned, format }
    }

    /// The largest magnitude in it; 0 if there is none.
    #[must_use]
    pub fn most(&self) -> f32 {
        let of =
            |values: &mut dyn Iterator<Item = f32>| values.filter(|v| !v.is_nan()).fold(0.0f32, |a, v| a.max(v.abs()));
        match &self.shape {
            Shape::Nothing => 0.0,
            Shape::Cells { values, limit, .. } => of(&mut values.iter().copied()).min(limit.unwrap_or(f32::INFINITY)),
            Shape::Bars(values) => of(&mut values.iter().copied()),
            // Shares of a whole have their own scale.
            Shape::Lines(_) => 1.0,
            Shape::Points(points) => of(&mut points.iter().flatten().copied()),
        }
    }
}

fn shape(data: &Data) -> (Shape, usize) {
    match data {
        Data::Empty(_) => (Shape::Nothing, 1),
        Data::Matrix(m) => {
            let (rows, columns) = (m.rows.items.len(), m.columns.items.len());
            let by = rows.max(columns).div_ceil(MOST_CELLS).max(1);
            // A few rows of many columns keep their rows.
            let (down, across) = (rows.div_ceil(MOST_CELLS).max(1), columns.div_ceil(MOST_CELLS).max(1));
            let values = thin(&m.values, columns, down, across);
            let limit = m.limit.map(narrow);
            (Shape::Cells { columns: columns.div_ceil(across), values, diverging: m.diverging, limit }, by)
        }
        Data::Bars(b) => bars(b.series.first().map_or(&[][..], |s| &s.values)),
        Data::Dots(d) => bars(d.series.first().map_or(&[][..], |s| &s.values)),
        Data::Curves(c) => {
            let by = c.lines.iter().map(|l| l.y.len()).max().unwrap_or(0).div_ceil(MOST_CELLS).max(1);
            let line = |l: &super::figure::Line| l.y.iter().step_by(by).map(|&y| narrow(y)).collect();
            (Shape::Lines(c.lines.iter().map(line).collect()), by)
        }
        Data::Scatter(s) => {
            let points = s.across.iter().zip(&s.along).map(|(&x, &y)| [narrow(x), narrow(y)]);
            (Shape::Points(points.collect()), 1)
        }
    }
}

fn bars(values: &[f64]) -> (Shape, usize) {
    let by = values.len().div_ceil(MOST_CELLS).max(1);
    let most = |all: &[f64]| narrow(all.iter().copied().filter(|v| !v.is_nan()).fold(0.0, f64::max));
    (Shape::Bars(values.chunks(by).map(most).collect()), by)
}

/// Means of blocks of `down` × `across` cells.
fn thin(values: &[f32], columns: usize, down: usize, across: usize) -> Vec<f32> {
    let mut out = Vec::new();
    for rows in values.chunks(down * columns.max(1)) {
        let mut sums = vec![(0.0f64, 0u32); columns.div_ceil(across)];
        for row in rows.chunks(columns.max(1)) {
            for (sum, cells) in sums.iter_mut().zip(row.chunks(across)) {
                for &v in cells.iter().filter(|v| !v.is_nan()) {
                    *sum = (sum.0 + f64::from(v), sum.1 + 1);
                }
            }
        }
        out.extend(sums.into_iter().map(|(sum, n)| if n > 0 { narrow(sum / f64::from(n)) } else { f32::NAN }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_the_mean_of_what_it_stands_for() {
        let values: Vec<f32> = (0u8..9).map(f32::from).collect();
        // Blocks of 2 × 2 of a matrix of 3 × 3: those at the edges are smaller.
        assert_eq!(thin(&values, 3, 2, 2), [2.0, 3.5, 6.5, 8.0]);
        let holes = [f32::NAN, 1.0, f32::NAN, 3.0];
        assert_eq!(thin(&holes, 2, 2, 1)[1], 2.0);
        assert!(thin(&holes, 2, 2, 1)[0].is_nan());
    }

    #[test]
    fn few_bars_stay_and_many_are_the_largest_of_each_few() {
        let values: Vec<f64> = (0u8..64).map(f64::from).collect();
        let (Shape::Bars(few), 1) = bars(&values[..4]) else { panic!("four bars are four") };
        assert_eq!(few, [0.0, 1.0, 2.0, 3.0]);
        let (Shape::Bars(all), 2) = bars(&values) else { panic!("two bars a bar") };
        assert_eq!((all.len(), all[0], all[31]), (32, 1.0, 63.0));
    }
}
