//! Every number of the paper that can be measured here, beside ours: patterns of what is shown, results of Figure 12 and of the case study
//! once they were run. And what speaks against it, or against us.

use leptos::prelude::*;

use super::figure_12::{edits, signed};
use crate::analysis::{Observation, calibration, observations};
use crate::experiment::View::{self, Explore, Paper, Simulate};
use crate::model::model_named;
use crate::protocol::{Target, rms, targets, throughput};
use crate::ui::shell::link_to;
use crate::ui::store::Store;
use crate::units::{amount, percent, significant};
use crate::web::clipboard;

/// Differences of this share of the paper's number are worth a word.
const LARGE: f64 = 0.1;

/// Where each observation is shown.
fn place(id: &str) -> (View, &'static str) {
    match id {
        "Ob1" => (Explore, "layer-map"),
        "Ob2" => (Explore, "token-map"),
        "Ob3" => (Explore, "similarity-scatter"),
        "Ob4" => (Explore, "subject-map"),
        "Ob5" => (Explore, "pair-map"),
        _ => (Explore, "reuse-curve"),
    }
}

/// What is not a number here.
const OTHERS: [(&str, &str, View, &str, &str); 4] = [
    ("Table I, wafers", "Presets of the simulator; every value can be edited.", Simulate, "hardware", "Show"),
    (
        "Figures 10 and 11, Algorithm 1 and the predictor",
        "Step by step, on an example of ours.",
        Paper,
        "algorithm-1",
        "Step",
    ),
    ("Figures 2 and 13, latency and rooflines", "Computed on the command line.", Paper, "figure-2", "Show"),
    ("Table II, area and power", "The paper\u{2019}s values, added up and scaled: not ours.", Paper, "table-2", "Show"),
];

/// Observations of what is shown, and whether it was made to have them.
fn observed(store: Store) -> Option<(Vec<Observation>, bool)> {
    let (report, info) = (store.answers.report.get()?, store.shown()?);
    let model = info.model.as_deref().and_then(model_named);
    Some((observations(&report, model, info.synthetic), info.synthetic))
}

/// Targets of Figure 12, if it was run.
fn run(store: Store) -> Option<Vec<Target>> {
    store.answers.paper.get().map(|runs| targets(&runs))
}

/// The answer, made of what was measured.
pub(super) fn answer(store: Store) -> impl IntoView {
    let patterns = move || {
        let Some((rows, synthetic)) = observed(store) else {
            return "Measuring every layer of what is shown…".to_string();
        };
        let known = rows.iter().filter(|o| o.expected().is_some() && o.measured.is_some());
        let agree = known.clone().filter(|o| agrees(o)).count();
        let first = format!(
            "Of {} published patterns that can be measured on what is shown, {agree} come out as the paper finds.",
            known.count()
        );
        let then = if synthetic {
            " That proves little: this synthetic workload was fitted to them. A recorded trace tests them."
        } else {
            ""
        };
        first + then
    };
    let results = move || match run(store) {
        None => " Its speedups are results of a simulator, which was not fitted to them: run Figure 12 to see them."
            .to_string(),
        Some(all) => {
            let near = throughput(&all).filter(|t| t.difference.abs() <= LARGE).count();
            format!(
                " Of its {} speedups, which nothing was fitted to, {near} lie within {} of ours; root mean square {}.",
                throughput(&all).count(),
                percent(LARGE),
                percent(rms(&all))
            )
        }
    };
    view! { <p class="read" id="paper-answer">{patterns} {results}</p> }
}

/// Whether what was measured is what the paper finds, as the observation itself says.
fn agrees(of: &Observation) -> bool {
    of.reading == "as the paper finds"
}

/// The table of all pieces.
#[component]
pub(super) fn Pieces(store: Store) -> impl IntoView {
    let show = move |view: View, part: &'static str, words: &'static str, name: String| {
        let inside = view! { {words} <span class="hidden">{format!(": {name}")}</span> };
        link_to(store, view, part, "", inside)
    };
    let pattern = move |o: Observation, synthetic: bool| {
        let difference = match (o.measured, o.expected()) {
            (Some(ours), Some(paper)) if o.times => format!("{}×", significant(ours - paper, 2)),
            (Some(ours), Some(paper)) => points(ours - paper),
            _ => "–".into(),
        };
        let (view, part) = place(&o.id);
        let measured = o.measured;
        view! {
            <tr>
                <th scope="row"><small class="mute">{o.id.clone()}</small> " " {o.name.clone()}</th>
                <td class="words" data-name="Paper">{o.paper.clone()}</td>
                <td data-name="Here"><data value=measured.map_or(String::new(), |v| v.to_string())>{measured.map_or_else(|| "–".into(), |v| amount(v, o.times))}</data></td>
                <td data-name="Difference">{difference}</td>
                <td class="words" data-name="Reading">{(synthetic && measured.is_some() && o.expected().is_some()).then(|| view! { <span class="badge syn">"fitted"</span> " " })} {o.reading.clone()}</td>
                <td>{show(view, part, "Show", o.name)}</td>
            </tr>
        }
    };
    let patterns = move || match observed(store) {
        None => view! { <tr class="waits"><td colspan="6" class="words">"Analysing every layer…"</td></tr> }.into_any(),
        Some((rows, synthetic)) => rows.into_iter().map(|o| pattern(o, synthetic)).collect_view().into_any(),
    };
    let result = move |t: Target| {
        let words = if t.difference.abs() > LARGE { "more than 10% apart" } else { "" };
        view! {
            <tr>
                <th scope="row"><small class="mute">"Fig. 12"</small> " " {t.name.clone()}</th>
                <td class="words" data-name="Paper">{significant(t.paper, 3)} "×"</td>
                <td data-name="Here"><data value=t.ours.to_string()>{significant(t.ours, 3)} "×"</data></td>
                <td data-name="Difference">{signed(t.difference)}</td>
                <td class="words" data-name="Reading">{words}</td>
                <td>{show(Paper, "figure-12", "Show", t.name)}</td>
            </tr>
        }
    };
    let results = move || {
        match run(store) {
        Some(all) => all.into_iter().map(result).collect_view().into_any(),
        None => view! {
            <tr>
                <th scope="row"><small class="mute">"Fig. 12"</small> " Throughput and hops, with Figures 14 and 15"</th>
                <td class="words" data-name="Paper">"means over models, batches and wafers"</td>
                <td data-name="Here">"not run yet"</td>
                <td></td>
                <td class="words"></td>
                <td>{show(Paper, "figure-12", "Run", "Figure 12".into())}</td>
            </tr>
        }
        .into_any(),
    }
    };
    let case = move || {
        let study = store.answers.case_study.get();
        let mean = |name: &str| {
            study
                .as_ref()
                .and_then(|s| s.mean(name))
                .map_or_else(|| "not computed yet".into(), |m| format!("{}×", significant(m, 4)))
        };
        let rows = [("remap", "1.155×"), ("dup", "1.125×")].map(|(name, paper)| view! {
            <tr>
                <th scope="row"><small class="mute">"Fig. 17"</small> {format!(" {name} over experts in order of their ids")}</th>
                <td class="words" data-name="Paper">{paper} ", Qwen3 on GPUs"</td>
                <td data-name="Here">{mean(name)}</td>
                <td></td>
                <td class="words"></td>
                <td>{show(Paper, "figure-17", if study.is_some() { "Show" } else { "Compute" }, format!("Figure 17, {name}"))}</td>
            </tr>
        });
        rows.into_iter().collect_view()
    };
    let others = OTHERS.map(|(name, words, view, part, go)| {
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class="words" colspan="4">{words}</td>
                <td>{show(view, part, go, name.into())}</td>
            </tr>
        }
    });
    view! {
        <div class="scroll" id="pieces">
            <table class="cards pieces">
                <thead>
                    <tr>
                        <th scope="col">"In the paper"</th>
                        <th scope="col" class="words">"Paper"</th>
                        <th scope="col">"Here"</th>
                        <th scope="col">"Difference"</th>
                        <th scope="col" class="words">"Reading"</th>
                        <th scope="col"><span class="hidden">"Where"</span></th>
                    </tr>
                </thead>
                <tbody>
                    <tr class="part"><th scope="rowgroup" colspan="6">"Patterns of what is shown, mean over layers"</th></tr>
                    {patterns}
                    <tr class="part"><th scope="rowgroup" colspan="6">"Results on wafers"</th></tr>
                    {results}
                    <tr class="part"><th scope="rowgroup" colspan="6">"Results on GPUs, and the rest"</th></tr>
                    {case}
                    {others.into_iter().collect_view()}
                </tbody>
            </table>
        </div>
    }
}

fn points(x: f64) -> String {
    format!("{}{} pp", if x >= 0.0 { "+" } else { "\u{2212}" }, significant(x.abs() * 100.0, 2))
}

/// What speaks against the paper, against our model of it, or against taking agreement for evidence: first what was measured.
#[component]
pub(super) fn Against(store: Store) -> impl IntoView {
    let far = move || {
        let (rows, synthetic) = observed(store)?;
        let far = rows.into_iter().filter(|o| o.expected().is_some() && o.measured.is_some() && !agrees(o));
        let said = far.map(|o| {
            let ours = o.measured.map_or_else(String::new, |v| amount(v, o.times));
            view! { <li><b>{o.name.clone()}</b> ": " {ours} " here, " {o.paper.clone()} " in the paper. " {sentence(&o.reading)}</li> }
        });
        let on = if synthetic { "the synthetic workload" } else { "your trace" };
        let all: Vec<_> = said.collect();
        let none = all
            .is_empty()
            .then(|| view! { <li>"No pattern that can be measured on " {on} " differs from the paper\u{2019}s."</li> });
        Some(view! { {none} {all} })
    };
    let fitted = move || {
        let (report, info) = (store.answers.report.get()?, store.shown()?);
        let model = info.model.as_deref().and_then(model_named).filter(|_| info.synthetic)?;
        let rows = calibration(&report, model);
        let missed = rows.iter().filter(|r| !r.holds()).count();
        Some(view! {
            <li>
                <b>"Fitted is not found"</b> ": the synthetic workload of " {model.title} " was made to meet " {rows.len()} " published statistics of traces; it misses " {missed}
                " of them by more than is allowed. Where it agrees with them, that is no evidence. The simulator\u{2019}s results were no input of it."
            </li>
        })
    };
    let results = move || {
        let all = run(store)?;
        let far: Vec<_> = all
            .into_iter()
            .filter(|t| t.difference.abs() > LARGE)
            .map(|t| view! { <li><b>{t.name.clone()}</b> ": " {significant(t.ours, 3)} "× here, " {significant(t.paper, 3)} "× in the paper (" {signed(t.difference)} ")."</li> })
            .collect();
        let edited = !edits(store).is_empty();
        Some(
            view! { {far} {edited.then(|| view! { <li>"The runs above are not with the paper\u{2019}s settings: a part of each difference is the edits."</li> })} },
        )
    };
    view! {
        <section id="against" aria-labelledby="against-title">
            <h2 id="against-title">"Evidence against"</h2>
            <ul class="against">
                {far}
                {results}
                {fitted}
                <li><b>"Below the largest batches strategies tie"</b> ": where reading weights bounds every device, no allocation helps. The paper\u{2019}s means are over batches of 4096 to 16384; set a smaller one in Simulate and see."</li>
                <li><b>"Activations move for free"</b> ": in the paper\u{2019}s model expert parallelism has no traffic between dies. Counting it (activations=serial) changes who wins where; the command of Figure 2 shows by how much."</li>
                <li><b>"Nothing here was measured on a wafer or a GPU"</b> ": the simulator is checked against a second one, and not against hardware."</li>
            </ul>
        </section>
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// Figures that the command line computes: what they are, and how.
const COMMANDS: [(&str, &str, &str); 2] = [
    (
        "Figure 2",
        "Where the latency of DeepSeek V3 goes, on three systems at four batches, with moving activations counted. The paper: 60% to 90% is moving data.",
        "moescope paper --figure 2",
    ),
    (
        "Figure 13",
        "What the simulator says of transfers and GEMMs of an H100, beside the rooflines that they should follow. The paper\u{2019}s simulator is published to be within 5% of one; ours was compared with none.",
        "moescope paper --figure 13",
    ),
];

/// How to compute what the page does not.
#[component]
pub(super) fn Commands(store: Store) -> impl IntoView {
    let one = |(name, words, command): (&'static str, &'static str, &'static str)| {
        let said = RwSignal::new("Copy");
        let copy = move |_| {
            leptos::task::spawn_local(async move {
                said.set(if clipboard(command.into()).await { "Copied" } else { "Not allowed" });
                set_timeout(
                    move || {
                        let _ = said.try_set("Copy");
                    },
                    std::time::Duration::from_secs(2),
                );
            });
        };
        view! {
            <div class="command-row">
                <p><b>{name}</b> ". " {words}</p>
                <div class="row"><pre class="pre" tabindex="0" aria-label=format!("Command of {name}")>{command}</pre> <button type="button" on:click=copy aria-label=format!("Copy the command of {name}")>{move || said.get()}</button></div>
            </div>
        }
    };
    view! {
        <section id="piece-commands" aria-labelledby="commands-title">
            <h2 id="commands-title">"Figures 2 and 13: on the command line"</h2>
            {COMMANDS.map(one).into_iter().collect_view()}
            <p class="aside">"One setting of Figure 2 on the page: " {link_to(store, Simulate, "more-settings", "", "Simulate")} ", with Tokens between devices sent before and after, and attention counted."</p>
        </section>
    }
}
