//! The scanner of paper traces gives the same whatever the pieces in which bytes arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moescope::format::PaperScanner;
use moescope::model::Labels;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let scan = |size: usize| {
        let mut scanner = PaperScanner::new(Some(128));
        for part in bytes.chunks(size) {
            if !scanner.feed(part) {
                break;
            }
        }
        let (request, issues) = scanner.finish(0, Labels::default());
        (request, issues.finish("", "").len())
    };
    assert_eq!(scan(usize::from(piece) + 1), scan(bytes.len().max(1)));
});
