//! The last chapter: the same experiment at another batch, to see when strategies part and when they tie. Its runs are its own: the
//! experiment of the page stays as it is, and the address says which batch is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::CHAPTERS;
use super::scroll::Place;
use crate::experiment::Experiment;
use crate::plot::race::{Lane, Race, TIE, axis, times, uneven};
use crate::protocol::{DataId, Origin, RunReport};
use crate::sim::Bound;
use crate::ui::query::Query;
use crate::ui::runs::{run, simulators, twice};
use crate::ui::settings::change;
use crate::ui::store::Store;
use crate::units::{grouped, significant};

/// The batches of the slider, requests.
const BATCHES: [usize; 5] = [1024, 2048, 4096, 8192, 16384];

/// Runs of this experiment at other batches.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    done: RwSignal<BTreeMap<usize, Arc<RunReport>>>,
    failed: RwSignal<Option<String>>,
}

impl Runs {
    pub(super) fn new() -> Self {
        Self { done: RwSignal::default(), failed: RwSignal::default() }
    }
}

/// The batch that is looked at: the address's, else the second smallest.
fn batch(place: Place) -> usize {
    place.detail.get().filter(|b| BATCHES.contains(b)).unwrap_or(BATCHES[1])
}

/// The run at the chosen batch: the page's own if it is of that batch.
fn at_batch(race: Option<Arc<Race>>, runs: Runs, batch: usize) -> Option<Arc<Race>> {
    if let Some(own) = race.filter(|r| r.experiment.workload.batch == batch) {
        return Some(own);
    }
    runs.done.with(|d| d.get(&batch).cloned()).and_then(|r| Race::of(&r)).map(Arc::new)
}

#[component]
pub(super) fn Slider(
    store: Store,
    race: Memo<Option<Arc<Race>>>,
    why: Memo<Option<String>>,
    place: Place,
    runs: Runs,
) -> impl IntoView {
    let query = Query::<RunReport>::new();
    // What the runs are of: everything but the batch.
    let of = Memo::new(move |_| {
        let experiment = store.experiment.with(|e| {
            let mut of = e.run_key();
            of.workload.batch = BATCHES[0];
            of
        });
        (experiment, store.data(), store.loaded.generation.get())
    });
    Effect::new(move |_| {
        of.track();
        query.clear();
        runs.done.set(BTreeMap::new());
    });
    let chosen = Memo::new(move |_| batch(place));
    let looked = Memo::new(move |_| place.at.get() == CHAPTERS);
    Effect::new(move |_| {
        let (batch, ready) = (chosen.get(), race.with(Option::is_some));
        let own = race.with(|r| r.as_ref().is_some_and(|r| r.experiment.workload.batch == batch));
        let (experiment, data, _) = of.get();
        if !looked.get() || !ready || own || runs.done.with_untracked(|d| d.contains_key(&batch)) {
            return query.cancel();
        }
        ask(store, query, runs, experiment, data, batch);
    });
    let slid = move |e: leptos::ev::Event| {
        let at: usize = event_target_value(&e).parse().unwrap_or(0);
        let batch = BATCHES[at.min(BATCHES.len() - 1)];
        change(store, false, |e| e.view.part = format!("{CHAPTERS}-{batch}"));
    };
    let position = move || BATCHES.iter().position(|&b| b == chosen.get()).unwrap_or(0);
    let shown = Memo::new(move |_| at_batch(race.get(), runs, chosen.get()));
    let words = move || match (why.get(), shown.get(), runs.failed.get()) {
        (Some(why), ..) => view! { <p>{why}</p> }.into_any(),
        (_, Some(race), _) => view! { <h2>{title(&race)}</h2><p>{reason(&race)}</p> }.into_any(),
        (_, None, Some(failed)) => view! { <h2>"When does it matter?"</h2><p>{failed}</p> }.into_any(),
        (_, None, None) => {
            let part = query
                .progress()
                .filter(|p| p.1 > 0)
                .map_or_else(String::new, |(done, all)| format!(", {}%", done * 100 / all));
            view! { <h2>"When does it matter?"</h2><p class="mute" role="status">"Simulating a batch of " {grouped(chosen.get() as u64)} " requests" {part} "."</p> }.into_any()
        }
    };
    let known = move || {
        let row = |batch: usize| {
            let race = at_batch(race.get(), runs, batch)?;
            let (ep, best) = (race.lane("ep")?, race.best());
            let gain = ep.run.seconds / best.run.seconds - 1.0;
            let said =
                if gain < TIE { "tie".to_string() } else { format!("{} by {:.0}%", best.run.strategy, gain * 100.0) };
            Some(
                view! { <tr class:chosen=move || chosen.get() == batch><th scope="row">{grouped(batch as u64)}</th><td>{times(ep.speedup)}</td><td>{times(best.speedup)}</td><td class="words">{said}</td></tr> },
            )
        };
        let rows: Vec<_> = BATCHES.into_iter().filter_map(row).collect();
        (!rows.is_empty()).then(|| view! {
            <table class="batches">
                <thead><tr><th scope="col">"Batch"</th><th scope="col">"ep"</th><th scope="col">"fastest"</th><th scope="col" class="words">"ahead of ep"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        })
    };
    view! {
        {words}
        <label class="batch-slider">
            <span>"Requests in the batch: " <b class="n">{move || grouped(chosen.get() as u64)}</b></span>
            <input type="range" id="story-batch" min="0" max=(BATCHES.len() - 1).to_string() step="1" prop:value=move || position().to_string() aria-valuetext=move || format!("{} requests", chosen.get()) on:input=slid />
            <span class="marks" aria-hidden="true">{BATCHES.map(|b| view! { <i>{grouped(b as u64)}</i> })}</span>
        </label>
        {known}
    }
}

fn ask(
    store: Store,
    query: Query<RunReport>,
    runs: Runs,
    mut experiment: Experiment,
    of: Option<DataId>,
    batch: usize,
) {
    let Some(pool) = store.pool() else { return };
    experiment.workload.batch = batch;
    runs.failed.set(None);
    let ticket = query.ask_again(&pool);
    // Not the simulator of the page, if there is another: it keeps the batch that the page looks at.
    let worker = simulators(&pool).last().copied().unwrap_or(0);
    let of = of.filter(|of| of.origin == Origin::Trace);
    spawn_local(async move {
        match twice(|| run(&ticket, worker, of.as_ref(), &experiment, ticket.teller())).await {
            Ok(report) if ticket.is_last() => {
                runs.done.update(|d| drop(d.insert(batch, Arc::new(report))));
                ticket.end();
            }
            Err(why) if ticket.is_last() => {
                runs.failed.set(Some(why.to_string()));
                ticket.end();
            }
            _ => {}
        }
    });
}

/// Whether they part at this batch.
fn parted(race: &Race) -> Option<(&Lane, f64)> {
    let ep = race.lane("ep")?;
    let gain = ep.run.seconds / race.best().run.seconds - 1.0;
    Some((ep, gain))
}

fn title(race: &Race) -> String {
    let n = grouped(race.experiment.workload.batch as u64);
    match parted(race) {
        None => format!("At {n} requests {} is ahead.", race.best().run.strategy),
        Some((_, gain)) if gain < TIE => format!("At {n} requests nobody beats ep."),
        Some((_, gain)) => format!("At {n} requests {} is {:.0}% ahead of ep.", race.best().run.strategy, gain * 100.0),
    }
}

/// Why, as far as the run tells.
fn reason(race: &Race) -> String {
    let [device, _] = race.words();
    let Some((ep, gain)) = parted(race) else {
        return "The run leaves ep out, which the others are measured by here.".into();
    };
    let share: f64 = ep.run.bound_seconds.iter().sum::<f64>().max(1e-30);
    let part = |b: usize| format!("{:.0}%", ep.run.bound_seconds[b] / share * 100.0);
    let pace = match ep.run.bound {
        Bound::Hbm => format!(
            "Under ep the memories set the pace for {} of the time: reading an expert\u{2019}s weights takes as long for few tokens as for many, so an overloaded {device} is hardly later than the others.",
            part(1)
        ),
        Bound::Compute => format!(
            "Under ep computing sets the pace for {} of the time, so tokens on the busiest {device} are time.",
            part(0)
        ),
        Bound::Link => format!("Under ep fetching sets the pace for {} of the time.", part(2)),
    };
    let most = uneven(race, &ep.run).map_or_else(String::new, |u| {
        format!(" The busiest {device} has {}× its fair share.", significant(u.most.1, 3))
    });
    let moved = race.lane("allo").map_or_else(String::new, |allo| {
        if allo.run.hops == 0 {
            " Algorithm 1 finds nobody to relieve and moves nothing.".into()
        } else {
            format!(" Algorithm 1 makes {} hops.", grouped(allo.run.hops))
        }
    });
    let end = if gain < TIE { " So they tie." } else { "" };
    format!("{pace}{most}{moved}{end}")
}

/// The bars of the chosen batch, in the place of the wafer.
#[component]
pub(super) fn Bars(store: Store, race: Memo<Option<Arc<Race>>>, place: Place, runs: Runs) -> impl IntoView {
    let shown = move || at_batch(race.get(), runs, batch(place));
    let picture = move || {
        let Some(race) = shown() else {
            return view! { <p class="waits" role="status">{move || if store.answers.run.get().is_some() { "This batch is being simulated." } else { "The run is being simulated." }}</p> }.into_any();
        };
        let (to, ticks) = axis(race.lanes.iter().map(|l| l.speedup).fold(0.0, f64::max));
        let step = format!("--step:{:.4}%", 100.0 / (ticks.len() - 1) as f64);
        let lane = |l: &Lane| {
            let part = |x: f64| format!("{:.2}%", x / to * 100.0);
            let inside = l.speedup / to >= 0.22;
            let words = times(l.speedup);
            view! {
                <div class=format!("lane {}", l.tone)>
                    <span class="nm">{l.run.strategy.clone()}</span>
                    <div class="track">
                        <span class="fill" style=format!("width:{}", part(l.speedup))>{inside.then(|| words.clone())}</span>
                        {(!inside).then(|| view! { <span class="val" style=format!("left:{}", part(l.speedup))>{words.clone()}</span> })}
                    </div>
                    <span class="watch">{crate::units::seconds(l.run.seconds)}</span>
                </div>
            }
        };
        let numbers =
            ticks.iter().map(|x| view! { <i style=format!("left:{:.2}%", x / to * 100.0)>{significant(*x, 3)}"×"</i> });
        view! {
            <h3>{format!("Speedup over {}", race.over().run.strategy)}</h3>
            <p class="mute">{race.title()}</p>
            <div class="lanes won plain-lanes" style=step>{race.lanes.iter().map(lane).collect_view()}</div>
            <div class="axis plain-lanes" aria-hidden="true"><div>{numbers.collect_view()}</div></div>
        }
        .into_any()
    };
    view! { <div class="batch-bars" aria-live="polite">{picture}</div> }
}
