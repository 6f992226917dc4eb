//! The four parts of an experiment with their defaults. Apart from the string, because most code knows one part and no string.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Heat, Look, PairMap, Subset, Sweep, Variant, View};
use crate::analysis::registry::sketch_named;
use crate::format::Ids;
use crate::model::{Duplex, Faults, Marking, SYSTEMS, Scope};
use crate::place::PLACEMENTS;
use crate::sim::{Activations, Aim, DieOrder, FetchOrder, Strategy};

/// Which tokens a placement learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Learn {
    /// All of a request.
    All,
    /// Its prompt.
    Prefill,
    /// Its decode steps: what the simulator runs.
    Decode,
    /// What a recording counted, without asking for a phase.
    Counts,
}

impl Learn {
    /// Every value with its name.
    pub const EACH: [(&'static str, Learn); 4] =
        [("all", Learn::All), ("prefill", Learn::Prefill), ("decode", Learn::Decode), ("counts", Learn::Counts)];
}

/// Of whom a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Serve {
    /// Requests of all subjects in every batch, as the paper fills them.
    #[default]
    Mixed,
    /// Subjects take turns: each has batches of its own requests for all steps, then comes the next.
    Subject,
}

impl Serve {
    /// Every value with its name.
    pub const EACH: [(&'static str, Serve); 2] = [("mixed", Serve::Mixed), ("subject", Serve::Subject)];
}

/// What is computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSettings {
    /// Model preset of the synthetic workload; with a trace, the model whose expert size is used. Empty: the trace's own, and
    /// without a trace the default.
    pub model: String,
    /// Hidden size h of a model that has no preset; 0: the preset's.
    pub hidden: usize,
    /// Intermediate size i of one of its experts; 0: the preset's.
    pub intermediate: usize,
    /// Digest of the trace that the experiment was made on; empty for the synthetic workload.
    pub trace: String,
    /// Seed of the synthetic workload.
    pub seed: u64,
    /// Requests in the batch.
    pub batch: usize,
    /// Decode steps; if subjects take turns, of each.
    pub steps: usize,
    /// Of whom a batch is.
    pub serve: Serve,
    /// Simulated layers, evenly spaced; 0 is all.
    pub layers: usize,
    /// Leave collapsed layers out of those that are simulated.
    pub skip_collapsed: bool,
    /// Predict and place by the requests of even position, fill the batch from those of odd position.
    pub held_out: bool,
    /// What placements learn from.
    pub learn: Learn,
    /// What the tokens are of which a recording does not say whether they are the prompt's; none: they stay unmarked.
    pub unmarked: Option<Marking>,
    /// Experts of a token (K) of a recording that does not hold them so; 0: as it says.
    pub top_k: usize,
    /// Experts of a layer (E) likewise.
    pub experts: usize,
    /// Layers that such a recording has rows for, dense ones among them, likewise.
    pub recorded_layers: usize,
    /// Layers at its start that are dense and that it has no rows for, likewise.
    pub dense: usize,
    /// An expert that every token lists stays in the routing.
    pub keep_shared: bool,
    /// What its ids are; none: what they look like.
    pub ids: Option<Ids>,
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self {
            model: String::new(),
            hidden: 0,
            intermediate: 0,
            trace: String::new(),
            seed: 1,
            // Large enough that strategies differ, and all layers, so that no sample hides a layer that is unlike the others.
            batch: 16384,
            steps: 16,
            serve: Serve::Mixed,
            layers: 0,
            skip_collapsed: false,
            held_out: false,
            learn: Learn::Decode,
            unmarked: None,
            top_k: 0,
            experts: 0,
            recorded_layers: 0,
            dense: 0,
            keep_shared: false,
            ids: None,
        }
    }
}

/// What computes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemSettings {
    /// Name of the system.
    pub wafer: String,
    /// Hardware values that differ from the preset, by the name of the field, in the field's unit.
    pub hardware: BTreeMap<String, f64>,
    /// Dies and links that do not work.
    pub dead: Faults,
    /// Sharing of links.
    pub duplex: Duplex,
}

impl Default for SystemSettings {
    fn default() -> Self {
        Self {
            wafer: SYSTEMS[0].name.into(),
            hardware: BTreeMap::new(),
            dead: Faults::default(),
            duplex: Duplex::Shared,
        }
    }
}

/// How it is placed and simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Strategies, in the order of the figures.
    pub strategies: Vec<Strategy>,
    /// The strategy that speedups are over.
    pub baseline: Strategy,
    /// Name of the placement: where experts live.
    pub home: String,
    /// Share of the FLOP rate that placements count on.
    pub mfu: f64,
    /// Spare slots of each device (R), for copies that a placement makes.
    pub spare: usize,
    /// Groups of experts that a placement keeps on one node.
    pub groups: usize,
    /// Transfers between each pair of devices that a change of placement may make.
    pub moves: usize,
    /// Placements of a layer that a search tries.
    pub budget: usize,
    /// What a search makes small.
    pub aim: Aim,
    /// Digest of the file that a placement was read from; empty for none.
    pub file: String,
    /// Die enumeration of `base`.
    pub order: DieOrder,
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
    /// Whether activations take time.
    pub activations: Activations,
    /// Bytes of a number of an activation on its way to an expert.
    pub dispatch_bytes: f64,
    /// The same on its way back.
    pub combine_bytes: f64,
    /// Whether attention, shared experts and dense layers take time, and their cache DRAM.
    pub rest: bool,
    /// Tokens of a request in its cache.
    pub context: usize,
    /// Order of a device's fetches.
    pub fetch: FetchOrder,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            strategies: Strategy::ALL.to_vec(),
            baseline: Strategy::BASE,
            home: PLACEMENTS[0].name.into(),
            mfu: 0.3,
            spare: 0,
            groups: 8,
            moves: 8,
            budget: 200,
            aim: Aim::Time,
            file: String::new(),
            order: DieOrder::Row,
            flight: 2,
            weight: 1.0,
            predict: 50,
            block: 50,
            tau: 1.25,
            limited: true,
            activations: Activations::Free,
            dispatch_bytes: 1.0,
            combine_bytes: 2.0,
            rest: false,
            context: 728,
            fetch: FetchOrder::Id,
        }
    }
}

/// What is looked at: nothing of it changes a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewSettings {
    /// The view of the page.
    pub view: View,
    /// The part of it that is shown: a chapter, a question, a drawer, a piece of the paper.
    pub part: String,
    /// The moment of the race, in thousandths of its time; the whole is its end.
    pub race: usize,
    /// Drawn for a projector.
    pub present: bool,
    /// Dark or light; none: what the reader has chosen, in a frame what the page around it is.
    pub dark: Option<bool>,
    /// What whoever shares it calls it.
    pub name: String,
    /// Where the trace can be fetched from, if the link says so: an https address or a path on this site.
    pub source: String,
    /// Scope of the figures.
    pub scope: Scope,
    /// Layer of the figures, by position.
    pub layer: usize,
    /// The mean over all layers instead.
    pub mean: bool,
    /// Strategy whose wafer is drawn.
    pub show: Strategy,
    /// A second one whose wafer is drawn beside it, on the same clock.
    pub beside: Option<Strategy>,
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
    /// The requests on the left of a comparison.
    pub left: Subset,
    /// Those on the right; none: no comparison.
    pub right: Option<Subset>,
    /// The table of pairs that such a comparison draws.
    pub map: PairMap,
    /// The only figure that is shown, for a frame in another page; empty for the whole page.
    pub embed: String,
}

impl ViewSettings {
    /// The view that owns the settings which differ from the default: that of an address which names none, so links from before
    /// there were views lead to what they show.
    #[must_use]
    pub fn owner(&self) -> View {
        let default = Self::default();
        let differs = |same: &[bool]| same.contains(&false);
        let (s, d) = (self, &default);
        let simulate = [
            s.sweep == d.sweep,
            s.compare == d.compare,
            s.look == d.look,
            s.heat == d.heat,
            (s.step, s.simulated, s.at) == (d.step, d.simulated, d.at),
            (s.show, s.beside) == (d.show, d.beside),
        ];
        let explore = [
            (&s.left, &s.right, s.map) == (&d.left, &d.right, d.map),
            (s.scope, s.layer, s.mean) == (d.scope, d.layer, d.mean),
        ];
        // A figure in a frame is looked for where it is drawn.
        if sketch_named(&s.embed).is_some() || s.embed.starts_with("versus-") {
            return View::Explore;
        }
        if differs(&simulate) {
            View::Simulate
        } else if differs(&explore) {
            View::Explore
        } else {
            View::Story
        }
    }
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self {
            view: View::Story,
            part: String::new(),
            race: 0,
            present: false,
            dark: None,
            name: String::new(),
            source: String::new(),
            scope: Scope::All,
            layer: 0,
            mean: false,
            show: Strategy::ALLO_PRED,
            beside: None,
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
