//! Pictures that are made as text, such as the wafer, in the page. They are read as XML, strictly, and hold numbers and names of
//! colours only: nothing that a trace says becomes markup.

use web_sys::{DomParser, Element, SupportedType};

/// Replaces what is inside an `svg` or `g` element by the shapes of a text. A text that is no XML leaves it empty.
pub fn picture(into: &Element, shapes: &str) {
    into.replace_children_with_node_0();
    let text = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{shapes}</svg>");
    let Ok(parsed) = DomParser::new().and_then(|p| p.parse_from_string(&text, SupportedType::ImageSvgXml)) else {
        return;
    };
    let Some(root) = parsed.document_element().filter(|r| r.tag_name() == "svg") else { return };
    // Taken from the other document one by one.
    while let Some(child) = root.first_child() {
        if into.append_child(&child).is_err() {
            return;
        }
    }
}
