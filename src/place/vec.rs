//! Copies by the peaks of every step, as SGLang's vector form of EPLB. Apart from EPLB, which sees sums: experts that are hot in turns
//! look even to it.

use super::pack::{Room, descending, each_layer, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// Each spare slot to the expert whose copy leaves the least sum of the steps' largest loads of a copy; then copies, by their tokens in
/// all steps, dealt to devices in a snake. Without steps the sums are the only one.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    each_layer(loads, topology, params, |layer, room| {
        let steps = steps(loads, layer);
        let sums: Vec<f64> = (0..loads.experts).map(|e| steps.iter().map(|step| step[e]).sum()).collect();
        snake(&sums, &by_peaks(&steps, loads.experts, room.each.iter().sum()), room)
    })
}

/// The loads of a layer step by step; its sums as one step where steps are not known.
pub(super) fn steps(loads: &Loads, layer: usize) -> Vec<Vec<f64>> {
    match loads.steps.get(layer) {
        Some(steps) if !steps.is_empty() => steps.iter().map(|step| weights(step)).collect(),
        _ => vec![weights(&loads.layers[layer])],
    }
}

/// Copies of each expert.
fn by_peaks(steps: &[Vec<f64>], experts: usize, slots: usize) -> Vec<u32> {
    let mut copies = vec![1u32; experts];
    // The load of each copy, and the hottest expert of each step with the second.
    let mut each = steps.to_vec();
    let mut peaks: Vec<(usize, f64)> = each.iter().map(|step| peak(step)).collect();
    for _ in experts..slots {
        let peaks_sum: f64 = peaks.iter().zip(&each).map(|(&(e, _), step)| step[e]).sum();
        let mut value = vec![peaks_sum; experts];
        for (&(e, second), (now, step)) in peaks.iter().zip(each.iter().zip(steps)) {
            value[e] += f64::max(step[e] / f64::from(copies[e] + 1), second) - now[e];
        }
        let Some(copied) = (0..experts).reduce(|best, e| if value[e] < value[best] { e } else { best }) else { break };
        copies[copied] += 1;
        for ((step, now), peak_of) in steps.iter().zip(&mut each).zip(&mut peaks) {
            now[copied] = step[copied] / f64::from(copies[copied]);
            *peak_of = peak(now);
        }
    }
    copies
}

/// The hottest, the first of several, and the largest load of the others.
fn peak(each: &[f64]) -> (usize, f64) {
    let (mut hottest, mut second) = (0, 0.0);
    for (e, &load) in each.iter().enumerate().skip(1) {
        if load > each[hottest] {
            (hottest, second) = (e, each[hottest]);
        } else {
            second = f64::max(second, load);
        }
    }
    (hottest, second)
}

/// Copies by load, the largest first, to the devices in turn: to the right, back, and so on; who has no room is passed over.
fn snake(sums: &[f64], copies: &[u32], room: &Room) -> Vec<Vec<usize>> {
    let each: Vec<f64> = sums.iter().zip(copies).map(|(sum, &n)| sum / f64::from(n)).collect();
    let dealt = descending(&each).into_iter().flat_map(|e| std::iter::repeat_n(e, copies[e] as usize));
    let mut slots = vec![Vec::new(); room.each.len()];
    let (mut row, mut left): (usize, Vec<usize>) = (0, Vec::new());
    for expert in dealt {
        while left.is_empty() && row <= copies.len() + room.each.iter().sum::<usize>() {
            let open = (0..slots.len()).filter(|&g| row < room.each[g]);
            left = if row % 2 == 0 { open.rev().collect() } else { open.collect() };
            row += 1;
        }
        let Some(device) = left.pop() else { break };
        slots[device].push(expert);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::eplb::replicate;
    use crate::place::pack::shared;

    #[test]
    fn experts_that_are_hot_in_turns_are_copied() {
        let steps = [vec![100.0, 0.0, 40.0, 40.0], vec![0.0, 70.0, 50.0, 50.0]];
        assert_eq!(by_peaks(&steps, 4, 6), [2, 2, 1, 1]);
        // EPLB sees 100, 70, 90 and 90.
        assert_eq!(replicate(&[100.0, 70.0, 90.0, 90.0], 6), [0, 1, 2, 3, 0, 2]);
        let loads = Loads {
            experts: 4,
            layers: vec![vec![100, 70, 90, 90]; 2],
            steps: vec![vec![vec![100, 0, 40, 40], vec![0, 70, 50, 50]], vec![]],
            ..Loads::default()
        };
        let size = crate::model::ExpertSize { hidden: 1, intermediate: 1 };
        let params = Params { spare: 1, ..Params::of(size) };
        let placed = place(&loads, &Topology::plain(2, 1), &params);
        assert_eq!(placed.layers[0].copies(), [2, 2, 1, 1]);
        assert_eq!(placed.layers[0].slots(), [[2, 0, 1], [3, 0, 1]], "90, 90, 50, 50, 35 and 35 in a snake");
        assert_eq!(placed.layers[1].copies(), [3, 1, 1, 1], "by the sums: once two peaks are equal, no copy helps");
    }

    #[test]
    fn a_snake_passes_over_devices_without_room() {
        let room = Room::plain(shared(7, 3));
        assert_eq!(
            snake(&[7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], &[1; 7], &room),
            [vec![0, 5, 6], vec![1, 4], vec![2, 3]]
        );
    }
}
