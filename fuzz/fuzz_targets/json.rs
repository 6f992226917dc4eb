//! JSON that is no paper trace: responses, dumps, rollouts, matrices.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|bytes: &[u8]| {
    reader::in_pieces("json", bytes);
});
