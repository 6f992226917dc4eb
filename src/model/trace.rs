//! One request's expert selections, in columns. Apart from the formats: every format ends here, every analysis starts here.

use serde::{Deserialize, Serialize};

/// Marks a row whose routing is not known (prefix cache, damaged input); it fills the first id of the row.
pub const UNKNOWN: u16 = u16::MAX;

/// The phases of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The prompt's tokens.
    Prefill,
    /// The generated tokens, one a step.
    Decode,
    /// Tokens of which the recording does not say what they are.
    Unmarked,
}

impl Phase {
    /// All of them, in the order of the tables.
    pub const EACH: [Phase; 3] = [Phase::Prefill, Phase::Decode, Phase::Unmarked];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.scope().name()
    }

    /// The scope that holds it alone.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Phase::Prefill => Scope::Prefill,
            Phase::Decode => Scope::Decode,
            Phase::Unmarked => Scope::Unmarked,
        }
    }
}

/// Who says where a request's prompt ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Marks {
    /// The recording.
    #[default]
    Given,
    /// Nobody: its tokens are unmarked.
    None,
    /// The reader, of a recording that does not.
    Told,
}

/// What the reader says that unmarked tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Marking {
    /// All of them prompt tokens.
    Prefill,
    /// All of them generated tokens.
    Decode,
    /// The first ones of each request prompt tokens, the others generated.
    First(usize),
}

impl std::fmt::Display for Marking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefill => f.write_str("prefill"),
            Self::Decode => f.write_str("decode"),
            Self::First(n) => write!(f, "first:{n}"),
        }
    }
}

impl std::str::FromStr for Marking {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "prefill" => Ok(Self::Prefill),
            "decode" => Ok(Self::Decode),
            _ => {
                let n = text.strip_prefix("first:").and_then(|n| n.parse().ok()).filter(|&n| n <= super::MAX_TOKENS);
                n.map(Self::First).ok_or_else(|| "prefill, decode or first:N, a number of prompt tokens".into())
            }
        }
    }
}

/// Which tokens an analysis looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Prefill, then decode, with the pair across the boundary ("joined"); and unmarked tokens.
    #[default]
    All,
    /// Prompt tokens only.
    Prefill,
    /// Generated tokens only.
    Decode,
    /// Tokens only of which nobody says what they are.
    Unmarked,
}

impl Scope {
    /// Those that every report has, in its order; that of unmarked tokens stands behind, where there are any.
    pub const EACH: [Scope; 3] = [Scope::All, Scope::Prefill, Scope::Decode];

    /// The phases that the scope holds.
    #[must_use]
    pub fn phases(self) -> &'static [Phase] {
        match self {
            Scope::All => &Phase::EACH,
            Scope::Prefill => &[Phase::Prefill],
            Scope::Decode => &[Phase::Decode],
            Scope::Unmarked => &[Phase::Unmarked],
        }
    }

    /// Name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Prefill => "prefill",
            Scope::Decode => "decode",
            Scope::Unmarked => "unmarked",
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
    /// Experts of a layer (E), if the recording says so; else 0.
    pub experts: usize,
    /// Who says how many tokens are the prompt's.
    pub marks: Marks,
    /// Prompt tokens; the tokens after them were decoded. 0 of a request without marks.
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
        self.span(Phase::Decode).len()
    }

    /// The tokens of a phase.
    #[must_use]
    pub fn span(&self, phase: Phase) -> std::ops::Range<usize> {
        match (phase, self.marks) {
            (Phase::Unmarked, Marks::None) => 0..self.tokens,
            (Phase::Prefill, Marks::Given | Marks::Told) => 0..self.prefill,
            (Phase::Decode, Marks::Given | Marks::Told) => self.prefill..self.tokens,
            _ => 0..0,
        }
    }

    /// The phase of a token.
    #[must_use]
    pub fn phase(&self, token: usize) -> Phase {
        match self.marks {
            Marks::None => Phase::Unmarked,
            _ if token < self.prefill => Phase::Prefill,
            _ => Phase::Decode,
        }
    }

    /// Takes the reader's word for what its tokens are, unless the recording says it; none: nobody's.
    pub fn mark(&mut self, marking: Option<Marking>) {
        if self.marks == Marks::Given {
            return;
        }
        (self.marks, self.prefill) = match marking {
            None => (Marks::None, 0),
            Some(Marking::Prefill) => (Marks::Told, self.tokens),
            Some(Marking::Decode) => (Marks::Told, 0),
            Some(Marking::First(n)) => (Marks::Told, n.min(self.tokens)),
        };
    }

    /// The largest expert id, if any row is known.
    #[must_use]
    pub fn max_id(&self) -> Option<u16> {
        self.columns.iter().flatten().copied().filter(|&id| id != UNKNOWN).max()
    }
}
