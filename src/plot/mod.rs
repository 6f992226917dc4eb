//! Figures from results, on any of plotters' backends: the canvas in the page, SVG natively. Apart from the page, so that
//! figures can be tested and exported without one. Nothing is computed here; colours live in [`theme`] alone.

mod axes;
mod bars;
mod chart;
mod curve;
mod figure;
mod first;
mod gantt;
mod heatmap;
mod lines;
mod mesh;
mod panels;
mod png;
pub mod race;
pub mod theme;
pub mod tile;
mod tone;
pub mod wafer;

pub use axes::{Axis, Frame, Look, Result, Scale};
pub use bars::{Bar, Bars, bars};
pub use chart::{Chart, chart, svg};
pub use curve::{Curve, Curves, Marker, Points, curves, points};
pub use figure::{Overlay, picture};
pub use first::{QUESTIONS, answer, first_screen, lead};
pub use gantt::{Gantt, Span, gantt};
pub use heatmap::{Heatmap, heatmap, paint, pixels, shades};
pub use lines::{Line, Lines, lines};
pub use mesh::{MeshPicture, mesh};
pub use panels::{Group, Mark, Panel, Panels, columns, panels, span};
pub use png::with_comment;
pub use tone::tone;
