//! Figures of a layer as the mean over all layers, whatever they show. Apart from the rows, because it is a job of as many slices
//! as there are layers.

use super::{Layer, Make, Setting, Sketch, Summary, of_layer, sketches};
use crate::analysis::figure::{Data, Figure, Numbers, narrow};
use crate::model::{Request, Scope};

/// Means in the making, a layer at a time.
#[derive(Clone, Debug)]
pub struct Mean {
    setting: Setting,
    scope: Scope,
    /// Only those that a report lists.
    listed: bool,
    next: usize,
    figures: Vec<Average>,
}

impl Mean {
    /// Of every figure of a layer, no layer yet.
    #[must_use]
    pub fn new(setting: &Setting, scope: Scope) -> Self {
        Self { setting: *setting, scope, listed: false, next: 0, figures: Vec::new() }
    }

    /// Of those that a report lists, over all tokens.
    #[must_use]
    pub fn listed(setting: &Setting) -> Self {
        Self { listed: true, ..Self::new(setting, Scope::All) }
    }

    /// Layers done.
    #[must_use]
    pub fn layers(&self) -> u64 {
        self.next as u64
    }

    /// Adds the next layer; false if there is none.
    #[inline(never)]
    pub fn step(&mut self, summary: &Summary, requests: &[Request]) -> bool {
        let Some(layer) = Layer::new(summary, requests, &self.setting, self.next, self.scope) else { return false };
        self.next += 1;
        let made = if self.listed { listed(&layer) } else { [true, false].map(|p| of_layer(&layer, p)).concat() };
        self.figures.resize_with(made.len(), Average::default);
        self.figures.iter_mut().zip(made).for_each(|(mean, figure)| mean.add(figure));
        true
    }

    /// The means, once [`Mean::step`] has returned false. A number counts in the layers that have data for it.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Figure> {
        self.figures.drain(..).map(Average::finish).collect()
    }
}

fn listed(layer: &Layer) -> Vec<Figure> {
    let has = super::Has::of(layer.summary);
    let make = |(analysis, sketch): (&super::Analysis, &Sketch)| match sketch.make {
        Make::Prompt(make) | Make::Later(make) if sketch.listed => {
            let made = analysis.needs.lacking(&has).map_or_else(|| make(layer), Err);
            Some(sketch.figure(made, &format!("layer {}", layer.id)))
        }
        _ => None,
    };
    sketches().filter_map(make).collect()
}

/// The mean of one figure.
#[derive(Clone, Debug, Default)]
struct Average {
    /// The first that has data: all have its form. An empty one, if none has.
    first: Option<Figure>,
    /// By list of numbers.
    lists: Vec<(Vec<f64>, Vec<u32>)>,
}

impl Average {
    fn add(&mut self, mut figure: Figure) {
        if figure.empty().is_some() {
            self.first.get_or_insert(figure);
            return;
        }
        let lists = figure.numbers();
        if self.lists.len() < lists.len() {
            self.lists.resize_with(lists.len(), Default::default);
        }
        for ((sums, seen), numbers) in self.lists.iter_mut().zip(lists) {
            match numbers {
                Numbers::Cells(list) => sum(sums, seen, list.iter().map(|&v| v.into())),
                Numbers::Values(list) => sum(sums, seen, list.iter().copied()),
            }
        }
        // The last layer has fewer curves than others: the form is that of most numbers.
        let fuller = |f: &mut Figure, than: usize| f.numbers().len() < than;
        let lists = figure.numbers().len();
        if self.first.as_mut().is_none_or(|f| f.empty().is_some() || fuller(f, lists)) {
            self.first = Some(figure);
        }
    }

    fn finish(self) -> Figure {
        let mut figure = self.first.unwrap_or_default();
        for ((sums, seen), numbers) in self.lists.iter().zip(figure.numbers()) {
            let mean = sums.iter().zip(seen).map(|(sum, &n)| sum / f64::from(n));
            match numbers {
                Numbers::Cells(list) => list.iter_mut().zip(mean).for_each(|(to, m)| *to = narrow(m)),
                Numbers::Values(list) => list.iter_mut().zip(mean).for_each(|(to, m)| *to = m),
            }
        }
        if let Some((_, sketch)) = sketches().find(|(_, s)| s.id == figure.id) {
            figure.caption = sketch.caption.replace("{layer}", "the mean of all layers");
        }
        if matches!(figure.data, Data::Empty(_)) {
            figure.facts.clear();
        }
        figure
    }
}

/// Adds a list to sums, cell by cell, where there is a number.
fn sum(sums: &mut Vec<f64>, seen: &mut Vec<u32>, values: impl ExactSizeIterator<Item = f64>) {
    if sums.len() < values.len() {
        sums.resize(values.len(), 0.0);
        seen.resize(values.len(), 0);
    }
    for ((sum, seen), value) in sums.iter_mut().zip(seen).zip(values) {
        if !value.is_nan() {
            *sum += value;
            *seen += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::figure::{Bars, Series};

    #[test]
    fn a_number_counts_where_it_has_data() {
        let of = |values: &[f64]| {
            let bars = Bars { series: vec![Series::new("", values.to_vec())], ..Bars::default() };
            Figure { data: Data::Bars(bars), ..Figure::default() }
        };
        let mut mean = Average::default();
        let none = Figure { data: Data::Empty("no next layer".into()), ..Figure::default() };
        for figure in [none.clone(), of(&[1.0, f64::NAN, f64::NAN]), of(&[3.0, 5.0, f64::NAN]), none] {
            mean.add(figure);
        }
        let Data::Bars(bars) = mean.finish().data else { panic!("the form is that of layers with data") };
        assert_eq!(bars.series[0].values[..2], [2.0, 5.0]);
        assert!(bars.series[0].values[2].is_nan());
    }
}
