//! The paper scanner against serde_json, on whole, cut and damaged files, in any slicing.

use moescope::format::{Issue, PaperScanner, join};
use moescope::model::{Labels, Request};
use proptest::prelude::*;

use crate::support::{paper, t1, t2};

pub(crate) fn scan(text: &[u8], slice: usize) -> (Option<Request>, Vec<Issue>) {
    let mut scanner = PaperScanner::new(Some(128));
    for chunk in text.chunks(slice.max(1)) {
        if !scanner.feed(chunk) {
            break;
        }
    }
    let (request, issues) = scanner.finish(0, Labels::default());
    (request, issues.finish("x.json", "something"))
}

/// What the sections of a text between these offsets join to.
fn scan_sections(text: &[u8], cuts: &[usize], slice: usize) -> Option<Request> {
    let cuts: Vec<u64> = [0].into_iter().chain(cuts.iter().map(|&c| c as u64)).chain([u64::MAX]).collect();
    let sections = cuts.windows(2).map(|range| {
        let mut scanner = PaperScanner::of_section(Some(128), &(range[0]..range[1]));
        let from = usize::try_from(range[0]).unwrap();
        let _ = text[from..].chunks(slice.max(1)).all(|chunk| scanner.feed(chunk));
        scanner.section()
    });
    join(sections.collect::<Option<_>>()?, 0, Labels::default())
}

/// The one issue of a text.
#[track_caller]
fn issue(text: &str) -> (Option<Request>, String) {
    let (request, issues) = scan(text.as_bytes(), 7);
    assert_eq!(issues.len(), 1, "{issues:?}");
    (request, issues[0].to_string())
}

#[test]
fn both_spellings_of_a_trace_are_read() {
    for request in [t1(), t2()] {
        for pretty in [false, true] {
            for slice in [1, 2, 3, 16, 1 << 20] {
                let text = paper(&request, pretty);
                let (read, issues) = scan(text.as_bytes(), slice);
                assert_eq!(issues, []);
                assert_eq!(read.as_ref(), Some(&request), "slice {slice}, pretty {pretty}");
            }
        }
    }
}

#[test]
fn a_cut_file_keeps_its_whole_steps() {
    let text = r#"[{"1":[[5],[6]]},{"1":[[7]]},{"1":[[8"#;
    let (request, message) = issue(text);
    assert_eq!(request.unwrap().columns, [[5, 6, 7]]);
    assert!(
        message.contains("step 2") && message.contains("byte 37") && message.contains("layer 1 of step 2"),
        "{message}"
    );
}

#[test]
fn a_syntax_error_names_its_place() {
    let (request, message) = issue(r#"[{"1":[[5],[6]]},{"1":[[x]]}]"#);
    assert_eq!(request.unwrap().tokens, 2);
    assert!(message.contains("step 1, layer 1, token 0, byte 24: expected an expert id, found 'x'"), "{message}");
}

#[test]
fn rows_that_are_not_sound_become_unknown() {
    let cases = [
        (r#"[{"1":[[5,6],[7,7],[8,9]]}]"#, "token 1", "listed twice"),
        (r#"[{"1":[[5,6],[7],[8,9]]}]"#, "token 1", "1 expert ids in a row"),
        (r#"[{"1":[[5,6],[7,128],[8,9]]}]"#, "token 1", "id 128 is not below 128"),
        (r#"[{"1":[[5,6],[-1,-1],[8,9]]}]"#, "token 1", "unknown (-1)"),
        (r#"[{"1":[[5,6],[7,99999999999999999999],[8,9]]}]"#, "token 1", "is not below 128"),
    ];
    for (text, place, what) in cases {
        let (request, message) = issue(text);
        let request = request.unwrap();
        assert_eq!(
            (request.row(0, 0), request.row(0, 1), request.row(0, 2)),
            (Some(&[5, 6][..]), None, Some(&[8, 9][..]))
        );
        assert!(message.contains(place) && message.contains(what) && message.contains("byte"), "{message}");
    }
}

#[test]
fn layers_stay_in_step() {
    let (request, message) = issue(r#"[{"1":[[1],[2]],"3":[[4],[5]],"5":[[6],[7]]},{"1":[[1]],"5":[[6]]}]"#);
    let request = request.unwrap();
    assert_eq!((request.row(1, 1), request.row(1, 2), request.row(2, 2)), (Some(&[5][..]), None, Some(&[6][..])));
    assert!(message.contains("step 1, layer 3") && message.contains("missing"), "{message}");
    let (request, message) = issue(r#"[{"1":[[1],[2]],"3":[[4]],"5":[[6],[7]]}]"#);
    assert_eq!(request.unwrap().layers, [1, 5]);
    assert!(
        message.contains("layer 3") && message.contains("1 rows where the step's other layers have 2"),
        "{message}"
    );
    let (request, message) = issue(r#"[{"1":[[1]]},{"1":[[1],[2]]},{"1":[[3]]}]"#);
    assert_eq!(request.unwrap().columns, [[1, 3]]);
    assert!(message.contains("step 1") && message.contains("a decode step with 2 rows"), "{message}");
}

#[test]
fn what_is_no_trace_is_called_so() {
    for (text, what) in [
        ("", "an empty file"),
        ("hello", "not a trace"),
        ("{\"a\":1}", "not a trace"),
        ("[]", "no token"),
        ("[{}]", "no token"),
    ] {
        let (request, issues) = scan(text.as_bytes(), 3);
        assert_eq!(request, None);
        assert!(issues.iter().any(|i| i.to_string().contains(what)), "{text}: {issues:?}");
    }
}

/// What serde_json makes of a text, if it is a sound paper trace.
fn oracle(text: &[u8]) -> Option<Request> {
    type Step = std::collections::BTreeMap<u32, Option<Vec<Vec<u16>>>>;
    let steps: Vec<Step> = serde_json::from_slice(text).ok()?;
    let layers: Vec<u32> = steps.first()?.iter().filter(|(_, rows)| rows.is_some()).map(|(&l, _)| l).collect();
    let rows = |step: &Step, layer: u32| step.get(&layer).cloned().flatten();
    let columns = layers.iter().map(|&l| steps.iter().map(|s| Some(rows(s, l)?.concat())).collect::<Option<Vec<_>>>());
    let columns: Vec<Vec<u16>> = columns.map(|c| c.map(|c| c.concat())).collect::<Option<_>>()?;
    let first = rows(steps.first()?, *layers.first()?)?;
    let (top_k, prefill) = (first.first()?.len(), first.len());
    Some(Request { top_k, prefill, tokens: prefill + steps.len() - 1, layers, columns, ..Request::default() })
}

/// Bytes replaced, put in or taken out.
fn damage(text: &mut Vec<u8>, damages: Vec<(prop::sample::Index, u8, u8)>) {
    for (at, byte, how) in damages {
        let at = at.index(text.len());
        match how {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            _ => drop(text.remove(at)),
        }
    }
}

proptest! {
    #[test]
    fn sound_traces_read_as_serde_json_reads_them(
        prefill in 1usize..5, decode in 0usize..4, seed in any::<u64>(), pretty in any::<bool>(), slice in 1usize..40,
    ) {
        let id = |i: usize| u16::try_from((seed >> (i % 50)) % 60 * 2).unwrap() + u16::from(i % 2 == 1);
        let column = |l: usize| (0..prefill + decode).flat_map(|t| [id(l + t), 126 + u16::try_from(t % 2).unwrap()]).collect();
        let (layers, columns) = (vec![1, 2, 10], (0..3).map(column).collect());
        let request = Request { top_k: 2, prefill, tokens: prefill + decode, layers, columns, ..Request::default() };
        let text = paper(&request, pretty);
        let (read, issues) = scan(text.as_bytes(), slice);
        if issues.is_empty() {
            prop_assert_eq!(oracle(text.as_bytes()), read);
        } else {
            // The generator may have made duplicates, which are no JSON error.
            prop_assert!(issues.iter().all(|i| i.to_string().contains("listed twice")), "{:?}", issues);
        }
    }

    #[test]
    fn what_stands_between_ids_may_change_at_any_place(
        k in 1usize..4, tokens in 2usize..12, pretty in any::<bool>(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b" ,]}[{\"9a\n".to_vec()), 0u8..3), 0..4),
    ) {
        // Every token alike, so that all that stands between two ids comes again and again; a byte at a time knows none of it.
        let columns = vec![(0..tokens).flat_map(|t| (0..k).map(move |i| u16::try_from(t + 20 * i).unwrap())).collect(); 3];
        let request = Request { layers: vec![1, 3, 10], top_k: k, prefill: tokens / 2, tokens, columns, ..Request::default() };
        let mut text = paper(&request, pretty).into_bytes();
        damage(&mut text, damages);
        prop_assert_eq!(scan(&text, usize::MAX), scan(&text, 1));
    }

    #[test]
    fn sections_join_to_what_one_scanner_reads_and_to_nothing_that_it_would_report(
        k in 1usize..3, tokens in 2usize..12, pretty in any::<bool>(), slice in 1usize..400,
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 1..4),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b" ,]}[{\"9a\n".to_vec()), 0u8..3), 0..3),
    ) {
        let columns = vec![(0..tokens).flat_map(|t| (0..k).map(move |i| u16::try_from(t + 20 * i).unwrap())).collect(); 2];
        let request = Request { layers: vec![1, 3], top_k: k, prefill: tokens / 2, tokens, columns, ..Request::default() };
        let mut text = paper(&request, pretty).into_bytes();
        damage(&mut text, damages);
        // The prompt is the first section's.
        let first = text.iter().position(|&b| b == b'{').unwrap_or(0) + 1;
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len()).max(first)).collect();
        cuts.sort_unstable();
        let (whole, issues) = scan(&text, slice);
        prop_assert_eq!(scan_sections(&text, &cuts, slice), whole.filter(|_| issues.is_empty()));
    }

    #[test]
    fn damaged_bytes_never_panic(at in 0usize..200, byte in any::<u8>(), cut in 0usize..200, slice in 1usize..30) {
        let mut text = paper(&t1(), true).into_bytes();
        text.truncate(text.len().min(cut + 60));
        let at = at % text.len();
        text[at] = byte;
        let (request, issues) = scan(&text, slice);
        if let (Some(request), true) = (&request, issues.is_empty()) {
            prop_assert_eq!(oracle(&text), Some(request.clone()));
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    for model in moescope::synth::synthetic_models() {
        let request = moescope::synth::Generator::new(model, 1).request().unwrap();
        let mut text = Vec::new();
        moescope::format::write_paper(&request, &mut text).unwrap();
        let mut scanner = moescope::format::PaperScanner::new(Some(model.experts));
        assert!(scanner.feed(&text));
        let (read, issues) = scanner.finish(0, request.labels.clone());
        assert!(issues.is_empty(), "{}", model.name);
        assert_eq!(read, Some(request), "{}", model.name);
    }
}

#[test]
fn steps_that_lack_a_thousand_layers_are_not_filled_up() {
    // A prompt of a thousand layers, then steps of eleven bytes that each ask for a row in all of them.
    let layers: Vec<String> = (0..1024).map(|l| format!("\"{l}\":[[1]]")).collect();
    let text = format!("[{{{}}}{}]", layers.join(","), ",{\"0\":[[1]]}".repeat(40_000));
    let (request, issues) = scan(text.as_bytes(), 1 << 16);
    let said: Vec<String> = issues.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|i| i.contains("unknown rows, in steps that lack layers, above the limit")), "{said:?}");
    let tokens = request.unwrap().tokens;
    assert!((30_000..40_000).contains(&tokens), "{tokens}: what came before is kept");
}

#[test]
fn a_layer_too_many_is_refused_by_name() {
    let layers: Vec<String> = (0..1025).map(|l| format!("\"{l}\":[[1]]")).collect();
    let (request, issues) = scan(format!("[{{{}}}]", layers.join(",")).as_bytes(), 1 << 16);
    let said = issues[0].to_string();
    assert!(said.contains("step 0, layer 1024, byte") && said.contains("layers above the limit of 1024"), "{said}");
    assert_eq!(request, None, "no step is whole");
}
