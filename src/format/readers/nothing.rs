//! What no reader takes. It gets one message: what it seems to be, and what to record instead. Apart from the readers of recordings,
//! because nothing is read here; the formats that people try are told by their first bytes.

use crate::format::magic::{RECORD, magic};
use crate::format::reader::Reader;
use crate::format::whole::whole_unless;
use crate::format::{Finding, Found, Place, Problem};

pub(super) const NOTHING: Reader = Reader {
    name: "nothing",
    says: "anything else is named, with what to record instead (docs/recording.md)",
    sniff: |_| true,
    open: |about| {
        whole_unless(
            about,
            |_| true,
            |bytes, about| {
                let mut found = Found::default();
                let problem = if bytes.is_empty() { Problem::Empty } else { finding(&bytes, &about.path).into() };
                found.issues.push(Place::default(), problem);
                found
            },
        )
    },
};

fn finding(bytes: &[u8], path: &str) -> Finding {
    if let Some(known) = magic(bytes) {
        return known;
    }
    let is_text = !bytes.iter().take(1024).any(|&b| b == 0 || (b < 9) || (14..27).contains(&b));
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]).into_owned();
    let lower = text.to_ascii_lowercase();
    if is_text && (lower.contains("initial_global_assignments") || lower.contains("layer_updates_per_iter")) {
        return Finding::Placement { kind: "a load balancer's YAML, as TensorRT-LLM reads it".into() };
    }
    let seems = |seems: &str, instead: &str| Finding::Nothing { seems: seems.into(), instead: instead.into() };
    if is_text && lower.contains("balancedness") {
        return seems(
            "a server's log with lines of balancedness, one number a pass for all experts together",
            "record the distribution itself: SGLang's --expert-distribution-recorder-mode stat or per_token writes it (docs/recording.md)",
        );
    }
    if is_imatrix(bytes) {
        return seems(
            "llama.cpp's importance matrix in its old form (.dat), whose counts of experts cannot be told",
            "save it as GGUF: llama-imatrix --output-format gguf, or convert it with llama-imatrix --in-file",
        );
    }
    let extension = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let what = match extension.as_str() {
        "nsys-rep" | "qdrep" => "a profile of Nsight Systems",
        "yaml" | "yml" => "YAML",
        "log" => "a log",
        "py" | "sh" | "cpp" | "rs" | "md" => "a text or a program's source",
        _ if is_text => "a text of no known columns",
        "dat" | "bin" | "raw" => "bare numbers without a word of their shape",
        _ => "a binary file of no known kind",
    };
    seems(what, RECORD)
}

/// The old importance matrix: a number of entries, then the length of a tensor's name, and the name.
fn is_imatrix(bytes: &[u8]) -> bool {
    let number = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    let (entries, length) = (number(0), number(4));
    let name = bytes.get(8..8 + length.min(128) as usize).unwrap_or_default();
    (1..1 << 16).contains(&entries)
        && (4..128).contains(&length)
        && (name.starts_with(b"blk.") || name.starts_with(b"output") || name.ends_with(b".weight"))
}
