//! What stands below the wafer and can be folded away: tables and figures, a sweep, experiments side by side, pinned runs. What is in
//! a drawer stays there while it is closed.

use leptos::prelude::*;

use super::figures::{critical, gantt};
use super::state::{Pin, Sim, differences};
use super::tables::{speedups, table};
use crate::experiment::Experiment;
use crate::plot::tone;
use crate::ui::figure::Missing;
use crate::ui::panels;
use crate::ui::settings::change;
use crate::units::{seconds, significant};

/// The drawer that an address opens: of the figure that is framed, the one it names, else the one whose settings it holds.
fn wanted(e: &Experiment) -> &'static str {
    match e.view.embed.as_str() {
        "speedups" | "critical" | "layer-time" => return "tables",
        "sweep-curve" => return "sweep",
        "compared-bars" => return "compare",
        _ => {}
    }
    match e.view.part.as_str() {
        "tables" | "figure12" | "wafer" => "tables",
        "sweep" => "sweep",
        "compare" => "compare",
        "pins" => "pins",
        _ if e.view.sweep.is_some() => "sweep",
        _ if !e.view.compare.is_empty() => "compare",
        _ => "",
    }
}

/// One drawer.
fn drawer(sim: Sim, name: &'static str, title: &'static str, inside: AnyView) -> AnyView {
    let store = sim.store;
    let open = RwSignal::new(false);
    let asked = Memo::new(move |_| store.scene.with(|e| wanted(e) == name));
    Effect::new(move |before: Option<bool>| {
        let now = asked.get();
        // A sweep that is chosen opens its drawer; one that is given up closes none.
        if now && before != Some(true) {
            open.set(true);
            let linked = before.is_none();
            if linked {
                set_timeout(move || crate::web::go_to(id_of(name)), std::time::Duration::from_millis(60));
            }
        }
        now
    });
    let turned = move |event: leptos::ev::Event| {
        let now = event_target::<web_sys::Element>(&event).has_attribute("open");
        if now == open.get_untracked() {
            return;
        }
        open.set(now);
        change(store, false, |e| {
            if now {
                e.view.part = name.into();
            } else if e.view.part == name {
                e.view.part.clear();
            }
        });
    };
    view! {
        <details class="drawer" id=id_of(name) open=move || open.get() on:toggle=turned>
            <summary><h3>{title}</h3></summary>
            <div class="drawer-in">{inside}</div>
        </details>
    }
    .into_any()
}

fn id_of(name: &str) -> &'static str {
    match name {
        "sweep" => "drawer-sweep",
        "compare" => "drawer-compare",
        "pins" => "drawer-pins",
        _ => "drawer-tables",
    }
}

fn tables(sim: Sim, why: Memo<Option<String>>) -> AnyView {
    let store = sim.store;
    let figures = move || match why.get() {
        None => view! {
            <div class="figures">{speedups(store)} {critical(store)}</div>
            <div class="figures full">{gantt(store)}</div>
        }
        .into_any(),
        Some(why) => {
            let empty = |id, title| view! { <Missing id title why=why.clone() /> };
            view! {
                <div class="figures">
                    {empty("speedups", "Speedup of each strategy")}
                    {empty("critical", "What limits each layer")}
                    {empty("layer-time", "Fetches and computing by device")}
                </div>
            }
            .into_any()
        }
    };
    view! {
        {figures}
        {move || store.answers.run.get().map(|r| table(&r))}
    }
    .into_any()
}

/// Runs that were kept, beside the one that is shown.
fn pins(sim: Sim) -> AnyView {
    let store = sim.store;
    let row = move |pin: Pin, own: String| {
        let differs = differences(&pin.report.experiment, &own);
        let differs = if differs.is_empty() { "as shown".to_string() } else { differs.join(", ") };
        let cells = pin.report.runs.iter().map(|r| view! { <td title=seconds(r.seconds)><span class=format!("st {}", tone(&r.strategy))>{format!("{}×", significant(r.speedup, 3))}</span> <small>{seconds(r.seconds)}</small></td> }).collect_view();
        let (experiment, name) = (pin.report.experiment.clone(), pin.name.clone());
        let (gone, back) = (experiment.clone(), experiment);
        let remove = move |_| sim.pins.update(|all| all.retain(|p| p.report.experiment != gone));
        let restore = move |_| {
            let settings = Experiment::parse(&back).0;
            change(store, true, |e| {
                let view = e.view.clone();
                *e = Experiment { view, ..settings };
            });
        };
        view! {
            <tr>
                <th scope="row">{name.clone()}</th>
                <td class="words">{differs}</td>
                {cells}
                <td class="acts">
                    <button type="button" aria-label=format!("Back to {name}") on:click=restore>"Back to it"</button>
                    <button type="button" class="quiet" aria-label=format!("Remove {name}") on:click=remove>"Remove"</button>
                </td>
            </tr>
        }
    };
    let body = move || {
        let all = sim.pins.get();
        if all.is_empty() {
            return view! { <p class="status">"Nothing is pinned. \u{201c}Pin this run\u{201d} over the wafer keeps its result here while you change settings; its values stand as outlines in what you see then."</p> }.into_any();
        }
        let own = store.experiment.with(|e| e.run_key().to_string());
        let names: Vec<String> =
            all.last().map_or_else(Vec::new, |p| p.report.runs.iter().map(|r| r.strategy.clone()).collect());
        view! {
            <div class="scroll">
                <table id="pinned">
                    <thead>
                        <tr>
                            <th scope="col">"Run"</th>
                            <th scope="col" class="words">"Differs in"</th>
                            {names.into_iter().map(|n| view! { <th scope="col">{n}</th> }).collect_view()}
                            <td></td>
                        </tr>
                    </thead>
                    <tbody>{all.into_iter().map(|p| row(p, own.clone())).collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any()
    };
    view! { {body} }.into_any()
}

/// All of them.
pub(super) fn drawers(sim: Sim, why: Memo<Option<String>>) -> AnyView {
    let store = sim.store;
    view! {
        <div class="drawers">
            {drawer(sim, "tables", "Tables and figures", tables(sim, why))}
            {drawer(sim, "sweep", "What if? Sweep a setting", view! { <panels::Sensitivity store /> }.into_any())}
            {drawer(sim, "compare", "Compare experiments", view! { <panels::Experiments store /> }.into_any())}
            {drawer(sim, "pins", "Pinned runs", pins(sim))}
        </div>
    }
    .into_any()
}
