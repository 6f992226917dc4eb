//! A picture to take away: under its title, over whose it is and the address that draws it again; at twice the size of the screen's.
//! Apart from the page's canvases, which hold the picture alone.

use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlImageElement};

use super::canvas::{context, draw};
use crate::plot::theme::Theme;
use crate::plot::{Chart, Look};

/// Pixels for a CSS pixel.
const RATIO: f64 = 2.0;
/// Of the sheet, around all.
const EDGE: f64 = 20.0;
/// From one line of text to the next.
const LINE: f64 = 18.0;

/// What stands around a picture.
pub struct Poster {
    /// Over it.
    pub title: String,
    /// Under it: whose it is and of what, then its address. Each is broken where the sheet ends.
    pub lines: [String; 2],
    /// Colours.
    pub theme: Theme,
    /// Width and height of the picture, CSS pixels.
    pub size: (f64, f64),
}

impl Poster {
    /// With a figure.
    #[must_use]
    pub fn of_chart(&self, what: &Chart) -> Option<HtmlCanvasElement> {
        let canvas: HtmlCanvasElement = web_sys::window()?.document()?.create_element("canvas").ok()?.unchecked_into();
        draw(&canvas, self.size, &Look { theme: self.theme, ratio: RATIO }, what)?;
        self.sheet(|to, [x, y, w, h]| to.draw_image_with_html_canvas_element_and_dw_and_dh(&canvas, x, y, w, h).ok())
    }

    /// With a picture that is SVG.
    pub async fn of_svg(&self, svg: &str) -> Option<HtmlCanvasElement> {
        let image = HtmlImageElement::new().ok()?;
        image.set_src(&format!("data:image/svg+xml;charset=utf-8,{}", js_sys::encode_uri_component(svg)));
        JsFuture::from(image.decode()).await.ok()?;
        self.sheet(|to, [x, y, w, h]| to.draw_image_with_html_image_element_and_dw_and_dh(&image, x, y, w, h).ok())
    }

    fn sheet(
        &self,
        paint: impl FnOnce(&CanvasRenderingContext2d, [f64; 4]) -> Option<()>,
    ) -> Option<HtmlCanvasElement> {
        let document = web_sys::window()?.document()?;
        let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.unchecked_into();
        let style = web_sys::window()?.get_computed_style(&document.body()?.into()).ok()??;
        let family = style.get_property_value("font-family").unwrap_or_default();
        let to = context(&canvas)?;
        let (width, height) = self.size;
        let small = format!("12px {family}");
        to.set_font(&small);
        let fits = |text: &str| to.measure_text(text).is_ok_and(|m| m.width() <= width);
        let lines: Vec<String> = self.lines.iter().flat_map(|line| broken(line, &fits)).collect();
        let below = EDGE + 34.0 + height + 8.0;
        let all = (width + 2.0 * EDGE, below + LINE * lines.len() as f64 + EDGE - 6.0);
        super::canvas::resize(&canvas, all, &Look { theme: self.theme, ratio: RATIO });
        to.scale(RATIO, RATIO).ok()?;
        let css = |c: plotters::style::RGBColor| format!("rgb({} {} {})", c.0, c.1, c.2);
        to.set_fill_style_str(&css(self.theme.surface));
        to.fill_rect(0.0, 0.0, all.0, all.1);
        to.set_fill_style_str(&css(self.theme.ink));
        to.set_font(&format!("600 17px {family}"));
        to.fill_text_with_max_width(&self.title, EDGE, EDGE + 15.0, width).ok()?;
        paint(&to, [EDGE, EDGE + 34.0, width, height])?;
        to.set_fill_style_str(&css(self.theme.quiet));
        to.set_font(&small);
        for (i, line) in lines.iter().enumerate() {
            to.fill_text(line, EDGE, below + 12.0 + LINE * i as f64).ok()?;
        }
        Some(canvas)
    }
}

/// A line in pieces that fit: broken after a space or a `&` where there is one, since most of an address is settings.
fn broken(line: &str, fits: &impl Fn(&str) -> bool) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for word in line.split_inclusive([' ', '&']) {
        let last = pieces.last().cloned().unwrap_or_default();
        if !last.is_empty() && !fits(&format!("{last}{}", word.trim_end())) {
            pieces.push(String::new());
        }
        for letter in word.chars() {
            // A digest or a name that alone is wider than the sheet.
            if pieces.last().is_some_and(|p| !p.is_empty() && !fits(&format!("{p}{letter}")) && letter != ' ') {
                pieces.push(String::new());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push(letter);
            }
        }
    }
    pieces
}
