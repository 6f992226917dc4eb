//! A placement from the bytes of any file that holds one. Apart from `place::files`, which reads texts: what torch saves is an archive
//! with a pickle, and `format` opens those.

use crate::format::{is_saved, saved_numbers};
use crate::place::files::{MOST_BYTES, PlacementFile, of_table, read};

/// What SGLang's files call their rows.
const ROWS: &str = "physical_to_logical_map";

/// Reads a placement: a text of any engine, or what torch saved.
///
/// # Errors
/// What is wrong with it and where, or that no engine writes such a file.
pub fn read_placement(bytes: &[u8]) -> Result<PlacementFile, String> {
    if bytes.len() > MOST_BYTES || !is_saved(bytes) {
        return read(bytes);
    }
    let table = saved_numbers(bytes.to_vec(), ROWS).map_err(|problem| problem.to_string())?;
    of_table(&table.shape, &table.values)
}
