//! What a placement for each subject is worth beside one for all, on the same batches. Apart from the lab, whose scores are of all
//! batches together: here each subject has its own, and what it costs to come to it.

use serde::{Deserialize, Serialize};

use super::run::Changes;
use crate::model::{Placed, Turns};
use crate::place::SubjectLoads;
use crate::sim::{Outcome, StepSum, Strategy, Workload};
use crate::units::{percent, seconds, significant};

/// A placement for each subject beside one for all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BySubject {
    /// The strategy that it is held against: one placement of the same rule for all requests, and the same dispatch.
    pub beside: String,
    /// Simulated seconds of that, on the same batches.
    pub beside_seconds: f64,
    /// Simulated seconds of its own, with what moves.
    pub seconds: f64,
    /// What moved between subjects. The first is served from where its experts lie from the beginning.
    pub changes: Changes,
    /// One for each subject, in the order in which they are served.
    pub subjects: Vec<SubjectScores>,
}

/// What its own placement is worth for one subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SubjectScores {
    /// Name.
    pub subject: String,
    /// Requests that were learnt from.
    pub requests: usize,
    /// Whether it has a placement of its own: of too few requests none is made, and that of all serves it.
    pub own: bool,
    /// Decode steps.
    pub steps: usize,
    /// Simulated seconds of them, without what moved before.
    pub seconds: f64,
    /// The same with one placement for all.
    pub beside_seconds: f64,
    /// What moved before the first of them.
    pub changes: Changes,
    /// Steps of it after which what moved is paid for; none where its own placement is not faster.
    pub pays_after: Option<f64>,
    /// The logical expert of each physical slot, `[layer][slot]`.
    pub physical_to_logical: Vec<Vec<usize>>,
}

impl BySubject {
    /// Of the outcomes of a strategy and of what it is held against.
    pub(super) fn new(
        workload: &Workload,
        turns: &Turns,
        own: &Outcome,
        beside: (Strategy, &Outcome),
        expert_bytes: f64,
    ) -> Self {
        let of_subject = |(at, subject): (usize, &SubjectLoads)| {
            let steps = || workload.of_step.iter().enumerate().filter(move |s| *s.1 == at).map(|s| s.0);
            let of = |outcome: &Outcome, value: fn(&StepSum) -> f64| -> f64 {
                steps().filter_map(|step| outcome.steps.get(step)).map(value).sum()
            };
            let moved: u64 = steps().filter_map(|step| own.steps.get(step)).map(|step| step.moved).sum();
            let changes =
                Changes { moved, bytes: moved as f64 * expert_bytes, seconds: of(own, |step| step.change_seconds) };
            let seconds = of(own, |step| step.seconds - step.change_seconds);
            let beside_seconds = of(beside.1, |step| step.seconds);
            let gain = (beside_seconds - seconds) / steps().count().max(1) as f64;
            SubjectScores {
                subject: subject.name.clone(),
                requests: subject.requests,
                own: subject.is_enough(),
                steps: steps().count(),
                seconds,
                beside_seconds,
                pays_after: (gain > 0.0).then(|| changes.seconds / gain),
                changes,
                physical_to_logical: turns
                    .each()
                    .get(at)
                    .map(|placed| placed.layers.iter().map(Placed::physical_to_logical).collect())
                    .unwrap_or_default(),
            }
        };
        Self {
            beside: beside.0.name().into(),
            beside_seconds: beside.1.seconds,
            seconds: own.seconds,
            changes: Changes::of(own, expert_bytes),
            subjects: workload.loads.subjects.iter().enumerate().map(of_subject).collect(),
        }
    }

    /// What is to be said of it.
    #[must_use]
    pub fn words(&self, strategy: &str) -> String {
        let ratio = self.beside_seconds / self.seconds;
        let (verdict, by) = if ratio >= 1.0 { ("faster", ratio - 1.0) } else { ("slower", 1.0 / ratio - 1.0) };
        let still = self.seconds - self.changes.seconds;
        format!(
            "{strategy}, a placement for each of {} subjects: {} against {} of {}, which has one for all, on the same batches: {} \
             {verdict}. Changing the subject moves {} experts ({}) in {}; without that it would be {}, {} times as fast as {}.",
            self.subjects.len(),
            seconds(self.seconds),
            seconds(self.beside_seconds),
            self.beside,
            percent(by),
            self.changes.moved,
            crate::units::bytes(self.changes.bytes),
            seconds(self.changes.seconds),
            seconds(still),
            significant(self.beside_seconds / still, 4),
            self.beside,
        )
    }

    /// Subjects of whom too few requests were learnt from.
    #[must_use]
    pub fn too_few(&self) -> Vec<&str> {
        self.subjects.iter().filter(|s| !s.own).map(|s| s.subject.as_str()).collect()
    }
}
