//! Sharing, the keyboard, what a screen reader is told, and the page without a network.

use serde_json::json;

use super::traces::small;
use super::*;

/// A key as the browser sends it.
pub(super) fn press(b: &mut Browser, key: &str) {
    let text = if key == "Enter" {
        "\r"
    } else if key.chars().count() == 1 {
        key
    } else {
        ""
    };
    // What the browser itself does with a key, it finds by this code.
    let codes = [
        ("Tab", 9),
        ("Enter", 13),
        ("Escape", 27),
        ("ArrowLeft", 37),
        ("ArrowUp", 38),
        ("ArrowRight", 39),
        ("ArrowDown", 40),
    ];
    let code = codes.iter().find(|c| c.0 == key).map_or(0, |c| c.1);
    for kind in ["keyDown", "keyUp"] {
        let event = json!({"type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code});
        b.call("Input.dispatchKeyEvent", event);
    }
}

pub(super) fn quick(url: &str, more: &str) -> String {
    format!("{url}#v=2&model=llama4-maverick&steps=2&layers=1{more}")
}

#[test]
fn everything_is_reached_by_the_keyboard() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, ""));
    settled(&mut b);
    press(&mut b, "?");
    b.wait("document.querySelector('dialog:not(#trace)').open && !!document.querySelector('#keys')");
    press(&mut b, "Escape");
    b.wait("!document.querySelector('dialog:not(#trace)').open");
    press(&mut b, "]");
    b.wait("document.querySelector('output[for=layer]').innerText === '3'");
    press(&mut b, "m");
    b.wait("location.hash.includes('layer=mean')");
    press(&mut b, "[");
    b.wait("document.querySelector('output[for=layer]').innerText === '1' && !location.hash.includes('layer=')");
    settled(&mut b);
    // By name to a figure, from value to value in it, and a setting that is folded away.
    press(&mut b, "/");
    b.wait("document.activeElement?.id === 'palette'");
    b.call("Input.insertText", json!({"text": "cross-token corr"}));
    b.wait("document.querySelectorAll('.places button').length === 1");
    press(&mut b, "Enter");
    b.wait("document.activeElement === document.querySelector('#token-map canvas')");
    settled(&mut b);
    press(&mut b, "ArrowRight");
    b.wait("document.querySelector('#token-map [role=status]').innerText.startsWith('after expert 0, expert 0')");
    press(&mut b, "ArrowRight");
    // Row 0 is at the bottom.
    press(&mut b, "ArrowUp");
    // Said, not shown: a figure that is drawn anew, for a layer that came late, takes its words away.
    b.wait("document.querySelector('#token-map [role=status]').innerText.startsWith('after expert 1, expert 1')");
    press(&mut b, "Escape");
    b.wait("!document.querySelector('#token-map .tip')");
    press(&mut b, "/");
    b.wait("document.activeElement?.id === 'palette'");
    b.call("Input.insertText", json!({"text": "LLC miss penalty"}));
    b.wait("document.querySelectorAll('.places button').length === 1");
    assert_eq!(b.eval("document.querySelector('#miss').checkVisibility()"), false, "in another view, and folded away");
    press(&mut b, "Enter");
    b.wait("document.activeElement?.id === 'miss' && document.activeElement.checkVisibility()");
    // A key that is typed into a field is no command.
    press(&mut b, "s");
    assert_eq!(b.eval("document.querySelector('dialog:not(#trace)').open"), false);
    b.click("#token-map .as-table");
    b.wait("document.querySelectorAll('#token-map .rows tbody tr').length === 200");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Figures and settings of views that were not opened could not be found by their names.
#[test]
fn names_are_found_in_views_that_were_never_opened() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, "&view=paper"));
    b.wait("document.documentElement.dataset.asking === '0' && !!document.querySelector('#paper-answer')");
    for (words, there) in [
        ("miss ratio of a cache", "document.activeElement === document.querySelector('#reuse-curve canvas')"),
        ("tokens of context", "document.activeElement?.id === 'context'"),
        ("seed", "document.activeElement?.id === 'seed' && document.querySelector('#trace').open"),
    ] {
        press(&mut b, "/");
        b.wait("document.activeElement?.id === 'palette'");
        b.call("Input.insertText", json!({"text": words}));
        b.wait("document.querySelectorAll('.places button').length === 1");
        press(&mut b, "Enter");
        b.wait(there);
        // Out of the field: a key that is typed into it is no command.
        b.eval("document.activeElement.blur()");
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// The first of all buttons was in a view that is closed: the link led nowhere.
#[test]
fn the_link_past_the_bar_leads_to_every_view() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, ""));
    settled(&mut b);
    for n in 1..=5 {
        press(&mut b, &n.to_string());
        b.eval("document.querySelector('.skip').focus()");
        press(&mut b, "Enter");
        b.wait("document.activeElement?.id === 'main'");
    }
}

#[test]
fn a_share_holds_link_command_frame_and_citation() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, "&wafer=tsmc-sow"));
    settled(&mut b);
    b.click("#share");
    b.wait("document.querySelector('dialog:not(#trace)').open");
    let field = |b: &mut Browser, id: &str| {
        b.eval(&format!("document.querySelector('#share-{id}').value")).as_str().unwrap().to_string()
    };
    let text = "v=2&model=llama4-maverick&wafer=tsmc-sow&steps=2&layers=1";
    assert_eq!(field(&mut b, "link"), format!("{url}#{text}"));
    assert!(field(&mut b, "markdown").ends_with(&format!("]({url}#{text})")));
    assert_eq!(field(&mut b, "command"), format!("moescope run --experiment '{text}' --json"));
    assert!(field(&mut b, "bibtex").contains("2510.05497"));
    choose(&mut b, "share-figure", "token-map");
    let frame = field(&mut b, "embed");
    assert!(frame.contains("&embed=token-map"), "{frame}");
    // What the frame shows: one figure and nothing else.
    let address = frame.split('"').nth(1).unwrap().to_string();
    b.open(&address.replace('#', "?frame#"));
    b.wait("document.querySelector('#token-map canvas')?.dataset.drawn === 'yes'");
    let seen = "[...document.querySelectorAll('h1, h2, h3, figure, footer, .tools')].filter(e => e.offsetParent !== null).map(e => e.id || e.innerText)";
    assert_eq!(b.eval(seen), json!(["token-map", "Cross-token correlation"]));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_frame_tells_its_height_and_takes_the_colours_of_the_page_around_it() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, "&view=simulate&embed=speedups&theme=dark").replace('#', "?dark#"));
    b.wait("document.querySelector('#speedups canvas')?.dataset.drawn === 'yes'");
    assert_eq!(b.eval("document.documentElement.dataset.theme"), "dark");
    // What the reader chose for the page itself is not for the page of somebody else.
    b.eval("localStorage.setItem('theme', 'dark')");
    b.open(&quick(&url, "&view=simulate&embed=speedups").replace('#', "?own#"));
    b.wait("document.querySelector('#speedups canvas')?.dataset.drawn === 'yes'");
    assert_eq!(b.eval("document.documentElement.dataset.theme"), "light");
    let framed = |b: &mut Browser, figure: &str| {
        let address = json!(quick(&url, &format!("&view=simulate&embed={figure}")));
        b.navigate(&format!("{url}OFL.txt"));
        b.wait("document.readyState === 'complete' && location.pathname.endsWith('/OFL.txt')");
        b.eval(&format!(
            "(() => {{ document.body.innerHTML = ''; window.said = []; onmessage = e => {{ said.push(e.data); document.querySelector('iframe').height = e.data.height; }};
            const f = document.createElement('iframe'); [f.width, f.height, f.src] = [600, 300, {address}]; document.body.append(f); }})()"
        ));
        b.wait("said.length > 0");
        // It comes to rest.
        b.eval("new Promise(done => setTimeout(done, 1500))");
        let (said, high) = (b.eval("said"), b.eval("document.querySelector('iframe').clientHeight").as_f64().unwrap());
        let last = said.as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["moescope"], figure);
        assert!(said.as_array().unwrap().len() <= 6, "{said}");
        assert!((last["height"].as_f64().unwrap() - high).abs() <= 1.0 && high >= 300.0, "{said}");
        high
    };
    // What has a height of its own gets it; what fills its frame keeps what it is given.
    assert!(framed(&mut b, "speedups") > 380.0);
    assert!(framed(&mut b, "wafer-map") < 330.0);
}

#[test]
fn saved_figures_say_how_to_make_them_again() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, "&view=explore"));
    settled(&mut b);
    b.eval("(() => { window.saved = []; const click = HTMLAnchorElement.prototype.click; HTMLAnchorElement.prototype.click = function () { this.download ? window.saved.push(this.href) : click.call(this); }; })()");
    for n in 2..=4 {
        b.click(&format!("#token-map .save button:nth-child({n})"));
    }
    let experiment = format!("experiment {}, digest ", fragment(&mut b));
    let experiment = experiment.as_str();
    let png = b.eval("atob(window.saved[0].split(',')[1]).slice(0, 300)");
    assert!(png.as_str().unwrap().contains("tEXtComment") && png.as_str().unwrap().contains(experiment), "{png}");
    for n in [1, 2] {
        let text = b.eval(&format!("decodeURIComponent(window.saved[{n}])"));
        assert!(text.as_str().unwrap().contains(experiment), "{}", &text.as_str().unwrap()[..200]);
    }
    // The picture is still one.
    assert_eq!(b.eval("(async () => { const i = new Image(); i.src = window.saved[0]; await i.decode(); return i.width > 100; })()"), true);
}

#[test]
fn axe_finds_no_violation() {
    let Some((mut b, url)) = begin() else { return };
    let cache =
        std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| std::env::var("HOME").unwrap_or_default() + "/.cache");
    let tools = std::env::var("MOESCOPE_TOOLS").unwrap_or(cache + "/moescope/tools");
    let Ok(axe) = std::fs::read_to_string(Path::new(&tools).join("node_modules/axe-core/axe.min.js")) else {
        assert!(std::env::var_os("CI").is_none(), "axe-core is missing: run make test");
        eprintln!("SKIPPED: axe-core is missing; make test installs it");
        return;
    };
    // What each view shows once it was asked: a sweep in its drawer, figures as tables, Figure 12, compared placements.
    let views = ["story", "explore", "simulate", "deploy", "paper"];
    for (width, dark) in [(1440, false), (1440, true), (390, false), (390, true)] {
        b.device(width, 900, 1, dark);
        b.open(&format!("{url}?{width}{dark}#v=2&model=qwen3-235b&steps=2&layers=1&part=sweep&sweep=link:1:2:2"));
        settled(&mut b);
        b.click("#reproduce");
        b.wait("!!document.querySelector('#paper-done')");
        b.click("#compare-placements");
        b.wait("!!document.querySelector('#placements')");
        b.eval("document.querySelectorAll('details').forEach(d => d.open = true)");
        b.eval(&axe);
        let mut found = Vec::new();
        for view in views {
            b.eval(&format!(
                "(async () => {{ [...document.querySelectorAll('.views a')].find(a => a.innerText.toLowerCase() === '{view}').click(); await new Promise(r => setTimeout(r, 200)); }})()"
            ));
            settled(&mut b);
            b.wait(&format!("document.querySelector('#view-{view}').checkVisibility()"));
            // The dialogs lie over every view alike.
            let dialogs: &[&str] = if view == "explore" { &["", "s", "?", "/", "t"] } else { &[""] };
            for open in dialogs {
                if !open.is_empty() {
                    press(&mut b, open);
                    b.wait("[...document.querySelectorAll('dialog')].some(d => d.open)");
                }
                let all = b.eval(
                    "(async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes.length + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')))()",
                );
                found.extend(all.as_array().unwrap().iter().map(|v| format!("{view} {open}: {v}")));
                press(&mut b, "Escape");
                b.wait("[...document.querySelectorAll('dialog')].every(d => !d.open)");
            }
        }
        assert!(found.is_empty(), "{width} pixels, dark: {dark}: {}", found.join("\n"));
    }
}

#[test]
fn the_page_works_without_a_network_after_one_visit() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, ""));
    settled(&mut b);
    let kept = "(async () => { await navigator.serviceWorker.ready; const names = await caches.keys(); const c = await caches.open(names[0]); return (await c.keys()).length; })()";
    assert!(b.eval(kept).as_u64().unwrap() >= 10);
    b.wait("navigator.serviceWorker.controller !== null");
    b.call(
        "Network.emulateNetworkConditions",
        json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}),
    );
    b.open(&quick(&url, "").replace('#', "?offline#"));
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_reload_finds_the_trace_again_until_it_is_deleted() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = real_or_small(folder.path());
    b.open(&quick(&url, ""));
    settled(&mut b);
    // Anywhere on the page.
    b.drop_files("main", &[&path]);
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
    b.wait("document.querySelector('#recent summary')?.innerText.endsWith('1')");
    let text = fragment(&mut b);
    let skew = b.number("#fact-skew");
    b.open(&format!("{url}?again#{text}"));
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
    assert_eq!(b.number("#fact-skew"), skew);
    assert_eq!(b.eval("!!document.querySelector('#missing-trace')"), false);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--traces", path.to_str().unwrap(), "--json"]));
    // What cannot be read any more is taken off the list, and the page says what is missing.
    let digest = text.split("trace=").nth(1).unwrap().split('&').next().unwrap().to_string();
    b.eval(&format!(
        "(async () => {{ const d = await navigator.storage.getDirectory(); const f = await d.getFileHandle('{digest}'); const w = await f.createWritable(); await w.write('moescope 0.0.1'); await w.close(); }})()"
    ));
    b.open(&format!("{url}?broken#{text}"));
    b.wait("!!document.querySelector('#missing-trace') && !document.querySelector('#recent')");
    // Kept once more, and deleted by hand.
    b.drop_files("#drop", &[&path]);
    b.wait("document.querySelector('#recent summary')?.innerText.endsWith('1')");
    b.click("#recent summary");
    b.click("#recent .quiet");
    b.wait("!document.querySelector('#recent')");
    let left = "(async () => { const names = []; for await (const n of (await navigator.storage.getDirectory()).keys()) names.push(n); return names.length; })()";
    assert_eq!(b.eval(left), 0);
    b.open(&format!("{url}?gone#{text}"));
    b.wait("!!document.querySelector('#missing-trace')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Another tab, to the storage: a frame of the same site.
fn second_tab(b: &mut Browser, address: &str) {
    b.eval(&format!(
        "new Promise(done => {{ const f = document.createElement('iframe'); f.id = 'tab'; f.src = '{address}'; f.onload = done; document.body.append(f); }})"
    ));
    b.wait("document.querySelector('#tab').contentDocument.documentElement.dataset.asking === '0' && document.querySelector('#tab').contentDocument.querySelector('#source')");
}

const STORED: &str = "(async () => { const names = []; for await (const n of (await navigator.storage.getDirectory()).keys()) names.push(n); return names.sort(); })()";

/// Each tab wrote its own list over the other's: entries were lost, and their files stayed for ever.
#[test]
fn two_tabs_list_every_stored_trace() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = small(folder.path());
    b.open(&quick(&url, ""));
    settled(&mut b);
    second_tab(&mut b, &quick(&url, "").replace('#', "?tab#"));
    b.drop_files("#drop", &[&archive]);
    let digest = "(async () => { const w = document.querySelector('#tab').contentWindow; const r = await fetch('traces/llama4-mmlu-made/0.json'); const f = new File([await r.blob()], '0.json'); return (await w.moescope.load([f])).digest; })()";
    let other = b.eval(digest);
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    let own = fragment(&mut b).split("trace=").nth(1).unwrap().split('&').next().unwrap().to_string();
    let lists = |n: usize| {
        format!(
            "[document, document.querySelector('#tab').contentDocument].every(d => d.querySelectorAll('#recent li').length === {n})"
        )
    };
    b.wait(&lists(2));
    let mut both = [own.clone(), other.as_str().unwrap().to_string()];
    both.sort();
    assert_eq!(b.eval(STORED), json!(both));
    // Deleted in one, gone from the other, list and file.
    b.eval("[...document.querySelector('#tab').contentDocument.querySelectorAll('#recent .quiet')].forEach(e => e.click())");
    b.wait("[document, document.querySelector('#tab').contentDocument].every(d => !d.querySelector('#recent'))");
    assert_eq!(b.eval(STORED), json!([]));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// A file under the digest of another trace was loaded by the worker before the page saw what it is.
#[test]
fn a_stored_file_that_holds_another_trace_is_refused() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = small(folder.path());
    b.open(&quick(&url, ""));
    settled(&mut b);
    load(&mut b, &[&archive]);
    b.wait("document.querySelector('#recent summary')?.innerText.endsWith('1')");
    let text = fragment(&mut b);
    let digest = text.split("trace=").nth(1).unwrap().split('&').next().unwrap().to_string();
    let copied = format!(
        "(async () => {{ const d = await navigator.storage.getDirectory(); const from = await (await d.getFileHandle('{digest}')).getFile(); const w = await (await d.getFileHandle('0123456789abcdef', {{create: true}})).createWritable(); await w.write(await from.arrayBuffer()); await w.close(); }})()"
    );
    b.eval(&copied);
    b.open(&format!("{url}?other#{}", text.replace(&digest, "0123456789abcdef")));
    b.wait("document.querySelector('.notice.bad')?.innerText.includes('it holds another trace')");
    b.wait("!!document.querySelector('#missing-trace')");
    settled(&mut b);
    assert!(b.text("#source").starts_with("Synthetic"));
    b.wait("document.querySelectorAll('#recent li').length === 1");
    assert_eq!(b.eval(STORED), json!([digest]));
}

/// The table of docs/walkthrough.md: each address is understood in full and shows its figure.
#[test]
fn the_ten_addresses_of_the_walkthrough_work() {
    let Some((mut b, url)) = begin() else { return };
    let text = std::fs::read_to_string(root().join("docs/walkthrough.md")).unwrap();
    let row = |line: &str| {
        let parts: Vec<String> = line.split('`').map(ToString::to_string).collect();
        (parts.len() == 5 && parts[1].starts_with('#')).then(|| (parts[1].clone(), parts[3].clone()))
    };
    let rows: Vec<(String, String)> = text.lines().filter_map(row).collect();
    assert_eq!(rows.len(), 10);
    for (i, (fragment, figure)) in rows.iter().enumerate() {
        let (read, unread) = moescope::experiment::Experiment::parse(&fragment[1..]);
        assert_eq!((format!("#{read}"), unread), (fragment.clone(), Vec::new()));
        b.open(&format!("{url}?{i}{fragment}"));
        // In sight without a click: a picture of pixels, or one of dies and links.
        b.wait(&format!(
            "(() => {{ const f = document.querySelector('#{figure}'), c = f?.querySelector('canvas'); return f?.checkVisibility() && f.getBoundingClientRect().top < innerHeight && (c ? c.dataset.drawn === 'yes' : !!f.querySelector('svg .die')); }})()"
        ));
        assert_eq!(b.eval("!!document.querySelector('#unread')"), false, "{fragment}");
        let shown = b.eval("location.hash").as_str().unwrap().to_string();
        assert_eq!(&shown, fragment, "the address is in its normal form");
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn parts_and_pieces_lead_to_their_places() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, ""));
    settled(&mut b);
    let address = fragment(&mut b);
    let holds = |place: &str| {
        format!(
            "(() => {{ const e = document.querySelector('#{place}'); return e.checkVisibility() && e.contains(document.activeElement) && e.getBoundingClientRect().top < innerHeight; }})()"
        )
    };
    for (n, view) in [(3, "simulate"), (2, "explore"), (4, "deploy"), (5, "paper")] {
        b.click(&format!(".views a:nth-child({n})"));
        b.wait(&format!(
            "[...document.querySelectorAll('.view')].filter(v => v.checkVisibility()).map(v => v.id).join() === 'view-{view}'"
        ));
        b.wait(&format!("location.hash === '#{address}&view={view}'"));
    }
    b.wait("document.querySelectorAll('#pieces tbody tr').length > 15");
    // Of the list of contents, and of a row of the table: by what the row is named.
    for (words, place) in [("Table II", "units"), ("Errata, versions", "errata"), ("Words", "glossary")] {
        b.eval(&format!(
            "[...document.querySelectorAll('.pap-toc a')].find(a => a.innerText === '{words}').setAttribute('id', 'led-{place}')"
        ));
        b.click(&format!("#led-{place}"));
        b.wait(&holds(place));
    }
    for (words, place) in [("Ob2", "token-map"), ("Table I, wafers", "hardware"), ("Table II", "units")] {
        b.eval(&format!(
            "[...document.querySelectorAll('#pieces tbody tr')].find(r => r.textContent.startsWith('{words}')).querySelector('a').setAttribute('id', 'row-{place}')"
        ));
        b.click(&format!("#row-{place}"));
        b.wait(&holds(place));
        // The place has an address, and it is the same experiment.
        let there = fragment(&mut b);
        assert!(there.contains("&part="), "{there}");
        let of = |text: &str| moescope::experiment::Experiment::parse(text).0.run_key().to_string();
        assert_eq!(of(&there), of(&address));
    }
    // An address opens its part.
    b.open(&quick(&url, "&view=simulate&part=hardware").replace('#', "?place#"));
    b.wait(&holds("hardware"));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_trace_is_loaded_by_its_address() {
    let Some((mut b, url)) = begin() else { return };
    // From this site: nothing leaves it, so nothing is asked.
    b.open(&format!("{url}#v=1&trace=traces/small.zip"));
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    b.wait("/trace=[0-9a-f]{16}&from=traces%2Fsmall.zip/.test(location.hash)");
    settled(&mut b);
    let text = fragment(&mut b);
    // Such a link finds the trace again where the browser has kept nothing.
    forget_stored(&mut b);
    b.open(&format!("{url}?again#{text}"));
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    settled(&mut b);
    assert_eq!(fragment(&mut b), text);
    // The folders of an address name model and data set, as those of a path do.
    forget_stored(&mut b);
    b.open(&format!("{url}?one#v=1&trace=traces/llama4-mmlu-made/0.json"));
    b.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    b.wait("document.querySelector('#fact-dataset')?.innerText.includes('mmlu')");
    // Another content than the link was made on is said, not hidden.
    forget_stored(&mut b);
    b.open(&format!("{url}?other#v=1&trace=0123456789abcdef&from=traces/small.zip"));
    b.wait("document.querySelector('.notice.bad')?.innerText.includes('another trace than the link was made on')");
    assert_eq!(b.complaints(), Vec::<String>::new());
    forget_stored(&mut b);
    b.open(&format!("{url}?none#v=1&trace=traces/none.zip"));
    b.wait("document.querySelector('.notice.bad')?.innerText.includes('status 404')");
}

#[test]
fn no_request_leaves_the_site_before_the_reader_agrees() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=2&layers=1&trace=https://localhost:1/a.zip"));
    b.wait("document.querySelector('#consent')?.innerText.includes('localhost:1')");
    settled(&mut b);
    let outside = "performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length + document.querySelectorAll('iframe').length";
    assert_eq!(b.eval(outside), 0);
    b.click("#consent-no");
    b.wait("!document.querySelector('#consent')");
    assert_eq!(b.eval(outside), 0);
    // A pasted address asks as well; agreed to, the failure says what may be wrong and what to do.
    b.eval("(() => { const data = new DataTransfer(); data.setData('text/plain', 'https://localhost:1/b.zip'); document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); })()");
    b.wait("document.querySelector('#consent code')?.innerText === 'https://localhost:1/b.zip'");
    b.click("#consent-yes");
    b.wait("/does not allow other sites.*drop it here/.test(document.querySelector('.notice.bad')?.innerText)");
    assert!(b.text("#source").starts_with("Synthetic"), "what was shown stays");
    // Plain http is refused in words.
    b.open(&format!("{url}?http#v=1&model=llama4-maverick&steps=2&layers=1&trace=http://example.org/a.zip"));
    b.wait("document.querySelector('#unread')?.innerText.includes('https://')");
}

#[test]
fn every_example_of_the_gallery_opens() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&quick(&url, ""));
    settled(&mut b);
    b.click("#examples summary");
    let links = b.eval("[...document.querySelectorAll('#examples a')].map(a => a.getAttribute('href'))");
    let links: Vec<&str> = links.as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    assert_eq!(links.len(), 5 * 3 + 8);
    for link in &links {
        let (e, unread) = moescope::experiment::Experiment::parse(link);
        assert_eq!((unread, format!("#{e}")), (Vec::new(), (*link).to_string()));
    }
    // One of each kind is tried: a workload, and what stands side by side.
    for (at, there) in [
        (5, "document.querySelector('#source') && document.querySelector('#run-done')"),
        (15 + 4, "document.querySelector('#versus')"),
        (15 + 6, "document.querySelectorAll('#compared data').length === 10"),
    ] {
        b.eval(&format!("document.querySelectorAll('#examples a')[{at}].click()"));
        b.wait(&format!("location.hash === '{}'", links[at]));
        b.wait(there);
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_long_load_shows_what_is_read_so_far() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let first = large(folder.path());
    let others = ["b.json", "c.json", "d.json"].map(|name| folder.path().join(name));
    others.iter().for_each(|path| std::fs::hard_link(&first, path).unwrap());
    b.open(&quick(&url, ""));
    settled(&mut b);
    b.drop_files("#drop", &[&first, &others[0], &others[1], &others[2]]);
    // How far it is stands in the bar; the sheet shows what was read.
    b.wait("/\\d+%/.test(document.querySelector('#chip').innerText)");
    b.click("#chip");
    b.wait("document.querySelector('#so-far canvas')?.dataset.drawn === 'yes'");
    assert_eq!(b.eval("!!document.querySelector('#progress')"), true, "the load goes on");
    b.click("#cancel-load");
    b.wait("!document.querySelector('#so-far') && document.querySelector('#source').innerText.startsWith('Synthetic')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_long_request_is_read_in_sections_as_the_command_line_reads_it() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = super::traces::long(folder.path());
    b.open(&quick(&url, ""));
    settled(&mut b);
    load(&mut b, &[&file]);
    let (text, path) = (fragment(&mut b), file.to_str().unwrap());
    layer_equals(&mut b, &cli(&["analyze", path, "--threads", "1", "--json"]), 3);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--traces", path, "--json"]));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Every setting but the layer was redrawn for the layer: twenty figures at each move of a slider.
#[test]
fn a_moved_layer_redraws_no_figure_of_the_wafer() {
    let Some((mut b, url)) = begin() else { return };
    let marks = |b: &mut Browser, name: &str| b.eval(&format!("performance.getEntriesByName('{name}').length"));
    let rest = "new Promise(done => setTimeout(done, 500))";
    // What shows a layer, and what shows the whole trace.
    for (part, drawn) in [("frequency-bars", 1), ("token-diagonal", 1), ("reuse-curve", 0), ("coverage-layers", 0)] {
        b.open(&format!("{}&view=explore&part={part}", quick(&url, "").replace('#', &format!("?{part}#"))));
        settled(&mut b);
        b.eval(rest);
        b.eval("performance.clearMarks()");
        press(&mut b, "]");
        b.wait("document.querySelector('output[for=layer]').innerText === '3' && location.hash.endsWith('&layer=1')");
        settled(&mut b);
        b.eval(rest);
        assert_eq!(marks(&mut b, part), drawn, "{part}");
    }
    // The wafer and its figures, while they are looked at.
    b.open(&format!("{}&view=simulate&part=tables", quick(&url, "").replace('#', "?wafer#")));
    settled(&mut b);
    b.wait("document.querySelector('#speedups canvas')?.dataset.drawn === 'yes' && !!document.querySelector('#wafer-map .die')");
    b.eval(rest);
    b.eval("(() => { window.changed = 0; new MutationObserver(all => changed += all.length).observe(document.querySelector('#wafer-map'), {subtree: true, childList: true, attributes: true, characterData: true}); performance.clearMarks(); })()");
    press(&mut b, "]");
    b.wait("location.hash.endsWith('&layer=1')");
    b.eval(rest);
    for name in ["speedups", "critical", "layer-time"] {
        assert_eq!(marks(&mut b, name), 0, "{name}");
    }
    assert_eq!(b.eval("window.changed"), 0, "the wafer");
}

#[test]
fn a_summary_file_opens_like_its_traces() {
    let Some((mut b, url)) = begin() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = small(folder.path());
    let summary = folder.path().join("x.moesum");
    let line = [&archive, &summary].map(|p| p.to_str().unwrap().to_string());
    let out =
        Command::new(env!("CARGO_BIN_EXE_moescope")).args(["summarize", &line[0], "-o", &line[1]]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    b.open(&quick(&url, ""));
    settled(&mut b);
    load(&mut b, &[&summary]);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--traces", &line[0], "--json"]));
    layer_equals(&mut b, &cli(&["analyze", &line[0], "--json"]), 3);
    assert_eq!(b.complaints(), Vec::<String>::new());
}
