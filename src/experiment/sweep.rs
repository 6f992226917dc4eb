//! A setting that takes one value after another. Apart from the settings, and from reading one: values depend on whether a setting
//! takes whole numbers only, and readers need to know that too.

use serde::{Deserialize, Serialize};

/// Settings that can be swept: those that are numbers.
pub const SWEPT: [&str; 27] = [
    "columns",
    "rows",
    "hbm",
    "link",
    "dram",
    "fp16",
    "miss",
    "write",
    "local",
    "hop",
    "penalty",
    "batch",
    "steps",
    "layers",
    "flight",
    "weight",
    "predict",
    "block",
    "tau",
    "dispatch-bytes",
    "combine-bytes",
    "context",
    "nodes",
    "pernode",
    "nvlink",
    "nic",
    "nichop",
];

/// Whether a setting takes whole numbers only.
pub(super) fn whole(name: &str) -> bool {
    ["columns", "rows", "batch", "steps", "layers", "flight", "predict", "block", "context", "nodes", "pernode"]
        .contains(&name)
}

/// A setting and the values that it takes in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Name of the setting.
    pub name: String,
    /// First value, in the setting's unit.
    pub from: f64,
    /// Last value, in the setting's unit; it may be below the first.
    pub to: f64,
    /// Number of values, evenly spaced.
    pub points: usize,
}

impl Sweep {
    /// The values as they stand in an experiment string: whole numbers where the setting takes nothing else.
    #[must_use]
    pub fn values(&self) -> Vec<String> {
        let whole = whole(&self.name);
        let mut values: Vec<String> = Vec::new();
        for i in 0..self.points {
            let v = self.from + (self.to - self.from) * i as f64 / self.points.saturating_sub(1).max(1) as f64;
            let v = if whole { libm::round(v) } else { libm::round(v * 1e6) / 1e6 };
            let text = v.to_string();
            if values.last() != Some(&text) {
                values.push(text);
            }
        }
        values
    }
}
