//! Parts of one paper trace that several workers scan at the same time. Apart from the scanner: it finds steps in bytes, this puts
//! steps together, and says when a file must be read in one go after all.

use serde::{Deserialize, Serialize};

use crate::model::{Labels, Request};

/// The steps that begin in a range of a file's bytes, all of them sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Offset of its first step, that of `next` if it has none; 0 for the section with the file's start.
    pub(super) start: u64,
    /// Offset of the step after its last one, `u64::MAX` if the file ends there.
    pub(super) next: u64,
    /// The steps, as if they were a request.
    pub(super) steps: Request,
}

/// The request that the sections of a file are, in order; none unless each begins where the one before ends and all have the
/// same layers and K: then one scanner must see the whole file, and says what is wrong with it.
#[must_use]
pub fn join(sections: Vec<Section>, index: u64, labels: Labels) -> Option<Request> {
    let mut at = 0;
    for section in &sections {
        if section.start != at {
            return None;
        }
        at = section.next;
    }
    let mut with_steps = sections.into_iter().filter(|s| s.steps.tokens > 0);
    let first = with_steps.next().filter(|first| first.start == 0 && at == u64::MAX)?;
    let mut all = Request { index, labels, ..first.steps };
    for section in with_steps {
        let more = section.steps;
        if more.layers != all.layers || more.top_k != all.top_k {
            return None;
        }
        all.tokens += more.tokens;
        all.columns.iter_mut().zip(more.columns).for_each(|(to, ids)| to.extend(ids));
    }
    Some(all)
}
