//! J: what a cache of one layer's experts would hit, by what it keeps. Apart from reuse distances: those are of all layers
//! together and of one policy, and merge; Belady's optimum looks ahead, so it needs the stream itself.
//!
//! LRU, LFU and Belady's optimum are stack algorithms: a cache of c experts always holds those at the first c places of one
//! stack, so one walk over the stream answers every capacity, in as many steps an access as the expert lies deep.

use super::{DistanceCounts, Half, Lockstep, StackDistance, top};
use crate::model::{Phase, Request};
use crate::units::small;

/// Accesses of a layer that are looked at: neither memory nor the wait for a figure may grow with the trace. 8192 tokens of a
/// top-8 model.
pub const MOST_ACCESSES: usize = 1 << 16;

/// Hits by capacity: `[c]` are those of a cache that holds c experts, from 0 to E. No policy hits the first use of an expert: what
/// is pinned too is fetched when it is first used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheHits {
    /// All accesses.
    pub accesses: u64,
    /// First accesses of an expert.
    pub cold: u64,
    /// The least recently used goes.
    pub lru: Vec<u64>,
    /// The least often used so far goes, of those alike the lowest id. Uses are counted also while an expert is not held.
    pub lfu: Vec<u64>,
    /// The experts of largest count stay; none other is ever held.
    pub pinned: Vec<u64>,
    /// Belady's optimum: of what is held and what was just used, that goes which is needed again last, or never.
    pub belady: Vec<u64>,
}

/// The hits of a stream of accesses to experts `0..experts`; others are left out. `counts` tells who is pinned.
///
/// LRU and LFU always keep what was just used. A pinned cache and Belady's need not: an expert that is not kept is used from a
/// buffer of its own. Without that, keeping the hottest could hit more often than the optimum.
#[must_use]
pub fn cache_hits(stream: &[u16], experts: usize, counts: &[u64]) -> CacheHits {
    let stream: Vec<usize> = stream.iter().map(|&e| e.into()).filter(|&e: &usize| e < experts).collect();
    let mut lru = DistanceCounts::default();
    let mut stack = StackDistance::new(experts);
    stream.iter().for_each(|&e| lru.count(stack.access(e)));
    let mut uses = vec![0; experts];
    let mut lfu = Ranked::default();
    for &e in &stream {
        uses[e] += 1;
        lfu.access(e, uses[e], true);
    }
    let mut belady = Ranked::default();
    for (&e, next) in stream.iter().zip(next_uses(&stream, experts)) {
        // The sooner, the higher; never is the lowest.
        belady.access(e, next.map_or(0, |at| (stream.len() - at) as u64), false);
    }
    CacheHits {
        accesses: lru.accesses,
        cold: lru.cold,
        lru: by_capacity(&lru.histogram, experts),
        lfu: by_capacity(&lfu.hits, experts),
        pinned: by_capacity(&pinned(&uses, counts), experts),
        belady: by_capacity(&belady.hits, experts),
    }
}

impl CacheHits {
    /// Hit ratios of one of the policies at every percent of E from 0 to 100, shares rounded up; none without accesses.
    #[must_use]
    pub fn ratios(&self, hits: &[u64]) -> Vec<f64> {
        let experts = hits.len().saturating_sub(1);
        let at = |percent| hits.get(crate::units::share_up(percent, experts)).copied().unwrap_or(0);
        let ratio = |percent| at(percent) as f64 / self.accesses as f64;
        if self.accesses > 0 { (0..=100).map(ratio).collect() } else { Vec::new() }
    }
}

/// Hits of each expert, the first to be pinned first.
fn pinned(uses: &[u64], counts: &[u64]) -> Vec<u64> {
    let mut counts = counts.to_vec();
    counts.resize(uses.len(), 0);
    top(&counts, counts.len()).into_iter().map(|e| uses[e].saturating_sub(1)).collect()
}

/// Sums of hits that need a capacity of one more than their place.
fn by_capacity(hits: &[u64], experts: usize) -> Vec<u64> {
    let mut sum = 0;
    let mut out = vec![0];
    for place in 0..experts {
        sum += hits.get(place).copied().unwrap_or(0);
        out.push(sum);
    }
    out
}

/// Where in the stream each access's expert is used next.
fn next_uses(stream: &[usize], experts: usize) -> Vec<Option<usize>> {
    let mut next = vec![None; experts];
    let mut out = vec![None; stream.len()];
    for (at, &e) in stream.iter().enumerate().rev() {
        out[at] = next[e].replace(at);
    }
    out
}

/// A stack whose first c places are what a cache of c experts holds, where of two experts that with the lower rank goes first, of
/// ranks alike that with the lower id.
#[derive(Default)]
struct Ranked {
    /// Rank and expert in one number, so that both are compared at once.
    places: Vec<u64>,
    /// Accesses by the place at which the expert stood.
    hits: Vec<u64>,
}

impl Ranked {
    /// Uses an expert that has this rank from now on. `kept`: a cache of any size holds it afterwards.
    fn access(&mut self, expert: usize, rank: u64, kept: bool) {
        let key = |expert: usize| u64::from(small(expert)) & 0xffff;
        let entry = rank << 16 | key(expert);
        let found = self.places.iter().position(|place| place & 0xffff == key(expert));
        let end = found.unwrap_or(self.places.len());
        match found {
            Some(place) => {
                if self.hits.len() <= place {
                    self.hits.resize(place + 1, 0);
                }
                self.hits[place] += 1;
            }
            None => self.places.push(entry),
        }
        let mut carried = entry;
        let mut from = 0;
        if kept && end > 0 {
            carried = std::mem::replace(&mut self.places[0], entry);
            from = 1;
        }
        // At each capacity the lower of two goes on to the next larger cache, until it stands where the expert stood.
        for place in &mut self.places[from..end] {
            let (high, low) = (carried.max(*place), carried.min(*place));
            *place = high;
            carried = low;
        }
        self.places[end] = carried;
    }
}

/// The experts that a layer uses in one phase, all requests one after another, token by token, ids as listed; the first
/// [`MOST_ACCESSES`].
#[must_use]
pub fn back_to_back(requests: &[Request], layer: u32, phase: Phase, half: Half) -> Vec<u16> {
    let mut stream = Vec::new();
    for request in requests.iter().filter(|r| half == Half::Both || r.is_odd() == (half == Half::Odd)) {
        let Ok(position) = request.layers.binary_search(&layer) else { continue };
        for row in request.rows(position, request.span(phase)).flatten() {
            stream.extend(row);
        }
        if stream.len() >= MOST_ACCESSES {
            stream.truncate(MOST_ACCESSES);
            break;
        }
    }
    stream
}

/// The experts that a layer uses when all requests run in lockstep: those of each step once, by id; the first
/// [`MOST_ACCESSES`].
#[must_use]
pub fn lockstep_stream(lockstep: &Lockstep, layer: u32) -> Vec<u16> {
    let mut stream = Vec::new();
    for step in 0..lockstep.steps() {
        for (word, &set) in (0u16..).zip(lockstep.set(layer, step)) {
            let bits = (0u16..64).filter(|bit| set >> bit & 1 == 1);
            stream.extend(bits.map(|bit| word * 64 + bit));
        }
        if stream.len() >= MOST_ACCESSES {
            stream.truncate(MOST_ACCESSES);
            break;
        }
    }
    stream
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hits of a cache that holds `capacity` experts, plainly: who goes is told by `goes`, of what may go.
    fn plain(stream: &[u16], capacity: usize, kept: bool, goes: impl Fn(usize, u16) -> (i64, u16)) -> u64 {
        let mut held: Vec<u16> = Vec::new();
        let mut hits = 0;
        for (at, &e) in stream.iter().enumerate() {
            if held.contains(&e) {
                hits += 1;
                continue;
            }
            held.push(e);
            if held.len() > capacity {
                let out = held.iter().copied().filter(|&h| !(kept && h == e)).min_by_key(|&h| goes(at, h));
                held.retain(|&h| Some(h) != out.or(Some(e)));
            }
        }
        hits
    }

    /// The most hits that any choice of what to hold can reach: every subset after every access.
    fn most(stream: &[u16], experts: usize, capacity: usize) -> u64 {
        let sets = 1usize << experts;
        let mut best = vec![None; sets];
        best[0] = Some(0u64);
        for &e in stream {
            let mut next = vec![None; sets];
            for (set, hits) in best.iter().enumerate().filter_map(|(s, h)| h.map(|h| (s, h))) {
                let hits = hits + (set >> e & 1) as u64;
                let may = set | 1 << e;
                for to in (0..sets).filter(|to| to & !may == 0 && to.count_ones() as usize <= capacity) {
                    next[to] = next[to].max(Some(hits));
                }
            }
            best = next;
        }
        best.into_iter().flatten().max().unwrap_or(0)
    }

    fn used(stream: &[u16], experts: usize) -> Vec<u64> {
        (0u16..).take(experts).map(|e| stream.iter().filter(|&&s| s == e).count() as u64).collect()
    }

    /// 0 1 0 2 0 1, by hand. One expert held: LRU and LFU always hold the last one, so they never hit; 0 pinned hits twice, as does
    /// holding 0 with a look ahead. Two: LRU `0 | 1 | hit | 2 for 1 | hit | 1 for 2`, LFU alike; 0 and 1 pinned hit 0 twice, 1 once.
    #[test]
    fn j_a_stream_by_hand() {
        let stream = [0, 1, 0, 2, 0, 1];
        let hits = cache_hits(&stream, 4, &used(&stream, 4));
        assert_eq!((hits.accesses, hits.cold), (6, 3));
        assert_eq!(hits.lru, [0, 0, 2, 3, 3]);
        assert_eq!(hits.lfu, [0, 0, 2, 3, 3]);
        assert_eq!(hits.pinned, [0, 2, 3, 3, 3]);
        assert_eq!(hits.belady, [0, 2, 3, 3, 3]);
        // 26% of four experts are two, by the rule of every share.
        let ratios = hits.ratios(&hits.lru);
        assert_eq!((ratios.len(), ratios[0], ratios[25], ratios[26], ratios[100]), (101, 0.0, 0.0, 2.0 / 6.0, 0.5));
    }

    /// 0 0 1 2 1 2 0 with two held. LRU: 0, hit, 1, 2 for 0, hit, hit, 0 for 1: three hits. LFU: 0, hit, 1; 2 takes the place of 1,
    /// which was used once and 0 twice; 1 that of 2; at the next 2 both others were used twice, and 0 goes: it misses at the end,
    /// one hit. The optimum lets 0 go at the first 2, and hits 0, 1 and 2.
    #[test]
    fn j_what_was_used_often_is_not_what_is_used_next() {
        let stream = [0, 0, 1, 2, 1, 2, 0];
        let hits = cache_hits(&stream, 3, &used(&stream, 3));
        assert_eq!((hits.lru[2], hits.lfu[2], hits.belady[2], hits.cold), (3, 1, 3, 3));
        assert_eq!((hits.lru[3], hits.lfu[3], hits.pinned[3], hits.belady[3]), (4, 4, 4, 4));
    }

    /// Of experts used alike the lowest id goes: at 2 both 0 and 1 were used once.
    #[test]
    fn j_ties_go_by_the_lowest_id() {
        let hits = |last| cache_hits(&[0, 1, 2, last], 3, &[]).lfu[2];
        assert_eq!((hits(0), hits(1)), (0, 1));
        // And of counts alike the lowest is pinned first.
        let pinned = |e: u16| cache_hits(&[e, e], 3, &[5, 5]).pinned;
        assert_eq!((pinned(0), pinned(1)), (vec![0, 1, 1, 1], vec![0, 0, 1, 1]));
    }

    /// What was learnt from elsewhere pins the wrong experts; no expert's first use is hit.
    #[test]
    fn j_pinned_by_other_counts() {
        let hits = cache_hits(&[0, 0, 0, 1], 2, &[1, 9]);
        assert_eq!(hits.pinned, [0, 0, 2]);
        assert_eq!(hits.belady, [0, 2, 2]);
    }

    #[test]
    fn j_nothing_is_no_number() {
        let none = cache_hits(&[], 3, &[]);
        assert_eq!((none.lru.clone(), none.belady.clone()), (vec![0; 4], vec![0; 4]));
        assert!(none.ratios(&none.lru).is_empty());
        assert!(cache_hits(&[], 0, &[]).ratios(&[]).is_empty());
        // An id that is no expert of the model is left out, as everywhere.
        assert_eq!(cache_hits(&[9, 1, 1], 2, &[]).accesses, 2);
    }

    proptest! {
        /// Every policy at every capacity, again by a set that is searched.
        #[test]
        fn j_every_capacity_again_plainly(stream in proptest::collection::vec(0u16..9, 0..120)) {
            let counts = used(&stream, 9);
            let hits = cache_hits(&stream, 9, &counts);
            for c in 0..=9 {
                let last = |at: usize, e: u16| stream[..at].iter().rposition(|&s| s == e).map_or(-1, |p| p as i64);
                prop_assert_eq!(hits.lru[c], plain(&stream, c, true, |at, e| (last(at, e), e)), "LRU of {}", c);
                let often = |at: usize, e: u16| stream[..=at].iter().filter(|&&s| s == e).count() as i64;
                prop_assert_eq!(hits.lfu[c], plain(&stream, c, true, |at, e| (often(at, e), e)), "LFU of {}", c);
                let soon = |at: usize, e: u16| {
                    stream[at + 1..].iter().position(|&s| s == e).map_or(i64::MIN, |p| -(p as i64))
                };
                prop_assert_eq!(hits.belady[c], plain(&stream, c, false, |at, e| (soon(at, e), e)), "Belady of {}", c);
                let held = top(&counts, c);
                let again: u64 = held.iter().map(|&e| counts[e].saturating_sub(1)).sum();
                prop_assert_eq!(hits.pinned[c], again);
            }
        }

        /// Nothing beats the optimum, no policy hits a first use, with room for all they are one, and LRU is what reuse distances say.
        #[test]
        fn j_laws(stream in proptest::collection::vec(0u16..20, 1..300), counts in proptest::collection::vec(0u64..9, 20)) {
            let hits = cache_hits(&stream, 20, &counts);
            let mut distances = DistanceCounts::default();
            let mut stack = StackDistance::new(20);
            stream.iter().for_each(|&e| distances.count(stack.access(e.into())));
            for c in 0..=20 {
                prop_assert!(hits.belady[c] >= hits.lru[c].max(hits.lfu[c]).max(hits.pinned[c]));
                let ratio = hits.lru[c] as f64 / hits.accesses as f64;
                prop_assert!((1.0 - distances.miss_ratio(c).unwrap() - ratio).abs() < 1e-12);
            }
            for policy in [&hits.lru, &hits.lfu, &hits.pinned, &hits.belady] {
                prop_assert_eq!(policy[20], hits.accesses - hits.cold);
                prop_assert!(policy.is_sorted() && policy[0] == 0);
            }
        }

        /// Belady's rule is the optimum over everything that could be held.
        #[test]
        fn j_belady_is_the_most_that_any_choice_reaches(stream in proptest::collection::vec(0u16..4, 0..14)) {
            let hits = cache_hits(&stream, 4, &[]);
            for c in 0..=4 {
                prop_assert_eq!(hits.belady[c], most(&stream, 4, c), "capacity {} of {:?}", c, &stream);
            }
        }
    }
}
