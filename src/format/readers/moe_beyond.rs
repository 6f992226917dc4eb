//! moe-beyond CSV: `Layer ID,Batch Number,Token,Activated Expert IDs`, a row for each token and layer.

use crate::format::Found;
use crate::format::columns::Columns;
use crate::format::reader::{About, Reader};
use crate::format::table::{Table, header_of_layers, number};
use crate::format::whole::whole;
use crate::model::UNKNOWN;

/// The column of the ids.
const IDS: &str = "activated expert ids";

pub(super) const MOE_BEYOND: Reader = Reader {
    name: "moe-beyond",
    says: "moe-beyond CSV: layer, batch, token and the ids of its experts",
    sniff: |head| header_of_layers(head).is_some_and(|line| line.contains(IDS)),
    open: |about| whole(about, |bytes, about| read(&bytes, about)),
};

fn read(bytes: &[u8], about: &About) -> Found {
    let mut found = Found::default();
    let Some(mut table) = Table::new(bytes, &mut found) else { return found };
    let (Some(layer), Some(ids)) = (table.column(&["layer id", "layer_id", "layer"]), table.column(&[IDS])) else {
        table.refuse(&mut found);
        return found;
    };
    let mut columns = Columns::new(about.id_limit());
    // A row that is cut off has no closing bracket.
    table.each(&mut found, false, |record, offset, found| {
        let layer = number(record.get(layer))?;
        let row = id_list(record.get(ids).unwrap_or_default())?;
        columns.push(layer, &row, Some(offset), &mut found.issues);
        Some(())
    });
    found.requests.extend(columns.finish(about, None, &mut found.issues));
    found
}

/// `[8, 10, 14]`; ids that are no `u16` become unknown.
fn id_list(field: &[u8]) -> Option<Vec<u16>> {
    let text = std::str::from_utf8(field).ok()?.trim();
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let id = |part: &str| Some(u16::try_from(part.trim().parse::<i64>().ok()?).unwrap_or(UNKNOWN));
    inside.split(',').filter(|p| !p.trim().is_empty()).map(id).collect()
}
