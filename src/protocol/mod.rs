//! Every job of the program, in slices: `job.step(…) -> Running | Done(reply)`, each with a reply of its own type. A worker
//! steps a job between messages, so progress and cancel work; the command line and the tests loop over the same jobs.

mod badges;
mod batch;
mod bounds;
mod case_study;
mod cut;
mod dataset;
mod effort;
mod files;
mod info;
mod ingest;
mod job;
pub mod jobs;
mod joined;
mod lab;
mod lab_report;
mod latency;
mod learn;
mod list;
mod moesum;
mod moesum_2;
mod paper;
mod placed;
mod placement;
mod plans;
mod prepared;
mod published;
mod question;
mod questions;
mod remembered;
mod run;
mod search;
mod seen;
mod strongest;
mod subjects;
mod thinned;
mod turns;
mod verdict;
mod versus;
mod view;
mod weights;

pub use badges::{Badge, Overrule, Spot};
pub use batch::{Filled, Provenance, batch, workload};
pub use case_study::{CASE_BATCHES, CaseRow, CaseStudy, case_rows};
pub use cut::cut;
pub use dataset::{Dataset, Part};
pub use files::{Cut, Files, Piece, SourceFile, Unit};
pub use info::Info;
pub use ingest::{Ingest, head};
pub use job::{AnyJob, Bytes, DataId, Job, JobError, Origin, Reply, State, Step, Stepped, finish};
pub use lab::Lab;
pub use lab_report::{Bound, LayerScores, PERCENTILES, PlaceReport, PlacedStrategy, Scores};
pub use latency::{LatencyRow, PUBLISHED_MOVEMENT, Point, Roofline, figure_2, figure_13};
pub use list::List;
pub use moesum::{MAGIC, from_moesum, to_moesum};
pub use paper::{
    BATCHES, HostTime, PaperJob, PaperLayer, PaperRun, Target, TimedPaperLayer, figure_12_title, host_seconds,
    host_times, paper_models, paper_runs, rms, targets, throughput,
};
pub use placement::read_placement;
pub use plans::Plans;
pub use prepared::{HOLDS, Prepared, STRIP, prepare};
pub use published::{AddedUnit, CASE_BESIDE, CASE_SPREAD, ERRATA, Erratum, UNITS, VERSIONS, binomial};
pub use question::{Answering, Field, Question, Suggestion};
pub use remembered::Outcomes;
pub use run::{Changes, Chunk, DoneChunk, LeftOut, Run, RunReport, StrategyRun};
pub use seen::{FileSeen, Seen};
pub use strongest::{Strongest, strongest};
pub use turns::{BySubject, SubjectScores};
pub use verdict::{Gap, Verdict};
pub use versus::{Side, Versus};
pub use view::{Asked, Figures, TokenStrip, figures, glance, setting, token_strip};
pub use weights::{Weights, WeightsPlaced};
