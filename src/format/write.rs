//! Requests in the paper's format, indented as the published traces are: what tests and benchmarks load. Apart from the
//! readers, which never write.

use std::io::{self, Write};

use crate::model::Request;

/// Writes one request: a list of steps, each an object of layer ids; layers without experts are `null`.
///
/// # Errors
/// If `out` fails.
pub fn write_paper(request: &Request, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    for step in 0..=request.decode() {
        let tokens = if step == 0 { 0..request.prefill } else { request.prefill + step - 1..request.prefill + step };
        out.write_all(if step == 0 { b"\n    {\n" } else { b",\n    {\n" })?;
        let mut before: Option<u32> = None;
        for (position, &id) in request.layers.iter().enumerate() {
            if position > 0 {
                out.write_all(b",\n")?;
            }
            // Dense layers between: the recorder writes them, without rows.
            for dense in before.map_or(id, |b| b + 1)..id {
                writeln!(out, "        \"{dense}\": null,")?;
            }
            before = Some(id);
            writeln!(out, "        \"{id}\": [")?;
            for token in tokens.clone() {
                let end = if token + 1 == tokens.end { "" } else { "," };
                out.write_all(b"            [\n")?;
                let row = request.row(position, token).unwrap_or_default();
                for (k, expert) in row.iter().enumerate() {
                    writeln!(out, "                {expert}{}", if k + 1 == row.len() { "" } else { "," })?;
                }
                writeln!(out, "            ]{end}")?;
            }
            out.write_all(b"        ]")?;
        }
        out.write_all(b"\n    }")?;
    }
    out.write_all(b"\n]\n")
}
