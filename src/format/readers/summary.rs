//! Summary files, told by their first line. They are read in `protocol`, which wrote them: here they are only gathered.

use crate::format::Found;
use crate::format::reader::Reader;
use crate::format::whole::whole;

pub(super) const SUMMARY: Reader = Reader {
    name: "summary",
    says: "summary file of moescope (.moesum)",
    sniff: |head| head.starts_with(b"moesum "),
    open: |about| whole(about, |bytes, _| Found { summary: Some(bytes), ..Found::default() }),
};
