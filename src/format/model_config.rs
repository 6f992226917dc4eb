//! The sizes of a model in its `config.json`, as published on huggingface.co. Apart from the traces: a trace tells most of its
//! model's shape, this file the rest.

use serde_json::Value;

/// What the file says; 0 for what it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelConfig {
    /// Hidden size h.
    pub hidden: usize,
    /// Intermediate size i of one routed expert.
    pub intermediate: usize,
    /// Routed experts of a token (K).
    pub top_k: usize,
    /// Routed experts of a layer (E).
    pub experts: usize,
    /// Layers that may have experts: all but the first ones that are dense.
    pub layers: usize,
}

impl ModelConfig {
    /// Reads the file. A model of text and images has the sizes of its text part.
    ///
    /// # Errors
    /// It is no object of JSON, or does not say how large an expert is.
    pub fn read(text: &str) -> Result<Self, String> {
        let all: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
        let of = all.get("text_config").filter(|v| v.is_object()).unwrap_or(&all);
        let number = |names: &[&str]| -> usize {
            let found = names.iter().find_map(|name| of.get(name)?.as_u64());
            found.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
        };
        let dense = number(&["first_k_dense_replace"]);
        let read = Self {
            hidden: number(&["hidden_size"]),
            // Where a model has dense layers too, the plain name is their size.
            intermediate: number(&["moe_intermediate_size", "intermediate_size"]),
            top_k: number(&["num_experts_per_tok"]),
            experts: number(&["n_routed_experts", "num_experts", "num_local_experts"]),
            layers: number(&["num_hidden_layers"]).saturating_sub(dense),
        };
        match (read.hidden, read.intermediate) {
            (0, _) => Err("it has no hidden_size".into()),
            (_, 0) => Err("it has neither moe_intermediate_size nor intermediate_size".into()),
            _ => Ok(read),
        }
    }

    /// Whether a trace of so many layers and experts can be of this model; what the file does not say is not asked.
    ///
    /// # Errors
    /// What differs.
    pub fn fits(&self, layers: usize, experts: usize, top_k: usize) -> Result<(), String> {
        let differs = |what: &str, here: usize, trace: usize| {
            Err(format!("it is of another model than the trace: {here} {what}, the trace has {trace}"))
        };
        if self.top_k > 0 && self.top_k != top_k {
            return differs("experts a token", self.top_k, top_k);
        }
        // Of a short trace the last experts may not be known.
        if self.experts > 0 && self.experts < experts {
            return differs("experts a layer", self.experts, experts);
        }
        if self.layers > 0 && self.layers < layers {
            return differs("layers at most", self.layers, layers);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_under_the_names_that_models_give_them() {
        let mixtral = r#"{"hidden_size": 4096, "intermediate_size": 14336, "num_local_experts": 8, "num_experts_per_tok": 2, "num_hidden_layers": 32}"#;
        let read = ModelConfig::read(mixtral).unwrap();
        assert_eq!(read, ModelConfig { hidden: 4096, intermediate: 14336, top_k: 2, experts: 8, layers: 32 });
        let deepseek = r#"{"hidden_size": 2048, "intermediate_size": 10944, "moe_intermediate_size": 1408, "n_routed_experts": 64, "num_experts_per_tok": 6, "num_hidden_layers": 27, "first_k_dense_replace": 1}"#;
        let read = ModelConfig::read(deepseek).unwrap();
        assert_eq!(read, ModelConfig { hidden: 2048, intermediate: 1408, top_k: 6, experts: 64, layers: 26 });
        assert_eq!(read.fits(26, 64, 6), Ok(()));
        assert!(read.fits(26, 64, 8).unwrap_err().contains("6 experts a token, the trace has 8"));
        assert!(read.fits(26, 128, 6).unwrap_err().contains("64 experts a layer"));
        assert!(read.fits(27, 64, 6).unwrap_err().contains("26 layers at most"));
        let nested = r#"{"text_config": {"hidden_size": 5120, "intermediate_size": 8192, "num_local_experts": 128}}"#;
        assert_eq!(ModelConfig::read(nested).map(|c| (c.hidden, c.intermediate)), Ok((5120, 8192)));
        for bad in ["[1", "[]", "{}", r#"{"hidden_size": 4096}"#, r#"{"intermediate_size": 4096}"#] {
            assert!(ModelConfig::read(bad).is_err(), "{bad}");
        }
    }
}
