//! What inference servers return: vLLM's and SGLang's routed experts in a response, one object or one a line, and SGLang's
//! expert counts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::columns::Columns;
use super::npy::{Routed, array, push};
use super::whole::Found;
use super::{Issues, MAX_EXPERTS, Place, Problem};
use crate::model::{Labels, Request, UNKNOWN};
use crate::units::index as to_index;

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
pub(super) fn read(bytes: &[u8], index: u64, labels: &Labels, experts: Option<usize>) -> Found {
    let mut found = Found::default();
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<Response>();
    loop {
        let offset = stream.byte_offset() as u64;
        match stream.next() {
            None => return found,
            Some(Ok(response)) => {
                let place = Place { offset: Some(offset), ..Place::default() };
                if let Err(why) = take(response, index, labels, experts, &mut found) {
                    found.issues.push(place, Problem::NotATrace { why });
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

fn take(
    response: Response,
    index: u64,
    labels: &Labels,
    experts: Option<usize>,
    found: &mut Found,
) -> Result<(), String> {
    if let Some(counts) = response.logical_count {
        return logical_count(&counts, found);
    }
    let limit = experts.map_or(MAX_EXPERTS, |e| e as u64);
    let prompt = response.prompt_routed_experts.as_ref().map(routed).transpose()?;
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
            return Err("SGLang's routed experts need prompt_tokens and completion_tokens beside them".into());
        };
        let routed = flat(text, to_index(prompt.saturating_add(completion).saturating_sub(1)))?;
        found.requests.extend(request(&[&routed], index, to_index(prompt), labels, limit, &mut found.issues));
    }
    let decoded: Vec<&Value> = response.choices.iter().filter_map(|c| c.routed_experts.as_ref()).collect();
    for value in &decoded {
        any = true;
        let generated = routed(value)?;
        let prefill = prompt.as_ref().map_or(0, |p| p.ids.len() / (p.layers * p.top_k).max(1));
        let parts: Vec<&Routed> = prompt.iter().chain([&generated]).collect();
        found.requests.extend(request(&parts, index, prefill, labels, limit, &mut found.issues));
    }
    if let (Some(prompt), true) = (&prompt, decoded.is_empty()) {
        any = true;
        found.requests.extend(request(&[prompt], index, usize::MAX, labels, limit, &mut found.issues));
    }
    if any { Ok(()) } else { Err("the object has no routed_experts, prompt_routed_experts or logical_count".into()) }
}

fn request(
    parts: &[&Routed],
    index: u64,
    prefill: usize,
    labels: &Labels,
    limit: u64,
    issues: &mut Issues,
) -> Option<Request> {
    let mut columns = Columns::new(limit);
    parts.iter().for_each(|part| push(&mut columns, part, issues));
    columns.finish(index, prefill, labels.clone(), issues)
}

/// `[tokens][layers][k]` as nested lists, or as a base64 `.npy`.
fn routed(value: &Value) -> Result<Routed, String> {
    if let Some(text) = value.as_str() {
        return array(&STANDARD.decode(text).map_err(|e| format!("routed experts are no base64: {e}"))?);
    }
    let nested: Vec<Vec<Vec<i64>>> =
        Vec::deserialize(value).map_err(|e| format!("routed experts are no list [tokens][layers][k]: {e}"))?;
    let layers = nested.first().map_or(0, Vec::len);
    let top_k = nested.first().and_then(|t| t.first()).map_or(0, Vec::len);
    if nested.iter().any(|t| t.len() != layers || t.iter().any(|row| row.len() != top_k)) {
        return Err("routed experts have tokens of different shapes".into());
    }
    let ids = nested.iter().flatten().flatten().map(|&id| u16::try_from(id).unwrap_or(UNKNOWN)).collect();
    Ok(Routed { ids, layers, top_k })
}

/// SGLang's base64 of flat int32 `[tokens, all layers, k]`. The shape is not said: K is the largest that divides the rest and
/// makes every row distinct ids or zeros.
fn flat(text: &str, tokens: usize) -> Result<Routed, String> {
    let bytes = STANDARD.decode(text).map_err(|e| format!("routed experts are no base64: {e}"))?;
    let ids: Vec<u16> = bytes
        .chunks_exact(4)
        .map(|c| u16::try_from(i32::from_le_bytes([c[0], c[1], c[2], c[3]])).unwrap_or(UNKNOWN))
        .collect();
    let width = ids.len() / tokens.max(1);
    if width == 0 || width * tokens != ids.len() || bytes.len() % 4 != 0 {
        return Err(format!("{} bytes of routed experts are no int32 ids of {tokens} tokens", bytes.len()));
    }
    let sound = |k: usize| {
        let distinct = |row: &[u16]| (1..row.len()).all(|i| !row[..i].contains(&row[i]));
        width.is_multiple_of(k)
            && ids.chunks_exact(k).all(|row| distinct(row) || row.iter().all(|&id| id == 0 || id == UNKNOWN))
    };
    let top_k = (1..=16).rev().find(|&k| sound(k)).unwrap_or(1);
    Ok(Routed { ids, layers: width / top_k, top_k })
}

/// `[layers][experts]`, or `[steps][layers][experts]` to be summed.
fn logical_count(value: &Value, found: &mut Found) -> Result<(), String> {
    let wrong = |e: serde_json::Error| format!("logical_count is no table of counts: {e}");
    let deep = value.get(0).and_then(|v| v.get(0)).is_some_and(Value::is_array);
    let steps: Vec<Vec<Vec<u64>>> =
        if deep { Vec::deserialize(value).map_err(wrong)? } else { vec![Vec::deserialize(value).map_err(wrong)?] };
    for layers in steps {
        for (layer, counts) in (0u32..).zip(layers) {
            match found.counts.iter_mut().find(|(l, _)| *l == layer) {
                Some((_, sum)) => {
                    sum.resize(sum.len().max(counts.len()), 0);
                    sum.iter_mut().zip(counts).for_each(|(a, b)| *a = a.saturating_add(b));
                }
                None => found.counts.push((layer, counts)),
            }
        }
    }
    Ok(())
}

/// The byte of an error that knows its line and column.
fn byte_of(bytes: &[u8], error: &serde_json::Error) -> u64 {
    let before: usize =
        bytes.split_inclusive(|&b| b == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    (before + error.column().saturating_sub(1)) as u64
}
