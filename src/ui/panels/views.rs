//! Any figure of the analyses, by its row of the registry: its data from the worker, drawn, told under the cursor and as a table.
//! Nothing here knows which analyses there are. And the matrices and tables of the other parts.

use std::ops::Deref;
use std::sync::Arc;

use leptos::prelude::*;

use crate::analysis::figure::Figure as Data;
use crate::analysis::registry::{Analysis, Has, Make, Sketch};
use crate::analysis::{Caches, Report, Table};
use crate::model::default_model;
use crate::plot::{Axis, Heatmap, Overlay, picture};
use crate::protocol::{Figures, Info, Origin};
use crate::ui::figure::{Figure, Missing, square, wide};
use crate::ui::store::Store;
use crate::units::bytes;

/// A figure within the answer that it came with.
#[expect(clippy::large_enum_variant, reason = "one is made for a figure that is drawn, and none is kept")]
pub(crate) enum Found {
    /// Of a worker's figures.
    Of(Arc<Figures>, usize),
    /// Of a report's.
    Listed(Arc<Report>, usize),
    /// Alone.
    Own(Data),
}

impl Deref for Found {
    type Target = Data;

    fn deref(&self) -> &Data {
        match self {
            Found::Of(all, at) => &all.all[*at],
            Found::Listed(report, at) => &report.figures[*at],
            Found::Own(figure) => figure,
        }
    }
}

impl Found {
    /// The first of some.
    pub(super) fn first(all: Arc<Figures>) -> Option<Self> {
        (!all.all.is_empty()).then_some(Found::Of(all, 0))
    }

    /// The one with a name.
    pub(crate) fn named(all: Arc<Figures>, id: &str) -> Option<Self> {
        let at = all.all.iter().position(|f| f.id == id)?;
        Some(Found::Of(all, at))
    }

    /// The one that a sketch has become.
    pub(super) fn of(store: Store, sketch: &Sketch) -> Option<Self> {
        match sketch.make {
            Make::Prompt(_) => Self::named(store.answers.layer.get()?, sketch.id),
            Make::Later(_) => Self::named(store.answers.details.get()?, sketch.id),
            Make::Whole(_) => Self::named(store.answers.overview.get()?, sketch.id),
            Make::Report(_) => {
                let report = store.answers.report.get()?;
                let at = report.figures.iter().position(|f| f.id == sketch.id)?;
                Some(Found::Listed(report, at))
            }
        }
    }
}

impl Found {
    /// The layer that it is of, in words.
    pub(super) fn place(&self) -> String {
        match self {
            Found::Of(all, _) => all.layer.map_or_else(|| "the mean of all layers".into(), |id| format!("layer {id}")),
            Found::Listed(..) | Found::Own(_) => String::new(),
        }
    }
}

/// What a trace lacks for an analysis.
pub(super) fn lacks(analysis: &Analysis, i: &Info) -> Option<&'static str> {
    let (prefill, decode, unmarked) = (i.prefill, i.decode, i.unmarked);
    analysis.needs.lacking(&Has { prefill, decode, unmarked, top_k: i.top_k, subjects: i.labels.len() })
}

/// Why a figure cannot be shown, if so.
pub(super) fn why_not(store: Store, analysis: &'static Analysis, sketch: &'static Sketch) -> Memo<Option<String>> {
    Memo::new(move |_| {
        let empty = || Found::of(store, sketch).and_then(|f| f.empty().map(ToString::to_string));
        store.shown().and_then(|i| lacks(analysis, &i)).map(ToString::to_string).or_else(empty)
    })
}

/// The caches of a die as it is set; none where an expert's size is not known.
pub(crate) fn caches(store: Store) -> Option<Caches> {
    let own = match store.origin() {
        Origin::Trace => store.shown()?.model.clone(),
        Origin::Synthetic => Some(default_model().name.into()),
    };
    store.scene.with(|e| {
        let of = e.of_model(own.as_deref()).ok()?;
        Some(Caches::of(e.system(), &e.hardware(), of.preset().expert_bytes(e.run.weight)))
    })
}

/// The figure of a sketch, or in its place the words why this trace cannot fill it.
pub(super) fn shown(store: Store, analysis: &'static Analysis, sketch: &'static Sketch) -> AnyView {
    let (id, title) = (sketch.id, sketch.title);
    let why = why_not(store, analysis, sketch);
    let caption = Signal::derive(move || {
        // Words of about the same length, until they are known.
        let usual = || sketch.caption.replace("{layer}", "this layer").replace("{stream}", "decode");
        let words = Found::of(store, sketch).map_or_else(usual, |f| f.caption.clone());
        if words.contains("{expert}") {
            caches(store).map_or_else(
                || {
                    "How large an expert is, and so what a die holds, is not known of this model: the trace\u{2019}s sheet asks for it."
                        .into()
                },
                |c| words.replace("{expert}", &bytes(c.expert)),
            )
        } else {
            words
        }
    });
    (move || match why.get() {
        Some(why) => view! { <Missing id title why /> }.into_any(),
        None => {
            let height = if sketch.wide { wide } else { square };
            drawn(store, id, title, caption, height, move || Found::of(store, sketch))
        }
    })
    .into_any()
}

/// A figure that is data.
pub(crate) fn drawn(
    store: Store,
    id: &'static str,
    title: &'static str,
    caption: Signal<String>,
    height: fn(f64) -> f64,
    found: impl Fn() -> Option<Found> + Copy + 'static,
) -> AnyView {
    let position = Memo::new(move |_| store.experiment.with(|e| (!e.view.mean).then_some(e.view.layer)));
    // Only what shows layers or capacities is drawn anew when they change.
    let overlay = move |f: &Data| Overlay {
        layer: if f.has_layers() { position.get() } else { None },
        caches: if f.has_capacity() { caches(store) } else { None },
    };
    let under = move |x, y| {
        let figure = found()?;
        figure.under(x, y, caches(store).filter(|_| figure.has_capacity()).map(|c| c.expert))
    };
    view! {
        <Figure
            store
            id
            title
            caption
            height
            chart=move || found().and_then(|f| picture(&f, &overlay(&f)))
            hover=move |x, y| untrack(|| under(x, y))
            csv=move || found().map_or_else(String::new, |f| Table::of(&f).csv())
        />
    }
    .into_any()
}

/// Lines of a table.
pub(super) fn table<T>(head: &str, rows: impl IntoIterator<Item = T>, mut line: impl FnMut(&mut String, T)) -> String {
    let mut text = format!("{head}\n");
    rows.into_iter().for_each(|row| line(&mut text, row));
    text
}

/// An expert × expert matrix.
pub(super) fn matrix(values: &[f32], columns: usize, [x, y]: [&str; 2], unit: &str) -> Heatmap {
    let max = values.iter().copied().filter(|v| !v.is_nan()).fold(0.0f32, |a, v| a.max(v.abs()));
    Heatmap {
        values: values.to_vec(),
        columns,
        max: if max > 0.0 { f64::from(max) } else { 1.0 },
        x: Axis::cells(x, columns),
        y: Axis::cells(y, values.len() / columns.max(1)),
        unit: unit.into(),
        diverging: false,
        marked: None,
    }
}
