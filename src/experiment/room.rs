//! Which view of the page is open, and what the address says of it. Apart from the other settings of the view, because an address
//! that names none opens the one whose settings it holds: links from before there were views lead to what they show.

use serde::{Deserialize, Serialize};

use super::ViewSettings;
use crate::analysis::registry::sketch_named;

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

    /// The view that owns the settings which differ from the default: that of an address which names none.
    #[must_use]
    pub fn of(settings: &ViewSettings) -> Self {
        let default = ViewSettings::default();
        let differs = |same: &[bool]| same.contains(&false);
        let (s, d) = (settings, &default);
        let simulate = [
            s.sweep == d.sweep,
            s.compare == d.compare,
            s.look == d.look,
            s.heat == d.heat,
            (s.step, s.simulated, s.at) == (d.step, d.simulated, d.at),
            (s.show, s.beside) == (d.show, d.beside),
        ];
        let explore = [
            (&s.left, &s.right, s.map) == (&d.left, &d.right, d.map),
            (s.scope, s.layer, s.mean) == (d.scope, d.layer, d.mean),
        ];
        // A figure in a frame is looked for where it is drawn.
        if sketch_named(&s.embed).is_some() || s.embed.starts_with("versus-") {
            return View::Explore;
        }
        if differs(&simulate) {
            View::Simulate
        } else if differs(&explore) {
            View::Explore
        } else {
            View::Story
        }
    }
}
