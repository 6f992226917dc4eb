//! A question that a load leaves open: the setting that answers it, and the field that takes the answer. Apart from who finds them
//! (`questions`), because the reply of a load holds these.

use serde::{Deserialize, Serialize};

/// What kind of field takes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// A whole number, both ends possible.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// `prefill`, `decode`, or `first:N` with N up to `most`.
    Phase {
        /// The largest N.
        most: u64,
    },
}

/// What an answer takes to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answering {
    /// The files are read again with it (`List::telling`).
    ReadAgain,
    /// What was read is counted again (`Mark`).
    CountAgain,
    /// It is a setting of the simulator: nothing is read or counted again.
    Setting,
}

/// A value that may be the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// As it stands in the experiment's string.
    pub value: String,
    /// Why it may be, in a few words.
    pub says: String,
}

/// Something that a load leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Key of the experiment's string that answers it, and the option of the command line.
    pub key: String,
    /// What is asked for, a few words.
    pub what: String,
    /// Why it is asked, and what comes of an answer; a sentence.
    pub why: String,
    /// What kind of field takes it.
    pub field: Field,
    /// What may be the answer, the likeliest first; may be empty.
    pub suggestions: Vec<Suggestion>,
    /// Something cannot be read or computed without it; else it is told for a better picture.
    pub needed: bool,
    /// What it takes to hold.
    pub answering: Answering,
    /// The files that it is about, the first sixteen; empty: all of the load.
    pub files: Vec<String>,
}
