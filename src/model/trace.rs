//! One request's expert selections, in columns. Apart from the formats: every format ends here, every analysis starts here.

use serde::{Deserialize, Serialize};

/// Marks a row whose routing is not known (prefix cache, damaged input); it fills the first id of the row.
pub const UNKNOWN: u16 = u16::MAX;

/// The two phases of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The prompt's tokens.
    Prefill,
    /// The generated tokens, one a step.
    Decode,
}

/// Which tokens an analysis looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Prefill, then decode, with the pair across the boundary ("joined").
    #[default]
    All,
    /// Prompt tokens only.
    Prefill,
    /// Generated tokens only.
    Decode,
}

impl Scope {
    /// All three, in the order of the reports.
    pub const EACH: [Scope; 3] = [Scope::All, Scope::Prefill, Scope::Decode];

    /// The phases that the scope holds.
    #[must_use]
    pub fn phases(self) -> &'static [Phase] {
        match self {
            Scope::All => &[Phase::Prefill, Phase::Decode],
            Scope::Prefill => &[Phase::Prefill],
            Scope::Decode => &[Phase::Decode],
        }
    }

    /// Name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Prefill => "prefill",
            Scope::Decode => "decode",
        }
    }
}

/// What the names of a trace's folders say.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Labels {
    /// Model, as written (`llama4`).
    pub model: String,
    /// Data set (`mmlu`).
    pub dataset: String,
    /// Subject (`anatomy`); empty if the names tell none.
    pub subject: String,
}

impl Labels {
    /// The subject, or what else there is to call it.
    #[must_use]
    pub fn name(&self) -> String {
        let first = [&self.subject, &self.dataset, &self.model].into_iter().find(|n| !n.is_empty());
        first.map_or_else(|| "unnamed".into(), |n| n.replace('_', " "))
    }
}

/// The expert selections of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Position in the order of the arguments or drops.
    pub index: u64,
    /// Position within its file, for files with several requests.
    pub sub: u32,
    /// What the folder's name tells.
    pub labels: Labels,
    /// Experts of a token (K).
    pub top_k: usize,
    /// Prompt tokens; the tokens after them were decoded.
    pub prefill: usize,
    /// All tokens.
    pub tokens: usize,
    /// Ids of the MoE layers, ascending.
    pub layers: Vec<u32>,
    /// One column for each layer: expert ids `[token][k]`, in the order listed.
    #[serde(with = "super::packed::nested")]
    pub columns: Vec<Vec<u16>>,
}

impl Request {
    /// The experts of one token in the layer at position `layer`, unless they are unknown.
    #[must_use]
    pub fn row(&self, layer: usize, token: usize) -> Option<&[u16]> {
        let row = self.columns.get(layer)?.get(token * self.top_k..(token + 1) * self.top_k)?;
        (row.first() != Some(&UNKNOWN)).then_some(row)
    }

    /// The rows of some tokens in the layer at position `layer`, none where they are unknown. One after another: a walk over
    /// the tokens by [`Request::row`] would look at every bound again.
    #[inline(always)]
    pub fn rows(&self, layer: usize, tokens: std::ops::Range<usize>) -> impl ExactSizeIterator<Item = Option<&[u16]>> {
        let ids = self.columns.get(layer).and_then(|c| c.get(tokens.start * self.top_k..tokens.end * self.top_k));
        let rows = ids.unwrap_or_default().chunks_exact(self.top_k.max(1));
        rows.map(|row| (row.first() != Some(&UNKNOWN)).then_some(row))
    }

    /// Whether it belongs to the odd half: the analyses compare halves, and a held-out run predicts from the even one.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        (self.index + u64::from(self.sub)) % 2 == 1
    }

    /// Generated tokens.
    #[must_use]
    pub fn decode(&self) -> usize {
        self.tokens - self.prefill
    }

    /// The phase of a token.
    #[must_use]
    pub fn phase(&self, token: usize) -> Phase {
        if token < self.prefill { Phase::Prefill } else { Phase::Decode }
    }

    /// The largest expert id, if any row is known.
    #[must_use]
    pub fn max_id(&self) -> Option<u16> {
        self.columns.iter().flatten().copied().filter(|&id| id != UNKNOWN).max()
    }
}
