//! Files that no reader takes, by their first bytes: what each seems to be, and what to do instead. One table, because whoever drops
//! the wrong file needs both in one sentence, wherever it is found out.

use super::Finding;

/// What to record, where nothing in the file can help.
pub(super) const RECORD: &str =
    "record which experts each token takes, or how often each was taken: docs/recording.md says how, server by server";
/// Of archives that are not opened.
const UNPACK: &str = "unpack it and give what was inside; .zip, .tar, .gz and .zst are read as they are";
/// Of archives in archives.
const OUTER: &str =
    "unpack the archive around it: one is opened, not a second one inside; then give what was inside, packed or not";
/// Of texts in two or four bytes a letter.
const UTF_8: &str = "save it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE > NEW, or the encoding UTF-8 of an editor";

/// First bytes, where they stand, what such a file is, and what to do.
const MAGICS: [(usize, &[u8], &str, &str); 30] = [
    (0, b"\xff\xfe\x00\x00", "a text in UTF-32", "save it as UTF-8: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (0, b"\xff\xfe", "a text in UTF-16", UTF_8),
    (0, b"\xfe\xff", "a text in UTF-16", UTF_8),
    (0, b"PK\x03\x04", "a zip archive inside an archive", OUTER),
    (0, b"PK\x05\x06", "an empty zip archive", "give one with files in it"),
    (0, b"\x1f\x8b", "a file packed with gzip inside an archive", OUTER),
    (0, b"\x28\xb5\x2f\xfd", "a file packed with zstd inside an archive", OUTER),
    (257, b"ustar", "a tar archive inside an archive", OUTER),
    (0, b"BZh", "a file packed with bzip2", UNPACK),
    (0, b"\xfd7zXZ", "a file packed with xz", UNPACK),
    (0, b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (0, b"Rar!", "a RAR archive", UNPACK),
    (0, b"\x04\x22\x4d\x18", "a file packed with lz4", UNPACK),
    (0, b"LZIP", "a file packed with lzip", UNPACK),
    (0, b"\x1f\x9d", "a file packed with compress", UNPACK),
    (0, b"MSCF", "a cabinet archive", UNPACK),
    (0, b"\x7fELF", "a program", RECORD),
    (0, b"MZ", "a program", RECORD),
    (0, b"%PDF", "a PDF", RECORD),
    (0, b"\x89PNG", "a picture", RECORD),
    (0, b"\xff\xd8\xff", "a picture", RECORD),
    (0, b"GIF8", "a picture", RECORD),
    (0, b"\x89HDF", "an HDF5 file", "save its arrays with numpy.save or safetensors"),
    (0, b"SQLite format 3", "an SQLite database", "export its tables as CSV, if one lists the experts of tokens"),
    (0, b"ARROW1", "an Arrow file", "save it as Parquet: pyarrow.parquet.write_table, or to_parquet of pandas"),
    (0, b"ORC", "an ORC file", "save it as Parquet"),
    (0, b"Obj\x01", "an Avro file", "save it as Parquet or as lines of JSON"),
    (0, b"<!DOCTYPE", "a web page", "save the file itself, not the page that shows it"),
    (0, b"<html", "a web page", "save the file itself, not the page that shows it"),
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file", "fetch the file: git lfs pull"),
];

/// What a file is by its first bytes, if they tell.
pub(super) fn magic(bytes: &[u8]) -> Option<Finding> {
    let known = MAGICS.iter().find(|(at, magic, ..)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    let known = known.map(|&(_, _, seems, instead)| (seems, instead));
    let (seems, instead) = known.or_else(|| is_utf_16(bytes).then_some(("a text in UTF-16", UTF_8)))?;
    Some(Finding::Nothing { seems: seems.into(), instead: instead.into() })
}

/// Whether every other byte of what begins here is nothing: letters of two bytes, without a mark that says so.
fn is_utf_16(bytes: &[u8]) -> bool {
    let (pairs, _) = bytes[..bytes.len().min(512)].as_chunks::<2>();
    let letter = |high: u8, low: u8| high == 0 && matches!(low, 9 | 10 | 13 | 32..=126);
    let all = |is: fn(&[u8; 2]) -> (u8, u8)| pairs.iter().all(|pair| letter(is(pair).0, is(pair).1));
    pairs.len() > 3 && (all(|&[low, high]| (high, low)) || all(|&[high, low]| (high, low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_two_bytes_a_letter_are_told_with_and_without_their_mark() {
        let seems = |bytes: &[u8]| match magic(bytes) {
            Some(Finding::Nothing { seems, .. }) => seems,
            _ => "nothing".into(),
        };
        let text = "[{\"0\":null,\"1\":[[5]]}]";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little, &big, &[b"\xff\xfe", &little[..]].concat(), &[b"\xfe\xff", &big[..]].concat()] {
            assert_eq!(seems(bytes), "a text in UTF-16");
        }
        assert_eq!(seems(text.as_bytes()), "nothing");
        assert_eq!(seems(&[0; 64]), "nothing", "zeros are no letters");
        assert_eq!(seems(b"7z\xbc\xaf\x27\x1c"), "a 7z archive");
    }
}
