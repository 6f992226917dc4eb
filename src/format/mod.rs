//! Bytes to requests. Every reader here yields what is sound and an [`Issue`] for what is not; only the callers decide
//! what is fatal. Readers take `Read + Seek`, so the page (slices of a `File`) and the command line (`std::fs`) share them.

mod archive;
mod columns;
mod counts;
mod dumps;
mod finding;
mod found;
mod gap;
mod gguf;
mod grid;
mod issue;
mod magic;
mod model_config;
mod names;
mod node;
mod npy;
mod paper_json;
mod parquet;
mod pickle;
mod reader;
mod readers;
mod records;
mod rows;
mod safetensors;
mod saved;
mod section;
mod sound;
mod state;
mod tensor;
mod told;
mod torch;
mod whole;
mod write;

pub use archive::{
    Container, Entry, EntryReader, Member, Packing, Refused, Source, container, entries, is_one_file, is_tar,
    open_entry, tar_members, unwrap,
};
pub(crate) use finding::listed;
pub use finding::{Finding, RECORDING};
pub use found::{Counts, Found, Fragment, Half, Held};
pub use grid::grid;
pub use issue::{Issue, Issues, MOST_ALIKE, Place, Problem, alike};
pub use model_config::ModelConfig;
pub use names::{labels, natural, number_after, rank};
pub use paper_json::PaperScanner;
pub use reader::{About, Reader, Reading};
pub use readers::{HEAD, READERS, reader};
pub use saved::{Numbers, is_saved, saved_numbers};
pub use section::{Section, join};
use tensor::whole as whole_number;
pub use told::{Ids, Told};
pub use write::write_paper;
