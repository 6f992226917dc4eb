//! What a report says in words, and what it must know for that beside the counts. Apart from those who find the words: they read
//! the report, which holds these.

use serde::{Deserialize, Serialize};

use crate::model::{Hardware, ModelPreset, System};
use crate::units::{bytes, significant};

/// An observation of the paper, measured here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The paper's number: Ob1 to Ob5, or the claim it belongs to.
    pub id: String,
    /// What is measured.
    pub name: String,
    /// Mean over layers; none if the trace cannot answer.
    pub measured: Option<f64>,
    /// Mean over the layers that are not collapsed, if some are.
    pub without_collapsed: Option<f64>,
    /// The paper's value, in words.
    pub paper: String,
    /// What a difference is likely to mean, or why nothing could be measured.
    pub reading: String,
    /// Times over a mean, rather than a share.
    pub times: bool,
    /// Least and largest value that the paper prints, equal where it is one; for pictures alone, reports have the words.
    #[serde(skip)]
    pub printed: Option<(f64, f64)>,
}

impl Observation {
    /// The paper's value, where it prints one and no range.
    #[must_use]
    pub fn expected(&self) -> Option<f64> {
        self.printed.filter(|(from, to)| from == to).map(|(from, _)| from)
    }
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    /// The question.
    pub question: String,
    /// What it means for serving, in a sentence.
    pub lesson: String,
    /// The answer on this trace.
    pub answer: String,
    /// The numbers of the answer.
    pub bars: Vec<Bar>,
    /// What the numbers are.
    pub measure: String,
    /// Times over a mean, rather than shares.
    pub times: bool,
}

/// A number of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// A word for it.
    pub name: String,
    /// What it is.
    pub what: String,
    /// Measured here; none if the trace cannot tell.
    pub value: Option<f64>,
    /// The paper's, if it has one.
    pub paper: Option<f64>,
}

/// The caches that are asked about, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Caches {
    /// One expert.
    pub expert: f64,
    /// Last-level cache of a die.
    pub llc: f64,
    /// Usable HBM of a die.
    pub hbm: f64,
    /// What a device is called that has them.
    pub device: &'static str,
}

impl Caches {
    /// Those of one device of a system, with what was edited, for experts of so many bytes.
    #[must_use]
    pub fn of(system: &System, hardware: &Hardware, expert: f64) -> Self {
        Self { expert, llc: hardware.llc, hbm: hardware.device().dram, device: system.nouns().device }
    }

    /// How many experts so many bytes hold.
    #[must_use]
    pub fn experts(&self, bytes: f64) -> f64 {
        bytes / self.expert
    }

    /// Both caches: their capacity in experts, and words for it.
    #[must_use]
    pub fn marks(&self) -> [(f64, String); 2] {
        let of = |name: &str, size: f64| {
            let experts = self.experts(size);
            (experts, format!("{name} {} = {} experts", bytes(size), significant(experts, 2)))
        };
        [of("LLC", self.llc), of(&format!("HBM of a {}", self.device), self.hbm)]
    }
}

/// What a report says of a trace that its counts do not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    /// Its model, if known.
    pub model: Option<&'static ModelPreset>,
    /// The trace is synthetic, not recorded.
    pub synthetic: bool,
    /// Caches to ask about; none if the size of an expert is not known.
    pub caches: Option<Caches>,
}
