//! What the columns of records are called: one thing has a dozen names. Apart from the records: tables, lines of JSON and Parquet
//! share the names and nothing else.

use super::number_after;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Layer,
    /// The ids of a token, a list; or of several tokens.
    Ids,
    /// One id: of a row for each pick, or for each count.
    Expert,
    /// The nth id of a token, of several columns.
    Nth(usize),
    /// The count of an expert, of a column for each.
    Of(usize),
    Slot,
    Count,
    /// The position of a token.
    Token,
    /// The word `token`: its position, or its text.
    MaybeToken,
    Step,
    /// A part of what names a request.
    Request,
    Phase,
    /// 1 for a token of the prompt.
    IsPrefill,
    /// 1 for a generated token.
    IsDecode,
    Rank,
    Block,
    /// Position of a block of multi-token prediction.
    Mtp,
    /// K, that of the model.
    TopK,
    /// E, that of the model.
    Experts,
    Other,
}

/// The role of a column by its name.
pub(super) fn role(name: &str) -> Role {
    let mut name = name.trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
    name.retain(|c| c != '"' && c != '\'');
    let name = name.replace([' ', '-', '.'], "_");
    match name.as_str() {
        "layer" | "layer_id" | "layer_idx" | "layer_index" | "layer_no" | "layer_num" | "layer_number"
        | "moe_layer" | "moe_layer_id" | "moe_layer_idx" | "layerid" | "layeridx" | "layer_name" => Role::Layer,
        "topk_ids"
        | "top_k_ids"
        | "experts"
        | "selected_ids"
        | "topk_experts"
        | "top_k_experts"
        | "top_indices"
        | "indices"
        | "expert_ids"
        | "selected_experts"
        | "activated_expert_ids"
        | "activated_experts"
        | "topk_idx"
        | "topk_indices"
        | "top_k_indices"
        | "top_experts"
        | "routed_experts"
        | "expert_indices"
        | "chosen_experts"
        | "expert_list" => Role::Ids,
        "expert" | "expert_id" | "expert_idx" | "expert_index" | "expertid" => Role::Expert,
        "slot" | "topk_slot" | "topk_rank" | "topk_pos" | "choice" | "pick" | "k_idx" | "k_index" | "rank_in_topk" => {
            Role::Slot
        }
        "count" | "counts" | "token_count" | "tokens_count" | "load" | "hits" | "freq" | "frequency"
        | "activations" | "activation_count" | "num_activations" => Role::Count,
        "token_idx" | "token_index" | "token_pos" | "token_position" | "position" | "pos" | "tok_idx" | "token_no" => {
            Role::Token
        }
        "token" | "tok" => Role::MaybeToken,
        "step" | "forward_pass" | "forward_pass_id" | "iteration" | "iter" | "pass" | "decode_step" | "step_id"
        | "step_idx" | "global_step" => Role::Step,
        "req_id" | "request_id" | "request" | "req" | "rid" | "problem_id" | "prompt_id" | "sample_id" | "seq_id"
        | "sequence_id" | "sequence" | "turn" | "batch_id" | "conversation_id" | "dataset" | "uid" | "doc_id"
        | "example_id" | "prompt_idx" | "sample_idx" | "request_idx" | "seq_idx" | "problem_idx" => Role::Request,
        "phase" | "stage" | "mode" | "forward_mode" => Role::Phase,
        "is_prefill" | "is_prompt" => Role::IsPrefill,
        "is_decode" | "is_generated" => Role::IsDecode,
        "rank" | "ep_rank" | "tp_rank" | "dp_rank" | "global_rank" | "worker" | "gpu" => Role::Rank,
        "block" | "block_type" => Role::Block,
        "mtp_idx" | "mtp_layer" | "mtp" => Role::Mtp,
        "topk" | "top_k" | "num_experts_per_tok" | "n_expert_used" | "moe_top_k" => Role::TopK,
        "num_experts" | "n_expert" | "n_experts" | "n_routed_experts" | "num_local_experts" => Role::Experts,
        _ => numbered(&name),
    }
}

/// Columns of one id or one count each: `topk_0`, `ep_3`, `expert_3`, `e3`.
fn numbered(name: &str) -> Role {
    if let Some(n) = whole_after(name, &["topk", "top", "topk_id", "top_expert", "topk_expert", "id", "slot", "choice"])
    {
        return Role::Nth(n);
    }
    match whole_after(name, &["ep", "experts", "expert", "exp", "e", "expert_id"]).or_else(|| name.parse().ok()) {
        Some(n) if n < 6144 => Role::Of(n),
        _ => Role::Other,
    }
}

/// The number behind a word, if a name is nothing else.
fn whole_after(name: &str, words: &[&str]) -> Option<usize> {
    words.iter().find_map(|word| {
        let rest = name.strip_prefix(word)?.trim_start_matches('_');
        (!rest.is_empty() && rest.len() < 6).then(|| rest.parse().ok()).flatten()
    })
}

/// A layer as it stands in a cell: a number, or a name with one.
pub(super) fn layer(text: &str) -> Option<u64> {
    let text = text.trim().trim_matches(['"', '\'']);
    text.parse().ok().or_else(|| number_after(text, &["layers", "layer", "blk", "block", "l"]))
}

/// Whether a cell of a phase says prefill (true) or decode (false); none if it says neither.
pub(super) fn is_prefill(text: &str) -> Option<bool> {
    let text = text.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    let starts = |words: &[&str]| words.iter().any(|w| text.starts_with(w));
    if starts(&["prefill", "prompt", "extend", "context"]) || text == "p" {
        Some(true)
    } else if starts(&["decode", "gen", "completion", "output", "response"]) || text == "d" {
        Some(false)
    } else {
        None
    }
}

/// The whole numbers of a cell that lists them: `[1, 2]`, `1 2`, `1;2`; none if there is something else in it.
pub(super) fn numbers(text: &str, into: &mut Vec<i64>) -> Option<()> {
    into.clear();
    let inside = text.trim().trim_start_matches(['[', '(', '{']).trim_end_matches([']', ')', '}']);
    for part in inside.split([',', ' ', ';', '|', '\t', '[', ']', '\n']).filter(|p| !p.is_empty()) {
        into.push(part.parse().ok().or_else(|| part.parse().ok().and_then(super::tensor::whole))?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_any_of_their_names() {
        for (name, expected) in [
            ("Layer ID", Role::Layer),
            ("layer_idx", Role::Layer),
            ("Activated Expert IDs", Role::Ids),
            ("topk_ids", Role::Ids),
            ("ep_3", Role::Of(3)),
            ("expert_12", Role::Of(12)),
            ("7", Role::Of(7)),
            ("topk_1", Role::Nth(1)),
            ("problem_id", Role::Request),
            ("top-k", Role::TopK),
            ("expert_bytes", Role::Other),
            ("weight", Role::Other),
            ("Batch Number", Role::Other),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
        assert_eq!(
            (layer("layer_4"), layer(" 12 "), layer("model.layers.7.mlp"), layer("x")),
            (Some(4), Some(12), Some(7), None)
        );
        let mut all = Vec::new();
        assert_eq!((numbers("[3, 14,5]", &mut all), all.as_slice()), (Some(()), &[3, 14, 5][..]));
        assert_eq!(numbers("[3, 1", &mut all), Some(()));
        assert_eq!(numbers("a b", &mut all), None);
    }
}
