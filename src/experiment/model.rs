//! Which model an experiment is of, and how far it is from the paper's settings. Apart from the string: page, command line and
//! scripts all resolve the model here, and nowhere else.

use super::{Experiment, Key, RunSettings, SystemSettings, WorkloadSettings, keys};
use crate::format::Told;
use crate::model::{ModelPreset, default_model, model_named};
use crate::sim::Strategy;

/// Name of a model whose expert has another size than a preset's.
pub const CUSTOM: &str = "custom";

/// Wafers of Figure 12.
pub const PAPER_WAFERS: [&str; 2] = ["dojo", "tsmc-sow"];

impl Experiment {
    /// The model whose expert size is used: the preset that is set, or the default, with the sizes that are set. With those it
    /// is a model of its own, of which nothing is published. For a run on a trace, [`Experiment::of_model`] comes first.
    #[must_use]
    pub fn preset(&self) -> ModelPreset {
        let base = *model_named(&self.workload.model).unwrap_or(default_model());
        let (hidden, intermediate) = (self.workload.hidden, self.workload.intermediate);
        if hidden == 0 && intermediate == 0 {
            return base;
        }
        let or = |set: usize, preset| if set == 0 { preset } else { set };
        ModelPreset {
            name: CUSTOM,
            title: "a model of the given sizes",
            hidden: or(hidden, base.hidden),
            intermediate: or(intermediate, base.intermediate),
            paper_cross_layer: None,
            paper_cross_token: None,
            paper_speedup: None,
            ..base
        }
    }

    /// The experiment on recorded requests whose shape and labels tell `own`, or no model: the one that is set wins, then the
    /// trace's own.
    ///
    /// # Errors
    /// Neither is known, and not both sizes of an expert are given: another model's are never used in silence.
    pub fn of_model(&self, own: Option<&str>) -> Result<Self, String> {
        let mut of = self.clone();
        if of.workload.model.is_empty() {
            of.workload.model = own.and_then(model_named).map_or("", |m| m.name).into();
        }
        let sizes = [("hidden", of.workload.hidden), ("intermediate", of.workload.intermediate)];
        let missing: Vec<&str> = sizes.iter().filter(|s| s.1 == 0).map(|s| s.0).collect();
        if of.workload.model.is_empty() && !missing.is_empty() {
            return Err(format!(
                "the trace's model is not known, and so not how large its experts are: set {} (hidden_size and \
                 moe_intermediate_size or intermediate_size of its config.json), or model= to use a known model's; the \
                 command line takes --config config.json",
                missing.iter().map(|name| format!("{name}=")).collect::<Vec<_>>().join(" and ")
            ));
        }
        of.normalise();
        Ok(of)
    }

    /// Whether the experiment is on a trace, by digest or by address.
    #[must_use]
    pub fn names_a_trace(&self) -> bool {
        !self.workload.trace.is_empty() || !self.view.source.is_empty()
    }

    /// Whether the experiment is on the loaded trace, of that digest, and not on its synthetic workload. Nothing else is asked:
    /// what is shown beside it decides nothing.
    ///
    /// # Errors
    /// It is on a trace that is not loaded.
    pub fn on_loaded(&self, digest: Option<&str>) -> Result<bool, String> {
        let (named, source) = (&self.workload.trace, &self.view.source);
        match (named.is_empty(), digest) {
            (true, _) if source.is_empty() => Ok(false),
            (true, _) => {
                Err(format!("the experiment is on the trace at {source}: load it, and name its digest with trace="))
            }
            (false, Some(loaded)) if loaded == named => Ok(true),
            (false, Some(loaded)) => Err(format!("the experiment is on trace {named}, and {loaded} is loaded")),
            (false, None) => Err(format!("the experiment is on trace {named}, and no trace is loaded")),
        }
    }

    /// Makes the experiment one on that trace, from that address. What it says of a model was said of what it was on before, and
    /// is forgotten, unless it names this trace already.
    pub fn take_trace(&mut self, digest: &str, source: &str) {
        let named = &self.workload.trace;
        let by_address = named.is_empty() && !source.is_empty() && self.view.source == source;
        if named != digest && !by_address {
            (self.workload.hidden, self.workload.intermediate) = (0, 0);
            self.workload.model.clear();
        }
        self.workload.trace = digest.into();
        self.view.source = source.into();
    }

    /// Makes the experiment one on the synthetic workload: of its model, if `synthetic` says that there is one.
    pub fn leave_trace(&mut self, synthetic: impl FnOnce(&str) -> bool) {
        self.workload.trace.clear();
        (self.workload.hidden, self.workload.intermediate) = (0, 0);
        self.tell(&Told::default());
        if !synthetic(&self.workload.model) {
            self.workload.model.clear();
        }
    }

    /// Sizes that are the preset's anyway are none of the experiment's.
    pub(super) fn forget_known_size(&mut self) {
        let of = &mut self.workload;
        if let Some(model) = model_named(&of.model)
            && [0, model.hidden].contains(&of.hidden)
            && [0, model.intermediate].contains(&of.intermediate)
        {
            (of.hidden, of.intermediate) = (0, 0);
        }
    }

    /// The experiment with the lab's own list of strategies, if it names none.
    #[must_use]
    pub fn for_lab(&self) -> Self {
        let mut of = self.clone();
        if of.run.strategies == RunSettings::default().strategies {
            of.run.strategies = Strategy::lab();
        }
        of
    }

    /// What all runs of Figure 12 share: the figure sets model, wafer, batch and strategies itself, on no trace,
    /// mixed batches and whole wafers.
    #[must_use]
    pub fn of_figure_12(&self) -> Self {
        let default = Self::default();
        let mut of = self.run_key();
        let WorkloadSettings { model, hidden, intermediate, batch, serve, trace, .. } = default.workload;
        of.workload = WorkloadSettings { model, hidden, intermediate, batch, serve, trace, ..of.workload };
        of.tell(&Told::default());
        let SystemSettings { wafer, dead, .. } = default.system;
        of.system = SystemSettings { wafer, dead, ..of.system };
        let RunSettings { strategies, baseline, .. } = default.run;
        of.run = RunSettings { strategies, baseline, ..of.run };
        of
    }

    /// The settings in which the runs of Figure 12 would differ from the paper's, as `name=value`: edited hardware and
    /// simulation, another seed, a sample of layers.
    #[must_use]
    pub fn figure_12_edits(&self) -> Vec<String> {
        let of = self.of_figure_12();
        of.edited().map(|key| format!("{}={}", key.name, (key.get)(&of))).collect()
    }

    /// The experiment without those edits.
    #[must_use]
    pub fn without_figure_12_edits(&self) -> Self {
        let mut of = self.clone();
        for key in self.of_figure_12().edited() {
            // A default is a value of its setting.
            let _ = (key.set)(&mut of, &(key.get)(&Self::default()));
        }
        of.normalise();
        of
    }

    /// Settings that are not at their defaults.
    fn edited(&self) -> impl Iterator<Item = &'static Key> {
        let default = Self::default();
        keys().iter().filter(move |key| (key.get)(self) != (key.get)(&default))
    }

    /// Whether a published speedup may stand beside this experiment's: on a whole wafer of Figure 12 as the paper has it,
    /// placed and simulated as the paper has it. Which requests are run is not asked: the paper's are means over many.
    #[must_use]
    pub fn as_published(&self) -> bool {
        let (mut system, mut run) = (self.system.clone(), self.run.clone());
        let published = PAPER_WAFERS.contains(&system.wafer.as_str());
        let default = Self::default();
        system.wafer.clone_from(&default.system.wafer);
        run.strategies.clone_from(&default.run.strategies);
        run.baseline = default.run.baseline;
        published && system == default.system && run == default.run
    }
}
