//! Not a test of right or wrong: what the simulator does in a second in this browser, printed by `make speed`.

use super::*;

#[test]
#[ignore = "a measurement: make speed"]
fn simulator() {
    let Some((mut b, url)) = begin() else { return };
    b.patience = std::time::Duration::from_secs(180);
    let cores = b.eval("navigator.hardwareConcurrency");
    println!("Chromium, {cores} cores");
    for model in ["deepseek-v3", "kimi-k2", "qwen3-235b", "llama4-maverick"] {
        b.open(&format!("{url}?{model}#v=1&model={model}"));
        settled(&mut b);
        let best = b.eval(&format!(
            "(async () => {{ let best = 1e9, r; for (let i = 0; i < 5; i++) {{ const t = performance.now(); r = await moescope.run('v=1&model={model}&hbm=' + (3.36 + i / 100)); best = Math.min(best, performance.now() - t); }} \
             const flows = r.runs.reduce((s, x) => s + x.reads.local + x.reads.remote + x.reads.writes, 0); return [best, r.runs.length * 16 * r.layers.length, flows]; }})()"
        ));
        let [ms, layers, flows] = [0, 1, 2].map(|i| best[i].as_f64().unwrap());
        println!(
            "{model}: five strategies, 6 layers, 16 steps, batch 8192: {ms:.0} ms, {:.0} layer simulations/s, {:.0} k flows/s",
            layers / ms * 1e3,
            flows / ms
        );
    }
    // What a reader waits for who moves one setting of two strategies, and who looks at ten layers of a run.
    let changes = |id: &str, values: &str, done: &str, ended: &str| {
        format!(
            "(async () => {{ const all = []; for (const v of {values}) {{ const e = document.querySelector('#{id}'); const marks = performance.getEntriesByName('layer-time').length, t = performance.now(); e.value = v; e.dispatchEvent(new Event('change', {{bubbles: true}})); \
             while (!({done})) await new Promise(next => requestAnimationFrame(next)); all.push(Math.round({ended} - t)); }} return all.join(' '); }})()"
        )
    };
    b.open(&format!("{url}?settings#v=1&model=deepseek-v3"));
    settled(&mut b);
    b.eval("document.querySelector('#more-settings').open = true");
    let shown =
        "document.querySelector('#run-done') && document.querySelector('#command').innerText.includes('tau=' + v)";
    println!(
        "tau changed to new results, ms: {}",
        b.eval(&changes("tau", "[1.3, 1.4, 1.5, 1.6, 1.7]", shown, "performance.now()"))
    );
    b.open(&format!("{url}?timelines#v=1&model=deepseek-v3&step=15"));
    settled(&mut b);
    let drawn = "performance.getEntriesByName('layer-time').length > marks";
    let ended = "performance.getEntriesByName('layer-time').at(-1).startTime";
    for (place, scroll) in [("out of sight", "0"), ("in sight", "1e6")] {
        b.eval(&format!("(async () => {{ document.querySelector('#layer-time').scrollIntoView(); if (!{scroll}) scrollTo(0, 0); await new Promise(r => setTimeout(r, 500)); }})()"));
        println!(
            "a step of the layer over time, its figure {place}, ms: {}",
            b.eval(&changes("step", "[14, 13, 12, 11, 10, 9, 8, 7, 6, 5]", drawn, ended))
        );
    }
    for layers in ["6", "all"] {
        b.open(&format!("{url}?{layers}#v=1&model=llama4-maverick&layers={layers}"));
        settled(&mut b);
        b.eval("window.began = performance.now()");
        b.click("#reproduce");
        b.wait("!!document.querySelector('#paper-done')");
        let ms = b.eval("performance.now() - window.began").as_f64().unwrap();
        println!("Figure 12, layers={layers}: {:.1} s", ms / 1e3);
    }
}

/// `make bench`: benches/bench.html beside the site, with files that the command line makes. Prints ratios, keeps a JSON.
#[test]
#[ignore = "a measurement: make bench"]
fn bench() {
    let site: &'static Path = Box::leak(root().join("target/bench-site").into_boxed_path());
    let traces = root().join("target/bench-traces");
    std::fs::create_dir_all(site).unwrap();
    for folder in ["dist", "benches"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap().flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), site.join(entry.file_name())).unwrap();
            }
        }
    }
    let make = |name: &str, files: usize, tokens: usize| -> Vec<PathBuf> {
        let folder = traces.join(name);
        if !folder.exists() {
            let (files, tokens) = (files.to_string(), tokens.to_string());
            let experiment = "model=llama4-maverick";
            let out = Command::new(env!("CARGO_BIN_EXE_moescope"))
                .args([
                    "make",
                    "-o",
                    folder.to_str().unwrap(),
                    "--experiment",
                    experiment,
                    "--files",
                    &files,
                    "--tokens",
                    &tokens,
                ])
                .output()
                .unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        let inside = folder.join("llama4-maverick-synthetic-seed1");
        let mut all: Vec<PathBuf> = std::fs::read_dir(inside).unwrap().flatten().map(|e| e.path()).collect();
        all.sort_by(|a, b| moescope::format::natural(&a.to_string_lossy(), &b.to_string_lossy()));
        all
    };
    let (large, many) = (make("large", 1, 90_000), make("many", 1000, 110));
    let archive = traces.join("archive.zip");
    if !archive.exists() {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).unwrap());
        for path in &many {
            let name = path.strip_prefix(traces.join("many")).unwrap().to_str().unwrap();
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::copy(&mut std::fs::File::open(path).unwrap(), &mut zip).unwrap();
        }
        zip.finish().unwrap();
    }
    let mut b = Browser::start();
    b.device(1440, 1000, 1, false);
    b.patience = std::time::Duration::from_secs(400);
    b.navigate(&format!("{}bench.html", serve(site)));
    b.wait("globalThis.ready");
    for (id, paths) in [("large", &large), ("archive", &vec![archive]), ("many", &many)] {
        b.set_files(&format!("#{id}"), paths);
    }
    b.eval("(() => { bench().then(r => window.result = r, e => window.result = {error: String(e)}); })()");
    b.wait("!!window.result");
    let r = b.eval("window.result");
    assert!(r["error"].is_null(), "{}", r["error"]);
    std::fs::write(root().join("target/bench.json"), serde_json::to_string_pretty(&r).unwrap()).unwrap();
    let n = |name: &str| r[name].as_f64().unwrap();
    let bytes = |name: &str| r["bytes"][name].as_f64().unwrap();
    let rate = |of: &str, ms: &str| bytes(of) / n(ms) / 1e3;
    println!("Chromium, {} cores; all numbers of one visit, target/bench.json has the times", r["cores"]);
    println!("| what | measured | aim |");
    println!("|---|---:|---:|");
    let line = |what: &str, measured: String, aim: &str| println!("| {what} | {measured} | {aim} |");
    line("one large file, MB/s", format!("{:.0}", rate("large", "large_ms")), "");
    line(
        "the same over JSON.parse and a loop, from disk",
        format!("{:.1}x", n("json_from_disk_ms") / n("large_ms")),
        "3x",
    );
    line("the same in memory", format!("{:.1}x", n("json_in_memory_ms") / n("memory_ms")), "2.5x");
    line("in memory, time over a byte sum in WebAssembly", format!("{:.1}x", n("memory_ms") / n("byte_sum_ms")), "3x");
    line("large file, time over reading alone", format!("{:.1}x", n("large_ms") / n("read_large_ms")), "");
    line("1000 files, MB/s", format!("{:.0}", rate("many", "many_ms")), "");
    line(
        "1000 files, time over reading alone (a call a file, one reader)",
        format!("{:.2}x", n("many_ms") / n("read_many_ms")),
        "1.2x",
    );
    line(
        "1000 files, time over reading alone (a call a file, two readers)",
        format!("{:.2}x", n("many_ms") / n("read_many_two_ms")),
        "",
    );
    line(
        "1000 files, time over reading alone (one stream, two readers, as the site)",
        format!("{:.2}x", n("many_ms") / n("stream_many_two_ms")),
        "",
    );
    line("archive, MB/s packed", format!("{:.0}", rate("archive", "archive_ms")), "");
    line("archive, two workers over one", format!("{:.2}x", n("archive_one_worker_ms") / n("archive_ms")), "1.7x");
    line("analyses, k tokens/s", format!("{:.0}", n("tokens") / n("analysis_ms")), "");
    line("analyses, time over loading the archive", format!("{:.2}x", n("analysis_ms") / n("archive_ms")), "1x");
    line("simulator, k flows/s (DeepSeek V3, five strategies)", format!("{:.0}", n("flows") / n("run_ms")), "");
    line("address parsed and written, µs", format!("{:.1}", n("parse_us")), "");
    line("heat map 384 x 384, redraw", format!("{:.1} ms", n("redraw_ms")), "8 ms");
    line("slider to that redraw, worker included", format!("{:.1} ms", n("slide_ms")), "16 ms");
}
