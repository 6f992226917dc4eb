//! Whether the tables of a model have room, before they are made: a file of two kilobytes can ask for more than any machine has.
//! Apart from the data set, which only asks.

use std::collections::BTreeSet;

use crate::analysis::{Summary, experts_of};
use crate::format::Problem;
use crate::model::{MAX_COUNT, MAX_LAYERS, MAX_TABLES, Marks, Request, table_bytes};
use crate::units;

/// Whether the tables of one request have room.
///
/// # Errors
/// How large they would be.
pub(super) fn alone(request: &Request) -> Result<(), Problem> {
    let (layers, experts) = (request.layers.len(), experts_of(request));
    let bytes = table_bytes(layers, experts, request.top_k);
    if bytes > MAX_TABLES { Err(Problem::Tables { layers, experts, bytes }) } else { Ok(()) }
}

/// Layers and experts of many requests, or of counts.
pub(super) struct Shape {
    top_k: usize,
    layers: BTreeSet<u32>,
    experts: usize,
    /// Whether tokens are marked, and whether some are not: tables of both take half as much again.
    phases: [bool; 2],
    /// Sum of all counts; none if it cannot be told any more.
    total: Option<u64>,
}

impl Shape {
    /// That of a summary.
    pub(super) fn of(summary: &Summary) -> Self {
        let mut shape = Self { top_k: 0, layers: BTreeSet::new(), experts: 0, phases: [false; 2], total: Some(0) };
        shape.merge(summary);
        shape
    }

    /// Adds a request.
    pub(super) fn add(&mut self, request: &Request) {
        self.top_k = request.top_k;
        self.phases[usize::from(request.marks == Marks::None)] = true;
        self.layers.extend(&request.layers);
        self.experts = self.experts.max(experts_of(request));
    }

    /// Adds counts of a layer.
    pub(super) fn add_counts(&mut self, layer: u32, counts: &[u64]) {
        self.layers.insert(layer);
        self.total = counts.iter().fold(self.total, |sum, &n| sum?.checked_add(n));
    }

    /// Adds a summary.
    pub(super) fn merge(&mut self, summary: &Summary) {
        // Counts may know their K, and have no tables in any case.
        self.top_k = self.top_k.max(if summary.is_counts() { 0 } else { summary.top_k });
        let [prefill, decode, unmarked] = summary.tokens;
        self.phases = [self.phases[0] || prefill + decode > 0, self.phases[1] || unmarked > 0];
        self.experts = self.experts.max(summary.experts);
        for (&id, layer) in &summary.layers {
            layer.frequency.iter().flatten().for_each(|counts| self.add_counts(id, counts));
        }
    }

    /// Whether there is room, however the files are split over workers.
    ///
    /// # Errors
    /// What is too large.
    pub(super) fn together(&self) -> Result<(), Problem> {
        let (layers, experts) = (self.layers.len(), self.experts);
        // Counts without requests have no tables.
        let bytes = if self.top_k == 0 { 0 } else { table_bytes(layers, experts, self.top_k) };
        let bytes = if self.phases == [true; 2] { bytes / 2 * 3 } else { bytes };
        let why = if layers > MAX_LAYERS {
            format!("{layers} layers, above the limit of {MAX_LAYERS}")
        } else if bytes > MAX_TABLES {
            let [bytes, most] = [bytes, MAX_TABLES].map(|b| units::bytes(b as f64));
            format!("tables of {layers} layers of {experts} experts each way would take {bytes}, above {most}")
        } else if self.total.is_none_or(|sum| sum >= MAX_COUNT) {
            format!("the sum of all counts is above {MAX_COUNT}")
        } else {
            return Ok(());
        };
        Err(Problem::Together { top_k: self.top_k, why })
    }
}
