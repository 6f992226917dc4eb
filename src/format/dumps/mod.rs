//! What people keep in structured files, whatever they are written in: responses of servers, dumps of recorders, rollouts, arrays,
//! counts. Apart from the readers, each of which knows one way to write them down; here each family is told by what it holds.

mod arrays;
mod loads;
mod logits;
mod recorder;
mod rollouts;
mod routed;
mod samples;

pub(super) use arrays::without_layer;
pub(super) use loads::without_empty;

use super::columns::{Role, role};
use super::finding::Finding;
use super::node::Node;
use super::pickle::Names;
use super::reader::About;
use super::records::{Record, Records};
use super::{Found, Place, Problem};
use crate::model::Request;

/// A file's values that are being taken, one after another.
pub(super) struct Dump {
    pub(super) about: About,
    pub(super) found: Found,
    /// Names that a pickle asked to call.
    pub(super) names: Names,
    /// Responses or samples, and how many of them carry no routing.
    all: usize,
    without: usize,
    /// Requests that start behind their prompt's first token, and how many tokens are missing.
    starts: (usize, u64),
    /// What else there is to say of counts.
    of_counts: Option<String>,
    /// The file says of what type its numbers are, as text does not.
    typed: bool,
}

impl Dump {
    pub(super) fn new(about: About) -> Self {
        let (found, names, starts) = (Found::default(), Names::new(), (0, 0));
        Self { about, found, names, all: 0, without: 0, starts, of_counts: None, typed: true }
    }

    /// The same of a text, whose numbers have no type.
    pub(super) fn of_text(about: About) -> Self {
        Self { typed: false, ..Self::new(about) }
    }

    /// Takes a value; what is wrong with it stands in the issues.
    pub(super) fn take(&mut self, node: &Node, offset: Option<u64>) {
        self.hold(node, "", 4);
        let problem = match self.any(node, 4) {
            Ok(true) => return,
            Ok(false) => Problem::NotATrace { why: format!("it holds {}, and no routing of experts", words(node)) },
            Err(problem) => problem,
        };
        self.found.issues.push(Place { offset, ..Place::default() }, problem);
    }

    /// Notes the arrays of a value; of a list those of its first.
    fn hold(&mut self, node: &Node, name: &str, depth: usize) {
        match node {
            Node::Tensor(tensor) if !tensor.shape.is_empty() => {
                self.found.hold(name, &tensor.shape, if self.typed { tensor.kind.name() } else { "" });
            }
            Node::List(all) if depth > 0 => all.iter().take(1).for_each(|node| self.hold(node, name, depth - 1)),
            Node::Map(all) if depth > 0 => {
                for (key, node) in all.iter().take(64) {
                    self.hold(node, &if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, depth - 1);
                }
            }
            _ => {}
        }
    }

    /// Takes a value; false if it is of no family.
    fn any(&mut self, node: &Node, depth: usize) -> Result<bool, Problem> {
        match node {
            Node::Tensor(tensor) => self.array(tensor),
            Node::List(all) => {
                if self.logits_of(node)? || self.by_layer_list(all)? || self.records(all) {
                    return Ok(true);
                }
                let mut any = false;
                for item in all {
                    any |= match self.any_below(item, depth) {
                        // One bad sample is no reason to lose the others.
                        Err(problem) => {
                            self.found.issues.push(Place::default(), problem);
                            true
                        }
                        Ok(any) => any,
                    };
                }
                Ok(any)
            }
            Node::Map(all) => {
                // From what is told best to what is told least.
                if let Some(kind) = placement(node) {
                    return Err(Finding::Placement { kind: kind.into() }.into());
                }
                if self.recorder(node)?
                    || self.samples(node)?
                    || self.logits_of(node)?
                    || self.by_layer(all)?
                    || self.load(node)?
                {
                    return Ok(true);
                }
                let mut any = false;
                for (_, item) in all.iter().filter(|(_, v)| matches!(v, Node::Map(_) | Node::List(_))) {
                    any |= self.any_below(item, depth)?;
                }
                if !any {
                    // The only array of its kind needs no name.
                    for (_, item) in all {
                        if let Node::Tensor(tensor) = item
                            && tensor.shape.len() > 2
                        {
                            any |= self.array(tensor)?;
                        }
                    }
                }
                Ok(any)
            }
            _ => Ok(false),
        }
    }

    fn any_below(&mut self, node: &Node, depth: usize) -> Result<bool, Problem> {
        if depth == 0 || !matches!(node, Node::Map(_) | Node::List(_) | Node::Tensor(_)) {
            return Ok(false);
        }
        // An array in a list is taken if it is a request; one of numbers alone may be anything.
        if let Node::Tensor(tensor) = node
            && tensor.shape.len() < 3
        {
            return Ok(false);
        }
        self.any(node, depth - 1)
    }

    /// A list of records, as lines of them would be; false if it is none.
    fn records(&mut self, all: &[Node]) -> bool {
        let Some(Node::Map(fields)) = all.first() else { return false };
        let has = |role_of: Role| fields.iter().any(|(name, _)| role(name) == role_of);
        if !has(Role::Layer) || !(has(Role::Ids) || has(Role::Expert)) {
            return false;
        }
        let (mut records, mut record) = (Records::new(self.about.clone()), Record::default());
        for (at, item) in all.iter().enumerate() {
            record.clear();
            if let Node::Map(fields) = item {
                fields.iter().for_each(|(name, value)| record.set(role(name), value));
            }
            if records.push(&record, at as u64).is_none() {
                let (expected, found) = ("a layer and its experts".into(), words(item));
                records.found.issues.push(Place::default(), Problem::Syntax { expected, found });
            }
        }
        let found = records.finish();
        self.found.requests.extend(found.requests);
        self.found.fragments.extend(found.fragments);
        self.found.experts = self.found.experts.max(found.experts);
        self.found.add_counts(found.counts);
        self.found.issues.merge(found.issues);
        true
    }

    fn push(&mut self, request: Option<Request>) {
        self.found.requests.extend(request);
    }

    /// What was found, with what there is to say of all of it.
    pub(super) fn finish(self) -> Found {
        let Self { mut found, names, all, without, starts, of_counts, about, typed: _ } = self;
        if without > 0 {
            let what = if all == 1 { "response" } else { "responses or samples" };
            found.issues.find(Finding::NoRouting { without, all, what: what.into() });
        }
        if starts.0 > 0 {
            found.issues.find(Finding::Start { requests: starts.0, rows: starts.1 });
        }
        if !names.is_empty() {
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            found.issues.find(Finding::Refused { names });
        }
        if !found.counts.is_empty() {
            let what = of_counts.map_or_else(String::new, |what| format!(" ({what})"));
            found.issues.find(Finding::Counts { what });
            found.top_k = found.top_k.max(about.told.top_k.unwrap_or(0));
            found.experts = found.experts.max(about.told.experts.unwrap_or(0));
        }
        for (sub, request) in (0..).zip(&mut found.requests) {
            request.sub = sub;
        }
        if found.is_empty() && found.issues.is_empty() {
            found.issues.push(Place::default(), Problem::Empty);
        }
        found
    }
}

/// What asks for K, in the page and on the command line: why in words, and the values that would fit.
fn asks_top_k(why: &str, fits: Vec<usize>) -> Problem {
    let how = format!("tell it: --top-k{why}, or a config.json of the model beside the file");
    Finding::Lacks { what: "the number of experts a token (top-k)".into(), how, key: "top-k".into(), fits }.into()
}

/// Which placement of experts this is, if it is one and holds no counts.
fn placement(node: &Node) -> Option<&'static str> {
    if node.get(&["logical_count", "records"]).is_some() {
        return None;
    }
    if node.get(&["physical_to_logical_map", "phy2log", "logical_to_all_physical_map"]).is_some() {
        return Some("a map of physical slots to experts, as SGLang and EPLB write it");
    }
    if node.get(&["initial_global_assignments"]).is_some() {
        return Some("a load balancer's assignments, as TensorRT-LLM reads them");
    }
    let layers = node.get(&["layer_list"])?;
    let Node::List(all) = layers else { return None };
    all.first()?.get(&["device_list"])?;
    Some("an expert map of layers and devices, as vllm-ascend writes it")
}

/// A value in a few words; never what texts say.
fn words(node: &Node) -> String {
    match node {
        Node::None => "nothing".into(),
        Node::Bool(_) | Node::Int(_) | Node::Float(_) => "a number".into(),
        Node::Text(_) => "a text".into(),
        Node::List(all) => format!("a list of {}", all.len()),
        Node::Map(all) => {
            let names: Vec<&str> = all.iter().map(|(key, _)| key.as_str()).take(6).collect();
            format!("an object of {}", if names.is_empty() { "nothing".into() } else { names.join(", ") })
        }
        Node::Tensor(tensor) => format!("an array, {}", tensor.words()),
        Node::Opaque(name) => format!("{name}, which is not read"),
    }
}
