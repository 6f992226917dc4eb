//! A placement for each subject (Insight 6): EPLB on the subject's own requests. Apart from `eplb`, because what it costs lies between
//! two placements: experts move when the subject changes, so devices are named in the way that moves few.

use super::{Loads, Params, SubjectLoads, eplb};
use crate::model::{Placed, Replicas, Topology};

/// One placement for each subject, in the order in which they are served. A subject of whom too little is known is served from where the
/// requests of all put the experts. Which device has which pack decides no load: each pack goes to the device that holds most of it
/// already, so that few experts move.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Vec<Replicas> {
    let all = eplb::place(loads, topology, params);
    let mut each: Vec<Replicas> = Vec::new();
    for subject in &loads.subjects {
        let own = |subject: &SubjectLoads| eplb::place(&loads.of_subject(subject), topology, params);
        let mut replicas = if subject.is_enough() { own(subject) } else { all.clone() };
        if let Some(before) = each.last() {
            for (placed, before) in replicas.layers.iter_mut().zip(&before.layers) {
                *placed = renamed(before, placed);
            }
        }
        each.push(replicas);
    }
    each
}

/// A placement with its devices renamed: again and again the pack and the device, of as many slots, that share most experts, ties to the
/// lowest device and then the lowest pack. Greedy: an exact matching would save little, and packs share few experts.
fn renamed(before: &Placed, placed: &Placed) -> Placed {
    let (old, new) = (before.slots(), placed.slots());
    let shared = |device: usize, pack: usize| new[pack].iter().filter(|e| old[device].contains(e)).count();
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for device in 0..old.len() {
        // Only among devices with as many slots: on those that do not work there are none.
        let packs = (0..new.len()).filter(|&pack| new[pack].len() == new[device].len());
        pairs.extend(packs.map(|pack| (shared(device, pack), device, pack)));
    }
    pairs.sort_by_key(|&(n, device, pack)| (std::cmp::Reverse(n), device, pack));
    let (mut slots, mut taken) = (vec![None; new.len()], vec![false; new.len()]);
    for (_, device, pack) in pairs {
        if slots[device].is_none() && !taken[pack] {
            (slots[device], taken[pack]) = (Some(new[pack].clone()), true);
        }
    }
    Placed::new(slots.into_iter().map(Option::unwrap_or_default).collect(), placed.home().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExpertSize, Turns};
    use crate::place::placement_named;

    fn params() -> Params<'static> {
        Params::of(ExpertSize { hidden: 1, intermediate: 1 })
    }

    fn subject(name: &str, requests: usize, tokens: &[u64]) -> SubjectLoads {
        SubjectLoads { name: name.into(), requests, layers: vec![tokens.to_vec()] }
    }

    /// Subject X uses experts 0 and 1, Y uses 2 and 3. Two devices, no spare slot: X needs 0 and 1 apart, Y 2 and 3.
    #[test]
    fn subjects_with_disjoint_hot_experts_have_them_apart_and_few_move() {
        let subjects = vec![subject("x", 2, &[8, 6, 1, 0]), subject("y", 2, &[1, 0, 6, 8])];
        let loads = Loads { experts: 4, layers: vec![vec![9, 6, 7, 8]], subjects, ..Loads::default() };
        let two = place(&loads, &Topology::plain(2, 1), &params());
        // X: 8 to device 0, 6 to 1, then 1 (expert 2) to 1, and expert 3 to what is left.
        assert_eq!(two[0].layers[0].slots(), [vec![0, 3], vec![1, 2]]);
        // Y: 8 (expert 3) to pack 0, 6 (expert 2) to 1, expert 0 to 1, and 1 to 0: [3 1] and [2 0]. Each pack shares one expert with
        // each device: the first of both keeps its name, and experts 1 and 0 change places.
        assert_eq!(two[1].layers[0].slots(), [vec![3, 1], vec![2, 0]]);
        // A subject of the same liking moves nothing, even if its packs come in another order.
        let again = Loads { subjects: vec![subject("x", 2, &[8, 6, 1, 0]), subject("z", 2, &[6, 8, 0, 1])], ..loads };
        let two = place(&again, &Topology::plain(2, 1), &params());
        let sorted = |replicas: &Replicas| {
            let of = |slots: &Vec<usize>| -> std::collections::BTreeSet<usize> { slots.iter().copied().collect() };
            replicas.layers[0].slots().iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(sorted(&two[0]), sorted(&two[1]));
    }

    #[test]
    fn a_subject_of_one_request_is_served_from_the_placement_of_all() {
        let subjects = vec![subject("x", 2, &[8, 6, 1, 0]), subject("y", 1, &[1, 0, 6, 8])];
        let loads = Loads { experts: 4, layers: vec![vec![9, 6, 7, 8]], subjects, ..Loads::default() };
        let topology = Topology::plain(2, 1);
        let two = place(&loads, &topology, &params());
        let all = eplb::place(&loads, &topology, &params());
        assert_eq!(two[1].layers[0], renamed(&two[0].layers[0], &all.layers[0]));
        assert_ne!(two[0], two[1]);
    }

    #[test]
    fn every_subject_has_every_expert_whatever_it_is_called() {
        let names = ["a", "b", "c"];
        let tokens = |s: u64| (0..13u64).map(|e| (e * 7 + s * 5) % 11).collect::<Vec<_>>();
        let of = |names: [&str; 3]| {
            let subjects = names.iter().zip(0..).map(|(name, s)| subject(name, 3, &tokens(s))).collect();
            Loads { experts: 13, layers: vec![tokens(9)], subjects, ..Loads::default() }
        };
        let task = placement_named("task").unwrap();
        for (devices, spare) in [(1, 0), (4, 0), (4, 1), (5, 3)] {
            let (topology, params) = (Topology::plain(devices, 1), Params { spare, ..params() });
            let turns = |names| task.turns(&of(names), &[0, 0, 1, 2], &topology, &params);
            let made: Turns = turns(names);
            assert_eq!(made.each().len(), 3);
            for replicas in made.each() {
                assert!(replicas.layers[0].copies().iter().all(|&copies| copies > 0));
                assert_eq!(replicas.layers[0].physical_to_logical().len(), 13 + spare * devices);
            }
            assert_eq!(made, turns(["\u{e9}", "", "c"]));
            assert_eq!(
                [0, 1, 2, 3].map(|step| (made.turn(step), made.left(step))),
                [(0, None), (0, None), (1, Some(0)), (2, Some(1))]
            );
            // Where no step is of a subject there is one placement: that of all.
            assert_eq!(
                task.turns(&of(names), &[], &topology, &params).first(),
                &eplb::place(&of(names), &topology, &params)
            );
        }
    }
}
