//! SGLang's `--init-expert-location`: one key, and a row for every hidden layer of the model.

use std::collections::BTreeMap;

use serde_json::Value;

use super::lists::{rows, text};
use super::{Deployment, Numbering, PlacementFile};

const KEY: &str = "physical_to_logical_map";

pub(super) fn write(of: &Deployment) -> Result<String, String> {
    let (ids, _) = of.model_layers()?;
    let by_id: BTreeMap<u32, &Vec<usize>> = ids.iter().copied().zip(&of.maps).collect();
    let last = ids.iter().max().copied().unwrap_or(0);
    let slots = of.maps[0].len();
    // A dense layer has a row that nothing reads: slots by id.
    let dense: Vec<usize> = (0..slots).map(|slot| slot % of.experts).collect();
    let all: Vec<&Vec<usize>> = (0..=last).map(|id| by_id.get(&id).copied().unwrap_or(&dense)).collect();
    Ok(format!("{{\"{KEY}\": {}}}\n", text(&all)))
}

pub(super) fn read(text: &str) -> Option<Result<PlacementFile, String>> {
    let Ok(Value::Object(mut of)) = serde_json::from_str::<Value>(text) else { return None };
    let map = of.remove(KEY)?;
    // It lists dense layers too: a number is the model's.
    Some(rows(&map, "").map(|layers| PlacementFile { numbering: Numbering::Unsaid, layers, devices: None }))
}
