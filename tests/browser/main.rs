//! What a user does, in a real Chromium, on the release site in dist/. `make test` builds the site first.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "waiting for a browser needs a clock")]

mod bidi;
mod cdp;
mod compare;
mod deploy;
mod faults;
mod firefox;
mod first;
mod hands;
mod played;
mod recordings;
mod screens;
mod speed;
mod traces;
mod wafer;
mod walks;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use self::cdp::{Browser, serve};
use self::traces::{broken, large, real_or_small};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A browser and the site's address; none, with a visible word, if the site was not built.
fn begin() -> Option<(Browser, String)> {
    let dist: &'static Path = Box::leak(root().join("dist").into_boxed_path());
    if !dist.join("index.html").exists() {
        assert!(std::env::var_os("CI").is_none(), "dist/ is missing: run make test");
        eprintln!("SKIPPED: dist/ is missing; make test builds it");
        return None;
    }
    let mut browser = Browser::start();
    browser.device(1440, 900, 1, false);
    Some((browser, serve(dist)))
}

/// What the command line prints for the same question.
fn cli(arguments: &[&str]) -> Value {
    let out = Command::new(env!("CARGO_BIN_EXE_moescope")).args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Two values with the same numbers, to the last digit. JavaScript writes 1.0 as 1.
#[track_caller]
fn same(page: &Value, line: &Value, place: &str) {
    match (page, line) {
        (Value::Number(a), Value::Number(b)) => assert_eq!(a.as_f64(), b.as_f64(), "{place}"),
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| same(a, b, &format!("{place}[{i}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{place}: {:?} and {:?}", a.keys(), b.keys());
            a.iter().for_each(|(key, value)| same(value, &b[key], &format!("{place}.{key}")));
        }
        _ => assert_eq!(page, line, "{place}"),
    }
}

/// Opens every view once, and leaves address and history as they were: what a view holds is in the page from then on.
fn visit(b: &mut Browser) {
    b.eval(
        "(async () => { const before = location.hash.slice(1);
        const go = async text => { history.replaceState(null, '', '#' + text); dispatchEvent(new Event('popstate')); await new Promise(r => setTimeout(r, 20)); };
        for (const view of ['story', 'explore', 'simulate', 'deploy', 'paper'])
            if (!document.querySelector('#view-' + view).firstElementChild) await go(before + '&view=' + view);
        await go(before); })()",
    );
}

/// Waits until nothing is asked and every figure in sight of the open view is drawn; all views have been opened then.
#[track_caller]
fn settled(b: &mut Browser) {
    b.wait("!document.querySelector('#boot') && !!document.querySelector('.view')");
    visit(b);
    let open = "[...document.querySelectorAll('canvas')].filter(c => c.checkVisibility())";
    b.wait(&format!(
        "document.documentElement.dataset.asking === '0' && !!document.querySelector('#run-done') && {open}.every(c => c.dataset.drawn === 'yes')"
    ));
}

/// Drops files and waits for their figures.
#[track_caller]
fn load(b: &mut Browser, paths: &[&Path]) {
    b.drop_files("#drop", paths);
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(b);
}

/// Moves the layer slider as the keyboard and the mouse do: by its input event.
fn slide(b: &mut Browser, layer: usize) {
    b.eval(&format!(
        "(() => {{ const e = document.querySelector('#layer'); e.value = {layer}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
    ));
}

/// Opens a question of Explore, by its link in the list.
fn question(b: &mut Browser, id: &str) {
    let link = |of: &str| format!(".ex-rail a{of}[href*='&part={id}&'], .ex-rail a{of}[href$='&part={id}']");
    b.click(&link(""));
    b.wait(&format!("document.querySelector(\"{}\")?.checkVisibility()", link("[aria-current]")));
}

/// The same, and waits until its picture is drawn.
fn asked(b: &mut Browser, id: &str) {
    question(b, id);
    b.wait(&format!("document.querySelector('#{id} canvas')?.dataset.drawn === 'yes'"));
}

/// Opens a drawer of the simulator.
fn drawer(b: &mut Browser, name: &str) {
    if b.eval(&format!("document.querySelector('#drawer-{name}').open")) == false {
        b.click(&format!("#drawer-{name} > summary"));
        b.wait(&format!("document.querySelector('#drawer-{name}').open"));
    }
}

/// The wafer as it is drawn: the shapes of its links and tiles.
const WAFER: &str = "[...document.querySelectorAll('.chip-wafer svg')].map(s => s.innerHTML).join()";

/// Waits until the wafer shows a result: whole run or moment, its tiles have levels.
fn wafer(b: &mut Browser, figure: &str) {
    b.wait(&format!("document.querySelectorAll('#{figure} g.live .level').length > 0"));
}

/// Deletes what the browser has stored, as a reader has it who was never here.
fn forget_stored(b: &mut Browser) {
    // What is being written cannot be removed yet.
    b.eval("(async () => { const d = await navigator.storage.getDirectory(); for (let n = 0; n < 100; n++) { try { for await (const n of d.keys()) await d.removeEntry(n); return; } catch { await new Promise(r => setTimeout(r, 100)); } } })()");
}

fn fragment(b: &mut Browser) -> String {
    b.eval("location.hash.slice(1)").as_str().unwrap().to_string()
}

/// Every number of the table of strategies, against the command line's report.
#[track_caller]
fn table_equals(b: &mut Browser, report: &Value) {
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(b.eval("document.querySelectorAll('#runs tbody tr').length"), runs.len());
    for run in runs {
        let row = format!("[id='run-{}']", run["strategy"].as_str().unwrap());
        for column in ["seconds", "speedup", "hops"] {
            assert_eq!(b.number(&format!("{row} .{column}")), run[column].as_f64().unwrap(), "{row} {column}");
        }
        match run["hop_ratio"].as_f64() {
            Some(ratio) => assert_eq!(b.number(&format!("{row} .hop-ratio")), ratio),
            None => assert!(b.text(&format!("{row} .hop-ratio")).contains('∞')),
        }
        assert_eq!(b.number(&format!("{row} .writes")), run["reads"]["writes"].as_f64().unwrap());
    }
}

/// Numbers of one layer on the page, against `moescope analyze`.
#[track_caller]
fn layer_equals(b: &mut Browser, analysis: &Value, layer: usize) {
    slide(b, layer);
    let id = analysis["layer_ids"][layer].clone();
    b.wait(&format!("document.querySelector('#token-map figcaption').innerText.includes('in layer {id} ')"));
    assert_eq!(b.text("output[for=layer]"), id.to_string());
    let joined = &analysis["cross_token"]["joined"];
    for (place, value) in [
        ("#fact-skew", &analysis["frequency"]["all"]["skew"][layer]),
        ("#fact-coverage", &joined["coverage_top"][layer]),
        ("#fact-coverage-weighted", &joined["coverage_weighted"][layer]),
        ("#fact-diagonal", &joined["diagonal_weighted"][layer]),
    ] {
        assert_eq!(b.number(place), value.as_f64().unwrap(), "{place} of layer {id}");
    }
}

#[test]
fn a_dropped_trace_shows_the_command_lines_numbers_to_the_last_digit() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, real) = real_or_small(folder.path());
    let path_text = path.to_str().unwrap();
    b.open(&url);
    settled(&mut b);
    load(&mut b, &[&path]);
    let analysis = cli(&["analyze", path_text, "--json"]);
    assert_eq!(b.number("#fact-requests"), analysis["requests"].as_f64().unwrap());
    assert_eq!(b.number("#fact-decode"), analysis["tokens"]["decode"].as_f64().unwrap());
    for (place, key) in [("#fact-layers", "layers"), ("#fact-experts", "experts"), ("#fact-top-k", "top_k")] {
        assert_eq!(b.number(place), analysis[key].as_f64().unwrap());
    }
    if real {
        assert_eq!((b.number("#fact-requests"), b.text("#fact-model dd")), (235.0, "Llama 4 Maverick".into()));
    }
    b.click(".views a:nth-child(2)");
    for layer in [3, 0, analysis["layer_ids"].as_array().unwrap().len() - 1] {
        layer_equals(&mut b, &analysis, layer);
    }
    // The slider writes the address a moment later.
    b.wait("location.hash.endsWith('&layer=23')");
    let text = fragment(&mut b);
    let report = cli(&["run", "--experiment", &text, "--traces", path_text, "--json"]);
    assert_eq!(format!("{}&layer=23", report["experiment"].as_str().unwrap()), text, "the same normal form");
    table_equals(&mut b, &report);
    // The page's own interface gives the command line's JSON.
    same(&b.eval("moescope.analyze()"), &analysis, "analysis");
    same(&b.eval(&format!("moescope.run({})", json!(text))), &report, "report");
    // A copied link asks a reader who has never seen the trace for it, and with it shows the same.
    let link = b.eval("location.href").as_str().unwrap().to_string();
    b.wait("document.querySelector('#recent summary')?.innerText.endsWith('1')");
    forget_stored(&mut b);
    b.open(&link.replace('#', "?another reader#"));
    b.wait("document.querySelector('#missing-trace')");
    settled(&mut b);
    load(&mut b, &[&path]);
    b.wait("!document.querySelector('#missing-trace')");
    assert_eq!(fragment(&mut b), text);
    table_equals(&mut b, &report);
    question(&mut b, "pair-map");
    b.wait("document.querySelector('#pair-map').innerText.includes('top-1')");
    // The other real archive: another format, another model.
    if let Ok(second) = root().join("../shared/traces/deepseek-v2-lite-puffin.zip").canonicalize() {
        b.drop_files("#drop", &[&second]);
        b.wait("document.querySelector('#fact-model dd')?.innerText === 'DeepSeek-V2-Lite'");
        same(&b.eval("moescope.analyze()"), &cli(&["analyze", second.to_str().unwrap(), "--json"]), "deepseek");
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn with_nothing_loaded_every_figure_is_there_and_a_link_restores_it() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&url);
    settled(&mut b);
    assert!(b.text("#source").contains("Synthetic"));
    table_equals(&mut b, &cli(&["run", "--json"]));
    let link = "v=1&model=llama4-maverick&wafer=tsmc-sow&batch=4096&scope=decode&layer=5&show=ep";
    b.open(&format!("{url}#{link}"));
    settled(&mut b);
    assert_eq!(fragment(&mut b), link);
    let report = cli(&["run", "--experiment", link, "--json"]);
    table_equals(&mut b, &report);
    assert_eq!(b.text("output[for=layer]"), "11");
    assert_eq!(b.eval("document.querySelector('#scope').value"), "decode");
    assert_eq!(b.text("#show [aria-pressed=true] b"), "ep");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// `moescope.run` ran any string on the workload that the page showed, and failed before it showed one.
#[test]
fn a_script_is_answered_by_its_string_alone() {
    let Some((mut b, url)) = begin() else { return };
    let run = |b: &mut Browser, text: &str| b.eval(&format!("moescope.run({}).catch(e => e.message)", json!(text)));
    let strings = ["v=1&model=qwen3-235b&layers=1", "v=2&seed=5&steps=2&batch=64"];
    let lines = strings.map(|text| cli(&["run", "--experiment", text, "--json"]));
    // At once after the start, while a workload is shown, and while a trace is.
    b.open(&format!("{url}#v=2&steps=2&layers=2"));
    b.wait("!!window.moescope");
    for (text, line) in strings.iter().zip(&lines) {
        same(&run(&mut b, text), line, text);
    }
    settled(&mut b);
    let folder = tempfile::tempdir().unwrap();
    let (trace, _) = traces::small(folder.path());
    load(&mut b, &[&trace]);
    for (text, line) in strings.iter().zip(&lines) {
        same(&run(&mut b, text), line, text);
    }
    let named = fragment(&mut b);
    same(
        &run(&mut b, &named),
        &cli(&["run", "--experiment", &named, "--traces", trace.to_str().unwrap(), "--json"]),
        "it",
    );
    // Another trace than the loaded one is refused in words, and so is one that lies elsewhere.
    let other = run(&mut b, "v=2&trace=0123456789abcdef");
    assert!(other.as_str().is_some_and(|said| said.contains("on trace 0123456789abcdef")), "{other}");
    let away = run(&mut b, "v=2&trace=https://example.org/a.zip");
    assert!(away.as_str().is_some_and(|said| said.contains("https://example.org/a.zip")), "{away}");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// A trace of no known model, of top-1 in four layers, of which one sends every token to one expert.
fn unknown(folder: &Path) -> PathBuf {
    let even: Vec<u16> = (0..24).map(|t| t * 5 % 16).collect();
    let request = moescope::model::Request {
        top_k: 1,
        prefill: 4,
        tokens: 24,
        layers: vec![1, 3, 5, 7],
        columns: vec![even.clone(), even.clone(), vec![3; 24], even],
        ..moescope::model::Request::default()
    };
    let path = folder.join("unknown.json");
    moescope::format::write_paper(&request, &mut std::fs::File::create(&path).unwrap()).unwrap();
    path
}

#[test]
fn an_unknown_model_is_asked_for_its_sizes_and_a_collapsed_layer_is_said() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = unknown(folder.path());
    b.open(&format!("{url}#v=2&model=llama4-maverick&steps=2&batch=64"));
    settled(&mut b);
    b.drop_files("#drop", &[&path]);
    b.wait("document.querySelector('#size-unknown')?.innerText.includes('hidden= and intermediate=')");
    assert!(!fragment(&mut b).contains("llama4"), "what was said of another model is forgotten");
    question(&mut b, "reuse-curve");
    b.wait("document.querySelector('#reuse-curve figcaption')?.innerText.includes('not known')");
    choose(&mut b, "hidden", "2048");
    choose(&mut b, "intermediate", "1024");
    b.wait("!!document.querySelector('#run-done')");
    let text = fragment(&mut b);
    assert!(text.starts_with("v=2&hidden=2048&intermediate=1024&trace="), "{text}");
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--traces", path.to_str().unwrap(), "--json"]));
    assert_eq!(
        b.eval("[...document.querySelectorAll('#runs tbody td:nth-child(4)')].every(e => e.innerText === '–')"),
        true
    );
    assert!(b.text("#collapsed").contains("layer 5 is collapsed"));
    b.click("#skip");
    b.wait("location.hash.includes('skip=collapsed')");
    b.wait("document.querySelector('#collapsed')?.innerText.includes('left out')");
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--traces", path.to_str().unwrap(), "--json"]));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Chooses an option as a user does.
fn choose(b: &mut Browser, id: &str, value: &str) {
    b.eval(&format!(
        "(() => {{ const e = document.querySelector('#{id}'); e.value = {}; e.dispatchEvent(new Event('change', {{bubbles: true}})); }})()",
        json!(value)
    ));
}

#[test]
fn back_and_forward_move_through_settings() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=2&model=llama4-maverick&steps=2&layers=2"));
    settled(&mut b);
    choose(&mut b, "wafer", "tsmc-sow");
    choose(&mut b, "batch", "4096");
    b.wait("location.hash.endsWith('&wafer=tsmc-sow&batch=4096&steps=2&layers=2')");
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    b.eval("history.back()");
    b.wait("!location.hash.includes('batch') && document.querySelector('#batch').value === '16384'");
    b.eval("history.back()");
    b.wait("!location.hash.includes('wafer') && document.querySelector('#wafer').value === 'dojo'");
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    b.eval("history.forward()");
    b.wait("document.querySelector('#wafer').value === 'tsmc-sow'");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// The address is written a moment after a slider rests: Back before that wrote it over the step that was gone back to.
#[test]
fn back_before_a_slider_has_written_leaves_address_and_page_alike() {
    let Some((mut b, url)) = begin() else { return };
    let first = "v=2&model=llama4-maverick&steps=2&layers=2";
    b.open(&format!("{url}#{first}"));
    settled(&mut b);
    choose(&mut b, "wafer", "tsmc-sow");
    b.wait("location.hash.includes('tsmc-sow')");
    let back = "(() => { const e = document.querySelector('#layer'); e.value = 5; e.dispatchEvent(new Event('input', {bubbles: true})); history.back(); })()";
    b.eval(back);
    b.wait("!location.hash.includes('wafer')");
    b.eval("new Promise(done => setTimeout(done, 500))");
    assert_eq!(fragment(&mut b), first);
    assert_eq!(b.eval("document.querySelector('#wafer').value"), "dojo");
    assert_eq!(b.text("output[for=layer]"), "1");
    // A step that is left for another keeps where its slider was.
    slide(&mut b, 5);
    choose(&mut b, "batch", "4096");
    b.wait("location.hash.includes('batch=4096')");
    b.eval("history.back()");
    b.wait("location.hash.endsWith('&layer=5') && !location.hash.includes('batch')");
    b.wait("document.querySelector('output[for=layer]').innerText === '11'");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// The first of two models was made to its end after the second, and took its place: the page said 128 experts and drew 384.
#[test]
fn a_model_changed_twice_at_once_draws_the_experts_that_the_page_says() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=deepseek-v2-lite&steps=2&layers=1"));
    settled(&mut b);
    asked(&mut b, "frequency-bars");
    b.click("#frequency-bars .as-table");
    b.wait("document.querySelectorAll('#frequency-bars tbody tr').length === 64");
    choose(&mut b, "model", "kimi-k2");
    b.eval("new Promise(done => setTimeout(done, 60))");
    choose(&mut b, "model", "llama4-maverick");
    b.wait("document.querySelector('#fact-experts data')?.value === '128'");
    settled(&mut b);
    // Longer than the first takes.
    b.eval("new Promise(done => setTimeout(done, 8000))");
    for (position, id) in [(3, "7"), (8, "17")] {
        slide(&mut b, position);
        b.wait(&format!("document.querySelector('output[for=layer]').innerText === '{id}'"));
        b.wait(&format!("document.querySelector('#frequency-bars figcaption').innerText.includes('in layer {id}.')"));
        b.wait("document.querySelectorAll('#frequency-bars tbody tr').length === 128");
    }
    question(&mut b, "observations");
    b.wait("document.querySelectorAll('#observations tbody tr').length === 12");
    assert_eq!(b.number("#fact-experts"), 128.0);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Before the first workload was made it was told that nothing is loaded.
#[test]
fn a_script_that_asks_at_once_is_answered() {
    let Some((mut b, url)) = begin() else { return };
    let text = "v=1&model=llama4-maverick&steps=2&layers=1";
    let asks = format!(
        "let offered; Object.defineProperty(window, 'moescope', {{get: () => offered, set: (value) => {{ offered = value; window.asked = Promise.all([value.run('{text}'), value.analyze()]); }}}});"
    );
    b.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": asks}));
    b.open(&format!("{url}#{text}"));
    let report = cli(&["run", "--experiment", text, "--json"]);
    let ran = b.eval("window.asked.then(a => a[0].runs)");
    same(&ran, &report["runs"], "runs");
    assert_eq!(b.eval("window.asked.then(a => a[1].experts)"), 128);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_bad_or_newer_link_says_what_it_could_not_read() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=9&model=llama4-maverick&wafer=moon&colour=red&batch=4096"));
    settled(&mut b);
    let said = b.text("#unread");
    for part in ["newer moescope", "wafer=moon", "dojo, tsmc-sow", "colour=red", "no such setting"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(b.eval("document.querySelector('#batch').value"), "4096");
    b.click("#unread button");
    b.wait("!document.querySelector('#unread')");
}

#[test]
fn a_broken_file_is_named_with_its_place_and_loses_nothing() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    b.open(&format!("{url}#v=1&model=llama4-maverick"));
    settled(&mut b);
    let (good, _) = traces::small(folder.path());
    load(&mut b, &[&good]);
    let before = b.number("#fact-requests");
    let bad = broken(folder.path());
    b.drop_files("#drop", &[&bad]);
    b.wait("document.querySelector('#issues')");
    let said = b.text("#issues");
    for part in [
        "Nothing could be loaded",
        "broken.json",
        "step 0, layer 1, token 2, byte 21",
        "expected an expert id, found 'o'",
        "Kept: nothing",
        "To mend",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    assert!(b.text("#source").starts_with("Your trace"), "what was loaded stays");
    assert_eq!(b.number("#fact-requests"), before);
    // On a phone the button's word stays one word.
    b.device(390, 844, 1, false);
    assert!(b.eval("document.querySelector('#issues button').offsetHeight").as_f64().unwrap() < 48.0);
    // With a sound file beside it, the sound one is loaded.
    b.drop_files("#drop", &[&good, &bad]);
    b.wait("document.querySelector('#issues')?.innerText.includes('the rest was loaded')");
    settled(&mut b);
    assert_eq!(b.number("#fact-requests"), before);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_load_can_be_cancelled_and_keeps_what_was_there() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    b.open(&format!("{url}#v=1&model=llama4-maverick"));
    settled(&mut b);
    let (good, _) = traces::small(folder.path());
    load(&mut b, &[&good]);
    let (before, text) = (b.number("#fact-requests"), fragment(&mut b));
    let large = large(folder.path());
    b.drop_files("#drop", &[&large]);
    // Half way: some bytes are read, not all.
    b.wait("(() => { const p = document.querySelector('#progress progress'); return p && p.value > 0 && p.value < p.max; })()");
    let said = b.text("#progress");
    assert!(said.contains("MB/s") && said.contains("of 1 files") && said.contains("left"), "{said}");
    b.click("#cancel-load");
    b.wait("!document.querySelector('#progress')");
    assert_eq!(b.number("#fact-requests"), before);
    assert_eq!(fragment(&mut b), text);
    // The next load starts from nothing.
    load(&mut b, &[&good]);
    assert_eq!(b.number("#fact-requests"), before);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_run_can_be_cancelled_and_started_again() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&view=simulate&layers=all&steps=64"));
    b.wait("document.querySelector('#running progress')?.value > 0");
    b.click("#cancel-run");
    b.wait("document.querySelector('.status')?.innerText.includes('cancelled')");
    choose(&mut b, "layers", "2");
    choose(&mut b, "steps", "2");
    b.wait("document.querySelector('#run-done')");
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
}

/// Picks files in an input's dialog, and waits until they are loaded.
#[track_caller]
fn pick(b: &mut Browser, input: &str, paths: &[&Path]) {
    let root = b.call("DOM.getDocument", json!({}))["root"]["nodeId"].clone();
    let node = b.call("DOM.querySelector", json!({"nodeId": root, "selector": input}))["nodeId"].clone();
    let names: Vec<_> = paths.iter().map(|p| p.to_str().unwrap()).collect();
    b.call("DOM.setFileInputFiles", json!({"nodeId": node, "files": names}));
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
}

#[test]
fn a_folder_and_the_pickers_load_like_a_drop() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = traces::small(folder.path());
    let inside = files[0].parent().unwrap().to_path_buf();
    b.open(&format!("{url}#v=1&model=llama4-maverick"));
    settled(&mut b);
    pick(&mut b, "#folder", &[&inside]);
    settled(&mut b);
    let analysis = cli(&["analyze", inside.to_str().unwrap(), "--json"]);
    same(&b.eval("moescope.analyze()"), &analysis, "analysis");
    assert!(b.text("#fact-dataset").contains("made"), "the folder names the subject");
    b.open(&format!("{url}#v=1&model=llama4-maverick"));
    settled(&mut b);
    pick(&mut b, "#files", &files.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    // Without their folder the files still tell their shape, not their subject.
    assert_eq!(b.number("#fact-requests"), analysis["requests"].as_f64().unwrap());
}

#[test]
fn values_stand_under_the_cursor_and_canvases_are_sharp() {
    let Some((mut b, url)) = begin() else { return };
    for ratio in [1, 2] {
        b.device(1440, 900, ratio, false);
        b.open(&format!("{url}#v=1&model=llama4-maverick"));
        settled(&mut b);
        // Waited for: small pictures are made when they come into sight.
        let sharp = format!(
            "(all => all.length > 0 && all.every(c => Math.abs(c.width - c.clientWidth * {ratio}) <= 1 && Math.abs(c.height - c.clientHeight * {ratio}) <= 1))([...document.querySelectorAll('canvas')].filter(c => c.checkVisibility()))"
        );
        b.wait(&sharp);
        for (figure, words) in
            [("token-map", "after expert"), ("frequency-map", "the mean"), ("reuse-curve", "experts:")]
        {
            asked(&mut b, figure);
            settled(&mut b);
            b.wait(&sharp);
            b.point(&format!("#{figure} canvas"), 0.45, 0.4);
            b.wait(&format!("document.querySelector('#{figure} .tip')?.innerText.includes('{words}')"));
        }
        drawer(&mut b, "tables");
        settled(&mut b);
        b.wait(&sharp);
        b.point("#speedups canvas", 0.45, 0.4);
        b.wait("document.querySelector('#speedups .tip')?.innerText.includes('base')");
        // The middle of the wafer is die 12, a link lies above it.
        b.point("#wafer-map svg", 0.5, 0.5);
        b.wait("document.querySelector('#wafer-map .tip')?.innerText.startsWith('die 12: ')");
        b.point("#wafer-map svg", 0.5, 0.4);
        b.wait("document.querySelector('#wafer-map .tip')?.innerText.startsWith('link 7–12: ')");
    }
    // The picture holds more than one colour where the cells are.
    asked(&mut b, "token-map");
    let colours = "(() => { const c = document.querySelector('#token-map canvas'); const d = c.getContext('2d').getImageData(c.width * 0.3, c.height * 0.3, 80, 80).data; return new Set(new Uint32Array(d.buffer)).size; })()";
    assert!(b.eval(colours).as_u64().unwrap() > 5);
}

/// A response whose prompt alone was recorded.
fn prompt_alone(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("prompt.json");
    let rows = [[[0, 1], [2, 3]], [[1, 2], [2, 3]], [[1, 0], [0, 3]], [[3, 0], [1, 3]]];
    std::fs::write(&path, json!({ "prompt_routed_experts": rows }).to_string()).unwrap();
    path
}

#[test]
fn what_a_format_cannot_answer_is_said_in_place_of_the_figure() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick"));
    settled(&mut b);
    let data = root().join("tests/data");
    b.drop_files("#drop", &[&data.join("counts.csv")]);
    b.wait("document.querySelector('#token-map')?.innerText.includes('counts without an order of tokens')");
    question(&mut b, "token-map");
    assert_eq!(b.eval("document.querySelectorAll('#token-map canvas').length"), 0, "no picture of nothing");
    question(&mut b, "pair-map");
    b.wait("document.querySelector('#pair-map').innerText.includes('counts without an order')");
    asked(&mut b, "frequency-bars");
    question(&mut b, "similarity-scatter");
    b.wait("document.querySelector('#similarity-scatter').innerText.includes('counts')");
    let folder = tempfile::tempdir().unwrap();
    b.drop_files("#drop", &[&prompt_alone(folder.path())]);
    b.wait("document.querySelector('#similarity-scatter')?.innerText.includes('no decode tokens')");
    asked(&mut b, "pair-map");
    b.wait("[...document.querySelectorAll('.status')].some(e => e.innerText.includes('no decode tokens'))");
    question(&mut b, "subject-map");
    b.wait("document.querySelector('#subject-map').innerText.includes('fewer than two subjects')");
    question(&mut b, "observations");
    b.wait("document.querySelector('#lint')?.innerText.includes('no decode tokens')");
    for name in ["vllm.jsonl", "moe-beyond.csv", "vllm-int16.npy", "paper.tar.gz", "paper.json.zst"] {
        let path = data.join(name);
        b.drop_files("#drop", &[&path]);
        let analysis = cli(&["analyze", path.to_str().unwrap(), "--json"]);
        let tokens = analysis["tokens"]["prefill"].clone();
        b.wait(&format!("document.querySelector('#fact-requests data')?.value === '{}' && document.querySelector('#fact-prefill data').value === '{tokens}'", analysis["requests"]));
        // Warnings name files: the page knows no folder above what was dropped.
        let without_paths = |mut report: Value| {
            report["warnings"] = Value::Null;
            report
        };
        let page = b.eval("moescope.analyze()");
        same(&without_paths(page), &without_paths(analysis), name);
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Bars, wafer and film of the run before stayed painted, and could be saved under the new trace's name.
#[test]
fn a_trace_that_cannot_be_simulated_leaves_nothing_of_the_run_before() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=2&layers=1&sweep=link:1:2:2&compare=wafer:tsmc-sow"));
    settled(&mut b);
    wafer(&mut b, "wafer-map");
    ["tables", "sweep", "compare"].iter().for_each(|name| drawer(&mut b, name));
    for id in ["speedups", "layer-time", "critical", "sweep-curve", "compared-bars"] {
        b.wait(&format!("document.querySelector('#{id} canvas')?.dataset.drawn === 'yes'"));
    }
    b.wait("document.querySelectorAll('#compared data').length === 10");
    b.click("#one-moment");
    wafer(&mut b, "layer-film");
    let data = root().join("tests/data");
    let figures = ["speedups", "wafer-map", "layer-film", "layer-time", "critical", "sweep-curve"];
    let folder = tempfile::tempdir().unwrap();
    let prompt = prompt_alone(folder.path());
    for (name, path, why) in [
        ("counts.csv", &data.join("counts.csv"), "counts without an order of tokens"),
        ("prompt.json", &prompt, "no decode tokens"),
    ] {
        b.drop_files("#drop", &[path]);
        b.wait(&format!("document.querySelector('#speedups p')?.innerText.includes('{why}')"));
        for theme in ["as it is", "the other"] {
            for id in figures {
                let said = b.text(&format!("#{id}"));
                assert!(said.contains(why) && said.contains("load a trace"), "{name}, {theme}: {id} says {said}");
                let left = format!("document.querySelectorAll('#{id} canvas, #{id} button').length");
                assert_eq!(b.eval(&left), 0, "{name}, {theme}: {id}");
            }
            assert_eq!(b.eval("document.querySelectorAll('#runs, #compared, #compared-bars, #looked').length"), 0);
            // No picture, no menu that would save one, no value of the run before.
            let left = "document.querySelectorAll('.chip-wafer, #view-simulate .over, #view-simulate .brk, #view-simulate .strip, #view-simulate .lanes, #view-simulate .save, #view-simulate canvas').length";
            assert_eq!(b.eval(left), 0, "{name}, {theme}");
            assert!(!b.text("#show").contains('×'), "{name}, {theme}: {}", b.text("#show"));
            b.click("#theme");
        }
    }
    b.click("#show-synthetic");
    settled(&mut b);
    wafer(&mut b, "layer-film");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn observations_stand_beside_the_papers_and_figures_can_be_saved() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = real_or_small(folder.path());
    b.open(&format!("{url}#v=1&model=llama4-maverick"));
    settled(&mut b);
    load(&mut b, &[&path]);
    question(&mut b, "observations");
    b.wait("document.querySelectorAll('#observations tbody tr').length === 12");
    let analysis = cli(&["analyze", path.to_str().unwrap(), "--json"]);
    let values = |v: &Value| v.as_array().unwrap().iter().filter_map(Value::as_f64).collect::<Vec<_>>();
    let mean = |v: Vec<f64>| v.iter().sum::<f64>() / v.len() as f64;
    for (row, numbers) in [
        (1, values(&analysis["cross_layer"]["all"]["coverage_top"])),
        (2, values(&analysis["cross_token"]["joined"]["coverage_top"])),
        (3, values(&analysis["similarity"]["rho_frequency"])),
    ] {
        assert_eq!(b.number(&format!("#observations tbody tr:nth-child({row})")), mean(numbers), "row {row}");
    }
    assert!(
        b.text("#observations").contains("77.0%") && b.text("#observations").contains("80.0%"),
        "the paper's values"
    );
    // The mean of all layers, in the address too; moving the slider goes back to one layer.
    question(&mut b, "token-map");
    b.click("#mean");
    b.wait("document.querySelector('#token-map figcaption').innerText.includes('in the mean of all layers')");
    let skew = mean(values(&analysis["frequency"]["all"]["skew"]));
    assert!((b.number("#fact-skew") - skew).abs() < 1e-12 * skew);
    b.wait("location.hash.includes('layer=mean')");
    settled(&mut b);
    asked(&mut b, "layer-difference");
    slide(&mut b, 1);
    b.wait("document.querySelector('output[for=layer]').innerText === '3'");
    assert_eq!(b.eval("document.querySelector('#mean').checked"), false);
    // Each of the story's six patterns has its picture; of top-1 routing the last says why it has none of pairs.
    b.click(".views a:nth-child(1)");
    b.wait("(all => all.length === 6 && all.every(p => [...p.querySelectorAll('canvas')].every(c => c.dataset.drawn === 'yes') && (p.querySelector('canvas') || p.querySelector('.empty p')?.innerText.includes('Top-1 routing has no pairs'))))([...document.querySelectorAll('#insights [data-part]')])");
    // A trace needs no synthetic workload; going back to it makes the one of the model that is set now.
    b.click("#show-synthetic");
    b.wait("document.querySelector('#source')?.innerText.startsWith('Synthetic')");
    b.wait("!location.hash.includes('trace=')");
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    b.click("#show-trace");
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
    // Saving a figure: the link that a click would follow.
    b.click("#trace form.close button");
    asked(&mut b, "token-map");
    b.eval("(() => { HTMLAnchorElement.prototype.click = function () { (window.saved ??= []).push([this.download, this.href.slice(0, 60), this.href.length]); }; })()");
    for n in 2..=4 {
        b.click(&format!("#token-map .save button:nth-child({n})"));
    }
    let saved = b.eval("window.saved");
    for (i, (name, kind)) in [
        ("moescope-token-map.png", "data:image/png"),
        ("moescope-token-map.svg", "data:image/svg+xml"),
        ("moescope-token-map.csv", "data:text/csv"),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(saved[i][0], *name);
        assert!(saved[i][1].as_str().unwrap().starts_with(kind) && saved[i][2].as_u64().unwrap() > 1000, "{saved}");
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Screenshots to be looked at, and what can be asserted of a layout.
#[test]
fn pictures_of_the_page() {
    let Some((mut b, url)) = begin() else { return };
    let screens: PathBuf = root().join("target/screens");
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = real_or_small(folder.path());
    for (width, ratio, dark) in
        [(1440, 1, false), (1440, 1, true), (390, 2, false), (390, 2, true), (1440, 2, false), (768, 1, false)]
    {
        b.device(width, 900, ratio, dark);
        b.open(&url);
        settled(&mut b);
        let theme = if dark { "dark" } else { "light" };
        assert_eq!(b.eval("document.documentElement.dataset.theme"), theme);
        assert_eq!(b.eval("document.documentElement.scrollWidth <= innerWidth"), true, "nothing is cut at {width}");
        b.screenshot(&screens, &format!("synthetic-{width}-{ratio}x-{theme}"));
        if ratio == 1 || width == 390 {
            load(&mut b, &[&path]);
            slide(&mut b, 3);
            b.wait("document.querySelector('output[for=layer]').innerText !== '1'");
            settled(&mut b);
            b.screenshot(&screens, &format!("trace-{width}-{ratio}x-{theme}"));
        }
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}
