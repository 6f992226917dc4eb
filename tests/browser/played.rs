//! Nothing stale: many things done in any order and haste, and after each rest what stands on the page is what the command line says of
//! the address. A sequence that fails is played again with less in it, until nothing more can be left out.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;
use serde_json::{Value, json};

use super::*;

/// What a reader may do, without waiting for what it causes.
#[derive(Clone, Copy, Debug)]
enum Act {
    Model(&'static str),
    Batch(&'static str),
    Wafer(&'static str),
    Layer(usize),
    View(usize),
    Drop(usize),
    /// To the synthetic workload, or back to the trace.
    Switch,
    CancelLoad,
    Back,
    Forward,
    LoseWorker(usize),
    Theme,
    Hide,
    Sleep(u64),
    /// Waits for the page to come to rest, and compares.
    Rest,
}

/// Each thing equally often; layers and views, which are many, twice.
fn any(random: &mut Pcg32) -> Act {
    let mut below = |n: u32| (random.next_u32() % n) as usize;
    match below(17) {
        0 => Act::Model(["llama4-maverick", "qwen3-235b", "mixtral-8x7b"][below(3)]),
        1 => Act::Batch(["64", "256", "1024"][below(3)]),
        2 => Act::Wafer(["dojo", "tsmc-sow"][below(2)]),
        3 | 4 => Act::Layer(below(24)),
        5 | 6 => Act::View(below(5)),
        7 => Act::Drop(below(2)),
        8 => Act::Switch,
        9 => Act::CancelLoad,
        10 => Act::Back,
        11 => Act::Forward,
        12 => Act::LoseWorker(below(4)),
        13 => Act::Theme,
        14 => Act::Hide,
        15 => Act::Sleep([5, 40, 150, 400][below(4)]),
        _ => Act::Rest,
    }
}

/// What is loaded, by its digest, and what the command line has said already.
struct Known {
    traces: Vec<(PathBuf, String)>,
    said: BTreeMap<String, Value>,
}

impl Known {
    fn cli(&mut self, arguments: &[&str]) -> &Value {
        self.said.entry(arguments.join("\n")).or_insert_with(|| cli(arguments))
    }
}

/// Workers that can be lost one by one.
const KEEPS_WORKERS: &str = "window.workers = []; const Real = Worker;
    window.Worker = function (...all) { const w = new Real(...all); workers.push(w); return w; };
    window.Worker.prototype = Real.prototype;";

fn act(b: &mut Browser, known: &mut Known, act: Act) {
    let click = |selector: &str| format!("document.querySelector({})?.click()", json!(selector));
    match act {
        Act::Model(name) => choose_if_there(b, "model", name),
        Act::Batch(n) => choose_if_there(b, "batch", n),
        Act::Wafer(name) => choose_if_there(b, "wafer", name),
        Act::Layer(n) => {
            if b.eval("!!document.querySelector('#layer')") == true {
                slide(b, n);
            }
        }
        Act::View(n) => drop(b.eval(&click(&format!(".views a:nth-child({})", n + 1)))),
        Act::Drop(which) => b.drop_files("#drop", &[&known.traces[which].0]),
        Act::Switch => drop(
            b.eval("(document.querySelector('#show-synthetic') ?? document.querySelector('#show-trace'))?.click()"),
        ),
        Act::CancelLoad => drop(b.eval(&click("#cancel-load"))),
        // Not out of the page.
        Act::Back => drop(b.eval("if (navigation.currentEntry.index > start) history.back()")),
        Act::Forward => drop(b.eval("history.forward()")),
        Act::LoseWorker(n) => drop(b.eval(&format!(
            "workers.length && workers.at(-1 - {n} % workers.length).dispatchEvent(new ErrorEvent('error'))"
        ))),
        Act::Theme => drop(b.eval(&click("#theme"))),
        Act::Hide => {
            for state in ["frozen", "active"] {
                b.call("Page.setWebLifecycleState", json!({"state": state}));
            }
        }
        Act::Sleep(ms) => drop(b.eval(&format!("new Promise(done => setTimeout(done, {ms}))"))),
        Act::Rest => compare(b, known),
    }
}

/// A choice that the page offers now, or a field that takes anything.
fn choose_if_there(b: &mut Browser, id: &str, value: &str) {
    let offers = format!(
        "(() => {{ const e = document.querySelector('#{id}'); return !!e && [...e.options ?? [{{value: {0}}}]].some(o => o.value === {0}); }})()",
        json!(value)
    );
    if b.eval(&offers) == true {
        choose(b, id, value);
    }
}

/// What stands on the page, against the command line's word on the address.
fn compare(b: &mut Browser, known: &mut Known) {
    // A slider writes the address a moment later; a question that follows from an answer is asked a moment after it.
    let rests = "document.documentElement.dataset.asking === '0' && !document.querySelector('#progress')";
    for _ in 0..3 {
        b.wait(rests);
        b.eval("new Promise(done => setTimeout(done, 260))");
    }
    b.wait(rests);
    let text = fragment(b);
    let named = text.split('&').find_map(|part| part.strip_prefix("trace="));
    let shown = b.text("#source");
    let trace = match named {
        // A trace that is asked for: what is shown until then is said to be another.
        Some(_) if shown.starts_with("Synthetic") => {
            assert_eq!(b.eval("!!document.querySelector('#missing-trace')"), true, "{text}");
            return;
        }
        Some(digest) => {
            let path =
                known.traces.iter().find(|(_, d)| d == digest).map(|(path, _)| path.to_str().unwrap().to_string());
            Some(path.unwrap_or_else(|| panic!("a trace that nobody gave: {text}")))
        }
        None => {
            assert!(shown.starts_with("Synthetic"), "{shown} at {text}");
            None
        }
    };
    let mut arguments = vec!["run", "--experiment", &text, "--json"];
    arguments.extend(trace.iter().flat_map(|path| ["--traces", path]));
    let report = known.cli(&arguments).clone();
    table_equals(b, &report);
    if let Some(path) = trace {
        let analysis = known.cli(&["analyze", &path, "--json"]).clone();
        assert_eq!(b.number("#fact-requests"), analysis["requests"].as_f64().unwrap());
        if b.eval("!!document.querySelector('#token-map')") == true {
            let layer = b.eval("Number(document.querySelector('#layer').value)").as_u64().unwrap();
            let all = &analysis["frequency"]["all"]["skew"];
            assert_eq!(
                b.number("#fact-skew"),
                all[usize::try_from(layer).unwrap()].as_f64().unwrap(),
                "layer {layer} of {text}"
            );
        }
    }
}

/// Plays a sequence from the start; what went wrong.
fn play(acts: &[Act], known: &mut Known) -> Result<(), String> {
    let Some((mut b, url)) = begin() else { return Ok(()) };
    b.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": KEEPS_WORKERS}));
    b.open(&format!("{url}#v=2&steps=1&layers=1&batch=64"));
    settled(&mut b);
    b.eval("window.start = navigation.currentEntry.index");
    let played = catch_unwind(AssertUnwindSafe(|| {
        acts.iter().for_each(|&a| act(&mut b, known, a));
        act(&mut b, known, Act::Rest);
    }));
    let words = |why: Box<dyn std::any::Any + Send>| match why.downcast::<String>() {
        Ok(text) => *text,
        Err(why) => why.downcast_ref::<&str>().map_or_else(String::new, ToString::to_string),
    };
    played.map_err(words)
}

/// `MOESCOPE_ACTS` of them (thousands, for an afternoon) from the seed `MOESCOPE_SEED`.
#[test]
fn whatever_is_done_in_whatever_order_the_page_tells_what_its_address_says() {
    if begin().is_none() {
        return;
    }
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual);
    let (acts, first) = (number("MOESCOPE_ACTS", 60), number("MOESCOPE_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let (archive, _) = traces::small(folder.path());
    let paths = [archive, traces::beside("llama4-mmlu-made/0.json")];
    let digest = |path: &PathBuf| {
        let told = cli(&[
            "run",
            "--experiment",
            "v=2&steps=1&layers=1&batch=64",
            "--traces",
            path.to_str().unwrap(),
            "--json",
        ]);
        let text = told["experiment"].as_str().unwrap();
        let digest = text.split('&').find_map(|part| part.strip_prefix("trace=")).unwrap();
        (path.clone(), digest.to_string())
    };
    let mut known = Known { traces: paths.iter().map(digest).collect(), said: BTreeMap::new() };
    // A page for every two hundred: what is wrong is found from a start that is near.
    for part in 0..acts.div_ceil(200) {
        let mut random = Pcg32::seed_from_u64(first.wrapping_add(part));
        let all: Vec<Act> = (0..(acts - part * 200).min(200)).map(|_| any(&mut random)).collect();
        let Err(mut why) = play(&all, &mut known) else { continue };
        let mut least = all;
        // Halves first, then quarters, then one by one.
        let mut size = least.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < least.len() {
                let mut without = least.clone();
                without.drain(at..(at + size).min(least.len()));
                match play(&without, &mut known) {
                    Err(still) => (least, why) = (without, still),
                    Ok(()) => at += size,
                }
            }
            size = if size > 1 { size.div_ceil(2).min(size - 1) } else { 0 };
        }
        panic!("seed {}: {least:?}: {why}", first.wrapping_add(part));
    }
}
