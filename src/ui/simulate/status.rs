//! Where the run is: under way, not possible, cancelled, or done and on what.

use leptos::prelude::*;

use super::state::Sim;
use crate::protocol::RunReport;
use crate::ui::runs::simulate;
use crate::ui::settings::set;
use crate::ui::store::Store;
use crate::units::grouped;

/// Collapsed layers of the result, and a way to leave them out or back.
fn collapsed(store: Store, run: &RunReport) -> Option<AnyView> {
    let left_out = store.scene.with(|e| e.workload.skip_collapsed);
    let words = run.collapsed_words().or_else(|| left_out.then(|| "Collapsed layers are left out.".into()))?;
    let (label, value) = if left_out { ("Simulate them too", "none") } else { ("Leave them out", "collapsed") };
    Some(
        view! {
            <span id="collapsed">" " {words} " "</span>
            <button type="button" id="skip" on:click=move |_| drop(set(store, "skip", value))>{label}</button>
        }
        .into_any(),
    )
}

/// As long as there is no result.
pub(super) fn waits(sim: Sim, why: Memo<Option<String>>) -> impl Fn() -> Option<AnyView> {
    let store = sim.store;
    move || {
        if let Some((done, total)) = store.answers.run.progress() {
            // The words stand last: they grow, and must not push the button away from under a pointer.
            return Some(
                view! {
                    <div class="status over-wafer" role="status" id="running">
                        <progress max=total.max(1).to_string() value=done.to_string()></progress>
                        <button type="button" id="cancel-run" on:click=move |_| store.answers.run.cancel()>"Cancel"</button>
                        <span>"Simulating " {grouped(done)} " of " {grouped(total)} " layers"</span>
                    </div>
                }
                .into_any(),
            );
        }
        if store.answers.run.with(Option::is_some) {
            return None;
        }
        let shown = store.shown();
        Some(match shown {
            _ if why.with(Option::is_some) => {
                let known = shown.is_none_or(|i| i.decode + i.unmarked == 0);
                view! { <p class="status" id=if known { "unsimulated" } else { "size-unknown" }>{why.get()}</p> }
                    .into_any()
            }
            Some(_) => view! {
                <div class="status over-wafer">
                    <span>"No result: the simulation was cancelled."</span>
                    <button type="button" on:click=move |_| simulate(store)>"Simulate"</button>
                </div>
            }
            .into_any(),
            None => view! { <p class="status over-wafer">"Making the synthetic workload…"</p> }.into_any(),
        })
    }
}

/// What the result is of.
pub(super) fn done(sim: Sim) -> impl Fn() -> Option<AnyView> {
    let store = sim.store;
    move || {
        let run = store.answers.run.get().filter(|_| store.answers.run.progress().is_none())?;
        let batch = run.runs.first().map_or(0, |r| r.batch);
        let reuse = if run.sources < batch {
            format!(
                " There are {} requests with decode tokens, so each is used up to {} times, at decode offsets spread evenly.",
                grouped(run.sources as u64),
                grouped(batch.div_ceil(run.sources.max(1)) as u64)
            )
        } else {
            String::new()
        };
        let layers = if run.layers.len() == run.all_layers {
            "all layers".to_string()
        } else {
            format!("{} of {} layers, evenly spaced", run.layers.len(), run.all_layers)
        };
        Some(
            view! {
                <p class="status" id="run-done">
                    {run.synthetic.then(|| view! { <span class="badge syn">"synthetic workload"</span> })}
                    <span>
                        {run.overfull_words()}
                        {if run.synthetic { "On the synthetic workload: " } else { "On your trace: " }} {layers} "." {reuse}
                    </span>
                    {collapsed(store, &run)}
                </p>
            }
            .into_any(),
        )
    }
}
