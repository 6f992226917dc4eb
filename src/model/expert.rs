//! The size of one expert. Apart from the presets: placements and the simulator need no more of a model than this.

/// An expert: three GEMMs (gate, up, down) of h × i weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpertSize {
    /// Hidden size h of the model.
    pub hidden: usize,
    /// Intermediate size i of the expert.
    pub intermediate: usize,
}

impl ExpertSize {
    /// Bytes of its weights (W), so many a weight.
    #[must_use]
    pub fn bytes(self, weight: f64) -> f64 {
        3.0 * self.hidden as f64 * self.intermediate as f64 * weight
    }

    /// FLOP of one token: two for each weight.
    #[must_use]
    pub fn flop(self) -> f64 {
        6.0 * self.hidden as f64 * self.intermediate as f64
    }
}
