//! What a command prints, and what it says meanwhile. Apart from the commands: none of them may end in a panic because nobody reads
//! stderr or the disk behind it is full, and none may pass a stranger's control characters on.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;

use crate::units::{is_command, printable};

/// Says a line on stderr. What cannot be said there is lost: there is nobody to tell.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::terminal::line(&format!($($words)*)) };
}
pub(super) use say;

/// Says a line on stderr, under the program's name.
pub(super) fn line(line: &str) {
    let _ = writeln!(io::stderr(), "moescope: {}", printable(line));
}

/// Stdout. A reader that has seen enough (`| head`) is no error: what comes after is dropped, and the files that were asked for are
/// still written. Ending at once, as other programs do, would leave `place --export` without its file.
pub(super) struct Out {
    stdout: io::StdoutLock<'static>,
    closed: bool,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { stdout: io::stdout().lock(), closed: false }
    }

    /// Ends it, and says whether all of it could be written.
    pub(super) fn finish(mut self) -> Result<()> {
        Ok(self.flush()?)
    }

    fn unless_closed(&mut self, write: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match write(&mut self.stdout) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            done => done.map_err(|e| io::Error::new(e.kind(), format!("stdout cannot be written: {e}"))),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    /// Who formats text or JSON writes whole characters. Lines end lines here; names with one in them are made printable before.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let escaped = std::str::from_utf8(bytes).ok().filter(|text| text.chars().any(|c| c != '\n' && is_command(c)));
        self.unless_closed(|stdout| match escaped {
            None => stdout.write_all(bytes),
            Some(text) => text.split_inclusive('\n').try_for_each(|line| {
                let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
                write!(stdout, "{}{end}", printable(line))
            }),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed(Write::flush)
    }
}
