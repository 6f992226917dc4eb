//! Canvases: plotters at the device's pixel ratio, and pictures of pixels under its axes.

use plotters::prelude::IntoDrawingArea;
use plotters_canvas::CanvasBackend;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use crate::plot::{Chart, Frame, Look, chart, pixels};

/// Draws a figure of `width` × `height` CSS pixels on a canvas.
pub fn draw(canvas: &HtmlCanvasElement, (width, height): (f64, f64), look: &Look, what: &Chart) -> Option<Frame> {
    resize(canvas, (width, height), look);
    let area = CanvasBackend::with_canvas_object(canvas.clone())?.into_drawing_area();
    let frame = chart(&area, look, what).ok()?;
    if let Chart::Heatmap(map) = what {
        let (x, y) = (f64::from(frame.left), f64::from(frame.top));
        let (w, h) = (f64::from(frame.right - frame.left), f64::from(frame.bottom - frame.top));
        picture(canvas, (x, y, w, h), &pixels(map, &look.theme), map.columns)?;
    }
    Some(frame)
}

/// Gives a canvas the pixels of its size in CSS pixels.
pub(super) fn resize(canvas: &HtmlCanvasElement, (width, height): (f64, f64), look: &Look) {
    let size = |css: f64| u32::try_from(look.px(css)).unwrap_or(1).max(1);
    let (w, h) = (size(width), size(height));
    // Setting a canvas's size clears it and costs a layout, even if nothing changes.
    if (canvas.width(), canvas.height()) != (w, h) {
        canvas.set_width(w);
        canvas.set_height(h);
    }
}

/// Leaves nothing of what was drawn.
pub fn clear(canvas: &HtmlCanvasElement) {
    if let Some(context) = context(canvas) {
        context.clear_rect(0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height()));
    }
}

/// Puts RGBA pixels into a box, one cell a pixel, enlarged without smoothing.
pub(super) fn picture(
    canvas: &HtmlCanvasElement,
    (x, y, w, h): (f64, f64, f64, f64),
    rgba: &[u8],
    columns: usize,
) -> Option<()> {
    let columns = u32::try_from(columns).ok().filter(|&c| c > 0)?;
    let image = ImageData::new_with_u8_clamped_array(Clamped(rgba), columns).ok()?;
    let small: HtmlCanvasElement = web_sys::window()?.document()?.create_element("canvas").ok()?.unchecked_into();
    small.set_width(columns);
    small.set_height(image.height());
    context(&small)?.put_image_data(&image, 0.0, 0.0).ok()?;
    let to = context(canvas)?;
    to.set_image_smoothing_enabled(false);
    to.draw_image_with_html_canvas_element_and_dw_and_dh(&small, x, y, w, h).ok()
}

pub(super) fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok()??.dyn_into().ok()
}
