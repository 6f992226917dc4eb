//! Bytes to requests. Every reader here yields what is sound and an [`Issue`] for what is not; only the callers decide
//! what is fatal. Readers take `Read + Seek`, so the page (slices of a `File`) and the command line (`std::fs`) share them.

mod archive;
mod issue;
mod names;
mod paper_json;

pub use archive::{Entry, EntryReader, Refused, Source, entries, is_zip, open_entry};
pub use issue::{Issue, Issues, Place, Problem};
pub use names::{labels, natural};
pub use paper_json::PaperScanner;
