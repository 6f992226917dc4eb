//! Files from drops and pickers, with the paths of their folders, in natural order.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry, FileSystemFileEntry,
    HtmlInputElement,
};

use crate::format::natural;

/// Files of a folder that are asked for at once.
const AT_ONCE: usize = 64;

/// A file and its path as dropped.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// Path with folders.
    pub path: String,
    /// The file.
    pub file: File,
}

/// The files of a drop. Entries must be taken while the event is being handled, so this is called in the handler and the
/// future awaited later. It tells how many files were found so far.
pub fn dropped<T: Fn(usize)>(transfer: &DataTransfer, on_progress: T) -> impl Future<Output = Vec<Dropped>> + use<T> {
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
            walk(entry, &mut found, |n| on_progress(all.len() + n)).await;
            found.sort_by(|a, b| natural(&a.path, &b.path));
            all.extend(found);
        }
        all
    }
}

/// A file as text; none if it cannot be read.
pub async fn text_of(file: &File) -> Option<String> {
    JsFuture::from(file.text()).await.ok()?.as_string()
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

async fn walk(root: FileSystemEntry, found: &mut Vec<Dropped>, on_progress: impl Fn(usize)) {
    let mut folders = Vec::new();
    let mut entries = vec![root];
    loop {
        entries.retain(|entry| !entry.name().starts_with('.'));
        let (files, inside): (Vec<_>, Vec<_>) = entries.into_iter().partition(FileSystemEntry::is_file);
        // Some at once: one after another, thousands of them take half as long as reading them. All at once, they hold up the page.
        for some in files.chunks(AT_ONCE) {
            found.extend(futures_util::future::join_all(some.iter().map(file)).await.into_iter().flatten());
            on_progress(found.len());
            super::pause(0).await;
        }
        folders.extend(inside.into_iter().map(|e| e.unchecked_into::<FileSystemDirectoryEntry>().create_reader()));
        let Some(folder) = folders.last() else { return };
        entries = batch(folder).await;
        if entries.is_empty() {
            folders.pop();
        }
    }
}

/// The next entries of a folder: browsers give a hundred at a time, and none at the end.
async fn batch(folder: &FileSystemDirectoryReader) -> Vec<FileSystemEntry> {
    let batch = callback(|ok, fail| {
        let _ = folder.read_entries_with_callback_and_callback(ok, fail);
    });
    let batch = JsFuture::from(batch).await.unwrap_or_default();
    js_sys::Array::from(&batch).iter().map(JsCast::unchecked_into).collect()
}

async fn file(entry: &FileSystemEntry) -> Option<Dropped> {
    let path = entry.full_path().trim_start_matches('/').to_string();
    let entry: &FileSystemFileEntry = entry.unchecked_ref();
    let file = callback(|ok, fail| entry.file_with_callback_and_callback(ok, fail));
    Some(Dropped { path, file: JsFuture::from(file).await.ok()?.unchecked_into() })
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
