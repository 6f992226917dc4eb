//! The figures of a layer as the mean over all layers. Apart from the views, because it is a job of as many slices as
//! there are layers.

use super::view::narrow;
use super::{LayerDetails, LayerView, layer_details, layer_view};
use crate::analysis::{CoActivation, Coverage, Summary};
use crate::model::Scope;

/// A mean in the making, a layer at a time.
#[derive(Clone, Debug)]
pub struct Mean {
    scope: Scope,
    next: usize,
    view: Option<LayerView>,
    details: Option<LayerDetails>,
    frequency: [Average; 3],
    /// The matrices and lists of the views, in the order of [`of_view`] and [`of_details`].
    lists: [Average; 10],
    subjects: Vec<Average>,
    /// The single values, in the order of [`values`].
    values: [Average; 9],
}

impl Mean {
    /// No layer yet.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            next: 0,
            view: None,
            details: None,
            frequency: Default::default(),
            lists: Default::default(),
            subjects: Vec::new(),
            values: Default::default(),
        }
    }

    /// Layers done.
    #[must_use]
    pub fn layers(&self) -> u64 {
        self.next as u64
    }

    /// Adds the next layer; false if there is none.
    #[inline(never)]
    pub fn step(&mut self, summary: &Summary) -> bool {
        let Some(mut view) = layer_view(summary, self.next, self.scope) else { return false };
        let Some(mut details) = layer_details(summary, self.next, self.scope) else { return false };
        self.next += 1;
        self.frequency.iter_mut().zip(&view.frequency).for_each(|(mean, counts)| mean.add(counts.iter().copied()));
        self.values.iter_mut().zip(values(&view)).for_each(|(mean, v)| mean.add([v.unwrap_or(f64::NAN)]));
        let lists = of_view(&mut view).into_iter().chain(of_details(&mut details));
        self.lists.iter_mut().zip(lists).for_each(|(mean, list)| mean.add(list.iter().map(|&v| v.into())));
        self.subjects.resize_with(details.subjects.len(), Average::default);
        for (mean, (_, shares)) in self.subjects.iter_mut().zip(&details.subjects) {
            mean.add(shares.iter().map(|&v| v.into()));
        }
        self.view.get_or_insert(view);
        self.details.get_or_insert(details);
        true
    }

    /// The means, once [`Mean::step`] has returned false. A cell counts in the layers that have data for it.
    #[must_use]
    pub fn finish(&mut self) -> (LayerView, LayerDetails) {
        let (mut view, mut details) = (self.view.take().unwrap_or_default(), self.details.take().unwrap_or_default());
        (view.id, details.id) = (None, None);
        view.frequency.iter_mut().zip(&self.frequency).for_each(|(to, mean)| *to = mean.wide().collect());
        let single = |i: usize| self.values[i].wide().next().filter(|v| !v.is_nan());
        view.skew = single(0);
        view.coverage = Coverage { top: single(1), weighted: single(2), heldout: single(3), baseline: single(4) };
        view.diagonal_mean = (single(5), single(6));
        view.coactivation = CoActivation { max_ratio: single(7), top10_share: single(8) };
        let lists = of_view(&mut view).into_iter().chain(of_details(&mut details));
        lists.zip(&self.lists).for_each(|(to, mean)| *to = mean.wide().map(narrow).collect());
        for ((_, to), mean) in details.subjects.iter_mut().zip(&self.subjects) {
            *to = mean.wide().map(narrow).collect();
        }
        (view, details)
    }
}

fn values(v: &LayerView) -> [Option<f64>; 9] {
    let (coverage, pairs) = (v.coverage, &v.coactivation);
    let Coverage { top, weighted, heldout, baseline } = coverage;
    let (again, again_plain) = v.diagonal_mean;
    [v.skew, top, weighted, heldout, baseline, again, again_plain, pairs.max_ratio, pairs.top10_share]
}

fn of_view(v: &mut LayerView) -> [&mut Vec<f32>; 3] {
    [&mut v.cross_token, &mut v.diagonal, &mut v.pairs]
}

fn of_details(d: &mut LayerDetails) -> [&mut Vec<f32>; 7] {
    let [token, next] = &mut d.curves;
    let differences = (&mut d.token_difference, &mut d.layer_difference);
    [&mut d.cross_layer, differences.0, differences.1, token, next, &mut d.pair_curve, &mut d.subject_overlap]
}

/// Mean of lists, cell by cell, over those that have a number there.
#[derive(Clone, Debug, Default)]
struct Average {
    sums: Vec<f64>,
    seen: Vec<u32>,
}

impl Average {
    fn add(&mut self, values: impl IntoIterator<Item = f64>) {
        for (i, value) in values.into_iter().enumerate() {
            if i == self.sums.len() {
                self.sums.push(0.0);
                self.seen.push(0);
            }
            if !value.is_nan() {
                self.sums[i] += value;
                self.seen[i] += 1;
            }
        }
    }

    fn wide(&self) -> impl Iterator<Item = f64> {
        self.sums.iter().zip(&self.seen).map(|(sum, &n)| sum / f64::from(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_counts_where_it_has_data() {
        let mut mean = Average::default();
        mean.add([1.0, f64::NAN]);
        mean.add([3.0, 5.0, f64::NAN]);
        let got: Vec<f64> = mean.wide().collect();
        assert_eq!(got[..2], [2.0, 5.0]);
        assert!(got[2].is_nan());
    }
}
