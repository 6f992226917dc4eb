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
fn code_that_does_not_arrive_is_told() {
    let fails = "const f = globalThis.fetch; globalThis.fetch = (u, ...rest) => String(u.url ?? u).includes('app_bg.wasm') ? Promise.reject(new TypeError('Failed to fetch')) : f(u, ...rest);";
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
    choose(&mut b, "right", "odd");
    b.wait("!!document.querySelector('#versus')");
    b.click("#share");
    b.wait("document.querySelector('dialog').open");
    assert_eq!(b.eval("document.querySelectorAll('#injected').length"), 0);
}
