//! What paths tell: order, and model, data set and subject. Apart, because no byte of a file is read for it.

use std::cmp::Ordering;

use crate::model::Labels;

/// Natural order of paths: runs of digits compare as numbers, so `2.json` stands before `10.json`.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        match (x.first(), y.first()) {
            (Some(p), Some(q)) if p.is_ascii_digit() && q.is_ascii_digit() => {
                let ((m, rest_x), (n, rest_y)) = (number(x), number(y));
                // Longer digit runs (without leading zeros) are larger numbers: no overflow, whatever the length.
                match m.len().cmp(&n.len()).then_with(|| m.cmp(n)) {
                    Ordering::Equal => (x, y) = (rest_x, rest_y),
                    other => return other,
                }
            }
            (Some(p), Some(q)) if p == q => (x, y) = (&x[1..], &y[1..]),
            (p, q) => return p.cmp(&q).then_with(|| a.cmp(b)),
        }
    }
}

/// Model, data set and subject from the innermost folder that names them (`llama4-mmlu-anatomy/134.json`).
#[must_use]
pub fn labels(path: &str) -> Labels {
    let folders = path.rsplit(['/', '\\']).skip(1).filter(|f| !matches!(*f, "" | "." | ".."));
    let mut fallback = Labels::default();
    for folder in folders {
        let folder = folder.trim_end_matches(".zip");
        let parts: Vec<&str> = folder.split('-').collect();
        // Trees of model / data set / subject: the language stands behind the data set.
        if let Some(found) = tree(path, folder) {
            return found;
        }
        let dataset = |from: usize| (from + 1..=parts.len()).rev().find(|&to| is_dataset(&parts[from..to].concat()));
        if let Some((from, to)) = (1..parts.len()).find_map(|from| dataset(from).map(|to| (from, to))) {
            return Labels {
                model: parts[..from].join("-"),
                dataset: parts[from..to].join("-"),
                subject: parts[to..].join("-"),
            };
        }
        if fallback.subject.is_empty() {
            fallback.subject = folder.into();
        }
    }
    fallback
}

/// What a tree of folders tells, if this is its folder of a data set: the model is above it, the subject in it.
fn tree(path: &str, folder: &str) -> Option<Labels> {
    if !is_dataset(folder.split('_').next().unwrap_or_default()) {
        return None;
    }
    let mut all = path.rsplit(['/', '\\']).skip(1);
    let mut below = "";
    for name in all.by_ref() {
        if name == folder {
            break;
        }
        below = name;
    }
    let model = all.next().filter(|m| !matches!(*m, "" | "." | ".."))?;
    Some(Labels { model: model.into(), dataset: folder.into(), subject: below.into() })
}

/// The rank in a file's name (`rank0.safetensors`, `dump_tp3_step1.txt`), and the path without it, which files of one run share.
#[must_use]
pub fn rank(path: &str) -> Option<(String, u64)> {
    let start = path.rfind(['/', '\\']).map_or(0, |i| i + 1);
    let name = path[start..].to_ascii_lowercase();
    let words = ["rank", "worker", "gpu", "tp", "dp", "ep"];
    // The number that such a word stands before; SGLang ends the names of its dumps with one.
    let after = words.iter().find_map(|word| {
        let found = name.match_indices(word).find(|(at, _)| {
            let alone = !name[..*at].ends_with(|c: char| c.is_ascii_alphanumeric());
            let rest = name[at + word.len()..].trim_start_matches(['_', '-', '=']);
            alone && rest.starts_with(|c: char| c.is_ascii_digit())
        });
        found.map(|(at, _)| at + word.len())
    });
    let recorder = name.starts_with("expert_distribution_recorder_").then(|| name.rfind('_')).flatten();
    let from = after.or_else(|| recorder.filter(|&at| name[at..].matches('.').count() == 1))?;
    let from = from + name[from..].find(|c: char| c.is_ascii_digit())?;
    let to = name[from..].find(|c: char| !c.is_ascii_digit()).map_or(name.len(), |n| from + n);
    // A time of writing differs from rank to rank.
    let stamp = |text: &str| text.find("timestamp").map_or_else(|| text.to_string(), |at| text[..at].into());
    let rest = stamp(&name[to..]);
    Some((format!("{}{}#{rest}", &path[..start], &name[..from]), name[from..to].parse().ok()?))
}

/// The number behind a word in a path, of the last name that has one: `layer_02.parquet`, `layers.3.mlp`.
#[must_use]
pub fn number_after(path: &str, words: &[&str]) -> Option<u64> {
    let path = path.to_ascii_lowercase();
    path.rsplit(['/', '\\']).find_map(|name| {
        words.iter().find_map(|word| {
            let all = name.match_indices(word).filter_map(|(at, _)| {
                let alone = !name[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
                let rest = name[at + word.len()..].trim_start_matches(['_', '-', '.', '=', ' ', '[']);
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                if alone && digits > 0 { rest[..digits].parse().ok() } else { None }
            });
            all.last()
        })
    })
}

fn is_dataset(name: &str) -> bool {
    const KNOWN: [&str; 12] = [
        "mmlu",
        "mmlupro",
        "mmluprochinese",
        "chinesesimpleqa",
        "simpleqa",
        "livecodebench",
        "cmmlu",
        "gsm8k",
        "humaneval",
        "gpqa",
        "aime",
        "sharegpt",
    ];
    let plain: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    KNOWN.contains(&plain.as_str())
}

fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let zeros = text[..end].iter().take_while(|&&c| c == b'0').count().min(end.saturating_sub(1));
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_numbers() {
        let mut paths =
            vec!["a/10.json", "a/2.json", "a/b.json", "a/02.json", "A/1.json", "a/99999999999999999999999.json"];
        paths.sort_by(|a, b| natural(a, b));
        let sorted = ["A/1.json", "a/02.json", "a/2.json", "a/10.json", "a/99999999999999999999999.json", "a/b.json"];
        assert_eq!(paths, sorted);
    }

    #[test]
    fn folders_name_model_dataset_and_subject() {
        let l = labels("x.zip/llama4-mmlu-abstract_algebra/0.json");
        assert_eq!((&*l.model, &*l.dataset, &*l.subject), ("llama4", "mmlu", "abstract_algebra"));
        let l = labels("deepseek-r1-mmlu-pro-chinese-law/7.json");
        assert_eq!((&*l.model, &*l.dataset, &*l.subject), ("deepseek-r1", "mmlu-pro-chinese", "law"));
        assert_eq!(labels("0.json"), Labels::default());
        assert_eq!(labels("run 7/0.json").subject, "run 7");
        let l = labels("profiling_result/cognitivecomputations/DeepSeek-R1-AWQ/mmlu_ZH_CN/anatomy/0.json");
        assert_eq!((&*l.model, &*l.dataset, &*l.subject), ("DeepSeek-R1-AWQ", "mmlu_ZH_CN", "anatomy"));
    }

    #[test]
    fn ranks_and_layers_are_numbers_in_names() {
        let same =
            |a: &str, b: &str| (rank(a).unwrap().0, rank(a).unwrap().1) == (rank(b).unwrap().0, rank(b).unwrap().1 - 1);
        assert!(same("x/rank0.safetensors", "x/rank1.safetensors"));
        assert!(same(
            "expert_distribution_rank0_timestamp1744.25.csv",
            "expert_distribution_rank1_timestamp1799.26.csv"
        ));
        assert!(same("expert_distribution_recorder_17574.0123_0.pt", "expert_distribution_recorder_17574.0123_1.pt"));
        assert_eq!(rank("expert_distribution_recorder_1757421234.5678.pt"), None);
        assert_eq!(rank("step3.json"), None, "tp and ep inside of words are none");
        assert_eq!(rank("x/rank0/a.npy"), None, "a folder is no file");
        assert_eq!(number_after("a/iter_0540/layer_02.parquet", &["layer"]), Some(2));
        assert_eq!(number_after("model.layers.11.mlp.gate", &["layers", "layer"]), Some(11));
        assert_eq!(number_after("player_2.npy", &["layer"]), None);
    }
}
