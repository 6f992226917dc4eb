//! Where the experts of each layer lie. Apart from the placements, which compute it: the simulator takes it as data.

use serde::{Deserialize, Serialize};

use crate::units::even_parts;

/// The experts that each device stores, by layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// One for each layer.
    pub layers: Vec<Placed>,
}

/// Where the experts of one layer lie. An expert may lie on more than one device, and more than once on one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The expert in each slot, `[device][slot]`.
    slots: Vec<Vec<usize>>,
    /// The device of the first slot of each expert.
    home: Vec<usize>,
}

/// Where the experts lie in each step of a run: in one place all along, or elsewhere in each turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns {
    /// The placements, at least one.
    each: Vec<Replicas>,
    /// Which of them serves each step; steps beyond, and all where none is named, are served by the first.
    of_step: Vec<usize>,
}

impl From<Replicas> for Turns {
    fn from(replicas: Replicas) -> Self {
        Self { each: vec![replicas], of_step: Vec::new() }
    }
}

impl Turns {
    /// These placements, and which of them serves each step. One that is named and not there is the first.
    #[must_use]
    pub fn new(each: Vec<Replicas>, of_step: Vec<usize>) -> Self {
        let each = if each.is_empty() { vec![Replicas::default()] } else { each };
        let known = |turn: usize| if turn < each.len() { turn } else { 0 };
        let of_step = of_step.into_iter().map(known).collect();
        Self { each, of_step }
    }

    /// The placements.
    #[must_use]
    pub fn each(&self) -> &[Replicas] {
        &self.each
    }

    /// That of the first turn: the only one, where experts stay.
    #[must_use]
    pub fn first(&self) -> &Replicas {
        &self.each[0]
    }

    /// Which placement serves a step.
    #[must_use]
    pub fn turn(&self, step: usize) -> usize {
        self.of_step.get(step).copied().unwrap_or(0)
    }

    /// Where the experts of a layer lie in a step.
    #[must_use]
    pub fn placed(&self, step: usize, layer: usize) -> &Placed {
        &self.each[self.turn(step)].layers[layer]
    }

    /// The placement that served the step before, if it is another one: experts must move.
    #[must_use]
    pub fn left(&self, step: usize) -> Option<usize> {
        let before = self.turn(step.checked_sub(1)?);
        (before != self.turn(step)).then_some(before)
    }
}

impl Placed {
    /// The experts of each device in the order of its slots. An expert without a slot counts as one of device 0.
    #[must_use]
    pub fn new(slots: Vec<Vec<usize>>, experts: usize) -> Self {
        let mut home = vec![usize::MAX; experts];
        for (device, of_device) in slots.iter().enumerate() {
            for &expert in of_device {
                if home[expert] == usize::MAX {
                    home[expert] = device;
                }
            }
        }
        home.iter_mut().filter(|d| **d == usize::MAX).for_each(|d| *d = 0);
        Self { slots, home }
    }

    /// One copy of each expert, on these devices.
    #[must_use]
    pub fn at(home: Vec<usize>, devices: usize) -> Self {
        let mut slots = vec![Vec::new(); devices];
        home.iter().enumerate().for_each(|(expert, &device)| slots[device].push(expert));
        Self { slots, home }
    }

    /// From a map of physical slots to logical experts: each working device has as many slots as the others, the first ones one
    /// more where they cannot.
    #[must_use]
    pub fn from_map(map: &[usize], live: &[usize], devices: usize, experts: usize) -> Self {
        let mut slots = vec![Vec::new(); devices];
        let mut rest = map;
        for (&device, n) in live.iter().zip(even_parts(map.len(), live.len())) {
            let (of_device, others) = rest.split_at(n);
            (slots[device], rest) = (of_device.to_vec(), others);
        }
        Self::new(slots, experts)
    }

    /// The expert in each slot, `[device][slot]`.
    #[must_use]
    pub fn slots(&self) -> &[Vec<usize>] {
        &self.slots
    }

    /// The device of the first slot of each expert.
    #[must_use]
    pub fn home(&self) -> &[usize] {
        &self.home
    }

    /// The logical expert of each physical slot, device after device.
    #[must_use]
    pub fn physical_to_logical(&self) -> Vec<usize> {
        self.slots.concat()
    }

    /// Of each expert what one copy has if all have the same; all, where it has no slot.
    #[must_use]
    pub fn even_shares(&self, tokens: &[u64]) -> Vec<f64> {
        tokens.iter().zip(self.copies()).map(|(&n, copies)| n as f64 / copies.max(1) as f64).collect()
    }

    /// What the slots of each device have if all copies of an expert have the same.
    #[must_use]
    pub fn even_loads(&self, tokens: &[u64]) -> Vec<f64> {
        let shares = self.even_shares(tokens);
        self.slots.iter().map(|slots| slots.iter().map(|&expert| shares[expert]).sum()).collect()
    }

    /// Slots of each expert.
    #[must_use]
    pub fn copies(&self) -> Vec<usize> {
        let mut copies = vec![0; self.home.len()];
        self.slots.iter().flatten().for_each(|&expert| copies[expert] += 1);
        copies
    }
}

impl Replicas {
    /// One copy of each expert, on the same devices in every layer.
    #[must_use]
    pub fn alike(layers: usize, home: Vec<usize>, devices: usize) -> Self {
        Self { layers: vec![Placed::at(home, devices); layers] }
    }

    /// Slots that each device fills, mean over the layers.
    #[must_use]
    pub fn stored(&self, devices: usize) -> Vec<f64> {
        let mut stored = vec![0usize; devices];
        for placed in &self.layers {
            stored.iter_mut().zip(&placed.slots).for_each(|(n, slots)| *n += slots.len());
        }
        stored.into_iter().map(|n| n as f64 / self.layers.len().max(1) as f64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_homes_tell_the_same() {
        let placed = Placed::at(vec![1, 0, 1], 3);
        assert_eq!(placed.slots(), [vec![1], vec![0, 2], vec![]]);
        let copied = Placed::from_map(&[2, 0, 1, 0, 0], &[0, 2], 3, 3);
        assert_eq!((copied.slots(), copied.home()), (&[vec![2, 0, 1], vec![], vec![0, 0]][..], &[0, 0, 0][..]));
        assert_eq!((copied.copies(), copied.physical_to_logical()), (vec![3, 1, 1], vec![2, 0, 1, 0, 0]));
        assert_eq!(
            (copied.even_shares(&[6, 5, 1]), copied.even_loads(&[6, 5, 1])),
            (vec![2.0, 5.0, 1.0], vec![8.0, 0.0, 4.0])
        );
        let two = Replicas { layers: vec![placed, copied] };
        assert_eq!(two.stored(3), [2.0, 1.0, 1.0]);
    }
}
