//! What a load leaves open: what its files do not hold, which setting answers it, and what the answer may be. Apart from the issues, which
//! are for reading: a page makes a field of each of these, and the command line names the setting.

use std::collections::BTreeSet;

use super::info::Info;
use super::question::{Answering, Field, Question, Suggestion};
use crate::experiment::key_named;
use crate::format::{Finding, Problem};
use crate::model::{MAX_EXPERTS, MAX_TOKENS, MAX_TOP_K, MODELS, ModelPreset};

/// Files of a question that are listed.
const MOST_FILES: usize = 16;
/// Largest size of a layer, as the settings take it.
const MOST_SIZE: u64 = 1 << 17;

/// What a load leaves open, what is needed first.
pub(super) fn questions(info: &Info) -> Vec<Question> {
    if info.synthetic {
        return Vec::new();
    }
    let mut all: Vec<Question> = lacking(info);
    if !info.layers.is_empty() {
        all.extend(phase(info));
        all.extend(sizes(info));
        let asked = all.iter().any(|q| q.key == "top-k");
        all.extend(top_k_of_counts(info).filter(|_| !asked));
        all.extend(experts(info));
    }
    debug_assert!(all.iter().all(|q| key_named(&q.key).is_some()), "each is a setting");
    all.sort_by_key(|q| !q.needed);
    all
}

fn suggestion(value: impl ToString, says: impl Into<String>) -> Suggestion {
    Suggestion { value: value.to_string(), says: says.into() }
}

/// Models that a predicate holds for, as words; at most three names.
fn models(holds: impl Fn(&ModelPreset) -> bool) -> String {
    let mut names: Vec<&str> = MODELS.iter().filter(|m| holds(m)).map(|m| m.title).collect();
    let more = names.len().saturating_sub(3);
    names.truncate(3);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

/// What a reader could not go on without.
fn lacking(info: &Info) -> Vec<Question> {
    let mut all: Vec<Question> = Vec::new();
    for issue in &info.issues {
        let Problem::Finding(Finding::Lacks { what, key, fits, .. }) = &issue.problem else { continue };
        if let Some(known) = all.iter_mut().find(|q| q.key == *key) {
            if known.files.len() < MOST_FILES {
                known.files.push(issue.file.clone());
            }
            continue;
        }
        let named = |k: usize| models(|m| m.top_k == k);
        let fit = |&k: &usize| suggestion(k, named(k));
        let mut suggestions: Vec<Suggestion> = fits.iter().map(fit).collect();
        // A number that models have goes before one that only divides.
        suggestions.sort_by_key(|s| s.says.is_empty());
        all.push(Question {
            key: key.clone(),
            what: what.clone(),
            why: "the file holds numbers without it, and nothing of them can be read until it is told".into(),
            field: Field::Number { least: 1, most: MAX_TOP_K as u64 },
            suggestions,
            needed: true,
            answering: Answering::ReadAgain,
            files: vec![issue.file.clone()],
        });
    }
    all
}

/// Which tokens are of the prompt.
fn phase(info: &Info) -> Option<Question> {
    (info.unmarked > 0 && info.requests > 0).then(|| {
        let longest = info.seen.files.iter().filter(|f| f.requests == 1).map(|f| f.tokens[2]).max().unwrap_or(0);
        let mut suggestions =
            vec![suggestion("decode", "all of them were generated"), suggestion("prefill", "all of them are prompts")];
        if longest > 1 {
            suggestions.push(suggestion(format!("first:{}", longest / 2), "so many of each request are its prompt"));
        }
        Question {
            key: "unmarked".into(),
            what: "which tokens are of the prompt".into(),
            why: format!(
                "the recording does not say it of {} tokens: they stay apart from prefill and decode until it is told",
                crate::units::grouped(info.unmarked)
            ),
            field: Field::Phase { most: MAX_TOKENS as u64 },
            suggestions,
            needed: false,
            // Requests beyond the cache cannot be counted again.
            answering: if info.cached < info.requests { Answering::ReadAgain } else { Answering::CountAgain },
            files: Vec::new(),
        }
    })
}

/// How large an expert of an unknown model is.
fn sizes(info: &Info) -> Vec<Question> {
    if info.model.is_some() {
        return Vec::new();
    }
    let near = |m: &&ModelPreset| m.experts == info.experts || m.top_k == info.top_k;
    let ask = |key: &str, what: &str, of: fn(&ModelPreset) -> usize, told: fn(&crate::format::Told) -> usize| {
        let beside: BTreeSet<usize> = info.seen.files.iter().map(|f| told(&f.told)).filter(|n| *n > 0).collect();
        let mut suggestions: Vec<Suggestion> =
            beside.iter().map(|n| suggestion(n, "as the config.json beside the recording says")).collect();
        let values: BTreeSet<usize> = MODELS.iter().filter(near).map(of).filter(|n| !beside.contains(n)).collect();
        let says = |n: usize| models(|m| near(&m) && of(m) == n);
        suggestions.extend(values.into_iter().map(|n| suggestion(n, says(n))).take(6));
        Question {
            key: key.into(),
            what: what.into(),
            why: "the trace's model is not known, and so not how large its experts are: the simulator needs it".into(),
            field: Field::Number { least: 1, most: MOST_SIZE },
            suggestions,
            needed: true,
            answering: Answering::Setting,
            files: Vec::new(),
        }
    };
    vec![
        ask("hidden", "the hidden size (hidden_size of the model's config.json)", |m| m.hidden, |t| t.hidden),
        ask(
            "intermediate",
            "the intermediate size of an expert (moe_intermediate_size, or intermediate_size)",
            |m| m.intermediate,
            |t| t.intermediate,
        ),
    ]
}

/// How many experts a token takes, of counts that do not say it.
fn top_k_of_counts(info: &Info) -> Option<Question> {
    (info.top_k == 0 && info.requests == 0).then(|| {
        let ks: BTreeSet<usize> = MODELS.iter().filter(|m| m.experts == info.experts).map(|m| m.top_k).collect();
        let says = |k: usize| models(|m| m.experts == info.experts && m.top_k == k);
        Question {
            key: "top-k".into(),
            what: "the number of experts a token (top-k)".into(),
            why: "the counts do not say how many tokens they are of: with it, tokens are counts over top-k".into(),
            field: Field::Number { least: 1, most: MAX_TOP_K as u64 },
            suggestions: ks.into_iter().map(|k| suggestion(k, says(k))).collect(),
            needed: false,
            answering: Answering::ReadAgain,
            files: Vec::new(),
        }
    })
}

/// How many experts a layer has, where only the largest id tells.
fn experts(info: &Info) -> Option<Question> {
    let known = info.model.is_some() || info.told.experts.is_some() || info.seen.files.is_empty();
    let said = info.seen.files.iter().any(|f| f.experts > 0 || f.told.experts.is_some());
    (!known && !said).then(|| {
        let seen = info.experts;
        let like = |m: &&ModelPreset| m.experts >= seen && m.top_k == info.top_k && m.experts < seen * 2;
        let mut values: BTreeSet<usize> = MODELS.iter().filter(like).map(|m| m.experts).collect();
        values.insert(seen);
        let says = |e: usize| {
            let models = models(|m| like(&m) && m.experts == e);
            if models.is_empty() { "the largest id, and one".to_string() } else { models }
        };
        Question {
            key: "experts".into(),
            what: "the number of experts of a layer".into(),
            why: format!(
                "the recording does not say it: {seen} is the largest id that was chosen, and one; experts that were never chosen are missing from every figure"
            ),
            field: Field::Number { least: seen.max(1) as u64, most: MAX_EXPERTS },
            suggestions: values.into_iter().map(|e| suggestion(e, says(e))).collect(),
            needed: false,
            answering: Answering::ReadAgain,
            files: Vec::new(),
        }
    })
}
