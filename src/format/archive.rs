//! Containers: entries of a `.zip` or `.tar`, `.gz` and `.zst` around one file or a tar. Each entry opens on its own. Apart from the zip crate's reader because that one borrows the archive:
//! a job that reads in slices, and a pool in which any worker opens any entry, need a reader that owns its source.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use flate2::{CrcReader, read::DeflateDecoder};
use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipArchive};

/// Entries of one archive: ten times the published set.
const MOST_ENTRIES: usize = 1 << 20;

/// Bytes of an entry's own header before its name.
const LOCAL_HEADER: usize = 30;

/// A file that can be read anywhere.
pub trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// One file of an archive: all that is needed to open it without the central directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path inside the archive.
    pub path: String,
    /// Offset of its local header, which stands before its data.
    pub header: u64,
    /// Compressed bytes.
    pub packed: u64,
    /// Bytes when unpacked, as the directory claims.
    pub size: u64,
    /// Stored without compression.
    pub stored: bool,
    /// CRC-32 of the unpacked bytes.
    pub crc: u32,
}

/// What a file is inside, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Container {
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// Gzip around one file or a tar.
    Gzip,
    /// Zstandard around one file or a tar.
    Zstd,
}

/// How to get at the bytes of a trace in its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packing {
    /// The source itself.
    Plain,
    /// An entry of a zip.
    Zip(Entry),
    /// One compressed file.
    Wrapped(Container),
    /// A member of a tar: start and length, and what is around the tar.
    Member {
        /// What is around the tar.
        around: Option<Container>,
        /// Where its bytes start, in the tar.
        start: u64,
        /// How many there are.
        size: u64,
    },
}

/// The container of which these are the first bytes; a tar tells at byte 257.
#[must_use]
pub fn container(head: &[u8]) -> Option<Container> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Container::Zip)
    } else if head.starts_with(&[0x1f, 0x8b]) {
        Some(Container::Gzip)
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Some(Container::Zstd)
    } else if is_tar(head) {
        Some(Container::Tar)
    } else {
        None
    }
}

/// Whether the first bytes are those of a tar archive.
#[must_use]
pub fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// The bytes inside a gzip or zstd file.
///
/// # Errors
/// If the header is damaged.
pub fn unwrap(source: impl Read + 'static, around: Container) -> io::Result<Box<dyn Read>> {
    let source = BufReader::with_capacity(1 << 16, source);
    Ok(match around {
        Container::Zstd => Box::new(ruzstd::decoding::StreamingDecoder::new(source).map_err(io::Error::other)?),
        _ => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
    })
}

/// The files of a tar, in natural order: path, start and length of each.
///
/// # Errors
/// If the archive is damaged before its first file.
pub fn tar_members(source: impl Read) -> io::Result<(Vec<Member>, Vec<Refused>)> {
    let mut archive = tar::Archive::new(source);
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for entry in archive.entries()? {
        match entry {
            Ok(entry) => {
                let path = entry.path().map_or_else(|_| "?".into(), |p| p.to_string_lossy().into_owned());
                if entry.header().entry_type().is_file() && !is_clutter(&path) {
                    found.push((path, entry.raw_file_position(), entry.size()));
                }
            }
            Err(e) => {
                refused.push((format!("after {} files", found.len()), e.to_string()));
                break;
            }
        }
    }
    found.sort_by(|a, b| super::natural(&a.0, &b.0));
    Ok((found, refused))
}

/// Path, start and length of a file in a tar.
pub type Member = (String, u64, u64);

/// A path inside an archive that cannot be read, and why.
pub type Refused = (String, String);

/// The files of an archive, in natural order of their paths; with them, what cannot be read and why.
///
/// # Errors
/// If the central directory is missing or damaged.
pub fn entries(source: impl Source) -> io::Result<(Vec<Entry>, Vec<Refused>)> {
    let archive = ZipArchive::new(source).map_err(io::Error::other)?;
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    if archive.len() > MOST_ENTRIES {
        return Err(io::Error::other(format!("it has {} entries, above the limit of {MOST_ENTRIES}", archive.len())));
    }
    for i in 0..archive.len() {
        // Only the directory: opening each entry would be a read for each, all over the archive.
        let file = match archive.by_index_data(i) {
            Ok(file) => file,
            Err(e) => {
                refused.push((format!("entry {i}"), e.to_string()));
                continue;
            }
        };
        let path = match file.name() {
            Ok(name) => name.into_owned(),
            Err(e) => {
                refused.push((format!("entry {i}"), e.to_string()));
                continue;
            }
        };
        if file.is_dir() || is_clutter(&path) {
            continue;
        }
        let stored = match file.compression() {
            CompressionMethod::Stored => true,
            CompressionMethod::Deflated => false,
            other => {
                refused.push((path, format!("compression {other} is not supported, only deflate")));
                continue;
            }
        };
        if file.encrypted() {
            refused.push((path, "the entry is encrypted".into()));
            continue;
        }
        let (header, packed, size, crc) = (file.header_start(), file.compressed_size(), file.size(), file.crc32());
        found.push(Entry { path, header, packed, size, stored, crc });
    }
    found.sort_by(|a, b| super::natural(&a.path, &b.path));
    Ok((found, refused))
}

/// Opens one entry of the archive behind `source`.
///
/// # Errors
/// If the source cannot seek there, or no entry is there.
pub fn open_entry<S: Source>(mut source: S, entry: &Entry) -> io::Result<EntryReader<S>> {
    source.seek(SeekFrom::Start(entry.header))?;
    let mut header = [0; LOCAL_HEADER];
    source.read_exact(&mut header)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(io::Error::other("the archive's directory names a place where no entry is"));
    }
    // Lengths of the name and of what extends it, which end the header; both may differ from the directory's.
    let [.., a, b, c, d] = header;
    let rest = u64::from(u16::from_le_bytes([a, b])) + u64::from(u16::from_le_bytes([c, d]));
    source.seek(SeekFrom::Start(entry.header.saturating_add(LOCAL_HEADER as u64 + rest)))?;
    let packed = BufReader::with_capacity(1 << 16, source.take(entry.packed));
    let body = if entry.stored { Body::Stored(packed) } else { Body::Deflated(DeflateDecoder::new(packed)) };
    Ok(EntryReader { body: CrcReader::new(body), crc: entry.crc, left: entry.size })
}

/// Reads one entry and checks its length and checksum at the end.
pub struct EntryReader<S> {
    body: CrcReader<Body<S>>,
    crc: u32,
    left: u64,
}

enum Body<S> {
    Stored(BufReader<Take<S>>),
    Deflated(DeflateDecoder<BufReader<Take<S>>>),
}

impl<S: Read> Read for Body<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(r) => r.read(buf),
            Self::Deflated(r) => r.read(buf),
        }
    }
}

impl<S: Read> Read for EntryReader<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.body.read(buf)?;
        // A zip bomb lies about its size: reading stops at what the directory claims.
        let Some(left) = self.left.checked_sub(n as u64) else {
            return Err(io::Error::other("the entry is longer than the archive's directory says"));
        };
        self.left = left;
        if n == 0 && !buf.is_empty() {
            if left > 0 {
                return Err(io::Error::other("the entry is shorter than the archive's directory says"));
            }
            if self.body.crc().sum() != self.crc {
                return Err(io::Error::other("the entry's checksum does not match"));
            }
        }
        Ok(n)
    }
}

/// Files that systems leave in folders and archives and nobody means.
fn is_clutter(path: &str) -> bool {
    path.starts_with("__MACOSX/")
        || path.rsplit('/').next().is_some_and(|name| name.starts_with('.') || name == "Thumbs.db")
}
