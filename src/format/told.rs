//! What the reader tells of recordings that do not say it themselves: by an option, a field of the page, or a `config.json` that lies
//! beside them. Apart from what readers know of a file (`About`), because it travels with each unit to whoever reads it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{MAX_EXPERTS, MAX_LAYERS, MAX_TOP_K, Marking};

/// Largest size of a layer that is believed.
const MOST_SIZE: u64 = 1 << 17;

/// What expert ids are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// Slots: an expert that has copies has several.
    Physical,
    /// The experts of the model.
    Logical,
}

impl Ids {
    /// Every value with its name.
    pub const EACH: [(&'static str, Ids); 2] = [("physical", Ids::Physical), ("logical", Ids::Logical)];
}

/// What is told; nothing of it is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Experts of a token (K).
    pub top_k: Option<usize>,
    /// Layers that a recording has rows for, dense ones among them.
    pub layers: Option<usize>,
    /// Layers at the start that are dense.
    pub dense: usize,
    /// Experts of a layer (E).
    pub experts: Option<usize>,
    /// Shared experts stay in the routing.
    pub keep_shared: bool,
    /// What ids are, whatever they look like.
    pub ids: Option<Ids>,
    /// What unmarked tokens are.
    pub unmarked: Option<Marking>,
    /// Hidden size h of the model; 0: not told.
    pub hidden: usize,
    /// Intermediate size i of one of its experts; 0: not told.
    pub intermediate: usize,
}

impl Told {
    /// What a model's `config.json` tells (Hugging Face), or TensorRT-LLM's `meta_info.json`; none if it is neither.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let all: Value = serde_json::from_slice(bytes).ok()?;
        let of = all.get("text_config").filter(|v| v.is_object()).unwrap_or(&all);
        let number = |names: &[&str], most: u64| {
            let found = names.iter().find_map(|name| of.get(name)?.as_u64()).filter(|&n| n > 0 && n <= most);
            found.and_then(|n| usize::try_from(n).ok())
        };
        let told = Self {
            top_k: number(&["num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_topk"], MAX_TOP_K as u64),
            layers: number(&["num_hidden_layers"], MAX_LAYERS as u64),
            dense: number(&["first_k_dense_replace"], MAX_LAYERS as u64).unwrap_or(0),
            experts: number(&["n_routed_experts", "num_experts", "num_local_experts"], MAX_EXPERTS),
            hidden: number(&["hidden_size"], MOST_SIZE).unwrap_or(0),
            // Where a model has dense layers too, the plain name is their size.
            intermediate: number(&["moe_intermediate_size", "intermediate_size"], MOST_SIZE).unwrap_or(0),
            ..Self::default()
        };
        (told.top_k.is_some() || told.experts.is_some()).then_some(told)
    }

    /// This, and where it tells nothing what the other tells.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let or = |ours: usize, theirs: usize| if ours > 0 { ours } else { theirs };
        Self {
            top_k: self.top_k.or(other.top_k),
            layers: self.layers.or(other.layers),
            dense: or(self.dense, other.dense),
            experts: self.experts.or(other.experts),
            keep_shared: self.keep_shared || other.keep_shared,
            ids: self.ids.or(other.ids),
            unmarked: self.unmarked.or(other.unmarked),
            hidden: or(self.hidden, other.hidden),
            intermediate: or(self.intermediate, other.intermediate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_tells_what_a_recording_lacks_under_every_usual_name() {
        let config = br#"{"num_hidden_layers": 27, "first_k_dense_replace": 1, "n_routed_experts": 64, "num_experts_per_tok": 6}"#;
        let told = Told::read(config).unwrap();
        assert_eq!((told.top_k, told.layers, told.dense, told.experts), (Some(6), Some(27), 1, Some(64)));
        let nested = Told::read(br#"{"text_config": {"num_local_experts": 16, "num_experts_per_tok": 1}}"#).unwrap();
        assert_eq!((nested.top_k, nested.experts), (Some(1), Some(16)));
        let statistics = Told::read(br#"{"num_experts": 8, "num_experts_per_token": 2}"#).unwrap();
        assert_eq!((statistics.top_k, statistics.experts), (Some(2), Some(8)));
        for none in ["[]", "{", "{}", r#"{"num_experts": -1}"#, r#"{"num_experts": 99999999}"#] {
            assert_eq!(Told::read(none.as_bytes()), None, "{none}");
        }
        let of_option = Told { top_k: Some(2), ..Told::default() };
        assert_eq!(of_option.or(&told).top_k, Some(2), "an option goes before a file");
    }
}
