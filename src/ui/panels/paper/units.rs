//! Table II as a calculator, and what in the paper contradicts itself.

use leptos::prelude::*;

use crate::experiment::Experiment;
use crate::protocol::{AddedUnit, ERRATA, Erratum, UNITS, VERSIONS};
use crate::ui::store::Store;
use crate::units::significant;

/// Dies that the table is for.
const PRINTED: f64 = 25.0;

/// Table II: units that each die has grow with the dies of the wafer that is set.
#[component]
pub(super) fn Units(store: Store) -> impl IntoView {
    let dies = move || store.scene.with(Experiment::hardware).mesh.dies();
    let rows = move || {
        let n = dies();
        let of = |u: &AddedUnit| {
            let (count, part) = if u.each { (n, n as f64 / PRINTED) } else { (1, 1.0) };
            (u.name, u.size, count, u.area * part, u.power * part)
        };
        let all: Vec<_> = UNITS.iter().map(of).collect();
        let sum = all.iter().fold((0.0, 0.0), |a, r| (a.0 + r.3, a.1 + r.4));
        let row = |(name, size, count, area, power): &(&'static str, &'static str, usize, f64, f64)| {
            view! {
                <tr>
                    <th scope="row">{*name}</th>
                    <td>{*size}</td>
                    <td>{*count}</td>
                    <td>{significant(*area, 3)}</td>
                    <td>{significant(*power, 4)}</td>
                </tr>
            }
        };
        view! {
            {all.iter().map(row).collect_view()}
            <tr class="sum">
                <th scope="row">"Sum"</th>
                <td></td>
                <td></td>
                <td>{significant(sum.0, 3)}</td>
                <td>{significant(sum.1, 5)}</td>
            </tr>
        }
    };
    view! {
        <section id="units" aria-labelledby="units-title">
            <h2 id="units-title">"Table II: area and power of the added units, for " {dies} " dies"</h2>
            <p class="aside">"The paper's values are for 25 dies; units that every die has are scaled to the system that is set. They are the paper's: nothing of them is measured here."</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table II">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Unit"</th>
                            <th scope="col">"Size"</th>
                            <th scope="col">"Number"</th>
                            <th scope="col">"Area, mm²"</th>
                            <th scope="col">"Power, mW"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}

/// Errata and versions.
#[component]
pub(super) fn Errata() -> impl IntoView {
    let row = |e: &Erratum| {
        view! {
            <tr>
                <th scope="row">{e.at}</th>
                <td>{e.printed}</td>
                <td>{(e.correct)()}</td>
                <td class="words">{e.why}</td>
            </tr>
        }
    };
    let version =
        |(name, value): &(&'static str, f64)| view! { <dt>{*name}</dt> <dd>{significant(*value, 3)} "×"</dd> };
    view! {
        <section id="errata" aria-labelledby="errata-title">
            <h2 id="errata-title">"Errata and versions"</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Errata">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"In the paper"</th>
                            <th scope="col">"Printed"</th>
                            <th scope="col">"Should be"</th>
                            <th scope="col" class="words">"Why"</th>
                        </tr>
                    </thead>
                    <tbody>{ERRATA.iter().map(row).collect_view()}</tbody>
                </table>
            </div>
            <p class="aside">"The headline speedup changed with the versions of the preprint; numbers beside ours are those of the last."</p>
            <dl class="versions">{VERSIONS.iter().map(version).collect_view()}</dl>
        </section>
    }
}
