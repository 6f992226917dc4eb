//! Requests on their way between workers. Apart from the request's own form, which files hold: there each id is a number of one to
//! three bytes, which takes ten times as long to write and to read as two bytes for every id.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Request;

/// A request whose ids are written as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed<'a>(pub Cow<'a, Request>);

impl Serialize for Packed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Request { index, sub, labels, top_k, prefill, tokens, layers, columns } = &*self.0;
        let columns: Vec<Ids> = columns.iter().map(|ids| Ids(ids)).collect();
        (index, sub, labels, top_k, prefill, tokens, layers, columns).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Packed<'_> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (index, sub, labels, top_k, prefill, tokens, layers, columns) = Deserialize::deserialize(from)?;
        let columns: Vec<&[u8]> = columns;
        let columns =
            columns.into_iter().map(|ids| ids.as_chunks().0.iter().map(|&id| u16::from_le_bytes(id)).collect());
        let columns = columns.collect();
        Ok(Self(Cow::Owned(Request { index, sub, labels, top_k, prefill, tokens, layers, columns })))
    }
}

struct Ids<'a>(&'a [u16]);

impl Serialize for Ids<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut bytes = vec![[0; 2]; self.0.len()];
        bytes.iter_mut().zip(self.0).for_each(|(to, id)| *to = id.to_le_bytes());
        to.serialize_bytes(bytes.as_flattened())
    }
}
