//! moescope: where the experts of a mixture-of-experts model move, and what placing them on a wafer is worth.
//!
//! The core never draws, fetches, reads a clock or iterates a hash map: the same trace and the same experiment string give
//! the same bytes natively and in the browser. Rooms, from the ground up (each knows only those above it in this list):
//!
//! - [`units`], [`model`]: quantities and the field's nouns.
//! - [`format`](mod@format), [`analysis`], [`synth`], [`sim`]: bytes to requests, requests to counts, synthetic requests, the wafer.
//! - [`place`]: where experts live.
//! - [`experiment`]: every setting as one string. [`protocol`]: every job, in slices.
//! - [`plot`]: figures from results, on any drawing backend.
//! - `cli` (native), `web` and `ui` (WebAssembly): the edges.

pub mod analysis;
pub mod experiment;
pub mod format;
pub mod model;
pub mod place;
pub mod plot;
pub mod protocol;
pub mod sim;
pub mod synth;
pub mod units;

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
#[cfg(all(target_arch = "wasm32", target_os = "unknown", feature = "page"))]
pub mod ui;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod web;
