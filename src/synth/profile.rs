//! What differs between the models' synthetic workloads. Apart from the generator, so that no model's number hides in it.

use crate::model::ModelPreset;

/// Parameters of one model's workload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Requests.
    pub requests: usize,
    /// Fewest and most prompt tokens.
    pub prefill: (usize, usize),
    /// Generated tokens.
    pub decode: usize,
    /// Subjects, taken in turn.
    pub subjects: usize,
    /// Topics.
    pub topics: usize,
    /// Topics that a subject favours, and the chance that a new topic is one of them.
    pub favourites: usize,
    /// See `favourites`.
    pub loyalty: f64,
    /// Chance that the next token has the same topic.
    pub stay: f64,
    /// Experts of a topic in one layer.
    pub bundle: usize,
    /// Share of a bundle that is drawn by popularity (the rest evenly).
    pub common: f64,
    /// Chance that an expert is drawn from the bundle.
    pub focus: f64,
    /// Spread of the logarithm of popularity.
    pub spread: f64,
    /// Chance that a token keeps an expert of the token before, in the first and in the last layer.
    pub keep: (f64, f64),
}

/// The profile of a model.
#[must_use]
pub fn profile(model: &ModelPreset) -> Profile {
    let common = Profile {
        requests: 40,
        prefill: (16, 40),
        decode: 48,
        subjects: 8,
        topics: 48,
        favourites: 6,
        loyalty: 0.7,
        stay: 0.7,
        bundle: 24,
        common: 0.7,
        focus: 0.6,
        spread: 0.8,
        keep: (0.05, 0.3),
    };
    match model.name {
        "qwen3-235b" => Profile { bundle: 16, focus: 0.7, ..common },
        "llama4-maverick" => Profile { bundle: 8, focus: 0.75, spread: 1.2, ..common },
        "kimi-k2" => Profile { bundle: 28, focus: 0.65, ..common },
        _ => common,
    }
}
