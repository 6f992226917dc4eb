//! H: how the hot experts of subjects differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Summary, jaccard, overlap, top};

/// Hot experts by subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Subjects {
    /// Subjects in order of their labels.
    pub names: Vec<String>,
    /// The ten most frequent experts: `[subject][layer][..10]`.
    pub top10: Vec<Vec<Vec<usize>>>,
    /// Share of the top ten that two subjects have in common: `[layer][subject][subject]`.
    pub overlap: Vec<Vec<Vec<f64>>>,
    /// Jaccard's index of their top tens: in common over in either.
    pub jaccard: Vec<Vec<Vec<f64>>>,
}

/// Hot experts by data set: where data sets are of different languages, how much of what is hot depends on the language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DataSets {
    /// Data sets in order of their labels.
    pub names: Vec<String>,
    /// Share of the top five that two data sets have in common: `[layer][set][set]`.
    pub top5_shared: Vec<Vec<Vec<f64>>>,
    /// Jaccard's index of their top fives.
    pub top5_jaccard: Vec<Vec<Vec<f64>>>,
}

/// The data sets of a summary; none if its paths name fewer than two.
pub(super) fn datasets(summary: &Summary) -> Option<DataSets> {
    let mut sets: BTreeMap<&str, BTreeMap<u32, Vec<u64>>> = BTreeMap::new();
    for (labels, (_, layers)) in &summary.subjects {
        let set = sets.entry(&labels.dataset).or_default();
        for (&id, counts) in layers {
            let sum = set.entry(id).or_default();
            sum.resize(summary.experts, 0);
            sum.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
        }
    }
    if sets.len() < 2 {
        return None;
    }
    let empty = vec![0; summary.experts];
    let by_layer = |pair: Likeness| -> Vec<Vec<Vec<f64>>> {
        let of =
            |id: &u32| between(&sets.values().map(|layers| layers.get(id).unwrap_or(&empty)).collect::<Vec<_>>(), pair);
        summary.layers.keys().map(of).collect()
    };
    Some(DataSets {
        names: sets.keys().map(ToString::to_string).collect(),
        top5_shared: by_layer(|a, b| overlap(a, 5, b, 5)),
        top5_jaccard: by_layer(|a, b| jaccard(a, b, 5)),
    })
}

/// The subjects of a summary; none if its paths name fewer than two.
pub(super) fn subjects(summary: &Summary) -> Option<Subjects> {
    if summary.subjects.len() < 2 {
        return None;
    }
    let ids = summary.layer_ids();
    let empty = vec![0; summary.experts];
    let counts = |layers: &BTreeMap<u32, Vec<u64>>, id| {
        let mut counts = layers.get(id).unwrap_or(&empty).clone();
        counts.resize(summary.experts, 0);
        counts
    };
    let by_subject: Vec<Vec<Vec<u64>>> =
        summary.subjects.values().map(|(_, layers)| ids.iter().map(|id| counts(layers, id)).collect()).collect();
    let by_layer = |pair: Likeness| -> Vec<Vec<Vec<f64>>> {
        (0..ids.len()).map(|l| between(&by_subject.iter().map(|s| &s[l]).collect::<Vec<_>>(), pair)).collect()
    };
    Some(Subjects {
        names: summary
            .subjects
            .keys()
            .map(|l| if l.subject.is_empty() { l.dataset.clone() } else { l.subject.clone() })
            .collect(),
        top10: by_subject.iter().map(|s| s.iter().map(|c| top(c, 10)).collect()).collect(),
        overlap: by_layer(|a, b| overlap(a, 10, b, 10)),
        jaccard: by_layer(|a, b| jaccard(a, b, 10)),
    })
}

/// How alike two vectors of counts are; none if one is empty.
type Likeness = fn(&[u64], &[u64]) -> Option<f64>;

/// Every pair; 0 where one is empty.
fn between(counts: &[&Vec<u64>], pair: Likeness) -> Vec<Vec<f64>> {
    counts.iter().map(|a| counts.iter().map(|b| pair(a, b).unwrap_or(0.0)).collect()).collect()
}
