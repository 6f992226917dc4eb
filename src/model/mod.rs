//! The field's nouns: model presets, traces, the wafer. They know no algorithm, so every room above can speak them.

mod limits;
pub mod packed;
mod preset;
mod routes;
mod trace;
mod wafer;

pub use limits::{
    LAYER_IDS, MAX_COUNT, MAX_EXPERTS, MAX_LAYERS, MAX_TABLES, MAX_TOKENS, MAX_TOP_K, may_hold, table_bytes,
};
pub use preset::{MODELS, ModelPreset, default_model, expert_count, model_labelled, model_named, model_of_shape};
pub use routes::{Faults, Routes};
pub use trace::{Labels, Phase, Request, Scope, UNKNOWN};
pub use wafer::{FIELDS, Field, Mesh, WAFERS, Wafer, wafer_named};
