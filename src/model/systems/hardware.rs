//! Sizes and speeds of a system, and how they are edited. Apart from the systems, which give them values and build with them.

use serde::{Deserialize, Serialize};

use crate::model::{Device, Mesh};
use crate::units::{GIGA, TERA};

/// Devices and the speeds of their parts (Table I of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// The devices, as they stand in a picture.
    pub mesh: Mesh,
    /// HBM bandwidth of a die, bytes a second.
    pub hbm: f64,
    /// Bandwidth of one die-to-die link, bytes a second.
    pub link: f64,
    /// DRAM of a die, bytes.
    pub dram: f64,
    /// FP16 rate of a die, FLOP a second.
    pub fp16: f64,
    /// Last-level cache of a die, bytes.
    pub llc: f64,
    /// Latency of a last-level cache hit, seconds.
    pub llc_hit: f64,
    /// Penalty of a miss, seconds.
    pub llc_miss: f64,
    /// Latency of a copy write, seconds.
    pub write: f64,
    /// Latency of a local HBM read, seconds.
    pub hbm_latency: f64,
    /// Latency of a link, seconds a hop, one way.
    pub hop: f64,
    /// What Algorithm 1 adds to a remote fetch, seconds.
    pub remote_penalty: f64,
    /// Share of DRAM that weights and copies may use.
    pub usable: f64,
    /// Bandwidth of a GPU's port to other nodes, bytes a second.
    pub nic: f64,
    /// Latency between nodes, seconds, one way.
    pub nic_hop: f64,
}

impl Hardware {
    /// What each device is.
    #[must_use]
    pub fn device(&self) -> Device {
        Device { hbm: self.hbm, fp16: self.fp16, dram: self.usable * self.dram }
    }

    /// Latency of a read over so many hops, seconds: the request goes there, the expert comes back.
    #[must_use]
    pub fn latency(&self, hops: usize) -> f64 {
        self.llc_hit + self.llc_miss + self.hbm_latency + 2.0 * self.hop * hops as f64
    }
}

/// A value of the hardware that can be edited: its name in URLs, its words and unit, and what it is in the hardware.
pub struct Field {
    /// Name in URLs.
    pub name: &'static str,
    /// Name for people, with the unit.
    pub words: &'static str,
    /// What a larger value changes.
    pub changes: &'static str,
    /// Least and largest value, in the unit.
    pub range: (f64, f64),
    /// The value in the unit.
    pub get: fn(&Hardware) -> f64,
    /// Sets it.
    pub set: fn(&mut Hardware, f64),
}

macro_rules! field {
    ($name:literal, $words:literal, $changes:literal, $range:expr, $unit:expr, $($field:ident).+) => {
        Field {
            name: $name,
            words: $words,
            changes: $changes,
            range: $range,
            get: |w| nearest(w.$($field).+ / $unit),
            set: |w, v| w.$($field).+ = v * $unit,
        }
    };
}

/// Everything that can be edited, in the order of the page.
pub const FIELDS: [Field; 19] = [
    Field {
        name: "columns",
        words: "Columns of dies",
        changes: "More dies share the work; experts lie further apart.",
        range: (1.0, 16.0),
        get: |w| w.mesh.x as f64,
        set: |w, v| w.mesh.x = crate::units::floor(v),
    },
    Field {
        name: "rows",
        words: "Rows of dies",
        changes: "More dies share the work; experts lie further apart.",
        range: (1.0, 16.0),
        get: |w| w.mesh.y as f64,
        set: |w, v| w.mesh.y = crate::units::floor(v),
    },
    field!(
        "hbm",
        "HBM of a device, TB/s",
        "Faster reads of experts, at home and for others.",
        (0.01, 1000.0),
        TERA,
        hbm
    ),
    field!("link", "One link, TB/s", "Faster reads of remote experts.", (0.01, 1000.0), TERA, link),
    field!("dram", "DRAM of a device, GB", "Room for copies of experts.", (0.1, 100_000.0), GIGA, dram),
    field!("fp16", "FP16 rate of a device, TFLOP/s", "Less time to compute a token.", (0.1, 1e6), TERA, fp16),
    field!(
        "llc",
        "Last-level cache, MB",
        "What the insights say a cache hits; runs start cold.",
        (0.1, 100_000.0),
        1e6,
        llc
    ),
    field!("hit", "LLC hit, ns", "Latency of each read.", (0.0, 1e6), NANO, llc_hit),
    field!("miss", "LLC miss penalty, ns", "Latency of each read.", (0.0, 1e6), NANO, llc_miss),
    field!("write", "Copy write, ns", "Latency of each copy.", (0.0, 1e6), NANO, write),
    field!("local", "HBM read, ns", "Latency of each read.", (0.0, 1e6), NANO, hbm_latency),
    field!("hop", "A link, one way, ns", "Latency of each remote read, by distance.", (0.0, 1e6), NANO, hop),
    field!(
        "penalty",
        "Algorithm 1 adds to a remote fetch, ns",
        "Allocation avoids neighbours.",
        (0.0, 1e9),
        NANO,
        remote_penalty
    ),
    field!("usable", "Usable share of DRAM, %", "Room for copies of experts.", (1.0, 100.0), 0.01, usable),
    Field {
        name: "nodes",
        words: "Nodes",
        changes: "More GPUs share the work; tokens and experts cross the network.",
        range: (1.0, 64.0),
        get: |w| w.mesh.y as f64,
        set: |w, v| w.mesh.y = crate::units::floor(v),
    },
    Field {
        name: "pernode",
        words: "GPUs of a node",
        changes: "More GPUs share the work behind one switch.",
        range: (1.0, 72.0),
        get: |w| w.mesh.x as f64,
        set: |w, v| w.mesh.x = crate::units::floor(v),
    },
    field!("nvlink", "NVLink port of a GPU, GB/s a direction", "Faster transfers in a node.", (1.0, 1e6), GIGA, link),
    field!("nic", "Network port of a GPU, GB/s a direction", "Faster transfers between nodes.", (0.1, 1e6), GIGA, nic),
    field!("nichop", "Between nodes, one way, ns", "Latency of transfers between nodes.", (0.0, 1e6), NANO, nic_hop),
];

/// Seconds of a nanosecond, and a way back that is exact for what people write.
const NANO: f64 = 1e-9;

/// A value in its unit without the rounding of the division: 12 digits are more than anyone edits.
fn nearest(x: f64) -> f64 {
    if x <= 0.0 {
        return x;
    }
    let scale = libm::pow(10.0, 11.0 - libm::floor(libm::log10(x)));
    libm::round(x * scale) / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SYSTEMS;

    #[test]
    fn an_edited_value_reads_back() {
        for system in &SYSTEMS {
            for field in system.fields() {
                let value = (field.get)(&system.hardware);
                let mut same = system.hardware;
                (field.set)(&mut same, value);
                assert_eq!((field.get)(&same), value, "{} of {}", field.name, system.name);
                assert!(value >= field.range.0 && value <= field.range.1, "{} of {}", field.name, system.name);
            }
        }
        assert_eq!(FIELDS.map(|f| (f.get)(&SYSTEMS[0].hardware))[2..6], [3.35, 1.7, 80.0, 989.0]);
        let two = crate::model::system_named("h100x16").unwrap();
        assert_eq!(FIELDS.map(|f| (f.get)(&two.hardware))[14..], [2.0, 8.0, 450.0, 50.0, 2500.0]);
    }
}
