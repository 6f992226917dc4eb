//! Side by side: two parts of the requests, or two traces, with their difference; and experiments that differ in some settings.

use std::fmt::Write;
use std::sync::Arc;

use leptos::prelude::*;

use super::views::{matrix, table};
use crate::analysis::{overlap, spearman};
use crate::experiment::{PairMap, Subset, Variant};
use crate::model::SYSTEMS;
use crate::place::PLACEMENTS;
use crate::plot::{Axis, Bar, Bars, Chart, Heatmap};
use crate::protocol::{Origin, RunReport, Side};
use crate::synth::synthetic_models;
use crate::ui::controls::{Choice, Number};
use crate::ui::figure::{Figure, square, wide};
use crate::ui::runs::set_reference;
use crate::ui::selection::unsimulated;
use crate::ui::settings::{change, get, set};
use crate::ui::store::Store;
use crate::units::{floor, grouped, percent, significant};

/// Two parts of the requests.
#[component]
pub(crate) fn Requests(store: Store) -> impl IntoView {
    let parts = Memo::new(move |_| {
        let mut all = vec![Subset::All, Subset::Even, Subset::Odd];
        if let Some(info) = store.shown() {
            let labels = if info.labels.len() > 1 { &info.labels[..] } else { &[] };
            let sets = labels.iter().map(|l| Subset::Dataset(l.dataset.clone()));
            let subjects = labels.iter().map(|l| Subset::Subject(l.subject.clone()));
            for part in sets.chain(subjects) {
                // A subject that two data sets share is one.
                if !part.words().is_empty() && !all.contains(&part) {
                    all.push(part);
                }
            }
        }
        if store.loaded.reference.with(Option::is_some) {
            all.push(Subset::Reference);
        }
        all.into_iter().map(|s| (s.to_string(), s.words().replace('_', " "))).collect::<Vec<_>>()
    });
    let right = Signal::derive(move || {
        let mut all = vec![(String::new(), "nothing".to_string())];
        all.extend(parts.get());
        all
    });
    let maps = Signal::derive(|| {
        let words = ["what the next token uses", "what the next layer uses", "experts used together"];
        PairMap::EACH.iter().zip(words).map(|(m, w)| (m.name().to_string(), w.to_string())).collect()
    });
    let reference = move || {
        store.loaded.reference.get().map(|info| {
            let what = if info.synthetic { "a synthetic workload" } else { "a trace" };
            format!("Pinned: {what} of {} requests, digest {}.", grouped(info.requests), info.digest)
        })
    };
    let body = move || match &*store.answers.versus.get()? {
        Ok(sides) => Some(
            view! {
                {numbers(sides)}
                <div class="figures three">{maps_of(store, 0)} {maps_of(store, 1)} {difference(store)}</div>
            }
            .into_any(),
        ),
        Err(why) => Some(view! { <p class="status" role="alert">{why.clone()}</p> }.into_any()),
    };
    view! {
        <h3 class="sub">"Two parts of the requests, or two traces"</h3>
        <p class="aside">"Same layer, same tokens, same colours. To compare two traces, pin the first and drop the second."</p>
        <div class="tools">
            <Choice id="left" label="Left" options=parts value=get(store, "left") on_change=move |v| drop(set(store, "left", &v)) />
            <Choice id="right" label="Right" options=right value=get(store, "right") on_change=move |v| drop(set(store, "right", &v)) />
            <Choice id="map" label="Figure" options=maps value=get(store, "map") on_change=move |v| drop(set(store, "map", &v)) />
            <button type="button" id="set-aside" on:click=move |_| set_reference(store) prop:disabled=move || store.shown().is_none()>"Pin as reference"</button>
            <p class="aside" role="status">{reference}</p>
        </div>
        {body}
    }
}

/// Numbers of both sides, and how alike they are.
fn numbers(sides: &[Side; 2]) -> AnyView {
    let row = |name: &'static str, words: &dyn Fn(&Side) -> String| {
        let [a, b] = [words(&sides[0]), words(&sides[1])];
        view! { <tr><th scope="row">{name}</th><td>{a}</td><td>{b}</td></tr> }
    };
    let or = |v: Option<f64>, words: fn(f64) -> String| v.map_or_else(|| "–".into(), words);
    let [a, b] = sides;
    let same = a.experts == b.experts;
    let rho = same.then(|| spearman(&a.counts, &b.counts)).flatten();
    let top = same.then(|| overlap(&a.counts, 10, &b.counts, 10)).flatten();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label="Both sides, in numbers">
            <table id="versus">
                <thead><tr><th scope="col">"Layer " {a.id}</th><th scope="col">{a.name.replace('_', " ")}</th><th scope="col">{b.name.replace('_', " ")}</th></tr></thead>
                <tbody>
                    {row("Requests", &|s| grouped(s.requests))}
                    {row("Tokens", &|s| grouped(s.tokens))}
                    {row("Skew, largest over mean", &|s| or(s.skew, |v| format!("{}×", significant(v, 4))))}
                    {row("Next token's experts in the top 20%", &|s| or(s.coverage, percent))}
                    <tr><th scope="row">"Rank correlation of frequencies"</th><td colspan="2" id="versus-rho"><data value=rho.map_or(String::new(), |v| v.to_string())>{rho.map_or_else(|| "–".to_string(), |v| significant(v, 3))}</data></td></tr>
                    <tr><th scope="row">"Top-10 experts in common"</th><td colspan="2" id="versus-top">{or(top, percent)}</td></tr>
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

fn sides(store: Store) -> Option<Arc<[Side; 2]>> {
    store.answers.versus.get().and_then(|found| found.as_ref().clone().ok())
}

fn cells(side: &Side, map: PairMap) -> &[f32] {
    match map {
        PairMap::Tokens => &side.cross_token,
        PairMap::Layers => &side.cross_layer,
        PairMap::Pairs => &side.pairs,
    }
}

/// Axes and unit of a map.
fn words(map: PairMap) -> ([&'static str; 2], &'static str) {
    match map {
        PairMap::Tokens => (["next token uses", "this token uses"], "probability"),
        PairMap::Layers => (["next layer uses", "this layer uses"], "probability"),
        PairMap::Pairs => (["expert", "with expert"], "over the average pair, ×"),
    }
}

fn value_of(v: f32, map: PairMap) -> String {
    match (v.is_nan(), map) {
        (true, _) => "no data".into(),
        (_, PairMap::Pairs) => format!("{}×", significant(v.into(), 3)),
        _ => percent(v.into()),
    }
}

/// Left less right; empty if the models differ.
fn less(sides: &[Side; 2], map: PairMap) -> Vec<f32> {
    let [a, b] = [0, 1].map(|i| cells(&sides[i], map));
    if a.len() == b.len() { a.iter().zip(b).map(|(a, b)| a - b).collect() } else { Vec::new() }
}

/// What stands under a linked cursor: both sides and their difference.
fn both(store: Store, x: f64, y: f64) -> Option<String> {
    let (sides, map) = untrack(|| Some((sides(store)?, store.scene.with(|e| e.view.map))))?;
    let (i, j) = (floor(y), floor(x));
    let at = |s: &Side| cells(s, map).get(i * s.experts + j).copied();
    let say = |s: &Side| format!("{} {}", s.name.replace('_', " "), at(s).map_or("–".into(), |v| value_of(v, map)));
    let [a, b] = &*sides;
    let difference = match (at(a), at(b)) {
        (Some(p), Some(q)) if a.experts == b.experts => format!("; difference {}", value_of(p - q, map)),
        _ => String::new(),
    };
    Some(format!("expert {i} → {j}: {}, {}{difference}", say(a), say(b)))
}

fn csv(store: Store) -> String {
    let Some((sides, map)) = untrack(|| Some((sides(store)?, store.scene.with(|e| e.view.map)))) else {
        return String::new();
    };
    let n = sides[0].experts.max(1);
    let (a, b) = (cells(&sides[0], map), cells(&sides[1], map));
    table("row,column,left,right", a.iter().enumerate(), |t, (i, v)| {
        let other = if a.len() == b.len() { b.get(i).copied() } else { None };
        let _ = writeln!(t, "{},{},{v},{}", i / n, i % n, other.map_or(String::new(), |v| v.to_string()));
    })
}

fn maps_of(store: Store, which: usize) -> AnyView {
    let (id, title) = [("versus-left", "Left"), ("versus-right", "Right")][which];
    let caption = move || {
        let name = sides(store).map_or_else(String::new, |s| s[which].name.replace('_', " "));
        format!("{name}. Both sides have the same colours; the cursor tells both.")
    };
    view! {
        <Figure
            store
            id
            title
            caption=Signal::derive(caption)
            height=square
            chart=move || {
                let (sides, map) = (sides(store)?, store.scene.with(|e| e.view.map));
                let (axes, unit) = words(map);
                let most = |s: &Side| cells(s, map).iter().copied().filter(|v| !v.is_nan()).fold(0.0f32, f32::max);
                let max = f64::from(f32::max(most(&sides[0]), most(&sides[1])));
                let heat = matrix(cells(&sides[which], map), sides[which].experts, axes, unit);
                (!heat.values.is_empty()).then_some(Chart::Heatmap(Heatmap { max: if max > 0.0 { max } else { 1.0 }, ..heat }))
            }
            hover=move |x, y| both(store, x, y)
            csv=move || csv(store)
        />
    }
    .into_any()
}

fn difference(store: Store) -> AnyView {
    let caption = move || {
        let other = sides(store).is_some_and(|s| s[0].experts != s[1].experts);
        if other {
            "The two sides have different numbers of experts: cells cannot be subtracted.".to_string()
        } else {
            "Left less right: what the left does more often, and what the right does.".to_string()
        }
    };
    view! {
        <Figure
            store
            id="versus-difference"
            title="Difference"
            caption=Signal::derive(caption)
            height=square
            chart=move || {
                let (sides, map) = (sides(store)?, store.scene.with(|e| e.view.map));
                let (axes, unit) = words(map);
                let cells = less(&sides, map);
                let heat = matrix(&cells, sides[0].experts, axes, unit);
                (!cells.is_empty()).then_some(Chart::Heatmap(Heatmap { diverging: true, ..heat }))
            }
            hover=move |x, y| both(store, x, y)
            csv=move || csv(store)
        />
    }
    .into_any()
}

/// Experiments that differ in some settings.
#[component]
pub(crate) fn Experiments(store: Store) -> impl IntoView {
    let offers = Signal::derive(move || {
        let mut all = vec![(String::new(), "choose…".to_string())];
        let mut offer = |text: String, words: String| all.push((text, words));
        SYSTEMS.iter().for_each(|s| offer(format!("wafer:{}", s.name), s.title.into()));
        if store.origin() == Origin::Synthetic {
            synthetic_models().for_each(|m| offer(format!("model:{}", m.name), m.title.into()));
            [2, 3].iter().for_each(|s| offer(format!("seed:{s}"), format!("seed {s}")));
        }
        offer("heldout:on".into(), "predict from even requests, run odd ones".into());
        PLACEMENTS
            .iter()
            .filter(|p| p.beside().is_none())
            .for_each(|p| offer(format!("home:{}", p.name), format!("experts placed {}", p.name)));
        offer("duplex:full".into(), "full-duplex links".into());
        offer("link:4".into(), "links of 4 TB/s".into());
        offer("weight:0.5".into(), "4-bit weights".into());
        all
    });
    let add = move |text: &str| -> Result<(), String> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let before = get(store, "compare").get_untracked();
        let all = if before.is_empty() { text.trim().to_string() } else { format!("{before}|{}", text.trim()) };
        set(store, "compare", &all)
    };
    let without = move |at: usize| {
        change(store, true, |e| {
            if at < e.view.compare.len() {
                e.view.compare.remove(at);
            }
        });
    };
    let why = unsimulated(store);
    let rows = move || {
        let variants = store.scene.with(|e| e.view.compare.clone());
        if variants.is_empty() {
            return None;
        }
        if let Some(why) = why.get() {
            return Some(view! { <p class="status">{why}</p> }.into_any());
        }
        let (this, done) = (store.answers.run.get()?, store.answers.compared.get().unwrap_or_default());
        let names: Vec<String> = this.runs.iter().map(|r| r.strategy.clone()).collect();
        let head = names.iter().map(|n| view! { <th scope="col">{n.clone()}</th> }).collect_view();
        let best = |r: &RunReport| r.runs.iter().map(|r| r.throughput).fold(0.0f64, f64::max);
        let own = best(&this);
        let line = |report: Option<&RunReport>, failed: Option<&String>| {
            let none = if failed.is_some() { "–" } else { "…" };
            let cells = names.iter().map(|n| {
                let run = report.and_then(|r| r.runs.iter().find(|r| r.strategy == *n));
                view! { <td>{run.map_or_else(|| none.into_any(), |r| view! { <data value=r.speedup.to_string()>{format!("{}×", significant(r.speedup, 4))}</data> }.into_any())}</td> }
            });
            let fastest = report.map_or_else(
                || failed.map_or_else(|| none.to_string(), |why| format!("failed: {why}")),
                |r| format!("{}×", significant(best(r) / own, 3)),
            );
            view! { {cells.collect_view()} <td>{fastest}</td> }
        };
        let others = variants.iter().enumerate().map(|(i, v)| {
            let point = done.iter().find(|p| floor(p.at) == i).map(|p| p.result.as_ref());
            let (report, failed) = (point.and_then(Result::ok), point.and_then(Result::err));
            let name = name_of(v);
            view! {
                <tr>
                    <th scope="row">{name.clone()}</th>
                    {line(report.map(|r| &**r), failed)}
                    <td><button type="button" aria-label=format!("Remove {name}") on:click=move |_| without(i)>"Remove"</button></td>
                </tr>
            }
        });
        Some(view! {
            <div class="scroll">
                <table id="compared">
                    <thead>
                        <tr><th scope="col">"Experiment"</th>{head}<th scope="col">"Best, over the best of this one"</th><td></td></tr>
                    </thead>
                    <tbody>
                        <tr><th scope="row">"as above"</th>{line(Some(&this), None)}<td></td></tr>
                        {others.collect_view()}
                    </tbody>
                </table>
            </div>
            <div class="figures wide">{chart(store)}</div>
        }
        .into_any())
    };
    view! {
        <h3 class="sub">"Experiments that differ in a setting"</h3>
        <p class="aside">"Each is this experiment with other settings; speedups are over its own baseline."</p>
        <div class="tools">
            <Choice
                id="variant"
                label="Add one"
                options=offers
                value=Signal::derive(String::new)
                on_change=move |v| drop(add(&v))
            />
            <Number id="variant-text" label="or any setting:value;setting:value" value=Signal::derive(String::new) on_change=move |v| add(&v) />
        </div>
        {rows}
    }
}

fn name_of(variant: &Variant) -> String {
    variant.0.iter().map(|(n, v)| format!("{n} {v}")).collect::<Vec<_>>().join(", ")
}

fn chart(store: Store) -> AnyView {
    let all = move || -> Vec<(String, Arc<RunReport>)> {
        let variants = store.scene.with(|e| e.view.compare.clone());
        let mut all: Vec<_> = store.answers.run.get().into_iter().map(|r| ("as above".to_string(), r)).collect();
        for point in store.answers.compared.get().iter().flat_map(|c| c.iter()) {
            let report = point.result.as_ref().ok();
            all.extend(variants.get(floor(point.at)).zip(report).map(|(v, r)| (name_of(v), Arc::clone(r))));
        }
        all
    };
    view! {
        <Figure
            store
            id="compared-bars"
            title="Speedups side by side"
            caption=Signal::derive(|| "Speedup of each strategy over the baseline of its own experiment.".to_string())
            height=wide
            chart=move || {
                let all = all();
                let names: Vec<String> = all.first()?.1.runs.iter().map(|r| r.strategy.clone()).collect();
                let of = |report: &RunReport, name: &String| report.runs.iter().find(|r| r.strategy == *name).map_or(0.0, |r| r.speedup);
                let bar = |name: &String| Bar { values: all.iter().map(|(_, r)| of(r, name)).collect(), ..Bar::default() };
                let bars: Vec<Bar> = names.iter().map(bar).collect();
                let most = bars.iter().flat_map(|b| &b.values).fold(1.0f64, |a, &b| a.max(b));
                Some(Chart::Bars(Bars {
                    bars,
                    series: all.iter().map(|(n, _)| n.clone()).collect(),
                    x: Axis::named("strategy", &names, 9),
                    y: Axis::linear("speedup, ×", most * 1.08),
                    level: None,
                }))
            }
            hover=move |x, _| {
                let all = untrack(all);
                let name = all.first()?.1.runs.get(floor(x))?.strategy.clone();
                let say = |(n, r): &(String, Arc<RunReport>)| Some(format!("{n} {}×", significant(r.runs.iter().find(|r| r.strategy == name)?.speedup, 4)));
                Some(format!("{name}: {}", all.iter().filter_map(say).collect::<Vec<_>>().join("; ")))
            }
            csv=move || {
                let rows = untrack(all);
                let rows = rows.iter().flat_map(|(n, r)| r.runs.iter().map(move |r| (n, r)));
                table("experiment,strategy,seconds,throughput,speedup,hops", rows, |t, (n, r)| {
                    let _ = writeln!(t, "{},{},{},{},{},{}", n.replace(',', ";"), r.strategy, r.seconds, r.throughput, r.speedup, r.hops);
                })
            }
        />
    }
    .into_any()
}
