//! Counts as CSV: `layer_id,expert_id,count`, or llama.cpp's `layer,expert` with a row for each choice.

use crate::format::counts::Tally;
use crate::format::reader::{About, Reader};
use crate::format::table::{Table, header_of_layers, number};
use crate::format::whole::whole;
use crate::format::{Found, Place};

pub(super) const COUNTS_CSV: Reader = Reader {
    name: "counts-csv",
    says: "CSV of counts: layer, expert and count, or a row for each choice",
    sniff: |head| header_of_layers(head).is_some(),
    open: |about| whole(about, |bytes, about| read(&bytes, about)),
};

fn read(bytes: &[u8], about: &About) -> Found {
    let mut found = Found::default();
    let Some(mut table) = Table::new(bytes, &mut found) else { return found };
    let layer = table.column(&["layer id", "layer_id", "layer"]);
    let (Some(layer), Some(expert)) = (layer, table.column(&["expert_id", "expert"])) else {
        table.refuse(&mut found);
        return found;
    };
    let count = table.column(&["count"]);
    let mut tally = Tally::default();
    table.each(&mut found, true, |record, offset, found| {
        let (layer, expert) = (number(record.get(layer))?, number(record.get(expert))?);
        let count = count.map_or(Some(1), |c| number(record.get(c)))?;
        if let Err(problem) = tally.add(layer, expert, count, about.id_limit()) {
            let place = Place { layer: u32::try_from(layer).ok(), offset: Some(offset), ..Place::default() };
            found.issues.push(place, problem);
        }
        Some(())
    });
    found.counts = tally.finish();
    found
}
