//! Which file names which, read from the sources' own paths: `crate::`, `super::` and `self::`, through re-exports to the file
//! that defines. A module and its `mod.rs` are one: what lies between the two is no arrow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module by its names from the crate's root, `["sim", "engine"]`.
pub(crate) type Module = Vec<String>;

/// The sources.
pub(crate) struct Graph {
    modules: BTreeMap<Module, Source>,
    /// The files that each file names.
    pub(crate) arrows: BTreeMap<Module, BTreeSet<Module>>,
}

struct Source {
    /// Paths that it names, each from the root.
    named: Vec<Module>,
    /// Names that it passes on, with the path that each stands for.
    passed: BTreeMap<String, Module>,
}

impl Graph {
    /// Reads a folder of sources.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut files = Vec::new();
        super::sources(folder, &mut files);
        let texts = files.into_iter().map(|path| {
            let relative = path.strip_prefix(folder).unwrap().with_extension("");
            let names = relative.components().map(|c| c.as_os_str().to_str().unwrap().to_string());
            (names.filter(|n| n != "mod" && n != "lib").collect(), fs::read_to_string(&path).unwrap())
        });
        Self::of(texts)
    }

    /// The graph of modules with their texts.
    pub(crate) fn of(texts: impl IntoIterator<Item = (Module, String)>) -> Self {
        let modules: BTreeMap<Module, Source> =
            texts.into_iter().filter(|(m, _)| m.first().is_none_or(|f| f != "bin")).map(read).collect();
        let mut graph = Self { modules, arrows: BTreeMap::new() };
        let all: Vec<_> = graph.modules.iter().map(|(m, s)| (m.clone(), s.named.clone())).collect();
        for (module, named) in all {
            let to: BTreeSet<Module> = named.iter().filter_map(|path| graph.file_of(path, 0)).collect();
            let related = |to: &Module| to.starts_with(&module) || module.starts_with(to);
            graph.arrows.insert(module.clone(), to.into_iter().filter(|to| !related(to)).collect());
        }
        graph
    }

    /// The file that defines what a path stands for.
    fn file_of(&self, path: &[String], depth: usize) -> Option<Module> {
        let mut at: Module = Vec::new();
        for (i, name) in path.iter().enumerate() {
            let mut inner = at.clone();
            inner.push(name.clone());
            if self.modules.contains_key(&inner) {
                at = inner;
                continue;
            }
            let passed = self.modules.get(&at).and_then(|s| s.passed.get(name)).filter(|_| depth < 8);
            if let Some(to) = passed {
                let whole: Module = to.iter().chain(&path[i + 1..]).cloned().collect();
                return self.file_of(&whole, depth + 1);
            }
            break;
        }
        // The root itself defines nothing.
        (!at.is_empty()).then_some(at)
    }

    /// Files that lead back to themselves: each list is a circle, from its first file round.
    pub(crate) fn circles(&self) -> Vec<Vec<Module>> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> = self.arrows.keys().map(|m| (m, self.reached(m))).collect();
        let mut seen: BTreeSet<&Module> = BTreeSet::new();
        let mut circles = Vec::new();
        for module in self.arrows.keys() {
            if reach[module].contains(module) && !seen.contains(module) {
                let circle: Vec<&Module> =
                    reach[module].iter().copied().filter(|other| reach[other].contains(module)).collect();
                seen.extend(&circle);
                circles.push(self.shortest(module));
            }
        }
        circles
    }

    fn reached<'a>(&'a self, from: &'a Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&Module> = self.arrows[from].iter().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(self.arrows.get(module).into_iter().flatten());
            }
        }
        reached
    }

    /// A shortest way from a file back to itself.
    fn shortest(&self, from: &Module) -> Vec<Module> {
        let mut ways: Vec<Vec<Module>> = vec![vec![from.clone()]];
        let mut seen = BTreeSet::new();
        let mut i = 0;
        while i < ways.len() {
            let way = ways[i].clone();
            for to in self.arrows.get(way.last().unwrap()).into_iter().flatten() {
                if to == from {
                    return way;
                }
                if seen.insert(to.clone()) {
                    ways.push(way.iter().cloned().chain([to.clone()]).collect());
                }
            }
            i += 1;
        }
        vec![from.clone()]
    }
}

/// Reads one module.
fn read((module, text): (Module, String)) -> (Module, Source) {
    let code = code_of(&text);
    let mut source = Source { named: Vec::new(), passed: BTreeMap::new() };
    let mut words = Words { rest: &code };
    let mut passes = false;
    let mut before = String::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            // What stands behind `pub use` may begin with a child's own name.
            "use" => {
                passes = before == "pub" || before == ")";
                let mut found = Vec::new();
                words.tree(&mut Vec::new(), &mut found);
                for (path, name) in found {
                    let Some(path) = from_root(&module, &path, true) else { continue };
                    if passes {
                        source.passed.insert(name, path);
                    } else {
                        source.named.push(path);
                    }
                }
            }
            "crate" | "super" | "self" if words.rest.starts_with("::") => {
                let mut path = vec![word.clone()];
                while words.rest.starts_with("::") {
                    words.rest = &words.rest[2..];
                    match words.next() {
                        Some(name) if name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_') => {
                            path.push(name)
                        }
                        _ => break,
                    }
                }
                source.named.extend(from_root(&module, &path, false));
            }
            _ => {}
        }
        before = word;
    }
    let _ = passes;
    (module, source)
}

/// A path as it stands in a module, from the root; none if it is of another crate.
fn from_root(module: &Module, path: &[String], used: bool) -> Option<Module> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some(module.iter().chain(&path[1..]).cloned().collect()),
        "super" => {
            let ups = path.iter().take_while(|p| *p == "super").count();
            let kept = module.len().checked_sub(ups)?;
            Some(module[..kept].iter().chain(&path[ups..]).cloned().collect())
        }
        // `pub use child::Name` in a `mod.rs`; of another crate's name no module is found.
        _ if used => Some(module.iter().chain(path).cloned().collect()),
        _ => None,
    }
}

/// A text word by word: names, and single signs.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn next(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let first = self.rest.chars().next()?;
        let end = if part(first) { self.rest.find(|c| !part(c)).unwrap_or(self.rest.len()) } else { first.len_utf8() };
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word.into())
    }

    /// The paths of a `use`, each with the name that it has from then on.
    fn tree(&mut self, before: &mut Module, found: &mut Vec<(Module, String)>) {
        let depth = before.len();
        loop {
            let Some(word) = self.next() else { return };
            match word.as_str() {
                "{" => {
                    loop {
                        self.tree(before, found);
                        match self.next().as_deref() {
                            Some(",") if !self.rest.trim_start().starts_with('}') => {}
                            Some(",") => {
                                self.next();
                                break;
                            }
                            _ => break,
                        }
                    }
                    break;
                }
                ":" => {}
                "*" => {
                    found.push((before.clone(), "*".into()));
                    break;
                }
                name => {
                    before.push(name.into());
                    self.rest = self.rest.trim_start();
                    if self.rest.starts_with("::") {
                        continue;
                    }
                    let mut path = before.clone();
                    if path.len() > 1 && path.last().is_some_and(|n| n == "self") {
                        path.pop();
                    }
                    let mut known = path.last().cloned().unwrap_or_default();
                    if self.rest.starts_with("as ") {
                        self.next();
                        known = self.next().unwrap_or_default();
                    }
                    found.push((path, known));
                    break;
                }
            }
        }
        before.truncate(depth);
    }
}

/// The code of a text: without comments, strings and its own tests, which name what they test.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if c == '"' {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|&(_, c)| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            rest = end.map_or("", |(at, _)| &rest[at + 1..]);
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}
