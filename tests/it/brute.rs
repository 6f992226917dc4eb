//! Every analysis again, with dictionaries and lists, slow and plain, on random requests.

use std::collections::{BTreeMap, BTreeSet};

use moescope::analysis::{Report, report};
use moescope::model::Request;
use proptest::prelude::*;

use crate::support::summary;

const E: usize = 16;
const K: usize = 3;

fn requests() -> impl Strategy<Value = Vec<Request>> {
    // A skewed choice: half of the experts are rare.
    let row = proptest::sample::subsequence((0u16..16).collect::<Vec<_>>(), K).prop_map(|mut row| {
        row.rotate_left(1);
        row
    });
    let column = proptest::collection::vec(row, 9);
    let one = (proptest::collection::vec(column, 3), 1usize..9);
    proptest::collection::vec(one, 2..5).prop_map(|all| {
        let request = |(index, (columns, prefill)): (u64, (Vec<Vec<_>>, usize))| Request {
            index,
            top_k: K,
            prefill,
            tokens: 9,
            layers: vec![2, 5, 7],
            columns: columns.into_iter().map(|c: Vec<Vec<u16>>| c.concat()).collect(),
            ..Request::default()
        };
        (0..).zip(all).map(request).collect()
    })
}

type Table = BTreeMap<(usize, usize), f64>;

/// Tokens of a request in a scope.
fn tokens(r: &Request, scope: &str) -> std::ops::Range<usize> {
    match scope {
        "prefill" => 0..r.prefill,
        "decode" => r.prefill..r.tokens,
        _ => 0..r.tokens,
    }
}

fn pairs<'a>(requests: impl Iterator<Item = &'a Request>, l: usize, scope: &str, cross_layer: bool) -> Table {
    let mut table = Table::new();
    for r in requests {
        for t in tokens(r, scope) {
            let to = if cross_layer {
                r.row(l + 1, t)
            } else if t + 1 < tokens(r, scope).end {
                r.row(l, t + 1)
            } else {
                None
            };
            for &i in r.row(l, t).unwrap() {
                for &j in to.unwrap_or_default() {
                    *table.entry((i.into(), j.into())).or_default() += 1.0;
                }
            }
        }
    }
    table
}

fn row(table: &Table, i: usize) -> Vec<f64> {
    (0..E).map(|j| table.get(&(i, j)).copied().unwrap_or(0.0)).collect()
}

/// Indices, the largest value first, then the smaller index.
fn by_size(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order
}

fn top_mass(values: &[f64], n: usize) -> f64 {
    by_size(values)[..n].iter().map(|&i| values[i]).sum()
}

fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let rank = |v: &[f64]| -> Vec<f64> {
        v.iter()
            .map(|x| {
                v.iter().filter(|y| *y < x).count() as f64 + (v.iter().filter(|y| *y == x).count() as f64 + 1.0) / 2.0
            })
            .collect()
    };
    let (x, y) = (rank(a), rank(b));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x), mean(&y));
    let dot = |p: &[f64], mp: f64, q: &[f64], mq: f64| p.iter().zip(q).map(|(a, b)| (a - mp) * (b - mq)).sum::<f64>();
    let size = (dot(&x, mx, &x, mx) * dot(&y, my, &y, my)).sqrt();
    (size > 0.0).then(|| dot(&x, mx, &y, my) / size)
}

fn near(what: &str, ours: Option<f64>, plain: Option<f64>) -> Result<(), TestCaseError> {
    match (ours, plain) {
        (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9, "{}: {} and {}", what, a, b),
        (a, b) => prop_assert_eq!(a, b, "{}", what),
    }
    Ok(())
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn check_transitions(
    all: &[Request],
    r: &Report,
    l: usize,
    frequency: &BTreeMap<&str, Vec<f64>>,
) -> Result<(), TestCaseError> {
    let share = 4; // 20% of 16, rounded up.
    for cross_layer in [false, true] {
        if cross_layer && l == 2 {
            continue;
        }
        for scope in ["all", "prefill", "decode"] {
            let out = if cross_layer {
                &r.cross_layer[scope]
            } else {
                &r.cross_token[if scope == "all" { "joined" } else { scope }]
            };
            let name = format!("layer {l}, {scope}, cross-layer {cross_layer}");
            let table = pairs(all.iter(), l, scope, cross_layer);
            let busiest = by_size(&frequency[scope])[0];
            let of = row(&table, busiest);
            near(&name, out.coverage_top[l], ratio(top_mass(&of, share), of.iter().sum()))?;
            let total: f64 = table.values().sum();
            let covered: f64 = (0..E).map(|i| top_mass(&row(&table, i), share)).sum();
            near(&name, out.coverage_weighted[l], ratio(covered, total))?;
            let columns: Vec<f64> = (0..E).map(|j| (0..E).map(|i| row(&table, i)[j]).sum()).collect();
            near(&name, out.coverage_baseline[l], ratio(top_mass(&columns, share), total))?;
            let half =
                |odd: u64| row(&pairs(all.iter().filter(|r| r.index % 2 == odd), l, scope, cross_layer), busiest);
            let (even, odd) = (half(0), half(1));
            let chosen: f64 = by_size(&even)[..share].iter().map(|&j| odd[j]).sum();
            let known = even.iter().sum::<f64>() > 0.0;
            near(&name, out.coverage_heldout[l], ratio(chosen, odd.iter().sum()).filter(|_| known))?;
            if !cross_layer {
                let again: f64 = (0..E).map(|i| row(&table, i)[i]).sum();
                near(&name, out.diagonal_weighted.as_ref().unwrap()[l], ratio(again, total / K as f64))?;
                let each: Vec<f64> =
                    (0..E).filter_map(|i| ratio(row(&table, i)[i] * K as f64, row(&table, i).iter().sum())).collect();
                near(&name, out.diagonal_unweighted.as_ref().unwrap()[l], ratio(each.iter().sum(), each.len() as f64))?;
            }
        }
        let cells = |scope| (0..E).flat_map(|i| row(&pairs(all.iter(), l, scope, cross_layer), i)).collect::<Vec<_>>();
        let rho = if cross_layer { r.similarity.rho_cross_layer[l] } else { r.similarity.rho_cross_token[l] };
        near("rho of pairs", rho, spearman(&cells("prefill"), &cells("decode")))?;
    }
    Ok(())
}

/// Split halves of decode with what they allow, and repetition and gaps in lockstep.
fn check_halves_and_lockstep(all: &[Request], r: &Report, l: usize) -> Result<(), TestCaseError> {
    let half = |odd: u64| all.iter().filter(move |r| r.index % 2 == odd);
    let counts = |odd: u64| {
        let mut counts = vec![0.0; E];
        for q in half(odd) {
            tokens(q, "decode").flat_map(|t| q.row(l, t).unwrap()).for_each(|&e| counts[usize::from(e)] += 1.0);
        }
        counts
    };
    let cells = |odd: u64, next: bool| {
        let table = pairs(half(odd), l, "decode", next);
        (0..E).flat_map(|i| row(&table, i)).collect::<Vec<_>>()
    };
    let whole = |rho: Option<f64>| rho.filter(|r| *r > 0.0).map(|r| 2.0 * r / (1.0 + r));
    let s = &r.similarity;
    let rho = spearman(&counts(0), &counts(1));
    near("ceiling of frequencies", s.ceiling_frequency[l], whole(rho))?;
    let rho = spearman(&cells(0, false), &cells(1, false));
    near("split half of tokens", s.split_half_cross_token[l], rho)?;
    near("ceiling of tokens", s.ceiling_cross_token[l], whole(rho))?;
    if l < 2 {
        let rho = spearman(&cells(0, true), &cells(1, true));
        near("split half of layers", s.split_half_cross_layer[l], rho)?;
        near("ceiling of layers", s.ceiling_cross_layer[l], whole(rho))?;
    }
    let steps: Vec<BTreeSet<u16>> = (0..9)
        .map(|step| {
            let row = |q: &Request| tokens(q, "decode").nth(step).map(|t| q.row(l, t).unwrap().to_vec());
            all.iter().filter_map(row).flatten().collect()
        })
        .collect();
    let later = steps.windows(2);
    let again: usize = later.clone().map(|two| two[1].intersection(&two[0]).count()).sum();
    let needed: usize = later.map(|two| two[1].len()).sum();
    near("repetition in lockstep", r.repetition.lockstep[l], ratio(again as f64, needed as f64))
}

/// Uses by the tokens since their layer last used the expert, as bins of bit lengths: one request, and all in lockstep.
fn token_bins(all: &[Request]) -> [Vec<u64>; 2] {
    let mut bins = [vec![0u64; 8], vec![0u64; 8]];
    let mut add = |which: usize, stream: &[BTreeSet<u16>]| {
        for (t, set) in stream.iter().enumerate() {
            for e in set {
                if let Some(before) = stream[..t].iter().rposition(|s| s.contains(e)) {
                    bins[which][(t - before).ilog2() as usize + 1] += 1;
                }
            }
        }
    };
    for l in 0..3 {
        let of = |q: &Request| tokens(q, "decode").map(|t| q.row(l, t).unwrap().iter().copied().collect()).collect();
        let streams: Vec<Vec<BTreeSet<u16>>> = all.iter().map(of).collect();
        streams.iter().for_each(|s| add(0, s));
        let step = |step: usize| streams.iter().filter_map(|s| s.get(step)).flatten().copied().collect();
        add(1, &(0..9).map(step).collect::<Vec<_>>());
    }
    bins.map(|mut b| {
        b.truncate(b.iter().rposition(|&n| n > 0).map_or(0, |last| last + 1));
        b
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_analysis_agrees_with_dictionaries_and_lists(all in requests()) {
        let mut s = summary(&all);
        // The largest id may not occur: the size is given.
        s.experts = E;
        let r = report(&s, Vec::new());
        for (stream, bins) in ["per_request", "batched"].into_iter().zip(token_bins(&all)) {
            prop_assert_eq!(r.reuse[stream].log2_token_bins.as_ref().unwrap(), &bins, "{}", stream);
        }
        for l in 0..3 {
            let mut frequency = BTreeMap::new();
            for scope in ["all", "prefill", "decode"] {
                let mut counts = vec![0.0; E];
                for q in &all {
                    tokens(q, scope).flat_map(|t| q.row(l, t).unwrap()).for_each(|&e| counts[usize::from(e)] += 1.0);
                }
                let most = counts.iter().copied().fold(0.0, f64::max);
                near("skew", r.frequency[scope].skew[l], ratio(most * E as f64, counts.iter().sum()))?;
                frequency.insert(scope, counts);
            }
            near("rho", r.similarity.rho_frequency[l], spearman(&frequency["prefill"], &frequency["decode"]))?;
            for m in [5usize, 10, 20] {
                let within = &by_size(&frequency["prefill"])[..m.min(E)];
                let hits = by_size(&frequency["decode"])[..5].iter().filter(|e| within.contains(e)).count();
                near("overlap", r.similarity.decode_top5_in_prefill_top[&m.to_string()][l], Some(hits as f64 / 5.0))?;
            }
            check_transitions(&all, &r, l, &frequency)?;
            for w in [1usize, 2, 5, 64] {
                let (mut any, mut part, mut n) = (0.0, 0.0, 0.0);
                for q in &all {
                    for t in tokens(q, "decode").skip(1) {
                        let before: Vec<u16> = (q.prefill.max(t.saturating_sub(w))..t).flat_map(|u| q.row(l, u).unwrap().to_vec()).collect();
                        let hits = q.row(l, t).unwrap().iter().filter(|e| before.contains(e)).count();
                        any += f64::from(u8::from(hits > 0));
                        part += hits as f64 / K as f64;
                        n += 1.0;
                    }
                }
                near("repetition, any", r.repetition.any[w - 1][l], ratio(any, n))?;
                near("repetition, fraction", r.repetition.fraction[w - 1][l], ratio(part, n))?;
            }
            check_halves_and_lockstep(&all, &r, l)?;
            let mut together = Table::new();
            for q in &all {
                for t in 0..q.tokens {
                    for &a in q.row(l, t).unwrap() {
                        for &b in q.row(l, t).unwrap() {
                            if a < b {
                                *together.entry((a.into(), b.into())).or_default() += 1.0;
                            }
                        }
                    }
                }
            }
            let values: Vec<f64> = (0..E).flat_map(|b| (0..b).map(move |a| (a, b))).map(|p| together.get(&p).copied().unwrap_or(0.0)).collect();
            let total: f64 = values.iter().sum();
            let c = r.coactivation.as_ref().unwrap();
            near("strongest pair", c.max_ratio[l], Some(top_mass(&values, 1) * values.len() as f64 / total))?;
            near("top pairs", c.top10_share[l], Some(top_mass(&values, values.len().div_ceil(10)) / total))?;
        }
    }
}
