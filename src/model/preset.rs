//! Shapes of the open models with experts. Apart from `trace`, because a trace infers most of its shape but never its expert's
//! size in bytes.

use super::ExpertSize;

/// What the simulator and the synthetic workloads need to know about a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelPreset {
    /// Name in URLs and on the command line.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Where its shape is published: the repository on huggingface.co whose `config.json` holds it.
    pub source: &'static str,
    /// What a label of it contains, in lower case without signs. Where models share one, their shapes tell them apart.
    pub labels: &'static [&'static str],
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
    /// The size of one expert.
    #[must_use]
    pub fn expert(&self) -> ExpertSize {
        ExpertSize { hidden: self.hidden, intermediate: self.intermediate }
    }

    /// Bytes of one expert.
    #[must_use]
    pub fn expert_bytes(&self, bytes_per_weight: f64) -> f64 {
        self.expert().bytes(bytes_per_weight)
    }

    /// Ids of the MoE layers in the full model.
    pub fn layer_ids(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.moe_layers).map(|n| self.first_layer + crate::units::small(n) * self.layer_stride)
    }
}

/// A model that is not in the paper: shape and size alone. Layers: how many have experts, the id of the first, their distance.
const fn open(
    (name, title, source): (&'static str, &'static str, &'static str),
    labels: &'static [&'static str],
    (moe_layers, first_layer, layer_stride): (usize, u32, u32),
    (experts, top_k): (usize, usize),
    (hidden, intermediate): (usize, usize),
) -> ModelPreset {
    ModelPreset {
        name,
        title,
        source,
        labels,
        moe_layers,
        first_layer,
        layer_stride,
        experts,
        top_k,
        hidden,
        intermediate,
        groups: (1, 1),
        paper_cross_layer: None,
        paper_cross_token: None,
        paper_speedup: None,
    }
}

/// The model of an experiment that names none, beside no trace: a batch of it runs in a moment with every layer.
#[must_use]
pub fn default_model() -> &'static ModelPreset {
    &MODELS[3]
}

/// The presets: the paper's models, then others in use. Rows are only ever added: their order breaks ties of shapes.
pub const MODELS: [ModelPreset; 24] = [
    ModelPreset {
        name: "deepseek-v3",
        title: "DeepSeek V3",
        source: "deepseek-ai/DeepSeek-V3",
        labels: &["deepseekv3", "deepseekr1", "dsv3", "dsr1"],
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
        source: "moonshotai/Kimi-K2-Instruct",
        labels: &["kimi"],
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
        source: "Qwen/Qwen3-235B-A22B",
        labels: &["qwen3235b", "235ba22b", "qwen3"],
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
        source: "meta-llama/Llama-4-Maverick-17B-128E",
        labels: &["llama4maverick", "maverick", "llama4"],
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
    open(
        ("deepseek-v2-lite", "DeepSeek-V2-Lite", "deepseek-ai/DeepSeek-V2-Lite"),
        &["deepseekv2lite", "dsv2lite"],
        (26, 1, 1),
        (64, 6),
        (2048, 1408),
    ),
    open(
        ("deepseek-v2", "DeepSeek-V2", "deepseek-ai/DeepSeek-V2"),
        &["deepseekv2", "dsv2"],
        (59, 1, 1),
        (160, 6),
        (5120, 1536),
    ),
    open(
        ("qwen3-30b", "Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B"),
        &["qwen330b", "30ba3b", "qwen3"],
        (48, 0, 1),
        (128, 8),
        (2048, 768),
    ),
    open(
        ("qwen3-coder-480b", "Qwen3-Coder-480B", "Qwen/Qwen3-Coder-480B-A35B-Instruct"),
        &["qwen3coder480b", "480ba35b", "qwen3"],
        (62, 0, 1),
        (160, 8),
        (6144, 2560),
    ),
    open(
        ("qwen3-next-80b", "Qwen3-Next-80B-A3B", "Qwen/Qwen3-Next-80B-A3B-Instruct"),
        &["qwen3next", "80ba3b"],
        (48, 0, 1),
        (512, 10),
        (2048, 512),
    ),
    open(
        ("qwen2-57b", "Qwen2-57B-A14B", "Qwen/Qwen2-57B-A14B"),
        &["qwen257b", "57ba14b", "qwen2moe"],
        (28, 0, 1),
        (64, 8),
        (3584, 2560),
    ),
    open(
        ("qwen1.5-moe", "Qwen1.5-MoE-A2.7B", "Qwen/Qwen1.5-MoE-A2.7B"),
        &["qwen15moe", "moea27b"],
        (24, 0, 1),
        (60, 4),
        (2048, 1408),
    ),
    open(
        ("llama4-scout", "Llama 4 Scout", "meta-llama/Llama-4-Scout-17B-16E"),
        &["llama4scout", "scout", "llama4"],
        (48, 0, 1),
        (16, 1),
        (5120, 8192),
    ),
    open(("olmoe", "OLMoE-1B-7B", "allenai/OLMoE-1B-7B-0924"), &["olmoe"], (16, 0, 1), (64, 8), (2048, 1024)),
    open(
        ("mixtral-8x7b", "Mixtral 8x7B", "mistralai/Mixtral-8x7B-v0.1"),
        &["mixtral8x7b", "8x7b", "mixtral"],
        (32, 0, 1),
        (8, 2),
        (4096, 14336),
    ),
    open(
        ("mixtral-8x22b", "Mixtral 8x22B", "mistralai/Mixtral-8x22B-v0.1"),
        &["mixtral8x22b", "8x22b", "mixtral"],
        (56, 0, 1),
        (8, 2),
        (6144, 16384),
    ),
    open(
        ("gpt-oss-20b", "gpt-oss-20b", "openai/gpt-oss-20b"),
        &["gptoss20b", "gptoss"],
        (24, 0, 1),
        (32, 4),
        (2880, 2880),
    ),
    open(
        ("gpt-oss-120b", "gpt-oss-120b", "openai/gpt-oss-120b"),
        &["gptoss120b", "gptoss"],
        (36, 0, 1),
        (128, 4),
        (2880, 2880),
    ),
    open(("glm-4.5", "GLM-4.5", "zai-org/GLM-4.5"), &["glm45"], (89, 3, 1), (160, 8), (5120, 1536)),
    open(
        ("glm-4.5-air", "GLM-4.5-Air", "zai-org/GLM-4.5-Air"),
        &["glm45air", "glm45"],
        (45, 1, 1),
        (128, 8),
        (4096, 1408),
    ),
    open(
        ("phi-3.5-moe", "Phi-3.5-MoE", "microsoft/Phi-3.5-MoE-instruct"),
        &["phi35moe", "phimoe"],
        (32, 0, 1),
        (16, 2),
        (4096, 6400),
    ),
    open(("dbrx", "DBRX", "databricks/dbrx-base"), &["dbrx"], (40, 0, 1), (16, 4), (6144, 10752)),
    open(("jamba", "Jamba", "ai21labs/Jamba-v0.1"), &["jamba"], (16, 1, 2), (16, 2), (4096, 14336)),
    open(
        ("jamba-1.5-large", "Jamba 1.5 Large", "ai21labs/AI21-Jamba-1.5-Large"),
        &["jamba15large", "jambalarge", "jamba"],
        (36, 1, 2),
        (16, 2),
        (8192, 24576),
    ),
    open(
        ("minimax-text-01", "MiniMax-Text-01", "MiniMaxAI/MiniMax-Text-01"),
        &["minimaxtext", "minimax01"],
        (80, 0, 1),
        (32, 2),
        (6144, 9216),
    ),
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
    let max_id = usize::from(max_id);
    let fits = |m: &&ModelPreset| m.top_k == top_k && max_id < m.experts && layers <= m.moe_layers;
    // Of models that share a label, the one with as many layers, then the first.
    let labelled = || label.into_iter().flat_map(labelled).filter(fits);
    if let Some(m) = labelled().find(|m| layers == m.moe_layers).or_else(|| labelled().next()) {
        return Some(m);
    }
    // Without a label the whole shape must be there. The largest id of many tokens is near E: the fewest experts that hold it.
    let exact = MODELS.iter().filter(fits).filter(|m| layers == m.moe_layers && max_id * 2 >= m.experts);
    let fewest = exact.clone().map(|m| m.experts).min()?;
    let mut exact = exact.filter(|m| m.experts == fewest);
    match (exact.next(), exact.next()) {
        (Some(m), None) => Some(m),
        _ => None,
    }
}

/// The preset that a folder's label names; of several that share it, the first.
#[must_use]
pub fn model_labelled(label: &str) -> Option<&'static ModelPreset> {
    labelled(label).next()
}

/// The presets that a label names by the most letters: `qwen3` names several, `qwen3-30b` one.
fn labelled(label: &str) -> impl Iterator<Item = &'static ModelPreset> {
    let label: String = label.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = move |m: &ModelPreset| {
        m.labels.iter().filter(|key| label.contains(**key)).map(|key| key.len()).max().unwrap_or(0)
    };
    let most = MODELS.iter().map(&letters).max().unwrap_or(0);
    MODELS.iter().filter(move |m| most > 0 && letters(m) == most)
}

/// The number of experts E of a layer in which `max_id` is the largest id seen: the smallest size in use that holds it.
#[must_use]
pub fn expert_count(max_id: u16) -> usize {
    const SIZES: [usize; 16] = [4, 8, 12, 16, 32, 40, 48, 60, 64, 96, 128, 160, 256, 384, 512, 1024];
    let least = usize::from(max_id) + 1;
    SIZES.into_iter().find(|&n| n >= least).unwrap_or(least)
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
        // Labels that models share: the shape tells them apart, and the longer name counts.
        let named = |label, layers, max_id, k| model_of_shape(Some(label), layers, max_id, k).map(|m| m.name);
        assert_eq!(named("qwen3", 94, 127, 8), Some("qwen3-235b"));
        assert_eq!(named("qwen3", 48, 127, 8), Some("qwen3-30b"));
        assert_eq!(named("Qwen3-30B-A3B", 2, 127, 8), Some("qwen3-30b"));
        assert_eq!(named("llama4", 48, 15, 1), Some("llama4-scout"));
        assert_eq!(named("deepseek-v2-lite", 40, 63, 6), None, "not the larger model, whose name is a part of it");
        // 24 layers, four of 32 or of 60.
        assert_eq!(model_of_shape(None, 24, 31, 4).map(|m| m.name), Some("gpt-oss-20b"));
        assert_eq!(model_of_shape(None, 24, 59, 4).map(|m| m.name), Some("qwen1.5-moe"));
        assert_eq!(expert_count(3), 4);
    }

    #[test]
    fn every_preset_says_where_its_shape_is_from_and_is_told_by_it() {
        for m in &MODELS {
            assert_eq!(m.source.split('/').count(), 2, "{}", m.name);
            assert!(m.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)));
            let max_id = u16::try_from(m.experts - 1).unwrap();
            assert_eq!(model_of_shape(None, m.moe_layers, max_id, m.top_k).map(|m| m.name), Some(m.name));
            assert_eq!(model_of_shape(Some(m.name), m.moe_layers, max_id, m.top_k).map(|m| m.name), Some(m.name));
            assert_eq!(model_of_shape(Some(m.source), m.moe_layers, max_id, m.top_k).map(|m| m.name), Some(m.name));
        }
        assert_eq!(default_model().name, "llama4-maverick");
    }

    #[test]
    fn layer_ids_skip_dense_layers() {
        assert_eq!(MODELS[3].layer_ids().last(), Some(47));
        assert_eq!(MODELS[0].layer_ids().last(), Some(60));
    }
}
