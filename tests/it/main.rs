//! Integration tests, one binary: linking once is what keeps them quick.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analyses;
mod archives;
mod brute;
mod command_line;
mod experiment;
mod formats;
mod golden;
mod paper;
mod pinned;
mod plain;
mod real_traces;
mod reference;
mod runs;
mod scanner;
mod sections;
mod summaries;
mod support;
mod synthetic;
mod versus;
mod wafer;
