//! How far a long run is, on stderr. Apart from runs: only this needs a clock, and only whoever waits needs this.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::terminal::say;
use crate::units::{grouped, seconds};

/// Nobody needs to be told before.
const SILENT: Duration = Duration::from_secs(1);
/// Between two changes of a line on a terminal, and between two lines elsewhere.
const EVERY: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(30)];

/// The progress of one run.
pub(super) struct Progress {
    began: Instant,
    terminal: bool,
    /// When it was last told.
    told: Mutex<Option<Instant>>,
}

impl Progress {
    /// It begins now.
    pub(super) fn new() -> Self {
        Self { began: now(), terminal: stderr().is_terminal(), told: Mutex::new(None) }
    }

    /// So much is done of all.
    pub(super) fn at(&self, (done, total): (u64, u64)) {
        let (now, Ok(mut told)) = (now(), self.told.lock()) else { return };
        let wait = told.map_or(SILENT.saturating_sub(self.began.elapsed()), |told| {
            EVERY[usize::from(!self.terminal)].saturating_sub(now - told)
        });
        if wait > Duration::ZERO || done == 0 || done >= total {
            return;
        }
        *told = Some(now);
        let left = self.began.elapsed().as_secs_f64() * (total - done) as f64 / done as f64;
        let words =
            format!("{} of {} layers simulated, about {} to go", grouped(done), grouped(total), seconds(left.ceil()));
        if self.terminal {
            let _ = write!(stderr(), "\r\u{1b}[Kmoescope: {words}");
        } else {
            say!("{words}");
        }
    }
}

impl Drop for Progress {
    /// A line that was changed in place is no part of what is said.
    fn drop(&mut self) {
        if self.terminal && self.told.lock().is_ok_and(|told| told.is_some()) {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "progress needs a clock")]
fn now() -> Instant {
    Instant::now()
}
