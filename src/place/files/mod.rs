//! Files that servers load a placement from, written and read: a row each. Apart from the placements, which know no file. A new one is
//! a file with its functions, and a row.

mod ascend;
mod check;
mod fit;
mod lists;
mod ours;
mod sglang;
mod tables;
mod tensorrt;

pub use check::check;
pub use fit::{Target, fit};
pub use tables::of_table;

use crate::model::ModelPreset;

/// A placement as it is taken to a server: every MoE layer of a model, on devices with as many slots each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deployment {
    /// Ids of the layers, in the order of the trace.
    pub layers: Vec<u32>,
    /// The logical expert of each physical slot, by layer, device after device.
    pub maps: Vec<Vec<usize>>,
    /// Devices (G).
    pub devices: usize,
    /// Logical experts of a layer (E).
    pub experts: usize,
    /// Tokens of each expert that it was learnt from, by layer; empty where they are not known.
    pub loads: Vec<Vec<u64>>,
    /// The model, if it is known: it tells which layers are dense.
    pub model: Option<&'static ModelPreset>,
    /// The experiment that it comes from.
    pub experiment: String,
}

/// How a file counts layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Layers of the model, dense ones included.
    Model,
    /// MoE layers alone, from 0.
    Moe,
    /// The file does not say: rows without ids.
    Unsaid,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacementFile {
    /// How its layers are counted.
    pub numbering: Numbering,
    /// The logical expert of each physical slot, by the file's number of the layer.
    pub layers: std::collections::BTreeMap<u32, Vec<usize>>,
    /// Devices, if it says.
    pub devices: Option<usize>,
}

/// How sure it is that a server takes what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The form is that of a release; the command was not run here.
    Unchecked,
    /// No release reads it.
    Proposed,
    /// It is read by moescope, or by a library call.
    Own,
}

/// An engine.
pub struct Engine {
    /// Name on the command line.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Usual name of the file.
    pub file: &'static str,
    /// What must be known of it: which releases read it, what it leaves open.
    pub note: &'static str,
    /// How the server is started with the file: `{file}`, `{devices}`, `{slots}` and `{spare}` stand for what is deployed.
    pub command: &'static str,
    /// How sure that is.
    pub standing: Standing,
    /// How its files count layers.
    pub numbering: Numbering,
    /// An expert twice on one device breaks it.
    pub once: bool,
    /// The text of the file, from what [`check()`] found sound.
    pub write: fn(&Deployment) -> Result<String, String>,
    /// What such a file says; none if the text is no such file at all.
    pub read: fn(&str) -> Option<Result<PlacementFile, String>>,
}

/// The engines. A text is read by the first that knows it.
pub static ENGINES: [Engine; 7] = [
    Engine {
        name: "sglang",
        title: "SGLang",
        file: "expert_location.json",
        note: "a row for every hidden layer; those of dense layers are not used",
        command: "python -m sglang.launch_server --init-expert-location {file} --ep-num-redundant-experts {redundant} --tp {devices} …",
        standing: Standing::Unchecked,
        numbering: Numbering::Model,
        once: false,
        write: sglang::write,
        read: sglang::read,
    },
    Engine {
        name: "vllm-ascend",
        title: "vLLM Ascend",
        file: "expert_map.json",
        note: "static expert maps go in v0.25.1; an expert twice on a device corrupts its slots there",
        command: "vllm serve … --additional-config '{\"expert_map_path\": \"{file}\"}'",
        standing: Standing::Unchecked,
        numbering: Numbering::Moe,
        once: true,
        write: ascend::write,
        read: ascend::read,
    },
    Engine {
        name: "tensorrt-llm",
        title: "TensorRT-LLM",
        file: "moe_load_balancer.yaml",
        note: "a static assignment: it is not updated while serving",
        command: "trtllm-serve … --ep_size {devices} --extra_llm_api_options extra.yaml   # extra.yaml: moe_config: {load_balancer: {file}}",
        standing: Standing::Unchecked,
        numbering: Numbering::Model,
        once: false,
        write: tensorrt::write,
        read: tensorrt::read,
    },
    Engine {
        name: "json",
        title: "moescope JSON",
        file: "placement.json",
        note: "with the experiment that it comes from",
        command: "moescope place --placement {file} …",
        standing: Standing::Own,
        numbering: Numbering::Model,
        once: false,
        write: ours::write_json,
        read: ours::read_json,
    },
    Engine {
        name: "csv",
        title: "moescope CSV",
        file: "placement.csv",
        note: "a row for each slot, with the expert's tokens on it",
        command: "moescope place --placement {file} …",
        standing: Standing::Own,
        numbering: Numbering::Model,
        once: false,
        write: ours::write_csv,
        read: ours::read_csv,
    },
    Engine {
        name: "vllm",
        title: "vLLM",
        file: "expert_placement.json",
        note: "the proposed form, a row for each MoE layer: no release reads it yet",
        command: "vllm serve … --enable-expert-parallel --enable-eplb   # no option for the file in any release",
        standing: Standing::Proposed,
        numbering: Numbering::Moe,
        once: false,
        write: lists::write,
        read: lists::read,
    },
    Engine {
        name: "eplb",
        title: "EPLB",
        file: "physical_to_logical.json",
        note: "physical_to_logical_map of rebalance_experts, a row for each MoE layer",
        command: "phy2log = torch.tensor(json.load(open(\"{file}\")))",
        standing: Standing::Own,
        numbering: Numbering::Moe,
        once: false,
        write: lists::write,
        read: lists::read,
    },
];

/// The engine of that name.
#[must_use]
pub fn engine_named(name: &str) -> Option<&'static Engine> {
    ENGINES.iter().find(|e| e.name == name)
}

/// What a file of a placement says. Most bytes of a file that is read.
pub const MOST_BYTES: usize = 64 << 20;

/// Reads a placement of any engine.
///
/// # Errors
/// What is wrong with it and where, or that no engine writes such a file.
pub fn read(bytes: &[u8]) -> Result<PlacementFile, String> {
    if bytes.len() > MOST_BYTES {
        return Err(format!("{} bytes are more than a placement has (at most {MOST_BYTES})", bytes.len()));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| format!("byte {}: no text; placements are read from {}", e.valid_up_to(), titles()))?;
    let read = ENGINES.iter().find_map(|engine| (engine.read)(text));
    let read =
        read.unwrap_or_else(|| Err(format!("no placement that is known; it is read from files of {}", titles())))?;
    if read.layers.is_empty() {
        return Err("there is no layer in it".into());
    }
    Ok(read)
}

/// Whether a text is a placement of so many experts, and no table of counts, which can have the same form: each layer has a slot for every
/// expert, and no other.
#[must_use]
pub fn is_placement(text: &str, experts: usize) -> bool {
    let Some(Ok(file)) = ENGINES.iter().find_map(|engine| (engine.read)(text)) else { return false };
    let complete = |row: &Vec<usize>| {
        let mut held = vec![false; experts];
        row.iter().all(|&e| held.get_mut(e).map(|h| *h = true).is_some()) && held.iter().all(|&h| h)
    };
    experts > 0 && !file.layers.is_empty() && file.layers.values().all(complete)
}

/// The name of a file's bytes in an experiment: 16 hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes))
}

fn titles() -> String {
    ENGINES.iter().map(|e| e.title).collect::<Vec<_>>().join(", ")
}

impl Engine {
    /// The server's command line for what is deployed.
    #[must_use]
    pub fn command_for(&self, of: &Deployment, file: &str) -> String {
        let slots = of.maps.first().map_or(0, Vec::len);
        let redundant = slots.saturating_sub(of.experts);
        self.command
            .replace("{file}", file)
            .replace("{devices}", &of.devices.to_string())
            .replace("{slots}", &slots.to_string())
            .replace("{redundant}", &redundant.to_string())
    }

    /// Writes the file of a deployment, and says what should be known of it.
    ///
    /// # Errors
    /// What of it the engine could not load, or would load wrong.
    pub fn export(&self, of: &Deployment) -> Result<(String, Vec<String>), String> {
        let mut said = check(of, self.once)?;
        // Rows without numbers are counted: a layer that is left out would shift all behind it.
        let (_, guessed) = of.model_layers()?;
        said.extend(guessed.filter(|_| self.numbering == Numbering::Model));
        let text = (self.write)(of)?;
        said.push(format!("{}: {}", self.title, self.note));
        Ok((text, said))
    }
}

impl Deployment {
    /// Ids of the layers in the model, and a word where they had to be guessed: a recording may count MoE layers from 0.
    ///
    /// # Errors
    /// The layers are not all of the model's.
    pub(crate) fn model_layers(&self) -> Result<(Vec<u32>, Option<String>), String> {
        let Some(model) = self.model else {
            return Ok((
                self.layers.clone(),
                Some("the model is not known: layers are taken to be numbered as in the model, with dense ones".into()),
            ));
        };
        let own: Vec<u32> = model.layer_ids().collect();
        if self.layers == own {
            return Ok((own, None));
        }
        let counted: Vec<u32> = (0..).take(own.len()).collect();
        if self.layers == counted {
            let first = model.first_layer;
            let words = format!(
                "layers 0 to {} of the recording are taken for MoE layers {first} to {} of {}",
                own.len() - 1,
                own[own.len() - 1],
                model.title
            );
            return Ok((own, Some(words)));
        }
        Err(format!(
            "{} has {} MoE layers, {} to {}; this placement has {}: place all of them (layers=all, skip=none)",
            model.title,
            own.len(),
            own.first().copied().unwrap_or(0),
            own.last().copied().unwrap_or(0),
            self.layers.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::is_placement;

    #[test]
    fn a_table_of_counts_is_no_placement() {
        assert!(is_placement("{\"physical_to_logical_map\": [[1, 0, 2, 2], [0, 1, 2, 1]]}", 3));
        assert!(is_placement("[[1, 0, 2, 2]]", 3));
        assert!(!is_placement("[[7, 0, 2]]", 3), "counts");
        assert!(!is_placement("[[1, 0, 0]]", 3), "an expert without a slot");
        assert!(!is_placement("[[1, 0]]", 0) && !is_placement("[]", 3) && !is_placement("tokens,layer\n1,2", 3));
    }
}
