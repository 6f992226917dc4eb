//! All that is said of a trace, a layer at a time: the report's numbers, its words and its figures. Apart from the report, which
//! only counts.

use super::registry::{Has, Mean, Whole, of_all, of_report, one_of_all, sketches};
use super::{Report, Reporter, Setting, Summary, insights, observations};
use crate::model::{Request, Scope};

/// A full report in the making: a worker answers sliders in between.
#[derive(Clone, Debug)]
pub struct Analyser {
    setting: Setting,
    reporter: Reporter,
    mean: Mean,
}

/// All of it at once, of counts and of the requests that are cached; `warnings` stand before what is odd in the counts themselves.
#[must_use]
pub fn analyse(summary: &Summary, requests: &[Request], warnings: Vec<String>, setting: &Setting) -> Report {
    let mut all = Analyser::new(summary, warnings, setting);
    while all.step(summary, requests) {}
    all.finish(summary)
}

impl Analyser {
    /// One that has no layer yet.
    #[must_use]
    pub fn new(summary: &Summary, warnings: Vec<String>, setting: &Setting) -> Self {
        Self { setting: *setting, reporter: Reporter::new(summary, warnings), mean: Mean::listed(setting) }
    }

    /// Layers done, and all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        self.reporter.progress()
    }

    /// Adds the next layer; false if there is none.
    pub fn step(&mut self, summary: &Summary, requests: &[Request]) -> bool {
        self.mean.step(summary, requests);
        self.reporter.step(summary)
    }

    /// The report, once [`Analyser::step`] has returned false.
    #[must_use]
    pub fn finish(mut self, summary: &Summary) -> Report {
        let setting = &self.setting;
        let mut report = self.reporter.finish(summary, setting.caches);
        let whole = Whole::new(summary, setting, Scope::All);
        report.observations = observations(&report, setting.model, setting.synthetic);
        let reuse = one_of_all(&whole, "reuse-curve").unwrap_or_default();
        report.insights = insights(&report, setting.model, reuse.lines(), setting.caches);
        let mut made = self.mean.finish();
        made.extend(of_all(&whole));
        made.extend(of_report(&report, setting, &Has::of(summary)));
        // In the order of the page.
        let listed = sketches().filter(|(_, s)| s.listed);
        report.figures = listed.filter_map(|(_, s)| made.iter().find(|f| f.id == s.id).cloned()).collect();
        report
    }
}
