//! Every setting of the page as one string: URL fragment, argument of the command line, key of a test. Only what differs
//! from the default is written; what cannot be read is reported and the rest kept.

mod answers;
mod compare;
mod figure;
mod keys;
mod model;
mod room;
mod settings;
mod sweep;
mod upgrade;

use std::borrow::Cow;
use std::collections::BTreeMap;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    ExpertSize, Faults, Hardware, MOST_DEVICES, Replicas, SYSTEMS, System, Topology, Turns, known_rests, rest_of,
    system_named,
};
use crate::place::{Loads, PLACEMENTS, Params, Placement, placement_named};
use crate::sim::{Beside, Config, Strategy, Tuning, Workload};

pub use answers::ANSWERS;
pub use compare::{Heat, Look, PairMap, Subset, Variant};
pub use keys::{Key, Unread, key_named, keys};
pub use model::{CUSTOM, PAPER_WAFERS};
pub use room::View;
pub use settings::{Learn, RunSettings, Serve, SystemSettings, ViewSettings, WorkloadSettings};
pub use sweep::{SWEPT, Sweep};
use upgrade::Setting;

/// The version that this program writes.
pub const VERSION: u32 = 2;

/// Fields that decide the number of GPUs: those that are forgotten first where it is too large.
const SIZES: [&str; 2] = ["nodes", "pernode"];

/// Bytes of a string that is read: ten times the longest with every setting, eight variants and all dies dead.
pub const MOST_STRING: usize = 1 << 16;

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
        let mut unread = List::default();
        if let Some(why) = too_long(text) {
            unread.add(text, why);
            return (Self::default(), unread.finish());
        }
        let mut version = VERSION;
        let (mut settings, again) = last_of_each(text);
        settings.retain_mut(|setting| {
            let read = if setting.name == "v" { version_of(&setting.value) } else { return true };
            match read {
                Ok(read) => version = read,
                Err(why) => setting.void = Some(why),
            }
            setting.void.is_some()
        });
        upgrade::upgrade(version, &mut settings, beside_a_trace);
        let (mut experiment, mut viewed) = (Self::default(), false);
        for Setting { name, value, part, void } in settings {
            let key = || key_named(name).ok_or_else(|| keys::UNKNOWN.to_string());
            let read = void.map_or_else(|| key().and_then(|k| (k.set)(&mut experiment, &value)), Err);
            viewed |= name == "view" && read.is_ok();
            if let Err(why) = read {
                unread.add(part, why);
            }
        }
        for (part, times) in again {
            unread.add(part, format!("it is given {times} times; the last one counts"));
        }
        if !viewed {
            experiment.view.view = experiment.view.owner();
        }
        let asked = experiment.system.clone();
        experiment.normalise();
        for (name, why) in experiment.without(&asked) {
            unread.add(&name, why);
        }
        (experiment, unread.finish())
    }

    /// What was asked of a system that it does not have: dead parts, and hardware that means nothing on it.
    fn without(&self, asked: &SystemSettings) -> Vec<(String, String)> {
        let title = self.system().title;
        let Faults { dies, links } = &asked.dead;
        let dies = dies.difference(&self.system.dead.dies).map(ToString::to_string);
        let links = links.difference(&self.system.dead.links).map(|(a, b)| format!("{a}-{b}"));
        let dead = dies.chain(links).map(|part| (format!("dead={part}"), format!("{title} has no such part")));
        let fields = asked.hardware.keys().filter(|name| self.system().fields().all(|f| f.name != **name));
        let fields = fields.filter(|name| name.as_str() != "link" || self.system().mesh);
        let fields = fields.map(|name| (name.clone(), format!("it means nothing on {title}")));
        let mut whole = self.clone();
        whole.system.hardware.clone_from(&asked.hardware);
        let sizes = SIZES.iter().filter(|name| whole.too_large() && asked.hardware.contains_key(**name));
        let sizes = sizes.filter(|name| !self.system.hardware.contains_key(**name));
        let sizes = sizes.map(|name| ((*name).into(), format!("more than {MOST_DEVICES} GPUs")));
        dead.chain(fields).chain(sizes).collect()
    }

    /// The experiment with one setting changed.
    ///
    /// # Errors
    /// What would be a value of it, or that there is no such setting.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, String> {
        let mut changed = self.clone();
        (key_named(name).ok_or(keys::UNKNOWN)?.set)(&mut changed, value)?;
        if changed.too_large() {
            return Err(format!("more than {MOST_DEVICES} GPUs"));
        }
        changed.normalise();
        Ok(changed)
    }

    /// Forgets hardware values that the system has anyway, or has no use for, dead parts that it does not have, and an expert's
    /// size that is its model's: equal experiments have equal strings.
    fn normalise(&mut self) {
        let system = self.system();
        // A port of a GPU was called a link, in TB/s.
        if !system.mesh
            && let Some(link) = self.system.hardware.remove("link")
        {
            self.system.hardware.entry("nvlink".into()).or_insert(libm::round(link * 1e6) / 1e3);
        }
        for size in SIZES {
            if self.too_large() {
                self.system.hardware.remove(size);
            }
        }
        let differs =
            |name: &String, v: &mut f64| system.fields().any(|f| f.name == name && (f.get)(&system.hardware) != *v);
        self.system.hardware.retain(differs);
        let hardware = self.hardware();
        system.within(&mut self.system.dead, &hardware);
        self.forget_known_size();
    }

    /// The system before anything is edited.
    #[must_use]
    pub fn system(&self) -> &'static System {
        system_named(&self.system.wafer).unwrap_or(&SYSTEMS[0])
    }

    /// The hardware: that of the system with what was edited.
    #[must_use]
    pub fn hardware(&self) -> Hardware {
        let system = self.system();
        let mut hardware = system.hardware;
        for field in system.fields() {
            if let Some(&value) = self.system.hardware.get(field.name) {
                (field.set)(&mut hardware, value);
            }
        }
        hardware
    }

    /// More devices than a system can have: no table of their routes is made.
    fn too_large(&self) -> bool {
        self.hardware().mesh.dies() > MOST_DEVICES
    }

    /// What of the hardware works, and how it is joined.
    #[must_use]
    pub fn topology(&self) -> Topology {
        (self.system().build)(&self.hardware(), &self.system.dead, self.system.duplex)
    }

    /// The size of an expert.
    #[must_use]
    pub fn expert(&self) -> ExpertSize {
        self.preset().expert()
    }

    /// What a run of a strategy on a workload computes with.
    #[must_use]
    pub fn config(&self, workload: &Workload, topology: &Arc<Topology>, strategy: Strategy) -> Config {
        let Workload { loads, of_step, .. } = workload;
        let params = Params { file: loads.file.as_ref(), ..self.params() };
        let turns = self.placement(strategy.placement()).turns(loads, of_step, topology, &params);
        self.config_of(workload, topology, turns)
    }

    /// The same, with experts that lie there.
    #[must_use]
    pub fn config_of(&self, workload: &Workload, topology: &Arc<Topology>, replicas: impl Into<Turns>) -> Config {
        let RunSettings { order, flight, weight, predict, block, tau, limited, activations, fetch, .. } = self.run;
        let activation_bytes = [self.run.dispatch_bytes, self.run.combine_bytes];
        // Who asks for a rest that is not known is refused before.
        let rest = self.beside().ok().flatten();
        let tuning =
            Tuning { order, flight, weight, predict, block, tau, limited, activations, activation_bytes, fetch, rest };
        Config::new(topology, &self.hardware(), self.expert(), &tuning, replicas, workload)
    }

    /// What is computed beside the experts, if it counts.
    ///
    /// # Errors
    /// It counts, and is not known of the model.
    pub fn beside(&self) -> Result<Option<Beside>, String> {
        if !self.run.rest {
            return Ok(None);
        }
        let model = self.preset();
        let none = || {
            let known = known_rests().collect::<Vec<_>>().join(", ");
            format!(
                "rest=counted needs attention, shared experts and dense layers of {}, which are known of {known} alone",
                model.title
            )
        };
        let rest = rest_of(model.name).ok_or_else(none)?;
        Ok(Some(Beside { rest, context: self.run.context }))
    }

    /// The placement that a strategy uses: its own, or that of the setting `home`.
    #[must_use]
    pub fn placement(&self, own: Option<&'static Placement>) -> &'static Placement {
        own.or_else(|| placement_named(&self.run.home)).unwrap_or(&PLACEMENTS[0])
    }

    /// Where a placement puts the experts, if a search has found that; if it is not given, that of the setting `home`.
    #[must_use]
    pub fn replicas(
        &self,
        loads: &Loads,
        topology: &Topology,
        placement: Option<&'static Placement>,
        searched: Option<&Replicas>,
    ) -> Replicas {
        let params = Params { searched, file: loads.file.as_ref(), ..self.params() };
        self.placement(placement).once(loads, topology, &params)
    }

    /// What placements may read of the settings.
    #[must_use]
    pub fn params(&self) -> Params<'_> {
        let RunSettings { mfu, spare, groups, moves, .. } = self.run;
        Params { mfu, spare, groups, moves, ..Params::of(self.expert()) }
    }

    /// How many devices cannot hold the experts that live there by the setting `home` and the caches of their requests, in a model of
    /// so many layers.
    #[must_use]
    pub fn overfull(&self, layers: usize, loads: &Loads) -> usize {
        let topology = self.topology();
        self.overfull_of(&self.replicas(loads, &topology, None, None), &topology, layers)
    }

    /// The same of experts that lie there.
    #[must_use]
    pub fn overfull_of(&self, replicas: &Replicas, topology: &Topology, layers: usize) -> usize {
        let beside = self.beside().ok().flatten();
        let cached = beside.map_or(0.0, |b| b.cached(self.workload.batch, topology.live.len(), layers));
        crate::sim::overfull(topology, self.expert().bytes(self.run.weight), replicas, layers, cached)
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

/// Why nothing of a string is read, if it is longer than any that a program wrote.
#[must_use]
pub fn too_long(text: &str) -> Option<String> {
    let words = || format!("{} bytes, above the limit of {MOST_STRING}: nothing of the string is read", text.len());
    (text.len() > MOST_STRING).then(words)
}

/// A part of a string, and how often its setting is given.
type Again<'a> = (&'a str, usize);

/// The last part of each setting of a string, in the order of the string; and the settings that are given several times, in that order
/// too. One setting has one value, so what is told of repetitions does not grow with them.
fn last_of_each(text: &str) -> (Vec<Setting<'_>>, Vec<Again<'_>>) {
    let (mut times, mut settings) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for part in text.trim_start_matches('#').split('&').rev().filter(|p| !p.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let seen = times.entry(name).or_default();
        *seen += 1;
        if *seen == 1 {
            settings.push(Setting { name, value: unescape(value), part, void: None });
        }
    }
    settings.reverse();
    let again = settings.iter().map(|s| (s.part, times[s.name])).filter(|&(_, times)| times > 1).collect();
    (settings, again)
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

/// What could not be read, as far as a reader reads: twenty lines of an address of megabytes.
#[derive(Default)]
struct List {
    listed: Vec<Unread>,
    more: usize,
}

impl List {
    fn add(&mut self, part: &str, why: String) {
        if self.listed.len() == MOST_UNREAD {
            self.more += 1;
            return;
        }
        let (part, why) = (cut(part, 200), cut(&why, 1000));
        self.listed.push(Unread { part, why });
    }

    fn finish(mut self) -> Vec<Unread> {
        if self.more > 0 {
            self.listed
                .push(Unread { part: "…".into(), why: format!("and {} more parts that were not read", self.more) });
        }
        self.listed
    }
}

/// The first characters of a text.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
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
