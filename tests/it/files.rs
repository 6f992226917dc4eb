//! Files of placements: what one engine's writer writes its reader reads, what servers would serve wrong is refused, and layers are
//! matched by their numbers.

use std::collections::BTreeMap;

use moescope::model::{ModelPreset, model_named};
use moescope::place::files::{Deployment, ENGINES, Numbering, PlacementFile, Target, check, engine_named, fit, read};
use proptest::prelude::*;

/// Layers of a model: experts by id in P slots, rotated by the layer.
fn deployment(model: Option<&'static ModelPreset>, devices: usize, slots: usize, experts: usize) -> Deployment {
    let layers: Vec<u32> = model.map_or_else(|| vec![1, 3], |m| m.layer_ids().collect());
    let map = |layer: usize| (0..slots).map(|s| (s + layer) % experts).collect();
    let maps = (0..layers.len()).map(map).collect();
    let loads = vec![(0..experts as u64).collect(); layers.len()];
    Deployment { layers, maps, devices, experts, loads, model, experiment: "v=2&spare=1".into() }
}

/// The rows of a file in the order of the layers.
fn rows(file: &PlacementFile) -> Vec<Vec<usize>> {
    file.layers.values().cloned().collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(devices in 1usize..6, each in 1usize..6, spare in 0usize..3, seed in any::<u64>()) {
        let (experts, slots) = (devices * each, devices * (each + spare));
        // Every expert has a slot; the others are drawn.
        let map = |layer: u64| {
            let mut map: Vec<usize> = (0..experts).collect();
            for s in experts..slots {
                map.push(usize::try_from((seed >> (s % 40)) ^ layer).unwrap_or(0) % experts);
            }
            map.rotate_left(usize::try_from(seed % 7).unwrap() % slots);
            map
        };
        let of = Deployment { layers: vec![0, 1, 2], maps: (0..3).map(map).collect(), ..deployment(None, devices, slots, experts) };
        let of = Deployment { loads: vec![vec![seed % 1000; experts]; 3], ..of };
        for engine in &ENGINES {
            let Ok((text, _)) = engine.export(&of) else {
                prop_assert!(engine.once, "{}", engine.name);
                continue;
            };
            let file = read(text.as_bytes()).unwrap();
            prop_assert_eq!(&rows(&file), &of.maps, "{}", engine.name);
            let again = Deployment { maps: rows(&file), ..of.clone() };
            prop_assert_eq!(engine.export(&again).unwrap().0, text);
            prop_assert!(file.devices.is_none_or(|d| d == devices));
        }
    }

    /// Bytes that are cut, changed or doubled are read or refused with a word; nothing else happens.
    #[test]
    fn damaged_files_are_refused_with_a_word(engine in 0..ENGINES.len(), at in any::<prop::sample::Index>(), with in any::<u8>(), kind in 0..3) {
        let (text, _) = ENGINES[engine].export(&deployment(None, 2, 6, 4)).unwrap();
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes.truncate(at),
            1 => bytes[at] = with,
            _ => bytes.extend_from_within(at..),
        }
        if let Err(why) = read(&bytes) {
            prop_assert!(!why.is_empty());
        }
    }
}

#[test]
fn each_engine_gets_its_own_layers() {
    let llama = model_named("llama4-maverick").unwrap();
    let of = deployment(Some(llama), 8, 136, 128);
    let text = |name: &str| engine_named(name).unwrap().export(&of).unwrap();
    // Odd layers of 48 have experts; the others have slots by id.
    let sglang: serde_json::Value = serde_json::from_str(&text("sglang").0).unwrap();
    let map = sglang["physical_to_logical_map"].as_array().unwrap();
    assert_eq!((sglang.as_object().unwrap().len(), map.len()), (1, 48));
    assert_eq!((&map[0][0], &map[0][135], &map[1][0], &map[3][0]), (&0.into(), &7.into(), &0.into(), &1.into()));
    let yaml = text("tensorrt-llm").0;
    let lines: Vec<&str> = yaml.lines().collect();
    assert!(lines[0] == "initial_global_assignments:" && lines[1].starts_with("  1: [0, 1, 2, "), "{}", lines[1]);
    assert!(lines[2].starts_with("  3: [1, 2, "));
    assert_eq!(lines[lines.len() - 2..], ["num_slots: 136", "layer_updates_per_iter: 0"]);
    let ascend: serde_json::Value = serde_json::from_str(&text("vllm-ascend").0).unwrap();
    assert_eq!((&ascend["moe_layer_count"], &ascend["layer_list"][1]["layer_id"]), (&24.into(), &1.into()));
    assert_eq!(ascend["layer_list"][1]["device_list"][1]["device_expert"][0], 18);
    assert!(text("vllm").1.iter().any(|w| w.contains("no release reads it yet")));
    let csv = text("csv").0;
    // Expert 7 of layer 1 has two slots: its 7 tokens are 4 and 3.
    let of_7: Vec<&str> = csv.lines().filter(|l| l.starts_with("1,") && l.split(',').nth(3) == Some("7")).collect();
    assert_eq!(of_7, ["1,7,0,7,0,4", "1,135,7,7,1,3"]);
}

#[test]
fn a_recording_that_counts_moe_layers_from_0_is_exported_with_the_models_numbers_and_says_so() {
    let v3 = model_named("deepseek-v3").unwrap();
    let of = Deployment { layers: (0..58).collect(), ..deployment(Some(v3), 8, 256, 256) };
    let (ids, said) = (
        engine_named("tensorrt-llm").unwrap().export(&of).unwrap().0,
        engine_named("json").unwrap().export(&of).unwrap().0,
    );
    assert!(ids.lines().nth(1).unwrap().starts_with("  3: [") && said.contains("\"layer\":60"));
    let few = Deployment { layers: vec![3, 9], maps: of.maps[..2].to_vec(), ..of };
    let why = engine_named("sglang").unwrap().export(&few).unwrap_err();
    assert!(why.contains("58 MoE layers, 3 to 60; this placement has 2") && why.contains("layers=all"), "{why}");
}

#[test]
fn what_would_be_served_wrong_is_refused_before_it_is_written() {
    let of = || deployment(None, 2, 6, 4);
    assert_eq!(check(&of(), true), Ok(vec![]));
    let with = |change: fn(&mut Deployment)| {
        let mut of = of();
        change(&mut of);
        check(&of, false).unwrap_err()
    };
    assert_eq!(with(|d| d.maps[1][2] = 4), "layer 3, slot 2: expert 4 of 4 experts");
    assert!(with(|d| d.maps[0] = vec![0, 1, 2, 0, 1, 2]).starts_with("layer 1: expert 3 has no slot"));
    assert!(with(|d| d.devices = 4).starts_with("layer 1: 6 slots for 4 experts on 4 devices"));
    assert!(with(|d| d.maps[1].truncate(5)).starts_with("layer 3 has 5 slots and layer 1 has 6"));
    assert!(with(|d| d.maps.clear()).contains("a row for each layer"));
    let mut twice = of();
    twice.maps[0] = vec![0, 0, 1, 2, 3, 1];
    assert!(check(&twice, true).unwrap_err().starts_with("layer 1, device 0: expert 0 is there twice"));
    assert!(check(&twice, false).unwrap()[0].contains("layer 1, device 0, expert 0"));
}

fn file(numbering: Numbering, ids: impl IntoIterator<Item = u32>, devices: Option<usize>) -> PlacementFile {
    let layers: BTreeMap<u32, Vec<usize>> =
        ids.into_iter().map(|id| (id, vec![id as usize % 2, 0, 1, 1 - id as usize % 2])).collect();
    PlacementFile { numbering, layers, devices }
}

#[test]
fn layers_are_matched_by_number_and_how_is_said() {
    let target = |layers: &'static [u32], all: &'static [u32]| Target {
        layers,
        all,
        experts: 2,
        live: &[0, 2],
        devices: 3,
        model: None,
    };
    let first = |r: &moescope::model::Replicas| r.layers.iter().map(|p| p.slots()[0][0]).collect::<Vec<_>>();
    // The ids of the model: layer 5 of the trace is layer 5 of the file.
    let (fitted, said) = fit(&file(Numbering::Model, 3..7, Some(2)), &target(&[5], &[3, 4, 5, 6])).unwrap();
    assert_eq!((first(&fitted), said.len(), fitted.layers[0].slots()[1].len()), (vec![1], 0, 0));
    // MoE layers from 0: layer 5 is the third.
    let (fitted, said) = fit(&file(Numbering::Moe, 0..4, Some(2)), &target(&[5], &[3, 4, 5, 6])).unwrap();
    assert_eq!(first(&fitted), [0]);
    assert!(said[0].contains("row 0 of the file is taken for the first MoE layer, 3"), "{said:?}");
    // Rows without numbers: as many as MoE layers, or up to the last layer of the model.
    assert_eq!(first(&fit(&file(Numbering::Unsaid, 0..4, None), &target(&[5], &[3, 4, 5, 6])).unwrap().0), [0]);
    assert_eq!(first(&fit(&file(Numbering::Unsaid, 0..7, None), &target(&[5], &[3, 4, 5, 6])).unwrap().0), [1]);
    let refused = |file: &PlacementFile| fit(file, &target(&[5], &[3, 4, 5, 6])).unwrap_err();
    assert!(refused(&file(Numbering::Unsaid, 0..5, None)).contains("5 rows fit neither the 4 MoE layers"));
    assert!(
        refused(&file(Numbering::Model, 3..5, Some(2))).contains("layer 5 of the trace would be layer 5 of the file")
    );
    assert!(refused(&file(Numbering::Model, 3..7, Some(8))).contains("on 8 devices, and the system has 2"));
    // A trace of DeepSeek V3 that counts MoE layers from 0 meets a file with the model's numbers.
    let all: Vec<u32> = (0..58).collect();
    let v3 =
        Target { layers: &[2], all: &all, experts: 2, live: &[0, 1], devices: 2, model: model_named("deepseek-v3") };
    let (fitted, said) = fit(&file(Numbering::Model, 3..61, None), &v3).unwrap();
    assert!(first(&fitted) == [1] && said.iter().any(|s| s.contains("counts MoE layers from 0")), "{said:?}");
}

#[test]
fn forms_that_people_write_by_hand_are_read() {
    let yaml = "num_slots: 4\ninitial_global_assignments: {3: [0, 1,\n  1, 0], '4': [1, 0, 0, 1]} # two\nlayer_updates_per_iter: 0\n";
    assert_eq!(rows(&read(yaml.as_bytes()).unwrap()), [[0, 1, 1, 0], [1, 0, 0, 1]]);
    let block = "initial_global_assignments:\n  3:\n  - 0\n  - 1\n  7:\n    - 1\n    - 0\nnum_slots: 2\n";
    let file = read(block.as_bytes()).unwrap();
    assert_eq!(
        (rows(&file), file.layers.keys().copied().collect::<Vec<_>>()),
        (vec![vec![0, 1], vec![1, 0]], vec![3, 7])
    );
    let why = |text: &str| read(text.as_bytes()).unwrap_err();
    assert_eq!(why("initial_global_assignments:\n  3: [0, -1]\n"), "line 2: -1 is no expert id");
    assert_eq!(
        why("initial_global_assignments:\n  3: [0, 1]\nnum_slots: 3\n"),
        "layer 3 has 2 slots, and num_slots is 3"
    );
    assert_eq!(why("{\"physical_to_logical_map\": [[0, -1]]}"), "row 0, slot 1: -1 is no expert id");
    assert!(why("[1, 2]").starts_with("no placement that is known"));
    assert!(why("\u{0}").starts_with("no placement that is known"));
    assert!(read(&[0xff, 0xfe]).unwrap_err().starts_with("byte 0: no text"));
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn public_forms_of_placements_are_read() {
    let Some(cases) = crate::support::shared("cases") else { return };
    let of = |path: &str| read(&std::fs::read(cases.join(path)).unwrap()).unwrap();
    let trt = of("12-trtllm-balancer-yaml/moe_load_balancer.yaml");
    assert_eq!((trt.numbering, trt.layers.len(), trt.layers[&4].len()), (Numbering::Model, 4, 20));
    assert_eq!(trt.layers[&4][..5], [11, 8, 2, 4, 9]);
    let deployed = |file: &PlacementFile, devices| Deployment {
        layers: file.layers.keys().copied().collect(),
        maps: rows(file),
        ..deployment(None, devices, 20, 16)
    };
    assert!(
        check(&deployed(&trt, 4), false).unwrap()[0]
            .contains("3 devices hold an expert twice (first: layer 3, device 0")
    );
    let bad = of("12-trtllm-balancer-yaml/moe_load_balancer_bad.yaml");
    assert!(check(&deployed(&bad, 4), false).unwrap_err().starts_with("layer 6: expert 11 has no slot"));
    let ascend = of("13-ascend-expert-map-json/expert_map.json");
    assert_eq!((ascend.numbering, ascend.devices), (Numbering::Moe, Some(4)));
    assert_eq!((&ascend.layers[&1][10..15], &ascend.layers[&2][..5]), (&[12, 1, 4, 8, 15][..], &[8, 10, 0, 7, 3][..]));
    let sglang = of("14-placement-sglang-json-vllm-pth/init_expert_location.json");
    assert_eq!((sglang.layers.len(), sglang.devices), (4, None));
    assert_eq!(sglang.layers[&2][4..8], [10, 3, 5, 4]);
}
