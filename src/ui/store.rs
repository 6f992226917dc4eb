//! What the page knows. One experiment holds every setting; the rest are replies of the workers.

use std::sync::Arc;

use leptos::prelude::*;

use super::recent::Recent;
use crate::analysis::Report;
use crate::experiment::Experiment;
use crate::format::Issue;
use crate::protocol::{Figures, From, Info, PaperRun, RunReport, Side};
use crate::sim::Timeline;
use crate::web::{Dropped, Pool, prefers_dark, recall};

/// A load in progress.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Loading {
    /// Files that are done, and all.
    pub(super) files: (usize, usize),
    /// Bytes that are done, and all.
    pub(super) bytes: (u64, u64),
    /// When it began, milliseconds.
    pub(super) began: f64,
    /// Milliseconds since.
    pub(super) elapsed: f64,
    /// What is being done.
    pub(super) stage: &'static str,
}

/// What is open over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    Share,
    Keys,
    Palette,
}

/// Values of a swept setting with their results.
pub(super) type Swept = Arc<[(f64, Arc<RunReport>)]>;

/// Signals of the page. Copied freely: each is a handle.
#[derive(Clone, Copy)]
pub(super) struct Store {
    /// All settings.
    pub(super) experiment: RwSignal<Experiment>,
    /// It without the layer that the figures of the trace show: what does not follow its slider reads this.
    pub(super) settings: Memo<Experiment>,
    /// Parts of the address that were not understood.
    pub(super) unread: RwSignal<Vec<String>>,
    /// The loaded trace.
    pub(super) trace: RwSignal<Option<Arc<Info>>>,
    /// The synthetic workload.
    pub(super) made: RwSignal<Option<Arc<Info>>>,
    /// Model and seed that it was made of.
    pub(super) made_of: RwSignal<Option<(String, u64)>>,
    /// What was wrong in the last load, and whether anything came of it.
    pub(super) issues: RwSignal<(Vec<Issue>, bool)>,
    /// The load in progress.
    pub(super) loading: RwSignal<Option<Loading>>,
    /// Figures of what is read so far of a long load.
    pub(super) glance: RwSignal<Option<Arc<Figures>>>,
    /// Figures of all layers.
    pub(super) overview: RwSignal<Option<Arc<Figures>>>,
    /// Figures of one layer.
    pub(super) layer: RwSignal<Option<Arc<Figures>>>,
    /// Further figures of that layer.
    pub(super) details: RwSignal<Option<Arc<Figures>>>,
    /// Layers averaged and all, while a mean is made.
    pub(super) averaging: RwSignal<Option<(u64, u64)>>,
    /// All analyses of what is shown.
    pub(super) report: RwSignal<Option<Arc<Report>>>,
    /// The last result of the simulator.
    pub(super) run: RwSignal<Option<Arc<RunReport>>>,
    /// Layer simulations done and all, while it runs.
    pub(super) running: RwSignal<Option<(u64, u64)>>,
    /// One layer of that run over time.
    pub(super) timeline: RwSignal<Option<Arc<Timeline>>>,
    /// Results of a sweep as they come, by value.
    pub(super) sweep: RwSignal<Swept>,
    /// Results of the experiments beside this one, by position.
    pub(super) compared: RwSignal<Swept>,
    /// Two parts of the requests, or why they cannot be shown.
    pub(super) versus: RwSignal<Option<Result<Arc<[Side; 2]>, String>>>,
    /// The requests that were put aside.
    pub(super) aside: RwSignal<Option<Arc<Info>>>,
    /// The runs of Figure 12.
    pub(super) paper: RwSignal<Option<Arc<Vec<PaperRun>>>>,
    /// The part of them that is done, while they run.
    pub(super) papering: RwSignal<Option<f64>>,
    /// Traces that the browser keeps, the newest first.
    pub(super) recent: RwSignal<Vec<Recent>>,
    /// Bytes of storage in use and allowed.
    pub(super) room: RwSignal<Option<(f64, f64)>>,
    /// Why the last trace could not be kept.
    pub(super) unkept: RwSignal<Option<String>>,
    /// A kept trace is being read.
    pub(super) restoring: RwSignal<bool>,
    /// An address of a trace that the reader must agree to first.
    pub(super) consent: RwSignal<Option<String>>,
    /// What is open over the page.
    pub(super) dialog: RwSignal<Option<Dialog>>,
    /// Something failed.
    pub(super) failure: RwSignal<Option<String>>,
    /// Dark appearance.
    pub(super) dark: RwSignal<bool>,
    /// Device pixels for one CSS pixel.
    pub(super) ratio: RwSignal<f64>,
    /// The workers; none if the browser starts none.
    pub(super) pool: StoredValue<Option<Pool>, LocalStorage>,
    /// How many workers read a load, for who measures them.
    pub(super) readers: RwSignal<usize>,
    /// The files that the loaded trace was read from.
    pub(super) files: StoredValue<Vec<Dropped>, LocalStorage>,
    /// Grows with every change of what is loaded or made.
    pub(super) generation: RwSignal<u32>,
}

impl Store {
    pub(super) fn new() -> Self {
        let dark = recall("theme").map_or_else(prefers_dark, |t| t == "dark");
        let (pool, failure) = match Pool::start() {
            Ok(pool) => (Some(pool), None),
            Err(why) => (None, Some(why)),
        };
        let experiment = RwSignal::<Experiment>::default();
        Self {
            experiment,
            settings: Memo::new(move |_| Experiment { layer: 0, ..experiment.get() }),
            unread: RwSignal::default(),
            trace: RwSignal::default(),
            made: RwSignal::default(),
            made_of: RwSignal::default(),
            issues: RwSignal::default(),
            loading: RwSignal::default(),
            glance: RwSignal::default(),
            overview: RwSignal::default(),
            layer: RwSignal::default(),
            details: RwSignal::default(),
            averaging: RwSignal::default(),
            report: RwSignal::default(),
            run: RwSignal::default(),
            running: RwSignal::default(),
            timeline: RwSignal::default(),
            sweep: RwSignal::default(),
            compared: RwSignal::default(),
            versus: RwSignal::default(),
            aside: RwSignal::default(),
            paper: RwSignal::default(),
            papering: RwSignal::default(),
            recent: RwSignal::default(),
            room: RwSignal::default(),
            unkept: RwSignal::default(),
            restoring: RwSignal::default(),
            consent: RwSignal::default(),
            dialog: RwSignal::default(),
            failure: RwSignal::new(failure),
            dark: RwSignal::new(dark),
            ratio: RwSignal::new(crate::web::pixel_ratio()),
            pool: StoredValue::new_local(pool),
            readers: RwSignal::new(usize::MAX),
            files: StoredValue::new_local(Vec::new()),
            generation: RwSignal::default(),
        }
    }

    /// Changes what is told of the load, while there is one.
    pub(super) fn tell_loading(self, change: impl FnOnce(&mut Loading)) {
        self.loading.update(|l| {
            if let Some(l) = l {
                change(l);
            }
        });
    }

    /// Whether that trace is loaded.
    pub(super) fn holds(self, digest: &str) -> bool {
        self.trace.with_untracked(|t| t.as_ref().is_some_and(|t| t.digest == digest))
    }

    /// Whether the browser keeps that trace.
    pub(super) fn keeps(self, digest: &str) -> bool {
        self.recent.with_untracked(|r| r.iter().any(|r| r.digest == digest))
    }

    /// Whether the figures show the loaded trace or the synthetic workload: the trace, if the experiment names it.
    pub(super) fn from(self) -> From {
        let named = self.settings.with(|e| e.trace.clone());
        let loaded = self.trace.with(|t| t.as_ref().is_some_and(|t| !named.is_empty() && t.digest == named));
        if loaded { From::Trace } else { From::Synthetic }
    }

    /// What makes a saved figure again: versions, experiment and digest of the requests.
    pub(super) fn stamp(self) -> String {
        let experiment = self.experiment.with_untracked(ToString::to_string);
        let digest = untrack(|| self.shown()).map_or_else(String::new, |i| i.digest.clone());
        let made = if untrack(|| self.from()) == From::Synthetic { ", synthetic workload" } else { "" };
        format!("moescope {}, experiment {experiment}, digest {digest}{made}", env!("CARGO_PKG_VERSION"))
    }

    /// What the figures show.
    pub(super) fn shown(self) -> Option<Arc<Info>> {
        match self.from() {
            From::Trace => self.trace.get(),
            From::Synthetic => self.made.get(),
        }
    }
}
