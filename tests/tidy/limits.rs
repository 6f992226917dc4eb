//! docs/limits.md says what the code says: each constant that it names is there, with that value.

use std::collections::BTreeSet;
use std::fs;

use super::{files, root};

/// A row of a table: the file and the constant in its second cell, the value in its third.
fn row(line: &str) -> Option<(String, String, String)> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let code = |cell: &str| Some(cell.split('`').nth(1)?.to_string());
    let named = code(cells.get(1)?)?;
    let (file, constant) = named.split_once(": ")?;
    Some((file.into(), constant.into(), code(cells.get(2)?)?))
}

/// What stands behind the sign of equality where a constant is made.
fn value(code: &str, constant: &str) -> Option<String> {
    let made = code.lines().find(|line| line.contains(&format!("const {constant}: ")))?;
    Some(made.split_once(" = ")?.1.trim_end_matches(';').to_string())
}

#[test]
fn the_limits_that_the_docs_name_are_those_of_the_code() {
    let text = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let rows: Vec<_> = text.lines().filter(|l| l.starts_with('|')).filter_map(row).collect();
    assert!(rows.len() > 30, "the tables were not understood: {} rows", rows.len());
    let sources = files();
    let mut wrong = Vec::new();
    for (file, constant, told) in &rows {
        let code = sources.iter().find(|(path, ..)| path.to_string_lossy() == *file).map(|(_, _, code)| code);
        match code.and_then(|code| value(code, constant)) {
            Some(found) if found == *told => {}
            found => wrong.push(format!("{file}: {constant} is told as {told}, the code says {found:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

/// A limit that is new stands there too: those of the room of limits all, whatever they are called.
#[test]
fn every_limit_of_the_model_is_in_the_docs() {
    let text = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let named: BTreeSet<String> = text.lines().filter_map(row).map(|(file, constant, _)| file + &constant).collect();
    let sources = files();
    let (_, _, code) = sources.iter().find(|(path, ..)| path.ends_with("model/limits.rs")).unwrap();
    for line in code.lines().filter(|l| l.contains("const ")) {
        let constant = line.split("const ").nth(1).unwrap().split(':').next().unwrap();
        assert!(named.contains(&format!("model/limits.rs{constant}")), "{constant} is not in docs/limits.md");
    }
}
