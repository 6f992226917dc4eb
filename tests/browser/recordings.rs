//! Ten kinds of recordings that people have, dropped on the page: read as the command line reads them, with the same checks, and what a
//! file does not hold is asked for in place.

use super::*;

/// Folders of ../shared/cases, one kind each.
const KINDS: [&str; 10] = [
    "01-vllm-npy-dense-zeros",
    "02-vllm-openai-b64-npy",
    "05-sglang-b64-flat-int32",
    "06-sglang-stat-pt",
    "07-sglang-per-token-pt",
    "09-sglang-legacy-csv",
    "15-llamacpp-imatrix-gguf",
    "22-vllm-log-moe-jsonl",
    "24-vllm-npz-object",
    "31-router-logits-npz",
];

#[test]
fn ten_kinds_of_recordings_open_with_their_checks_and_questions() {
    let Ok(cases) = root().join("../shared/cases").canonicalize() else {
        eprintln!("SKIPPED: ../shared/cases is absent: no recordings to drop");
        return;
    };
    let Some((mut b, url)) = begin() else { return };
    for kind in KINDS {
        let entries = std::fs::read_dir(cases.join(kind)).unwrap().map(|e| e.unwrap().path());
        let mut files: Vec<PathBuf> = entries.filter(|p| !p.ends_with("case.md")).collect();
        files.sort();
        let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        b.open(&format!("{url}?{kind}#v=2&view=explore&steps=1&layers=1"));
        settled(&mut b);
        b.drop_files("#drop", &paths);
        let asks = kind.starts_with("31");
        if asks {
            // Scores of a router do not say how many experts it takes: the sheet asks, and reads on.
            b.wait("document.querySelector('dialog#trace').open && !!document.querySelector('#ask-top-k')");
            assert!(b.text("#issues").contains("top-k"), "{}", b.text("#issues"));
            choose(&mut b, "ask-top-k", "4");
        }
        b.wait("document.querySelector('#source')?.textContent.startsWith('Your trace')");
        b.wait("document.documentElement.dataset.asking === '0'");
        // The same numbers, the same words of warning.
        let mut line = vec!["analyze"];
        line.extend(files.iter().map(|p| p.to_str().unwrap()));
        line.extend(["--json"]);
        line.extend(if asks { &["--top-k", "4"][..] } else { &[] });
        // The command line names files by their paths, the page by their names.
        let folder = format!("{}/", cases.join(kind).display());
        let line = serde_json::from_str(&cli(&line).to_string().replace(&folder, "")).unwrap();
        let (page, line): (Value, Value) = (b.eval("moescope.analyze()"), line);
        for key in ["requests", "layer_ids", "experts", "top_k", "tokens", "frequency", "warnings"] {
            same(&page[key], &line[key], &format!("{kind}: {key}"));
        }
        // Each check that found something has its badge.
        let mut inspect = vec!["inspect"];
        inspect.extend(files.iter().map(|p| p.to_str().unwrap()));
        inspect.extend(["--json"]);
        inspect.extend(if asks { &["--top-k", "4"][..] } else { &[] });
        let found = cli(&inspect);
        for (place, of) in [("#badges > *", &found["together"]["badges"]), ("#seen tbody tr", &found["files"])] {
            let shown = b.eval(&format!("document.querySelectorAll('{place}').length"));
            assert_eq!(shown, of.as_array().unwrap().len(), "{kind}: {place}");
        }
        // Its figures are drawn, or say why they cannot be.
        let drawn = "[...document.querySelectorAll('#view-explore .ex-fig figure')].every(f => f.classList.contains('empty') ? f.innerText.length > 40 : f.querySelector('canvas')?.dataset.drawn === 'yes')";
        b.wait(&format!("document.querySelectorAll('#view-explore figure').length > 0 && {drawn}"));
        assert_eq!(b.complaints(), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn what_the_address_says_of_unmarked_tokens_is_counted() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&super::hands::quick(&url, ""));
    settled(&mut b);
    let file = root().join("tests/data/recordings/uint8.npz");
    b.drop_files("#drop", &[&file]);
    // Its experts have no known size: nothing is simulated.
    let rests = "document.documentElement.dataset.asking === '0'";
    b.wait(&format!("document.querySelector('#source')?.textContent.startsWith('Your trace') && {rests}"));
    assert_eq!(b.number("#fact-unmarked"), 4.0);
    b.eval("location.hash += '&unmarked=decode'");
    b.wait("document.querySelector('#fact-decode data')?.value === '4' && !document.querySelector('#fact-unmarked') && location.hash.includes('unmarked=decode')");
    b.wait(rests);
    b.eval("history.back()");
    b.wait("document.querySelector('#fact-unmarked data')?.value === '4' && !location.hash.includes('unmarked')");
    b.wait(rests);
    // What the files are read by: they are at hand, and read again.
    let before = b.eval("moescope.analyze()");
    b.eval("location.hash += '&experts=8'");
    b.wait("document.querySelector('#fact-experts data')?.value === '8' && location.hash.includes('experts=8')");
    b.wait(rests);
    assert_ne!(b.eval("moescope.analyze()"), before);
    assert_eq!(b.complaints(), Vec::<String>::new());
}
