//! Event-driven simulator of a wafer: a mesh of dies that fetch experts over shared links and HBM. It knows the hardware
//! and token counts, never a trace's format; the same input gives the same bytes on every target. Model: docs/model.md.
//!
//! Reading order: `workload` (what is to be computed), `network` (on what), `assign` (which die computes it), `plan` (which
//! die fetches and keeps what), `fluid` and `time` (how long that takes), `engine` (all layers and steps), `predict` (what is
//! worth keeping), `outcome` (what comes out), `key` (which settings a strategy reads).

mod assign;
mod config;
mod engine;
mod fluid;
mod holders;
mod key;
mod network;
mod outcome;
mod plan;
mod predict;
mod time;
mod workload;

pub use assign::{Assignment, Block, Candidate, Share, allocate, allocate_explained, as_one_gpu, at_home};
pub use config::{Config, DieOrder, Duplex, Strategy};
pub use engine::{Planned, Simulation, Timed, timeline};
pub use fluid::{Fetch, Timing, transfer};
pub use holders::Holders;
pub use key::{Digest, SETTINGS, Setting, key};
pub use network::Network;
pub use outcome::{Bound, Computed, Flow, Outcome, Reads, Timeline};
pub use plan::{Dispatch, Inputs, LayerPlan, Planner, Task};
pub use predict::Predictor;
pub use time::{LayerTiming, computed, time};
pub use workload::{Shape, Workload, evenly_spaced, offset};
