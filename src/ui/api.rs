//! The page for scripts and notebooks: `moescope.run(experiment)` and `moescope.analyze(files)` resolve to plain objects,
//! the same as the command line's JSON. `moescope.load(files)` loads, `moescope.memory()` tells the bytes of each worker,
//! `moescope.normalise(text)` writes an experiment as links have it.

use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::actions::{KEEPER, SIMULATOR};
use super::load;
use super::store::Store;
use crate::experiment::Experiment;
use crate::protocol::{From, Reply, Request};
use crate::web::Dropped;

/// Puts `moescope` on the window.
pub(super) fn offer(store: Store) {
    let object = js_sys::Object::new();
    let analyze = Closure::<dyn Fn(JsValue) -> js_sys::Promise>::new(move |files: JsValue| {
        future_to_promise(async move { analyze(store, files).await.map_err(|e| JsError::new(&e).into()) })
    });
    let run = Closure::<dyn Fn(JsValue) -> js_sys::Promise>::new(move |text: JsValue| {
        future_to_promise(async move { run(store, text).await.map_err(|e| JsError::new(&e).into()) })
    });
    let load = Closure::<dyn Fn(JsValue, JsValue) -> js_sys::Promise>::new(move |files: JsValue, workers: JsValue| {
        future_to_promise(async move { load(store, files, workers).await.map_err(|e| JsError::new(&e).into()) })
    });
    let memory = Closure::<dyn Fn() -> js_sys::Array>::new(move || {
        let pool = store.pool.with_value(Clone::clone);
        pool.iter().flat_map(|p| p.memory()).map(JsValue::from_f64).collect()
    });
    let normalise = Closure::<dyn Fn(String) -> String>::new(|text: String| Experiment::parse(&text).0.to_string());
    let parts: [(&str, JsValue); 5] = [
        ("analyze", analyze.into_js_value()),
        ("run", run.into_js_value()),
        ("load", load.into_js_value()),
        ("memory", memory.into_js_value()),
        ("normalise", normalise.into_js_value()),
    ];
    for (name, part) in parts {
        let _ = js_sys::Reflect::set(&object, &name.into(), &part);
    }
    let _ = js_sys::Reflect::set(&window(), &"moescope".into(), &object);
}

/// Loads files and tells what they hold; `workers` limits how many read.
async fn load(store: Store, files: JsValue, workers: JsValue) -> Result<JsValue, String> {
    store.readers.set(workers.as_f64().map_or(usize::MAX, crate::units::floor).max(1));
    let done = load_all(store, given(&files)?).await;
    store.readers.set(usize::MAX);
    done?;
    let info = store.trace.get_untracked().ok_or("nothing is loaded")?;
    plain(&*info)
}

/// The files of a list.
fn given(files: &JsValue) -> Result<Vec<Dropped>, String> {
    // `Array.from` throws at what it cannot walk.
    let list = if files.is_object() { js_sys::Array::from(files) } else { js_sys::Array::new() };
    let given: Vec<Dropped> = list
        .iter()
        // Files of a frame are no `File` of this page: only their shape tells.
        .filter(|f| js_sys::Reflect::has(f, &"lastModified".into()).unwrap_or(false))
        .map(|f| f.unchecked_into::<web_sys::File>())
        .map(|file| Dropped { path: file.name(), file })
        .collect();
    if given.is_empty() { Err("moescope takes a list of File objects".into()) } else { Ok(given) }
}

async fn load_all(store: Store, given: Vec<Dropped>) -> Result<(), String> {
    load::load(store, String::new(), async move { given });
    while store.loading.with_untracked(Option::is_some) {
        crate::web::pause(5).await;
    }
    let (issues, any) = store.issues.get_untracked();
    if any {
        return Ok(());
    }
    Err(issues.first().map_or_else(|| "nothing could be read".into(), ToString::to_string))
}

/// Loads the files, if any are given, and gives the analyses of what is shown.
async fn analyze(store: Store, files: JsValue) -> Result<JsValue, String> {
    if !files.is_undefined() {
        load_all(store, given(&files)?).await?;
    }
    let pool = store.pool.with_value(Clone::clone).ok_or("no worker")?;
    match pool.get(0, Request::Report(untrack(|| store.from()))).await {
        Ok(Reply::Report(report)) => plain(&*report),
        Ok(_) => Err("no report".into()),
        Err(e) => Err(e.to_string()),
    }
}

/// Runs an experiment; without one, the page's. The string decides what on, whatever is shown: its synthetic workload, or the
/// loaded trace if it names that one.
async fn run(store: Store, text: JsValue) -> Result<JsValue, String> {
    let text = text.as_string().unwrap_or_else(|| store.experiment.with_untracked(ToString::to_string));
    let (experiment, unread) = Experiment::parse(&text);
    if let Some(first) = unread.first() {
        return Err(first.to_string());
    }
    let pool = store.pool.with_value(Clone::clone).ok_or("no worker")?;
    let loaded = store.trace.with_untracked(|t| t.as_ref().map(|t| t.digest.clone()));
    let on_trace = experiment.on_loaded(loaded.as_deref())?;
    let text = experiment.to_string();
    let quiet = Box::new(|_, _| {});
    let reply = if on_trace {
        let batch = pool.parcel(KEEPER, &Request::Workload(From::Trace, text.clone())).1.await;
        let batch = batch.map_err(|e| e.to_string())?;
        pool.ask_with(SIMULATOR, &Request::Run(text, Vec::new()), Some(batch), quiet).1.await
    } else {
        pool.ask_with(SIMULATOR, &Request::RunMade(text), None, quiet).1.await
    };
    match reply {
        Ok(Reply::Run(report)) => plain(&*report),
        Ok(_) => Err("no result".into()),
        Err(e) => Err(e.to_string()),
    }
}

fn plain(value: &impl Serialize) -> Result<JsValue, String> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|e| e.to_string())
}
