//! Every setting of the page as one string: URL fragment, argument of the command line, key of a test. Only what differs
//! from the default is written; what cannot be read is reported and the rest kept.

mod compare;
mod keys;
mod settings;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{
    ExpertSize, Hardware, MODELS, ModelPreset, Replicas, SYSTEMS, System, Topology, model_named, system_named,
};
use crate::place::{Loads, PLACEMENTS, Params, Placement, placement_named};
use crate::sim::{Config, Strategy, Tuning, Workload};

pub use compare::{Heat, Look, PairMap, Subset, Variant};
pub use keys::{Key, SWEPT, Unread, key_named, keys};
pub use settings::{RunSettings, Sweep, SystemSettings, ViewSettings, WorkloadSettings};

/// The version that this program writes.
pub const VERSION: u32 = 1;

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
    /// Reads a string, with or without a leading `#`. Settings that cannot be read stay at their defaults and are listed.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<Unread>) {
        let mut experiment = Self::default();
        let mut unread = Vec::new();
        let parts = text.trim_start_matches('#').split('&').filter(|p| !p.is_empty());
        let mut seen: Vec<&str> = Vec::new();
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let problem = if seen.contains(&name) {
                Err("it is given twice; the first counts".into())
            } else if name == "v" {
                version(value)
            } else {
                match key_named(name) {
                    Some(key) => (key.set)(&mut experiment, &unescape(value)),
                    None => Err(keys::UNKNOWN.into()),
                }
            };
            seen.push(name);
            if let Err(why) = problem {
                unread.push(Unread { part: part.into(), why });
            }
        }
        experiment.normalise();
        (experiment, unread)
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

    /// What all runs of Figure 12 share: the figure sets model, wafer, batch and strategies itself, on no trace and
    /// whole wafers.
    #[must_use]
    pub fn of_figure_12(&self) -> Self {
        let default = Self::default();
        let mut of = self.run_key();
        let WorkloadSettings { model, batch, trace, .. } = default.workload;
        of.workload = WorkloadSettings { model, batch, trace, ..of.workload };
        let SystemSettings { wafer, dead, .. } = default.system;
        of.system = SystemSettings { wafer, dead, ..of.system };
        let RunSettings { strategies, baseline, .. } = default.run;
        of.run = RunSettings { strategies, baseline, ..of.run };
        of
    }

    /// Forgets hardware values that the system has anyway, or has no use for, and dead parts that it does not have: equal
    /// experiments have equal strings.
    fn normalise(&mut self) {
        let system = self.system();
        let differs =
            |name: &String, v: &mut f64| system.fields().any(|f| f.name == name && (f.get)(&system.hardware) != *v);
        self.system.hardware.retain(differs);
        let hardware = self.hardware();
        system.within(&mut self.system.dead, &hardware);
    }

    /// The preset whose expert size and, without a trace, whose shape is used.
    #[must_use]
    pub fn preset(&self) -> &'static ModelPreset {
        model_named(&self.workload.model).unwrap_or(&MODELS[0])
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

    /// What of the hardware works, and how it is joined.
    #[must_use]
    pub fn topology(&self) -> Topology {
        (self.system().build)(&self.hardware(), &self.system.dead, self.system.duplex)
    }

    /// The size of an expert.
    #[must_use]
    pub fn expert(&self) -> ExpertSize {
        let model = self.preset();
        ExpertSize { hidden: model.hidden, intermediate: model.intermediate }
    }

    /// What a run of a strategy on a workload computes with.
    #[must_use]
    pub fn config(&self, workload: &Workload, topology: &Arc<Topology>, strategy: Strategy) -> Config {
        let loads = Loads { experts: workload.experts, layers: &workload.loads };
        let replicas = self.replicas(&loads, topology, strategy.placement());
        let RunSettings { order, flight, weight, predict, block, tau, limited, .. } = self.run;
        let tuning = Tuning { order, flight, weight, predict, block, tau, limited };
        Config::new(topology, &self.hardware(), self.expert(), &tuning, replicas, workload)
    }

    /// Where a placement puts the experts; if it is not given, that of the setting `home`.
    fn replicas(&self, loads: &Loads<'_>, topology: &Topology, placement: Option<&Placement>) -> Replicas {
        let placement = placement.or_else(|| placement_named(&self.run.home)).unwrap_or(&PLACEMENTS[0]);
        (placement.place)(loads, topology, &Params { expert: self.expert(), mfu: self.run.mfu })
    }

    /// How many devices cannot hold the experts that live there by the setting `home`, in a model of so many layers.
    #[must_use]
    pub fn overfull(&self, layers: usize, loads: &Loads<'_>) -> usize {
        let topology = self.topology();
        let replicas = self.replicas(loads, &topology, None);
        crate::sim::overfull(&topology, self.expert().bytes(self.run.weight), &replicas, layers)
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

fn version(value: &str) -> Result<(), String> {
    match value.parse::<u32>() {
        Ok(VERSION) => Ok(()),
        Ok(v) if v > VERSION => Err(format!(
            "the link is from a newer moescope (version {v}, this one reads {VERSION}); what it shares with this version was read"
        )),
        _ => Err("not a version".into()),
    }
}

/// Percent-encodes what a fragment or a shell would not keep. The readable names need none of it.
fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~,+:".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = text.get(i + 1..i + 3).filter(|_| bytes[i] == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[i]));
        i += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
