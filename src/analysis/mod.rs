//! Counts of a trace and the questions asked of them. A [`Summary`] is exact integers only and merges; every figure and
//! every number of the reports is a query on it. Definitions: docs/analyses.md.

mod calibration;
mod coactivation;
pub mod figure;
mod frequency;
mod insights;
mod lint;
mod lockstep;
mod matrix;
mod observations;
mod repetition;
mod report;
mod reuse;
mod similarity;
mod stream;
mod subjects;
mod summary;
mod table;
mod transition;

pub use calibration::{Fit, calibration};
pub use coactivation::{CoActivation, coactivation, pair_counts};
pub use frequency::{frequency, skew, top};
pub use insights::{Bar, Caches, Insight, Setting, insights};
pub use lint::{collapsed, lint};
pub use lockstep::Lockstep;
pub use matrix::{Matrix, Pairs, Square};
pub use observations::{Observation, observations};
pub use repetition::{RepetitionCounts, WINDOWS};
pub use report::{Hot, Pair, Report, Reporter, Reuse, ReuseBytes, report};
pub use reuse::{DistanceCounts, StackDistance, batched, token_gaps};
pub use similarity::{jaccard, overlap, spearman, spearman_brown};
pub use stream::Stream;
pub use summary::{Half, LayerCounts, Summary};
pub use table::Table;
pub use transition::{Coverage, Kind, coverage, covered, descending, diagonal, transition};
