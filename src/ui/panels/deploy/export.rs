//! Taking a placement away: an engine, the file's first rows, how the server takes it, and what is not known of that; and the other way,
//! the placement that the reader runs today.

use std::sync::Arc;

use leptos::prelude::*;

use super::looked::{Desk, class, title};
use crate::place::files::{ENGINES, Engine, Standing, read};
use crate::protocol::PlaceReport;
use crate::units::{bytes, seconds};
use crate::web::{clipboard, download, picked};

/// Rows of a file that are shown, and letters of a row.
const ROWS: usize = 8;
const LETTERS: usize = 42;

/// A file that is offered.
#[derive(Clone, PartialEq)]
struct Offer {
    text: Arc<str>,
    /// What must be known of it.
    said: Vec<String>,
    command: String,
    engine: usize,
}

fn offer(desk: Desk, report: &PlaceReport, at: usize) -> Option<Result<Offer, String>> {
    let engine: &Engine = ENGINES.get(at)?;
    let looked = desk.looked(report)?;
    let made = report.deployment(looked).and_then(|of| {
        let (text, said) = engine.export(&of)?;
        // Nothing is offered that could not be read again.
        let back = read(text.as_bytes())?;
        if back.layers.is_empty() {
            return Err("the file has no layers".into());
        }
        Ok(Offer { text: text.into(), said, command: engine.command_for(&of, engine.file), engine: at })
    });
    Some(made)
}

/// The first rows of a file, each cut, and how many more there are.
fn preview(text: &str) -> String {
    // A list of rows in one line is shown a row a line.
    let rows = text.replace("], [", "],\n [").replace("],[", "],\n [").replace("},{", "},\n {");
    let lines: Vec<&str> = rows.lines().collect();
    let cut = |line: &&str| {
        let short: String = line.chars().take(LETTERS).collect();
        if short.len() < line.len() { format!("{short} …") } else { short }
    };
    let mut out: Vec<String> = lines.iter().take(ROWS).map(cut).collect();
    if lines.len() > ROWS {
        out.push(format!("… {} more rows", lines.len() - ROWS));
    }
    out.join("\n")
}

/// The side.
pub(super) fn side(desk: Desk) -> impl IntoView {
    let engine = RwSignal::new(0usize);
    let offered = Memo::new(move |_| offer(desk, &*desk.report()?, engine.get()));
    let saved = RwSignal::new(None::<Offer>);
    view! {
        {move || head(desk)}
        <div class="exps" id="exports" role="group" aria-label="Server">{tiles(engine)}</div>
        {move || match offered.get() {
            Some(Ok(offer)) => shown(desk, &offer, saved),
            Some(Err(why)) => {
                let name = ENGINES.get(engine.get()).map_or("", |e| e.title);
                view! { <p class="problem" role="alert" id="not-exported">"Nothing is offered for " {name} ": " {why} "."</p> }.into_any()
            }
            None => view! { <p class="status">"Once placements are compared, the chosen one is here as a file."</p> }.into_any(),
        }}
        {own(desk)}
    }
}

fn head(desk: Desk) -> Option<AnyView> {
    let report = desk.report()?;
    let of = desk.looked(&report)?;
    let slots = of.physical_to_logical.first().map_or(0, Vec::len);
    let layers = of.physical_to_logical.len();
    Some(view! { <h3>"Export " <b class=format!("hued {}", class(of))>{title(of)}</b> ", " {layers} " layers × " {slots} " slots"</h3> }.into_any())
}

fn tiles(engine: RwSignal<usize>) -> impl IntoView {
    let tile = |(at, of): (usize, &'static Engine)| {
        let words = match of.standing {
            Standing::Proposed => "proposed format",
            _ => of.file,
        };
        view! {
            <button type="button" class="tile" id=format!("export-{}", of.name) title=of.note aria-pressed=move || (engine.get() == at).to_string() on:click=move |_| engine.set(at)>
                <span>{of.title}</span>
                <small>{words}</small>
            </button>
        }
    };
    ENGINES.iter().enumerate().map(tile).collect_view()
}

fn shown(desk: Desk, offer: &Offer, saved: RwSignal<Option<Offer>>) -> AnyView {
    let Some(engine) = ENGINES.get(offer.engine) else { return ().into_any() };
    let badge = match engine.standing {
        Standing::Proposed => Some("proposed"),
        Standing::Unchecked => Some("command not run here"),
        Standing::Own => None,
    };
    let (save, copy, command) = (offer.clone(), offer.clone(), offer.command.clone());
    let copied = RwSignal::new("Copy");
    let said = |signal: RwSignal<&'static str>, text: String| {
        leptos::task::spawn_local(async move {
            signal.set(if clipboard(text).await { "Copied" } else { "Not allowed" });
            set_timeout(
                move || {
                    let _ = signal.try_set("Copy");
                },
                std::time::Duration::from_secs(2),
            );
        });
    };
    let told = RwSignal::new("Copy");
    let this = offer.clone();
    let exported = move || {
        saved.with(|s| s.as_ref() == Some(&this)).then(|| {
            let said = this.said.join(". ");
            view! { <p class="status" role="status" id="exported">{engine.file} " is saved. " {said} ". Start the server with: " {this.command.clone()}</p> }
        })
    };
    view! {
        <div class="dep-file">
            <p class="file-name"><code>{engine.file}</code> <span class="mute n">{bytes(offer.text.len() as f64)}</span></p>
            <pre class="pre" tabindex="0" aria-label="The first rows of the file">{preview(&offer.text)}</pre>
        </div>
        <div class="dep-file">
            <p class="file-name">
                <span class="lbl">{if engine.standing == Standing::Own { "How it is taken" } else { "Start the server with it" }}</span>
                {badge.map(|b| view! { <span class="badge syn">{b}</span> })}
                <button type="button" class="quiet" aria-label="Copy the command" on:click=move |_| said(told, command.clone())>{move || told.get()}</button>
            </p>
            <pre class="pre wrap" tabindex="0" aria-label="Command line">{offer.command.replace(" --", " \\\n  --")}</pre>
        </div>
        <div class="dep-save">
            <button type="button" class="btn go lg" id="save-file" on:click=move |_| {
                download(engine.file, "text/plain", &save.text);
                saved.set(Some(save.clone()));
            }>"Save file"</button>
            <button type="button" class="btn lg" id="copy-file" aria-label="Copy the file" on:click=move |_| said(copied, copy.text.to_string())>{move || copied.get()}</button>
        </div>
        {exported}
        <ul class="dep-notes">
            {offer.said.iter().map(|w| view! { <li>{w.clone()} "."</li> }).collect_view()}
            {dispatched(desk).map(|w| view! { <li>{w}</li> })}
            <li>"Read back before it is offered."</li>
        </ul>
    }
    .into_any()
}

/// A time that needs another dispatch than even shares is none of a server that has no other.
fn dispatched(desk: Desk) -> Option<String> {
    let report = desk.report()?;
    let of = desk.looked(&report)?;
    if of.dispatch == "even" {
        return None;
    }
    let even = report.strategies.iter().find(|s| s.strategy == format!("{}.even", of.placement));
    let even = even.map_or_else(String::new, |s| format!(": with even shares it takes {}", seconds(s.seconds)));
    Some(format!(
        "Its {} need the dispatch {}; a server that shares tokens otherwise has another time{even}.",
        seconds(of.seconds),
        of.dispatch
    ))
}

/// The reader's own placement.
fn own(desk: Desk) -> impl IntoView {
    let placement = desk.store.loaded.placement;
    let name = move || placement.with(|f| f.as_ref().map(|f| f.path.clone()));
    let drop_it = move |_| {
        placement.set(None);
        desk.store.answers.placed.clear();
    };
    view! {
        <div class="drop own" class:has=move || placement.with(Option::is_some)>
            <label for="placement-file">
                <b>{move || if name().is_some() { "Your current placement" } else { "Drop your current placement" }}</b>
                <span>{move || name().unwrap_or_else(|| "A file of any of these servers, or vLLM\u{2019}s .pth. It joins the comparison; press to choose one.".into())}</span>
                <input id="placement-file" class="hidden" type="file" accept=".json,.yaml,.yml,.csv,.pth,.pt" on:change=move |e| {
                    placement.set(picked(&event_target(&e)).into_iter().next());
                    desk.store.answers.placed.clear();
                } />
            </label>
            {move || placement.with(Option::is_some).then(|| view! { <button type="button" on:click=drop_it>"Take it out"</button> })}
        </div>
    }
}
