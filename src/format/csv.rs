//! Tables: moe-beyond traces, and counts. The token column holds commas, quotes and line breaks, so the csv crate reads it.

use std::collections::BTreeMap;

use csv::{ByteRecord, ReaderBuilder};

use super::columns::Columns;
use super::whole::Found;
use super::{MAX_EXPERTS, Place, Problem};
use crate::model::{Labels, UNKNOWN};

/// Reads any of the three tables by its header.
pub(super) fn read(bytes: &[u8], index: u64, labels: &Labels, experts: Option<usize>) -> Found {
    let mut found = Found::default();
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = match reader.byte_headers() {
        Ok(header) => header.iter().map(|h| String::from_utf8_lossy(h).trim().to_ascii_lowercase()).collect::<Vec<_>>(),
        Err(e) => {
            found.issues.push(Place::default(), Problem::Unreadable { why: e.to_string() });
            return found;
        }
    };
    let column = |names: &[&str]| header.iter().position(|h| names.contains(&h.trim_start_matches('\u{feff}')));
    let layer = column(&["layer id", "layer_id", "layer"]);
    let ids = column(&["activated expert ids"]);
    let expert = column(&["expert_id", "expert"]);
    let count = column(&["count"]);
    let limit = experts.map_or(MAX_EXPERTS, |e| e as u64);
    match (layer, ids, expert) {
        (Some(layer), Some(ids), _) => {
            let mut columns = Columns::new(limit);
            each(&mut reader, &mut found, |record, offset, found| {
                let layer = number(record.get(layer))?;
                let row = id_list(record.get(ids).unwrap_or_default())?;
                columns.push(u32::try_from(layer).ok()?, &row, Some(offset), &mut found.issues);
                Some(())
            });
            // Prompt tokens only: the batch column numbers a forward pass, not a step.
            found.requests.extend(columns.finish(index, usize::MAX, labels.clone(), &mut found.issues));
        }
        (Some(layer), None, Some(expert)) => {
            let mut counts: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
            each(&mut reader, &mut found, |record, offset, found| {
                let (layer, e) = (number(record.get(layer))?, number(record.get(expert))?);
                let n = count.map_or(Some(1), |c| number(record.get(c)))?;
                if e >= limit || layer > u64::from(u16::MAX) {
                    let place = Place { layer: u32::try_from(layer).ok(), offset: Some(offset), ..Place::default() };
                    found.issues.push(place, Problem::IdRange { id: e, limit });
                    return Some(());
                }
                let of_layer = counts.entry(u32::try_from(layer).ok()?).or_default();
                let e = crate::units::index(e);
                if of_layer.len() <= e {
                    of_layer.resize(e + 1, 0);
                }
                of_layer[e] = of_layer[e].saturating_add(n);
                Some(())
            });
            found.counts = counts.into_iter().collect();
        }
        _ => {
            let why = format!("its columns are {}", header.join(", "));
            found.issues.push(Place::default(), Problem::NotATrace { why });
        }
    }
    found
}

/// Gives each record and its offset to `take`; what it cannot use is reported.
fn each(
    reader: &mut csv::Reader<&[u8]>,
    found: &mut Found,
    mut take: impl FnMut(&ByteRecord, u64, &mut Found) -> Option<()>,
) {
    let mut record = ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => return,
            Ok(true) => {
                let offset = record.position().map_or(0, csv::Position::byte);
                if take(&record, offset, found).is_none() {
                    let text = String::from_utf8_lossy(record.as_slice()).chars().take(40).collect();
                    let problem =
                        Problem::Syntax { expected: "numbers in the layer and expert columns".into(), found: text };
                    found.issues.push(Place { offset: Some(offset), ..Place::default() }, problem);
                }
            }
            Err(e) => {
                found.issues.push(Place::default(), Problem::Unreadable { why: e.to_string() });
                return;
            }
        }
    }
}

fn number(field: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(field?).ok()?.trim().parse().ok()
}

/// `[8, 10, 14]`; ids that are no `u16` become unknown.
fn id_list(field: &[u8]) -> Option<Vec<u16>> {
    let text = std::str::from_utf8(field).ok()?.trim();
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let id = |part: &str| Some(u16::try_from(part.trim().parse::<i64>().ok()?).unwrap_or(UNKNOWN));
    inside.split(',').filter(|p| !p.trim().is_empty()).map(id).collect()
}
