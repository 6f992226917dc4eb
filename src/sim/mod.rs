//! Event-driven simulator of a system: devices that fetch experts over shared links and HBM. It knows the topology and
//! token counts, never a trace's format; the same input gives the same bytes on every target. Model: docs/model.md.
//!
//! Reading order: `workload` (what is to be computed), `network` (on what), `dispatch` and `assign` (which device computes it), `plan` (which
//! die fetches and keeps what), `fluid`, `traffic` and `time` (how long that takes), `engine` (all layers and steps), `predict` (what is
//! worth keeping), `outcome` and `history` (what comes out).

mod assign;
mod balance;
mod config;
mod copies;
mod digest;
mod dispatch;
mod engine;
mod fluid;
mod history;
mod holders;
mod nearest;
mod network;
mod outcome;
mod plan;
mod predict;
mod search;
mod strategy;
mod time;
mod traffic;
mod workload;

pub use assign::{Assignment, Block, Candidate, Share, allocate, allocate_explained, as_one_gpu, at_home};
pub use balance::Balance;
pub use config::{Activations, Beside, Config, DieOrder, FetchOrder, Moves, Tuning, overfull};
pub use copies::{evenly, fewest_activated, least_loaded};
pub use digest::Digest;
pub use dispatch::{DISPATCHES, Dispatch, Layer};
pub use engine::{Planned, Simulation, Timed, timeline};
pub use fluid::{Fetch, Timing, transfer};
pub use history::{Computed, Flow, Timeline};
pub use holders::Holders;
pub use nearest::nearest;
pub use network::Network;
pub use outcome::{Outcome, Reads, StepSum};
pub use plan::{Inputs, LayerPlan, Planner, Task};
pub use predict::{Predictor, Predictors};
pub use search::{Aim, LayerSearch, learning};
pub use strategy::{Named, STRATEGIES, Strategy};
pub use time::{Bound, Breakdown, Change, LayerTiming, computed, time};
pub use traffic::{all_to_all, sent};
pub use workload::{Origins, Shape, Workload, evenly_spaced, offset};
