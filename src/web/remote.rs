//! A trace from an address. The page's own policy lets it ask no other host, so a frame with a policy of its own fetches the
//! bytes and hands them over as a file.

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use wasm_bindgen::prelude::*;
use web_sys::{File, HtmlIFrameElement, MessageEvent};

/// A fetch in progress; dropping it ends it.
pub struct Remote {
    frame: HtmlIFrameElement,
    listener: Closure<dyn FnMut(MessageEvent)>,
}

/// Whether an address is of this site: no request leaves it.
#[must_use]
pub fn is_own(address: &str) -> bool {
    !address.contains("://")
}

/// The host of an address, for people.
#[must_use]
pub fn host_of(address: &str) -> String {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_string()
}

type Answer = Rc<RefCell<Option<oneshot::Sender<Result<File, String>>>>>;

/// Fetches an address; `on_progress` hears of bytes done and all (0: not known).
///
/// # Errors
/// If the page cannot open the frame.
pub fn fetch_remote(
    address: &str,
    on_progress: Box<dyn Fn(f64, f64)>,
) -> Result<(Remote, impl Future<Output = Result<File, String>> + use<>), String> {
    let failed = || "this browser lets the page open no frame to fetch with".to_string();
    let window = web_sys::window().ok_or_else(failed)?;
    let document = window.document().ok_or_else(failed)?;
    let frame: HtmlIFrameElement = document.create_element("iframe").map_err(|_| failed())?.unchecked_into();
    frame.set_src("fetch.html");
    frame.set_hidden(true);
    let (sender, receiver) = oneshot::channel();
    let answer: Answer = Rc::new(RefCell::new(Some(sender)));
    // Paths are meant from the page, not from the frame's own address.
    let base = document.base_uri().ok().flatten().unwrap_or_default();
    let url = web_sys::Url::new_with_base(address, &base)
        .map(|u| u.href())
        .map_err(|_| format!("{address} is no address"))?;
    let own = frame.clone();
    let listener = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        // A frame's window is no `Window` of this page: only identity tells.
        let from = event.source().map(JsValue::from);
        if from.is_none() || from != own.content_window().map(JsValue::from) {
            return;
        }
        let of = |name: &str| js_sys::Reflect::get(&event.data(), &name.into()).unwrap_or(JsValue::UNDEFINED);
        if of("ready").is_truthy() {
            post(&own, "load", &JsValue::from(&url));
        } else if let Some(why) = of("error").as_string() {
            answer.borrow_mut().take().into_iter().for_each(|a| drop(a.send(Err(why.clone()))));
        } else if let Ok(file) = of("file").dyn_into::<File>() {
            answer.borrow_mut().take().into_iter().for_each(|a| drop(a.send(Ok(file.clone()))));
        } else if let (Some(done), Some(total)) = (of("done").as_f64(), of("total").as_f64()) {
            on_progress(done, total);
        }
    });
    window.add_event_listener_with_callback("message", listener.as_ref().unchecked_ref()).map_err(|_| failed())?;
    document.body().ok_or_else(failed)?.append_child(&frame).map_err(|_| failed())?;
    let remote = Remote { frame, listener };
    Ok((remote, async move { receiver.await.unwrap_or_else(|_| Err("the fetch was cancelled".into())) }))
}

fn post(frame: &HtmlIFrameElement, name: &str, value: &JsValue) {
    let message = js_sys::Object::new();
    let _ = js_sys::Reflect::set(&message, &name.into(), value);
    let origin = web_sys::window().and_then(|w| w.location().origin().ok()).unwrap_or_default();
    if let Some(window) = frame.content_window() {
        let _ = window.post_message(&message, &origin);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        post(&self.frame, "cancel", &JsValue::TRUE);
        if let Some(window) = web_sys::window() {
            let _ = window.remove_event_listener_with_callback("message", self.listener.as_ref().unchecked_ref());
        }
        self.frame.remove();
    }
}
