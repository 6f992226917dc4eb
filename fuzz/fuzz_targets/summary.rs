//! Any payload as a summary file, behind a right digest: refused, or sound for every analysis.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use moescope::protocol::{Asked, MAGIC, figures, from_moesum, to_moesum};

fuzz_target!(|payload: &[u8]| {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(payload).expect("memory");
    let packed = packed.finish().expect("memory");
    let wrapped = |magic: &[u8]| [magic, &xxhash_rust::xxh3::xxh3_64(&packed).to_le_bytes(), &packed].concat();
    // Of today, or of the version before: the seeds are of that.
    let read = from_moesum(&wrapped(MAGIC)).or_else(|_| from_moesum(&wrapped(b"moesum 2\n")));
    let Ok(dataset) = read else { return };
    let Some(part) = dataset.part() else { return };
    if part.summary.experts > 512 || part.summary.layers.len() > 64 {
        return;
    }
    let _ = moescope::analysis::report(&part.summary, Vec::new());
    let _ = figures(part, &Default::default(), Asked::All, moescope::model::Scope::All);
    let written = to_moesum(&dataset).expect("memory");
    assert!(from_moesum(&written).is_ok());
});
