//! The wafer's parts by hand, and everything that stands side by side.

use serde_json::{Value, json};

use super::*;

const FAST: &str = "v=2&model=llama4-maverick&steps=2&layers=2";

fn drawn(b: &mut Browser, id: &str) {
    b.eval(&format!("document.querySelector('#{id}').scrollIntoView()"));
    b.wait(&format!("document.querySelector('#{id} canvas')?.dataset.drawn === 'yes'"));
}

#[test]
fn dies_are_broken_by_hand_and_the_command_line_agrees() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{FAST}&show=base"));
    settled(&mut b);
    wafer(&mut b, "wafer-map");
    b.click("#break");
    // The middle of the picture is die 12.
    b.click("#wafer-map svg");
    b.wait("location.hash.includes('dead=12')");
    settled(&mut b);
    assert!(b.text("#dead-parts").contains("12"));
    let text = fragment(&mut b);
    table_equals(&mut b, &cli(&["run", "--experiment", &text, "--json"]));
    // Cut off a corner: the page says that it cannot, and mending brings the result back.
    b.click("#hardware .all-fields > summary");
    choose(&mut b, "dead", "0-1,0-5");
    b.wait("document.querySelector('.notice.bad')?.innerText.includes('no route leads from die 0 to die 1')");
    b.click(".notice.bad button");
    b.click("#mend");
    b.wait("!location.hash.includes('dead')");
    settled(&mut b);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_layer_plays_and_a_die_tells_its_experts() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{FAST}&show=pred"));
    settled(&mut b);
    b.click("#one-moment");
    wafer(&mut b, "layer-film");
    let first = b.eval(WAFER);
    b.click("#play");
    b.wait(&format!("{WAFER} !== {first}"));
    b.click("#play");
    b.wait("/&at=[1-9]/.test(location.hash)");
    let rests = b.eval(WAFER);
    b.eval("new Promise(done => setTimeout(done, 200))");
    assert_eq!(b.eval(WAFER), rests, "paused");
    b.click("#layer-film svg");
    b.wait("location.hash.includes('look=die:12')");
    b.wait("document.querySelector('#looked h4')?.innerText === 'Die 12'");
    // To an expert that the die computed, and from there to its home.
    b.click("#looked .works > summary");
    b.click("#looked tbody th button");
    b.wait("location.hash.includes('look=expert:')");
    b.wait("document.querySelector('#looked h4')?.innerText.startsWith('Expert ')");
    let expert: usize = b.text("#looked h4").trim_start_matches("Expert ").parse().unwrap();
    assert_eq!(b.text("#looked dd .chip"), (expert % 25).to_string(), "round-robin home");
    // The address holds the moment and what is looked at.
    let text = fragment(&mut b);
    b.open(&format!("{url}?again#{text}"));
    settled(&mut b);
    b.wait(&format!("document.querySelector('#looked h4')?.innerText === 'Expert {expert}'"));
    wafer(&mut b, "layer-film");
    b.click("#whole-run");
    wafer(&mut b, "wafer-map");
    let mut before = b.eval(WAFER);
    for (heat, words) in [("bytes", "bytes through its HBM"), ("hops", "hops of what it fetched")] {
        choose(&mut b, "heat", heat);
        b.wait(&format!("document.querySelector('#wafer-map figcaption').innerText.includes('{words}')"));
        b.wait(&format!("{WAFER} !== {before}"));
        before = b.eval(WAFER);
    }
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn parts_of_the_requests_stand_side_by_side() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    question(&mut b, "compare");
    choose(&mut b, "left", "subject:subject 1");
    choose(&mut b, "right", "subject:subject 5");
    b.wait("document.querySelector('#versus th:nth-child(3)')?.innerText === 'subject 5'");
    let rho = b.number("#versus-rho");
    assert!((-1.0..0.999).contains(&rho), "{rho}");
    drawn(&mut b, "versus-difference");
    // The cursor of one side tells both.
    b.eval("document.querySelector('#versus-left canvas').focus()");
    b.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": "ArrowRight", "windowsVirtualKeyCode": 39}));
    b.wait(
        "/subject 1 .*, subject 5 .*; difference/.test(document.querySelector('#versus-left [role=status]').innerText)",
    );
    // The layer is the page's, and a model with other experts has no difference.
    let before = b.text("#versus th");
    slide(&mut b, 9);
    b.wait(&format!("document.querySelector('#versus th').innerText !== '{before}'"));
    b.click("#set-aside");
    b.wait("[...document.querySelectorAll('#right option')].some(o => o.value === 'reference')");
    choose(&mut b, "right", "reference");
    choose(&mut b, "left", "all");
    b.wait("document.querySelector('#versus-rho').innerText === '1'");
    choose(&mut b, "model", "deepseek-v2-lite");
    b.wait(
        "document.querySelector('#versus-difference figcaption')?.innerText.includes('different numbers of experts')",
    );
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn experiments_stand_side_by_side_over_any_baseline() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{FAST}"));
    settled(&mut b);
    drawer(&mut b, "compare");
    choose(&mut b, "variant", "wafer:tsmc-sow");
    choose(&mut b, "variant-text", "batch:1024;heldout:on");
    choose(&mut b, "baseline", "ep");
    settled(&mut b);
    b.wait("document.querySelectorAll('#compared data').length === 15");
    drawn(&mut b, "compared-bars");
    let text = fragment(&mut b);
    assert!(text.contains("compare=wafer:tsmc-sow%7Cbatch:1024%3Bheldout:on"), "{text}");
    for (row, change) in [(1, ""), (2, "&wafer=tsmc-sow"), (3, "&batch=1024&heldout=on")] {
        let report = cli(&["run", "--experiment", &format!("{FAST}&baseline=ep{change}"), "--json"]);
        let shown = b.eval(&format!(
            "[...document.querySelectorAll('#compared tbody tr:nth-child({row}) data')].map(d => Number(d.value))"
        ));
        let speedups: Vec<&Value> = report["runs"].as_array().unwrap().iter().map(|r| &r["speedup"]).collect();
        same(&shown, &json!(speedups), &format!("row {row}"));
        assert_eq!(report["runs"][1]["speedup"], 1.0, "ep over itself");
    }
    b.click("#compared tbody tr:nth-child(2) button");
    b.wait("document.querySelectorAll('#compared tbody tr').length === 2");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_smaller_wafer_never_draws_the_film_of_a_larger_one() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{FAST}&show=base&look=die:24"));
    settled(&mut b);
    // Tiles of the wafer, and the devices that its film knows.
    let tiles = "document.querySelectorAll('.chip-wafer g.still .die').length";
    let levels = "document.querySelectorAll('.chip-wafer g.live .level').length";
    b.click("#one-moment");
    wafer(&mut b, "layer-film");
    assert_eq!((b.eval(tiles), b.eval(levels)), (json!(25), json!(25)));
    for name in ["tsmc-sow", "dojo", "tsmc-sow"] {
        choose(&mut b, "wafer", name);
        // As long as a film is of the other wafer none is drawn.
        assert_eq!(b.eval(&format!("[0, {tiles}].includes({levels})")), true, "{name}");
    }
    settled(&mut b);
    choose(&mut b, "columns", "2");
    choose(&mut b, "rows", "2");
    assert_eq!(b.eval(&format!("{tiles} === 4 && [0, 4].includes({levels})")), true);
    settled(&mut b);
    wafer(&mut b, "layer-film");
    assert_eq!((b.eval(tiles), b.eval(levels)), (json!(4), json!(4)));
    assert_eq!(b.complaints(), Vec::<String>::new());
}
