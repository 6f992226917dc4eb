//! What was loaded: counts, the requests themselves (the simulator fills its batches from them) and what was wrong.
//! Apart from [`crate::analysis::Summary`], which must not grow with the number of requests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::Piece;
use crate::analysis::Summary;
use crate::format::{Issue, Place, Problem};
use crate::model::{Labels, ModelPreset, Request, UNKNOWN, model_of_shape};

/// Everything that one load found. It merges: any split of the files over workers gives the same result.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Dataset {
    /// Requests by K: a load that mixes models keeps the model of its first request.
    pub parts: BTreeMap<usize, Part>,
    /// What was wrong, with the position of its file.
    pub issues: Vec<(u64, Issue)>,
    /// Files read.
    pub files: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// The requests were made, not recorded.
    pub synthetic: bool,
    /// Digests of the files that a summary file was made of: none of them is counted twice.
    pub sources: BTreeSet<u64>,
    /// Sections of large files that wait for the others: see [`Dataset::join`]. Not in a file, only between workers.
    #[serde(skip)]
    pub pieces: Vec<Piece>,
}

/// Requests of one K.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Part {
    /// Their counts.
    pub summary: Summary,
    /// They themselves, by index.
    pub requests: Vec<Request>,
    /// Their paths, by index.
    pub paths: Vec<String>,
    /// How many of the requests are in the summary: they are counted in batches, see [`Summary::add`].
    counted: usize,
    /// Sum of the digests of all requests, kept or not.
    digest: u64,
    /// Index of the first request that was not kept: those from it on are not kept either, whoever has them.
    cut: Option<(u64, u32)>,
}

/// Requests counted at once.
const BATCH: usize = 64;
/// Expert ids kept for the simulator's batches (two bytes each). Beyond it the requests of lowest index stay; they are all
/// counted in any case.
pub(super) const KEPT_IDS: usize = 64 << 20;

/// What a load looks like from outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The requests were made, not recorded.
    pub synthetic: bool,
    /// Name of the model preset that fits, if one does.
    pub model: Option<String>,
    /// What the folders call the model and the data sets.
    pub labels: Vec<Labels>,
    /// Requests.
    pub requests: u64,
    /// Requests kept for the simulator; fewer than all if the cap cut.
    pub kept: u64,
    /// Prompt tokens.
    pub prefill: u64,
    /// Generated tokens.
    pub decode: u64,
    /// MoE layer ids.
    pub layers: Vec<u32>,
    /// Experts of a layer (E).
    pub experts: usize,
    /// Experts of a token (K).
    pub top_k: usize,
    /// Files read.
    pub files: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// Digest of the requests in order, 16 hexadecimal digits.
    pub digest: String,
    /// What was wrong, in the order of the files.
    pub issues: Vec<Issue>,
}

impl Dataset {
    /// Adds the requests of the file at `path`, all at once.
    pub fn add(&mut self, requests: Vec<Request>, path: &str) {
        for request in requests {
            let part = self.parts.entry(request.top_k).or_default();
            part.digest = part.digest.wrapping_add(digest(&request));
            part.requests.push(request);
            part.paths.push(path.into());
        }
        for part in self.parts.values_mut().filter(|p| p.requests.len() - p.counted >= BATCH) {
            part.count();
            part.cap(KEPT_IDS);
        }
    }

    /// Adds counts that came without requests.
    pub fn add_counts(&mut self, labels: &Labels, layer: u32, counts: &[u64]) {
        self.parts.entry(0).or_default().summary.add_counts(labels, layer, counts);
    }

    /// Counts what was added: to be called before anything is asked.
    pub fn count(&mut self) {
        self.parts.values_mut().for_each(Part::count);
    }

    /// The requests that are not counted yet.
    pub(super) fn uncounted(&self) -> impl Iterator<Item = &Request> {
        self.parts.values().flat_map(|p| &p.requests[p.counted..])
    }

    /// Counts all of them but their reuse distances, which [`Dataset::reuse_of`] counts elsewhere at the same time.
    pub(super) fn count_layers(&mut self) {
        for part in self.parts.values_mut() {
            part.summary.add_layers(&part.requests[part.counted..]);
            part.counted = part.requests.len();
        }
    }

    /// The reuse distances of requests, and nothing else.
    pub(super) fn reuse_of(requests: &[Request]) -> Self {
        let mut dataset = Self::default();
        for same in requests.chunk_by(|a, b| a.top_k == b.top_k) {
            dataset.parts.entry(same[0].top_k).or_default().summary.add_reuse(same);
        }
        dataset
    }

    /// Adds what another worker found.
    pub fn merge(&mut self, mut other: Dataset) {
        self.count();
        other.count();
        for (k, theirs) in other.parts {
            let part = self.parts.entry(k).or_default();
            part.counted += theirs.counted;
            part.digest = part.digest.wrapping_add(theirs.digest);
            part.cut = [part.cut, theirs.cut].into_iter().flatten().min();
            part.summary.merge(&theirs.summary);
            part.requests.extend(theirs.requests);
            part.paths.extend(theirs.paths);
        }
        self.issues.extend(other.issues);
        self.sources.extend(other.sources);
        self.pieces.extend(other.pieces);
        self.files += other.files;
        self.bytes += other.bytes;
    }

    /// Puts everything in the order of the files, whatever worker read them, and keeps one K.
    pub fn settle(&mut self) {
        self.count();
        for part in self.parts.values_mut() {
            part.sort();
            part.cap(KEPT_IDS);
        }
        let first = |p: &Part| p.requests.first().map_or(u64::MAX, |r| r.index);
        let Some((&kept, _)) = self.parts.iter().min_by_key(|(_, p)| first(p)) else { return };
        let parts = std::mem::take(&mut self.parts);
        for (k, part) in parts {
            if k == kept {
                self.parts.insert(k, part);
                continue;
            }
            if k == 0 {
                let file = part.summary.subjects.keys().next().map_or_else(String::new, |l| l.subject.clone());
                let kept = "nothing of the counts".into();
                let issue =
                    Issue { file, place: Place::default(), problem: Problem::CountsBesideRequests, count: 1, kept };
                self.issues.push((0, issue));
            }
            for (request, path) in part.requests.iter().zip(part.paths) {
                let problem = Problem::OtherShape { expected: kept, found: k };
                let issue = Issue { file: path, place: Place::default(), problem, count: 1, kept: "nothing".into() };
                self.issues.push((request.index, issue));
            }
        }
        self.sort_issues();
    }

    /// One form for equal data sets, for a file: everything counted, in order, with at most so many expert ids of requests.
    pub(super) fn normalise(&mut self, ids: usize) {
        self.count();
        for part in self.parts.values_mut() {
            part.sort();
            part.cap(ids);
            part.summary.normalise();
            part.counted = part.requests.len();
            // Where a file lay says nothing about it, and differs between machines.
            part.paths.iter_mut().for_each(String::clear);
        }
        self.sort_issues();
    }

    /// In the order of the files.
    fn sort_issues(&mut self) {
        self.issues.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.file.cmp(&b.1.file)));
    }

    /// Whether what was read from a file is what the analyses rely on.
    ///
    /// # Errors
    /// What is not.
    pub(super) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the summary is not sound: {what}"));
        for (&k, part) in &self.parts {
            part.summary.check().map_err(|what| format!("the summary is not sound: {what}"))?;
            if part.summary.top_k != k || part.paths.len() != part.requests.len() || part.counted != part.requests.len()
            {
                return wrong("its requests");
            }
            for r in &part.requests {
                let rows = r.tokens.checked_mul(k);
                let ids = r.columns.iter().flatten().all(|&id| usize::from(id) < part.summary.experts || id == UNKNOWN);
                let layers = r.layers.windows(2).all(|w| w[0] < w[1]) && r.layers.len() == r.columns.len();
                let known = r.layers.iter().all(|id| part.summary.layers.contains_key(id));
                let sizes = r.columns.iter().all(|c| Some(c.len()) == rows);
                if r.top_k != k || k == 0 || r.prefill > r.tokens || !ids || !layers || !known || !sizes {
                    return wrong("a request");
                }
            }
        }
        Ok(())
    }

    /// The requests of the model that was kept; none if nothing was loaded.
    #[must_use]
    pub fn part(&self) -> Option<&Part> {
        self.parts.values().next()
    }

    /// What there is to know about the load.
    #[must_use]
    pub fn info(&self) -> Info {
        let issues = self.issues.iter().map(|(_, i)| i.clone()).collect();
        let (synthetic, files, bytes) = (self.synthetic, self.files, self.bytes);
        let Some(part) = self.part() else { return Info { synthetic, files, bytes, issues, ..Info::default() } };
        let s = &part.summary;
        Info {
            synthetic,
            model: part.model().map(|m| m.name.into()),
            labels: s.subjects.keys().cloned().collect(),
            requests: s.requests,
            kept: part.requests.len() as u64,
            prefill: s.tokens[0],
            decode: s.tokens[1],
            layers: s.layer_ids(),
            experts: s.experts,
            top_k: s.top_k,
            files,
            bytes,
            digest: part.digest(),
            issues,
        }
    }
}

impl Part {
    fn count(&mut self) {
        self.summary.add(&self.requests[self.counted..]);
        self.counted = self.requests.len();
    }

    fn sort(&mut self) {
        let mut both: Vec<_> =
            std::mem::take(&mut self.requests).into_iter().zip(std::mem::take(&mut self.paths)).collect();
        both.sort_by_key(|(r, _)| (r.index, r.sub));
        (self.requests, self.paths) = both.into_iter().unzip();
    }

    /// Lets go of counted requests beyond so many ids, those of highest index first. What one part lets go of, a merge lets
    /// go of too: else what is kept would depend on who read what.
    fn cap(&mut self, most: usize) {
        if self.counted != self.requests.len() {
            return;
        }
        // In the order of the index, whatever the order of reading was.
        if !self.requests.is_sorted_by_key(|r| (r.index, r.sub)) {
            self.sort();
        }
        let (mut ids, cut) = (0, self.cut);
        let fits = |r: &&Request| {
            ids += r.columns.iter().map(Vec::len).sum::<usize>();
            ids <= most && cut.is_none_or(|cut| (r.index, r.sub) < cut)
        };
        let keep = self.requests.iter().take_while(fits).count();
        if let Some(first) = self.requests.get(keep) {
            let first = (first.index, first.sub);
            self.cut = Some(cut.map_or(first, |cut| cut.min(first)));
            self.requests.truncate(keep);
            self.paths.truncate(keep);
            self.counted = keep;
        }
    }

    /// The preset that the requests come from, if shape and labels tell.
    #[must_use]
    pub fn model(&self) -> Option<&'static ModelPreset> {
        let s = &self.summary;
        let label = s.subjects.keys().next().map(|l| l.model.as_str());
        let max_id = u16::try_from(s.experts.saturating_sub(1)).unwrap_or(u16::MAX);
        model_of_shape(label, s.layers.len(), max_id, s.top_k)
    }

    /// Digest of shape and expert ids of all requests and their order: 16 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let shape = self.summary.layers.iter().map(|(&id, l)| (id, l.frequency[0][0].iter().sum::<u64>()));
        // Counts alone have no requests: their sums tell them apart.
        let counts = if self.summary.top_k == 0 {
            shape.fold(1, |h, (id, n)| u64::wrapping_mul(h, 31).wrapping_add(u64::from(id) * 17).wrapping_add(n))
        } else {
            0
        };
        format!("{:016x}", self.digest.wrapping_add(counts))
    }
}

/// Digest of one request with its place. Sums of these do not depend on who read which file.
pub(super) fn digest(request: &Request) -> u64 {
    let mut hash = Xxh3::new();
    let shape = [request.top_k, request.prefill, request.tokens, request.layers.len()];
    shape.iter().for_each(|&n| hash.update(&(n as u64).to_le_bytes()));
    hash.update(&request.index.to_le_bytes());
    hash.update(&request.sub.to_le_bytes());
    request.layers.iter().for_each(|l| hash.update(&l.to_le_bytes()));
    let mut bytes = [[0; 2]; 512];
    for ids in request.columns.iter().flat_map(|c| c.chunks(512)) {
        bytes.iter_mut().zip(ids).for_each(|(to, id)| *to = id.to_le_bytes());
        hash.update(bytes[..ids.len()].as_flattened());
    }
    hash.digest()
}
