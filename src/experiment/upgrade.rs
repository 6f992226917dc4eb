//! What a string of an older version means today. Apart from the keys: those say what a setting is, these what it was when
//! the string was written.

use std::borrow::Cow;

use super::{Experiment, VERSION, key_named};

/// A setting as it stands in a string.
pub(super) struct Setting<'a> {
    pub(super) name: &'a str,
    pub(super) value: Cow<'a, str>,
    /// The part of the string that it was read from; nothing for what an upgrader adds.
    pub(super) part: &'a str,
    /// Why it does not count, if it does not.
    pub(super) void: Option<String>,
}

/// Makes the settings of one version those of the next, for a string that is read beside a trace, or by itself.
type Upgrade = fn(&mut Vec<Setting<'_>>, beside_a_trace: bool);

/// One for each version before this one, in their order: the first makes version 2 of version 1.
const UPGRADES: [Upgrade; VERSION as usize - 1] = [from_1];

/// Makes the settings of a version those of this one.
pub(super) fn upgrade(version: u32, settings: &mut Vec<Setting<'_>>, beside_a_trace: bool) {
    for upgrade in UPGRADES.iter().skip(version.max(1) as usize - 1) {
        upgrade(settings, beside_a_trace);
    }
}

/// Version 1 began with DeepSeek V3, batches of 8192 and six sampled layers. A string without a model meant DeepSeek V3, but
/// beside a trace the trace's own model: the page wrote that one into the string, and the command line took it.
fn from_1(settings: &mut Vec<Setting<'_>>, beside_a_trace: bool) {
    let old = |(name, value)| Setting { name, value: Cow::Borrowed(value), part: "", void: None };
    let model = (!beside_a_trace && !settings.iter().any(names_a_trace)).then_some(("model", "deepseek-v3"));
    // In front of what was written: a value that cannot be read leaves what it left then.
    let defaults = model.into_iter().chain([("batch", "8192"), ("layers", "6")]);
    settings.splice(0..0, defaults.map(old));
}

fn names_a_trace(setting: &Setting<'_>) -> bool {
    let counts = setting.void.is_none() && !setting.value.is_empty();
    let key = key_named(setting.name).filter(|k| counts && ["trace", "from"].contains(&k.name));
    key.is_some_and(|k| (k.set)(&mut Experiment::default(), &setting.value).is_ok())
}
