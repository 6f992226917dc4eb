//! Arrays of NumPy: a file of one, and the same as a part of an archive (`numpy.savez`).
#![no_main]

use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(b"PK") {
        return reader::once("torch-or-npz", bytes);
    }
    reader::once("npy", bytes);
    reader::once("torch-or-npz", &reader::zipped(&[("routed_experts.npy", bytes)]));
});
