//! Records, one a line of JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|bytes: &[u8]| {
    reader::in_pieces("records", bytes);
});
