//! The simulator on the page: hardware, one layer over time, a sweep, the explained algorithm, Figure 12.

use serde_json::Value;

use super::*;

#[test]
fn edited_hardware_is_in_the_address_and_gives_the_command_lines_result() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=4"));
    settled(&mut b);
    assert_eq!(b.eval("document.querySelector('#hbm').value"), "3.35", "the preset's value stands in the field");
    choose(&mut b, "columns", "3");
    choose(&mut b, "rows", "2");
    choose(&mut b, "link", "4");
    b.wait("location.hash.includes('columns=3&rows=2&link=4')");
    settled(&mut b);
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    assert!(b.text("#hardware summary").contains("3 edited"));
    b.click("#hardware summary");
    choose(&mut b, "link", "fast");
    assert!(b.text("#hardware .problem").contains("from 0.01 to 1000"));
    // The preset's value is no edit.
    choose(&mut b, "link", "1.7");
    b.wait("!location.hash.includes('link=')");
    choose(&mut b, "dram", "1");
    b.wait("document.querySelector('#run-done')?.innerText.includes('does not fit')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn nothing_stale_is_shown_while_settings_move() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=qwen3-235b"));
    settled(&mut b);
    // Faster than any run can be done.
    for batch in ["1024", "4096", "16384", "1024", "8192", "4096"] {
        choose(&mut b, "batch", batch);
    }
    settled(&mut b);
    let text = fragment(&mut b);
    assert!(text.contains("batch=4096"), "{text}");
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_layer_over_time_follows_step_layer_and_strategy() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=4&show=base"));
    settled(&mut b);
    drawer(&mut b, "tables");
    b.eval("document.querySelector('#layer-time').scrollIntoView()");
    b.wait("document.querySelector('#layer-time canvas').dataset.drawn === 'yes'");
    assert!(b.text("#layer-time figcaption").contains("under base"));
    let picture = "document.querySelector('#layer-time canvas').toDataURL()";
    let lanes = "document.querySelector('.time .lanes svg').innerHTML";
    let (first, before) = (b.eval(picture), b.eval(lanes));
    choose(&mut b, "simulated", "3");
    b.wait(&format!("{picture} !== {first} && {lanes} !== {before}"));
    b.wait("location.hash.includes('simulated=3')");
    let (second, before) = (b.eval(picture), b.eval(lanes));
    b.click("#show button:nth-child(2)");
    b.wait("document.querySelector('#layer-time figcaption').innerText.includes('under ep')");
    b.wait(&format!("{picture} !== {second} && {lanes} !== {before}"));
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_sweep_is_shared_and_ends_at_the_runs_of_its_values() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=4"));
    settled(&mut b);
    drawer(&mut b, "sweep");
    choose(&mut b, "sweep", "link");
    b.wait("location.hash.includes('sweep=link:0.85:3.4:7')");
    choose(&mut b, "sweep-points", "3");
    b.wait("location.hash.includes('sweep=link:0.85:3.4:3')");
    let text = fragment(&mut b);
    b.open(&format!("{url}?again#{text}"));
    settled(&mut b);
    b.wait("document.querySelector('#sweep-curve canvas')?.dataset.drawn === 'yes' && !document.querySelector('#sweep-curve figcaption').innerText.includes('values are there')");
    b.eval("(() => { HTMLAnchorElement.prototype.click = function () { window.saved = decodeURIComponent(this.href); }; })()");
    b.click("#sweep-curve .save button:nth-child(4)");
    let csv = b.eval("window.saved");
    let line = cli(&["sweep", "--experiment", &text, "--json"]);
    let rows: Vec<&Value> = line["points"].as_array().unwrap().iter().collect();
    assert_eq!(rows.len(), 3);
    for point in rows {
        for run in point["report"]["runs"].as_array().unwrap() {
            let start = format!("{},{},{}", point["value"], run["strategy"].as_str().unwrap(), run["seconds"]);
            assert!(csv.as_str().unwrap().contains(&start), "{start} is not in {csv}");
        }
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn algorithm_1_is_stepped_through() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=2&layers=1"));
    settled(&mut b);
    assert!(b.text("#explain-words").contains("Expert 7, tokens 0 to 20 of 20"), "the rarest first");
    assert_eq!(b.eval("document.querySelector('#explain-back').disabled"), true);
    b.click("#explain-next");
    assert!(b.text("#explain-words").contains("Expert 5"));
    let chosen = "document.querySelectorAll('#explain-words .chosen').length";
    assert_eq!(b.eval(chosen), 1);
    b.eval("(() => { const e = document.querySelector('#explain-step'); e.value = e.max; e.dispatchEvent(new Event('input', {bubbles: true})); })()");
    b.wait("document.querySelector('#explain-words').innerText.includes('The predictor on die')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn figure_12_is_the_command_lines() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#v=1&model=llama4-maverick&steps=4&layers=2"));
    settled(&mut b);
    b.click("#reproduce");
    b.wait("!!document.querySelector('#paper-done')");
    assert!(b.text("#paper-done").contains("126 runs"), "with six of Figure 15");
    let line = cli(&["paper", "--experiment", "v=1&steps=4&layers=2", "--json"]);
    let targets = line["targets"].as_array().unwrap();
    assert_eq!(b.eval("document.querySelectorAll('#targets tbody tr').length"), targets.len());
    for (i, target) in targets.iter().enumerate() {
        let at = format!("#targets tbody tr:nth-child({}) td:nth-child(3)", i + 1);
        assert_eq!(b.number(&at), target["ours"].as_f64().unwrap(), "{}", target["name"]);
    }
    // It says that four steps of two layers are not the paper's settings, and offers those.
    assert!(b.text("#paper-done").contains("other settings than the paper\u{2019}s: steps=4, layers=2"));
    settled(&mut b);
    // Another setting makes it void.
    choose(&mut b, "flight", "3");
    b.wait("document.querySelector('#reproduce')?.innerText === 'Run Figure 12 with these edits'");
    b.click("#as-the-paper");
    b.wait("!location.hash.includes('flight') && !!document.querySelector('#papering')");
    b.click("#papering button");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

/// Screenshots of the parts that show a result only once they are asked.
#[test]
fn pictures_of_the_simulator() {
    let Some((mut b, url)) = begin() else { return };
    let screens = root().join("target/screens");
    for (width, ratio, dark) in [(1440, 1, false), (390, 2, true)] {
        b.device(width, 900, ratio, dark);
        b.open(&format!("{url}?{width}#v=1&model=llama4-maverick&steps=8&layers=3&sweep=link:0.85:3.4:5"));
        settled(&mut b);
        b.click("#reproduce");
        b.wait("!!document.querySelector('#paper-done')");
        b.eval("document.querySelectorAll('details').forEach(d => d.open = true)");
        settled(&mut b);
        b.wait("!document.querySelector('#sweep-curve figcaption').innerText.includes('values are there')");
        assert_eq!(b.eval("document.documentElement.scrollWidth <= innerWidth"), true, "nothing is cut at {width}");
        b.screenshot(&screens, &format!("simulator-{width}-{ratio}x-{}", if dark { "dark" } else { "light" }));
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}
