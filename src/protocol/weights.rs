//! Placements of a bare table of loads: no trace, no model, no time. Apart from the lab, which simulates: this is what EPLB's own
//! input gives, for whoever has one.

use serde::{Deserialize, Serialize};

use crate::format::grid;
use crate::model::{ExpertSize, MAX_COUNT, MAX_EXPERTS, MAX_LAYERS, Placed, Topology};
use crate::place::{Loads, Params, placement_named, rules};

/// A table of loads and what it is placed on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Loads, `[layer][expert]`, in units of `1/scale`.
    pub loads: Vec<Vec<u64>>,
    /// A power of two: 1 where all loads are whole.
    pub scale: f64,
    /// Devices (G).
    pub devices: usize,
    /// Physical slots of a layer (P).
    pub slots: usize,
    /// Nodes of the devices.
    pub nodes: usize,
    /// Groups of experts.
    pub groups: usize,
}

/// One placement of such a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightsPlaced {
    /// Name of the placement.
    pub name: String,
    /// The logical expert of each physical slot, by layer, device after device.
    pub physical_to_logical: Vec<Vec<usize>>,
    /// Load of each device, by layer: each copy has an even share.
    pub loads: Vec<Vec<f64>>,
    /// Largest over mean load, by layer.
    pub max_over_mean: Vec<f64>,
}

impl Weights {
    /// Reads `[layers][experts]` of any numbers from 0, as JSON, CSV or NPY.
    ///
    /// # Errors
    /// What is no such table, and where.
    pub fn read(bytes: &[u8], devices: usize, slots: usize, nodes: usize, groups: usize) -> Result<Self, String> {
        let rows = grid(bytes)?;
        let experts = rows.first().map_or(0, Vec::len);
        if experts == 0 || experts as u64 > MAX_EXPERTS || rows.len() > MAX_LAYERS {
            return Err(format!(
                "{} layers of {experts} experts: at most {MAX_LAYERS} of 1 to {MAX_EXPERTS}",
                rows.len()
            ));
        }
        for (layer, row) in rows.iter().enumerate() {
            if row.len() != experts {
                return Err(format!("layer {layer} has {} experts, and layer 0 has {experts}", row.len()));
            }
            let sound = |x: f64| (0.0..=MAX_COUNT as f64).contains(&x);
            if let Some((expert, x)) = row.iter().enumerate().find(|(_, x)| !sound(**x)) {
                return Err(format!(
                    "layer {layer}, expert {expert}: {x} is no load; numbers from 0 to {MAX_COUNT} are"
                ));
            }
        }
        let (scale, loads) = in_whole_units(&rows);
        if devices == 0 || devices > 4096 {
            return Err(format!("{devices} devices: 1 to 4096 are possible"));
        }
        if slots < experts || slots > 1 << 20 || !slots.is_multiple_of(devices) {
            let least = experts.div_ceil(devices) * devices;
            return Err(format!(
                "{slots} slots for {experts} experts on {devices} devices: every device has as many, so slots are {least}, {}, {} \
                 and so on",
                least + devices,
                least + 2 * devices
            ));
        }
        if nodes == 0 || !devices.is_multiple_of(nodes) {
            return Err(format!("{devices} devices on {nodes} nodes: nodes have as many devices each"));
        }
        Ok(Self { loads, scale, devices, slots, nodes, groups: groups.max(1) })
    }

    /// The placements of these names, in their order.
    ///
    /// # Errors
    /// There is none of that name that a table of loads is enough for.
    pub fn place(&self, names: &[String]) -> Result<Vec<WeightsPlaced>, String> {
        names.iter().map(|name| self.placed(name)).collect()
    }

    fn placed(&self, name: &str) -> Result<WeightsPlaced, String> {
        let placement = placement_named(name).filter(|p| p.is_rule()).ok_or_else(|| {
            let all: Vec<&str> = rules().map(|p| p.name).collect();
            format!("no placement of a table of loads is called {name}; there are {}", all.join(", "))
        })?;
        let experts = self.loads[0].len();
        let loads = Loads { experts, layers: self.loads.clone(), ..Loads::default() };
        let topology = Topology::plain(self.devices, self.nodes);
        let size = ExpertSize { hidden: 1, intermediate: 1 };
        let params = Params { slots: Some(self.slots), groups: self.groups, mfu: 1.0, ..Params::of(size) };
        let placed = placement.once(&loads, &topology, &params);
        let by_device: Vec<Vec<f64>> =
            placed.layers.iter().zip(&self.loads).map(|(placed, loads)| placed.even_loads(loads)).collect();
        let by_device: Vec<Vec<f64>> =
            by_device.iter().map(|loads| loads.iter().map(|load| load / self.scale).collect()).collect();
        let ratio = |loads: &Vec<f64>| {
            let (most, sum) = (loads.iter().fold(0.0f64, |a, &b| a.max(b)), loads.iter().sum::<f64>());
            if sum > 0.0 { most * loads.len() as f64 / sum } else { 1.0 }
        };
        Ok(WeightsPlaced {
            name: placement.name.into(),
            physical_to_logical: placed.layers.iter().map(Placed::physical_to_logical).collect(),
            max_over_mean: by_device.iter().map(ratio).collect(),
            loads: by_device,
        })
    }
}

/// Loads as whole numbers of a unit, and how many units are one: placements compare whole numbers, so that ties are ties. Where all are
/// whole the unit is one; else it is so small that 44 bits tell the largest, and what is closer than that is equal.
fn in_whole_units(rows: &[Vec<f64>]) -> (f64, Vec<Vec<u64>>) {
    /// Sums over the experts of a layer stay below 2⁵⁶.
    const BITS: i32 = 44;
    let all = || rows.iter().flatten().copied();
    let scale = if all().all(|x| libm::floor(x) == x) {
        1.0
    } else {
        let (_, exponent) = libm::frexp(all().fold(0.0, f64::max));
        libm::ldexp(1.0, (BITS - exponent).clamp(0, 1000))
    };
    let whole = |x: &f64| crate::units::floor_u64(libm::round(x * scale));
    (scale, rows.iter().map(|row| row.iter().map(whole).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(text: &str, name: &str) -> WeightsPlaced {
        Weights::read(text.as_bytes(), 2, 4, 1, 1).unwrap().place(&[name.into()]).unwrap().remove(0)
    }

    #[test]
    fn shares_are_placed_as_the_counts_that_they_are_of() {
        let (counts, shares) = (placed("[[90, 132, 40, 61]]", "eplb"), placed("0.90,1.32,0.40,0.61\n", "eplb"));
        assert_eq!(counts.physical_to_logical, shares.physical_to_logical);
        assert!((shares.loads[0][0] * 100.0 - counts.loads[0][0]).abs() < 1e-9);
        assert!((shares.max_over_mean[0] - counts.max_over_mean[0]).abs() < 1e-12);
        // Tiny ones are none the less told apart, and none is lost.
        let tiny = placed("[[9e-200, 13e-200, 4e-200, 6e-200]]", "remap");
        assert_eq!(tiny.physical_to_logical, placed("[[9, 13, 4, 6]]", "remap").physical_to_logical);
        assert!(tiny.loads[0].iter().all(|&load| load > 0.0));
    }

    #[test]
    fn what_is_no_load_is_refused_by_layer_and_expert() {
        let why = |text: &str| Weights::read(text.as_bytes(), 2, 4, 1, 1).unwrap_err();
        assert!(why("1,2,3,4\n1,2,NaN,4\n").starts_with("layer 1, expert 2: NaN is no load"));
        assert!(why("[[1, -0.5, 0, 0]]").starts_with("layer 0, expert 1: -0.5 is no load"));
        assert!(why("[[1, 0, 0, 1e300]]").starts_with("layer 0, expert 3: "));
        assert!(why("1 2 3 inf").starts_with("layer 0, expert 3: inf is no load"));
        assert_eq!(why("[[1, 2, 3, 4], [1]]"), "layer 1 has 1 experts, and layer 0 has 4");
    }
}
