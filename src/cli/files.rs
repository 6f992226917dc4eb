//! Paths to source files: folders are walked in natural order.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::format::{Source, natural};
use crate::protocol::{Files, SourceFile};

/// Files of the command line, by position.
pub(super) struct Paths(pub(super) Vec<PathBuf>);

impl Files for Paths {
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>> {
        let path = self.0.get(source).ok_or_else(|| std::io::Error::other("no such source"))?;
        Ok(Box::new(fs::File::open(path)?))
    }
}

/// The files under the arguments: arguments in their order, inside a folder in natural order.
pub(super) fn collect(arguments: &[PathBuf]) -> Result<(Paths, Vec<SourceFile>)> {
    let (mut paths, mut sources) = (Vec::new(), Vec::new());
    for argument in arguments {
        let mut found = Vec::new();
        walk(argument, &mut found).with_context(|| argument.display().to_string())?;
        found.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
        for path in found {
            let bytes = fs::metadata(&path).with_context(|| path.display().to_string())?.len();
            sources.push(SourceFile { path: path.to_string_lossy().into_owned(), bytes });
            paths.push(path);
        }
    }
    Ok((Paths(paths), sources))
}

fn walk(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        found.push(path.into());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            walk(&entry.path(), found)?;
        }
    }
    Ok(())
}
