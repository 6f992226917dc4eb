//! What was loaded: counts, the requests themselves (the simulator fills its batches from them) and what was wrong.
//! Apart from [`crate::analysis::Summary`], which must not grow with the number of requests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::Piece;
use super::badges::badges;
use super::bounds::{Shape, alone};
use super::info::Info;
use super::questions::questions;
use super::seen::Seen;
use crate::analysis::{Summary, experts_of};
use crate::format::{Found, Issue, Place, Problem, Told, alike};
use crate::model::{LAYER_IDS, Labels, Marking, Marks, ModelPreset, Phase, Request, UNKNOWN, model_of_shape};

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
    /// The requests are synthetic, not recorded.
    pub synthetic: bool,
    /// Digests of the files that a summary file was made of: none of them is counted twice.
    pub sources: BTreeSet<u64>,
    /// Sections of large files that wait for the others: see [`Dataset::join`]. Not in a file, only between workers.
    #[serde(skip)]
    pub pieces: Vec<Piece>,
    /// What its files are, the first of them. Not in a summary file: there it would be of another machine's.
    #[serde(skip)]
    pub seen: Seen,
    /// What the reader told of them.
    #[serde(skip)]
    pub told: Told,
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
    pub(super) counted: usize,
    /// Sum of the digests of all requests, cached or not.
    pub(super) digest: u64,
    /// Index of the first request that was not cached: those from it on are not cached either, whoever has them.
    pub(super) cut: Option<(u64, u32)>,
}

/// Requests counted at once.
const BATCH: usize = 64;
/// Expert ids cached for the simulator's batches (two bytes each). Beyond it the requests of lowest index stay; they are all
/// counted in any case.
pub(super) const CACHED_IDS: usize = 64 << 20;

impl Dataset {
    /// Adds the requests of the file at `path`, all at once. One whose tables no memory would hold is refused.
    pub fn add(&mut self, requests: Vec<Request>, path: &str) {
        for request in requests {
            if let Err(problem) = alone(&request) {
                self.refuse(request.index, path, problem);
                continue;
            }
            let part = self.parts.entry(request.top_k).or_default();
            part.digest = part.digest.wrapping_add(digest(&request));
            part.requests.push(request);
            part.paths.push(path.into());
        }
        if self.parts.values().any(|p| p.requests.len() - p.counted >= BATCH) {
            self.count_parts(BATCH);
            self.parts.values_mut().for_each(|p| p.cap(CACHED_IDS));
        }
    }

    /// Adds counts of the file at `path`, that came without requests.
    pub fn add_counts(&mut self, labels: &Labels, found: &Found, index: u64, path: &str) {
        let Found { counts, experts, top_k, .. } = found;
        if counts.is_empty() {
            return;
        }
        let summary = &mut self.parts.entry(0).or_default().summary;
        let mut shape = Shape::of(summary);
        counts.iter().for_each(|(layer, counts)| shape.add_counts(*layer, counts));
        match shape.together() {
            Ok(()) => {
                counts.iter().for_each(|(layer, counts)| summary.add_counts(labels, *layer, counts, *experts));
                // A K that is told beside counts: it makes tokens of them, and nothing else.
                summary.top_k = summary.top_k.max(*top_k);
            }
            Err(problem) => self.refuse(index, path, problem),
        }
    }

    /// Counts what was added: to be called before anything is asked.
    pub fn count(&mut self) {
        self.count_parts(0);
    }

    /// Takes the reader's word for what unmarked tokens are, or nobody's: what was loaded is counted again.
    ///
    /// # Errors
    /// Not all of its requests are held any more.
    pub fn mark(&mut self, marking: Option<Marking>) -> Result<(), String> {
        self.count();
        self.told.unmarked = marking;
        for part in self.parts.values_mut().filter(|p| p.requests.iter().any(|r| r.marks != Marks::Given)) {
            let (held, all) = (part.requests.len() as u64, part.summary.requests);
            if held < all {
                return Err(format!(
                    "only {held} of {all} requests are still at hand: say what unmarked tokens are before they are read"
                ));
            }
            part.requests.iter_mut().for_each(|r| r.mark(marking));
            part.summary = Summary::default();
            part.counted = 0;
            part.count();
        }
        Ok(())
    }

    /// Counts the parts in which at least so many requests wait.
    fn count_parts(&mut self, least: usize) {
        self.fit();
        self.parts.values_mut().filter(|p| p.requests.len() - p.counted >= least).for_each(Part::count);
    }

    /// Gives up the requests of a K whose tables would be too large together. Whatever worker reads what, all of them go at last.
    fn fit(&mut self) {
        let mut refused = Vec::new();
        self.parts.retain(|_, part| {
            let waiting = &part.requests[part.counted..];
            if waiting.is_empty() {
                return true;
            }
            let mut shape = Shape::of(&part.summary);
            waiting.iter().for_each(|r| shape.add(r));
            shape.together().map_err(|problem| refused.push((widest([&*part]), problem))).is_ok()
        });
        for ((index, path), problem) in refused {
            self.refuse(index, &path, problem);
        }
    }

    fn refuse(&mut self, index: u64, path: &str, problem: Problem) {
        let kept = match &problem {
            Problem::Together { top_k: 0, .. } => "nothing of any file of counts".into(),
            Problem::Together { top_k, .. } => format!("nothing of any file with {top_k} experts a token"),
            _ => "nothing".into(),
        };
        self.issues.push((index, Issue { file: path.into(), place: Place::default(), problem, count: 1, kept }));
    }

    /// Whether a request has this place.
    #[must_use]
    pub fn has_place(&self, index: u64) -> bool {
        self.parts.values().flat_map(Part::places).any(|(first, last)| (first..=last).contains(&index))
    }

    /// The place after all requests.
    #[must_use]
    pub fn next_place(&self) -> u64 {
        self.parts.values().flat_map(Part::places).map(|(_, last)| last + 1).max().unwrap_or(0)
    }

    /// The first place that requests of both have: their order could not be told.
    #[must_use]
    pub fn clash(&self, other: &Dataset) -> Option<u64> {
        let both = self.parts.iter().filter_map(|(k, part)| Some((part, other.parts.get(k)?)));
        both.filter_map(|(a, b)| first_shared(a.places(), b.places())).min()
    }

    /// Why the requests of a K, or all counts, were given up together, if any were: what came after is a part of them.
    #[must_use]
    pub fn given_up(&self) -> Option<&Issue> {
        self.issues.iter().map(|(_, i)| i).find(|i| matches!(i.problem, Problem::Together { .. }))
    }

    /// Lets go of what is left of requests that were given up.
    fn drop_given_up(&mut self) {
        for (_, issue) in &self.issues {
            if let Problem::Together { top_k, .. } = issue.problem {
                self.parts.remove(&top_k);
            }
        }
    }

    /// What was wrong, as reports print it: of many that are alike the first, and their number.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        alike(self.issues.iter().map(|(_, issue)| issue)).iter().map(ToString::to_string).collect()
    }

    /// The requests that are not counted yet.
    pub(super) fn uncounted(&self) -> impl Iterator<Item = &Request> {
        self.parts.values().flat_map(|p| &p.requests[p.counted..])
    }

    /// Counts all of them but their reuse distances, which [`Dataset::reuse_of`] counts elsewhere at the same time.
    pub(super) fn count_layers(&mut self) {
        self.fit();
        for part in self.parts.values_mut() {
            part.summary.add_layers(&part.requests[part.counted..]);
            part.counted = part.requests.len();
        }
    }

    /// Counts of them what batches are filled and placed by, and nothing else.
    pub(super) fn count_for_batches(&mut self) {
        self.fit();
        for part in self.parts.values_mut() {
            part.summary.add_for_batches(&part.requests[part.counted..]);
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
        let said = |d: &Self| d.issues.iter().any(|(_, i)| i.problem == Problem::SamePlaces);
        if said(self) {
            other.issues.retain(|(_, i)| i.problem != Problem::SamePlaces);
        } else if self.clash(&other).is_some() && !said(&other) {
            let (file, kept) = ("the summary files given".into(), "all of them".into());
            let issue = Issue { file, place: Place::default(), problem: Problem::SamePlaces, count: 1, kept };
            self.issues.push((0, issue));
        }
        for (k, theirs) in other.parts {
            let part = self.parts.entry(k).or_default();
            let mut shape = Shape::of(&part.summary);
            shape.merge(&theirs.summary);
            if let Err(problem) = shape.together() {
                let (index, path) = widest([&*part, &theirs]);
                self.parts.remove(&k);
                self.refuse(index, &path, problem);
                continue;
            }
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
        self.seen.merge(other.seen);
        self.files += other.files;
        self.bytes += other.bytes;
    }

    /// Puts everything in the order of the files, whatever worker read them, and keeps one K.
    pub fn settle(&mut self) {
        self.count();
        self.drop_given_up();
        for part in self.parts.values_mut() {
            part.sort();
            part.cap(CACHED_IDS);
        }
        let first = |p: &Part| p.requests.first().map_or(u64::MAX, |r| r.index);
        let Some((&chosen, _)) = self.parts.iter().min_by_key(|(_, p)| first(p)) else { return };
        let parts = std::mem::take(&mut self.parts);
        for (k, part) in parts {
            if k == chosen {
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
                let problem = Problem::OtherShape { expected: chosen, found: k };
                let issue = Issue { file: path, place: Place::default(), problem, count: 1, kept: "nothing".into() };
                self.issues.push((request.index, issue));
            }
        }
        self.say_slice();
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
            let ids = part.summary.layers.keys().all(|&id| u64::from(id) < LAYER_IDS);
            if !ids || Shape::of(&part.summary).together().is_err() {
                return wrong("its size");
            }
            part.summary.check().map_err(|what| format!("the summary is not sound: {what}"))?;
            if (k > 0 && part.summary.top_k != k)
                || part.paths.len() != part.requests.len()
                || part.counted != part.requests.len()
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

    /// Requests of all models, before one is chosen.
    #[must_use]
    pub fn all_requests(&self) -> u64 {
        self.parts.values().map(|part| part.summary.requests).sum()
    }

    /// The requests of the model that was chosen; none if nothing was loaded.
    #[must_use]
    pub fn part(&self) -> Option<&Part> {
        self.parts.values().next()
    }

    /// What there is to know about the load.
    #[must_use]
    pub fn info(&self) -> Info {
        let mut info = self.shape();
        info.questions = questions(&info);
        info.issues = alike(&info.issues);
        info
    }

    /// The same without what it leaves open.
    fn shape(&self) -> Info {
        let issues: Vec<Issue> = self.issues.iter().map(|(_, i)| i.clone()).collect();
        let badges = badges(&issues);
        let (synthetic, files, bytes) = (self.synthetic, self.files, self.bytes);
        let (seen, told) = (self.seen.clone(), self.told.clone());
        let empty = Info { synthetic, files, bytes, issues, badges, seen, told, ..Info::default() };
        let Some(part) = self.part() else { return empty };
        let s = &part.summary;
        Info {
            model: part.model().map(|m| m.name.into()),
            labels: s.subjects.keys().cloned().collect(),
            requests: s.requests,
            cached: part.requests.len() as u64,
            prefill: s.tokens[0],
            decode: s.tokens[1],
            unmarked: s.tokens[2],
            layers: s.layer_ids(),
            experts: s.experts,
            top_k: s.top_k,
            digest: part.digest(),
            ..empty
        }
    }
}

impl Part {
    fn count(&mut self) {
        self.summary.add(&self.requests[self.counted..]);
        self.counted = self.requests.len();
    }

    /// First and last place of each run of counted requests.
    fn places(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.summary.stream[Phase::Prefill as usize].runs()
    }

    fn sort(&mut self) {
        let mut both: Vec<_> =
            std::mem::take(&mut self.requests).into_iter().zip(std::mem::take(&mut self.paths)).collect();
        both.sort_by_key(|(r, _)| (r.index, r.sub));
        (self.requests, self.paths) = both.into_iter().unzip();
    }

    /// Lets go of counted requests beyond so many ids, those of highest index first. What one part lets go of, a merge lets
    /// go of too: else what is cached would depend on who read what.
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
        // Counts alone have no requests: each of them tells.
        let counts = if self.summary.is_counts() { digest_of_counts(&self.summary) } else { 0 };
        format!("{:016x}", self.digest.wrapping_add(counts))
    }
}

/// Digest of counts without requests: E, and every layer, expert and count. Experts that were never chosen say nothing more.
fn digest_of_counts(summary: &Summary) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&(summary.experts as u64).to_le_bytes());
    for (id, layer) in &summary.layers {
        for (expert, count) in (0u32..).zip(&layer.frequency[Phase::Unmarked as usize][0]).filter(|(_, n)| **n > 0) {
            hash.update(&id.to_le_bytes());
            hash.update(&expert.to_le_bytes());
            hash.update(&count.to_le_bytes());
        }
    }
    hash.digest()
}

/// The first number that a range of each of two lists of ranges holds, both in order.
fn first_shared(a: impl Iterator<Item = (u64, u64)>, b: impl Iterator<Item = (u64, u64)>) -> Option<u64> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        if x.0.max(y.0) <= x.1.min(y.1) {
            return Some(x.0.max(y.0));
        }
        if x.1 < y.1 {
            a.next()
        } else {
            b.next()
        };
    }
    None
}

/// Index and path of the request with most experts: it is why tables are as large as they are.
fn widest<const N: usize>(parts: [&Part; N]) -> (u64, String) {
    let all = parts.into_iter().flat_map(|p| p.requests.iter().zip(&p.paths));
    let found = all.max_by_key(|(r, _)| (experts_of(r), std::cmp::Reverse((r.index, r.sub))));
    found.map_or_else(|| (0, "the files given".into()), |(r, path)| (r.index, path.clone()))
}

/// Digest of one request with its place. Sums of these do not depend on who read which file.
pub(super) fn digest(request: &Request) -> u64 {
    let mut hash = Xxh3::new();
    // What the reader says of it changes no recording.
    let prefill = if request.marks == Marks::Given { request.prefill as u64 } else { u64::MAX };
    let shape = [request.top_k as u64, prefill, request.tokens as u64, request.layers.len() as u64];
    shape.iter().for_each(|n| hash.update(&n.to_le_bytes()));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted requests of one id each, with the path of their index.
    fn part(indexes: &[u64], cut: Option<u64>) -> Part {
        let one = |&index: &u64| Request {
            index,
            top_k: 1,
            tokens: 1,
            layers: vec![1],
            columns: vec![vec![0]],
            ..Request::default()
        };
        let requests: Vec<Request> = indexes.iter().map(one).collect();
        let paths = indexes.iter().map(ToString::to_string).collect();
        Part { counted: requests.len(), requests, paths, cut: cut.map(|index| (index, 0)), ..Part::default() }
    }

    fn capped(mut part: Part, most: usize) -> (Vec<u64>, Option<(u64, u32)>) {
        part.cap(most);
        assert_eq!((part.counted, part.paths.len()), (part.requests.len(), part.requests.len()));
        assert!(part.requests.iter().zip(&part.paths).all(|(r, path)| r.index.to_string() == *path));
        (part.requests.iter().map(|r| r.index).collect(), part.cut)
    }

    #[test]
    fn the_load_cap_keeps_the_lowest_indexes_that_fit() {
        assert_eq!(capped(part(&[5, 1, 3], None), 3), (vec![1, 3, 5], None));
        assert_eq!(capped(part(&[5, 1, 3], None), 2), (vec![1, 3], Some((5, 0))));
        assert_eq!(capped(part(&[5, 1, 3], None), 0), (vec![], Some((1, 0))));
    }

    #[test]
    fn the_load_cap_lets_go_of_what_another_part_let_go_of() {
        // There is room for all, but whoever read request 4 had none for it.
        assert_eq!(capped(part(&[1, 3, 4, 5], Some(4)), 9), (vec![1, 3], Some((4, 0))));
        assert_eq!(capped(part(&[1, 5], Some(4)), 9), (vec![1], Some((4, 0))));
        // The lower of two cuts holds.
        assert_eq!(capped(part(&[1, 3, 5], Some(4)), 1), (vec![1], Some((3, 0))));
        assert_eq!(capped(part(&[1, 3], Some(9)), 2), (vec![1, 3], Some((9, 0))));
    }

    #[test]
    fn a_merge_of_capped_parts_keeps_what_one_reader_would_keep() {
        let all = [0, 1, 2, 3, 4, 5];
        let (alone, _) = capped(part(&all, None), 2);
        let (mut left, mut right) = (part(&[0, 2, 4], None), part(&[1, 3, 5], None));
        left.cap(2);
        right.cap(2);
        assert_eq!((left.cut, right.cut), (Some((4, 0)), Some((5, 0))));
        let of = |part: Part| Dataset { parts: [(1, part)].into(), ..Dataset::default() };
        for (a, b) in [(left.clone(), right.clone()), (right, left)] {
            let mut both = of(a);
            both.merge(of(b));
            let merged = both.parts.remove(&1).unwrap();
            assert_eq!(merged.cut, Some((4, 0)));
            assert_eq!(capped(merged, 2).0, alone);
        }
    }
}
