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
    }
}
