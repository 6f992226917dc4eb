//! What the checks found in a load, one badge for each check, however many files it speaks of. Apart from the issues, which are as many
//! as the files: a page shows these behind the trace's name.

use serde::{Deserialize, Serialize};

use crate::format::{Issue, Place, Problem};

/// Places of a badge that are listed.
const MOST: usize = 16;

/// A setting that reads a file otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrule {
    /// Key of the experiment's string.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Where a check found something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Path of the file, through the archive.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// How often.
    pub count: u64,
    /// What was found there, in a sentence.
    pub says: String,
    /// What was kept of the file.
    pub kept: String,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Badge {
    /// Name of the check.
    pub check: String,
    /// Two or three words.
    pub short: String,
    /// A sentence: what was found and what was done, of the first file.
    pub long: String,
    /// How it is mended or overruled, in words.
    pub mend: String,
    /// How often it was found, in all files.
    pub count: u64,
    /// In how many files.
    pub files: u64,
    /// Where: the first sixteen files.
    pub spots: Vec<Spot>,
    /// The setting that reads the files without what was done; none where nothing of it can be told.
    pub overrule: Option<Overrule>,
}

/// The badges of a load, in the order in which their checks first spoke.
pub(super) fn badges(issues: &[Issue]) -> Vec<Badge> {
    let mut all: Vec<Badge> = Vec::new();
    for issue in issues {
        let Some((check, short)) = issue.problem.badge() else { continue };
        let says = issue.problem.to_string();
        let at = all.iter().position(|badge| badge.check == check).unwrap_or_else(|| {
            let overrule = if let Problem::Finding(finding) = &issue.problem { finding.overrule() } else { None };
            all.push(Badge {
                check: check.into(),
                short: short.into(),
                long: says.clone(),
                mend: issue.problem.mend().into(),
                count: 0,
                files: 0,
                spots: Vec::new(),
                overrule: overrule.map(|(key, value)| Overrule { key: key.into(), value }),
            });
            all.len() - 1
        });
        let badge = &mut all[at];
        (badge.count, badge.files) = (badge.count + issue.count, badge.files + 1);
        if badge.spots.len() < MOST {
            let (file, kept) = (issue.file.clone(), issue.kept.clone());
            badge.spots.push(Spot { file, place: issue.place, count: issue.count, says, kept });
        }
    }
    all
}
