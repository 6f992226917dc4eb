//! Ten walks, each by the clicks, keys and touches of one kind of reader, from the first screen to what that reader came for.

use serde_json::json;

use super::hands::press;
use super::traces::small;
use super::*;

/// Clicks on a view's name in the bar.
fn go(b: &mut Browser, view: &str) {
    let script = format!(
        "[...document.querySelectorAll('.views a')].find(a => a.innerText === '{view}').setAttribute('data-walk', '{view}')"
    );
    b.eval(&script);
    b.click(&format!("[data-walk='{view}']"));
    b.wait(&format!("!document.querySelector('#view-{}').hidden", view.to_lowercase()));
}

/// Waits until nothing is asked.
fn rest(b: &mut Browser) {
    b.wait("document.documentElement.dataset.asking === '0' && !document.querySelector('#boot')");
}

/// Presses a button by its words.
fn press_button(b: &mut Browser, around: &str, words: &str) {
    let mark = format!(
        "(() => {{ document.querySelectorAll('[data-walked]').forEach(e => e.removeAttribute('data-walked'));
        const e = [...document.querySelectorAll({})].find(e => e.innerText.trim() === {} && e.checkVisibility()); e?.setAttribute('data-walked', ''); return !!e; }})()",
        json!(format!("{around} button, {around} a")),
        json!(words)
    );
    b.wait(&mark);
    b.click("[data-walked]");
}

/// What a download gave, instead of a file.
fn catch_downloads(b: &mut Browser) {
    b.eval("(() => { window.saved = []; HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, this.href]); }; })()");
}

/// Whether an element is within the window.
fn in_sight(b: &mut Browser, selector: &str) -> bool {
    b.eval(&format!("(() => {{ const r = document.querySelector({})?.getBoundingClientRect(); return !!r && r.height > 0 && r.bottom > 0 && r.top < innerHeight; }})()", json!(selector))) == true
}

#[test]
fn a_readers_first_minute() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&url);
    rest(&mut b);
    b.wait("document.querySelectorAll('.race .lane').length === 5");
    assert_eq!(b.text("h1"), "Expert routing looks like chaos. It isn\u{2019}t.");
    assert!(in_sight(&mut b, ".race .badge.syn"), "a synthetic workload says so on the first screen");
    // Every number of the sentence is the command line's for the same address.
    let report = cli(&["run", "--experiment", "v=2", "--json"]);
    let best = report["runs"].as_array().unwrap().iter().map(|r| r["speedup"].as_f64().unwrap()).fold(0.0, f64::max);
    let lead = b.text(".hero .lead");
    assert!(lead.contains(&format!("is {} times as fast", moescope::units::significant(best, 3))), "{lead}");
    for run in report["runs"].as_array().unwrap() {
        let said = format!("{}×", moescope::units::significant(run["speedup"].as_f64().unwrap(), 3));
        let lane = format!(".lane.{}", run["strategy"].as_str().unwrap().replace('+', "-"));
        let words = b.eval(&format!("[...document.querySelectorAll('.race .lane')].find(l => l.querySelector('.nm').innerText === '{}')?.textContent", run["strategy"].as_str().unwrap()));
        assert!(words.as_str().unwrap().contains(&said), "{lane}: {words}");
    }
    press_button(&mut b, ".hero", "Read");
    b.wait("location.hash.includes('part=1')");
    b.wait("(() => { const r = document.querySelector('[data-part=\"1\"]').getBoundingClientRect(); return r.top < innerHeight / 2 && r.bottom > 0; })()");
    b.call("Input.dispatchMouseEvent", json!({"type": "mouseWheel", "x": 600, "y": 500, "deltaX": 0, "deltaY": 40}));
    // Down through all parts: each has its words, its number and its picture.
    let parts = b.eval("document.querySelectorAll('[data-part]').length").as_u64().unwrap();
    assert_eq!(parts, 12, "the first screen, five chapters, six patterns");
    for part in 1..parts {
        b.eval(&format!("document.querySelector('[data-part=\"{part}\"]').scrollIntoView({{block: 'center'}})"));
        // Three patterns stand side by side.
        let said = if (8..=10).contains(&part) { "part=(8|9|10)".to_string() } else { format!("part={part}(&|$)") };
        b.wait(&format!("/{said}/.test(location.hash)"));
        assert!(b.text(&format!("[data-part=\"{part}\"]")).chars().any(|c| c.is_ascii_digit()), "part {part}");
    }
    b.eval("document.querySelector('#story-end').scrollIntoView()");
    rest(&mut b);
    b.wait("[...document.querySelectorAll('#view-story canvas')].every(c => c.dataset.drawn === 'yes')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_researcher_reproduces_figure_12_with_an_own_trace_and_shares_a_sweep() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = small(folder.path());
    b.open(&format!("{url}#v=2&layers=2&steps=2"));
    rest(&mut b);
    b.drop_files("#drop", &[&archive]);
    b.wait("document.querySelector('#chip').innerText.includes('your trace')");
    rest(&mut b);
    go(&mut b, "Paper");
    b.click("#reproduce");
    b.wait("!!document.querySelector('#paper-done')");
    // Runs of the trace's model are of the trace, and say so; the others are synthetic.
    let said = b.text("#paper-done");
    assert!(said.contains("your trace") || said.contains("synthetic"), "{said}");
    go(&mut b, "Simulate");
    let offer = b.text(".elsewhere a:first-of-type");
    press_button(&mut b, ".elsewhere", &offer);
    b.wait("location.hash.includes('sweep=') && document.querySelector('#drawer-sweep').open");
    rest(&mut b);
    b.wait("document.querySelector('#sweep-curve canvas')?.dataset.drawn === 'yes'");
    b.click("#share");
    b.wait("!!document.querySelector('#share-link')");
    b.eval("(() => { const e = document.querySelector('#share-name'); e.value = 'links, halved and doubled'; e.dispatchEvent(new Event('change', {bubbles: true})); })()");
    b.wait("document.querySelector('#share-link').value.includes('name=')");
    let link = b.eval("document.querySelector('#share-link').value").as_str().unwrap().to_string();
    // The colleague, who has no such trace, is told what is missing, and sees the sweep.
    forget_stored(&mut b);
    b.open(&link.replace('#', "?colleague#"));
    rest(&mut b);
    b.wait("document.title.startsWith('links, halved and doubled')");
    b.wait("document.querySelector('#drawer-sweep').open && !document.querySelector('#view-simulate').hidden");
    assert!(in_sight(&mut b, "#missing-trace"));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_serving_engineer_goes_from_a_recording_to_the_servers_file() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = small(folder.path());
    b.open(&format!("{url}#v=2&steps=2"));
    rest(&mut b);
    b.drop_files("#drop", &[&archive]);
    b.wait("document.querySelector('#chip').innerText.includes('your trace')");
    rest(&mut b);
    go(&mut b, "Deploy");
    press_button(&mut b, ".systems", "8 × H100");
    press_button(&mut b, "[aria-labelledby=spare-name]", "1");
    b.wait("location.hash.includes('wafer=h100x8') && location.hash.includes('spare=1')");
    rest(&mut b);
    b.wait("!!document.querySelector('#placements')");
    b.eval("document.querySelector('[id=\"placed-eplb.even\"] button').click()");
    catch_downloads(&mut b);
    b.click("#export-sglang");
    b.click("#save-file");
    b.wait("!!document.querySelector('#exported')");
    let saved = b.eval("(async () => { const [name, href] = window.saved[0]; return [name, decodeURIComponent(href.slice(href.indexOf(',') + 1))]; })()");
    assert_eq!(saved[0], "expert_location.json");
    let text = fragment(&mut b);
    let experiment: Vec<&str> =
        text.split('&').filter(|p| !p.starts_with("trace=") && !p.starts_with("view=")).collect();
    let file = folder.path().join("expert_location.json");
    let arguments = [
        "place",
        "--experiment",
        &experiment.join("&"),
        "--traces",
        archive.to_str().unwrap(),
        "--export",
        "sglang",
        "--strategy",
        "eplb.even",
        "-o",
        file.to_str().unwrap(),
        "--json",
    ];
    cli(&arguments);
    let page: Value = serde_json::from_str(saved[1].as_str().unwrap()).unwrap();
    let line: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(page["physical_to_logical_map"], line["physical_to_logical_map"]);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_lecturer_presents_and_embeds() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=2&layers=2&steps=2"));
    rest(&mut b);
    press(&mut b, "p");
    b.wait("location.hash.includes('present=1') && 'present' in document.documentElement.dataset");
    let size = "parseFloat(getComputedStyle(document.querySelector('.chap p:not(.aside)')).fontSize)";
    assert!(b.eval(size).as_f64().unwrap() >= 18.0);
    // The arrow goes from screen to screen.
    let top = b.eval("scrollY").as_f64().unwrap();
    press(&mut b, "ArrowRight");
    b.wait(&format!("scrollY > {top} + 300"));
    press(&mut b, "ArrowLeft");
    b.wait(&format!("scrollY < {top} + 100"));
    press(&mut b, "p");
    b.wait("!location.hash.includes('present')");
    // A frame in the lecture's own page is alive, says whose it is and of what.
    go(&mut b, "Simulate");
    rest(&mut b);
    b.click("#share");
    b.wait("!!document.querySelector('#share-figure')");
    assert_eq!(b.eval("document.querySelector('#share-figure').value"), "wafer-map", "what is looked at stands first");
    choose(&mut b, "share-figure", "speedups");
    let frame = b.eval("document.querySelector('#share-embed').value").as_str().unwrap().to_string();
    let address = frame.split('"').nth(1).unwrap().to_string();
    b.open(&address.replace('#', "?frame#"));
    rest(&mut b);
    b.wait("document.querySelector('#speedups canvas')?.dataset.drawn === 'yes'");
    let words = b.text("body");
    for said in ["moescope", "synthetic", "Patterns behind Chaos"] {
        assert!(words.contains(said), "{said} is not in: {words}");
    }
    assert_eq!(
        b.eval("[...document.querySelectorAll('a')].some(a => a.checkVisibility() && a.href.includes('#v=2'))"),
        true,
        "a link back"
    );
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_reader_with_a_keyboard_alone() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=2&layers=2&steps=2"));
    rest(&mut b);
    b.wait("document.querySelectorAll('.race .lane').length === 5");
    press(&mut b, "Tab");
    b.wait("document.activeElement?.classList.contains('skip')");
    assert!(in_sight(&mut b, ".skip"), "the skip link shows once it has the focus");
    // To the views, and into one.
    for _ in 0..12 {
        press(&mut b, "Tab");
        if b.eval("document.activeElement.innerText") == "Explore" {
            break;
        }
    }
    assert_eq!(b.eval("document.activeElement.innerText"), "Explore");
    press(&mut b, "Enter");
    b.wait("!document.querySelector('#view-explore').hidden");
    rest(&mut b);
    press(&mut b, "/");
    b.wait("document.activeElement?.id === 'palette'");
    b.call("Input.insertText", json!({"text": "batch, req"}));
    b.wait("document.querySelectorAll('.places button').length > 0");
    press(&mut b, "Escape");
    b.wait("document.activeElement?.id !== 'palette'");
    // Nothing that has the focus hides it, and nothing traps it.
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        press(&mut b, "Tab");
        let at = b.eval("(() => { const e = document.activeElement; if (e === document.body) return 'body'; const s = getComputedStyle(e), r = e.getBoundingClientRect();
            if (r.width < 1 || r.height < 1) return 'unseen ' + e.outerHTML.slice(0, 90);
            return (s.outlineStyle !== 'none' || s.boxShadow !== 'none' || e.closest(':focus-within')) ? (e.id || e.innerText || e.getAttribute('aria-label') || e.tagName) : 'bare ' + e.outerHTML.slice(0, 90); })()");
        let at = at.as_str().unwrap().to_string();
        assert!(!at.starts_with("unseen") && !at.starts_with("bare"), "{at}");
        seen.insert(at);
    }
    assert!(seen.len() > 20, "{seen:?}");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_reader_with_a_phone() {
    let Some((mut b, url)) = begin() else { return };
    b.device(390, 844, 2, false);
    b.call("Emulation.setTouchEmulationEnabled", json!({"enabled": true}));
    b.open(&format!("{url}#v=2&layers=2&steps=2"));
    rest(&mut b);
    b.wait("document.querySelectorAll('.race .lane').length === 5");
    let tap = |b: &mut Browser, selector: &str| {
        let (x, y) = b.middle(selector);
        b.call("Input.dispatchTouchEvent", json!({"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}));
        b.call("Input.dispatchTouchEvent", json!({"type": "touchEnd", "touchPoints": []}));
    };
    for (n, view) in ["story", "explore", "simulate", "deploy", "paper"].into_iter().enumerate() {
        tap(&mut b, &format!(".bottom a:nth-child({})", n + 1));
        b.wait(&format!("!document.querySelector('#view-{view}').hidden"));
        rest(&mut b);
        assert_eq!(b.eval("document.documentElement.scrollWidth <= innerWidth"), true, "{view} is cut");
        // What is pressed has room for a thumb: links within a sentence have the sentence's lines.
        let small = "[...document.querySelectorAll('button, select, summary, input:not([type=checkbox]):not([type=radio]), .bottom a, .btn')].filter(e => e.checkVisibility() && !e.closest('.hidden')).map(e => [e, e.getBoundingClientRect()])
            .filter(([e, r]) => r.width > 0 && (r.height < 43.5 || r.width < 30) && !e.classList.contains('hidden')).map(([e, r]) => `${e.tagName} ${e.id} ${e.className} ${(e.innerText || '').slice(0, 20)} ${Math.round(r.width)}x${Math.round(r.height)}`)";
        assert_eq!(b.eval(small), json!([]), "in {view}");
    }
    // A tap pins a value; a tap elsewhere lets it go.
    tap(&mut b, ".bottom a:nth-child(2)");
    rest(&mut b);
    b.wait("document.querySelector('#view-explore figure[id] canvas')?.dataset.drawn === 'yes'");
    // A figure that is drawn anew, for numbers or fonts that came late, lets the value go: then a reader taps again.
    for _ in 0..5 {
        tap(&mut b, "#view-explore figure[id] canvas");
        if b.eval("new Promise(r => setTimeout(() => r(!!document.querySelector('.tip')), 400))") == true {
            break;
        }
    }
    b.wait("!!document.querySelector('.tip')");
    tap(&mut b, "#ex-title");
    b.wait("!document.querySelector('.tip')");
    // The setup is a sheet, and a die answers in one.
    tap(&mut b, ".bottom a:nth-child(3)");
    rest(&mut b);
    tap(&mut b, "#open-setup");
    b.wait("document.querySelector('.sim .rail').classList.contains('open')");
    tap(&mut b, ".sim .rail .sheet-h button");
    b.wait("!document.querySelector('.sim .rail').classList.contains('open')");
    tap(&mut b, "#wafer-map svg");
    b.wait("location.hash.includes('look=die:12')");
    b.wait("document.querySelector('#looked')?.checkVisibility()");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_wrong_file_far_down_the_page_is_told_in_sight() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    b.open(&url);
    rest(&mut b);
    b.wait("document.querySelectorAll('#view-story .trio figure').length > 0");
    b.eval("scrollTo(0, 7000)");
    b.wait("scrollY > 4000");
    b.eval("new Promise(r => setTimeout(r, 500))");
    let (before, chip) = (b.eval("scrollY").as_f64().unwrap(), b.text("#chip"));
    b.drop_files("#drop", &[&broken(folder.path())]);
    b.wait("!!document.querySelector('#issues')");
    assert!(in_sight(&mut b, "#issues"), "the reader sees what is wrong where the file was dropped");
    let said = b.text("#issues");
    assert!(said.contains("broken.json") && said.contains("byte"), "{said}");
    // What was there stays, and stays where it was.
    assert_eq!(b.text("#chip"), chip);
    let after = b.eval("scrollY").as_f64().unwrap();
    assert!((after - before).abs() < 400.0, "from {before} to {after}");
}

#[test]
fn a_colleagues_old_link_opens_where_it_was_meant() {
    let Some((mut b, url)) = begin() else { return };
    for (n, (text, view, figure)) in [
        ("v=1&model=llama4-maverick&layers=2&steps=2&sweep=link:1:2:2", "simulate", "#sweep-curve"),
        ("v=1&model=llama4-maverick&layers=2&steps=2&look=die:12&show=base", "simulate", "#wafer-map"),
        (
            "v=1&model=llama4-maverick&layers=2&steps=2&left=dataset:language%20A&right=dataset:language%20B",
            "explore",
            "#versus",
        ),
        ("v=1&model=llama4-maverick&layers=2&steps=2", "story", ".race"),
    ]
    .into_iter()
    .enumerate()
    {
        b.open(&format!("{url}?{n}#{text}"));
        rest(&mut b);
        b.wait(&format!("!document.querySelector('#view-{view}').hidden"));
        b.wait(&format!("document.querySelector('{figure}')?.checkVisibility()"));
        b.wait(&format!("(() => {{ const r = document.querySelector('{figure}').getBoundingClientRect(); return r.height > 0 && r.top < innerHeight && r.bottom > 0; }})()"));
        assert_eq!(b.eval("!!document.querySelector('#unread')"), false, "{text}");
        // Its numbers are those of the old link.
        let report = cli(&["run", "--experiment", text, "--json"]);
        go(&mut b, "Simulate");
        rest(&mut b);
        b.wait("!!document.querySelector('#runs')");
        table_equals(&mut b, &report);
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn two_pinned_runs_are_compared() {
    let Some((mut b, url)) = begin() else { return };
    let text = "v=2&view=simulate&layers=2&steps=2";
    b.open(&format!("{url}#{text}"));
    rest(&mut b);
    b.wait("!!document.querySelector('#run-done')");
    b.click("#pin-run");
    press_button(&mut b, "[aria-label='Batch, requests']", "4\u{202f}096");
    b.wait("location.hash.includes('batch=4096')");
    rest(&mut b);
    b.wait("!!document.querySelector('#run-done')");
    b.click("#pin-run");
    b.click("#drawer-pins summary");
    b.wait("document.querySelectorAll('#pinned tbody tr').length === 2");
    let shown = b.text("#pinned");
    assert!(shown.contains("batch"), "what differs is named: {shown}");
    for (n, batch) in [(1, ""), (2, "&batch=4096")] {
        let report = cli(&["run", "--experiment", &format!("v=2&layers=2&steps=2{batch}"), "--json"]);
        let row = b.text(&format!("#pinned tbody tr:nth-child({n})"));
        for run in report["runs"].as_array().unwrap() {
            let said = format!("{}×", moescope::units::significant(run["speedup"].as_f64().unwrap(), 3));
            assert!(row.contains(&said), "{said} is not in {row}");
        }
    }
    // The first again, from its row.
    press_button(&mut b, "#pinned tbody tr:nth-child(1)", "Back to it");
    b.wait("!location.hash.includes('batch=4096')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn it_prints_on_paper() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=2&layers=2&steps=2"));
    rest(&mut b);
    b.wait("document.querySelectorAll('.race .lane').length === 5");
    b.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    let shown = |b: &mut Browser, selector: &str| {
        b.eval(&format!("[...document.querySelectorAll('{selector}')].some(e => e.checkVisibility())")) == true
    };
    for gone in [".views", ".acts", ".bottom", ".cta", ".scrub", ".dots"] {
        assert!(!shown(&mut b, gone), "{gone} is printed");
    }
    for kept in ["h1", ".race .lane", ".badge.syn", ".insight"] {
        assert!(shown(&mut b, kept), "{kept} is not printed");
    }
    // The foot says how to come back to it: the address and the digest of the requests.
    let foot = b.eval("getComputedStyle(document.querySelector('.foot'), '::before').content + getComputedStyle(document.querySelector('.foot'), '::after').content");
    let foot = foot.as_str().unwrap();
    assert!(foot.contains("#v=2") && foot.contains("digest"), "{foot}");
    let pdf = b.call("Page.printToPDF", json!({"printBackground": true}));
    assert!(pdf["data"].as_str().unwrap().len() > 50_000);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn nothing_moves_after_the_first_paint() {
    let Some((mut b, url)) = begin() else { return };
    for (width, view) in
        [390, 768, 1440].into_iter().flat_map(|w| ["story", "explore", "simulate", "deploy", "paper"].map(|v| (w, v)))
    {
        b.device(width, 900, 1, false);
        b.open(&format!("{url}?{width}{view}#v=2&view={view}"));
        rest(&mut b);
        b.wait("!!document.querySelector('.view:not([hidden])')");
        let shift = "new Promise(done => { let sum = 0; new PerformanceObserver(l => l.getEntries().forEach(e => sum += e.value)).observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 700); })";
        let shift = b.eval(shift).as_f64().unwrap();
        // What browsers call good.
        assert!(shift < 0.1, "{shift} in {view} at {width} pixels");
    }
}
