//! Paths to source files: folders are walked in natural order. What cannot be read in a folder is said, and the rest goes on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::format::{Issue, Place, Problem, Source, natural};
use crate::protocol::{Files, SourceFile};

/// Files of the command line, by position.
pub(super) struct Paths(pub(super) Vec<PathBuf>);

impl Files for Paths {
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>> {
        let path = self.0.get(source).ok_or_else(|| std::io::Error::other("no such source"))?;
        Ok(Box::new(fs::File::open(path)?))
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
/// it; what cannot be read inside a folder does not.
pub(super) fn collect(arguments: &[PathBuf]) -> Result<Listing> {
    let (mut paths, mut sources, mut issues) = (Vec::new(), Vec::new(), Vec::new());
    for argument in arguments {
        let about = fs::metadata(argument).with_context(|| argument.display().to_string())?;
        if !about.is_dir() && !about.is_file() {
            bail!("{}: it is no file (a pipe, a socket or a device)", argument.display());
        }
        let mut found = Vec::new();
        walk(argument, &mut Vec::new(), &mut found, &mut issues);
        found.sort_by(|a: &(PathBuf, u64), b| natural(&a.0.to_string_lossy(), &b.0.to_string_lossy()));
        for (path, bytes) in found {
            sources.push(SourceFile { path: path.to_string_lossy().into_owned(), bytes });
            paths.push(path);
        }
    }
    Ok(Listing { files: Paths(paths), sources, issues })
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
