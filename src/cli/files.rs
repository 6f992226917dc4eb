//! Paths to source files: folders are walked in natural order. What cannot be read in a folder is said, and the rest goes on.

use std::fs;
use std::io::{Cursor, IsTerminal, Read, stdin};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};

use super::terminal::say;
use crate::format::{Issue, Place, Problem, Source, natural};
use crate::protocol::{Files, SourceFile};
use crate::units::bytes as in_bytes;

/// Bytes that are taken from a pipe, which is kept in memory: readers seek, and several threads read one file.
pub(super) const MOST_PIPED: u64 = 1 << 30;

/// How standard input is called as a path, and in messages.
const STDIN: (&str, &str) = ("-", "stdin");
/// Its names as a file.
const STDIN_FILES: [&str; 3] = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// A file of the command line.
#[derive(Clone)]
pub(super) enum Given {
    /// By its path.
    Path(PathBuf),
    /// A pipe that is not read yet.
    Pipe(PathBuf),
    /// What came through one.
    Bytes(Arc<[u8]>),
}

/// Files of the command line, by position.
pub(super) struct Paths(pub(super) Vec<Given>);

impl Files for Paths {
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>> {
        match self.0.get(source) {
            Some(Given::Path(path)) => Ok(Box::new(fs::File::open(path)?)),
            Some(Given::Bytes(bytes)) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Some(Given::Pipe(_)) | None => Err(std::io::Error::other("no such source")),
        }
    }
}

/// What was found under the arguments.
pub(super) struct Listing {
    /// The files.
    pub(super) files: Paths,
    /// Names and sizes of the files.
    pub(super) sources: Vec<SourceFile>,
    /// What is no file.
    pub(super) issues: Vec<Issue>,
}

/// The files under the arguments: arguments in their order, inside a folder in natural order. An argument that cannot be read ends
/// it; what cannot be read inside a folder does not. Nothing is opened yet.
pub(super) fn collect(arguments: &[PathBuf]) -> Result<Listing> {
    let (mut files, mut sources, mut issues) = (Vec::new(), Vec::new(), Vec::new());
    for argument in arguments {
        if let Some(path) = pipe(argument)? {
            sources.push(SourceFile { path: called(&path), bytes: 0 });
            files.push(Given::Pipe(path));
            continue;
        }
        let mut found = Vec::new();
        walk(file_of(argument), &mut Vec::new(), &mut found, &mut issues);
        found.sort_by(|a: &(PathBuf, u64), b| natural(&a.0.to_string_lossy(), &b.0.to_string_lossy()));
        for (path, bytes) in found {
            sources.push(SourceFile { path: path.to_string_lossy().into_owned(), bytes });
            files.push(Given::Path(path));
        }
    }
    Ok(Listing { files: Paths(files), sources, issues })
}

impl Listing {
    /// The paths of all of them.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.0.iter().filter_map(|given| match given {
            Given::Path(path) | Given::Pipe(path) => Some(path.as_path()),
            Given::Bytes(_) => None,
        })
    }

    /// Reads the pipes among them to their ends.
    pub(super) fn with_pipes_read(mut self) -> Result<Self> {
        for (given, source) in self.files.0.iter_mut().zip(&mut self.sources) {
            if let Given::Pipe(path) = given {
                let bytes = drain(path)?;
                source.bytes = bytes.len() as u64;
                *given = Given::Bytes(bytes.into());
            }
        }
        Ok(self)
    }
}

/// Whether a path means standard input.
fn is_stdin(path: &Path) -> bool {
    path == Path::new(STDIN.0) || STDIN_FILES.iter().any(|name| path == Path::new(name))
}

/// The file that a path means.
pub(super) fn file_of(path: &Path) -> &Path {
    if is_stdin(path) { Path::new(STDIN_FILES[0]) } else { path }
}

/// A path as messages call it.
fn called(path: &Path) -> String {
    if is_stdin(path) { STDIN.1.into() } else { path.to_string_lossy().into_owned() }
}

/// The path, if it is one of what can be read once, from its beginning to its end.
fn pipe(path: &Path) -> Result<Option<PathBuf>> {
    let about = match fs::metadata(file_of(path)) {
        Ok(about) => about,
        // Where there is no such file, there may be a standard input.
        Err(_) if is_stdin(path) => return Ok(Some(path.into())),
        Err(why) => return Err(why).with_context(|| path.display().to_string()),
    };
    if about.is_dir() || about.is_file() {
        return Ok(None);
    }
    // Standard input may be a socket, which has no path.
    if !is_stdin(path) && !is_stream(&about) {
        bail!("{}: it is no file (a socket or a disk)", path.display());
    }
    Ok(Some(path.into()))
}

#[cfg(unix)]
fn is_stream(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    about.file_type().is_fifo() || about.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_stream(_: &fs::Metadata) -> bool {
    false
}

/// All that comes through a pipe.
fn drain(path: &Path) -> Result<Vec<u8>> {
    /// Whether standard input was read: a second time nothing would come.
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let name = || called(path);
    let mut bytes = Vec::new();
    let from: Box<dyn Read> = if is_stdin(path) {
        if TAKEN.swap(true, Ordering::Relaxed) {
            bail!("stdin is given twice: it can be read once");
        }
        if stdin().is_terminal() {
            say!("reading a recording from the terminal; Ctrl-D ends it");
        }
        Box::new(stdin())
    } else {
        Box::new(fs::File::open(path).with_context(name)?)
    };
    from.take(MOST_PIPED + 1).read_to_end(&mut bytes).with_context(name)?;
    if bytes.len() as u64 > MOST_PIPED {
        bail!("{}: more than {} came; save it as a file, and give that", name(), in_bytes(MOST_PIPED as f64));
    }
    Ok(bytes)
}

/// All bytes of a file, or of a pipe.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    match pipe(path)? {
        Some(path) => drain(&path),
        None => fs::read(file_of(path)).with_context(|| path.display().to_string()),
    }
}

/// The files under a path, with their sizes; `above` are the folders on the way, as they really lie.
fn walk(path: &Path, above: &mut Vec<PathBuf>, found: &mut Vec<(PathBuf, u64)>, issues: &mut Vec<Issue>) {
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(why) if path.is_symlink() => {
            return issues.push(no_file(path, &format!("a link that leads to no file: {why}")));
        }
        Err(why) => return issues.push(no_file(path, &why)),
    };
    if about.is_file() {
        return found.push((path.into(), about.len()));
    }
    if !about.is_dir() {
        return issues.push(no_file(path, &"it is a pipe, a socket or a device"));
    }
    // A link to a folder above would be walked for ever.
    let inside = fs::canonicalize(path).and_then(|real| Ok((real, fs::read_dir(path)?)));
    let (real, entries) = match inside {
        Ok(inside) => inside,
        Err(why) => return issues.push(no_file(path, &why)),
    };
    if above.contains(&real) {
        return issues.push(no_file(path, &"a link to a folder that it lies in"));
    }
    above.push(real);
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_name().to_string_lossy().starts_with('.') => {}
            Ok(entry) => walk(&entry.path(), above, found, issues),
            Err(why) => issues.push(no_file(path, &why)),
        }
    }
    above.pop();
}

/// Something in a folder that is no file to read.
pub(super) fn no_file(path: &Path, why: &impl ToString) -> Issue {
    let problem = Problem::NoFile { why: why.to_string() };
    Issue {
        file: path.to_string_lossy().into_owned(),
        place: Place::default(),
        problem,
        count: 1,
        kept: "nothing".into(),
    }
}
