//! Requests one by one: responses of vLLM, SGLang and those who pass them on, samples of rollouts, arrays that were saved with their
//! tokens. Apart from the routing itself (`routed`): this finds whose it is and where the prompt ends.

use super::super::rows::{Rows, Split};
use super::super::{Finding, Fragment, Half, Problem};
use super::Dump;
use crate::format::node::Node;
use crate::format::tensor::Tensor;
use crate::model::LAYER_IDS;

/// Names of the routing of a request.
const ROUTED: [&str; 6] = [
    "routed_experts",
    "rollout_routed_experts",
    "completion_routed_experts",
    "moe_routed_experts",
    "expert_ids",
    "router_indices",
];
/// Names of the routing of its prompt alone.
const PROMPT_ROUTED: [&str; 2] = ["prompt_routed_experts", "prompt_expert_ids"];
const PROMPT: [&str; 5] = ["prompt_token_ids", "prompt_ids", "input_ids", "input_token_ids", "prompt_tokens"];
const OUTPUT: [&str; 8] = [
    "output_token_ids",
    "completion_token_ids",
    "token_ids",
    "output_ids",
    "response_ids",
    "response_token_ids",
    "completion_tokens",
    "response_length",
];

/// How many tokens a value counts or lists.
fn tokens(node: &Node) -> Option<usize> {
    match node {
        Node::Int(_) | Node::Float(_) => node.size(),
        Node::Tensor(tensor) if tensor.shape.is_empty() => node.size(),
        _ => node.count(),
    }
}

/// Tokens of the prompt and of what was generated, as far as an object says.
fn lengths(nodes: &[&Node]) -> (Option<usize>, Option<usize>) {
    let first = |names: &[&str]| nodes.iter().find_map(|n| n.some(names).and_then(tokens));
    let (mut prompt, output) = (first(&PROMPT), first(&OUTPUT));
    let all = first(&["tokens", "all_token_ids", "total_tokens"]);
    if prompt.is_none()
        && let (Some(all), Some(output)) = (all, output)
    {
        prompt = Some(all.saturating_sub(output));
    }
    (prompt, output)
}

impl Dump {
    /// Takes responses and samples; false if it is none.
    pub(super) fn samples(&mut self, node: &Node) -> Result<bool, Problem> {
        if self.rollouts(node)? {
            return Ok(true);
        }
        let meta = node.some(&["meta_info"]);
        let choices = match node.some(&["choices", "outputs"]) {
            Some(Node::List(all)) => all.as_slice(),
            _ => &[],
        };
        let own = node.get(&ROUTED);
        let prompt = node.get(&PROMPT_ROUTED);
        let of_meta = meta.and_then(|m| m.get(&ROUTED));
        let extra = node.get(&["sgl_ext"]).and_then(|e| e.get(&ROUTED));
        let in_choice = |choice: &Node| {
            let inside = ["sgl_ext", "meta_info", "message", "delta"];
            choice.get(&ROUTED).cloned().or_else(|| inside.iter().find_map(|n| choice.get(&[n])?.get(&ROUTED).cloned()))
        };
        let answers = node.some(&["usage"]).is_some() || meta.is_some() || !choices.is_empty();
        if own.is_none() && prompt.is_none() && of_meta.is_none() && extra.is_none() && !answers {
            return Ok(false);
        }
        // An object of the reader's own with a list of responses in it.
        if own.is_none()
            && prompt.is_none()
            && of_meta.is_none()
            && extra.is_none()
            && choices.is_empty()
            && meta.is_none()
        {
            return Ok(false);
        }
        self.all += 1;
        let usage = node.some(&["usage"]);
        let model = node.get(&["model"]).and_then(Node::text);
        let id = node.some(&["id", "request_id", "rid", "req_id"]).or_else(|| meta.and_then(|m| m.some(&["id"])));
        let id = id.and_then(|id| id.text().map(ToString::to_string).or_else(|| id.int().map(|n| n.to_string())));
        let around: Vec<&Node> = [usage, meta, Some(node)].into_iter().flatten().collect();
        // Where the request asked it to start, wherever that is kept.
        let asked = ["request", "sampling_params", "extra_body", "params", "args"];
        let asked: Vec<&Node> = asked.iter().filter_map(|name| node.some(&[name])).collect();
        let start_of = |n: &&Node| n.some(&["routed_experts_start_len", "start_len"]).and_then(Node::size);
        let start = around.iter().chain(&asked).find_map(start_of).unwrap_or(0);
        let mut any = false;
        let alone: Vec<(Node, Option<&Node>)> = choices.iter().filter_map(|c| Some((in_choice(c)?, Some(c)))).collect();
        let alone = if alone.iter().any(|(n, _)| !matches!(n, Node::None)) {
            alone
        } else {
            [own, of_meta, extra].into_iter().flatten().map(|n| (n.clone(), None)).collect()
        };
        for (routing, choice) in alone {
            let of_choice: Vec<&Node> = choice.into_iter().chain(around.iter().copied()).collect();
            let (p, g) = lengths(&of_choice);
            let expected = p.zip(g).map(|(p, g)| (p + g).saturating_sub(1).saturating_sub(start));
            let before = prompt.map(|v| self.routed(v, p, model)).transpose()?.flatten();
            let Some(rows) = self.routed(&routing, expected, model)? else { continue };
            let rows = numbered(node, rows);
            any = true;
            self.request(before, rows, (p, g, start), &id)?;
        }
        if !any
            && let Some(prompt) = prompt
            && let Some(rows) = self.routed(prompt, lengths(&around).0, model)?
        {
            any = true;
            let tokens = rows.tokens();
            let request = rows.finish(&self.about, Split::At(tokens), &mut self.found.issues);
            self.part(request, Half::Prompt, &id);
        }
        if !any {
            self.without += 1;
        }
        Ok(true)
    }

    /// Makes a request of its rows: those of the prompt, if they came alone, then the others.
    fn request(
        &mut self,
        before: Option<Rows>,
        rows: Rows,
        (prompt, output, start): (Option<usize>, Option<usize>, usize),
        id: &Option<String>,
    ) -> Result<(), Problem> {
        let found = rows.tokens();
        if let Some(mut all) = before {
            let tokens = all.tokens();
            all.append(rows)?;
            let request = all.finish(&self.about, Split::At(tokens), &mut self.found.issues);
            self.push(request);
            return Ok(());
        }
        if start > 0 {
            self.starts = (self.starts.0 + 1, self.starts.1 + start as u64);
        }
        let split = match (prompt, output) {
            // The last token that is generated is never routed: rows of nothing else are the generated ones alone.
            (Some(p), Some(g)) if p > 1 && start == 0 && (found == g || found + 1 == g) && found + 1 < p + g => {
                self.starts = (self.starts.0 + 1, self.starts.1 + p as u64);
                Split::At(0)
            }
            (Some(p), Some(g)) => {
                let tokens = (p + g).saturating_sub(1).saturating_sub(start);
                if found < tokens {
                    self.found.issues.find(Finding::Fewer { rows: found, tokens });
                }
                Split::At(p.saturating_sub(start))
            }
            (Some(p), None) => Split::At(p.saturating_sub(start)),
            (None, Some(g)) => Split::At((found + 1).saturating_sub(g)),
            (None, None) => Split::Unmarked,
        };
        let request = rows.finish(&self.about, split, &mut self.found.issues);
        let half = match (&request, split) {
            // Its prompt was cut off, because it was not recorded: another replica may have it.
            (Some(r), Split::At(p)) if r.tokens < found && p > 0 && r.prefill == 0 => Some(Half::Generated),
            (Some(r), Split::At(_)) if r.decode() == 0 && output.is_some_and(|g| g <= 1) => Some(Half::Prompt),
            _ => None,
        };
        match half {
            Some(half) => self.part(request, half, id),
            None => self.push(request),
        }
        Ok(())
    }

    /// A half of a request, whose other half another file or line may hold.
    fn part(&mut self, request: Option<crate::model::Request>, part: Half, id: &Option<String>) {
        let Some(mut request) = request else { return };
        let path = self.about.path.to_ascii_lowercase();
        let halves = ["prefill", "decode", "prompt"].iter().any(|word| path.contains(word));
        let of = match id {
            Some(id) => format!("request {id}"),
            None if halves => {
                let n = self.found.fragments.len();
                ["prefill", "decode", "prompt"].iter().fold(path, |path, word| path.replace(word, "*"))
                    + &format!("#{n}")
            }
            None => return self.push(Some(request)),
        };
        request.sub = u32::try_from(self.found.fragments.len() + self.found.requests.len()).unwrap_or(u32::MAX);
        self.found.fragments.push(Fragment { of, part, request });
    }
}

/// Rows whose layers an array beside them numbers, as `convert` writes it.
fn numbered(node: &Node, mut rows: Rows) -> Rows {
    let ids = node.some(&["layer_ids"]).and_then(Node::tensor).map(Tensor::list).unwrap_or_default();
    let ids: Vec<u32> = ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect();
    let sound = ids.len() == rows.layers.len() && ids.is_sorted_by(|a, b| a < b);
    if sound && ids.last().is_some_and(|&id| u64::from(id) < LAYER_IDS) {
        rows.layers = ids.into_iter().zip(std::mem::take(&mut rows.layers).into_values()).collect();
    }
    rows
}
