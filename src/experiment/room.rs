//! The views of the page, by their names in addresses. Apart from the settings, which say which of them is open.

use serde::{Deserialize, Serialize};

/// A view of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum View {
    /// What the paper found.
    #[default]
    Story,
    /// What the trace does.
    Explore,
    /// What a placement is worth on a machine.
    Simulate,
    /// Which placement to run.
    Deploy,
    /// Whether it is true.
    Paper,
}

impl View {
    /// All, in the order of the bar.
    pub const EACH: [View; 5] = [View::Story, View::Explore, View::Simulate, View::Deploy, View::Paper];

    /// Name in URLs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            View::Story => "story",
            View::Explore => "explore",
            View::Simulate => "simulate",
            View::Deploy => "deploy",
            View::Paper => "paper",
        }
    }

    /// Name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            View::Story => "Story",
            View::Explore => "Explore",
            View::Simulate => "Simulate",
            View::Deploy => "Deploy",
            View::Paper => "Paper",
        }
    }
}
