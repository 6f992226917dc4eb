//! Copies and places chosen together: a small tree over how many copies each quarter of the experts gets, each leaf packed and
//! judged. Apart from EPLB, which settles the copies before it knows where they will fit. After FlashLB in vllm-ascend.

use super::pack::{Room, descending, each_layer};
use super::vec::steps;
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// Parts of the experts, and so levels of the tree.
const DEPTH: usize = 4;

/// How far from the greedy number of copies each level looks, in steps: its width is their number. The greedy one is first: it stays
/// where nothing is better.
const OFFSETS: [i64; 8] = [0, -1, 1, -2, 2, -3, 3, -4];

/// Standard deviations that a load is taken to be above its mean: its upper quartile, were it normal.
const DEVIATIONS: f64 = 0.674;

/// By risk: an expert's mean load plus 0.674 standard deviations over the steps; without steps, its load.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    each_layer(loads, topology, params, |layer, room| of_layer(&risks(&steps(loads, layer)), room))
}

fn risks(steps: &[Vec<f64>]) -> Vec<f64> {
    let of = |e: usize| {
        let mean = steps.iter().map(|step| step[e]).sum::<f64>() / steps.len() as f64;
        let square = |step: &Vec<f64>| (step[e] - mean) * (step[e] - mean);
        mean + DEVIATIONS * libm::sqrt(steps.iter().map(square).sum::<f64>() / steps.len() as f64)
    };
    (0..steps.first().map_or(0, Vec::len)).map(of).collect()
}

/// Level after level, each keeps the number of copies of its quarter with which the best leaf has the least largest risk of a
/// device; the quarters below it are filled greedily.
fn of_layer(risks: &[f64], room: &Room) -> Vec<Vec<usize>> {
    let (experts, devices) = (risks.len(), room.each.len());
    let slots: usize = room.each.iter().sum();
    if slots >= experts * devices {
        let mut all = vec![Vec::new(); devices];
        room.repeat(&mut all, experts);
        return all;
    }
    let order = descending(risks);
    let cut = |part: usize| (part * experts).div_ceil(DEPTH);
    let mut copies = vec![1usize; experts];
    let mut spare = slots - experts;
    let step = i64::try_from(spare.div_ceil(2 * OFFSETS.len())).unwrap_or(1);
    let greedy = filled(risks, &copies, &order, spare, devices).unwrap_or_else(|| copies.clone());
    let (mut packed, mut least) = packed_apart(risks, &greedy, room);
    for part in 0..DEPTH - 1 {
        let (quarter, rest) = (&order[cut(part)..cut(part + 1)], &order[cut(part + 1)..]);
        let greedy = filled(risks, &copies, &order[cut(part)..], spare, devices);
        let greedy: usize = greedy.map_or(0, |copies| quarter.iter().map(|&e| copies[e] - 1).sum());
        let mut best: Option<(f64, usize, Vec<usize>)> = None;
        for offset in OFFSETS {
            let extra = i64::try_from(greedy).unwrap_or(0) + offset * step;
            let Some(extra) = usize::try_from(extra).ok().filter(|&extra| extra <= spare) else { continue };
            let Some(mine) = filled(risks, &copies, quarter, extra, devices) else { continue };
            let Some(all) = filled(risks, &mine, rest, spare - extra, devices) else { continue };
            let (leaf, risk) = packed_apart(risks, &all, room);
            if best.as_ref().is_none_or(|best| risk < best.0) {
                best = Some((risk, extra, mine));
            }
            if risk < least {
                (packed, least) = (leaf, risk);
            }
        }
        let Some((_, extra, mine)) = best else { break };
        (spare, copies) = (spare - extra, mine);
    }
    packed
}

/// So many more copies among these experts, each to the one whose copies have most to do and are not on every device; none if there is
/// no room for them.
fn filled(risks: &[f64], copies: &[usize], among: &[usize], extra: usize, devices: usize) -> Option<Vec<usize>> {
    let mut copies = copies.to_vec();
    let mut each: Vec<f64> = among.iter().map(|&e| risks[e] / copies[e] as f64).collect();
    for _ in 0..extra {
        let open = (0..among.len()).filter(|&at| copies[among[at]] < devices);
        let at = open.reduce(|best, at| if each[at] > each[best] { at } else { best })?;
        copies[among[at]] += 1;
        each[at] = risks[among[at]] / copies[among[at]] as f64;
    }
    Some(copies)
}

/// Copies by risk, the largest first, each to the device of least risk with room and without its expert; and the largest risk.
fn packed_apart(risks: &[f64], copies: &[usize], room: &Room) -> (Vec<Vec<usize>>, f64) {
    let each: Vec<f64> = risks.iter().zip(copies).map(|(risk, &n)| risk / n as f64).collect();
    let mut slots: Vec<Vec<usize>> = vec![Vec::new(); room.each.len()];
    let mut taken = vec![0.0; room.each.len()];
    for expert in descending(&each).into_iter().flat_map(|e| std::iter::repeat_n(e, copies[e])) {
        let mut best: Option<usize> = None;
        for g in (0..slots.len()).filter(|&g| slots[g].len() < room.each[g]) {
            if best.is_none_or(|best| taken[g] < taken[best]) && !slots[g].contains(&expert) {
                best = Some(g);
            }
        }
        if let Some(device) = best {
            slots[device].push(expert);
            taken[device] += each[expert];
        } else {
            exchange(expert, &each, &mut slots, &mut taken, room);
        }
    }
    let most = taken.into_iter().fold(0.0, f64::max);
    (slots, most)
}

/// Where only devices that have the expert have room, a full one gives one of them an expert that it lacks, and takes this one.
fn exchange(expert: usize, each: &[f64], slots: &mut [Vec<usize>], taken: &mut [f64], room: &Room) {
    let full: Vec<usize> = (0..slots.len()).filter(|&g| !slots[g].contains(&expert)).collect();
    for open in (0..slots.len()).filter(|&g| slots[g].len() < room.each[g]).collect::<Vec<_>>() {
        for &from in &full {
            let given = slots[from].iter().rposition(|e| !slots[open].contains(e));
            let Some(at) = given else { continue };
            let given = std::mem::replace(&mut slots[from][at], expert);
            taken[from] += each[expert] - each[given];
            slots[open].push(given);
            taken[open] += each[given];
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::pack::shared;

    const F: [f64; 8] = [600.0, 560.0, 120.0, 120.0, 20.0, 10.0, 10.0, 10.0];

    #[test]
    fn two_hot_experts_leave_copies_to_what_lies_beside_them() {
        // EPLB gives the hot ones five copies each and ends at 232. Four each leave one to both that have 120: 140 + 60.
        let room = Room::plain(shared(16, 8));
        let placed = of_layer(&F, &room);
        let copies = room.placed(placed.clone(), 8).copies();
        assert_eq!(copies, [4, 4, 2, 2, 1, 1, 1, 1]);
        let load = |of: &Vec<usize>| of.iter().map(|&e| F[e] / copies[e] as f64).sum::<f64>();
        assert_eq!(placed.iter().map(load).fold(0.0, f64::max), 200.0);
    }

    #[test]
    fn an_expert_that_varies_counts_as_more() {
        let risks = risks(&[vec![4.0, 0.0], vec![4.0, 8.0]]);
        assert_eq!((risks[0], risks[1]), (4.0, 4.0 + 0.674 * 4.0));
    }

    #[test]
    fn no_copy_lies_beside_another_of_its_expert() {
        // Eight slots on three devices for three experts: the last copy finds room only beside its like, and changes places.
        let room = Room::plain(shared(8, 3));
        for weights in [[9.0, 9.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 7.0]] {
            let placed = of_layer(&weights, &room);
            assert_eq!(placed.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
            for slots in &placed {
                let distinct: std::collections::BTreeSet<_> = slots.iter().collect();
                assert_eq!(distinct.len(), slots.len(), "{placed:?}");
            }
        }
        let full = of_layer(&[5.0, 1.0], &Room::plain(vec![3, 3]));
        assert_eq!(full, [[0, 1, 0], [0, 1, 0]], "more slots than experts");
    }
}
