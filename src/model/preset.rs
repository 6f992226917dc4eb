//! Shapes of the models whose traces are published. Apart from `trace`, because a trace infers most of its shape but
//! never its expert's size in bytes.

/// What the simulator and the synthetic workloads need to know about a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelPreset {
    /// Name in URLs and on the command line.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Number of MoE layers.
    pub moe_layers: usize,
    /// Id of the first MoE layer in the full model.
    pub first_layer: u32,
    /// Distance between the ids of two MoE layers (2: every second layer is dense).
    pub layer_stride: u32,
    /// Routed experts of a layer (E).
    pub experts: usize,
    /// Routed experts of a token (K).
    pub top_k: usize,
    /// Hidden size h.
    pub hidden: usize,
    /// Intermediate size i of one expert.
    pub intermediate: usize,
    /// Groups of the router, and how many of them one token may use; (1, 1) without a group limit.
    pub groups: (usize, usize),
    /// Coverage of the top 20% of experts given the expert in the previous layer (paper, Ob1); none if not published.
    pub paper_cross_layer: Option<f64>,
    /// The same given the previous token's expert (paper, Ob2).
    pub paper_cross_token: Option<f64>,
    /// Speedup of `allo+pred` over `base`, mean over batches and wafers (paper, section V).
    pub paper_speedup: Option<f64>,
}

impl ModelPreset {
    /// Bytes of one expert: three GEMMs (gate, up, down) of h × i weights.
    #[must_use]
    pub fn expert_bytes(&self, bytes_per_weight: f64) -> f64 {
        3.0 * self.hidden as f64 * self.intermediate as f64 * bytes_per_weight
    }

    /// Ids of the MoE layers in the full model.
    pub fn layer_ids(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.moe_layers).map(|n| self.first_layer + crate::units::small(n) * self.layer_stride)
    }
}

/// The presets; the first is the default.
pub const MODELS: [ModelPreset; 5] = [
    ModelPreset {
        name: "deepseek-v3",
        title: "DeepSeek V3",
        moe_layers: 58,
        first_layer: 3,
        layer_stride: 1,
        experts: 256,
        top_k: 8,
        hidden: 7168,
        intermediate: 2048,
        groups: (8, 4),
        paper_cross_layer: Some(0.50),
        paper_cross_token: Some(0.47),
        paper_speedup: Some(7.0),
    },
    ModelPreset {
        name: "kimi-k2",
        title: "Kimi K2",
        moe_layers: 60,
        first_layer: 1,
        layer_stride: 1,
        experts: 384,
        top_k: 8,
        hidden: 7168,
        intermediate: 2048,
        groups: (1, 1),
        paper_cross_layer: Some(0.56),
        paper_cross_token: Some(0.53),
        paper_speedup: Some(8.2),
    },
    ModelPreset {
        name: "qwen3-235b",
        title: "Qwen3-235B",
        moe_layers: 94,
        first_layer: 0,
        layer_stride: 1,
        experts: 128,
        top_k: 8,
        hidden: 4096,
        intermediate: 1536,
        groups: (1, 1),
        paper_cross_layer: Some(0.65),
        paper_cross_token: Some(0.62),
        paper_speedup: Some(4.1),
    },
    ModelPreset {
        name: "llama4-maverick",
        title: "Llama 4 Maverick",
        moe_layers: 24,
        first_layer: 1,
        layer_stride: 2,
        experts: 128,
        top_k: 1,
        hidden: 5120,
        intermediate: 8192,
        groups: (1, 1),
        paper_cross_layer: Some(0.77),
        paper_cross_token: Some(0.80),
        paper_speedup: Some(7.3),
    },
    // Not in the paper: the model of many public traces.
    ModelPreset {
        name: "deepseek-v2-lite",
        title: "DeepSeek-V2-Lite",
        moe_layers: 26,
        first_layer: 1,
        layer_stride: 1,
        experts: 64,
        top_k: 6,
        hidden: 2048,
        intermediate: 1408,
        groups: (1, 1),
        paper_cross_layer: None,
        paper_cross_token: None,
        paper_speedup: None,
    },
];

/// The preset of that name.
#[must_use]
pub fn model_named(name: &str) -> Option<&'static ModelPreset> {
    MODELS.iter().find(|m| m.name == name)
}

/// The preset that a trace of `layers` MoE layers, experts up to `max_id` and `top_k` must come from, if only one fits.
/// A folder's label narrows the choice but cannot contradict the shape.
#[must_use]
pub fn model_of_shape(label: Option<&str>, layers: usize, max_id: u16, top_k: usize) -> Option<&'static ModelPreset> {
    let fits = |m: &ModelPreset| m.top_k == top_k && usize::from(max_id) < m.experts && layers <= m.moe_layers;
    if let Some(m) = label.and_then(|l| MODELS.iter().find(|m| names(m, l) && fits(m))) {
        return Some(m);
    }
    let mut exact = MODELS.iter().filter(|m| fits(m) && layers == m.moe_layers && usize::from(max_id) * 2 >= m.experts);
    match (exact.next(), exact.next()) {
        (Some(m), None) => Some(m),
        _ => None,
    }
}

/// The preset that a folder's label names.
#[must_use]
pub fn model_labelled(label: &str) -> Option<&'static ModelPreset> {
    MODELS.iter().find(|m| names(m, label))
}

/// The number of experts E of a layer in which `max_id` is the largest id seen: the smallest size in use that holds it.
#[must_use]
pub fn expert_count(max_id: u16) -> usize {
    const SIZES: [usize; 13] = [4, 8, 16, 32, 60, 64, 96, 128, 160, 256, 384, 512, 1024];
    let least = usize::from(max_id) + 1;
    SIZES.into_iter().find(|&n| n >= least).unwrap_or(least)
}

fn names(model: &ModelPreset, label: &str) -> bool {
    let label: String = label.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let keys: &[&str] = match model.name {
        "deepseek-v3" => &["deepseekv3", "deepseekr1", "dsv3", "dsr1"],
        "kimi-k2" => &["kimi"],
        "qwen3-235b" => &["qwen3"],
        "llama4-maverick" => &["llama4"],
        _ => &["deepseekv2lite", "dsv2lite"],
    };
    keys.iter().any(|k| label.contains(k))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expert_sizes_are_those_of_the_models() {
        assert_eq!(MODELS[0].expert_bytes(1.0), 44_040_192.0);
        assert_eq!(MODELS[3].expert_bytes(2.0), 251_658_240.0);
    }

    #[test]
    fn a_label_or_a_full_shape_names_the_model() {
        assert_eq!(model_of_shape(Some("llama4-mmlu-anatomy"), 24, 127, 1).map(|m| m.name), Some("llama4-maverick"));
        assert_eq!(model_of_shape(None, 26, 63, 6).map(|m| m.name), Some("deepseek-v2-lite"));
        assert_eq!(model_of_shape(Some("llama4"), 24, 127, 8), None);
        assert_eq!(expert_count(126), 128);
        assert_eq!(expert_count(3), 4);
    }

    #[test]
    fn layer_ids_skip_dense_layers() {
        assert_eq!(MODELS[3].layer_ids().last(), Some(47));
        assert_eq!(MODELS[0].layer_ids().last(), Some(60));
    }
}
