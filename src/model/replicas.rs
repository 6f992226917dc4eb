//! Where the experts of each layer lie. Apart from the placements, which compute it: the simulator takes it as data.

/// The devices that store the experts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// The device of each expert, `[layer][expert]`.
    pub home: Vec<Vec<usize>>,
}

impl Replicas {
    /// The same in every layer.
    #[must_use]
    pub fn alike(layers: usize, home: Vec<usize>) -> Self {
        Self { home: vec![home; layers] }
    }

    /// Experts that each device stores, mean over the layers.
    #[must_use]
    pub fn stored(&self, devices: usize) -> Vec<f64> {
        let mut stored = vec![0u32; devices];
        self.home.iter().flatten().for_each(|&d| stored[d] += 1);
        stored.into_iter().map(|n| f64::from(n) / self.home.len().max(1) as f64).collect()
    }
}
