//! Records in Parquet: a row for each token and layer, lists of ids in a cell, the layer in a column or in the file's name.

use crate::format::columns::{Role, role};
use crate::format::parquet::{Column, MAGIC, Parquet, Values};
use crate::format::reader::{About, Reader};
use crate::format::records::{Record, Records};
use crate::format::whole::whole;
use crate::format::{Found, Place, Problem};

pub(super) const PARQUET: Reader = Reader {
    name: "parquet",
    says: "records in Parquet: a row for each token and layer, the layer in a column or in the file's name",
    sniff: |head| head.starts_with(MAGIC),
    open: |about| whole(about, |bytes, about| read(&bytes, about)),
};

fn read(bytes: &[u8], about: &About) -> Found {
    let mut records = Records::new(about.clone());
    if let Err(problem) = rows(bytes, &mut records) {
        records.found.issues.push(Place::default(), problem);
    }
    records.finish()
}

fn rows(bytes: &[u8], records: &mut Records) -> Result<(), Problem> {
    let parquet = Parquet::open(bytes)?;
    let wanted = |name: &str| !matches!(role(name), Role::Other | Role::MaybeToken);
    if !parquet.names().any(|name| matches!(role(name), Role::Ids | Role::Expert | Role::Nth(_))) {
        let names: Vec<&str> = parquet.names().take(8).collect();
        return Err(Problem::NotATrace {
            why: format!("its columns are {}, and none of them holds experts", names.join(", ")),
        });
    }
    parquet.columns().for_each(|(name, kind)| records.found.hold(name, &[], kind));
    let mut record = Record::default();
    let mut at = 0u64;
    for group in 0..parquet.groups() {
        let columns = parquet.group(group, wanted)?;
        let rows = columns.iter().map(|c| c.rows.len()).min().unwrap_or(0);
        // Of each column what it holds, and where its inner lists begin.
        let mut state: Vec<(Role, usize)> = columns.iter().map(|c| (role(&c.name), 0)).collect();
        for row in 0..rows {
            record.clear();
            for (column, (role, inner)) in columns.iter().zip(&mut state) {
                take(column, *role, row, inner, &mut record);
            }
            if records.push(&record, at).is_none() {
                let place = Place { token: u32::try_from(at).ok(), ..Place::default() };
                let (expected, found) = ("a layer and its experts in each row".into(), format!("row {at}"));
                records.found.issues.push(place, Problem::Syntax { expected, found });
            }
            at += 1;
        }
    }
    Ok(())
}

/// Takes the cell of a row.
fn take(column: &Column, role: Role, row: usize, inner: &mut usize, record: &mut Record) {
    let cell = column.rows[row].clone();
    match &column.values {
        Values::Ints(all) => {
            let numbers = &all[cell];
            match (role, numbers) {
                (Role::Ids, _) => {
                    record.ids.extend_from_slice(numbers);
                    // Rows of several tokens: lists in a list.
                    let mut left = numbers.len();
                    while left > 0 && *inner < column.inner.len() {
                        let width = column.inner[*inner];
                        record.width = width;
                        *inner += 1;
                        left = left.saturating_sub(width.max(1));
                    }
                }
                (Role::Request, [n, ..]) => record.name(b"", u64::try_from(*n).ok()),
                (role, [n, ..]) => record.number(role, *n),
                _ => {}
            }
        }
        Values::Texts(all) => {
            if let Some(text) = all[cell].first() {
                record.text(role, text);
            }
        }
    }
}
