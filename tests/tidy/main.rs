//! Holds the layers of the house: dependencies point down, and the core never draws, fetches, reads a clock or iterates a
//! hash map. Checked on the sources' own words, and on the tree of native dependencies.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod graph;
mod limits;
mod map;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::graph::Graph;

/// Rooms, and what each may name.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("units", &[]),
    ("model", &["units"]),
    ("format", &["model", "units"]),
    ("analysis", &["model", "units"]),
    ("synth", &["model", "units"]),
    ("place", &["model", "units"]),
    ("sim", &["place", "model", "units"]),
    ("experiment", &["place", "sim", "synth", "analysis", "format", "model", "units"]),
    ("protocol", &["experiment", "place", "sim", "synth", "analysis", "format", "model", "units"]),
    // plot takes result types and never computes: it may name any result, and no edge.
    ("plot", &["protocol", "experiment", "place", "sim", "analysis", "model", "units"]),
    ("cli", &["plot", "protocol", "experiment", "place", "sim", "synth", "analysis", "format", "model", "units"]),
    ("web", &["plot", "protocol", "experiment", "place", "sim", "synth", "analysis", "format", "model", "units"]),
    ("ui", &["web", "plot", "protocol", "experiment", "place", "sim", "synth", "analysis", "format", "model", "units"]),
];

/// Words that only some rooms may contain.
const ONLY_IN: [(&str, &[&str]); 17] = [
    ("plotters", &["plot", "web", "ui"]),
    ("plotters_canvas", &["web"]),
    ("leptos", &["ui"]),
    ("web_sys", &["web", "ui"]),
    ("js_sys", &["web", "ui"]),
    ("wasm_bindgen", &["web", "ui"]),
    ("std::fs", &["cli"]),
    ("std::thread", &["cli"]),
    ("std::env", &["cli", "bin"]),
    ("Instant", &["cli"]),
    ("SystemTime", &[]),
    ("HashMap", &[]),
    // They panic where nobody reads: `cli::terminal` does not.
    ("println", &[]),
    ("eprintln", &[]),
    // A trace's strings are only ever text.
    ("inner_html", &[]),
    ("set_inner_html", &[]),
    ("insert_adjacent_html", &[]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Room and code (without comments) of every source file.
fn files() -> Vec<(PathBuf, String, String)> {
    let mut found = Vec::new();
    sources(&root().join("src"), &mut found);
    let read = |path: PathBuf| {
        let relative = path.strip_prefix(root().join("src")).unwrap().to_path_buf();
        let first =
            relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_string();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        (relative, first, code.join("\n"))
    };
    found.into_iter().map(read).collect()
}

/// Whether `code` contains `word` as a whole word.
fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(part) && !code[at + word.len()..].chars().next().is_some_and(part)
    })
}

/// Through re-exports, groups and `super` too: a room names only what it may.
#[test]
fn no_room_names_what_it_may_not() {
    let graph = Graph::read(&root().join("src"));
    let mut wrong = Vec::new();
    for (file, named) in &graph.arrows {
        let Some((room, allowed)) = file.first().and_then(|r| MAY_USE.iter().find(|(room, _)| room == r)) else {
            assert!(file.is_empty(), "{} is in no room", file.join("/"));
            continue;
        };
        let bad = named.iter().filter(|to| to[0] != *room && !allowed.contains(&to[0].as_str()));
        wrong.extend(bad.map(|to| format!("{} names {}", file.join("/"), to.join("/"))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
    assert!(graph.arrows.values().map(BTreeSet::len).sum::<usize>() > 200, "the sources were not understood");
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let words = |c: &Vec<graph::Module>| c.iter().chain(&c[..1]).map(|m| m.join("/")).collect::<Vec<_>>().join(" -> ");
    let circles: Vec<String> = Graph::read(&root().join("src")).circles().iter().map(words).collect();
    assert_eq!(circles, Vec::<String>::new());
}

/// The reader of the sources itself: paths in groups, through re-exports, upward, in the middle of code.
#[test]
fn arrows_are_read_from_every_form_of_a_path() {
    let source = |module: &str, text: &str| {
        (module.split('/').filter(|p| !p.is_empty()).map(String::from).collect(), text.to_string())
    };
    let graph = Graph::of([
        source("", "pub mod a; pub mod b;"),
        source("a", "mod one; mod two;\npub use one::{First, Second as Other};\npub use two::*;"),
        source(
            "a/one",
            "use super::two::{self, Deep};\n// use crate::b::c::Comment;\nconst S: &str = \"crate::b::d::Text\";",
        ),
        source(
            "a/two",
            "fn f() -> super::super::b::d::Thing { crate::b::c::make() }\n#[cfg(test)]\nmod tests { use super::super::one::First; }",
        ),
        source("b", "mod c; mod d;"),
        source("b/c", "use crate::{a::Other, b::d};"),
        source("b/d", "use std::fmt::Write;"),
    ]);
    let of = |file: &str| {
        let module: graph::Module = file.split('/').map(String::from).collect();
        graph.arrows[&module].iter().map(|m| m.join("/")).collect::<Vec<_>>()
    };
    assert_eq!(of("a/one"), ["a/two"]);
    assert_eq!(of("a/two"), ["b/c", "b/d"]);
    assert_eq!(of("b/c"), ["a/one", "b/d"]);
    assert_eq!(of("b/d"), Vec::<String>::new());
    let circle = [["a", "one"], ["a", "two"], ["b", "c"]].map(|m| m.map(String::from).to_vec());
    assert_eq!(graph.circles(), [circle.to_vec()]);
}

/// `make map` writes the picture; here it must be the code's.
#[test]
fn the_map_is_drawn_from_the_code() {
    let path = root().join("docs/map.svg");
    let drawn = map::draw(&Graph::read(&root().join("src")));
    if std::env::var_os("MOESCOPE_MAP").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == drawn, "docs/map.svg is not what the code says: run make map");
}

#[test]
fn edges_keep_their_libraries_to_themselves() {
    for (path, room, code) in files() {
        for (word, rooms) in ONLY_IN {
            assert!(!has_word(&code, word) || rooms.contains(&room.as_str()), "{} contains {word}", path.display());
        }
    }
}

#[test]
fn scripts_write_no_markup() {
    for name in ["boot.js", "sw.js", "fetch.js"] {
        let text = fs::read_to_string(root().join("www").join(name)).unwrap();
        for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(word), "{name} contains {word}");
        }
    }
}

#[test]
fn entries_are_short_and_files_say_what_they_are() {
    for (path, room, _) in files() {
        let text = fs::read_to_string(root().join("src").join(&path)).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with what it is", path.display());
        let lines = text.lines().count();
        assert!(lines <= if room == "bin" { 30 } else { 600 }, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_browser_crate_in_a_native_build() {
    let arguments = ["tree", "--edges", "normal,build", "--prefix", "none", "--locked"];
    let out = std::process::Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    for name in ["web-sys", "js-sys", "wasm-bindgen", "leptos", "plotters-canvas", "serde-wasm-bindgen"] {
        assert!(!text.lines().any(|l| l.split(' ').next() == Some(name)), "{name} is in the native tree");
    }
}
