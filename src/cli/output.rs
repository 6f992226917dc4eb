//! A file that is written whole or not at all, by one process at a time. Apart from what is written: summaries and counts alike
//! must not be lost to a full disk, a second process or a machine that stops.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A path that this process alone writes, until this is dropped.
pub(super) struct Output {
    path: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl Output {
    /// Takes a path, before any work is done for it: its folder can be written to, and no other process has it.
    pub(super) fn claim(path: &Path) -> Result<Self> {
        let name = || format!("{} cannot be written", path.display());
        if path.is_dir() {
            bail!("{}: it is a folder", name());
        }
        // A device or a pipe must not be replaced by a file, nor a link: what it leads to is meant.
        if path.exists() && !path.is_file() {
            bail!("{}: it is no file", name());
        }
        let target = if path.is_symlink() { fs::canonicalize(path).with_context(name)? } else { path.to_path_buf() };
        let path = target.as_path();
        // Hidden, so that a folder that is read and written at once does not hold it.
        let lock = beside(path, "lock").with_context(name)?;
        loop {
            let held = OpenOptions::new().create(true).truncate(false).write(true).open(&lock).with_context(name)?;
            match held.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!("{}: another moescope is writing it", name()),
                // Some file systems of clusters know no locks: that is no reason to do nothing.
                Err(TryLockError::Error(why)) => eprintln!("moescope: {} is not locked here: {why}", path.display()),
            }
            // The one before may have removed, on its way out, the file that was just opened.
            if is_at(&held, &lock) {
                return Ok(Self { path: path.into(), lock, _held: held });
            }
        }
    }

    /// Writes the file beside its place, has it checked, and puts it in place: what is there is whole, now and after a power cut.
    pub(super) fn write(
        &self,
        fill: impl FnOnce(&mut File) -> Result<()>,
        check: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let name = || format!("{} cannot be written", self.path.display());
        let part = beside(&self.path, &format!("{}.part", std::process::id())).with_context(name)?;
        let written = (|| -> Result<()> {
            let mut file = File::create(&part)?;
            fill(&mut file)?;
            file.sync_all()?;
            drop(file);
            check(&part)?;
            fs::rename(&part, &self.path)?;
            Ok(())
        })();
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written.with_context(name)?;
        // The new name is on the disk once its folder is. Where folders cannot be opened, the system sees to it.
        if let Ok(folder) = File::open(folder(&self.path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // While it is still locked: who opened it before this finds another file there, or none.
        let _ = fs::remove_file(&self.lock);
    }
}

/// A hidden file in the same folder, whose name no other output's has.
fn beside(path: &Path, ending: &str) -> Result<PathBuf> {
    let name = path.file_name().context("it names no file")?.to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{ending}")))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().ok().zip(fs::metadata(path).ok()).is_some_and(|(a, b)| same(a, b))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
