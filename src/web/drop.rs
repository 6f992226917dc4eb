//! Files from drops and pickers, with the paths of their folders, in natural order.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry, FileSystemFileEntry,
    HtmlInputElement,
};

use crate::format::natural;

/// A file and its path as dropped.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// Path with folders.
    pub path: String,
    /// The file.
    pub file: File,
}

/// The files of a drop. Entries must be taken while the event is being handled, so this is called in the handler and the
/// future awaited later.
pub fn dropped(transfer: &DataTransfer) -> impl Future<Output = Vec<Dropped>> + use<> {
    let items = transfer.items();
    let entries: Vec<FileSystemEntry> =
        (0..items.length()).filter_map(|i| items.get(i)?.webkit_get_as_entry().ok().flatten()).collect();
    // Browsers without entries still give plain files.
    let plain: Vec<File> = match transfer.files() {
        Some(list) if entries.is_empty() => (0..list.length()).filter_map(|i| list.get(i)).collect(),
        _ => Vec::new(),
    };
    async move {
        let mut all: Vec<Dropped> = plain.into_iter().map(|file| Dropped { path: file.name(), file }).collect();
        for entry in entries {
            let mut found = Vec::new();
            walk(entry, &mut found).await;
            found.sort_by(|a, b| natural(&a.path, &b.path));
            all.extend(found);
        }
        all
    }
}

/// The files of a picker; a folder picker gives relative paths.
#[must_use]
pub fn picked(input: &HtmlInputElement) -> Vec<Dropped> {
    let Some(list) = input.files() else { return Vec::new() };
    let path = |file: &File| {
        let relative = js_sys::Reflect::get(file, &"webkitRelativePath".into()).ok().and_then(|p| p.as_string());
        relative.filter(|p| !p.is_empty()).unwrap_or_else(|| file.name())
    };
    let mut all: Vec<Dropped> =
        (0..list.length()).filter_map(|i| list.get(i)).map(|file| Dropped { path: path(&file), file }).collect();
    if all.iter().any(|d| d.path.contains('/')) {
        all.retain(|d| !d.path.rsplit('/').next().is_some_and(|n| n.starts_with('.')));
        all.sort_by(|a, b| natural(&a.path, &b.path));
    }
    all
}

async fn walk(root: FileSystemEntry, found: &mut Vec<Dropped>) {
    let mut open = vec![root];
    while let Some(entry) = open.pop() {
        if entry.name().starts_with('.') {
            continue;
        }
        let path = entry.full_path().trim_start_matches('/').to_string();
        if entry.is_file() {
            let entry: FileSystemFileEntry = entry.unchecked_into();
            let file = callback(|ok, fail| entry.file_with_callback_and_callback(ok, fail));
            if let Ok(file) = JsFuture::from(file).await {
                found.push(Dropped { path, file: file.unchecked_into() });
            }
        } else {
            let reader: FileSystemDirectoryReader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
            // Browsers give a folder's entries in batches of a hundred, and an empty one at the end.
            loop {
                let batch = callback(|ok, fail| {
                    let _ = reader.read_entries_with_callback_and_callback(ok, fail);
                });
                let Ok(batch) = JsFuture::from(batch).await else { break };
                let batch = js_sys::Array::from(&batch);
                if batch.length() == 0 {
                    break;
                }
                open.extend(batch.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
            }
        }
    }
}

/// A promise of a call with two callbacks.
fn callback(call: impl FnOnce(&js_sys::Function, &js_sys::Function)) -> js_sys::Promise {
    let mut call = Some(call);
    js_sys::Promise::new(&mut |ok, fail| {
        if let Some(call) = call.take() {
            call(&ok, &fail);
        }
    })
}
