//! Event-driven simulator of a system: devices that fetch experts over shared links and HBM. It knows the topology and
//! token counts, never a trace's format; the same input gives the same bytes on every target. Model: docs/model.md.
//!
//! Reading order: `workload` (what is to be computed), `assign` (which die computes it), `fluid` (how long the fetches
//! take), `engine` (layers and steps), `predict` (copies for later steps).

mod assign;
mod config;
mod dispatch;
mod engine;
mod fluid;
mod network;
mod predict;
mod strategy;
mod workload;

pub use assign::{Assignment, Block, Candidate, allocate, allocate_explained, as_one_gpu, at_home};
pub use config::{Config, DieOrder, Tuning, overfull};
pub use dispatch::{DISPATCHES, Dispatch, Layer, dispatch_named};
pub use engine::{Bound, Flow, Outcome, Reads, Simulation, Timeline};
pub use fluid::{Fetch, Timing, transfer};
pub use network::Network;
pub use predict::Predictor;
pub use strategy::{Named, STRATEGIES, Strategy};
pub use workload::{Shape, Workload, evenly_spaced};
