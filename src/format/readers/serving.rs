//! What inference servers return: vLLM's and SGLang's routed experts in a response, one object or one a line, and SGLang's
//! expert counts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::format::array::array;
use crate::format::columns::{Columns, Routed, bounded};
use crate::format::counts::matrices;
use crate::format::reader::{About, Reader};
use crate::format::whole::whole;
use crate::format::{Found, Issues, Place, Problem};
use crate::model::{Request, UNKNOWN};
use crate::units::index;

pub(super) const SERVING: Reader = Reader {
    name: "serving",
    says: "responses of vLLM and SGLang with routed experts, or SGLang's expert counts (.json, .jsonl)",
    sniff: |head| {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        text.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
    },
    open: |about| whole(about, |bytes, about| read(&bytes, about)),
};

#[derive(Deserialize)]
struct Response {
    prompt_routed_experts: Option<Value>,
    #[serde(default)]
    choices: Vec<Choice>,
    meta_info: Option<Meta>,
    usage: Option<Usage>,
    logical_count: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    routed_experts: Option<Value>,
    sgl_ext: Option<Extra>,
}

#[derive(Deserialize)]
struct Extra {
    routed_experts: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    routed_experts: Option<String>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Reads one object, or one on each line.
fn read(bytes: &[u8], about: &About) -> Found {
    let mut found = Found::default();
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<Response>();
    loop {
        let offset = stream.byte_offset() as u64;
        match stream.next() {
            None => return found,
            Some(Ok(response)) => {
                let place = Place { offset: Some(offset), ..Place::default() };
                if let Err(problem) = take(response, about, &mut found) {
                    found.issues.push(place, problem);
                }
            }
            Some(Err(e)) => {
                let place = Place { offset: Some(byte_of(bytes, &e)), ..Place::default() };
                let problem = if e.is_eof() {
                    Problem::Truncated { inside: "an object".into() }
                } else {
                    Problem::Unreadable { why: e.to_string() }
                };
                found.issues.push(place, problem);
                return found;
            }
        }
    }
}

fn take(response: Response, about: &About, found: &mut Found) -> Result<(), Problem> {
    if let Some(counts) = response.logical_count {
        return logical_count(&counts, found);
    }
    let prompt = response.prompt_routed_experts.as_ref().map(|v| routed(v, &mut found.issues)).transpose()?;
    let mut any = false;
    let usage = response.usage.as_ref();
    let tokens = |meta: Option<&Meta>| {
        let prompt = meta.and_then(|m| m.prompt_tokens).or(usage.and_then(|u| u.prompt_tokens));
        let completion = meta.and_then(|m| m.completion_tokens).or(usage.and_then(|u| u.completion_tokens));
        prompt.zip(completion)
    };
    let of_choices = response.choices.iter().filter_map(|c| c.sgl_ext.as_ref()?.routed_experts.as_deref());
    let of_meta = response.meta_info.as_ref().and_then(|m| m.routed_experts.as_deref());
    for text in of_choices.chain(of_meta) {
        any = true;
        let Some((prompt, completion)) = tokens(response.meta_info.as_ref()) else {
            let why = "SGLang's routed experts need prompt_tokens and completion_tokens beside them".into();
            return Err(Problem::NotATrace { why });
        };
        let routed = flat(text, index(prompt.saturating_add(completion).saturating_sub(1)))?;
        found.requests.extend(request(&[&routed], about, Some(index(prompt)), &mut found.issues));
    }
    let decoded: Vec<&Value> = response.choices.iter().filter_map(|c| c.routed_experts.as_ref()).collect();
    for value in &decoded {
        any = true;
        let generated = routed(value, &mut found.issues)?;
        let prefill = prompt.as_ref().map_or(0, |p| p.ids.len() / (p.layers * p.top_k).max(1));
        let parts: Vec<&Routed> = prompt.iter().chain([&generated]).collect();
        found.requests.extend(request(&parts, about, Some(prefill), &mut found.issues));
    }
    if let (Some(prompt), true) = (&prompt, decoded.is_empty()) {
        any = true;
        found.requests.extend(request(&[prompt], about, Some(usize::MAX), &mut found.issues));
    }
    let why = || "the object has no routed_experts, prompt_routed_experts or logical_count".into();
    if any { Ok(()) } else { Err(Problem::NotATrace { why: why() }) }
}

fn request(parts: &[&Routed], about: &About, prefill: Option<usize>, issues: &mut Issues) -> Option<Request> {
    let mut columns = Columns::new(about.id_limit());
    parts.iter().for_each(|part| columns.push_all(part, issues));
    columns.finish(about, prefill, issues)
}

/// `[tokens][layers][k]` as nested lists, or as a base64 `.npy`.
fn routed(value: &Value, issues: &mut Issues) -> Result<Routed, Problem> {
    if let Some(text) = value.as_str() {
        let (routed, beyond) = array(&base64(text)?)?;
        if beyond > 0 {
            issues.push(Place::default(), Problem::Extra { bytes: beyond as u64 });
        }
        return Ok(routed);
    }
    let nested: Vec<Vec<Vec<i64>>> = Vec::deserialize(value)
        .map_err(|e| Problem::NotATrace { why: format!("routed experts are no list [tokens][layers][k]: {e}") })?;
    let layers = nested.first().map_or(0, Vec::len);
    let top_k = nested.first().and_then(|t| t.first()).map_or(0, Vec::len);
    if nested.iter().any(|t| t.len() != layers || t.iter().any(|row| row.len() != top_k)) {
        return Err(Problem::NotATrace { why: "routed experts have tokens of different shapes".into() });
    }
    bounded(nested.len(), layers, top_k)?;
    let ids = nested.iter().flatten().flatten().map(|&id| u16::try_from(id).unwrap_or(UNKNOWN)).collect();
    Ok(Routed { ids, layers, top_k })
}

/// SGLang's base64 of flat int32 `[tokens, all layers, k]`. The shape is not said: K is the largest that divides the rest and
/// makes every row distinct ids or zeros.
fn flat(text: &str, tokens: usize) -> Result<Routed, Problem> {
    let bytes = base64(text)?;
    let ids: Vec<u16> = bytes
        .chunks_exact(4)
        .map(|c| u16::try_from(i32::from_le_bytes([c[0], c[1], c[2], c[3]])).unwrap_or(UNKNOWN))
        .collect();
    let width = ids.len() / tokens.max(1);
    if width == 0 || width * tokens != ids.len() || bytes.len() % 4 != 0 {
        let why = format!("{} bytes of routed experts are no int32 ids of {tokens} tokens", bytes.len());
        return Err(Problem::NotATrace { why });
    }
    let sound = |k: usize| {
        let distinct = |row: &[u16]| (1..row.len()).all(|i| !row[..i].contains(&row[i]));
        width.is_multiple_of(k)
            && ids.chunks_exact(k).all(|row| distinct(row) || row.iter().all(|&id| id == 0 || id == UNKNOWN))
    };
    let top_k = (1..=16).rev().find(|&k| sound(k)).unwrap_or(1);
    bounded(tokens, width / top_k, top_k)?;
    Ok(Routed { ids, layers: width / top_k, top_k })
}

fn base64(text: &str) -> Result<Vec<u8>, Problem> {
    STANDARD.decode(text).map_err(|e| Problem::NotATrace { why: format!("routed experts are no base64: {e}") })
}

/// `[layers][experts]`, or `[steps][layers][experts]` to be summed.
fn logical_count(value: &Value, found: &mut Found) -> Result<(), Problem> {
    let wrong = |e: serde_json::Error| Problem::NotATrace { why: format!("logical_count is no table of counts: {e}") };
    let deep = value.get(0).and_then(|v| v.get(0)).is_some_and(Value::is_array);
    let steps: Vec<Vec<Vec<u64>>> =
        if deep { Vec::deserialize(value).map_err(wrong)? } else { vec![Vec::deserialize(value).map_err(wrong)?] };
    let counts = matrices(&steps, &mut found.issues);
    found.add_counts(counts);
    Ok(())
}

/// The byte of an error that knows its line and column.
fn byte_of(bytes: &[u8], error: &serde_json::Error) -> u64 {
    let before: usize =
        bytes.split_inclusive(|&b| b == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (before + error.column().saturating_sub(1)) as u64
}
