//! Figures as data: what a chart, a table, a file and the words under a cursor are made from. Apart from drawing, so that a
//! worker can answer with one, a test can hold one and the command line can write one.

use serde::{Deserialize, Serialize};

use crate::units::{bytes, floor, grouped, percent, significant};

/// A figure of one analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Name of the page's element and of saved files.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Definition and source; `{expert}` stands for the size of an expert, which the reader may set.
    pub caption: String,
    /// What is drawn.
    pub data: Data,
    /// What stands under the cursor, with places for what is there: see [`Figure::under`].
    pub says: String,
    /// Single numbers that belong to it.
    pub facts: Vec<Fact>,
}

/// How a number reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Three digits.
    #[default]
    Number,
    /// A whole number.
    Count,
    /// Of one, as percent.
    Share,
    /// Of two shares, in points.
    Difference,
    /// Over a mean.
    Times,
}

impl Format {
    /// The number as people read it.
    #[must_use]
    pub fn words(self, value: f64) -> String {
        match self {
            _ if value.is_nan() => "no data".into(),
            Format::Number => significant(value, 3),
            Format::Count => grouped(floor(value + 0.5) as u64),
            Format::Share => percent(value),
            Format::Difference => format!("{} points", significant(value * 100.0, 3)),
            Format::Times => format!("{}×", significant(value, 3)),
        }
    }
}

/// A single number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Name of the page's element.
    pub id: String,
    /// What it is.
    pub name: String,
    /// The number; NaN if the trace cannot tell.
    #[serde(with = "one")]
    pub value: f64,
    /// How it reads.
    pub format: Format,
    /// What the paper has, or chance; may be empty.
    pub beside: String,
}

/// Things along an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Items {
    /// Experts, or others that are numbers from 0.
    Numbered(usize),
    /// MoE layers by id.
    Layers(Vec<u32>),
    /// Others, by name.
    Named(Vec<String>),
}

impl Items {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Items::Numbered(n) => *n,
            Items::Layers(ids) => ids.len(),
            Items::Named(names) => names.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of one; empty if there is none.
    #[must_use]
    pub fn name(&self, at: usize) -> String {
        match self {
            Items::Numbered(n) => {
                if at < *n {
                    at.to_string()
                } else {
                    String::new()
                }
            }
            Items::Layers(ids) => ids.get(at).map_or_else(String::new, ToString::to_string),
            Items::Named(names) => names.get(at).cloned().unwrap_or_default(),
        }
    }
}

/// An axis of things, with its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heads {
    /// What they are; may be empty.
    pub label: String,
    /// The things, in their order.
    pub items: Items,
}

impl Heads {
    /// Experts, under a label that says whose.
    #[must_use]
    pub fn experts(label: &str, n: usize) -> Self {
        Self { label: label.into(), items: Items::Numbered(n) }
    }

    /// Layers.
    #[must_use]
    pub fn layers(ids: Vec<u32>) -> Self {
        Self { label: "layer".into(), items: Items::Layers(ids) }
    }
}

/// A value with its axis: what it is, and how it reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Name and unit.
    pub label: String,
    /// How it reads.
    pub format: Format,
}

impl Measure {
    /// A measure.
    #[must_use]
    pub fn new(label: &str, format: Format) -> Self {
        Self { label: label.into(), format }
    }
}

/// Values with a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The name.
    pub name: String,
    /// A value for each item; NaN where there is none.
    #[serde(with = "values")]
    pub values: Vec<f64>,
}

impl Series {
    /// A series.
    #[must_use]
    pub fn new(name: &str, values: Vec<f64>) -> Self {
        Self { name: name.into(), values }
    }
}

/// A line across, with its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// The name; the value stands behind it.
    pub name: String,
    /// Where.
    #[serde(with = "one")]
    pub value: f64,
}

/// What a figure shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Data {
    /// Nothing, and why, and what would help.
    Empty(String),
    /// Cells.
    Matrix(Matrix),
    /// Bars beside each other.
    Bars(Bars),
    /// Curves over a continuous axis.
    Curves(Curves),
    /// A point for each item and series.
    Dots(Dots),
    /// A point for each item, by two values.
    Scatter(Scatter),
}

impl Default for Data {
    fn default() -> Self {
        Self::Empty(String::new())
    }
}

/// Cells by row and column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// Rows, from the bottom.
    pub rows: Heads,
    /// Columns.
    pub columns: Heads,
    /// Row-major; NaN where there is no data.
    #[serde(with = "cells")]
    pub values: Vec<f32>,
    /// What a cell is.
    pub measure: Measure,
    /// Below zero is the other side.
    pub diverging: bool,
    /// Colours end here, if the largest value is beyond it.
    pub limit: Option<f64>,
}

/// What bounds the bars of a placement, a value for each bar in its unit; NaN where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// The mean of the devices: no busiest device is below it.
    #[serde(with = "values")]
    pub mean: Vec<f64>,
    /// With the counts to come known (the paper's name): a heuristic, which copies can beat.
    #[serde(with = "values")]
    pub best: Vec<f64>,
    /// With the hottest experts together.
    #[serde(with = "values")]
    pub worst: Vec<f64>,
}

impl Bounds {
    /// Of mean, best and worst of each bar.
    #[must_use]
    pub fn of(bars: impl Iterator<Item = [f64; 3]>) -> Self {
        let mut bounds = Self::default();
        for [mean, best, worst] in bars {
            bounds.mean.push(mean);
            bounds.best.push(best);
            bounds.worst.push(worst);
        }
        bounds
    }

    /// All of them with their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Vec<f64>); 3] {
        [("mean", &self.mean), ("best", &self.best), ("worst", &self.worst)]
    }
}

/// Bars.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bars {
    /// Under each place of the axis.
    pub names: Vec<String>,
    /// The same at length; empty where the names say enough.
    pub long: Vec<String>,
    /// Label of the axis.
    pub label: String,
    /// The names are the numbers from 0.
    pub numbered: bool,
    /// Values of each series.
    pub series: Vec<Series>,
    /// Values that are not drawn, but are in the table.
    pub beside: Vec<Series>,
    /// The paper's values, NaN where there is none; empty without.
    #[serde(with = "values")]
    pub paper: Vec<f64>,
    /// What bounds each bar, where something does.
    pub bounds: Option<Bounds>,
    /// What a bar is.
    pub measure: Measure,
    /// A line across.
    pub level: Option<Level>,
    /// The largest stands out.
    pub crowned: bool,
    /// Values stand above their bars.
    pub labelled: bool,
    /// The axis ends here; else a little above the largest.
    pub to: Option<f64>,
}

/// A curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// From left to right.
    pub x: Vec<f64>,
    /// A value for each.
    #[serde(with = "values")]
    pub y: Vec<f64>,
}

impl Line {
    /// The value at a place: that of the last point at or before it.
    #[must_use]
    pub fn at(&self, x: f64) -> Option<f64> {
        let n = self.x.partition_point(|&p| p <= x + 1e-9);
        n.checked_sub(1).and_then(|i| self.y.get(i)).copied()
    }
}

/// Curves, whose values hold until the next point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The curves, in the order of their colours.
    pub lines: Vec<Line>,
    /// Along.
    pub x: Measure,
    /// The axis ends here.
    pub to: f64,
    /// Logarithmic, from 1.
    pub log: bool,
    /// Along stand capacities in experts: caches are marked, and bytes told.
    pub capacity: bool,
    /// Upward: shares.
    pub y: Measure,
}

/// Points over items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dots {
    /// Along.
    pub items: Heads,
    /// Upward.
    pub series: Vec<Series>,
    /// Lines across.
    pub levels: Vec<Level>,
    /// What a value is.
    pub measure: Measure,
    /// The axis ends here; else a little above the largest, which is a share's alone.
    pub to: Option<f64>,
}

/// Points by two values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scatter {
    /// What a point is.
    pub item: String,
    /// To the right.
    pub x: Measure,
    /// Upward.
    pub y: Measure,
    /// Where each point stands across, in the unit of `x`.
    #[serde(with = "values")]
    pub across: Vec<f64>,
    /// Where the same point stands upward, in the unit of `y`.
    #[serde(with = "values")]
    pub along: Vec<f64>,
}

/// Numbers of a figure, to be read or replaced.
pub enum Numbers<'a> {
    /// Those of a matrix.
    Cells(&'a mut [f32]),
    /// Others.
    Values(&'a mut [f64]),
}

impl Figure {
    /// Every number that a mean over layers is made of, in an order that layers share.
    pub fn numbers(&mut self) -> Vec<Numbers<'_>> {
        fn level(l: &mut Level) -> Numbers<'_> {
            Numbers::Values(std::slice::from_mut(&mut l.value))
        }
        let mut all = Vec::new();
        match &mut self.data {
            Data::Empty(_) => {}
            Data::Matrix(m) => all.push(Numbers::Cells(&mut m.values)),
            Data::Bars(b) => {
                let series = b.series.iter_mut().chain(&mut b.beside);
                all.extend(series.map(|s| Numbers::Values(&mut s.values)));
                let bounds = b.bounds.iter_mut().flat_map(|b| [&mut b.mean, &mut b.best, &mut b.worst]);
                all.extend(bounds.map(|v| Numbers::Values(v)));
                all.extend(b.level.iter_mut().map(level));
            }
            Data::Curves(c) => all.extend(c.lines.iter_mut().map(|l| Numbers::Values(&mut l.y))),
            Data::Dots(d) => {
                all.extend(d.series.iter_mut().map(|s| Numbers::Values(&mut s.values)));
                all.extend(d.levels.iter_mut().map(level));
            }
            Data::Scatter(s) => all.extend([&mut s.across, &mut s.along].map(|v| Numbers::Values(v))),
        }
        all.extend(self.facts.iter_mut().map(|f| Numbers::Values(std::slice::from_mut(&mut f.value))));
        all
    }

    /// Its curves, if it has any.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        if let Data::Curves(c) = &self.data { &c.lines } else { &[] }
    }

    /// Whether its rows are layers, of which one may be looked at.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        matches!(&self.data, Data::Matrix(m) if matches!(m.rows.items, Items::Layers(_)))
    }

    /// Whether capacities of caches stand along it.
    #[must_use]
    pub fn has_capacity(&self) -> bool {
        matches!(&self.data, Data::Curves(c) if c.capacity)
    }

    /// Why nothing is shown, if so.
    #[must_use]
    pub fn empty(&self) -> Option<&str> {
        if let Data::Empty(why) = &self.data { Some(why) } else { None }
    }

    /// What stands at a place, in the figure's own axes. `expert`: bytes of one, if known.
    #[must_use]
    pub fn under(&self, x: f64, y: f64, expert: Option<f64>) -> Option<String> {
        // Series of which only one is shown need no name.
        let all = |series: &mut dyn Iterator<Item = (&str, f64)>, format: Format| {
            let known: Vec<(&str, f64)> = series.collect();
            let one = known.len() == 1;
            let say = |(name, v): &(&str, f64)| {
                if one { format.words(*v) } else { format!("{name} {}", format.words(*v)) }
            };
            known.iter().map(say).collect::<Vec<_>>().join(", ")
        };
        let say = |parts: &[(&str, String)]| {
            parts.iter().fold(self.says.clone(), |text, (name, words)| text.replace(name, words))
        };
        match &self.data {
            Data::Empty(_) => None,
            Data::Matrix(m) => {
                let (row, column) = (floor(y), floor(x));
                let n = m.columns.items.len();
                let value = *m.values.get(row * n + column).filter(|_| column < n)?;
                let value = m.measure.format.words(value.into());
                Some(say(&[
                    ("{row}", m.rows.items.name(row)),
                    ("{column}", m.columns.items.name(column)),
                    ("{value}", value),
                ]))
            }
            Data::Bars(b) => {
                let at = floor(x);
                let name = b.long.get(at).or_else(|| b.names.get(at))?.clone();
                let mut values =
                    b.series.iter().map(|s| (s.name.as_str(), s.values.get(at).copied().unwrap_or(f64::NAN)));
                let here = all(&mut values, b.measure.format);
                let paper = b.paper.get(at).filter(|p| !p.is_nan()).map(|&p| b.measure.format.words(p));
                let here = paper.map_or_else(|| here.clone(), |p| format!("{here}, paper {p}"));
                Some(say(&[("{item}", name), ("{all}", here)]))
            }
            Data::Curves(c) => {
                let mut values = c.lines.iter().filter_map(|l| Some((l.name.as_str(), l.at(x)?)));
                let here = all(&mut values, c.y.format);
                let at = match c.x.format {
                    Format::Count => floor(x).to_string(),
                    Format::Share => format!("{}%", floor(x * 100.0 + 1e-9)),
                    format => format.words(x),
                };
                let size = expert.filter(|_| c.capacity).map_or_else(String::new, |b| format!(" ({})", bytes(b * x)));
                Some(say(&[("{x}", at), ("{bytes}", size), ("{all}", here)]))
            }
            Data::Dots(d) => {
                let at = floor(x);
                let known = |s: &Series| s.values.get(at).copied().filter(|v| d.series.len() == 1 || !v.is_nan());
                let mut values = d.series.iter().filter_map(|s| Some((s.name.as_str(), known(s)?)));
                let here = all(&mut values, d.measure.format);
                (at < d.items.items.len()).then(|| say(&[("{item}", d.items.items.name(at)), ("{all}", here)]))
            }
            Data::Scatter(s) => {
                let near = |&(a, b): &(&f64, &f64)| (a - x) * (a - x) + (b - y) * (b - y);
                let points = s.across.iter().zip(&s.along).enumerate();
                let (at, (a, b)) = points.min_by(|p, q| near(&p.1).total_cmp(&near(&q.1)))?;
                let words = [s.x.format.words(*a), s.y.format.words(*b)];
                let [a, b] = words;
                Some(say(&[("{item}", at.to_string()), ("{x}", a), ("{y}", b)]))
            }
        }
    }
}

/// Four bytes for a cell.
#[expect(clippy::cast_possible_truncation, reason = "colours and hover values need seven digits, not sixteen")]
pub(super) fn narrow(x: f64) -> f32 {
    x as f32
}

/// Lists that may hold NaN: in JSON it is null, in a message its bytes.
mod values {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(list: &[f64], to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return to.collect_seq(list.iter().map(|v| (!v.is_nan()).then_some(*v)));
        }
        list.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        if from.is_human_readable() {
            let list = Vec::<Option<f64>>::deserialize(from)?;
            return Ok(list.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect());
        }
        Deserialize::deserialize(from)
    }
}

/// One number, likewise.
mod one {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { (!value.is_nan()).then_some(*value).serialize(to) } else { value.serialize(to) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        if from.is_human_readable() {
            return Ok(Option::deserialize(from)?.unwrap_or(f64::NAN));
        }
        Deserialize::deserialize(from)
    }
}

/// Cells: four bytes each in a message.
mod cells {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::model::packed::floats;

    pub(super) fn serialize<S: Serializer>(list: &[f32], to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return to.collect_seq(list.iter().map(|v| (!v.is_nan()).then_some(*v)));
        }
        floats::serialize(list, to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        if from.is_human_readable() {
            let list = Vec::<Option<f32>>::deserialize(from)?;
            return Ok(list.into_iter().map(|v| v.unwrap_or(f32::NAN)).collect());
        }
        floats::deserialize(from)
    }
}
