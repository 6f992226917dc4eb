//! The lab on the page: placements compared, the load of each device, a placement taken away and scored again.

use serde_json::Value;

use super::*;

const SMALL: &str = "v=2&model=llama4-maverick&wafer=h100x8&batch=1024&steps=2&layers=2&spare=1&heldout=on";

fn compared(b: &mut Browser) {
    b.click("#compare-placements");
    b.wait("!!document.querySelector('#placements') && document.querySelector('#device-load canvas').dataset.drawn === 'yes'");
}

#[test]
fn placements_are_compared_as_on_the_command_line() {
    let Some((mut b, url)) = begin() else { return };
    b.open(&format!("{url}#{SMALL}"));
    settled(&mut b);
    b.eval("document.querySelector('#compare-placements').scrollIntoView()");
    compared(&mut b);
    let report = cli(&["place", "--experiment", SMALL, "--json"]);
    let rows = report["strategies"].as_array().unwrap();
    let shown = b.eval("document.querySelectorAll('#placements tbody tr[id^=placed-]').length");
    let without_search: Vec<&Value> =
        rows.iter().filter(|r| !r["strategy"].as_str().unwrap().starts_with("search.")).collect();
    assert_eq!(shown, without_search.len());
    for row in without_search {
        let name = row["strategy"].as_str().unwrap();
        for (class, key) in [("seconds", "seconds"), ("balance", "max_over_mean"), ("speedup", "speedup")] {
            assert_eq!(b.number(&format!("[id='placed-{name}'] .{class}")), row[key].as_f64().unwrap(), "{name} {key}");
        }
    }
    assert!(b.text("#placed").contains("learnt from the even requests, scored on the odd ones"));
    assert!(b.text("#bound-worst").contains("hottest experts together"));
    // A placement that is chosen is drawn at once, and so is a layer.
    let picture = "document.querySelector('#device-load canvas').toDataURL()";
    let before = b.eval(picture);
    b.eval("document.querySelector('[id=\"placed-contiguous.even\"] button').click()");
    b.wait(&format!("{picture} !== {before}"));
    assert!(b.text("#device-load figcaption").contains("contiguous.even"));
    let before = b.eval(picture);
    choose(&mut b, "placed-layer", "1");
    b.wait(&format!("{picture} !== {before}"));
    // Another setting makes all of it void.
    choose(&mut b, "spare", "2");
    b.wait("!document.querySelector('#placements')");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_placement_is_taken_away_and_scored_again() {
    let Some((mut b, url)) = begin() else { return };
    let all = SMALL.replace("&layers=2", "");
    b.open(&format!("{url}#{all}"));
    settled(&mut b);
    b.eval("document.querySelector('#compare-placements').scrollIntoView()");
    compared(&mut b);
    b.eval("document.querySelector('[id=\"placed-flash.even\"] button').click()");
    b.click("#export-sglang");
    b.eval("(() => { HTMLAnchorElement.prototype.click = function () { window.saved = [this.download, decodeURIComponent(this.href)]; }; })()");
    b.click("#save-file");
    b.wait("!!document.querySelector('#exported')");
    let said = b.text("#exported");
    assert!(said.contains("--init-expert-location expert_location.json --ep-num-redundant-experts 8"), "{said}");
    // What the command line writes for the same placement is scored on the page as that placement.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flash.json");
    let text = [
        "place",
        "--experiment",
        &all,
        "--export",
        "sglang",
        "--strategy",
        "flash.even",
        "-o",
        file.to_str().unwrap(),
        "--json",
    ];
    let report = cli(&text);
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let saved = b.eval("window.saved");
    assert_eq!(saved[0], "expert_location.json");
    let (_, kept) = saved[1].as_str().unwrap().split_once(',').unwrap();
    same(&serde_json::from_str(kept).unwrap(), &written, "the saved file");
    b.set_files("#placement-file", std::slice::from_ref(&file));
    compared(&mut b);
    let flash = report["strategies"].as_array().unwrap().iter().find(|r| r["strategy"] == "flash.even").unwrap();
    assert_eq!(b.number("[id='placed-file.even'] .seconds"), flash["seconds"].as_f64().unwrap());
    // A file that does not fit is refused by name, and nothing is lost: the others are compared without it.
    let none = folder.path().join("none.json");
    std::fs::write(&none, "{\"physical_to_logical_map\": [[0, 1]]}").unwrap();
    b.set_files("#placement-file", std::slice::from_ref(&none));
    b.wait("/^none.json: .*neither the 24 MoE layers of the trace nor/.test(document.querySelector('.notice.bad')?.innerText)");
    b.wait("!!document.querySelector('[id=\"placed-flash.even\"]') && !document.querySelector('#placing')");
    assert_eq!(b.eval("!!document.querySelector('[id=\"placed-file.even\"]')"), false);
    assert_eq!(b.number("[id='placed-flash.even'] .seconds"), flash["seconds"].as_f64().unwrap());
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
fn a_search_shows_its_best_so_far_and_can_be_stopped() {
    let Some((mut b, url)) = begin() else { return };
    let text = format!("{SMALL}&budget=40");
    b.open(&format!("{url}#{text}"));
    settled(&mut b);
    b.eval("document.querySelector('#with-search').scrollIntoView()");
    b.click("#with-search");
    b.click("#compare-placements");
    let row = "[id='placed-search.allo+pred']";
    b.wait(&format!("!!document.querySelector(\"{row}\") && !document.querySelector('#placing')"));
    let report = cli(&["place", "--experiment", &text, "--json"]);
    let searched =
        report["strategies"].as_array().unwrap().iter().find(|s| s["strategy"] == "search.allo+pred").unwrap();
    assert_eq!(b.number(&format!("{row} .seconds")), searched["seconds"].as_f64().unwrap());
    // A search of hours is stopped, and what was there before it stays.
    choose(&mut b, "budget", "1000000");
    b.wait("!document.querySelector('#placements')");
    settled(&mut b);
    b.click("#compare-placements");
    b.wait("!!document.querySelector('#placements') && !!document.querySelector('#placing')");
    b.click("#cancel-placing");
    b.wait("!document.querySelector('#placing')");
    assert_eq!(b.eval("!!document.querySelector('#placements')"), true);
    assert_eq!(b.complaints(), Vec::<String>::new());
}
