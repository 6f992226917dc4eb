//! Files that belong together: layers and halves of a request, ranks of a run. Apart from sections of one file, which are told by where
//! they lie; these are told by what they hold and how they are called. What is joined is said.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{What, of_file};
use super::{Dataset, Unit};
use crate::format::{Finding, Fragment, Half, rank};
use crate::model::{Marks, Request};

impl Dataset {
    /// Joins what was read in parts, in the order of the files.
    pub(super) fn join_files(&mut self, pieces: Vec<(Unit, What)>) {
        let mut groups: BTreeMap<String, Vec<(Unit, Fragment)>> = BTreeMap::new();
        let mut ranks: BTreeMap<(String, bool), BTreeMap<u64, Unit>> = BTreeMap::new();
        for (unit, what) in pieces {
            match what {
                What::Fragment(fragment) => groups.entry(fragment.of.clone()).or_default().push((unit, fragment)),
                What::Seen { counts } => {
                    if let Some((of, rank)) = rank(&unit.path) {
                        ranks.entry((of, counts)).or_default().insert(rank, unit);
                    }
                }
                What::Section(_) => {}
            }
        }
        for group in groups.into_values() {
            self.join_request(group);
        }
        for ((_, counts), files) in ranks {
            let Some((&last, first)) = files.keys().last().zip(files.values().next()) else { continue };
            let missing: Vec<u64> = (0..last.min(4096)).filter(|rank| !files.contains_key(rank)).collect();
            if !missing.is_empty() {
                let ranks = crate::format::listed(missing);
                self.note(first, Finding::MissingRank { ranks });
            }
            if files.len() > 1 {
                let n = files.len();
                let how = if counts {
                    format!("the counts of {n} files, one of each rank, were added up (summed)")
                } else {
                    format!(
                        "{n} files, one of each rank, hold different requests: they stand one after another (appended)"
                    )
                };
                self.note(first, Finding::Joined { how });
            }
        }
    }

    /// Says that counts are of a slice of the experts: of one rank of several, whose experts stand side by side.
    pub(super) fn say_slice(&mut self) {
        let Some(part) = self.part().filter(|p| p.summary.is_counts()) else { return };
        let (experts, mut used) = (part.summary.experts, BTreeSet::new());
        for layer in part.summary.layers.values() {
            let counts = layer.frequency.iter().flatten().flat_map(|c| c.iter().enumerate());
            used.extend(counts.filter(|(_, n)| **n > 0).map(|(expert, _)| expert));
        }
        let (Some(&first), Some(&last)) = (used.first(), used.last()) else { return };
        let size = last + 1 - first;
        let slice = used.len() == size
            && size > 1
            && size * 2 <= experts
            && experts.is_multiple_of(size)
            && first.is_multiple_of(size);
        if slice && part.summary.layers.len() > 1 {
            let finding = Finding::Slice { first, last, experts };
            self.issues.push((0, of_file("the counts given", finding.into(), "counts of these experts")));
        }
    }

    /// Joins the parts of one request; what cannot be joined stands alone.
    fn join_request(&mut self, mut group: Vec<(Unit, Fragment)>) {
        // Halves in their order; files in theirs.
        group.sort_by_key(|(unit, f)| (f.part, unit.index, f.request.sub));
        let mut parts = group.into_iter();
        let Some((first, Fragment { part, mut request, .. })) = parts.next() else { return };
        let (mut joined, mut alone) = (1, Vec::new());
        for (unit, other) in parts {
            let fits = match other.part {
                Half::Layers => part == Half::Layers && add_layers(&mut request, &other.request),
                Half::Generated => part == Half::Prompt && joined == 1 && append(&mut request, &other.request),
                Half::Prompt => false,
            };
            if fits {
                joined += 1;
            } else {
                alone.push((unit, other.request));
            }
        }
        if joined > 1 {
            let how = match part {
                Half::Layers => format!("{joined} parts, each of other layers of the same tokens, were put together"),
                _ => "the prompt's half and the generated half of a request were appended to one".into(),
            };
            self.note(&first, Finding::Joined { how });
        }
        request.mark(first.told.unmarked);
        self.add(vec![request], &first.path);
        for (unit, mut request) in alone {
            request.mark(unit.told.unmarked);
            self.add(vec![request], &unit.path);
        }
    }

    fn note(&mut self, unit: &Unit, finding: Finding) {
        self.issues.push((unit.index, of_file(&unit.path, finding.into(), "all of them")));
    }
}

/// Adds layers of the same tokens; false if they are not.
fn add_layers(to: &mut Request, more: &Request) -> bool {
    let same = to.tokens == more.tokens && to.top_k == more.top_k;
    if !same || more.layers.iter().any(|id| to.layers.contains(id)) {
        return false;
    }
    let layers = to.layers.drain(..).zip(to.columns.drain(..));
    let mut all: Vec<(u32, Vec<u16>)> =
        layers.chain(more.layers.iter().copied().zip(more.columns.iter().cloned())).collect();
    all.sort_by_key(|(id, _)| *id);
    (to.layers, to.columns) = all.into_iter().unzip();
    to.experts = to.experts.max(more.experts);
    true
}

/// Appends what was generated to its prompt; false if they are not of one shape.
fn append(to: &mut Request, more: &Request) -> bool {
    if to.layers != more.layers || to.top_k != more.top_k {
        return false;
    }
    to.columns.iter_mut().zip(&more.columns).for_each(|(to, ids)| to.extend(ids));
    (to.prefill, to.marks) = (to.tokens, Marks::Given);
    to.tokens += more.tokens;
    true
}
