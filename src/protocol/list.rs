//! The units of the user's files, in order: files as they are, entries of archives. Apart from reading them, which any worker does.

use std::collections::BTreeMap;
use std::io::Read;

use super::files::{of_file, unreadable};
use super::{Files, SourceFile, Unit};
use crate::format::{
    Container, Finding, Issue, Member, Packing, Problem, Refused, Told, container, entries, is_one_file, is_tar,
    labels, number_after, tar_members, unwrap,
};
use crate::model::model_labelled;

/// Files that tell of the recordings beside them.
const BESIDE: [&str; 2] = ["config.json", "meta_info.json"];
/// They are small.
const LARGEST_BESIDE: u64 = 4 << 20;

/// Finds the units of the user's files, a file a step: archives open, the order is fixed.
pub struct List {
    sources: Vec<SourceFile>,
    told: Told,
    /// What files of a known name tell of those beside them, by their folder.
    beside: Vec<(String, Told)>,
    next: usize,
    units: Vec<Unit>,
    issues: Vec<Issue>,
}

impl List {
    /// Lists these files.
    #[must_use]
    pub fn new(sources: Vec<SourceFile>, told: Told) -> Self {
        Self { sources, told, beside: Vec::new(), next: 0, units: Vec::new(), issues: Vec::new() }
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
            let units = std::mem::take(&mut self.units);
            let mut units = self.one_model(units);
            for (index, unit) in (0..).zip(&mut units) {
                unit.index = index;
                unit.told = self.told(&unit.path);
            }
            return Some((units, std::mem::take(&mut self.issues)));
        };
        if let Err(why) = self.look(files, &source) {
            self.issues.push(unreadable(&source.path, &why));
        }
        self.next += 1;
        None
    }

    /// What is told of a file: by the reader, and by what lies beside it or above.
    fn told(&self, path: &str) -> Told {
        let nearest = self.beside.iter().filter(|(folder, _)| path.starts_with(folder.as_str()));
        let nearest = nearest.max_by_key(|(folder, _)| folder.len());
        // Dropped as files, without their folders.
        let only = if let [one] = &self.beside[..] { Some(one) } else { None };
        nearest.or(only).map_or_else(|| self.told.clone(), |(_, told)| self.told.or(told))
    }

    /// The files of the first model, if their folders name several, or of the first checkpoint: figures of several at once are of
    /// none.
    fn one_model(&mut self, mut units: Vec<Unit>) -> Vec<Unit> {
        let model = |unit: &Unit| {
            let label = labels(&unit.path).model;
            model_labelled(&label).map(|m| m.name.to_string()).or((!label.is_empty()).then_some(label))
        };
        let checkpoint = |unit: &Unit| {
            let mut folders = unit.path.rsplit(['/', '\\']).skip(1);
            let found = folders.find(|f| number_after(f, &["iter", "iteration", "checkpoint", "ckpt"]).is_some());
            found.map(ToString::to_string)
        };
        for (what, of) in [("model", &model as &dyn Fn(&Unit) -> Option<String>), ("checkpoint", &checkpoint)] {
            let Some(kept) = units.iter().find_map(of) else { continue };
            let mut others: BTreeMap<String, (String, usize)> = BTreeMap::new();
            units.retain(|unit| match of(unit).filter(|name| *name != kept) {
                None => true,
                Some(name) => {
                    let folder = unit.path.rfind(['/', '\\']).map_or("", |end| &unit.path[..end]);
                    others.entry(name).or_insert_with(|| (folder.into(), 0)).1 += 1;
                    false
                }
            });
            for (name, (folder, files)) in others {
                let found = if folder.contains(&name) { name } else { format!("{name} ({folder})") };
                let finding = Finding::Apart { what: what.into(), files, found, kept: kept.clone() };
                self.issues.push(of_file(&folder, finding.into(), "nothing of these files"));
            }
        }
        units
    }

    fn look(&mut self, files: &dyn Files, source: &SourceFile) -> std::io::Result<()> {
        let start = source.path.rfind(['/', '\\']).map_or(0, |end| end + 1);
        if BESIDE.contains(&&source.path[start..]) && source.bytes <= LARGEST_BESIDE {
            let mut bytes = Vec::new();
            files.open(self.next)?.take(LARGEST_BESIDE).read_to_end(&mut bytes)?;
            if let Some(told) = Told::read(&bytes) {
                self.beside.push((source.path[..start].into(), told));
                return Ok(());
            }
        }
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
                // What torch.save and numpy.savez write is one file, whatever it is packed with.
                if is_one_file(found.iter().map(|e| e.path.as_str())) {
                    self.push(source.path.clone(), Packing::Plain, source.bytes);
                    return Ok(());
                }
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
        self.units.push(Unit { index: 0, source: self.next, path, packing, bytes, cut: None, told: Told::default() });
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
