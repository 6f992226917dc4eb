//! What a recording does not hold: asked for with the name of a setting, told by the experiment's string or by an option, and read the same
//! by all of them.

use std::io::Cursor;

use moescope::experiment::{ANSWERS, Experiment, key_named};
use moescope::format::{Ids, Source, Told};
use moescope::model::Marking;
use moescope::protocol::{Answering, Field, Files, Info, Job, SourceFile, State, finish, jobs};

struct Named(Vec<(&'static str, Vec<u8>)>);

impl Files for Named {
    fn open(&self, source: usize) -> std::io::Result<Box<dyn Source>> {
        Ok(Box::new(Cursor::new(self.0[source].1.clone())))
    }
}

/// A load, as the page's worker does it.
fn load(state: &mut State, files: &Named, told: Told) -> Info {
    let sources = files.0.iter().map(|(path, b)| SourceFile { path: (*path).into(), bytes: b.len() as u64 }).collect();
    let (units, issues) = finish(jobs::List::new(sources).telling(told), state, files).unwrap();
    finish(jobs::Ingest::new(units), state, files).unwrap();
    finish(jobs::Commit(issues), state, files).unwrap()
}

/// Router logits of 7 tokens and 16 experts in JSON: nothing says how many a token takes.
fn logits() -> Vec<u8> {
    let row = |t: usize| (0..16).map(|e| ((t * 7 + e * 5) % 16) as f64 + 0.5).collect::<Vec<_>>();
    serde_json::to_vec(&serde_json::json!({ "router_logits": (0..7).map(row).collect::<Vec<_>>() })).unwrap()
}

#[test]
fn every_answer_is_a_setting_and_a_string_tells_all_of_them() {
    assert!(ANSWERS.iter().all(|name| key_named(name).is_some()));
    let text = "v=2&unmarked=first:20&top-k=6&experts=64&recorded-layers=27&dense=1&keep-shared=on&ids=physical";
    let (experiment, unread) = Experiment::parse(text);
    assert!(unread.is_empty(), "{unread:?}");
    let expected = Told {
        top_k: Some(6),
        layers: Some(27),
        dense: 1,
        experts: Some(64),
        keep_shared: true,
        ids: Some(Ids::Physical),
        unmarked: Some(Marking::First(20)),
        hidden: 0,
        intermediate: 0,
    };
    assert_eq!(experiment.told(), expected);
    assert_eq!(experiment.to_string(), text);
    let mut other = Experiment::default();
    other.tell(&expected);
    assert_eq!(other, experiment);
    // On the synthetic workload there is no recording to tell of.
    other.leave_trace(|_| true);
    assert_eq!(other.told(), Told::default());
}

#[test]
fn a_load_says_what_it_leaves_open_and_an_answer_closes_it() {
    let files = Named(vec![("a.json", logits())]);
    let mut state = State::default();
    let info = load(&mut state, &files, Told::default());
    assert!(info.layers.is_empty());
    let [asked] = &info.questions[..] else { panic!("{:?}", info.questions) };
    assert_eq!((asked.key.as_str(), asked.needed, asked.answering), ("top-k", true, Answering::ReadAgain));
    assert_eq!(
        (asked.field, asked.files.as_slice()),
        (Field::Number { least: 1, most: 64 }, &["a.json".to_string()][..])
    );
    // What models of 16 experts take is offered, each with a model that takes it.
    assert!(asked.suggestions.iter().all(|s| s.value.parse::<usize>().is_ok() && !s.says.is_empty()));

    let told = Experiment::default().with(&asked.key, "2").unwrap().told();
    let info = load(&mut state, &files, told.clone());
    assert_eq!((info.top_k, info.experts, info.unmarked, &info.told), (2, 16, 7, &told));
    let open = |info: &Info| info.questions.iter().map(|q| (q.key.clone(), q.needed)).collect::<Vec<_>>();
    let left =
        [("hidden", true), ("intermediate", true), ("unmarked", false)].map(|(key, needed)| (key.to_string(), needed));
    assert_eq!(open(&info), left);
    let phase = info.questions.iter().find(|q| q.key == "unmarked").unwrap();
    assert_eq!((phase.answering, phase.suggestions[0].value.as_str()), (Answering::CountAgain, "decode"));

    let info = finish(jobs::Mark(Some(Marking::Decode)), &mut state, &files).unwrap();
    assert_eq!((info.decode, info.unmarked, info.told.unmarked), (7, 0, Some(Marking::Decode)));
    assert!(open(&info).iter().all(|(key, _)| key != "unmarked"));
    // The string that the page then shares reads the files as they are shown, and asks nothing more of them.
    let mut shared = Experiment::default();
    shared.take_trace(&info.digest, "");
    shared.tell(&info.told);
    let mut other = State::default();
    let again = load(&mut other, &files, Experiment::parse(&shared.to_string()).0.told());
    assert_eq!((again.digest, again.decode, again.questions), (info.digest, info.decode, info.questions));
}

#[test]
fn a_config_beside_the_recording_answers_and_gives_the_sizes_of_an_expert() {
    let config = br#"{"num_experts_per_tok": 2, "num_experts": 16, "hidden_size": 96, "moe_intermediate_size": 40}"#;
    let files = Named(vec![("a.json", logits()), ("config.json", config.to_vec())]);
    let info = load(&mut State::default(), &files, Told::default());
    assert_eq!((info.top_k, info.sizes()), (2, Some((96, 40))));
    let hidden = info.questions.iter().find(|q| q.key == "hidden").unwrap();
    assert_eq!(hidden.suggestions[0].value, "96");
    let mut experiment = Experiment::default();
    experiment.take_sizes(info.sizes());
    assert_eq!((experiment.workload.hidden, experiment.workload.intermediate), (96, 40));
    let mut named = Experiment::parse("model=olmoe").0;
    named.take_sizes(info.sizes());
    assert_eq!(named, Experiment::parse("model=olmoe").0, "a model that is named goes before it");
}

#[test]
fn badges_say_where_a_check_spoke_and_what_overrules_it() {
    let row = |t: usize, l: usize| format!("[{}, {}, 16]", (t * 5 + l) % 16, (t * 5 + l * 3 + 7) % 16);
    let token = |t: usize| format!("[{}, {}]", row(t, 1), row(t, 2));
    let array = (0..20).map(token).collect::<Vec<_>>().join(", ");
    let text = format!("{{\"routed_experts\": [{array}]}}").into_bytes();
    let files = Named(vec![("a.json", text.clone()), ("b.json", text)]);
    let mut state = State::default();
    let info = load(&mut state, &files, Told::default());
    let badge = info.badges.iter().find(|b| b.check == "shared").unwrap();
    assert_eq!((badge.short.as_str(), badge.count, badge.files, badge.spots.len()), ("shared expert", 2, 2, 2));
    assert!(badge.long.contains("expert 16") && badge.spots[1].file == "b.json");
    let overrule = badge.overrule.as_ref().unwrap();
    let told = Experiment::default().with(&overrule.key, &overrule.value).unwrap().told();
    let kept = load(&mut state, &files, told);
    assert_eq!((info.top_k, kept.top_k), (2, 3));
    assert!(kept.badges.iter().all(|b| b.check != "shared"));
    // What each file is, with its arrays, travels with the trace and is stored with it.
    let seen = &kept.seen.files[1];
    assert_eq!((seen.path.as_str(), seen.reader.as_str(), seen.tokens), ("b.json", "json", [0, 0, 20]));
    assert_eq!((seen.held[0].name.as_str(), seen.held[0].shape.as_slice()), ("routed_experts", &[20, 2, 3][..]));
    let saved = finish(jobs::Save { digest: kept.digest.clone(), name: "x".into() }, &mut state, &files).unwrap();
    let mut restore = jobs::Restore::new(kept.digest.clone());
    restore.take(saved.0);
    assert_eq!(finish(restore, &mut State::default(), &files).unwrap(), kept);
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn an_option_and_the_same_setting_of_the_string_read_the_same_and_a_conflict_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, logits()).unwrap();
    let read = |more: &[&str]| {
        let out = crate::support::moescope(&[&["analyze", path.to_str().unwrap(), "--json"], more].concat());
        (out.status.success(), String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap())
    };
    let (done, _, said) = read(&[]);
    assert!(!done && said.contains("--top-k"), "{said}");
    let option = read(&["--top-k", "2"]);
    let string = read(&["--experiment", "v=2&top-k=2&batch=64"]);
    assert!(option.0 && option.1 == string.1 && !option.2.contains("not taken"), "{}", option.2);
    let (_, both, said) = read(&["--experiment", "v=2&top-k=3", "--top-k", "2"]);
    assert_eq!(both, option.1);
    assert!(said.contains("top-k=3 of the experiment was not taken: the option says 2"), "{said}");
    // Beside a result stands the string that asks nothing again.
    let sizes = "v=2&hidden=64&intermediate=32&steps=1&batch=8&unmarked=decode";
    let run = ["run", "--experiment", sizes, "--traces", path.to_str().unwrap(), "--top-k", "2", "--json"];
    let out = crate::support::moescope(&run);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let string = report["experiment"].as_str().unwrap();
    assert!(string.contains("&unmarked=decode&top-k=2"), "{string}");
    let again =
        crate::support::moescope(&["run", "--experiment", string, "--traces", path.to_str().unwrap(), "--json"]);
    assert_eq!(again.stdout, out.stdout);
}
