//! What differs between the models' synthetic workloads. Apart from the generator, so that no model's number hides in it.

use crate::model::{MODELS, ModelPreset, default_model, model_named};

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
    /// Topics that a subject likes.
    pub liked: usize,
    /// How steeply that liking falls: the n-th is liked n^-steep as much as the first.
    pub steep: f64,
    /// Share of topics that everybody likes, in both languages.
    pub shared: f64,
    /// Part of what a subject likes that is other topics in decode.
    pub drift: f64,
    /// Chance that a topic is that of the token before, in the first and in the last layer.
    pub stay: (f64, f64),
    /// Chance that a topic is that of the layer before.
    pub carry: f64,
    /// Experts of a topic in one layer.
    pub bundle: usize,
    /// How much the front of a bundle is favoured: the power of an even draw.
    pub front: f64,
    /// Chance that an expert is drawn from the bundle.
    pub focus: f64,
    /// Spread of the logarithm of the popularity of the other experts.
    pub spread: f64,
    /// Largest chance that a token of a layer chooses that layer's star.
    pub star: f64,
}

impl Profile {
    /// Language of a subject: the first half speaks one, the rest another.
    #[must_use]
    pub fn language(&self, subject: usize) -> usize {
        usize::from(subject * 2 >= self.subjects)
    }
}

/// That of DeepSeek V3, from which the others differ.
pub(super) const DEEPSEEK_V3: Profile = Profile {
    requests: 48,
    prefill: (16, 40),
    decode: 40,
    subjects: 8,
    topics: 53,
    liked: 5,
    steep: 0.4291,
    shared: 0.7477,
    drift: 0.2312,
    stay: (0.01401, 0.559),
    carry: 0.421,
    bundle: 17,
    front: 1.315,
    focus: 0.7872,
    spread: 0.632,
    star: 0.51,
};

/// The models that have a profile. Others need a trace: statistics of another model would be shown as theirs.
pub fn synthetic_models() -> impl Iterator<Item = &'static ModelPreset> + Clone {
    MODELS.iter().filter(|m| profile(m).is_some())
}

/// The model of that name, whose requests can be made; an empty name is the default's.
///
/// # Errors
/// There is no such model, or no synthetic workload of it.
pub fn synthetic_model(name: &str) -> Result<&'static ModelPreset, String> {
    if name.is_empty() {
        return Ok(default_model());
    }
    let model = model_named(name).ok_or_else(|| format!("no model is called {name}"))?;
    if profile(model).is_some() {
        return Ok(model);
    }
    let known: Vec<&str> = synthetic_models().map(|m| m.name).collect();
    Err(format!(
        "there is no synthetic workload of {}, only its size: load a trace of it. Synthetic are {}",
        model.title,
        known.join(", ")
    ))
}

/// The profile of a model, found by a search that knows the published statistics of traces and no result of the simulator.
/// DeepSeek-V2-Lite, which was not in the paper, has the one of its larger relative; other models have none.
#[must_use]
pub fn profile(model: &ModelPreset) -> Option<Profile> {
    Some(match model.name {
        "deepseek-v3" => DEEPSEEK_V3,
        "qwen3-235b" => Profile {
            topics: 31,
            liked: 2,
            steep: 0.7692,
            shared: 0.5733,
            drift: 0.3877,
            stay: (0.3648, 0.5995),
            carry: 0.528,
            bundle: 9,
            front: 1.429,
            focus: 0.7794,
            spread: 2.148,
            star: 0.6522,
            ..DEEPSEEK_V3
        },
        "llama4-maverick" => Profile {
            topics: 49,
            liked: 3,
            steep: 1.127,
            shared: 0.4953,
            drift: 0.5079,
            stay: (0.0216, 0.6648),
            carry: 0.1906,
            bundle: 2,
            front: 4.0,
            focus: 0.9277,
            spread: 3.156,
            star: 0.03962,
            ..DEEPSEEK_V3
        },
        "kimi-k2" => Profile {
            topics: 70,
            liked: 2,
            steep: 0.609,
            shared: 0.78,
            drift: 0.05,
            stay: (0.261, 0.6069),
            carry: 0.45,
            bundle: 21,
            front: 0.8612,
            focus: 0.7311,
            spread: 2.6,
            star: 0.21,
            ..DEEPSEEK_V3
        },
        // 64 experts: larger pieces would leave some of them in none.
        "deepseek-v2-lite" => Profile { bundle: 16, ..DEEPSEEK_V3 },
        _ => return None,
    })
}
