//! Any text as an address: what is read has a string, and that string reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moescope::experiment::Experiment;

fuzz_target!(|text: &str| {
    let (experiment, _) = Experiment::parse(text);
    let written = experiment.to_string();
    let (again, unread) = Experiment::parse(&written);
    assert!(unread.is_empty(), "{written}: {unread:?}");
    assert_eq!(again, experiment, "{written}");
    let _ = experiment.topology();
    for variant in &experiment.view.compare {
        let _ = variant.of(&experiment);
    }
});
