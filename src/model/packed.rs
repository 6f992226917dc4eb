//! Long lists as bytes, for serde: counts and ids of seven bits a byte, a set eighth bit for more to come, and floats of four bytes.
//! Apart from the types, because the form is postcard's own but for one thing: it is written and read in one loop, not by a call
//! for each number.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes a list.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Copy + Into<u64>, S: Serializer>(list: &[T], to: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(list.len() + list.len() / 4);
    for &number in list {
        let mut rest: u64 = number.into();
        while rest >= 0x80 {
            bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        bytes.push(rest.to_le_bytes()[0]);
    }
    to.serialize_bytes(&bytes)
}

/// Reads a list.
///
/// # Errors
/// If a number is larger than `T` holds, or cut off.
pub fn deserialize<'de, T: TryFrom<u64>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_bytes(Numbers(PhantomData))
}

/// Lists of such lists.
pub mod nested {
    use super::{Deserialize, Deserializer, List, Serialize, Serializer};

    /// Writes lists.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(lists: &[Vec<u16>], to: S) -> Result<S::Ok, S::Error> {
        lists.iter().map(|ids| List(ids.as_slice())).collect::<Vec<_>>().serialize(to)
    }

    /// Reads lists.
    ///
    /// # Errors
    /// As for one list.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<u16>>, D::Error> {
        Ok(Vec::<List<Vec<u16>>>::deserialize(from)?.into_iter().map(|list| list.0).collect())
    }
}

/// Lists of floats, four bytes each.
pub mod floats {
    use super::{Deserialize, Deserializer, Error, Serializer};

    /// Writes a list.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(list: &[f32], to: S) -> Result<S::Ok, S::Error> {
        let mut bytes = vec![[0; 4]; list.len()];
        bytes.iter_mut().zip(list).for_each(|(to, x)| *to = x.to_le_bytes());
        to.serialize_bytes(bytes.as_flattened())
    }

    /// Reads a list.
    ///
    /// # Errors
    /// If its bytes are cut off.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        let (floats, rest) = <&[u8]>::deserialize(from)?.as_chunks();
        let wrong = || D::Error::custom("a number that is cut off");
        if rest.is_empty() { Ok(floats.iter().map(|&x| f32::from_le_bytes(x)).collect()) } else { Err(wrong()) }
    }
}

/// Such a list where no attribute can stand: borrowed to be written, owned when read.
pub struct List<T>(pub T);

impl<T: Copy + Into<u64>> Serialize for List<&[T]> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, to)
    }
}

impl<'de, T: TryFrom<u64>> Deserialize<'de> for List<Vec<T>> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize(from).map(List)
    }
}

struct Numbers<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for Numbers<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("numbers of seven bits a byte")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<T>, E> {
        let large = |_| E::custom("a number too large for its place");
        let mut list = Vec::with_capacity(bytes.iter().filter(|&&b| b < 0x80).count());
        let (mut number, mut shift) = (0, 0);
        for &b in bytes {
            let bits = u64::from(b & 0x7f);
            // The tenth byte holds the last bit.
            if shift > 63 || (shift == 63 && bits > 1) {
                return Err(E::custom("a number of more than 64 bits"));
            }
            number |= bits << shift;
            shift += 7;
            if b < 0x80 {
                list.push(T::try_from(number).map_err(large)?);
                (number, shift) = (0, 0);
            }
        }
        if shift > 0 { Err(E::custom("a number that is cut off")) } else { Ok(list) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        #[serde(with = "super")]
        counts: Vec<u32>,
        #[serde(with = "super::nested")]
        columns: Vec<Vec<u16>>,
        #[serde(with = "super")]
        words: Vec<u64>,
        #[serde(with = "super::floats")]
        floats: Vec<f32>,
    }

    #[test]
    fn lists_come_back_and_what_is_none_is_refused() {
        let both = Both {
            counts: vec![0, 127, 128, 16_383, 16_384, u32::MAX],
            columns: vec![vec![], vec![5, 300, u16::MAX]],
            words: vec![0, 1 << 63, u64::MAX],
            floats: vec![0.5, -1.0, f32::INFINITY],
        };
        let bytes = postcard::to_stdvec(&both).unwrap();
        assert_eq!(postcard::from_bytes::<Both>(&bytes).as_ref(), Ok(&both));
        for wrong in [
            &[1, 0x80][..],
            &[5, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[11, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
        ] {
            let wrong = [wrong, &[0, 0, 0]].concat();
            assert!(postcard::from_bytes::<Both>(&wrong).is_err(), "{wrong:?}");
        }
    }
}
