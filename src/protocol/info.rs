//! What a load looks like from outside: the reply of the jobs that end one. Apart from what was loaded, which stays in the worker.

use serde::{Deserialize, Serialize};

use super::badges::Badge;
use super::question::Question;
use super::seen::Seen;
use crate::format::{Issue, Told};
use crate::model::Labels;

/// What a load looks like from outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The requests are synthetic, not recorded.
    pub synthetic: bool,
    /// Name of the model preset that fits, if one does.
    pub model: Option<String>,
    /// What the folders call the model and the data sets.
    pub labels: Vec<Labels>,
    /// Requests.
    pub requests: u64,
    /// Requests cached for the simulator; fewer than all if the cap cut.
    pub cached: u64,
    /// Prompt tokens.
    pub prefill: u64,
    /// Generated tokens.
    pub decode: u64,
    /// Tokens of which the recording does not say what they are.
    pub unmarked: u64,
    /// MoE layer ids.
    pub layers: Vec<u32>,
    /// Experts of a layer (E).
    pub experts: usize,
    /// Experts of a token (K).
    pub top_k: usize,
    /// Files read.
    pub files: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// Digest of the requests in order, 16 hexadecimal digits.
    pub digest: String,
    /// What was wrong, in the order of the files.
    pub issues: Vec<Issue>,
    /// What the checks found, one for each check.
    pub badges: Vec<Badge>,
    /// What this load leaves open, and which setting answers it.
    pub questions: Vec<Question>,
    /// What the files are, the first of them.
    pub seen: Seen,
    /// What the reader told of the recording.
    pub told: Told,
}

impl Info {
    /// Hidden size and intermediate size of an expert, as a `config.json` beside the files says; none if the model is known, or the files
    /// do not agree.
    #[must_use]
    pub fn sizes(&self) -> Option<(usize, usize)> {
        let mut told = self.seen.files.iter().map(|f| (f.told.hidden, f.told.intermediate));
        let first = told.next().filter(|(hidden, intermediate)| *hidden > 0 && *intermediate > 0)?;
        (self.model.is_none() && told.all(|sizes| sizes == first)).then_some(first)
    }
}
