//! Activations: each token travels from the device where its request lives to those of its experts, and back. Apart from the
//! fetches of weights: all of a layer's tokens are there at once, so what takes longest is what the busiest resource carries.
//!
//! Request slot r lives on the working device at position r mod G: attention is data-parallel.

use super::nearest::closest;
use super::{Inputs, LayerPlan, Network};

/// Distinct tokens that travel, `[from · D + to]`: tokens of requests on `from` with at least one expert on `to`. An expert's tokens
/// are dealt to the devices that compute it in the order of the request slots, as many as each computes, devices by id; where the
/// dispatch asks for their origin, each goes to the nearest.
#[must_use]
pub fn sent(plan: &LayerPlan, inputs: &Inputs) -> Vec<u32> {
    let Inputs { workload, network, config, .. } = inputs;
    let origins = workload.origins(plan.step, plan.layer);
    let live = &config.topology.live;
    let homes: Vec<usize> = live.iter().copied().cycle().take(workload.batch).collect();
    let mut sent = vec![0; network.dies * network.dies];
    // The device that a slot's token was sent to last: tasks come device by device, so that is all that must be known.
    let mut last = vec![usize::MAX; workload.batch];
    let mut next = origins.starts.clone();
    let mut devices = vec![Vec::new(); if plan.by_origin { workload.experts } else { 0 }];
    if plan.by_origin {
        plan.tasks.iter().filter(|task| task.tokens > 0).for_each(|task| devices[task.expert].push(task.die));
    }
    for task in plan.tasks.iter().filter(|task| task.tokens > 0) {
        let from = next[task.expert];
        let end = origins.starts[task.expert + 1];
        let to = if plan.by_origin { end } else { end.min(from + crate::units::index(task.tokens)) };
        let mut taken = vec![true; network.dies];
        if plan.by_origin {
            let nearest = |home| closest(home, devices[task.expert].iter().copied(), network) == task.die;
            taken = (0..network.dies).map(nearest).collect();
        } else {
            next[task.expert] = to;
        }
        for &slot in &origins.slots[from..to] {
            let slot = slot as usize;
            if !taken[homes[slot]] {
                continue;
            }
            if std::mem::replace(&mut last[slot], task.die) != task.die && homes[slot] != task.die {
                sent[homes[slot] * network.dies + task.die] += 1;
            }
        }
    }
    sent
}

/// How long such tokens of so many bytes take on their way there, and of so many back, seconds: the busiest resource between
/// devices, plus the latency of the longest way that a token takes. HBM is left out.
#[must_use]
pub fn all_to_all(sent: &[u32], network: &Network, bytes: [f64; 2]) -> [f64; 2] {
    let mut carried = [vec![0u64; network.capacity.len()], vec![0u64; network.capacity.len()]];
    let mut latency = [0.0f64; 2];
    for (pair, &tokens) in sent.iter().enumerate().filter(|(_, tokens)| **tokens > 0) {
        let (home, device) = (pair / network.dies, pair % network.dies);
        for (way, (from, to)) in [(home, device), (device, home)].into_iter().enumerate() {
            let path = network.path(from, to).iter().skip(1);
            path.for_each(|&resource| carried[way][usize::from(resource)] += u64::from(tokens));
            latency[way] = latency[way].max(network.one_way(from, to));
        }
    }
    std::array::from_fn(|way| {
        let seconds =
            carried[way].iter().zip(&network.capacity).map(|(&tokens, rate)| tokens as f64 * bytes[way] / rate);
        seconds.fold(0.0, f64::max) + latency[way]
    })
}
