//! What limits the run, in a sentence, and what twice of it would do: run only when it is asked for.

use leptos::prelude::*;

use super::board::run_of;
use super::sight::busy_of;
use super::state::{Sim, named};
use crate::experiment::{Experiment, Look, key_named};
use crate::model::FIELDS;
use crate::sim::Bound;
use crate::ui::runs::what_if;
use crate::ui::selection::look_at;
use crate::units::{percent, seconds, significant};

/// The field of the hardware that gives more of a resource.
fn field_of(experiment: &Experiment, bound: Bound) -> &'static str {
    match bound {
        Bound::Compute => "fp16",
        Bound::Hbm => "hbm",
        Bound::Link if experiment.system().mesh => "link",
        Bound::Link if experiment.hardware().mesh.y > 1 => "nic",
        Bound::Link => "nvlink",
    }
}

/// The experiment with twice of a field, and its value, for the shown strategy alone.
fn doubled(experiment: &Experiment, name: &str, strategy: &str) -> Option<(Experiment, f64)> {
    let field = FIELDS.iter().find(|f| f.name == name)?;
    let value = ((field.get)(&experiment.hardware()) * 2.0).min(field.range.1);
    let mut of = experiment.run_key();
    of = of.with(field.name, &value.to_string()).ok()?;
    of.run.strategies.retain(|s| s.name() == strategy);
    Some((of, value))
}

/// Where the largest of some values stands.
fn largest(of: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    of.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The sentence, with the busiest part to look at and the question that follows.
pub(super) fn limits(sim: Sim) -> impl Fn() -> Option<AnyView> {
    let store = sim.store;
    move || {
        let (_, run) = run_of(sim, 0)?;
        let topology = sim.topology.get();
        let (noun, joined, name) =
            store.scene.with(|e| (e.system().nouns().device, e.system().mesh, field_of(e, run.bound)));
        let share = run.bound_seconds[run.bound as usize] / run.seconds;
        let busy = |die: usize| store.scene.with(|e| busy_of(e, &run, &topology, die));
        let (what, where_is, look) = match run.bound {
            Bound::Link => {
                let (at, busy) = largest(run.link_busy.iter().map(|b| b / run.seconds))?;
                let ends = topology.links.get(at).map(|l| (l.kind, l.ends));
                let part = match ends {
                    Some((_, (a, b))) if joined => format!("link {a}–{b} is busy {} of the run", percent(busy)),
                    Some((kind, (a, _))) => {
                        format!("port {} of {noun} {a} is busy {} of the run", kind.replace('-', " "), percent(busy))
                    }
                    None => String::new(),
                };
                ("Links", part, ends.map(|(_, (a, b))| if a == b { Look::Die(a) } else { Look::Link(a, b) }))
            }
            Bound::Hbm => {
                let (die, share) = largest((0..run.hbm_bytes.len()).map(|d| busy(d).0))?;
                (
                    "Memory",
                    format!("the HBM of {noun} {die} is busy {} of the run", percent(share)),
                    Some(Look::Die(die)),
                )
            }
            Bound::Compute => {
                let (die, share) = largest((0..run.die_tokens.len()).map(|d| busy(d).1))?;
                ("Computing", format!("{noun} {die} computes {} of the run", percent(share)), Some(Look::Die(die)))
            }
        };
        let strategy = run.strategy.clone();
        let words = FIELDS.iter().find(|f| f.name == name).map_or("", |f| f.words);
        let (resource, unit) = named(words);
        let ask = move |_| {
            let experiment = store.experiment.get_untracked();
            // The expert's size is the loaded trace's model's, as for the run.
            if let Some((of, _)) = doubled(&experiment, name, &strategy) {
                what_if(store, sim.twice, of);
            }
        };
        let answer = {
            let (before, strategy) = (run.seconds, run.strategy.clone());
            move || {
                if sim.twice.progress().is_some() {
                    return Some(view! { <p class="status" role="status">"Simulating…"</p> }.into_any());
                }
                let report = sim.twice.get()?;
                let after = report.runs.iter().find(|r| r.strategy == strategy)?;
                let value =
                    key_named(name).map(|k| (k.get)(&Experiment::parse(&report.experiment).0)).unwrap_or_default();
                let next = if after.bound == run.bound {
                    String::new()
                } else {
                    format!(" Then {} limits it.", format!("{:?}", after.bound).to_lowercase())
                };
                Some(
                    view! {
                        <p class="read" id="twice">{format!(
                            "At {value} {unit} it takes {} in place of {}, {}× as fast.{next}",
                            seconds(after.seconds),
                            seconds(before),
                            significant(before / after.seconds, 3)
                        )}</p>
                    }
                    .into_any(),
                )
            }
        };
        let pick = look.map(|look| view! { <button type="button" class="quiet" on:click=move |_| look_at(store, look)>"Show it"</button> });
        Some(
            view! {
                <section class="limits">
                    <h3>"What limits the run"</h3>
                    <p class="read">{format!("{what}, for {} of the time under {}; {where_is}.", percent(share), run.strategy)}</p>
                    <div class="row acts">
                        {pick}
                        <button type="button" class="ask-twice" on:click=ask prop:disabled=move || sim.twice.progress().is_some()>{format!("Twice: {}?", resource.to_lowercase())}</button>
                    </div>
                    {answer}
                </section>
            }
            .into_any(),
        )
    }
}
