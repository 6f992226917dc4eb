//! Placements of a bare table of loads: no trace, no model, no time. Apart from the lab, which simulates: this is what EPLB's own
//! input gives, for whoever has one.

use serde::{Deserialize, Serialize};

use crate::model::{ExpertSize, MAX_COUNT, MAX_EXPERTS, MAX_LAYERS, Placed, Topology};
use crate::place::{Loads, Params, placement_named, rules};

/// A table of loads and what it is placed on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Loads, `[layer][expert]`.
    pub loads: Vec<Vec<u64>>,
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
    /// Reads `[layers][experts]`.
    ///
    /// # Errors
    /// What is no such table, and where.
    pub fn read(text: &str, devices: usize, slots: usize, nodes: usize, groups: usize) -> Result<Self, String> {
        let rows: Vec<Vec<serde_json::Value>> =
            serde_json::from_str(text).map_err(|e| format!("no [layers][experts] table of loads: {e}"))?;
        let experts = rows.first().map_or(0, Vec::len);
        if experts == 0 || experts as u64 > MAX_EXPERTS || rows.len() > MAX_LAYERS {
            return Err(format!(
                "{} layers of {experts} experts: at most {MAX_LAYERS} of 1 to {MAX_EXPERTS}",
                rows.len()
            ));
        }
        let mut loads = Vec::new();
        for (layer, row) in rows.iter().enumerate() {
            if row.len() != experts {
                return Err(format!("layer {layer} has {} experts, and layer 0 has {experts}", row.len()));
            }
            let load = |(expert, v): (usize, &serde_json::Value)| {
                // Some tools write whole numbers as 90.0.
                let float = || v.as_f64().filter(|&f| f >= 0.0 && libm::floor(f) == f).map(crate::units::floor_u64);
                let n = v.as_u64().or_else(float).filter(|&n| n <= MAX_COUNT);
                n.ok_or_else(|| format!("layer {layer}, expert {expert}: {v} is no load; whole numbers from 0 are"))
            };
            loads.push(row.iter().enumerate().map(load).collect::<Result<Vec<u64>, String>>()?);
        }
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
        Ok(Self { loads, devices, slots, nodes, groups: groups.max(1) })
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
        let placed = (placement.place)(&loads, &topology, &params);
        let by_device: Vec<Vec<f64>> =
            placed.layers.iter().zip(&self.loads).map(|(placed, loads)| placed.even_loads(loads)).collect();
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
