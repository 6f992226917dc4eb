//! Links that were shared in older versions: each must mean the same for ever. What they meant was printed by the program of
//! their time.

use moescope::experiment::{Experiment, VERSION};
use moescope::protocol::{RunReport, State, finish, jobs};

use crate::support::NoFiles;

/// Strings of version 1 of every kind (the page's, those of README, docs and examples, seeds of the fuzz targets, by hand), what
/// each is in version 2, and how many parts of it are not understood.
const VERSION_1: [(&str, &str, usize); 41] = [
    ("v=1", "v=2&model=deepseek-v3&batch=8192&layers=6", 0),
    ("v=1&batch=4096", "v=2&model=deepseek-v3&batch=4096&layers=6", 0),
    ("v=1&batch=16384&layers=all&model=llama4-maverick", "v=2&model=llama4-maverick", 0),
    ("v=1&layers=all", "v=2&model=deepseek-v3&batch=8192", 0),
    ("v=1&layer=40", "v=2&model=deepseek-v3&batch=8192&layers=6&layer=40", 0),
    ("v=1&layer=mean", "v=2&model=deepseek-v3&batch=8192&layers=6&layer=mean", 0),
    ("v=1&model=deepseek-v3", "v=2&model=deepseek-v3&batch=8192&layers=6", 0),
    ("v=1&model=qwen3-235b", "v=2&model=qwen3-235b&batch=8192&layers=6", 0),
    ("v=1&model=qwen3-235b&seed=7&layers=all", "v=2&model=qwen3-235b&seed=7&batch=8192", 0),
    ("v=1&model=qwen3-235b&wafer=tsmc-sow", "v=2&model=qwen3-235b&wafer=tsmc-sow&batch=8192&layers=6", 0),
    ("v=1&model=qwen3-235b&sweep=link:1:4:4", "v=2&model=qwen3-235b&batch=8192&layers=6&sweep=link:1:4:4", 0),
    (
        "v=1&model=kimi-k2&left=dataset:language%20A&right=dataset:language%20B",
        "v=2&model=kimi-k2&batch=8192&layers=6&left=dataset:language%20A&right=dataset:language%20B",
        0,
    ),
    ("v=1&model=deepseek-v2-lite&steps=2&dram=30", "v=2&model=deepseek-v2-lite&dram=30&batch=8192&steps=2&layers=6", 0),
    (
        "v=1&model=llama4-maverick&wafer=tsmc-sow&batch=4096",
        "v=2&model=llama4-maverick&wafer=tsmc-sow&batch=4096&layers=6",
        0,
    ),
    (
        "v=1&model=llama4-maverick&wafer=tsmc-sow&batch=4096&scope=decode&layer=5&show=ep",
        "v=2&model=llama4-maverick&wafer=tsmc-sow&batch=4096&layers=6&scope=decode&layer=5&show=ep",
        0,
    ),
    (
        "v=1&model=llama4-maverick&dead=12&show=base&step=3&simulated=2&at=300&look=die:13",
        "v=2&model=llama4-maverick&dead=12&batch=8192&layers=6&show=base&step=3&simulated=2&at=300&look=die:13",
        0,
    ),
    (
        "v=1&model=llama4-maverick&columns=6&rows=6&weight=0.5",
        "v=2&model=llama4-maverick&columns=6&rows=6&batch=8192&layers=6&weight=0.5",
        0,
    ),
    (
        "v=1&model=llama4-maverick&embed=reuse-curve",
        "v=2&model=llama4-maverick&batch=8192&layers=6&embed=reuse-curve",
        0,
    ),
    ("v=1&model=llama4-maverick&steps=2&layers=2", "v=2&model=llama4-maverick&batch=8192&steps=2&layers=2", 0),
    (
        "v=1&model=llama4-maverick&steps=2&layers=all&home=block&order=column&duplex=full&flight=4&predict=25&block=10&tau=2&capacity=none",
        "v=2&model=llama4-maverick&batch=8192&steps=2&home=contiguous&order=column&duplex=full&flight=4&predict=25&block=10&tau=2&capacity=none",
        0,
    ),
    (
        "v=1&wafer=tsmc-sow&rows=4&link=4&usable=80",
        "v=2&model=deepseek-v3&wafer=tsmc-sow&rows=4&link=4&usable=80&batch=8192&layers=6",
        0,
    ),
    ("v=1&capacity=none&layer=mean", "v=2&model=deepseek-v3&batch=8192&layers=6&capacity=none&layer=mean", 0),
    (
        "v=1&strategies=base,allo%2Bpred&scope=decode&layer=3&show=allo",
        "v=2&model=deepseek-v3&batch=8192&layers=6&strategies=base,allo+pred&scope=decode&layer=3&show=allo",
        0,
    ),
    (
        "v=1&dead=7,3-4&baseline=ep&heldout=on&at=400&heat=hops&look=expert:11",
        "v=2&model=deepseek-v3&dead=7,3-4&batch=8192&layers=6&baseline=ep&heldout=on&at=400&heat=hops&look=expert:11",
        0,
    ),
    ("v=1&dead=12,3-4&show=pred", "v=2&model=deepseek-v3&dead=12,3-4&batch=8192&layers=6&show=pred", 0),
    (
        "v=1&compare=wafer:tsmc-sow%7Cmodel:kimi-k2%3Bbatch:4096&left=even&right=subject:high_school%20physics&map=pairs",
        "v=2&model=deepseek-v3&batch=8192&layers=6&compare=wafer:tsmc-sow%7Cmodel:kimi-k2%3Bbatch:4096&left=even&right=subject:high_school%20physics&map=pairs",
        0,
    ),
    (
        "v=1&compare=model:kimi-k2%7Cmodel:qwen3-235b%7Cmodel:llama4-maverick",
        "v=2&model=deepseek-v3&batch=8192&layers=6&compare=model:kimi-k2%7Cmodel:qwen3-235b%7Cmodel:llama4-maverick",
        0,
    ),
    ("v=1&compare=heldout:on", "v=2&model=deepseek-v3&batch=8192&layers=6&compare=heldout:on", 0),
    (
        "v=1&sweep=link:0.85:6.8:8&baseline=ep&heldout=on&at=400&heat=hops&look=expert:11",
        "v=2&model=deepseek-v3&batch=8192&layers=6&baseline=ep&heldout=on&at=400&heat=hops&look=expert:11&sweep=link:0.85:6.8:8",
        0,
    ),
    (
        "v=1&strategies=base,allo%2Bpred&scope=decode&layer=mean&show=allo&capacity=none&embed=token-map",
        "v=2&model=deepseek-v3&batch=8192&layers=6&strategies=base,allo+pred&capacity=none&scope=decode&layer=mean&show=allo&embed=token-map",
        0,
    ),
    // The reference was said to be put aside.
    ("v=1&left=aside&right=aside", "v=2&model=deepseek-v3&batch=8192&layers=6&left=reference&right=reference", 0),
    // Beside a trace no model means the trace's own, in every version.
    ("v=1&trace=f247fd64eee36f10", "v=2&trace=f247fd64eee36f10&batch=8192&layers=6", 0),
    ("v=1&trace=f247fd64eee36f10&batch=16384&layers=all", "v=2&trace=f247fd64eee36f10", 0),
    (
        "v=1&model=llama4-maverick&trace=f247fd64eee36f10&layer=23",
        "v=2&model=llama4-maverick&trace=f247fd64eee36f10&batch=8192&layers=6&layer=23",
        0,
    ),
    (
        "v=1&trace=0123456789abcdef&from=https://%5B2001:db8::1%5D/x.json",
        "v=2&trace=0123456789abcdef&from=https:%2F%2F%5B2001:db8::1%5D%2Fx.json&batch=8192&layers=6",
        0,
    ),
    ("v=1&trace=traces/small.zip", "v=2&from=traces%2Fsmall.zip&batch=8192&layers=6", 0),
    // What cannot be read leaves the default of its time.
    ("v=1&trace=wrong", "v=2&model=deepseek-v3&batch=8192&layers=6", 1),
    ("v=1&batch=0&layers=none&hat=1", "v=2&model=deepseek-v3&batch=8192&layers=6", 3),
    ("v=1&compare=;;;|seed:2", "v=2&model=deepseek-v3&batch=8192&layers=6", 1),
    // By hand: the version anywhere, values that the preset has anyway.
    ("batch=4096&v=1&wafer=dojo", "v=2&model=deepseek-v3&batch=4096&layers=6", 0),
    ("#v=1&hbm=8&wafer=dojo-enhanced", "v=2&model=deepseek-v3&wafer=dojo-enhanced&batch=8192&layers=6", 0),
];

#[test]
fn old_links_keep_their_meaning() {
    for (link, now, problems) in VERSION_1 {
        let (e, unread) = Experiment::parse(link);
        assert_eq!((e.to_string().as_str(), unread.len()), (now, problems), "{link}");
        assert_eq!(Experiment::parse(now), (e, Vec::new()), "the normal form reads as itself: {link}");
    }
}

/// Beside a trace that a string need not name (`--traces`), version 1 took the trace's model where it named none.
#[test]
fn an_old_string_beside_a_trace_takes_the_traces_model() {
    let model = |text| Experiment::parse_beside_trace(text).0.workload.model;
    assert_eq!(model("v=1&batch=4096"), "");
    assert_eq!(model("v=1&model=kimi-k2"), "kimi-k2");
    assert_eq!(Experiment::parse_beside_trace("v=1").0.to_string(), "v=2&batch=8192&layers=6");
}

/// Every program wrote its version. A string without one was never written by any: it is of this version, as the bare page is.
#[test]
fn a_string_without_a_version_is_of_this_one() {
    assert_eq!(VERSION, 2, "another version needs an upgrader and a corpus");
    let (e, unread) = Experiment::parse("");
    assert_eq!((e.to_string().as_str(), unread.len()), ("v=2", 0));
    assert_eq!((e.preset().name, e.workload.batch, e.workload.layers), ("llama4-maverick", 16384, 0));
    assert_eq!(Experiment::parse("steps=2").0, Experiment::parse("v=2&steps=2").0);
    // A version that no program wrote is named, and read as this one.
    for bad in ["v=0", "v=x", "v=", "v=-1"] {
        let (read, unread) = Experiment::parse(bad);
        assert_eq!((read, unread.len()), (Experiment::default(), 1), "{bad}");
    }
    let (newer, unread) = Experiment::parse("v=3&batch=64");
    assert_eq!((newer.workload.batch, unread.len()), (64, 1));
    assert!(unread[0].to_string().contains("newer moescope"), "{}", unread[0]);
}

fn run(text: &str) -> RunReport {
    finish(jobs::RunSynthetic::new(Experiment::parse(text).0), &mut State::default(), &NoFiles).unwrap()
}

/// Seconds of ep, allo and allo+pred, to 12 digits, as the program of version 1 printed them. Those of base and pred are left
/// out: how tokens are cut into equal ranges has been mended since.
const OUTCOMES: [(&str, [&str; 3]); 12] = [
    ("v=1", ["0.0158284478734", "0.0158284478734", "0.0158284478734"]),
    ("v=1&steps=2", ["0.0019628589021", "0.0019628589021", "0.0019628589021"]),
    ("v=1&model=qwen3-235b&layers=1", ["0.00148446696072", "0.00148446696072", "0.00148446696072"]),
    ("v=1&model=llama4-maverick&wafer=tsmc-sow&batch=4096", ["0.0234676746876", "0.0234676746876", "0.0234676746876"]),
    ("v=1&model=kimi-k2&steps=2&layers=2", ["0.000895371398049", "0.000895371398049", "0.000895371398049"]),
    ("v=1&model=deepseek-v2-lite&steps=2&dram=30", ["0.00032365533418", "0.000282307216142", "0.000279526082391"]),
    ("v=1&batch=0&layers=0&steps=2", ["0.0019628589021", "0.0019628589021", "0.0019628589021"]),
    (
        "v=1&model=llama4-maverick&dead=12&show=base&step=3&simulated=2&at=300&look=die:13",
        ["0.0259950772184", "0.0259950772184", "0.0259950772184"],
    ),
    (
        "v=1&model=llama4-maverick&columns=6&rows=6&weight=0.5",
        ["0.0169190849876", "0.0124438459814", "0.0110742327077"],
    ),
    (
        "v=1&model=qwen3-235b&wafer=tsmc-sow&rows=4&link=4&dead=7,3-4&steps=1",
        ["0.000888128385796", "0.00085371801846", "0.000962674435734"],
    ),
    ("v=1&seed=7&steps=1&heldout=on&baseline=ep", ["0.0010201728966", "0.0010201728966", "0.0010201728966"]),
    (
        "v=1&model=llama4-maverick&layers=all&steps=2&tau=2&predict=25&block=10&flight=4&home=block&order=column&duplex=full&capacity=none",
        ["0.0142059647295", "0.0142059647295", "0.0142059647295"],
    ),
];

/// To 12 significant digits, without trailing zeros.
fn digits(seconds: f64) -> f64 {
    format!("{seconds:.11e}").parse().unwrap()
}

#[test]
fn old_links_give_their_old_results() {
    for (text, seconds) in OUTCOMES {
        let report = run(text);
        for (strategy, seconds) in ["ep", "allo", "allo+pred"].into_iter().zip(seconds) {
            let ours = report.runs.iter().find(|r| r.strategy == strategy).unwrap();
            assert_eq!(digits(ours.seconds), seconds.parse::<f64>().unwrap(), "{strategy} of {text}");
        }
    }
}

/// The defaults teach: no two neighbours of the five strategies are the same.
#[test]
fn the_defaults_tell_the_strategies_apart() {
    let speedups: Vec<f64> = run("v=2").runs.iter().map(|r| (r.speedup * 10.0).round() / 10.0).collect();
    assert_eq!(speedups, [1.0, 4.1, 5.5, 2.5, 5.8], "base, ep, allo, pred, allo+pred");
}
