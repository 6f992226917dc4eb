//! The analyses, a row each, with the figures that show them. To add one is to write its file and its row here; the page, the
//! command line and the worker go through the rows and name none.
//!
//! The counting stays with [`Summary`]: its kernels go over the requests once for all analyses, and its tables have one form in
//! files. A row begins where counts are asked.

mod cache;
mod coactivation;
mod cross_layer;
mod cross_token;
mod entropy;
mod frequency;
mod mean;
mod phases;
mod repetition;
mod reuse;
mod subjects;

use std::cell::OnceCell;

use super::figure::{Data, Fact, Figure, Format};
use super::reading::{Told, reading};
use super::streams::streams;
use super::{
    DistanceCounts, Half, Kind, LayerCounts, Report, Setting, Square, Summary, frequency as count, transition,
};
use crate::model::{Request, Scope};

pub use mean::Mean;

/// All of them, in the order of the page.
pub const ANALYSES: &[Analysis] = &[
    frequency::ANALYSIS,
    entropy::ANALYSIS,
    cross_token::ANALYSIS,
    cross_layer::ANALYSIS,
    repetition::ANALYSIS,
    phases::ANALYSIS,
    reuse::ANALYSIS,
    cache::ANALYSIS,
    coactivation::ANALYSIS,
    subjects::ANALYSIS,
];

/// An analysis.
#[derive(Clone, Copy, Debug)]
pub struct Analysis {
    /// Its letter in docs/analyses.md.
    pub id: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it asks.
    pub says: &'static str,
    /// The observation of the paper that it measures (its id among [`super::observations()`]); empty if none.
    pub observed: &'static str,
    /// What a trace must have.
    pub needs: Needs,
    /// How it is shown.
    pub figures: &'static [Sketch],
}

/// A figure that has no numbers yet.
#[derive(Clone, Copy, Debug)]
pub struct Sketch {
    /// Name of the page's element and of saved files.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Definition and source. `{layer}`, `{stream}` and `{expert}` stand for what is shown.
    pub caption: &'static str,
    /// What it answers, as a reader would ask.
    pub question: &'static str,
    /// The questions that it stands with.
    pub group: Group,
    /// The form of its picture.
    pub form: Form,
    /// What the picture says here, with places for what is read off it ([`Sketch::reading`]).
    pub tells: &'static str,
    /// Wider than high; else about a square.
    pub wide: bool,
    /// Also a figure of the report, as the mean over layers where it is of one.
    pub listed: bool,
    /// What makes its numbers, and when.
    pub make: Make,
}

/// Questions that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Which experts are chosen.
    Experts,
    /// What follows from what.
    Next,
    /// For how long something is needed.
    Long,
    /// What is chosen together.
    Together,
    /// For which requests.
    Whom,
}

impl Group {
    /// All, in the order of the page.
    pub const EACH: [Group; 5] = [Group::Experts, Group::Next, Group::Long, Group::Together, Group::Whom];

    /// Its words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Group::Experts => "Which experts?",
            Group::Next => "What comes next?",
            Group::Long => "How long?",
            Group::Together => "Together",
            Group::Whom => "For whom?",
        }
    }
}

/// The form of a picture, for its mark in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Bars.
    Bars,
    /// A value for each layer.
    Levels,
    /// Points.
    Dots,
    /// Curves.
    Curve,
    /// What follows what.
    Matrix,
    /// What goes with what.
    Squares,
}

/// From what a figure is made. The order is that of their coming: a slider waits for the first alone.
#[derive(Clone, Copy, Debug)]
pub enum Make {
    /// From one layer, at every move of a slider: both ask and answer fit into a frame.
    Prompt(fn(&Layer) -> Made),
    /// From one layer, once the slider rests.
    Later(fn(&Layer) -> Made),
    /// From the counts of all layers.
    Whole(fn(&Whole) -> Made),
    /// From the report.
    Report(fn(&Report, &Setting) -> Made),
}

/// Numbers of a figure, or why there are none and what would help.
pub type Made = Result<Drawn, &'static str>;

/// Numbers of a figure, with their words.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// What is drawn.
    pub data: Data,
    /// What stands under the cursor, with places for what is there ([`Figure::under`]).
    pub says: &'static str,
    /// Single numbers that belong to it.
    pub facts: Vec<Fact>,
    /// The phase of the stream, for the caption.
    pub stream: &'static str,
}

impl Drawn {
    fn new(data: Data, says: &'static str) -> Self {
        Self { data, says, facts: Vec::new(), stream: "" }
    }
}

/// What an analysis needs of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Counts alone.
    Counts,
    /// The order of tokens.
    Order,
    /// Prefill and decode.
    Phases,
    /// Several experts a token.
    Pairs,
    /// Folders that name subjects.
    Subjects,
}

/// What a trace has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Has {
    /// Prompt tokens.
    pub prefill: u64,
    /// Generated tokens.
    pub decode: u64,
    /// Tokens of which nobody says what they are.
    pub unmarked: u64,
    /// Experts of a token.
    pub top_k: usize,
    /// Subjects that its folders name.
    pub subjects: usize,
}

impl Has {
    /// Of counts.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let [prefill, decode, unmarked] = summary.tokens;
        Self { prefill, decode, unmarked, top_k: summary.top_k, subjects: summary.subjects.len() }
    }
}

impl Needs {
    /// What is not there, and what would help.
    #[must_use]
    pub fn lacking(self, has: &Has) -> Option<&'static str> {
        const COUNTS: &str = "These are counts without an order of tokens. They tell frequency and skew; this figure needs a trace with the experts of each token.";
        let ordered = has.prefill + has.decode + has.unmarked > 0;
        match self {
            Needs::Order | Needs::Phases | Needs::Pairs if !ordered => Some(COUNTS),
            Needs::Phases if has.unmarked > 0 && has.prefill.min(has.decode) == 0 => Some(
                "The recording does not say which tokens are the prompt's, so the phases cannot be compared. The setting unmarked=first:N says it.",
            ),
            Needs::Phases if has.prefill == 0 => Some(
                "The trace has no prefill tokens, so the phases cannot be compared. A trace that holds the prompt's tokens too would tell.",
            ),
            Needs::Phases if has.decode == 0 => Some(
                "The trace has no decode tokens, so the phases cannot be compared. A trace that holds generated tokens too would tell.",
            ),
            Needs::Pairs if has.top_k == 1 => Some(
                "This model chooses one expert for each token (top-1), so no two experts are ever chosen together. Co-activation needs a trace with top-2 or more.",
            ),
            Needs::Subjects if has.subjects < 2 => Some(
                "The folders of this trace name fewer than two subjects. Folders such as llama4-mmlu-anatomy tell model, data set and subject.",
            ),
            _ => None,
        }
    }
}

/// One layer, of which figures share what they count.
pub struct Layer<'a> {
    /// The counts of all.
    pub summary: &'a Summary,
    /// The requests that are cached, by index: for what depends on the order of all tokens. None where counts are all there is.
    pub requests: &'a [Request],
    /// What the counts do not tell.
    pub setting: &'a Setting,
    /// Layer id.
    pub id: u32,
    /// Its counts.
    pub counts: &'a LayerCounts,
    /// Which tokens.
    pub scope: Scope,
    /// There is no next layer.
    pub last: bool,
    frequency: OnceCell<[Vec<u64>; 3]>,
    tokens: OnceCell<Square>,
    next: OnceCell<Square>,
}

impl<'a> Layer<'a> {
    /// The layer at a position.
    #[must_use]
    pub fn new(
        summary: &'a Summary,
        requests: &'a [Request],
        setting: &'a Setting,
        position: usize,
        scope: Scope,
    ) -> Option<Self> {
        let (&id, counts) = summary.layers.iter().nth(position)?;
        let last = position + 1 == summary.layers.len();
        let (frequency, tokens, next) = Default::default();
        Some(Self { summary, requests, setting, id, counts, scope, last, frequency, tokens, next })
    }

    /// Experts of a layer.
    #[must_use]
    pub fn experts(&self) -> usize {
        self.summary.experts
    }

    /// Tokens of each expert: in the scope, in prefill, in decode.
    #[must_use]
    pub fn frequency(&self) -> &[Vec<u64>; 3] {
        let of = |scope| count(self.counts, scope, Half::Both, self.experts());
        self.frequency.get_or_init(|| [self.scope, Scope::Prefill, Scope::Decode].map(of))
    }

    /// A table of transitions of one scope.
    #[must_use]
    pub fn table(&self, kind: Kind, scope: Scope) -> Square {
        transition(self.counts, kind, scope, Half::Both, self.experts())
    }

    /// To the next token.
    #[must_use]
    pub fn tokens(&self) -> &Square {
        self.tokens.get_or_init(|| self.table(Kind::CrossToken, self.scope))
    }

    /// To the next MoE layer.
    ///
    /// # Errors
    /// If this is the last one.
    pub fn next(&self) -> Result<&Square, &'static str> {
        if self.last {
            return Err("This is the last MoE layer, so there is no next one. Move the slider to an earlier layer.");
        }
        Ok(self.next.get_or_init(|| self.table(Kind::CrossLayer, self.scope)))
    }
}

/// All layers, of which figures share what they count.
pub struct Whole<'a> {
    /// The counts.
    pub summary: &'a Summary,
    /// What they do not tell.
    pub setting: &'a Setting,
    /// Which tokens.
    pub scope: Scope,
    streams: OnceCell<[(&'static str, DistanceCounts); 3]>,
}

impl<'a> Whole<'a> {
    /// All layers of a summary.
    #[must_use]
    pub fn new(summary: &'a Summary, setting: &'a Setting, scope: Scope) -> Self {
        Self { summary, setting, scope, streams: OnceCell::new() }
    }

    /// The streams of reuse, with their names.
    #[must_use]
    pub fn streams(&self) -> &[(&'static str, DistanceCounts); 3] {
        self.streams.get_or_init(|| streams(self.summary))
    }
}

/// All sketches with their analyses, in the order of the page.
pub fn sketches() -> impl Iterator<Item = (&'static Analysis, &'static Sketch)> {
    ANALYSES.iter().flat_map(|a| a.figures.iter().map(move |s| (a, s)))
}

/// The sketch of a name, with its analysis.
#[must_use]
pub fn sketch_named(id: &str) -> Option<(&'static Analysis, &'static Sketch)> {
    sketches().find(|(_, s)| s.id == id)
}

/// The figures of one layer: those that a slider waits for, or the others.
#[must_use]
#[inline(never)]
pub fn of_layer(layer: &Layer, prompt: bool) -> Vec<Figure> {
    let has = Has::of(layer.summary);
    let place = format!("layer {}", layer.id);
    let make = |(analysis, sketch): (&Analysis, &Sketch)| {
        let make = match sketch.make {
            Make::Prompt(make) if prompt => make,
            Make::Later(make) if !prompt => make,
            _ => return None,
        };
        let made = analysis.needs.lacking(&has).map_or_else(|| make(layer), Err);
        Some(sketch.figure(made, &place))
    };
    sketches().filter_map(make).collect()
}

/// One figure of a layer, by its name; none if it is of more than a layer.
#[must_use]
pub fn one_of_layer(layer: &Layer, id: &str) -> Option<Figure> {
    let (analysis, sketch) = sketch_named(id)?;
    let (Make::Prompt(make) | Make::Later(make)) = sketch.make else { return None };
    let made = analysis.needs.lacking(&Has::of(layer.summary)).map_or_else(|| make(layer), Err);
    Some(sketch.figure(made, &format!("layer {}", layer.id)))
}

/// The figures of all layers.
#[must_use]
#[inline(never)]
pub fn of_all(whole: &Whole) -> Vec<Figure> {
    let has = Has::of(whole.summary);
    let make = |(analysis, sketch): (&Analysis, &Sketch)| {
        let Make::Whole(make) = sketch.make else { return None };
        let made = analysis.needs.lacking(&has).map_or_else(|| make(whole), Err);
        Some(sketch.figure(made, ""))
    };
    sketches().filter_map(make).collect()
}

/// The figure with that name of all layers, if it is one.
#[must_use]
pub fn one_of_all(whole: &Whole, id: &str) -> Option<Figure> {
    let (_, sketch) = sketch_named(id)?;
    let Make::Whole(make) = sketch.make else { return None };
    Some(sketch.figure(make(whole), ""))
}

/// The figures of a report.
#[must_use]
pub fn of_report(report: &Report, setting: &Setting, has: &Has) -> Vec<Figure> {
    let make = |(analysis, sketch): (&Analysis, &Sketch)| {
        let Make::Report(make) = sketch.make else { return None };
        let made = analysis.needs.lacking(has).map_or_else(|| make(report, setting), Err);
        Some(sketch.figure(made, ""))
    };
    sketches().filter_map(make).collect()
}

impl Sketch {
    /// Whether it is of one layer.
    #[must_use]
    pub fn of_layer(&self) -> bool {
        matches!(self.make, Make::Prompt(_) | Make::Later(_))
    }

    /// What the picture says, in parts of which some are stressed; none if there is nothing to say. `place` is the layer.
    #[must_use]
    pub fn reading(&self, figure: &Figure, place: &str) -> Vec<Told> {
        reading(self.tells, figure, place)
    }

    /// The figure, with the place that its caption names.
    fn figure(&self, made: Made, place: &str) -> Figure {
        let (data, says, facts, stream) = match made {
            Ok(Drawn { data, says, facts, stream }) => (data, says, facts, stream),
            Err(why) => (Data::Empty(why.into()), "", Vec::new(), ""),
        };
        Figure {
            id: self.id.into(),
            title: self.title.into(),
            caption: self.caption.replace("{layer}", place).replace("{stream}", stream),
            data,
            says: says.into(),
            facts,
        }
    }
}

fn fact(id: &str, name: &str, value: Option<f64>, format: Format, beside: String) -> Fact {
    Fact { id: id.into(), name: name.into(), value: value.unwrap_or(f64::NAN), format, beside }
}

fn known(values: &[Option<f64>]) -> Vec<f64> {
    values.iter().map(|v| v.unwrap_or(f64::NAN)).collect()
}
