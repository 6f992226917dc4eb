//! Work on several threads. Apart from loading: runs and the paper's figures share them too.

use std::thread::{Builder, available_parallelism};

use super::terminal::say;

/// Threads that are started at most: more than the cores of any machine that this was measured on, and few enough that their stacks
/// are no burden.
pub(super) const MOST_THREADS: usize = 256;

/// As many as the machine has cores.
pub(super) fn usual() -> usize {
    available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// The threads of those asked for that are started. Fewer give the same result, so a script that asks for more than a machine has goes on.
pub(super) fn bounded(asked: usize) -> usize {
    if asked > MOST_THREADS {
        say!("--threads {asked}: {MOST_THREADS} are started, more are of no use");
    }
    asked.min(MOST_THREADS)
}

/// Runs the same work on that many threads, of which this is one; they share it out themselves. What each one gives, in the order of
/// their start. Where the system starts no more, those that there are do the work.
pub(super) fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let mut handles = Vec::new();
        for n in 1..threads {
            match Builder::new().spawn_scoped(scope, &work) {
                Ok(handle) => handles.push(handle),
                Err(why) => {
                    say!("{n} of {threads} threads are started: {why}");
                    break;
                }
            }
        }
        let own = work();
        let others = handles.into_iter().map(|h| h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        [own].into_iter().chain(others).collect()
    })
}
