//! The paper's observations on what is shown: measured here beside the paper, with what a difference may mean.

use leptos::prelude::*;

use crate::analysis::{CalibrationRow, Observation, calibration, observations};
use crate::model::model_named;
use crate::ui::store::Store;
use crate::units::amount;

/// All of them, in one table.
#[component]
pub(crate) fn Tell(store: Store) -> impl IntoView {
    let text = move || {
        let (report, info) = (store.answers.report.get()?, store.shown()?);
        let model = info.model.as_deref().and_then(model_named);
        let rows = observations(&report, model, info.synthetic);
        let has_collapsed = rows.iter().any(|r| r.without_collapsed.is_some());
        Some(view! {
            <div class="scroll" tabindex="0" role="region" aria-label="The paper\u{2019}s observations">
                <table id="observations">
                    <thead>
                        <tr>
                            <th scope="col">"The paper\u{2019}s observation"</th>
                            <th scope="col">"Here, mean over layers"</th>
                            {has_collapsed.then(|| view! { <th scope="col">"without collapsed layers"</th> })}
                            <th scope="col" class="words">"Paper"</th>
                            <th scope="col" class="words">"Reading"</th>
                        </tr>
                    </thead>
                    <tbody>{rows.iter().map(|o| row(o, has_collapsed)).collect_view()}</tbody>
                </table>
            </div>
            {info.synthetic.then(|| model.map(|m| fits(&calibration(&report, m)))).flatten()}
            {(!report.warnings.is_empty())
                .then(|| {
                    let all = report.warnings.iter().take(20).cloned().map(|w| view! { <li>{w}</li> }).collect_view();
                    view! {
                        <div class="notice" id="lint">
                            <div>
                                <p>"Worth knowing about this trace:"</p>
                                <ul>{all}</ul>
                            </div>
                        </div>
                    }
                })}
        })
    };
    view! {
        <section aria-labelledby="tell-title">
            <h2 id="tell-title">"The paper\u{2019}s observations, measured here"</h2>
            {move || text().map_or_else(|| view! { <p class="status">"Analysing every layer…"</p> }.into_any(), IntoAny::into_any)}
        </section>
    }
}

fn row(o: &Observation, has_collapsed: bool) -> impl IntoView + use<> {
    let times = o.times;
    let cell = move |v: Option<f64>| match v {
        Some(v) => view! { <data value=v.to_string()>{amount(v, times)}</data> }.into_any(),
        None => "–".into_any(),
    };
    view! {
        <tr>
            <th scope="row"><small>{o.id.clone()}</small> " " {o.name.clone()}</th>
            <td>{cell(o.measured)}</td>
            {has_collapsed.then(|| view! { <td>{cell(o.without_collapsed)}</td> })}
            <td class="words">{o.paper.clone()}</td>
            <td class="words">{o.reading.clone()}</td>
        </tr>
    }
}

/// How near the synthetic workload comes to the published statistics of its model.
fn fits(all: &[CalibrationRow]) -> AnyView {
    let missed = all.iter().filter(|f| !f.holds()).count();
    let words = if missed == 0 {
        "all within what is allowed".to_string()
    } else {
        format!("{missed} outside of what is allowed")
    };
    let row = |f: &CalibrationRow| {
        let [paper, ours, residual, allowed] = f.words();
        view! {
            <tr>
                <th scope="row">{f.name.clone()}</th>
                <td>{paper}</td>
                <td><data value=f.ours.map_or(String::new(), |v| v.to_string())>{ours}</data></td>
                <td>{residual}</td>
                <td>{allowed}</td>
            </tr>
        }
    };
    view! {
        <details id="calibration">
            <summary>"How near this synthetic workload comes to the published statistics: " {all.len()} ", " {words}</summary>
            <p>"One generator makes the workloads of all models from a profile that was fitted to these statistics of traces, never to a result of the simulator. Measured by the analyses of this page."</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Published statistics">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Statistic"</th>
                            <th scope="col">"Paper"</th>
                            <th scope="col">"Synthetic"</th>
                            <th scope="col">"Residual"</th>
                            <th scope="col">"Allowed"</th>
                        </tr>
                    </thead>
                    <tbody>{all.iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </details>
    }
    .into_any()
}
