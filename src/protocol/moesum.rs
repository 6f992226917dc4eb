//! The summary file, `.moesum`: all counts of a load, the requests that a simulation can be filled from, and which files are in
//! it. Files of it merge to the same bytes in any grouping, so a cluster can make what one machine would.
//!
//! Layout: the line `moesum 3`, the XXH3 digest of what follows (8 bytes, little endian), then deflated postcard.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use xxhash_rust::xxh3::xxh3_64;

use super::{Dataset, moesum_2};

/// What every summary file starts with.
pub const MAGIC: &[u8] = b"moesum 3\n";

/// What those of the version before start with, which are read too.
const MAGIC_2: &[u8] = b"moesum 2\n";

/// Expert ids of requests that a summary file keeps: as many as fill the page's largest batch with different requests of a
/// hundred tokens, and few beside the counts.
const STORED_IDS: usize = 8 << 20;

/// Bytes that a summary may unpack to.
const LARGEST: u64 = 2 << 30;

/// The data set as a file: equal data sets give equal bytes.
///
/// # Errors
/// If it cannot be written; memory is the only reason.
pub fn to_moesum(dataset: &Dataset) -> Result<Vec<u8>, String> {
    let mut dataset = dataset.clone();
    dataset.normalise(STORED_IDS);
    let plain = postcard::to_stdvec(&dataset).map_err(|e| e.to_string())?;
    drop(dataset);
    // Level 3: a third of the time of the default for a tenth more bytes.
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::new(3));
    packed.write_all(&plain).map_err(|e| e.to_string())?;
    let packed = packed.finish().map_err(|e| e.to_string())?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&xxh3_64(&packed).to_le_bytes());
    bytes.extend_from_slice(&packed);
    Ok(bytes)
}

/// Reads such a file. Everything that the analyses rely on is checked: a hostile file is refused, never believed.
///
/// # Errors
/// What is wrong with it.
pub fn from_moesum(bytes: &[u8]) -> Result<Dataset, String> {
    let old = bytes.strip_prefix(MAGIC_2);
    let Some(rest) = bytes.strip_prefix(MAGIC).or(old) else {
        let newer = bytes.starts_with(b"moesum ");
        return Err(
            if newer { "a summary of another version of moescope; make it again" } else { "no summary file" }.into()
        );
    };
    let (digest, packed) = rest.split_first_chunk::<8>().ok_or("the summary ends within its header")?;
    if xxh3_64(packed).to_le_bytes() != *digest {
        return Err("the summary's digest does not match: it is damaged or cut off".into());
    }
    let mut plain = Vec::new();
    DeflateDecoder::new(packed)
        .take(LARGEST + 1)
        .read_to_end(&mut plain)
        .map_err(|e| format!("the summary cannot be unpacked: {e}"))?;
    if plain.len() as u64 > LARGEST {
        return Err(format!("the summary unpacks to more than {LARGEST} bytes"));
    }
    let read = if old.is_some() { moesum_2::read(&plain) } else { postcard::from_bytes(&plain) };
    let dataset: Dataset = read.map_err(|e| format!("the summary cannot be read: {e}"))?;
    dataset.check()?;
    Ok(dataset)
}
