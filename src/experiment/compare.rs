//! Settings that choose what is looked at and what stands beside it. Apart from [`Experiment`]: small types with a form as text.

use serde::{Deserialize, Serialize};

use super::Experiment;

/// What the colours of the wafer show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heat {
    /// Tokens of dies, busy time of links.
    Load,
    /// Bytes through each HBM and over each link.
    Bytes,
    /// Hops of what each die fetched, bytes over each link.
    Hops,
}

impl Heat {
    /// All.
    pub const EACH: [Heat; 3] = [Heat::Load, Heat::Bytes, Heat::Hops];

    /// Name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Heat::Load => "load",
            Heat::Bytes => "bytes",
            Heat::Hops => "hops",
        }
    }
}

/// A table of pairs of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PairMap {
    /// Next token.
    Tokens,
    /// Next layer.
    Layers,
    /// Of one token.
    Pairs,
}

impl PairMap {
    /// All.
    pub const EACH: [PairMap; 3] = [PairMap::Tokens, PairMap::Layers, PairMap::Pairs];

    /// Name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PairMap::Tokens => "tokens",
            PairMap::Layers => "layers",
            PairMap::Pairs => "pairs",
        }
    }
}

/// What is looked at on the wafer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// A die: which experts it stores, copies and computes.
    Die(usize),
    /// An expert: where it lives and who computes it.
    Expert(usize),
    /// The link between two neighbours, the lower first: what moved over it.
    Link(usize, usize),
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Look::Die(n) => write!(f, "die:{n}"),
            Look::Expert(n) => write!(f, "expert:{n}"),
            Look::Link(a, b) => write!(f, "link:{a}-{b}"),
        }
    }
}

impl Look {
    pub(super) fn read(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let number = |n: &str| n.parse::<usize>().ok().filter(|&n| n < 4096);
        let read = text.split_once(':').and_then(|(kind, n)| match kind {
            "die" => number(n).map(Look::Die),
            "expert" => number(n).map(Look::Expert),
            "link" => {
                let (a, b) = n.split_once('-')?;
                let (a, b) = (number(a)?, number(b)?);
                (a != b).then_some(Look::Link(a.min(b), a.max(b)))
            }
            _ => None,
        });
        read.map(Some).ok_or_else(|| "not die:NUMBER, expert:NUMBER or link:NUMBER-NUMBER".into())
    }
}

/// The settings in which an experiment differs from the one that it stands beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant(pub Vec<(String, String)>);

impl Variant {
    /// The experiment that stands beside `of`.
    ///
    /// # Errors
    /// If a setting does not take the value.
    pub fn of(&self, of: &Experiment) -> Result<Experiment, String> {
        self.0.iter().try_fold(of.run_key(), |e, (name, value)| e.with(name, value))
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(n, v)| format!("{n}:{v}")).collect();
        write!(f, "{}", parts.join(";"))
    }
}

/// A part of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subset {
    /// All of them.
    All,
    /// Those of even position.
    Even,
    /// Those of odd position.
    Odd,
    /// Those of a subject.
    Subject(String),
    /// Those of a data set.
    Dataset(String),
    /// All of the reference: the trace that was pinned before this one was loaded.
    Reference,
}

impl Subset {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        Ok(match text {
            "all" => Subset::All,
            "even" => Subset::Even,
            "odd" => Subset::Odd,
            // Older links say "aside".
            "reference" | "aside" => Subset::Reference,
            _ => match text.split_once(':') {
                Some(("subject", name)) => Subset::Subject(name.into()),
                Some(("dataset", name)) => Subset::Dataset(name.into()),
                _ => return Err("not one of all, even, odd, reference, subject:NAME, dataset:NAME".into()),
            },
        })
    }

    /// Words for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Subset::All => "all requests".into(),
            Subset::Even => "requests of even position".into(),
            Subset::Odd => "requests of odd position".into(),
            Subset::Subject(name) | Subset::Dataset(name) => name.clone(),
            Subset::Reference => "the reference trace".into(),
        }
    }
}

impl std::fmt::Display for Subset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subset::All => write!(f, "all"),
            Subset::Even => write!(f, "even"),
            Subset::Odd => write!(f, "odd"),
            Subset::Subject(name) => write!(f, "subject:{name}"),
            Subset::Dataset(name) => write!(f, "dataset:{name}"),
            Subset::Reference => write!(f, "reference"),
        }
    }
}
