//! The page for scripts and notebooks: `moescope.run(experiment)` and `moescope.analyze(files)` resolve to plain objects,
//! the same as the command line's JSON. `moescope.load(files)` loads, `moescope.memory()` tells the bytes of each worker,
//! `moescope.normalise(text)` writes an experiment as links have it.

use leptos::prelude::*;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::load;
use super::store::{DATA_WORKER, SIMULATOR, Store};
use crate::experiment::Experiment;
use crate::protocol::{DataId, Info, jobs};
use crate::web::{Dropped, PoolError};

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
        store.pool().iter().flat_map(|p| p.memory()).map(JsValue::from_f64).collect()
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
    store.loaded.readers.set(workers.as_f64().map_or(usize::MAX, crate::units::floor).max(1));
    let done = load_all(store, given(&files)?).await;
    store.loaded.readers.set(usize::MAX);
    done?;
    let info = store.loaded.trace.get_untracked().ok_or("nothing is loaded")?;
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
    while store.loaded.loading.with_untracked(Option::is_some) {
        crate::web::pause(5).await;
    }
    let (issues, any) = store.loaded.issues.get_untracked();
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
    let of = DataId::of(&*shown(store).await?);
    let pool = store.pool().ok_or("no worker")?;
    let report = pool.ask(DATA_WORKER, &jobs::Report::new(of), None, Box::new(|_, _| {})).1.await;
    plain(&report.map_err(words)?)
}

/// What is shown, once it is there: a script may ask before the page has made or read anything.
async fn shown(store: Store) -> Result<std::sync::Arc<Info>, String> {
    loop {
        settled(store).await;
        if let Some(info) = untrack(|| store.shown()) {
            return Ok(info);
        }
        if let Some(why) = store.chrome.failure.get_untracked() {
            return Err(why);
        }
        crate::web::pause(5).await;
    }
}

/// Waits as long as a trace that the address names may still come: the synthetic workload is not what was asked for.
async fn settled(store: Store) {
    let loaded = store.loaded;
    while loaded.restoring.get_untracked()
        || loaded.loading.with_untracked(Option::is_some)
        || loaded.stored.with_untracked(Option::is_none)
    {
        crate::web::pause(5).await;
    }
}

fn words(why: PoolError) -> String {
    match why {
        PoolError::Void => "another trace was loaded meanwhile".into(),
        other => other.to_string(),
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
    let pool = store.pool().ok_or("no worker")?;
    let quiet = || Box::new(|_, _| {});
    if !experiment.names_a_trace() {
        return plain(
            &pool.ask(SIMULATOR, &jobs::RunSynthetic::new(experiment), None, quiet()).1.await.map_err(words)?,
        );
    }
    settled(store).await;
    let loaded = store.loaded.trace.get_untracked();
    experiment.on_loaded(loaded.as_ref().map(|t| t.digest.as_str()))?;
    let of = loaded.map(|info| DataId::of(&info)).ok_or("no trace is loaded")?;
    let fill = jobs::FillBatch { of, experiment: experiment.clone() };
    let batch = pool.parcel(DATA_WORKER, &fill).1.await.map_err(words)?;
    plain(&pool.ask(SIMULATOR, &jobs::Run::new(experiment), Some(batch), quiet()).1.await.map_err(words)?)
}

fn plain(value: &impl Serialize) -> Result<JsValue, String> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).map_err(|e| e.to_string())
}
