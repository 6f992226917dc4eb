//! Integration tests, one binary: linking once is what keeps them quick. Those of the core run on 32 bits too (wasm32-wasip1,
//! scripts/wasi.mjs); those that start the program or read files are native.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analyses;
mod answers;
#[cfg(not(target_arch = "wasm32"))]
mod archives;
mod brute;
mod colours;
#[cfg(not(target_arch = "wasm32"))]
mod command_line;
mod experiment;
#[cfg(not(target_arch = "wasm32"))]
mod figures;
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod formats;
#[cfg(not(target_arch = "wasm32"))]
mod golden;
#[cfg(not(target_arch = "wasm32"))]
mod hostile;
mod jobs;
mod lab;
#[cfg(not(target_arch = "wasm32"))]
mod large;
mod links;
#[cfg(not(target_arch = "wasm32"))]
mod models;
mod nouns;
#[cfg(not(target_arch = "wasm32"))]
mod paper;
#[cfg(not(target_arch = "wasm32"))]
mod pinned;
mod placing;
mod plain;
#[cfg(not(target_arch = "wasm32"))]
mod real_traces;
mod rebalance;
#[cfg(not(target_arch = "wasm32"))]
mod recordings;
mod reference;
#[cfg(not(target_arch = "wasm32"))]
mod runs;
mod scanner;
mod search;
mod sections;
#[cfg(not(target_arch = "wasm32"))]
mod summaries;
mod support;
#[cfg(not(target_arch = "wasm32"))]
mod synthetic;
mod traffic;
mod versus;
mod wafer;
