//! The table of all readers. To add a format is to add its file under `readers/` and its row here.

mod arrays;
mod imatrix;
mod json;
mod nothing;
mod paper;
mod parquet;
mod records;
mod summary;
mod tables;

pub(super) use tables::cells;

use super::reader::Reader;

/// Every kind of file that can be read: the first one whose first bytes these are reads it.
pub static READERS: &[Reader] = &[
    // Told by magic bytes.
    summary::SUMMARY,
    arrays::NPY,
    arrays::ZIP,
    arrays::PICKLE,
    arrays::SAFETENSORS,
    imatrix::IMATRIX,
    parquet::PARQUET,
    // Told by what their text begins with.
    records::RECORDS,
    json::JSON,
    paper::PAPER,
    tables::TABLES,
    // Takes what is left, to say what it is.
    nothing::NOTHING,
];

/// First bytes of a file by which its reader is told.
pub const HEAD: usize = 4096;

/// The reader of a file by its first bytes.
#[must_use]
pub fn reader(head: &[u8]) -> &'static Reader {
    READERS.iter().find(|r| (r.sniff)(head)).unwrap_or(&READERS[READERS.len() - 1])
}

impl Reader {
    /// Whether it reads paper traces, the only files that are read in sections.
    #[must_use]
    pub fn is_paper(&self) -> bool {
        self.name == paper::PAPER.name
    }
}
