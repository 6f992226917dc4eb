//! What is there before the page's code is, and what a first look costs.

use serde_json::json;

use super::*;

#[test]
fn the_first_screen_stands_without_scripts() {
    let Some((mut b, url)) = begin() else { return };
    b.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    b.navigate(&url);
    // The page runs nothing: what it holds is asked of the browser.
    let mut words = String::new();
    for _ in 0..100 {
        let shot = b.call("DOMSnapshot.captureSnapshot", json!({"computedStyles": []}));
        let strings = shot["strings"].as_array().unwrap().iter().filter_map(Value::as_str);
        words = strings.filter(|s| s.len() < 400).collect::<Vec<_>>().join(" | ");
        if words.contains("With scripts on") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let report = cli(&["run", "--experiment", "v=2", "--json"]);
    for run in report["runs"].as_array().unwrap() {
        let said = format!("{}×", moescope::units::significant(run["speedup"].as_f64().unwrap(), 3));
        assert!(words.contains(&said), "{said} of {} is not in the still page", run["strategy"]);
    }
    for said in ["It isn\u{2019}t.", "synthetic workload", "Can the next layer be fetched ahead?", "With scripts on"] {
        assert!(words.contains(said), "{said}");
    }
}

#[test]
fn a_first_look_starts_no_worker_and_a_change_starts_one() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&url);
    b.wait("!document.querySelector('#boot') && !!document.querySelector('#race .lanes')");
    let workers =
        "performance.getEntriesByType('resource').filter(r => r.name.includes('worker_loader')).map(r => r.startTime)";
    // Two and a half seconds later they are got ready: asked before that, there is none.
    let asked = "performance.getEntriesByType('resource').filter(r => r.name.includes('worker_loader') && r.startTime < performance.getEntriesByName('story-next-layer')[0]?.startTime).length";
    b.wait("document.documentElement.dataset.asking === '0' && [...document.querySelectorAll('.toc .n')].every(n => n.innerText !== '…')");
    assert_eq!(b.eval(&format!("{asked} || 0")), 0, "{}", b.eval(workers));
    // What was prepared is what a worker says.
    let report = cli(&["run", "--experiment", "v=2", "--json"]);
    same(&b.eval("moescope.run('v=2')"), &report, "prepared");
    same(
        &b.eval("moescope.run('v=2&batch=4096')"),
        &cli(&["run", "--experiment", "v=2&batch=4096", "--json"]),
        "asked",
    );
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn bytes_stay_within_their_budget() {
    if begin().is_none() {
        return;
    }
    let out = Command::new("node").arg("scripts/size.mjs").current_dir(root()).output().unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}
