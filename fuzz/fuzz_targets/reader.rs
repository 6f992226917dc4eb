//! Any bytes to one reader by its name, whatever their first bytes say: what comes of it is sound, and nothing is lost without a word.
//! Shared by a target for each kind of file, so that each has inputs of its own.

// Each target is a program of its own, and uses a part of this.
#![allow(dead_code)]

use moescope::format::{About, Found, Ids, READERS, Told};
use moescope::model::Marking;

/// Reads `bytes` in pieces of that size.
fn read(name: &str, bytes: &[u8], piece: usize) -> Found {
    let reader = READERS.iter().find(|r| r.name == name).expect("a row of READERS");
    // What is told changes which way is taken: nothing, K alone, or all of it.
    let told = match bytes.len() % 3 {
        0 => Told::default(),
        1 => Told { top_k: Some(2), ..Told::default() },
        _ => Told {
            top_k: Some(2),
            layers: Some(3),
            dense: 1,
            experts: Some(8),
            keep_shared: true,
            ids: Some(Ids::Physical),
            unmarked: Some(Marking::First(2)),
            ..Told::default()
        },
    };
    let about = About { path: "olmoe/layer_3_rank0.x".into(), experts: told.experts, told, ..About::default() };
    let mut reading = (reader.open)(about);
    let _ = bytes.chunks(piece.max(1)).all(|part| reading.feed(part));
    reading.finish()
}

/// What is read, in words that two readings can be compared by.
fn sound(found: Found) -> (usize, String) {
    let all = found.requests.iter().chain(found.fragments.iter().map(|f| &f.request));
    for r in all {
        assert_eq!(r.layers.len(), r.columns.len(), "a column for each layer");
        assert!(r.layers.windows(2).all(|w| w[0] < w[1]), "layers in order");
        assert!(r.columns.iter().all(|c| c.len() == r.tokens * r.top_k), "a row for each token");
        assert!(r.prefill <= r.tokens && r.top_k > 0, "a prompt within the request");
    }
    let any = found.requests.len() + found.fragments.len() + found.counts.len() + usize::from(found.summary.is_some());
    assert!(any > 0 || !found.issues.is_empty(), "nothing is lost without a word");
    let words = format!("{:?} {:?} {:?}", found.requests, found.counts, found.fragments);
    (found.issues.finish("x", "y").len(), words)
}

/// One reading of a file that is read whole.
pub fn once(name: &str, bytes: &[u8]) {
    sound(read(name, bytes, bytes.len()));
}

/// Two readings of a file that is read as it comes: where it is cut changes nothing.
pub fn in_pieces(name: &str, bytes: &[u8]) {
    let (whole, pieces) = (read(name, bytes, bytes.len()), read(name, bytes, bytes.len() % 37 + 1));
    assert_eq!(sound(whole), sound(pieces), "the same whatever the pieces");
}

/// An archive with one stored part, or with two: a changed byte would else only break its checksum.
pub fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in parts {
        archive.start_file(*name, options).expect("memory");
        archive.write_all(bytes).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}
