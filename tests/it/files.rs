//! Files of placements: what one engine's writer writes its reader reads, what servers would serve wrong is refused, and layers are
//! matched by their numbers.

use std::collections::BTreeMap;

use moescope::model::{ModelPreset, model_named};
use moescope::place::files::{
    Deployment, ENGINES, Numbering, PlacementFile, Target, check, engine_named, fit, of_table, read,
};
#[cfg(not(target_arch = "wasm32"))]
use moescope::protocol::read_placement;
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
}

/// How layers were numbered was worked out and then dropped by every writer.
#[test]
fn how_layers_are_numbered_is_said_where_it_had_to_be_guessed() {
    let v3 = model_named("deepseek-v3").unwrap();
    let known = deployment(Some(v3), 8, 256, 256);
    let counted = Deployment { layers: (0..58).collect(), ..known.clone() };
    let unknown = deployment(None, 2, 4, 4);
    for engine in &ENGINES {
        let says = |of: &Deployment, words: &str| engine.export(of).unwrap().1.iter().any(|w| w.contains(words));
        // Files that count MoE layers alone assume nothing.
        let model = engine.numbering == Numbering::Model;
        let words = "layers 0 to 57 of the recording are taken for MoE layers 3 to 60 of DeepSeek V3";
        assert_eq!(says(&counted, words), model, "{}", engine.name);
        assert_eq!(says(&unknown, "the model is not known"), model, "{}", engine.name);
        assert!(!says(&known, "taken"), "{}", engine.name);
    }
    let numbered = ENGINES.iter().filter(|e| e.numbering == Numbering::Model).map(|e| e.name);
    assert_eq!(numbered.collect::<Vec<_>>(), ["sglang", "tensorrt-llm", "json", "csv"]);
}

/// Engines that count rows were given the simulated layers as if they were all.
#[test]
fn a_placement_of_some_layers_is_written_for_no_engine() {
    let of = deployment(model_named("deepseek-v3"), 8, 256, 256);
    let few = Deployment { layers: vec![3, 9], maps: of.maps[..2].to_vec(), ..of };
    for engine in &ENGINES {
        let why = engine.export(&few).unwrap_err();
        assert!(why.contains("58 MoE layers, 3 to 60; this placement has 2") && why.contains("layers=all"), "{why}");
    }
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
    assert!(with(|d| d.maps.clear()).contains("each layer needs its own"));
    let mut twice = of();
    twice.maps[0] = vec![0, 0, 1, 2, 3, 1];
    assert!(check(&twice, true).unwrap_err().starts_with("layer 1, device 0: expert 0 is there twice"));
    assert!(check(&twice, false).unwrap()[0].contains("layer 1, device 0, expert 0"));
}

/// vLLM's expert map: two layers, two ranks, three experts.
#[test]
fn local_slots_tell_which_expert_is_where() {
    let of = |shape: &[usize], values: &[i64]| of_table(shape, values);
    let map = [1, -1, 0, -1, 0, 1, /* layer 1 */ -1, 1, 0, 0, 1, -1];
    let file = of(&[2, 2, 3], &map).unwrap();
    assert_eq!((rows(&file), file.devices), (vec![vec![2, 0, 1, 2], vec![2, 1, 0, 1]], Some(2)));
    assert_eq!(file.numbering, Numbering::Unsaid);
    let file = of(&[2, 3], &[2, 0, 1, 0, 1, 2]).unwrap();
    assert_eq!((rows(&file), file.devices), (vec![vec![2, 0, 1], vec![0, 1, 2]], None));
    let why = |shape: &[usize], values: &[i64]| of(shape, values).unwrap_err();
    assert_eq!(why(&[1, 2, 2], &[0, 0, 0, 1]), "layer 0 of the file, rank 0: experts 0 and 1 are both in slot 0");
    assert_eq!(why(&[1, 2, 2], &[0, 1, 2, -1]), "layer 0 of the file, rank 1, expert 0: 2 is no slot");
    assert_eq!(why(&[1, 2, 2], &[0, 1, -2, 0]), "layer 0 of the file, rank 1, expert 0: -2 is no slot");
    assert!(
        why(&[1, 2, 3], &[0, 2, -1, 0, 1, -1])
            .starts_with("layer 0 of the file, rank 0: slot 1 has no expert; an expert that is twice")
    );
    assert!(
        why(&[1, 2, 2], &[0, 1, -1, 0])
            .starts_with("layer 0 of the file, rank 1 has 1 slots and rank 0 has 2; an expert that is twice")
    );
    assert_eq!(why(&[1, 2], &[0, -1]), "layer 0 of the file, slot 1: -1 is no expert id");
    for shape in [&[][..], &[0, 2, 2], &[4], &[1, 2, 3], &[usize::MAX, 2, 2], &[1, 1, 2, 2], &[1025, 1]] {
        assert!(
            why(shape, &vec![0; if shape == [1025, 1] { 1025 } else { 4 }]).contains("is no placement"),
            "{shape:?}"
        );
    }
}

/// What `torch.save` writes of an int32 tensor, alone or under a name.
#[cfg(not(target_arch = "wasm32"))]
fn saved(shape: &[usize], values: &[i32], name: Option<&str>) -> Vec<u8> {
    use std::io::Write;
    let text = |t: &str| [&[b'X'][..], &u32::try_from(t.len()).unwrap().to_le_bytes(), t.as_bytes()].concat();
    let int = |n: usize| [&[b'J'][..], &i32::try_from(n).unwrap().to_le_bytes()].concat();
    let tuple = |of: &[usize]| [&b"("[..], &of.iter().flat_map(|&n| int(n)).collect::<Vec<_>>(), b"t"].concat();
    let strides: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
    let storage =
        [b"(", &text("storage")[..], b"ctorch\nIntStorage\n", &text("0"), &text("cpu"), &int(values.len()), b"tQ"];
    let tensor = [
        &b"ctorch._utils\n_rebuild_tensor_v2\n("[..],
        &storage.concat(),
        b"K\x00",
        &tuple(shape),
        &tuple(&strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat();
    let object = name.map_or_else(|| tensor.clone(), |name| [&b"}"[..], &text(name), &tensor, b"s"].concat());
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let bytes: Vec<u8> = values.iter().flat_map(|n| n.to_le_bytes()).collect();
    for (part, data) in [("map/data.pkl", [b"\x80\x02", &object[..], b"."].concat()), ("map/data/0", bytes)] {
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(part, stored).unwrap();
        zip.write_all(&data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[cfg(not(target_arch = "wasm32"))]
proptest! {
    /// A placement as vLLM's map, saved, is that placement, slot for slot.
    #[test]
    fn what_torch_saved_is_read_again(ranks in 1usize..5, each in 1usize..5, turn in 0usize..20) {
        let experts = ranks * each;
        let row = |layer: usize| (0..experts).map(|slot| (slot * 7 + turn * layer) % experts).collect::<Vec<_>>();
        // Seven and the number of experts have no common part: each expert has a slot.
        prop_assume!(!experts.is_multiple_of(7));
        let maps: Vec<Vec<usize>> = (0..3).map(row).collect();
        let mut local = vec![-1i32; 3 * ranks * experts];
        for (layer, map) in maps.iter().enumerate() {
            for (slot, &expert) in map.iter().enumerate() {
                local[(layer * ranks + slot / each) * experts + expert] = i32::try_from(slot % each).unwrap();
            }
        }
        let file = read_placement(&saved(&[3, ranks, experts], &local, None)).unwrap();
        prop_assert_eq!((rows(&file), file.devices), (maps.clone(), Some(ranks)));
        let flat: Vec<i32> = maps.concat().into_iter().map(|e| i32::try_from(e).unwrap()).collect();
        for name in [None, Some("physical_to_logical_map")] {
            let file = read_placement(&saved(&[3, experts], &flat, name)).unwrap();
            prop_assert_eq!((rows(&file), file.devices), (maps.clone(), None));
        }
    }

    #[test]
    fn damaged_archives_are_refused_with_a_word(at in any::<prop::sample::Index>(), with in any::<u8>(), kind in 0..3) {
        let mut bytes = saved(&[1, 2, 4], &[0, 1, -1, -1, -1, -1, 0, 1], None);
        let at = at.index(bytes.len());
        match kind {
            0 => bytes.truncate(at),
            1 => bytes[at] = with,
            _ => bytes.extend_from_within(at..),
        }
        if let Err(why) = read_placement(&bytes) {
            prop_assert!(!why.is_empty());
        }
    }
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn an_archive_of_something_else_is_refused_by_what_it_lacks() {
    let why = |bytes: &[u8]| read_placement(bytes).unwrap_err();
    assert!(why(&crate::support::zip(&[("a.json", "[[0]]")])).contains("none that torch saves"));
    assert!(why(&saved(&[1, 2], &[0, 1], Some("moon"))).contains("holds none that is called physical_to_logical_map"));
    assert!(why(b"PK\x03\x04").contains("cannot be read"));
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
    assert!(said[0].contains("layer 0 of the file, which lists MoE layers alone, is taken for layer 3"), "{said:?}");
    // What is wrong is named by the trace's number and the file's.
    let mut wrong = file(Numbering::Moe, 0..4, Some(2));
    wrong.layers.insert(2, vec![0, 1, 9, 1]);
    let why = fit(&wrong, &target(&[5], &[3, 4, 5, 6])).unwrap_err();
    assert_eq!(why, "layer 5 (layer 2 of the file), slot 2: expert 9 of 2 experts");
    // Rows without numbers: as many as MoE layers, or up to the last layer of the model.
    assert_eq!(first(&fit(&file(Numbering::Unsaid, 0..4, None), &target(&[5], &[3, 4, 5, 6])).unwrap().0), [0]);
    assert_eq!(first(&fit(&file(Numbering::Unsaid, 0..7, None), &target(&[5], &[3, 4, 5, 6])).unwrap().0), [1]);
    let refused = |file: &PlacementFile| fit(file, &target(&[5], &[3, 4, 5, 6])).unwrap_err();
    assert!(
        refused(&file(Numbering::Unsaid, 0..5, None))
            .contains("has 5 layers: neither the 4 MoE layers of the trace nor layers 0 to")
    );
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
    assert_eq!(
        why("{\"physical_to_logical_map\": [[0], [0, -1]]}"),
        "layer 1, slot 1: -1 is no expert id",
        "dense ones count"
    );
    assert_eq!(why("[[0], [0, -1]]"), "layer 1 of the file, slot 1: -1 is no expert id");
    assert!(why("[1, 2]").starts_with("no placement that is known"));
    assert!(why("\u{0}").starts_with("no placement that is known"));
    assert!(read(&[0xff, 0xfe]).unwrap_err().starts_with("byte 0: no text"));
}

#[test]
#[cfg(not(target_arch = "wasm32"))]
fn public_forms_of_placements_are_read() {
    let Some(cases) = crate::support::shared("cases") else { return };
    let of = |path: &str| read_placement(&std::fs::read(cases.join(path)).unwrap()).unwrap();
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
    // vLLM's map says the same in all layers, and on how many ranks.
    let map = of("14-placement-sglang-json-vllm-pth/expert_map.pth");
    assert_eq!((&map.layers, map.devices), (&sglang.layers, Some(3)));
}
