//! The six patterns: each a question, what the requests that are shown say, the paper's number beside it, and the picture that the
//! pattern has by nature. What one layer alone tells is asked for once the report says which layer that is.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::ending::other;
use super::line::{by_layer, strip};
use super::pictures::{self, SHOWN};
use crate::analysis::figure::Figure;
use crate::analysis::{Insight, Report};
use crate::experiment::View;
use crate::model::Scope;
use crate::protocol::{Asked, DataId, Figures, Origin, STRIP, Strongest, TokenStrip, jobs};
use crate::ui::figure::Missing;
use crate::ui::panels::{Found, drawn};
use crate::ui::query::Query;
use crate::ui::shell::link_to;
use crate::ui::store::{DATA_WORKER, Store};
use crate::units::{amount, percent, whole};

/// Answers about the layers in which the patterns are strongest.
#[derive(Clone, Copy)]
struct Layers {
    token: Query<Figures>,
    layer: Query<Figures>,
    pairs: Query<Figures>,
    subjects: Query<Figures>,
    strip: Query<Option<TokenStrip>>,
}

#[component]
pub(super) fn Patterns(store: Store, insights: Memo<Option<Vec<Insight>>>) -> impl IntoView {
    let layers = Layers {
        token: Query::new(),
        layer: Query::new(),
        pairs: Query::new(),
        subjects: Query::new(),
        strip: Query::new(),
    };
    let at = Memo::new(move |_| store.answers.report.with(|r| r.as_deref().map(Strongest::of)));
    let data = Memo::new(move |_| Some((store.data()?, store.loaded.generation.get())));
    Effect::new(move |_| ask(store, layers, data.get().map(|d| d.0), at.get()));
    let all = Shown { store, insights, layers, at };
    view! {
        <div id="insights">
            <h2 id="story-title" class="hidden">"Six patterns"</h2>
            {all.next_layer()}
            {all.next_token()}
            <section class="trio" aria-label="Three patterns">{all.phases()} {all.reuse()} {all.skew()}</section>
            {all.pairs()}
        </div>
    }
}

fn ask(store: Store, layers: Layers, of: Option<DataId>, at: Option<Strongest>) {
    let (Some(pool), Some(of), Some(at)) = (store.pool(), of, at) else {
        layers.token.clear();
        layers.layer.clear();
        layers.pairs.clear();
        layers.subjects.clear();
        return layers.strip.clear();
    };
    let figures = |query: Query<Figures>, asked: Option<Asked>| {
        let Some(asked) = asked else { return query.clear() };
        let (ticket, of) = (query.ask(&pool, &of), of.clone());
        spawn_local(async move {
            let job = jobs::Figures { of, asked, scope: Scope::All };
            ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, job).await);
        });
    };
    let wanted = at.figures();
    [layers.token, layers.layer, layers.pairs, layers.subjects]
        .into_iter()
        .zip(wanted)
        .for_each(|(q, a)| figures(q, a));
    let Some(position) = at.token else { return layers.strip.clear() };
    let ticket = layers.strip.ask(&pool, &of);
    spawn_local(async move {
        let job = jobs::Strip { of, position, tokens: STRIP };
        ticket.settle(store.chrome.failure, ticket.job(DATA_WORKER, job).await);
    });
}

/// What the patterns share.
#[derive(Clone, Copy)]
struct Shown {
    store: Store,
    insights: Memo<Option<Vec<Insight>>>,
    layers: Layers,
    at: Memo<Option<Strongest>>,
}

/// The named figure among some.
fn find(all: Option<Arc<Figures>>, id: &str) -> Option<Figure> {
    all?.all.iter().find(|f| f.id == id).cloned()
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

impl Shown {
    fn insight(self, at: usize) -> Option<Insight> {
        self.insights.with(|all| all.as_ref().and_then(|all| all.get(at).cloned()))
    }

    /// The name of the layer that a pattern is strongest in.
    fn layer(self, of: impl Fn(&Strongest) -> Option<usize>) -> Option<(usize, u32)> {
        let position = self.at.with(|a| a.as_ref().and_then(&of))?;
        let id = self.store.answers.report.with(|r| r.as_ref().and_then(|r| r.layer_ids.get(position).copied()))?;
        Some((position, id))
    }

    fn loads(self, position: usize) -> Option<Vec<f64>> {
        pictures::loads(&find(self.store.answers.overview.get(), "frequency-map")?, position)
    }

    /// A report's words, once it is there.
    fn told(self, tell: impl Fn(&Report) -> Option<String>) -> String {
        self.store.answers.report.with(|r| r.as_deref().and_then(&tell)).unwrap_or_default()
    }

    /// What is measured here beside the paper, and what a difference is likely to mean.
    fn beside(self, at: usize, observed: &'static str) -> AnyView {
        (move || {
            let insight = self.insight(at)?;
            let bar = insight.bars.iter().rev().find(|b| b.paper.is_some())?.clone();
            let value = |v: Option<f64>| v.map_or_else(|| "not measurable".to_string(), |v| amount(v, insight.times));
            let synthetic = self.store.origin() == Origin::Synthetic;
            let reading = self.told(|r| r.observations.iter().find(|o| o.id == observed && !o.reading.is_empty()).map(|o| o.reading.clone()));
            Some(view! {
                <dl class="beside">
                    <dt>{bar.what}</dt>
                    <dd><b class="n">{value(bar.value)}</b> " here"</dd>
                    <dd><i class="dia" aria-hidden="true"></i><b class="n">{value(bar.paper)}</b> " paper"</dd>
                    {(synthetic && bar.value.is_some()).then(|| view! { <dd><span class="badge" title="The synthetic workload was made to meet the paper\u{2019}s statistics: that it agrees is no evidence.">"fitted"</span></dd> })}
                    {(!reading.is_empty()).then(|| view! { <dd class="reading">{reading}</dd> })}
                </dl>
            })
        })
        .into_any()
    }

    fn lesson(self, at: usize) -> impl Fn() -> String + Copy {
        move || self.insight(at).map_or_else(String::new, |i| i.lesson)
    }

    fn next_layer(self) -> AnyView {
        let figure = Memo::new(move |_| {
            let (position, _) = self.layer(|s| s.layer)?;
            pictures::next_layer(
                "story-next-layer",
                &find(self.layers.layer.get(), "layer-map")?,
                &self.loads(position)?,
            )
        });
        let caption = Signal::derive(move || {
            let Some((_, id)) = self.layer(|s| s.layer) else { return String::new() };
            format!(
                "Chance of an expert in the MoE layer after layer {id}, given a token\u{2019}s expert in layer {id}, the layer where it tells most; its {SHOWN} hottest experts. Columns are arranged: each stands under the row that calls it most, of those left. Colours end where a tenth of the diagonal is beyond."
            )
        });
        let said = move || {
            self.told(|r| {
            let t = r.cross_layer.get("all")?;
            let (looked, blind) = (mean(&t.coverage_top)?, mean(&t.coverage_baseline)?);
            Some(format!("After a layer\u{2019}s busiest expert, the best fifth of the next layer\u{2019}s experts takes {} of its tokens. Without looking, the best fifth takes {}; chance is 20%.", whole(looked), whole(blind)))
        })
        };
        let line = move || {
            self.store.answers.report.with(|r| {
                let r = r.as_deref()?;
                by_layer(
                    &r.cross_layer.get("all")?.coverage_top,
                    &r.layer_ids,
                    Some(0.2),
                    "Tokens of the next layer covered by a fifth of its experts",
                )
            })
        };
        self.large(
            1,
            "next layer",
            "One layer tells what the next will need.",
            "Tokens that the best fifth of the next layer\u{2019}s experts takes, by layer.",
            0,
            "Ob1",
            said,
            line,
            move || {
                drawn(
                    self.store,
                    "story-next-layer",
                    "Which experts does a layer call in the next?",
                    caption,
                    tall,
                    move || figure.get().map(Found::Own),
                )
            },
            || None,
        )
    }

    fn next_token(self) -> AnyView {
        let figure = Memo::new(move |_| {
            let (position, _) = self.layer(|s| s.token)?;
            pictures::next_token(
                "story-next-token",
                &find(self.layers.token.get(), "token-map")?,
                &self.loads(position)?,
            )
        });
        let caption = Signal::derive(move || {
            let Some((_, id)) = self.layer(|s| s.token) else { return String::new() };
            format!(
                "Chance of the next token\u{2019}s expert, given this token\u{2019}s, in layer {id}, where it is strongest; its {SHOWN} hottest experts. The diagonal is an expert used again. Colours end where a tenth of the diagonal is beyond."
            )
        });
        let said = move || {
            self.told(|r| {
            let t = r.cross_token.get("joined")?;
            let values = t.diagonal_weighted.as_ref()?;
            let at = Strongest::of(r).token?;
            let (most, id) = (values.get(at).copied().flatten()?, r.layer_ids.get(at)?);
            let chance = r.top_k as f64 / r.experts.max(1) as f64;
            let all = mean(values)?;
            let lit = if all > 2.0 * chance { "Were routing chaos, the square would be flat. Its diagonal is lit" } else { "The diagonal is hardly lit here" };
            Some(format!("{lit}: in layer {id}, the strongest, {} of an expert\u{2019}s tokens are followed by one that uses it again. Over all layers it is {}, against {} by chance.", whole(most), whole(all), percent(chance)))
        })
        };
        let line = move || {
            self.store.answers.report.with(|r| {
                let r = r.as_deref()?;
                let chance = r.top_k as f64 / r.experts.max(1) as f64;
                by_layer(
                    r.cross_token.get("joined")?.diagonal_weighted.as_ref()?,
                    &r.layer_ids,
                    Some(chance),
                    "Experts used again by the next token",
                )
            })
        };
        let tokens = move || self.layers.strip.get().as_deref().cloned().flatten().map(|s| strip(&s));
        self.large(
            2,
            "next token",
            "The token before already asked for it.",
            "Experts that the next token uses again, by layer.",
            1,
            "Ob2",
            said,
            line,
            move || {
                drawn(self.store, "story-next-token", "Which expert follows which?", caption, tall, move || {
                    figure.get().map(Found::Own)
                })
            },
            tokens,
        )
    }

    /// A pattern beside a large picture.
    #[expect(clippy::too_many_arguments, reason = "what differs between the two, in the order of the page")]
    fn large(
        self,
        number: usize,
        name: &'static str,
        title: &'static str,
        under: &'static str,
        insight: usize,
        observed: &'static str,
        said: impl Fn() -> String + Send + 'static,
        line: impl Fn() -> Option<AnyView> + Send + 'static,
        picture: impl Fn() -> AnyView,
        below: impl Fn() -> Option<AnyView> + Send + 'static,
    ) -> AnyView {
        let fitted = move || {
            (self.store.origin() == Origin::Synthetic)
                .then_some(" The synthetic workload was given its statistics; drop a trace to see yours.")
        };
        view! {
            <section class="insight" data-part=(super::CHAPTERS + number).to_string()>
                <div class="chap">
                    <span class="no">{format!("pattern {number} · {name}")}</span>
                    <h2>{title}</h2>
                    <p>{said}</p>
                    <p>{self.lesson(insight)}</p>
                    {self.beside(insight, observed)}
                    <div class="small-line">{line}<p class="aside">{under} {fitted}</p></div>
                </div>
                <div class="stack">{picture()} {below}</div>
            </section>
        }
        .into_any()
    }

    /// A pattern as a card of three.
    fn card(self, number: usize, insight: usize, observed: &'static str, picture: AnyView) -> AnyView {
        view! {
            <div class="card" data-part=(super::CHAPTERS + number).to_string()>
                <span class="no">{format!("pattern {number}")}</span>
                {picture}
                <p class="lesson">{self.lesson(insight)}</p>
                {self.beside(insight, observed)}
            </div>
        }
        .into_any()
    }

    fn phases(self) -> AnyView {
        let caption = Signal::derive(move || self.insight(2).map_or_else(String::new, |i| i.answer));
        let picture =
            drawn(self.store, "story-phases", "Does the prompt predict the answer?", caption, card, move || {
                Some(Found::Own(self.insight(2)?.figure("story-phases", "Does the prompt predict the answer?")))
            });
        self.card(3, 2, "Ob3", picture)
    }

    fn reuse(self) -> AnyView {
        let caption = Signal::derive(move || self.insight(3).map_or_else(String::new, |i| i.answer));
        let figure =
            Memo::new(move |_| pictures::hits("story-reuse", &find(self.store.answers.overview.get(), "reuse-curve")?));
        let picture = drawn(self.store, "story-reuse", "How long do weights lie unused?", caption, card, move || {
            figure.get().map(Found::Own)
        });
        self.card(4, 3, "", picture)
    }

    fn skew(self) -> AnyView {
        let figure = Memo::new(move |_| {
            let (position, _) = self.layer(|s| s.skew)?;
            Some(pictures::skew("story-skew", &self.loads(position)?))
        });
        let caption = Signal::derive(move || {
            let Some((position, id)) = self.layer(|s| s.skew) else { return String::new() };
            self.told(|r| {
                let skews = &r.frequency.get("all")?.skew;
                let (most, all) = (skews.get(position).copied().flatten()?, mean(skews)?);
                Some(format!("Layer {id}, the most uneven of {}: its hottest expert takes {} its fair share. The mean over layers is {}.", skews.len(), amount(most, true), amount(all, true)))
            })
        });
        let picture = drawn(self.store, "story-skew", "How uneven is the load?", caption, card, move || {
            figure.get().map(Found::Own)
        });
        self.card(5, 4, "", picture)
    }

    fn pairs(self) -> AnyView {
        let figure = Memo::new(move |_| pictures::pairs("story-pairs", &find(self.layers.pairs.get(), "pair-map")?));
        let top = Memo::new(move |_| {
            self.store.answers.report.with(|r| r.as_ref().map(|r| (r.top_k, r.coactivation.is_some())))
        });
        let caption = Signal::derive(move || {
            let Some((_, id)) = self.layer(|s| s.pairs) else { return String::new() };
            format!(
                "How often two experts are chosen for one token in layer {id}, over the average pair: the experts of its strongest pairs, partners beside each other."
            )
        });
        let picture = move || {
            match top.get() {
            Some((1, _)) => view! { <Missing id="story-pairs" title="Which experts work together?" why="Top-1 routing has no pairs: a token uses one expert. A model with a top-k over 1 has them.".to_string() /> }.into_any(),
            Some((_, false)) => view! { <Missing id="story-pairs" title="Which experts work together?" why="These are counts without tokens, so nobody knows which experts were chosen together.".to_string() /> }.into_any(),
            _ => drawn(self.store, "story-pairs", "Which experts work together?", caption, tall, move || figure.get().map(Found::Own)),
        }
        };
        let shared = Memo::new(move |_| find(self.layers.subjects.get(), "subject-overlap"));
        let has = Memo::new(move |_| self.at.with(|a| a.as_ref().is_some_and(|a| a.subjects)));
        let words = Signal::derive(move || shared.with(|f| f.as_ref().map_or_else(String::new, |f| f.caption.clone())));
        let subjects = move || {
            has.get().then(|| {
                drawn(self.store, "story-subjects", "Do subjects share their experts?", words, tall, move || {
                    shared.get().map(Found::Own)
                })
            })
        };
        let said = move || self.insight(5).map_or_else(String::new, |i| i.answer);
        view! {
            <section class="insight" data-part=(super::CHAPTERS + 6).to_string()>
                <div class="chap">
                    <span class="no">"pattern 6 · together"</span>
                    <h2>"Who works together, and for whom."</h2>
                    <p>{said}</p>
                    <p>{self.lesson(5)}</p>
                    {self.beside(5, "Ob5")}
                    {move || top.get().filter(|t| t.0 == 1).and_then(|_| other(self.store, "deepseek-v3")).map(|link| view! { <p class="models"><span>"With pairs: "</span> {link}</p> })}
                    <p class="aside">{link_to(self.store, View::Explore, "", "more", "All analyses of all layers are in Explore")} "."</p>
                </div>
                <div class="stack two">{picture} {subjects}</div>
            </section>
        }
        .into_any()
    }
}

/// Heights of the pictures.
fn tall(width: f64) -> f64 {
    (width * 0.82).clamp(280.0, 600.0)
}

fn card(width: f64) -> f64 {
    (width * 0.66).clamp(210.0, 270.0)
}
