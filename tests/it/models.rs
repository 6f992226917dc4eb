//! Which model a run is of: what the string sets, else the trace's own, and never another's in silence. Page and command line
//! ask the same core.

use std::path::{Path, PathBuf};

use moescope::experiment::Experiment;
use moescope::model::{MODELS, Request, default_model, model_named};
use moescope::protocol::{DataId, Dataset, Job, JobError, RunReport, State, finish, jobs};
use moescope::synth::{Generator, Profile, profile};
use serde_json::Value;

use crate::support::{NoFiles, moescope, paper, real, request};

fn ask<J: Job>(job: J) -> Result<J::Reply, JobError> {
    finish(job, &mut State::default(), &NoFiles)
}

fn run_synthetic(text: &str) -> Result<RunReport, JobError> {
    ask(jobs::RunSynthetic::new(Experiment::parse(text).0))
}

/// A run as the page asks for it: one worker fills the batch of the loaded trace, another runs it.
fn on_page(state: &mut State, text: &str) -> Result<RunReport, String> {
    let experiment = Experiment::parse(text).0;
    let of = DataId::of(&state.trace.info());
    let fill = jobs::FillBatch { of, experiment: experiment.clone() };
    let batch = finish(fill, state, &NoFiles).map_err(|e| e.to_string())?;
    let mut run = jobs::Run::new(experiment);
    run.take(batch.0);
    ask(run).map_err(|e| e.to_string())
}

fn loaded(requests: Vec<Request>) -> State {
    let mut trace = Dataset::default();
    trace.add(requests, "trace.json");
    trace.count();
    State { trace, ..State::default() }
}

fn line(experiment: &str, traces: &Path, more: &[&str]) -> Result<Value, String> {
    let fixed = ["run", "--json", "--experiment", experiment, "--traces", traces.to_str().unwrap()];
    let out = moescope(&[&fixed[..], more].concat());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    if out.status.success() { Ok(serde_json::from_slice(&out.stdout).unwrap()) } else { Err(said) }
}

/// Six requests of Llama 4 as files, and as the page has loaded them.
fn llama(folder: &Path) -> (PathBuf, State, String) {
    let out = moescope(&["make", "-o", folder.to_str().unwrap(), "--files", "6", "--tokens", "12"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let model = default_model();
    let six = Profile { requests: 6, decode: 12, ..profile(model).unwrap() };
    let mut generator = Generator::with(model, six, 1);
    let state = loaded(std::iter::from_fn(|| generator.request()).collect());
    let digest = state.trace.info().digest;
    (folder.join("llama4-maverick-synthetic-seed1"), state, digest)
}

/// The page used the string's model, the command line overrode it by the trace's: "the same bytes" were other numbers.
#[test]
fn two_models_one_answer_page_and_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (files, mut state, digest) = llama(folder.path());
    for (settings, model) in [
        ("v=2&model=kimi-k2", "kimi-k2"),
        ("v=1&model=kimi-k2", "kimi-k2"),
        ("v=2&model=mixtral-8x7b", "mixtral-8x7b"),
        ("v=2&hidden=4096&intermediate=1536", "custom"),
        ("v=2", "llama4-maverick"),
        ("v=1", "llama4-maverick"),
    ] {
        let text = format!("{settings}&trace={digest}&batch=64&steps=2&layers=2");
        let report = serde_json::to_value(on_page(&mut state, &text).unwrap()).unwrap();
        assert_eq!(report, line(&text, &files, &[]).unwrap(), "{settings}");
        // And for a string that does not name the trace which it is given with.
        let unnamed = format!("{settings}&batch=64&steps=2&layers=2");
        assert_eq!(report, line(&unnamed, &files, &[]).unwrap(), "{settings}");
        assert_eq!((&report["runs"][0]["model"], &report["of_model"]), (&model.into(), &"llama4-maverick".into()));
    }
    let seconds = |settings: &str| on_page(&mut state, settings).unwrap().runs[1].seconds;
    let [own, kimi] = ["v=2&batch=64&steps=2", "v=2&batch=64&steps=2&model=kimi-k2"].map(seconds);
    assert!(own > 2.0 * kimi, "an expert of Kimi K2 is smaller: {own} and {kimi}");
}

/// Two layers of 41 experts, two a token: no known model.
fn odd() -> Request {
    let rows: Vec<[u16; 2]> = (0..12u16).map(|t| [t * 7 % 41, (t * 7 + 38) % 41]).collect();
    let rows: Vec<&[u16]> = rows.iter().map(|r| &r[..]).collect();
    request(0, 4, &[(1, &rows), (2, &rows)])
}

/// OLMoE, Mixtral and the like ran with DeepSeek V3's experts, and its published marks beside them.
#[test]
fn an_unknown_model_is_never_given_anothers_expert_size() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.json");
    std::fs::write(&file, paper(&odd(), false)).unwrap();
    let refused = line("v=2&batch=8&steps=2", &file, &[]).unwrap_err();
    for part in ["model is not known", "hidden= and intermediate=", "config.json", "--config", "model="] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(on_page(&mut loaded(vec![odd()]), "v=2&batch=8&steps=2").map(|_| ()), Err(refused[10..].trim().into()));
    let half = line("v=1&batch=8&steps=2&hidden=2048", &file, &[]).unwrap_err();
    assert!(half.contains("set intermediate= ("), "{half}");
    // The sizes of OLMoE, in three ways.
    let given = line("v=2&batch=8&steps=2&hidden=2048&intermediate=1024", &file, &[]).unwrap();
    assert_eq!((&given["runs"][0]["model"], &given["of_model"]), (&"custom".into(), &Value::Null));
    let named = line("v=2&batch=8&steps=2&model=olmoe", &file, &[]).unwrap();
    let config = folder.path().join("config.json");
    let olmoe = r#"{"hidden_size": 2048, "intermediate_size": 1024, "num_experts": 64, "num_experts_per_tok": TOP, "num_hidden_layers": 16}"#;
    std::fs::write(&config, olmoe.replace("TOP", "2")).unwrap();
    let with_config = ["--config", config.to_str().unwrap()];
    // What the file says of the recording is part of the string: its link asks nothing again.
    let configured = line("v=2&batch=8&steps=2", &file, &with_config).unwrap();
    assert_eq!(configured["runs"], given["runs"]);
    let text = configured["experiment"].as_str().unwrap();
    assert!(
        text.contains("&hidden=2048&intermediate=1024&") && text.ends_with("&top-k=2&experts=64&recorded-layers=16")
    );
    for strategy in 0..5 {
        assert_eq!(named["runs"][strategy]["seconds"], given["runs"][strategy]["seconds"]);
    }
    // Not another model's file, and not two answers.
    std::fs::write(&config, olmoe.replace("TOP", "8")).unwrap();
    let other = line("v=2&batch=8&steps=2", &file, &with_config).unwrap_err();
    assert!(other.contains("config.json: it is of another model than the trace: 8 experts a token"), "{other}");
    let both = line("v=2&batch=8&steps=2&model=olmoe", &file, &with_config).unwrap_err();
    assert!(both.contains("leave model="), "{both}");
    std::fs::write(&config, "{").unwrap();
    assert!(line("v=2&batch=8&steps=2", &file, &with_config).unwrap_err().contains("not JSON"));
    // A model that is known by its whole shape has its own size, and no marks.
    let rows: Vec<[u16; 2]> = (0..16u16).map(|t| [t % 8, (t + 3) % 8]).collect();
    let rows: Vec<&[u16]> = rows.iter().map(|r| &r[..]).collect();
    let layers: Vec<(u32, &[&[u16]])> = (0..32).map(|l| (l, &rows[..])).collect();
    let mixtral = on_page(&mut loaded(vec![request(0, 4, &layers)]), "v=2&batch=8&steps=2&layers=1").unwrap();
    assert_eq!(mixtral.runs[0].model, "mixtral-8x7b");
    assert!(mixtral.runs.iter().all(|r| mixtral.paper(r).is_none()));
}

#[test]
fn the_docs_list_every_preset_with_its_source() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/model.md")).unwrap();
    for m in &MODELS {
        let shape = format!("{} | {}, {} | {} × {}", m.moe_layers, m.experts, m.top_k, m.hidden, m.intermediate);
        let row = format!("| `{}` | {shape} | {} |", m.name, m.source);
        assert!(docs.contains(&row), "{row}");
    }
}

#[test]
fn a_preset_without_a_profile_has_no_synthetic_workload() {
    let out = moescope(&["run", "--experiment", "v=2&model=mixtral-8x7b"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1));
    assert!(said.contains("no synthetic workload of Mixtral 8x7B") && said.contains("deepseek-v2-lite"), "{said}");
    assert!(run_synthetic("v=2&model=olmoe").is_err());
    for model in ["olmoe", "nobody"] {
        assert!(ask(jobs::Synthesize::new(model.into(), 1)).is_err());
    }
    let info = ask(jobs::Synthesize::new(String::new(), 1)).unwrap();
    assert_eq!(info.model.as_deref(), Some("llama4-maverick"), "no name is the default's");
}

/// `trace=https://…` was ignored, and the synthetic workload run without a word.
#[test]
fn a_trace_at_an_address_is_not_replaced_by_a_synthetic_one() {
    for text in ["v=1&trace=https://example.org/a.zip", "v=2&trace=0123456789abcdef&from=traces/a.zip&batch=64"] {
        for verb in ["run", "sweep"] {
            let out = moescope(&[verb, "--experiment", &format!("{text}&sweep=link:1:2:2"), "--json"]);
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0), "{said}");
            assert!(said.contains("a.zip") && said.contains("--traces"), "{said}");
        }
    }
}

#[test]
fn a_result_names_the_requests_that_it_is_of() {
    let text = "v=2&trace=0123456789abcdef&batch=64&steps=1&layers=1";
    let made = run_synthetic(text).unwrap();
    assert_eq!((&*made.experiment, made.synthetic), ("v=2&batch=64&steps=1&layers=1", true));
    let out = moescope(&["run", "--json", "--experiment", &made.experiment]);
    let line: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(serde_json::to_value(&made).unwrap(), line);
    // On another trace than the string's the command line runs, says so, and names the trace that it ran on.
    let folder = tempfile::tempdir().unwrap();
    let (files, _, digest) = llama(folder.path());
    let out = moescope(&["run", "--json", "--experiment", text, "--traces", files.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains(&format!("was made on trace 0123456789abcdef, this one is {digest}")), "{said}");
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["experiment"], format!("v=2&trace={digest}&batch=64&steps=1&layers=1"));
}

/// What a string is on is said by the string: the page ran it on whatever it showed.
#[test]
fn a_string_alone_decides_what_it_is_run_on() {
    let on = |text: &str, loaded| Experiment::parse(text).0.on_loaded(loaded);
    let (a, b) = ("0123456789abcdef", "f247fd64eee36f10");
    assert_eq!(on("v=1&model=qwen3-235b&layers=1", None), Ok(false));
    assert_eq!(on("v=1&model=qwen3-235b&layers=1", Some(a)), Ok(false), "a loaded trace changes nothing");
    assert_eq!(on(&format!("v=2&trace={a}"), Some(a)), Ok(true));
    let other = on(&format!("v=2&trace={a}"), Some(b)).unwrap_err();
    assert!(other.contains(a) && other.contains(b), "{other}");
    assert!(on(&format!("v=2&trace={a}"), None).unwrap_err().contains("no trace is loaded"));
    assert!(on("v=2&trace=traces/a.zip", Some(a)).unwrap_err().contains("traces/a.zip"));
}

#[test]
fn a_loaded_trace_brings_its_own_model() {
    let mut e = Experiment::parse("v=2&model=kimi-k2&hidden=64&intermediate=64&steps=2").0;
    e.take_trace("0123456789abcdef", "");
    assert_eq!(e.to_string(), "v=2&trace=0123456789abcdef&steps=2");
    // A link to this very trace keeps what it says, by digest or by address.
    let link = "v=2&model=kimi-k2&trace=0123456789abcdef&steps=2";
    let mut e = Experiment::parse(link).0;
    e.take_trace("0123456789abcdef", "");
    assert_eq!(e.to_string(), link);
    let mut e = Experiment::parse("v=2&model=kimi-k2&trace=traces/a.zip").0;
    e.take_trace("0123456789abcdef", "traces/a.zip");
    assert_eq!(e.to_string(), "v=2&model=kimi-k2&trace=0123456789abcdef&from=traces%2Fa.zip");
    let mut e = Experiment::parse("v=2&model=olmoe&trace=0123456789abcdef").0;
    e.leave_trace(|name| model_named(name).is_some_and(|m| m.paper_speedup.is_some()));
    assert_eq!(e.to_string(), "v=2");
}

/// The paper's marks stood beside wafers and settings that it never measured.
#[test]
fn papers_marks_are_hidden_where_they_are_of_something_else() {
    let run = |text: &str| {
        let report = run_synthetic(&format!("{text}&batch=64&steps=1&layers=1")).unwrap();
        report.runs.iter().map(|r| report.paper(r).map(|p| p.0)).collect::<Vec<_>>()
    };
    let marks = |m| [None, None, Some(6.3), Some(3.0), Some(m)];
    assert_eq!(run("v=2"), marks(7.3));
    assert_eq!(run("v=2&model=kimi-k2&wafer=tsmc-sow&seed=3&heldout=on"), marks(8.2));
    assert_eq!(run("v=2&strategies=allo&batch=4096"), [Some(6.3)]);
    for edit in [
        "link=4",
        "rows=4",
        "dead=12",
        "duplex=full",
        "tau=2",
        "predict=20",
        "flight=4",
        "weight=2",
        "block=10",
        "home=block",
        "order=column",
        "capacity=none",
        "wafer=dojo-enhanced",
        "hidden=64",
        "model=deepseek-v2-lite",
    ] {
        assert_eq!(run(&format!("v=2&{edit}")), [None; 5], "{edit}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, mut state, _) = llama(folder.path());
    let mut on = |text: &str| {
        let report = on_page(&mut state, text).unwrap();
        report.paper(report.runs.last().unwrap()).map(|p| p.0)
    };
    assert_eq!(on("v=2&batch=64&steps=2"), Some(7.3));
    assert_eq!(on("v=2&batch=64&steps=2&model=kimi-k2"), None, "the requests are not Kimi's");
}

/// Four layers of top-1, of which one sends every token to one expert.
fn collapsing() -> Request {
    let rows: Vec<[u16; 1]> = (0..24).map(|t| [t * 5 % 16]).collect();
    let rows: Vec<&[u16]> = rows.iter().map(|r| &r[..]).collect();
    let one: Vec<&[u16]> = vec![&[3]; 24];
    let mut request = request(0, 4, &[(1, &rows), (3, &rows), (5, &one), (7, &rows)]);
    request.labels.model = "llama4".into();
    request
}

#[test]
fn a_collapsed_layer_is_said_in_every_result_and_can_be_left_out() {
    let mut state = loaded(vec![collapsing()]);
    let all = on_page(&mut state, "v=2&batch=64&steps=2").unwrap();
    assert_eq!((&all.layers[..], &all.collapsed[..]), (&[1, 3, 5, 7][..], &[5][..]));
    let words = all.collapsed_words().unwrap();
    assert!(
        words.contains("Of 4 simulated layers, layer 5 is collapsed") && words.contains("skip=collapsed"),
        "{words}"
    );
    // So it is in a sample of one, the third of four.
    assert_eq!(on_page(&mut state, "v=2&batch=64&steps=2&layers=1").unwrap().collapsed, [5]);
    let sound = on_page(&mut state, "v=2&batch=64&steps=2&skip=collapsed").unwrap();
    assert_eq!((&sound.layers[..], &sound.collapsed[..], sound.all_layers), (&[1, 3, 7][..], &[][..], 4));
    assert_eq!((sound.collapsed_words(), &*sound.experiment), (None, "v=2&batch=64&steps=2&skip=collapsed"));
    let sample = on_page(&mut state, "v=2&batch=64&steps=2&skip=collapsed&layers=2").unwrap();
    assert_eq!(sample.layers, [1, 7], "the sample is of the others");
    let mut only = collapsing();
    only.columns.iter_mut().flatten().for_each(|id| *id = 3);
    let none = on_page(&mut loaded(vec![only]), "v=2&batch=64&steps=2&skip=collapsed").unwrap_err();
    assert!(none.contains("every layer is collapsed"), "{none}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("llama4-mmlu-law").join("0.json");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, paper(&collapsing(), false)).unwrap();
    let run = ["run", "--experiment", "v=2&batch=64&steps=2", "--traces", file.to_str().unwrap()];
    let table = String::from_utf8_lossy(&moescope(&run).stdout).into_owned();
    assert!(table.contains("layer 5 is collapsed"), "{table}");
}

/// Six sampled layers of the recorded trace hold the collapsed one, and it takes nearly half of the time of ep.
#[test]
fn the_recorded_traces_collapsed_layer_is_said() {
    let Some(archive) = real("llama4-maverick-mmlu.zip") else { return };
    let report = line("v=1&batch=16384", &archive, &[]).unwrap();
    assert_eq!((&report["layers"][5], &report["collapsed"]), (&45.into(), &serde_json::json!([45])));
    let ep = &report["runs"][1];
    let layers = ep["layer_seconds"].as_array().unwrap().iter();
    let seconds: Vec<f64> = layers.map(|l| l.as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).sum()).collect();
    let share = seconds[5] / seconds.iter().sum::<f64>();
    assert!((0.4..0.5).contains(&share), "{share}");
    let sound = line("v=1&batch=16384&skip=collapsed", &archive, &[]).unwrap();
    assert_eq!(sound["collapsed"], serde_json::json!([]));
    assert!(!sound["layers"].as_array().unwrap().contains(&45.into()));
    let gain = |r: &Value| r["runs"][2]["speedup"].as_f64().unwrap() / r["runs"][1]["speedup"].as_f64().unwrap();
    assert!(gain(&report) > gain(&sound), "allocation gains on the collapsed layer");
}
