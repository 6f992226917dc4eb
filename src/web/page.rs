//! Small things of the page: address, storage, clipboard, downloads.

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlAnchorElement, HtmlCanvasElement, HtmlElement};

/// Sends the words of a panic to the console: without them a defect is only "unreachable".
pub fn say_panics() {
    std::panic::set_hook(Box::new(|info| web_sys::console::error_1(&info.to_string().into())));
}

/// The address's fragment, without `#`.
#[must_use]
pub fn fragment() -> String {
    let hash = web_sys::window().and_then(|w| w.location().hash().ok()).unwrap_or_default();
    hash.trim_start_matches('#').to_string()
}

/// Writes the fragment: a step of the history, or in place of the current one.
pub fn set_fragment(text: &str, push: bool) {
    let Some(history) = web_sys::window().and_then(|w| w.history().ok()) else { return };
    let url = format!("#{text}");
    let _ = if push {
        history.push_state_with_url(&JsValue::NULL, "", Some(&url))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&url))
    };
}

/// Scrolls to an element, opens what folds it away, and gives it the focus.
pub fn go_to(id: &str) {
    let named = |id: &str| web_sys::window()?.document()?.get_element_by_id(id);
    if let Some(element) = named(id) {
        return reach(&element);
    }
    // The code of its view may be on its way.
    let id = id.to_string();
    wasm_bindgen_futures::spawn_local(async move {
        for _ in 0..100 {
            pause(50).await;
            if let Some(element) = named(&id) {
                return reach(&element);
            }
        }
    });
}

fn reach(element: &Element) {
    // A figure's picture, not the menu that stands above it; a part's title, not its first button.
    let wanted = match element.tag_name().as_str() {
        "FIGURE" => "canvas",
        "SECTION" => "h2, canvas, summary, button",
        _ => "canvas, summary, button",
    };
    let inner = element.query_selector(wanted).ok().flatten();
    // What takes the focus itself has it: the first button of the whole page may be in a view that is closed.
    let target = inner.filter(|_| !element.has_attribute("tabindex")).unwrap_or_else(|| element.clone());
    if let Ok(target) = target.dyn_into::<HtmlElement>() {
        reveal(element, &target);
    }
}

/// Opens what folds an element away, scrolls to it, and gives the focus to a target in it.
pub fn reveal(element: &Element, target: &HtmlElement) {
    let around = |element: &Element| element.closest("details").ok().flatten();
    let mut folded = around(element);
    while let Some(details) = folded {
        let _ = details.set_attribute("open", "");
        folded = details.parent_element().and_then(|e| around(&e));
    }
    element.scroll_into_view();
    let _ = target.focus();
    let has = web_sys::window().and_then(|w| w.document()).and_then(|d| d.active_element());
    if has.is_none_or(|e| e != **target) {
        // Headings and the like take the focus only so.
        target.set_tab_index(-1);
        let _ = target.focus();
    }
}

/// Milliseconds since the page opened.
#[must_use]
pub fn now() -> f64 {
    web_sys::window().and_then(|w| w.performance()).map_or(0.0, |p| p.now())
}

/// Device pixels for one CSS pixel.
#[must_use]
pub fn pixel_ratio() -> f64 {
    web_sys::window().map_or(1.0, |w| w.device_pixel_ratio()).clamp(0.5, 4.0)
}

const DARK: &str = "(prefers-color-scheme: dark)";

/// What the system, or the page around a frame, says of this.
fn media(query: &str) -> Option<web_sys::MediaQueryList> {
    web_sys::window()?.match_media(query).ok()?
}

/// Whether the system asks for a dark page.
#[must_use]
pub fn prefers_dark() -> bool {
    media(DARK).is_some_and(|q| q.matches())
}

/// Does something whenever the system, or the page around a frame, turns dark or light.
pub fn on_scheme(f: impl FnMut() + 'static) {
    if let Some(query) = media(DARK) {
        let turned = Closure::<dyn FnMut()>::new(f);
        let _ = query.add_event_listener_with_callback("change", turned.as_ref().unchecked_ref());
        // For as long as the page is there.
        turned.forget();
    }
}

/// Tells the page around a frame which figure it holds and how high that would be, CSS pixels: `{moescope, height}`. To whoever
/// frames it: nothing of a trace is in it.
pub fn tell_host(figure: &str, height: f64) {
    let Some(window) = web_sys::window() else { return };
    let Some(host) = window.parent().ok().flatten().filter(|host| *host != window) else { return };
    let message = js_sys::Object::new();
    let said = js_sys::Reflect::set(&message, &"moescope".into(), &figure.into())
        .and_then(|_| js_sys::Reflect::set(&message, &"height".into(), &height.into()));
    if said.is_ok() {
        let _ = host.post_message(&message, "*");
    }
}

/// Whether the system asks for a page that does not move.
#[must_use]
pub fn prefers_still() -> bool {
    media("(prefers-reduced-motion: reduce)").is_some_and(|q| q.matches())
}

/// A choice stored in the browser.
#[must_use]
pub fn recall(name: &str) -> Option<String> {
    web_sys::window()?.local_storage().ok()??.get_item(name).ok()?
}

/// Keeps a choice in the browser; private windows may refuse, which loses nothing.
pub fn remember(name: &str, value: &str) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|w| w.local_storage()) {
        let _ = storage.set_item(name, value);
    }
}

/// Copies text; false if the browser does not allow it.
pub async fn clipboard(text: String) -> bool {
    let Some(window) = web_sys::window() else { return false };
    // The clipboard is absent on insecure origins, where the binding would throw.
    let clipboard = js_sys::Reflect::get(&window.navigator(), &"clipboard".into()).unwrap_or(JsValue::UNDEFINED);
    if clipboard.is_undefined() {
        return false;
    }
    JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok()
}

/// Waits for the page's own fonts, where the browser tells.
pub async fn fonts_ready() {
    let document = web_sys::window().and_then(|w| w.document());
    let fonts = document.and_then(|d| js_sys::Reflect::get(&d, &"fonts".into()).ok());
    let ready = fonts.and_then(|f| js_sys::Reflect::get(&f, &"ready".into()).ok());
    if let Some(Ok(promise)) = ready.map(|r| r.dyn_into::<js_sys::Promise>()) {
        let _ = JsFuture::from(promise).await;
    }
}

/// Saves text as a file.
pub fn download(name: &str, kind: &str, text: &str) {
    let url = format!("data:{kind};charset=utf-8,{}", js_sys::encode_uri_component(text));
    follow(name, &url);
}

/// Saves a canvas as PNG, with a comment inside.
pub fn download_canvas(name: &str, canvas: &HtmlCanvasElement, comment: &str) {
    const HEAD: &str = "data:image/png;base64,";
    let Ok(url) = canvas.to_data_url() else { return };
    let window = web_sys::window();
    let binary = window.as_ref().and_then(|w| w.atob(url.strip_prefix(HEAD)?).ok());
    // The browser's binary strings hold a byte in each character.
    let bytes = binary.map(|b| b.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(0)).collect::<Vec<u8>>());
    let stamped = bytes.map(|b| crate::plot::with_comment(&b, comment));
    let text = stamped.map(|b| b.into_iter().map(char::from).collect::<String>());
    let back = text.and_then(|t| window?.btoa(&t).ok());
    follow(name, &back.map_or(url, |b| format!("{HEAD}{b}")));
}

fn follow(name: &str, url: &str) {
    let Some(document) = web_sys::window().and_then(|w| w.document()) else { return };
    let Ok(link) = document.create_element("a") else { return };
    let link: HtmlAnchorElement = link.unchecked_into();
    link.set_href(url);
    link.set_download(name);
    link.click();
}

/// Lets the page draw and hear its reader, for so many milliseconds.
pub async fn pause(milliseconds: i32) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds);
        }
    });
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}
