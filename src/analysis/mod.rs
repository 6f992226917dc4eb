//! Counts of a trace and the questions asked of them. A [`Summary`] is exact integers only and merges; every figure and
//! every number of the reports is a query on it. Definitions: docs/analyses.md.

mod analyse;
mod cache;
mod calibration;
mod coactivation;
pub mod figure;
mod findings;
mod frequency;
mod insights;
mod lint;
mod lockstep;
mod matrix;
mod observations;
mod reading;
mod rebalance;
pub mod registry;
mod repetition;
mod report;
mod reuse;
mod similarity;
mod small;
mod stream;
mod streams;
mod subjects;
mod summary;
mod table;
mod transition;

pub use analyse::{Analyser, analyse};
pub use cache::{CacheHits, MOST_ACCESSES, back_to_back, cache_hits, lockstep_stream};
pub use calibration::{CalibrationRow, calibration};
pub use coactivation::{CoActivation, coactivation, pair_counts, pair_ratios};
pub use findings::{Bar, Caches, Insight, Observation, Setting};
pub use frequency::{frequency, skew, top};
pub use insights::insights;
pub use lint::{Collapsed, collapsed, lint};
pub use lockstep::Lockstep;
pub use matrix::{Matrix, Pairs, Square};
pub use observations::observations;
pub use reading::Told;
pub use rebalance::{FIFTHS, Position, Positions, Rebalance, Remake, Scores, WORTH};
pub use repetition::{RepetitionCounts, WINDOWS};
pub use report::{Hot, Pair, Report, Reporter, Reuse, ReuseBytes, report};
pub use reuse::{DistanceCounts, StackDistance};
pub use similarity::{jaccard, overlap, spearman, spearman_brown};
pub use small::{MOST_CELLS, Shape, Small};
pub use stream::Stream;
pub use streams::{batched, token_gaps};
pub use summary::{Half, LayerCounts, Summary, experts_of};
pub use table::Table;
pub use transition::{
    Coverage, Kind, concentration, coverage, covered, descending, diagonal, heat, probabilities, transition,
};
