//! Tables with a header. Apart from their readers, which differ in their columns: text may hold commas, quotes and line breaks, so
//! the csv crate reads them.

use csv::{ByteRecord, ReaderBuilder};

use super::{Found, Place, Problem};

/// A table whose header was read.
pub(super) struct Table<'a> {
    reader: csv::Reader<&'a [u8]>,
    header: Vec<String>,
    size: u64,
    /// Its last row ends with a line break.
    ended: bool,
}

impl<'a> Table<'a> {
    /// Reads the header; none if it cannot be, which is said.
    pub(super) fn new(bytes: &'a [u8], found: &mut Found) -> Option<Self> {
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(bytes);
        match reader.byte_headers() {
            Ok(header) => {
                let name =
                    |h: &[u8]| String::from_utf8_lossy(h).trim_start_matches('\u{feff}').trim().to_ascii_lowercase();
                let header = header.iter().map(name).collect();
                let ended = bytes.last().is_none_or(|&b| b == b'\n' || b == b'\r');
                Some(Self { reader, header, size: bytes.len() as u64, ended })
            }
            Err(e) => {
                found.issues.push(Place::default(), Problem::Unreadable { why: e.to_string() });
                None
            }
        }
    }

    /// The position of the column of one of these names.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        self.header.iter().position(|h| names.contains(&h.as_str()))
    }

    /// What the table is, if its columns are none that a reader wants.
    pub(super) fn refuse(&self, found: &mut Found) {
        let why = format!("its columns are {}", self.header.join(", "));
        found.issues.push(Place::default(), Problem::NotATrace { why });
    }

    /// Gives each record and its offset to `take`; what it cannot use is reported. Of rows that `may_be_cut` without a trace, the
    /// last is left out if no line break ends it.
    pub(super) fn each(
        &mut self,
        found: &mut Found,
        may_be_cut: bool,
        mut take: impl FnMut(&ByteRecord, u64, &mut Found) -> Option<()>,
    ) {
        let mut record = ByteRecord::new();
        loop {
            match self.reader.read_byte_record(&mut record) {
                Ok(false) => return,
                Ok(true) => {
                    let offset = record.position().map_or(0, csv::Position::byte);
                    let place = Place { offset: Some(offset), ..Place::default() };
                    if may_be_cut && !self.ended && self.reader.position().byte() >= self.size {
                        let inside = "its last row, which no line break ends; that row was left out".into();
                        found.issues.push(place, Problem::Truncated { inside });
                    } else if take(&record, offset, found).is_none() {
                        let text = String::from_utf8_lossy(record.as_slice()).chars().take(40).collect();
                        let expected = "numbers in the layer and expert columns".into();
                        found.issues.push(place, Problem::Syntax { expected, found: text });
                    }
                }
                Err(e) => {
                    found.issues.push(Place::default(), Problem::Unreadable { why: e.to_string() });
                    return;
                }
            }
        }
    }
}

/// Whether a file is a table whose header's first column is a layer: its first line, in small letters.
pub(super) fn header_of_layers(head: &[u8]) -> Option<String> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default().to_ascii_lowercase();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.trim_start_matches('"').starts_with("layer").then_some(line)
}

/// A whole number in a field.
pub(super) fn number(field: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(field?).ok()?.trim().parse().ok()
}
