//! Bytes to requests. Every reader here yields what is sound and an [`Issue`] for what is not; only the callers decide
//! what is fatal. Readers take `Read + Seek`, so the page (slices of a `File`) and the command line (`std::fs`) share them.

mod archive;
mod columns;
mod csv;
mod gap;
mod issue;
mod model_config;
mod names;
mod npy;
mod paper_json;
mod section;
mod serving;
mod state;
mod whole;
mod write;

pub use archive::{
    Container, Entry, EntryReader, Member, Packing, Refused, Source, container, entries, is_tar, open_entry,
    tar_members, unwrap,
};
pub use issue::{Issue, Issues, Place, Problem};
pub use model_config::ModelConfig;
pub use names::{labels, natural};
pub use paper_json::PaperScanner;
pub use section::{Section, join};
pub use whole::{Counts, Found, Kind, LARGEST, read, sniff};
pub use write::write_paper;

use crate::model::MAX_EXPERTS;
