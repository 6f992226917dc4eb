//! Pictures that are made as text, such as the wafer, in the page. They are read as XML, strictly, and hold numbers and names of
//! colours only: nothing that a trace says becomes markup.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element};

fn parsed(text: &str) -> Option<Document> {
    let class: js_sys::Function = js_sys::Reflect::get(&js_sys::global(), &"DOMParser".into()).ok()?.dyn_into().ok()?;
    let parser = js_sys::Reflect::construct(&class, &js_sys::Array::new()).ok()?;
    let parse: js_sys::Function = js_sys::Reflect::get(&parser, &"parseFromString".into()).ok()?.dyn_into().ok()?;
    let read = parse.call2(&parser, &JsValue::from_str(text), &"image/svg+xml".into()).ok()?;
    Some(read.unchecked_into())
}

/// Replaces what is inside an `svg` or `g` element by the shapes of a text. A text that is no XML leaves it empty.
pub fn picture(into: &Element, shapes: &str) {
    into.replace_children_with_node_0();
    let text = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{shapes}</svg>");
    let Some(parsed) = parsed(&text) else { return };
    let Some(root) = parsed.document_element().filter(|r| r.tag_name() == "svg") else { return };
    // Taken from the other document one by one.
    while let Some(child) = root.first_child() {
        if into.append_child(&child).is_err() {
            return;
        }
    }
}
