//! Loading: drop zone, pickers, progress, what was found and what was wrong.

use leptos::ev::DragEvent;
use leptos::html;
use leptos::leptos_dom::helpers::window_event_listener;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::soundness;
use super::views::{Found, drawn};
use crate::experiment::{Experiment, View};
use crate::model::{MODELS, ModelPreset, default_model, model_named};
use crate::place::files::{MOST_BYTES, is_placement};
use crate::protocol::{Info, Origin};
use crate::synth::{synthetic_model, synthetic_models};
use crate::ui::controls::{Choice, Number};
use crate::ui::load::{cancel_load, load};
use crate::ui::numbers::{count, fact};
use crate::ui::recent::{remove, restore};
use crate::ui::remote::from_address;
use crate::ui::selection::unsimulated;
use crate::ui::settings::{change, get, set};
use crate::ui::store::{Dialog, Loading, Store, StoredTrace};
use crate::units::{bytes, grouped};
use crate::web::{Dropped, dropped, picked, text_of};

/// The sheet over the page: what is loaded, and everything that can be. Always in the page, closed or open, because files are
/// dropped anywhere.
#[component]
pub(crate) fn TraceSheet(store: Store) -> impl IntoView {
    let element = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(sheet) = element.get() else { return };
        match store.chrome.dialog.get() {
            Some(Dialog::Trace) if !sheet.open() => drop(sheet.show_modal()),
            Some(Dialog::Trace) | None if !sheet.open() => {}
            Some(Dialog::Trace) => {}
            _ if sheet.open() => sheet.close(),
            _ => {}
        }
    });
    // Once a load has succeeded there is something to see below.
    let before = StoredValue::new(None::<String>);
    Effect::new(move |_| {
        let now = store.loaded.trace.with(|t| t.as_ref().map(|t| t.digest.clone()));
        let asks = untrack(|| unsimulated(store).get()).is_some();
        let clean = store.loaded.issues.with_untracked(|i| i.0.is_empty());
        if before.get_value() != now
            && now.is_some()
            && clean
            && !asks
            && store.chrome.dialog.get_untracked() == Some(Dialog::Trace)
        {
            store.chrome.dialog.set(None);
        }
        before.set_value(now);
    });
    // Nothing can be read without an answer: the field is there at once.
    Effect::new(move |_| {
        let needed = store.loaded.questions.with(|q| q.iter().any(|q| q.needed));
        if needed && !store.loaded.issues.with(|i| i.1) {
            store.chrome.dialog.set(Some(Dialog::Trace));
        }
    });
    let closed = move |_| {
        if store.chrome.dialog.get_untracked() == Some(Dialog::Trace)
            && element.get_untracked().is_some_and(|d| !d.open())
        {
            store.chrome.dialog.set(None);
        }
    };
    view! {
        <dialog id="trace" node_ref=element on:close=closed aria-labelledby="trace-title">
            <h2 id="trace-title">"Trace"</h2>
            <DropZone store />
            {move || soundness::questions(store)}
            <div>{move || store.shown().map(|info| facts(store, &info))}</div>
            {move || store.shown().and_then(|info| soundness::badges(store, &info))}
            {move || store.shown().and_then(|info| soundness::seen(&info))}
            {move || recents(store)}
            {examples(store)}
            <form method="dialog" class="close">
                <button type="button" on:click=move |_| store.chrome.dialog.set(None)>"Close"</button>
            </form>
        </dialog>
    }
}

/// What the browser keeps, with its size and a way to delete it.
fn recents(store: Store) -> Option<impl IntoView> {
    let (list, unstored) = (store.loaded.stored.get().unwrap_or_default(), store.loaded.unstored.get());
    let shown = store.loaded.trace.with(|t| t.as_ref().map(|t| t.digest.clone()));
    if list.is_empty() && unstored.is_none() {
        return None;
    }
    let room = store
        .loaded
        .room
        .get()
        .map(|(used, all)| format!(" The browser lets this page keep {}; {} are in use.", bytes(all), bytes(used)));
    let row = |r: StoredTrace| {
        let (digest, gone) = (r.digest.clone(), r.digest.clone());
        let current = shown.as_ref() == Some(&r.digest) && store.origin() == Origin::Trace;
        view! {
            <li>
                <button type="button" prop:disabled=current on:click=move |_| restore(store, digest.clone())>{if current { "Shown" } else { "Show" }}</button>
                <span>{r.name} ", " {bytes(r.bytes)}</span>
                <button type="button" class="quiet" on:click=move |_| remove(store, &gone)>"Delete"</button>
            </li>
        }
    };
    Some(view! {
        <details id="recent">
            <summary>"Recent traces, kept in this browser: " {list.len()}</summary>
            <p>"Kept on this computer only, so that a reload or a link to the same trace finds it again." {room}</p>
            <ul class="recent">{list.into_iter().map(row).collect_view()}</ul>
            {unstored.map(|why| view! { <p class="problem" role="status">"The last trace could not be kept: " {why}</p> })}
        </details>
    })
}

#[component]
fn DropZone(store: Store) -> impl IntoView {
    let over = RwSignal::new(false);
    // The whole page says that it would take what is over it.
    Effect::new(move |_| {
        if let Some(root) = document().document_element() {
            let _ = root.class_list().toggle_with_force("over", over.get());
        }
    });
    let glanced = Memo::new(move |_| store.loaded.glance.with(Option::is_some));
    let files = NodeRef::<html::Input>::new();
    let folder = NodeRef::<html::Input>::new();
    // Not an attribute that the view macro knows.
    Effect::new(move |_| {
        if let Some(input) = folder.get() {
            let _ = input.set_attribute("webkitdirectory", "");
        }
    });
    let drop = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        if let Some(transfer) = event.data_transfer() {
            let on_found = move |found| {
                store.loaded.tell(|l| {
                    if l.bytes.1 == 0 {
                        l.files.1 = found;
                    }
                });
            };
            let files = dropped(&transfer, on_found);
            if store.experiment.with_untracked(|e| e.view.view == View::Deploy) {
                return spawn_local(placed_or_loaded(store, files));
            }
            load(store, String::new(), files);
        }
    };
    // Anywhere on the page: who misses the zone would else leave the page for the file.
    let handles = [
        window_event_listener(leptos::ev::dragover, move |e| {
            e.prevent_default();
            over.set(true);
        }),
        window_event_listener(leptos::ev::dragleave, move |e: DragEvent| {
            // Between two elements of the page it is no leave.
            if e.related_target().is_none() {
                over.set(false);
            }
        }),
        window_event_listener(leptos::ev::drop, drop),
    ];
    on_cleanup(move || handles.into_iter().for_each(|h| h.remove()));
    let chosen = move |input: NodeRef<html::Input>| {
        if let Some(input) = input.get_untracked() {
            let found = picked(&input);
            // The same file can then be picked again.
            input.set_value("");
            if !found.is_empty() {
                load(store, String::new(), async move { found });
            }
        }
    };
    let open = |input: NodeRef<html::Input>| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    view! {
        <div
            id="drop"
            class="drop"
            class:over=move || over.get()
        >
            {move || match store.loaded.loading.get() {
                Some(l) => progress(store, &l).into_any(),
                None => {
                    view! {
                        <p class="lead">"Drop expert-selection traces anywhere"</p>
                        <p>"Paper traces, server responses, CSV or NPY; files, folders, or .zip, .tar, .gz, .zst. Nothing is uploaded."</p>
                        <p class="pick">
                            <button type="button" on:click=move |_| open(files)>"Choose files"</button>
                            <button type="button" on:click=move |_| open(folder)>"Choose a folder"</button>
                        </p>
                        <Number id="address" label="or paste an address (https://\u{2026})" value=Signal::derive(String::new) on_change=move |v| from_address(store, &v) />
                    }
                        .into_any()
                }
            }}
            {move || glanced.get().then(|| so_far(store))}
            <input id="files" class="hidden" type="file" multiple node_ref=files on:change=move |_| chosen(files) aria-label="Trace files" tabindex="-1" />
            <input
                id="folder"
                class="hidden"
                type="file"
                node_ref=folder
                on:change=move |_| chosen(folder)
                aria-label="Folder of traces"
                tabindex="-1"
            />
        </div>
    }
}

/// Where placements are compared, a file that is one joins them; any other is a trace.
async fn placed_or_loaded(store: Store, files: impl Future<Output = Vec<Dropped>>) {
    let found = files.await;
    if let [one] = &found[..] {
        let experts = untrack(|| store.shown()).map_or(0, |i| i.experts);
        let saved = [".pth", ".pt"].iter().any(|end| one.path.ends_with(end));
        let small = one.file.size() <= MOST_BYTES as f64;
        let text = if small && !saved { text_of(&one.file).await } else { None };
        if saved || text.is_some_and(|text| is_placement(&text, experts)) {
            store.loaded.placement.set(Some(one.clone()));
            return store.answers.placed.clear();
        }
    }
    load(store, String::new(), async move { found });
}

/// What is read so far of a long load.
fn so_far(store: Store) -> AnyView {
    let caption = "How often each expert is chosen, over the mean of its layer, in what one worker has read so far.";
    let found = move || Found::first(store.loaded.glance.get()?);
    drawn(
        store,
        "so-far",
        "Read so far",
        Signal::derive(|| caption.to_string()),
        |w| (w * 0.5).clamp(160.0, 300.0),
        found,
    )
}

/// Experiments to begin with: what they show and their addresses.
const EXAMPLES: [(&str, &str); 8] = [
    ("Qwen3-235B on the other wafer", "v=2&model=qwen3-235b&wafer=tsmc-sow"),
    ("What if links were faster or slower?", "v=2&sweep=link:0.85:6.8:8"),
    ("A wafer with a dead die and a dead link", "v=2&dead=12,3-4&show=pred"),
    ("How experts travel without placement", "v=2&show=base&at=300&look=die:12"),
    ("Two languages side by side", "v=2&left=dataset:language%20A&right=dataset:language%20B"),
    ("All models side by side", "v=2&compare=model:deepseek-v3%7Cmodel:kimi-k2%7Cmodel:qwen3-235b"),
    ("Predict from half of the requests", "v=2&compare=heldout:on"),
    ("Everything over expert parallelism", "v=2&baseline=ep"),
];

/// Workloads of all models with several seeds, and experiments to begin with.
fn examples(store: Store) -> impl IntoView {
    let current = move || store.experiment.with(|e| e.to_string());
    let link = move |address: String, words: String| {
        let own = address.clone();
        let on = move || (current() == own).then_some("page");
        view! { <a href=format!("#{address}") aria-current=on>{words}</a> }
    };
    let model = |m: &ModelPreset| {
        let seeds = (1..=3).map(|seed| {
            let mut of = Experiment::default();
            (of.workload.model, of.workload.seed) = (m.name.into(), seed);
            link(of.to_string(), format!("seed {seed}"))
        });
        view! {
            <li>
                <b>{m.title}</b>
                <small>{m.moe_layers} " layers, " {m.experts} " experts, top-" {m.top_k}</small>
                <span class="chips">{seeds.collect_view()}</span>
            </li>
        }
    };
    let experiment =
        |(words, address): (&'static str, &'static str)| view! { <li>{link(address.into(), words.into())}</li> };
    view! {
        <details id="examples">
            <summary>"Examples: no trace needed"</summary>
            <p>"Synthetic workloads, made from published statistics. Another seed makes other requests of the same statistics: what changes with it is noise."</p>
            <ul class="gallery">{synthetic_models().map(model).collect_view()}</ul>
            <ul class="gallery">{EXAMPLES.map(experiment).collect_view()}</ul>
        </details>
    }
}

fn progress(store: Store, l: &Loading) -> impl IntoView + use<> {
    let Loading { files, bytes: (done, all), elapsed, stage, .. } = *l;
    let rate = if elapsed > 0.0 { done as f64 / (elapsed / 1e3) } else { 0.0 };
    let left = if rate > 0.0 && all > done {
        format!("{} left", crate::units::seconds(((all - done) as f64 / rate).ceil()))
    } else {
        String::new()
    };
    let numbers = if all > 0 {
        view! {
            <span>{files.0} " of " {files.1} " files"</span>
            <span>{bytes(done as f64)} " of " {bytes(all as f64)}</span>
            <span>{crate::units::bandwidth(rate)}</span>
            <span>{left}</span>
        }
        .into_any()
    } else if done > 0 {
        // Of what comes from another site the length may not be known.
        view! { <span>{bytes(done as f64)}</span> <span>{crate::units::bandwidth(rate)}</span> }.into_any()
    } else {
        (files.1 > 1).then(|| view! { <span>{grouped(files.1 as u64)} " files found"</span> }).into_any()
    };
    view! {
        <div id="progress" role="status" aria-live="polite">
            <p class="lead">{stage} "…"</p>
            <progress max=all.max(1).to_string() value=(all > 0).then(|| done.to_string())></progress>
            <p class="numbers">{numbers}</p>
            <button type="button" id="cancel-load" on:click=move |_| cancel_load(store)>"Cancel"</button>
        </div>
    }
}

fn facts(store: Store, info: &Info) -> impl IntoView + use<> {
    let synthetic = info.synthetic;
    let model =
        info.model.as_deref().and_then(model_named).map_or_else(|| "not known".to_string(), |m| m.title.to_string());
    let first = info.layers.first().zip(info.layers.last()).map(|(a, b)| format!("ids {a} to {b}"));
    let mut datasets: Vec<_> = info.labels.iter().map(|l| l.dataset.clone()).filter(|d| !d.is_empty()).collect();
    datasets.dedup();
    let mut subjects: Vec<_> =
        info.labels.iter().map(|l| l.subject.replace('_', " ")).filter(|s| !s.is_empty()).collect();
    let more = subjects.len().saturating_sub(4);
    subjects.truncate(4);
    let mut subjects = subjects.join(", ");
    if more > 0 {
        subjects = format!("{subjects} and {more} more");
    }
    let badge = if synthetic {
        view! { <p><span class="badge syn" id="source">"Synthetic workload: made from the statistics that the paper describes, not recorded"</span></p> }.into_any()
    } else {
        view! { <p><span class="badge" id="source">"Your trace" {format!(", {} {}, {}", grouped(info.files), if info.files == 1 { "file" } else { "files" }, bytes(info.bytes as f64))}</span></p> }.into_any()
    };
    let own = info.model.clone();
    let unknown = own.is_none();
    let chooser = move || {
        let option = |m: &ModelPreset| (m.name.to_string(), m.title.to_string());
        let (label, options): (_, Vec<_>) = if store.origin() == Origin::Synthetic {
            ("Synthetic workload of", synthetic_models().map(option).collect())
        } else {
            let words = if unknown { "the trace\u{2019}s model: not known" } else { "the trace\u{2019}s own model" };
            let own = (String::new(), words.to_string());
            ("Experts have the size of", std::iter::once(own).chain(MODELS.iter().map(option)).collect())
        };
        // The synthetic workload of no model is the default's.
        let value = move || {
            let set = store.experiment.with(|e| e.workload.model.clone());
            if set.is_empty() && store.origin() == Origin::Synthetic { default_model().name.into() } else { set }
        };
        view! {
            <Choice
                id="model"
                label
                options=Signal::derive(move || options.clone())
                value=Signal::derive(value)
                on_change=move |v| drop(set(store, "model", &v))
            />
        }
    };
    // Where no preset is known, or sizes were given.
    let sizes = move || {
        let given = store.settings.with(|e| e.workload.hidden > 0 || e.workload.intermediate > 0);
        let asked = unknown && store.settings.with(|e| e.workload.model.is_empty());
        (store.origin() == Origin::Trace && (given || asked)).then(|| view! {
            <Number id="hidden" label="hidden_size" value=get(store, "hidden") on_change=move |v| set(store, "hidden", &v) title="Of the model\u{2019}s config.json" />
            <Number id="intermediate" label="moe_intermediate_size" value=get(store, "intermediate") on_change=move |v| set(store, "intermediate", &v) title="Of the model\u{2019}s config.json; intermediate_size where it has no other" />
        })
    };
    let switch = move || {
        let loaded = store.loaded.trace.get()?;
        let (digest, told) = (loaded.digest.clone(), loaded.told.clone());
        Some(match store.origin() {
            Origin::Trace => view! { <button type="button" id="show-synthetic" on:click=move |_| change(store, true, |e| e.leave_trace(|m| synthetic_model(m).is_ok()))>"Show the synthetic workload"</button> }.into_any(),
            Origin::Synthetic => view! {
                <button type="button" id="show-trace" on:click=move |_| {
                    change(store, true, |e| {
                        let source = e.view.source.clone();
                        e.take_trace(&digest, &source);
                        e.tell(&told);
                    });
                }>"Show your trace again"</button>
            }
            .into_any(),
        })
    };
    view! {
        {badge}
        <dl class="facts">
            {fact("Model", "fact-model", model, None)}
            {fact("Requests", "fact-requests", count(info.requests), None)}
            {fact("Prefill tokens", "fact-prefill", count(info.prefill), None)}
            {fact("Decode tokens", "fact-decode", count(info.decode), None)}
            {(info.unmarked > 0).then(|| fact("Unmarked tokens", "fact-unmarked", count(info.unmarked), None))}
            {fact("MoE layers", "fact-layers", count(info.layers.len() as u64), first)}
            {fact("Experts a layer", "fact-experts", count(info.experts as u64), None)}
            {fact("Experts a token (top-k)", "fact-top-k", count(info.top_k as u64), None)}
            {fact("Data set", "fact-dataset", if datasets.is_empty() { "–".to_string() } else { datasets.join(", ") }, (!subjects.is_empty()).then_some(subjects))}
        </dl>
        {(info.cached < info.requests)
            .then(|| {
                let (cached, all) = (grouped(info.cached), grouped(info.requests));
                view! { <p class="status" id="capped">{format!("All {all} requests are counted. The simulator fills its batches from the first {cached}: keeping more would take too much memory.")}</p> }
            })}
        <div class="row">{chooser} {sizes} {synthetic.then(|| seed(store))} {switch}</div>
    }
}

/// Another seed, another workload of the same statistics.
fn seed(store: Store) -> impl IntoView {
    view! { <Number id="seed" label="Seed" value=get(store, "seed") on_change=move |v| set(store, "seed", &v) /> }
}

/// What was wrong in the last load.
pub(super) fn issues(store: Store) -> Option<impl IntoView> {
    /// A list longer than this helps nobody; the command line prints all.
    const MOST: usize = 50;
    let (issues, any) = store.loaded.issues.get();
    if issues.is_empty() {
        return None;
    }
    let files = {
        let mut names: Vec<_> = issues.iter().map(|i| i.file.as_str()).collect();
        names.dedup();
        names.len()
    };
    let title = if any {
        format!("{files} of the files had something wrong; the rest was loaded")
    } else {
        "Nothing could be loaded; what was shown before stays".to_string()
    };
    let more = issues.len().saturating_sub(MOST);
    let item = |i: &crate::format::Issue| {
        let at = i.place.to_string();
        let times = if i.count > 1 { format!(" ({} times)", i.count) } else { String::new() };
        view! {
            <li>
                <strong>{i.file.clone()}</strong> {(!at.is_empty()).then(|| format!(", {at}"))} ": "
                {i.problem.to_string()} {times} ". Kept: " {i.kept.clone()} ". To mend: " {i.problem.mend()} "."
            </li>
        }
    };
    Some(view! {
        <div class="notice" class:bad=!any role="alert" id="issues">
            <div>
                <p>{title}</p>
                <ul>{issues.iter().take(MOST).map(item).collect_view()}</ul>
                {(more > 0).then(|| format!("and {more} more"))}
            </div>
            <button type="button" on:click=move |_| store.loaded.issues.set((Vec::new(), true))>"Dismiss"</button>
        </div>
    })
}
