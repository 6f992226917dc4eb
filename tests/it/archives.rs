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
