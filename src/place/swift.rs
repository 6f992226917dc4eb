//! A change of placement that moves little: copies and swaps from what is there. Apart from the placements that begin anew: each
//! transfer between two devices is counted. After the swift balancer in vllm-ascend.

use super::pack::{Room, descending, each_layer, weights};
use super::{Loads, Params, fits};
use crate::model::{Replicas, Topology};

/// What a swap has to gain, as a share of the mean load.
const GAIN: f64 = 0.01;

/// From the reader's file, or from blocks by id: spare slots to copies, then swaps between the busiest device and others. Two devices
/// exchange at most so many experts; a swap is two. A slot that no transfer may fill repeats an expert of its device.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    let file = params.file.filter(|file| fits(file, loads, topology));
    each_layer(loads, topology, params, |layer, room| {
        let (experts, devices) = (loads.experts, room.each.len());
        let mut slots = vec![Vec::new(); devices];
        match file {
            Some(file) => slots = room.live.iter().map(|&d| file.layers[layer].slots()[d].clone()).collect(),
            None => (0..experts).for_each(|e| slots[e * devices / experts].push(e)),
        }
        let mut change = Change::new(weights(&loads.layers[layer]), slots, params.moves);
        while change.copy(room) {}
        change.repeat(room);
        while change.swap() {}
        change.slots
    })
}

struct Change {
    weights: Vec<f64>,
    slots: Vec<Vec<usize>>,
    /// Tokens of each copy, and of each device.
    each: Vec<f64>,
    loads: Vec<f64>,
    copies: Vec<usize>,
    /// Experts that two devices may still exchange, `[lower · G + higher]`.
    left: Vec<usize>,
}

impl Change {
    fn new(weights: Vec<f64>, slots: Vec<Vec<usize>>, moves: usize) -> Self {
        let mut copies = vec![0; weights.len()];
        slots.iter().flatten().for_each(|&e| copies[e] += 1);
        let left = vec![moves; slots.len() * slots.len()];
        let mut change = Self { weights, each: Vec::new(), loads: Vec::new(), copies, left, slots };
        change.share();
        change
    }

    /// Every copy has the same share of its expert.
    fn share(&mut self) {
        self.each = self.weights.iter().zip(&self.copies).map(|(w, &n)| w / n.max(1) as f64).collect();
        let load = |of: &Vec<usize>| of.iter().map(|&e| self.each[e]).sum();
        self.loads = self.slots.iter().map(load).collect();
    }

    fn pair(&self, a: usize, b: usize) -> usize {
        a.min(b) * self.slots.len() + a.max(b)
    }

    /// A copy of the expert whose copies have most to do, on the device with least that has room and lacks it. False if no transfer
    /// is left that would fill a slot.
    fn copy(&mut self, room: &Room) -> bool {
        let free = |g: &usize| self.slots[*g].len() < room.each[*g];
        let mut open: Vec<usize> = (0..self.slots.len()).filter(free).collect();
        open.sort_by(|&a, &b| self.loads[a].total_cmp(&self.loads[b]).then(a.cmp(&b)));
        if open.is_empty() {
            return false;
        }
        for expert in descending(&self.each) {
            for &to in open.iter().filter(|&&g| !self.slots[g].contains(&expert)) {
                let gives = |&from: &usize| self.slots[from].contains(&expert) && self.left[self.pair(from, to)] > 0;
                let Some(from) = (0..self.slots.len()).find(gives) else { continue };
                let pair = self.pair(from, to);
                self.left[pair] -= 1;
                self.slots[to].push(expert);
                self.copies[expert] += 1;
                self.share();
                return true;
            }
        }
        false
    }

    /// Fills what is left: each device with an expert of its own, that whose further copy brings it least, the lowest of several.
    fn repeat(&mut self, room: &Room) {
        for g in 0..self.slots.len() {
            while self.slots[g].len() < room.each[g] {
                let brings = |e: usize| {
                    let (all, here) = (self.copies[e] as f64, self.slots[g].iter().filter(|&&x| x == e).count() as f64);
                    self.weights[e] * ((here + 1.0) / (all + 1.0) - here / all)
                };
                let least = |a: &usize, b: &usize| brings(*a).total_cmp(&brings(*b)).then(a.cmp(b));
                let Some(expert) = self.slots[g].iter().copied().min_by(least) else { break };
                self.slots[g].push(expert);
                self.copies[expert] += 1;
                self.share();
            }
        }
    }

    /// The swap of an expert of the busiest device for one of another that leaves least on the busier of both. False if none gains
    /// enough.
    fn swap(&mut self) -> bool {
        let Some(hot) = (0..self.loads.len()).reduce(|best, g| if self.loads[g] > self.loads[best] { g } else { best })
        else {
            return false;
        };
        let mean = self.loads.iter().sum::<f64>() / self.loads.len() as f64;
        let mut best: Option<(f64, usize, usize, usize)> = None;
        for g in (0..self.slots.len()).filter(|&g| g != hot && self.left[self.pair(hot, g)] >= 2) {
            for (i, x) in self.slots[hot].iter().enumerate().filter(|(_, x)| !self.slots[g].contains(x)) {
                for (j, y) in self.slots[g].iter().enumerate().filter(|(_, y)| !self.slots[hot].contains(y)) {
                    let more = self.each[*x] - self.each[*y];
                    let most = f64::max(self.loads[hot] - more, self.loads[g] + more);
                    if best.is_none_or(|best| most < best.0) {
                        best = Some((most, g, i, j));
                    }
                }
            }
        }
        let Some((most, g, i, j)) = best else { return false };
        let gain = self.loads[hot] - most;
        if gain <= 0.0 || gain < GAIN * mean {
            return false;
        }
        let (x, y) = (self.slots[hot][i], self.slots[g][j]);
        (self.slots[hot][i], self.slots[g][j]) = (y, x);
        let pair = self.pair(hot, g);
        self.left[pair] -= 2;
        self.share();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExpertSize, Placed};

    fn placed(weights: &[u64], devices: usize, spare: usize, moves: usize, file: Option<&Replicas>) -> Vec<Vec<usize>> {
        let loads = Loads { experts: weights.len(), layers: vec![weights.to_vec()], ..Loads::default() };
        let params = Params { spare, moves, file, ..Params::of(ExpertSize { hidden: 1, intermediate: 1 }) };
        place(&loads, &Topology::plain(devices, 1), &params).layers[0].slots().to_vec()
    }

    #[test]
    fn the_hottest_is_copied_then_swaps_even_out() {
        // Loads 16 and 3. A copy of 0 on device 1: 11 and 8; device 0 may take only what device 1 has: the hottest of it, 2.
        // Then no swap is left that gains: 6 for the 1 of expert 3 leaves 7 and 12.
        assert_eq!(placed(&[10, 6, 2, 1], 2, 1, 8, None), [[0, 1, 2], [2, 3, 0]]);
        // Without spare slots: 16 and 3; 10 for 2 leaves 8 and 11, as does 6 for 1, the others 12.
        assert_eq!(placed(&[10, 6, 2, 1], 2, 0, 8, None), [[2, 1], [0, 3]]);
    }

    #[test]
    fn no_more_is_moved_than_may_be() {
        assert_eq!(placed(&[10, 6, 2, 1], 2, 0, 1, None), [[0, 1], [2, 3]], "a swap is two transfers");
        assert_eq!(placed(&[10, 6, 2, 1], 2, 1, 1, None), [[0, 1, 1], [2, 3, 0]], "a copy, then one of its own");
        assert_eq!(placed(&[10, 6, 2, 1], 2, 1, 0, None), [[0, 1, 0], [2, 3, 2]]);
    }

    #[test]
    fn it_begins_with_the_file_if_there_is_one() {
        let file = Replicas { layers: vec![Placed::new(vec![vec![3, 0], vec![1, 2]], 4)] };
        assert_eq!(placed(&[10, 6, 2, 1], 2, 0, 8, Some(&file)), [[3, 0], [1, 2]], "11 and 8 cannot be bettered");
        let other = Replicas { layers: vec![Placed::new(vec![vec![0], vec![1]], 2)] };
        assert_eq!(placed(&[10, 6, 2, 1], 2, 0, 1, Some(&other)), [[0, 1], [2, 3]], "a file of another shape is none");
    }
}
