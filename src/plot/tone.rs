//! The colour of a strategy: one function, so that no two places of the page disagree. The colours are the style sheet's.

/// The class that gives an element a strategy's colour.
#[must_use]
pub fn tone(strategy: &str) -> &'static str {
    match strategy {
        "base" => "st-base",
        "ep" => "st-ep",
        "allo" => "st-allo",
        "pred" => "st-pred",
        "allo+pred" => "st-both",
        _ => "st-other",
    }
}
