//! The scanner of paper traces gives the same whatever the pieces in which bytes arrive, and sections join to the same or to nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moescope::format::{PaperScanner, join};
use moescope::model::Labels;

fuzz_target!(|input: (u8, u16, Vec<u8>)| {
    let (piece, cut, bytes) = input;
    let scan = |size: usize| {
        let mut scanner = PaperScanner::new(Some(128));
        let _ = bytes.chunks(size).all(|part| scanner.feed(part));
        let (request, issues) = scanner.finish(0, Labels::default());
        (request, issues.finish("", "").len())
    };
    let size = usize::from(piece) + 1;
    let whole = scan(size);
    assert_eq!(whole, scan(bytes.len().max(1)));
    // The prompt is the first section's.
    let first = bytes.iter().position(|&b| b == b'{').map_or(1, |at| at + 1);
    let cut = usize::from(cut).max(first).min(bytes.len());
    let section = |from: usize, to: u64| {
        let mut scanner = PaperScanner::of_section(Some(128), &(from as u64..to));
        let _ = bytes[from..].chunks(size).all(|part| scanner.feed(part));
        scanner.section()
    };
    if cut >= first && let (Some(a), Some(b)) = (section(0, cut as u64), section(cut, u64::MAX)) {
        let joined = join(vec![a, b], 0, Labels::default());
        if let Some(request) = joined {
            assert_eq!(whole, (Some(request), 0));
        }
    }
});
