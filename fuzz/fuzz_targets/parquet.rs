//! Records in Parquet.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|bytes: &[u8]| {
    reader::once("parquet", bytes);
});
