//! The experiment string: round trips, old links, and what cannot be read.

use std::collections::BTreeMap;

use moescope::experiment::{Experiment, keys};
use moescope::place::{Loads, PLACEMENTS, SubjectLoads};
use moescope::protocol::Provenance;
use moescope::sim::{Activations, DISPATCHES, Strategy, Workload};
use proptest::prelude::*;

#[test]
fn only_what_differs_is_written() {
    assert_eq!(Experiment::default().to_string(), "v=2");
    let (e, unread) = Experiment::parse("#v=2&model=qwen3-235b&wafer=tsmc-sow&batch=4096");
    assert_eq!(unread, []);
    assert_eq!(e.to_string(), "v=2&model=qwen3-235b&wafer=tsmc-sow&batch=4096");
    let (e, _) = Experiment::parse("batch=16384&v=2&wafer=dojo&layers=all");
    assert_eq!(e.to_string(), "v=2");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_kept() {
    let (e, unread) = Experiment::parse("v=7&wafer=moon&batch=64&colour=red&batch=9&steps=0");
    assert_eq!(e.workload.batch, 9, "the last one counts");
    let text: Vec<String> = unread.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 5);
    for (line, part) in text.iter().zip([
        "newer",
        "dojo, tsmc-sow, dojo-enhanced",
        "no such setting",
        "1 to 1024",
        "given 2 times; the last",
    ]) {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_hardware_value_counts_only_where_it_differs_from_the_preset() {
    // In any order: the preset is known when the values are compared with it.
    for text in ["link=1.7&hbm=8&wafer=dojo&v=2", "v=2&hbm=8"] {
        let (e, unread) = Experiment::parse(text);
        assert_eq!(unread, []);
        assert_eq!(e.to_string(), "v=2&hbm=8");
        assert_eq!(e.hardware().hbm, 8e12);
    }
    let (e, _) = Experiment::parse("v=2&wafer=dojo-enhanced&hbm=8&columns=16&rows=16");
    assert_eq!(e.to_string(), "v=2&wafer=dojo-enhanced&columns=16&rows=16");
    assert_eq!(e.hardware().mesh.dies(), 256);
    for bad in ["columns=2.5", "columns=17", "rows=0", "hbm=NaN", "hbm=-1", "link=0", "usable=101"] {
        let (e, unread) = Experiment::parse(bad);
        assert_eq!((unread.len(), e), (1, Experiment::default()), "{bad}");
    }
}

#[test]
fn a_wafer_without_a_way_between_its_dies_is_said() {
    let works = |text: &str| Experiment::parse(text).0.topology().works();
    assert_eq!(works("v=2"), Ok(()));
    assert_eq!(works("v=2&dead=7,12,3-4"), Ok(()));
    // Die 0 loses both of its links.
    let parted = works("v=2&dead=0-1,0-5").unwrap_err();
    assert!(parted.contains("no route leads from die 0 to die 1"), "{parted}");
    let none = works("v=2&columns=1&rows=2&dead=0,1").unwrap_err();
    assert!(none.contains("every die"), "{none}");
    // Parts that this wafer does not have are forgotten, wherever they stand.
    assert_eq!(Experiment::parse("dead=24,3-9,23&wafer=tsmc-sow&v=2").0.to_string(), "v=2&wafer=tsmc-sow&dead=23");
    let (e, unread) = Experiment::parse("dead=x&v=2");
    assert_eq!((e, unread.len()), (Experiment::default(), 1));
}

#[test]
fn a_trace_is_fetched_from_https_or_this_site_only() {
    for (text, source) in [
        ("trace=https://example.org/a.zip", "https://example.org/a.zip"),
        ("trace=traces/a.zip", "traces/a.zip"),
        ("v=2&trace=0123456789abcdef&from=https://%5B2001:db8::1%5D/x.json", "https://[2001:db8::1]/x.json"),
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
    let (e, unread) = Experiment::parse("v=2&batch=64&compare=wafer:tsmc-sow;batch:32|seed:2");
    assert_eq!(unread, []);
    let beside: Vec<String> = e.view.compare.iter().map(|v| v.of(&e).unwrap().to_string()).collect();
    assert_eq!(beside, ["v=2&wafer=tsmc-sow&batch=32", "v=2&seed=2&batch=64"]);
}

#[test]
fn a_node_of_gpus_keeps_its_size_and_has_no_links_to_break() {
    let (e, unread) = Experiment::parse("v=2&wafer=h100x8&columns=4&link=0.9&dead=7,9,0-1");
    // The port of a GPU was called a link, in TB/s.
    assert_eq!(e.to_string(), "v=2&wafer=h100x8&nvlink=900&dead=7");
    assert_eq!(e.hardware().link, 0.9e12);
    // What it does not have is not dropped in silence.
    let said: Vec<&str> = unread.iter().map(|u| u.part.as_str()).collect();
    assert_eq!(said, ["dead=9", "dead=0-1", "columns"]);
    let node = e.topology();
    assert_eq!((node.devices, node.live.len(), node.works()), (8, 7, Ok(())));
}

#[test]
fn any_number_of_nodes_and_gpus_is_a_system_up_to_a_limit() {
    let (e, unread) = Experiment::parse("v=2&wafer=h100x8&nodes=4&pernode=4&nvlink=300&nic=25&nichop=1000");
    assert_eq!(unread, []);
    assert_eq!(e.to_string(), "v=2&wafer=h100x8&nodes=4&pernode=4&nvlink=300&nic=25&nichop=1000");
    let four = e.topology();
    assert_eq!((four.devices, four.nodes, four.resources[3 * 16], four.works()), (16, 4, 25e9, Ok(())));
    let none = Experiment::parse("v=2&wafer=h100x8&pernode=1&dead=0").0.topology().works().unwrap_err();
    assert!(none.contains("every GPU"), "{none}");
    let (large, unread) = Experiment::parse("v=2&wafer=gb200-nvl72&nodes=64");
    assert_eq!((large.to_string().as_str(), unread.len()), ("v=2&wafer=gb200-nvl72", 1));
    assert!(unread[0].to_string().contains("more than 512 GPUs"), "{}", unread[0]);
    assert!(large.with("nodes", "8").is_err() && large.with("nodes", "7").is_ok());
    // A wafer has neither nodes nor a network.
    assert_eq!(Experiment::parse("v=2&nodes=2&nic=3").1.len(), 2);
}

#[test]
fn a_strategy_is_any_placement_with_any_dispatch() {
    let (e, unread) = Experiment::parse(
        "v=2&strategies=allo%2Bpred,remap.allo%2Bpred,block.home,ep&show=remap.allo%2Bpred&home=block",
    );
    assert_eq!(unread, []);
    let text = "v=2&strategies=ep,allo+pred,contiguous.home,remap.allo+pred&home=contiguous&show=remap.allo+pred";
    assert_eq!(e.to_string(), text);
    for bad in ["remap", "moon.allo", "remap.base", "remap.allo+more"] {
        let (_, unread) = Experiment::parse(&format!("v=2&strategies={bad}"));
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
        loads: Loads {
            experts: layers[0].len(),
            layers: layers.map(|l| l.map(u64::from).to_vec()).to_vec(),
            subjects: [[9, 8, 0, 0, 7, 1], [0, 1, 9, 8, 0, 7]]
                .map(|of| SubjectLoads { requests: 2, layers: vec![of.to_vec(); 2], ..SubjectLoads::default() })
                .to_vec(),
            ..Loads::default()
        },
        sources: 8,
        tokens: None,
        of_step: vec![0, 1],
    }
}

fn seconds(experiment: &Experiment) -> Vec<f64> {
    let made = Provenance { synthetic: true, ..Provenance::default() };
    let mut run = moescope::protocol::Run::new(experiment.clone(), batch(), made).unwrap();
    // Base and the baseline are simulated in any case: ratios need them.
    let mut all = experiment.run.strategies.clone();
    all.extend([experiment.run.baseline, Strategy::BASE]);
    all.sort();
    all.dedup();
    assert_eq!(run.progress(), (0, all.len() as u64 * 4));
    while run.step() {}
    assert_eq!(run.progress().0, run.progress().1);
    run.report().runs.iter().map(|r| r.seconds).collect()
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
        ("mfu", "0.5"),
        ("spare", "2"),
        ("groups", "2"),
        ("moves", "2"),
        ("budget", "3"),
        ("aim", "load"),
        ("file", "0123456789abcdef"),
        ("nvlink", "9"),
        ("nic", "9"),
        ("nichop", "9"),
        ("dispatch-bytes", "4"),
        ("combine-bytes", "4"),
        ("context", "9"),
    ];
    let (plain, _) = Experiment::parse("v=1&columns=3&rows=2");
    let mut names: Vec<String> = Strategy::ALL.iter().map(|s| s.name().into()).collect();
    names.extend(DISPATCHES.iter().flat_map(|d| ["", "+pred"].map(|pred| format!("contiguous.{}{pred}", d.name))));
    // The tries of a search are pieces of its run as well: tests/it/search.rs is about those.
    names.extend(PLACEMENTS.iter().filter(|p| p.name != "search").map(|p| format!("{}.home", p.name)));
    for name in names.iter().map(String::as_str) {
        let strategy = Strategy::named(name).unwrap();
        let one = |e: &Experiment| seconds(&e.with("strategies", name).unwrap());
        for activations in [Activations::Free, Activations::Serial, Activations::Overlapped] {
            let mut plain = plain.clone();
            plain.run.activations = activations;
            for setting in strategy.ignores(activations, false).into_iter().filter(|s| *s != "strategies") {
                let value = values.iter().find(|(n, _)| *n == setting).unwrap().1;
                assert_eq!(one(&plain.with(setting, value).unwrap()), one(&plain), "{name} reads {setting}");
            }
        }
    }
}

#[test]
fn a_model_that_does_not_fit_is_known() {
    let loads = Loads { experts: 256, layers: vec![vec![0; 256]], ..Loads::default() };
    let fits = |text: &str| {
        let e = Experiment::parse(&format!("{text}&model=deepseek-v3")).0;
        e.overfull(58, &loads)
    };
    assert_eq!(fits("v=2"), 0);
    assert_eq!(fits("v=2&dram=10"), 25);
    // 256 experts on 25 dies: six of them hold eleven.
    assert_eq!(fits("v=2&dram=30"), 6);
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
    assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), keys().len());
}

/// Settings that only choose what is looked at: promises to who caches a result.
const VIEW: [&str; 22] = [
    "from",
    "scope",
    "layer",
    "show",
    "beside",
    "step",
    "simulated",
    "at",
    "heat",
    "look",
    "compare",
    "left",
    "right",
    "map",
    "sweep",
    "embed",
    "view",
    "part",
    "race",
    "present",
    "theme",
    "name",
];

/// Values of every setting, of which at least two differ from one another.
fn values() -> BTreeMap<&'static str, Vec<&'static str>> {
    let of: &[(&str, &str)] = &[
        ("model", "deepseek-v3 kimi-k2 olmoe"),
        ("hidden", "2048 7168"),
        ("intermediate", "1024 2048"),
        ("trace", "0123456789abcdef f247fd64eee36f10"),
        ("from", "traces/a.zip https://example.org/b"),
        ("seed", "1 7"),
        ("wafer", "dojo tsmc-sow dojo-enhanced h100x16 gb200-nvl72"),
        ("nodes", "1 2"),
        ("pernode", "4 8"),
        ("nvlink", "450 900"),
        ("nic", "25 100"),
        ("nichop", "100 5000"),
        ("columns", "3 5 9"),
        ("rows", "3 5 9"),
        ("hbm", "1 8"),
        ("link", "1.7 4"),
        ("dram", "30 96"),
        ("fp16", "100 500"),
        ("llc", "1 2"),
        ("hit", "1 2"),
        ("miss", "10 20"),
        ("write", "10 20"),
        ("local", "1 2"),
        ("hop", "1 2"),
        ("penalty", "1 2"),
        ("usable", "50 80"),
        ("dead", "1 0-1"),
        ("batch", "64 8192"),
        ("steps", "2 16"),
        ("serve", "mixed subject"),
        ("layers", "all 6 2"),
        ("skip", "none collapsed"),
        ("unmarked", "prefill decode first:20"),
        ("top-k", "2 8"),
        ("experts", "16 64"),
        ("recorded-layers", "27 61"),
        ("dense", "1 3"),
        ("keep-shared", "off on"),
        ("ids", "physical logical"),
        ("strategies", "base ep,allo"),
        ("baseline", "base ep"),
        ("heldout", "off on"),
        ("home", "round-robin block"),
        ("order", "row column"),
        ("duplex", "shared full"),
        ("flight", "2 4"),
        ("weight", "1 2"),
        ("mfu", "0.3 0.5"),
        ("spare", "0 2"),
        ("groups", "8 2"),
        ("moves", "8 2"),
        ("budget", "200 3"),
        ("aim", "time load"),
        ("file", "0123456789abcdef fedcba9876543210"),
        ("learn", "decode all"),
        ("predict", "50 20"),
        ("block", "50 10"),
        ("tau", "1.25 2"),
        ("capacity", "dram none"),
        ("activations", "free serial overlapped"),
        ("dispatch-bytes", "1 2"),
        ("combine-bytes", "1 2 4"),
        ("rest", "free counted"),
        ("context", "728 4096"),
        ("fetch", "id hottest largest-first"),
        ("scope", "all decode"),
        ("layer", "0 3 mean"),
        ("show", "base allo+pred"),
        ("beside", "ep allo"),
        ("step", "0 1"),
        ("simulated", "0 1"),
        ("at", "0 500"),
        ("heat", "load bytes"),
        ("look", "die:1 expert:2 link:1-2"),
        ("compare", "wafer:tsmc-sow batch:64"),
        ("left", "all even"),
        ("right", "odd all"),
        ("map", "tokens pairs"),
        ("sweep", "link:1:4:4 tau:1:2:2"),
        ("embed", "token-map reuse-curve"),
        ("view", "story explore simulate deploy paper"),
        ("part", "figure-12 3"),
        ("race", "0 171"),
        ("present", "0 1"),
        ("theme", "light dark"),
        ("name", "mine yours"),
    ];
    of.iter().map(|&(n, v)| (n, v.split(' ').collect())).collect()
}

proptest! {
    /// What a result depends on is derived from the parts: a view never changes it, and all else does, or leaves the
    /// experiment as it was.
    #[test]
    fn a_run_key_forgets_views_and_nothing_else(steps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..12)) {
        let values = values();
        let names: Vec<&str> = keys().iter().map(|k| k.name).collect();
        let mut e = Experiment::default();
        for (key, value) in steps {
            let name = *key.get(&names);
            let of = values.get(name).unwrap_or_else(|| panic!("{name} has no values here: say whether it is of the view"));
            let changed = e.with(name, value.get::<&str>(of)).unwrap();
            if VIEW.contains(&name) {
                prop_assert_eq!(changed.run_key(), e.run_key(), "{}", name);
            } else {
                prop_assert_eq!(changed.run_key() == e.run_key(), changed == e, "{}", name);
            }
            prop_assert_eq!(&changed.run_key().run_key(), &changed.run_key());
            // What a string says is all that counts.
            prop_assert_eq!(&Experiment::parse(&changed.to_string()).0, &changed);
            e = changed;
        }
    }
}

/// Links from before there were views, and those that need not say it.
#[test]
fn an_address_without_a_view_opens_the_one_that_its_settings_are_of() {
    let view = |text: &str| Experiment::parse(text).0.view.view.name();
    for (text, of) in [
        ("", "story"),
        ("v=1&model=kimi-k2&batch=4096", "story"),
        ("v=1&layer=3", "explore"),
        ("v=2&left=even&right=odd", "explore"),
        ("v=1&sweep=link:1:4:4", "simulate"),
        ("v=1&layer=3&look=die:4", "simulate"),
        ("v=2&show=ep", "simulate"),
        ("v=2&compare=seed:2", "simulate"),
        ("v=2&view=paper&sweep=link:1:4:4", "paper"),
        ("v=2&view=nowhere&layer=3", "explore"),
    ] {
        assert_eq!(view(text), of, "{text}");
        let (experiment, _) = Experiment::parse(text);
        assert_eq!(Experiment::parse(&experiment.to_string()).0, experiment, "{text}");
    }
    // Only what the other settings do not say is written.
    for text in ["v=2&layer=3", "v=2&view=story&layer=3", "v=2&show=ep", "v=2&view=deploy", "v=2"] {
        assert_eq!(Experiment::parse(text).0.to_string(), text);
    }
}

#[test]
fn a_percent_sign_before_a_plus_is_no_code() {
    let left = |text: &str| Experiment::parse(text).0.view.left.to_string();
    assert_eq!(left("left=subject:%+a"), "subject:%+a");
    assert_eq!(left("left=subject:%2ba%"), "subject:+a%");
    assert_eq!(left("left=subject:%e9%zz%4"), "subject:\u{fffd}%zz%4");
}

/// The list of names that were seen was searched for each part: time grew with the square of the text.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is about time")]
fn a_text_of_megabytes_is_read_at_once_and_told_in_twenty_lines() {
    let distinct: String = (0..200_000).map(|i| format!("a{i}=1&")).collect();
    let texts = [
        distinct,
        "batch=9&".repeat(250_000),
        format!("compare={}", "batch:9;".repeat(250_000)),
        format!("compare={}", "seed:2|".repeat(250_000)),
        format!("dead={}", "1-2,".repeat(500_000)),
        format!("v=1&left=subject:{}", "%20".repeat(700_000)),
        format!("model={}", "x".repeat(2_000_000)),
    ];
    for text in texts {
        let began = std::time::Instant::now();
        let (_, unread) = Experiment::parse(&text);
        let took = began.elapsed();
        assert!(took.as_secs_f64() < 1.0, "{took:?} for {}", &text[..40]);
        assert!(unread.len() <= 21, "{} lines", unread.len());
        assert!(unread.iter().all(|u| u.to_string().len() < 2000), "{}", &text[..40]);
    }
    let (_, unread) = Experiment::parse(&(0..100).map(|i| format!("x{i}&")).collect::<String>());
    assert_eq!(unread.len(), 21);
    assert!(unread[20].to_string().contains("and 80 more"), "{}", unread[20]);
}

#[test]
fn an_experiment_says_whether_it_is_on_a_trace() {
    let names = |text: &str| Experiment::parse(text).0.names_a_trace();
    assert!(!names("v=2") && !names("v=2&seed=3"));
    assert!(names("v=2&trace=0123456789abcdef") && names("v=2&from=traces/a.zip"));
}

/// Without hops there is no ratio of hops: it would be infinite, or none of none.
#[test]
fn a_run_without_hops_has_no_ratio_of_them() {
    let made = Provenance { synthetic: true, ..Provenance::default() };
    let experiment = Experiment::parse("v=2&strategies=base,ep").0;
    let mut run = moescope::protocol::Run::new(experiment, batch(), made).unwrap();
    while run.step() {}
    let runs = run.report().runs;
    assert_eq!((runs[0].hop_ratio, runs[1].hop_ratio, runs[1].hops), (Some(1.0), None, 0));
}

/// A string of megabytes costs what its first look costs; one of the longest that are read, a few milliseconds.
#[test]
fn long_strings_are_refused_or_read_in_time_with_their_length() {
    let repeated = "batch=1&".repeat(250_000);
    let (e, unread) = Experiment::parse(&repeated);
    assert_eq!((e, unread.len()), (Experiment::default(), 1));
    assert!(unread[0].why.contains("2000000 bytes, above the limit of 65536") && unread[0].part.chars().count() == 201);
    let dead = format!("dead={}", "1,".repeat(1_000_000));
    assert_eq!(Experiment::parse(&dead).1.len(), 1);
    // Below it, what is told does not grow with what is wrong.
    let (e, unread) = Experiment::parse(&"batch=7&batch=9&".repeat(4000));
    let said: Vec<String> = unread.iter().map(ToString::to_string).collect();
    assert_eq!(
        (e.workload.batch, said),
        (9, vec!["\u{201c}batch=9\u{201d}: it is given 8000 times; the last one counts".into()])
    );
    let wrong: String = (0..9000).map(|n| format!("x{n}=1&")).collect();
    let (_, unread) = Experiment::parse(&wrong[..1 << 16]);
    assert_eq!(unread.len(), 21);
    assert!(unread[20].why.starts_with("and ") && unread[20].why.contains("more parts that were not read"));
    let (e, unread) = Experiment::parse(&format!("wafer=tsmc-sow&dead={}", "1,0-1,99,".repeat(7000)));
    assert_eq!((e.to_string().as_str(), unread.len()), ("v=2&wafer=tsmc-sow&dead=1,0-1", 1), "{unread:?}");
    let stars = format!("strategies={}", "*,".repeat(32_000) + "*");
    assert_eq!(Experiment::parse(&stars).1, []);
    let long = format!("strategies={}", "a".repeat(60_000));
    assert!(Experiment::parse(&long).1[0].to_string().chars().count() < 1300);
}
