//! A file that is written whole or not at all, by one process at a time, and over nothing that is read. Apart from what is written:
//! summaries, counts and tables alike must not be lost to a full disk, a second process or a machine that stops.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::files::file_of;
use super::terminal::say;
use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::xxh3_64;

/// What a command reads: nothing that it writes may lie over it.
#[derive(Default)]
pub(super) struct Inputs(Vec<(PathBuf, Identity)>);

impl Inputs {
    /// These files.
    pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let known = |path: &Path| Some((path.to_path_buf(), identity(file_of(path))?));
        Self(paths.into_iter().filter_map(known).collect())
    }

    /// Whether a path leads to one of them, by whatever name or link.
    pub(super) fn has(&self, path: &Path) -> Option<&Path> {
        let of = identity(path)?;
        self.0.iter().find(|(_, read)| *read == of).map(|(path, _)| path.as_path())
    }

    /// Refuses a folder in which files would be written over some of them.
    pub(super) fn refuse_in(&self, folder: &Path, written: impl Fn(&str) -> bool) -> Result<()> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten().filter(|e| written(&e.file_name().to_string_lossy())) {
            self.refuse(&entry.path())?;
        }
        Ok(())
    }

    fn refuse(&self, path: &Path) -> Result<()> {
        match self.has(path) {
            None => Ok(()),
            Some(read) if read == path => {
                bail!("{} would be written over, and it is read: give another name", path.display())
            }
            Some(read) => bail!(
                "{} would be written over, and it is read as {}: give another name",
                path.display(),
                read.display()
            ),
        }
    }
}

/// A path that this process alone writes, until this is dropped.
pub(super) struct Output {
    path: PathBuf,
    lock: PathBuf,
    _held: File,
}

/// Writes one of the files of a folder, whole or not at all.
pub(super) fn put(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    Output::take(path)?.write(fill, |_| Ok(()))
}

impl Output {
    /// Takes a path, before anything is read or done for it: it is none of the inputs, its folder can be written to, and no other
    /// process has it.
    pub(super) fn claim(path: &Path, inputs: &Inputs) -> Result<Self> {
        inputs.refuse(path)?;
        let output = Self::take(path)?;
        output.tidy();
        Ok(output)
    }

    fn take(path: &Path) -> Result<Self> {
        let name = || format!("{} cannot be written", path.display());
        if path == Path::new("-") {
            bail!("{}: a file is put in its place once it is whole, so it needs a name", name());
        }
        if path.is_dir() {
            bail!("{}: it is a folder", name());
        }
        // A device or a pipe must not be replaced by a file, nor a link: what it leads to is meant.
        if path.exists() && !path.is_file() {
            bail!("{}: it is no file", name());
        }
        // Putting another in its place would need no permission of it.
        if fs::metadata(path).is_ok_and(|about| about.permissions().readonly()) {
            bail!("{}: it is there, and read-only", name());
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
                Err(TryLockError::Error(why)) => say!("{} is not locked here: {why}", path.display()),
            }
            // The one before may have removed, on its way out, the file that was just opened.
            if is_at(&held, &lock) {
                return Ok(Self { path: path.into(), lock, _held: held });
            }
        }
    }

    /// Removes what runs that were stopped while they wrote it have left.
    fn tidy(&self) {
        let Ok(start) = beside(&self.path, "") else { return };
        let start = start.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let left = |name: &str| {
            let of = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".part"));
            of.is_some_and(|of| !of.is_empty() && of.bytes().all(|b| b.is_ascii_digit()))
        };
        let entries = fs::read_dir(folder(&self.path)).into_iter().flatten().flatten();
        for entry in entries.filter(|e| left(&e.file_name().to_string_lossy())) {
            let _ = fs::remove_file(entry.path());
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
            if let Ok(about) = fs::metadata(&self.path) {
                let _ = file.set_permissions(about.permissions());
            }
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

/// Bytes of a name to which an ending may be added: file systems hold 255.
const MOST_NAME: usize = 200;

/// A hidden file in the same folder, whose name no other output's has.
fn beside(path: &Path, ending: &str) -> Result<PathBuf> {
    let name = path.file_name().context("it names no file")?.to_string_lossy();
    if name.len() > MOST_NAME {
        return Ok(path.with_file_name(format!(".{:016x}.{ending}", xxh3_64(name.as_bytes()))));
    }
    Ok(path.with_file_name(format!(".{name}.{ending}")))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What makes two paths one file.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(unix)]
fn of(about: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (about.dev(), about.ino())
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|about| of(&about))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    fs::canonicalize(path).ok()
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    file.metadata().ok().map(|about| of(&about)) == identity(path)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
