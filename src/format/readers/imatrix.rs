//! llama.cpp's importance matrices as counts of experts: each expert's matrices count how often it was used. The same picks stand there
//! three times (gate, up, down), beside tensors that every token goes through; both are kept apart.

use std::collections::BTreeMap;

use crate::format::counts::Tally;
use crate::format::finding::listed;
use crate::format::gguf::{self, Gguf};
use crate::format::reader::{About, Reader};
use crate::format::readers::arrays::weights;
use crate::format::whole::whole_unless;
use crate::format::{Finding, Found, Place, Problem, number_after};
use crate::model::MAX_EXPERTS;

pub(super) const IMATRIX: Reader = Reader {
    name: "imatrix",
    says: "llama.cpp's importance matrix as counts of experts (.gguf)",
    sniff: |head| head.starts_with(gguf::MAGIC),
    open: |about| whole_unless(about, gguf::is_model, |bytes, about| read(&bytes, about)),
};

fn read(bytes: &[u8], about: &About) -> Found {
    let mut found = Found::default();
    if gguf::is_model(bytes) {
        found.issues.push(Place::default(), weights("the weights of a model (GGUF)"));
        return found;
    }
    match gguf::read(bytes) {
        Ok(gguf) => counts(&gguf, about, &mut found),
        Err(problem) => found.issues.push(Place::default(), problem),
    }
    found
}

fn counts(gguf: &Gguf, about: &About, found: &mut Found) {
    // One matrix of each layer: the others count the same picks.
    let mut layers: BTreeMap<u64, &[f32]> = BTreeMap::new();
    let (mut other, mut tokens) = (0, 0f32);
    for (name, counts) in &gguf.counts {
        if name.contains("_exps") {
            if let Some(layer) = number_after(name, &["blk", "layers", "layer"]) {
                let of = layers.entry(layer).or_insert(counts);
                other += usize::from(*of != counts.as_slice());
            }
        } else if let [count] = counts[..]
            && (name.contains("attn") || !name.contains("shexp"))
        {
            // Every token goes through these; what is calibrated in parts counts the most.
            tokens = tokens.max(count);
        }
    }
    if layers.is_empty() {
        let what =
            if gguf.kind.is_empty() { "a GGUF file".into() } else { format!("a GGUF file of type {}", gguf.kind) };
        let instead = "make it with llama.cpp's imatrix on a model with experts";
        let finding = Finding::Nothing { seems: format!("{what} without counts of experts"), instead: instead.into() };
        return found.issues.push(Place::default(), finding.into());
    }
    for (name, counts) in &gguf.counts {
        found.hold(name, &[counts.len()], "float32");
    }
    let mut tally = Tally::default();
    let whole = |x: f32| crate::format::whole_number(libm::round(x.into())).and_then(|n| u64::try_from(n).ok());
    for (&layer, counts) in &layers {
        for (expert, &count) in (0..).zip(*counts) {
            let place = Place { layer: u32::try_from(layer).ok(), ..Place::default() };
            let added = whole(count).map(|n| tally.add(layer, expert, n, MAX_EXPERTS));
            match added {
                Some(Ok(())) => {}
                Some(Err(problem)) => found.issues.push(place, problem),
                None => {
                    found.issues.push(place, Problem::Syntax { expected: "a count".into(), found: count.to_string() })
                }
            }
        }
        let unused: Vec<u64> = (0..).zip(*counts).filter(|(_, n)| **n == 0.0).map(|(e, _)| e).collect();
        if !unused.is_empty() && unused.len() < counts.len() {
            let (n, experts, layer) = (unused.len(), counts.len(), u32::try_from(layer).unwrap_or(0));
            let finding = Finding::Unused { layer, unused: n, experts, ids: listed(unused) };
            found.issues.push(Place { layer: Some(layer), ..Place::default() }, finding.into());
        }
        found.experts = found.experts.max(counts.len());
    }
    let sum: f64 = layers.values().next().map_or(0.0, |c| c.iter().map(|&n| f64::from(n)).sum());
    // K is what each token is counted for, if that is a whole number.
    let top_k = crate::format::whole_number(sum / f64::from(tokens)).and_then(|k| usize::try_from(k).ok());
    found.top_k = about.told.top_k.or(top_k.filter(|k| (1..=64).contains(k))).unwrap_or(0);
    found.add_counts(tally.finish());
    let what = if other > 0 { " (gate, up and down count differently; the first of each layer was taken)" } else { "" };
    found.issues.find(Finding::Counts { what: what.into() });
}
