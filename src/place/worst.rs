//! The worst placement: no one's choice, a bound beside the others. Apart from those that are meant.

use super::pack::{alone, descending, each_layer, weights};
use super::{Loads, Params};
use crate::model::{Replicas, Topology};

/// The hottest experts fill the first device, the next hottest the second, and so on.
pub(super) fn place(loads: &Loads, topology: &Topology, params: &Params<'_>) -> Replicas {
    each_layer(loads, topology, &alone(params), |layer, room| {
        let mut order = descending(&weights(&loads.layers[layer])).into_iter();
        room.each.iter().map(|&slots| order.by_ref().take(slots).collect()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ExpertSize;

    #[test]
    fn the_hottest_are_all_on_the_first_device() {
        let loads = Loads { experts: 5, layers: vec![vec![1, 9, 4, 9, 2]], ..Loads::default() };
        let params = Params { spare: 2, ..Params::of(ExpertSize { hidden: 1, intermediate: 1 }) };
        let placed = place(&loads, &Topology::plain(2, 1), &params);
        assert_eq!(placed.layers[0].slots(), [vec![1, 3, 2], vec![4, 0]]);
    }
}
