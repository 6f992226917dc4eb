//! Synthetic workloads: sound, deterministic, and of the shape they claim.

use moescope::model::MODELS;
use moescope::synth::Generator;

#[test]
fn every_model_has_its_shape_and_distinct_experts() {
    for model in &MODELS {
        let mut generator = Generator::new(model, 1);
        let request = generator.request().unwrap();
        assert_eq!((request.layers.len(), request.top_k), (model.moe_layers, model.top_k));
        assert_eq!(request.layers, model.layer_ids().collect::<Vec<_>>());
        for layer in 0..request.layers.len() {
            for token in 0..request.tokens {
                let row = request.row(layer, token).unwrap();
                assert!(row.iter().all(|&e| usize::from(e) < model.experts));
                assert!((1..row.len()).all(|i| !row[..i].contains(&row[i])), "{row:?}");
                let mut groups: Vec<_> = row.iter().map(|&e| usize::from(e) * model.groups.0 / model.experts).collect();
                groups.sort_unstable();
                groups.dedup();
                assert!(groups.len() <= model.groups.1 || model.groups.0 == 1, "{row:?}");
            }
        }
    }
}

#[test]
fn a_seed_is_a_workload() {
    let make = |seed| Generator::new(&MODELS[3], seed).request().unwrap();
    assert_eq!(make(1), make(1));
    assert_ne!(make(1).columns, make(2).columns);
}
