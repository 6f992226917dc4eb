//! Large files read in sections by two workers, as the page does it: the same bytes as in one go, and the same words on what is wrong.

use std::io::{Cursor, Write};

use moescope::format::Source;
use moescope::protocol::{Files, Job, SourceFile, State, Unit, cut, finish, jobs};

struct Text(Vec<u8>);

impl Files for Text {
    fn open(&self, _: usize) -> std::io::Result<Box<dyn Source>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

fn run<J: Job>(state: &mut State, files: &Text, job: J) -> J::Reply {
    finish(job, state, files).unwrap()
}

/// A job on the bytes that another worker gave.
fn on<J: Job>(mut job: J, bytes: Vec<u8>) -> J {
    job.take(bytes);
    job
}

fn units(state: &mut State, files: &Text) -> Vec<Unit> {
    let source = SourceFile { path: "llama4-mmlu-made/0.json".into(), bytes: files.0.len() as u64 };
    run(state, files, jobs::List::new(vec![source])).0
}

/// What stays of a load that is complete: everything, and its issues.
fn committed(mut state: State, files: &Text) -> (Vec<u8>, Vec<String>) {
    let info = run(&mut state, files, jobs::Commit(Vec::new()));
    let saved = match finish(jobs::Save { digest: info.digest, name: String::new() }, &mut state, files) {
        Ok(bytes) => bytes.0,
        Err(nothing) => nothing.to_string().into_bytes(),
    };
    (saved, info.issues.iter().map(ToString::to_string).collect())
}

fn in_one_go(files: &Text) -> (Vec<u8>, Vec<String>) {
    let mut state = State::default();
    let units = units(&mut state, files);
    run(&mut state, files, jobs::Ingest::new(units));
    committed(state, files)
}

/// By two workers; also whether it had to be read again.
fn in_sections(files: &Text) -> ((Vec<u8>, Vec<String>), bool) {
    let (mut holder, mut other) = (State::default(), State::default());
    let units = cut(units(&mut holder, files), 2);
    let [first, second] = &units[..] else { panic!("{units:?}") };
    run(&mut other, files, jobs::Ingest::new(vec![second.clone()]));
    run(&mut holder, files, jobs::Ingest::new(vec![first.clone()]));
    let taken = run(&mut other, files, jobs::Take);
    run(&mut holder, files, on(jobs::Merge::default(), taken.0));
    let again = run(&mut holder, files, jobs::Join);
    let one_go = !again.is_empty();
    run(&mut holder, files, jobs::Ingest::new(again));
    let shared = run(&mut holder, files, jobs::Share);
    run(&mut other, files, on(jobs::CountReuse::default(), shared.0));
    run(&mut holder, files, jobs::CountLayers);
    let taken = run(&mut other, files, jobs::Take);
    run(&mut holder, files, on(jobs::Merge::default(), taken.0));
    (committed(holder, files), one_go)
}

/// A trace of 20 MB: white space is most of it.
fn text(prefill: usize, decode: usize) -> Vec<u8> {
    let pad = " ".repeat(if decode == 0 { 900 } else { 8000 });
    let mut text = b"[".to_vec();
    let mut seed = 7u64;
    for step in 0..=decode {
        let rows = if step == 0 { prefill } else { 1 };
        write!(text, "{}{{", if step == 0 { "" } else { "," }).unwrap();
        for layer in [1, 3] {
            write!(text, "{}\"{layer}\":[", if layer == 1 { "" } else { "," }).unwrap();
            for row in 0..rows {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                write!(text, "{}[{}]{pad}", if row == 0 { "" } else { "," }, seed >> 57).unwrap();
            }
            text.push(b']');
        }
        text.push(b'}');
    }
    text.push(b']');
    assert!(text.len() > 18 << 20, "{}", text.len());
    text
}

#[test]
fn two_workers_read_one_file_as_one_would() {
    let files = Text(text(70, 1300));
    let (sections, again) = in_sections(&files);
    assert!(!again && sections.1.is_empty(), "{:?}", sections.1);
    assert!(sections == in_one_go(&files), "other bytes");
}

#[test]
fn a_prompt_that_reaches_over_all_sections_is_read_once() {
    let files = Text(text(11000, 0));
    let (sections, again) = in_sections(&files);
    assert!(!again && sections.1.is_empty(), "{:?}", sections.1);
    assert!(sections == in_one_go(&files), "other bytes");
}

#[test]
fn what_is_wrong_in_a_section_is_said_as_if_the_file_was_read_in_one_go() {
    let sound = text(70, 1300);
    let damaged = |at: usize, from: &str, to: &str| {
        let mut text = sound.clone();
        let found = at + text[at..].windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        text.splice(found..found + from.len(), to.bytes());
        Text(text)
    };
    let late = 19 << 20;
    for (files, what) in [
        (damaged(late, "[", "x"), "found 'x'"),
        (damaged(late, "\"3\"", "\"4\""), "layer 4"),
        (damaged(late, "[[", "[[5,"), "2 expert ids in a row"),
        (damaged(1000, ",[", ",[5,"), "2 expert ids in a row"),
        (damaged(late, "{", "{}{"), "expected , or ]"),
        (Text(sound[..late].to_vec()), "ends early"),
        (Text([&sound[..], b"{"].concat()), "nothing after the list"),
        (damaged(0, "[", "{"), ""),
    ] {
        let (sections, again) = in_sections(&files);
        let whole = in_one_go(&files);
        assert!(again, "{what}: {:?}", whole.1);
        assert!(whole.1.iter().any(|i| i.contains(what)), "{what}: {:?}", whole.1);
        assert_eq!(sections.1, whole.1);
        assert!(sections == whole, "{what}: other bytes");
    }
}

#[test]
fn small_files_and_other_formats_are_not_cut() {
    let unit = |path: &str, bytes: u64| {
        let mut unit = units(&mut State::default(), &Text(b"[]".to_vec())).remove(0);
        (unit.path, unit.bytes) = (path.into(), bytes);
        unit
    };
    let sections = |units: Vec<Unit>, workers: usize| cut(units, workers).len();
    assert_eq!(sections(vec![unit("a.json", 16 << 20)], 2), 1);
    assert_eq!(sections(vec![unit("a.json", 40 << 20)], 2), 2);
    assert_eq!(sections(vec![unit("a.json", 400 << 20)], 1), 1);
    assert_eq!(sections(vec![unit("a.json", 400 << 20)], 8), 8);
    assert_eq!(sections(vec![unit("a.csv", 400 << 20)], 8), 1);
    // Enough files for all workers: each is one's.
    assert_eq!(sections((0..9).map(|_| unit("a.json", 100 << 20)).collect(), 2), 9);
}
