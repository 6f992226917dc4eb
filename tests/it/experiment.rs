//! The experiment string: round trips, old links, and what cannot be read.

use moescope::experiment::{Experiment, keys};
use moescope::place::Loads;
use moescope::sim::{Strategy, Workload};
use proptest::prelude::*;

#[test]
fn only_what_differs_is_written() {
    assert_eq!(Experiment::default().to_string(), "v=1");
    let (e, unread) = Experiment::parse("#v=1&model=llama4-maverick&wafer=tsmc-sow&batch=4096");
    assert_eq!(unread, []);
    assert_eq!(e.to_string(), "v=1&model=llama4-maverick&wafer=tsmc-sow&batch=4096");
    let (e, _) = Experiment::parse("batch=8192&v=1&wafer=dojo");
    assert_eq!(e.to_string(), "v=1");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_kept() {
    let (e, unread) = Experiment::parse("v=7&wafer=moon&batch=64&colour=red&batch=9&steps=0");
    assert_eq!(e.workload.batch, 64);
    let text: Vec<String> = unread.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 5);
    for (line, part) in
        text.iter().zip(["newer", "dojo, tsmc-sow, dojo-enhanced", "no such setting", "twice", "1 to 1024"])
    {
        assert!(line.contains(part), "{line}");
    }
}

/// Links that were shared: they must read the same for ever.
#[test]
fn old_links_keep_their_meaning() {
    let links = [
        "v=1",
        "v=1&model=qwen3-235b&seed=7&layers=all",
        "v=1&wafer=tsmc-sow&rows=4&link=4&usable=80",
        "v=1&capacity=none&layer=mean",
        "v=1&strategies=base,allo%2Bpred&scope=decode&layer=3&show=allo",
        "v=1&dead=7,3-4&baseline=ep&heldout=on&at=400&heat=hops&look=expert:11",
        "v=1&compare=wafer:tsmc-sow%7Cmodel:kimi-k2%3Bbatch:4096&left=even&right=subject:high_school%20physics&map=pairs",
    ];
    for link in links {
        let (e, unread) = Experiment::parse(link);
        assert_eq!(unread, [], "{link}");
        assert_eq!(e.to_string(), link.replace("%2B", "+"));
    }
}

#[test]
fn a_hardware_value_counts_only_where_it_differs_from_the_preset() {
    // In any order: the preset is known when the values are compared with it.
    for text in ["link=1.7&hbm=8&wafer=dojo&v=1", "v=1&hbm=8"] {
        let (e, unread) = Experiment::parse(text);
        assert_eq!(unread, []);
        assert_eq!(e.to_string(), "v=1&hbm=8");
        assert_eq!(e.hardware().hbm, 8e12);
    }
    let (e, _) = Experiment::parse("v=1&wafer=dojo-enhanced&hbm=8&columns=16&rows=16");
    assert_eq!(e.to_string(), "v=1&wafer=dojo-enhanced&columns=16&rows=16");
    assert_eq!(e.hardware().mesh.dies(), 256);
    for bad in ["columns=2.5", "columns=17", "rows=0", "hbm=NaN", "hbm=-1", "link=0", "usable=101"] {
        let (e, unread) = Experiment::parse(bad);
        assert_eq!((unread.len(), e), (1, Experiment::default()), "{bad}");
    }
}

#[test]
fn a_wafer_without_a_way_between_its_dies_is_said() {
    let works = |text: &str| Experiment::parse(text).0.topology().works();
    assert_eq!(works("v=1"), Ok(()));
    assert_eq!(works("v=1&dead=7,12,3-4"), Ok(()));
    // Die 0 loses both of its links.
    let parted = works("v=1&dead=0-1,0-5").unwrap_err();
    assert!(parted.contains("no route leads from die 0 to die 1"), "{parted}");
    let none = works("v=1&columns=1&rows=2&dead=0,1").unwrap_err();
    assert!(none.contains("every die"), "{none}");
    // Parts that this wafer does not have are forgotten, wherever they stand.
    assert_eq!(Experiment::parse("dead=24,3-9,23&wafer=tsmc-sow&v=1").0.to_string(), "v=1&wafer=tsmc-sow&dead=23");
    let (e, unread) = Experiment::parse("dead=x&v=1");
    assert_eq!((e, unread.len()), (Experiment::default(), 1));
}

#[test]
fn a_trace_is_fetched_from_https_or_this_site_only() {
    for (text, source) in [
        ("trace=https://example.org/a.zip", "https://example.org/a.zip"),
        ("trace=traces/a.zip", "traces/a.zip"),
        ("v=1&trace=0123456789abcdef&from=https://%5B2001:db8::1%5D/x.json", "https://[2001:db8::1]/x.json"),
    ] {
        let (e, unread) = Experiment::parse(text);
        assert_eq!((e.view.source.as_str(), unread.len()), (source, 0), "{text}");
        assert_eq!(Experiment::parse(&e.to_string()).0, e);
        assert_eq!(e.run_key().view.source, "", "where a trace lies changes no result");
    }
    for bad in [
        "http://example.org/a.zip",
        "//example.org/a.zip",
        "javascript:alert(1)//.",
        "data:text/plain,/",
        "file:///etc/passwd",
        "https://user:word@example.org/a",
        "https:///a",
        "a\\b/c",
        "https://example.org/a b",
    ] {
        let (e, unread) = Experiment::parse(&format!("trace={}", bad.replace(' ', "%20")));
        assert_eq!((e.view.source.as_str(), unread.len()), ("", 1), "{bad}");
    }
}

#[test]
fn a_variant_is_a_setting_of_a_run_and_never_a_comparison() {
    let deep = format!("compare={}", "compare:".repeat(10_000));
    // Found by the fuzz target: a variant of semicolons alone read as one that changes nothing, and was not written again.
    for bad in
        ["compare=;;;", "compare=batch", "compare=batch:0", "compare=layer:3", "compare=trace:0123456789abcdef", &deep]
    {
        assert_eq!(Experiment::parse(bad).1.len(), 1, "{}", &bad[..bad.len().min(40)]);
    }
    let (e, unread) = Experiment::parse("v=1&batch=64&compare=wafer:tsmc-sow;batch:32|seed:2");
    assert_eq!(unread, []);
    let beside: Vec<String> = e.view.compare.iter().map(|v| v.of(&e).unwrap().to_string()).collect();
    assert_eq!(beside, ["v=1&wafer=tsmc-sow&batch=32", "v=1&seed=2&batch=64"]);
}

#[test]
fn a_node_of_gpus_keeps_its_size_and_has_no_links_to_break() {
    let (e, unread) = Experiment::parse("v=1&wafer=h100x8&columns=4&link=0.9&dead=7,9,0-1");
    assert_eq!((e.to_string().as_str(), unread.len()), ("v=1&wafer=h100x8&link=0.9&dead=7", 0));
    let node = e.topology();
    assert_eq!((node.devices, node.live.len(), node.works()), (8, 7, Ok(())));
}

#[test]
fn a_strategy_is_any_placement_with_any_dispatch() {
    let (e, unread) = Experiment::parse(
        "v=1&strategies=allo%2Bpred,remap.allo%2Bpred,block.home,ep&show=remap.allo%2Bpred&home=block",
    );
    assert_eq!(unread, []);
    let text = "v=1&strategies=ep,allo+pred,contiguous.home,remap.allo+pred&home=contiguous&show=remap.allo+pred";
    assert_eq!(e.to_string(), text);
    for bad in ["remap", "moon.allo", "remap.base", "remap.allo+more"] {
        let (_, unread) = Experiment::parse(&format!("v=1&strategies={bad}"));
        let why = unread.first().map(ToString::to_string).unwrap_or_default();
        assert!(why.contains("remap") && why.contains("one-gpu") && why.contains("allo+pred"), "{bad}: {why}");
    }
}

/// A batch that holds hot and idle experts, for the runs below.
fn batch() -> Workload {
    let layers = [[40, 0, 7, 90, 3, 12], [5, 60, 60, 0, 1, 30]];
    Workload {
        layers: vec![0, 1],
        all_layers: 2,
        experts: 6,
        batch: 8,
        steps: 2,
        counts: layers.concat().iter().chain(&layers.concat()).map(|&n| n * 40).collect(),
        heat: vec![vec![1; 36]; 2],
        loads: layers.map(|l| l.map(u64::from).to_vec()).to_vec(),
        sources: 8,
    }
}

fn seconds(experiment: &Experiment) -> Vec<f64> {
    let mut run = moescope::protocol::Run::new(experiment.clone(), batch());
    while run.step() {}
    run.report("", true).runs.iter().map(|r| r.seconds).collect()
}

#[test]
fn a_strategy_with_a_placement_is_that_placement_whatever_home_says() {
    let of = |text: &str| seconds(&Experiment::parse(text).0);
    let own = of("v=1&columns=2&rows=2&strategies=remap.home,contiguous.allo%2Bpred");
    assert_eq!(own[0], of("v=1&columns=2&rows=2&strategies=contiguous.allo%2Bpred&home=remap")[0]);
    assert_eq!(own[0], of("v=1&columns=2&rows=2&strategies=allo%2Bpred&home=block")[0]);
    assert_eq!(own[1], of("v=1&columns=2&rows=2&strategies=ep&home=remap")[0]);
    assert!(own[1] < of("v=1&columns=2&rows=2&strategies=ep")[0], "remap balances what it knows");
}

#[test]
fn what_a_strategy_ignores_changes_nothing_of_it() {
    let values = [
        ("block", "7"),
        ("tau", "0.1"),
        ("penalty", "9000"),
        ("order", "column"),
        ("link", "0.2"),
        ("hop", "9000"),
        ("duplex", "full"),
        ("predict", "10"),
        ("capacity", "none"),
        ("write", "9000"),
        ("dram", "0.5"),
        ("usable", "1"),
        ("home", "contiguous"),
        ("baseline", "ep"),
        ("llc", "1"),
    ];
    let (plain, _) = Experiment::parse("v=1&columns=3&rows=2");
    for name in ["base", "ep", "allo", "pred", "allo+pred", "remap.allo", "contiguous.one-gpu+pred", "round-robin.home"]
    {
        let strategy = Strategy::named(name).unwrap();
        let one = |e: &Experiment| seconds(&e.with("strategies", name).unwrap());
        for setting in strategy.ignores().into_iter().filter(|s| *s != "strategies") {
            let value = values.iter().find(|(n, _)| *n == setting).unwrap().1;
            assert_eq!(one(&plain.with(setting, value).unwrap()), one(&plain), "{name} reads {setting}");
        }
    }
}

#[test]
fn a_model_that_does_not_fit_is_known() {
    let fits = |text| Experiment::parse(text).0.overfull(58, &Loads { experts: 256, layers: &[vec![0; 256]] });
    assert_eq!(fits("v=1"), 0);
    assert_eq!(fits("v=1&dram=10"), 25);
    // 256 experts on 25 dies: six of them hold eleven.
    assert_eq!(fits("v=1&dram=30"), 6);
}

proptest! {
    #[test]
    fn any_experiment_survives_its_string(batch in 1usize..100_000, seed in any::<u32>(), tau in 0.01f64..100.0, model in 0usize..5, mask in 1usize..32) {
        let strategies = moescope::sim::Strategy::ALL.into_iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, s)| s).collect();
        let mut e = Experiment::default();
        (e.workload.batch, e.workload.seed) = (batch, seed.into());
        e.workload.model = moescope::model::MODELS[model].name.into();
        (e.run.tau, e.run.strategies) = (tau, strategies);
        let (read, unread) = Experiment::parse(&e.to_string());
        prop_assert_eq!(unread, []);
        prop_assert_eq!(read, e);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
        let (e, _) = Experiment::parse(&text);
        let (again, unread) = Experiment::parse(&e.to_string());
        prop_assert!(unread.is_empty());
        prop_assert_eq!(again, e);
    }
}

#[test]
fn names_of_settings_are_readable_and_distinct() {
    let mut names: Vec<_> = keys().iter().map(|k| k.name).collect();
    assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), keys().len());
}
