//! Reads one recording and counts its experts, for `benches/rates.py`: the reading alone, without the analyses that a load counts besides.
//! Prints seconds, peak memory and the counts by layer.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::time::Instant;

use moescope::format::{About, HEAD, reader};
use moescope::model::UNKNOWN;

/// Bytes that are read at once, as a load does.
const PIECE: usize = 1 << 20;

#[expect(clippy::disallowed_methods, reason = "it is about time")]
fn main() {
    let Some(path) = std::env::args().skip(1).find(|a| !a.starts_with('-')) else {
        println!("rates: give a file; benches/rates.py does");
        return;
    };
    let began = Instant::now();
    let mut file = File::open(&path).unwrap();
    let mut piece = vec![0; PIECE];
    let mut n = file.read(&mut piece).unwrap();
    let mut reading = (reader(&piece[..n.min(HEAD)]).open)(About { path, ..About::default() });
    while n > 0 && reading.feed(&piece[..n]) {
        n = file.read(&mut piece).unwrap();
    }
    let found = reading.finish();
    let mut counts: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for request in &found.requests {
        for (layer, column) in request.layers.iter().zip(&request.columns) {
            let of = counts.entry(*layer).or_default();
            for &id in column.iter().filter(|&&id| id != UNKNOWN) {
                let at = usize::from(id);
                if of.len() <= at {
                    of.resize(at + 1, 0);
                }
                of[at] += 1;
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", serde_json::json!({ "seconds": seconds, "peak": peak(), "counts": counts }));
}

/// The most memory that the process held, in bytes; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0) * 1024
}
