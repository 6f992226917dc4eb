//! What a model computes beside its routed experts: attention, shared experts, dense layers. Apart from the presets, most of which
//! nobody asked this of: their rows would be guesses.

/// The rest of a model, for each of its MoE layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rest {
    /// Name of the preset.
    pub model: &'static str,
    /// Layers of the model, each with an attention.
    pub layers: usize,
    /// Those with experts.
    pub moe_layers: usize,
    /// Weights of one attention.
    pub attention: f64,
    /// Numbers that the cache keeps of a token in one layer; at 1 byte each, bytes.
    pub cache: f64,
    /// FLOP of one attention for each token of the context: scores and their sum over all heads.
    pub score: f64,
    /// Experts that every token takes, of the size of a routed one.
    pub shared: f64,
    /// Weights of a dense layer's three GEMMs.
    pub dense: f64,
}

/// Models whose rest is known: from the `config.json` of the repositories that the presets name, with no weights but those of the
/// projections (**inferred**: no source states these sums). Multi-head latent attention is computed in its absorbed form, as it is
/// served: every head works on the latent and the rotary part of the cache.
const RESTS: [Rest; 4] = [
    // q_lora 1536, kv_lora 512, 128 heads of 128 + 64 and 128; three dense layers of 18432.
    Rest {
        model: "deepseek-v3",
        layers: 61,
        moe_layers: 58,
        attention: latent(128.0),
        cache: 576.0,
        score: 2.0 * 128.0 * (576.0 + 512.0),
        shared: 1.0,
        dense: 3.0 * 7168.0 * 18432.0,
    },
    // The same with 64 heads; one dense layer of 18432.
    Rest {
        model: "kimi-k2",
        layers: 61,
        moe_layers: 60,
        attention: latent(64.0),
        cache: 576.0,
        score: 2.0 * 64.0 * (576.0 + 512.0),
        shared: 1.0,
        dense: 3.0 * 7168.0 * 18432.0,
    },
    // 64 heads of 128, 4 for keys and values; every layer has experts.
    Rest {
        model: "qwen3-235b",
        layers: 94,
        moe_layers: 94,
        attention: grouped(4096.0, 64.0, 4.0),
        cache: 2.0 * 4.0 * 128.0,
        score: 2.0 * 64.0 * (128.0 + 128.0),
        shared: 0.0,
        dense: 0.0,
    },
    // 40 heads of 128, 8 for keys and values; every second layer is dense, of 16384.
    Rest {
        model: "llama4-maverick",
        layers: 48,
        moe_layers: 24,
        attention: grouped(5120.0, 40.0, 8.0),
        cache: 2.0 * 8.0 * 128.0,
        score: 2.0 * 40.0 * (128.0 + 128.0),
        shared: 1.0,
        dense: 3.0 * 5120.0 * 16384.0,
    },
];

/// Weights of multi-head latent attention on 7168: queries down and up, keys and values down and up, output.
const fn latent(heads: f64) -> f64 {
    7168.0 * 1536.0 + 1536.0 * heads * 192.0 + 7168.0 * 576.0 + 512.0 * heads * 256.0 + heads * 128.0 * 7168.0
}

/// Weights of grouped-query attention with heads of 128: queries and output, keys and values.
const fn grouped(hidden: f64, heads: f64, pairs: f64) -> f64 {
    2.0 * hidden * heads * 128.0 + 2.0 * hidden * pairs * 128.0
}

/// The rest of the preset of that name, if it is known.
#[must_use]
pub fn rest_of(model: &str) -> Option<&'static Rest> {
    RESTS.iter().find(|rest| rest.model == model)
}

/// Names of the models whose rest is known.
pub fn known_rests() -> impl Iterator<Item = &'static str> {
    RESTS.iter().map(|rest| rest.model)
}

impl Rest {
    /// Seconds for each MoE layer, and what belongs to it: attentions and dense layers are shared out over the MoE layers. On a device
    /// with so many requests of so many tokens each, `weight` bytes a weight, at so many bytes and FLOP a second; `expert` is the
    /// number of weights of one expert. Each part is a roofline: its bytes or its FLOP, whichever takes longer.
    #[must_use]
    pub fn seconds(&self, requests: f64, context: f64, weight: f64, expert: f64, (hbm, rate): (f64, f64)) -> f64 {
        let roofline = |bytes: f64, flop: f64| f64::max(bytes / hbm, flop / rate);
        let gemms = |weights: f64| roofline(weights * weight, 2.0 * weights * requests);
        let tokens = requests * context;
        let attention = roofline(
            self.attention * weight + tokens * self.cache,
            2.0 * self.attention * requests + tokens * self.score,
        );
        let (all, moe) = (self.layers as f64, self.moe_layers as f64);
        all / moe * attention + self.shared * gemms(expert) + (all - moe) / moe * gemms(self.dense)
    }

    /// Bytes that the cache of so many requests of so many tokens takes, in as many layers as belong to `moe_layers` with experts.
    #[must_use]
    pub fn cached(&self, requests: f64, context: f64, moe_layers: usize) -> f64 {
        requests * context * self.cache * (moe_layers as f64 * self.layers as f64 / self.moe_layers as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::model_named;

    #[test]
    fn weights_and_caches_are_those_of_the_configurations() {
        let millions = |model| libm::round(rest_of(model).unwrap().attention / 1e6);
        assert_eq!(
            ["deepseek-v3", "kimi-k2", "qwen3-235b", "llama4-maverick"].map(millions),
            [187.0, 101.0, 71.0, 63.0]
        );
        for rest in &RESTS {
            let preset = model_named(rest.model).unwrap();
            assert_eq!(rest.moe_layers, preset.moe_layers, "{}", rest.model);
            assert!(rest.layers >= rest.moe_layers);
        }
        assert_eq!(
            known_rests().map(|m| rest_of(m).unwrap().cache).collect::<Vec<_>>(),
            [576.0, 576.0, 1024.0, 2048.0]
        );
    }

    #[test]
    fn each_part_takes_the_longer_of_reading_and_computing() {
        let rest = Rest {
            model: "",
            layers: 4,
            moe_layers: 2,
            attention: 100.0,
            cache: 2.0,
            score: 50.0,
            shared: 1.0,
            dense: 30.0,
        };
        // One request of one token: read 102 B, 20 B and 30 B at 1 B/s; two attentions and one dense layer for each with experts.
        assert_eq!(rest.seconds(1.0, 1.0, 1.0, 20.0, (1.0, 1e9)), 2.0 * 102.0 + 20.0 + 30.0);
        // Computing bounds: 2 FLOP a weight and request, 50 a token of the context.
        assert_eq!(rest.seconds(3.0, 2.0, 1.0, 20.0, (1e9, 1.0)), 2.0 * (600.0 + 300.0) + 120.0 + 180.0);
        assert_eq!(rest.cached(3.0, 5.0, 10), 3.0 * 5.0 * 2.0 * 20.0);
    }
}
