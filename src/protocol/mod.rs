//! Every job of the program, in slices: `start(request) -> Job`, `job.step(…) -> Running | Done`. A worker steps a job
//! between messages, so progress and cancel work; the command line and the tests loop over the same jobs.

mod cut;
mod dataset;
mod ingest;
mod job;
mod mean;
mod moesum;
mod paper;
mod remembered;
mod run;
mod thinned;
mod versus;
mod view;

pub use cut::{Cut, Piece, cut};
pub use dataset::{Dataset, Info, Part};
pub use ingest::{Files, Ingest, List, SourceFile, Unit};
pub use job::{From, Job, Progress, Reply, Request, State, start};
pub use mean::Mean;
pub use moesum::{MAGIC, from_moesum, to_moesum};
pub use paper::{
    BATCHES, HostTime, PAPER_WAFERS, PaperJob, PaperRun, Target, host_seconds, host_times, paper_models, rms, targets,
    throughput,
};
pub use remembered::{Outcomes, Plans};
pub use run::{PlannedLayer, Run, RunReport, StrategyRun, TimedLayer, paper_speedup, workload};
pub use versus::{Side, Versus};
pub use view::{LayerDetails, LayerView, Overview, layer_details, layer_view, overview};
