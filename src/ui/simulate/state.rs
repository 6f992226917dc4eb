//! What the simulator's view knows beside the settings: the film's clock, what is being broken, the second strategy's layer, runs that
//! were pinned. It lasts as long as the page; what should last longer is in the address.

use std::sync::Arc;

use leptos::prelude::*;

use crate::experiment::{Experiment, key_named, keys};
use crate::model::Topology;
use crate::protocol::RunReport;
use crate::sim::{Strategy, Timeline};
use crate::ui::query::Query;
use crate::ui::selection::timeline;
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::web::{now, prefers_still};

use super::film::Film;

/// The clock's whole.
pub(super) const WHOLE: f64 = 1000.0;
/// How long the film of a layer lasts, milliseconds.
const LASTS: f64 = 9000.0;

/// A run that was kept to compare with.
#[derive(Clone)]
pub(super) struct Pin {
    /// What the reader calls it, or its number.
    pub(super) name: String,
    pub(super) report: Arc<RunReport>,
}

/// Signals of the view. Copied freely: each is a handle.
#[derive(Clone, Copy)]
pub(super) struct Sim {
    pub(super) store: Store,
    pub(super) topology: Memo<Arc<Topology>>,
    /// The film's clock, in thousandths of the layer; 0 shows the whole run.
    pub(super) at: RwSignal<f64>,
    /// Whether a moment is drawn, and not the whole run.
    moment: Memo<bool>,
    pub(super) playing: RwSignal<bool>,
    /// Clicks break and mend.
    pub(super) breaking: RwSignal<bool>,
    /// The films of both strategies.
    pub(super) films: [Memo<Option<Arc<Film>>>; 2],
    pub(super) pins: RwSignal<Vec<Pin>>,
    /// What would be with twice the resource that limits the run.
    pub(super) twice: Query<RunReport>,
    /// Part of the layer's time that is drawn below, from and to, of 1.
    pub(super) span: RwSignal<(f64, f64)>,
    /// The rail is open, on a phone.
    pub(super) setup: RwSignal<bool>,
}

impl Sim {
    pub(super) fn new(store: Store) -> Self {
        let topology = crate::ui::selection::topology(store);
        let second = Query::<Timeline>::new();
        let dies = move || store.scene.with(|e| e.hardware().mesh.dies());
        let first = Memo::new(move |_| timeline(store).map(|t| Arc::new(Film::of(t, &topology.get()))));
        let other = Memo::new(move |_| {
            let t = second.get().filter(|t| t.dies == dies())?;
            store.scene.with(|e| e.view.beside).map(|_| Arc::new(Film::of(t, &topology.get())))
        });
        let at = RwSignal::new(0.0);
        let sim = Self {
            store,
            topology,
            at,
            moment: Memo::new(move |_| at.with(|at| *at > 0.0)),
            playing: RwSignal::new(false),
            breaking: RwSignal::new(false),
            films: [first, other],
            pins: RwSignal::default(),
            twice: Query::new(),
            span: RwSignal::new((0.0, 1.0)),
            setup: RwSignal::new(false),
        };
        let wanted = Memo::new(move |_| store.settings.with(|e| e.view.at));
        Effect::new(move |_| {
            let wanted = wanted.get();
            if !sim.playing.get_untracked() {
                sim.at.set(wanted as f64);
            }
        });
        // Another layer is drawn whole.
        let of = Memo::new(move |_| store.settings.with(|e| (e.view.step, e.view.simulated)));
        Effect::new(move |_| {
            of.track();
            sim.span.set((0.0, 1.0));
        });
        // What another setting would do is of these settings alone.
        Effect::new(move |_| {
            store.answers.run.with(|_| ());
            sim.twice.clear();
        });
        // The second strategy's layer comes after the first's.
        let beside =
            Memo::new(move |_| store.settings.with(|e| e.view.beside.map(|s| (s, e.view.step, e.view.simulated))));
        let there = Memo::new(move |_| store.data().filter(|_| timeline(store).is_some()));
        Effect::new(move |_| {
            let Some((show, ..)) = beside.get() else { return second.clear() };
            let mut experiment = store.experiment.get_untracked();
            experiment.view.show = show;
            crate::ui::runs::timeline_of(store, second, there.get(), experiment);
        });
        sim
    }

    /// The strategies whose wafers are drawn: the shown one, and the one beside it.
    pub(super) fn shown(self) -> (Strategy, Option<Strategy>) {
        self.store.scene.with(|e| (e.view.show, e.view.beside.filter(|b| *b != e.view.show)))
    }

    /// Whether a moment is drawn, and not the whole run.
    pub(super) fn moment(self) -> bool {
        self.moment.get()
    }

    /// The layer that is drawn over time: its position and its id.
    pub(super) fn layer(self) -> Option<(usize, u32)> {
        let run = self.store.answers.run.get()?;
        let at = self.store.settings.with(|e| e.view.simulated).min(run.layers.len().saturating_sub(1));
        run.layers.get(at).map(|&id| (at, id))
    }

    /// Seconds of the clock: of the longer layer, if two are drawn.
    pub(super) fn long(self) -> f64 {
        self.films.iter().filter_map(|f| f.with(|f| f.as_ref().map(|f| f.timeline.seconds))).fold(0.0, f64::max)
    }

    /// How far a strategy's layer is, of 1; more once it is done and another still runs.
    pub(super) fn reached(self, which: usize) -> f64 {
        let own = self.films[which].with(|f| f.as_ref().map_or(0.0, |f| f.timeline.seconds));
        self.at.get() / WHOLE * if own > 0.0 { self.long() / own } else { 1.0 }
    }

    /// Moves the clock, and writes the address once it rests.
    pub(super) fn seek(self, to: f64) {
        let to = to.clamp(0.0, WHOLE);
        self.at.set(to);
        change(self.store, false, |e| e.view.at = crate::units::floor(to + 0.5));
    }

    /// Where the film opens: most links move something there.
    pub(super) fn middle(self) -> f64 {
        let film = self.films[0].get_untracked();
        let long = untrack(|| self.long()).max(1e-30);
        film.map_or(WHOLE * 0.4, |f| f.middle() * f.timeline.seconds / long * WHOLE).clamp(1.0, WHOLE - 1.0)
    }

    pub(super) fn pause(self) {
        self.playing.set(false);
        self.seek(self.at.get_untracked());
    }

    /// Plays on, or stops.
    pub(super) fn turn(self) {
        if self.playing.get_untracked() {
            return self.pause();
        }
        let at = self.at.get_untracked();
        if at <= 0.0 {
            self.at.set(self.middle());
        } else if at >= WHOLE {
            self.at.set(1.0);
        }
        self.playing.set(true);
        if prefers_still() { self.step() } else { self.frame(now()) }
    }

    /// One frame of the film, and the next.
    fn frame(self, before: f64) {
        request_animation_frame(move || {
            if self.playing.try_get_untracked() != Some(true) {
                return;
            }
            let time = now();
            let at = self.at.get_untracked() + (time - before).clamp(0.0, 100.0) * WHOLE / LASTS;
            self.at.set(at.min(WHOLE));
            if at >= WHOLE { self.pause() } else { self.frame(time) }
        });
    }

    /// For whoever wants no motion: twenty pictures.
    fn step(self) {
        set_timeout(
            move || {
                if self.playing.try_get_untracked() != Some(true) {
                    return;
                }
                let at = self.at.get_untracked() + WHOLE / 20.0;
                self.at.set(at.min(WHOLE));
                if at >= WHOLE { self.pause() } else { self.step() }
            },
            std::time::Duration::from_millis(600),
        );
    }
}

/// The settings of a run in which two experiments differ, in words.
pub(super) fn differences(of: &str, from: &str) -> Vec<String> {
    let [of, from] = [of, from].map(|text| Experiment::parse(text).0.run_key());
    let differs = |k: &&crate::experiment::Key| (k.get)(&of) != (k.get)(&from);
    let words = |k: &crate::experiment::Key| {
        let value = (k.get)(&of);
        format!("{} {}", k.name, if value.is_empty() { "as the preset" } else { &value })
    };
    keys().iter().filter(differs).map(words).collect()
}

/// Name for people of a field, without its unit, and the unit.
pub(super) fn named(words: &'static str) -> (&'static str, &'static str) {
    words.rsplit_once(", ").unwrap_or((words, ""))
}

/// What the address has for a setting.
pub(super) fn value_of(experiment: &Experiment, name: &str) -> String {
    key_named(name).map(|k| (k.get)(experiment)).unwrap_or_default()
}
