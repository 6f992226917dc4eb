//! What is odd in the counts of a trace, in words: it explains numbers that would otherwise surprise.

use super::{Half, Summary, frequency};
use crate::model::Scope;
use crate::units::{percent, significant};

/// A layer in which one expert takes this share of tokens is collapsed.
const COLLAPSED: f64 = 0.9;
/// Prompts of the published data sets have more tokens than this.
const SHORT_PREFILL: f64 = 32.0;

/// A layer in which one expert takes nearly every token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collapsed {
    /// Layer id.
    pub layer: u32,
    /// The expert.
    pub expert: usize,
    /// Its share of the layer's tokens.
    pub share: f64,
}

/// The layers in which one expert takes nearly every token, by id.
#[must_use]
pub fn collapsed(summary: &Summary) -> Vec<Collapsed> {
    let of_layer = |(&id, layer): (&u32, &super::LayerCounts)| {
        let counts = frequency(layer, Scope::All, Half::Both, summary.experts);
        let tokens = counts.iter().sum::<u64>() as f64 / summary.top_k.max(1) as f64;
        let (expert, &most) = counts.iter().enumerate().max_by_key(|&(e, c)| (*c, std::cmp::Reverse(e)))?;
        // With several experts a token one of them may be in nearly every token and the layer still be sound.
        let share = most as f64 / tokens;
        (summary.top_k == 1 && share > COLLAPSED).then_some(Collapsed { layer: id, expert, share })
    };
    summary.layers.iter().filter_map(of_layer).collect()
}

/// Sentences on what is odd.
#[must_use]
pub fn lint(summary: &Summary) -> Vec<String> {
    let mut found = Vec::new();
    for Collapsed { layer, expert, share } in collapsed(summary) {
        let share = percent(share);
        found.push(format!("layer {layer} is collapsed: expert {expert} takes {share} of its tokens; read means over layers with and without it"));
    }
    let prefill = summary.tokens[0] as f64 / summary.requests.max(1) as f64;
    if summary.requests > 0 && summary.tokens[1] > 0 && prefill < SHORT_PREFILL {
        let mean = significant(prefill, 3);
        found.push(format!("prefill is short, {mean} tokens a request on average: the recorder may have missed the head of the prompts (a prefix cache does that)"));
    }
    let beyond: u64 = summary.beyond.iter().sum();
    if beyond > 0 {
        found.push(format!(
            "{} tokens stand beyond step {} of their request: reuse in lockstep (batched) counts the steps before it",
            crate::units::grouped(beyond),
            super::lockstep::LONGEST
        ));
    }
    if summary.tokens[2] > 0 {
        let tokens = crate::units::grouped(summary.tokens[2]);
        found.push(format!("{tokens} tokens are unmarked: the recording does not say which are the prompt's (prefill) and which were generated (decode); unmarked=prefill, decode or first:N says it"));
    } else if summary.requests > 0 && summary.tokens[1] == 0 {
        found.push("there are no decode tokens: streams show prefill, and nothing can be said about decode".into());
    }
    if summary.unknown_rows > 0 {
        found.push(format!("{} rows have unknown routing and were left out", summary.unknown_rows));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of so many requests with so many prompt and decode tokens in all.
    fn said(requests: u64, [prefill, decode]: [u64; 2]) -> Vec<String> {
        lint(&Summary { requests, tokens: [prefill, decode, 0], ..Summary::default() })
    }

    #[test]
    fn short_prompts_and_absent_decode_are_said_and_nothing_else() {
        assert_eq!(said(2, [64, 5]), [""; 0], "32 tokens on average are not short");
        let short = said(2, [63, 5]);
        assert_eq!(short.len(), 1);
        assert!(short[0].starts_with("prefill is short, 31.5 tokens a request on average"), "{short:?}");
        let silent = said(2, [63, 0]);
        assert_eq!(silent.len(), 1, "whoever has no decode tokens may have short prompts");
        assert!(silent[0].starts_with("there are no decode tokens"), "{silent:?}");
        assert_eq!(said(0, [0, 0]), [""; 0], "counts without requests have no prompts");
        assert_eq!(said(0, [0, 5]), [""; 0]);
    }

    #[test]
    fn what_was_left_out_or_stands_beyond_is_said() {
        let of =
            |[a, b]: [u64; 2], unknown_rows| lint(&Summary { beyond: [a, b, 0], unknown_rows, ..Summary::default() });
        assert_eq!(of([0, 0], 0), [""; 0]);
        assert!(of([3, 4], 0)[0].starts_with("7 tokens stand beyond step"));
        assert_eq!(of([0, 0], 2), ["2 rows have unknown routing and were left out"]);
    }
}
