//! The clock of the race. One loop of animation frames sets a few attributes; nothing of it is reactive, because sixty times a second
//! hundreds of nodes would be asked what they show.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use leptos::leptos_dom::helpers::{AnimationFrameRequestHandle, request_animation_frame_with_handle};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::Element;

use crate::plot::race::{FILM, Race, big, clock, gauges, small, state_words};
use crate::plot::wafer::Grid;
use crate::web::{now, prefers_still};

/// How long it stands still when the first is done, milliseconds.
const PAUSE: f64 = 1_500.0;

/// A wafer that the film fills.
struct Wafer {
    lane: usize,
    grid: Grid,
    inset: f64,
    path: Element,
    holder: Element,
    caption: Option<Element>,
}

/// What the film changes of a lane.
struct Row {
    bar: web_sys::HtmlElement,
    rest: web_sys::HtmlElement,
    watch: Element,
    row: Element,
}

struct State {
    race: Arc<Race>,
    wafers: Vec<Wafer>,
    rows: Vec<Row>,
    lanes: Element,
    clock: Element,
    scrub: web_sys::HtmlInputElement,
    /// The end of the axis of speedups.
    to: f64,
    /// Seconds of the batch.
    at: f64,
    /// Milliseconds that it still stands still.
    hold: f64,
    last: f64,
    playing: RwSignal<bool>,
    frame: Option<AnimationFrameRequestHandle>,
}

/// A film of a race, in the elements of its stage.
#[derive(Clone)]
pub(super) struct Film(Rc<RefCell<State>>);

impl Film {
    /// Finds what it changes below an element; none if something is missing there.
    pub(super) fn of(race: &Arc<Race>, root: &Element, to: f64, playing: RwSignal<bool>) -> Option<Self> {
        let one = |at: &Element, name: &str| at.query_selector(&format!("[data-film=\"{name}\"]")).ok().flatten();
        let html = |e: Element| e.dyn_into::<web_sys::HtmlElement>().ok();
        let last = race.lanes.len() - 1;
        let mut wafers = Vec::new();
        let pair =
            race.pair().map(|l| race.lanes.iter().position(|m| m.run.strategy == l.run.strategy).unwrap_or(last));
        for (name, lane) in ["left", "right"].into_iter().zip(pair) {
            let Some(holder) = one(root, name) else { continue };
            let grid = big(race);
            let path = one(&holder, "path")?;
            let caption = one(&holder, "caption");
            wafers.push(Wafer { lane, grid, inset: grid.tile * 0.07, path, holder, caption });
        }
        let mut rows = Vec::new();
        for lane in 0..race.lanes.len() {
            let row = one(root, &format!("lane-{lane}"))?;
            if let Some(path) = one(&row, "path") {
                wafers.push(Wafer { lane, grid: small(race), inset: 0.0, path, holder: row.clone(), caption: None });
            }
            let (bar, rest) = (html(one(&row, "bar")?)?, html(one(&row, "rest")?)?);
            rows.push(Row { bar, rest, watch: one(&row, "watch")?, row });
        }
        let scrub = one(root, "scrub")?.dyn_into().ok()?;
        let (lanes, clock) = (one(root, "lanes")?, one(root, "clock")?);
        let race = Arc::clone(race);
        let (at, hold, last, frame) = (0.0, 0.0, 0.0, None);
        let state = State { race, wafers, rows, lanes, clock, scrub, to, at, hold, last, playing, frame };
        Some(Self(Rc::new(RefCell::new(state))))
    }

    /// Plays on, or from the start if it was at the end.
    pub(super) fn play(&self) {
        {
            let mut s = self.0.borrow_mut();
            if s.at >= s.race.times()[1] {
                s.at = 0.0;
            }
            (s.hold, s.last) = (0.0, now());
            s.playing.set(true);
        }
        self.next();
    }

    /// Stands still.
    pub(super) fn stop(&self) {
        let mut s = self.0.borrow_mut();
        if let Some(frame) = s.frame.take() {
            frame.cancel();
        }
        if s.playing.try_get_untracked() == Some(true) {
            s.playing.set(false);
        }
    }

    /// Shows a moment.
    pub(super) fn show(&self, seconds: f64) {
        let mut s = self.0.borrow_mut();
        s.at = seconds.clamp(0.0, s.race.times()[1]);
        s.paint();
    }

    /// The moment that is shown, in thousandths of the whole.
    pub(super) fn moment(&self) -> usize {
        let s = self.0.borrow();
        crate::units::floor(s.at / s.race.times()[1] * 1e3 + 0.5)
    }

    fn next(&self) {
        let film = self.clone();
        let frame = request_animation_frame_with_handle(move || film.step()).ok();
        self.0.borrow_mut().frame = frame;
    }

    fn step(&self) {
        let goes_on = {
            let mut s = self.0.borrow_mut();
            let time = now();
            // A page that was out of sight does not jump.
            let passed = (time - s.last).clamp(0.0, 100.0);
            s.last = time;
            s.advance(passed);
            s.paint();
            s.at < s.race.times()[1]
        };
        if goes_on { self.next() } else { self.stop() }
    }
}

impl State {
    fn advance(&mut self, passed: f64) {
        if self.hold > 0.0 {
            self.hold -= passed;
            return;
        }
        let [first, whole] = self.race.times();
        let before = self.at;
        self.at = (before + passed / FILM * whole).min(whole);
        if before < first && self.at >= first && first < whole {
            (self.at, self.hold) = (first, PAUSE);
        }
    }

    /// The moment that is drawn: without motion a film goes layer by layer.
    fn drawn(&self) -> f64 {
        let [first, whole] = self.race.times();
        if !prefers_still() || !self.playing.get_untracked() || self.at >= whole || self.at == first {
            return self.at;
        }
        let step = whole / self.race.report.layers.len().max(1) as f64;
        libm::floor(self.at / step) * step
    }

    fn paint(&self) {
        let (race, at) = (&self.race, self.drawn());
        let [first, whole] = race.times();
        for wafer in &self.wafers {
            let run = &race.lanes[wafer.lane].run;
            let _ = wafer.path.set_attribute("d", &gauges(&wafer.grid, wafer.inset, &race.done(run, at)));
            let done = at >= run.seconds;
            let _ = wafer.holder.class_list().toggle_with_force("done", done);
            if let Some(caption) = &wafer.caption {
                caption.set_text_content(Some(&state_words(race, &race.lanes[wafer.lane], at)));
            }
        }
        // At the first finish each bar is as long as its speedup; what is done after that is paler.
        let winner = race.best().speedup;
        for (lane, row) in race.lanes.iter().zip(&self.rows) {
            let share = (at / lane.run.seconds).min(1.0);
            let length = share * winner;
            let part = |x: f64| format!("width:{:.2}%", x.min(self.to) / self.to * 100.0);
            let _ = row.bar.set_attribute("style", &part(length.min(lane.speedup)));
            let _ = row.rest.set_attribute("style", &part(length));
            let done = at >= lane.run.seconds;
            let (number, _) = clock(race, at.min(lane.run.seconds));
            row.watch.set_text_content(Some(&if done { number } else { format!("{number}…") }));
            let _ = row.row.class_list().toggle_with_force("done", done);
        }
        let _ = self.lanes.class_list().toggle_with_force("won", at >= first);
        let (number, unit) = clock(race, at);
        if let Some(text) = self.clock.first_child() {
            text.set_text_content(Some(&number));
        }
        let part = at / whole;
        self.scrub.set_value(&format!("{:.0}", part * 1e3));
        let _ = self.scrub.set_attribute("aria-valuetext", &format!("{number} {unit}"));
        let _ = self.scrub.set_attribute("style", &format!("--at:{:.2}%", part * 100.0));
    }
}
