//! The hardware: a mesh of dies with HBM and links. Apart from `sim`, so that plots and placements can speak of dies
//! without the simulator.

use serde::{Deserialize, Serialize};

use crate::units::{GIGA, TERA};

/// A rectangle of dies; die id = y·X + x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mesh {
    /// Dies in a row.
    pub x: usize,
    /// Rows.
    pub y: usize,
}

impl Mesh {
    /// Number of dies.
    #[must_use]
    pub fn dies(self) -> usize {
        self.x * self.y
    }

    /// Column and row of a die.
    #[must_use]
    pub fn place(self, die: usize) -> (usize, usize) {
        (die % self.x, die / self.x)
    }

    /// Hops between two dies (Manhattan distance).
    #[must_use]
    pub fn distance(self, a: usize, b: usize) -> usize {
        let ((ax, ay), (bx, by)) = (self.place(a), self.place(b));
        ax.abs_diff(bx) + ay.abs_diff(by)
    }

    /// The neighbour pairs in a fixed order: all horizontal links by die, then all vertical ones.
    #[must_use]
    pub fn links(self) -> Vec<(usize, usize)> {
        let right = (0..self.dies()).filter(|d| d % self.x + 1 < self.x).map(|d| (d, d + 1));
        let down = (0..self.dies()).filter(|d| d / self.x + 1 < self.y).map(|d| (d, d + self.x));
        right.chain(down).collect()
    }

    /// Position in [`Mesh::links`] of the link between two neighbours.
    #[must_use]
    pub fn link(self, a: usize, b: usize) -> usize {
        let (low, high) = (a.min(b), a.max(b));
        let (x, y) = self.place(low);
        if high == low + 1 && self.x > 1 { y * (self.x - 1) + x } else { self.y * (self.x - 1) + low }
    }
}

/// A wafer: the mesh and the speeds of its parts (Table I of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wafer {
    /// The dies.
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
}

/// A value of the hardware that can be edited: its name in URLs, its words and unit, and what it is in the wafer.
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
    pub get: fn(&Wafer) -> f64,
    /// Sets it.
    pub set: fn(&mut Wafer, f64),
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
pub const FIELDS: [Field; 14] = [
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
    field!("hbm", "HBM of a die, TB/s", "Faster reads of experts, at home and for others.", (0.01, 1000.0), TERA, hbm),
    field!("link", "One link, TB/s", "Faster reads of remote experts.", (0.01, 1000.0), TERA, link),
    field!("dram", "DRAM of a die, GB", "Room for copies of experts.", (0.1, 100_000.0), GIGA, dram),
    field!("fp16", "FP16 rate of a die, TFLOP/s", "Less time to compute a token.", (0.1, 1e6), TERA, fp16),
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

/// Presets by name; the first is the default. `dojo` and `tsmc-sow` are the paper's two wafers.
pub const WAFERS: [(&str, &str, Wafer); 3] = [
    ("dojo", "Dojo, 5 × 5", DOJO),
    ("tsmc-sow", "TSMC-SoW, 3 × 8", Wafer { mesh: Mesh { x: 3, y: 8 }, ..DOJO }),
    (
        "dojo-enhanced",
        "Dojo-Enhanced, 5 × 5",
        Wafer { hbm: 8.0 * TERA, link: 2.0 * TERA, dram: 180.0 * GIGA, fp16: 4500.0 * TERA, ..DOJO },
    ),
];

const DOJO: Wafer = Wafer {
    mesh: Mesh { x: 5, y: 5 },
    hbm: 3.35 * TERA,
    link: 1.7 * TERA,
    dram: 80.0 * GIGA,
    fp16: 989.0 * TERA,
    llc: 64e6,
    llc_hit: 100e-9,
    llc_miss: 110e-9,
    write: 30e-9,
    hbm_latency: 300e-9,
    hop: 200e-9,
    remote_penalty: 1e-6,
    usable: 0.9,
};

/// The preset of that name.
#[must_use]
pub fn wafer_named(name: &str) -> Option<Wafer> {
    WAFERS.iter().find(|(n, ..)| *n == name).map(|&(.., w)| w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_value_reads_back() {
        for (name, _, wafer) in WAFERS {
            for field in &FIELDS {
                let value = (field.get)(&wafer);
                let mut same = wafer;
                (field.set)(&mut same, value);
                assert_eq!((field.get)(&same), value, "{} of {name}", field.name);
                assert!(value >= field.range.0 && value <= field.range.1, "{} of {name}", field.name);
            }
        }
        assert_eq!(FIELDS.map(|f| (f.get)(&DOJO))[2..6], [3.35, 1.7, 80.0, 989.0]);
    }

    #[test]
    fn every_link_finds_itself() {
        for mesh in
            [Mesh { x: 5, y: 5 }, Mesh { x: 3, y: 8 }, Mesh { x: 1, y: 4 }, Mesh { x: 4, y: 1 }, Mesh { x: 1, y: 1 }]
        {
            for (i, &(a, b)) in mesh.links().iter().enumerate() {
                assert_eq!((mesh.link(a, b), mesh.link(b, a)), (i, i), "{mesh:?} {a}-{b}");
                assert_eq!(mesh.distance(a, b), 1);
            }
        }
        assert_eq!(Mesh { x: 5, y: 5 }.links().len(), 40);
    }
}
