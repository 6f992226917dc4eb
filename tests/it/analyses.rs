//! The tiny cases of the analyses' definitions, exactly, and laws that hold for any trace.

use moescope::analysis::{
    Caches, Half, Kind, Report, Setting, Summary, analyse, back_to_back, batched, cache_hits, coactivation, coverage,
    diagonal, frequency, jaccard, lockstep_stream, overlap, report, skew, spearman, spearman_brown, token_gaps, top,
    transition,
};
use moescope::model::{Labels, Marking, Marks, Phase, Request, Scope};
use proptest::prelude::*;

#[cfg(not(target_arch = "wasm32"))]
use crate::support::{moescope, paper};
use crate::support::{request, summary, t1, t2};

const EPSILON: f64 = 1e-12;

#[track_caller]
fn near(measured: Option<f64>, exact: f64) {
    let value = measured.unwrap();
    assert!((value - exact).abs() < EPSILON, "{value} is not {exact}");
}

#[test]
fn a_frequency_and_skew() {
    let s = summary(&[t1()]);
    let counts: Vec<_> = s.layers.values().map(|l| frequency(l, Scope::All, Half::Both, 4)).collect();
    assert_eq!(counts, [[4, 1, 1, 0], [0, 1, 0, 5]]);
    near(skew(&counts[0]), 8.0 / 3.0);
    near(skew(&counts[1]), 10.0 / 3.0);
}

#[test]
fn b_cross_layer() {
    let s = summary(&[t1()]);
    let c = coverage(&s, &s.layers[&1], Kind::CrossLayer, Scope::All);
    near(c.top, 3.0 / 4.0);
    near(c.weighted, 5.0 / 6.0);
    let s = summary(&[t2()]);
    let c = coverage(&s, &s.layers[&1], Kind::CrossLayer, Scope::All);
    near(c.top, 0.5);
    near(c.weighted, 0.5);
}

#[test]
fn c_cross_token_and_diagonal() {
    let s = summary(&[t1()]);
    for (layer, exact) in
        [(1, [1.0 / 3.0, 3.0 / 5.0, 1.0 / 5.0, 1.0 / 9.0]), (3, [3.0 / 4.0, 4.0 / 5.0, 3.0 / 5.0, 3.0 / 8.0])]
    {
        let c = coverage(&s, &s.layers[&layer], Kind::CrossToken, Scope::All);
        let table = transition(&s.layers[&layer], Kind::CrossToken, Scope::All, Half::Both, 4);
        let (weighted, unweighted) = diagonal(&table, 1);
        for (value, exact) in [c.top, c.weighted, weighted, unweighted].into_iter().zip(exact) {
            near(value, exact);
        }
    }
    let s = summary(&[t2()]);
    near(coverage(&s, &s.layers[&1], Kind::CrossToken, Scope::All).top, 0.5);
    let (weighted, unweighted) = diagonal(&transition(&s.layers[&1], Kind::CrossToken, Scope::All, Half::Both, 4), 2);
    near(weighted, 0.5);
    near(unweighted, 1.0 / 3.0);
}

#[test]
fn d_similarity() {
    let r = report(&summary(&[t1()]), Vec::new());
    near(r.similarity.rho_frequency[0], 0.5);
    near(r.similarity.rho_frequency[1], 3.0 / 13.5f64.sqrt());
    near(r.similarity.rho_cross_layer[0], 44.0 / (156.0 * 112.5f64).sqrt());
    let s = summary(&[t1()]);
    let [p, d] = [Scope::Prefill, Scope::Decode].map(|scope| frequency(&s.layers[&1], scope, Half::Both, 4));
    near(overlap(&d, 2, &p, 2), 0.5);
    assert_eq!(spearman(&[1, 1], &[1, 2]), None, "a constant vector has no ranks");
}

#[test]
fn e_repetition() {
    let s = summary(&[t1()]);
    let decode = |layer: u32| &s.layers[&layer].repetition[Phase::Decode as usize];
    near(decode(1).any(1), 0.0);
    near(decode(3).any(1), 1.0);
    near(decode(1).any(2), 0.5);
    near(decode(3).any(2), 1.0);
    let s = summary(&[t2()]);
    near(s.layers[&1].repetition[0].fraction(1), 0.5);
    near(s.layers[&3].repetition[0].fraction(1), 0.75);
}

/// A second request for T1's: layer 1 `1 1`, layer 3 `3 0`.
fn second() -> Request {
    request(1, 0, &[(1, &[&[1], &[1]]), (3, &[&[3], &[0]])])
}

/// The share of a step's distinct experts that the step before needed too: the form that "over 80% repetitive" speaks of.
#[test]
fn e_repetition_in_lockstep() {
    let r = analyse(&summary(&[t1(), second()]), &[], Vec::new(), &Setting::default());
    // Layer 1: {0,1} {1,2} {0}: one of two, none of one. Layer 3: {3} {0,3} {3}: one of two, one of one.
    near(r.repetition.lockstep[0], 1.0 / 3.0);
    near(r.repetition.lockstep[1], 2.0 / 3.0);
    let claim = r.observations.iter().find(|o| o.id == "claim").unwrap();
    near(claim.measured, 0.5);
    assert!(claim.name.contains("in lockstep"), "{}", claim.name);
    let single: Vec<_> = r.observations.iter().filter(|o| o.id == "claim").skip(1).collect();
    assert_eq!(single.len(), 2, "the two forms of one request stand beside it");
    assert!(single.iter().all(|o| !o.reading.contains("few") && !o.reading.contains("only")));
}

/// A correlation between halves is lower than one between wholes: 0.78 "of 0.68" was none.
#[test]
fn d_the_ceiling_is_that_of_all_requests() {
    near(spearman_brown(0.6), 0.75);
    near(spearman_brown(1.0), 1.0);
    assert_eq!((spearman_brown(0.0), spearman_brown(-0.5)), (None, None), "halves that disagree tell no ceiling");
    // Even and odd requests, decode of layer 1: counts [2,0,1] and [1,1,0] of ids 0 to 2.
    let odd = request(1, 0, &[(1, &[&[0], &[1]]), (3, &[&[3], &[3]])]);
    let r = report(&summary(&[t1(), odd]), Vec::new());
    let half = spearman(&[2, 0, 1, 0], &[1, 1, 0, 0]).unwrap();
    near(r.similarity.rho_noise_ceiling[0], half);
    near(r.similarity.ceiling_frequency[0], 2.0 * half / (1.0 + half));
    // Pairs of decode tokens, all sixteen cells: (0,2) (2,0) against (0,1).
    let cells = |ones: &[usize]| (0..16).map(|i| u64::from(ones.contains(&i))).collect::<Vec<_>>();
    near(r.similarity.split_half_cross_token[0], spearman(&cells(&[2, 8]), &cells(&[1])).unwrap());
    assert_eq!(r.similarity.ceiling_cross_token[0], None, "these halves have nothing in common");
    // To the next layer: (0,3) twice and (2,3) against (0,3) and (1,3).
    let mut even = cells(&[11]);
    even[3] = 2;
    let half = spearman(&even, &cells(&[3, 7])).unwrap();
    near(r.similarity.split_half_cross_layer[0], half);
    near(r.similarity.ceiling_cross_layer[0], 2.0 * half / (1.0 + half));
}

#[test]
fn f_reuse_in_tokens_and_in_bytes() {
    let all = summary(&[t1()]);
    // Layer 1 `0 2 0`: one use two tokens later. Layer 3 `3 3 3`: two uses a token later.
    assert_eq!(token_gaps(&all, Phase::Decode), [0, 2, 1]);
    let both = summary(&[t1(), second()]);
    // In steps of lockstep: 1 of layer 1 and 3 of layer 3 (twice) a step later, 0 of layer 1 two steps later; five first needs.
    assert_eq!(both.lockstep[Phase::Decode as usize].gaps(), (vec![0, 3, 1], 5));
    // Beyond the longest window gaps are no longer told apart, but none is lost.
    let rows: Vec<&[u16]> =
        std::iter::once(&[0u16][..]).chain(std::iter::repeat_n(&[1u16][..], 99)).chain([&[0u16][..]]).collect();
    let bins = token_gaps(&summary(&[request(0, 0, &[(1, &rows)])]), Phase::Decode);
    assert_eq!(bins, [0, 98, 0, 0, 0, 0, 0, 1]);
    assert_eq!(report(&both, Vec::new()).reuse["per_request"].bytes, None, "the size of an expert is not known");
    let caches = Caches { expert: 10.0, llc: 15.0, hbm: 29.0, device: "GPU" };
    let r = analyse(&all, &[], Vec::new(), &Setting { caches: Some(caches), ..Setting::default() });
    let bytes = r.reuse["per_request"].bytes.unwrap();
    // Of T1's six accesses a cache of one expert hits none, one of two hits two.
    near(bytes.llc_miss_ratio, 1.0);
    near(bytes.hbm_miss_ratio, 4.0 / 6.0);
    assert!(r.insights[3].answer.contains("holds 2.9 and hits 33.3% one request"), "{}", r.insights[3].answer);
}

/// 5 stands before 10: as text it does not.
#[test]
fn capacities_are_reported_in_the_order_of_numbers() {
    let r = analyse(&summary(&[t1()]), &[], Vec::new(), &Setting::default());
    let text = serde_json::to_string(&r).unwrap();
    let at = |key: &str, from: usize| from + text[from..].find(key).unwrap();
    let miss = at("\"miss_ratio\"", 0);
    assert!(["\"5\"", "\"10\"", "\"20\"", "\"50\""].map(|k| at(k, miss)).is_sorted());
    // NaN is null in JSON and comes back as NaN, which equals nothing.
    let again = serde_json::from_str::<Report>(&text).unwrap();
    assert_eq!((&again.reuse, &again.similarity), (&r.reuse, &r.similarity));
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}

#[test]
fn f_reuse_distance() {
    let s = summary(&[t1()]);
    let decode = &s.reuse[Phase::Decode as usize];
    assert_eq!((decode.accesses, decode.cold, &decode.histogram), (6, 3, &vec![0, 2, 1]));
    assert_eq!(decode.log2_bins(), [0, 2, 1]);
    near(decode.miss_ratio(2), 4.0 / 6.0);
    assert_eq!(decode.curve(), [(0, 1.0), (2, 4.0 / 6.0), (3, 3.0 / 6.0)]);
    let prefill = &summary(&[t2()]).reuse[0];
    // c c c c 2 c 3 3 3 4 c 3
    assert_eq!((prefill.accesses, prefill.cold, &prefill.histogram), (12, 6, &vec![0, 0, 1, 4, 1]));
}

#[test]
fn f_reuse_distance_of_a_batch() {
    let lockstep = batched(&summary(&[t1(), second()]), Phase::Decode);
    // Distances 1 3 4 1 beside five cold accesses.
    assert_eq!((lockstep.accesses, lockstep.cold, &lockstep.histogram), (9, 5, &vec![0, 2, 0, 1, 1]));
}

#[test]
fn g_coactivation() {
    let s = summary(&[t2()]);
    for layer in [1, 3] {
        let c = coactivation(&s.layers[&layer], 4);
        near(c.max_ratio, 4.0);
        near(c.top10_share, 2.0 / 3.0);
    }
    assert_eq!(report(&summary(&[t1()]), Vec::new()).coactivation, None, "top-1 has no pairs");
}

#[test]
fn h_subjects() {
    let x = top(&[2, 1, 1, 0], 2);
    let y = top(&[1, 1, 0, 2], 2);
    assert_eq!((x, y), (vec![0, 1], vec![3, 0]));
    near(overlap(&[2, 1, 1, 0], 2, &[1, 1, 0, 2], 2), 0.5);
    near(jaccard(&[2, 1, 1, 0], &[1, 1, 0, 2], 2), 1.0 / 3.0);
    assert_eq!(jaccard(&[0, 0], &[1, 0], 1), None, "what was never counted is like nothing");
}

#[test]
fn h_subjects_and_data_sets_tell_both_measures() {
    let of = |index: u64, dataset: &str, subject: &str, column: &[u16]| {
        let rows: Vec<&[u16]> = column.chunks(1).collect();
        let labels = Labels { dataset: dataset.into(), subject: subject.into(), ..Labels::default() };
        Request { labels, ..request(index, 0, &[(1, &rows)]) }
    };
    // Ids to 15, so that the top tens are not all experts: x uses 0 to 9, y 5 to 14.
    let (x, y): (Vec<u16>, Vec<u16>) = ((0..10).collect(), (5..15).collect());
    let all = [of(0, "a", "x", &x), of(1, "b", "y", &y), of(2, "a", "x", &x)];
    let r = report(&summary(&all), Vec::new());
    let subjects = r.subjects.unwrap();
    assert_eq!(subjects.names, ["x", "y"]);
    assert_eq!(subjects.overlap[0], [[1.0, 0.5], [0.5, 1.0]]);
    assert_eq!(subjects.jaccard[0], [[1.0, 1.0 / 3.0], [1.0 / 3.0, 1.0]]);
    let sets = r.datasets.unwrap();
    // Top fives: 0 to 4 and 5 to 9.
    assert_eq!((&sets.top5_shared[0][0], &sets.top5_jaccard[0][0]), (&vec![1.0, 0.0], &vec![1.0, 0.0]));
}

/// Requests of one shape with any routing.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let row = proptest::sample::subsequence((0u16..6).collect::<Vec<_>>(), 2);
    let column = proptest::collection::vec(row, 7);
    let one = (proptest::collection::vec(column, 2), 0usize..=7);
    proptest::collection::vec(one, 1..6).prop_map(|all| {
        let request = |(index, (columns, prefill)): (u64, (Vec<Vec<_>>, usize))| Request {
            index,
            top_k: 2,
            prefill,
            tokens: 7,
            layers: vec![1, 3],
            columns: columns.into_iter().map(|c: Vec<Vec<u16>>| c.concat()).collect(),
            ..Request::default()
        };
        (0..).zip(all).map(request).collect()
    })
}

/// The stack distance by its definition, slow and plain.
fn naive_distances(stream: &[usize]) -> Vec<Option<usize>> {
    let distance = |(t, object): (usize, &usize)| {
        let last = stream[..t].iter().rposition(|o| o == object)?;
        let mut between: Vec<_> = stream[last + 1..t].to_vec();
        between.sort_unstable();
        between.dedup();
        Some(between.len())
    };
    stream.iter().enumerate().map(distance).collect()
}

/// The accesses of one phase of some requests, as objects.
fn accesses(requests: &[Request], decode: bool) -> Vec<usize> {
    let of = |r: &Request| {
        let range = if decode { r.prefill..r.tokens } else { 0..r.prefill };
        let token = |t| {
            (0..r.layers.len()).flat_map(move |l| r.row(l, t).unwrap().iter().map(move |&e| l * 100 + usize::from(e)))
        };
        range.flat_map(token).collect::<Vec<_>>()
    };
    requests.iter().flat_map(of).collect()
}

proptest! {
    #[test]
    fn back_to_back_is_the_plain_stream_of_all_requests(all in requests(), order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        // Requests arrive in any order, one at a time.
        let mut s = Summary::default();
        for &i in order.iter().filter(|&&i| i < all.len()) {
            s.merge(&summary(&all[i..=i]));
        }
        for (phase, decode) in [(0, false), (1, true)] {
            let mut plain = moescope::analysis::DistanceCounts::default();
            naive_distances(&accesses(&all, decode)).into_iter().for_each(|d| plain.count(d));
            prop_assert_eq!(s.stream[phase].distances(), plain);
        }
    }

    /// Of a trace of one layer the caches of J and the reuse distances of F see one stream: LRU misses what they say.
    #[test]
    fn j_lru_is_what_reuse_distances_say(all in requests()) {
        let one = |r: &Request| Request { layers: vec![r.layers[0]], columns: vec![r.columns[0].clone()], ..r.clone() };
        let all: Vec<Request> = all.iter().map(one).collect();
        let s = summary(&all);
        let learnt = frequency(&s.layers[&1], Scope::All, Half::Both, s.experts);
        for phase in [Phase::Prefill, Phase::Decode] {
            for (stream, distances) in [
                (back_to_back(&all, 1, phase, Half::Both), s.stream[phase as usize].distances()),
                (lockstep_stream(&s.lockstep[phase as usize], 1), batched(&s, phase)),
            ] {
                let hits = cache_hits(&stream, s.experts, &learnt);
                prop_assert_eq!((hits.accesses, hits.cold), (distances.accesses, distances.cold));
                for c in 0..=s.experts {
                    let misses = hits.accesses - hits.lru[c];
                    let ratio = (hits.accesses > 0).then(|| misses as f64 / hits.accesses as f64);
                    prop_assert_eq!(ratio, distances.miss_ratio(c));
                }
            }
        }
    }

    #[test]
    fn any_split_and_order_merges_to_the_same_summary(all in requests(), cut in 0usize..6) {
        let whole = summary(&all);
        let (a, b) = all.split_at(cut.min(all.len()));
        let (mut left, mut right) = (summary(a), summary(b));
        let keep = left.clone();
        left.merge(&right);
        right.merge(&keep);
        // Compared as reports: an empty part may have allocated less.
        let reports = [whole, left, right].map(|s: Summary| report(&s, Vec::new()));
        prop_assert_eq!(&reports[0], &reports[1]);
        prop_assert_eq!(&reports[0], &reports[2]);
    }

    #[test]
    fn counts_obey_their_laws(all in requests()) {
        let s = summary(&all);
        for layer in s.layers.values() {
            let joined = transition(layer, Kind::CrossToken, Scope::All, Half::Both, s.experts);
            prop_assert_eq!(joined.cells.iter().sum::<u64>(), all.len() as u64 * 6 * 4, "six pairs of tokens, four of experts");
            let cross = transition(layer, Kind::CrossLayer, Scope::All, Half::Both, s.experts);
            prop_assert!(cross.cells.iter().sum::<u64>() % 4 == 0);
        }
        for counts in &s.reuse {
            prop_assert_eq!(counts.cold + counts.histogram.iter().sum::<u64>(), counts.accesses);
            let ratios: Vec<_> = (0..20).filter_map(|c| counts.miss_ratio(c)).collect();
            prop_assert!(ratios.is_sorted_by(|a, b| a >= b), "a larger cache never misses more");
        }
    }

    #[test]
    fn stack_distances_are_those_of_the_definition(stream in proptest::collection::vec(0usize..40, 0..400)) {
        let mut stack = moescope::analysis::StackDistance::new(40);
        let fast: Vec<_> = stream.iter().map(|&o| stack.access(o)).collect();
        prop_assert_eq!(fast, naive_distances(&stream));
    }
}

/// What the page tells, the command line tells: observations, insights, capacities in order; and tables with what a noise allows.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn the_command_line_tells_observations_and_insights() {
    let folder = tempfile::tempdir().unwrap();
    let (file, tables) = (folder.path().join("t1.json"), folder.path().join("tables"));
    std::fs::write(&file, paper(&t1(), false)).unwrap();
    let out = moescope(&["analyze", file.to_str().unwrap(), "--csv", tables.to_str().unwrap()]);
    let text = String::from_utf8(out.stdout).unwrap();
    for words in
        ["claim A step's experts", "Can the next layer's experts be fetched ahead?", "Ob2   Next token: coverage"]
    {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
    let line = text.lines().find(|l| l.starts_with("reuse, batched")).unwrap();
    let places = ["at 5%", "at 10%", "at 20%", "at 50%"].map(|words| line.find(words).unwrap());
    assert!(places.is_sorted(), "{line}");
    let layers = std::fs::read_to_string(tables.join("layers.csv")).unwrap();
    for column in ["rho_noise_ceiling", "ceiling_cross_token", "repetition_lockstep"] {
        assert!(layers.lines().next().unwrap().split(',').any(|c| c == column), "{column}");
    }
}

/// T1 without marks: nobody says where its prompt ends.
fn unmarked(index: u64) -> Request {
    Request { index, marks: Marks::None, prefill: 0, ..t1() }
}

#[test]
fn unmarked_tokens_are_a_phase_of_their_own_and_fill_e_f_and_batches() {
    let s = summary(&[unmarked(0)]);
    assert_eq!(s.tokens, [0, 0, 6]);
    let r = report(&s, Vec::new());
    assert_eq!((r.tokens.prefill, r.tokens.decode, r.tokens.unmarked), (0, 0, 6));
    assert_eq!((r.repetition.stream.as_str(), r.reuse["per_request"].scope.as_str()), ("unmarked", "unmarked"));
    assert_eq!(r.frequency["all"], r.frequency["unmarked"]);
    assert_eq!((r.frequency["prefill"].checksum, r.frequency["decode"].checksum), (0, 0));
    // Joined over the boundary: six tokens have five pairs, marked or not.
    let marked = report(&summary(&[t1()]), Vec::new());
    assert_eq!(r.cross_token["joined"].checksum, marked.cross_token["joined"].checksum);
    assert!(!marked.frequency.contains_key("unmarked"), "reports of marked traces have no such scope");
    assert!(r.warnings.iter().any(|w| w.starts_with("6 tokens are unmarked")), "{:?}", r.warnings);
    let shape = moescope::sim::Shape { layers: &[1], all_layers: 2, experts: 4 };
    let filled = moescope::sim::Workload::fill([&unmarked(0)], s.stream_phase(), shape, 1, 6, Vec::new());
    assert_eq!((filled.sources, filled.counts.iter().sum::<u32>()), (1, 6));
    // Beside a trace that decodes, E and F are of what it decodes.
    let both = summary(&[t1(), unmarked(1)]);
    assert_eq!((both.tokens, both.stream_phase()), ([3, 3, 6], Phase::Decode));
}

#[test]
fn the_readers_word_marks_what_the_recording_does_not() {
    let mut dataset = moescope::protocol::Dataset::default();
    dataset.add(vec![unmarked(0), Request { index: 1, ..t1() }], "x");
    dataset.count();
    let digest = dataset.info().digest;
    let tokens = |d: &moescope::protocol::Dataset| (d.info().prefill, d.info().decode, d.info().unmarked);
    assert_eq!(tokens(&dataset), (3, 3, 6));
    for (marking, expected) in [
        (Some(Marking::Prefill), (9, 3, 0)),
        (Some(Marking::Decode), (3, 9, 0)),
        (Some(Marking::First(2)), (5, 7, 0)),
        (Some(Marking::First(99)), (9, 3, 0)),
        (None, (3, 3, 6)),
    ] {
        dataset.mark(marking).unwrap();
        assert_eq!(tokens(&dataset), expected, "{marking:?}");
        assert_eq!(dataset.info().digest, digest, "the recording is the same");
    }
    dataset.mark(Some(Marking::First(3))).unwrap();
    let marked = summary(&[t1(), Request { index: 1, ..t1() }]);
    assert_eq!(dataset.part().unwrap().summary, marked, "as if the recording had said so");
}
