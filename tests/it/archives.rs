//! Zip archives: order, damage, lies.

use std::io::{Cursor, Read};
use std::path::Path;

use moescope::format::{entries, open_entry};

use crate::support::zip;

#[test]
fn entries_come_in_natural_order_without_clutter() {
    let bytes = zip(&[("a/10.json", "x"), ("a/2.json", "y"), ("__MACOSX/a/2.json", "z"), (".DS_Store", "q")]);
    let (found, refused) = entries(Cursor::new(bytes.clone())).unwrap();
    assert_eq!(found.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), ["a/2.json", "a/10.json"]);
    assert_eq!(refused, []);
    let mut text = String::new();
    open_entry(Cursor::new(bytes), &found[1]).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "x");
}

#[test]
fn a_damaged_entry_is_an_error_not_a_trace() {
    let text = "[".repeat(5000);
    let bytes = zip(&[("a.json", &text)]);
    let (found, _) = entries(Cursor::new(bytes.clone())).unwrap();
    let mut lie = found[0].clone();
    lie.size = 100;
    let read = |entry: &moescope::format::Entry| {
        open_entry(Cursor::new(bytes.clone()), entry).unwrap().read_to_end(&mut Vec::new())
    };
    assert!(read(&lie).unwrap_err().to_string().contains("longer"));
    lie = found[0].clone();
    lie.crc ^= 1;
    assert!(read(&lie).unwrap_err().to_string().contains("checksum"));
    lie.header += 1;
    let elsewhere = open_entry(Cursor::new(bytes.clone()), &lie).err().unwrap();
    assert!(elsewhere.to_string().contains("a place where no entry is"));
    assert!(entries(Cursor::new(&bytes[..bytes.len() / 2])).is_err());
}

#[test]
fn an_archive_bomb_is_refused_by_how_it_expands() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    zip.start_file("bomb.json", zip::write::SimpleFileOptions::default()).unwrap();
    // Valid so far as it goes: a step, then a third of a gigabyte of space.
    zip.write_all(b"[{\"1\":[[7],[8]]},").unwrap();
    let spaces = vec![b' '; 1 << 20];
    (0..300).for_each(|_| zip.write_all(&spaces).unwrap());
    zip.write_all(b"]").unwrap();
    zip.start_file("sound.json", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"[{\"1\":[[3],[4]]},{\"1\":[[5]]}]").unwrap();
    zip.finish().unwrap();
    let out = crate::support::moescope(&["analyze", path.to_str().unwrap()]);
    let (said, found) = (String::from_utf8_lossy(&out.stderr), String::from_utf8_lossy(&out.stdout));
    assert!(said.contains("bomb.json: it unpacks to more than 250 times its size"), "{said}");
    assert!(found.starts_with("1 requests, 2 prefill and 1 decode"), "only the other entry is kept: {found}");
    assert_eq!(said.matches("bomb.json").count(), 1, "said once: {said}");
}

#[test]
fn an_archive_that_calls_itself_json_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/paper.zip"), &path).unwrap();
    let out = crate::support::moescope(&["analyze", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("x.json: not a trace: it is packed") && out.status.code() == Some(1), "{said}");
    assert_eq!(said.matches("x.json").count(), 1, "said once: {said}");
}

/// A zip of stored entries, byte for byte as given.
fn stored(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What `analyze` says of an archive: requests, and words.
fn analyze(name: &str, bytes: &[u8]) -> (u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let out = crate::support::moescope(&["analyze", path.to_str().unwrap(), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stderr), report["warnings"]);
    (report["requests"].as_u64().unwrap_or(0), said)
}

const TRACE: &str = r#"[{"1":[[3],[4]]},{"1":[[5]]}]"#;

#[test]
fn an_entry_whose_checksum_fails_is_not_counted() {
    let mut bytes = stored(&[("0.json", TRACE), ("1.json", &TRACE.replace('5', "6"))]);
    let at = bytes.windows(3).position(|w| w == b"[6]").unwrap() + 1;
    bytes[at] = b'7';
    let (requests, said) = analyze("x.zip", &bytes);
    assert!(said.contains("1.json: cannot be read: the entry's checksum does not match. Kept: nothing"), "{said}");
    assert_eq!(requests, 1, "what is said to be left out is");
}

#[test]
fn an_entry_shorter_than_its_directory_says_is_not_counted() {
    let mut bytes = stored(&[("0.json", TRACE), ("1.json", TRACE)]);
    // The unpacked size of the last entry in the directory.
    let header = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    bytes[header + 24] += 9;
    let (requests, said) = analyze("x.zip", &bytes);
    assert!(said.contains("1.json: cannot be read: the entry is shorter"), "{said}");
    assert_eq!(requests, 1);
}

#[test]
fn entries_of_one_name_and_names_with_dots_are_not_lost_without_a_word() {
    let mut bytes = stored(&[("a/0.json", TRACE), ("a/1.json", TRACE), ("b/../2.json", TRACE), ("..3.json", TRACE)]);
    // The second gets the name of the first: in its own header and in the directory.
    while let Some(at) = bytes.windows(8).position(|w| w == b"a/1.json") {
        bytes[at + 2] = b'0';
    }
    let (requests, said) = analyze("x.zip", &bytes);
    assert!(said.contains("x.zip/a/0.json: cannot be read: 2 entries have this name"), "{said}");
    assert_eq!(requests, 3, "one of the two, and both with dots");
}

fn tar(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        if kind.is_hard_link() || kind.is_symlink() {
            header.set_size(0);
            builder.append_link(&mut header, name, text).unwrap();
        } else {
            header.set_size(text.len() as u64);
            if kind.is_gnu_sparse() {
                // All of it behind a hole of one block.
                let gnu = header.as_gnu_mut().unwrap();
                gnu.sparse[0].set_offset(512);
                gnu.sparse[0].set_length(text.len() as u64);
                gnu.set_real_size(512 + text.len() as u64);
            }
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

#[test]
fn a_tar_that_is_cut_between_two_entries_is_said_to_be() {
    use tar::EntryType::Regular;
    let whole = tar(&[("0.json", Regular, TRACE), ("1.json", Regular, TRACE)]);
    let (requests, said) = analyze("x.tar", &whole);
    assert!(requests == 2 && !said.contains("cut off"), "{said}");
    // A header and a block of data each.
    let (requests, said) = analyze("x.tar", &whole[..1024]);
    assert!(said.contains("x.tar/after 1 files: cannot be read: the archive has no end mark: it is cut off"), "{said}");
    assert!(requests == 1 && said.contains("Kept: the files before"), "{said}");
    let (requests, said) = analyze("x.tar", &whole[..1024 + 512 + 20]);
    assert!(requests == 2 && said.contains("it ends after 20 of 29 bytes"), "its prompt is whole: {said}");
}

#[test]
fn links_and_holes_in_a_tar_are_not_lost_without_a_word() {
    use tar::EntryType::{GNUSparse, Link, Regular, Symlink};
    let entries = [
        ("0.json", Regular, TRACE),
        ("1.json", Link, "0.json"),
        ("2.json", Link, "elsewhere.json"),
        ("3.json", Symlink, "0.json"),
        ("4.json", GNUSparse, TRACE),
    ];
    let bytes = tar(&entries);
    let (requests, said) = analyze("x.tar", &bytes);
    assert_eq!(requests, 2, "a hard link is a file: {said}");
    for what in ["2.json: cannot be read: it is a hard link to elsewhere.json", "3.json: cannot be read: it is a link"]
    {
        assert!(said.contains(what), "{said}");
    }
    assert!(
        said.contains("4.json: cannot be read: it is stored with holes") || said.contains("after 3 files"),
        "{said}"
    );
}

#[test]
fn a_compressed_trace_that_is_cut_off_keeps_its_steps_and_says_so() {
    use std::io::Write;
    let steps: String = (0..4000).map(|i| format!(",{{\"1\":[[{}]]}}", i * 7919 % 256)).collect();
    let text = format!("[{{\"1\":[[3],[4]]}}{steps}]");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let (requests, said) = analyze("x.json.gz", &packed[..packed.len() / 2]);
    assert!(requests == 1 && said.contains("it is cut off") && said.contains("Kept: 2 prefill and"), "{said}");
    // A bit that is wrong, and found by the checksum at the end: nothing before it can be trusted.
    let mut wrong = packed;
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    let (requests, said) = analyze("x.json.gz", &wrong);
    assert!(requests == 0 && said.contains("Kept: nothing"), "{said}");
}

/// Reading ended at the tar's own end mark: a checksum that failed, or was cut off, was never looked at.
#[test]
fn a_packed_tar_whose_checksum_fails_or_is_cut_off_is_not_counted() {
    use std::io::Write;
    use tar::EntryType::Regular;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&tar(&[("0.json", Regular, TRACE), ("1.json", Regular, TRACE)])).unwrap();
    let packed = packed.finish().unwrap();
    let (requests, said) = analyze("x.tar.gz", &packed);
    assert_eq!(requests, 2, "{said}");
    let mut wrong = packed.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    for (bytes, what) in [(&wrong[..], "a wrong checksum"), (&packed[..packed.len() - 4], "a cut one")] {
        let (requests, said) = analyze("x.tar.gz", bytes);
        assert!(requests == 0 && said.contains("x.tar.gz") && said.contains("Kept: nothing"), "{what}: {said}");
    }
}
