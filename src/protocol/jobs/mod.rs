//! Every job. To add one is to add its struct and its row here.

mod answer;
mod case;
mod every;
mod load;
mod place;
mod simulate;

pub use answer::{Figures, Mean, Report, SetReference, Strip, Versus};
pub use case::CaseStudy;
pub use every::Every;
pub use load::{
    Commit, Count, CountLayers, CountReuse, Discard, Glance, Ingest, Join, List, Mark, Merge, Restore, STORED, Save,
    Share, Synthesize, Take,
};
pub use place::Place;
pub use simulate::{FillBatch, Paper, Run, RunSynthetic, Timeline};

use super::job::{AnyJob, Job, JobError};

/// A job that a worker knows by its name.
pub trait Listed: Job {
    /// The name.
    const NAME: &'static str;
}

macro_rules! jobs {
    ($($job:ident)*) => {
        $(impl Listed for $job {
            const NAME: &'static str = stringify!($job);
        })*

        /// The job of a name, from its question and what travels beside it.
        ///
        /// # Errors
        /// If there is no such job, or the question is none of it.
        pub fn open(name: &str, question: &[u8], parcel: Option<Vec<u8>>) -> Result<AnyJob, JobError> {
            match name {
                $(stringify!($job) => AnyJob::read::<$job>(question, parcel),)*
                _ => Err(format!("there is no job called {name}").into()),
            }
        }
    };
}

jobs! {
    List Ingest Glance Count Take Merge Join Share CountReuse CountLayers Commit Discard Mark
    Save Restore Synthesize
    Report Figures Mean Every SetReference Strip Versus
    FillBatch Run RunSynthetic Timeline Paper Place CaseStudy
}
