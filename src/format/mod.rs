//! Bytes to requests. Every reader here yields what is sound and an [`Issue`] for what is not; only the callers decide
//! what is fatal. Readers take `Read + Seek`, so the page (slices of a `File`) and the command line (`std::fs`) share them.

mod archive;
mod array;
mod columns;
mod counts;
mod found;
mod gap;
mod issue;
mod model_config;
mod names;
mod paper_json;
mod reader;
mod readers;
mod section;
mod state;
mod table;
mod whole;
mod write;

pub use archive::{
    Container, Entry, EntryReader, Member, Packing, Refused, Source, container, entries, is_tar, open_entry,
    tar_members, unwrap,
};
pub use found::{Counts, Found};
pub use issue::{Issue, Issues, Place, Problem};
pub use model_config::ModelConfig;
pub use names::{labels, natural};
pub use paper_json::PaperScanner;
pub use reader::{About, Reader, Reading};
pub use readers::{HEAD, READERS, reader};
pub use section::{Section, join};
pub use write::write_paper;
