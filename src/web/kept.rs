//! Traces kept in the browser's own storage (the origin's private file system), so that a reload loses nothing. Apart from the
//! page's small choices, which fit local storage.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions, FileSystemWritableFileStream,
    StorageEstimate, StorageManager,
};

use super::Parcel;

/// Writes bytes under a name; how many they were.
///
/// # Errors
/// Words for the reader: the browser has no such storage, or it is full.
pub async fn keep(name: &str, parcel: Parcel) -> Result<f64, String> {
    let bytes = Uint8Array::new(&parcel.0);
    let length = f64::from(bytes.length());
    let write = async {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let file: FileSystemFileHandle = of(folder().await?.get_file_handle_with_options(name, &options)).await?;
        let stream: FileSystemWritableFileStream = of(file.create_writable()).await?;
        JsFuture::from(stream.write_with_js_u8_array(&bytes)?).await?;
        JsFuture::from(stream.close()).await
    };
    write.await.map(|_| length).map_err(|e| words(&e))
}

/// The bytes of a name; none if they are not there.
pub async fn kept(name: &str) -> Option<Parcel> {
    let file: FileSystemFileHandle = of(folder().await.ok()?.get_file_handle(name)).await.ok()?;
    let file: File = of(file.get_file()).await.ok()?;
    JsFuture::from(file.array_buffer()).await.ok()?.dyn_into().ok().map(Parcel)
}

/// Deletes what is kept under a name.
pub async fn forget(name: &str) {
    if let Ok(folder) = folder().await {
        let _ = JsFuture::from(folder.remove_entry(name)).await;
    }
}

/// Bytes in use and bytes allowed, as the browser estimates them.
pub async fn room() -> Option<(f64, f64)> {
    let estimate: StorageEstimate = of(storage().ok()?.estimate().ok()?).await.ok()?;
    Some((estimate.get_usage()?, estimate.get_quota()?))
}

/// The storage; it is absent on insecure origins, where the binding would throw.
fn storage() -> Result<StorageManager, JsValue> {
    let navigator = web_sys::window().ok_or(JsValue::NULL)?.navigator();
    let manager = js_sys::Reflect::get(&navigator, &"storage".into())?;
    let able = js_sys::Reflect::has(&manager, &"getDirectory".into()).unwrap_or(false);
    if able { Ok(navigator.storage()) } else { Err("this browser has no private file system".into()) }
}

async fn folder() -> Result<FileSystemDirectoryHandle, JsValue> {
    of(storage()?.get_directory()).await
}

async fn of<T: JsCast>(promise: Promise) -> Result<T, JsValue> {
    JsFuture::from(promise).await.map(JsCast::unchecked_into)
}

fn words(error: &JsValue) -> String {
    let message = js_sys::Reflect::get(error, &"message".into()).ok().and_then(|m| m.as_string());
    message.or_else(|| error.as_string()).unwrap_or_else(|| "the browser's storage refused it".into())
}
