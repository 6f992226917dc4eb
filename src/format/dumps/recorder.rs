//! SGLang's recorder of expert distributions, in its modes: counts of steps (`stat`), counts of passes and ranks (`per_pass`), and the
//! experts of each token (`per_token`). Apart from other counts and samples: passes hold several requests, and ids are slots.

use super::super::rows::{Rows, Split};
use super::super::tensor::Tensor;
use super::super::{Finding, Ids, Issues, Problem};
use super::Dump;
use crate::format::node::Node;
use crate::model::{MAX_EXPERTS, UNKNOWN};

/// What a forward pass is.
const PREFILL: i64 = 1;
const DECODE: i64 = 2;
const IDLE: i64 = 4;

/// A sequence that passes are put together to.
#[derive(Default)]
struct Sequence {
    rows: Rows,
    prefill: usize,
    /// The position of its next token.
    next: i64,
    rank: i64,
}

impl Dump {
    /// Takes a dump of the recorder; false if it is none.
    pub(super) fn recorder(&mut self, node: &Node) -> Result<bool, Problem> {
        let map = node.some(&["last_physical_to_logical_map", "physical_to_logical_map"]).and_then(Node::tensor);
        if let Some(Node::List(records)) = node.some(&["records"]) {
            if records.iter().any(|r| r.some(&["topk_ids_of_layer"]).is_some()) {
                self.tokens_of(records, map)?;
                return Ok(true);
            }
            if records.iter().any(|r| r.some(&["global_physical_count", "physical_count"]).is_some()) {
                self.passes(records, map)?;
                return Ok(true);
            }
        }
        if let Some(counts) = node.some(&["logical_count"]) {
            let Some(counts) = counts.tensor() else {
                return Ok(if let Node::List(_) = counts { self.ragged(counts)? } else { false });
            };
            self.counts_of(counts)?;
            return Ok(true);
        }
        if let Some(counts) = node.some(&["global_physical_count", "physical_count"]).and_then(Node::tensor) {
            let counts = self.logical(counts, map)?;
            self.counts_of(&counts)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Counts of slots in each pass and rank: summed, as counts of experts.
    fn passes(&mut self, records: &[Node], map: Option<&Tensor>) -> Result<(), Problem> {
        let (mut steps, mut empty) = (0, 0);
        let mut sum: Option<(Vec<usize>, Vec<i64>)> = None;
        for record in records {
            let Some(counts) = record.some(&["global_physical_count", "physical_count"]).and_then(Node::tensor) else {
                continue;
            };
            steps += 1;
            let list = counts.list();
            empty += usize::from(list.iter().all(|&n| n == 0));
            match &mut sum {
                Some((shape, sum)) if *shape == counts.shape => {
                    sum.iter_mut().zip(&list).for_each(|(a, b)| *a = a.saturating_add(*b));
                }
                Some(_) => {
                    let why = format!("a pass counts {}, the first one otherwise", counts.words());
                    self.found.issues.push(super::Place::default(), Problem::NotATrace { why });
                }
                None => sum = Some((counts.shape.clone(), list)),
            }
        }
        let Some((shape, sum)) = sum else { return Ok(()) };
        if empty > 0 {
            self.found.issues.find(Finding::EmptySteps { empty, steps });
        }
        self.of_counts = Some(format!("the counts of {steps} passes were added up (summed)"));
        let counts = self.logical(&Tensor::of(&sum, &shape), map)?;
        self.counts_of(&counts)
    }

    /// Counts of slots as counts of experts; the same if there is no map, which is said.
    fn logical(&mut self, counts: &Tensor, map: Option<&Tensor>) -> Result<Tensor, Problem> {
        let (layers, slots) = match counts.shape[..] {
            [layers, slots] => (layers, slots),
            _ => return Ok(counts.clone()),
        };
        let Some(map) = map.filter(|m| m.shape == [layers, slots]) else {
            let done = format!("without a map to experts the picture is of {slots} slots, not of experts");
            self.found.issues.find(Finding::Physical { why: "the file says so".into(), done });
            return Ok(counts.clone());
        };
        if self.about.told.ids == Some(Ids::Physical) {
            return Ok(counts.clone());
        }
        let (map, counts) = (map.list(), counts.list());
        let most = map.iter().copied().max().unwrap_or(0).max(0).unsigned_abs();
        if most >= MAX_EXPERTS {
            return Err(Problem::IdRange { id: most, limit: MAX_EXPERTS });
        }
        let experts = crate::units::index(most) + 1;
        let mut sum = vec![0i64; layers * experts];
        for (at, (&expert, &count)) in map.iter().zip(&counts).enumerate() {
            if let Ok(expert) = usize::try_from(expert) {
                let to = &mut sum[at / slots * experts + expert];
                *to = to.saturating_add(count);
            }
        }
        self.found.issues.find(Finding::Mapped);
        Ok(Tensor::of(&sum, &[layers, experts]))
    }

    /// The experts of each token, by passes of several sequences.
    fn tokens_of(&mut self, records: &[Node], map: Option<&Tensor>) -> Result<(), Problem> {
        let mut sequences: Vec<Sequence> = Vec::new();
        for record in records {
            let int = |names: &[&str]| record.some(names).and_then(Node::int);
            let (mode, rank) = (int(&["forward_mode"]), int(&["rank"]).unwrap_or(0));
            let Some(ids) = record.some(&["topk_ids_of_layer"]).and_then(Node::tensor) else { continue };
            if mode == Some(IDLE) || ids.shape.len() != 3 || ids.shape[1] == 0 {
                continue;
            }
            let pass = Rows::of(&ids.permuted(&[1, 0, 2]), &self.about)?;
            let tokens = pass.tokens();
            let list = |names: &[&str]| record.some(names).and_then(Node::tensor).map(Tensor::list);
            let positions = list(&["positions"]).filter(|p| p.len() == tokens);
            let lengths: Option<Vec<usize>> =
                list(&["extend_seq_lens"]).map(|l| l.iter().filter_map(|&n| usize::try_from(n).ok()).collect());
            let lengths = lengths.filter(|l| !l.is_empty() && l.iter().sum::<usize>() == tokens);
            let split = match (mode, lengths) {
                (Some(DECODE), _) => vec![1; tokens],
                (_, Some(lengths)) => lengths,
                (_, None) => vec![tokens],
            };
            let (mut start, mut taken) = (0, vec![false; sequences.len()]);
            for (nth, length) in split.into_iter().enumerate() {
                let at = positions.as_ref().map(|p| p[start]);
                let decodes = mode == Some(DECODE) || (mode != Some(PREFILL) && length == 1);
                let running = |(i, s): &(usize, &Sequence)| s.rank == rank && !taken.get(*i).copied().unwrap_or(true);
                let place = match at {
                    Some(0) => None,
                    Some(at) => sequences.iter().enumerate().filter(running).find(|(_, s)| s.next == at),
                    None if decodes => sequences.iter().enumerate().filter(|(_, s)| s.rank == rank).nth(nth),
                    None => None,
                };
                let place = place.map(|(i, _)| i).unwrap_or_else(|| {
                    sequences.push(Sequence { rank, ..Sequence::default() });
                    sequences.len() - 1
                });
                if let Some(taken) = taken.get_mut(place) {
                    *taken = true;
                }
                let sequence = &mut sequences[place];
                let width = pass.width;
                let part =
                    pass.layers.iter().map(|(&l, ids)| (l, ids[start * width..(start + length) * width].to_vec()));
                sequence.rows.append(Rows { width, layers: part.collect(), ..Rows::default() })?;
                sequence.next = at.unwrap_or(sequence.next).saturating_add(i64::try_from(length).unwrap_or(0));
                if !decodes {
                    sequence.prefill += length;
                }
                start += length;
            }
        }
        if sequences.is_empty() {
            self.found.issues.push(super::Place::default(), Problem::Empty);
        }
        let map = map.filter(|m| m.shape.len() == 2 && self.about.told.ids.is_none());
        let mut issues = Issues::default();
        for mut sequence in sequences {
            sequence.rows.experts = map.map_or(0, |map| to_experts(&mut sequence.rows, map));
            let request = sequence.rows.finish(&self.about, Split::At(sequence.prefill), &mut issues);
            self.push(request);
        }
        self.found.issues.merge(issues);
        if map.is_some() {
            self.found.issues.find(Finding::Mapped);
        } else if self.about.told.ids != Some(Ids::Logical) {
            let done = "without a map to experts the picture is of slots, not of experts".into();
            self.found.issues.find(Finding::Physical { why: "the recorder writes slots".into(), done });
        }
        Ok(())
    }
}

/// Slots to experts, by layer; the number of experts.
fn to_experts(rows: &mut Rows, map: &Tensor) -> usize {
    let (slots, list) = (map.shape[1], map.list());
    let mut most = 0;
    for (&layer, ids) in &mut rows.layers {
        let start = crate::units::index(layer.into()) * slots;
        let Some(of_layer) = list.get(start..start + slots) else { continue };
        for id in ids.iter_mut().filter(|id| **id != UNKNOWN) {
            *id = of_layer.get(usize::from(*id)).and_then(|&e| u16::try_from(e).ok()).unwrap_or(UNKNOWN);
        }
        most = of_layer.iter().copied().max().unwrap_or(0).max(most);
    }
    usize::try_from(most).ok().filter(|&n| n < 6144).map_or(0, |n| n + 1)
}
