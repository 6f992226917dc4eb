//! The same site in Firefox: load, simulate, share, with the command line's numbers.

use serde_json::{Value, json};

use super::bidi::Firefox;
use super::*;

/// Columns of the table of strategies, as numbers.
fn table(f: &mut Firefox) -> Value {
    f.eval("[...document.querySelectorAll('#runs tbody tr')].map(r => ['seconds', 'speedup', 'hops'].map(c => Number(r.querySelector(`.${c} data`).value)))")
}

fn expected(report: &Value) -> Value {
    let rows = report["runs"].as_array().unwrap().iter();
    json!(rows.map(|r| vec![&r["seconds"], &r["speedup"], &r["hops"]]).collect::<Vec<_>>())
}

/// Opens the simulator for its run and goes back to the story; waits until both are drawn.
fn rested(f: &mut Firefox) {
    let go = |f: &mut Firefox, view: &str| {
        f.eval(&format!("[...document.querySelectorAll('.views a')].find(a => a.innerText === '{view}').click()"));
    };
    let still = "document.documentElement.dataset.asking === '0'";
    f.wait("!document.querySelector('#boot') && !!document.querySelector('.view')");
    go(f, "Simulate");
    f.wait(&format!("{still} && !!document.querySelector('#run-done') && !!document.querySelector('#wafer-map .die')"));
    go(f, "Story");
    // Words stand in place of what the requests do not have: top-1 routing has no pairs, one subject no others.
    let figures = "[...document.querySelectorAll('#insights figure')]";
    f.wait(&format!(
        "{still} && {figures}.length > 5 && {figures}.every(g => g.matches('.empty') || g.querySelector('canvas')?.dataset.drawn === 'yes')"
    ));
}

#[test]
fn firefox_loads_simulates_and_shares() {
    let dist: &'static Path = Box::leak(root().join("dist").into_boxed_path());
    if !dist.join("index.html").exists() {
        assert!(std::env::var_os("CI").is_none(), "dist/ is missing: run make test");
        eprintln!("SKIPPED: dist/ is missing; make test builds it");
        return;
    }
    let Some(mut f) = Firefox::start() else { return };
    let url = serve(dist);
    // Simulate: the synthetic workload.
    f.open(&format!("{url}#v=1&model=llama4-maverick&steps=4"));
    rested(&mut f);
    let report = cli(&["run", "--experiment", "v=1&model=llama4-maverick&steps=4", "--json"]);
    same(&table(&mut f), &expected(&report), "synthetic");
    // Load: an archive by the picker.
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = super::traces::small(folder.path());
    f.pick("#files", &[&archive]);
    f.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    rested(&mut f);
    let text = f.eval("location.hash.slice(1)").as_str().unwrap().to_string();
    assert!(text.contains("trace="), "{text}");
    let report = cli(&["run", "--experiment", &text, "--traces", archive.to_str().unwrap(), "--json"]);
    same(&table(&mut f), &expected(&report), "loaded");
    // Share: the dialog's link opens the same experiment.
    f.eval("document.querySelector('#share').click()");
    f.wait("document.querySelector('dialog:not(#trace)').open && !!document.querySelector('#share-link')");
    let link = f.eval("document.querySelector('#share-link').value");
    assert_eq!(link.as_str().and_then(|l| l.split_once('#')).map(|l| l.1), Some(text.as_str()), "{link}");
    f.open(link.as_str().unwrap().replace('#', "?again#").as_str());
    f.wait("document.querySelector('#source')?.innerText.startsWith('Your trace')");
    rested(&mut f);
    same(&table(&mut f), &expected(&report), "shared");
    // A large file comes through a stream, to all workers.
    let long = super::traces::long(folder.path());
    f.pick("#files", &[&long]);
    f.wait("document.querySelector('#source')?.innerText.startsWith('Your trace, 1 file,')");
    rested(&mut f);
    let text = f.eval("location.hash.slice(1)").as_str().unwrap().to_string();
    let report = cli(&["run", "--experiment", &text, "--traces", long.to_str().unwrap(), "--json"]);
    same(&table(&mut f), &expected(&report), "large");
}
