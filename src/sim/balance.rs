//! How evenly the devices are loaded. Apart from the outcome, which sums time and traffic: balance is a ratio of each layer and
//! step, and only their mean means something.

use serde::{Deserialize, Serialize};

use super::Task;

/// Largest load over the mean of the working devices, in one layer, as a mean over its steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// Of the tokens that each device computes.
    pub tokens: f64,
    /// Of the experts that each device has tokens for: where reading weights bounds, this is the load.
    pub activated: f64,
    /// Steps in which the layer had tokens.
    pub steps: u64,
    /// Tokens that each device computed in all steps.
    pub by_device: Vec<u64>,
}

impl Balance {
    /// Nothing was added yet.
    pub(super) fn new(devices: usize) -> Self {
        Self { by_device: vec![0; devices], ..Self::default() }
    }

    /// Adds a step, of the tasks by device.
    pub(super) fn add(&mut self, tasks: &[Task], devices: usize) {
        let mut most = [0, 0];
        let mut sum = [0, 0];
        for of_device in tasks.chunk_by(|a, b| a.die == b.die) {
            let tokens = of_device.iter().map(|t| t.tokens).sum::<u64>();
            if let Some(sum) = self.by_device.get_mut(of_device[0].die) {
                *sum += tokens;
            }
            let experts = of_device.iter().filter(|t| t.tokens > 0).count() as u64;
            for (at, load) in [tokens, experts].into_iter().enumerate() {
                most[at] = load.max(most[at]);
                sum[at] += load;
            }
        }
        if sum[0] == 0 {
            return;
        }
        let ratio = |at: usize| most[at] as f64 * devices as f64 / sum[at] as f64;
        // A running mean, so that what is read at any time is one.
        self.steps += 1;
        self.tokens += (ratio(0) - self.tokens) / self.steps as f64;
        self.activated += (ratio(1) - self.activated) / self.steps as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balance_is_a_mean_over_steps_with_tokens() {
        let task = |die, expert, tokens| Task { die, source: die, expert, tokens };
        let mut balance = Balance { by_device: vec![0; 2], ..Balance::default() };
        // Two devices: 30 and 10 tokens, of one and three experts; a replica that is written is no load.
        balance.add(&[task(0, 7, 30), task(1, 1, 4), task(1, 2, 3), task(1, 3, 3), task(1, 7, 0)], 2);
        assert_eq!(balance, Balance { tokens: 1.5, activated: 1.5, steps: 1, by_device: vec![30, 10] });
        balance.add(&[task(0, 7, 0)], 2);
        balance.add(&[task(0, 7, 5), task(1, 1, 5)], 2);
        assert_eq!(balance, Balance { tokens: 1.25, activated: 1.25, steps: 2, by_device: vec![35, 15] });
    }
}
