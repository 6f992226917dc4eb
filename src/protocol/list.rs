//! The units of the user's files, in order: files as they are, entries of archives. Apart from reading them, which any worker does.

use std::io::Read;

use super::files::{of_file, unreadable};
use super::{Files, SourceFile, Unit};
use crate::format::{
    Container, Issue, Member, Packing, Problem, Refused, container, entries, is_tar, tar_members, unwrap,
};

/// Finds the units of the user's files, a file a step: archives open, the order is fixed.
pub struct List {
    sources: Vec<SourceFile>,
    next: usize,
    units: Vec<Unit>,
    issues: Vec<Issue>,
}

impl List {
    /// Lists these files.
    #[must_use]
    pub fn new(sources: Vec<SourceFile>) -> Self {
        Self { sources, next: 0, units: Vec::new(), issues: Vec::new() }
    }

    /// Files looked at, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (self.next as u64, self.sources.len() as u64)
    }

    /// Looks at the next file; the units once all were seen.
    #[inline(never)]
    pub fn step(&mut self, files: &dyn Files) -> Option<(Vec<Unit>, Vec<Issue>)> {
        let Some(source) = self.sources.get(self.next).cloned() else {
            let mut units = std::mem::take(&mut self.units);
            for (index, unit) in (0..).zip(&mut units) {
                unit.index = index;
            }
            return Some((units, std::mem::take(&mut self.issues)));
        };
        if let Err(why) = self.look(files, &source) {
            self.issues.push(unreadable(&source.path, &why));
        }
        self.next += 1;
        None
    }

    fn look(&mut self, files: &dyn Files, source: &SourceFile) -> std::io::Result<()> {
        // Half of the time of a folder of small files would go to their first bytes. What a name lies about, reading finds.
        if is_json(&source.path) {
            self.push(source.path.clone(), Packing::Plain, source.bytes);
            return Ok(());
        }
        let mut file = files.open(self.next)?;
        let head = head(&mut file)?;
        let found = container(&head);
        let refused = match found {
            None => {
                self.push(source.path.clone(), Packing::Plain, source.bytes);
                Vec::new()
            }
            Some(Container::Zip) => {
                let (found, refused) = entries(file)?;
                for entry in found {
                    let (path, size) = (format!("{}/{}", source.path, entry.path), entry.size);
                    self.push(path, Packing::Zip(entry), size);
                }
                refused
            }
            Some(Container::Tar) => self.tar(source, files.open(self.next)?, None)?,
            Some(around) => {
                if is_tar(&self::head(&mut unwrap(files.open(self.next)?, around)?)?) {
                    let inside = unwrap(files.open(self.next)?, around)?;
                    self.tar(source, inside, Some(around))?
                } else {
                    let path = source.path.trim_end_matches(".gz").trim_end_matches(".zst");
                    self.push(path.into(), Packing::Wrapped(around), source.bytes);
                    Vec::new()
                }
            }
        };
        for Refused { path, why, kept } in refused {
            let problem = Problem::Unreadable { why };
            self.issues.push(of_file(&format!("{}/{path}", source.path), problem, &kept));
        }
        Ok(())
    }

    fn tar(
        &mut self,
        source: &SourceFile,
        mut inside: impl Read,
        around: Option<Container>,
    ) -> std::io::Result<Vec<Refused>> {
        let (found, refused) = tar_members(&mut inside)?;
        // What is around a tar ends after the tar's own end mark, with a checksum of all of it: without it no member is believed.
        if around.is_some() && !refused.iter().any(Refused::is_end) {
            std::io::copy(&mut inside, &mut std::io::sink())?;
        }
        for Member { path, start, size } in found {
            self.push(format!("{}/{path}", source.path), Packing::Member { around, start, size }, size);
        }
        Ok(refused)
    }

    fn push(&mut self, path: String, packing: Packing, bytes: u64) {
        self.units.push(Unit { index: 0, source: self.next, path, packing, bytes, cut: None });
    }
}

/// Whether a file's name says that it is JSON.
pub(super) fn is_json(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".json")
}

fn head(source: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.take(512).read_to_end(&mut head)?;
    Ok(head)
}
