//! What devices and systems are called in sentences. Apart from the systems, because their topology says it too, and knows none of them.

/// What a device of a system and the system itself are called. The only place that says so: every sentence asks here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nouns {
    /// One device.
    pub device: &'static str,
    /// All of them.
    pub system: &'static str,
}

impl Nouns {
    /// Of devices that are joined to their neighbours on a mesh, or have ports to switches.
    #[must_use]
    pub const fn of(mesh: bool) -> Self {
        if mesh { Self { device: "die", system: "wafer" } } else { Self { device: "GPU", system: "system" } }
    }
}
