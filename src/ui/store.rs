//! What the page knows, by what it is about: the settings, what is loaded, the answers of the workers, the page itself.

use std::sync::Arc;

use leptos::prelude::*;

use super::query::{Failure, Query};
use crate::analysis::{Report, Small};
use crate::experiment::{Experiment, View};
use crate::format::{Issue, Told};
use crate::protocol::{CaseStudy, DataId, Figures, Info, Origin, PaperRun, PlaceReport, Question, RunReport, Side};
use crate::sim::Timeline;
use crate::web::{Dropped, Pool, prefers_dark, recall};

/// The worker that holds what is loaded and answers questions about it.
pub(super) const DATA_WORKER: usize = 0;
/// The worker that simulates.
pub(super) const SIMULATOR: usize = 1;

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

/// A trace that the browser has stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StoredTrace {
    /// Digest: its name in the storage.
    pub(super) digest: String,
    /// Name for people.
    pub(super) name: String,
    /// Bytes stored.
    pub(super) bytes: f64,
}

/// What is open over the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    Share,
    Keys,
    Palette,
    /// What is loaded: a sheet of its own, which keeps what is in it.
    Trace,
}

/// A run beside others: of a swept value, or of an experiment in a comparison.
#[derive(Clone)]
pub(super) struct Point {
    /// The value, or the position.
    pub(super) at: f64,
    /// Its result, or why there is none.
    pub(super) result: Result<Arc<RunReport>, String>,
}

/// What is loaded, and how it came to be.
#[derive(Clone, Copy)]
pub(super) struct Loaded {
    /// The loaded trace.
    pub(super) trace: RwSignal<Option<Arc<Info>>>,
    /// The synthetic workload.
    pub(super) synthetic: Query<Info>,
    /// Model and seed that it was made of.
    pub(super) synthetic_of: RwSignal<Option<(String, u64)>>,
    /// The requests that stand beside what is shown.
    pub(super) reference: Query<Info>,
    /// A load under way, of files or of a stored trace.
    pub(super) load: Query<()>,
    /// How far it is.
    pub(super) loading: RwSignal<Option<Loading>>,
    /// A stored trace is being read.
    pub(super) restoring: RwSignal<bool>,
    /// Figures of what is read so far of a long load.
    pub(super) glance: RwSignal<Option<Arc<Figures>>>,
    /// What was wrong in the last load, and whether anything came of it.
    pub(super) issues: RwSignal<(Vec<Issue>, bool)>,
    /// Traces that the browser has stored, the newest first; none as long as nobody has looked.
    pub(super) stored: RwSignal<Option<Vec<StoredTrace>>>,
    /// The trace that was read from files last: it is to be stored.
    pub(super) fresh: RwSignal<Option<Arc<Info>>>,
    /// Bytes of storage in use and allowed.
    pub(super) room: RwSignal<Option<(f64, f64)>>,
    /// Why the last trace could not be stored.
    pub(super) unstored: RwSignal<Option<String>>,
    /// How many workers read a load, for who measures them.
    pub(super) readers: RwSignal<usize>,
    /// What the last load left open.
    pub(super) questions: RwSignal<Vec<Question>>,
    /// The last load: where its files came from, they themselves, and what was told of them.
    pub(super) last: StoredValue<(String, Vec<Dropped>, Told), LocalStorage>,
    /// The files that the loaded trace was read from.
    pub(super) files: StoredValue<Vec<Dropped>, LocalStorage>,
    /// The reader's own placement, which is compared with the others.
    pub(super) placement: RwSignal<Option<Dropped>, LocalStorage>,
    /// Grows with every change of what the data worker holds.
    pub(super) generation: RwSignal<u32>,
}

/// Answers of the workers.
#[derive(Clone, Copy)]
pub(super) struct Answers {
    /// Figures of all layers.
    pub(super) overview: Query<Figures>,
    /// Figures of one layer.
    pub(super) layer: Query<Figures>,
    /// Further figures of that layer.
    pub(super) details: Query<Figures>,
    /// One figure of every layer, small, as they come.
    pub(super) every: Query<Vec<Small>>,
    /// All analyses of what is shown.
    pub(super) report: Query<Report>,
    /// The last result of the simulator.
    pub(super) run: Query<RunReport>,
    /// One layer of that run over time.
    pub(super) timeline: Query<Timeline>,
    /// Results of a sweep as they come, by value.
    pub(super) sweep: Query<Vec<Point>>,
    /// Results of the experiments beside this one, by position.
    pub(super) compared: Query<Vec<Point>>,
    /// Two parts of the requests, or why they cannot be shown.
    pub(super) versus: Query<Result<Arc<[Side; 2]>, String>>,
    /// Placements and dispatches compared.
    pub(super) placed: Query<PlaceReport>,
    /// The runs of Figure 12.
    pub(super) paper: Query<Vec<PaperRun>>,
    /// Figures 16 and 17.
    pub(super) case_study: Query<CaseStudy>,
}

/// The page itself.
#[derive(Clone, Copy)]
pub(super) struct Chrome {
    /// An address of a trace that the reader must agree to first.
    pub(super) consent: RwSignal<Option<String>>,
    /// What is open over the page.
    pub(super) dialog: RwSignal<Option<Dialog>>,
    /// Something failed.
    pub(super) failure: Failure,
    /// Dark appearance.
    pub(super) dark: RwSignal<bool>,
    /// Device pixels for one CSS pixel.
    pub(super) ratio: RwSignal<f64>,
}

/// Signals of the page. Copied freely: each is a handle.
#[derive(Clone, Copy)]
pub(super) struct Store {
    /// All settings.
    pub(super) experiment: RwSignal<Experiment>,
    /// It without the layer that the figures of the trace show: what does not follow its slider reads this.
    pub(super) settings: Memo<Experiment>,
    /// The settings without the step, layer and moment that are looked at: what figures of a whole run follow.
    pub(super) scene: Memo<Experiment>,
    /// Whether something was looked for by its name, in all views.
    pub(super) sought: RwSignal<bool>,
    /// Parts of the page whose code was fetched so far (what is found by its name is more then), and those on their way.
    pub(super) arrived: RwSignal<usize>,
    pub(super) coming: RwSignal<usize>,
    /// Views that were opened or looked through so far, by position: the work of the others has not begun.
    opened: Memo<[bool; View::EACH.len()]>,
    /// Parts of the address that were not understood.
    pub(super) unread: RwSignal<Vec<String>>,
    pub(super) loaded: Loaded,
    pub(super) answers: Answers,
    pub(super) chrome: Chrome,
    pool: StoredValue<Option<Pool>, LocalStorage>,
}

impl Store {
    pub(super) fn new() -> Self {
        let dark = own_colours();
        let (pool, failure) = match Pool::start() {
            Ok(pool) => (Some(pool), None),
            Err(why) => (None, Some(why)),
        };
        let experiment = RwSignal::<Experiment>::default();
        let settings = Memo::new(move |_| {
            let mut settings = experiment.get();
            settings.view.layer = 0;
            settings
        });
        let sought = RwSignal::new(false);
        Self {
            experiment,
            settings,
            scene: Memo::new(move |_| {
                let mut scene = settings.get();
                (scene.view.step, scene.view.simulated, scene.view.at) = (0, 0, 0);
                scene
            }),
            sought,
            arrived: RwSignal::new(0),
            coming: RwSignal::new(0),
            opened: Memo::new(move |before: Option<&[bool; View::EACH.len()]>| {
                let mut opened = if sought.get() { [true; _] } else { before.copied().unwrap_or_default() };
                opened[experiment.with(|e| e.view.view) as usize] = true;
                opened
            }),
            unread: RwSignal::default(),
            loaded: Loaded {
                trace: RwSignal::default(),
                synthetic: Query::new(),
                synthetic_of: RwSignal::default(),
                reference: Query::new(),
                load: Query::new(),
                loading: RwSignal::default(),
                restoring: RwSignal::default(),
                glance: RwSignal::default(),
                issues: RwSignal::default(),
                stored: RwSignal::default(),
                fresh: RwSignal::default(),
                room: RwSignal::default(),
                unstored: RwSignal::default(),
                readers: RwSignal::new(usize::MAX),
                questions: RwSignal::default(),
                last: StoredValue::new_local(Default::default()),
                files: StoredValue::new_local(Vec::new()),
                placement: RwSignal::new_local(None),
                generation: RwSignal::default(),
            },
            answers: Answers {
                overview: Query::new(),
                layer: Query::new(),
                details: Query::new(),
                every: Query::new(),
                report: Query::new(),
                run: Query::new(),
                timeline: Query::new(),
                sweep: Query::new(),
                compared: Query::new(),
                versus: Query::new(),
                placed: Query::new(),
                paper: Query::new(),
                case_study: Query::new(),
            },
            chrome: Chrome {
                consent: RwSignal::default(),
                dialog: RwSignal::default(),
                failure: RwSignal::new(failure),
                dark: RwSignal::new(dark),
                ratio: RwSignal::new(crate::web::pixel_ratio()),
            },
            pool: StoredValue::new_local(pool),
        }
    }

    /// Questions, loads and parts of the page that are under way.
    pub(super) fn asking(self) -> usize {
        let Answers {
            overview,
            layer,
            details,
            every,
            report,
            run,
            timeline,
            sweep,
            compared,
            versus,
            placed,
            paper,
            case_study,
        } = self.answers;
        let figures = [overview.progress(), layer.progress(), details.progress(), report.progress()];
        let runs = [run.progress(), timeline.progress(), sweep.progress(), compared.progress(), versus.progress()];
        let others = [
            every.progress(),
            case_study.progress(),
            placed.progress(),
            paper.progress(),
            self.loaded.load.progress(),
            self.loaded.synthetic.progress(),
        ];
        figures.into_iter().chain(runs).chain(others).flatten().count() + self.coming.get()
    }

    /// Whether a view was opened.
    pub(super) fn opened(self, view: View) -> bool {
        self.opened.with(|all| all[view as usize])
    }

    /// The workers; none if the browser starts none.
    pub(super) fn pool(self) -> Option<Pool> {
        self.pool.with_value(Clone::clone)
    }

    /// Whether the figures show the loaded trace or the synthetic workload: the trace, if the experiment names it.
    pub(super) fn origin(self) -> Origin {
        let named = self.scene.with(|e| e.workload.trace.clone());
        let loaded = self.loaded.trace.with(|t| t.as_ref().is_some_and(|t| !named.is_empty() && t.digest == named));
        if loaded { Origin::Trace } else { Origin::Synthetic }
    }

    /// What the figures show.
    pub(super) fn shown(self) -> Option<Arc<Info>> {
        match self.origin() {
            Origin::Trace => self.loaded.trace.get(),
            Origin::Synthetic => self.loaded.synthetic.get(),
        }
    }

    /// Its identity: every question about it says it.
    pub(super) fn data(self) -> Option<DataId> {
        self.shown().map(|info| DataId::of(&info))
    }

    /// What makes a saved figure again: versions, experiment and digest of the requests.
    pub(super) fn stamp(self) -> String {
        let experiment = self.experiment.with_untracked(ToString::to_string);
        let digest = untrack(|| self.shown()).map_or_else(String::new, |i| i.digest.clone());
        let kind = if untrack(|| self.origin()) == Origin::Synthetic { ", synthetic workload" } else { "" };
        format!("moescope {}, experiment {experiment}, digest {digest}{kind}", env!("CARGO_PKG_VERSION"))
    }
}

/// Whether the page is dark if nothing but the reader decides: the last choice, else what the system asks for.
pub(super) fn own_colours() -> bool {
    recall("theme").map_or_else(prefers_dark, |t| t == "dark")
}

impl Loaded {
    /// Changes what is told of the load, while there is one.
    pub(super) fn tell(self, change: impl FnOnce(&mut Loading)) {
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

    /// Whether the browser has stored that trace.
    pub(super) fn stores(self, digest: &str) -> bool {
        self.stored.with(|s| s.iter().flatten().any(|s| s.digest == digest))
    }
}
