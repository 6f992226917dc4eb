//! The field's nouns: model presets, traces, systems, replicas. They know no algorithm, so every room above can speak them.

mod expert;
mod limits;
mod mesh;
mod nouns;
pub mod packed;
mod preset;
mod replicas;
mod rest;
mod systems;
mod tokens;
mod topology;
mod trace;

pub use expert::ExpertSize;
pub use limits::{
    LAYER_IDS, MAX_BATCH_BYTES, MAX_COUNT, MAX_EXPERTS, MAX_LAYERS, MAX_RUN_LAYERS, MAX_TABLES, MAX_TOKENS, MAX_TOP_K,
    may_hold, table_bytes,
};
pub use mesh::{Faults, Mesh};
pub use nouns::Nouns;
pub use preset::{MODELS, ModelPreset, default_model, expert_count, model_labelled, model_named, model_of_shape};
pub use replicas::{Placed, Replicas, Turns};
pub use rest::{Rest, known_rests, rest_of};
pub use systems::{FIELDS, Field, Hardware, MOST_DEVICES, SYSTEMS, System, system_named};
pub use tokens::Tokens;
pub use topology::{Device, Duplex, Link, Route, Routes, Topology};
pub use trace::{Labels, Marking, Marks, Phase, Request, Scope, UNKNOWN};
