//! What goes wrong around the page: workers that die, storage that is full, files that vanish, browsers that lack something.

use serde_json::json;

use super::*;

const FAST: &str = "v=2&model=llama4-maverick&steps=2&layers=1";

#[test]
fn a_worker_that_dies_is_replaced_and_the_file_named() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = traces::small(folder.path());
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    load(&mut b, &[&archive]);
    let (text, skew) = (fragment(&mut b), b.number("#fact-skew"));
    b.wait("!!document.querySelector('#recent')");
    // Half way through another load both workers die.
    let large = large(folder.path());
    b.drop_files("#drop", &[&large]);
    b.wait("Number(document.querySelector('#progress progress')?.value) > 5e6");
    assert!(b.break_workers() >= 2);
    b.wait("/While large.json was read, a worker stopped.*moescope summarize/.test(document.querySelector('.notice.bad')?.innerText)");
    // What was loaded before is there again, and everything works on it.
    b.wait("!document.querySelector('#progress')");
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
    assert_eq!((fragment(&mut b), b.number("#fact-skew")), (text.clone(), skew));
    choose(&mut b, "batch", "1024");
    b.wait("location.hash.includes('batch=1024')");
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--traces", archive.to_str().unwrap(), "--json"]));
}

/// Before the page's own scripts: workers are lost by the name of a job that they are asked, `losing.times` times, or before
/// they are ready, `losing.early` times for all but the first.
const LOSES: &str = "window.losing = {name: '', times: 0, early: 0, made: 0};
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, transfer) {
        if (losing.times > 0 && message?.head?.Start?.name === losing.name) {
            losing.times--;
            // The question is lost with it: an answer that came first would be no loss.
            setTimeout(() => this.dispatchEvent(new ErrorEvent('error')));
            return;
        }
        post.call(this, message, transfer);
    };
    const Real = Worker;
    window.Worker = function (address, options) {
        const fails = losing.made++ > 0 && losing.early-- > 0;
        return new Real(fails ? 'no-such-worker.js' : address, options);
    };
    window.Worker.prototype = Real.prototype;";

/// The page with workers that can be lost; `early` of them before they are ready.
fn losing(early: usize, address: &str) -> Option<(Browser, String)> {
    let (mut b, url) = begin()?;
    let source = LOSES.replace("early: 0", &format!("early: {early}"));
    b.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": source}));
    b.open(&format!("{url}#{address}"));
    Some((b, url))
}

/// Asked once more on the worker that took its place; before, its percentage stood still for ever.
#[test]
fn a_worker_lost_under_figure_12_leaves_no_part_out() {
    let Some((mut b, _)) = losing(0, FAST) else { return };
    settled(&mut b);
    b.eval("(() => { losing.name = 'Paper'; losing.times = 1; })()");
    b.click("#reproduce");
    b.wait("!!document.querySelector('#paper-done')");
    assert!(b.text("#paper-done").contains("126 runs"), "{}", b.text("#paper-done"));
    assert_eq!(b.eval("losing.times"), 0);
    // One that is lost again and again ends with a word.
    choose(&mut b, "flight", "3");
    b.wait("!!document.querySelector('#reproduce')");
    settled(&mut b);
    b.eval("(() => { losing.times = 1000; })()");
    b.click("#reproduce");
    b.wait("document.querySelector('.notice.bad')?.innerText.includes('a worker stopped')");
    b.wait("!document.querySelector('#papering') && !!document.querySelector('#reproduce')");
}

#[test]
fn a_worker_lost_under_a_sweep_loses_no_point() {
    let Some((mut b, _)) = losing(0, FAST) else { return };
    settled(&mut b);
    drawer(&mut b, "sweep");
    b.eval("(() => { losing.name = 'RunSynthetic'; losing.times = 1; })()");
    choose(&mut b, "sweep", "link");
    let caption = "document.querySelector('#sweep-curve figcaption')?.innerText";
    b.wait(&format!("document.querySelector('#sweep-curve canvas')?.dataset.drawn === 'yes' && !{caption}.includes('values are there')"));
    assert_eq!(b.eval("losing.times"), 0);
    assert_eq!(b.eval(&format!("{caption}.includes('failed')")), false);
    // Lost again and again: each point says so.
    b.eval("(() => { losing.times = 1000; })()");
    choose(&mut b, "sweep-points", "3");
    b.wait(&format!("({caption}?.match(/failed: a worker stopped/g) ?? []).length === 3"));
    assert_eq!(b.eval("!!document.querySelector('#run-done')"), true, "the run itself was not asked again");
}

#[test]
fn a_worker_lost_before_it_is_ready_keeps_no_question() {
    // The second worker fails in boot.js, and its successor once it has questions.
    let Some((mut b, _)) = losing(2, FAST) else { return };
    settled(&mut b);
    assert!(b.eval("losing.made").as_u64().unwrap() >= 4);
}

#[test]
fn a_worker_that_never_comes_up_is_said() {
    let Some((mut b, _)) = losing(1000, &format!("{FAST}&view=explore")) else { return };
    b.wait("document.querySelector('.notice.bad')?.innerText.includes('could not start one of the page')");
    b.wait("!document.querySelector('#running')");
    // What the other one can do it does.
    b.wait("document.querySelector('#token-map canvas')?.dataset.drawn === 'yes'");
}

/// A worker that died while it read a stored trace took the file with it.
#[test]
fn a_lost_worker_deletes_no_stored_trace() {
    let Some((mut b, url)) = losing(0, FAST) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = traces::small(folder.path());
    settled(&mut b);
    load(&mut b, &[&archive]);
    b.wait("document.querySelector('#recent summary')?.innerText.endsWith('1')");
    let text = fragment(&mut b);
    // Another trace is shown; while the first is read back, its worker dies.
    b.drop_files("#drop", &[&traces::beside("llama4-mmlu-made/0.json")]);
    b.wait("document.querySelectorAll('#recent li').length === 2");
    settled(&mut b);
    b.eval("(() => { losing.name = 'Restore'; losing.times = 1; document.querySelector('#recent').open = true; })()");
    b.click("#recent li:nth-child(2) button");
    b.wait(
        "document.querySelector('.notice.bad')?.innerText.includes('While a stored trace was read, a worker stopped')",
    );
    assert_eq!(b.eval("losing.times"), 0);
    b.eval("new Promise(done => setTimeout(done, 500))");
    assert_eq!(b.eval("document.querySelectorAll('#recent li').length"), 2);
    // It is whole.
    b.open(&format!("{url}?again#{text}"));
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
}

/// Any cancel, of a run or a figure, ended what a load was reading ahead: the rest was read in single steps.
#[test]
fn a_cancel_beside_a_load_leaves_what_it_reads_ahead() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Enough files that none is cut: a section reads on past its end, in single steps.
    let first = large(folder.path());
    let others = ["b.json", "c.json", "d.json"].map(|name| folder.path().join(name));
    others.iter().for_each(|path| std::fs::hard_link(&first, path).unwrap());
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=64"));
    settled(&mut b);
    b.in_workers("(() => { globalThis.steps = 0; const read = FileReaderSync.prototype.readAsArrayBuffer; FileReaderSync.prototype.readAsArrayBuffer = function (part) { steps++; return read.call(this, part); }; })()");
    b.drop_files("#drop", &[&first, &others[0], &others[1], &others[2]]);
    b.wait("Number(document.querySelector('#progress progress')?.value) > 5e6");
    for batch in ["1024", "4096", "16384", "1024"] {
        // Each ends the run before it.
        choose(&mut b, "batch", batch);
        b.eval("new Promise(done => setTimeout(done, 30))");
    }
    b.wait("(() => { const p = document.querySelector('#progress progress'); return !p || p.value > p.max / 4; })()");
    let steps: u64 = b.in_workers("steps").iter().map(|s| s.as_u64().unwrap()).sum();
    assert!(steps < 8, "{steps} single steps");
    b.click("#cancel-load");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let large = large(folder.path());
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    b.drop_files("#drop", &[&large]);
    b.wait("Number(document.querySelector('#progress progress')?.value) > 5e6");
    std::fs::write(&large, "[]").unwrap();
    b.wait("document.querySelector('#issues')?.innerText.includes('large.json')");
    b.wait("!document.querySelector('#progress')");
    assert!(b.text("#source").starts_with("Synthetic"), "what was shown stays");
}

#[test]
fn storage_that_is_full_loses_nothing_but_the_copy() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = traces::small(folder.path());
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    let origin = url.split("/some").next().unwrap().to_string();
    b.call("Storage.overrideQuotaForOrigin", json!({"origin": origin, "quotaSize": 20_000}));
    load(&mut b, &[&archive]);
    b.wait("document.querySelector('#recent .problem')?.textContent.includes('could not be kept')");
    assert!(b.text("#source").starts_with("Your trace"));
    assert_eq!(b.eval("!!document.querySelector('.notice.bad')"), false);
}

#[test]
fn a_hidden_tab_goes_on() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = traces::small(folder.path());
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    // Another tab in front: animation frames stop, workers and timers do not.
    let other = b.call("Target.createTarget", json!({"url": "about:blank"}));
    b.call("Emulation.setFocusEmulationEnabled", json!({"enabled": false}));
    b.drop_files("#drop", &[&archive]);
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    b.wait("document.querySelector('#run-done')");
    b.call("Target.closeTarget", json!({"targetId": other["targetId"]}));
    settled(&mut b);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Opens the page in a browser that lacks something, and gives what it says.
fn without(script: &str) -> Option<String> {
    let (mut b, url) = begin()?;
    b.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}));
    b.call("Page.navigate", json!({"url": url}));
    b.wait("document.querySelector('#boot')?.innerText.includes('could not start')");
    Some(b.text("#boot"))
}

#[test]
fn a_browser_without_webassembly_is_told_what_it_needs() {
    if let Some(words) = without("delete globalThis.WebAssembly;") {
        assert!(words.contains("It needs WebAssembly with SIMD"), "{words}");
    }
}

#[test]
fn webassembly_without_simd_is_told_what_it_needs() {
    // As an engine without SIMD refuses the module.
    let refuses = "for (const f of ['instantiate', 'instantiateStreaming', 'compile', 'compileStreaming']) WebAssembly[f] = () => Promise.reject(new WebAssembly.CompileError('invalid opcode 0xfd'));";
    if let Some(words) = without(refuses) {
        assert!(words.contains("SIMD") && words.contains("Chrome 91"), "{words}");
    }
}

#[test]
fn a_view_whose_code_does_not_arrive_whole_says_so_and_can_be_asked_for_again() {
    let Some((mut b, url)) = begin() else { return };
    for (at, comes) in [
        "Promise.reject(new TypeError('Failed to fetch'))",
        "Promise.resolve(new Response('<h1>Not found</h1>', { status: 404, headers: { 'content-type': 'text/html' } }))",
        "f(u, ...rest).then(r => r.arrayBuffer()).then(b => new Response(b.slice(0, b.byteLength / 2), { headers: { 'content-type': 'application/wasm' } }))",
    ]
    .into_iter()
    .enumerate()
    {
        let breaks = format!(
            "globalThis.broken = true; {{ const f = globalThis.fetch; globalThis.fetch = (u, ...rest) => broken && String(u.url ?? u).includes('/split_paper-') ? {comes} : f(u, ...rest); }}"
        );
        let script = b.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": breaks}))["identifier"].clone();
        b.open(&format!("{url}?{at}#{FAST}&view=paper"));
        b.wait("!!document.querySelector('#view-paper .later button')");
        assert!(b.text("#view-paper .later").contains("could not be fetched"), "{comes}");
        // The rest of the page goes on.
        b.wait("document.documentElement.dataset.asking === '0'");
        b.eval("broken = false");
        b.click("#view-paper .later button");
        b.wait("!!document.querySelector('#view-paper table') && document.documentElement.dataset.asking === '0'");
        b.call("Page.removeScriptToEvaluateOnNewDocument", json!({"identifier": script}));
    }
}

#[test]
fn code_that_does_not_arrive_is_told() {
    let fails = "const f = globalThis.fetch; globalThis.fetch = (u, ...rest) => String(u.url ?? u).includes('/app_bg-') ? Promise.reject(new TypeError('Failed to fetch')) : f(u, ...rest);";
    if let Some(words) = without(fails) {
        assert!(words.contains("could not start") && words.contains("Failed to fetch"), "{words}");
    }
}

#[test]
fn the_page_needs_no_offscreen_canvas() {
    let Some((mut b, url)) = begin() else { return };
    b.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": "delete globalThis.OffscreenCanvas;"}));
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// The policy of the site as built, to the letter: whoever loosens it changes this test.
#[test]
fn the_built_policy_is_this_one() {
    let policy = |file: &str| {
        let text = std::fs::read_to_string(root().join("dist").join(file)).unwrap();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = flat.split("Content-Security-Policy\"").nth(1).unwrap().split("content=\"").nth(1).unwrap();
        start.split('"').next().unwrap().to_string()
    };
    if !root().join("dist/index.html").exists() && std::env::var_os("CI").is_none() {
        eprintln!("SKIPPED: dist/ is missing; make test builds it");
        return;
    }
    assert_eq!(
        policy("index.html"),
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; style-src-attr 'unsafe-inline'; worker-src 'self'; connect-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'"
    );
    assert_eq!(
        policy("fetch.html"),
        "default-src 'none'; script-src 'self'; connect-src 'self' https:; base-uri 'none'; form-action 'none'"
    );
}

#[test]
fn the_policy_holds_in_the_browser() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    b.eval("(() => { window.blocked = []; document.addEventListener('securitypolicyviolation', e => blocked.push(e.effectiveDirective)); })()");
    b.eval("fetch('https://example.org/').catch(() => 0)");
    b.eval("(() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.head.append(s); document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 2\">'); })()");
    b.wait("blocked.includes('connect-src') && blocked.some(d => d.startsWith('script-src'))");
    assert_eq!(b.eval("window.ran ?? null"), serde_json::Value::Null);
}

#[test]
fn names_of_files_and_subjects_are_only_text() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let name = "llama4-mmlu-<b id=injected onclick=alert(1)>x<";
    let inside = folder.path().join(name);
    std::fs::create_dir_all(&inside).unwrap();
    let (_, files) = traces::small(folder.path());
    for (i, file) in files.iter().enumerate() {
        std::fs::copy(file, inside.join(format!("{i}<i id=injected>.json"))).unwrap();
    }
    std::fs::write(inside.join("broken<script id=injected>.json"), "[oops").unwrap();
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    b.drop_files("#drop", &[&inside]);
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
    b.wait("document.querySelector('#issues')?.innerText.includes('broken<script id=injected>.json')");
    question(&mut b, "compare");
    choose(&mut b, "right", "odd");
    b.wait("!!document.querySelector('#versus')");
    b.click("#share");
    b.wait("document.querySelector('dialog:not(#trace)').open");
    assert_eq!(b.eval("document.querySelectorAll('#injected').length"), 0);
}

/// A trace without decode cannot be run: bars and wafer of the run before must go, and stay gone when the theme changes.
#[test]
fn no_canvas_outlives_its_data() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=2&layers=1"));
    settled(&mut b);
    drawer(&mut b, "tables");
    b.wait("document.querySelector('#speedups canvas')?.dataset.drawn === 'yes'");
    wafer(&mut b, "wafer-map");
    let folder = tempfile::tempdir().unwrap();
    b.drop_files("#drop", &[&prompt_alone(folder.path())]);
    question(&mut b, "similarity-scatter");
    b.wait("document.querySelector('#similarity-scatter')?.innerText.includes('no decode tokens')");
    asked(&mut b, "pair-map");
    let gone = |id: &str| {
        format!(
            "(() => {{ const f = document.querySelector('#{id}'), c = f?.querySelector('canvas'); if (f?.querySelector('svg')) return false; if (!c) return true; \
             const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
             return c.dataset.drawn === 'no' && d.every(v => v === 0) && [...f.querySelectorAll('.save button')].slice(1).every(e => e.disabled); }})()"
        )
    };
    for id in ["speedups", "wafer-map", "layer-film"] {
        b.wait(&gone(id));
    }
    b.click("#theme");
    b.eval("new Promise(done => setTimeout(done, 500))");
    for id in ["speedups", "wafer-map", "layer-film"] {
        assert_eq!(b.eval(&gone(id)), true, "{id} is painted again by another theme");
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}
