//! Containers: entries of a `.zip` or `.tar`, `.gz` and `.zst` around one file or a tar. Each entry opens on its own. Apart from the zip crate's reader because that one borrows the archive:
//! a job that reads in slices, and a pool in which any worker opens any entry, need a reader that owns its source.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use flate2::{CrcReader, read::DeflateDecoder};
use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipArchive};

/// Entries of one archive: ten times the published set.
const MOST_ENTRIES: usize = 1 << 20;

/// Bytes of an entry's own header before its name.
const LOCAL_HEADER: usize = 30;

/// Bytes of an entry's header in the directory before its name.
const DIRECTORY_HEADER: usize = 46;

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

/// Whether these are the entries of what is one file to everybody: a torch archive, or arrays that NumPy saved together.
#[must_use]
pub fn is_one_file<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> bool {
    let torch = paths.clone().any(|p| p == "data.pkl" || p.ends_with("/data.pkl"));
    let arrays = paths.clone().next().is_some() && paths.clone().all(|p| p.ends_with(".npy") && !p.contains('/'));
    torch || arrays
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

/// A path inside an archive that cannot be read, or that tells of a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The path.
    pub path: String,
    /// Why.
    pub why: String,
    /// What was kept in spite of it.
    pub kept: String,
}

const BEFORE: &str = "the files before";

impl Refused {
    fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into(), kept: "nothing".into() }
    }

    /// Whether it is the archive itself that ends too early.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.kept == BEFORE
    }

    /// The archive ends too early.
    fn end(files: usize, why: impl Into<String>) -> Self {
        Self { kept: BEFORE.into(), ..Self::new(format!("after {files} files"), why) }
    }
}

/// A file in a tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path inside.
    pub path: String,
    /// The first byte of its content, from the start of the archive.
    pub start: u64,
    /// Bytes of its content.
    pub size: u64,
}

/// The files of a tar, in natural order; with them, what cannot be read and why.
///
/// # Errors
/// If the archive is damaged before its first file.
pub fn tar_members(source: impl Read) -> io::Result<(Vec<Member>, Vec<Refused>)> {
    let mut archive = tar::Archive::new(Ending { source, ended: false });
    let (mut found, mut refused): (Vec<Member>, Vec<Refused>) = (Vec::new(), Vec::new());
    let (mut links, mut broken): (Vec<(String, String)>, bool) = (Vec::new(), false);
    for (n, entry) in archive.entries()?.enumerate() {
        if n >= MOST_ENTRIES {
            refused.push(Refused::end(found.len(), format!("it has entries above the limit of {MOST_ENTRIES}")));
            broken = true;
            break;
        }
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                refused.push(Refused::end(found.len(), e.to_string()));
                broken = true;
                break;
            }
        };
        let path = entry.path().map_or_else(|_| "?".into(), |p| p.to_string_lossy().into_owned());
        let kind = entry.header().entry_type();
        if is_clutter(&path) || kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let sparse = kind.is_gnu_sparse()
            || entry
                .pax_extensions()
                .ok()
                .flatten()
                .is_some_and(|all| all.flatten().any(|e| e.key_bytes().starts_with(b"GNU.sparse")));
        if sparse {
            refused.push(Refused::new(path, "it is stored with holes (sparse); make the archive without --sparse"));
        } else if kind.is_file() || kind.is_contiguous() {
            found.push(Member { path, start: entry.raw_file_position(), size: entry.size() });
        } else if kind.is_hard_link() {
            let to = entry.link_name().ok().flatten().map(|p| p.to_string_lossy().into_owned());
            links.push((path, to.unwrap_or_default()));
        } else if kind.is_symlink() {
            refused.push(Refused::new(path, "it is a link; links inside an archive are not followed"));
        } else {
            refused.push(Refused::new(path, "it is no file (a device, a pipe, or of a kind that is not known)"));
        }
    }
    // Another name of the same bytes: in a folder both would be read.
    let files: BTreeMap<String, Member> =
        if links.is_empty() { BTreeMap::new() } else { found.iter().map(|m| (m.path.clone(), m.clone())).collect() };
    for (path, to) in links {
        match files.get(&to) {
            Some(file) => found.push(Member { path, ..file.clone() }),
            None => refused.push(Refused::new(path, format!("it is a hard link to {to}, which is not in the archive"))),
        }
    }
    if archive.into_inner().ended && !broken {
        let why = "the archive has no end mark: it is cut off, and files may be missing";
        refused.push(Refused::end(found.len(), why));
    }
    found.sort_by(|a, b| super::natural(&a.path, &b.path));
    Ok((found, refused))
}

/// Tells whether a tar was read to the end of its bytes: one that has its end mark is not.
struct Ending<R> {
    source: R,
    ended: bool,
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.ended |= n == 0 && !buf.is_empty();
        Ok(n)
    }
}

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
                refused.push(Refused::new(format!("entry {i}"), e.to_string()));
                continue;
            }
        };
        let path = match file.name() {
            Ok(name) => name.into_owned(),
            Err(e) => {
                refused.push(Refused::new(format!("entry {i}"), e.to_string()));
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
                refused.push(Refused::new(path, format!("compression {other} is not supported, only deflate")));
                continue;
            }
        };
        if file.encrypted() {
            refused.push(Refused::new(path, "the entry is encrypted"));
            continue;
        }
        let (header, packed, size, crc) = (file.header_start(), file.compressed_size(), file.size(), file.crc32());
        found.push(Entry { path, header, packed, size, stored, crc });
    }
    if archive.metadata().has_duplicate_names() {
        for (path, times) in names_again(archive)? {
            let why =
                format!("{times} entries have this name; only the last of them is read, as unpacking would leave it");
            refused.push(Refused { kept: "the last of them".into(), ..Refused::new(path, why) });
        }
    }
    found.sort_by(|a, b| super::natural(&a.path, &b.path));
    Ok((found, refused))
}

/// Names that stand several times in a directory, and how often: the zip crate keeps one entry for each.
fn names_again<S: Source>(archive: ZipArchive<S>) -> io::Result<BTreeMap<String, usize>> {
    let start = archive.central_directory_start();
    let mut source = archive.into_inner();
    source.seek(SeekFrom::Start(start))?;
    let mut source = BufReader::with_capacity(1 << 16, source);
    let mut times = BTreeMap::new();
    let mut header = [0; DIRECTORY_HEADER];
    while source.read_exact(&mut header).is_ok() && header.starts_with(b"PK\x01\x02") {
        let length = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let mut name = Vec::new();
        (&mut source).take(length(28)).read_to_end(&mut name)?;
        *times.entry(String::from_utf8_lossy(&name).into_owned()).or_insert(0) += 1;
        io::copy(&mut (&mut source).take(length(30) + length(32)), &mut io::sink())?;
    }
    times.retain(|_, n| *n > 1);
    Ok(times)
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

/// Files that systems leave in folders and archives and nobody means. A name that begins with two dots is no hidden one.
fn is_clutter(path: &str) -> bool {
    let hidden = |name: &str| name.starts_with('.') && !name.starts_with("..");
    path.starts_with("__MACOSX/") || path.rsplit('/').next().is_some_and(|name| hidden(name) || name == "Thumbs.db")
}
