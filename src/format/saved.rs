//! The one table of numbers that a file of torch keeps. Apart from the readers of recordings: who asks for it knows what it holds,
//! and a placement is no recording.

use super::torch::{self, Parts};
use super::{Problem, pickle};

/// Most numbers of a table: four times those of 60 layers of 256 experts on 256 ranks.
const MOST_NUMBERS: u64 = 1 << 24;

/// A table of whole numbers, in C order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Its sides.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<i64>,
}

/// Whether these are bytes of a file that torch may have saved, or of another archive.
#[must_use]
pub fn is_saved(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || torch::is_old(bytes)
}

/// The whole numbers of the array that is all of such a file, or that it keeps under this name. Nothing in the file is run.
///
/// # Errors
/// It cannot be read, or holds no such array.
pub fn saved_numbers(bytes: Vec<u8>, name: &str) -> Result<Numbers, Problem> {
    let unreadable = |why: String| Problem::Unreadable { why };
    let mut names = pickle::Names::new();
    let node = if torch::is_old(&bytes) {
        torch::read_old(bytes, &mut names)?
    } else {
        let none = || unreadable("the archive is none that torch saves".into());
        torch::read(&mut Parts::open(bytes)?, &mut names).ok_or_else(none)??
    };
    let tensor = node.tensor().or_else(|| node.get(&[name])?.tensor());
    let tensor = tensor.ok_or_else(|| unreadable(format!("it is no array, and holds none that is called {name}")))?;
    if tensor.kind.is_float() {
        return Err(unreadable(format!("whole numbers are wanted, it holds {}", tensor.words())));
    }
    if tensor.len() as u64 > MOST_NUMBERS {
        return Err(Problem::Limit { what: "numbers of a table".into(), limit: MOST_NUMBERS });
    }
    let mut values = Vec::with_capacity(tensor.len());
    tensor.ints(|n| values.push(n));
    Ok(Numbers { shape: tensor.shape.clone(), values })
}
