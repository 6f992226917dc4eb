//! Which settings a figure of the paper reads, and which it sets itself or has no use for. Apart from the figures: whoever asks for one
//! is told what of the experiment is dropped, in one way.

use super::{Experiment, keys};

/// What a figure reads of an experiment.
enum Reads {
    /// These settings alone.
    Only(&'static [&'static str]),
    /// All but these, which it sets itself.
    AllBut(&'static [&'static str]),
}

use Reads::{AllBut, Only};

/// Figures of the paper that can be asked for, with what they read.
const FIGURES: [(u32, Reads); 5] = [
    (
        2,
        AllBut(&[
            "model",
            "hidden",
            "intermediate",
            "wafer",
            "batch",
            "activations",
            "rest",
            "context",
            "strategies",
            "baseline",
        ]),
    ),
    (
        12,
        AllBut(&[
            "model",
            "hidden",
            "intermediate",
            "trace",
            "wafer",
            "dead",
            "batch",
            "serve",
            "strategies",
            "baseline",
        ]),
    ),
    (
        13,
        Only(&[
            "model",
            "hidden",
            "intermediate",
            "wafer",
            "columns",
            "rows",
            "hbm",
            "link",
            "dram",
            "fp16",
            "llc",
            "hit",
            "miss",
            "write",
            "local",
            "hop",
            "penalty",
            "usable",
            "nodes",
            "pernode",
            "nvlink",
            "nic",
            "nichop",
            "dead",
            "duplex",
            "flight",
            "weight",
        ]),
    ),
    (16, CASE_STUDY),
    (17, CASE_STUDY),
];

/// The case study: its batches, steps, GPUs and placements are its own.
const CASE_STUDY: Reads = Only(&["model", "hidden", "intermediate", "trace", "seed", "mfu", "unmarked"]);

impl Experiment {
    /// The experiment as a figure of the paper reads it: what the figure has no use for is at its default. And a word on what was
    /// dropped, if anything was.
    #[must_use]
    pub fn of_figure(&self, figure: u32) -> (Self, Option<String>) {
        let Some((_, reads)) = FIGURES.iter().find(|f| f.0 == figure) else { return (self.clone(), None) };
        let default = Self::default();
        let (mut of, mut dropped) = (self.run_key(), Vec::new());
        // Where a trace is to be fetched from is no setting of a result, and yet says what it is of.
        of.view.source.clone_from(&self.view.source);
        for key in keys() {
            let read = match reads {
                Only(names) => names.contains(&key.name),
                AllBut(names) => !names.contains(&key.name),
            };
            let value = (key.get)(&of);
            if !read && key.name != "from" && value != (key.get)(&default) {
                dropped.push(format!("{}={value}", key.name));
                // A default is a value of its setting.
                let _ = (key.set)(&mut of, &(key.get)(&default));
            }
        }
        of.normalise();
        let words = || format!("Figure {figure} has no use for {}: it sets such things itself", dropped.join(", "));
        (of, (!dropped.is_empty()).then(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::key_named;

    #[test]
    fn what_a_figure_drops_is_what_it_says() {
        let (asked, unread) = Experiment::parse(
            "v=2&wafer=h100x8&batch=64&model=olmoe&hbm=4&mfu=0.5&layers=6&strategies=ep&serve=subject&seed=3&show=ep",
        );
        assert!(unread.is_empty(), "{unread:?}");
        let of = |figure| {
            let (of, said) = asked.of_figure(figure);
            (of.to_string(), said.unwrap_or_default())
        };
        let (two, said) = of(2);
        assert!(two.contains("layers=6") && two.contains("hbm=4") && !two.contains("batch"), "{two}");
        assert!(
            said.starts_with("Figure 2 has no use for model=olmoe, wafer=h100x8, batch=64, strategies=ep:"),
            "{said}"
        );
        assert_eq!(asked.of_figure(12).0, asked.of_figure_12(), "the figure and its settings agree");
        let (thirteen, said) = of(13);
        assert_eq!(thirteen, "v=2&model=olmoe&wafer=h100x8&hbm=4");
        assert!(said.contains("seed=3, batch=64, serve=subject, layers=6, strategies=ep, mfu=0.5"), "{said}");
        for figure in [16, 17] {
            assert_eq!(of(figure).0, "v=2&model=olmoe&seed=3&mfu=0.5");
            assert!(of(figure).1.contains("wafer=h100x8") && of(figure).1.contains("hbm=4"));
        }
        assert_eq!(Experiment::default().of_figure(17), (Experiment::default(), None));
    }

    #[test]
    fn figures_name_settings_that_are_there() {
        for (figure, Only(names) | AllBut(names)) in &FIGURES {
            assert!(names.iter().all(|name| key_named(name).is_some()), "{figure}");
        }
    }
}
