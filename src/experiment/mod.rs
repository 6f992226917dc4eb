//! Every setting of the page as one string: URL fragment, argument of the command line, key of a test. Only what differs
//! from the default is written; what cannot be read is reported and the rest kept.

mod compare;
mod keys;
mod model;
mod settings;
mod upgrade;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{FIELDS, Routes, WAFERS, Wafer, wafer_named};
use crate::place;
use crate::sim::{Config, Workload};

pub use compare::{Heat, Look, PairMap, Subset, Variant};
pub use keys::{Key, SWEPT, Unread, key_named, keys};
pub use model::{CUSTOM, PAPER_WAFERS};
pub use settings::{RunSettings, Sweep, SystemSettings, ViewSettings, WorkloadSettings};
use upgrade::Setting;

/// The version that this program writes.
pub const VERSION: u32 = 2;

/// Parts that are listed of those that could not be read.
const MOST_UNREAD: usize = 20;

/// All settings, by what they decide. A part knows nothing of the others, so what a result depends on is said by the parts
/// that it is made of, not by a list of names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// What is computed: model, requests, batch.
    pub workload: WorkloadSettings,
    /// What computes it.
    pub system: SystemSettings,
    /// How it is placed and simulated.
    pub run: RunSettings,
    /// What of it is looked at.
    pub view: ViewSettings,
}

impl Experiment {
    /// Reads a string, with or without a leading `#`. Settings that cannot be read stay at their defaults and are listed, the
    /// first twenty of them. A string without a version is of this one: every program wrote its version, so only a hand leaves
    /// it out.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<Unread>) {
        Self::read(text, false)
    }

    /// The same for a string that is read beside a trace which it need not name: `moescope run --traces`. Version 1 took the
    /// trace's model where it named none.
    #[must_use]
    pub fn parse_beside_trace(text: &str) -> (Self, Vec<Unread>) {
        Self::read(text, true)
    }

    fn read(text: &str, beside_a_trace: bool) -> (Self, Vec<Unread>) {
        let (mut settings, mut version, mut seen) = (Vec::new(), VERSION, BTreeSet::new());
        for part in text.trim_start_matches('#').split('&').filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let void = if !seen.insert(name) {
                Some("it is given twice; the first counts".into())
            } else if name == "v" {
                match version_of(value) {
                    Ok(read) => {
                        version = read;
                        continue;
                    }
                    Err(why) => Some(why),
                }
            } else {
                None
            };
            settings.push(Setting { name, value: unescape(value), part, void });
        }
        upgrade::upgrade(version, &mut settings, beside_a_trace);
        let (mut experiment, mut unread) = (Self::default(), List::default());
        for Setting { name, value, part, void } in settings {
            let key = || key_named(name).ok_or_else(|| keys::UNKNOWN.to_string());
            let read = void.map_or_else(|| key().and_then(|k| (k.set)(&mut experiment, &value)), Err);
            if let Err(why) = read {
                unread.add(part, why);
            }
        }
        experiment.normalise();
        (experiment, unread.finish())
    }

    /// The experiment with one setting changed.
    ///
    /// # Errors
    /// What would be a value of it, or that there is no such setting.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, String> {
        let mut changed = self.clone();
        (key_named(name).ok_or(keys::UNKNOWN)?.set)(&mut changed, value)?;
        changed.normalise();
        Ok(changed)
    }

    /// Forgets hardware values that the preset has anyway and dead parts that the wafer does not have, and an expert's size that
    /// is its model's: equal experiments have equal strings.
    fn normalise(&mut self) {
        let preset = wafer_named(&self.system.wafer).unwrap_or(WAFERS[0].2);
        self.system.hardware.retain(|name, v| FIELDS.iter().any(|f| f.name == name && (f.get)(&preset) != *v));
        let mesh = self.wafer().mesh;
        self.system.dead.within(mesh);
        self.forget_known_size();
    }

    /// The hardware: the preset with what was edited.
    #[must_use]
    pub fn wafer(&self) -> Wafer {
        let mut wafer = wafer_named(&self.system.wafer).unwrap_or(WAFERS[0].2);
        for field in &FIELDS {
            if let Some(&value) = self.system.hardware.get(field.name) {
                (field.set)(&mut wafer, value);
            }
        }
        wafer
    }

    /// The settings of a run on a workload.
    #[must_use]
    pub fn config(&self, workload: &Workload) -> Config {
        let (wafer, model) = (self.wafer(), self.preset());
        let dies = wafer.mesh.dies();
        let home = self.home(workload.experts);
        let expert_bytes = model.expert_bytes(self.run.weight);
        // Two multiply-adds a weight of the three GEMMs. With 1-byte weights the dies compute at twice their FP16 rate.
        let rate = wafer.fp16 * if self.run.weight <= 1.0 { 2.0 } else { 1.0 };
        let token_seconds = 6.0 * model.hidden as f64 * model.intermediate as f64 / rate;
        let split = self.run.tau * (expert_bytes / wafer.link) / token_seconds;
        let room = |d| match (self.system.dead.dies.contains(&d), self.run.limited) {
            (true, _) => 0,
            (_, true) => slots(&wafer, expert_bytes, &home, d, workload),
            (_, false) => u64::MAX,
        };
        let slots = (0..dies).map(room).collect();
        Config {
            wafer,
            faults: self.system.dead.clone(),
            duplex: self.system.duplex,
            order: self.run.order,
            home,
            expert_bytes,
            token_seconds,
            in_flight: self.run.flight,
            block: self.run.block,
            split,
            predicted: workload.experts * self.run.predict / 100,
            slots,
        }
    }

    /// How many dies cannot hold the experts that live there, for a model of so many layers and experts.
    #[must_use]
    pub fn overfull(&self, layers: usize, experts: usize) -> usize {
        let wafer = self.wafer();
        let home = self.home(experts);
        let bytes = self.preset().expert_bytes(self.run.weight);
        (0..wafer.mesh.dies()).filter(|&d| left(&wafer, bytes, &home, d, layers) < 0.0).count()
    }

    /// The die that stores each expert.
    #[must_use]
    pub fn home(&self, experts: usize) -> Vec<usize> {
        let live = self.system.dead.live(self.wafer().mesh);
        if live.is_empty() {
            return vec![0; experts];
        }
        if self.run.home_block { place::contiguous(experts, &live) } else { place::round_robin(experts, &live) }
    }

    /// Why nothing can be simulated on what is left of the wafer, if that is so.
    ///
    /// # Errors
    /// No die works, or two working dies cannot reach each other.
    pub fn works(&self) -> Result<(), String> {
        if self.system.dead.is_empty() {
            return Ok(());
        }
        let mesh = self.wafer().mesh;
        let live = self.system.dead.live(mesh);
        if live.is_empty() {
            return Err("every die of the wafer is dead; mend at least one".into());
        }
        match Routes::new(mesh, &self.system.dead).parted(&live) {
            Some((a, b)) => Err(format!(
                "the dead parts cut the wafer in two: no route leads from die {a} to die {b}; mend a link or a die between them"
            )),
            None => Ok(()),
        }
    }

    /// The experiment that decides the simulator's result, without what is looked at. Two experiments with the same one give
    /// the same run.
    #[must_use]
    pub fn run_key(&self) -> Self {
        Self { view: ViewSettings::default(), ..self.clone() }
    }
}

impl std::fmt::Display for Experiment {
    /// The normal form: the version, then what differs from the default, in a fixed order.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v={VERSION}")?;
        let default = Self::default();
        for key in keys() {
            let value = (key.get)(self);
            if value != (key.get)(&default) {
                write!(f, "&{}={}", key.name, escape(&value))?;
            }
        }
        Ok(())
    }
}

/// Room for copies on a die in the simulated layers: what is left of its DRAM, shared evenly over all layers.
fn slots(wafer: &Wafer, expert_bytes: f64, home: &[usize], die: usize, workload: &Workload) -> u64 {
    let room = left(wafer, expert_bytes, home, die, workload.all_layers) / expert_bytes;
    (crate::units::floor(room.max(0.0)) * workload.layers.len() / workload.all_layers.max(1)) as u64
}

/// Bytes of usable DRAM that the experts of a die leave; negative if they do not fit.
fn left(wafer: &Wafer, expert_bytes: f64, home: &[usize], die: usize, all_layers: usize) -> f64 {
    let own = home.iter().filter(|&&d| d == die).count() as f64 * all_layers as f64;
    wafer.usable * wafer.dram - expert_bytes * own
}

fn version_of(value: &str) -> Result<u32, String> {
    match value.parse::<u32>() {
        Ok(v @ 1..=VERSION) => Ok(v),
        Ok(v) if v > VERSION => Err(format!(
            "the link is from a newer moescope (version {v}, this one reads {VERSION}); what it shares with this version was read"
        )),
        _ => Err("not a version".into()),
    }
}

/// What could not be read, as far as a reader reads: an address of megabytes is told in twenty lines.
#[derive(Default)]
struct List {
    told: Vec<Unread>,
    more: usize,
}

impl List {
    fn add(&mut self, part: &str, why: String) {
        /// Characters of a part that are told.
        const MOST_CHARS: usize = 200;
        if self.told.len() == MOST_UNREAD {
            self.more += 1;
            return;
        }
        let part = match part.char_indices().nth(MOST_CHARS) {
            Some((end, _)) => format!("{}…", &part[..end]),
            None => part.into(),
        };
        self.told.push(Unread { part, why });
    }

    fn finish(mut self) -> Vec<Unread> {
        if self.more > 0 {
            self.told
                .push(Unread { part: "…".into(), why: format!("and {} more parts that were not read", self.more) });
        }
        self.told
    }
}

/// Percent-encodes what a fragment or a shell would not keep. The readable names need none of it.
fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~,+:".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|&b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = digit(i + 1).zip(digit(i + 2)).filter(|_| bytes[i] == b'%');
        let code = code.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        out.push(code.unwrap_or(bytes[i]));
        i += if code.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
