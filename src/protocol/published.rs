//! What the paper prints, where it is not one number beside one of ours: its errata, what it says of itself in each version, Table II,
//! and the case study's means. Facts of the paper alone; nothing here was measured.

/// A number that contradicts another one of the paper.
pub struct Erratum {
    /// Where it stands.
    pub at: &'static str,
    /// What is printed.
    pub printed: &'static str,
    /// What it must be.
    pub correct: fn() -> String,
    /// Why.
    pub why: &'static str,
}

/// The errata.
pub const ERRATA: [Erratum; 2] = [
    Erratum {
        at: "Table II, total area",
        printed: "6.13 mm²",
        correct: || format!("{:.2} mm²", UNITS.iter().map(|u| u.area).sum::<f64>()),
        why: "its own rows sum to more",
    },
    Erratum {
        at: "Number of ways to choose 8 of 256 experts",
        printed: "C(64, 8)",
        correct: || format!("C(256, 8), {:.0} times as many", binomial(256, 8) / binomial(64, 8)),
        why: "DeepSeek V3 has 256 routed experts a layer, of which a token takes 8",
    },
];

/// The headline speedup of the whole design over the baseline, by version of the preprint.
pub const VERSIONS: [(&str, f64); 3] = [("v1", 6.3), ("v2", 5.3), ("v5", 7.0)];

/// Ways to choose k of n.
#[must_use]
pub fn binomial(n: u32, k: u32) -> f64 {
    (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product()
}

/// A row of Table II: a unit that the design adds to a wafer of 25 dies.
pub struct AddedUnit {
    /// Its name.
    pub name: &'static str,
    /// Its size, if it is a memory.
    pub size: &'static str,
    /// Whether each die has one.
    pub each: bool,
    /// Area of all, mm².
    pub area: f64,
    /// Power of all, mW.
    pub power: f64,
}

const fn unit(name: &'static str, size: &'static str, each: bool, area: f64, power: f64) -> AddedUnit {
    AddedUnit { name, size, each, area, power }
}

/// Table II.
pub const UNITS: [AddedUnit; 6] = [
    unit("Prediction table", "128 B", true, 0.0020, 55.75),
    unit("Address translation", "4.25 KB", true, 0.0048, 334.25),
    unit("Local command processor (A72)", "", true, 7.5, 7000.0),
    unit("Expert distribution table", "4.5 KB", false, 0.0002, 13.94),
    unit("Heat map cache", "0.5 MB", false, 0.0278, 184.67),
    unit("Global command processor (A76)", "", false, 1.1, 1000.0),
];

/// The case study's mean speedups over contiguous experts: placement; published in section VI (Qwen3, kernels on GPUs); an independent
/// reproduction of the cost model on 103 recorded requests, the largest by tokens.
pub const CASE_BESIDE: [(&str, Option<&str>, Option<f64>); 9] = [
    ("default", Some("1"), Some(1.0)),
    ("remap", Some("1.155"), Some(1.145)),
    ("dup", Some("1.125"), Some(1.041)),
    ("eplb_R0", None, None),
    ("eplb_R1", None, None),
    ("eplb_R4", None, None),
    ("eplb_h", None, None),
    ("best", Some("at most 1.1 × remap"), Some(1.469)),
    ("worst", Some("less than half of remap"), Some(0.412)),
];

/// Busiest over idlest GPU of the default placement, as Figure 16 shows it.
pub const CASE_SPREAD: f64 = 1.3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errata_are_errors() {
        assert_eq!((ERRATA[0].correct)(), "8.63 mm²");
        assert!(!ERRATA.iter().any(|e| (e.correct)() == e.printed));
        let power: f64 = UNITS.iter().map(|u| u.power).sum();
        assert!((power - 8588.61).abs() < 1e-9);
        assert!((binomial(64, 8) - 4_426_165_368.0).abs() < 1.0 && (binomial(5, 2) - 10.0).abs() < 1e-12);
    }
}
