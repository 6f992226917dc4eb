//! What is said of a system of GPUs: nowhere in the core is a GPU called a die, or a node a wafer.

use moescope::analysis::registry::ANALYSES;
use moescope::analysis::{Caches, Setting, analyse};
use moescope::experiment::Experiment;
use moescope::model::{ExpertSize, MODELS, SYSTEMS};
use moescope::place::PLACEMENTS;
use moescope::protocol::{DataId, State, finish, jobs};
use moescope::sim::{DISPATCHES, Strategy};

use super::support::{NoFiles, request};

/// Texts with these words, as words of their own.
fn wrong(texts: &[String]) -> Vec<&String> {
    let is = |word: &str| ["die", "dies", "wafer", "wafers"].contains(&word.to_lowercase().as_str());
    // Names of keys and settings are promises to old links: `wafer=h100x8`, `die_hops`.
    let plain = |text: &str| text.replace("wafer=", "").replace("\"wafer\":", "");
    texts.iter().filter(|t| plain(t).split(|c: char| !c.is_alphabetic() && c != '_').any(is)).collect()
}

/// A recording of one collapsed layer and two others.
fn state() -> (State, DataId) {
    let rows: Vec<[u16; 1]> = (0..40).map(|t| [if t % 20 == 0 { 1 } else { 0 }]).collect();
    let other: Vec<[u16; 1]> = (0..40).map(|t| [t * 7 % 8]).collect();
    let [rows, other] = [&rows, &other].map(|all| all.iter().map(|r| &r[..]).collect::<Vec<&[u16]>>());
    let mut state = State::default();
    let requests = (0..4).map(|index| request(index, 4, &[(3, &rows), (4, &other), (5, &other)])).collect();
    state.staged.add(requests, "made.json");
    let info = finish(jobs::Commit(Vec::new()), &mut state, &NoFiles).unwrap();
    (state, DataId::of(&info))
}

#[test]
fn no_text_of_the_core_calls_a_gpu_a_die_or_a_node_a_wafer() {
    let mut texts: Vec<String> = Vec::new();
    let mut say = |text: &str| texts.push(text.into());
    PLACEMENTS.iter().for_each(|p| say(p.says));
    DISPATCHES.iter().for_each(|d| say(d.says));
    Strategy::like("*").into_iter().for_each(|s| say(s.says()));
    for analysis in ANALYSES {
        say(analysis.says);
        analysis.figures.iter().for_each(|f| say(&format!("{} {}", f.title, f.caption)));
    }
    for system in SYSTEMS.iter().filter(|s| !s.mesh) {
        assert_eq!((system.nouns().device, system.nouns().system), ("GPU", "system"));
        say(system.title);
        say(system.says);
        system.fields().for_each(|f| say(&format!("{} {}", f.words, f.changes)));
        let (mut state, of) = state();
        // Nothing works, nothing fits, and one layer is collapsed: what is said then.
        let all = (0..72).map(|d| d.to_string()).collect::<Vec<_>>().join(",");
        let text = format!("v=2&wafer={}&hidden=64&intermediate=64&batch=8&steps=2", system.name);
        let read = |more: &str| Experiment::parse(&format!("{text}{more}"));
        let (dead, unread) = read(&format!("&dead={all},0-1&columns=3&link=x"));
        unread.iter().for_each(|u| say(&u.why));
        say(&dead.topology().works().unwrap_err());
        let tight = Experiment::parse(&text.replace("=64", "=131072")).0;
        let strategies = "strategies=base,ep,allo,pred,allo%2Bpred,eplb.even,task.even,search.lp&budget=3&spare=1";
        for experiment in [read(&format!("&{strategies}")).0, tight] {
            let (dataset, part) = state.data(&of).unwrap();
            let (batch, provenance) = moescope::protocol::batch(dataset, part, &experiment).unwrap();
            let mut run = moescope::protocol::Run::new(experiment.clone(), batch, provenance).unwrap();
            while run.step() {}
            let run = run.report();
            say(&run.collapsed_words().unwrap_or_default());
            say(&run.overfull_words().unwrap_or_default());
            run.warnings.iter().for_each(|w| say(w));
            run.left_out.iter().for_each(|l| say(&l.to_string()));
            let placed = finish(jobs::Place::new(of.clone(), experiment), &mut state, &NoFiles).unwrap();
            placed.warnings.iter().for_each(|w| say(w));
            say(&placed.fastest_words().unwrap_or_default());
            for figure in placed.figures(None, None).unwrap() {
                say(&serde_json::to_string(&figure).unwrap());
            }
        }
        let expert = ExpertSize { hidden: 64, intermediate: 64 }.bytes(1.0);
        let caches = Caches::of(system, &system.hardware, expert);
        caches.marks().iter().for_each(|m| say(&m.1));
        let setting = Setting { model: Some(&MODELS[0]), synthetic: true, caches: Some(caches) };
        let part = state.trace.part().unwrap();
        let report = analyse(&part.summary, &part.requests, Vec::new(), &setting);
        say(&serde_json::to_string(&report).unwrap());
    }
    assert!(texts.len() > 300, "{}", texts.len());
    texts
        .iter()
        .filter(|t| t.contains("collapsed") || t.contains("cannot"))
        .for_each(|t| eprintln!("SAID {}", &t[..t.len().min(300)]));
    assert!(
        texts.iter().any(|t| t.contains("GPUs cannot hold")) && texts.iter().any(|t| t.contains("one GPU nearly all"))
    );
    assert_eq!(wrong(&texts), Vec::<&String>::new());
    // The words are looked for at all.
    assert_eq!(wrong(&["a die".into(), "Wafers".into(), "a wafer=x".into(), "die_hops".into()]).len(), 2);
}
