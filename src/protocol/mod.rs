//! Every job of the program, in slices: `start(request) -> Job`, `job.step(…) -> Running | Done`. A worker steps a job
//! between messages, so progress and cancel work; the command line and the tests loop over the same jobs.

mod bounds;
mod cut;
mod dataset;
mod files;
mod ingest;
mod job;
mod list;
mod mean;
mod moesum;
mod paper;
mod run;
mod thinned;
mod versus;
mod view;

pub use cut::cut;
pub use dataset::{Dataset, Info, Part};
pub use files::{Cut, Files, Piece, SourceFile, Unit};
pub use ingest::Ingest;
pub use job::{From, Job, Progress, Reply, Request, State, start};
pub use list::List;
pub use mean::Mean;
pub use moesum::{MAGIC, from_moesum, to_moesum};
pub use paper::{
    BATCHES, HostTime, PaperJob, PaperRun, Target, figure_12_title, host_seconds, host_times, paper_models, paper_runs,
    rms, targets, throughput,
};
pub use run::{Origin, Run, RunReport, StrategyRun, workload};
pub use versus::{Side, Versus};
pub use view::{LayerDetails, LayerView, Overview, layer_details, layer_view, overview};
