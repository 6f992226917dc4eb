//! vLLM's routed experts as a NumPy array `[token, layer, k]`.

use crate::format::array::array;
use crate::format::columns::Columns;
use crate::format::reader::{About, Reader};
use crate::format::whole::whole;
use crate::format::{Found, Place, Problem};

pub(super) const NPY: Reader = Reader {
    name: "npy",
    says: "vLLM's routed experts: a NumPy array [tokens, layers, k] (.npy)",
    sniff: |head| head.starts_with(b"\x93NUMPY"),
    open: |about| whole(about, |bytes, about| read(&bytes, about)),
};

/// Reads one array as a request. It does not tell where the prompt ends.
fn read(bytes: &[u8], about: &About) -> Found {
    let mut found = Found::default();
    match array(bytes) {
        Ok((routed, beyond)) => {
            let mut columns = Columns::new(about.id_limit());
            columns.push_all(&routed, &mut found.issues);
            found.requests.extend(columns.finish(about, None, &mut found.issues));
            if beyond > 0 {
                let place = Place { offset: Some((bytes.len() - beyond) as u64), ..Place::default() };
                found.issues.push(place, Problem::Extra { bytes: beyond as u64 });
            }
        }
        Err(problem) => found.issues.push(Place::default(), problem),
    }
    found
}
