//! Every setting of the page as one string: URL fragment, argument of the command line, key of a test. Only what differs
//! from the default is written; what cannot be read is reported and the rest kept.

mod compare;
mod keys;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{FIELDS, Faults, MODELS, ModelPreset, Routes, Scope, WAFERS, Wafer, model_named, wafer_named};
use crate::place;
use crate::sim::{Config, DieOrder, Duplex, Strategy, Workload};

pub use compare::{Heat, Look, PairMap, Subset, Variant};
pub use keys::{Key, SWEPT, Unread, key_named, keys};

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Model preset of the synthetic workload; with a trace, the model whose expert size is used.
    pub model: String,
    /// Digest of the trace that the experiment was made on; empty for the synthetic workload.
    pub trace: String,
    /// Where that trace can be fetched from, if the link says so: an https address or a path on this site.
    pub source: String,
    /// Seed of the synthetic workload.
    pub seed: u64,
    /// Wafer preset.
    pub wafer: String,
    /// Hardware values that differ from the preset, by the name of the field, in the field's unit.
    pub hardware: BTreeMap<String, f64>,
    /// Dies and links that do not work.
    pub dead: Faults,
    /// Requests in the batch.
    pub batch: usize,
    /// Decode steps.
    pub steps: usize,
    /// Simulated layers, evenly spaced; 0 is all.
    pub layers: usize,
    /// Strategies, in the order of the figures.
    pub strategies: Vec<Strategy>,
    /// The strategy that speedups are over.
    pub baseline: Strategy,
    /// Predict from the requests of even position, fill the batch from those of odd position.
    pub held_out: bool,
    /// Placement: blocks instead of round-robin.
    pub home_block: bool,
    /// Die enumeration of `base`.
    pub order: DieOrder,
    /// Sharing of links.
    pub duplex: Duplex,
    /// Flows in flight for each die.
    pub flight: usize,
    /// Bytes of a weight.
    pub weight: f64,
    /// Experts predicted from a row of the heat map, percent of E.
    pub predict: usize,
    /// Tokens of a block in Algorithm 1.
    pub block: u64,
    /// Factor of the split threshold tau.
    pub tau: f64,
    /// Whether DRAM limits the copies.
    pub limited: bool,
    /// Scope of the figures.
    pub scope: Scope,
    /// Layer of the figures, by position.
    pub layer: usize,
    /// The mean over all layers instead.
    pub mean: bool,
    /// Strategy whose wafer is drawn.
    pub show: Strategy,
    /// Step of the layer that is drawn over time.
    pub step: usize,
    /// Its position among the simulated layers.
    pub simulated: usize,
    /// The moment of that layer that is drawn, in thousandths of its time.
    pub at: usize,
    /// What the colours of the wafer show.
    pub heat: Heat,
    /// The die or expert that is looked at.
    pub look: Option<Look>,
    /// A setting that is swept.
    pub sweep: Option<Sweep>,
    /// Experiments that stand beside this one: the settings in which each differs.
    pub compare: Vec<Variant>,
    /// The requests on the left and on the right of a comparison; none on the right: no comparison.
    pub left: Subset,
    /// See `left`.
    pub right: Option<Subset>,
    /// The table of pairs that such a comparison draws.
    pub map: PairMap,
    /// The only figure that is shown, for a frame in another page; empty for the whole page.
    pub embed: String,
}

/// A setting and the values that it takes in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Name of the setting.
    pub name: String,
    /// First and last value.
    pub from: f64,
    /// See `from`.
    pub to: f64,
    /// Number of values, evenly spaced.
    pub points: usize,
}

impl Sweep {
    /// The values as they stand in an experiment string: whole numbers where the setting takes nothing else.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        let whole = keys::whole(&self.name);
        let mut values: Vec<String> = Vec::new();
        for i in 0..self.points {
            let v = self.from + (self.to - self.from) * i as f64 / self.points.saturating_sub(1).max(1) as f64;
            let v = if whole { libm::round(v) } else { libm::round(v * 1e6) / 1e6 };
            let text = v.to_string();
            if values.last() != Some(&text) {
                values.push(text);
            }
        }
        values
    }
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            model: MODELS[0].name.into(),
            trace: String::new(),
            source: String::new(),
            seed: 1,
            wafer: WAFERS[0].0.into(),
            hardware: BTreeMap::new(),
            dead: Faults::default(),
            batch: 8192,
            steps: 16,
            layers: 6,
            strategies: Strategy::ALL.to_vec(),
            baseline: Strategy::Base,
            held_out: false,
            home_block: false,
            order: DieOrder::Row,
            duplex: Duplex::Shared,
            flight: 2,
            weight: 1.0,
            predict: 50,
            block: 50,
            tau: 1.25,
            limited: true,
            scope: Scope::All,
            layer: 0,
            mean: false,
            show: Strategy::AlloPred,
            step: 0,
            simulated: 0,
            at: 0,
            heat: Heat::Load,
            look: None,
            sweep: None,
            compare: Vec::new(),
            left: Subset::All,
            right: None,
            map: PairMap::Tokens,
            embed: String::new(),
        }
    }
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
        let Self { model, wafer, batch, strategies, trace, baseline, dead, .. } = Self::default();
        Self { model, wafer, batch, strategies, trace, baseline, dead, ..self.run_key() }
    }

    /// Forgets hardware values that the preset has anyway and dead parts that the wafer does not have: equal experiments
    /// have equal strings.
    fn normalise(&mut self) {
        let preset = wafer_named(&self.wafer).unwrap_or(WAFERS[0].2);
        self.hardware.retain(|name, v| FIELDS.iter().any(|f| f.name == name && (f.get)(&preset) != *v));
        let mesh = self.wafer().mesh;
        self.dead.within(mesh);
    }

    /// The preset whose expert size and, without a trace, whose shape is used.
    #[must_use]
    pub fn preset(&self) -> &'static ModelPreset {
        model_named(&self.model).unwrap_or(&MODELS[0])
    }

    /// The hardware: the preset with what was edited.
    #[must_use]
    pub fn wafer(&self) -> Wafer {
        let mut wafer = wafer_named(&self.wafer).unwrap_or(WAFERS[0].2);
        for field in &FIELDS {
            if let Some(&value) = self.hardware.get(field.name) {
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
        let expert_bytes = model.expert_bytes(self.weight);
        // Two multiply-adds a weight of the three GEMMs. With 1-byte weights the dies compute at twice their FP16 rate.
        let rate = wafer.fp16 * if self.weight <= 1.0 { 2.0 } else { 1.0 };
        let token_seconds = 6.0 * model.hidden as f64 * model.intermediate as f64 / rate;
        let split = self.tau * (expert_bytes / wafer.link) / token_seconds;
        let room = |d| match (self.dead.dies.contains(&d), self.limited) {
            (true, _) => 0,
            (_, true) => slots(&wafer, expert_bytes, &home, d, workload),
            (_, false) => u64::MAX,
        };
        let slots = (0..dies).map(room).collect();
        Config {
            wafer,
            faults: self.dead.clone(),
            duplex: self.duplex,
            order: self.order,
            home,
            expert_bytes,
            token_seconds,
            in_flight: self.flight,
            block: self.block,
            split,
            predicted: workload.experts * self.predict / 100,
            slots,
        }
    }

    /// How many dies cannot hold the experts that live there, for a model of so many layers and experts.
    #[must_use]
    pub fn overfull(&self, layers: usize, experts: usize) -> usize {
        let wafer = self.wafer();
        let home = self.home(experts);
        let bytes = self.preset().expert_bytes(self.weight);
        (0..wafer.mesh.dies()).filter(|&d| left(&wafer, bytes, &home, d, layers) < 0.0).count()
    }

    /// The die that stores each expert.
    #[must_use]
    pub fn home(&self, experts: usize) -> Vec<usize> {
        let live = self.dead.live(self.wafer().mesh);
        if live.is_empty() {
            return vec![0; experts];
        }
        if self.home_block { place::contiguous(experts, &live) } else { place::round_robin(experts, &live) }
    }

    /// Why nothing can be simulated on what is left of the wafer, if that is so.
    ///
    /// # Errors
    /// No die works, or two working dies cannot reach each other.
    pub fn works(&self) -> Result<(), String> {
        if self.dead.is_empty() {
            return Ok(());
        }
        let mesh = self.wafer().mesh;
        let live = self.dead.live(mesh);
        if live.is_empty() {
            return Err("every die of the wafer is dead; mend at least one".into());
        }
        match Routes::new(mesh, &self.dead).parted(&live) {
            Some((a, b)) => Err(format!(
                "the dead parts cut the wafer in two: no route leads from die {a} to die {b}; mend a link or a die between them"
            )),
            None => Ok(()),
        }
    }

    /// The experiment that decides the simulator's result: settings of the view are at their defaults. Two experiments
    /// with the same one give the same run.
    #[must_use]
    pub fn run_key(&self) -> Self {
        let default = Self::default();
        Self {
            source: default.source,
            scope: default.scope,
            layer: default.layer,
            mean: default.mean,
            show: default.show,
            step: default.step,
            simulated: default.simulated,
            at: default.at,
            heat: default.heat,
            look: default.look,
            sweep: default.sweep,
            compare: default.compare,
            left: default.left,
            right: default.right,
            map: default.map,
            embed: default.embed,
            ..self.clone()
        }
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
