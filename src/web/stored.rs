//! Traces stored in the browser (the origin's private file system), so that a reload loses nothing. The directory is the only
//! list of them, and every change is made under one lock of all tabs. Apart from the page's small choices, which fit local
//! storage.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{
    BroadcastChannel, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions,
    FileSystemWritableFileStream, StorageEstimate, StorageManager,
};

use super::pool::Parcel;

/// Name of the lock, and of the channel on which tabs tell each other of changes.
const NAME: &str = "moescope-traces";

/// A stored file.
#[derive(Clone, Debug)]
pub struct StoredFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: f64,
    /// When it was written, milliseconds.
    pub written: f64,
    /// Its first bytes.
    pub head: Vec<u8>,
}

/// All stored files, the newest first, with so many of their first bytes. Where the browser has no such storage: none.
pub async fn stored_files(head: f64) -> Vec<StoredFile> {
    let files = async {
        let mut files = Vec::new();
        let values = folder().await?.values();
        loop {
            let next = JsFuture::from(values.next()?).await?;
            if Reflect::get(&next, &"done".into())?.is_truthy() {
                return Ok::<_, JsValue>(files);
            }
            let handle: FileSystemFileHandle = Reflect::get(&next, &"value".into())?.unchecked_into();
            // One that another tab deletes meanwhile is none.
            let Ok(file) = of::<File>(handle.get_file()).await else { continue };
            let first = file.slice_with_f64_and_f64(0.0, head)?;
            let Ok(first) = JsFuture::from(first.array_buffer()).await else { continue };
            let head = Uint8Array::new(&first).to_vec();
            files.push(StoredFile { name: handle.name(), bytes: file.size(), written: file.last_modified(), head });
        }
    };
    let mut files = files.await.unwrap_or_default();
    files.sort_by(|a, b| b.written.total_cmp(&a.written).then_with(|| a.name.cmp(&b.name)));
    files
}

/// Stores bytes under a name, and deletes the oldest files beyond so many.
///
/// # Errors
/// Words for the reader: the browser has no such storage, or it is full.
pub async fn store_file(name: &str, parcel: Parcel, most: usize) -> Result<(), String> {
    let bytes = Uint8Array::new(&parcel.0);
    let name = name.to_string();
    locked(async move {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let folder = folder().await?;
        let file: FileSystemFileHandle = of(folder.get_file_handle_with_options(&name, &options)).await?;
        let written = async {
            let stream: FileSystemWritableFileStream = of(file.create_writable()).await?;
            JsFuture::from(stream.write_with_js_u8_array(&bytes)?).await?;
            JsFuture::from(stream.close()).await
        };
        if let Err(why) = written.await {
            // An empty file under the name would be no trace.
            if of::<File>(file.get_file()).await.is_ok_and(|f| f.size() < 1.0) {
                let _ = JsFuture::from(folder.remove_entry(&name)).await;
            }
            return Err(why);
        }
        for old in stored_files(0.0).await.into_iter().skip(most).filter(|old| old.name != name) {
            let _ = JsFuture::from(folder.remove_entry(&old.name)).await;
        }
        Ok(())
    })
    .await
    .map_err(|e| words(&e))
}

/// The bytes stored under a name; none if there are none.
pub async fn stored_file(name: &str) -> Option<Parcel> {
    let file: FileSystemFileHandle = of(folder().await.ok()?.get_file_handle(name)).await.ok()?;
    let file: File = of(file.get_file()).await.ok()?;
    JsFuture::from(file.array_buffer()).await.ok()?.dyn_into().ok().map(Parcel)
}

/// Deletes what is stored under a name.
pub async fn delete_file(name: &str) {
    let name = name.to_string();
    let _ = locked(async move { JsFuture::from(folder().await?.remove_entry(&name)).await.map(|_| ()) }).await;
}

/// Deletes what nobody can read, such as files of another version.
pub async fn delete_unreadable(head: f64, reads: fn(&StoredFile) -> bool) {
    let change = async move {
        for file in stored_files(head).await.into_iter().filter(|file| !reads(file)) {
            let _ = JsFuture::from(folder().await?.remove_entry(&file.name)).await;
        }
        Ok(())
    };
    let _ = locked(change).await;
}

/// Calls `changed` whenever another tab has changed what is stored.
pub fn on_stored(changed: impl Fn() + 'static) {
    let Ok(channel) = BroadcastChannel::new(NAME) else { return };
    let heard = Closure::<dyn FnMut(JsValue)>::new(move |_| changed());
    channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
    heard.forget();
    // As long as the page is open.
    std::mem::forget(channel);
}

/// Bytes in use and bytes allowed, as the browser estimates them.
pub async fn room() -> Option<(f64, f64)> {
    let estimate: StorageEstimate = of(storage().ok()?.estimate().ok()?).await.ok()?;
    Some((estimate.get_usage()?, estimate.get_quota()?))
}

/// Does a change while no other tab makes one, and tells the others.
async fn locked(change: impl Future<Output = Result<(), JsValue>> + 'static) -> Result<(), JsValue> {
    let navigator = web_sys::window().ok_or(JsValue::NULL)?.navigator();
    let locks = Reflect::get(&navigator, &"locks".into())?;
    let done = if locks.is_undefined() {
        change.await
    } else {
        let request: js_sys::Function = Reflect::get(&locks, &"request".into())?.dyn_into()?;
        let change = Rc::new(RefCell::new(Some(change)));
        // The lock is held until the promise that this gives is kept.
        let hold = Closure::<dyn FnMut() -> Promise>::new(move || {
            let change = change.borrow_mut().take();
            future_to_promise(async move {
                match change {
                    Some(change) => change.await.map(|()| JsValue::UNDEFINED),
                    None => Ok(JsValue::UNDEFINED),
                }
            })
        });
        let held: Promise = request.call2(&locks, &NAME.into(), hold.as_ref())?.dyn_into()?;
        JsFuture::from(held).await.map(|_| ())
    };
    if let Ok(channel) = BroadcastChannel::new(NAME) {
        let _ = channel.post_message(&JsValue::NULL);
        channel.close();
    }
    done
}

/// The storage; it is absent on insecure origins, where the binding would throw.
fn storage() -> Result<StorageManager, JsValue> {
    let navigator = web_sys::window().ok_or(JsValue::NULL)?.navigator();
    let manager = Reflect::get(&navigator, &"storage".into())?;
    let able = Reflect::has(&manager, &"getDirectory".into()).unwrap_or(false);
    if able { Ok(navigator.storage()) } else { Err("this browser has no private file system".into()) }
}

async fn folder() -> Result<FileSystemDirectoryHandle, JsValue> {
    of(storage()?.get_directory()).await
}

async fn of<T: JsCast>(promise: Promise) -> Result<T, JsValue> {
    JsFuture::from(promise).await.map(JsCast::unchecked_into)
}

fn words(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|m| m.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "the browser's storage refused it".into())
}

/// The bytes of a small file that the reader picked, for a worker.
pub async fn file_bytes(file: &web_sys::File) -> Option<Parcel> {
    JsFuture::from(file.array_buffer()).await.ok()?.dyn_into().ok().map(Parcel)
}
