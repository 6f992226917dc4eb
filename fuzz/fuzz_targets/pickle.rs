//! Pickles: bare, and as the part of an archive that torch saves, beside a storage of 64 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(b"PK") {
        return reader::once("torch-or-npz", bytes);
    }
    reader::once("pickle", bytes);
    reader::once("torch-or-npz", &reader::zipped(&[("archive/data.pkl", bytes), ("archive/data/0", &[1; 64])]));
});
